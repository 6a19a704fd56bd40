"""The default factories of ids and keys: the one module of the core that touches entropy."""

from __future__ import annotations

from collections.abc import Callable
from secrets import SystemRandom, token_bytes, token_urlsafe

random: Callable[[], float] = SystemRandom().random
"""Returns floats from 0 to 1, 1 excluded: they spread the reconnections of clients, and mark their requests."""

IdFactory = Callable[[], str]
"""Returns a new unguessable id. A session id is a bearer token: whoever knows it may poll and post."""

ID_BYTES = 15  # 20 characters, as the reference's base64id; all 120 bits are random here (its last 24 count up)


def new_id() -> str:
    """Return 20 URL-safe characters that hold 120 random bits."""
    return token_urlsafe(ID_BYTES)


def new_mask_bytes() -> bytes:
    """Return random bytes for the masks of 64 frames (RFC 6455, 5.3): one system call for all of them."""
    return token_bytes(256)


def new_key() -> bytes:
    """Return the 16 random bytes of a WebSocket handshake (RFC 6455, 4.1)."""
    return token_bytes(16)
