"""What messages are charged: their bytes on the wire, and more for each value outside of strings."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.socketio.nesting import count_mark, is_deeper
from socketio_core.socketio.packet import CONNECT, EVENT, Packet
from socketio_core.socketio.weight import FLAT_CHARS, LIGHT_CHARS, Scale, count_containers, count_values

JSON_SCALE = Scale(is_json=True)
OTHER_SCALE = Scale(is_json=False)
LONG = "x" * 2000
VALUE, CONTAINER = 32, 80


def values_of(data: Any) -> int:
    """Count commas and opening brackets, as they stand in the text."""
    if type(data) in (dict, list):
        inner: list[Any] = [*(data.values() if hasattr(data, "values") else data)]
        return max(1, len(inner)) + sum(map(values_of, inner))
    return 0


TEXTS = st.text(',:[]{}"\\x\u00e9\U0001f600', max_size=8)
DATA = st.recursive(
    st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=40)
@given(st.lists(DATA, max_size=5))
def test_values_of_a_dense_text_are_those_outside_of_strings(data: list[object]) -> None:
    text = json.dumps([*data, *[0] * 40], separators=(",", ":"), ensure_ascii=False)
    assert count_values(text) == values_of([*data, *[0] * 40])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("[]", 1),
        ('["a",{"b":[1,2]}]', 5),
        (f'["{LONG}",[1,2]]', 4),  # so few that it does not matter where they are
        (f'["{LONG}{"," * 10}"]', 11),
        (f'["{LONG}{"," * 1000}"]', 1),  # so many that it does
        (f'["{"," * 1000}"]', 1),
    ],
)
def test_values_of_a_sparse_text_may_be_in_strings(text: str, count: int) -> None:
    assert count_values(text) == count


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (f"[{'9' * 1023}]", 0),
        (f"[{'9' * 1024}]", 256),
        (f"[-{'123456789' * 200}e5]", 256),
        (f"[{'9' * 2047}]", 256),
        (f"[{'9' * 4300},0.{'7' * 1024}]", 5 * 256),
        (f"[{'9' * 600},{'9' * 600}]", 0),
        (f"[{'9' * 1024}{',[]' * 1000}]", 256),
        (f'{{"{"9" * 2000}":{"9" * 2000}}}', 256),
        (f'["{"9" * 9000}"]', 0),
        (f'["\\"{"9" * 9000}\\\\",{"9" * 1024},"{"9" * 2000}"]', 256),
    ],
)
def test_long_numbers_count_for_more_and_digits_in_strings_for_nothing(text: str, more: int) -> None:
    """Wherever they are."""
    count = count_values(re.sub("[0-9]+", "0", text))
    json.loads(text)
    for offset in range(40):
        assert count_values(" " * offset + text) == count + more


@pytest.mark.parametrize(
    ("payload", "size"),
    [
        ("", 0),
        ("é" * 100, 200),
        ("2" + "[]," * 85, LIGHT_CHARS),
        ("2" + "[]," * 86, 1 + 86 * (3 + VALUE + CONTAINER)),
        (f'2["{LONG}",{{"a":1}}]', 2000 + 13 + 2 * VALUE + 2 * CONTAINER),
        (f'2["{LONG}{"," * 1000}"]', 3000 + 5 + CONTAINER),
        (b"[]," * 1000, 3000),
    ],
)
def test_message_is_charged_for_each_value(payload: str | bytes, size: int) -> None:
    assert JSON_SCALE.weigh(payload, None, exactly=False) == size


def test_events_that_are_not_large_are_charged_alike() -> None:
    event = Packet(EVENT, "/", ["x"])
    for size, factor in ((300, 10), (FLAT_CHARS, 10), (FLAT_CHARS + 1, 1)):
        payload = '2["' + "x" * (size - 5) + '"]'
        charged = JSON_SCALE.weigh(payload, event, exactly=False)
        assert charged == factor * size + (factor == 1) * CONTAINER
        assert JSON_SCALE.weigh(payload, None, exactly=False) == size + CONTAINER  # of a header, or of what is no event
        assert JSON_SCALE.weigh(payload, event, exactly=True) == size + CONTAINER
    assert JSON_SCALE.weigh("é" * 300, event, exactly=False) == 10 * 300


def test_events_that_will_wait_are_weighed_exactly_be_they_small() -> None:
    payload = '2["x",[],{"a":1}]'
    size = len(payload) + 3 * VALUE + 3 * CONTAINER
    for packet in (None, Packet(EVENT, "/", ["x"])):  # of a header, too
        assert JSON_SCALE.weigh(payload, packet, exactly=True) == size
        assert JSON_SCALE.weigh(payload, packet, exactly=False) == len(payload)
    assert JSON_SCALE.weigh(payload, Packet(CONNECT, "/", {}), exactly=True) == len(payload)  # a limit of its own


def test_one_wide_character_makes_all_of_them_wide() -> None:
    assert JSON_SCALE.weigh(f"{LONG}\U0001f600", None, exactly=False) >= 4 * len(LONG)
    assert JSON_SCALE.weigh(f"{LONG}\\ud83d\\ude00", None, exactly=False) == 2 * (len(LONG) + 12)


def test_what_another_parser_makes_of_a_message_is_walked_over() -> None:
    data = [1, "a" * 1000, {"k": (b"b" * 1000,)}]
    held = OTHER_SCALE.weigh(b"x", Packet(EVENT, "/", data), exactly=False)
    assert 2000 + 7 * VALUE + 3 * CONTAINER <= held <= 2000 + 7 * VALUE + 3 * CONTAINER + 3 * 64
    assert OTHER_SCALE.weigh(b"x" * 5000, Packet(EVENT, "/", data), exactly=False) == 5000
    assert OTHER_SCALE.weigh("é", None, exactly=False) == 2
    assert OTHER_SCALE.light_chars == 0


def walked_one_by_one(data: Any) -> int:
    """Return what another parser has made of a message takes: the plain version."""
    if data.__class__ in (dict, list, tuple):
        inner = [*data, *data.values()] if data.__class__ is dict else data
        return VALUE + CONTAINER + sum(map(walked_one_by_one, inner))
    return VALUE + (data.__sizeof__() if isinstance(data, (str, bytes, bytearray)) else 0)


MANY: list[Any] = [
    *(1, "text", b"bytes", [], (), {}, {"key": [1, {}]}, [[[1, 2, "text"]]]),
    {"a": {"b": [(1, b"c")], 5: None}},
]


@pytest.mark.parametrize("count", [10, 1000])
@pytest.mark.parametrize("value", MANY, ids=repr)
def test_many_values_of_another_parser_are_looked_at_together(value: Any, count: int) -> None:
    for data in ([value] * count, [[value, 1, "x", None, {"a": value}]] * count):
        found = OTHER_SCALE.weigh(b"", Packet(EVENT, "/", data), exactly=False)
        assert found == walked_one_by_one(data)


def test_what_the_garbage_collector_looks_at_is_counted_at_any_depth() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert count_containers(deep) == 5001
    assert count_containers([1, "[{", b"[]", [], {"a": {}, "b": [(), {1}]}, None, 2.5]) == 7


@pytest.mark.parametrize("count", [0, 1, 61, 62, 63, 500, 1000])
def test_marks_are_counted_be_they_few_or_many(count: int) -> None:
    assert count_mark(b"[" * count + b"-" * (1000 - count), b"[") == count


class Endless(Mapping[str, Any]):
    """Has itself in it, anew each time."""

    def __getitem__(self, key: str) -> Any:
        return Endless()

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


def test_depth_of_what_applications_have_is_found() -> None:
    itself: list[Any] = []
    itself += [itself, itself]
    rows: list[Any] = [(5, 0), ("[[", 0), ([], 1), ((1, [2]), 2), ([[], {"a": OrderedDict(b={1})}], 4)]
    for data, depth in rows:
        assert [is_deeper(data, limit) for limit in range(6)] == [limit < depth for limit in range(6)]
    assert is_deeper(itself, 1000)
    assert is_deeper(Endless(), 1000)


def test_depth_of_many_values_is_found_by_their_types() -> None:
    """As of what a client answers, which others wait for."""
    looks: list[str] = []

    class Value:
        def __getattribute__(self, name: str) -> object:
            looks.append(name)
            return super().__getattribute__(name)

    many: list[Any] = [[Value()] for _ in range(1000)]
    assert not is_deeper(many, 2)
    many.append([many])
    assert is_deeper(many, 2)
    assert looks == []
