"""The same application mounted in FastAPI, under uvicorn: a page, a login by cookie, and endpoints that emit.

It reports what happens as JSON lines, and ends with its input, or at SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.sessions import SessionMiddleware

from socketio_core import Cors, Server
from socketio_core.app import Socket
from socketio_core.asgi import App
from tests.interop.app import PAGE, build, options_of, report

GRACE_S: Final = 1


def is_welcome(origin: str) -> bool:
    """The port is another one each time."""
    return origin.startswith("http://other.localhost:")


def io_of(request: Request) -> Server:
    """As applications get at what they share."""
    io: Server = request.app.state.io
    return io


def create_app(io: Server) -> FastAPI:
    """Return the framework's application around the server."""
    mounted = App(io)

    @io.on("who am I")
    def who_am_i(socket: Socket) -> str:
        user: str = socket.handshake.scope["session"].get("user", "nobody")
        return user

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with mounted.lifespan():
            yield
        report("ended")

    app = FastAPI(lifespan=lifespan)
    app.state.io = io
    app.add_middleware(SessionMiddleware, secret_key="of this test")

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return PAGE.read_text()

    @app.get("/login/{user}")
    async def login(user: str, request: Request) -> dict[str, str]:
        request.session["user"] = user
        return {"user": user}

    @app.get("/announce/{text}")
    async def announce(text: str, io: Annotated[Server, Depends(io_of)]) -> dict[str, bool]:
        await io.emit("said", text, None)
        return {"ok": True}

    @app.get("/announce from a thread/{text}")
    def announce_from_a_thread(text: str, io: Annotated[Server, Depends(io_of)]) -> dict[str, bool]:
        io.from_thread(io.emit, "said", text, None)
        return {"ok": True}

    app.mount("/", mounted)
    return app


class Reporting(uvicorn.Server):
    """Says when clients may come."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        report("listening", url=f"http://localhost:{self.servers[0].sockets[0].getsockname()[1]}")


async def main() -> None:
    options = options_of()
    io = build(options, cors=Cors(origins=is_welcome, credentials=True))
    config = uvicorn.Config(
        create_app(io),
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        ws="websockets-sansio",
    )
    server = Reporting(config)

    def end_with_input() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_input, daemon=True).start()
    await server.serve()


if __name__ == "__main__":
    asyncio.run(main())
