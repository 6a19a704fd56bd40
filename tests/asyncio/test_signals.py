"""Ctrl-C and SIGTERM at a server that is busy: its clients are told as when it is idle, and it ends in order.

Under `asyncio.run` the first Ctrl-C cancels, and interrupts nobody; the second one interrupts a handler.
"""

from __future__ import annotations

import signal

import pytest

from tests.adapters.signalled import end_by_signal


@pytest.mark.parametrize(
    ("event", "number", "status"),
    [
        ("busy", signal.SIGINT, 130),
        ("spawned", signal.SIGINT, 130),
        ("waits", signal.SIGINT, 130),
        ("waits", signal.SIGTERM, 0),
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_all_clients_are_told(event: str, number: signal.Signals, status: int, transport: str) -> None:
    assert (
        end_by_signal("tests.asyncio.signalled_server", event, number, transport, is_twice=event != "waits") == status
    )
