"""The application of this folder mounted in a framework, under uvicorn; it ends with its input, or at SIGTERM."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from socketio_core import Cors, Server
from tests.interop.app import build, options_of, report

GRACE_S: Final = 1
ENDED: Final = "ERROR:    Cancel 1 running task(s), timeout graceful shutdown exceeded\n"
"""What uvicorn says of a poll that waits at its end."""


def is_welcome(origin: str) -> bool:
    """The port is another one each time."""
    return origin.startswith("http://other.localhost:")


class Reporting(uvicorn.Server):
    """Says when clients may come."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        report("listening", url=f"http://localhost:{self.servers[0].sockets[0].getsockname()[1]}")


async def _main(create_app: Callable[[Server], Any]) -> None:
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


def run(create_app: Callable[[Server], Any]) -> None:
    """Serve a framework's application."""
    asyncio.run(_main(create_app))
