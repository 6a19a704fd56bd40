"""Ctrl-C while a client is connected: the server is told, and one KeyboardInterrupt comes out, in no group."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from socketio_core.app import Socket
from socketio_core.settings import EngineClientSettings
from socketio_core.trio import ClientSocket, Server, connect
from tests.trio.bench import TCP_IDLE_S, until

CLOSE_S = EngineClientSettings().close_timeout_s

Block = Callable[[ClientSocket], Awaitable[None]]


async def _waiting(socket: ClientSocket) -> None:
    trio.lowlevel.spawn_system_task(_press)
    await trio.sleep_forever()


async def _waiting_in_a_nursery(socket: ClientSocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await _waiting(socket)


async def _busy(socket: ClientSocket) -> None:
    signal.raise_signal(signal.SIGINT)


async def _with_events_waiting(socket: ClientSocket) -> None:
    for number in range(100):
        await socket.emit("n", number)
    await _waiting(socket)


async def _with_a_busy_handler(socket: ClientSocket) -> None:
    @socket.on("echo")
    def echo() -> None:
        signal.raise_signal(signal.SIGINT)

    await socket.emit("echo")
    await trio.sleep_forever()


async def _with_a_handler_that_has_waited(socket: ClientSocket) -> None:
    @socket.on("echo")
    async def echo() -> None:
        await wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)

    await socket.emit("echo")
    try:
        await trio.sleep_forever()
    finally:
        socket.emit_nowait("n", 100)


async def _with_a_handler_that_waits(socket: ClientSocket) -> None:
    @socket.on("echo")
    async def echo() -> None:
        trio.lowlevel.spawn_system_task(_press)
        await trio.sleep_forever()

    await socket.emit("echo")
    await trio.sleep_forever()


async def _press() -> None:
    await wait_all_tasks_blocked()
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("block", "received"),
    [
        (_waiting, 0),
        (_waiting_in_a_nursery, 0),
        (_busy, 0),
        (_with_events_waiting, 100),
        (_with_a_busy_handler, 0),
        (_with_a_handler_that_has_waited, 1),
        (_with_a_handler_that_waits, 0),
    ],
)
def test_server_is_told(block: Block, received: int, transport: str) -> None:
    io = Server()
    numbers: list[int] = []
    reasons: list[str] = []
    raised: list[BaseException] = []

    @io.on("echo")
    async def echo(socket: Socket) -> None:
        await socket.emit("echo")

    @io.on("n")
    def came(socket: Socket, number: int) -> None:
        numbers.append(number)

    @io.on("disconnect")
    def left(socket: Socket, reason: str) -> None:
        reasons.append(reason)

    async def main() -> None:
        served = trio.Event()
        urls: list[str] = []

        async def serve() -> None:  # out of reach of Ctrl-C
            async with trio.open_nursery() as nursery:
                urls.extend(await nursery.start(io.serve, "127.0.0.1", 0))
                served.set()
                await until(lambda: reasons, "the client has left", CLOSE_S)
                nursery.cancel_scope.cancel()

        trio.lowlevel.spawn_system_task(serve)
        await served.wait()
        try:
            async with connect(urls[0], transports=[transport]) as socket:
                await block(socket)
        except BaseException as error:  # noqa: BLE001 - it is what this is about
            raised.append(error)
        await until(lambda: reasons, "the server was told", CLOSE_S)

    trio.run(main, clock=MockClock(autojump_threshold=TCP_IDLE_S))
    assert [type(error) for error in raised] == [KeyboardInterrupt]
    assert len(numbers) == received
    assert reasons == ["client namespace disconnect"]


def test_interrupt_while_it_connects() -> None:
    """To a server that does not answer."""

    async def main() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port: Any = listener.socket.getsockname()[1]
        async with listener:
            began = trio.current_time()
            trio.lowlevel.spawn_system_task(_press)
            with pytest.raises(KeyboardInterrupt):
                async with connect(f"http://127.0.0.1:{port}"):
                    raise AssertionError("it did not answer")
            assert trio.current_time() - began < 1

    trio.run(main, clock=MockClock(autojump_threshold=TCP_IDLE_S))


def test_second_interrupt_ends_at_once() -> None:
    """One comes out of both."""

    io = Server()

    async def main() -> None:
        served = trio.Event()
        urls: list[str] = []

        @io.on("wait")
        async def wait(socket: Socket) -> None:
            await trio.sleep_forever()

        went_on = trio.Event()

        async def serve() -> None:
            async with trio.open_nursery() as nursery:
                urls.extend(await nursery.start(io.serve, "127.0.0.1", 0))
                served.set()
                await went_on.wait()
                nursery.cancel_scope.cancel()

        trio.lowlevel.spawn_system_task(serve)
        await served.wait()
        began = 0.0
        raised: list[BaseException] = []
        try:
            async with connect(urls[0], retries=100, ack_timeout_s=1000) as socket:
                socket.emit_nowait("wait")
                began = trio.current_time()
                trio.lowlevel.spawn_system_task(_press_twice)
                await trio.sleep_forever()
        except BaseException as error:  # noqa: BLE001 - it is what this is about
            raised.append(error)
        finally:
            went_on.set()
        assert [type(error) for error in raised] == [KeyboardInterrupt]
        assert trio.current_time() - began < 1

    async def _press_twice() -> None:
        await _press()
        await _press()

    trio.run(main, clock=MockClock(autojump_threshold=TCP_IDLE_S))
