"""trio's part of the application layer: tasks, deadlines, and when what has happened is seen to."""

from __future__ import annotations

from functools import partial
from threading import Thread

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core import EngineSettings
from socketio_core.network.runtime import TIMER_REST_S
from socketio_core.trio import AckTimeout, Server
from socketio_core.trio.runtime import NurseryRuntime, TrioRuntime
from tests.trio.bench import serving, trio_test


@trio_test
async def test_without_a_server_that_runs_nothing_is_spawned() -> None:
    ran: list[str] = []

    async def task() -> None:
        ran.append("task")

    TrioRuntime().spawn(task)
    await wait_all_tasks_blocked()
    assert ran == []


class Waiting:
    """What has input that waits for its turn, of which there is one."""

    def __init__(self) -> None:
        self.next_deadline: float | None = 0.0
        self.turns = 0

    @property
    def is_behind(self) -> bool:
        return self.next_deadline is not None

    def handle_timeout(self, now: float) -> None:
        self.next_deadline = None
        self.turns += 1


class Calm(NurseryRuntime):
    """A runtime that has nothing to flush."""

    def flush(self) -> None: ...


@trio_test
async def test_while_a_reader_gives_turns_the_clock_gives_none() -> None:
    """There would be two in a round, and who sends little would wait for both."""
    runtime = Calm()
    runtime.timed = waiting = Waiting()
    runtime.gives_turns = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runtime.keep_time)
        await trio.sleep(1)
        assert waiting.turns == 0
        runtime.gives_turns = False
        await trio.sleep(1)
        assert waiting.turns == 1
        nursery.cancel_scope.cancel()


@trio_test
async def test_behind_the_end_nothing_is_spawned() -> None:
    ran: list[str] = []

    async def task(name: str) -> None:
        ran.append(name)

    runtime = TrioRuntime()
    async with trio.open_nursery() as nursery:
        runtime.attach(nursery)
        runtime.spawn(task, "before")
        await wait_all_tasks_blocked()
        runtime.detach()
        runtime.spawn(task, "behind")
    runtime.start_soon(task, "behind")
    runtime.stop()
    runtime.stop_at_once()
    await wait_all_tasks_blocked()
    assert ran == ["before"]
    assert not runtime.is_attached


@trio_test
async def test_what_is_registered_and_emitted_before_serve_does_no_harm() -> None:
    io = Server()
    assert await io.emit("nobody is there") == 0
    io.emit_nowait("nobody is there")
    async with serving(io) as bench:
        await bench.check_still_serves()


@trio_test
async def test_pings_come_exactly_when_they_are_due() -> None:
    async with serving(Server(engine=EngineSettings(ping_interval_s=10, ping_timeout_s=5))) as bench:
        client = await bench.websocket()
        for number in (1, 2, 3):
            assert await client.packet() == "2"
            assert trio.current_time() == pytest.approx(number * 12 - 2)
            await trio.sleep(2)
            await client.send("3")
        assert await client.packet() == "2"
        assert await client.close_code() == 1005
        assert trio.current_time() == pytest.approx(51)
        assert bench.reason_of(client) == "ping timeout"


@trio_test
async def test_deadline_that_comes_nearer_wakes_the_clock_in_time() -> None:
    async with serving(Server()) as bench:
        client = await bench.websocket()
        socket = bench.io.sockets.sockets[client.socket_id]
        for timeout in (20.0, 3.0, 0.5):
            began_at = trio.current_time()
            with pytest.raises(AckTimeout):
                await socket.call("question", timeout=timeout)
            assert trio.current_time() == pytest.approx(began_at + timeout)
            assert str(await client.take()).endswith('["question"]')


@trio_test
async def test_deadlines_close_together_are_seen_to_together() -> None:
    class Timers(NurseryRuntime):
        is_behind = False

        def __init__(self, *deadlines: float) -> None:
            super().__init__()
            self.timed = self
            self.pending = list(deadlines)
            self.seen: list[tuple[float, list[float]]] = []

        @property
        def next_deadline(self) -> float | None:
            return min(self.pending, default=None)

        def handle_timeout(self, now: float) -> None:
            due = [at for at in self.pending if at <= now]
            self.pending = [at for at in self.pending if at > now]
            self.seen.append((round(now - began_at, 6), [round(at - began_at, 6) for at in due]))

        def flush(self) -> None:
            self.wake_in_time()

    began_at = trio.current_time()
    rest_s = TIMER_REST_S
    timers = Timers(began_at + 1, began_at + 1 + rest_s / 3, began_at + 1 + rest_s / 2, began_at + 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.keep_time)
        await trio.sleep(1 + rest_s / 4)
        timers.pending.append(began_at + 1 + rest_s / 4)  # one that is new does not wake it earlier
        timers.flush()
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    third, half, quarter = (round(1 + rest_s / part, 6) for part in (3, 2, 4))
    assert timers.seen == [(1.0, [1.0]), (1 + rest_s, [third, half, quarter]), (2.0, [2.0])]


@trio_test
async def test_many_emits_of_other_tasks_wake_the_flusher_once() -> None:
    async with serving(Server()) as bench:
        clients = [await bench.websocket() for _ in range(3)]
        for number in range(100):
            bench.io.emit_nowait("n", number)
        assert bench.core.sessions[0].buffered_bytes > 0, "nothing leaves before a task switch"
        await wait_all_tasks_blocked()
        assert bench.core.sessions[0].buffered_bytes == 0
        for client in clients:
            assert [await client.take_event() for _ in range(100)] == [["n", number] for number in range(100)]


@trio_test
async def test_flusher_sleeps_as_long_as_a_reader_works() -> None:
    """The reader flushes by itself when it is through; a flush before it would write the same in two pieces."""
    async with serving(Server()) as bench:
        client = await bench.websocket()
        runtime, session = bench.runtime, bench.core.sessions[0]
        runtime.is_corked = True
        bench.io.emit_nowait("n", 1)
        await wait_all_tasks_blocked()
        assert session.buffered_bytes > 0
        runtime.is_corked = False
        runtime.output_ready()
        assert await client.take_event() == ["n", 1]
        assert session.buffered_bytes == 0


@trio_test
async def test_what_is_to_run_soon_may_come_from_any_thread_and_after_the_end() -> None:
    ran: list[int] = []
    async with serving(Server()) as bench:
        runtime = bench.runtime
        thread = Thread(target=runtime.run_soon, args=(partial(ran.append, 1),))
        thread.start()
        thread.join()
        runtime.run_soon(partial(ran.append, 2))
        await wait_all_tasks_blocked()
        assert ran == [1, 2]
    TrioRuntime().run_soon(partial(ran.append, 3))  # never attached: nobody is there
    await wait_all_tasks_blocked()
    assert ran == [1, 2]


@trio_test
async def test_only_what_says_that_the_task_is_cancelled_is_taken_for_that() -> None:
    runtime = TrioRuntime()
    kept: list[trio.Cancelled] = []
    answers: list[bool] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept.append(error)
            group = BaseExceptionGroup("", [error, ValueError()])
            answers += [runtime.is_cancelled(each) for each in (error, group, ValueError())]
            raise
    assert answers == [True, True, False]
    assert not runtime.is_cancelled(kept.pop())
