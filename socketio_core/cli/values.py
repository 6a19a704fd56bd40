"""Values as one types them, and as they are shown."""

from __future__ import annotations

import json
import re
from secrets import token_hex
from typing import Any, Final, NoReturn, cast

MAX_SHOWN_BYTES: Final = 32  # of binary data; its size is always told

_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"\S+")
_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2})*)")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode


def read_values(text: str) -> list[Any]:
    """Read values one after another: `'"hi" {"a": 1} 42 word 0x00ff'`.

    JSON is JSON, `0x` and pairs of hexadecimal digits are bytes, any other bare word is a string.

    Raises:
        ValueError: something begins like JSON and is none.
    """
    values: list[Any] = []
    position = _end_of_space(text, 0)
    while position < len(text):
        value, position = _read_one(text, position)
        values.append(value)
        position = _end_of_space(text, position)
    return values


def _read_one(text: str, start: int) -> tuple[Any, int]:
    bare = _BARE.match(text, start)
    assert bare is not None  # there is something that is no space
    if found := _HEX.fullmatch(bare[0]):
        return bytes.fromhex(found[1]), bare.end()
    try:
        value, end = _scan(text, start)
    except (ValueError, RecursionError) as error:
        if text[start] in '"[{':
            raise ValueError(f"not JSON: {text[start:]} ({error})") from None
        return bare[0], bare.end()
    if end < len(text) and not text[end].isspace():
        if text[start] in '"[{':
            raise ValueError(f"a space is missing behind {text[start:end]}")
        return bare[0], bare.end()  # such as 12abc
    return value, end


def _end_of_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def read_value(text: str) -> Any:
    """Read one argument of a command line: JSON, bytes as `0x…`, or else the string itself.

    Raises:
        ValueError: it begins as JSON does, and is none.
    """
    try:
        values = read_values(text)
    except ValueError:
        values = []
    if len(values) == 1:
        return values[0]
    if text.lstrip()[:1] in ("{", "[", '"'):
        raise ValueError(f"not JSON: {text}")
    return text


def show_value(value: object) -> str:
    """Return a value as a person reads it: JSON, with binary data as its size and its first bytes in hex."""
    shown = json.dumps(_marked(value), ensure_ascii=False)
    return _MARK.sub(lambda found: cast("str", json.loads(f'"{found[1]}"')), shown)


_SECRET = token_hex(8)  # or a server could send what looks like our marks
_MARK = re.compile(rf'"{_SECRET}([^"]*)"')


def _marked(value: object) -> object:
    """Replace binary data by strings that `show_value` finds again."""
    if isinstance(value, bytes):
        more = "…" if len(value) > MAX_SHOWN_BYTES else ""
        hexadecimal = value[:MAX_SHOWN_BYTES].hex(" ")
        return f"{_SECRET}<{len(value)} bytes{': ' if value else ''}{hexadecimal}{more}>"
    if isinstance(value, (list, tuple)):
        return [_marked(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in cast("dict[str, object]", value).items()}
    return value


def json_value(value: object) -> object:
    """Return a value for a line of JSON; binary data becomes `{"$binary": "00ff", "size": 2}`."""
    if isinstance(value, bytes):
        return {"$binary": value.hex(), "size": len(value)}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in cast("dict[str, object]", value).items()}
    return value
