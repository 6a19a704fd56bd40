"""Cookies that a server sets and wants back: what load balancers keep a client on its server with.

All requests of a client go to one host and path, so domain, path and flags of a cookie mean nothing here, as in the
reference (PROTOCOL 1.13). Spec: RFC 6265, 5.
"""

from __future__ import annotations

import re
from typing import Final

from socketio_core.http import Headers

MAX_COOKIES: Final = 50  # RFC 6265, 6.1: what a browser keeps for one domain
MAX_COOKIE_BYTES: Final = 4096  # RFC 6265, 6.1

_DATE = re.compile(rb"(?:\w+,\s*)?(\d{1,2})[ -](\w{3})[ -](\d{4})\s+(\d{2}):(\d{2}):(\d{2})")
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_SECONDS = re.compile(rb"-?[0-9]{1,15}")


class CookieJar:
    """The cookies of one client; they outlive its sessions."""

    def __init__(self) -> None:
        self._cookies: dict[bytes, tuple[bytes, float | None]] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def update(self, headers: Headers, now: float) -> None:
        """Keep what the `set-cookie` headers of a response say; more, or larger ones, than a browser keeps are ignored.

        `Expires` is read against the response's own `Date`, for there is no other calendar here; without a `Date` it is
        ignored. Names of headers must be in lower case.
        """
        date = next((_epoch_seconds(value) for name, value in headers if name == b"date"), None)
        for name, value in headers:
            if name == b"set-cookie" and len(value) <= MAX_COOKIE_BYTES:
                self._set(value, date, now)

    def _set(self, value: bytes, date: int | None, now: float) -> None:
        pair, *attributes = value.split(b";")
        name, found, content = pair.partition(b"=")
        name, content = name.strip(), content.strip()
        if not found or not name:
            return
        lifetime_s = _lifetime_s(attributes, date)
        self._cookies.pop(name, None)
        if lifetime_s is not None and lifetime_s <= 0:
            return
        if len(self._cookies) < MAX_COOKIES:
            self._cookies[name] = (content, None if lifetime_s is None else now + lifetime_s)

    def header_value(self, now: float) -> bytes | None:
        """Return the value of a `cookie` header, e.g. `b"io=abc; lb=2"`; `None` without cookies."""
        self._cookies = {
            name: (content, expires_at)
            for name, (content, expires_at) in self._cookies.items()
            if expires_at is None or expires_at > now
        }
        pairs = [name + b"=" + content for name, (content, _) in self._cookies.items()]
        return b"; ".join(pairs) if pairs else None


def _lifetime_s(attributes: list[bytes], date: int | None) -> float | None:
    """Return how long a cookie lives, `None` for as long as the client does; `Max-Age` goes before `Expires`."""
    expires: int | None = None
    for attribute in attributes:
        name, _, value = attribute.partition(b"=")
        name, value = name.strip().lower(), value.strip()
        if name == b"max-age" and _SECONDS.fullmatch(value):
            return int(value)
        if name == b"expires":
            expires = _epoch_seconds(value)
    return None if expires is None or date is None else expires - date


def _epoch_seconds(value: bytes) -> int | None:
    """Return the seconds since 1970 of an HTTP date, `None` if it is none. Spec: RFC 9110, 5.6.7."""
    found = _DATE.match(value.strip())
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, year = int(found[1]), int(found[3])
    month = _MONTHS.index(found[2].lower()) + 1
    # Days from civil: years begin in March, so that the leap day is the last one.
    shifted_year, shifted_month = (year - 1, month + 9) if month < 3 else (year, month - 3)
    days = 365 * shifted_year + shifted_year // 4 - shifted_year // 100 + shifted_year // 400
    days += (153 * shifted_month + 2) // 5 + day - 1 - 719_468
    return ((days * 24 + int(found[4])) * 60 + int(found[5])) * 60 + int(found[6])
