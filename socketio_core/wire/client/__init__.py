"""Bytes in, bytes out: what a client does over HTTP/1.1, WebSockets and proxies, for whoever owns sockets and a clock.

    site = ClientSite(core, address)
    for wire in site.flush(now): ...               # dial `wire.host` and `wire.port` if it is new; write, read on
    wire.connected(now)
    wire.receive(data, now)

Nothing here waits, and nothing of it is to be decided by a host. These are all of its duties:

1.  Settle, at the beginning and after each of the calls below, and whenever the application has done something: call
    `site.flush(now)`, and for each wire that it returns

        if it is new (`wire.context` is `None`, and belongs to the host): dial `wire.unix_path`, if there is
        one, or else `wire.host` and `wire.port`, which are a
        proxy's if there is one, then `wire.connected(now)`;
        if `wants_tls`: do the handshake on that connection, for the name `wire.server_name`, then `wire.secured(now)`;
        write what `data_to_send(now)` returns, again and again until that is `b""`;
        end the direction of writing if `is_mute`, and drop the connection, or stop dialing, if `is_over`;
        read on, or do not, as `wants_input` says.

2.  Hand over what came: `wire.receive(data, now)`. Three ends are told apart by what the host has seen:
    `receive(b"", now)`, nothing more will come; `write_failed(now, why)`, a write failed; `lost(now, why)`, there is no
    connection, because it could not be made, or not be secured, or is gone. `why` is for people.
3.  When `site.next_deadline` comes: `site.handle_timeout(now)`, then settle.
4.  The end: close the core in order, settle, and go on until `core.is_done` or patience is at its end; then
    `site.abort(now)`, and settle.

A connection that is kept for the next exchange is read like others, for its end must be noticed. Between that end and
the host's next look at it another exchange might begin; a host that can ask its socket sets `wire.has_unread`.
"""

from socketio_core.wire.client.connection import ClientWire
from socketio_core.wire.client.site import ClientSite

__all__ = ["ClientSite", "ClientWire"]
