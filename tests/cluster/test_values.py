"""Values between servers: what only Python knows, and what only JavaScript knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from math import inf, nan
from typing import Any, Final

import msgpack  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] # it has none
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.cluster import modern
from socketio_core.cluster.messages import ServerEmit
from socketio_core.cluster.values import (
    MAX_DEPTH,
    MAX_VALUES,
    MESSAGE_DEPTH,
    TEXT_BYTES,
    Malformed,
    TooDeep,
    date_text,
    for_clients,
    from_json,
    from_msgpack,
    has_binary,
    iso_text,
    plain_json,
    sendable,
    to_json,
    to_msgpack,
)
from tests.cluster.bus import nested
from tests.effort import examples

library: Any = msgpack

NOON = datetime(2026, 11, 29, 12, 0, 0, 5000, UTC)

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


@settings(max_examples=examples(50))
@given(plain)
def test_what_both_know_stays_what_it_is(value: Any) -> None:
    text = json.dumps(value)
    if "\\ud" not in text and "Infinity" not in text:  # a lone surrogate has no form in UTF-8
        assert from_json(to_json(value)) == value
        assert from_msgpack(to_msgpack(value)) == value


@pytest.mark.parametrize(
    ("value", "as_json", "through_msgpack"),
    [
        (nan, None, None),
        (inf, None, None),
        ([1, nan, {"a": -inf}], [1, None, {"a": None}], None),
        (1 << 70, 1 << 70, float(1 << 70)),
        (-(1 << 70), -(1 << 70), -float(1 << 70)),
        ((1, 2), [1, 2], [1, 2]),
        ({1: "a", None: "b", 2.5: "c"}, {"1": "a", "null": "b", "2.5": "c"}, None),
        ({1: nan, None: 5}, {"1": None, "null": 5}, None),
        ({"s": {3}}, {"s": [3]}, {"s": [3]}),
        (Colour.RED, "red", "red"),
        ("\ud800", "?", None),
        (b"\x01\xff", {"type": "Buffer", "data": [1, 255]}, b"\x01\xff"),
        (bytearray(b"\x02"), {"type": "Buffer", "data": [2]}, b"\x02"),
        ([memoryview(b"\x03"), nan], [{"type": "Buffer", "data": [3]}, None], None),
        (NOON, "2026-11-29T12:00:00.005Z", NOON),
        ([NOON, nan], ["2026-11-29T12:00:00.005Z", None], None),
    ],
)
def test_what_javascript_does_not_know_becomes_what_it_takes(value: Any, as_json: Any, through_msgpack: Any) -> None:
    assert json.loads(to_json(value)) == as_json
    packed = to_msgpack(value)
    if through_msgpack is not None:
        assert from_msgpack(packed) == through_msgpack


def test_what_nobody_knows_is_an_error() -> None:
    for encode in (to_json, to_msgpack):
        with pytest.raises(TypeError, match="data for other servers: object is not JSON"):
            encode([object()])
        assert encode({"a": Colour.RED, Colour.RED: nan})
        with pytest.raises(TypeError, match="a key must be text"):
            encode({(1, 2): object()})
    for encode in (to_json, to_msgpack):
        assert encode([nan, nested(MESSAGE_DEPTH - 1)])
        for deep in (nested(MESSAGE_DEPTH + 1), nested(600), [nan, nested(MESSAGE_DEPTH + 1)]):
            with pytest.raises(TooDeep, match="data is nested deeper than 256"):
                encode(deep)
    assert plain_json(nested(MESSAGE_DEPTH)) == b"[" * MESSAGE_DEPTH + b"]" * MESSAGE_DEPTH
    assert plain_json(nested(MESSAGE_DEPTH + 1)) is None


def test_dates_are_written_as_javascript_does() -> None:
    assert iso_text(NOON) == "2026-11-29T12:00:00.005Z"
    assert iso_text(NOON.replace(tzinfo=None)) == "2026-11-29T12:00:00.005Z"
    assert iso_text(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-11-29T12:00:00.005Z"
    assert iso_text(datetime(1, 2, 3, tzinfo=UTC)) == "0001-02-03T00:00:00.000Z"
    assert from_msgpack(to_msgpack([NOON.replace(tzinfo=None), 1 << 80])) == [NOON, float(1 << 80)]


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize(
    ("seconds", "date"),
    [  # what `new Date(seconds * 1000 + 5).toISOString()` says
        (8_640_000_000_000 - 1, "+275760-09-12T23:59:59.005Z"),
        (253_402_300_800, "+010000-01-01T00:00:00.005Z"),
        (253_402_300_799, datetime(9999, 12, 31, 23, 59, 59, 5000, UTC)),
        (951_782_400, datetime(2000, 2, 29, 0, 0, 0, 5000, UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 5000, UTC)),
        (-62_135_596_800, datetime(1, 1, 1, 0, 0, 0, 5000, UTC)),
        (-62_135_596_801, "0000-12-31T23:59:59.005Z"),
        (-62_167_219_201, "-000001-12-31T23:59:59.005Z"),
        (-8_640_000_000_000, "-271821-04-20T00:00:00.005Z"),
        (8_640_000_000_001, None),
        (-(1 << 50), None),
    ],
)
def test_dates_that_only_javascript_has_become_text(seconds: int, date: Any, *, is_old: bool) -> None:
    stamp = library.Timestamp(seconds, 5_000_000)
    if is_old:
        stamp = library.ExtType(0, (seconds * 1000 + 5).to_bytes(8, "big", signed=True))
    raw = library.packb(["e", {"at": stamp, "b": [stamp, 1]}, b""])
    for max_values in (MAX_VALUES, 10):
        assert from_msgpack(raw, max_values) == ["e", {"at": date, "b": [date, 1]}, b""]
    with pytest.raises(Malformed, match="too many values"):
        from_msgpack(raw, 6)


def test_clients_are_sent_dates_as_text_and_bytes_as_bytes() -> None:
    assert for_clients(["x", {"at": NOON, "n": nan, "ok": True, "none": None}, b"\x01"]) == [
        "x",
        {"at": "2026-11-29T12:00:00.005Z", "n": None, "ok": True, "none": None},
        b"\x01",
    ]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\xd4\x00\x00", None),  # what old encoders write for undefined
        (b"\xd7\x00" + (1_000).to_bytes(8, "big"), datetime.fromtimestamp(1, UTC)),
        (b"\xc7\x03\x00abc", b"abc"),
        (b"\xcf" + bytes(8), 0),
    ],
)
def test_what_old_encoders_write_is_read(raw: bytes, value: Any) -> None:
    assert from_msgpack(raw) == value


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\xd4\x05\x00", b"\x92\x01", b"\x01\x02", b"\x91" * 2000])
def test_no_msgpack_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match="no msgpack"):
        from_msgpack(raw)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"NaN", b"[Infinity]", b"[" * 100_000, b"[" * (MESSAGE_DEPTH + 1) + b"]" * (MESSAGE_DEPTH + 1)],
)
def test_no_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        from_json(raw)


def test_bytes_that_are_no_text_are_read_as_node_does() -> None:
    assert from_json(b'"\xff"') == "\ufffd"


@pytest.mark.parametrize(
    ("value", "is_binary"),
    [
        (b"", True),
        ([1, {"a": (2, bytearray())}], True),
        ([1, {"a": ["b"]}], False),
        (memoryview(b""), True),
        ("x", False),
    ],
)
def test_bytes_are_found_wherever_they_are(value: Any, *, is_binary: bool) -> None:
    assert has_binary(value) is is_binary


class Endless(Mapping[str, Any]):
    """Has another such mapping in it."""

    def __getitem__(self, key: str) -> Any:
        return Endless()

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


def test_what_holds_itself_or_never_ends_is_an_error() -> None:
    itself: list[Any] = []
    itself += [itself, itself]
    for value in (itself, {"a": itself}, Endless()):
        for function in (to_json, to_msgpack, has_binary):
            with pytest.raises(ValueError, match="data is nested deeper than 256"):
                function(value)
        with pytest.raises(ValueError, match="nested deeper"):
            modern.encode(ServerEmit("uid", "/", ["name", value]))


@settings(max_examples=examples(100))
@given(plain)
def test_what_is_plain_is_the_same_json(value: Any) -> None:
    found = plain_json(value)
    assert found == to_json(value) or (found is None and "Infinity" in json.dumps(value))


@pytest.mark.parametrize("value", [b"", {"a": [b""]}, nan, NOON, {1, 2}, {b"a": 1}])
def test_what_is_not_plain_is_left(value: Any) -> None:
    assert plain_json(value) is None


class Nested(dict[str, Any]):
    """What is packed while it is packed."""

    def items(self) -> Any:
        """Pack it once more."""
        assert to_msgpack([1, 2]) == library.packb([1, 2])
        return super().items()


def test_what_is_packed_meanwhile_before_or_in_vain_leaves_no_trace() -> None:
    expected = library.packb({"a": {"b": 1}, "c": 2})
    for _ in range(3):
        assert to_msgpack({"a": Nested(b=1), "c": 2}) == expected
        with pytest.raises(TypeError, match="object is not JSON"):
            to_msgpack({"a": 1, "b": object()})
        assert to_msgpack("x" * 100_000) == library.packb("x" * 100_000)


@settings(max_examples=examples(100))
@given(st.binary(max_size=200) | plain.map(library.packb))
def test_whatever_comes_is_a_value_or_malformed(raw: bytes) -> None:
    for read in (from_msgpack, from_json):
        try:
            value = read(raw)
        except Malformed:
            continue
        to_json(value)
        to_msgpack(value)


MANY: Final[dict[str, Any]] = {
    "lists": [[] for _ in range(60)],
    "lists in lists": [[[], []] for _ in range(20)],
    "numbers": [0] * 120,
    "fields": {str(number): number for number in range(120)},
    "mappings": [{"a": 1} for _ in range(60)],
}


@pytest.mark.parametrize("name", MANY)
def test_values_are_counted_before_there_are_too_many(name: str) -> None:
    value = MANY[name]
    for read, data in ((from_json, to_json(value)), (from_msgpack, to_msgpack(value))):
        assert read(data, 1000) == value
        assert read(data, 125) == value
        with pytest.raises(Malformed, match=r"^too many values in a message, max_message_values: 50$"):
            read(data, 50)


def test_a_text_that_is_too_large_is_not_even_counted() -> None:
    largest = TEXT_BYTES * MAX_VALUES
    data = b'"%s"' % (b"x" * (largest - 2))
    assert len(from_json(data)) == len(from_json(data, 1)) == largest - 2
    with pytest.raises(Malformed, match="JSON larger than 16000000 bytes, 16 for each of max_message_values"):
        from_json(data + b" ")
    assert len(from_json(data + b" ", MAX_VALUES + 1)) == largest - 2


def test_what_is_in_texts_and_bytes_is_no_value() -> None:
    value = {"a": "[],[]," * 1000, "b": 1}
    assert from_json(to_json(value), 10) == from_msgpack(to_msgpack(value), 10) == value
    with pytest.raises(Malformed, match="no msgpack"):
        from_msgpack(to_msgpack(value) + b"x", 10)
    large = ["x" * 100_000, 1]
    assert from_json(to_json(large)) == from_msgpack(to_msgpack(large)) == large


def test_what_can_be_told_is_left_of_what_cannot() -> None:
    endless: list[Any] = []
    endless.append(endless)
    data: dict[Any, Any] = {"a": 1, "b": object(), "c": endless, 4: (5,)}
    assert sendable(data) == {"a": 1, "4": [5]}
    assert sendable({"a": nested(MAX_DEPTH), "b": nested(MAX_DEPTH + 1), "c": nested(2 * MAX_DEPTH)}).keys() == {"a"}
    assert date_text(1_704_164_645.678) == "2024-01-02T03:04:05.678Z"
    assert from_msgpack(to_msgpack([10**400, 1 << 70])) == [None, float(1 << 70)]
