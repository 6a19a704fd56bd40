"""What holds for any packet, any input and any nesting."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any, Final
from uuid import UUID

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.settings import SocketSettings
from socketio_core.socketio import JsonParser, Packet
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, RESERVED_EVENTS
from tests.effort import examples

TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates among it
KEYS: Final = TEXT.filter(lambda key: key != "_placeholder")  # found in our source; it has tests of its own
WIRE_TEXT: Final = st.text(max_size=12)
SCALARS: Final = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
WITH_BYTES: Final = st.recursive(
    SCALARS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
NAMESPACES: Final = st.just("/") | WIRE_TEXT.map(lambda text: "/" + text.replace(",", ""))
IDS: Final = st.none() | st.integers(0, 10**309 - 1)


def make_event(nsp: str, name: str, args: list[Any], ack_id: int | None) -> Packet:
    return Packet(EVENT, nsp, [name, *args], ack_id)


NAMES: Final = TEXT.filter(lambda name: name not in RESERVED_EVENTS)
EVENTS: Final = st.builds(make_event, NAMESPACES, NAMES, st.lists(WITH_BYTES, max_size=4), IDS)
ACKS: Final = st.builds(Packet, st.just(ACK), NAMESPACES, st.lists(WITH_BYTES, max_size=4), IDS.filter(bool))
OTHERS: Final = st.one_of(
    st.builds(Packet, st.just(CONNECT), NAMESPACES, st.none() | st.dictionaries(KEYS, JSON, max_size=4)),
    st.builds(Packet, st.just(DISCONNECT), NAMESPACES),
    st.builds(Packet, st.just(CONNECT_ERROR), NAMESPACES, TEXT | st.dictionaries(KEYS, JSON, max_size=4)),
)


def children(data: Any) -> list[Any]:
    if hasattr(data, "values"):
        return list(data.values())
    return list(data) if hasattr(data, "append") else []


def decode(frames: list[Frame]) -> list[Packet]:
    """Decode the frames of one session; only `PacketError` may come out."""
    decoder = JsonParser().decoder()
    return [packet for packet in map(decoder.feed, frames) if packet is not None]


def wire(packet: Packet) -> list[Frame]:
    """Encode, and strip the frame to the payload that the other end's parser gets."""
    first, *attachments = JsonParser(SocketSettings(max_attachments=100)).encode(packet).frames
    assert isinstance(first, str)
    return [first[1:], *attachments]


@given(EVENTS | ACKS | OTHERS)
def test_what_is_encoded_is_decoded_to_the_same(packet: Packet) -> None:
    decoder = JsonParser(SocketSettings(max_attachments=100)).decoder()
    *first, last = wire(packet)
    assert [decoder.feed(frame) for frame in first] == [None] * len(first)
    got = decoder.feed(last)
    assert got is not None
    assert (got.type, got.nsp, got.id) == (packet.type, packet.nsp, packet.id)
    assert repr(got.data) == repr(packet.data)  # 1 is not 1.0 and not True


@given(EVENTS | ACKS | OTHERS)
def test_what_is_encoded_can_be_written_as_utf8(packet: Packet) -> None:
    first, *_ = wire(packet)
    assert isinstance(first, str)
    assert first.encode("utf-8").decode("utf-8") == first


@given(st.lists(EVENTS | ACKS | OTHERS, max_size=5))
def test_packets_do_not_mix(packets: list[Packet]) -> None:
    """One encoder, one decoder, many packets: the same as one of each for each."""
    parser = JsonParser(SocketSettings(max_attachments=100))
    decoder = parser.decoder()
    got: list[Packet] = []
    for packet in packets:
        first, *attachments = parser.encode(packet).frames
        assert isinstance(first, str)
        got += [found for frame in (first[1:], *attachments) if (found := decoder.feed(frame)) is not None]
    assert repr(got) == repr(packets)


HEADS: Final = st.sampled_from(
    ["", "0", "1", "2", "3", "4", "5", "6", "2[", "51-", "52-", "61-7", "50-", "510-", "511-", "2/n,", "51-/n,7", "20"]
)
TAILS: Final = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.text('[]{}",:0123456789ae-_ \\u', max_size=20),
    JSON.map(json.dumps),
    st.integers(-1, 11).map(lambda num: f'["a",{{"_placeholder":true,"num":{num}}}]'),
)
NEAR_PACKETS: Final = st.builds(str.__add__, HEADS, TAILS)


@settings(max_examples=examples(200))
@given(st.lists(NEAR_PACKETS | st.binary(max_size=4), max_size=6))
def test_nothing_but_a_packet_error_comes_out_of_a_decoder(frames: list[Frame]) -> None:
    decoder = JsonParser(SocketSettings(max_json_depth=5, max_attachment_bytes=6)).decoder()
    for frame in frames:
        try:
            packet = decoder.feed(frame)
        except PacketError as error:
            assert len(str(error)) < 200  # noqa: PT017 - the other way is success
            return
        if packet is not None:
            data: Any = packet.data
            assert packet.type in {CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR}
            assert packet.nsp.startswith("/")
            assert packet.type not in {EVENT, ACK} or type(data) is list
            assert packet.type != EVENT or data[0] not in RESERVED_EVENTS


@given(NEAR_PACKETS)
def test_what_is_decoded_can_be_sent_on(text: str) -> None:
    """No client can send what makes an echo or a broadcast of it fail; but for numbers that JSON has no form for."""
    try:
        packet = JsonParser().decoder().feed(text)
    except PacketError:
        return
    if packet is None:
        return
    data: Any = packet.data
    try:
        frames = wire(packet)
    except LocalProtocolError as error:
        assert "Out of range float" in str(error)  # noqa: PT017 - the other way is success
        assert holds_infinity(data)
        return
    assert decode(frames) == [packet]


def holds_infinity(data: Any) -> bool:
    return math.isinf(data) if isinstance(data, float) else any(map(holds_infinity, children(data)))


# -- nesting -----------------------------------------------------------------------------------------------------------

TRICKY: Final = st.text('[]{}"\\ ab', max_size=8)
DEEP: Final = st.recursive(
    TRICKY | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=3),
    max_leaves=30,
)


def depth_of(data: Any) -> int:
    """The plain oracle: how many brackets are open at the deepest place."""
    return 1 + max(map(depth_of, children(data)), default=0) if isinstance(data, dict | list) else 0


@given(st.lists(DEEP, max_size=4), st.sampled_from([None, 1]), st.sampled_from([-1, 0, 1]))
def test_depth_is_what_a_recursive_count_says(args: list[Any], indent: int | None, spare: int) -> None:
    data = ["e", *args]
    limit = depth_of(data) + spare
    if limit < 1:
        return
    decoder = JsonParser(SocketSettings(max_json_depth=limit)).decoder()
    payload = "2" + json.dumps(data, indent=indent)
    try:
        packet = decoder.feed(payload)
    except PacketError as error:
        assert spare < 0, error  # noqa: PT017 - the other way is success
    else:
        assert spare >= 0
        assert packet == Packet(EVENT, "/", data)


@given(st.integers(1, 150), st.lists(st.booleans(), min_size=150, max_size=150))
def test_depth_is_exact_at_the_default_limit(depth: int, shapes: list[bool]) -> None:
    text = "0"
    for is_list in shapes[: depth - 1]:
        text = f"[{text}]" if is_list else f'{{"]":{text}}}'
    payload = f'2["e",{text}]'
    try:
        packet = JsonParser().decoder().feed(payload)
    except PacketError:
        assert depth > 128
    else:
        assert depth <= 128
        assert packet is not None


PLAIN_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@given(st.lists(JSON))
def test_the_prebuilt_encoder_writes_what_the_plain_one_does(args: list[Any]) -> None:
    (frame,) = JsonParser().encode(Packet(EVENT, "/", ["x", *args])).frames
    expected = PLAIN_ENCODER.encode(["x", *args])
    surrogates = re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", expected)
    assert frame == "42" + surrogates


@given(
    JSON | st.floats() | st.binary() | st.builds(object), st.sampled_from(["/", "/admin"]), st.none() | st.integers(0)
)
def test_another_json_module_sends_the_same(data: Any, nsp: str, ack_id: int | None) -> None:
    def outcome(parser: JsonParser) -> Sequence[Frame]:
        try:
            return parser.encode(Packet(EVENT, nsp, ["x", data], ack_id)).frames
        except LocalProtocolError:
            return ()

    plain, fast = outcome(JsonParser()), outcome(JsonParser(json=orjson))
    if plain != fast:
        # 1e16 may be written as 1e+16, and 1e-05 as 1e-5: other spellings of the same numbers.
        assert len(plain) == len(fast)
        assert "e" in str(plain[0])[3:]
        assert feed_to(JsonParser(), plain) == feed_to(JsonParser(), fast)


class _Shade(Enum):
    DARK = "dark"
    PALE = 2


class _Level(IntEnum):
    LOW = 1


class _Word(StrEnum):
    LOW = "low"


class _Words(dict[str, str]):
    def items(self) -> Any:
        return [("other", "words")]


@dataclass
class _Point:
    x: int


@pytest.mark.parametrize("beside", [1, None, 2**70, "null", "\ud800"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (_Shade.DARK, '"dark"'),
        ([_Shade.PALE], "[2]"),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (_Level.LOW, "1"),
        (_Word.LOW, '"low"'),
        (_Words(a="b"), '{"other":"words"}'),
        ((1, (2,)), "[1,[2]]"),
        ({1: True, None: 1.5}, '{"1":true,"null":1.5}'),
        (_Point(1), None),
        (datetime(2026, 1, 1, tzinfo=UTC), None),
        ({1, 2}, None),
    ],
)
def test_another_json_module_accepts_a_value_whatever_stands_beside_it(
    value: Any, text: str | None, beside: Any
) -> None:
    """It encodes some types that `json` refuses, and leaves a packet to `json` for what else is in it."""
    parser = JsonParser(json=orjson)
    packet = Packet(EVENT, "/", ["x", value, beside])
    if text is None:
        with pytest.raises(LocalProtocolError, match="is not JSON"):
            parser.encode(packet)
    else:
        (frame,) = parser.encode(packet).frames
        assert str(frame).startswith(f'42["x",{text},')


def test_a_json_module_without_options_will_do() -> None:
    class Module:
        def loads(self, text: str, /) -> Any:
            return json.loads(text)

        def dumps(self, value: Any, /, *, default: Any = None) -> str:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=default)

    assert JsonParser(json=Module()).encode(Packet(EVENT, "/", ["x", "é", b"1"])).frames == (
        '451-["x","é",{"_placeholder":true,"num":0}]',
        b"1",
    )


@pytest.mark.parametrize("module", ["orjson", object(), json.JSONEncoder()])
def test_what_is_no_json_module_is_refused_at_once(module: Any) -> None:
    with pytest.raises(TypeError, match="must have dumps and loads, as the module orjson has"):
        JsonParser(json=module)


@given(
    st.text() | st.builds(json.dumps, JSON | st.floats()), st.sampled_from(["2", "2/admin,", "27", "3", "37", "0", "4"])
)
def test_another_json_module_accepts_the_same(text: str, head: str) -> None:
    def outcome(parser: JsonParser, payload: str) -> object:
        try:
            return parser.decoder().feed(payload)
        except PacketError as error:
            return str(error)

    assume(not re.search(r"\d{19}", text))  # integers of over 64 bits are floats then
    for payload in (head + text, f'{head}["x",{text}]'):
        assert outcome(JsonParser(json=orjson), payload) == outcome(JsonParser(), payload)


def feed_to(parser: JsonParser, frames: Sequence[Frame]) -> Packet | None:
    decoder = parser.decoder()
    packet: Packet | None = None
    for frame in frames:
        packet = decoder.feed(frame.removeprefix("4") if isinstance(frame, str) else frame)
    return packet


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": [None, -math.inf]}, object(), {1: object()}])
def test_another_json_module_hides_nothing_that_is_not_json(value: Any) -> None:
    parser = JsonParser(json=orjson)
    with pytest.raises(LocalProtocolError):
        parser.encode(Packet(EVENT, "/", ["x", b"attachment", value]))
    assert len(parser.encode(Packet(EVENT, "/", ["x", None, b"1"])).frames) == 2  # and nothing of it is left behind


def test_a_python_without_the_encoder_in_c_sends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socketio_core.socketio.json_parser.c_make_encoder", None)
    data = ["x", {"é": [1.5, None, True]}, b"1"]
    assert JsonParser().encode(Packet(EVENT, "/", data)).frames == (
        '451-["x",{"é":[1.5,null,true]},{"_placeholder":true,"num":0}]',
        b"1",
    )
