"""What a server keeps for one client, and what it does for it at once, has bounds that the client gets to see.

None of them is in the protocol, and what an honest client sends comes nowhere near; so all of this is `better`.
"""

from __future__ import annotations

import trio

from conformance.case import BOTH, case, expect, require
from conformance.client.http import PATIENCE_S
from conformance.client.peer import HASTY, LIMITED, SOCKET_IO, Peer, target
from conformance.client.session import Polling
from conformance.client.socketio import SocketIO, packet
from conformance.client.websocket import ABNORMAL, CONTINUATION, PING, TEXT, Closed, WebSocket, frame

LARGE_AUTH = {"token": "x" * 200_000}  # which a server would keep as long as the socket is there
MANY_VALUES = 1_000_000 // 2 - 100  # an array of so many digits and commas is just below the limit on a message
MANY_FRAGMENTS = 20_000  # npm's ws has a limit of 16,384
POLICY_VIOLATION = 1008
WORK_S = 20.0  # what servers must read through first, they need not answer at once
TOO_MANY_REQUESTS = 429
HANDSHAKES = 5  # at /limited/, of one address in a second
CONNECTIONS = 20  # of one address
ELSEWHERE = "127.0.0.9"  # no other case comes from there
ECHO_AND_PINGS = frame(TEXT, b"4" + b"x" * 100_000) + frame(PING) * 110
BLOCKED_S = 0.5  # a server that has not read for so long has stopped


async def _end(websocket: WebSocket) -> Closed:
    """Wait for the end, whatever was echoed before, and whatever pings a busy machine has sent."""
    while not isinstance(received := await websocket.receive(WORK_S), Closed):
        pass
    return received


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
    expect((await _end(session.websocket)).code, POLICY_VIOLATION, "code of the close")


@case("better", "PROTOCOL 6.3", waits=True)
async def session_without_second_request_ends(peer: Peer) -> None:
    """A session by polling that was begun, and no more, ends long before its heartbeat does; any request keeps it."""
    await peer.has(HASTY, "not every server has such a deadline")
    idle, kept = await peer.polling(HASTY), await peer.polling(HASTY)
    await kept.send("4here")
    await trio.sleep(peer.times.ping_interval_s + min(0.7, peer.times.ping_timeout_s / 2))
    require((await kept.poll())[0] == "4here", "a session that made a second request was ended")
    await idle.gone()


@case("better", "PROTOCOL 6.3", waits=True)
async def handshakes_of_an_address_are_limited(peer: Peer) -> None:
    """One address may begin so many sessions in a second; sessions that are there go on, and it may come again."""
    await peer.has(LIMITED, "not every server has such a limit")
    session = await peer.polling(LIMITED)
    statuses: list[int] = []

    async def begin() -> None:
        statuses.append((await peer.get(target(LIMITED))).status)

    async with trio.open_nursery() as nursery:
        for _ in range(4 * HANDSHAKES):
            nursery.start_soon(begin)
    require(set(statuses) <= {200, TOO_MANY_REQUESTS}, "wrong status", statuses)
    require(TOO_MANY_REQUESTS in statuses, "none was refused", statuses)
    await session.send("4here")
    expect(await session.receive(), "4here", "message")
    await trio.sleep(1.1)
    await peer.polling(LIMITED)


@case("better", "PROTOCOL 6.3")
async def connections_of_an_address_are_limited(peer: Peer) -> None:
    """One address may have so many connections, be they silent; others do not notice, and it may come again."""
    silent = [await peer.connect(ELSEWHERE) for _ in range(CONNECTIONS)]
    surplus = await peer.begin("GET", target(), on=await peer.connect(ELSEWHERE))
    expect((await surplus.response()).status, TOO_MANY_REQUESTS, "status over one more")
    await peer.polling()
    for stream in silent:
        await trio.aclose_forcefully(stream)
    with trio.fail_after(PATIENCE_S):
        while True:
            late = await peer.begin("GET", target(), on=await peer.connect(ELSEWHERE))
            if (await late.response()).status == 200:
                return
            await trio.sleep(0.02)


@case("better", "RFC 6455, 5.5.3")
async def pings_whose_pongs_are_not_taken_end_the_session(peer: Peer) -> None:
    """Who sends pings, and reads nothing, is cut off: pongs would be kept, or cost the server's time for ever."""
    session = await peer.websocket_session()
    await session.websocket.flood(ECHO_AND_PINGS, BLOCKED_S)
    closed = await _end(session.websocket)
    require(closed.code in (POLICY_VIOLATION, ABNORMAL), "session was not cut off for its pings", closed)
