"""Namespaces: joining, being refused, leaving."""

from __future__ import annotations

import json
from collections.abc import Sequence

from conformance.case import BOTH, expect
from conformance.clients.case import case
from conformance.clients.peer import ClientPeer, Session


@case("required", "PROTOCOL 3.5", over=BOTH)
async def connect_carries_auth(peer: ClientPeer, transport: str) -> None:
    """CONNECT carries the auth as JSON."""
    await peer.open(transport, auth={"token": "é"})
    session = await peer.session(transport)
    connect = await session.let_in()
    expect(json.loads(str(connect)[2:]), {"token": "é"}, "auth")


async def _stays_out(peer: ClientPeer, session: Session) -> None:
    """The client may close the connection, and does nothing else: no CONNECT on this one, and no other one."""
    expect([packet for packet in await session.heard(0.15) if packet != "1"], [], "packets")
    await peer.stays_away()
    await peer.silence()


@case("required", "PROTOCOL 3.5", over=BOTH)
async def refusal_is_reported_and_final(peer: ClientPeer, transport: str) -> None:
    """CONNECT_ERROR is reported with message and data, and the client does not try again."""
    await peer.open(transport, reconnection=True)
    session = await peer.session(transport)
    await session.expect("40")
    await session.send('44{"message":"no","data":{"code":42}}')
    await peer.report("connect_error", nsp="/", message="no", data={"code": 42})
    await _stays_out(peer, session)


@case("required", "PROTOCOL 3.5", over=BOTH)
async def namespaces_share_a_connection(peer: ClientPeer, transport: str) -> None:
    """Another namespace is joined by a CONNECT of its own over the same connection."""
    session = await peer.connected(transport)
    await peer.tell("join", nsp="/admin", auth={"key": 1})
    expect(await session.receive(), '40/admin,{"key":1}', "CONNECT")
    await session.send('40/admin,{"sid":"b"}')
    await peer.report("connect", nsp="/admin", sid="b")
    await session.send('42/admin,["x"]')
    await peer.report("received", nsp="/admin", name="x")
    await session.send('42["y"]')
    await peer.report("received", nsp="/", name="y")
    await peer.tell("emit", nsp="/admin", name="z")
    await session.expect('42/admin,["z"]')


@case("required", "PROTOCOL 5.2", over=BOTH)
async def emits_wait_for_the_answer_to_connect(peer: ClientPeer, transport: str) -> None:
    """What is emitted before CONNECT is answered is sent behind it, in order."""
    await peer.open(transport)
    for name in "ab":
        await peer.tell("emit", name=name)
    session = await peer.session(transport)
    await session.expect("40")
    await session.quiet()
    await session.send('40{"sid":"x"}')
    await peer.report("connect")
    await peer.tell("emit", name="c")
    await session.expect('42["a"]', '42["b"]', '42["c"]')


@case("better", "PROTOCOL 9-59", over=BOTH)
async def volatile_emits_do_not_wait(peer: ClientPeer, transport: str) -> None:
    """A volatile event that is emitted before CONNECT is answered is dropped."""
    await peer.open(transport)
    session = await peer.session(transport)
    await session.expect("40")
    await peer.tell("emit", name="volatile", volatile=True)
    await peer.tell("emit", name="last")
    await peer.has_obeyed()
    await session.send('40{"sid":"x"}')
    await peer.report("connect")
    await session.expect('42["last"]')
    await session.quiet()


@case("required", "PROTOCOL 5.2", over=BOTH)
async def events_before_connect_are_kept(peer: ClientPeer, transport: str) -> None:
    """Events that come before the answer to CONNECT are delivered."""
    await peer.open(transport)
    session = await peer.session(transport)
    await session.expect("40")
    await session.send('42["missed"]', '40{"sid":"x"}')
    reports = [await peer.process.report(peer.name, kind) for kind in await _either_order(peer)]
    expect(sorted(report["event"] for report in reports), ["connect", "received"], "reports")


async def _either_order(peer: ClientPeer) -> Sequence[str]:
    """The reference reports missed events first, others the connection."""
    return (
        ("received", "connect") if await peer.process.comes_first(peer.name) == "received" else ("connect", "received")
    )


@case("required", "PROTOCOL 5.3", over=BOTH)
async def goodbye_of_the_server_is_final(peer: ClientPeer, transport: str) -> None:
    """DISCONNECT is reported as "io server disconnect", and the client does not come back."""
    session = await peer.connected(transport, reconnection=True)
    await session.send("41")
    await peer.report("disconnect", reason="io server disconnect")
    await _stays_out(peer, session)


@case("required", "PROTOCOL 5.3", over=BOTH)
async def leaving_a_namespace_says_so(peer: ClientPeer, transport: str) -> None:
    """A client that leaves one namespace of two sends DISCONNECT, and the connection stays."""
    session = await peer.connected(transport)
    await peer.tell("join", nsp="/admin")
    await session.let_in("/admin")
    await peer.tell("leave", nsp="/admin")
    await session.expect("41/admin,")
    await peer.report("disconnect", nsp="/admin", reason="io client disconnect")
    await session.send('42["still"]')
    await peer.report("received", name="still")


@case("required", "PROTOCOL 1.10")
async def closing_on_polling_posts_a_close_packet(peer: ClientPeer) -> None:
    """A client that closes on polling sends DISCONNECT and the close packet."""
    session = await peer.connected()
    await peer.tell("close")
    await session.expect("41", "1")


@case("required", "PROTOCOL 1.10")
async def closing_on_websocket_closes_it(peer: ClientPeer) -> None:
    """A client that closes on a WebSocket sends DISCONNECT and a close frame."""
    session = await peer.connected("websocket")
    await peer.tell("close")
    await session.expect("41")
    assert session.websocket is not None
    expect(await session.websocket.end(), "close frame", "end of the WebSocket")
