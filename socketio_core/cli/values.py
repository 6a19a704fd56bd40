"""Values as one types them, and as they are shown."""

from __future__ import annotations

import json
import math
import re
from secrets import token_hex
from typing import Any, Final, NoReturn, cast

from socketio_core.cli.text import shorten
from socketio_core.socketio.nesting import is_too_deep

MAX_SHOWN_BYTES: Final = 32  # of binary data; its size is always told
MAX_DEPTH: Final = 500  # Python 3.11 reads 990 levels, 3.14 some 50,000; a client sends 128 (`max_emitted_json_depth`)
MAX_QUOTED_CHARS: Final = 200  # of what is complained about

_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"\S+")
_HEX = re.compile(r"0x((?:[0-9a-fA-F]{2})*)")


_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number is too large: {shorten(text, MAX_QUOTED_CHARS)}")
    return value


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_scan = _decoder.raw_decode


def read_values(text: str) -> list[Any]:
    """Read values one after another: `'"hi" {"a": 1} 42 word 0x00ff'`.

    JSON is JSON, `0x` and pairs of hexadecimal digits are bytes, any other bare word is a string.

    Raises:
        ValueError: something begins like JSON and is none, or cannot be sent as it is.
    """
    values: list[Any] = []
    position = _end_of_space(text, 0)
    while position < len(text):
        value, position = _read_one(text, position)
        check_text(value)
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
        _check_depth(text[start:end])
    except RecursionError:
        raise ValueError(f"nested too deeply: {_quote(text[start:])}") from None
    except ValueError as error:
        if text[start] in '"[{':
            raise ValueError(f"not JSON: {_quote(text[start:])} ({error})") from None
        if _NUMBER.fullmatch(bare[0]):
            raise ValueError(f"the number is too large: {_quote(bare[0])}") from None
        return bare[0], bare.end()
    if end < len(text) and not text[end].isspace():
        if text[start] in '"[{':
            raise ValueError(f"a space is missing behind {_quote(text[start:end])}")
        return bare[0], bare.end()  # such as 12abc
    return value, end


def _check_depth(text: str) -> None:
    if len(text) > MAX_DEPTH and is_too_deep(text, MAX_DEPTH):
        raise RecursionError


def _quote(text: str) -> str:
    return shorten(text, MAX_QUOTED_CHARS)


def check_text(value: object) -> None:
    """Check that all strings in a value are text.

    Raises:
        ValueError: there is a lone surrogate, be it written as one or left by bytes in another encoding.
    """
    try:
        json.dumps(value, ensure_ascii=False, default=lambda _: None).encode()
    except (UnicodeEncodeError, RecursionError):
        raise ValueError("there is a lone surrogate, or what is no UTF-8, in what is to be sent") from None


def _end_of_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def read_value(text: str) -> Any:
    """Read one argument of a command line: JSON, bytes as `0x…`, or else the string itself.

    Raises:
        ValueError: it begins as JSON does, and is none, or cannot be sent as it is.
    """
    first = text.lstrip()[:1]
    if first and (first in '{["' or not re.search(r"\s", text.strip())):
        values = read_values(text)
        if len(values) == 1:
            return values[0]
        raise ValueError(f"not JSON: {_quote(text)}")
    check_text(text)
    return text


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is none, or cannot be sent as it is.
    """
    try:
        value = _decoder.decode(text)
        _check_depth(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of what one has typed
    check_text(cast("object", value))
    return cast("dict[str, Any]", value)


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
    """Return a value for a line of JSON; binary data becomes `{"$binary": "00ff", "size": 2}`.

    A number that is larger than any, such as `1e999`, is `null`, as JavaScript writes it: JSON has no word for it.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return {"$binary": value.hex(), "size": len(value)}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in cast("dict[str, object]", value).items()}
    return value
