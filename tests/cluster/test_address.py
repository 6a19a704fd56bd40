"""URLs of a Redis."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.cluster.address import RedisAddress, parse_redis_url


def address(**fields: Any) -> RedisAddress:
    """Return an address; what is not said is the usual."""
    usual: dict[str, Any] = {
        "host": "h",
        "port": 6379,
        "unix_path": None,
        "is_secure": False,
        "username": None,
        "password": None,
    }
    fields = {**usual, "database": 0, **fields}
    return RedisAddress(**fields)


@pytest.mark.parametrize(
    ("url", "wanted", "shown"),
    [
        ("redis://h", address(), "redis://h:6379"),
        ("rediss://h:1/2", address(port=1, is_secure=True, database=2), "rediss://h:1"),
        ("redis://:p%40w@[::1]:7", address(host="::1", port=7, password="p@w"), "redis://[::1]:7"),
        ("redis://u:p@h/3/", address(username="u", password="p", database=3), "redis://h:6379"),
        ("unix:///run/r.sock?db=4", address(host="", unix_path="/run/r.sock", database=4), "unix:///run/r.sock"),
        ("unix://u:p@/a%20b", address(host="", unix_path="/a b", username="u", password="p"), "unix:///a b"),
    ],
)
def test_urls_say_where_and_who(url: str, wanted: RedisAddress, shown: str) -> None:
    assert parse_redis_url(url) == wanted
    assert repr(wanted) == f"<RedisAddress {shown}>"


@pytest.mark.parametrize(
    "url", ["", "h:6379", "http://h", "redis://", "unix://", "redis://h:x", "redis://h/x", "redis://h/١", "redis://[h"]
)
def test_what_is_no_url_says_what_would_be_one(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like 'redis://localhost:6379'|must be a number"):
        parse_redis_url(url)
    with pytest.raises(TypeError, match="must be a string"):
        parse_redis_url(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # by the unwary
