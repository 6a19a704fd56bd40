"""Backpressure, inwards: slow handlers make the server stop reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from socketio_core import EngineSettings, Server, SocketSettings
from socketio_core.app import Socket
from tests.adapters.bench import serving, until
from tests.adapters.hostile import under_attack
from tests.adapters.loops import both_loops, loop


def _server(settings: SocketSettings | None = None) -> Server:
    return Server(engine=EngineSettings(high_water_bytes=1000, max_buffered_bytes=5000), settings=settings)


class _Gate:
    """A handler of `"work"` that waits until it is let go on, and notes what it was given."""

    def __init__(self, io: Server) -> None:
        self.open = loop.new_event()
        self.done: list[object] = []
        io.on("work", self.work)

    async def work(self, socket: Socket, number: object, *rest: object) -> None:
        await self.open.wait()
        self.done.append(number)


LIMITS: Final[list[tuple[str, Callable[[], SocketSettings], str]]] = [
    ("events", lambda: SocketSettings(max_queued_events=10), ""),
    ("bytes", lambda: SocketSettings(max_queued_bytes=170_000), "x" * 17_000),  # which is always weighed
]


@pytest.mark.parametrize(("name", "settings", "filling"), LIMITS, ids=[name for name, *_ in LIMITS])
@both_loops
async def test_websocket_is_not_read_while_too_much_waits_for_handlers(
    name: str, settings: Callable[[], SocketSettings], filling: str
) -> None:
    io = _server(settings=settings())
    gate = _Gate(io)
    async with serving(io) as bench:
        client = await bench.stuck_websocket()
        sent: list[int] = []

        async def send_all() -> None:
            for number in range(50):
                await client.emit("work", number, filling)
                sent.append(number)

        bench.nursery.start_soon(send_all)
        await loop.settle()
        assert 9 <= len(sent) <= 12, "the rest has not been read"
        gate.open.set()
        await until(lambda: len(gate.done) == 50, "all were handled")
        assert gate.done == list(range(50))
        await client.echo()


@both_loops
async def test_post_is_not_answered_while_too_much_waits_for_handlers() -> None:
    io = _server(settings=SocketSettings(max_queued_events=10))
    gate = _Gate(io)
    async with serving(io) as bench:
        client = await bench.polling()
        assert await client.send(*[f'42["work",{number}]' for number in range(9)]) == 200
        answered: list[int] = []

        async def send_more() -> None:
            answered.append(await client.send('42["work",9]', '42["work",10]'))

        bench.nursery.start_soon(send_more)
        await loop.settle()
        assert answered == []
        gate.open.set()
        await until(lambda: answered == [200], "the POST is answered")
        await until(lambda: gate.done == list(range(11)), "all were handled in order")


@both_loops
async def test_client_that_posts_on_without_an_answer_is_stopped_by_the_overlap() -> None:
    """So what waits for handlers is bounded, whether or not a client waits for its answers."""
    io = _server(settings=SocketSettings(max_queued_events=10))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.polling()
        statuses: list[int] = []

        async def post(start: int) -> None:
            statuses.append(await client.send(*[f'42["work",{number}]' for number in range(start, start + 10)]))

        async with loop.open_nursery() as nursery:
            for start in range(0, 100, 10):
                nursery.start_soon(post, start)
                await loop.settle()
            assert bench.session_count == 1, "its own session is over"
            gate.open.set()
        assert statuses.count(200) <= 1
        await until(lambda: bench.reason_of(client) == "transport error", "it has left")
        assert gate.done == list(range(10))


@both_loops
async def test_silence_of_a_client_that_is_not_read_is_not_held_against_it() -> None:
    """Its pong may be among what lies unread; when it is read again, the heartbeat counts again."""
    io = _server(settings=SocketSettings(max_queued_events=1))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.websocket()
        for number in range(4):
            await client.emit("work", number)
        await loop.sleep(100)
        assert bench.reason_of(client) is None
        gate.open.set()
        await loop.sleep(10)
        assert gate.done == [0, 1, 2, 3]
        await client.echo()
        assert await client.close_code() == 1005
        assert bench.reason_of(client) == "ping timeout"


@both_loops
async def test_client_that_leaves_while_it_is_not_read_is_noticed_in_the_end() -> None:
    io = _server(settings=SocketSettings(max_queued_events=1))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.websocket()
        for number in range(4):
            await client.emit("work", number)
        await client.peer.close()
        await loop.sleep(1)
        gate.open.set()
        await until(lambda: bench.reason_of(client) == "transport close", "its leaving is noticed")
        assert gate.done == [0, 1, 2, 3], "what it had sent was handled all the same"


@both_loops
async def test_a_handler_is_not_woken_before_it_waits() -> None:
    """The reader hands over while its handler begins to wait; a wake-up in between broke trio's bookkeeping."""
    io = _server()
    outcomes: list[bool] = []

    @io.on("go")
    async def go(socket: Socket) -> None:
        with loop.cancel_scope() as scope:
            await socket.emit("big", "x" * 1001)
            await socket.emit("more")  # waits until the first has left
            scope.cancel()
            await loop.sleep(1)
        outcomes.append(scope.cancelled_caught)

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("go")
        await until(lambda: outcomes, "the handler's end")
        assert outcomes == [True]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops
async def test_an_ack_is_read_though_the_queue_of_events_is_full(transport: str) -> None:
    io = _server(settings=SocketSettings(max_queued_events=3))
    answers: list[object] = []

    @io.on("work")
    async def work(socket: Socket, number: int) -> None:
        await loop.sleep(1)  # the queue fills
        answers.append(await socket.call("question", number, timeout=5))

    async with serving(io) as bench:
        client = await bench.client(transport)
        sent = loop.new_event()

        async def send_all() -> None:
            for number in range(5):
                await client.emit("work", number)
                await loop.settle()
            sent.set()

        bench.nursery.start_soon(send_all)
        for number in range(5):
            question = await client.take()
            assert isinstance(question, str)
            assert question == f'42{number}["question",{number}]'
            await sent.wait()  # a client has one POST under way at a time
            assert await client.send(f"43{number}[{number}]") in (0, 200)
        await until(lambda: answers == [0, 1, 2, 3, 4], "all were answered", 30)
        assert loop.current_time() < 10


@both_loops
async def test_client_that_leaves_is_noticed_by_who_writes_when_nobody_reads() -> None:
    """Or the handler would wait for the buffer to empty, and the reader for the handler."""
    io = _server(settings=SocketSettings(max_queued_events=1))
    outcomes: list[bool] = []

    @io.on("work")
    async def work(socket: Socket) -> None:
        while await socket.emit("block", "x" * 450):
            await loop.settle()
        outcomes.append(False)

    async with serving(io) as bench:
        client = await bench.stuck_websocket()
        await client.emit("work")
        await loop.settle()
        await client.peer.close()
        await until(lambda: outcomes == [False], "the handler has ended")
        await until(lambda: bench.reason_of(client) == "transport close", "its leaving is noticed")
