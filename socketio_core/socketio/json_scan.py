"""JSON text read by the scanner in C of Python's own `json`: nothing that is more than JSON, and no infinities."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecoder
from typing import Any, Final, NoReturn, cast

from socketio_core.collector import LARGE, uncollected
from socketio_core.socketio.json_module import Loads
from socketio_core.socketio.packet import JSONValue

Scan = Callable[[str, int], tuple[JSONValue, int]]
"""Reads the value at an index, and returns it with the index behind it, as `JSONDecoder.raw_decode` does."""

_LONG_CHARS: Final = 1024  # shorter texts are not worth a look at whether they hold many floats
_PROBED_CHARS: Final = 512
_MANY: Final = 4  # floats in what is probed: from there on it costs less to look at all of the text first
_LONG_NUMBER: Final = b"0" * 209  # times 10**99 it is still no infinity

_DIGITS_TO_0: Final = bytes.maketrans(b"123456789E", b"000000000e")

_FAR: Final = 1e99  # beyond this, an exponent of three digits
_NEAR: Final = 1e-99
FAR_VALUES: Final = 4
"""What a number that is far away, or close to 0, counts for more: `1.2345678901234567e-300` takes 0.8 µs to read and
1.7 to write again, a number in reach 0.4 and at most 0.8. A message that is full of them would take 70 ms to write."""


class TooManyValues(Exception):  # noqa: N818 - an outcome
    """There are more numbers that are far away than what is left for values."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """Return a number with a fraction or an exponent.

    One that no double holds, as `1e400`, no client of the reference sends, for JavaScript writes `null`. It would be an
    infinity, which JSON has no form for, so whoever passed it on would fail.
    """
    value = float(text)
    if value - value:  # not a number, which is true
        raise ValueError(f"number out of range: {text:.20}")
    return value


def _counting(left: int) -> Scan:
    """Return a scanner that reads no more numbers far away than so many."""

    def finite(text: str) -> float:
        value = float(text)
        if _NEAR <= value <= _FAR or -_FAR <= value <= -_NEAR or not value:
            return value
        nonlocal left
        left -= 1
        if left < 0:
            raise TooManyValues
        return value if not value - value else _finite(text)  # which says what is wrong

    decoder: Any = JSONDecoder(parse_float=finite, parse_constant=_refuse_constant)
    return cast("Scan", decoder.scan_once)


# raw_decode() is this in a wrapper; it is not in the type stubs.
scan_short: Scan
scan_short = JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]
_scan_finite: Scan
_scan_finite = JSONDecoder(parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]


def scan(text: str, start: int, values_left: int | None = None) -> tuple[JSONValue, int]:
    """Read a value.

    A function that looks at each float costs 70 ns, twice what the float does. So a text that is full of them is looked
    at first: nearly always it cannot hold an infinity (benchmarks: codec, 10 kB).

    Args:
        values_left: how many values more the text may count for; `None`: it is too short for that to matter.

    Raises:
        TooManyValues: it does.
        StopIteration: there is no value.
        ValueError: it is not JSON.
        RecursionError: it is nested deeper than Python's own limit.
    """
    if len(text) > _LONG_CHARS and _has_many_floats(text) and not _may_be_far(text):  # fast path; benchmarks: codec
        read = _scan_finite
    else:
        read = scan_short if values_left is None else _counting(values_left // FAR_VALUES)
    return read(text, start) if len(text) < LARGE else uncollected(read, text, start)


def _has_many_floats(text: str) -> bool:
    probe = text[:_PROBED_CHARS].encode("utf-8", "surrogatepass").translate(_DIGITS_TO_0)
    return probe.count(b"0.0") >= _MANY


def _may_be_far(text: str) -> bool:
    """Whether there is an exponent of three digits, or so many digits that one of two is enough; in a string, too.

    `rfind` looks for the `e`, which is rare; `in` would look for the last `0`.
    """
    raw = text.encode("utf-8", "surrogatepass").translate(_DIGITS_TO_0)
    return (
        raw.rfind(b"e000") >= 0
        or (b"+" in raw and raw.rfind(b"e+000") >= 0)
        or (b"-" in raw and raw.rfind(b"e-000") >= 0)
        or raw.rfind(_LONG_NUMBER) >= 0
    )


def scan_with(loads: Loads, text: str, start: int, values_left: int | None = None) -> tuple[JSONValue, int]:
    """Read a value with another module, to the end of the text; what that refuses is for our own to judge.

    What takes our own long it reads and writes again in a tenth of the time.
    """
    own = text[start:]
    try:
        return (loads(own) if len(own) < LARGE else uncollected(loads, own)), len(text)
    except Exception:  # noqa: BLE001 - each module has errors of its own
        return scan(text, start, values_left)
