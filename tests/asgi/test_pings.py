"""Pings of WebSockets are the ASGI server's: see the table in `socketio_core.asgi`."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
import uvicorn
from uvicorn.server import ServerState

HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
EMPTY_PING: Final = b"\x89\x80\0\0\0\0"
EMPTY_PONG: Final = b"\x8a\0"
DEADLINE_S: Final = 60.0


async def accept_and_look_away(_: object, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
def test_uvicorn_answers_pings_whether_the_application_reads_or_not(ws: Any) -> None:
    async def ask() -> None:
        config = uvicorn.Config(accept_and_look_away, ws=ws, log_config=None)
        config.load()
        protocol: Any = config.http_protocol_class
        state = ServerState()

        def connected() -> Any:
            return protocol(config=config, server_state=state, app_state={})

        async with await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(HANDSHAKE)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.write(EMPTY_PING * 1000)
            assert await reader.readexactly(len(EMPTY_PONG) * 1000) == EMPTY_PONG * 1000
            for task in state.tasks:
                task.cancel()
            await asyncio.wait(state.tasks)
            writer.close()
            await writer.wait_closed()

    asyncio.run(asyncio.wait_for(ask(), DEADLINE_S))
