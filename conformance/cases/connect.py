"""Joining namespaces and leaving them."""

from __future__ import annotations

from typing import Any

import trio

from conformance.case import BOTH, case, expect, require
from conformance.cases.malformed import send_bad
from conformance.client.http import PATIENCE_S
from conformance.client.peer import SOCKET_IO, Peer
from conformance.client.session import Polling
from conformance.client.socketio import SocketIO, packet

ALL = (*BOTH, "upgrade")
CONNECT = "Socket.IO 5, Connection to a namespace; PROTOCOL 3.5"
LEAVE = "Socket.IO 5, Disconnection from a namespace; PROTOCOL 3.6"


@case("required", CONNECT, over=ALL, rows=[("/", "/"), ("/custom", "/custom")])
async def connect_is_answered_with_an_id(peer: Peer, transport: str, nsp: str) -> None:
    """CONNECT is answered by CONNECT, with a session id of the namespace's own."""
    session = await peer.session(transport, SOCKET_IO)
    client = SocketIO(session)
    await client.send(packet(0, nsp))
    sid = await client.connected(nsp)
    require(sid != session.sid, "socket id is the Engine.IO session id, which is a secret", sid)
    await client.expect(packet(2, nsp, ["auth", {}]))


@case("required", CONNECT)
async def namespace_needs_no_comma_at_the_end(peer: Peer) -> None:
    """A CONNECT whose namespace runs to the end of the packet is understood."""
    client = SocketIO(await peer.session("websocket", SOCKET_IO))
    await client.send("0/custom")
    await client.connected("/custom")


@case(
    "required",
    CONNECT,
    rows=[("token", {"token": "123"}), ("nested", {"a": {"b": [1, None, "é"]}}), ("empty", {})],
    over=BOTH,
)
async def auth_arrives(peer: Peer, transport: str, auth: dict[str, Any]) -> None:
    """The payload of CONNECT is what the application sees as the handshake's auth."""
    await peer.socketio(transport, "/", auth)
    await peer.socketio(transport, "/custom", auth)


@case("required", CONNECT, over=BOTH)
async def unknown_namespace_is_refused(peer: Peer, transport: str) -> None:
    """CONNECT to an unknown namespace gets CONNECT_ERROR with a message, and the connection goes on."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/nowhere,")
    await client.expect('4/nowhere,{"message":"Invalid namespace"}')
    await client.join("/")
    await client.works()


@case("required", CONNECT, over=BOTH)
async def application_refuses(peer: Peer, transport: str) -> None:
    """What the application says of a refusal comes with CONNECT_ERROR; one may ask again, and connect elsewhere."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    for _ in range(2):
        await client.send("0/refused,")
        await client.expect('4/refused,{"message":"not allowed","data":{"code":42}}')
    await client.join("/custom")
    await client.works("/custom")


@case("reference", "PROTOCOL 3.5")
async def query_in_a_namespace_means_nothing(peer: Peer) -> None:
    """A namespace with a query is another name, which is unknown."""
    client = SocketIO(await peer.session("websocket", SOCKET_IO))
    await client.send("0/custom?token=1,")
    await client.expect('4/custom?token=1,{"message":"Invalid namespace"}')


@case("required", CONNECT, over=BOTH)
async def decision_may_take_a_while(peer: Peer, transport: str) -> None:
    """Nothing comes for a namespace while the server decides, and other namespaces go on meanwhile."""
    client = await peer.socketio(transport)
    await client.send("0/slow,", packet(2, data=["message", "meanwhile"]))  # at once: it decides within a moment
    await client.expect(packet(2, data=["message-back", "meanwhile"]))
    await client.connected("/slow")
    await client.expect('2/slow,["auth",{}]')
    await client.works("/slow")


@case("better", "PROTOCOL 9-30", over=BOTH, rows=[("/slow", "/slow"), ("/custom", "/custom")])
async def event_behind_connect_is_kept(peer: Peer, transport: str, nsp: str) -> None:
    """An event sent right behind CONNECT is handled once the socket is accepted."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send(packet(0, nsp), packet(2, nsp, ["message", 1]))
    await client.connected(nsp)
    await client.expect(packet(2, nsp, ["auth", {}]))
    await client.expect(packet(2, nsp, ["message-back", 1]))


async def connect_twice(peer: Peer, transport: str) -> SocketIO:
    """Ask for a namespace again before it was decided, as the official client does that gave up and came back."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/slow,", "0/slow,")
    sids: set[str] = set()
    while len(sids) < 2:
        answer = await client.receive()
        if answer.type == 0:
            sids.add(answer.data["sid"])
    await client.send('2/slow,7["message-with-ack",1]')
    while (await client.receive())[:3] != (3, 0, "/slow"):
        pass  # the "auth" of either
    return client


@case("reference", "PROTOCOL 9-32", over=BOTH)
async def connect_while_one_is_pending_is_answered_too(peer: Peer, transport: str) -> None:
    """Each CONNECT for one namespace has its own answer, and the connection goes on."""
    client = await connect_twice(peer, transport)
    await client.join("/custom")
    await client.works("/custom")


@case("reference", "PROTOCOL 9-32", over=BOTH)
async def connects_at_once_make_one_socket(peer: Peer, transport: str) -> None:
    """Who was let in twice is in a room once: by the socket that it heard of last."""
    client = await connect_twice(peer, transport)
    room = f"twice-{transport}"
    await client.send(packet(2, "/slow", ["join", room], ack_id=1))
    await client.expect(packet(3, "/slow", [], ack_id=1))
    await client.send("1/slow,")
    other = SocketIO(await peer.session("websocket", SOCKET_IO))
    await other.join("/slow")
    await other.send(packet(2, "/slow", ["tell", room, "nobody"]))
    await client.join("/custom")
    await client.works("/custom")


@case("better", "PROTOCOL 3.5", over=BOTH)
async def what_is_emitted_while_deciding_follows_connect(peer: Peer, transport: str) -> None:
    """What a server emits to a client while it decides about it comes behind the CONNECT that lets the client in."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/greeting,")
    await client.connected("/greeting")
    await client.expect('2/greeting,["hello"]')
    await client.expect('2/greeting,["auth",{}]')
    await client.works("/greeting")


@case("better", "PROTOCOL 3.5, 9-40", over=BOTH)
async def what_is_emitted_to_a_client_that_is_refused_is_dropped(peer: Peer, transport: str) -> None:
    """What a server emits to a client while it decides about it is never sent if it refuses the client."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/farewell,")
    await client.expect(packet(4, "/farewell", {"message": "not allowed", "data": {"code": 42}}))
    await client.join("/custom")
    await client.works("/custom")


@case("better", "PROTOCOL 3.5", over=BOTH)
async def client_that_is_disconnected_while_deciding_is_not_let_in(peer: Peer, transport: str) -> None:
    """A client that the server disconnects while it decides gets CONNECT_ERROR alone; it may go elsewhere."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/unwelcome,")
    answer = await client.receive()
    require((answer.type, answer.nsp) == (4, "/unwelcome"), "no CONNECT_ERROR came", answer)
    await client.join("/custom")
    await client.works("/custom")


@case("required", "PROTOCOL 3.5", over=BOTH, waits=True)
async def connection_without_a_namespace_ends(peer: Peer, transport: str) -> None:
    """A connection that has joined nothing ends after the connect timeout, and not before."""
    due = trio.current_time() + peer.times.connect_timeout_s
    session = await peer.session(transport, SOCKET_IO)
    patience_s = peer.times.connect_timeout_s + PATIENCE_S
    if isinstance(session, Polling):  # it answers pings here, so that no heartbeat ends it first
        while (last := await session.receive(patience_s)) == "6":
            pass
        expect(last, "1", "packet")
    else:
        await session.closed(patience_s)
    require(trio.current_time() > due - 0.02, "connection ended before its time")


@case("required", "PROTOCOL 3.5", waits=True)
async def refused_connect_is_no_join(peer: Peer) -> None:
    """A CONNECT that was refused does not keep the connection from ending."""
    client = SocketIO(await peer.session("websocket", SOCKET_IO))
    await client.send("0/nowhere,")
    await client.expect('4/nowhere,{"message":"Invalid namespace"}')
    await client.closed(peer.times.connect_timeout_s + 1.0)


@case("required", "PROTOCOL 3.5", over=BOTH, waits=True)
async def join_ends_the_connect_timeout(peer: Peer, transport: str) -> None:
    """A client that has joined stays, even when it leaves all its namespaces again."""
    client = await peer.socketio(transport)
    await client.send("1")
    await client.silent(peer.times.connect_timeout_s + 0.2)
    await client.join("/")
    await client.works()


@case("required", "Socket.IO 5, Connection to a namespace; PROTOCOL 3.1", over=ALL)
async def namespaces_share_a_connection(peer: Peer, transport: str) -> None:
    """Namespaces are joined one by one, have ids of their own, and events go where they belong."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    sids = {await client.join("/"), await client.join("/custom"), await client.join("/slow")}
    expect(len(sids), 3, "number of different ids")
    for nsp in ("/custom", "/", "/slow"):
        await client.works(nsp)


@case("required", LEAVE, over=BOTH)
async def client_leaves_one_namespace(peer: Peer, transport: str) -> None:
    """DISCONNECT of one namespace leaves the others, and one may join again."""
    client = await peer.socketio(transport)
    first = await client.join("/custom")
    await client.send("1/custom,")
    await client.works("/")
    require(await client.join("/custom") != first, "socket id is the one of before")
    await client.works("/custom")


@case("required", LEAVE, over=BOTH)
async def event_for_a_namespace_that_was_left_ends_the_connection(peer: Peer, transport: str) -> None:
    """Who has left a namespace may not send to it."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send("1/custom,")
    await client.works()
    await send_bad(client, '42/custom,["message",1]')
    await client.closed()


@case("required", LEAVE, over=BOTH, rows=[("/", "/"), ("/custom", "/custom")])
async def server_disconnects_a_namespace(peer: Peer, transport: str, nsp: str) -> None:
    """When the server makes a socket leave, its client gets DISCONNECT, and keeps the connection."""
    other = "/" if nsp == "/custom" else "/custom"
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.join(nsp)
    await client.join(other)
    await client.send(packet(2, nsp, ["leave"]))
    await client.expect(packet(1, nsp))
    await client.works(other)
    await client.join(nsp)
    await client.works(nsp)


@case("better", "PROTOCOL 9-31", over=BOTH)
async def event_in_flight_when_the_server_leaves_is_ignored(peer: Peer, transport: str) -> None:
    """An event for a namespace that the server has just left does no harm to the others."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send('2/custom,["leave"]')
    await client.expect("1/custom,")
    await client.send('2/custom,["message",1]')
    await client.works("/")


@case("required", LEAVE, over=ALL)
async def server_disconnects_a_client(peer: Peer, transport: str) -> None:
    """When the server closes a client's connection, every namespace gets DISCONNECT first."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.join("/")
    await client.join("/custom")
    await client.send('2["close"]')
    left = {(await client.receive())[:3], (await client.receive())[:3]}
    expect(left, {(1, 0, "/"), (1, 0, "/custom")}, "packets before the end")
    await client.closed()


@case("reference", LEAVE, over=BOTH, rows=[("leave", "leave"), ("close", "close")])
async def nothing_is_handled_behind_the_servers_goodbye(peer: Peer, transport: str, how: str) -> None:
    """What the client wrote in one breath with the event that it was thrown out for is not handled."""
    other = await peer.socketio("websocket")
    client = await peer.socketio(transport)
    room = f"behind-{how}-{transport}"
    await other.send(packet(2, data=["join", room], ack_id=1))
    await other.expect("31[]")
    await client.send(
        packet(2, data=["tell", room, "before"]), packet(2, data=[how]), packet(2, data=["tell", room, "behind"])
    )
    await other.expect(packet(2, data=["told", "before"]))
    await other.silent(0.1)
    await other.works()
