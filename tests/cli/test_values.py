"""Values as one types them and as they are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socketio_core.cli.values import json_value, read_value, read_values, show_value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("  ", []),
        ('"hi"', ["hi"]),
        ('"hi" {"a":1}', ["hi", {"a": 1}]),
        ('{"a": [1, 2]}   [3]', [{"a": [1, 2]}, [3]]),
        ("1 -2 3.5 true null", [1, -2, 3.5, True, None]),
        ("word another", ["word", "another"]),
        ("12abc", ["12abc"]),
        ("nullish truest", ["nullish", "truest"]),
        ("NaN -Infinity", ["NaN", "-Infinity"]),
        ("0x", [b""]),
        ("0x00fF 0x0", [b"\x00\xff", "0x0"]),
        ("http://a.b/?c=d", ["http://a.b/?c=d"]),
        ("é 'single'", ["é", "'single'"]),
    ],
)
def test_values_are_read_one_after_another(text: str, values: list[Any]) -> None:
    assert read_values(text) == values


@pytest.mark.parametrize("text", ['"hi', '{"a"', "[1,", '"a""b"', "[1]x", "[" * 100_000])
def test_what_begins_like_json_must_be_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|a space is missing|nested too deeply"):
        read_values(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hi", "hi"),
        ('"hi"', "hi"),
        ("42", 42),
        ("two words", "two words"),
        ("0x01", b"\x01"),
        ("", ""),
        ('{"a": 1}', {"a": 1}),
    ],
)
def test_one_argument_is_one_value(text: str, value: Any) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize("text", ['{"a":', "[1", '"hi', '"hi" {"a":1}', " {"])
def test_one_argument_that_begins_like_json_must_be_json(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read_value(text)


def test_what_a_server_sends_is_never_taken_for_binary_data() -> None:
    for text in ("\0\\u0000", "\0<1 bytes: 00>\0", "\0"):
        assert json.loads(show_value(text)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hi", '"hi"'),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (b"", "<0 bytes>"),
        (b"\x01\xff", "<2 bytes: 01 ff>"),
        ([b"\x00"], "[<1 bytes: 00>]"),
        ({"a": (b"\x00", "é")}, '{"a": [<1 bytes: 00>, "é"]}'),
        (bytes(33), f"<33 bytes: {'00 ' * 31}00…>"),
        (bytes(32), f"<32 bytes: {'00 ' * 31}00>"),
    ],
)
def test_values_are_shown_for_people(value: object, text: str) -> None:
    assert show_value(value) == text


def test_lines_of_json_tell_binary_data_in_hex() -> None:
    assert json_value([b"\x00\xff", {"a": (b"",)}, 1]) == [
        {"$binary": "00ff", "size": 2},
        {"a": [{"$binary": "", "size": 0}]},
        1,
    ]
