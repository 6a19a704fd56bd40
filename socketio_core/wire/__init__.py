"""Bytes in, bytes out: HTTP/1.1 and WebSockets around the engines, for whoever owns sockets and a clock.

    site = Site([Mount(server)])
    wire = site.connect(now, address, "http")
    wire.receive(data, now)
    for wire in site.flush(now): ...               # write `wire.data_to_send(now)`

Nothing here waits: any event loop will do, or none.

All duties of a host are on one page: README.md beside this file. `conformance/hosts` has a host without network
(`sans.py`, to be read first), and others on `asyncio`, on `selectors` and on threads (`wsgi.py`).
"""

from socketio_core.extras import Needing
from socketio_core.serving import Serving, Timeouts

with Needing("wire"):
    from socketio_core.wire.asked import Asked, HandshakeAsked, RequestAsked
    from socketio_core.wire.base import Pace
    from socketio_core.wire.connection import Wire
    from socketio_core.wire.site import Application, Mount, Site

__all__ = [
    "Application",
    "Asked",
    "HandshakeAsked",
    "Mount",
    "Pace",
    "RequestAsked",
    "Serving",
    "Site",
    "Timeouts",
    "Wire",
]
