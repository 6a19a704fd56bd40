"""Calls of other threads, as far as they need no thread; the rest is in tests/network/test_from_thread.py."""

from __future__ import annotations

import pytest

from socketio_core import Server
from socketio_core.app.threads import CallableFromThreads
from socketio_core.errors import LocalProtocolError
from tests.app.client_rig import ClientRig


def test_nobody_makes_calls_for_a_server_that_is_not_served() -> None:
    io = Server()
    with pytest.raises(LocalProtocolError, match="nobody serves it"):
        io.from_thread(io.emit, "too early")


def test_calls_are_made_by_the_runtime_that_a_socket_of_a_client_has() -> None:
    rig = ClientRig()
    with pytest.raises(AssertionError):  # the runtime of tests has no threads
        rig.host.socket_of().from_thread(print)


def test_who_has_no_runtime_makes_no_calls() -> None:
    with pytest.raises(NotImplementedError):
        CallableFromThreads().from_thread(print)
