"""Pings are answered, and missed."""

from __future__ import annotations

import trio

from conformance.case import BOTH, Failure
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer


@case("required", "PROTOCOL 1.7", over=BOTH)
async def heartbeats_are_answered(peer: ClientPeer, transport: str) -> None:
    """Each ping is answered by one pong at once, and nothing else is said."""
    session = await peer.connected(transport)
    for _ in range(2):
        await session.send("2")
        await session.expect("3")
    await session.quiet()


@case("required", "PROTOCOL 1.7", over=BOTH)
async def silent_server_is_noticed(peer: ClientPeer, transport: str) -> None:
    """When no ping comes for interval and timeout together, and not before, the client disconnects by itself."""
    await peer.open(transport)
    session = await peer.session(transport, pingInterval=200, pingTimeout=200)
    await session.let_in()
    await peer.report("disconnect", reason="ping timeout")
    elapsed_s = trio.current_time() - session.began_at
    if elapsed_s < 0.38:  # timers may be early by a little
        raise Failure("the client did not wait long enough", expected=0.4, received=elapsed_s)


@case("required", "PROTOCOL 1.7", over=BOTH)
async def heartbeats_keep_the_connection(peer: ClientPeer, transport: str) -> None:
    """While pings come in time, the connection lives."""
    await peer.open(transport)
    session = await peer.session(transport, pingInterval=250, pingTimeout=250)
    await session.let_in()
    for _ in range(5):
        await trio.sleep(0.15)
        await session.send("2")
        await session.expect("3")
    await peer.silence()
