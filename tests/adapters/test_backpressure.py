"""Backpressure, outwards: slow readers are waited for or dropped."""

from __future__ import annotations

import gc
from typing import Final

import pytest
import trio

from socketio_core import BufferFull, EngineSettings, Server, SocketSettings
from socketio_core.app import AckTimeout, Disconnected, Socket
from socketio_core.engineio.message import WireMessage
from socketio_core.serving import Timeouts
from tests.adapters.bench import Bench, serving, until
from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.hostile import under_attack
from tests.adapters.loops import both_loops, both_loops_tcp, loop, one_loop
from tests.app.rig import member_of
from tests.wire.written import CLOSE, PING, PONG, frame, request

HIGH_WATER: Final = 1000
BLOCK: Final = "x" * 450  # two such messages are below the mark, three above it


def _server(max_buffered_bytes: int = 5000, settings: SocketSettings | None = None) -> Server:
    engine = EngineSettings(high_water_bytes=HIGH_WATER, max_buffered_bytes=max_buffered_bytes)
    return Server(engine=engine, settings=settings)


def _socket_of(bench: Bench, client: WebSocketClient | PollingClient) -> Socket:
    return bench.io.sockets.sockets[client.socket_id]


async def _fill(socket: Socket, count: int) -> None:
    """Emit so often, each time as if it were later, so that the first write is under way."""
    for _ in range(count):
        await socket.emit("block", BLOCK)
        await loop.settle()


async def _emit_in_background(bench: Bench, socket: Socket) -> list[bool]:
    """Emit `last`, which must wait. Returns the list to which is added what it returns."""
    sent: list[bool] = []

    async def emit() -> None:
        sent.append(await socket.emit("last"))

    bench.nursery.start_soon(emit)
    await loop.settle()
    assert sent == []
    return sent


@one_loop("trio")
async def test_a_task_that_was_cancelled_emits_nothing() -> None:
    """On asyncio it is told where it waits, and here it does not."""
    async with serving(_server()) as bench:
        socket = _socket_of(bench, await bench.websocket())
        with loop.cancel_scope() as scope:
            scope.cancel()
            with pytest.raises(trio.Cancelled):
                await socket.emit("x")


@both_loops
async def test_emit_switches_tasks_only_above_the_high_water_mark() -> None:
    async with serving(_server()) as bench:
        socket = _socket_of(bench, await bench.stuck_websocket())
        await _fill(socket, 1)
        others: list[str] = []
        bench.nursery.start_soon(_note, others)
        for _ in range(3):
            await socket.emit("block", BLOCK)
        assert others == [], "no other task has run"
        with loop.move_on_after(1) as deadline:
            await socket.emit("block", BLOCK)
        assert deadline.cancelled_caught
        assert others == ["ran"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops
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


@both_loops
async def test_emit_waits_until_the_peer_has_read_and_then_goes_on() -> None:
    async with serving(_server()) as bench:
        client = await bench.stuck_websocket()
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        sent = await _emit_in_background(bench, socket)
        for _ in range(4):
            assert await client.take_event() == ["block", BLOCK]
        assert await client.take_event() == ["last"]
        assert sent == [True]
        assert loop.current_time() < 1, "not only when the next ping goes out"


@both_loops
async def test_emit_to_a_client_that_polls_waits_for_its_next_poll() -> None:
    async with serving(_server()) as bench:
        client = await bench.polling()
        socket = _socket_of(bench, client)
        for _ in range(3):
            await socket.emit("block", BLOCK)
        sent = await _emit_in_background(bench, socket)
        for _ in range(3):
            assert await client.take_event() == ["block", BLOCK]
        await loop.settle()
        assert sent == [True]
        assert await client.take_event() == ["last"]
        assert loop.current_time() < 1


@both_loops
async def test_emit_that_waits_learns_that_the_socket_has_left() -> None:
    async with serving(_server()) as bench:
        client = await bench.stuck_websocket()
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        sent = await _emit_in_background(bench, socket)
        await client.peer.close()
        await until(lambda: sent == [False], "the emit has returned")
        with pytest.raises(Disconnected):
            await socket.call("x")


@both_loops
async def test_the_time_of_a_call_counts_though_it_waits_for_room() -> None:
    async with serving(_server()) as bench:
        client = await bench.stuck_websocket()
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        began_at = loop.current_time()
        with pytest.raises(AckTimeout, match="'q' was not sent in time"):
            await socket.call("q", timeout=3)
        assert loop.current_time() - began_at == pytest.approx(3, abs=0.1)
        for _ in range(4):
            assert await client.take_event() == ["block", BLOCK]
        assert await socket.emit("last")
        assert await client.take_event() == ["last"]


@both_loops
async def test_emit_nowait_raises_above_the_high_water_mark_and_sends_nothing() -> None:
    async with serving(_server()) as bench:
        client = await bench.stuck_websocket()
        socket = _socket_of(bench, client)
        await _fill(socket, 4)
        with pytest.raises(BufferFull, match="outgoing buffer is full"):
            socket.emit_nowait("too much")
        for _ in range(4):
            assert await client.take_event() == ["block", BLOCK]
        assert socket.emit_nowait("again")
        assert await client.take_event() == ["again"]


@both_loops
async def test_cancelled_emits_tear_no_frame_and_lose_none_that_returned() -> None:
    async with serving(_server()) as bench:
        client = await bench.stuck_websocket()
        socket = _socket_of(bench, client)
        done: list[int] = []

        async def emit_all() -> None:
            for number in range(200):
                with loop.move_on_after(0.1 * (number % 4)):
                    await socket.emit("n", number, BLOCK)
                    done.append(number)
            await socket.emit("end")

        bench.nursery.start_soon(emit_all)
        received: list[object] = []
        while (event := await client.take_event()) != ["end"]:
            received.append(event[1])
            await loop.sleep(0.2)
        assert received == done
        assert 20 < len(done) < 200


@both_loops
async def test_broadcast_does_not_wait_for_a_slow_socket() -> None:
    async with serving(_server(100_000)) as bench:
        slow, quick = await bench.stuck_websocket(), await bench.websocket()
        await _fill(_socket_of(bench, slow), 4)
        with loop.fail_after(0.001):
            for number in range(50):
                assert await bench.io.emit("news", number) == 2
            for number in range(50):
                assert await quick.take_event() == ["news", number]
        for _ in range(4):
            await slow.take_event()
        assert [await slow.take_event() for _ in range(50)] == [["news", number] for number in range(50)]


@pytest.mark.parametrize("kind", ["websocket", "polling"])
@both_loops
async def test_peer_that_does_not_read_is_dropped_at_max_buffered_bytes(kind: str) -> None:
    async with under_attack(_server()) as bench:
        slow = await (bench.stuck_websocket() if kind == "websocket" else bench.polling())
        member = member_of(_socket_of(bench, slow))
        session = member.connection.session
        peak = sent = 0
        operator = bench.io.to(slow.socket_id)
        for _ in range(20):
            sent += await operator.emit("block", BLOCK)
            peak = max(peak, session.buffered_bytes)
            await loop.settle()
        assert bench.reason_of(slow) == "transport error"
        assert peak <= 5000
        assert sent == (11 if kind == "websocket" else 10), "all that fits, and what was under way"
        assert session.buffered_bytes == 0
        assert await operator.emit("block", BLOCK) == 0


@both_loops
async def test_slow_peer_that_was_dropped_is_cut_off_at_close_s() -> None:
    async with under_attack(_server()) as bench:
        slow = await bench.stuck_websocket()
        for _ in range(20):
            await bench.io.to(slow.socket_id).emit("block", BLOCK)
            await loop.settle()
        assert bench.reason_of(slow) == "transport error"
        dropped_at = loop.current_time()
        await slow.peer.cut(frame("6"))
        assert loop.current_time() == pytest.approx(dropped_at + Timeouts().close_s, abs=0.2)


@both_loops
async def test_polling_client_that_stops_reading_a_response_is_cut_off_at_write_s_and_may_poll_again() -> None:
    async with under_attack() as bench:
        client = await bench.polling()
        peer = bench.connect_stuck()
        await peer.send(request(client.target))
        await bench.io.to(client.socket_id).emit("news", 1)
        await loop.settle()
        began_at = loop.current_time()
        await peer.cut(b"x")
        assert loop.current_time() == pytest.approx(began_at + Timeouts().write_s, abs=1)
        assert (await client.ask()).text.split("\x1e")[0] == '42["news",1]'


@both_loops_tcp
async def test_slow_peer_on_a_real_socket_gets_all_in_order_and_costs_bounded_memory() -> None:
    """Frames that the kernel takes in part, for many rounds; whole frames come out at the other end."""
    io = Server(engine=EngineSettings(high_water_bytes=200_000, max_buffered_bytes=400_000))
    async with serving(io, tcp=True) as bench:
        client = WebSocketClient(await bench.connect(receive_buffer=4096))
        await client.open()
        await client.join()
        socket = _socket_of(bench, client)
        session = member_of(socket).connection.session
        peaks: list[int] = []

        async def emit_all() -> None:
            for number in range(400):
                await socket.emit("n", number, "x" * 40_000)
                peaks.append(session.buffered_bytes)

        bench.nursery.start_soon(emit_all)
        await loop.settle()
        assert len(peaks) < 400, "it waits"
        for number in range(400):
            assert (await client.take_event())[1] == number
        assert max(peaks) <= 250_000
        await client.peer.close()


@both_loops
async def test_flood_of_pings_by_a_peer_that_does_not_read_costs_no_memory() -> None:
    async with under_attack() as bench:
        client = await bench.stuck_websocket()
        for number in range(1000):
            await client.peer.send(frame(b"%d" % number, PING))
        assert await client.peer.frame() == (PONG, b"0"), "this one was under way"
        assert await client.peer.frame() == (PONG, b"999")
        await client.echo()


@pytest.mark.parametrize("more", [-1, 0, 1])
@both_loops
async def test_peer_that_sends_pings_and_takes_no_pongs_is_cut_off_at_the_limit(more: int) -> None:
    limit = 20
    async with under_attack(Server(engine=EngineSettings(max_unanswered_pings=limit))) as bench:
        client = await bench.stuck_websocket()
        await client.peer.send(frame(b"under way", PING))
        await loop.settle()
        for number in range(limit + more):
            await client.peer.send(frame(b"%d" % number, PING))
        await loop.settle()
        assert await client.peer.frame() == (PONG, b"under way")
        assert await client.peer.frame() == (PONG, b"%d" % (limit + more - 1)), "the last one will do"
        if more > 0:
            opcode, payload = await client.peer.frame()
            assert (opcode, payload[:2]) == (CLOSE, (1008).to_bytes(2, "big"))
        else:
            await client.echo()


@both_loops
async def test_what_a_poll_delivered_is_not_kept() -> None:
    async with serving(_server()) as bench:
        client = await bench.polling()
        await bench.io.emit("news", "x" * 77)
        assert _are_kept("x" * 77)
        assert await client.take_event() == ["news", "x" * 77]
        await loop.settle()
        assert not _are_kept("x" * 77)


def _are_kept(text: str) -> bool:
    """Whether there are messages that hold this text."""
    gc.collect()  # a task that is through, and its frame, may hold each other
    return any(text in str(each.frames) for each in gc.get_objects() if type(each) is WireMessage)
