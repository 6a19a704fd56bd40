"""Polling and WebSocket: what is in flight, and how it looks."""

from __future__ import annotations

import json

import trio

from conformance.case import BOTH, Failure, expect
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer
from conformance.clients.server import PING, PONG, TEXT, packets_of, patience


@case("required", "PROTOCOL 1.5")
async def one_poll_is_in_flight(peer: ClientPeer) -> None:
    """A client never has two polls in flight, and begins the next when one is answered."""
    await peer.connected()
    poll = await peer.server.next("poll")
    await peer.server.none("poll")
    await poll.respond("6")
    await peer.server.next("poll")


@case("required", "PROTOCOL 1.4")
async def one_post_is_in_flight(peer: ClientPeer) -> None:
    """A client never has two POSTs in flight; what is emitted meanwhile goes out together."""
    await peer.connected()
    await peer.tell("emit", name="a")
    first = await peer.server.next("post")
    for name in "bc":
        await peer.tell("emit", name=name)
    await peer.has_obeyed()
    await peer.server.none("post")
    await first.respond()
    second = await peer.server.next("post")
    await second.respond()
    expect((packets_of(first.body), packets_of(second.body)), (['42["a"]'], ['42["b"]', '42["c"]']), "bodies")


@case("required", "PROTOCOL 1.1", over=BOTH)
async def several_packets_at_once_are_delivered_in_order(peer: ClientPeer, transport: str) -> None:
    """Packets that come together are delivered one after another."""
    session = await peer.connected(transport)
    await session.send('42["a"]', "6", '42["b",1]', '42["c"]')
    for name in "abc":
        await peer.report("received", name=name)


@case("required", "PROTOCOL 1.11")
async def payloads_keep_to_max_payload(peer: ClientPeer) -> None:
    """Buffered packets are split over POSTs that are no larger than `maxPayload`, in bytes."""
    await peer.open("polling")
    session = await peer.session(maxPayload=60)
    await session.let_in()
    await peer.tell("emit", name="first")
    post = await peer.server.next("post")
    for number in range(6):
        await peer.tell("emit", name="n", args=[number, "é" * 5])
    await peer.has_obeyed()  # they are buffered while this POST is in flight
    await post.respond()
    received: list[str | bytes] = []
    while len(received) < 6:
        post = await peer.server.next("post")
        if len(post.body) > 60:
            raise Failure("a POST larger than maxPayload", expected=60, received=len(post.body))
        received += packets_of(post.body)
        await post.respond()
    expect([str(packet)[:2] for packet in received], ["42"] * 6, "packets")
    events = [json.loads(str(packet)[2:]) for packet in received]  # é or \u00e9, both are JSON
    expect(events, [["n", number, "é" * 5] for number in range(6)], "events")


@case("required", "PROTOCOL 1.13")
async def refused_post_ends_the_connection(peer: ClientPeer) -> None:
    """A POST that is not answered with 200 is a transport error."""
    await peer.connected()
    await peer.tell("emit", name="a")
    await (await peer.server.next("post")).respond("", 413)
    await peer.report("disconnect", reason="transport error")


@case("required", "PROTOCOL 1.13")
async def refused_poll_ends_the_connection(peer: ClientPeer) -> None:
    """A poll that is not answered with 200 is a transport error."""
    await peer.connected()
    await (await peer.server.next("poll")).respond("", 400)
    await peer.report("disconnect", reason="transport error")


@case("required", "RFC 6455, 5.5.2")
async def websocket_pings_are_answered(peer: ClientPeer) -> None:
    """A ping frame is answered by a pong frame with the same data."""
    session = await peer.connected("websocket")
    assert session.websocket is not None
    await session.websocket.send_frame(PING, b"data")
    with trio.move_on_after(patience.get()):
        expect(await session.websocket.receive_frame(), (PONG, b"data"), "frame")
        return
    raise Failure("no pong frame")


@case("required", "RFC 6455, 5.4")
async def fragments_make_one_message(peer: ClientPeer) -> None:
    """A message in fragments, with a ping between them, is one message."""
    session = await peer.connected("websocket")
    assert session.websocket is not None
    await session.websocket.send_frame(TEXT, b'42["a', fin=False)
    await session.websocket.send_frame(PING)
    await session.websocket.send_frame(0, b'bc"]')
    await peer.report("received", name="abc")
