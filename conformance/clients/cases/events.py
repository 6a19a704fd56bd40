"""Events and acknowledgements, both ways."""

from __future__ import annotations

import json
from typing import Any, Final

import trio

from conformance.case import BOTH, Failure, expect
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer

VALUES: Final[list[Any]] = [None, True, 0, -1, 2.5, "", "é\u2028😀", [], {}, {"a": [1, {"b": None}]}]


@case("required", "PROTOCOL 3.2", over=BOTH)
async def events_carry_every_value(peer: ClientPeer, transport: str) -> None:
    """All values of JSON come and go as they are."""
    session = await peer.connected(transport)
    text = json.dumps(["values", *VALUES], separators=(",", ":"), ensure_ascii=False)
    await session.send("42" + text)
    await peer.report("received", name="values", args=VALUES)
    await peer.tell("emit", name="values", args=VALUES)
    received = str(await session.receive())
    expect(received[:2], "42", "header")
    expect(json.loads(received[2:]), ["values", *VALUES], "event")


@case("required", "PROTOCOL 3.4", over=BOTH)
async def binary_events_are_put_together(peer: ClientPeer, transport: str) -> None:
    """A binary event is delivered when all its attachments are there, with the bytes in place."""
    session = await peer.connected(transport)
    head = '452-["file",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]'
    await session.send(head, b"\x00\xff", b"")
    await peer.report("received", name="file", args=[b"\x00\xff", {"deep": [b""]}])


@case("required", "PROTOCOL 3.4", over=BOTH)
async def binary_events_are_taken_apart(peer: ClientPeer, transport: str) -> None:
    """Bytes in an event become placeholders and attachments in their order."""
    session = await peer.connected(transport)
    await peer.tell("emit", name="file", args=[b"\x01\x02", {"deep": [b"\x03"]}])
    head = await session.receive()
    expect(str(head)[:4], "452-", "header")
    wanted = ["file", {"_placeholder": True, "num": 0}, {"deep": [{"_placeholder": True, "num": 1}]}]
    expect(json.loads(str(head)[4:]), wanted, "event")
    await session.expect(b"\x01\x02", b"\x03")


@case("required", "PROTOCOL 3.7", over=BOTH)
async def acks_are_given_once_with_their_id(peer: ClientPeer, transport: str) -> None:
    """An event with an id is acknowledged with that id, once; one without an id is not."""
    session = await peer.connected(transport)
    await session.send('42["plain"]')
    await session.send('427["question",1,"a"]')
    await session.expect('437[1,"a"]')
    await session.send('42123["nothing"]')
    await session.expect("43123[]")
    await session.quiet()


@case("required", "PROTOCOL 3.7", over=BOTH)
async def binary_acks_are_given(peer: ClientPeer, transport: str) -> None:
    """An acknowledgement with bytes is a binary one."""
    session = await peer.connected(transport)
    await session.send('451-3["question",{"_placeholder":true,"num":0}]', b"\x01")
    await session.expect('461-3[{"_placeholder":true,"num":0}]', b"\x01")


@case("required", "PROTOCOL 3.7", over=BOTH)
async def acks_settle_the_call_of_their_id(peer: ClientPeer, transport: str) -> None:
    """Acknowledgements settle calls by id, in any order, once; unknown ones mean nothing."""
    session = await peer.connected(transport)
    ids: list[str] = []
    for name in ("a", "b"):
        await peer.tell("call", name="q", call=name, timeout_ms=60_000)
        packet = str(await session.receive())
        expect(packet[:2] + packet[-5:], '42["q"]', "event")
        ids.append(packet[2:-5])
    if ids[0] == ids[1]:
        raise Failure("two calls of one id", received=ids)
    await session.send(f'43{ids[1]}["second"]', "43999[]")
    await peer.report("ack", call="b", args=["second"])
    await session.send(f"43{ids[0]}[1,2]", f"43{ids[0]}[]")
    await peer.report("ack", call="a", args=[1, 2])
    await peer.silence()


@case("required", "PROTOCOL 5.2", over=BOTH)
async def calls_fail_in_time(peer: ClientPeer, transport: str) -> None:
    """A call that is not acknowledged fails when its time is up, and not before; a late answer means nothing."""
    session = await peer.connected(transport)
    began = trio.current_time()
    await peer.tell("call", name="q", call="k", timeout_ms=100)
    packet = str(await session.receive())
    await peer.report("ack_failed", call="k")
    elapsed_s = trio.current_time() - began
    if elapsed_s < 0.08:  # timers may be early by a little
        raise Failure("the client did not wait long enough", expected=0.1, received=elapsed_s)
    await session.send(f"43{packet[2:-5]}[]")
    await peer.silence()


@case("required", "PROTOCOL 5.2", over=BOTH)
async def calls_fail_when_the_connection_is_lost(peer: ClientPeer, transport: str) -> None:
    """A call whose event was sent fails with the connection."""
    session = await peer.connected(transport)
    await peer.tell("call", name="q", call="k", timeout_ms=60_000)
    await session.receive()
    await peer.silence()
    await session.lose()
    first = await peer.process.comes_first(peer.name)
    for kind in sorted(["ack_failed", "disconnect"], key=lambda kind: kind != first):
        await peer.report(kind)
