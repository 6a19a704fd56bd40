"""Honest Engine.IO and Socket.IO clients, on top of `peer`; one for each transport, alike to use."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable

from tests.adapters.peer import Ended, Peer
from tests.wire.written import BINARY, CLOSE, POLLING, TEXT, WEBSOCKET, WS_ACCEPT, Answer, frame, handshake


class Client:
    """What both kinds have in common. A packet is in its WebSocket form: `"42[...]"`, or the bytes of an attachment.

    Attributes:
        sid: the Engine.IO session's id.
        socket_id: the socket's id in the namespace that was joined last.
    """

    def __init__(self) -> None:
        self.sid = ""
        self.socket_id = ""

    async def send(self, *packets: str | bytes) -> int:
        """Send packets; returns the status of the POST, or 0."""
        raise NotImplementedError

    async def packet(self) -> str | bytes:
        """Return the next packet, even a ping.

        Raises:
            Ended: the session is over.
        """
        raise NotImplementedError

    async def take(self) -> str | bytes:
        """Return the next packet that is no ping; those are answered."""
        while (packet := await self.packet()) == "2":
            await self.send("3")
        return packet

    async def take_event(self) -> list[object]:
        """Return the next packet, an event of the root namespace: `["name", ...]`."""
        packet = await self.take()
        assert isinstance(packet, str)
        assert packet.startswith("42["), packet
        event: list[object] = json.loads(packet[2:])
        return event

    async def join(self, nsp: str = "/", auth: object = None) -> None:
        """Join a namespace."""
        head = "" if nsp == "/" else f"{nsp},"
        await self.send(f"40{head}{'' if auth is None else json.dumps(auth)}")
        answer = await self.take()
        assert isinstance(answer, str)
        assert answer.startswith(f'40{head}{{"sid":'), answer
        self.socket_id = json.loads(answer[2 + len(head) :])["sid"]

    async def emit(self, *event: object, ack_id: int | None = None) -> int:
        """Send an event in the root namespace."""
        return await self.send(f"42{'' if ack_id is None else ack_id}{json.dumps(event)}")

    async def echo(self, value: object = "hello?") -> None:
        """Ask for an acknowledgement that holds `value`: a round trip."""
        await self.emit("echo", value, ack_id=77)
        assert await self.take() == f"4377{json.dumps([value], separators=(',', ':'), ensure_ascii=False)}"


class WebSocketClient(Client):
    """A client on a WebSocket.

    Attributes:
        closed_with: the code of the server's close frame: 1005 when it had none, `None` before there was a frame.
    """

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self.peer = peer
        self.closed_with: int | None = None

    async def open(self, target: str = WEBSOCKET, headers: Iterable[str] = (), early: bytes = b"") -> Answer:
        """Shake hands; `early` is sent along with the request. Returns the 101."""
        await self.peer.send(handshake(target, headers) + early)
        answer = await self.peer.answer()
        assert answer.status == 101, answer
        assert answer.headers["sec-websocket-accept"] == WS_ACCEPT
        if "&sid=" not in target:
            packet = await self.packet()
            assert isinstance(packet, str)
            self.sid = json.loads(packet[1:])["sid"]
        return answer

    async def send(self, *packets: str | bytes) -> int:
        await self.peer.send(b"".join(frame(packet) for packet in packets))
        return 0

    async def packet(self) -> str | bytes:
        while True:
            opcode, data = await self.peer.frame()
            if opcode == CLOSE:
                self.closed_with = int.from_bytes(data[:2], "big") if data else 1005
                raise Ended
            if opcode in (TEXT, BINARY):
                return data.decode() if opcode == TEXT else data

    async def close_code(self) -> int:
        """Read on until the connection ends; returns the code of the server's close frame, 1006 if there was none."""
        try:
            while True:
                await self.packet()
        except Ended:
            return 1006 if self.closed_with is None else self.closed_with

    async def close(self) -> None:
        """Close as a browser does: close frame, the server's, the end."""
        await self.peer.send(frame(b"\x03\xe8", CLOSE))
        await self.close_code()
        await self.peer.close()


class PollingClient(Client):
    """A client that polls, each request on a connection of its own.

    Attributes:
        target: of its requests, with the session's id.
    """

    def __init__(self, connect: Callable[[], Awaitable[Peer]]) -> None:
        super().__init__()
        self.target = POLLING
        self._connect = connect
        self._packets: list[str] = []

    @property
    def is_drained(self) -> bool:
        """Whether all packets that arrived were taken."""
        return not self._packets

    async def open(self, query: str = "") -> None:
        """Begin a session; `query` is added to the URL."""
        self.target += query
        answer = await self.ask()
        assert answer.status == 200, answer
        self.sid = json.loads(answer.text[1:])["sid"]
        self.target += f"&sid={self.sid}"

    async def ask(self, method: str = "GET", body: bytes | None = None, headers: Iterable[str] = ()) -> Answer:
        """Make one request of the session."""
        peer = await self._connect()
        try:
            return await peer.ask(self.target, method, body, headers)
        finally:
            await peer.close()

    async def send(self, *packets: str | bytes) -> int:
        return (await self.ask("POST", payload(*packets))).status

    async def packet(self) -> str | bytes:
        while not self._packets:
            answer = await self.ask()
            if answer.status != 200:
                raise Ended
            self._packets = answer.text.split("\x1e")
        return self._packets.pop(0)


def payload(*packets: str | bytes) -> bytes:
    """Return packets as the body of a POST."""
    forms = [packet if isinstance(packet, str) else "b" + b64encode(packet).decode() for packet in packets]
    return "\x1e".join(forms).encode()
