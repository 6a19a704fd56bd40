"""What a server keeps for one client, and what it does for it at once, has bounds that the client gets to see.

None of them is in the protocol, and what an honest client sends comes nowhere near; so all of this is `better`.
"""

from __future__ import annotations

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import SOCKET_IO, Peer
from conformance.client.session import Polling
from conformance.client.socketio import SocketIO, packet
from conformance.client.websocket import CONTINUATION, TEXT, frame

LARGE_AUTH = {"token": "x" * 200_000}  # which a server would keep as long as the socket is there
MANY_VALUES = 1_000_000 // 2 - 100  # an array of so many digits and commas is just below the limit on a message
MANY_FRAGMENTS = 20_000  # npm's ws has a limit of 16,384
POLICY_VIOLATION = 1008
WORK_S = 20.0  # what servers must read through first, they need not answer at once


@case("better", "PROTOCOL 6.3", over=BOTH)
async def large_auth_is_refused(peer: Peer, transport: str) -> None:
    """A CONNECT with much more data than any token has is refused; its client may join elsewhere."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send(packet(0, "/custom", LARGE_AUTH))
    answer = await client.receive()
    require((answer.type, answer.nsp) == (4, "/custom"), "no CONNECT_ERROR came", answer)
    await client.join("/")
    await client.works("/")


@case("better", "PROTOCOL 6.3", over=BOTH)
async def packet_of_very_many_values_ends_the_session(peer: Peer, transport: str) -> None:
    """A packet that would take thirty times its size in memory is refused, though it is no too large message."""
    client, other = await peer.socketio(transport), await peer.socketio(transport)
    payload = f'42["nobody",[{"0," * MANY_VALUES}0]]'
    if isinstance(client.session, Polling):
        await client.session.try_post(payload)
    else:
        await client.session.send(payload)
    await client.closed(WORK_S)
    await other.works()


@case("better", "PROTOCOL 6.3")
async def response_to_a_poll_is_bounded(peer: Peer) -> None:
    """When more than 1 MB waits for a client, it comes with several polls, in order."""
    session = await peer.polling()
    messages = [letter + "x" * 399_999 for letter in "abcd"]
    for message in messages:
        await session.send(f"4{message}")
    received: list[object] = []
    while len(received) < len(messages):
        packets = await session.poll(WORK_S)
        received += [packet for packet in packets if packet != "2"]
        if "2" in packets:  # it has taken a busy machine that long
            await session.send("3")
        size = sum(map(len, packets))
        require(size <= 1_000_000, "more than 1 MB came with one poll", size)
    expect(received, [f"4{message}" for message in messages], "messages")


@case("better", "npm's ws, maxFragments")
async def message_in_very_many_fragments_is_refused(peer: Peer) -> None:
    """Fragments of a message, be they empty, are counted: one costs as much as a message."""
    session = await peer.websocket_session()
    more = frame(CONTINUATION, b"", fin=False) * (MANY_FRAGMENTS - 1)
    await session.websocket.send_raw(frame(TEXT, b"4", fin=False) + more)
    await session.websocket.expect_close(POLICY_VIOLATION, patience_s=WORK_S)
