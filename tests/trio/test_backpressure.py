"""Backpressure, both ways: slow readers are waited for or dropped, and slow handlers make the server stop reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
import trio
from trio.testing import lockstep_stream_pair, wait_all_tasks_blocked

from socketio_core import BufferFull, EngineSettings, SocketSettings
from socketio_core.app import Socket
from socketio_core.trio import Disconnected, Server, Timeouts
from tests.engineio.scene import peek
from tests.trio.bench import Bench, connect_tcp, serving, trio_tcp_test, trio_test, until
from tests.trio.clients import PollingClient, WebSocketClient
from tests.trio.hostile import under_attack
from tests.trio.wire import PING, PONG, frame, request

HIGH_WATER: Final = 1000
BLOCK: Final = "x" * 450  # two such messages are below the mark, three above it


def _server(max_buffered_bytes: int = 5000, settings: SocketSettings | None = None) -> Server:
    engine = EngineSettings(high_water_bytes=HIGH_WATER, max_buffered_bytes=max_buffered_bytes)
    return Server(engine=engine, settings=settings)


async def _stuck_websocket(bench: Bench) -> WebSocketClient:
    """Return a client whose connection holds no byte that it has not read; one write to it waits for its reading."""
    client = WebSocketClient(bench.listener.connect(lockstep_stream_pair))
    await client.open()
    await client.join()
    return client


def _socket_of(bench: Bench, client: WebSocketClient | PollingClient) -> Socket:
    return bench.io.sockets.sockets[client.socket_id]


async def _fill(socket: Socket, count: int) -> None:
    """Emit so often, each time as if it were later, so that the first write is under way."""
    for _ in range(count):
        await socket.emit("block", BLOCK)
        await wait_all_tasks_blocked()


# -- out ---------------------------------------------------------------------------------------------------------------


@trio_test
async def test_emit_switches_tasks_only_above_the_high_water_mark() -> None:
    async with serving(_server()) as bench:
        socket = _socket_of(bench, await _stuck_websocket(bench))
        with trio.CancelScope() as scope:
            scope.cancel()
            with pytest.raises(trio.Cancelled):
                await socket.emit("x")
        await _fill(socket, 1)
        others: list[str] = []
        bench.nursery.start_soon(_note, others)
        for _ in range(3):
            await socket.emit("block", BLOCK)
        assert others == [], "no other task has run"
        with trio.move_on_after(1) as deadline:
            await socket.emit("block", BLOCK)
        assert deadline.cancelled_caught
        assert others == ["ran"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@trio_test
async def test_many_small_emits_in_a_row_wait_and_all_arrive(transport: str) -> None:
    """They never reach the mark in bytes, and a loop of them lets no other task run below it."""
    io = Server(engine=EngineSettings(max_buffered_messages=100))

    @io.on("count")
    async def count(socket: Socket) -> None:
        for number in range(1000):
            assert await socket.emit("n", number)

    async with serving(io) as bench:
        client = await (bench.polling() if transport == "polling" else bench.websocket())
        await client.emit("count")
        for number in range(1000):
            assert await client.take_event() == ["n", number]


async def _note(others: list[str]) -> None:
    others.append("ran")


@trio_test
async def test_emit_waits_until_the_peer_has_read_and_then_goes_on() -> None:
    async with serving(_server()) as bench:
        client = await _stuck_websocket(bench)
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        sent: list[bool] = []

        async def emit() -> None:
            sent.append(await socket.emit("last"))

        bench.nursery.start_soon(emit)
        await wait_all_tasks_blocked()
        assert sent == []
        for _ in range(4):
            assert await client.take_event() == ["block", BLOCK]
        assert await client.take_event() == ["last"]
        assert sent == [True]
        assert trio.current_time() < 1, "not only when the next ping goes out"


@trio_test
async def test_emit_to_a_client_that_polls_waits_for_its_next_poll() -> None:
    async with serving(_server()) as bench:
        client = await bench.polling()
        socket = _socket_of(bench, client)
        for _ in range(3):
            await socket.emit("block", BLOCK)
        sent: list[bool] = []

        async def emit() -> None:
            sent.append(await socket.emit("last"))

        bench.nursery.start_soon(emit)
        await wait_all_tasks_blocked()
        assert sent == []
        for _ in range(3):
            assert await client.take_event() == ["block", BLOCK]
        await wait_all_tasks_blocked()
        assert sent == [True]
        assert await client.take_event() == ["last"]
        assert trio.current_time() < 1


@trio_test
async def test_emit_that_waits_learns_that_the_socket_has_left() -> None:
    async with serving(_server()) as bench:
        client = await _stuck_websocket(bench)
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        sent: list[bool] = []

        async def emit() -> None:
            sent.append(await socket.emit("last"))

        bench.nursery.start_soon(emit)
        await wait_all_tasks_blocked()
        await client.peer.close()
        await until(lambda: sent == [False], "the emit has returned")
        with pytest.raises(Disconnected):
            await socket.call("x")


@trio_test
async def test_emit_nowait_raises_above_the_high_water_mark_and_sends_nothing() -> None:
    async with serving(_server()) as bench:
        client = await _stuck_websocket(bench)
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        with pytest.raises(BufferFull, match="outgoing buffer is full"):
            socket.emit_nowait("too much")
        for _ in range(4):
            assert await client.take_event() == ["block", BLOCK]
        assert socket.emit_nowait("again")
        assert await client.take_event() == ["again"]


@trio_test
async def test_cancelled_emits_tear_no_frame_and_lose_none_that_returned() -> None:
    async with serving(_server()) as bench:
        client = await _stuck_websocket(bench)
        socket = _socket_of(bench, client)
        done: list[int] = []

        async def emit_all() -> None:
            for number in range(200):
                with trio.move_on_after(0.1 * (number % 4)):
                    await socket.emit("n", number, BLOCK)
                    done.append(number)
            await socket.emit("end")

        bench.nursery.start_soon(emit_all)
        received: list[object] = []
        while (event := await client.take_event()) != ["end"]:
            received.append(event[1])
            await trio.sleep(0.2)
        assert received == done
        assert 20 < len(done) < 200


@trio_test
async def test_broadcast_does_not_wait_for_a_slow_socket() -> None:
    async with serving(_server(100_000)) as bench:
        slow, quick = await _stuck_websocket(bench), await bench.websocket()
        await _fill(_socket_of(bench, slow), 4)
        with trio.fail_after(0.001):
            for number in range(50):
                assert await bench.io.emit("news", number) == 2
            for number in range(50):
                assert await quick.take_event() == ["news", number]
        for _ in range(4):
            await slow.take_event()
        assert [await slow.take_event() for _ in range(50)] == [["news", number] for number in range(50)]


@pytest.mark.parametrize("kind", ["websocket", "polling"])
@trio_test
async def test_peer_that_does_not_read_is_dropped_at_max_buffered_bytes(kind: str) -> None:
    async with under_attack(_server()) as bench:
        slow = await (_stuck_websocket(bench) if kind == "websocket" else bench.polling())
        member = _socket_of(bench, slow).member
        session = member.connection.session
        peak = sent = 0
        operator = bench.io.to(slow.socket_id)
        for _ in range(20):
            sent += await operator.emit("block", BLOCK)
            peak = max(peak, session.buffered_bytes)
            await wait_all_tasks_blocked()
        assert bench.reason_of(slow) == "transport error"
        assert peak <= 5000
        assert sent == (11 if kind == "websocket" else 10), "all that fits, and what was under way"
        assert session.buffered_bytes == 0
        assert await operator.emit("block", BLOCK) == 0


@trio_test
async def test_slow_peer_that_was_dropped_is_cut_off_at_close_s() -> None:
    async with under_attack(_server()) as bench:
        slow = await _stuck_websocket(bench)
        for _ in range(20):
            await bench.io.to(slow.socket_id).emit("block", BLOCK)
            await wait_all_tasks_blocked()
        assert bench.reason_of(slow) == "transport error"
        dropped_at = trio.current_time()
        await slow.peer.cut(frame("6"))
        assert trio.current_time() == pytest.approx(dropped_at + Timeouts().close_s, abs=0.2)


@trio_test
async def test_polling_client_that_stops_reading_a_response_is_cut_off_at_write_s_and_may_poll_again() -> None:
    async with under_attack() as bench:
        client = await bench.polling()
        peer = bench.listener.connect(lockstep_stream_pair)
        await peer.send(request(client.target))
        await bench.io.to(client.socket_id).emit("news", 1)
        await wait_all_tasks_blocked()
        began_at = trio.current_time()
        await peer.cut(b"x")
        assert trio.current_time() == pytest.approx(began_at + Timeouts().write_s, abs=1)
        assert (await client.ask()).text.split("\x1e")[0] == '42["news",1]'


@trio_tcp_test
async def test_slow_peer_on_a_real_socket_gets_all_in_order_and_costs_bounded_memory() -> None:
    """Frames that the kernel takes in part, for many rounds; whole frames come out at the other end."""
    io = Server(engine=EngineSettings(high_water_bytes=200_000, max_buffered_bytes=400_000))
    async with serving(io, tcp=True) as bench:
        client = WebSocketClient(await connect_tcp(bench.urls[0], receive_buffer=4096))
        await client.open()
        await client.join()
        socket = _socket_of(bench, client)
        session = socket.member.connection.session
        peaks: list[int] = []

        async def emit_all() -> None:
            for number in range(400):
                await socket.emit("n", number, "x" * 40_000)
                peaks.append(session.buffered_bytes)

        bench.nursery.start_soon(emit_all)
        await wait_all_tasks_blocked(0.05)
        assert len(peaks) < 400, "it waits"
        for number in range(400):
            assert (await client.take_event())[1] == number
        assert max(peaks) <= 250_000
        await client.peer.close()


@trio_test
async def test_flood_of_pings_by_a_peer_that_does_not_read_costs_no_memory() -> None:
    async with under_attack() as bench:
        client = await _stuck_websocket(bench)
        for number in range(1000):
            await client.peer.send(frame(b"%d" % number, PING))
        assert await client.peer.frame() == (PONG, b"0"), "this one was under way"
        assert await client.peer.frame() == (PONG, b"999")
        await client.echo()


@trio_test
async def test_what_a_poll_delivered_is_not_kept() -> None:
    async with serving(_server()) as bench:
        client = await bench.polling()
        session = _socket_of(bench, client).member.connection.session
        await bench.io.emit("news")
        assert await client.take_event() == ["news"]
        await wait_all_tasks_blocked()
        assert peek(session.polling, "_flushed") is None


# -- in ----------------------------------------------------------------------------------------------------------------


class _Gate:
    """A handler of `"work"` that waits until it is let go on, and notes what it was given."""

    def __init__(self, io: Server) -> None:
        self.open = trio.Event()
        self.done: list[object] = []
        io.on("work", self.work)

    async def work(self, socket: Socket, number: object, *rest: object) -> None:
        await self.open.wait()
        self.done.append(number)


LIMITS: Final[list[tuple[str, Callable[[], SocketSettings], str]]] = [
    ("events", lambda: SocketSettings(max_queued_events=10), ""),
    ("bytes", lambda: SocketSettings(max_queued_bytes=10_000), "x" * 1000),
]


@pytest.mark.parametrize(("name", "settings", "filling"), LIMITS, ids=[name for name, *_ in LIMITS])
@trio_test
async def test_websocket_is_not_read_while_too_much_waits_for_handlers(
    name: str, settings: Callable[[], SocketSettings], filling: str
) -> None:
    io = _server(settings=settings())
    gate = _Gate(io)
    async with serving(io) as bench:
        client = await _stuck_websocket(bench)
        sent: list[int] = []

        async def send_all() -> None:
            for number in range(50):
                await client.emit("work", number, filling)
                sent.append(number)

        bench.nursery.start_soon(send_all)
        await wait_all_tasks_blocked()
        assert 9 <= len(sent) <= 12, "the rest has not been read"
        gate.open.set()
        await until(lambda: len(gate.done) == 50, "all were handled")
        assert gate.done == list(range(50))
        await client.echo()


@trio_test
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
        await wait_all_tasks_blocked()
        assert answered == []
        gate.open.set()
        await until(lambda: answered == [200], "the POST is answered")
        await until(lambda: gate.done == list(range(11)), "all were handled in order")


@trio_test
async def test_client_that_posts_on_without_an_answer_is_stopped_by_the_overlap() -> None:
    """So what waits for handlers is bounded, whether or not a client waits for its answers."""
    io = _server(settings=SocketSettings(max_queued_events=10))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.polling()
        statuses: list[int] = []

        async def post(start: int) -> None:
            statuses.append(await client.send(*[f'42["work",{number}]' for number in range(start, start + 10)]))

        async with trio.open_nursery() as nursery:
            for start in range(0, 100, 10):
                nursery.start_soon(post, start)
                await wait_all_tasks_blocked()
            assert bench.session_count == 1, "its own session is over"
            gate.open.set()
        assert statuses.count(200) <= 1
        await until(lambda: bench.reason_of(client) == "transport error", "it has left")
        assert gate.done == list(range(10))


@trio_test
async def test_silence_of_a_client_that_is_not_read_is_not_held_against_it() -> None:
    """Its pong may be among what lies unread; when it is read again, the heartbeat counts again."""
    io = _server(settings=SocketSettings(max_queued_events=1))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.websocket()
        for number in range(4):
            await client.emit("work", number)
        await trio.sleep(100)
        assert bench.reason_of(client) is None
        gate.open.set()
        await trio.sleep(10)
        assert gate.done == [0, 1, 2, 3]
        await client.echo()
        assert await client.close_code() == 1005
        assert bench.reason_of(client) == "ping timeout"


@trio_test
async def test_client_that_leaves_while_it_is_not_read_is_noticed_in_the_end() -> None:
    io = _server(settings=SocketSettings(max_queued_events=1))
    gate = _Gate(io)
    async with under_attack(io) as bench:
        client = await bench.websocket()
        for number in range(4):
            await client.emit("work", number)
        await client.peer.close()
        await trio.sleep(1)
        gate.open.set()
        await until(lambda: bench.reason_of(client) == "transport close", "its leaving is noticed")
        assert gate.done == [0, 1, 2, 3], "what it had sent was handled all the same"


@trio_test
async def test_a_handler_is_not_woken_before_it_waits() -> None:
    """The reader hands over while its handler begins to wait; a wake-up in between broke trio's bookkeeping."""
    io = _server()
    outcomes: list[bool] = []

    @io.on("go")
    async def go(socket: Socket) -> None:
        with trio.CancelScope() as scope:
            await socket.emit("big", "x" * (HIGH_WATER + 1))
            await socket.emit("more")  # waits until the first has left
            scope.cancel()
            await trio.sleep(1)
        outcomes.append(scope.cancelled_caught)

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("go")
        await until(lambda: outcomes, "the handler's end")
        assert outcomes == [True]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@trio_test
async def test_an_ack_is_read_though_the_queue_of_events_is_full(transport: str) -> None:
    io = _server(settings=SocketSettings(max_queued_events=3))
    answers: list[object] = []

    @io.on("work")
    async def work(socket: Socket, number: int) -> None:
        await trio.sleep(1)  # the queue fills
        answers.append(await socket.call("question", number, timeout=5))

    async with serving(io) as bench:
        client = await bench.client(transport)
        sent = trio.Event()

        async def send_all() -> None:
            for number in range(5):
                await client.emit("work", number)
                await wait_all_tasks_blocked()
            sent.set()

        bench.nursery.start_soon(send_all)
        for number in range(5):
            question = await client.take()
            assert isinstance(question, str)
            assert question == f'42{number}["question",{number}]'
            await sent.wait()  # a client has one POST under way at a time
            assert await client.send(f"43{number}[{number}]") in (0, 200)
        await until(lambda: answers == [0, 1, 2, 3, 4], "all were answered", 30)
        assert trio.current_time() < 10


@trio_test
async def test_client_that_leaves_is_noticed_by_who_writes_when_nobody_reads() -> None:
    """Or the handler would wait for the buffer to empty, and the reader for the handler."""
    io = _server(settings=SocketSettings(max_queued_events=1))
    outcomes: list[bool] = []

    @io.on("work")
    async def work(socket: Socket) -> None:
        while await socket.emit("block", BLOCK):
            await wait_all_tasks_blocked()
        outcomes.append(False)

    async with serving(io) as bench:
        client = await _stuck_websocket(bench)
        await client.emit("work")
        await wait_all_tasks_blocked(0.1)
        await client.peer.close()
        await until(lambda: outcomes == [False], "the handler has ended")
        await until(lambda: bench.reason_of(client) == "transport close", "its leaving is noticed")
