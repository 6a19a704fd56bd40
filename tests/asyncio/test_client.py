"""The client on asyncio: what tasks, cancellation and Ctrl-C mean there; what the protocol asks is in the suites."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from socketio_core.asyncio import ClientSocket, Disconnected, Server, Socket, connect
from tests.asyncio.bench import Bench, JumpingLoop, asyncio_test, collected_log, count_tasks, serving, until

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])
Block = Callable[[ClientSocket], Awaitable[object]]


@asynccontextmanager
async def pair(io: Server | None = None, **options: Any) -> AsyncGenerator[tuple[ClientSocket, Bench]]:
    """Serve, and connect."""
    async with serving(io or Server()) as bench, connect(bench.urls[0], **options) as socket:
        yield socket, bench


# -- the block -------------------------------------------------------------------------------------------------------


async def _raise(_: ClientSocket, error: BaseException) -> None:
    raise error


async def _be_cancelled(_: ClientSocket) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1e6)


async def _see_a_sibling_fail(_: ClientSocket) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_raise(_, ValueError("sibling")))
        await asyncio.sleep(1e6)


@TRANSPORTS
@pytest.mark.parametrize(
    ("block", "raised"),
    [
        (partial(_raise, error=KeyError("mine")), KeyError),
        (_be_cancelled, asyncio.CancelledError),
        (_see_a_sibling_fail, ExceptionGroup),
    ],
)
@asyncio_test
async def test_whatever_ends_the_block_comes_out_and_the_server_is_told(
    block: Block, raised: type[BaseException], transport: str
) -> None:
    async def run(url: str) -> None:
        async with connect(url, transports=[transport]) as socket:
            await socket.emit("n", 1)
            await block(socket)

    io = Server()
    received: list[int] = []

    @io.on("n")
    def note(_: Socket, number: int) -> None:
        received.append(number)

    async with serving(io) as bench:
        task = asyncio.create_task(run(bench.urls[0]))
        with pytest.raises(raised):
            await task
        await until(lambda: bench.left, "the server has noticed", 5)
        assert (received, set(bench.left.values())) == ([1], {"client namespace disconnect"})


@asyncio_test
async def test_a_time_out_around_the_block_is_one() -> None:
    async with serving(Server()) as bench:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3), connect(bench.urls[0]):
                await asyncio.sleep(1e6)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await until(lambda: bench.left, "the server has noticed", 5)


async def _fail_beside_a_block(url: str) -> None:
    async with asyncio.TaskGroup() as group, connect(url) as socket:
        group.create_task(_raise(socket, ValueError("sibling")))
        await asyncio.sleep(1e6)


@asyncio_test
async def test_a_task_group_around_the_block_ends_it_when_a_sibling_fails() -> None:
    async with serving(Server()) as bench:
        with pytest.raises(ExceptionGroup) as caught:
            await _fail_beside_a_block(bench.urls[0])
        assert [repr(error) for error in caught.value.exceptions] == ["ValueError('sibling')"]


@asyncio_test
async def test_closing_can_be_cancelled_and_then_ends_at_once() -> None:
    """A handler does not end, and the server does not acknowledge."""
    ended: list[str] = []
    outcomes: list[type[Exception]] = []
    async with serving(Server()) as bench:

        async def run() -> None:
            async with connect(bench.urls[0], retries=100, ack_timeout_s=1000, close_timeout_s=1000) as socket:

                @socket.on("go")
                async def go() -> None:
                    try:
                        await asyncio.sleep(1e6)
                    finally:
                        ended.append("handler")

                async def call() -> None:
                    try:
                        await socket.call("nobody", timeout=None)
                    except Disconnected as error:
                        outcomes.append(type(error))

                calling = asyncio.create_task(call())
                await bench.io.emit("go")
                await asyncio.sleep(0.1)
            await calling

        task = asyncio.create_task(run())
        await asyncio.sleep(5)
        assert not task.done()
        task.cancel()
        begun = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - begun < 1
        await until(lambda: outcomes, "whoever waited for an answer was told", 1)
        assert ended == ["handler"]


@asyncio_test
async def test_cancelling_at_any_moment_leaves_nothing_behind() -> None:
    io = Server()
    async with serving(io) as bench:
        before = asyncio.all_tasks()

        async def talk() -> None:
            async with connect(bench.urls[0]) as socket:
                await socket.call("echo")
                await asyncio.sleep(1e6)

        for turns in range(0, 60, 3):
            task = asyncio.create_task(talk())
            for _ in range(turns):
                await asyncio.sleep(0)
            for _ in range(3):  # while it connects, while it closes, while it ends
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == before
        await until(lambda: bench.core.session_count == 0, "the server has noticed", 100)


@asyncio_test
async def test_a_block_that_is_thrown_away_does_no_harm() -> None:
    """As an async generator that nobody finishes is, or a coroutine when its loop is gone."""
    async with serving(Server()) as bench:
        before = asyncio.all_tasks()

        async def forever() -> None:
            async with connect(bench.urls[0]):
                await asyncio.get_running_loop().create_future()

        coroutine = forever()
        trap: Any = coroutine.send(None)
        while not bench.core.session_count or not trap.done():
            await asyncio.sleep(0)
            if trap.done():
                trap._asyncio_future_blocking = False
                try:
                    trap = coroutine.send(None)
                except StopIteration:
                    pytest.fail("it must not end")
                break
        coroutine.close()
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == before


# -- handlers --------------------------------------------------------------------------------------------------------


@asyncio_test
async def test_an_event_whose_handler_does_not_wait_costs_no_task() -> None:
    async with pair(transports=["websocket"]) as (socket, bench):
        heard: list[int] = []

        @socket.on("n")
        async def note(number: int) -> None:
            heard.append(number)
            await socket.emit("heard", number)

        before = await count_tasks()
        for number in range(10):
            bench.io.emit_nowait("n", number)
            await until(lambda number=number: len(heard) == number + 1, "it was handled", 5)  # type: ignore[misc]
        assert await count_tasks() == before + 1


@asyncio_test
async def test_what_is_cancelled_in_a_handler_is_its_own_affair() -> None:
    async with pair() as (socket, bench):
        heard: list[int] = []

        @socket.on("n")
        async def wait(number: int) -> None:
            heard.append(number)
            task = asyncio.create_task(asyncio.sleep(1e6))
            asyncio.get_running_loop().call_later(0.1, task.cancel)
            await task

        @socket.on("self")
        async def cancel() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)

        with collected_log("socketio_core.asyncio", logging.ERROR) as log:
            for number in range(3):
                await bench.io.emit("n", number)
            await bench.io.emit("self")
            await bench.io.emit("n", 3)
            await until(lambda: heard == [0, 1, 2, 3] and len(log) == 5, "all was handled", 10)
        assert bench.take_log().count("failed") == 5


@asyncio_test
async def test_the_users_own_cancellation_is_never_undone() -> None:
    """Not even by handlers that fail with a `CancelledError` at the same time."""
    async with serving(Server()) as bench:

        async def run() -> None:
            async with connect(bench.urls[0]) as socket:
                me = asyncio.current_task()
                assert me is not None

                @socket.on("n")
                async def fail() -> None:
                    me.cancel()
                    raise asyncio.CancelledError

                await bench.io.emit("n")
                await asyncio.sleep(1e6)

        task = asyncio.create_task(run())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
        assert "handler of 'n' failed" in bench.take_log()


# -- the end of the program ------------------------------------------------------------------------------------------


def _run_program(block: Block) -> None:
    """Run a block in a program that ends because of it; the loop must have nothing to say."""
    reasons: list[str] = []
    said: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: said.append(str(context)))
        io = Server()

        @io.on("disconnect")
        def left(_: Socket, reason: str) -> None:
            reasons.append(reason)

        @io.on("go")
        async def go(socket: Socket) -> None:
            await socket.emit("go")

        started: asyncio.Future[list[str]] = loop.create_future()
        server = asyncio.create_task(io.serve("127.0.0.1", started=started))
        try:
            async with connect((await started)[0]) as socket:
                await block(socket)
        finally:
            await until(lambda: reasons, "the server was told", 5)
            server.cancel()

    try:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(main())
    finally:
        assert (said, reasons) == ([], ["client namespace disconnect"])


async def _press(_: ClientSocket) -> None:
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(1e6)


async def _press_in_a_handler(socket: ClientSocket) -> None:
    @socket.on("go")
    async def go() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(1e6)

    await socket.emit("go")
    await asyncio.sleep(1e6)


async def _exit(_: ClientSocket) -> None:
    raise SystemExit(3)


async def _exit_in_a_handler(socket: ClientSocket) -> None:
    @socket.on("go")
    def go() -> None:
        raise SystemExit(3)

    await socket.emit("go")
    await asyncio.sleep(1e6)


@pytest.mark.parametrize(
    ("block", "raised"),
    [
        (_press, KeyboardInterrupt),
        (_press_in_a_handler, KeyboardInterrupt),
        (_exit, SystemExit),
        (_exit_in_a_handler, SystemExit),
    ],
)
def test_the_server_is_told_when_the_program_ends(block: Block, raised: type[BaseException]) -> None:
    with collected_log("asyncio", logging.WARNING) as lines, pytest.raises(raised):
        _run_program(block)
    assert lines == []
