"""Pings by the server: when they come, what answers them, and what happens to who does not."""

from __future__ import annotations

import trio

from conformance.case import BOTH, Failure, case, expect, require
from conformance.client.http import PATIENCE_S
from conformance.client.peer import Peer
from conformance.client.session import UNKNOWN_SID, Packet, Polling, Session, WebSocketSession, packets_of
from conformance.client.websocket import Closed

HEARTBEAT = "Engine.IO 4, Heartbeat; PROTOCOL 1.7"
EARLY_S = 0.02  # by so much clocks may differ
LATE_S = 0.7  # so late things may come on a busy machine


def _lifetime_s(peer: Peer) -> float:
    """How long a session lives whose ping nobody answers."""
    return peer.times.ping_interval_s + peer.times.ping_timeout_s


async def _next(session: Session, patience_s: float = PATIENCE_S) -> list[Packet | Closed]:
    """Return what comes next, pings too; `Closed` for the end, whichever way it is told."""
    if isinstance(session, WebSocketSession):
        return [await session.websocket.receive(patience_s)]
    assert isinstance(session, Polling)  # there is no third
    packets = session.unread()
    if not packets:
        poll = await session.begin_poll()
        response = await poll.response(patience_s)
        if response.status == 400:
            return [Closed(response.status)]
        packets = packets_of(response)
    return [Closed(0) if packet == "1" else packet for packet in packets]


async def _ping(session: Session) -> float:
    """Wait for a ping, which must be the next thing to come, and return when it came."""
    interval_s = session.handshake["pingInterval"] / 1000
    expect(await _next(session, interval_s + PATIENCE_S), ["2"], "packets instead of a ping")
    return trio.current_time()


async def _end(peer: Peer, session: Session) -> float:
    """Wait for the end, which must be the next thing to come, and return when it came."""
    received = await _next(session, peer.times.ping_timeout_s + PATIENCE_S)
    require(isinstance(received[0], Closed), "session was not closed", received)
    return trio.current_time()


def _in_time(at: float, begin: float, latest_begin: float, seconds: float, what: str) -> None:
    """Check that `at` is `seconds` after something that happened between `begin` and `latest_begin`."""
    if not begin + seconds - EARLY_S <= at <= latest_begin + seconds + LATE_S:
        raise Failure(f"{what} came at a wrong time", expected=f"{seconds:g} s", received=f"{at - begin:.3f} s")


@case("required", HEARTBEAT, over=(*BOTH, "upgrade"), waits=True)
async def ping_comes_after_the_interval(peer: Peer, transport: str) -> None:
    """The first `2` comes `pingInterval` after the session began, an upgrade in between or not."""
    begin = trio.current_time()
    session = await peer.session(transport)
    opened = trio.current_time()
    _in_time(await _ping(session), begin, opened, peer.times.ping_interval_s, "ping")


@case("required", HEARTBEAT, over=(*BOTH, "upgrade"), waits=True)
async def session_without_pong_ends(peer: Peer, transport: str) -> None:
    """A session whose ping is not answered ends `pingTimeout` after it, and is gone."""
    begin = trio.current_time()
    session = await peer.session(transport)
    opened = trio.current_time()
    await _ping(session)
    _in_time(await _end(peer, session), begin, opened, _lifetime_s(peer), "end")
    await peer.forgotten(session.sid)


@case("required", HEARTBEAT, over=BOTH, waits=True)
async def interval_begins_with_the_pong(peer: Peer, transport: str) -> None:
    """The next ping comes `pingInterval` after the pong, not after the ping."""
    session = await peer.session(transport)
    await _ping(session)
    await trio.sleep(0.1)
    begin = trio.current_time()
    await session.send("3")
    sent = trio.current_time()
    _in_time(await _ping(session), begin, sent, peer.times.ping_interval_s, "second ping")


@case("required", HEARTBEAT, over=(*BOTH, "upgrade"), waits=True)
async def answered_pings_keep_a_session(peer: Peer, transport: str) -> None:
    """A session lives as long as its pings are answered."""
    session = await peer.session(transport)
    for _ in range(4):
        await _ping(session)
        await session.send("3")
    await session.send("4still here")
    expect(await session.receive(), "4still here", "message")


@case("required", HEARTBEAT, waits=True)
async def ping_waits_for_a_poll(peer: Peer) -> None:
    """A ping that is due while no poll is pending comes with the next one, with what else is to be said."""
    session = await peer.polling()
    await session.send("4before")
    await trio.sleep(peer.times.ping_interval_s + 0.06)
    expect(await session.poll(), ["4before", "2"], "packets in the poll")
    await session.send("3")
    await session.silent(peer.times.ping_timeout_s + 0.05)


@case("required", HEARTBEAT, waits=True)
async def session_that_never_polls_ends(peer: Peer) -> None:
    """Nothing is sent to a client that does not poll; its session ends all the same."""
    session = await peer.polling()
    await trio.sleep(_lifetime_s(peer) + LATE_S)
    await session.gone()


@case("better", HEARTBEAT, rows=[("GET", "GET"), ("POST", "POST"), ("upgrade", "upgrade")], waits=True)
async def session_that_is_over_takes_no_request(peer: Peer, method: str) -> None:
    """A session ends when its time is over, whenever the server's timer comes to it: a request then is refused."""
    sessions = [await peer.polling() for _ in range(20)]
    await trio.sleep(_lifetime_s(peer))
    for session in sessions:
        if method == "upgrade":
            await peer.refused_websocket(session.target("websocket"))
        else:
            response = await peer.request(method, session.target(), body="4late" if method == "POST" else None)
            expect(
                (response.status, response.json), (400, UNKNOWN_SID), "answer to a request of a session that is over"
            )


@case("required", HEARTBEAT, over=BOTH, waits=True)
async def messages_are_no_pongs(peer: Peer, transport: str) -> None:
    """A client that sends messages is pinged none the less, and closed if it does not answer.

    A server may wait for another `pingTimeout` when packets come after its ping.
    """
    begin = trio.current_time()
    session = await peer.session(transport)
    opened = trio.current_time()
    pinged_at = ended_at = 0.0

    async def chatter() -> None:
        while True:
            try:
                await (session.try_post("4x") if isinstance(session, Polling) else session.send("4x"))
            except Failure:  # a session that ends need not answer a POST that comes meanwhile; soon that is told
                await trio.sleep(PATIENCE_S)
                raise
            await trio.sleep(0.03)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chatter)
        with trio.fail_after(_lifetime_s(peer) + peer.times.ping_timeout_s + PATIENCE_S):
            while not ended_at:
                for packet in await _next(session):
                    if packet == "2":
                        pinged_at = trio.current_time()
                    elif isinstance(packet, Closed):
                        ended_at = trio.current_time()
        nursery.cancel_scope.cancel()
    _in_time(pinged_at, begin, opened, peer.times.ping_interval_s, "ping")
    _in_time(ended_at, begin, opened + peer.times.ping_timeout_s, _lifetime_s(peer), "end")


@case("required", HEARTBEAT, over=BOTH, waits=True)
async def unasked_pong_is_harmless(peer: Peer, transport: str) -> None:
    """A pong without a ping closes nothing, and pings go on."""
    session = await peer.session(transport)
    await session.send("3")
    await session.send("4still here")
    expect(await session.receive(), "4still here", "message")
    if isinstance(session, WebSocketSession):
        await session.websocket.expect("2", peer.times.ping_interval_s + PATIENCE_S)
    else:
        await _ping(session)


@case("reference", "PROTOCOL 1.7", over=BOTH, waits=True)
async def unasked_pong_restarts_the_interval(peer: Peer, transport: str) -> None:
    """A pong without a ping puts the next ping off."""
    session = await peer.session(transport)
    await trio.sleep(0.15)
    begin = trio.current_time()
    await session.send("3")
    sent = trio.current_time()
    _in_time(await _ping(session), begin, sent, peer.times.ping_interval_s, "ping")


@case("reference", "PROTOCOL 1.4", over=BOTH, rows=[("plain", "2"), ("probe", "2probe")])
async def ping_by_the_client_ends_the_session(peer: Peer, transport: str, packet: str) -> None:
    """Only the server pings; a client that does is of another revision, and its session ends."""
    session = await peer.session(transport)
    if isinstance(session, Polling):
        await session.try_post(packet)
    else:
        await session.send(packet)
        await session.closed()
    await peer.forgotten(session.sid)


# -- around an upgrade -----------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.7 and 1.8", waits=True)
async def ping_during_a_probe_comes_by_polling(peer: Peer) -> None:
    """Until the upgrade is done, pings come by polling, and not by the candidate."""
    session = await peer.polling()
    websocket = await session.probed()
    with trio.fail_after(peer.times.ping_interval_s + PATIENCE_S):
        while "2" not in (packets := await session.poll()):
            expect(packets, ["6"], "packets in a poll during the probe")
            await trio.sleep(0.02)
    await session.send("3")
    await websocket.silent(0.1)


@case("required", "PROTOCOL 1.7 and 1.8", waits=True)
async def ping_by_polling_is_answered_by_websocket(peer: Peer) -> None:
    """A ping that came by polling just before an upgrade may be answered after it."""
    session = await peer.polling()
    await _ping(session)
    websocket = await session.probed()
    await websocket.send("5", "3")
    upgraded = WebSocketSession(websocket, session.handshake)
    await upgraded.silent(max(peer.times[:2]) + 0.05)
    await upgraded.send("4still here")
    expect(await upgraded.receive(), "4still here", "message")


@case("better", "PROTOCOL 9-11", waits=True)
async def ping_outstanding_at_an_upgrade_is_guarded(peer: Peer) -> None:
    """A ping that came by polling must be answered though the session was upgraded since; Node forgets it."""
    begin = trio.current_time()
    session = await peer.polling()
    opened = trio.current_time()
    await _ping(session)
    websocket = await session.probed()
    await websocket.send("5")
    await websocket.expect_close(patience_s=peer.times.ping_timeout_s + PATIENCE_S)
    _in_time(trio.current_time(), begin, opened, _lifetime_s(peer), "end")
    await peer.forgotten(session.sid)
