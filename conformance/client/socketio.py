"""A Socket.IO client on an Engine.IO session."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from conformance.case import Failure
from conformance.client.http import PATIENCE_S

if TYPE_CHECKING:
    from conformance.client.session import Session

_PACKET = re.compile(r"([0-6])(?:([0-9]+)-)?(?:(/[^,]*)(?:,|$))?([0-9]+)?(.*)", re.DOTALL)
_NOTHING = object()


class SocketPacket(NamedTuple):
    """A decoded packet, attachments still apart: `51-/a,7["x",{"_placeholder":true,"num":0}]`."""

    type: int
    attachments: int
    nsp: str
    id: int | None
    data: Any


def parse(text: str) -> SocketPacket:
    """Decode a packet, without its Engine.IO type.

    Raises:
        Failure: it is none.
    """
    found = _PACKET.fullmatch(text)
    try:
        if found is None:
            raise ValueError("no Socket.IO packet")
        kind, count, nsp, number, data = found.groups()
        payload = json.loads(data) if data else None
    except ValueError as error:
        raise Failure(f"no Socket.IO packet: {error}", received=text) from None
    return SocketPacket(int(kind), int(count or 0), nsp or "/", None if number is None else int(number), payload)


def packet(kind: int, nsp: str = "/", data: Any = _NOTHING, ack_id: int | None = None, attachments: int = 0) -> str:
    """Encode a packet, without its Engine.IO type."""
    text = str(kind) + (f"{attachments}-" if attachments else "") + ("" if nsp == "/" else f"{nsp},")
    text += "" if ack_id is None else str(ack_id)
    return text + ("" if data is _NOTHING else json.dumps(data, separators=(",", ":"), ensure_ascii=False))


class SocketIO:
    """Sends and receives Socket.IO packets; what the cases write is without the `4` of Engine.IO."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def join(self, nsp: str = "/", auth: dict[str, Any] | None = None) -> str:
        """Connect to a namespace, take the `auth` event, and return the socket's id."""
        await self.send(packet(0, nsp) if auth is None else packet(0, nsp, auth))
        sid = await self.connected(nsp)
        await self.expect(packet(2, nsp, ["auth", auth or {}]))
        return sid

    async def connected(self, nsp: str = "/") -> str:
        """Wait for the answer to a CONNECT, which must be one, and return the socket's id."""
        answer = await self.receive()
        data = cast("dict[str, Any]", answer.data or {})
        sid: Any = data.get("sid") if type(data) is dict else None
        if answer.type != 0 or answer.nsp != nsp or not isinstance(sid, str) or not sid:
            raise Failure("CONNECT was not accepted", expected=packet(0, nsp, {"sid": "..."}), received=answer)
        return sid

    async def send(self, *messages: str | bytes) -> None:
        """Send packets, and attachments as bytes; all in one POST over polling."""
        await self.session.send(*(message if isinstance(message, bytes) else f"4{message}" for message in messages))

    async def receive(self, patience_s: float = PATIENCE_S) -> SocketPacket:
        """Return the next packet, decoded; it must not be an attachment."""
        received = await self.session.receive(patience_s)
        if isinstance(received, bytes) or received[:1] != "4":
            raise Failure("no Socket.IO packet", expected="4...", received=received)
        return parse(received[1:])

    async def expect(self, text: str, *attachments: bytes, patience_s: float = PATIENCE_S) -> None:
        """Wait for the next packet, which must say the same as `text`, and for its attachments."""
        received = await self.receive(patience_s)
        if received != parse(text):
            raise Failure("another packet came", expected=parse(text), received=received)
        for attachment in attachments:
            data = await self.session.receive(patience_s)
            if data != attachment:
                raise Failure("another attachment came", expected=attachment, received=data)

    async def works(self, nsp: str = "/") -> None:
        """Check that events still go to the server and come back."""
        await self.send(packet(2, nsp, ["message", "still here"]))
        await self.expect(packet(2, nsp, ["message-back", "still here"]))

    async def closed(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the server ends the connection; fail when anything else comes."""
        await self.session.closed(patience_s)

    async def silent(self, seconds: float) -> None:
        """Check that nothing comes for a while."""
        await self.session.silent(seconds)
