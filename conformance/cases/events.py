"""Events, acknowledgements, binary data and rooms: what goes to the server comes back as it was."""

from __future__ import annotations

import json
from typing import Any

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import Peer
from conformance.client.session import Polling
from conformance.client.socketio import packet

ALL = (*BOTH, "upgrade")
EVENT = "Socket.IO 5, Sending and receiving data; PROTOCOL 3.2"
ACK = "Socket.IO 5, Acknowledgement; PROTOCOL 3.7"
BINARY = "Socket.IO 5, Binary; PROTOCOL 3.4"

ARGUMENTS: list[tuple[str, list[Any]]] = [
    ("none", []),
    ("null", [None]),
    ("booleans", [True, False]),
    ("numbers", [0, -1, 1.5, 1e-7, 2**53]),
    ("text", ["", "hello", '"quoted" \\ back']),
    ("unicode", ["€ é 𝒳 🦄", "\u2028\u2029\ufeff"]),
    ("control_characters", ["\x00\x01\x1e\x1f\n\t\x7f"]),
    ("nested", [{"a": [1, {"b": [[], {}]}]}, [[[["deep"]]]]]),
    ("very_nested", json.loads("[" * 64 + "1" + "]" * 64)),
    ("many", list(range(100))),
    ("digits_first", ["1", 2, "3-4"]),
    ("looks_like_a_packet", ['2["message"]', "51-[]", "/custom,"]),
    ("odd_keys", [{"": 1, "__proto__x": 2, "a b": 3}]),
]


@case("required", EVENT, over=BOTH, rows=ARGUMENTS)
async def arguments_come_back(peer: Peer, transport: str, *arguments: Any) -> None:
    """Arguments of every kind arrive as they were sent."""
    client = await peer.socketio(transport)
    [values] = arguments
    await client.send(packet(2, data=["message", *values]))
    await client.expect(packet(2, data=["message-back", *values]))


@case("required", EVENT, over=BOTH, rows=[("root", "/"), ("custom", "/custom")])
async def event_stays_in_its_namespace(peer: Peer, transport: str, nsp: str) -> None:
    """The answer to an event comes in the event's namespace."""
    client = await peer.socketio(transport, nsp)
    await client.works(nsp)


@case("required", EVENT)
async def escaped_surrogates_come_back(peer: Peer) -> None:
    """A lone surrogate, which only JSON's escapes can carry, does no harm and comes back."""
    client = await peer.socketio("websocket")
    await client.send('2["message","\\ud83d x \\ude00"]')
    await client.expect('2["message-back","\\ud83d x \\ude00"]')


@case("required", EVENT, over=BOTH)
async def unknown_event_is_ignored(peer: Peer, transport: str) -> None:
    """An event that the application does not know does no harm, be it called `error` or nothing at all."""
    client = await peer.socketio(transport)
    await client.send('2["nobody listens",1]', '2["error","x"]', '2["connection"]', '2[""]')
    await client.works()


@case("required", EVENT, over=ALL)
async def large_event_comes_back(peer: Peer, transport: str) -> None:
    """An event almost as large as the limit is handled."""
    client = await peer.socketio(transport)
    text = "x" * 990_000
    await client.send(packet(2, data=["message", text]))
    await client.expect(packet(2, data=["message-back", text]))


@case("required", "Engine.IO 4, Packet encoding; PROTOCOL 1.1")
async def packets_in_one_post_are_all_handled(peer: Peer) -> None:
    """Several events in one POST are handled, in order."""
    client = await peer.socketio("polling")
    await client.send(*(packet(2, data=["message", number]) for number in range(20)))
    for number in range(20):
        await client.expect(packet(2, data=["message-back", number]))


# -- acknowledgements --------------------------------------------------------------------------------------------------


@case("required", ACK, over=BOTH, rows=[("zero", 0), ("one", 1), ("large", 10**15)])
async def event_is_acknowledged(peer: Peer, transport: str, ack_id: int) -> None:
    """An event with an id is acknowledged with the same id, whatever it is."""
    client = await peer.socketio(transport)
    await client.send(packet(2, data=["message-with-ack", 1, "two", [3]], ack_id=ack_id))
    await client.expect(packet(3, data=[1, "two", [3]], ack_id=ack_id))


@case("required", ACK, over=BOTH)
async def event_in_a_namespace_is_acknowledged_there(peer: Peer, transport: str) -> None:
    """The acknowledgement comes in the event's namespace."""
    client = await peer.socketio(transport, "/custom")
    await client.send('2/custom,12["message-with-ack"]')
    await client.expect("3/custom,12[]")


@case("required", ACK, over=BOTH)
async def each_event_has_an_acknowledgement_of_its_own(peer: Peer, transport: str) -> None:
    """Acknowledgements name the events that they belong to."""
    client = await peer.socketio(transport)
    await client.send(*(packet(2, data=["message-with-ack", 100 + i], ack_id=i) for i in range(10)))
    for i in range(10):
        await client.expect(packet(3, data=[100 + i], ack_id=i))


@case("required", ACK, over=ALL)
async def server_asks_for_an_acknowledgement(peer: Peer, transport: str) -> None:
    """The server asks with an id of its own, and takes the answer."""
    client = await peer.socketio(transport)
    for answer in ("first", "second"):
        await client.send(packet(2, data=["ask", answer, 1]))
        question = await client.receive()
        expect((question.type, question.data), (2, ["question", answer, 1]), "question")
        require(question.id is not None, "question has no id", question)
        await client.send(packet(3, data=[answer], ack_id=question.id))
        await client.expect(packet(2, data=["answer", answer]))


@case("required", "PROTOCOL 3.6", over=BOTH)
async def unknown_acknowledgement_is_ignored(peer: Peer, transport: str) -> None:
    """An acknowledgement that nobody asked for, and one that comes twice, do nothing."""
    client = await peer.socketio(transport)
    await client.send("3123[1]")
    await client.send('2["ask","x"]')
    question = await client.receive()
    await client.send(packet(3, data=["x"], ack_id=question.id), packet(3, data=["again"], ack_id=question.id))
    await client.expect('2["answer","x"]')
    await client.works()


# -- binary ------------------------------------------------------------------------------------------------------------


def holder(index: int) -> dict[str, Any]:
    """Return a placeholder."""
    return {"_placeholder": True, "num": index}


@case(
    "required",
    BINARY,
    over=ALL,
    rows=[
        ("one", [holder(0)], [b"\x01\x02\x03"]),
        ("empty", [holder(0)], [b""]),
        ("nested", [{"file": holder(0), "list": [holder(1), "text"]}, holder(2)], [b"a", b"\x00" * 5, b"\xff\xfe"]),
        ("ten", [holder(index) for index in range(10)], [bytes([index]) * 3 for index in range(10)]),
        ("large", ["x", holder(0)], [bytes(range(256)) * 1000]),
    ],
)
async def binary_arguments_come_back(peer: Peer, transport: str, values: list[Any], data: list[bytes]) -> None:
    """Binary data anywhere in the arguments arrives as it was sent, each in its place."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["message", *values], attachments=len(data)), *data)
    await client.expect(packet(5, data=["message-back", *values], attachments=len(data)), *data)


@case("required", BINARY)
async def attachments_may_come_in_posts_of_their_own(peer: Peer) -> None:
    """Over polling, a packet's attachments may follow in later requests."""
    client = await peer.socketio("polling")
    await client.send(packet(5, data=["message", holder(0), holder(1)], attachments=2))
    await client.send(b"one")
    await client.send(b"two")
    await client.expect(packet(5, data=["message-back", holder(0), holder(1)], attachments=2), b"one", b"two")


@case("required", BINARY, over=BOTH)
async def binary_is_acknowledged(peer: Peer, transport: str) -> None:
    """Binary data goes with acknowledgements too, both ways."""
    client = await peer.socketio(transport)
    await client.send(packet(5, data=["message-with-ack", holder(0)], ack_id=7, attachments=1), b"\x01")
    await client.expect(packet(6, data=[holder(0)], ack_id=7, attachments=1), b"\x01")
    await client.send('2["ask"]')
    question = await client.receive()
    await client.send(packet(6, data=[holder(0)], ack_id=question.id, attachments=1), b"\x02")
    await client.expect(packet(5, data=["answer", holder(0)], attachments=1), b"\x02")


# -- rooms -------------------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 4.4, 4.6", over=BOTH)
async def room_gets_what_is_told(peer: Peer, transport: str) -> None:
    """What is sent to a room reaches everyone in it once, over any transport, and nobody else."""
    room = f"room-{transport}"
    outsider = await peer.socketio("websocket")
    on_websocket = await peer.socketio("websocket")
    teller = await peer.socketio(transport)
    on_polling = await peer.socketio("polling")  # last, and first to be read: nobody answers its pings in between
    members = (on_polling, on_websocket)
    for client in (on_websocket, teller, on_polling):
        await client.send(packet(2, data=["join", room], ack_id=0))
        await client.expect("30[]")
    await outsider.works()  # it answers its pings meanwhile
    await teller.send(packet(5, data=["tell", room, "é", holder(0)], attachments=1), b"\x01")
    for client in members:
        await client.expect(packet(5, data=["told", "é", holder(0)], attachments=1), b"\x01")
    await teller.silent(0.1)
    await outsider.silent(0.1)
    await on_polling.works()


@case("better", "PROTOCOL 4.6")
async def event_for_no_rooms_reaches_nobody(peer: Peer) -> None:
    """What is told to an array of rooms reaches who is in them; to an empty one, nobody, and not everybody."""
    teller, member = await peer.socketio("websocket"), await peer.socketio("websocket")
    for client in (teller, member):
        await client.join("/apart")
    await member.send(packet(2, "/apart", ["join", "room"], ack_id=1))
    await member.expect("3/apart,1[]")
    await teller.send(packet(2, "/apart", ["tell", [], 1]), packet(2, "/apart", ["tell", ["room", "other"], 2]))
    await member.expect('2/apart,["told",2]')


# -- order -------------------------------------------------------------------------------------------------------------


@case("required", "Socket.IO 5, Sending and receiving data; PROTOCOL 1.8", over=ALL)
async def order_is_kept(peer: Peer, transport: str) -> None:
    """Two hundred events, some of them binary, arrive in order, and their answers come back in order."""
    client = await peer.socketio(transport)
    for first in range(0, 200, 20):
        messages: list[str | bytes] = []
        for number in range(first, first + 20):
            if number % 5:
                messages.append(packet(2, data=["message", number]))
            else:
                messages += [packet(5, data=["message", number, holder(0)], attachments=1), bytes([number])]
        await client.send(*messages)
    for number in range(200):
        if number % 5:
            await client.expect(packet(2, data=["message-back", number]))
        else:
            await client.expect(packet(5, data=["message-back", number, holder(0)], attachments=1), bytes([number]))


@case("required", "Socket.IO 5, Sending and receiving data", over=ALL)
async def burst_is_complete_and_in_order(peer: Peer, transport: str) -> None:
    """A thousand events that the server sends at once all come, once and in order."""
    client = await peer.socketio(transport)
    await client.send('2["burst",1000]')
    for number in range(1000):
        await client.expect(packet(2, data=["number", number]))


@case("required", "Engine.IO 4, Upgrade; PROTOCOL 1.8")
async def burst_during_an_upgrade_is_complete(peer: Peer) -> None:
    """Events that the server sends while the client moves to a WebSocket all come, once and in order."""
    client = await peer.socketio("polling")
    await client.send('2["burst",300]')
    assert isinstance(client.session, Polling)  # as asked for
    client.session = await client.session.upgrade()
    await client.send('2["burst",300]')
    for number in [*range(300), *range(300)]:
        await client.expect(packet(2, data=["number", number]))


@case("required", "PROTOCOL 6.3")
async def clients_do_not_mix(peer: Peer) -> None:
    """Several clients at once each get their own answers."""
    clients = [await peer.socketio(BOTH[index % 2]) for index in range(6)]
    for index, client in enumerate(clients):
        await client.send(packet(2, data=["message", index]))
    for index, client in reversed(list(enumerate(clients))):
        await client.expect(packet(2, data=["message-back", index]))
