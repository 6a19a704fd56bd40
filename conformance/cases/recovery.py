"""Connection state recovery, where a server has it: who was lost is who it was, and gets what it missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import RECOVERY, Peer
from conformance.client.session import Polling, WebSocketSession
from conformance.client.socketio import SocketIO, SocketPacket, packet

CSR = "PROTOCOL 3.9"


@dataclass(frozen=True)
class Visit:
    """A client that is connected, and what it keeps for the next time.

    Attributes:
        early: what came in front of the answer to its CONNECT.
        auth: what the server says that it came with.
    """

    client: SocketIO
    sid: str
    pid: str
    offset: str
    early: list[SocketPacket]
    auth: Any

    @property
    def room(self) -> str:
        """A room where nobody else is: other cases run at the same time."""
        return f"room of {self.sid}"

    async def lose(self) -> None:
        """Break the connection, and make sure that the server knows."""
        session = self.client.session
        if isinstance(session, Polling):
            await session.send("1")
        elif isinstance(session, WebSocketSession):
            await session.websocket.close()
            await session.websocket.disconnected()

    async def ask(self, *data: Any) -> None:
        """Emit an event that is acknowledged with nothing, when all before it has been handled."""
        await self.client.send(packet(2, data=list(data), ack_id=7))
        await self.client.expect(packet(3, data=[], ack_id=7))

    async def tell(self, other: Visit, *args: Any) -> None:
        """Tell the room that another one has joined, and wait until that is done."""
        await self.client.send(packet(2, data=["tell", other.room, *args]))
        await self.ask("message-with-ack")


async def enter(peer: Peer, transport: str, pid: str | None = None, offset: str | None = None) -> Visit:
    """Connect to the server that recovers, if there is one."""
    await peer.has(RECOVERY, "recovery is optional")
    client = SocketIO(await peer.session(transport, RECOVERY))
    claim = {key: value for key, value in (("pid", pid), ("offset", offset)) if value is not None}
    await client.send(packet(0, data=claim) if claim else packet(0))
    early: list[SocketPacket] = []
    while (answer := await client.receive()).type == 2:
        early.append(answer)
    require(answer.type == 0 and isinstance(answer.data, dict), "CONNECT was not accepted", answer)
    auth = await client.receive()
    require(auth.type == 2 and auth.data[0] == "auth", "another event came in place of `auth`", auth)
    fields: Any = answer.data  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] # of JSON
    sid, secret = fields.get("sid"), fields.get("pid")
    require(isinstance(sid, str) and isinstance(secret, str), "answer to CONNECT without an id or a secret", answer)
    require(isinstance(auth.data[-1], str), "event without an offset", auth)
    return Visit(client, sid, secret, auth.data[-1], early, auth.data[1])


def shown(early: list[SocketPacket]) -> list[Any]:
    """Return events without their offsets."""
    return [each.data[:-1] for each in early]


@case("reference", CSR, over=BOTH)
async def lost_client_is_sent_what_it_missed_before_it_is_connected(peer: Peer, transport: str) -> None:
    """It has its id, its secret and its rooms, and gets in order what came for its rooms while it was away."""
    first, other = await enter(peer, transport), await enter(peer, "websocket")
    await first.ask("join", first.room)
    await first.lose()
    for number in range(3):
        await other.tell(first, number)
    back = await enter(peer, transport, first.pid, first.offset)
    expect(shown(back.early), [["told", number] for number in range(3)], "events in front of the answer")
    expect((back.sid, back.pid), (first.sid, first.pid), "id and secret")
    await other.tell(first, "again")
    expect((await back.client.receive()).data[:-1], ["told", "again"], "event for its room")


@case("reference", CSR, over=BOTH)
async def lost_client_is_sent_nothing_twice(peer: Peer, transport: str) -> None:
    """What it got before it was lost, the offset of which it has, does not come again."""
    first, other = await enter(peer, transport), await enter(peer, "websocket")
    await first.ask("join", first.room)
    await other.tell(first, "received")
    received = await first.client.receive()
    expect(received.data[:-1], ["told", "received"], "event for its room")
    await first.lose()
    await other.tell(first, "missed")
    back = await enter(peer, transport, first.pid, received.data[-1])
    expect(shown(back.early), [["told", "missed"]], "events in front of the answer")


@case("reference", CSR, over=BOTH)
async def lost_client_comes_back_a_second_time(peer: Peer, transport: str) -> None:
    """Recovery works again, from the last event of before."""
    visit, other = await enter(peer, transport), await enter(peer, "websocket")
    first = visit
    await first.ask("join", first.room)
    for number in range(2):
        await visit.lose()
        await other.tell(first, number)
        visit = await enter(peer, transport, first.pid, visit.offset)
        expect((visit.sid, shown(visit.early)), (first.sid, [["told", number]]), "id and events in front of the answer")


@case("reference", CSR, over=BOTH)
async def only_events_that_can_be_missed_carry_an_offset(peer: Peer, transport: str) -> None:
    """An event has it as its last argument; one that asks for an acknowledgement has none."""
    visit = await enter(peer, transport)
    await visit.client.send(packet(2, data=["message", 1]), packet(2, data=["ask", "text"]))
    event = await visit.client.receive()
    require(
        event.data[:-1] == ["message-back", 1] and isinstance(event.data[-1], str), "event without an offset", event
    )
    question = await visit.client.receive()
    expect(question.data, ["question", "text"], "event that asks for an acknowledgement")


@case("reference", CSR, over=BOTH)
async def unknown_secret_begins_anew(peer: Peer, transport: str) -> None:
    """Who claims what is not there is somebody new, with a secret of its own."""
    visit = await enter(peer, transport, "nobody's", "nothing")
    expect(visit.early, [], "events in front of the answer")
    require(visit.pid != "nobody's", "the secret is the one that was claimed", visit.pid)


@case("reference", CSR, over=BOTH)
async def client_that_left_begins_anew(peer: Peer, transport: str) -> None:
    """Who leaves its namespace was not lost."""
    first = await enter(peer, transport)
    await first.client.send(packet(1))
    back = await enter(peer, transport, first.pid, first.offset)
    require(back.sid != first.sid and back.pid != first.pid, "a client that had left was recovered", back.sid)


@case("better", CSR, over=BOTH)
async def client_that_received_nothing_comes_back(peer: Peer, transport: str) -> None:
    """Without an offset, all that was sent since it was connected comes again."""
    first = await enter(peer, transport)
    await first.lose()
    back = await enter(peer, transport, first.pid)
    missed: list[Any] = [["auth", {}]]
    expect((back.sid, shown(back.early)), (first.sid, missed), "id and events in front of the answer")


@case("better", CSR, over=BOTH)
async def client_whose_connection_seems_to_be_there_is_taken_over(peer: Peer, transport: str) -> None:
    """It comes back before the server has noticed that it was lost: it is never there twice."""
    first, other = await enter(peer, transport), await enter(peer, "websocket")
    await first.ask("join", first.room)
    back = await enter(peer, transport, first.pid, first.offset)
    expect(back.sid, first.sid, "id")
    expect((await first.client.receive()).type, 1, "type of what its old connection is sent")
    await other.tell(first, "once")
    expect((await back.client.receive()).data[:-1], ["told", "once"], "event for its room")


@case("better", CSR)
async def secret_is_not_shown_to_the_application(peer: Peer) -> None:
    """What a client sends to be recovered is no part of its auth."""
    first = await enter(peer, "websocket")
    await first.lose()
    back = await enter(peer, "websocket", first.pid, first.offset)
    expect(back.auth, {}, "auth")
