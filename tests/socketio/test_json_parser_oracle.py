"""The decoder's two grammars, and the encoder's two ways, against plain ones over random input."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.settings import SocketSettings
from socketio_core.socketio import JsonParser, Packet
from socketio_core.socketio.packet import ACK, EVENT, check_payload
from tests.effort import examples
from tests.socketio.test_json_parser_properties import children

BINARY: Final = {5: EVENT, 6: ACK}
DIGITS: Final = "0123456789"
MAX_ATTACHMENTS: Final = 10  # the default

Decoded = tuple[Packet, int]  # and how many attachments it waits for


def plain_decode(text: str) -> Decoded | None:
    """Read a packet from left to right, as the grammar is written (PROTOCOL 3.1); `None`: it is no packet."""
    rest = text
    if rest[:1] not in tuple("0123456"):
        return None
    kind, rest, count = int(rest[0]), rest[1:], 0
    if kind in BINARY:
        digits, dash, rest = rest.partition("-")
        if not dash or not digits or digits.strip(DIGITS) or len(digits) > 9 or not 1 <= int(digits) <= MAX_ATTACHMENTS:
            return None
        kind, count = BINARY[kind], int(digits)
    nsp = "/"
    if rest.startswith("/"):
        nsp, _, rest = rest.partition(",")
        if len(nsp) > 1024 or re.search("[\ud800-\udfff]", nsp):
            return None
    digits = rest[: len(rest) - len(rest.lstrip(DIGITS))]
    if len(digits) > 309:
        return None
    rest = rest[len(digits) :]
    try:
        data = plain_json(rest) if rest else None
        if rest and data is None:
            return None
        check_payload(kind, data, int(digits) if digits else None)
        if count:
            plain_places(data, count)
    except (ValueError, PacketError):
        return None
    return Packet(kind, nsp, data, int(digits) if digits else None), count


def plain_json(text: str) -> Any:
    def refuse(_: str) -> NoReturn:
        raise ValueError("no JSON")

    def finite(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise ValueError("no double")
        return value

    if text[:1].isspace():
        raise ValueError("nothing may stand there")
    return json.loads(text, parse_constant=refuse, parse_float=finite)


def is_place(value: Any) -> bool:
    return hasattr(value, "values") and value.get("_placeholder") is True


def plain_places(data: Any, count: int) -> None:
    """Check that the numbers of all places are those of attachments."""
    found: list[Any] = []

    def look(value: Any) -> None:
        if is_place(value):
            found.append(value.get("num"))
        else:
            for inner in children(value):
                look(inner)

    look(data)
    if not all(type(number) is int and 0 <= number < count for number in found) or len(found) > MAX_ATTACHMENTS:
        raise ValueError("no such attachment")


def decode(text: str) -> Decoded | None:
    """Do the same with the decoder; what it waits for is found out by giving it attachments."""
    decoder = JsonParser().decoder()
    try:
        packet = decoder.feed(text)
        count = 0
        while packet is None:
            count += 1
            packet = decoder.feed(b"%d" % (count - 1))
    except PacketError:
        return None
    return packet, count


def with_places(data: Any) -> Any:
    """Put the attachments where they belong, as a receiver sees them."""
    if is_place(data):
        return b"%d" % data["num"]
    if hasattr(data, "items"):
        return {key: with_places(value) for key, value in data.items()}
    return [with_places(value) for value in data] if hasattr(data, "append") else data


def event_text(name: str, args: list[Any]) -> str:
    return json.dumps([name, *args])


IN_ORDER: Final = st.sampled_from([(f"5{count}-", list(range(count))) for count in (1, 1, 1, 2, 2, 3, 9, 10)])
ODD_HEADS: Final = st.sampled_from(["51-", "52-", "53-", "510-", "50-", "5-", "501-", "2", "61-"])
ODD_NUMBERS: Final = st.sampled_from([[], [0], [1], [1, 0], [0, 0], [0, -1], [0, 1, 2]])
ADDRESSES: Final = st.sampled_from(
    ["", "", "/n,", "7", "/n,12", "/n", "/\ud800,", "/" + "n" * 1100 + ",", "x", "1" * 309, "1" * 310]
)
USUAL_NAMES: Final = st.sampled_from(["a", "", "é", "\ud800", "\x7f", "a,[{", "connect", "disconnect"])
ODD_NAMES: Final = st.sampled_from([r"\u0063onnect", r"\"", "\\", "\t", "\n", "\x1f", "x" * 300])
ENDS: Final = st.sampled_from(["]"] * 8 + ["", "] ", "]]", ",1]", "],", ', {"_placeholder":true,"num":0}]'])


def outcome(header: str, max_attachments: int) -> tuple[object, int]:
    """Return the packet of a header, and how many attachments that took; or why it is none, but for places in it."""
    # The depth has texts with the longest id be light.
    decoder = JsonParser(SocketSettings(max_attachments=max_attachments, max_json_depth=310)).decoder()
    try:
        packet = decoder.feed(header)
        for count in range(10):
            if packet is not None:
                return packet, count
            packet = decoder.feed(b"%d" % count)
    except PacketError as error:
        return re.sub(r"\d+|payload is not JSON.*", "", str(error)), 0
    return packet, 10


@settings(max_examples=examples(600))
@given(
    IN_ORDER | st.tuples(ODD_HEADS, ODD_NUMBERS),
    ADDRESSES,
    USUAL_NAMES | ODD_NAMES,
    ENDS,
    st.sampled_from([10, 10, 2, 1]),
)
def test_a_plain_header_means_what_any_does(
    announced: tuple[str, list[int]], address: str, name: str, end: str, limit: int
) -> None:
    """A space behind the bracket makes a header one that is read in full."""
    head, numbers = announced
    places = "".join(f',{{"_placeholder":true,"num":{number}}}' for number in numbers)
    texts = [f'{head}{address}[{space}"{name}"{places}{end}' for space in ("", " ")]
    assert outcome(texts[0], limit) == outcome(texts[1], limit)


NAMES: Final = st.sampled_from(["a", "connect", "é", "", "disconnect", "x" * 30])
PLACES: Final = st.integers(-1, 11).map(lambda number: {"_placeholder": True, "num": number})
ODD_PLACES: Final = st.sampled_from([{"_placeholder": True}, {"_placeholder": 1, "num": 0}, {"num": 0}])
ARGS: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
    | PLACES | ODD_PLACES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
BODIES: Final = st.one_of(
    st.builds(event_text, NAMES, st.lists(ARGS, max_size=3)),
    st.builds(json.dumps, ARGS),
    st.text('[]{}",:0123456789ae-_ \\un', max_size=12),
    st.sampled_from(
        ["", " ", "[]", ' ["a"]', '["a"] ', '["a"]\n', '["a"]x', "null", "NaN", '["a",1e999]', "[NaN]", "[1]"]
    ),
)
HEADS: Final = st.one_of(
    st.sampled_from(
        ["2", "2", "3", "0", "1", "4", "5", "6", "7", "", "x", "٢", "51-", "51-", "52-", "511-", "61-", "50-", "501-"]
    ),
    st.text("25610-/,", max_size=6),
)
SPACES: Final = st.sampled_from(
    ["", "", "/", "/,", "/a,", "/a", "/ü,", "//,", "/a?b=c,", "/\ud800,", "/" + "n" * 1024 + ","]
)
IDS: Final = st.sampled_from(["", "", "0", "7", "007", "12", "٣", "-1", "1.5", "9" * 309, "9" * 310])


@settings(max_examples=examples(500))
@given(HEADS, SPACES, IDS, BODIES)
def test_packets_are_what_the_plain_grammar_says(head: str, nsp: str, ack_id: str, body: str) -> None:
    text = head + nsp + ack_id + body
    expected, found = plain_decode(text), decode(text)
    if expected is not None and expected[1]:
        packet, count = expected
        expected = Packet(packet.type, packet.nsp, with_places(packet.data), packet.id), count
    assert repr(found) == repr(expected)


@settings(max_examples=examples(250))
@given(BODIES)
def test_a_short_event_is_a_long_one_in_the_root_namespace(body: str) -> None:
    """`2[` has a way of its own, `2/,[` has another, and a blank in front of neither."""
    short, long = decode("2" + body), decode("2/," + body)
    assert repr(short) == repr(long) or body[:1] in (*DIGITS, "/")


@settings(max_examples=examples(250))
@given(st.sampled_from(["2", "2/a,", "27", "51-", "3", "37", "0"]), BODIES)
def test_a_light_text_means_what_a_heavy_one_does(head: str, body: str) -> None:
    """Of what reaches no limit only the value is looked at; the same with blanks behind it is read with all checks."""
    if body[:1] == "[":
        assert repr(decode(head + body)) == repr(decode(head + body + " " * 300))


NUMBERS: Final = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(
        r"-?[1-9][0-9]{0,3}(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?", fullmatch=True, alphabet="0123456789.eE+-"
    ),
    st.sampled_from(
        ["1e400", "-1E+309", "1e0309", "9" * 210 + "e99", "9" * 208 + ".5e99", "9" * 309 + ".0", "1e-400", "-0.0"]
    ),
)


@given(
    st.lists(NUMBERS, max_size=3), st.sampled_from(["0.5", "100000.125"]), st.sampled_from(["", "x1e400", "é1e+999"])
)
def test_floats_are_the_same_wherever_there_are_many(numbers: list[str], other: str, text: str) -> None:
    """Each of a few is looked at; of many, the text is. Numbers in strings are none."""
    few = f'2["x",{json.dumps(text)}{"".join("," + number for number in numbers)}]'
    many = few[:-1] + f",{other}" * 400 + "]"
    short, long = decode(few), decode(many)
    assert (short is None) is (long is None)
    if short is not None and long is not None:
        assert repr(long[0].data) == repr([*short[0].data, *[float(other)] * 400])
        assert len(numbers) == len(short[0].data) - 2


@given(st.lists(ARGS, max_size=3), st.sampled_from(["/", "/a"]), st.none() | st.integers(0, 99))
def test_the_encoder_without_a_module_writes_what_json_does(args: list[Any], nsp: str, ack_id: int | None) -> None:
    """Its own encoder is built once, and called without `json` in between."""
    args = [arg for arg in args if '"_placeholder": true' not in json.dumps(arg)]
    head = ("" if nsp == "/" else nsp + ",") + ("" if ack_id is None else str(ack_id))
    expected = json.dumps(["x", *args], separators=(",", ":"), ensure_ascii=False)
    assert JsonParser().encode(Packet(EVENT, nsp, ["x", *args], ack_id)).frames == (f"42{head}{expected}",)


@given(st.integers(1, 140), st.booleans())
def test_nesting_has_one_limit_however_it_is_encoded(depth: int, as_object: bool) -> None:  # noqa: FBT001 - a row
    """A module of the application's that refuses to nest, or does not, sends and refuses the same."""

    class Module:
        def loads(self, text: str, /) -> Any:
            return json.loads(text)

        def dumps(self, value: Any, /, *, default: Any = None) -> str:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=default)

    data: Any = 0
    for _ in range(depth):
        data = {"a": data} if as_object else [data]
    outcomes: list[object] = []
    for parser in (JsonParser(), JsonParser(json=Module())):
        try:
            outcomes.append(parser.encode(Packet(EVENT, "/", ["x", data])).frames)
        except LocalProtocolError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("text", ['2["a"]', "2[]", '2["connect"]', "2[1]", '2["a"', '2["a"]]', '2[ "a" ] '])
def test_both_grammars_see_the_same_in_these(text: str) -> None:
    assert repr(decode(text)) == repr(plain_decode(text))
