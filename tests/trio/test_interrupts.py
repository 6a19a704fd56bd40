"""Signals in this process: at the start, with no client, at the end, twice; what is left of them afterwards."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from types import FrameType
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from socketio_core.app import Socket
from socketio_core.network.groups import only_cause
from socketio_core.network.signals import Unnested
from socketio_core.trio import Server, Timeouts
from socketio_core.trio.interrupts import calling_at_interrupt, open_signal_receiver
from tests.adapters.clients import WebSocketClient
from tests.trio.bench import TCP_IDLE_S, MemoryListener, connect_tcp

SHUTDOWN_S = Timeouts().shutdown_s


def run(main: Callable[[], Awaitable[None]], idle_s: float = 0) -> float:
    """Run in virtual time. Returns how much of it that took; what comes out comes out, and signals are as before."""
    clock = MockClock(autojump_threshold=idle_s)
    began = clock.current_time()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        trio.run(main, clock=clock)
    finally:
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    return clock.current_time() - began


class Starting(trio.TaskStatus[Any]):
    """Calls a function when `serve` has begun."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def started(self, value: object = None) -> None:
        self._function()


def stubborn_server() -> Server:
    io = Server()

    @io.on("wait")
    async def wait(socket: Socket) -> None:
        await trio.sleep_forever()

    return io


async def join(listener: MemoryListener) -> WebSocketClient:
    client = WebSocketClient(listener.connect_peer())
    await client.open()
    await client.join()
    return client


async def raise_signals_at_the_end(io: Server, listener: MemoryListener, first: signal.Signals) -> None:
    """Have a client whose handler does not end; then one signal, and Ctrl-C when another one was told of the end."""
    told = trio.Event()

    @io.on("disconnect")
    def left(socket: Socket, reason: str) -> None:
        told.set()

    waiting, other = await join(listener), await join(listener)
    await waiting.emit("wait")
    await trio.testing.wait_all_tasks_blocked()
    signal.raise_signal(first)
    await told.wait()
    signal.raise_signal(signal.SIGINT)
    for client in (waiting, other):
        await trio.aclose_forcefully(client.peer.stream)


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
@pytest.mark.parametrize("at", ["start", "idle"])
def test_signal_without_clients(number: signal.Signals, raised: bool, at: str) -> None:  # noqa: FBT001 - a row
    async def main() -> None:
        def started() -> None:
            if at == "start":
                signal.raise_signal(number)
            else:
                trio.lowlevel.spawn_system_task(later)

        async def later() -> None:
            await trio.testing.wait_all_tasks_blocked()
            signal.raise_signal(number)

        await Server().serve(listeners=[MemoryListener()], signals=[signal.SIGTERM], task_status=Starting(started))

    if raised:
        with pytest.raises(KeyboardInterrupt):
            run(main)
    else:
        assert run(main) < 1


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_end(first: signal.Signals) -> None:
    """In trio's main task."""
    io, listener = stubborn_server(), MemoryListener()
    times: list[float] = []

    async def main() -> None:
        async def drive() -> None:
            await raise_signals_at_the_end(io, listener, first)

        try:
            await io.serve(
                listeners=[listener],
                signals=[signal.SIGTERM],
                task_status=Starting(lambda: trio.lowlevel.spawn_system_task(drive)),
            )
        finally:
            times.append(trio.current_time())

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert times[0] < SHUTDOWN_S


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_the_end_in_a_nursery(first: signal.Signals) -> None:
    io, listener = stubborn_server(), MemoryListener()
    times: list[float] = []

    async def serve(task_status: trio.TaskStatus[list[str]]) -> None:
        try:
            await io.serve(listeners=[listener], signals=[signal.SIGTERM], task_status=task_status)
        finally:
            times.append(trio.current_time())

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            trio.lowlevel.spawn_system_task(raise_signals_at_the_end, io, listener, first)

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)) as raised:
        run(main)
    assert isinstance(only_cause(raised.value), KeyboardInterrupt)
    assert times[0] < SHUTDOWN_S


def test_interrupt_ends_the_end_of_several_servers() -> None:
    """One ends sooner than the other; then Ctrl-C is as before."""
    io, listener = stubborn_server(), MemoryListener()
    other = Server()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(io.serve, listeners=[listener], signals=[signal.SIGTERM]))
            await nursery.start(partial(other.serve, listeners=[MemoryListener()]))
            trio.lowlevel.spawn_system_task(raise_signals_at_the_end, io, listener, signal.SIGTERM)

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        run(main)


def test_outside_the_main_thread_no_signal_is_touched() -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(trio.run, serve_a_moment)

    async def serve_a_moment() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(Server().serve, listeners=[MemoryListener()]))
            nursery.cancel_scope.cancel()

    run(main)


@pytest.mark.parametrize("tcp", [False, True], ids=["memory", "TCP"])
def test_interrupt_of_a_handler_costs_no_other_its_goodbye(tcp: bool) -> None:  # noqa: FBT001 - a row
    """What others had sent before is still read, in the task that was interrupted."""
    io, listener = Server(), MemoryListener()
    handled: list[int] = []
    ends: list[int | None] = []

    @io.on("busy")
    def busy(socket: Socket) -> None:
        signal.raise_signal(signal.SIGINT)

    @io.on("note")
    def note(socket: Socket, number: int) -> None:
        handled.append(number)

    async def client_of(peer_of: Callable[[], Awaitable[Any]]) -> WebSocketClient:
        client = WebSocketClient(await peer_of())
        await client.open()
        await client.join()
        return client

    async def end(client: WebSocketClient) -> None:
        ends.append(await client.close_code())
        await client.peer.stream.aclose()

    async def drive(peer_of: Callable[[], Awaitable[Any]]) -> None:
        clients = [await client_of(peer_of) for _ in range(6)]
        for number, client in enumerate(clients):
            await client.emit(*(("busy",) if number == 2 else ("note", number)))
        for client in clients:
            await end(client)

    async def main() -> None:
        async def in_memory() -> Any:
            return listener.connect_peer()

        if not tcp:
            starting = Starting(lambda: trio.lowlevel.spawn_system_task(drive, in_memory))
            await io.serve(listeners=[listener], task_status=starting)
        else:

            class Tcp(trio.TaskStatus[Any]):
                def started(self, value: Any = None) -> None:
                    trio.lowlevel.spawn_system_task(drive, partial(connect_tcp, value[0]))

            await io.serve("127.0.0.1", task_status=Tcp())

    with pytest.raises(KeyboardInterrupt):
        run(main, TCP_IDLE_S if tcp else 0)
    assert ends == [1001] * 6
    assert sorted(handled) == [0, 1, 3, 4, 5]


def test_two_interrupts_of_handlers_at_once_end_it_though_nobody_was_told() -> None:
    """Others' goodbyes have no task left to be handled in, which must not hide the interrupt."""
    io, gate = Server(), trio.Event()

    @io.on("interrupt")
    async def interrupt(socket: Socket) -> None:
        await gate.wait()
        raise KeyboardInterrupt

    @io.on("disconnect")
    async def left(socket: Socket, reason: str) -> None:
        raise AssertionError(reason)

    async def drive(url: str) -> None:
        async with AsyncExitStack() as streams:
            for _ in range(3):
                client = WebSocketClient(await connect_tcp(url))
                await streams.enter_async_context(client.peer.stream)
                await client.open()
                await client.join()
                await client.emit("interrupt")
            await trio.testing.wait_all_tasks_blocked(0.01)
            gate.set()
            await trio.sleep_forever()

    class Tcp(trio.TaskStatus[Any]):
        def started(self, value: Any = None) -> None:
            trio.lowlevel.spawn_system_task(drive, value[0])

    with pytest.raises(KeyboardInterrupt):
        run(partial(io.serve, "127.0.0.1", task_status=Tcp()), TCP_IDLE_S)
    assert io.sockets.sockets == {}


def test_interrupts_do_not_nest_at_the_end() -> None:
    """Those that come while one is handled are the same one, however many."""
    interrupts: list[int] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.raise_signal(number)

    async def main() -> None:
        with calling_at_interrupt(ended.set):
            signal.raise_signal(signal.SIGINT)
            await ended.wait()
        assert signal.getsignal(signal.SIGINT) is interrupted

    ended = trio.Event()
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        run(main)
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupts == [signal.SIGINT]


def test_signals_that_are_received_do_not_nest() -> None:
    async def main() -> None:
        with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            assert isinstance(signal.getsignal(signal.SIGINT), Unnested)
            assert isinstance(signal.getsignal(signal.SIGTERM), Unnested)
            signal.raise_signal(signal.SIGTERM)
            assert await anext(received) == signal.SIGTERM

    run(main)
