"""Several namespaces on one connection, and names that look odd."""

from __future__ import annotations

from conformance.case import BOTH, case, expect, require
from conformance.cases.events import holder
from conformance.client.peer import SOCKET_IO, Peer
from conformance.client.session import Packet, Polling
from conformance.client.socketio import SocketIO, packet

CONNECT = "Socket.IO 5, Connection to a namespace; PROTOCOL 3.5"
LEAVE = "Socket.IO 5, Disconnection from a namespace; PROTOCOL 3.6"
INVALID = {"message": "Invalid namespace"}


@case("required", CONNECT, over=BOTH)
async def connects_at_once_are_each_answered(peer: Peer, transport: str) -> None:
    """A client may ask for all its namespaces at once; each is answered when it is decided."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/slow,", "0", "0/nowhere,", "0/custom,")
    answers = [await client.receive() for _ in range(7)]
    by_nsp = {nsp: [(a.type, a.data) for a in answers if a.nsp == nsp] for nsp in ("/", "/custom", "/nowhere", "/slow")}
    expect(by_nsp["/nowhere"], [(4, INVALID)], "answer to the unknown namespace")
    for nsp in ("/", "/custom", "/slow"):
        expect([kind for kind, _ in by_nsp[nsp]], [0, 2], f"packets of {nsp}")
    expect({answer.nsp for answer in answers[-2:]}, {"/slow"}, "namespace of the last two packets")
    for nsp in ("/slow", "/", "/custom"):
        await client.works(nsp)


@case("required", CONNECT, over=BOTH)
async def each_namespace_has_its_auth(peer: Peer, transport: str) -> None:
    """The auth of one namespace is not that of the next, nor that of the same one when it is joined again."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.join("/", {"for": "root"})
    await client.join("/custom", {"for": "custom"})
    await client.send("1/custom,")
    await client.works()
    await client.join("/custom")
    await client.join("/slow")


@case("required", CONNECT)
async def decision_may_outlast_an_upgrade(peer: Peer) -> None:
    """A namespace that was asked for over polling may be accepted when the client has moved to a WebSocket."""
    session = await peer.polling(SOCKET_IO)
    await SocketIO(session).send("0/slow,")
    client = SocketIO(await session.upgrade())
    await client.connected("/slow")
    await client.expect('2/slow,["auth",{}]')
    await client.works("/slow")


@case("required", "Socket.IO 5, Packet encoding; PROTOCOL 3.2", over=BOTH)
async def disconnect_needs_no_comma(peer: Peer, transport: str) -> None:
    """A DISCONNECT whose namespace runs to the end of the packet is understood."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send("1/custom")
    await client.works()
    await client.join("/custom")


@case("reference", "Socket.IO 5, Packet encoding; PROTOCOL 3.2", over=BOTH)
async def root_may_be_written_out(peer: Peer, transport: str) -> None:
    """The namespace `/` may be named like any other."""
    client = SocketIO(await peer.session(transport, SOCKET_IO))
    await client.send("0/,")
    await client.connected()
    await client.expect('2["auth",{}]')
    await client.send('2/,7["message-with-ack",1]')
    await client.expect("37[1]")
    await client.join("/custom")
    await client.send("1/,")
    await client.works("/custom")
    await client.join()


@case(
    "required",
    CONNECT,
    rows=[
        ("upper_case", "/CUSTOM"),
        ("longer", "/custom/"),
        ("shorter", "/cust"),
        ("unicode", "/é€🦄"),
        ("blank", "/a b"),
        ("property_of_objects", "/__proto__"),
        ("method_of_objects", "/constructor"),
        ("digits", "/12"),
        ("long", "/" + "x" * 1000),
    ],
)
async def odd_names_are_unknown_namespaces(peer: Peer, nsp: str) -> None:
    """A namespace that there is not is refused under the name that the client wrote, whatever that is."""
    client = await peer.socketio("websocket")
    await client.send(packet(0, nsp, {"token": "1"}))
    await client.expect(packet(4, nsp, INVALID))
    await client.works()


@case("better", "PROTOCOL 3.6, 9-30", over=BOTH)
async def connect_behind_disconnect_joins_again(peer: Peer, transport: str) -> None:
    """A client may leave and join in one breath; the reference takes that for a second CONNECT, if it reads fast."""
    client = await peer.socketio(transport)
    first = await client.join("/custom")
    for _ in range(5):
        await client.send("1/custom,", "0/custom,")
        require(await client.connected("/custom") != first, "socket id is the one of before")
        await client.expect('2/custom,["auth",{}]')
    await client.works("/custom")


@case("required", LEAVE, over=BOTH)
async def client_leaves_all_namespaces_but_one(peer: Peer, transport: str) -> None:
    """Leaving `/` leaves the other namespaces alone."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.join("/slow")
    await client.send("1", "1/slow,")
    await client.works("/custom")
    await client.send(packet(5, "/custom", ["message", holder(0)], attachments=1), b"\x05")
    await client.expect(packet(5, "/custom", ["message-back", holder(0)], attachments=1), b"\x05")


@case("required", "Socket.IO 5, Introduction; PROTOCOL 4.2", over=BOTH)
async def rooms_are_of_one_namespace(peer: Peer, transport: str) -> None:
    """Rooms of one name in two namespaces are two rooms."""
    room = f"of-one-namespace-{transport}"
    teller, member = await peer.socketio(transport), await peer.socketio("websocket")
    for client in (teller, member):
        await client.join("/custom")
    await member.send(packet(2, "/custom", ["join", room], ack_id=1))
    await member.expect("3/custom,1[]")
    await teller.send(packet(2, data=["tell", room, "root"]), packet(2, "/custom", ["tell", room, "custom"]))
    await member.expect('2/custom,["told","custom"]')
    await member.works()


@case("required", LEAVE, over=BOTH, rows=[("client", "1/custom,"), ("server", '2/custom,["leave"]')])
async def rooms_are_left_with_the_namespace(peer: Peer, transport: str, leave: str) -> None:
    """Who leaves a namespace, or is made to, is in none of its rooms when it comes back."""
    room = f"left-{transport}-{leave[0]}"
    teller, member = await peer.socketio("websocket", "/custom"), await peer.socketio(transport)
    await member.join("/custom")
    await member.send(packet(2, "/custom", ["join", room], ack_id=1))
    await member.expect("3/custom,1[]")
    await member.send(leave)
    if leave[0] == "2":
        await member.expect("1/custom,")
    await member.works()
    await member.join("/custom")
    await teller.send(packet(2, "/custom", ["tell", room, 1]))
    await teller.works("/custom")
    await member.silent(0.1)
    await member.works("/custom")


@case("required", LEAVE, over=BOTH)
async def lost_member_of_a_room_is_not_missed(peer: Peer, transport: str) -> None:
    """A room goes on when one of its members has gone without a word."""
    room = f"gone-{transport}"
    gone, member, teller = [await peer.socketio(over) for over in (transport, transport, "websocket")]
    for client in (gone, member):
        await client.send(packet(2, data=["join", room], ack_id=1))
        await client.expect("31[]")
    if isinstance(gone.session, Polling):
        await gone.session.send("1")
    else:
        await gone.session.send("41")
    for number in range(3):
        await teller.send(packet(2, data=["tell", room, number]))
        await member.expect(packet(2, data=["told", number]))
    await teller.works()


@case(
    "better",
    "PROTOCOL 9-31",
    over=BOTH,
    rows=[
        ("ack", ["43/custom,0[]"]),
        ("event_with_id", ['42/custom,5["message-with-ack",1]']),
        ("binary_event", ['451-/custom,["message",{"_placeholder":true,"num":0}]', b"\x01"]),
    ],
)
async def packet_in_flight_when_the_server_leaves_is_ignored(peer: Peer, transport: str, late: list[Packet]) -> None:
    """What a client sent before it knew that a namespace is left does no harm to the others."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send('2/custom,["leave"]')
    await client.session.send(*late)
    await client.expect("1/custom,")
    await client.works("/")
    await client.join("/custom")
    await client.works("/custom")
