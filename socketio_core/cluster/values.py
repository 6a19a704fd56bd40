"""Values between servers: JSON and msgpack as Node's adapters write and read them.

Python knows values that JavaScript does not, and the other way round. What leaves here is something that a Node server
takes, for one that it cannot read makes it drop the whole message; what comes in is something that can be sent on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from json import JSONDecoder
from math import isfinite
from typing import Any, Final, cast

import msgpack  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] # it has none

from socketio_core.collector import LARGE, uncollected
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.json_parser import make_encoder
from socketio_core.socketio.nesting import is_deeper, is_too_deep
from socketio_core.socketio.weight import count_values

MAX_DEPTH: Final = 256  # of an event or an answer; as many as are sent to clients, by default
MESSAGE_DEPTH: Final = MAX_DEPTH + 8  # of a message, with what is around that
MAX_VALUES: Final = 1_000_000  # ours: of one message of another server; as many as a client takes, by default
TEXT_BYTES: Final = 16  # ours: of JSON for each of those; 16 MB are what one client's buffer holds, by default

_msgpack: Any = msgpack
_packers: Final[list[Any]] = []  # one at the most, that nobody uses
_PACKER_BYTES: Final = 1 << 16  # it keeps as much as it has packed

_TOO_LONG: Final = re.compile("exceeds max_(array|map)_len")  # which is the limit on values
_Container = list[Any] | dict[Any, Any]

_Timestamp: Final = _msgpack.Timestamp
_UNREAD: Final = 0  # timestamps stay what they are
_CYCLE_YEARS, _CYCLE_S = 400, 12_622_780_800  # after which the calendar is the same again
_MAX_JS_S: Final = 8_640_000_000_000  # of a `Date`, before and after 1970

_OLD_UNDEFINED, _OLD_DATE = 1, 8  # sizes of extension 0 of encoders before notepack 3: what JavaScript has and JSON not


class Malformed(Exception):  # noqa: N818 - what a message is
    """What another server has sent cannot be understood; it is counted, and dropped."""


class TooDeep(LocalProtocolError, ValueError):  # noqa: N818 - what the data is
    """Other servers would refuse what is to be sent to them."""

    def __init__(self) -> None:
        super().__init__(f"data is nested deeper than {MAX_DEPTH}")


class Overheard(Exception):  # noqa: N818 - as above
    """A message is for a namespace whose channels are heard by their own pattern, and by that of another one."""


def to_json(value: object, *, is_checked: bool = False) -> bytes:
    """Encode as `JSON.stringify` does, near enough: bytes as Node's `Buffer`, dates as text, no NaN.

    Args:
        is_checked: how deep it is was looked at.

    Raises:
        TypeError, ValueError: there is no such form; `TooDeep`: others would refuse it.
    """
    try:
        text = _dumps(value, 0)
    except (TypeError, ValueError, RecursionError):
        text = _dumps(_plain(value, 0, for_json=True), 0)
    return _encoded("".join(text), is_checked=is_checked)


def plain_json(value: object, *, is_checked: bool = False) -> bytes | None:
    """Encode as `to_json` does, if there is nothing in it but what JSON has itself; `None` if there is, as bytes."""
    try:
        return _encoded("".join(_plain_dumps(value, 0)), is_checked=is_checked)
    except (TypeError, ValueError, RecursionError):
        return None


def _encoded(text: str, *, is_checked: bool) -> bytes:
    if not is_checked and _is_too_deep(text):
        raise TooDeep
    return text.encode("utf-8", "replace")


def _is_too_deep(text: str) -> bool:
    return len(text) > 2 * MESSAGE_DEPTH and is_too_deep(text, MESSAGE_DEPTH)


def _json_form(value: object) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"type": "Buffer", "data": list(bytes(cast("bytes", value)))}
    if isinstance(value, datetime):
        return iso_text(value)
    return _no_json_form(value)


def _no_json_form(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON")


_dumps: Final = make_encoder(_json_form)
_plain_dumps: Final = make_encoder(_no_json_form)


def from_json(data: bytes, max_values: int = MAX_VALUES) -> Any:
    """Decode.

    Raises:
        Malformed: it is no JSON, nested too deep, or has more than `max_values`, which are counted before; or it is so
            large that to count them would take long.
    """
    max_bytes = TEXT_BYTES * max(max_values, MAX_VALUES)
    if len(data) > max_bytes:
        raise Malformed(f"JSON larger than {max_bytes} bytes, {TEXT_BYTES} for each of max_message_values")
    text = data.decode("utf-8", "replace")
    if len(text) > max_values and count_values(text) > max_values:  # nearly each takes a character
        raise _too_many(max_values)
    try:
        value = _loads(text) if len(text) < LARGE else uncollected(_loads, text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from None
    if _is_too_deep(text):
        raise Malformed(f"nested deeper than {MESSAGE_DEPTH}")
    return value


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_loads: Final = JSONDecoder(parse_constant=_refuse).decode


def _too_many(max_values: int) -> Malformed:
    return Malformed(f"too many values in a message, max_message_values: {max_values}")


def to_msgpack(value: object, *, is_checked: bool = False) -> bytes:
    """Encode; dates become timestamps, what is too large for 64 bits a float.

    Arguments and errors are those of `to_json`.
    """
    try:
        data = _packed(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _packed(_plain(value, 0, for_json=False))
    if not is_checked and len(data) > MESSAGE_DEPTH and is_deeper(value, MESSAGE_DEPTH):  # each level takes a byte
        raise TooDeep
    return data


def _packed(value: object) -> bytes:
    # To make a packer takes as long as to pack a small message. One is used by one call: others may come from other
    # threads, or out of a strange mapping that is packed; and one that failed or has grown is left.
    packer = _packers.pop() if _packers else _msgpack.Packer(datetime=True, unicode_errors="replace")
    data = cast("bytes", packer.pack(value))
    if len(data) < _PACKER_BYTES and not _packers:
        _packers.append(packer)
    return data


def from_msgpack(data: bytes, max_values: int = MAX_VALUES) -> Any:
    """Decode; timestamps become dates.

    Raises:
        Malformed: it is no msgpack, or has more than `max_values`, of which no more are read.
    """
    try:
        try:
            if len(data) <= max_values:  # nearly each takes a byte; an empty list in one counts for two
                return _unpack(data) if len(data) < LARGE else uncollected(_unpack, data)
            return _unpack_counting(data, max_values, _counting(max_values))
        except OverflowError:  # a date that JavaScript has, and Python not
            count = _counting(max_values)
            return _unpack_counting(data, max_values, lambda found: _date(count(found)), timestamp=_UNREAD)
    except Malformed:
        raise
    except Exception as error:  # noqa: BLE001 - msgpack has a dozen for as many ways to be wrong
        why = str(error) or type(error).__name__
        if _TOO_LONG.search(why) is not None:
            raise _too_many(max_values) from None
        raise Malformed(f"no msgpack: {why}") from None


def _unpack(data: bytes, **given: Any) -> Any:
    options: Any = {"timestamp": 3, "strict_map_key": False, "unicode_errors": "replace", "ext_hook": _extension}
    return _msgpack.unpackb(data, **(options | given))


def _unpack_counting(data: bytes, max_values: int, count: Callable[[_Container], _Container], **given: Any) -> Any:
    limits: Any = {"max_array_len": max_values, "max_map_len": max_values, "list_hook": count, "object_hook": count}
    return uncollected(_unpack, data, **limits, **given)


def _counting(max_values: int) -> Callable[[_Container], _Container]:
    """Return what is told of each list and mapping that was read, and counts it and what is in it."""
    left = max_values

    def count(found: _Container) -> _Container:
        nonlocal left
        left -= len(found) or 1  # as `count_values` does, of JSON
        if left < 0:
            raise _too_many(max_values)
        return found

    return count


def _date(found: _Container) -> _Container:
    """Make dates of the timestamps in a list or mapping."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    dates = {key: _date_of(each.seconds, each.nanoseconds // 1000) for key, each in pairs if type(each) is _Timestamp}
    for key, date in dates.items():
        found[key] = date
    return found


def _date_of(seconds: int, microseconds: int) -> datetime | str | None:
    """Return a moment since 1970; in a year that Python has not as text, as JavaScript writes it, or nothing."""
    if abs(seconds) > _MAX_JS_S:
        return None
    cycles, rest = divmod(seconds, _CYCLE_S)
    moment = datetime.fromtimestamp(rest, UTC).replace(microsecond=microseconds)
    year = moment.year + _CYCLE_YEARS * cycles
    if MINYEAR <= year <= MAXYEAR:
        return moment.replace(year=year)
    return (f"{year:+07}" if year else "0000") + iso_text(moment)[4:]


def _extension(code: int, data: bytes) -> object:
    if code == 0 and len(data) == _OLD_UNDEFINED:
        return None
    if code == 0 and len(data) == _OLD_DATE:
        seconds, milliseconds = divmod(int.from_bytes(data, "big", signed=True), 1000)
        return _date_of(seconds, milliseconds * 1000)
    if code == 0:
        return data
    raise ValueError(f"unknown extension {code}")


def check_depth(value: object) -> None:
    """See that other servers take an event or an answer, or what is kept with a socket.

    Raises:
        TooDeep: they do not.
    """
    if is_deeper(value, MAX_DEPTH):
        raise TooDeep


def has_binary(value: object) -> bool:
    """Whether there are bytes somewhere in a value.

    Raises:
        ValueError: it is nested too deep to be sent, or holds itself.
    """
    pending = [(value, 0)]
    while pending:
        each, depth = pending.pop()
        if isinstance(each, (bytes, bytearray, memoryview)):
            return True
        if depth > MESSAGE_DEPTH:
            raise TooDeep
        if isinstance(each, Mapping):
            pending += [(inner, depth + 1) for inner in cast("Mapping[str, object]", each).values()]
        elif isinstance(each, (list, tuple)):
            pending += [(inner, depth + 1) for inner in cast("list[object]", each)]
    return False


def iso_text(moment: datetime) -> str:
    """Return a date as JavaScript writes it into JSON: in UTC, with milliseconds."""
    return _aware(moment).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def date_text(seconds: float) -> str:
    """Return seconds since 1970 as `iso_text` does."""
    return iso_text(datetime.fromtimestamp(seconds, UTC))


def sendable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return of several values those that can be told to another server."""
    found: dict[str, Any] = {}
    for key, value in fields.items():
        try:
            plain = _plain(value, 0, for_json=False)
            check_depth(plain)
            found[_key(key)] = plain
        except (TypeError, ValueError, RecursionError):
            continue
    return found


def _aware(moment: datetime) -> datetime:
    """Return a date with a zone; one without is taken for UTC, for nothing here may depend on where it runs."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def for_clients(value: object) -> Any:
    """Return a value from another server as one that our clients can be sent: dates as text."""
    return _plain(value, 0, for_json=False, keeps_dates=False)


def _plain(value: object, depth: int, *, for_json: bool, keeps_dates: bool = True) -> Any:
    """Return a copy that can be encoded: no NaN, no other keys than text, no strange types, no endless depth."""
    if depth > MESSAGE_DEPTH:
        raise TooDeep
    how: dict[str, bool] = {"for_json": for_json, "keeps_dates": keeps_dates}
    if isinstance(value, Mapping):
        fields: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] # of anything
        return {_key(key): _plain(each, depth + 1, **how) for key, each in fields.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, depth + 1, **how) for each in cast("list[Any]", value)]
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if for_json or -(1 << 63) <= value < 1 << 64 else _float_of(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(cast("bytes", value))
        return _json_form(data) if for_json else data
    if isinstance(value, datetime):
        return _aware(value) if keeps_dates else iso_text(value)
    raise TypeError(f"data for other servers: {type(value).__name__} is not JSON")


def _float_of(value: int) -> float | None:
    """Return a number as JavaScript has it: what is too large for it is written as `null`."""
    try:
        return float(value)
    except OverflowError:
        return None


def _key(key: object) -> str:
    if key is None or isinstance(key, (int, float)):
        return json.dumps(key)
    if not isinstance(key, str):
        raise TypeError(f"data for other servers: a key must be text, not {type(key).__name__}")
    return str.__str__(key)
