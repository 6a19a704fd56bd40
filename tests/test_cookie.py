"""The session cookie. PROTOCOL 1.5."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.cookie import Cookie

# -- cookies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        (Cookie(), b"io=S; Path=/; HttpOnly; SameSite=Lax"),
        (Cookie(name="n", path=None, http_only=False, same_site=None), b"n=S"),
        (
            Cookie(
                domain="d.example", max_age_s=5, expires="Thu, 01 Jan 2026 00:00:00 GMT", secure=True, same_site="none"
            ),
            (
                b"io=S; Max-Age=5; Domain=d.example; Path=/; Expires=Thu, 01 Jan 2026 00:00:00 GMT; HttpOnly; Secure;"
                b" SameSite=None"
            ),
        ),
    ],
)
def test_cookie(cookie: Cookie, value: bytes) -> None:
    """PROTOCOL 1.5."""
    assert cookie.header_value("S") == value


@pytest.mark.parametrize("bad", [";", "\r", "\n", "\0", "é", "\x7f"])
@pytest.mark.parametrize("field", ["name", "path", "domain", "expires"])
def test_cookie_cannot_break_out_of_its_header(field: str, bad: str) -> None:
    attributes: dict[str, Any] = {field: "a" + bad}
    with pytest.raises(ValueError, match="illegal character"):
        Cookie(**attributes)
