"""The short ways of an event, in and out, against the long ones that other packets take."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio import Engine
from socketio_core.engineio.packet import Frame, Payload
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import SocketSettings
from socketio_core.socketio import EventReceived, ServerCore
from socketio_core.socketio.client import EventReceived as ClientEventReceived
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.nesting import is_too_deep
from socketio_core.socketio.packet import copied, event_packet
from socketio_core.testing import FakeClock, WireClient
from tests.effort import examples
from tests.socketio.client.scene import Scene
from tests.socketio.rig import Rig, connect_head

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
few = settings(max_examples=examples(15))

IDS: Final = st.none() | st.integers(0, 99)


def frames_of(nsp: str, args: list[Any], ack_id: int | None, attachments: list[bytes]) -> list[Frame]:
    number = "" if ack_id is None else str(ack_id)
    places = [{"_placeholder": True, "num": index} for index in range(len(attachments))]
    kind = f"45{len(attachments)}-" if attachments else "42"
    head = f"{kind}{connect_head(nsp)}{number}"
    return [head + json.dumps(["x", *args, *places], separators=(",", ":")), *attachments]


@few
@given(st.sampled_from(["/", "/admin"]), st.lists(JSON, max_size=3), IDS, st.lists(st.binary(max_size=3), max_size=2))
def test_event_of_a_member_is_the_same_whether_it_was_held_or_not(
    nsp: str, args: list[Any], ack_id: int | None, attachments: list[bytes]
) -> None:
    """One that is held goes the way of all packets; the other is tested first."""
    rig = Rig()
    rig.server.hub.of("/admin")
    frames = frames_of(nsp, args, ack_id, attachments)
    client = rig.open()
    member = rig.request(client, nsp)
    client.send(*frames)
    member.accept(rig.now)
    held = rig.take(EventReceived)
    client.send(*frames)
    joined = rig.take(EventReceived)
    assert repr(held) == repr(joined)
    assert len(joined) == 1
    assert (joined[0].member, joined[0].args, joined[0].ack_id) == (member, [*args, *attachments], ack_id)


@few
@given(st.lists(JSON, max_size=3), IDS)
def test_event_of_a_client_is_the_same_whether_it_was_held_or_not(args: list[Any], ack_id: int | None) -> None:
    """What comes in front of the CONNECT that it belongs behind waits for it (PROTOCOL 9-41)."""
    (frame,) = frames_of("/", args, ack_id, [])
    assert isinstance(frame, str)
    scene = Scene()
    scene.root.connect(scene.now)
    scene.open()
    scene.say(frame.removeprefix("4"), '0{"sid":"A"}', frame.removeprefix("4"))
    found = [event for event in scene.take_events() if isinstance(event, ClientEventReceived)]
    assert len(found) == 2
    assert repr(found[0]) == repr(found[1])
    assert (found[0].args, found[0].ack_id) == (args, ack_id)


@few
@given(st.lists(JSON, max_size=3))
def test_event_to_a_server_is_the_same_whether_it_was_buffered_or_not(args: list[Any]) -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.root.emit("x", args, now=scene.now)
    scene.open()
    scene.say('0{"sid":"A"}')
    scene.root.emit("x", args, now=scene.now)
    connect, buffered, sent = scene.sent()
    assert connect == "0"
    assert buffered == sent


@few
@given(st.lists(JSON, max_size=3), IDS)
def test_frames_fed_at_once_mean_what_they_mean_one_by_one(args: list[Any], ack_id: int | None) -> None:
    frames = [*frames_of("/", args, ack_id, [b"1"]), *frames_of("/", args, None, []), "41", '42["late"]']
    seen = [outcome(frames, feed) for feed in (at_once, singly)]
    assert seen[0] == seen[1]


Feed = Callable[[Any, Any, list[Frame], float], None]


def at_once(core: Any, websocket: Any, frames: list[Frame], now: float) -> None:
    core.receive_all(websocket, frames, now)


def singly(core: Any, websocket: Any, frames: list[Frame], now: float) -> None:
    for frame in frames:
        core.receive(websocket, frame, now)


def outcome(frames: list[Frame], feed: Feed) -> list[str]:
    rig = Rig()
    client, _ = rig.joined()
    assert client.websocket is not None
    feed(rig.server, client.websocket.carrier, frames, rig.now)
    scene = Scene().connected()
    feed(scene.client, scene.sockets[-1], frames, scene.now)
    scene.look()
    return [*map(repr, rig.events()), *map(repr, scene.take_events()), repr(scene.sockets[-1])]


def given_as(kind: str, args: list[Any]) -> Any:
    kinds: dict[str, Any] = {
        "list": list(args),
        "tuple": tuple(args),
        "iterator": iter(args),
        "generator": (arg for arg in args),
        "set": set(args),
        "text": "".join(map(str, args)),
    }
    return kinds[kind]


@pytest.mark.parametrize("kind", ["list", "tuple", "iterator", "generator", "set", "text"])
@few
@given(st.lists(st.integers() | st.text(max_size=3), max_size=4, unique=True))
def test_arguments_may_be_any_list_of_them(kind: str, args: list[Any]) -> None:
    """A list and a tuple are taken at once, others are looked at."""
    if kind in ("set", "text"):
        with pytest.raises(LocalProtocolError, match="arguments must be a list"):
            event_packet("/", "x", given_as(kind, args))
        return
    packet = event_packet("/", "x", given_as(kind, args))
    assert packet.data == ["x", *args]
    assert packet == event_packet("/", "x", args)


class Noting(JsonParser):
    """Notes what its decoders are fed, and makes nothing of it."""

    def __init__(self) -> None:
        super().__init__(SocketSettings())
        self.fed: list[Payload] = []

    def decoder(self) -> Any:
        return self

    def feed(self, payload: Payload) -> None:
        self.fed.append(payload)


FRAMES: Final = st.sampled_from(["4", "4a", "4é", b"", b"b", "3", "6", "1", "2", "x"])


@few
@given(st.lists(st.tuples(st.integers(0, 1), st.lists(FRAMES, max_size=3), st.booleans()), max_size=6))
def test_what_an_engine_reports_is_what_a_server_hands_to_its_connections(
    script: list[tuple[int, list[Frame], bool]],
) -> None:
    """A server takes events out without a call, and hands on messages before it looks what else there is."""
    engine, parser, clock = Engine(), Noting(), FakeClock()
    server = ServerCore(parser=parser)
    ends: list[int] = []
    for core in (engine, server):
        carriers = [WireClient(core, clock).open_websocket().carrier for _ in range(2)]
        for who, frames, is_at_once in script:
            (at_once if is_at_once else singly)(core, carriers[who], frames, clock.now)
        ends.append(sum(carrier.is_closed for carrier in carriers))
    assert ends[0] == ends[1]
    messages = [event for _, event in engine.take_events() if isinstance(event, (str, bytes))]
    assert parser.fed == messages


@few
@given(JSON | st.binary(max_size=3))
def test_a_copy_is_what_deepcopy_returns(value: Any) -> None:
    """Nothing in it that may change is shared; `tests/socketio/test_packet.py` has values that are no JSON."""
    assert copied(value) == deepcopy(value)


@few
@given(
    st.recursive(
        st.sampled_from([1, "[" * 4, 'a"]{', "\\", "long " * 300]),
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.just("{k"), inner, min_size=1),
        max_leaves=6,
    ),
    st.integers(1, 8),
)
def test_depth_is_what_a_walk_over_the_data_finds(data: Any, limit: int) -> None:
    """Of long strings with few brackets none is looked at, in others all are."""
    text = json.dumps([data], ensure_ascii=False)
    assert is_too_deep(text, limit) == (depth_of([data]) > limit)


def depth_of(data: object) -> int:
    if isinstance(data, dict):
        return 1 + max(map(depth_of, cast("dict[str, object]", data).values()))
    return 1 + max(map(depth_of, cast("list[object]", data))) if isinstance(data, list) else 0
