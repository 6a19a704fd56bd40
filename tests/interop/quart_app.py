"""Quart: its application is inside ours, lifespan and all, and its endpoints emit, async ones and those in threads."""

from __future__ import annotations

from quart import Quart

from socketio_core import Server
from socketio_core.asgi import App
from tests.interop.app import report
from tests.interop.under_uvicorn import run


def create_app(io: Server) -> App:
    """Return our application around the framework's."""
    app = Quart(__name__)

    @app.get("/announce/<text>")
    async def announce(text: str) -> dict[str, bool]:
        await io.emit("said", text, None)
        return {"ok": True}

    @app.get("/announce from a thread/<text>")
    def announce_from_a_thread(text: str) -> dict[str, bool]:
        io.from_thread(io.emit, "said", text, None)
        return {"ok": True}

    @app.after_serving
    async def ended() -> None:
        report("ended")

    return App(io, app)


if __name__ == "__main__":
    run(create_app)
