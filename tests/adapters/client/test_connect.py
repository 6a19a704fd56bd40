"""The block of `connect`: what comes out of it, what it leaves behind, and what it waits for."""

from __future__ import annotations

import json
import socket as stdlib_socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app import AckTimeout, Disconnected, Socket
from socketio_core.app.client_manager import host_behind
from socketio_core.app.client_socket import ConnectError
from socketio_core.settings import ClientSettings, EngineClientSettings, combine_for_client
from socketio_core.socketio.json_parser import JsonParser
from tests.adapters.bench import core_of, runtime_of, until
from tests.adapters.client.server import hang, open_packet, raw_server, response, websocket
from tests.adapters.loops import both_loops_tcp, loop, one_loop


def make_server(**settings: Any) -> Server:
    io = Server(engine=EngineSettings(path="/socket.io/", **settings))

    @io.on("echo")
    async def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
        await socket.emit("echoed", *args)
        return args

    @io.on("burst")
    async def burst(socket: Socket, count: int) -> None:
        for number in range(count):
            await socket.emit("number", number)

    return io


@asynccontextmanager
async def serving(io: Server | None = None, port: int = 0) -> AsyncGenerator[str]:
    """Serve, and return the URL."""
    async with loop.open_nursery() as nursery:
        urls = await loop.serve(nursery, io or make_server(), host="127.0.0.1", port=port)
        yield urls[0]
        nursery.cancel_scope.cancel()


async def fail_inside(url: str, transport: str) -> None:
    async with loop.connect(url, transports=[transport]) as socket:
        await socket.emit("echo")
        raise KeyError("mine")


BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
@both_loops_tcp
async def test_exceptions_of_the_block_come_out_as_they_are(transport: str) -> None:
    async with serving() as url:
        before = loop.task_count()
        with pytest.raises(KeyError, match="mine"):
            await fail_inside(url, transport)
        await until(lambda: loop.task_count() <= before, "all tasks have ended, the server's too", 60)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
@both_loops_tcp
async def test_what_ends_the_program_comes_out_as_it_is(error: BaseException) -> None:
    cause = ValueError("why")
    async with serving() as url:
        with pytest.raises(type(error)) as raised:
            async with loop.connect(url):
                raise error from cause
        assert raised.value is error
        assert error.__cause__ is cause


@BOTH
@both_loops_tcp
async def test_leaving_the_block_sends_what_was_emitted(transport: str) -> None:
    io = make_server()
    received: list[int] = []

    @io.on("n")
    def came(socket: Socket, number: int) -> None:
        received.append(number)

    async with serving(io) as url:
        async with loop.connect(url, transports=[transport]) as socket:
            for number in range(100):
                await socket.emit("n", number)
        await until(lambda: core_of(io).session_count == 0, "the server has noticed", 5)
        assert received == list(range(100))


@BOTH
@both_loops_tcp
async def test_leaving_the_block_with_retries_waits_for_acknowledgements(transport: str) -> None:
    """One at a time is in flight, and the server takes its time."""
    io = make_server()
    received: list[int] = []

    @io.on("n")
    async def came(socket: Socket, number: int) -> None:
        await loop.sleep(0.01)
        received.append(number)

    async with serving(io) as url:
        async with loop.connect(url, transports=[transport], retries=3) as socket:
            for number in range(10):
                await socket.emit("n", number)
        assert received == list(range(10))


@both_loops_tcp
async def test_leaving_the_block_with_retries_gets_over_a_lost_connection() -> None:
    io = make_server()
    received: list[int] = []

    @io.on("n")
    async def came(socket: Socket, number: int) -> None:
        received.append(number)
        if len(received) == 1:
            core_of(io).sessions[0].close(loop.current_time())
            await loop.sleep(0.1)

    async with serving(io) as url:
        async with loop.connect(url, transports=["websocket"], retries=3, reconnection_delay_s=0.01) as socket:
            await socket.emit("n", 1)
            await socket.emit("n", 2)
        assert received == [1, 1, 2]


@BOTH
@both_loops_tcp
async def test_acknowledgements_that_do_not_come_are_not_waited_for_for_ever(transport: str) -> None:
    io = make_server()  # nobody acknowledges what has no handler
    async with serving(io) as url:
        began = loop.current_time()
        async with loop.connect(url, transports=[transport], retries=3, close_timeout_s=0.2) as socket:
            await socket.emit("nobody", 1)
        assert 0.2 <= loop.current_time() - began < 5


@BOTH
@one_loop("trio", tcp=True)
async def test_cancelling_anywhere_leaves_nothing_behind(transport: str) -> None:
    io = make_server()
    async with serving(io) as url:
        before = loop.task_count()
        for step in range(40):
            with loop.cancel_scope() as scope:
                async with loop.open_nursery() as nursery:

                    async def cancel(steps: int, scope: Any) -> None:
                        for _ in range(steps):
                            await loop.checkpoint()
                        scope.cancel()

                    nursery.start_soon(cancel, step, scope)
                    async with loop.connect(url, transports=[transport]) as socket:
                        await socket.call("echo", step)
                        await loop.sleep_forever()
            assert scope.cancelled_caught
        await until(lambda: loop.task_count() <= before, "all tasks have ended", 60)
        await until(lambda: core_of(io).session_count == 0, "the server has noticed", 100)


@both_loops_tcp
async def test_closing_has_a_deadline() -> None:
    async with raw_server({"post": hang}) as server:
        began = loop.current_time()
        async with loop.connect(server.url, transports=["polling"], wait=False, close_timeout_s=3.0):
            await loop.sleep(1)
        assert 3 <= loop.current_time() - began <= 6


@both_loops_tcp
async def test_without_waiting_the_server_may_come_later() -> None:
    with stdlib_socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with loop.connect(f"http://127.0.0.1:{port}", wait=False) as socket:
        errors: list[ConnectError] = []
        socket.on("connect_error", errors.append)
        await socket.emit("echo", "early")
        stream = socket.events()
        await until(lambda: errors, "an attempt has failed")
        assert "Connection refused" in errors[0].message
        async with serving(port=port):
            assert await anext(stream) == ("echoed", "early")


@both_loops_tcp
async def test_connect_is_told_the_first_time_too() -> None:
    async with serving() as url, loop.connect(url) as socket:
        told = loop.new_event()
        socket.on("connect", told.set)
        await told.wait()
        assert socket.connected


@BOTH
@both_loops_tcp
async def test_slow_consumer_stops_the_reading_and_loses_nothing(transport: str) -> None:
    io = make_server(ping_interval_s=5, ping_timeout_s=5)
    async with serving(io) as url:
        settings = ClientSettings(max_queued_events=10)
        async with loop.connect(url, transports=[transport], settings=settings) as socket:
            stream = socket.events()
            reasons: list[str] = []
            socket.on("disconnect", reasons.append)
            await socket.emit("burst", 500)
            flow = host_behind(socket.manager).flow
            await until(lambda: flow.is_congested, "too much is waiting")
            await loop.sleep(3)  # shorter than the heartbeat, which only a reader can answer
            taken = [(await anext(stream))[1] for _ in range(500)]
            assert taken == list(range(500))
            assert reasons == []
            assert await socket.call("echo", 1) == 1


@BOTH
@both_loops_tcp
async def test_many_small_emits_in_a_row_wait_and_all_arrive(transport: str) -> None:
    io = make_server()
    got: list[int] = []

    @io.on("n")
    def note(socket: Socket, number: int) -> None:
        got.append(number)

    async with serving(io) as url:
        engine = EngineClientSettings(max_buffered_messages=100)
        async with loop.connect(url, transports=[transport], engine=engine) as socket:
            for number in range(1000):
                assert await socket.emit("n", number)
            await socket.call("echo")
    assert got == list(range(1000))


@both_loops_tcp
async def test_server_that_reads_nothing_makes_emit_wait() -> None:
    async with raw_server() as server, loop.connect(server.url, transports=["polling"], close_timeout_s=1.0) as socket:
        server.answers["post"] = hang
        sent = 0
        with loop.move_on_after(10):
            while True:
                await socket.emit("large", "x" * 100_000)
                sent += 1
        assert 5 < sent < 30
        assert host_behind(socket.manager).core.buffered_bytes < 2_000_000


@both_loops_tcp
async def test_calls_fail_in_their_ways() -> None:
    async with serving() as url:
        async with loop.connect(url, reconnection=False) as socket:
            with pytest.raises(AckTimeout):
                await socket.call("nobody listens", timeout=0.5)
        with pytest.raises(Disconnected):
            await socket.call("too late")
        assert await socket.emit("too late") is False


@both_loops_tcp
async def test_keep_alive_connections_are_used_again_unless_they_are_stale() -> None:
    async with raw_server() as server, loop.connect(server.url, transports=["polling"], close_timeout_s=1.0) as socket:
        stream = socket.events()
        for number in range(10):
            await socket.emit("n", number)
            assert await anext(stream) == ("n", number)
        before = server.connections
        assert before <= 3
        await loop.sleep(10)  # longer than servers keep idle connections
        await socket.emit("n", 10)
        assert await anext(stream) == ("n", 10)
        assert server.connections == before + 1


@both_loops_tcp
async def test_two_clients_do_not_know_of_each_other() -> None:
    async with serving() as url, loop.connect(url) as ann, loop.connect(url, transports=["websocket"]) as ben:
        assert await ann.call("echo", "a") == "a"
        assert await ben.call("echo", "b") == "b"
        await ann.disconnect()
        assert await ben.call("echo", "c") == "c"


@both_loops_tcp
async def test_refused_and_reconnected_handshakes_are_made_again() -> None:
    answers = iter([response("", "503 X"), response(open_packet())])

    async def handshake(connection: Any, key: bytes) -> None:
        await connection.write(next(answers))

    async with raw_server({"handshake": handshake}) as server, loop.connect(server.url, wait=False) as socket:
        await socket.wait_connected()
        assert socket.id == "A"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"transports": ["pigeon"]}, "transports must be"),
        ({"proxy": "socks5://x"}, "proxy must look like"),
        ({"path": "x"}, "path must begin"),
        ({"headers": {"A": "b\r\nc: d"}}, "headers must be"),
        ({"reconnection_attempts": 0}, "reconnection_attempts must be"),
        ({"json": json, "parser": JsonParser()}, "json is for the usual parser"),
    ],
)
@both_loops_tcp
async def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        async with loop.connect("http://localhost", **arguments):
            pytest.fail("it must not begin")


ENGINE = EngineClientSettings(
    query=[("a", "1")], headers=[(b"X-A", b"b")], transports=("websocket",), upgrade=False, open_timeout_s=1
)


@both_loops_tcp
async def test_settings_are_kept_unless_an_argument_says_otherwise() -> None:
    settings = ClientSettings(retries=3, reconnection=False)
    async with raw_server() as server:
        async with loop.connect(f"{server.url}?u=0", engine=ENGINE, settings=settings) as socket:
            core = host_behind(socket.manager).core
            assert core.settings == combine_for_client(ENGINE, settings)
            found = core.engine_settings
            assert found == replace(ENGINE, authority=found.authority, path="/socket.io/", query=found.query)
            assert list(found.query) == [("u", "0"), ("a", "1")]
        async with loop.connect(
            server.url,
            query={"b": "2"},
            headers={"X-B": "c"},
            connect_timeout_s=2,
            retries=0,
            engine=ENGINE,
            settings=settings,
        ) as socket:
            core = host_behind(socket.manager).core
            assert core.settings == combine_for_client(ENGINE, ClientSettings(reconnection=False))
            assert core.engine_settings.open_timeout_s == 2
            assert core.engine_settings.query == [("b", "2")]
            assert core.engine_settings.headers == [(b"X-B", b"c")]
            assert not core.engine_settings.upgrade


@both_loops_tcp
async def test_another_json_is_used_for_both_ways() -> None:
    used: list[str] = []

    class Json:
        def dumps(self, value: Any, /, *, default: Callable[[Any], Any] | None = None) -> str:
            used.append("dumps")
            return json.dumps(value, default=default, separators=(",", ":"))

        def loads(self, text: str, /) -> Any:
            used.append("loads")
            return json.loads(text)

    async with serving() as url, loop.connect(url, json=Json(), transports=["websocket"]) as socket:
        assert await socket.call("echo", {"a": 1}) == {"a": 1}
        assert set(used) == {"dumps", "loads"}


@one_loop("trio", tcp=True)
async def test_exception_of_a_block_that_is_cancelled_meanwhile_is_not_lost() -> None:
    async def fail_cancelled(url: str) -> None:
        with loop.cancel_scope() as scope:
            async with loop.connect(url):
                scope.cancel()
                raise ValueError("mine")

    async with serving(make_server()) as url:
        with pytest.raises(ValueError, match="mine"):
            await fail_cancelled(url)


@both_loops_tcp
async def test_handlers_are_waited_for_when_the_block_ends_but_not_for_ever() -> None:
    ended: list[str] = []
    async with serving(make_server()) as url:
        began_at = loop.current_time()
        async with loop.connect(url) as socket:

            @socket.on("disconnect")
            async def disconnected(reason: str) -> None:
                await loop.sleep(0.5)
                ended.append(reason)

        assert ended == ["io client disconnect"]
        async with loop.connect(url) as socket:

            @socket.on("disconnect")
            async def never(reason: str) -> None:
                await loop.sleep_forever()

    assert loop.current_time() - began_at < 10


@both_loops_tcp
async def test_nothing_is_polled_while_handlers_are_behind() -> None:
    io = make_server()
    async with serving(io) as url:
        settings = ClientSettings(max_queued_events=10)
        async with loop.connect(url, transports=["polling"], settings=settings) as socket:
            stream = socket.events()
            await socket.emit("burst", 100)
            await until(lambda: host_behind(socket.manager).flow.is_congested, "too much is waiting")
            await loop.sleep(1)
            assert core_of(io).sessions[0].polling.parked is None
            for number in range(100):
                assert (await anext(stream))[1] == number
            await until(lambda: core_of(io).sessions[0].polling.parked, "it polls again")


@both_loops_tcp
async def test_connections_for_polling_are_closed_behind_an_upgrade() -> None:
    io = make_server()
    async with serving(io) as url, loop.connect(url) as socket:
        await until(lambda: socket.transport == "websocket", "it has upgraded")
        await until(lambda: len(runtime_of(io).site.wires) == 1, "the server has seen them go", 5)
        assert await socket.call("echo", 1) == 1


@both_loops_tcp
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
async def test_subprotocol_is_offered_and_the_servers_choice_is_told(transports: list[str]) -> None:
    io = Server(subprotocols=["b"])
    async with serving(io) as url, loop.connect(url, subprotocols=["a", "b"], transports=transports) as socket:
        await until(lambda: socket.manager.subprotocol == "b", "it is told")
    assert socket.manager.subprotocol is None


@both_loops_tcp
@pytest.mark.parametrize(
    ("offered", "headers", "problem"),
    [
        (["a"], "Sec-WebSocket-Protocol: b\r\n", "101 with a subprotocol that was not asked for"),
        (None, "Sec-WebSocket-Protocol: b\r\n", "101 with a subprotocol that was not asked for"),
        (["a"], "", "101 with none of the subprotocols offered: a"),
    ],
)
async def test_a_servers_choice_must_be_of_those_offered(offered: list[str] | None, headers: str, problem: str) -> None:
    async with raw_server({"websocket": websocket(headers=headers)}) as server:
        with pytest.raises(ConnectError, match=problem):
            async with loop.connect(server.url, subprotocols=offered, transports=["websocket"]):
                pytest.fail("it must not begin")
