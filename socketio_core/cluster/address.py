"""Where a Redis is, and who we are there: `redis://user:password@host:6379/0`, `rediss://…`, `unix:///path`."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from socketio_core.records import record

_DEFAULT_PORT: Final = 6379
_EXAMPLE: Final = "'redis://localhost:6379' (or rediss, unix)"


@record
class RedisAddress:
    """What a URL says. The password is not shown."""

    host: str
    port: int
    unix_path: str | None
    is_secure: bool
    username: str | None
    password: str | None
    database: int

    def __repr__(self) -> str:
        return f"<RedisAddress {self.url}>"

    @property
    def url(self) -> str:
        """For messages: without user and password."""
        if self.unix_path is not None:
            return f"unix://{self.unix_path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.is_secure else 'redis'}://{host}:{self.port}"


def parse_redis_url(url: str) -> RedisAddress:
    """Read the URL of a Redis.

    Raises:
        ValueError: it is none; the message says what would be one, and holds no password.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks types
        raise TypeError(f"URL of a Redis must be a string, as in {_EXAMPLE}, not: {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"URL of a Redis must look like {_EXAMPLE}: {error}") from None
    if parts.scheme == "unix" and parts.path:
        host, path, database = "", unquote(parts.path), parse_qs(parts.query).get("db", ["0"])[-1]
    elif parts.scheme in ("redis", "rediss") and parts.hostname:
        host, path, database = parts.hostname, None, parts.path.strip("/") or "0"
    else:
        raise ValueError(f"URL of a Redis must look like {_EXAMPLE}")
    if not (database.isascii() and database.isdigit()):
        raise ValueError(f"database of a Redis must be a number: {database!r:.100}")
    return RedisAddress(
        host=host,
        port=_DEFAULT_PORT if port is None else port,
        unix_path=path,
        is_secure=parts.scheme == "rediss",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        database=int(database),
    )
