"""Plain sockets, which one task reads for all of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core import SocketSettings
from socketio_core.app import Socket
from socketio_core.app.socket_inbox import inbox_of
from socketio_core.trio import Server
from socketio_core.trio.watcher import HANDLED_BYTES, ROUND_SOCKETS
from tests.adapters.clients import WebSocketClient
from tests.adapters.peer import Ended
from tests.app.rig import member_of
from tests.trio.bench import serving, task_count, trio_tcp_test, until
from tests.wire.written import frame, request

CLIENTS: Final = 20


def make_server(settings: SocketSettings | None = None) -> Server:
    io = Server(settings=settings)

    @io.on("echo")
    def echo(_: Socket, *args: object) -> tuple[object, ...]:
        return args

    return io


@trio_tcp_test
async def test_an_idle_connection_has_no_task() -> None:
    async with serving(make_server(), tcp=True) as bench:
        await bench.websocket()
        tasks = task_count()
        for _ in range(CLIENTS):
            await bench.websocket()
            await bench.polling()
        assert task_count() == tasks


@trio_tcp_test
async def test_a_handler_that_waits_holds_up_its_own_socket_alone() -> None:
    io = make_server()
    go_on = trio.Event()

    @io.on("wait")
    async def wait(_: Socket, number: int) -> int:
        await go_on.wait()
        return number

    async with serving(io, tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(CLIENTS)]
        other = await bench.websocket()
        for number, client in enumerate(clients):
            await client.send(f'421["wait",{number}]', '422["echo"]')
        await other.echo()
        await wait_all_tasks_blocked()
        go_on.set()
        for number, client in enumerate(clients):
            assert [await client.take(), await client.take()] == [f"431[{number}]", "432[]"]


@trio_tcp_test
async def test_handlers_of_one_read_do_not_wait_for_each_other() -> None:
    io = Server(concurrency=3)
    answers: list[object] = []

    @io.on("ask")
    async def ask(socket: Socket, number: int) -> None:
        answers.append(await socket.call("question", number))

    async with serving(io, tcp=True) as bench:
        client = await bench.websocket()
        await client.send(*[f'42["ask",{number}]' for number in range(3)])
        questions = sorted([str(await client.take()) for _ in range(3)])
        assert [question[-12:] for question in questions] == [f'question",{number}]' for number in range(3)]
        for question in reversed(questions):
            await client.send("43" + question[2 : question.index("[")] + f"[{question[-2]}]")
        await until(lambda: len(answers) == 3, "all were answered")
        assert sorted(map(str, answers)) == ["0", "1", "2"]


@trio_tcp_test
async def test_namespaces_of_one_read_do_not_wait_for_each_other() -> None:
    io = make_server()
    go_on = trio.Event()

    @io.of("/slow").use
    async def wait(_: Socket) -> None:
        await go_on.wait()

    async with serving(io, tcp=True) as bench:
        client = await bench.websocket(join=False)
        await client.send("40/slow,", "40")
        assert str(await client.take()).startswith('40{"sid":')
        go_on.set()
        assert str(await client.take()).startswith('40/slow,{"sid":')


@trio_tcp_test
async def test_many_that_are_ready_at_once_are_all_served() -> None:
    async with serving(make_server(), tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(200)]
        for number, client in enumerate(clients):
            await client.send(*[f'42{index}["echo",{number}]' for index in range(3)])
        for number, client in enumerate(clients):
            assert [await client.take() for _ in range(3)] == [f"43{index}[{number}]" for index in range(3)]


@trio_tcp_test
async def test_what_was_read_is_handled_before_much_more_is() -> None:
    """Ten are ready at once, and each has sent more than is read before handlers run."""
    io = make_server()
    alive: list[int] = []

    @io.on("big")
    def big(_: Socket, __: str) -> None:
        alive.append(sum(inbox_of(member).flow.queued_count for member in bench.core.hub.of("/").members.values()))

    async with serving(io, tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(10)]
        await wait_all_tasks_blocked()
        for client in clients:
            assert isinstance(client.peer.stream, trio.SocketStream)
            os.write(client.peer.stream.socket.fileno(), frame(f'42["big","{"x" * 2 * HANDLED_BYTES}"]'))
        await until(lambda: len(alive) == len(clients), "all were handled")
        assert max(alive) == 1


@trio_tcp_test
async def test_many_that_are_ready_at_once_leave_turns_to_other_tasks() -> None:
    io = make_server()
    turns = 0
    handled_at: list[int] = []

    @io.on("note")
    def note(_: Socket) -> None:
        handled_at.append(turns)

    async with serving(io, tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(3 * ROUND_SOCKETS + 1)]
        await wait_all_tasks_blocked()
        for client in clients:  # all at once, before anything is read
            assert isinstance(client.peer.stream, trio.SocketStream)
            os.write(client.peer.stream.socket.fileno(), frame('42["note"]'))
        while len(handled_at) < len(clients):
            await trio.lowlevel.checkpoint()
            turns += 1
        rounds = [handled_at.count(turn) for turn in sorted(set(handled_at))]
        assert max(rounds) <= 2 * ROUND_SOCKETS  # who comes first in each turn of the event loop is random


@trio_tcp_test
async def test_one_that_sends_without_end_is_read_in_turns_with_others() -> None:
    """What comes in one read is more than a turn; its handlers never wait."""
    io = make_server(SocketSettings(max_queued_events=100_000))
    handled: list[str] = []

    @io.on("flood")
    def flood(_: Socket) -> None:
        handled.append("flood")

    @io.on("other")
    def other(_: Socket) -> None:
        handled.append("other")

    async with serving(io, tcp=True) as bench:
        flooder, neighbour = await bench.websocket(), await bench.websocket()
        stream = flooder.peer.stream
        assert isinstance(stream, trio.SocketStream)
        await wait_all_tasks_blocked()
        assert await stream.socket.send(frame('42["flood"]') * 3000) > 3000 * 10  # at once, before anything is read
        await neighbour.send('42["other"]')
        await until(lambda: len(handled) == 3001, "all was handled")
        assert handled.index("other") < 1000


async def ended(client: WebSocketClient) -> None:
    """Return when the server has closed the connection."""
    with suppress(Ended):
        while True:
            await client.packet()


@trio_tcp_test
async def test_a_connection_that_a_handler_ends_is_read_no_more_in_the_same_round() -> None:
    io = make_server()
    late: list[str] = []

    @io.on("end the others")
    async def end(socket: Socket) -> None:
        for other in list(io.sockets.sockets.values()):
            if other is not socket:
                await other.disconnect(close=True)

    @io.on("late")
    def note(socket: Socket) -> None:
        late.append(socket.id)

    async with serving(io, tcp=True) as bench:
        first, *others = [await bench.websocket() for _ in range(CLIENTS)]
        await first.send('42["end the others"]')
        for other in others:
            await other.send('42["late"]')
        for other in others:
            await ended(other)
        assert late == []
        await first.echo()
        newcomers = [await bench.websocket() for _ in range(CLIENTS)]  # they get the numbers of those that ended
        for newcomer in newcomers:
            await newcomer.echo()
        await first.echo()


@trio_tcp_test
async def test_one_whose_handlers_are_behind_is_read_no_more_and_others_are() -> None:
    io = make_server(SocketSettings(max_queued_events=2))
    go_on = trio.Event()
    seen: list[int] = []

    @io.on("slow")
    async def slow(_: Socket, number: int) -> None:
        await go_on.wait()
        seen.append(number)

    async with serving(io, tcp=True) as bench:
        slow_one, other = await bench.websocket(), await bench.websocket()
        for number in range(20):
            await slow_one.send(f'42["slow",{number}]')
        await other.echo()
        await wait_all_tasks_blocked()
        member = member_of(io.sockets.sockets[slow_one.socket_id])
        assert member.connection.session.is_open
        go_on.set()
        await slow_one.echo()
        assert seen == list(range(20))


@trio_tcp_test
async def test_what_was_read_goes_on_without_a_rest_whenever_the_handlers_have_caught_up() -> None:
    """They do so in tasks of their own, while the watcher waits; the clock would wake it too, but not at once."""
    io = make_server(SocketSettings(max_queued_events=2))
    handled: list[int] = []

    @io.on("work")
    async def work(_: Socket, number: int) -> None:
        for _turn in range(10):
            await trio.lowlevel.checkpoint()
        handled.append(number)

    async with serving(io, tcp=True) as bench:
        client = await bench.websocket()
        await wait_all_tasks_blocked()
        assert isinstance(client.peer.stream, trio.SocketStream)
        frames = b"".join(frame(f'42["work",{number}]') for number in range(1000))
        os.write(client.peer.stream.socket.fileno(), frames)
        for _ in range(50_000):  # the clock stands still as long as a task is busy
            if len(handled) == 1000:
                break
            await trio.lowlevel.checkpoint()
        assert handled == list(range(1000))


@trio_tcp_test
async def test_pipelined_requests_are_answered_one_after_another_without_a_rest_between() -> None:
    async with serving(make_server(), tcp=True) as bench:
        peer = await bench.connect()
        began_at = trio.current_time()
        await peer.send(request("/elsewhere") * 200)
        assert {(await peer.answer()).status for _ in range(200)} == {404}
        assert trio.current_time() - began_at < 0.1  # 5 ms each, by the clock's rest, is a second


@pytest.mark.parametrize("end", ["close", "reset", "half-close"])
@trio_tcp_test
async def test_a_client_that_goes_is_noticed(end: str) -> None:
    async with serving(make_server(), tcp=True) as bench:
        client = await bench.websocket()
        stream = client.peer.stream
        assert isinstance(stream, trio.SocketStream)
        if end == "half-close":
            await stream.send_eof()
        else:
            if end == "reset":
                stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await stream.aclose()
        await until(lambda: bench.reason_of(client) == "transport close", "the server knows", 1)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@trio_tcp_test
async def test_no_descriptor_is_left_when_the_server_has_ended() -> None:
    before = open_files()
    async with serving(make_server(), tcp=True) as bench:
        for _ in range(CLIENTS):
            await bench.websocket()
    assert open_files() == before
