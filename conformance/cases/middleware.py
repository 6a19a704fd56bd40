"""Middlewares of events, where a server has them: what waits in one keeps its place."""

from __future__ import annotations

from conformance.case import BOTH, Skipped, case
from conformance.cases.events import holder
from conformance.client.peer import Peer
from conformance.client.socketio import SocketIO, packet

GUARDED = "/guarded"


async def enter(peer: Peer, transport: str) -> SocketIO:
    """Connect to `/`, and to the namespace that has a middleware of events, if there is one."""
    client = await peer.socketio(transport)
    await client.send(packet(0, GUARDED))
    answer = await client.receive()
    if answer.type == 4:
        raise Skipped("there is no namespace /guarded, for middlewares of events are optional")
    await client.expect(packet(2, GUARDED, ["auth", {}]))
    return client


@case("better", "Socket.IO 5, Introduction; PROTOCOL 4.3", over=BOTH)
async def events_wait_for_the_one_before(peer: Peer, transport: str) -> None:
    """Behind an event that a middleware holds up, events are handled, and acknowledged, in the order they came in."""
    client = await enter(peer, transport)
    await client.send(
        packet(2, GUARDED, ["message-with-ack", "wait", 1], ack_id=1),
        packet(2, GUARDED, ["message", 2]),
        packet(5, GUARDED, ["message", holder(0)], attachments=1),
        b"\x03",
        packet(2, GUARDED, ["message-with-ack", "wait", 4], ack_id=4),
        packet(2, GUARDED, ["message-with-ack", 5], ack_id=5),
    )
    await client.expect(packet(3, GUARDED, ["wait", 1], ack_id=1))
    await client.expect(packet(2, GUARDED, ["message-back", 2]))
    await client.expect(packet(5, GUARDED, ["message-back", holder(0)], attachments=1), b"\x03")
    await client.expect(packet(3, GUARDED, ["wait", 4], ack_id=4))
    await client.expect(packet(3, GUARDED, [5], ack_id=5))


@case("reference", "PROTOCOL 4.3", over=BOTH)
async def other_namespaces_do_not_wait(peer: Peer, transport: str) -> None:
    """An event that a middleware holds up holds up none of another namespace, on the same connection."""
    client = await enter(peer, transport)
    await client.send(packet(2, GUARDED, ["message-with-ack", "wait"], ack_id=1), packet(2, data=["message", 2]))
    await client.expect(packet(2, data=["message-back", 2]))
    await client.expect(packet(3, GUARDED, ["wait"], ack_id=1))
