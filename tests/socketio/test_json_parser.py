"""The default parser, packet by packet. Spec: PROTOCOL 3.1 to 3.4."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.settings import ClientSettings, SocketSettings
from socketio_core.socketio import JsonModule, JsonParser, Packet
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT
from tests.socketio.frames import placeholder

NO_EVENT = "event payload must be an array that begins with the event's name"


NO_ACK = "ack payload must be an array"


NO_ERROR = "connect error payload must be a string or an object"


NO_COUNT = "illegal attachments: no count"


TOO_MANY = "too many attachments, max_attachments: 10"


BAD_PLACEHOLDER = "illegal attachments: placeholder without a valid number"


NOT_JSON = "payload is not JSON: "  # what follows is Python's, and not the same in every version


TOO_DEEP = "payload nested too deep, max_json_depth: 128"


def feed(*frames: Frame, settings: SocketSettings | ClientSettings | None = None) -> Packet | None:
    """Feed messages to a new decoder and return what the last of them gave; the others must give nothing."""
    decoder = JsonParser(settings).decoder()
    *first, last = frames
    for frame in first:
        assert decoder.feed(frame) is None
    return decoder.feed(last)


GOOD: Final[list[tuple[list[Frame], Packet]]] = [
    (["0"], Packet(CONNECT)),
    (["0{}"], Packet(CONNECT, "/", {})),
    (["0/admin"], Packet(CONNECT, "/admin")),  # the comma may be missing (PROTOCOL 3.2)
    (["0/admin,"], Packet(CONNECT, "/admin")),
    (['0/admin,{"t":[1]}'], Packet(CONNECT, "/admin", {"t": [1]})),
    (["0/?token=1,"], Packet(CONNECT, "/?token=1")),  # no query in a namespace (PROTOCOL 3.5)
    (["1"], Packet(DISCONNECT)),
    (["1/admin,"], Packet(DISCONNECT, "/admin")),
    (['2["a"]'], Packet(EVENT, "/", ["a"])),
    (['2[""]'], Packet(EVENT, "/", [""])),
    (['2["connection"]'], Packet(EVENT, "/", ["connection"])),
    (['20["a"]'], Packet(EVENT, "/", ["a"], 0)),
    (['2/n,["a"]'], Packet(EVENT, "/n", ["a"])),
    (['2/n,12["a",{"b":null}]'], Packet(EVENT, "/n", ["a", {"b": None}], 12)),
    (['2["a"] \n\t\r'], Packet(EVENT, "/", ["a"])),
    (['2[ "a" ]'], Packet(EVENT, "/", ["a"])),
    ([f'2{"9" * 308}["a"]'], Packet(EVENT, "/", ["a"], 10**308 - 1)),
    ([f'2{"9" * 309}["a"]'], Packet(EVENT, "/", ["a"], 10**309 - 1)),
    (['2["\\ud83d\\ude00","\\ud83d"]'], Packet(EVENT, "/", ["😀", "\ud83d"])),
    (['2["a",' + placeholder(0) + "]"], Packet(EVENT, "/", ["a", {"_placeholder": True, "num": 0}])),
    (["30[]"], Packet(ACK, "/", [], 0)),
    (["3/n,7[null]"], Packet(ACK, "/n", [None], 7)),
    (['31["connect"]'], Packet(ACK, "/", ["connect"], 1)),
    (['4"no"'], Packet(CONNECT_ERROR, "/", "no")),
    (['4/n,{"message":"no"}'], Packet(CONNECT_ERROR, "/n", {"message": "no"})),
    (['51-["a"]', b"1"], Packet(EVENT, "/", ["a"])),  # announced and not used
    ([f'51-["a",{placeholder(0)}]', b""], Packet(EVENT, "/", ["a", b""])),
    ([f'52-["a",{placeholder(1)},{placeholder(0)}]', b"x", b"y"], Packet(EVENT, "/", ["a", b"y", b"x"])),
    ([f'52-["a",{placeholder(1)},{placeholder(1)}]', b"x", b"y"], Packet(EVENT, "/", ["a", b"y", b"y"])),
    ([f'501-["a",[[{{"b":{placeholder(0)}}}]]]', b"x"], Packet(EVENT, "/", ["a", [[{"b": b"x"}]]])),
    ([f"61-/n,7[{placeholder(0)}]", b"x"], Packet(ACK, "/n", [b"x"], 7)),
    (['51-["a",{"_placeholder":1,"num":0}]', b"x"], Packet(EVENT, "/", ["a", {"_placeholder": 1, "num": 0}])),
    (
        [f'510-["a",{",".join(placeholder(n) for n in range(10))}]', *(b"%d" % n for n in range(10))],
        Packet(EVENT, "/", ["a", *(b"%d" % n for n in range(10))]),
    ),
]


@pytest.mark.parametrize(("frames", "packet"), GOOD, ids=[str(frames[0])[:40] for frames, _ in GOOD])
def test_good_packets_are_decoded(frames: list[Frame], packet: Packet) -> None:
    assert feed(*frames) == packet


BAD: Final[list[tuple[list[Frame], str]]] = [
    # type
    ([""], "unknown packet type: ''"),
    ([" "], "unknown packet type: ' '"),
    (['7["a"]'], "unknown packet type: '7'"),
    (["9"], "unknown packet type: '9'"),
    (["/"], "unknown packet type: '/'"),
    ([":"], "unknown packet type: ':'"),
    (["-1"], "unknown packet type: '-'"),
    (['٢["a"]'], "unknown packet type: '٢'"),  # ARABIC-INDIC DIGIT TWO
    (['²["a"]'], "unknown packet type: '²'"),
    (["\ud800"], "unknown packet type: '\\ud800'"),
    (["\x00"], "unknown packet type: '\\x00'"),
    # CONNECT
    (["0[]"], "connect payload must be an object"),
    (['0"x"'], "connect payload must be an object"),
    (["0true"], "connect payload must be an object"),
    (["0null"], "payload must not be null"),
    (["00"], "packet of type 0 must not have an id"),
    (["01{}"], "packet of type 0 must not have an id"),
    (["0{"], NOT_JSON),
    # DISCONNECT
    (["1{}"], "disconnect must not have a payload"),
    (['1"x"'], "disconnect must not have a payload"),
    (["1/n,[]"], "disconnect must not have a payload"),
    (["1null"], "payload must not be null"),
    (["11"], "packet of type 1 must not have an id"),
    # EVENT
    (["2"], NO_EVENT),
    (["212"], NO_EVENT),
    (["2/n,"], NO_EVENT),
    (["2/n"], NO_EVENT),
    (['2/n["a"]'], NO_EVENT),
    (["2[]"], NO_EVENT),
    (["20[]"], NO_EVENT),
    (["2{}"], NO_EVENT),
    (['2"a"'], NO_EVENT),
    (["2null"], "payload must not be null"),
    (["2[1]"], NO_EVENT),
    (["2[null]"], NO_EVENT),
    (["2[true]"], NO_EVENT),
    (['2[["a"]]'], NO_EVENT),
    (['2[{"a":1}]'], NO_EVENT),
    (['2["connect"]'], "event name is reserved: 'connect'"),
    (['2["connect_error"]'], "event name is reserved: 'connect_error'"),
    (['2["disconnect"]'], "event name is reserved: 'disconnect'"),
    (['2["disconnecting"]'], "event name is reserved: 'disconnecting'"),
    (['2["newListener"]'], "event name is reserved: 'newListener'"),
    (['2["removeListener"]'], "event name is reserved: 'removeListener'"),
    (['2/n,1["disconnect",1]'], "event name is reserved: 'disconnect'"),
    (['2["\\u0063onnect"]'], "event name is reserved: 'connect'"),
    # ids
    (['2 ["a"]'], NOT_JSON),
    (['2 1["a"]'], NOT_JSON),
    (['21 2["a"]'], NOT_JSON),
    (['2-1["a"]'], "text behind the payload at 3"),
    (['2+1["a"]'], NOT_JSON),
    (['21.5["a"]'], NOT_JSON),
    (['2٣["a"]'], NOT_JSON),  # ARABIC-INDIC DIGIT THREE
    (['2\ufeff["a"]'], NOT_JSON),
    ([f'2{"1" * 310}["a"]'], "ack id too long, limit: 309 digits"),
    ([f'2{"1" * 100_000}["a"]'], "ack id too long, limit: 309 digits"),
    # ACK
    (["3"], NO_ACK),
    (["31"], NO_ACK),
    (["31{}"], NO_ACK),
    (["31null"], "payload must not be null"),
    (['31"a"'], NO_ACK),
    (["3[]"], "ack without an id"),
    (["3/n,[]"], "ack without an id"),
    # CONNECT_ERROR
    (["4"], NO_ERROR),
    (["4[]"], NO_ERROR),
    (["4true"], NO_ERROR),
    (["41"], "packet of type 4 must not have an id"),
    (['41"x"'], "packet of type 4 must not have an id"),
    # namespaces
    (["0/\ud800,"], "namespace holds a lone surrogate"),
    (['2/a\udc00,["a"]'], "namespace holds a lone surrogate"),
    (["1/\udc00"], "namespace holds a lone surrogate"),
    # JSON
    (['2["a"'], NOT_JSON),
    (['2["a"]x'], "text behind the payload at 6"),
    (['2["a"]\x00'], "text behind the payload at 6"),
    (['2["a"]\u00a0'], "text behind the payload at 6"),
    (['2["a"]["b"]'], "text behind the payload at 6"),
    (['20["a"]]'], "text behind the payload at 7"),
    (['2["a",NaN]'], NOT_JSON),
    (['2["a",Infinity]'], NOT_JSON),
    (['2["a",-Infinity]'], NOT_JSON),
    (['2["a",01]'], NOT_JSON),
    (['2["a",١]'], NOT_JSON),  # ARABIC-INDIC DIGIT ONE
    (['2["a\n"]'], NOT_JSON),
    (['2["\\x"]'], NOT_JSON),
    (['2["a",' + "9" * 5000 + "]"], NOT_JSON),  # more digits than int() takes
    (['2["a",' + "[" * 128 + "]" * 128 + "]"], TOO_DEEP),
    (['2["a",' + '{"k":' * 128 + "1" + "}" * 128 + "]"], TOO_DEEP),
    (["2[" * 100_000], NOT_JSON),
    (["2" + "[" * 100_000], TOO_DEEP),
    (["0" + '{"":' * 100_000], TOO_DEEP),
    # attachments
    (["5"], NO_COUNT),
    (["51"], NO_COUNT),
    (['5-["a"]'], NO_COUNT),
    (['51["a"]'], NO_COUNT),
    (['5/n,1-["a"]'], NO_COUNT),
    (['51e0-["a"]'], NO_COUNT),
    (['5 1-["a"]'], NO_COUNT),
    (['51 -["a"]'], NO_COUNT),
    (['5+1-["a"]'], NO_COUNT),
    (['5-1-["a"]'], NO_COUNT),
    (['51.0-["a"]'], NO_COUNT),
    (['50x1-["a"]'], NO_COUNT),
    (['5١-["a"]'], NO_COUNT),  # ARABIC-INDIC DIGIT ONE
    (['50-["a"]'], "illegal attachments: count must be at least 1"),
    (['500-["a"]'], "illegal attachments: count must be at least 1"),
    (['511-["a"]'], TOO_MANY),
    (['6999999999-["a"]'], TOO_MANY),
    ([f'5{"9" * 100_000}-["a"]'], TOO_MANY),
    (["51-"], NO_EVENT),
    (["61-1"], NO_ACK),
    (["61-[]"], "ack without an id"),
    (['51-["connect"]'], "event name is reserved: 'connect'"),
    # placeholders: refused with the header, before any attachment
    ([f'51-["a",{placeholder(1)}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder(-1)}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder(0.5)}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder(0.0)}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder("null")}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder("true")}]'], BAD_PLACEHOLDER),
    ([f'51-["a",{placeholder("[]")}]'], BAD_PLACEHOLDER),
    (['51-["a",{"_placeholder":true}]'], BAD_PLACEHOLDER),
    ([f'52-["a",[{placeholder(0)},{{"x":{placeholder(2)}}}]]'], BAD_PLACEHOLDER),
    ([f"51-[{placeholder(0)}]"], NO_EVENT),
    # order
    ([b""], "binary message without a packet that announced it"),
    ([b"x"], "binary message without a packet that announced it"),
    (['51-["a"]', '2["b"]'], "text in the place of an attachment"),
    (['52-["a"]', b"x", '51-["a"]'], "text in the place of an attachment"),
]


@pytest.mark.parametrize(("frames", "error"), BAD, ids=[f"{n} {frames[-1]!r:.40}" for n, (frames, _) in enumerate(BAD)])
def test_bad_packets_are_refused_with_a_reason(frames: list[Frame], error: str) -> None:
    with pytest.raises(PacketError) as caught:
        feed(*frames)
    message = str(caught.value)
    assert message == error or (error == NOT_JSON and message.startswith(error))
    assert len(message) < 200  # never the whole input


def test_the_table_is_long_enough() -> None:
    assert len(BAD) >= 60


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_attachments_are_counted_at_the_header(count: int) -> None:
    decoder = JsonParser(SocketSettings(max_attachments=2)).decoder()
    if count <= 2:
        assert decoder.feed(f'5{count}-["a"]') is None
    else:
        with pytest.raises(PacketError, match="too many attachments, max_attachments: 2"):
            decoder.feed(f'5{count}-["a"]')


@pytest.mark.parametrize("size", [9, 10, 11])
def test_attachment_bytes_are_counted_as_they_arrive(size: int) -> None:
    decoder = JsonParser(SocketSettings(max_attachment_bytes=10)).decoder()
    assert decoder.feed('53-["a"]') is None
    assert decoder.feed(b"12345") is None
    if size <= 10:
        assert decoder.feed(b"x" * (size - 5)) is None
        assert decoder.feed(b"") == Packet(EVENT, "/", ["a"])
    else:
        with pytest.raises(PacketError, match="attachments too large, max_attachment_bytes: 10"):
            decoder.feed(b"x" * (size - 5))


def test_attachment_bytes_are_counted_for_each_packet_alone() -> None:
    decoder = JsonParser(SocketSettings(max_attachment_bytes=10)).decoder()
    for _ in range(3):
        assert decoder.feed(f'51-["a",{placeholder(0)}]') is None
        assert decoder.feed(b"0123456789") == Packet(EVENT, "/", ["a", b"0123456789"])


@pytest.mark.parametrize("length", [4, 5, 6])
def test_the_length_of_a_namespace_is_limited(length: int) -> None:
    settings = SocketSettings(max_namespace_chars=5)
    nsp = "/" + "é" * (length - 1)
    if length <= 5:
        assert feed(f"0{nsp},", settings=settings) == Packet(CONNECT, nsp)
    else:
        with pytest.raises(PacketError, match="namespace too long, max_namespace_chars: 5"):
            feed(f"0{nsp}", settings=settings)


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("form", ["[{}]", '{{"]":{}}}', '["[[[[",[],[],[],{}]', '["\\"[[[[\\\\",{}]'])
def test_nesting_is_limited(depth: int, form: str) -> None:
    settings = SocketSettings(max_json_depth=3)
    text = "[]"
    for _ in range(depth - 2):
        text = form.format(text)
    payload = f'2["a",{text}]'
    if depth <= 3:
        assert feed(payload, settings=settings) is not None
    else:
        with pytest.raises(PacketError, match="payload nested too deep, max_json_depth: 3"):
            feed(payload, settings=settings)


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "1E+309", "-0.1e999999", "9" * 310 + ".0", "17976931348623159e292"]
)
@pytest.mark.parametrize("text", ['2["a",%s]', '2["a",{"b":[[%s]]}]', "31[%s]", '0{"token":%s}', '4{"message":%s}'])
@pytest.mark.parametrize("module", [None, orjson, json])
def test_a_number_out_of_range_is_refused(text: str, number: str, module: JsonModule | None) -> None:
    with pytest.raises(PacketError, match="payload is not JSON: number out of range: "):
        JsonParser(json=module).decoder().feed(text % number)


@pytest.mark.parametrize("module", [None, orjson, json])
@pytest.mark.parametrize(
    "value",
    [
        "1.7976931348623157e308",
        "-1.7976931348623157E+308",
        "5e-324",
        "1e-400",
        "-0",
        "-0.0",
        "9" * 309,
        "-" + "9" * 4300,
        "18446744073709551616",
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\u0000\u2028"',
        r'{"\ud800":"\udfff","__proto__":{"a":1},"":0}',
        '{"a":1,"a":2}',
        '{"_placeholder":true,"num":0}',
        '{"_placeholder":true,"num":99}',
        '{"_placeholder":true,"num":"x"}',
        '{"_placeholder":true}',
        r'{"\u005fplaceholder":true,"num":0}',
        '{"a":[{"_placeholder":true,"num":-1,"_placeholder":true}]}',
        json.dumps('\\","_placeholder":true'),
        "[" * 126 + "]" * 126,
        '{"a":' * 125 + "[]" + "}" * 125,
    ],
)
def test_what_has_arrived_can_be_sent_on(value: str, module: JsonModule | None) -> None:
    """In an event as it came, inside an object of the relay's own, beside bytes, and as an acknowledgement."""
    parser = JsonParser(json=module)
    arrived = parser.decoder().feed(f'2["a",{value}]')
    assert arrived is not None
    data = arrived.data[1]
    for sent in (
        Packet(EVENT, "/", ["b", data]),
        Packet(EVENT, "/", ["b", {"from": "somebody", "data": data}]),
        Packet(EVENT, "/", ["b", b"beside", {"from": "somebody", "data": [data, b"x"]}]),
        Packet(ACK, "/", [data, b"y"], 1),
        Packet(ACK, "/", [data], 1),
        Packet(CONNECT_ERROR, "/", {"message": "no", "data": data}),
    ):
        frames = parser.encode(sent).frames
        head = frames[0]
        assert isinstance(head, str)
        got = feed(head[1:], *frames[1:], settings=ClientSettings())
        assert got is not None
        if "ud" not in value and len(value) < 4000:
            json.dumps(got.data, default=str, allow_nan=False)
        assert got == sent or got.data[0] == data or not isinstance(data, str)


def test_an_attachment_belongs_in_few_places() -> None:
    """Sent on, it would be one attachment for each place: more than anybody takes."""
    packet = feed(f'51-["a",{",".join([placeholder(0)] * 10)}]', b"x")
    assert packet is not None
    assert len(JsonParser().encode(packet).frames) == 11
    with pytest.raises(PacketError, match="too many places for attachments, max_attachments: 10"):
        feed(f'51-["a",{",".join([placeholder(0)] * 11)}]')


def test_what_looks_like_a_placeholder_is_sent_as_what_does_not() -> None:
    lookalike = {"_placeholder": True, "num": 0}
    data = ["a", b"x", (lookalike, {"b": [lookalike, False]})]
    assert JsonParser().encode(Packet(EVENT, "/", data)).frames == (
        '451-["a",{"_placeholder":true,"num":0},[{"_placeholder":1,"num":0},{"b":[{"_placeholder":1,"num":0},false]}]]',
        b"x",
    )
    assert lookalike == {"_placeholder": True, "num": 0}
    assert lookalike["_placeholder"] is True
    assert JsonParser().encode(Packet(EVENT, "/", ["a", lookalike])).frames == (
        '42["a",{"_placeholder":true,"num":0}]',
    )


@pytest.mark.parametrize("module", [None, orjson, json])
@pytest.mark.parametrize(
    ("settings", "received", "sent"),
    [
        (SocketSettings(), 128, 256),
        (ClientSettings(), 512, 128),
        (SocketSettings(max_json_depth=5), 5, 133),
        (SocketSettings(max_emitted_json_depth=7), 128, 7),
        (SocketSettings(max_json_depth=300), 300, 428),
        (ClientSettings(max_json_depth=6, max_emitted_json_depth=300), 6, 300),
    ],
    ids=str,
)
def test_depth_has_a_limit_in_each_direction(
    settings: SocketSettings | ClientSettings, received: int, sent: int, module: JsonModule | None
) -> None:
    """The levels are those of the text, the packet's own array among them, and a placeholder is one too."""
    parser = JsonParser(settings, json=module)
    assert parser.max_depth == sent
    wraps: list[Callable[[Any], Any]] = [lambda data: [data], lambda data: {"a": data}]
    for wrap in wraps:
        data: Any = []
        for depth in range(2, max(received, sent) + 2):
            if depth in (received, received + 1):
                text = f'2["a",{json.dumps(data)}]'
                if depth == received:
                    assert parser.decoder().feed(text) is not None
                else:
                    with pytest.raises(PacketError, match=f"nested too deep, max_json_depth: {received}"):
                        parser.decoder().feed(text)
            if depth in (sent, sent + 1):
                deep = [
                    Packet(EVENT, "/", ["a", data]),
                    Packet(EVENT, "/", ["a", b"x", data]),
                    Packet(ACK, "/", [data], 1),
                ]
                for packet in deep:
                    if depth == sent:
                        assert len(parser.encode(packet).frames[0]) > depth
                    else:
                        with pytest.raises(LocalProtocolError, match=f"too deep, max_emitted_json_depth: {sent}"):
                            parser.encode(packet)
                assert len(parser.encode(Packet(EVENT, "/", ["a", b"1"])).frames) == 2  # and nothing is left behind
            data = wrap(data)


def test_what_is_sent_is_what_is_received_at_the_other_end() -> None:
    assert SocketSettings().max_emitted_json_depth <= ClientSettings().max_json_depth
    assert ClientSettings().max_emitted_json_depth <= SocketSettings().max_json_depth
    assert ClientSettings().max_attachments == SocketSettings().max_attachments


def test_attachments_are_limited_in_all_where_that_is_set() -> None:
    parser = JsonParser(SocketSettings(max_attachment_bytes=5))
    assert len(parser.encode(Packet(EVENT, "/", ["a", b"12", bytearray(b"345")])).frames) == 3
    with pytest.raises(LocalProtocolError, match="attachments too large, max_attachment_bytes: 5"):
        parser.encode(Packet(EVENT, "/", ["a", b"123", b"456"]))


def test_a_module_that_is_not_strict_is_not_used_for_that() -> None:
    class Spaced:
        loads = staticmethod(orjson.loads)

        def dumps(self, value: Any, /, *, default: Any = None) -> str:
            return json.dumps(value, default=default, allow_nan=False)

    class Failing:
        loads = dumps = staticmethod(len)

    modules: list[Any] = [Spaced(), Failing(), json]
    for module in modules:
        parser = JsonParser(json=module)
        (frame,) = parser.encode(Packet(EVENT, "/", ["a", {"b": [1, "é"]}])).frames
        assert frame == '42["a",{"b":[1,"é"]}]'
        assert parser.decoder().feed('2["a",{"b":1}]') == Packet(EVENT, "/", ["a", {"b": 1}])
        with pytest.raises(PacketError, match="NaN is not JSON"):
            parser.decoder().feed('2["a",NaN]')
        with pytest.raises(LocalProtocolError, match="cannot be sent"):
            parser.encode(Packet(EVENT, "/", ["a", math.nan]))


def test_a_decoder_goes_on_after_a_binary_packet() -> None:
    decoder = JsonParser().decoder()
    for _ in range(2):
        assert decoder.feed(f'51-["a",{placeholder(0)}]') is None
        assert decoder.feed(b"x") == Packet(EVENT, "/", ["a", b"x"])
        assert decoder.feed('2["b"]') == Packet(EVENT, "/", ["b"])


def test_decoders_of_one_parser_are_independent() -> None:
    parser = JsonParser()
    first, second = parser.decoder(), parser.decoder()
    assert first.feed('51-["a"]') is None
    assert second.feed('2["b"]') == Packet(EVENT, "/", ["b"])
    assert first.feed(b"") == Packet(EVENT, "/", ["a"])
