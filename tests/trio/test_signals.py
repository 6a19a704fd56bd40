"""Ctrl-C and SIGTERM at a server that is busy: its clients are told as when it is idle, and it ends in order."""

from __future__ import annotations

import signal
from typing import Final

import pytest
import trio

from tests.adapters.signalled import end_by_signal, signalled_server

SERVER: Final = "tests.trio.signalled_server"


@pytest.mark.parametrize(
    ("event", "number", "status"),
    [
        ("busy", signal.SIGINT, 130),
        ("spawned", signal.SIGINT, 130),
        ("waits", signal.SIGINT, 130),
        ("short", signal.SIGTERM, 0),
        ("waits", signal.SIGTERM, 0),
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_all_clients_are_told(event: str, number: signal.Signals, status: int, transport: str) -> None:
    assert end_by_signal(SERVER, event, number, transport) == status


def test_second_interrupt_ends_what_would_take_its_time() -> None:
    async def main() -> None:
        async with signalled_server(SERVER) as (server, clients):
            await clients[1].emit("stubborn")
            await server.wait_for("busy")
            server.process.send_signal(signal.SIGINT)
            await server.wait_for("left")
            server.process.send_signal(signal.SIGINT)
            await server.wait_for("KeyboardInterrupt")
            assert await server.process.wait() == 130

    trio.run(main)
