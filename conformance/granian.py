"""Serving with granian in this process, for the hosts and for who else needs it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_LOOK_S: Final = 0.05


def serve(app: Any, listener: socket.socket, when_listening: Callable[[], object]) -> None:
    """Serve until Ctrl-C; `when_listening` is called once clients may come.

    granian opens the port by itself, in threads of this process, and tells nobody: only the address of `listener` is
    used, which is closed first.
    """
    from granian.constants import Interfaces
    from granian.server.embed import Server

    host, port = listener.getsockname()[:2]
    listener.close()
    server = Server(app, host, port, interface=Interfaces.ASGI, log_enabled=False)

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            with suppress(OSError):
                (await asyncio.open_connection(host, port))[1].close()
                break
        when_listening()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(look())
            await server.serve()

    asyncio.run(main())
