"""What is called from another thread than the one of the event loop is refused, and harms nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from typing import Any

import pytest
import trio

from socketio_core import Observer
from socketio_core.app.engine_server import EngineSession, session_inbox_behind
from socketio_core.errors import LocalProtocolError
from socketio_core.trio import ClientSocket, Server, Socket, connect
from tests.trio.bench import serving

Call = Callable[[], object]


def in_real_time(function: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run an async test by the real clock, on which nothing here depends: the virtual one does not wait for threads."""

    @wraps(function)
    def run() -> None:
        trio.run(function)

    return run


async def _refused(calls: Iterable[Call]) -> None:
    """Make each call in another thread; it must be refused with what to do."""
    for call in calls:
        with pytest.raises(LocalProtocolError, match=r"io\.from_thread\(io\.emit, \.\.\.\)"):
            await trio.to_thread.run_sync(call)


@in_real_time
async def test_every_call_to_a_server_from_a_thread_is_refused_and_output_goes_on() -> None:
    io = Server()
    async with serving(io) as bench:
        client = await bench.client("websocket")
        socket = io.sockets.sockets[client.socket_id]
        everybody, family = io.to(client.socket_id), io.of(lambda name: name == "/child")
        names = ("emit", "call")
        groups = (io, io.sockets, everybody, io.to("nobody"))
        await _refused(
            [
                *[
                    partial(trio.run, getattr(whose, n), "x")
                    for n in names
                    for whose in (io, io.sockets, everybody, socket)
                ],
                *[partial(whose.emit_nowait, "x") for whose in (io, io.sockets, everybody, socket)],
                *[partial(whose.volatile.emit_nowait, "x") for whose in (io, io.sockets, everybody)],
                partial(socket.emit_volatile, "x"),
                partial(io.observe, Observer()),
                partial(trio.run, socket.emit_with_ack, "x"),  # pyright: ignore[reportArgumentType] # as the next
                partial(trio.run, family.emit, "x"),  # pyright: ignore[reportArgumentType] # it has overloads
                partial(socket.broadcast.emit_nowait, "x"),
                *[partial(trio.run, w.fetch_sockets) for w in groups],
                *[partial(trio.run, w.sockets_join, "r") for w in groups],
                *[partial(trio.run, w.sockets_leave, "r") for w in groups],
                *[partial(trio.run, w.disconnect_sockets) for w in groups],
                partial(socket.join, "r"),
                partial(socket.leave, client.socket_id),
                partial(trio.run, socket.disconnect),
                partial(trio.run, partial(socket.disconnect, close=True)),
            ]
        )
        assert socket.connected
        assert socket.rooms == {socket.id}
        io.emit_nowait("from the loop")  # what was refused is not delivered, and nobody needs to send anything first
        assert await client.take_event() == ["from the loop"]
        await trio.to_thread.run_sync(lambda: io.from_thread(io.emit_nowait, "as told"))
        assert await client.take_event() == ["as told"]
        await trio.to_thread.run_sync(lambda: io.from_thread(io.emit, "as told"))
        assert await client.take_event() == ["as told"]


@in_real_time
async def test_every_call_to_a_bare_engine_or_a_client_from_a_thread_is_refused() -> None:
    io = Server()
    sessions: list[EngineSession] = []
    opened = trio.Event()
    engine = io.attach_engine()

    @engine.on("connection")
    def connection(session: EngineSession) -> None:
        sessions.append(session)
        opened.set()

    async with serving(io) as bench:
        peer = await bench.connect()
        await peer.ask("/engine.io/?EIO=4&transport=polling")
        await opened.wait()
        (session,) = sessions
        calls: list[Any] = [
            partial(trio.run, session.send, "x"),
            partial(session.send_nowait, "x"),
            partial(trio.run, session.close),
        ]
        await _refused(calls)
        assert session.connected
        assert session_inbox_behind(session).session.buffered_bytes == 0


def _calls_of(socket: ClientSocket) -> Iterable[Call]:
    calls: list[Any] = [
        partial(trio.run, socket.emit, "x"),  # pyright: ignore[reportArgumentType] # it has overloads
        partial(trio.run, socket.call, "x"),  # pyright: ignore[reportArgumentType] # it has overloads
        partial(trio.run, socket.emit_with_ack, "x"),  # pyright: ignore[reportArgumentType] # it has overloads
        partial(trio.run, socket.wait_connected),
        partial(trio.run, socket.disconnect),
        partial(socket.emit_nowait, "x"),
        partial(socket.emit_volatile, "x"),
        partial(socket.of, "/other"),
        socket.connect,
        socket.events,
    ]
    return calls


@in_real_time
async def test_every_call_to_a_client_from_a_thread_is_refused_and_output_goes_on() -> None:
    io = Server()
    heard: list[str] = []

    @io.on_any
    def note(_: Socket, name: str, *args: str) -> None:
        heard.append(name)

    @io.on("echo")
    def echo(_: object, value: str) -> str:
        return value

    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(io.serve, "127.0.0.1", 0)
        async with connect(urls[0]) as socket:
            events = socket.events()
            await _refused([*_calls_of(socket), events.close])
            assert socket.connected
            assert await socket.call("echo", "hello?") == "hello?"
        nursery.cancel_scope.cancel()
    assert heard == ["echo"]


@in_real_time
async def test_before_the_start_and_behind_the_end_nobody_is_there_to_be_harmed() -> None:
    io = Server()
    assert await trio.to_thread.run_sync(partial(io.emit_nowait, "early")) == 0
    async with serving(io) as bench:
        client = await bench.client("websocket")
        socket = io.sockets.sockets[client.socket_id]
    assert await trio.to_thread.run_sync(partial(io.emit_nowait, "late")) == 0
    assert await trio.to_thread.run_sync(lambda: trio.run(partial(io.emit, "late"))) == 0
    assert await trio.to_thread.run_sync(lambda: trio.run(partial(socket.emit, "late"))) is False
