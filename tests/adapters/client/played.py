"""A client with one WebSocket, whose other end is played by hand: a test says what the server sends, and reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from socketio_core.app.client_socket import ClientSocket
from tests.adapters.bench import until
from tests.adapters.client.server import open_packet, switching, text
from tests.adapters.loops import loop
from tests.adapters.peer import Peer


class PlayedServer:
    """The server's end.

    Attributes:
        peer: reads bytes, whoever sent them.
    """

    def __init__(self, stream: Any) -> None:
        self.peer = Peer(stream)

    async def send(self, *data: bytes) -> None:
        """Send bytes."""
        await self.peer.send(b"".join(data))

    async def shake_hands(self, *behind: bytes) -> None:
        """Answer the handshake of the WebSocket; what is to come behind it comes in one piece with the answer."""
        head = await self.peer.until(b"\r\n\r\n")
        at = head.lower().index(b"sec-websocket-key: ")
        await self.send(switching(head[at:].split()[1]), *behind)

    async def frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame of the client."""
        first, second = await self.peer.exactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.peer.exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.peer.exactly(8), "big")
        mask = await self.peer.exactly(4)
        data = await self.peer.exactly(size)
        pad = (mask * (size // 4 + 1))[:size]
        return first & 15, (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")

    async def open(self, socket: ClientSocket) -> None:
        """Shake hands, open the session, and let the client into the root namespace."""
        await self.shake_hands(text(open_packet()), text('40{"sid":"A"}'))
        assert await self.frame() == (1, b"40")
        await socket.wait_connected()


@asynccontextmanager
async def played(**options: Any) -> AsyncGenerator[tuple[ClientSocket, PlayedServer]]:
    """Have a client connected by WebSocket, in the root namespace."""
    servers: list[PlayedServer] = []
    over = loop.new_event()

    async def serve(stream: Any) -> None:
        servers.append(PlayedServer(stream))
        await over.wait()

    options = {"reconnection": False, "transports": ["websocket"], **options}
    async with loop.open_nursery() as nursery:
        url = f"http://127.0.0.1:{await loop.serve_tcp(nursery, serve)}"
        async with loop.connect(url, wait=False, **options) as socket:
            await until(lambda: servers, "it dials", 5)
            (server,) = servers
            await server.open(socket)
            yield socket, server
        over.set()
        nursery.cancel_scope.cancel()
