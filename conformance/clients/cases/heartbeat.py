"""Pings are answered, and missed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import trio

from conformance.case import BOTH, Failure, Late
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer


@contextmanager
def _in_time(since: float, seconds: float) -> Generator[None]:
    """Pass over a failure where it took so long that the client had to end the connection."""
    try:
        yield
    except Failure as failure:
        if trio.current_time() - since < seconds:
            raise
        raise Late(f"no ping came in time: {failure.problem}") from failure


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
    half_ms = round(200 * peer.slowness)
    least_s = 2 * half_ms / 1000 - 0.02  # timers may be early by a little
    session = await peer.session(transport, pingInterval=half_ms, pingTimeout=half_ms)
    with _in_time(session.began_at, least_s):
        await session.let_in()
    await peer.silence(max(0.0, session.began_at + least_s - trio.current_time()))
    await peer.report("disconnect", reason="ping timeout")


@case("required", "PROTOCOL 1.7", over=BOTH)
async def heartbeats_keep_the_connection(peer: ClientPeer, transport: str) -> None:
    """While pings come in time, the connection lives."""
    await peer.open(transport)
    half_ms = round(250 * peer.slowness)
    least_s = 2 * half_ms / 1000 - 0.02  # as above
    session = await peer.session(transport, pingInterval=half_ms, pingTimeout=half_ms)
    pinged_at = session.began_at
    with _in_time(pinged_at, least_s):
        await session.let_in()
    for _ in range(5):
        with _in_time(pinged_at, least_s):
            await peer.silence(0.15 * peer.slowness)
            ping_at = trio.current_time()
            await session.send("2")
            await session.expect("3")
        pinged_at = ping_at
    with _in_time(pinged_at, least_s):
        await peer.silence()
