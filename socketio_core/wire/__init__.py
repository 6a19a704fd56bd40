"""Bytes in, bytes out: HTTP/1.1 and WebSockets around the engines, for whoever owns sockets and a clock.

    site = Site([Mount(server)])
    wire = site.connect(now, address)
    wire.receive(data, now)
    for wire in site.flush(now): ...               # write `wire.data_to_send(now)`

Nothing here waits: any event loop will do, or none.

Writing a host. It owns listening sockets, connections and a clock, and these are all of its duties:

1.  A client has come: `wire = site.connect(now, address, scheme)`. `wire.context` is the host's; the connection itself
    belongs there. `scheme` is `"https"` if the host does TLS. Then settle, for there is a deadline now.
2.  Read while `wire.wants_input`, and hand over what came: `wire.receive(data, now)`. Three ends are told apart by what
    the host has seen: `receive(b"", now)`, nothing more will come (the client may still read); `write_failed(now)`, a
    write failed (there may still be something to be read); `lost(now)`, the connection is gone, both ways.
3.  Settle after each of these, and after anything that the application does outside of `work`: call
    `site.flush(now)`, and for each wire that it returns

        write what `data_to_send(now)` returns, again and again until that is `b""`;
        end the direction of writing if `is_mute`, drop the connection if `is_over`;
        read on, or do not, as `wants_input` says.

    To ask `data_to_send` again is to say that what it returned before is written; who writes only a part of it keeps
    the rest, and asks no sooner than that is gone. An answer that is written may let the next request begin: call
    `flush` until it returns nothing, or leave that to the deadline.
4.  When `site.next_deadline` comes, which may have changed with each settling and is past already when something is
    left to do: `site.handle_timeout(now)`, then settle. To call it too early, too late or too often does no harm.
5.  The end: `site.close(now)`, settle, and go on until `site.wires` is empty or patience is at its end.

No call here blocks, and none may run while another does: with threads, make all of them under one lock.
`conformance/hosts` has a host without network (`sans.py`, to be read first), and others on `asyncio`, on `selectors`
and on threads (`wsgi.py`).
"""

from socketio_core.serving import Timeouts
from socketio_core.wire.asked import Asked, HandshakeAsked, RequestAsked
from socketio_core.wire.connection import Wire
from socketio_core.wire.site import Application, Mount, Pace, Site

__all__ = ["Application", "Asked", "HandshakeAsked", "Mount", "Pace", "RequestAsked", "Site", "Timeouts", "Wire"]
