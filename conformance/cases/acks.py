"""Acknowledgements between many questions, namespaces and transports."""

from __future__ import annotations

from typing import Any

from conformance.case import BOTH, Failure, case, expect
from conformance.cases.events import holder
from conformance.client.peer import Peer
from conformance.client.session import Polling
from conformance.client.socketio import SocketIO, packet

ALL = (*BOTH, "upgrade")
ACK = "Socket.IO 5, Acknowledgement; PROTOCOL 3.7"


@case(
    "required",
    ACK,
    over=BOTH,
    rows=[
        ("nothing", []),
        ("null", [None]),
        ("list", [[]]),
        ("objects", [{"a": {}}, [1, [2]]]),
        ("unicode", ["é€🦄\u2028\x1e"]),
        ("large", ["x" * 200_000]),
    ],
)
async def acknowledgement_carries_arguments(peer: Peer, transport: str, values: list[Any]) -> None:
    """An acknowledgement carries arguments of every kind, to the server and from it."""
    client = await peer.socketio(transport)
    await client.send(packet(2, data=["message-with-ack", *values], ack_id=3))
    await client.expect(packet(3, data=values, ack_id=3))
    await client.send('2["ask"]')
    number = await asked(client)
    await client.send(packet(3, data=values, ack_id=number))
    await client.expect(packet(2, data=["answer", *values]))


@case("required", ACK, over=ALL)
async def questions_may_be_answered_in_any_order(peer: Peer, transport: str) -> None:
    """Several questions of the server may be open, and be answered in any order."""
    client = await peer.socketio(transport)
    await client.send(*(packet(2, data=["ask", index]) for index in range(5)))
    numbers = [await asked(client, "/", index) for index in range(5)]
    expect(len(set(numbers)), 5, "number of different ids")
    for index in (3, 0, 4, 2, 1):
        await client.send(packet(3, data=[f"answer {index}"], ack_id=numbers[index]))
        await client.expect(packet(2, data=["answer", f"answer {index}"]))


@case("required", ACK, over=BOTH)
async def ids_of_both_sides_are_independent(peer: Peer, transport: str) -> None:
    """An event that has the id of the server's open question is acknowledged, and the question stays open."""
    client = await peer.socketio(transport)
    await client.send('2["ask"]')
    number = await asked(client)
    await client.send(packet(2, data=["message-with-ack", "mine"], ack_id=number))
    await client.expect(packet(3, data=["mine"], ack_id=number))
    await client.send(packet(3, data=["yours"], ack_id=number))
    await client.expect('2["answer","yours"]')


@case("required", ACK, over=BOTH)
async def answer_goes_to_the_namespace_that_asked(peer: Peer, transport: str) -> None:
    """An acknowledgement belongs to the namespace that it names, whatever ids the others have."""
    client = await peer.socketio(transport)
    await client.join("/custom")
    numbers: dict[str, int] = {}
    for nsp in ("/", "/custom"):  # one after another: between namespaces there is no order
        await client.send(packet(2, nsp, ["ask"]))
        numbers[nsp] = await asked(client, nsp)
    for nsp in ("/custom", "/"):
        await client.send(packet(3, nsp, [nsp], numbers[nsp]))
        await client.expect(packet(2, nsp, ["answer", nsp]))


@case("required", ACK)
async def answer_of_another_client_does_not_count(peer: Peer) -> None:
    """Nobody can answer for another client."""
    client, other = await peer.socketio("websocket"), await peer.socketio("websocket")
    await client.send('2["ask"]')
    number = await asked(client)
    await other.send(packet(3, data=["wrong"], ack_id=number))
    await other.works()
    await client.send(packet(3, data=["right"], ack_id=number))
    await client.expect('2["answer","right"]')
    await other.works()


@case("required", ACK)
async def answer_may_come_after_an_upgrade(peer: Peer) -> None:
    """A question that came by polling may be answered over the WebSocket."""
    client = await peer.socketio("polling")
    await client.send('2["ask"]')
    number = await asked(client)
    assert isinstance(client.session, Polling)  # as asked for
    client.session = await client.session.upgrade()
    await client.send(packet(3, data=["late"], ack_id=number))
    await client.expect('2["answer","late"]')


@case("required", "PROTOCOL 3.6", over=BOTH)
async def unknown_binary_acknowledgement_is_ignored(peer: Peer, transport: str) -> None:
    """An acknowledgement that nobody asked for takes its attachments with it."""
    client = await peer.socketio(transport)
    await client.send(packet(6, data=[holder(0), holder(1)], ack_id=999, attachments=2), b"\x01", b"\x02")
    await client.works()


async def asked(client: SocketIO, nsp: str = "/", *arguments: Any) -> int:
    """Take the server's question with these arguments, and return its id."""
    question = await client.receive()
    number = question.id
    if number is None or question != (2, 0, nsp, number, ["question", *arguments]):
        raise Failure("another packet came", expected=packet(2, nsp, ["question", *arguments], 0), received=question)
    return number
