"""Calls from other threads than the event loop's, where there is no loop."""

from __future__ import annotations

import pytest

from socketio_core import Server
from socketio_core.app.threads import CallableFromThreads
from socketio_core.errors import LocalProtocolError


def test_nobody_serves() -> None:
    with pytest.raises(LocalProtocolError):
        Server().from_thread(len, "x")


def test_who_has_no_runtime_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError):
        CallableFromThreads().from_thread(len, "x")
