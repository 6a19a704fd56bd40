"""An ASGI application below uvicorn's reloader, as `uvicorn --reload` has it; options: `--port`, `--watch FOLDER`."""

from __future__ import annotations

import argparse
import contextlib
import socket
from collections.abc import AsyncGenerator

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.supervisors import ChangeReload

from socketio_core.asgi import App
from tests.interop.app import build, options_of, report

mounted = App(build(options_of([])))


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    async with mounted.lifespan():
        report("began")
        yield
    report("ended")


app = Starlette(routes=[Mount("/", mounted)], lifespan=lifespan)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--watch")
    options = parser.parse_args()
    config = uvicorn.Config(
        "tests.interop.reloading_app:app",
        reload=True,
        reload_dirs=[options.watch],
        reload_delay=0.05,
        log_level="error",
        timeout_graceful_shutdown=1,
    )
    with socket.create_server(("localhost", options.port)) as listener:
        report("listening", url=f"http://localhost:{listener.getsockname()[1]}")
        ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()


if __name__ == "__main__":
    main()
