"""The application on asyncio: `socketio_core.asyncio` serves it."""

from __future__ import annotations

import asyncio
import socket

from conformance.hosts.application import create_server
from socketio_core.asyncio import serve as serve_on_asyncio


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C; clients are told before this returns."""
    asyncio.run(serve_on_asyncio(create_server(asyncio.sleep), listeners=listeners))
