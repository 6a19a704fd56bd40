"""Litestar: its application is inside ours, lifespan and all; endpoints emit, async ones and those in threads."""

from litestar import Litestar, get
from litestar.params import FromPath

from socketio_core import Server
from socketio_core.asgi import App
from tests.interop.app import report
from tests.interop.under_uvicorn import run


def create_app(io: Server) -> App:
    """Return our application around the framework's."""

    @get("/announce/{text:str}")
    async def announce(text: FromPath[str]) -> dict[str, bool]:
        await io.emit("said", text, None)
        return {"ok": True}

    @get("/announce from a thread/{text:str}", sync_to_thread=True)
    def announce_from_a_thread(text: FromPath[str]) -> dict[str, bool]:
        io.from_thread(io.emit, "said", text, None)
        return {"ok": True}

    def ended() -> None:
        report("ended")

    return App(io, Litestar([announce, announce_from_a_thread], on_shutdown=[ended]))


if __name__ == "__main__":
    run(create_app)
