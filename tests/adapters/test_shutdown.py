"""The end of `serve`: everybody is told, everything ends by itself or at the deadline, and nothing is left."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from socketio_core import Server
from socketio_core.app import Disconnected, Socket
from socketio_core.app.runtime import Event
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Request, Response
from socketio_core.network.runtime import UNTOLD_S
from socketio_core.serving import Timeouts
from tests.adapters.bench import Bench, serving
from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.loops import both_loops, loop, one_loop
from tests.adapters.peer import Ended, Peer
from tests.wire.written import close_frame, request

SHUTDOWN_S = Timeouts().shutdown_s


class Ending(Bench):
    """A server that can be told to end while its clients go on.

    Attributes:
        took_s: how long the end took; `None` before it.
    """

    took_s: float | None = None

    def end(self) -> None:
        """Cancel `serve`, and nothing else."""
        self.ended_at = loop.current_time()
        self.served.cancel_scope.cancel()

    async def run(self, started: Event) -> None:
        """Serve until `end`."""
        async with loop.open_nursery() as self.served:
            self.urls = await loop.serve(self.served, self.io, listeners=[self.listener])
            started.set()
        self.took_s = loop.current_time() - self.ended_at

    async def check_took(self, seconds: float) -> None:
        """Wait for the end of `serve`, which must come then; no task of it may be left."""
        if seconds > 0:
            await loop.sleep_until(self.ended_at + seconds - 0.01)
            assert self.took_s is None, "it ended too early"
        await loop.sleep_until(self.ended_at + seconds + 0.01)
        assert self.took_s == pytest.approx(seconds)


@asynccontextmanager
async def ending(io: Server | None = None) -> AsyncGenerator[Ending]:
    """Serve in memory; `end()` ends the server."""
    tasks_before = loop.task_count()
    async with loop.open_nursery() as nursery:
        bench = Ending(io or Server(), nursery, loop.new_listener(), [])
        started = loop.new_event()
        nursery.start_soon(bench.run, started)
        await started.wait()
        yield bench
        assert bench.took_s is not None
        nursery.cancel_scope.cancel()
    assert loop.task_count() == tasks_before


async def _note_end(
    client: WebSocketClient | PollingClient, ends: list[object] | None = None, *, answers: bool = True
) -> None:
    """Note how a client learns of the end: a close code, or the last payload of its poll."""
    ends = [] if ends is None else ends
    if isinstance(client, WebSocketClient):
        try:
            while True:
                await client.packet()
        except Ended:
            ends.append(client.closed_with)
        if answers:
            await client.peer.send(close_frame(1001))
            assert await client.peer.rest() == b""
    else:
        ends.append((await client.ask()).text)


@both_loops
async def test_many_clients_are_told_and_the_end_comes_at_once() -> None:
    async with ending() as bench:
        ends: list[object] = []
        for number in range(200):
            client = await bench.client("websocket" if number % 2 else "polling")
            bench.nursery.start_soon(_note_end, client, ends)
        await loop.settle()
        bench.end()
        await bench.check_took(0)
        assert ends.count(1001) == ends.count("1") == 100
        assert set(bench.left.values()) == {"server shutting down"}
        assert len(bench.left) == 200
        assert bench.session_count == 0


@both_loops
async def test_handlers_hear_of_the_end_of_who_has_no_connection_just_then() -> None:
    """It is between two polls."""
    async with ending() as bench:
        await bench.client("polling")
        await loop.settle()
        bench.end()
        await bench.check_took(0)
        assert set(bench.left.values()) == {"server shutting down"}
        assert len(bench.left) == 1


@both_loops
async def test_clients_that_do_not_answer_are_waited_for_until_close_s() -> None:
    async with ending() as bench:
        ends: list[object] = []
        for _ in range(50):
            bench.nursery.start_soon(partial(_note_end, await bench.websocket(), ends, answers=False))
        bench.end()
        await bench.check_took(Timeouts().close_s)
        assert ends == [1001] * 50


@both_loops
async def test_what_was_emitted_before_the_end_is_delivered_before_it() -> None:
    async with ending() as bench:
        websocket = await bench.websocket()
        bench.io.emit_nowait("last words")
        bench.end()
        await loop.settle()
        assert await websocket.take_event() == ["last words"]
        with pytest.raises(Ended):
            await websocket.packet()
        assert websocket.closed_with == 1001
        await websocket.peer.close()
        await bench.check_took(0)


@both_loops
async def test_connection_that_is_accepted_as_the_end_begins_does_not_hold_it_up() -> None:
    """Which comes first is up to the loop, so there are several goes."""
    for _ in range(10):
        async with ending() as bench:
            late = await bench.connect()
            bench.end()
            await bench.check_took(0)
            assert await late.rest() == b""


@both_loops
async def test_idle_connections_end_at_once_and_half_a_request_is_told_why() -> None:
    async with ending() as bench:
        fresh, kept, half = [await bench.connect() for _ in range(3)]
        assert (await kept.ask("/nope")).status == 404
        await half.send(b"GET / HT")
        await loop.settle()
        late = await bench.connect()  # it is not even accepted
        bench.end()
        await bench.check_took(0)
        for peer in (fresh, kept, late):
            assert await peer.rest() == b""
        answer = await half.answer()
        assert (answer.status, answer.body) == (503, b"server is shutting down\n")


@both_loops
async def test_connection_that_falls_idle_during_the_end_ends_too() -> None:
    """It is in the middle of a response when the end begins, so nobody finds it among the idle ones."""
    async with ending() as bench:
        peer = bench.connect_stuck()
        async with loop.open_nursery() as nursery:
            nursery.start_soon(peer.send, request("/nope"))
        await loop.settle()
        bench.end()
        await loop.sleep(1)
        assert bench.took_s is None
        assert (await peer.answer()).status == 404
        assert await peer.rest() == b""
        await bench.check_took(1)


@both_loops
async def test_request_that_is_being_handled_is_answered_and_no_other_is_read() -> None:
    async def slow(request: Request, body: bytes) -> Response:
        await loop.sleep(3)
        return Response(200, [], b"done")

    async with ending(Server(http=slow)) as bench:
        peer = await bench.connect()
        await peer.send(request("/first") + request("/second"))
        await loop.settle()
        bench.end()
        await bench.check_took(3)
        answer = await peer.answer()
        assert (answer.text, answer.headers["connection"]) == ("done", "close")
        assert await peer.rest() == b""


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@both_loops
async def test_handler_that_is_stuck_is_cancelled_at_the_deadline(transport: str) -> None:
    io = Server()
    ends: list[str] = []

    @io.on("work")
    async def work(socket: Socket) -> None:
        try:
            await loop.sleep_forever()
        finally:
            ends.append("cancelled")

    async with ending(io) as bench:
        client = await bench.client(transport)
        await client.emit("work")
        await loop.settle()
        bench.nursery.start_soon(_note_end, client)
        await loop.settle()
        bench.end()
        await bench.check_took(SHUTDOWN_S)
        assert ends == ["cancelled"]


@both_loops
async def test_handlers_of_disconnect_may_take_their_time_until_the_deadline() -> None:
    io = Server()
    goodbyes: list[tuple[str, bool]] = []

    @io.on("disconnect")
    async def slow(socket: Socket, reason: str) -> None:
        await loop.sleep(4)
        goodbyes.append((reason, await socket.emit("too late")))

    async with ending(io) as bench:
        client = await bench.websocket()
        bench.nursery.start_soon(_note_end, client)
        await loop.settle()
        bench.end()
        await bench.check_took(4)
        assert goodbyes == [("server shutting down", False)]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@both_loops
async def test_goodbyes_are_told_though_a_handler_was_stuck_and_have_a_second(transport: str) -> None:
    io = Server()
    heard: list[str] = []

    @io.on("work")
    async def work(socket: Socket) -> None:
        await loop.sleep_forever()

    @io.on("more")
    def more(socket: Socket) -> None:
        heard.append("more")

    @io.on("disconnect")
    async def disconnected(socket: Socket, reason: str) -> None:
        heard.append(reason)
        await loop.sleep_forever()

    async with ending(io) as bench:
        client = await bench.client(transport)
        await client.emit("work")
        await client.emit("more")
        await loop.settle()
        bench.nursery.start_soon(_note_end, client)
        await loop.settle()
        bench.end()
        await bench.check_took(SHUTDOWN_S + UNTOLD_S)
        assert heard == ["server shutting down"]


@both_loops
async def test_socket_that_is_still_being_decided_is_refused_at_the_deadline() -> None:
    io = Server()
    decided: list[str] = []

    @io.use
    async def think(socket: Socket) -> None:
        try:
            await loop.sleep_forever()
        finally:
            decided.append("cancelled")

    async with ending(io) as bench:
        client = await bench.websocket(join=False)
        await client.send("40")
        await loop.settle()
        bench.nursery.start_soon(_note_end, client)
        await loop.settle()
        bench.end()
        await bench.check_took(SHUTDOWN_S)
        assert decided == ["cancelled"]
        assert bench.io.sockets.sockets == {}


STUCK: list[tuple[str, Callable[[Bench], Awaitable[Peer]]]] = []


def stuck(function: Callable[[Bench], Awaitable[Peer]]) -> Callable[[Bench], Awaitable[Peer]]:
    """Add a way to keep the server waiting."""
    STUCK.append((function.__name__, function))
    return function


@stuck
async def half_a_post(bench: Bench) -> Peer:
    client = await bench.polling()
    peer = await bench.connect()
    await peer.send(request(client.target, "POST", headers=["Content-Length: 10"]))
    return peer


def _large(request: Request, body: bytes) -> Response:
    return Response(200, [], b"x" * 300_000)


@stuck
async def unread_response(bench: Bench) -> Peer:
    peer = await bench.connect()
    for _ in range(40):
        await peer.send(request("/large"))
    return peer


@stuck
async def unread_websocket(bench: Bench) -> Peer:
    client = await bench.websocket()
    for _ in range(40):
        bench.io.emit_nowait("large", "x" * 300_000)
    return client.peer


@pytest.mark.parametrize(("name", "make"), STUCK, ids=[name for name, _ in STUCK])
@one_loop("trio", tcp=True)
async def test_peer_that_keeps_the_server_waiting_is_cut_off_by_the_deadline(
    name: str, make: Callable[[Bench], Awaitable[Peer]]
) -> None:
    """And its socket is closed: a warning about one that is not is an error here."""
    timeouts = Timeouts(shutdown_s=1.0)
    io = Server(timeouts=timeouts, http=_large)
    async with serving(io, tcp=True) as bench:
        peer = await make(bench)
        await loop.settle()
        began_at = loop.current_time()
        bench.nursery.cancel_scope.cancel()
        with loop.shielded():
            await peer.cut(b"x")
            assert loop.current_time() == pytest.approx(began_at + 1, abs=0.3)
    gc.collect()


@both_loops
async def test_a_server_that_nobody_uses_ends_at_once() -> None:
    async with ending() as bench:
        bench.end()
        await bench.check_took(0)


@both_loops
async def test_emits_after_the_end_go_nowhere_and_raise_nothing() -> None:
    async with ending() as bench:
        client = await bench.websocket()
        socket = bench.io.sockets.sockets[client.socket_id]
        await client.peer.close()
        await loop.settle()
        bench.end()
        await bench.check_took(0)
        assert await bench.io.emit("x") == 0
        assert await socket.emit("x") is False
        assert socket.emit_nowait("x") is False
        await socket.disconnect(close=True)


@both_loops
async def test_a_handler_may_end_it() -> None:
    """Whoever calls `close` does not wait for the end, which would wait for the handler."""
    io = Server()

    @io.on("end")
    async def end(socket: Socket) -> str:
        for _ in range(2):
            await io.close()
        return "soon"

    async with ending(io) as bench:
        client = await bench.websocket()
        bench.ended_at = loop.current_time()
        await client.send('421["end"]')
        assert await client.packet() == '431["soon"]'
        await _note_end(client)
        await bench.check_took(0)
        assert bench.reason_of(client) == "server shutting down"
    with pytest.raises(LocalProtocolError, match="no `serve` of this server is running"):
        await io.close()


@both_loops
async def test_calls_that_wait_for_an_ack_end_with_the_server() -> None:
    io = Server()
    outcomes: list[object] = []

    @io.on("go")
    async def go(socket: Socket) -> None:
        try:
            await socket.call("question", timeout=None)
        except Disconnected as error:
            outcomes.append(type(error))

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("go")
        await client.take()
    assert outcomes == [Disconnected]
