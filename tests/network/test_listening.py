"""What adapters with sockets of their own share of listeners; how these are called, each adapter tries itself."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from socketio_core.network.listening import ACCEPTED_AT_ONCE, accept_more


@pytest.mark.parametrize("waiting", [0, 1, ACCEPTED_AT_ONCE - 1, ACCEPTED_AT_ONCE + 5])
def test_those_who_wait_are_accepted_up_to_a_limit(waiting: int) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2 * ACCEPTED_AT_ONCE))
        listener.settimeout(0)
        for _ in range(waiting):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        for expected in (min(waiting, ACCEPTED_AT_ONCE - 1), max(0, waiting - ACCEPTED_AT_ONCE + 1)):
            assert len([stack.enter_context(found) for found, _ in accept_more(listener)]) == expected


def test_listener_that_is_closed_has_nobody() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.close()
    assert list(accept_more(listener)) == []
