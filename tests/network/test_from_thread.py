"""Calls from other threads than the event loop's, on both loops."""

from __future__ import annotations

import asyncio
import threading

import pytest
import trio

from socketio_core import Server
from socketio_core.errors import LocalProtocolError
from tests.network.threads import served


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_calls(loop: str) -> None:
    io = Server()
    mine = threading.get_ident()

    async def fail() -> None:
        raise KeyError("as it is")

    async def refused() -> str:
        with pytest.raises(LocalProtocolError, match="await the call, here"):
            io.from_thread(io.emit, "x")
        return "refused"

    with pytest.raises(LocalProtocolError, match="no event loop runs it"):
        io.from_thread(io.emit, "too early")
    with served(io, loop):
        assert io.from_thread(threading.get_ident) != mine  # a sync one
        io.from_thread(io.to("room").emit, "news", {"a": 1})
        assert io.from_thread(io.fetch_sockets) == []
        with pytest.raises(LocalProtocolError, match="event name must"):
            io.from_thread(io.emit, 1)  # type: ignore[call-overload]
        with pytest.raises(KeyError, match="as it is"):
            io.from_thread(fail)
        assert io.from_thread(refused) == "refused"
    with pytest.raises(LocalProtocolError, match="no event loop runs it"):
        io.from_thread(io.emit, "too late")


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_a_call_that_waits_when_the_loop_ends(loop: str) -> None:
    """It ends, one way or another: its thread must not wait for ever."""
    io = Server()
    outcome: list[BaseException] = []
    begun = threading.Event()

    async def for_ever() -> None:
        begun.set()
        if loop == "trio":
            await trio.sleep_forever()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            io.from_thread(for_ever)
        except BaseException as error:  # noqa: BLE001 - whatever the loop makes of its end
            outcome.append(error)

    with served(io, loop):
        thread = threading.Thread(target=call)
        thread.start()
        assert begun.wait(20)
    thread.join(20)
    assert len(outcome) == 1
