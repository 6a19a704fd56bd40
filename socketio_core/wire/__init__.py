"""Bytes in, bytes out: HTTP/1.1 and WebSockets around the engines, for whoever owns sockets and a clock.

    site = Site([Mount(server)])
    wire = site.connect(now, address)
    wire.receive(data, now)
    for wire in site.flush(now): ...               # write `wire.data_to_send(now)`

Nothing here waits: any event loop will do, or none. `conformance/hosts/asyncio.py` is a host of it.
"""

from socketio_core.wire.asked import Asked, HandshakeAsked, RequestAsked
from socketio_core.wire.connection import Wire
from socketio_core.wire.site import Application, Mount, Pace, Site
from socketio_core.wire.timeouts import Timeouts

__all__ = ["Application", "Asked", "HandshakeAsked", "Mount", "Pace", "RequestAsked", "Site", "Timeouts", "Wire"]
