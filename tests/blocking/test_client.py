"""The client without an event loop, against a server in another thread."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from inspect import signature
from typing import Any

import pytest

from socketio_core import ConnectRefused, Server, blocking
from socketio_core.app import ClientSocket, Socket
from socketio_core.blocking import AckTimeout, ConnectError, Disconnected, connect
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineClientSettings, EngineSettings, SocketSettings
from tests.network.threads import served


def make_server() -> Server:
    io = Server()

    @io.on("connection")
    async def connection(socket: Socket) -> None:
        await socket.emit("welcome", socket.handshake.auth)

    @io.on("add")
    def add(_: Socket, a: int, b: int) -> int:
        return a + b

    @io.on("swap")
    def swap(_: Socket, a: int, b: int) -> tuple[int, int]:
        return b, a

    @io.on("burst")
    async def burst(socket: Socket, count: int) -> None:
        for number in range(count):
            await socket.emit("number", number, b"%d" % number)

    @io.on("silent")
    async def silent(socket: Socket) -> None:
        await socket.call("never", timeout=1000)

    @io.on("leave")
    async def leave(socket: Socket) -> None:
        await socket.disconnect(close=True)

    @io.of("/private").use
    def refuse(socket: Socket) -> None:
        if socket.handshake.auth.get("token") != "good":
            raise ConnectRefused("no", {"code": 1})

    return io


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(make_server(), "asyncio") as url:
        yield url


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_a_conversation(url: str, transports: list[str]) -> None:
    with connect(url, auth={"name": "ada"}, transports=transports) as socket:
        assert socket.connected
        assert socket.id
        assert socket.transport in transports
        assert socket.receive(timeout=20) == ("welcome", {"name": "ada"})
        assert socket.call("add", 1, 2, timeout=20) == 3
        assert socket.call("swap", 1, 2, timeout=20) == (2, 1)
        socket.emit("burst", 3)
        assert [socket.receive(20) for _ in range(3)] == [("number", n, b"%d" % n) for n in range(3)]
    assert socket.id == ""
    assert not socket.connected


def test_without_with(url: str) -> None:
    socket = connect(url)
    assert socket.call("add", 1, 2) == 3
    socket.close()
    socket.close()
    with pytest.raises(LocalProtocolError, match="no event loop runs it"):
        socket.emit("x")


def test_events_end_with_the_connection(url: str) -> None:
    with connect(url, reconnection=False) as socket:
        socket.emit("leave")
        assert [name for name, *_ in socket] == ["welcome"]
        with pytest.raises(Disconnected):
            socket.receive()
        with pytest.raises(Disconnected):
            socket.call("add", 1, 2)


def test_namespaces(url: str) -> None:
    with connect(url) as socket:
        with pytest.raises(ConnectError, match="no"):
            socket.of("/private", auth={"token": "bad"})
        private = socket.of("/private", auth={"token": "good"})
        assert private.connected
        private.disconnect()
        assert (private.connected, socket.connected) == (False, True)


def test_more_events_than_anybody_takes(url: str) -> None:
    with connect(url) as socket:
        socket.emit("burst", 3000)
        socket.ignore_events()
        assert socket.call("add", 1, 2, timeout=20) == 3


def test_timeouts(url: str) -> None:
    with connect(url) as socket:
        socket.receive(20)
        with pytest.raises(TimeoutError, match=r"no event has come in 0\.01 s"):
            socket.receive(timeout=0.01)
        with pytest.raises(AckTimeout):
            socket.call("silent", timeout=0.01)


def test_the_time_of_a_call_counts_though_it_waits_for_room() -> None:
    limit = 30_000_000
    io = Server(engine=EngineSettings(max_payload_bytes=limit), settings=SocketSettings(max_queued_events=1))

    @io.on("work")
    async def work(socket: Socket) -> None:
        await socket.call("never", timeout=None)

    engine = EngineClientSettings(high_water_bytes=1000, close_timeout_s=0.1)
    with served(io, "asyncio") as url, connect(url, transports=["websocket"], engine=engine) as socket:
        for _ in range(3):  # then the server reads no more
            socket.emit("work")
        socket.emit("fill", bytes(limit // 2))  # more than the kernel takes
        socket.emit("fill", bytes(2000))
        with pytest.raises(AckTimeout, match="'q' was not sent in time"):
            socket.call("q", timeout=0.1)


def test_call_waits_no_longer_than_that_of_other_clients() -> None:
    defaults = {signature(each.call).parameters["timeout"].default for each in (blocking.Socket, ClientSocket, Socket)}
    assert defaults == {5.0}


def test_many_threads(url: str) -> None:
    sums: list[Any] = []
    with connect(url) as socket:

        def add(number: int) -> None:
            sums.append(socket.call("add", number, 0, timeout=20))

        threads = [threading.Thread(target=add, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(sums) == list(range(8))


def test_nobody_there() -> None:
    before = threading.active_count()
    with pytest.raises(ConnectError) as told:
        connect("http://127.0.0.1:9", reconnection=False)
    assert not hasattr(told.value, "__notes__")
    assert threading.active_count() == before


def test_event_loop_that_stood_still_is_named() -> None:
    """Its server cannot answer."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with pytest.raises(ConnectError, match=r"no answer within 0\.1 s") as told:
                connect(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_s=0.1)
            (note,) = told.value.__notes__
            assert note.startswith("an event loop runs in this thread, and stood still meanwhile")

    asyncio.run(main())


def test_one_that_is_never_closed_keeps_nobody_from_ending(url: str) -> None:
    program = f"from socketio_core.blocking import connect; print(connect({url!r}).call('add', 1, 2))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
