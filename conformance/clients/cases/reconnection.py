"""Coming back after a connection was lost."""

from __future__ import annotations

import json
import re

from conformance.case import BOTH, Failure, expect
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer


@case("required", "PROTOCOL 5.1", over=BOTH)
async def lost_connection_is_opened_again(peer: ClientPeer, transport: str) -> None:
    """A client that lost its connection makes a new handshake, and sends CONNECT with its auth again."""
    await peer.open(transport, auth={"n": 1}, reconnection=True)
    session = await peer.session(transport)
    await session.let_in()
    await session.lose()
    await peer.report("disconnect")
    for name in "ab":
        await peer.tell("emit", name=name)
    again = await peer.session(transport)
    expect(await again.let_in(), '40{"n":1}', "CONNECT")
    await again.expect('42["a"]', '42["b"]')
    await again.quiet()


@case("required", "PROTOCOL 5.1")
async def failed_attempts_are_repeated(peer: ClientPeer) -> None:
    """An attempt that fails is followed by another."""
    await peer.open("polling", reconnection=True)
    for _ in range(2):
        await (await peer.server.next("handshake")).respond("", 503)
        await peer.report("connect_error")
    await (await peer.session()).let_in()


@case("required", "PROTOCOL 3.9", over=BOTH)
async def state_is_recovered(peer: ClientPeer, transport: str) -> None:
    """A client that was told a pid reconnects with it and the last offset, and reports the recovery."""
    await peer.open(transport, auth={"n": 1}, reconnection=True)
    session = await peer.session(transport)
    await session.let_in(answer='{"sid":"s","pid":"secret"}')
    await session.send('42["a",1,"offset-1"]')
    await peer.report("received", name="a")
    await session.lose()
    await peer.report("disconnect")
    again = await peer.session(transport)
    connect = str(await again.receive())
    expect(connect[:2], "40", "CONNECT")
    expect(json.loads(connect[2:] or "{}"), {"pid": "secret", "offset": "offset-1", "n": 1}, "CONNECT")
    await again.send('40{"sid":"s","pid":"secret"}')
    await peer.report("connect", sid="s", recovered=True)


@case("required", "PROTOCOL 3.9")
async def another_pid_is_no_recovery(peer: ClientPeer) -> None:
    """A client that gets another pid was not recovered."""
    await peer.open("websocket", reconnection=True)
    session = await peer.session("websocket")
    await session.let_in(answer='{"sid":"s","pid":"one"}')
    await session.lose()
    await peer.report("disconnect")
    again = await peer.session("websocket")
    await again.receive()
    await again.send('40{"sid":"t","pid":"two"}')
    await peer.report("connect", sid="t", recovered=False)


@case("reference", "PROTOCOL 5.2", over=BOTH)
async def unanswered_events_are_sent_again(peer: ClientPeer, transport: str) -> None:
    """With retries an event is sent until it is acknowledged, one in flight, in order."""
    await peer.open(transport, retries=3, ack_timeout_ms=1500)  # so it is not sent again before a late client is told
    session = await peer.session(transport)
    await session.let_in()
    for name in "abc":
        await peer.tell("emit", name=name)
    expect(event_and_id(await session.receive())[0], '["a"]', "event")
    for name in "ab":  # the first of them comes once more
        event, number = event_and_id(await session.receive())
        expect(event, f'["{name}"]', "event")
        await session.send(f"43{number}[]")
    expect(event_and_id(await session.receive())[0], '["c"]', "event")


def event_and_id(packet: str | bytes) -> tuple[str, str]:
    """Take an event that asks for an acknowledgement apart."""
    found = re.fullmatch(r"42(\d+)(.*)", str(packet))
    if found is None:
        raise Failure("no event that asks for an acknowledgement", received=packet)
    return found[2], found[1]
