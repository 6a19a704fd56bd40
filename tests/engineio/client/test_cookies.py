"""Cookies of a client."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client.cookies import MAX_COOKIE_BYTES, MAX_COOKIES, CookieJar

DATE = (b"date", b"Tue, 24 Nov 2026 06:00:00 GMT")


def jar_with(*values: bytes, now: float = 100.0, date: tuple[bytes, bytes] | None = DATE) -> CookieJar:
    jar = CookieJar()
    jar.update([*([date] if date else []), *((b"set-cookie", value) for value in values)], now)
    return jar


def test_no_cookies_is_no_header() -> None:
    assert CookieJar().header_value(0) is None


@pytest.mark.parametrize("attribute", [b"Max-Age=0", b"Max-Age=-1", b"Expires=Tue, 24 Nov 2026 06:00:00 GMT"])
def test_what_has_no_time_to_live_is_not_kept(attribute: bytes) -> None:
    assert len(jar_with(b"a=1; " + attribute)) == 0
    assert len(jar_with(b"a=1", b"a=2; " + attribute)) == 0


def test_expiry_is_read_to_the_second() -> None:
    jar = jar_with(b"a=1; Expires=Tue, 24 Nov 2026 06:01:07 GMT", now=100.0)
    assert jar.header_value(166.9) == b"a=1"
    assert jar.header_value(167.0) is None


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ([b"a=1"], b"a=1"),
        ([b"a=1; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=x"], b"a=1"),
        ([b"a=1", b"b=2"], b"a=1; b=2"),
        ([b"a=1", b"a=2"], b"a=2"),
        ([b" a = 1 "], b"a=1"),
        ([b"a=b=c"], b"a=b=c"),
        ([b"a="], b"a="),
        ([b"a"], None),
        ([b"=1"], None),
        ([b""], None),
        ([b"a=1; Max-Age=0"], None),
        ([b"a=1; max-age=-1"], None),
        ([b"a=1", b"a=; Max-Age=0"], None),
        ([b"a=1; Max-Age=soon"], b"a=1"),
        ([b"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], None),
        ([b"a=1; Expires=Tue, 24 Nov 2026 06:00:00 GMT"], None),
        ([b"a=1; Expires=Tue, 24 Nov 2026 06:00:01 GMT"], b"a=1"),
        ([b"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5"], b"a=1"),
        ([b"a=1; Expires=whenever"], b"a=1"),
        ([b"a=1; Expires=Tue, 24 Foo 2026 06:00:00 GMT"], b"a=1"),
        ([b"a=" + b"x" * (MAX_COOKIE_BYTES - 2)], b"a=" + b"x" * (MAX_COOKIE_BYTES - 2)),
        ([b"a=" + b"x" * (MAX_COOKIE_BYTES - 1)], None),
    ],
)
def test_cookies_are_kept(values: list[bytes], header: bytes | None) -> None:
    assert jar_with(*values).header_value(100.0) == header


@pytest.mark.parametrize(
    ("expires", "lifetime_s"),
    [
        (b"Tue, 24 Nov 2026 06:00:01 GMT", 1),
        (b"Tue, 24-Nov-2026 07:00:00 GMT", 3600),
        (b"Wed, 25 Nov 2026 06:00:00 GMT", 86400),
        (b"Mon, 01 Mar 2027 06:00:00 GMT", 97 * 86400),
        (b"Wed, 01 Mar 2028 06:00:00 GMT", 463 * 86400),  # behind a leap day
    ],
)
def test_expiry_counts_from_the_date_of_the_response(expires: bytes, lifetime_s: int) -> None:
    jar = jar_with(b"a=1; Expires=" + expires)
    assert jar.header_value(100.0 + lifetime_s - 0.001) == b"a=1"
    assert jar.header_value(100.0 + lifetime_s) is None
    assert len(jar) == 0


def test_without_a_date_expiry_means_nothing() -> None:
    assert jar_with(b"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", date=None).header_value(1e9) == b"a=1"


def test_max_age_counts_from_now() -> None:
    jar = jar_with(b"a=1; Max-Age=10")
    assert jar.header_value(109.9) == b"a=1"
    assert jar.header_value(110.0) is None


def test_more_than_a_browser_keeps_are_ignored() -> None:
    jar = jar_with(*(b"c%d=1" % number for number in range(MAX_COOKIES + 1)))
    assert len(jar) == MAX_COOKIES
    jar.update([(b"set-cookie", b"c0=2")], 100.0)
    assert b"c0=2" in (jar.header_value(100.0) or b"")
