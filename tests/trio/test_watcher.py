"""Plain sockets, which one task reads for all of them: its turns. What asyncio does as well is in `tests.adapters`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core import SocketSettings
from socketio_core.app import Socket
from socketio_core.app.socket_inbox import inbox_of
from socketio_core.network.watching import HANDLED_BYTES, ROUND_SOCKETS
from socketio_core.trio import Server
from tests.trio.bench import serving, trio_tcp_test, until
from tests.wire.written import frame


@trio_tcp_test
async def test_what_was_read_is_handled_before_much_more_is() -> None:
    """Ten are ready at once, and each has sent more than is read before handlers run."""
    io = Server()
    alive: list[int] = []

    @io.on("big")
    def big(_: Socket, __: str) -> None:
        alive.append(sum(inbox_of(member).flow.queued_count for member in bench.core.hub.of("/").members.values()))

    async with serving(io, tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(10)]
        await wait_all_tasks_blocked()
        for client in clients:
            assert isinstance(client.peer.stream, trio.SocketStream)
            os.write(client.peer.stream.socket.fileno(), frame(f'42["big","{"x" * 2 * HANDLED_BYTES}"]'))
        await until(lambda: len(alive) == len(clients), "all were handled")
        assert max(alive) == 1


@trio_tcp_test
async def test_many_that_are_ready_at_once_leave_turns_to_other_tasks() -> None:
    io = Server()
    turns = 0
    handled_at: list[int] = []

    @io.on("note")
    def note(_: Socket) -> None:
        handled_at.append(turns)

    async with serving(io, tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(3 * ROUND_SOCKETS + 1)]
        await wait_all_tasks_blocked()
        for client in clients:  # all at once, before anything is read
            assert isinstance(client.peer.stream, trio.SocketStream)
            os.write(client.peer.stream.socket.fileno(), frame('42["note"]'))
        while len(handled_at) < len(clients):
            await trio.lowlevel.checkpoint()
            turns += 1
        rounds = [handled_at.count(turn) for turn in sorted(set(handled_at))]
        assert max(rounds) <= 2 * ROUND_SOCKETS  # who comes first in each turn of the event loop is random


@trio_tcp_test
async def test_one_that_sends_without_end_is_read_in_turns_with_others() -> None:
    """What comes in one read is more than a turn; its handlers never wait."""
    io = Server(settings=SocketSettings(max_queued_events=100_000))
    handled: list[str] = []

    @io.on("flood")
    def flood(_: Socket) -> None:
        handled.append("flood")

    @io.on("other")
    def other(_: Socket) -> None:
        handled.append("other")

    async with serving(io, tcp=True) as bench:
        flooder, neighbour = await bench.websocket(), await bench.websocket()
        stream = flooder.peer.stream
        assert isinstance(stream, trio.SocketStream)
        await wait_all_tasks_blocked()
        assert await stream.socket.send(frame('42["flood"]') * 3000) > 3000 * 10  # at once, before anything is read
        await neighbour.send('42["other"]')
        await until(lambda: len(handled) == 3001, "all was handled")
        assert handled.index("other") < 1000


@trio_tcp_test
async def test_what_was_read_goes_on_without_a_rest_whenever_the_handlers_have_caught_up() -> None:
    """They do so in tasks of their own, while the watcher waits; the clock would wake it too, but not at once."""
    io = Server(settings=SocketSettings(max_queued_events=2))
    handled: list[int] = []

    @io.on("work")
    async def work(_: Socket, number: int) -> None:
        for _turn in range(10):
            await trio.lowlevel.checkpoint()
        handled.append(number)

    async with serving(io, tcp=True) as bench:
        client = await bench.websocket()
        await wait_all_tasks_blocked()
        assert isinstance(client.peer.stream, trio.SocketStream)
        frames = b"".join(frame(f'42["work",{number}]') for number in range(1000))
        os.write(client.peer.stream.socket.fileno(), frames)
        for _ in range(50_000):  # the clock stands still as long as a task is busy
            if len(handled) == 1000:
                break
            await trio.lowlevel.checkpoint()
        assert handled == list(range(1000))


class _Turns(trio.abc.Instrument):
    """In which turns of the loop, so far, nobody waited for sockets who did so at the beginning.

    Args:
        before_each: called in each turn, before the loop looks which sockets are ready.
    """

    def __init__(self, before_each: Callable[[], object]) -> None:
        self.are_short: list[bool] = []
        self.usual = _tasks_waiting_to_read()
        self._before_each = before_each

    def before_io_wait(self, timeout: float) -> None:
        self.are_short.append(_tasks_waiting_to_read() < self.usual)
        self._before_each()


def _tasks_waiting_to_read() -> int:
    found = trio.lowlevel.current_statistics().io_statistics
    assert found.backend == "epoll"
    return found.tasks_waiting_read


async def _turns_with(events: int, *, in_each_turn: bool) -> list[bool]:
    """Return whether the server looked for more without waiting, in each turn while a client sent so many events."""
    async with serving(Server(), tcp=True) as bench:
        client = await bench.websocket()
        assert isinstance(client.peer.stream, trio.SocketStream)
        send = partial(os.write, client.peer.stream.socket.fileno(), frame('42["note"]'))
        await wait_all_tasks_blocked()
        turns = _Turns(send if in_each_turn else bool)
        trio.lowlevel.add_instrument(turns)
        for _ in range(events):
            if in_each_turn:
                await trio.lowlevel.checkpoint()
            else:
                send()
                await wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(turns)
        await wait_all_tasks_blocked()
        assert _tasks_waiting_to_read() == turns.usual
    return turns.are_short


@trio_tcp_test
async def test_who_sends_all_the_time_is_not_waited_for() -> None:
    turns = await _turns_with(300, in_each_turn=True)
    assert sum(turns) > 150


@trio_tcp_test
async def test_who_sends_now_and_then_is_waited_for() -> None:
    turns = await _turns_with(300, in_each_turn=False)
    assert sum(turns) < 20
