"""Calls from other threads than the event loop's, where there is no loop."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from socketio_core import Server
from socketio_core.app.threads import CallableFromThreads
from socketio_core.errors import LocalProtocolError


def test_nobody_serves() -> None:
    with pytest.raises(LocalProtocolError):
        Server().from_thread(len, "x")


async def nothing() -> None: ...


def test_what_a_call_has_returned_is_no_function_and_is_named() -> None:
    call: Any = nothing()
    with pytest.raises(TypeError, match=r"takes a function and its arguments, as \(io\.emit, 'news', 1\), not: <coro"):
        Server().from_thread(call)
    assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED


def test_who_has_no_runtime_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError):
        CallableFromThreads().from_thread(len, "x")
