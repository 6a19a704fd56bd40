"""The server on asyncio: its runner, its connections, its end; what the protocol asks is in the conformance suite."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from socketio_core import LocalProtocolError
from socketio_core.asyncio import Server, Socket, serve
from tests.asyncio.bench import asyncio_test, count_tasks, serving, until
from tests.wire.written import frame, handshake, request

TRANSPORTS = pytest.mark.parametrize("transport", ["polling", "websocket"])


# -- handlers --------------------------------------------------------------------------------------------------------


@asyncio_test
async def test_a_handler_that_does_not_wait_costs_no_task() -> None:
    async with serving(Server()) as bench:
        client = await bench.websocket()
        before = await count_tasks()
        for number in range(10):
            await client.echo(number)
        assert await count_tasks() == before + 1


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
async def test_nor_does_it_keep_others_from_hearing_of_the_end() -> None:
    """As one that takes leave of a task of its own."""
    io = Server()
    heard: list[str] = []

    @io.on("work")
    async def work(_: Socket) -> None:
        await asyncio.sleep(1e6)

    @io.on("disconnect")
    async def careless(_: Socket, reason: str) -> None:
        task = asyncio.create_task(asyncio.sleep(1e6))
        await asyncio.sleep(0)
        task.cancel()
        await task

    @io.on("disconnect")
    async def careful(_: Socket, reason: str) -> None:
        heard.append(reason)

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("work")
        await client.emit("work")
        await asyncio.sleep(1)
        bench.task.cancel()
        await asyncio.wait([bench.task])
        assert heard == ["server shutting down"]
        assert bench.take_log().count("handler of 'disconnect' failed") == 1


@asyncio_test
async def test_other_threads_are_told_what_to_do() -> None:
    async with serving(Server()) as bench:
        client = await bench.websocket()
        with pytest.raises(LocalProtocolError, match=r"io\.from_thread"):
            await asyncio.to_thread(bench.io.emit_nowait, "x")
        asyncio.get_running_loop().call_soon_threadsafe(bench.io.emit_nowait, "x")
        assert await client.take_event() == ["x"]


@asyncio_test
async def test_a_client_that_is_gone_when_it_gets_its_answer_takes_nobody_elses() -> None:
    """The answer comes back as a reset, so writing cannot be ended; who has a turn with it is answered all the same."""
    async with serving(Server()) as bench:
        client = await bench.polling()
        peers = [await bench.connect() for _ in range(9)]
        await peers[4].send(f"POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n4half".encode())
        await peers[0].ask()  # that much has been read
        others = peers[:4] + peers[5:]
        for peer in others:
            await peer.send(request())
        await peers[4].close()
        for peer in others:
            assert (await peer.answer()).status == 200


# -- beginning and end -----------------------------------------------------------------------------------------------


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
async def test_a_server_serves_once_but_may_try_another_port() -> None:
    io = Server()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use$"):
            await io.serve("127.0.0.1", port)
    async with serving(io) as bench:
        await bench.check_still_serves()
        with pytest.raises(RuntimeError, match="serves once"):
            await serve(io)


@asyncio_test
async def test_all_addresses_share_a_port_and_the_log_says_where(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    io = Server()
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(io.serve(None, 0, started=started))
    urls = await started
    assert len({url.rpartition(":")[2] for url in urls}) == 1
    assert f"serving at {', '.join(urls)}" in caplog.messages
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


def _waits_for_no_descriptor(*_: object) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("lacks", ["a loop that waits for descriptors", "an epoll"])
@asyncio_test
async def test_without_a_watcher_there_are_transports(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patch:
            if lacks == "an epoll":
                patch.setattr(sys.modules["socketio_core.asyncio.serve"], "CAN_WATCH", False)
            else:
                patch.setattr(asyncio.get_running_loop(), "add_reader", _waits_for_no_descriptor)
            bench = await stack.enter_async_context(serving(Server()))
        await bench.check_still_serves()


@asyncio_test
async def test_what_is_read_away_of_many_holds_up_nobody() -> None:
    """Each read of theirs was a turn of the loop: of 170 clients whose bombs were refused an echo waited for 50 ms."""
    io = Server()
    heard = asyncio.Event()

    @io.on("note")
    async def note(_: Socket) -> None:
        heard.set()

    async with serving(io) as bench, AsyncExitStack() as stack:
        address = ("127.0.0.1", int(bench.urls[0].rpartition(":")[2]))
        *refused, other = [stack.enter_context(socket.create_connection(address)) for _ in range(31)]
        for each in (*refused, other):
            each.setblocking(False)  # noqa: FBT003 - the library's signature
            each.send(handshake() + frame("40"))
        await heard_of(other, b"40{")
        for each in refused:
            each.send(b"\xf1\x80\0\0\0\0")  # is no frame
            await heard_of(each, END)
        for each in refused:
            each.send(b"x" * 60_000)
        other.send(frame('42["note"]'))
        turns = 0
        while not heard.is_set():
            turns += 1
            await asyncio.sleep(0)
        assert turns <= 5


END = b""


async def heard_of(client: socket.socket, text: bytes) -> None:
    """Read until that comes, or the end."""
    received = b""
    while True:
        await asyncio.sleep(0)
        with suppress(BlockingIOError):
            data = client.recv(65536)
            received += data
            if not data or (text and text in received):
                break
    assert text in received


# -- when the system has no more ---------------------------------------------------------------------------------------


@asyncio_test
async def test_when_the_process_has_no_file_descriptors_left_that_is_said_and_not_each_time() -> None:
    """The loop itself logs 16 tracebacks a second, for as long as it lasts."""
    loop = asyncio.get_running_loop()
    others: list[str] = []
    before = loop.get_exception_handler()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        others.append(context["message"])

    loop.set_exception_handler(note)
    async with serving(Server()) as bench:
        address = ("127.0.0.1", int(bench.urls[0].rpartition(":")[2]))
        with socket.socket() as client:
            client.setblocking(False)  # noqa: FBT003 - the library's signature
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, limits[1]))
            try:
                await loop.sock_connect(client, address)
                await until(lambda: bench.log != [], "the log to speak of it")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            await loop.sock_sendall(client, request())
            assert (await loop.sock_recv(client, 65536)).startswith(b"HTTP/1.1 200")
        loop.call_exception_handler({"message": "another"})
        assert bench.take_log().count("cannot accept connections") <= 11
    assert others == ["another"]
    assert loop.get_exception_handler() is note
    loop.call_exception_handler({"message": "later"})
    assert others == ["another", "later"]
    loop.set_exception_handler(before)


@asyncio_test
async def test_who_is_to_be_told_the_urls_must_be_a_future() -> None:
    event: Any = asyncio.Event()
    io = Server()
    with pytest.raises(TypeError, match=r"^started must be a future, as asyncio"):
        await io.serve("127.0.0.1", started=event)
    async with serving(io):
        pass
