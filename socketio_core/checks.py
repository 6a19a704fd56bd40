"""Checks of settings and arguments: said at once, by name, with what to write instead.

Not everybody checks types, and what cannot work would fail much later, far from where it was written. A wrong type is a
`TypeError`, a wrong value a `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf
from typing import Any, Final, cast
from urllib.parse import quote

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VISIBLE = re.compile("[!-~]+")
_HEADER_VALUE = re.compile(  # RFC 9110, 5.5
    rb"([^\x00-\x08\x0a-\x20\x7f]([^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?"
)
_FRAMING_HEADERS = (b"content-length", b"transfer-encoding", b"connection", b"upgrade")
_CO_COROUTINE: Final = 0x80  # as in `inspect`, which is slow to import
_AS_SENT: Final = "/%:@!$&'()*+,;=|[]^"  # what is not percent-encoded in a path


def check_seconds(name: str, value: object, *, may_be_zero: bool = False) -> None:
    """Check a time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, as in 2.5, not: {value!r}")
    if value != value or value == inf:
        raise ValueError(f"{name} must be a finite number of seconds, however large, not: {value!r}")
    if value < 0 and may_be_zero:
        raise ValueError(f"{name} must not be negative: {value!r}")
    if value <= 0 and not may_be_zero:
        raise ValueError(f"{name} must be positive: {value!r}")


def check_count(name: str, value: object, *, least: int = 1, or_none: bool = False) -> None:
    """Check a number of things."""
    if value is None and or_none:
        return
    none = "None or " if or_none else ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be {none}a whole number, as in 1_000_000, not: {value!r}")
    if value < least:
        wanted = (
            "not be negative" if least == 0 else f"be {none}at least {least}" if none or least > 1 else "be positive"
        )
        raise ValueError(f"{name} must {wanted}: {value!r}")


def check_number(name: str, value: object) -> None:
    """Check what the name says it is: seconds (`…_s`), or a number of things; more than none."""
    if name.endswith("_s"):
        check_seconds(name, value)
    else:
        check_count(name, value)


def check_share(name: str, value: object) -> None:
    """Check a part of the whole."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number from 0 to 1, as in 0.5, not: {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1: {value!r}")


def check_switches(settings: object, names: str) -> None:
    """Check attributes that are true or false."""
    for name in names.split():
        check_switch(name, getattr(settings, name))


def check_switch(name: str, value: object) -> None:
    """Check what is true or false, and nothing else: a string that says no is true."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not: {value!r}")


def check_function(name: str, value: object, *, may_wait: bool = True) -> None:
    """Check a function, or `None`.

    Args:
        may_wait: it may be async.
    """
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function, not: {value!r}")
    if not may_wait and getattr(getattr(value, "__code__", None), "co_flags", 0) & _CO_COROUTINE:
        raise TypeError(f"{name} must be a plain function, not an async one: {value!r}")


def decide(name: str, function: Callable[[str], object], text: str) -> bool:
    """Ask a function for a yes or a no about a text.

    Raises:
        TypeError: the answer is to be awaited: it would be a yes, whatever it comes to. Or what the function raises.
    """
    answer = function(text)
    if hasattr(answer, "__await__"):
        getattr(answer, "close", lambda: None)()  # nobody will await it
        raise TypeError(f"{name} must be a plain function, not one that is to be awaited: {function!r}")
    return bool(answer)


def check_id(value: object) -> str:
    """Check what a factory of ids has made; it stands in targets and cookies.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty, or holds something else than visible ASCII.
    """
    if not isinstance(value, str):
        raise TypeError(f"new_id must return a string, not: {value!r:.80}")
    if not _VISIBLE.fullmatch(value):
        raise ValueError(f"new_id must return visible ASCII, not: {value!r:.80}")
    return value


def check_path(name: str, value: object) -> None:
    """Check where a server is found: what stands in the line of a request, which is percent-encoded."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, as in '/socket.io/', not: {value!r}")
    if not value.startswith("/"):
        raise ValueError(f"{name} must begin with '/', as in '/socket.io/', not: {value!r}")
    if "?" in value or "#" in value:
        raise ValueError(f"{name} must begin with '/' and hold no query and no fragment ('?', '#'), not: {value!r}")
    encoded = quote(value, safe=_AS_SENT, errors="replace")
    if encoded != value:
        raise ValueError(f"{name} must begin with '/' and be percent-encoded, as in {encoded!r}, not: {value!r}")
    if {".", ".."} & set(value.split("/")):
        raise ValueError(f"{name} must hold no '.' and '..', which clients resolve: {value!r}")


def check_transports(value: object) -> None:
    """Check a list of transports."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"transports must be a list, as in ['websocket'], not: {value!r}")
    names = list(cast("Sequence[object]", value))
    if not names or any(name not in ("polling", "websocket") for name in names) or len(set(names)) != len(names):
        raise ValueError(f"transports must be 'polling' and/or 'websocket', each once, not: {names!r}")


def check_subprotocols(value: object, *, each_once: bool = False) -> None:
    """Check names of subprotocols."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        raise TypeError(f"subprotocols must be a list of names, as in ['chat'], not: {value!r}")
    names = list(cast("Collection[object]", value))
    for name in names:
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            raise ValueError(f"subprotocols must be tokens without spaces and commas, as in ['chat'], not: {name!r}")
    if each_once and len(set(names)) != len(names):
        raise ValueError(f"subprotocols must be named once each, not: {names!r}")


def check_headers(name: str, value: object) -> None:
    """Check headers as they are on the wire."""
    example = f"{name} must be a list of pairs of bytes, as in [(b'x-token', b'abc')], not"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise TypeError(f"{example}: {value!r}")
    for pair in cast("Sequence[object]", value):
        if not (isinstance(pair, (tuple, list)) and len(cast("Sequence[object]", pair)) == 2):
            raise TypeError(f"{example}: {pair!r}")
        field, content = cast("Sequence[object]", pair)
        if not isinstance(field, bytes) or not isinstance(content, bytes):
            raise TypeError(f"{example}: {pair!r}")
        if not TOKEN.fullmatch(field.decode("latin-1")) or not _HEADER_VALUE.fullmatch(content):
            raise ValueError(f"{name} must be pairs of a token and a value without control characters: {field!r}")
        if field.lower() == b"sec-websocket-protocol":
            raise ValueError(f"{name} must leave this one to subprotocols=['chat', ...]: {field!r}")
        if field.lower() in _FRAMING_HEADERS or field.lower().startswith(b"sec-websocket-"):
            raise ValueError(f"{name} must leave this one to the protocol: {field!r}")


def check_kind(name: str, value: object, kind: type[Any] | tuple[type[Any], ...], example: str) -> None:
    """Check that a value is of some class, or `None`."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be {example}, not: {value!r}")


def check_response(status: object, headers: Sequence[object], body: object) -> None:
    """Check what an application answers."""
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError(f"status of a Response must be a number, as in 200, not: {status!r}")
    for pair in headers:
        if not (isinstance(pair, (tuple, list)) and len(cast("Sequence[object]", pair)) == 2):
            example = "[(b'content-type', b'text/html')]"
            raise TypeError(f"headers of a Response must be a list of pairs, as in {example}, not: {pair!r:.80}")
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"body of a Response must be bytes, as in b'hello', not: {body!r:.80}")


def check_fields(name: str, value: object) -> None:
    """Check the fields of a query."""
    example = f"{name} must be a list of pairs of strings, as in [('token', 'abc')], not"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise TypeError(f"{example}: {value!r}")
    for pair in cast("Sequence[object]", value):
        if not (isinstance(pair, (tuple, list)) and len(cast("Sequence[object]", pair)) == 2):
            raise TypeError(f"{example}: {pair!r}")
        if not all(isinstance(text, str) for text in cast("Sequence[object]", pair)):
            raise TypeError(f"{example}: {pair!r}")


def pairs_of_strings(name: str, value: object) -> list[tuple[str, str]]:
    """Return the items of a mapping of strings."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict of strings, as in {{'token': 'abc'}}, not: {value!r}")
    items = list(cast("Mapping[object, object]", value).items())
    for key, text in items:
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(f"{name} must be a dict of strings, as in {{'token': 'abc'}}, not: {key!r}: {text!r}")
    return cast("list[tuple[str, str]]", items)
