"""The server of the chat that everybody writes first, and what its readers try next, each a few lines.

It ends with its input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from socketio_core import ConnectRefused, RecoverySettings, Server
from socketio_core.app import Socket
from socketio_core.http import Request, Response
from tests.interop.app import options_of, run

FOLDER: Final = Path(__file__).parent
PAGES: Final = {"/": FOLDER / "tutorial.html", "/short": FOLDER / "tutorial_short.html"}


def page(request: Request, body: bytes) -> Response:
    """Serve the files of the tutorial."""
    if (file := PAGES.get(request.path)) is None:
        return Response(404)
    return Response(200, [(b"content-type", b"text/html; charset=utf-8")], file.read_bytes())


def chat(io: Server) -> None:
    """Tell everybody what somebody says, and those who come what they have missed."""
    messages: list[str] = []
    known: set[str] = set()

    @io.on("connection")
    async def connected(socket: Socket) -> None:
        if socket.recovered:
            return
        offset = socket.handshake.auth.get("serverOffset", len(messages))
        for index, text in enumerate(messages[offset:], offset + 1):
            await socket.emit("chat message", text, index)

    @io.on("chat message")
    async def said(socket: Socket, text: str, client_offset: str = "") -> None:
        if client_offset and client_offset in known:
            return  # sent again, because the acknowledgement was lost
        known.add(client_offset)
        messages.append(text)
        await io.emit("chat message", text, len(messages))


def next_steps(io: Server) -> None:
    """Rooms, broadcasting, acknowledgements, namespaces, and who may come."""

    @io.on("join")
    async def join(socket: Socket, room: str) -> str:
        socket.join(room)
        await socket.to(room).emit("joined", room)
        return "welcome"

    @io.on("to room")
    async def to_room(socket: Socket, room: str, text: str) -> None:
        await io.to(room).emit("room event", text)

    @io.on("hi")
    async def hi(socket: Socket) -> None:
        await socket.broadcast.emit("hi")

    @io.on("update item")
    def update(socket: Socket, number: str, item: dict[str, Any]) -> dict[str, Any]:
        return {"status": "ok", "number": number, **item}

    @io.on("ask me")
    async def ask(socket: Socket) -> str:
        answer = await socket.call("question", timeout=10)
        return f"you said {answer}"

    @io.of("/admin").on("connection")
    async def admin(socket: Socket) -> None:
        await socket.emit("hello", "administrator")

    @io.of("/members").use
    async def authenticate(socket: Socket) -> None:
        if socket.handshake.query.get("token") != "abcd":
            raise ConnectRefused("authentication error", {"content": "please retry later"})


def main() -> None:
    options = options_of()
    io = Server(http=page, recovery=RecoverySettings())
    chat(io)
    next_steps(io)
    run(io, options)


if __name__ == "__main__":
    main()
