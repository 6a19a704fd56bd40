"""The servers that speak ASGI; each prints its port when clients may come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

from benchmarks.servers.under_uvicorn import listen
from benchmarks.servers.under_uvicorn import serve as serve_uvicorn
from conformance.granian import serve as serve_granian


def serve_asgi(host: str, app: Any, *, deflates: bool) -> None:
    """Serve under one of `HOSTS`. Only uvicorn is told whether to compress; the others never do."""
    HOSTS[host](app, listen(), deflates=deflates)


def _hypercorn(app: Any, listener: socket.socket, *, deflates: bool) -> None:
    from hypercorn.config import Config

    serve: Any = import_module("hypercorn.asyncio").serve  # its types are not all known
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "CRITICAL"
    print(listener.getsockname()[1], flush=True)
    asyncio.run(serve(app, config))


def _granian(app: Any, listener: socket.socket, *, deflates: bool) -> None:
    port = listener.getsockname()[1]
    serve_granian(app, listener, lambda: print(port, flush=True))


HOSTS: Final[dict[str, Callable[..., None]]] = {
    "uvicorn": serve_uvicorn,
    "uvicorn-h11": partial(serve_uvicorn, http="h11", ws="wsproto"),
    "hypercorn": _hypercorn,
    "granian": _granian,
}
