"""What is tested first on an open session means what the table says, and many frames at once what they mean singly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio import AnyClient, AnyServer
from socketio_core.engineio.client import Opened, Pinged
from socketio_core.engineio.client.states import TABLE as CLIENT_TABLE
from socketio_core.engineio.client.states import CarrierState as ClientCarrierState
from socketio_core.engineio.client.states import Reaction as ClientReaction
from socketio_core.engineio.client.states import kind_of
from socketio_core.engineio.message import WireMessage, frame_size
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import PING, Frame, decode_frame
from socketio_core.engineio.states import PROBE, TABLE, CarrierState, Reaction
from socketio_core.errors import LocalProtocolError, PacketError
from tests.effort import examples
from tests.engineio.client.scene import Scene as ClientScene
from tests.engineio.client.scene import sent
from tests.engineio.scene import Scene

LIMIT: Final = 90  # as little as the open packet needs
HEADS: Final = st.sampled_from(["4", "4", "4", "3", "6", "2", "2probe", "1", "0", "5", "7", "", "b"])
AT_THE_LIMIT: Final = ["4" + "é" * 45, "4" + "é" * 44, "4" + "x" * LIMIT, bytes(LIMIT), bytes(LIMIT + 1)]
FRAMES: Final = st.one_of(
    st.builds(str.__add__, HEADS, st.text(max_size=6)),
    st.binary(max_size=4),
    st.sampled_from(["4", b"", "2probe", "3probe", "4\ud800", *AT_THE_LIMIT]),
)
SCRIPTS: Final = st.lists(FRAMES, max_size=6)

SILENT: Final = (Reaction.IGNORE, Reaction.PONG)


def is_too_large(frame: Frame) -> bool:
    return (len(frame) if isinstance(frame, bytes) else len(frame.encode("utf-8", "surrogatepass"))) > LIMIT


def read(frame: Frame) -> tuple[str, Frame] | None:
    """Decode a frame as any carrier would; `None`: it makes no sense, or is too large."""
    try:
        return None if is_too_large(frame) else decode_frame(frame)
    except PacketError:
        return None


@settings(max_examples=examples(150))
@given(SCRIPTS)
def test_server_does_what_its_table_says(frames: list[Frame]) -> None:
    scene = Scene(max_payload_bytes=LIMIT)
    websocket = scene.socket(scene.client("websocket")).carrier
    expected: list[Frame] = []
    is_over = False
    for frame in frames:
        found = read(frame)
        if not is_over:
            action = Reaction.UNEXPECTED
            if found is not None:
                kind, data = found
                action = TABLE[CarrierState.WEBSOCKET][PROBE if kind == PING and data == "probe" else kind]
                if action is Reaction.DELIVER:
                    expected.append(data)
            is_over = action is not Reaction.DELIVER and action not in SILENT
        scene.engine.receive(websocket, frame, scene.now)
    reports = scene.reports()
    assert reports[: len(expected)] == expected
    assert len(reports) == len(expected) + is_over
    assert websocket.is_closed == is_over


@settings(max_examples=examples(150))
@given(SCRIPTS)
def test_client_does_what_its_table_says(frames: list[Frame]) -> None:
    scene = open_client()
    expected: list[object] = []
    pongs = 0
    is_over = False
    for frame in frames:
        found = read(frame)
        if not is_over:
            action = ClientReaction.UNEXPECTED
            if found is not None:
                kind, data = found
                action = CLIENT_TABLE[ClientCarrierState.WEBSOCKET][kind_of(kind, data)]
                if action is ClientReaction.DELIVER:
                    expected.append(data)
                elif action is ClientReaction.ANSWER:
                    expected.append(Pinged())
                    pongs += 1
            is_over = action in (ClientReaction.UNEXPECTED, ClientReaction.PEER_CLOSED)
        scene.session.receive(scene.sockets[0], frame, scene.now)
    scene.look()
    events = scene.take_events()
    assert events[: len(expected)] == expected
    assert len(events) == len(expected) + is_over
    assert sent(scene.sockets[0]) == ["3"] * pongs
    assert scene.sockets[0].is_closed == is_over


def open_client() -> ClientScene:
    scene = ClientScene(transports=["websocket"], max_message_bytes=LIMIT)
    scene.accept(scene.sockets[0])
    opened = '0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'
    scene.receive(scene.sockets[0], opened)
    assert isinstance(scene.take_events()[0], Opened)
    return scene


Feed = Callable[[AnyServer | AnyClient, Any, list[Frame], float], object]


def singly(core: AnyServer | AnyClient, websocket: Any, frames: list[Frame], now: float) -> None:
    for frame in frames:
        core.receive(websocket, frame, now)


def at_once(core: AnyServer | AnyClient, websocket: Any, frames: list[Frame], now: float) -> None:
    core.receive_all(websocket, frames, now)


def in_parts(core: AnyServer | AnyClient, websocket: Any, frames: list[Frame], now: float) -> None:
    """Each frame is its own last part, or is cut in two."""
    for number, frame in enumerate(frames):
        if cut := number % 3:
            core.receive_part(websocket, frame[:cut], is_last=False, now=now)
            core.receive_part(websocket, frame[cut:], is_last=True, now=now)
        else:
            core.receive_part(websocket, frame, is_last=True, now=now)


def outcome_of_server(frames: list[Frame], feed: Feed) -> object:
    scene = Scene(max_payload_bytes=LIMIT)
    socket = scene.socket(scene.client("websocket"))
    feed(scene.engine, socket.carrier, frames, scene.now)
    return scene.reports(), socket.take(), socket.is_open, socket.close_code


def outcome_of_client(frames: list[Frame], feed: Feed) -> object:
    scene = open_client()
    websocket = scene.sockets[0]
    feed(scene.session, websocket, frames, scene.now)
    scene.look()
    return repr(scene.take_events()), sent(websocket), websocket.is_closed, websocket.close_code


@pytest.mark.parametrize("outcome_of", [outcome_of_server, outcome_of_client])
@given(SCRIPTS)
def test_many_frames_at_once_and_frames_in_parts_mean_what_they_mean_singly(
    outcome_of: Callable[[list[Frame], Feed], object], frames: list[Frame]
) -> None:
    assert outcome_of(frames, at_once) == outcome_of(frames, singly)
    assert outcome_of(frames, in_parts) == outcome_of(frames, singly)


@given(st.lists(st.text(max_size=8).map("4".__add__) | st.binary(max_size=8), min_size=1, max_size=4))
def test_size_of_a_message_is_the_sum_of_its_frames(frames: list[Frame]) -> None:
    assert WireMessage(frames).size_bytes == sum(map(frame_size, frames))
    assert WireMessage(frames).size_bytes == sum(
        len(frame) if isinstance(frame, bytes) else len(frame.encode()) for frame in frames
    )


@pytest.mark.parametrize("frame", ["4\ud800", "\ud800"])
def test_lone_surrogates_are_refused_in_one_frame_and_in_many(frame: str) -> None:
    cases: list[list[Frame]] = [[frame], [frame, b"x"]]
    for frames in cases:
        with pytest.raises(LocalProtocolError, match="lone surrogate"):
            WireMessage(frames)


@settings(max_examples=examples(150))
@given(st.lists(st.integers(1, 400), max_size=8), st.integers(50, 1000))
def test_a_peer_is_clogged_when_its_outbox_weighs_too_much(sizes: list[int], high_water_bytes: int) -> None:
    scene = Scene(high_water_bytes=high_water_bytes)
    session = scene.session(scene.client("websocket"))
    for size in sizes:
        session.put(WireMessage(("x" * size,)))
    assert session.is_clogged == session.outbox.weighs_more_than(2 * high_water_bytes)


@settings(max_examples=examples(25))
@given(st.lists(st.text(max_size=5).map("4".__add__), max_size=5), st.none() | st.integers(0, 20))
def test_a_websocket_takes_what_its_outbox_would_give(texts: list[str], max_bytes: int | None) -> None:
    """All at once, if all fits; else the outbox counts."""
    scene = Scene()
    websocket = scene.socket(scene.client("websocket")).carrier
    twin = Outbox()
    for text in texts:
        for outbox in (websocket.outbox, twin):
            outbox.put(WireMessage((text,)))
    while True:
        taken = [message.frames for message in websocket.take(max_bytes)]
        assert taken == [message.frames for message in twin.take(max_bytes=max_bytes)]
        assert websocket.outbox.size_bytes == twin.size_bytes
        if not taken:
            return
