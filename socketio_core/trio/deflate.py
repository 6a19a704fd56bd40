"""permessage-deflate (RFC 7692), for servers that switch it on. Off by default, as in the reference (PROTOCOL 1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.handshake import server_extensions_handshake

from socketio_core.http import Request

SLICE_BYTES: Final = 4096
"""How much compressed data is inflated before the size of the message is looked at again.

Deflate packs up to 1032 to 1, so a slice grows to 4 MB at the most. wsproto itself inflates whatever it is given.
"""


def negotiate(request: Request) -> tuple[list[Extension], list[tuple[bytes, bytes]]]:
    """Accept the client's offer, if there is one: the extensions to use, and the headers that say so."""
    offers = request.header("sec-websocket-extensions")
    if offers is None:
        return [], []
    deflate = PerMessageDeflate()
    try:
        accepted = server_extensions_handshake(offers.split(","), [deflate])
    except ValueError:  # parameters that are no numbers: go on without
        return [], []
    if accepted is None:
        return [], []
    return [deflate], [(b"sec-websocket-extensions", accepted)]


def slices(data: bytes) -> Iterator[bytes]:
    """Cut what was read into pieces that are safe to inflate."""
    for start in range(0, len(data), SLICE_BYTES):
        yield data[start : start + SLICE_BYTES]
