"""One uvicorn for whatever speaks ASGI, so that what differs is the application."""

from __future__ import annotations

import socket
from typing import Any


def serve(app: Any, listener: socket.socket, *, deflates: bool, http: Any = "httptools", ws: Any = "auto") -> None:
    """Serve on uvloop, with httptools, and the WebSockets that uvicorn chooses by itself; they do not ping."""
    import uvicorn

    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=http,
        ws=ws,
        ws_per_message_deflate=deflates,
        ws_ping_interval=None,
        log_level="critical",
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def listen() -> socket.socket:
    """Return a socket for it, with room for all clients that come at once."""
    return socket.create_server(("127.0.0.1", 0), backlog=1024)
