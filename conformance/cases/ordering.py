"""Order: of events and acknowledgements, of several senders, and across an upgrade."""

from __future__ import annotations

import trio

from conformance.case import BOTH, case, expect
from conformance.cases.events import holder
from conformance.cases.malformed import send_bad
from conformance.client.peer import Peer
from conformance.client.session import Polling, WebSocketSession
from conformance.client.socketio import SocketIO, packet

ALL = (*BOTH, "upgrade")
ORDER = "Socket.IO 5, Introduction; PROTOCOL 3.1"


@case("required", ORDER, over=ALL)
async def acknowledgements_and_events_keep_their_order(peer: Peer, transport: str) -> None:
    """Answers come in the order of the questions, be they events or acknowledgements, binary or not."""
    client = await peer.socketio(transport)
    for first in range(0, 40, 10):
        messages: list[str | bytes] = []
        for number in range(first, first + 10):
            event = "message-with-ack" if number % 2 else "message"
            ack_id = number if number % 2 else None
            if number % 3:
                messages.append(packet(2, data=[event, number], ack_id=ack_id))
            else:
                messages += [packet(5, data=[event, number, holder(0)], ack_id=ack_id, attachments=1), bytes([number])]
        await client.send(*messages)
    for number in range(40):
        is_ack, is_binary = number % 2 == 1, number % 3 == 0
        data = [*([] if is_ack else ["message-back"]), number, *([holder(0)] if is_binary else [])]
        kind = (3 if is_ack else 2) + (3 if is_binary else 0)
        answer = packet(kind, data=data, ack_id=number if is_ack else None, attachments=int(is_binary))
        await client.expect(answer, *([bytes([number])] if is_binary else []))


@case("required", ORDER, over=BOTH)
async def namespaces_keep_their_order(peer: Peer, transport: str) -> None:
    """Events of two namespaces, sent in turns, are answered in order within each."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send(*(packet(2, ("/", "/custom")[number % 2], ["message", number]) for number in range(30)))
    seen: dict[str, list[object]] = {"/": [], "/custom": []}
    for _ in range(30):
        answer = await client.receive()
        seen[answer.nsp].append(answer.data)
    for rest, nsp in enumerate(("/", "/custom")):
        expect(seen[nsp], [["message-back", number] for number in range(rest, 30, 2)], f"answers in {nsp}")


@case("required", "Engine.IO 4, Upgrade; PROTOCOL 1.8")
async def binary_events_during_an_upgrade_are_complete(peer: Peer) -> None:
    """Attachments stay behind their headers while the client moves to a WebSocket."""
    client = await peer.socketio("polling")

    async def send(numbers: range) -> None:
        for number in numbers:
            await client.send(packet(5, data=["message", number, holder(0)], attachments=1), bytes([number]))

    await send(range(10))
    session = client.session
    assert isinstance(session, Polling)  # as asked for
    websocket = await session.probed()
    await send(range(10, 20))
    received = [item for item in await session.poll() if item != "6"]
    await websocket.send("5")
    client.session = WebSocketSession(websocket, session.handshake, received)
    await send(range(20, 22))
    for number in range(22):
        await client.expect(packet(5, data=["message-back", number, holder(0)], attachments=1), bytes([number]))


@case("required", "Socket.IO 5, Binary; PROTOCOL 3.4, 4.6", over=BOTH)
async def binary_events_of_many_senders_are_whole(peer: Peer, transport: str) -> None:
    """What several clients tell a room comes one event after the other, each with its own attachments."""
    room = f"whole-{transport}"
    member = await peer.socketio(transport)
    await member.send(packet(2, data=["join", room], ack_id=1))
    await member.expect("31[]")
    tellers = [await peer.socketio(BOTH[index % 2]) for index in range(4)]

    async def tell(teller: SocketIO, index: int) -> None:
        for number in range(5):
            event = packet(5, data=["tell", room, index, number, holder(0), holder(1)], attachments=2)
            await teller.send(event, bytes([index, number]), b"\xff" * index)

    seen: dict[int, list[int]] = {index: [] for index in range(4)}
    async with trio.open_nursery() as nursery:
        for index, teller in enumerate(tellers):
            nursery.start_soon(tell, teller, index)
        for _ in range(20):
            told = await member.receive()
            _, index, number, *_ = told.data
            expect(told.data, ["told", index, number, holder(0), holder(1)], "event")
            expect(await member.session.receive(), bytes([index, number]), "first attachment")
            expect(await member.session.receive(), b"\xff" * index, "second attachment")
            seen[index].append(number)
    expect(seen, {index: list(range(5)) for index in range(4)}, "order of what each sender told")


@case("required", "Socket.IO 5, Packet encoding; PROTOCOL 3.6", over=BOTH)
async def packets_behind_a_bad_one_are_not_handled(peer: Peer, transport: str) -> None:
    """What was sent together with a bad packet, behind it, is lost."""
    room = f"behind-bad-{transport}"
    other, client = await peer.socketio("websocket"), await peer.socketio(transport)
    await other.send(packet(2, data=["join", room], ack_id=1))
    await other.expect("31[]")
    await send_bad(client, "4x", f"4{packet(2, data=['tell', room, 'behind'])}")
    await client.closed()
    await other.silent(0.1)


@case("better", "Socket.IO 5, Packet encoding; PROTOCOL 4.4", over=BOTH)
async def packets_before_a_bad_one_are_handled(peer: Peer, transport: str) -> None:
    """What was sent together with a bad packet, before it, counts: the reference forgets what it has not begun."""
    room = f"before-bad-{transport}"
    other, client = await peer.socketio("websocket"), await peer.socketio(transport)
    await other.send(packet(2, data=["join", room], ack_id=1))
    await other.expect("31[]")
    await send_bad(client, f"4{packet(2, data=['tell', room, 'before'])}", "4x")
    await other.expect('2["told","before"]')
    await client.closed()


@case("required", ORDER, over=BOTH)
async def events_before_a_disconnect_are_answered_first(peer: Peer, transport: str) -> None:
    """What the server said before it made a socket leave comes before the DISCONNECT."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    await client.send('2/custom,["burst",50]', '2/custom,["leave"]')
    for number in range(50):
        await client.expect(packet(2, "/custom", ["number", number]))
    await client.expect("1/custom,")
    await client.works()


@case("required", "Socket.IO 5, Disconnection from a namespace; PROTOCOL 3.6", over=ALL)
async def events_before_the_end_are_delivered(peer: Peer, transport: str) -> None:
    """What the server said before it closed the connection comes before the end."""
    client = await peer.socketio(transport)
    await client.send('2["burst",50]', '2["close"]')
    for number in range(50):
        await client.expect(packet(2, data=["number", number]))
    await client.expect("1")
    await client.closed()
