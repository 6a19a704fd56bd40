"""An Engine.IO session, over either transport."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import trio

from conformance.case import Failure, expect, require
from conformance.client.http import PATIENCE_S, Exchange, Response
from conformance.client.websocket import Closed, WebSocket

if TYPE_CHECKING:
    from conformance.client.peer import Peer

SEPARATOR = "\x1e"
HANDSHAKE_FIELDS = ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]

Packet = str | bytes
"""A packet as a WebSocket carries it: `"4hello"`, or the bytes of a binary message."""


class Session(Protocol):
    """What both transports have in common. Pings are answered as they come, and not seen."""

    sid: str
    handshake: dict[str, Any]

    async def send(self, *packets: Packet) -> None:
        """Send packets; all in one POST over polling, one frame each over WebSocket."""

    async def receive(self, patience_s: float = PATIENCE_S) -> Packet:
        """Return the next packet that is no ping.

        Raises:
            Failure: none came in time, or the session ended.
        """
        ...

    async def closed(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the server ends the session; fail when another packet comes, or nothing."""

    async def silent(self, seconds: float) -> None:
        """Check that no packet but pings comes for a while."""


def encode_payload(packets: Sequence[Packet]) -> str:
    """Return packets as the body of a POST."""
    return SEPARATOR.join(
        packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode("ascii") for packet in packets
    )


def decode_payload(body: bytes) -> list[Packet]:
    """Return the packets in the body of a poll's response."""
    try:
        parts = body.decode("utf-8").split(SEPARATOR)
        return [base64.b64decode(part[1:], validate=True) if part[:1] == "b" else part for part in parts]
    except (UnicodeDecodeError, binascii.Error) as error:
        raise Failure(f"no polling payload: {error}", received=body) from None


def open_packet(packet: object) -> dict[str, Any]:
    """Return what an open packet says, after a look at its fields."""
    if not isinstance(packet, str) or packet[:1] != "0":
        raise Failure("first packet is no open packet", expected='0{"sid":...}', received=packet)
    try:
        fields = json.loads(packet[1:])
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("sid"), str):  # pyright: ignore[reportUnknownMemberType]
        raise Failure("open packet holds no handshake", expected='0{"sid":...}', received=packet)
    return fields  # pyright: ignore[reportUnknownVariableType] # JSON


class Polling:
    """A session over polling. Polls are made when something is asked for."""

    def __init__(self, peer: Peer, path: str, handshake: dict[str, Any], received: Sequence[Packet] = ()) -> None:
        self._peer = peer
        self._path = path
        self.handshake = handshake
        self.sid: str = handshake["sid"]
        self._received = list(received)
        self._poll: Exchange | None = None

    def target(self, transport: str = "polling", **query: str) -> str:
        """Return the target of a request of this session."""
        from conformance.client.peer import target

        return target(self._path, transport, self.sid, **query)

    # -- requests, one by one ----------------------------------------------------------------------------------------

    async def begin_poll(self) -> Exchange:
        """Send a GET."""
        return await self._peer.begin("GET", self.target())

    async def poll(self, patience_s: float = PATIENCE_S) -> list[Packet]:
        """Send a GET and return the packets of its response, pings and all."""
        return packets_of(await (await self.begin_poll()).response(patience_s))

    async def try_post(self, *packets: Packet) -> Response:
        """Send a POST and return its response."""
        return await self.post_body(encode_payload(packets))

    async def post_body(self, body: str | bytes, **options: Any) -> Response:
        """Send a POST with this body and return its response."""
        return await self._peer.request("POST", self.target(), body=body, **options)

    def unread(self) -> list[Packet]:
        """Return what came in a poll behind what was asked for, pings and all, and forget it."""
        unread, self._received = self._received, []
        return unread

    # -- Session -----------------------------------------------------------------------------------------------------

    async def send(self, *packets: Packet) -> None:
        """See `Session`."""
        response = await self.try_post(*packets)
        expect(response.status, 200, "status of a POST")

    async def receive(self, patience_s: float = PATIENCE_S) -> Packet:
        """See `Session`."""
        with trio.move_on_after(patience_s):
            return await self._next()
        raise Failure(f"no packet came by polling within {patience_s:g} s")

    async def _next(self) -> Packet:
        while True:
            while self._received:
                packet = self._received.pop(0)
                if packet != "2":
                    return packet
                with trio.CancelScope(shield=True):  # or the next POST of the case may overlap with half of this one
                    await self.send("3")
            if self._poll is None:
                self._poll = await self.begin_poll()
            response = await self._poll.response(60.0)  # whoever calls has a deadline
            self._poll = None
            self._received = packets_of(response)

    async def closed(self, patience_s: float = PATIENCE_S) -> None:
        """See `Session`."""
        with trio.move_on_after(patience_s):
            while True:
                if self._poll is None and not self._received:
                    self._poll = await self.begin_poll()
                if self._poll is not None:
                    response, self._poll = await self._poll.response(60.0), None
                    if response.status == 400:
                        return
                    self._received += packets_of(response)
                while self._received:
                    packet = self._received.pop(0)
                    if packet == "1":
                        await self.gone()
                        return
                    require(packet in ("2", "6"), "a packet came where the session was to end", packet)
                    if packet == "2":  # or its heartbeat would end a session that nothing else does
                        await self.try_post("3")
        raise Failure(f"session was not closed within {patience_s:g} s")

    async def gone(self) -> None:
        """Check that the server no longer knows the session."""
        response = await self._peer.get(self.target())
        expect((response.status, response.json), (400, UNKNOWN_SID), "answer to a poll of a session that ended")

    async def left(self) -> None:
        """Check that the session ended by our own `1`: one poll may be answered as if it had been sent before that."""
        response = await self._peer.get(self.target())
        if response.status == 200:
            expect(packets_of(response), ["6"], "packets in a poll behind the end")
        await self.gone()

    async def silent(self, seconds: float) -> None:
        """See `Session`."""
        with trio.move_on_after(seconds):
            packet = await self._next()
            raise Failure("a packet came", expected="nothing", received=packet)

    # -- upgrade -----------------------------------------------------------------------------------------------------

    async def candidate(self) -> WebSocket:
        """Open a WebSocket for this session, without a probe yet."""
        return await self._peer.websocket(self.target("websocket"))

    async def probed(self) -> WebSocket:
        """Open a WebSocket for this session and probe it."""
        websocket = await self.candidate()
        await websocket.send("2probe")
        await websocket.expect("3probe")
        return websocket

    async def upgrade(self) -> WebSocketSession:
        """Move to a WebSocket, as a client does that has no poll waiting."""
        websocket = await self.probed()
        received = self._received
        if self._poll is not None:
            received += [packet for packet in packets_of(await self._poll.response()) if packet != "6"]
            self._poll = None
        await websocket.send("5")
        return WebSocketSession(websocket, self.handshake, received)


UNKNOWN_SID = {"code": 1, "message": "Session ID unknown"}


def packets_of(response: Response) -> list[Packet]:
    """Return the packets in the response to a poll."""
    if response.status != 200:
        raise Failure("poll was refused", expected=200, received=str(response))
    return decode_payload(response.body)


class WebSocketSession:
    """A session over a WebSocket."""

    def __init__(self, websocket: WebSocket, handshake: dict[str, Any], received: Sequence[Packet] = ()) -> None:
        self.websocket = websocket
        self.handshake = handshake
        self.sid: str = handshake["sid"]
        self._received = list(received)

    async def send(self, *packets: Packet) -> None:
        """See `Session`."""
        await self.websocket.send(*packets)

    async def receive(self, patience_s: float = PATIENCE_S) -> Packet:
        """See `Session`."""
        with trio.move_on_after(patience_s):
            packet = await self._next()
            if isinstance(packet, Closed):
                raise Failure("WebSocket was closed", expected="a packet", received=packet)
            return packet
        raise Failure(f"no packet came by WebSocket within {patience_s:g} s")

    async def _next(self) -> Packet | Closed:
        while True:
            packet = self._received.pop(0) if self._received else await self.websocket.receive(60.0)
            if packet != "2":
                return packet
            await self.websocket.send("3")

    async def closed(self, patience_s: float = PATIENCE_S) -> None:
        """See `Session`."""
        with trio.move_on_after(patience_s):
            packet = await self._next()
            require(isinstance(packet, Closed), "a packet came where the session was to end", packet)
            return
        raise Failure(f"session was not closed within {patience_s:g} s")

    async def silent(self, seconds: float) -> None:
        """See `Session`."""
        with trio.move_on_after(seconds):
            packet = await self._next()
            raise Failure("something came", expected="nothing", received=packet)
