"""A test on asyncio, of the ASGI application: uvicorn's own protocols, on connections in memory, are in front of it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from socketio_core import Server
from socketio_core.asgi import App
from tests.adapters.abstract import DEADLINE_S, Nursery
from tests.adapters.memory import JumpingLoop, MemoryListener
from tests.adapters.on_asyncio import AsyncioLoop


class UnderUvicorn(JumpingLoop):
    """Runs such a test, and so tells it from others."""


class UvicornLoop(AsyncioLoop):
    label = "uvicorn"
    no_code = 1000

    def run(self, function: Callable[[], Awaitable[None]], *, tcp: bool) -> None:
        assert not tcp, "in memory only"
        self._run(function, UnderUvicorn, DEADLINE_S)

    def is_about_ours(self, context: dict[str, Any]) -> bool:
        error = context.get("exception")
        if not isinstance(error, BaseException):
            return True
        frames = traceback.extract_tb(error.__traceback__)
        return any("socketio_core" in Path(frame.filename).parts for frame in frames)

    async def serve(self, nursery: Nursery, io: Server, **options: Any) -> list[str]:
        (listener,) = options["listeners"]
        serving = asyncio.Event()
        nursery.start_soon(_serve, io, listener, serving)
        await serving.wait()
        return ["here"]


async def _serve(io: Server, listener: MemoryListener, serving: asyncio.Event) -> None:
    app = App(io)
    config = uvicorn.Config(app, http="httptools", ws="websockets-sansio", ws_ping_interval=None, log_config=None)
    config.load()
    state = ServerState()
    protocol: Any = config.http_protocol_class
    async with app.lifespan():
        listener.factory = lambda: protocol(config=config, server_state=state, app_state={})
        serving.set()
        try:
            await asyncio.Event().wait()
        finally:
            listener.close()
            for connection in list(state.connections):
                connection.shutdown()
            while state.tasks:
                await asyncio.wait(state.tasks)
