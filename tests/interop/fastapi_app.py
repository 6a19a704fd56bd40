"""FastAPI: a page, a login by cookie, and endpoints that emit."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.sessions import SessionMiddleware

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.asgi import App
from tests.interop.app import PAGE, report
from tests.interop.under_uvicorn import run


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


if __name__ == "__main__":
    run(create_app)
