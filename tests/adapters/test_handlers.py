"""Handlers on the adapter: what may run at the same time, what waits for what, and what a failure costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core import ConnectRefused, EngineSettings, RateLimit, Server, SocketSettings
from socketio_core.app import AckTimeout, Disconnected, IncomingEvent, Socket
from tests.adapters.bench import serving, until
from tests.adapters.clients import Client
from tests.adapters.hostile import under_attack
from tests.adapters.loops import both_loops, both_loops_tcp, loop

BOTH: Final = pytest.mark.parametrize("transport", ["polling", "websocket"])


def _server(**options: Any) -> Server:
    io = Server(**options)

    @io.on("sync")
    def sync(socket: Socket, value: object) -> object:
        return value

    @io.on("async")
    async def async_(socket: Socket, value: object) -> object:
        return value

    @io.on("late")
    async def late(socket: Socket, value: object, delay_s: float = 1.0) -> object:
        await loop.sleep(delay_s)
        return value

    @io.on("ask")
    async def ask(socket: Socket, value: object) -> object:
        return await socket.call("question", value, timeout=5)

    @io.on("fail")
    def fail(socket: Socket) -> None:
        raise KeyError("our fault")

    @io.on("fail late")
    async def fail_late(socket: Socket) -> None:
        await loop.sleep(1)
        raise KeyError("our fault")

    return io


async def _take_json(client: Client) -> tuple[str, Any]:
    """Return the next packet as `("43", "7", [...])` without the id."""
    packet = await client.take()
    assert isinstance(packet, str)
    start = packet.index("[")
    return packet[:start], json.loads(packet[start:])


@BOTH
@pytest.mark.parametrize("name", ["sync", "async", "late"])
@both_loops
async def test_what_a_handler_returns_is_the_ack(name: str, transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit(name, {"a": [1, None]}, ack_id=3)
        assert await client.take() == '433[{"a":[1,null]}]'


@both_loops_tcp
async def test_an_event_that_waits_for_nothing_costs_no_task() -> None:
    """On plain sockets; whoever reads runs the handler, whichever transport it came by."""
    io = _server()
    tasks: set[object] = set()

    @io.on_any
    def note(socket: Socket, name: str, *args: object) -> None:
        tasks.add(loop.current_task())

    async with serving(io, tcp=True) as bench:
        for transport in ("websocket", "polling"):
            client = await bench.client(transport)
            for number in range(3):
                await client.emit("sync", number, ack_id=number)
                assert await client.take() == f"43{number}[{number}]"
        client = await bench.client("websocket")
        large = json.dumps(["sync", "x" * 12_000])
        await client.send(*[f"42{number}{large}" for number in range(8)])  # some have to wait for their turn
        for number in range(8):
            assert (await client.take())[:4] == f"43{number}["
    assert len(tasks) == 1


@BOTH
@both_loops
async def test_handler_may_wait_for_an_ack_of_its_own_socket(transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit("ask", "how?", ack_id=1)
        assert await client.take() == '420["question","how?"]'
        await client.send('430["so"]')
        assert await client.take() == '431["so"]'
        assert loop.current_time() < 1


@BOTH
@both_loops
async def test_ack_is_read_though_other_events_came_before_it(transport: str) -> None:
    """They wait for the handler, which waits for the ack."""
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit("ask", "how?", ack_id=1)
        assert await client.take() == '420["question","how?"]'
        await client.send('42["sync",1]', '422["sync",2]', '430["so"]')
        assert await client.take() == '431["so"]'
        assert await client.take() == "432[2]"


@BOTH
@both_loops
async def test_ack_that_does_not_come_is_a_timeout_and_a_late_one_is_ignored(transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit("ask", "how?", ack_id=1)
        assert await client.take() == '420["question","how?"]'
        await loop.sleep(6)
        await client.send("430[]")
        await client.echo()
        assert "AckTimeout: no acknowledgement of 'question' in time" in bench.take_log()


@BOTH
@both_loops
async def test_call_ends_at_once_when_the_client_goes(transport: str) -> None:
    io = _server()
    outcomes: list[str] = []

    @io.on("ask me")
    async def ask_me(socket: Socket) -> None:
        try:
            await socket.call("question", timeout=1000)
        except (Disconnected, AckTimeout) as error:
            outcomes.append(type(error).__name__)

    async with under_attack(io) as bench:
        client = await bench.client(transport)
        await client.emit("ask me")
        await client.take()
        await client.send("1")
        await until(lambda: outcomes == ["Disconnected"], "the call has ended", 1)


@BOTH
@both_loops
async def test_pong_is_read_while_a_handler_runs(transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit("late", "done", 100, ack_id=1)
        assert await client.take() == '431["done"]', "pings were answered meanwhile"
        assert loop.current_time() == pytest.approx(100, abs=0.1)


@both_loops
async def test_slow_handler_delays_no_other_socket_of_the_same_client_or_of_another() -> None:
    io = _server()

    @io.of("/other").on("sync")
    def sync(socket: Socket, value: object) -> object:
        return value

    async with serving(io) as bench:
        first, second = await bench.websocket(), await bench.websocket()
        await first.join("/other")
        await first.send('421["late","done",50]', '42/other,2["sync","now"]')
        assert await first.take() == '43/other,2["now"]'
        await second.emit("sync", "now", ack_id=3)
        assert await second.take() == '433["now"]'
        assert loop.current_time() < 1
        assert await first.take() == '431["done"]'


@BOTH
@both_loops
async def test_what_a_handler_emits_leaves_while_it_still_runs(transport: str) -> None:
    io = _server()

    @io.on("count")
    async def count(socket: Socket) -> None:
        for number in range(5):
            await socket.emit("n", number)
            await loop.sleep(1)

    async with serving(io) as bench:
        client = await bench.client(transport)
        await client.emit("count")
        for number in range(5):
            assert await client.take_event() == ["n", number]
            assert loop.current_time() == pytest.approx(number)


@both_loops
async def test_handler_may_wait_for_what_its_own_output_brings_about() -> None:
    """Its first wait hands the reading over and writes what there is, which must not wake it before it waits."""
    io = Server(engine=EngineSettings(high_water_bytes=1000))

    @io.on("fill")
    async def fill(socket: Socket) -> int:
        for number in range(10):
            await socket.emit("n", number, "x" * 600)
        return 10

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.emit("fill", ack_id=1)
        for number in range(10):
            assert (await client.take_event())[1] == number
        assert await client.take() == "431[10]"
        assert loop.current_time() < 1


@BOTH
@both_loops
async def test_events_of_one_socket_are_handled_one_after_another(transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.send(*[f'42{number}["late",{number},{1 if number % 2 else 0}]' for number in range(6)])
        assert [await _take_json(client) for _ in range(6)] == [(f"43{number}", [number]) for number in range(6)]
        assert loop.current_time() == pytest.approx(3)


@both_loops
async def test_with_concurrency_handlers_of_one_socket_overlap_up_to_the_limit() -> None:
    async with serving(_server(concurrency=3)) as bench:
        client = await bench.websocket()
        await client.send(*[f'42{number}["late",{number},1]' for number in range(6)])
        seen = [await _take_json(client) for _ in range(6)]
        assert {name for name, _ in seen[:3]} == {"430", "431", "432"}
        assert loop.current_time() == pytest.approx(2)


FAILURES: Final[list[tuple[str, float]]] = [("fail", 0), ("fail late", 1)]


@BOTH
@pytest.mark.parametrize(("name", "delay_s"), FAILURES, ids=[name for name, _ in FAILURES])
@both_loops
async def test_exception_in_a_handler_is_logged_and_costs_nobody_else_anything(
    name: str, delay_s: float, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with under_attack(_server()) as bench:
        client = await bench.client(transport)
        await client.send(f'421["{name}"]', '422["sync","on"]')
        assert await client.take() == '432["on"]', "the failed one is not acknowledged"
        assert loop.current_time() == pytest.approx(delay_s)
        assert f"handler of '{name}' failed" in bench.take_log()
        record = caplog.records[-1]
        assert record.name == f"socketio_core.{loop.name}"
        assert record.exc_info is not None
        assert record.exc_info[0] is KeyError
        assert 'raise KeyError("our fault")' in caplog.text, "with the traceback"


def _fails(socket: Socket, *args: object) -> None:
    raise KeyError("our fault")


PLACES: Final[list[tuple[str, Callable[[Server], object], str]]] = [
    ("connection", lambda io: io.on("connection", _fails), "handler of 'connection' failed"),
    ("disconnect", lambda io: io.on("disconnect", _fails), "handler of 'disconnect' failed"),
    ("disconnecting", lambda io: io.on("disconnecting", _fails), "handler of 'disconnecting' failed"),
    ("any event", lambda io: io.on_any(_fails), "handler of 'echo' failed"),
]


@pytest.mark.parametrize(("name", "register", "log"), PLACES, ids=[name for name, *_ in PLACES])
@both_loops
async def test_exception_anywhere_is_logged_and_the_socket_lives_and_dies_as_ever(
    name: str, register: Callable[[Server], object], log: str
) -> None:
    io = Server()
    register(io)
    async with serving(io) as bench:
        client = await bench.websocket()
        await client.echo()
        await client.close()
        await until(lambda: bench.reason_of(client) == "transport close", "it has left", 1)
        assert bench.take_log().count(log) == 1


@both_loops
async def test_middleware_that_fails_keeps_the_client_out() -> None:
    io = Server()
    io.of("/guarded").use(_fails)
    async with under_attack(io) as bench:
        client = await bench.websocket()
        await client.send("40/guarded,")
        assert await client.take() == '44/guarded,{"message":"Internal server error"}'
        assert io.of("/guarded").sockets == {}
        assert "KeyError: 'our fault'" in bench.take_log()


@pytest.mark.parametrize("tcp", [False, True])
@BOTH
@both_loops_tcp
async def test_a_middleware_that_waits_refuses_at_once(transport: str, *, tcp: bool) -> None:
    io = Server()

    @io.of("/members").use
    async def decide(_: Socket) -> None:
        await loop.sleep(1)
        raise ConnectRefused("not you")

    async with serving(io, tcp=tcp) as bench:
        client = await bench.client(transport)
        began_at = loop.current_time()
        await client.send("40/members,")
        assert await client.take() == '44/members,{"message":"not you"}'
        assert loop.current_time() - began_at < 2


@both_loops
async def test_return_value_that_cannot_be_sent_is_logged_and_not_acknowledged() -> None:
    io = Server()

    @io.on("odd")
    def odd(socket: Socket) -> object:
        return {1, 2}

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.send('421["odd"]', '422["echo"]')
        assert await client.take() == "432[]"
        assert "return value of the handler of 'odd' cannot be sent" in bench.take_log()


@BOTH
@both_loops
async def test_event_that_nobody_handles_is_ignored(transport: str) -> None:
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        await client.emit("nobody", ack_id=1)
        await client.echo()


@both_loops
async def test_tasks_and_scopes_of_a_handler_are_its_own_whichever_task_it_runs_in() -> None:
    """A handler begins in the reader's task; when it waits, another task reads on."""
    io = Server()

    @io.on("work")
    async def work(socket: Socket, size: int) -> int:
        done: list[int] = []

        async def part(number: int) -> None:
            await loop.sleep(number)
            done.append(number)

        with loop.move_on_after(2.5):
            async with loop.open_nursery() as nursery:
                for number in range(size):
                    nursery.start_soon(part, number)
        await loop.sleep(1)
        return len(done)

    async with serving(io) as bench:
        client = await bench.websocket()
        await client.send('421["work",10]', '422["echo"]')
        assert await client.take() == "431[3]"
        assert await client.take() == "432[]"
        assert loop.current_time() == pytest.approx(3.5)


@both_loops
async def test_handlers_that_do_not_wait_cost_no_task() -> None:
    io = _server()
    counts: list[int] = []

    @io.on("count")
    async def count(socket: Socket) -> None:
        await socket.emit("x")
        counts.append(loop.task_count())

    async with serving(io) as bench:
        client = await bench.websocket()
        await loop.settle()
        before = loop.task_count()
        for _ in range(10):
            await client.emit("count")
            await client.take()
        assert counts == [before] * 10


@BOTH
@both_loops
async def test_acks_that_are_waited_for_are_limited(transport: str) -> None:
    io = _server(settings=SocketSettings(max_outstanding_acks=2))
    async with serving(io) as bench:
        client = await bench.client(transport)
        socket = io.sockets.sockets[client.socket_id]
        outcomes: list[str] = []

        async def call() -> None:
            try:
                await socket.call("question", timeout=1)
            except Exception as error:  # noqa: BLE001 - its name is looked at
                outcomes.append(type(error).__name__)

        async with loop.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(call)
        assert sorted(outcomes) == ["AckTimeout", "AckTimeout", "LocalProtocolError"]


@BOTH
@both_loops
async def test_kick_runs_the_handlers_of_disconnect_at_once(transport: str) -> None:
    """Not only when something else happens: neither the client nor anybody else says a word."""
    async with serving(_server()) as bench:
        client = await bench.client(transport)
        socket = bench.io.sockets.sockets[client.socket_id]
        await socket.disconnect()
        await loop.settle()
        assert bench.reason_of(client) == "server namespace disconnect"
        assert await client.take() == "41"
        await client.join()
        await client.echo()


# -- middlewares of events ---------------------------------------------------------------------------------------------


@both_loops
async def test_a_middleware_that_waits_keeps_the_order_and_a_limit_counts_by_the_clock() -> None:
    io = Server()
    io.use_events(RateLimit(events_per_s=1, burst=2, then="refuse"))

    @io.use_events
    async def wait(_: Socket, event: IncomingEvent) -> None:
        await loop.sleep(0.2 if event.args == [0] else 0.1)

    async with serving(io) as bench:
        first, second = [await bench.websocket() for _ in range(2)]
        begun_at = loop.current_time()
        await first.send(*[f'42{number}["echo",{number}]' for number in range(3)])
        await second.send('42["echo",1]', '429["echo",1]')
        assert await second.packet() == "439[1]"
        assert loop.current_time() == pytest.approx(begun_at + 0.2), "another socket does not wait"
        assert [await first.packet() for _ in range(3)] == ["430[0]", "431[1]", '432["Too many events"]']
        assert loop.current_time() == pytest.approx(begun_at + 0.3)
        await loop.sleep(1)
        await first.send('423["echo",3]', '424["echo",4]')
        assert [await first.packet() for _ in range(2)] == ["433[3]", '434["Too many events"]']


# -- families ----------------------------------------------------------------------------------------------------------


@both_loops
async def test_a_function_of_a_name_may_wait_while_two_clients_ask() -> None:
    io = Server()

    async def allow(name: str, auth: Any) -> bool:
        await loop.sleep(auth["delay_s"])
        return name == "/room" and auth["delay_s"] < 3

    family = io.of(allow)
    async with serving(io) as bench:
        clients = [await bench.websocket() for _ in range(3)]
        for client, delay_s in zip(clients, (2, 1, 3), strict=True):
            await client.send(f'40/room,{{"delay_s":{delay_s}}}')
        answers = [await client.packet() for client in clients]
        assert [answer[:8] for answer in answers] == ["40/room,", "40/room,", "44/room,"]
        (child,) = family.children
        assert len(child.sockets) == 2
        assert await child.emit("x") == 2
