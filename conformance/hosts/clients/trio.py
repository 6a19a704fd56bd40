"""The client of `socketio_core.trio`, keeping the contract: `python -m conformance.hosts.clients.trio`."""

from __future__ import annotations

import sys

import trio

from conformance.hosts.clients.application import Loop, obey_all
from socketio_core.trio import connect


async def read_line() -> str:
    """Return the next line, if there is one."""
    return await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)


async def main() -> None:
    """Obey until there are no more commands."""
    async with trio.open_nursery() as nursery:
        await obey_all(Loop(connect, trio.Event, nursery.start_soon, read_line))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
