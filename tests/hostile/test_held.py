"""What is held is what is counted: no more memory than four times what it is charged with, in either role."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

import pytest

from socketio_core.errors import PacketError
from socketio_core.settings import ClientSettings, SocketSettings
from socketio_core.socketio import ConnectionClosed, ConnectRequested, EventReceived, JsonParser
from socketio_core.socketio.client import EventReceived as ClientEventReceived
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.weight import count_values
from tests.app.rig import AppRig, flow_of, waiting
from tests.socketio.client.scene import Scene
from tests.socketio.rig import Rig

BYTES: Final = 60_000  # of one message: what is held is proportional
SHAPES: Final = {
    "lists": "[],",
    "objects": "{},",
    "full lists": "[0],",
    "full objects": '{"":0},',
    "nested": "[[[[]]]],",
    "deep objects": '{"a":{"b":{"c":{}}}},',
    "numbers": "9999,",
    "fractions": "1.5,",
    "texts": '"ab",',
    "wide texts": '"Ӓ",',
    "wider texts": '"😀",',
    "escaped texts": r'"\ud83d\ude00",',
    "one escaped wide text": None,
    "one wide text": None,
    "one object": None,
    "text": None,
    "honest": '{"name":"hello world","value":12345},',
}


def payload_of(shape: str, size_bytes: int = BYTES) -> str:
    """Return an event of one shape, without the `4` of a message."""
    unit = SHAPES[shape]
    if unit is not None:
        return '2["x",' + (unit * (size_bytes // len(unit.encode())))[:-1] + "]"
    if shape == "one object":
        return '2["x",{' + ",".join(f'"{number:x}":0' for number in range(size_bytes // 8)) + "}]"
    text = {"text": "", "one wide text": "😀", "one escaped wide text": r"\ud83d\ude00"}[shape]
    return f'2["x","{text}{"x" * size_bytes}"]'


def held_by(make: Callable[[], object]) -> int:
    """Return how much memory is taken by what is returned, while it is kept."""
    make()  # what is made once is made now
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make()
        held = tracemalloc.get_traced_memory()[0] - before
        del kept
    finally:
        tracemalloc.stop()
    return held


@pytest.mark.parametrize("size_bytes", [16_000, BYTES])
@pytest.mark.parametrize("shape", SHAPES)
def test_event_is_charged_with_what_it_holds(shape: str, size_bytes: int) -> None:
    payload = payload_of(shape, size_bytes)
    rig = Rig()
    client, _ = rig.joined()

    def receive() -> EventReceived:
        client.send(f"4{payload}")
        (event,) = rig.take(EventReceived)
        return event

    charged = receive().size_bytes
    assert len(payload.encode()) <= charged
    assert held_by(receive) <= 4 * charged


@pytest.mark.parametrize("shape", SHAPES)
def test_event_of_a_client_is_charged_with_what_it_holds(shape: str) -> None:
    payload = payload_of(shape)
    scene = Scene().connected()

    def receive() -> ClientEventReceived:
        scene.say(payload)
        (event,) = scene.take_events()
        assert isinstance(event, ClientEventReceived)
        return event

    charged = receive().size_bytes
    assert held_by(receive) <= 4 * charged


@pytest.mark.parametrize("size_bytes", [60, 1000])
@pytest.mark.parametrize("shape", ["nested", "full objects", "text", "honest"])
def test_queue_of_a_slow_handler_stops_the_reader_by_what_it_holds(shape: str, size_bytes: int) -> None:
    """Before, 2 MB on the wire were 58 MB of objects, and 1 MB more was read on top; of small ones 10 MB."""
    rig = AppRig(max_queued_bytes=100_000)
    client, socket = rig.connect()
    rig.io.sockets.on("x")(_slow(rig))
    flow, payload = flow_of(socket), f"4{payload_of(shape, size_bytes)}"

    def send() -> None:
        client.send(payload)
        rig.run()

    send()  # what is handled at once, as far as anybody knows
    gc.collect()
    tracemalloc.start()
    try:
        while not flow.is_congested:
            send()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held <= 2 * 100_000
    if flow.queued_count > 2:
        assert held <= 1.5 * flow.held_bytes <= 6 * held


def _slow(rig: AppRig) -> Any:
    async def handler(*_: object) -> None:
        await waiting(rig.runtime.new_event())(None)  # never set

    return handler


@pytest.mark.parametrize(("extra", "is_refused"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("role", [SocketSettings, ClientSettings])
def test_values_are_counted_before_they_are_parsed(role: Any, extra: int, is_refused: bool) -> None:  # noqa: FBT001
    """20 commas and one bracket are 21."""
    decoder = JsonParser(role(max_json_values=21)).decoder()
    payload = '2["x"' + ",0" * (20 + extra) + "]"
    if is_refused:
        with pytest.raises(PacketError, match=r"^too many values in the payload, max_json_values: 21$"):
            decoder.feed(payload)
    else:
        packet = decoder.feed(payload)
        assert packet is not None
        assert len(packet.data) == 21 + extra


def test_long_numbers_count_for_as_many_values_as_they_take_time_for() -> None:
    """2 commas, a bracket, and 256 for each 1,024 digits."""
    for limit in (3 + 5 * 256, 2 + 5 * 256):
        decoder = JsonParser(SocketSettings(max_json_values=limit)).decoder()
        with pytest.raises(PacketError, match="too many values") if limit < 3 + 5 * 256 else nullcontext():
            assert decoder.feed(f'2["x",{"9" * 4300},{"9" * 1024}]') is not None


class Unwilling:
    """A module that leaves everything to our own."""

    def dumps(self, value: object, /, *, default: object = None) -> bytes:
        raise TypeError

    def loads(self, text: str, /) -> object:
        raise ValueError


FAR: Final = ("1e100", "1E+300", "-1.5e-300", "5e-324", "1e-00300")  # as one can write very many
IN_REACH: Final = ("1e99", "-1e-99", "0e-300", "-0.0", "1.5", "123456789e10")
NO_NUMBERS: Final = ('"1e-300"', '{"e-300":0}', "[]")


@pytest.mark.parametrize("module", [None, Unwilling()])
@pytest.mark.parametrize("before", ["0", ",".join(["1.5"] * 200)])
@pytest.mark.parametrize("number", [*FAR, *IN_REACH, *NO_NUMBERS])
def test_numbers_far_away_count_for_five_values(number: str, before: str, module: JsonModule | None) -> None:
    """Wherever they are, for they take as long; be the text so full of others that these are not looked at."""
    most = 400
    text = f'2["x",{before},{",".join([number] * most)}]'
    values = count_values(text) + (4 * most if number in FAR else 0)
    for limit in (values, values - 1):
        settings = SocketSettings(max_json_values=limit)
        assert len(text) > limit
        decoder = JsonParser(settings, json=module).decoder()
        with pytest.raises(PacketError, match=f"max_json_values: {limit}$") if limit < values else nullcontext():
            packet = decoder.feed(text)
            assert packet is not None
            assert packet.data == json.loads(text[1:])


def test_number_out_of_range_among_those_far_away_is_named() -> None:
    decoder = JsonParser(SocketSettings(max_json_values=1000)).decoder()
    with pytest.raises(PacketError, match=r"number out of range: -1e400$"):
        decoder.feed(f'2["x",{",".join(["1e300"] * 150)},-1e400,{" " * 1000}1]')


def test_values_in_text_are_none() -> None:
    assert JsonParser(SocketSettings(max_json_values=9)).decoder().feed('2["' + "[,{" * 500 + '"]') is not None


def test_too_many_values_are_not_parsed() -> None:
    """28 MB before, and 50 ms."""
    rig = Rig()
    client, _ = rig.joined()
    payload = '42["x",' + "[]," * 300_000 + "0]"
    tracemalloc.start()
    try:
        client.send(payload)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ["max_json_values: 100000" in str(closed.error) for closed in _ends(rig)] == [True]
    assert peak <= 5 * len(payload)


def _ends(rig: Rig) -> list[ConnectionClosed]:
    return [event for event in rig.events() if isinstance(event, ConnectionClosed)]


@pytest.mark.parametrize(("extra", "is_refused"), [(-1, False), (0, False), (1, True)])
def test_auth_is_limited(extra: int, is_refused: bool) -> None:  # noqa: FBT001
    rig = Rig(max_auth_bytes=100)
    client = rig.open()
    client.send('40{"token":"' + "x" * (100 - len('0{"token":""}') + extra) + '"}')
    assert len(rig.take(ConnectRequested)) == (not is_refused)
    assert ('44{"message":"Auth too large"}' in _said(client)) == is_refused
    client.send("40")  # the connection goes on
    assert len(rig.take(ConnectRequested)) == 1


def _said(client: Any) -> list[str]:
    return ["4" + str(each) for each in client.fetch()]


def test_auths_of_all_namespaces_hold_no_more_than_their_limits() -> None:
    """Before, 99 namespaces with a megabyte each held 2.8 GB, as long as the socket lived."""
    rig = AppRig()
    rig.io.of(lambda name: name.startswith("/n"))
    client = rig.open()
    sent = 0
    tracemalloc.start()
    try:
        for number in range(50):
            unit = '{"":0},'
            auth = '{"a":[' + unit * (16_000 // len(unit)) + "0]}" if number % 2 else '{"a":[' + unit * 90 + "0]}"
            client.send(f"40/n{number},{auth}")
            rig.run()
            sent += 1
        client.fetch()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    joined = sum(len(namespace.sockets) for namespace in rig.io.namespaces)
    assert joined == sent // 2
    assert held <= 4 * 16_384 * joined


def test_header_whose_attachments_never_come_is_held_as_text() -> None:
    """Before, 28 bytes for each of them, without end."""
    rig = Rig()
    client, _ = rig.joined()
    header = '451-["x",{"_placeholder":true,"num":0}' + ',{"":0}' * 20_000 + "]"

    def wait() -> None:
        client.send(header)

    gc.collect()
    tracemalloc.start()
    try:
        wait()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held <= 2 * len(header)
    assert peak <= 4 * len(header)
    client.send(b"attachment")
    (event,) = rig.take(EventReceived)
    assert (event.args[0], len(event.args), event.args[-1]) == (b"attachment", 20_001, {"": 0})


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("50-[{}]", "illegal attachments: count must be at least 1"),
        ("511-[{}]", "too many attachments, max_attachments: 10"),
        ("51-[{},[]]", "too many values in the payload, max_json_values: 20000"),
    ],
)
def test_large_header_is_refused_at_once_for_what_can_be_told(header: str, problem: str) -> None:
    decoder = JsonParser(SocketSettings(max_json_values=20_000)).decoder()
    with pytest.raises(PacketError, match=f"^{problem}$"):
        decoder.feed(header.replace("{}", '"x"' + ",0" * 19_990 + ",0,0,0,0,0,0,0,0"))


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (",?", "payload is not JSON"),
        (',{"_placeholder":true,"num":1}', "placeholder without a valid number"),
    ],
)
def test_large_header_is_refused_for_the_rest_when_all_is_there(rest: str, problem: str) -> None:
    decoder = JsonParser().decoder()
    assert decoder.feed(f'52-["x","{"x" * 20_000}"{rest.replace("1", "2")}]') is None
    with pytest.raises(PacketError, match=r"^text in the place"):
        decoder.feed('2["x"]')
    assert decoder.feed(b"1") is None
    with pytest.raises(PacketError, match=problem):
        decoder.feed(b"2")


@pytest.mark.parametrize("large", [0, 20_000])
def test_large_header_is_as_good_as_a_small_one(large: int) -> None:
    """In events and acks, in any namespace, one packet after the other."""
    decoder = JsonParser().decoder()
    place, text = '{"_placeholder":true,"num":0}', "x" * large
    for _ in range(2):
        for head, ack_id in (("51-", None), ("51-/n,7", 7), ("61-/n,8", 8)):
            assert decoder.feed(f'{head}["x","{text}",{place}]') is None
            packet = decoder.feed(b"!")
            assert packet is not None
            assert (packet.data, packet.id) == (["x", text, b"!"], ack_id)
    assert decoder.feed('2["x"]') is not None
