"""A custom parser that fails, wherever it is called: the server goes on, the log names it, others do not notice."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.app.client_socket import ConnectError
from socketio_core.app.server import host_of
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import ConnectRefused
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT
from tests.adapters.bench import Bench, Faults, serving, until
from tests.adapters.clients import WebSocketClient
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.peer import Ended
from tests.app.rig import member_of
from tests.socketio.faulty import Fault, Parser

TRANSPORTS = ["polling", "websocket"]
BAD = [None, "42[]", WireMessage(("2[]",)), Fault("cannot write")]


@pytest.mark.parametrize("bad", BAD, ids=repr)
@both_loops
async def test_background_emits_fail_by_themselves(bad: Any) -> None:
    parser = Parser()
    io = Server(parser=parser)
    failures: list[str] = []

    async def emit() -> None:
        socket = next(iter(io.sockets.sockets.values()))
        for call in (io.emit, socket.emit, socket.call, io.call, socket.broadcast.emit):
            try:
                await call("news", 1)
            except (TypeError, Fault) as error:
                failures.append(type(error).__name__)
        for nowait in (io.emit_nowait, socket.emit_nowait, socket.emit_volatile):
            with pytest.raises((TypeError, Fault)):
                nowait("news", 1)

    async with serving(io) as bench:
        client, other = await bench.websocket(), await bench.polling()
        parser.bad[EVENT] = bad
        async with loop.open_nursery() as nursery:
            nursery.start_soon(emit)
        parser.bad.clear()
        assert len(failures) == 5
        await client.echo()
        await other.echo()
        await bench.check_still_serves()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", [CONNECT, CONNECT_ERROR, DISCONNECT, ACK])
@pytest.mark.parametrize("bad", BAD, ids=repr)
@both_loops
async def test_a_packet_of_the_protocols_own_costs_that_client(transport: str, kind: int, bad: Any) -> None:
    parser = Parser()
    io = Server(parser=parser)

    @io.of("/refusing").use
    def refuse(socket: Socket) -> None:
        raise ConnectRefused("no")

    @io.on("leave")
    async def leave(socket: Socket) -> None:
        await socket.disconnect()

    async with serving(io) as bench:
        other = await bench.websocket()
        client = await bench.client(transport)
        parser.bad[kind] = bad
        what = {CONNECT: "40/free,", CONNECT_ERROR: "40/refusing,", DISCONNECT: '42["leave"]', ACK: '421["echo"]'}[kind]
        io.of("/free")
        await client.send(what)
        await until(lambda: bench.log, "it is logged")
        if kind == ACK:
            assert "return value of the handler of 'echo' cannot be sent" in bench.take_log()
            assert bench.session_count == 2
        else:
            log = bench.take_log()
            assert "parser failed" in log or "refusal cannot be sent" in log
            await until(lambda: bench.session_count == 1, "the client is gone")
        parser.bad.clear()
        await other.echo()
        await bench.check_still_serves()


@pytest.mark.parametrize("transport", TRANSPORTS)
@both_loops
async def test_a_decoder_that_fails_costs_that_client(transport: str) -> None:
    parser = Parser()
    async with serving(Server(parser=parser)) as bench:
        other = await bench.websocket()
        client = await bench.client(transport)
        parser.feeds = [Fault("cannot read")]
        await client.send('42["a"]')
        await until(lambda: bench.reason_of(client) == "parse error", "the client is gone")
        assert not parser.feeds
        await until(lambda: bench.log, "it is logged")
        assert "parser failed, so the connection was closed: Parser failed: Fault('cannot read')" in bench.take_log()
        await other.echo()
        await bench.check_still_serves()


@both_loops
async def test_a_websocket_that_cannot_be_written_to_costs_that_client() -> None:
    """Whoever flushes: the task that does it for emits, the clock for pings, another client's reader."""
    io = Server()

    @io.on("all")
    async def to_all(socket: Socket) -> None:
        await io.emit("news")

    async def by_task(bench: Bench) -> None:
        await io.emit("news")

    async def by_clock(bench: Bench) -> None:
        await loop.sleep(26)

    async def by_reader(bench: Bench) -> None:
        client = await bench.websocket()
        await client.send('42["all"]')

    async with serving(io) as bench:
        for cause in (by_task, by_clock, by_reader):
            client = await bench.websocket()
            socket = io.sockets.sockets[client.socket_id]
            outbox = member_of(socket).connection.session.outbox
            outbox.messages.append(_Unwritable())  # type: ignore[arg-type]
            await cause(bench)
            await gone(bench, client)
            assert "connection failed, so it was closed" in bench.take_log()
        await bench.check_still_serves()


async def gone(bench: Bench, client: WebSocketClient) -> None:
    await until(lambda: bench.reason_of(client) == "transport error", "the client is gone")
    with suppress(Ended):
        while True:
            await client.packet()


class _Unwritable:
    size_bytes = held_bytes = 0
    host_cache = None

    @property
    def frames(self) -> None:
        raise Fault("no frames")


@both_loops
async def test_a_fault_in_what_is_due_or_told_is_logged_and_the_server_goes_on() -> None:
    io = Server()
    faults = Faults(io)
    async with serving(io) as bench:
        client = await bench.websocket()
        faults.left = 1
        io.emit_nowait("news")
        assert await client.packet() == '42["news"]'
        assert "what has happened could not be told" in bench.take_log()
        bench.core.agenda.schedule(loop.current_time() + 1, object())
        host_of(io).runtime.output_ready()
        await loop.sleep(2)
        assert "what was due failed" in bench.take_log()
        await bench.check_still_serves()


@both_loops_tcp
async def test_a_clients_parser_that_fails_costs_the_call_or_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Server(), tcp=True) as bench:
        parser = Parser()
        async with loop.connect(bench.urls[0], parser=parser) as socket:
            parser.bad[EVENT] = None
            with pytest.raises(TypeError, match="Parser must encode to a WireMessage"):
                await socket.emit("echo")
            with pytest.raises(TypeError):
                await socket.call("echo")
            parser.bad.clear()
            assert await socket.call("echo", 1) == 1
            parser.feeds = [Fault("cannot read")]
            await socket.emit("echo")
            bench.io.emit_nowait("news")
            await until(lambda: not socket.connected, "it has failed")
            assert not parser.feeds
            await socket.wait_connected()
            assert await socket.call("echo", 2) == 2
            parser.bad[DISCONNECT] = Fault("cannot write")
        parser.bad[CONNECT] = Fault("cannot write")
        with pytest.raises(ConnectError, match="auth cannot be sent: Fault"):
            await loop.connect(bench.urls[0], parser=parser).__aenter__()
        assert "parser failed, so the connection was closed" in bench.take_log()
