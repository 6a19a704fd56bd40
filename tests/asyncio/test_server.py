"""The server on asyncio: its runner, its connections, its end; what the protocol asks is in the conformance suite."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from socketio_core import LocalProtocolError, Response, SocketSettings, Timeouts
from socketio_core import Server as AnyServer
from socketio_core.asyncio import Disconnected, EngineSession, Server, Socket, serve
from socketio_core.http import Request
from tests.asyncio.bench import AsyncioPeer, asyncio_test, serving, until
from tests.trio.clients import WebSocketClient
from tests.trio.wire import Ended, frame, handshake, request

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])


def transport_of(client: WebSocketClient) -> asyncio.Transport:
    assert isinstance(client.peer, AsyncioPeer)
    transport = client.peer.writer.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


# -- handlers --------------------------------------------------------------------------------------------------------


@TRANSPORTS
@asyncio_test
async def test_events_are_acknowledged(transport: str) -> None:
    async with serving(Server()) as bench:
        client = await bench.client(transport)
        await client.echo({"a": [1, "ü", None]})
        await client.echo("again")


@asyncio_test
async def test_a_handler_that_does_not_wait_costs_no_task() -> None:
    async with serving(Server()) as bench:
        client = await bench.websocket()
        made: list[object] = []

        def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            made.append(coroutine)
            return asyncio.Task(coroutine, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(factory)
        for number in range(10):
            await client.echo(number)
        asyncio.get_running_loop().set_task_factory(None)
        assert made == []


@asyncio_test
async def test_events_of_a_socket_are_handled_in_order_and_delay_no_other() -> None:
    io = Server()
    seen: list[str] = []

    @io.on("slow")
    async def slow(_: Socket, name: str) -> None:
        seen.append(f"{name} begins")
        await asyncio.sleep(5)
        seen.append(f"{name} ends")

    async with serving(io) as bench:
        first, second = await bench.websocket(), await bench.websocket()
        await first.emit("slow", "a")
        await first.emit("slow", "b")
        await until(lambda: seen == ["a begins"], "the first is handled")
        await second.echo()
        assert seen == ["a begins"]
        await until(lambda: len(seen) == 4, "both were handled")
        assert seen == ["a begins", "a ends", "b begins", "b ends"]


@asyncio_test
async def test_acks_are_read_while_the_handler_that_waits_for_them_runs() -> None:
    io = Server()
    answers: list[object] = []

    @io.on("go")
    async def go(socket: Socket) -> None:
        answers.append(await socket.call("question"))

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("go")
        assert await client.take() == '420["question"]'
        await client.send('430["answer"]')
        await until(lambda: answers == ["answer"], "the handler has its answer")


@asyncio_test
async def test_what_a_handler_sets_in_a_context_ends_with_its_event() -> None:
    io, name = Server(), ContextVar("name", default="nobody")
    seen: list[str] = []

    @io.on("set")
    async def set_name(_: Socket, value: str) -> None:
        seen.append(name.get())
        name.set(value)

    async with serving(io) as bench:
        client, other = await bench.websocket(), await bench.websocket()
        for value in "ab":
            await client.emit("set", value)
        await client.echo()
        await other.emit("set", "c")
        await other.echo()
    assert seen == ["nobody"] * 3


def _cancels_its_task() -> Awaitable[None]:
    async def handler() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    return handler()


async def _cancels_its_task_and_waits() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


@pytest.mark.parametrize("harm", [_cancels_its_task, _cancels_its_task_and_waits])
@asyncio_test
async def test_a_handler_that_cancels_its_own_task_stops_nobody_else(harm: Callable[[], Awaitable[None]]) -> None:
    io = Server()

    @io.on("harm")
    async def handler(_: Socket) -> None:
        await harm()

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("harm")
        await client.echo()
        await bench.check_still_serves()
        assert ("handler of 'harm' failed" in bench.take_log()) == (harm is _cancels_its_task_and_waits)


@asyncio_test
async def test_a_handler_that_waits_for_a_cancelled_task_has_failed_and_no_more() -> None:
    io = Server()
    seen: list[int] = []

    @io.on("wait")
    async def wait(_: Socket, number: int) -> None:
        seen.append(number)
        task = asyncio.create_task(asyncio.sleep(1e6))
        asyncio.get_running_loop().call_later(1, task.cancel)
        await task

    async with serving(io) as bench:
        client = await bench.websocket()
        for number in range(3):
            await client.emit("wait", number)
        await client.echo()
        assert seen == [0, 1, 2]
        assert bench.take_log().count("handler of 'wait' failed") == 3


@asyncio_test
async def test_a_handler_that_fails_is_logged_with_its_name_and_harms_nobody() -> None:
    io = Server()

    @io.on("bad")
    async def bad(_: Socket) -> None:
        await asyncio.sleep(0)
        raise ValueError("no good")

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("bad")
        await client.echo()
        assert "handler of 'bad' failed" in bench.take_log()


@asyncio_test
async def test_other_threads_are_told_what_to_do() -> None:
    async with serving(Server()) as bench:
        client = await bench.websocket()
        with pytest.raises(LocalProtocolError, match=r"io\.from_thread"):
            await asyncio.to_thread(bench.io.emit_nowait, "x")
        asyncio.get_running_loop().call_soon_threadsafe(bench.io.emit_nowait, "x")
        assert await client.take_event() == ["x"]


# -- requests --------------------------------------------------------------------------------------------------------


@asyncio_test
async def test_other_requests_handshakes_and_bare_engines_are_served_too() -> None:
    async def http(req: Request, body: bytes) -> Response:
        await asyncio.sleep(1)
        return Response(200, [], body + req.path.encode())

    async def allow(req: Request) -> str | None:
        await asyncio.sleep(1)
        return "no" if req.query.get("no") else None

    io = AnyServer(http=http, allow_request=allow)
    engine = io.attach_engine()

    @engine.on("message")
    async def message(session: EngineSession, data: str) -> None:
        await session.send(data)

    async with serving(io) as bench:
        assert (await (await bench.connect()).ask("/x", "POST", b"body ")).body == b"body /x"
        refused = await (await bench.connect()).ask("/socket.io/?EIO=4&transport=polling&no=1")
        assert (refused.status, "no" in refused.text) == (403, True)
        client = await bench.websocket(join=False)
        await client.join()
        peer = await bench.connect()
        await peer.send(handshake("/engine.io/?EIO=4&transport=websocket"))
        assert (await peer.answer()).status == 101
        await peer.frame()
        await peer.send(frame("4hi"))
        assert await peer.frame() == (1, b"4hi")


@asyncio_test
async def test_pipelined_requests_are_answered_in_order() -> None:
    async def http(req: Request, _: bytes) -> Response:
        await asyncio.sleep(1)
        return Response(200, [], req.path.encode())

    async with serving(Server(http=http)) as bench:
        peer = await bench.connect()
        await peer.send(b"".join(request(f"/{number}") for number in range(20)))
        assert [(await peer.answer()).body for _ in range(20)] == [b"/%d" % number for number in range(20)]


# -- connections -----------------------------------------------------------------------------------------------------


@asyncio_test
async def test_a_client_that_reads_slowly_makes_emit_wait_and_gets_everything() -> None:
    io = Server()
    sent: list[int] = []

    @io.on("go")
    async def go(socket: Socket) -> None:
        for number in range(200):
            await socket.emit("data", number, "x" * 100_000)
            sent.append(number)

    async with serving(io) as bench:
        client = await bench.websocket(receive_buffer=4096)
        transport_of(client).pause_reading()
        await client.emit("go")
        await until(lambda: sent, "it begins")
        await asyncio.sleep(20)
        stopped_at = len(sent)
        await asyncio.sleep(1)
        assert len(sent) == stopped_at < 200
        transport_of(client).resume_reading()
        for number in range(200):
            assert (await client.take_event())[1] == number


@asyncio_test
async def test_nothing_more_is_read_while_too_much_waits_for_handlers() -> None:
    io = Server(settings=SocketSettings(max_queued_events=10))
    gate = asyncio.Event()
    handled: list[int] = []

    @io.on("wait")
    async def wait(_: Socket, number: int, _text: str) -> None:
        await gate.wait()
        handled.append(number)

    async with serving(io) as bench:
        client = await bench.websocket()
        count = 2000
        for number in range(count):
            transport_of(client).write(frame(f'42["wait",{number},"{"x" * 4000}"]'))
        await asyncio.sleep(1)
        assert transport_of(client).get_write_buffer_size() > 0
        gate.set()
        await until(lambda: len(handled) == count, "all was handled")
        assert handled == list(range(count))


@asyncio_test
async def test_the_end_of_a_connection_is_noticed_at_once() -> None:
    async with serving(Server()) as bench:
        closed, reset, polling = await bench.websocket(), await bench.websocket(), await bench.polling()
        await closed.peer.close()
        await until(lambda: bench.left.get(closed.socket_id) == "transport close", "the end was noticed", 1)
        await reset.peer.reset()
        await until(lambda: reset.socket_id in bench.left, "the reset was noticed", 1)
        await polling.echo()


@asyncio_test
async def test_silence_of_a_connection_is_timed() -> None:
    async with serving(Server(timeouts=Timeouts(header_s=3))) as bench:
        peer = await bench.connect()
        begun = asyncio.get_running_loop().time()
        await peer.send(b"GET / HTTP/1.1\r\n")
        assert (await peer.answer()).status == 408
        assert 2.9 < asyncio.get_running_loop().time() - begun < 4


@asyncio_test
async def test_clients_that_answer_no_pings_are_dropped_and_others_stay() -> None:
    async with serving(Server()) as bench:
        silent, honest = await bench.websocket(), await bench.websocket()
        reader = asyncio.create_task(honest.take())
        await until(lambda: bench.left.get(silent.socket_id) == "ping timeout", "the silent one is dropped", 60)
        assert honest.socket_id not in bench.left
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader


# -- TLS -------------------------------------------------------------------------------------------------------------


@asyncio_test
async def _serve_tls(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    schemes: list[bool] = []
    io = Server(timeouts=Timeouts(header_s=3))

    @io.on("connection")
    def connected(socket: Socket) -> None:
        schemes.append(socket.handshake.secure)

    async with serving(io, ssl_context=context) as bench:
        assert bench.urls[0].startswith("https://127.0.0.1:")
        silent = await bench.connect()
        peer = await bench.connect(ssl=trusting, server_hostname="localhost")
        await peer.send(handshake("/socket.io/?EIO=4&transport=websocket"))
        assert (await peer.answer()).status == 101
        await peer.frame()
        await peer.send(frame("40"))
        await peer.frame()
        assert schemes == [True]
        await peer.send(frame('421["echo","x"]'))
        assert await peer.frame() == (1, b'431["x"]')
        assert await silent.rest() == b""  # it has not shaken hands in time
        await peer.close()
        await until(lambda: bench.left, "it has left")


def test_tls(certificate: Path) -> None:
    _serve_tls(certificate)


# -- beginning and end -----------------------------------------------------------------------------------------------


@asyncio_test
async def test_clients_are_told_of_the_end_and_handlers_may_finish() -> None:
    io = Server()
    ended: list[str] = []

    @io.on("long")
    async def long(_: Socket) -> None:
        await asyncio.sleep(5)
        ended.append("long")

    async with serving(io) as bench:
        websocket, polling = await bench.websocket(), await bench.polling()
        await websocket.emit("long")
        await asyncio.sleep(0.1)
        poll = asyncio.create_task(polling.packet())
        await asyncio.sleep(0.1)
        bench.task.cancel()
        assert await websocket.close_code() == 1001
        assert await poll == "1"
        with pytest.raises(asyncio.CancelledError):
            await bench.task
        assert ended == ["long"]
        assert set(bench.left.values()) == {"server shutting down"}


@asyncio_test
async def test_handlers_that_do_not_end_are_cancelled_at_the_deadline() -> None:
    io = Server(timeouts=Timeouts(shutdown_s=2))
    ended: list[str] = []

    @io.on("endless")
    async def endless(_: Socket) -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            ended.append("endless")

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("endless")
        await asyncio.sleep(0.1)
        begun = asyncio.get_running_loop().time()
        bench.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bench.task
        assert ended == ["endless"]
        assert 1.9 < asyncio.get_running_loop().time() - begun < 3


@asyncio_test
async def test_a_second_cancellation_ends_it_at_once() -> None:
    io = Server()

    @io.on("endless")
    async def endless(_: Socket) -> None:
        await asyncio.sleep(1e6)

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("endless")
        await asyncio.sleep(0.1)
        begun = asyncio.get_running_loop().time()
        bench.task.cancel()
        await asyncio.sleep(0.5)
        bench.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bench.task
        assert asyncio.get_running_loop().time() - begun < 2


@asyncio_test
async def test_signals_end_it_in_order() -> None:
    async with serving(Server(), signals=[signal.SIGUSR1]) as bench:
        client = await bench.websocket()
        signal.raise_signal(signal.SIGUSR1)
        assert await client.close_code() == 1001
        await bench.task


@asyncio_test
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


@asyncio_test
async def test_a_server_serves_once_but_may_try_another_port() -> None:
    io = Server()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: "):
            await io.serve("127.0.0.1", port)
    async with serving(io) as bench:
        await bench.check_still_serves()
        with pytest.raises(RuntimeError, match="serves once"):
            await serve(io)


@asyncio_test
async def test_all_addresses_share_a_port() -> None:
    io = Server()
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(io.serve(None, 0, started=started))
    urls = await started
    assert len({url.rpartition(":")[2] for url in urls}) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@asyncio_test
async def _serve_unix(path: Path) -> None:
    addresses: list[str] = []
    io = Server()

    @io.on("connection")
    def connected(socket: Socket) -> None:
        addresses.append(socket.handshake.address)

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(io.serve(listeners=[listener], started=started))
    assert await started == [f"unix:{path}"]
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(handshake("/socket.io/?EIO=4&transport=websocket") + frame("40"))
    await until(lambda: addresses, "it is in")
    assert addresses == ["unix:"]
    writer.close()
    assert reader is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_unix_sockets(tmp_path: Path) -> None:
    _serve_unix(tmp_path / "io")


@asyncio_test
async def test_nothing_is_left_of_connections() -> None:
    async with serving(Server()) as bench:
        await bench.check_still_serves()
        await asyncio.sleep(60)
        gc.collect()
        assert bench.core.session_count == 0
        with pytest.raises(Ended):
            await (await bench.connect()).exactly(1)  # an idle one is cut, too
