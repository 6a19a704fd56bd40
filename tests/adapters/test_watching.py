"""Plain sockets, which are all watched by one descriptor: none costs a task, and none holds up another."""

from __future__ import annotations

import gc
import socket
from contextlib import suppress
from typing import Final

import pytest

from socketio_core import Server, SocketSettings
from socketio_core.app import Socket
from tests.adapters.bench import open_files, runtime_of, serving, until
from tests.adapters.clients import WebSocketClient
from tests.adapters.loops import both_loops_tcp, loop
from tests.adapters.peer import Ended
from tests.app.rig import member_of
from tests.wire.written import request

CLIENTS: Final = 20


@both_loops_tcp
async def test_an_idle_connection_has_no_task() -> None:
    async with serving(Server(), tcp=True) as bench:
        await bench.websocket()
        tasks = loop.task_count()
        for _ in range(CLIENTS):
            await bench.websocket()
            await bench.polling()
        assert loop.task_count() == tasks


@both_loops_tcp
async def test_a_handler_that_waits_holds_up_its_own_socket_alone() -> None:
    io = Server()
    go_on = loop.new_event()

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
        await loop.settle()
        go_on.set()
        for number, client in enumerate(clients):
            assert [await client.take(), await client.take()] == [f"431[{number}]", "432[]"]


@both_loops_tcp
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


@both_loops_tcp
async def test_namespaces_of_one_read_do_not_wait_for_each_other() -> None:
    io = Server()
    go_on = loop.new_event()

    @io.of("/slow").use
    async def wait(_: Socket) -> None:
        await go_on.wait()

    async with serving(io, tcp=True) as bench:
        client = await bench.websocket(join=False)
        await client.send("40/slow,", "40")
        assert str(await client.take()).startswith('40{"sid":')
        go_on.set()
        assert str(await client.take()).startswith('40/slow,{"sid":')


@both_loops_tcp
async def test_many_that_are_ready_at_once_are_all_served() -> None:
    async with serving(Server(), tcp=True) as bench:
        clients = [await bench.websocket() for _ in range(200)]
        for number, client in enumerate(clients):
            await client.send(*[f'42{index}["echo",{number}]' for index in range(3)])
        for number, client in enumerate(clients):
            assert [await client.take() for _ in range(3)] == [f"43{index}[{number}]" for index in range(3)]


async def ended(client: WebSocketClient) -> None:
    """Return when the server has closed the connection."""
    with suppress(Ended):
        while True:
            await client.packet()


@both_loops_tcp
async def test_a_connection_that_a_handler_ends_is_read_no_more_in_the_same_round() -> None:
    io = Server()
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


@both_loops_tcp
async def test_one_whose_handlers_are_behind_is_read_no_more_and_others_are() -> None:
    io = Server(settings=SocketSettings(max_queued_events=2))
    go_on = loop.new_event()
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
        await loop.settle()
        member = member_of(io.sockets.sockets[slow_one.socket_id])
        assert member.connection.session.is_open
        go_on.set()
        await slow_one.echo()
        assert seen == list(range(20))


@both_loops_tcp
async def test_pipelined_requests_are_answered_one_after_another_without_a_rest_between() -> None:
    async with serving(Server(), tcp=True) as bench:
        peer = await bench.connect()
        began_at = loop.current_time()
        await peer.send(request("/elsewhere") * 200)
        assert {(await peer.answer()).status for _ in range(200)} == {404}
        assert loop.current_time() - began_at < 0.1  # 5 ms each, by the clock's rest, is a second


@pytest.mark.parametrize("end", ["close", "reset", "half-close"])
@both_loops_tcp
async def test_a_client_that_goes_is_noticed(end: str) -> None:
    async with serving(Server(), tcp=True) as bench:
        client = await bench.websocket()
        if end == "half-close":
            await client.peer.end_writing()
        elif end == "reset":
            await client.peer.reset()
        else:
            await client.peer.close()
        await until(lambda: bench.reason_of(client) == "transport close", "the server knows", 1)


@both_loops_tcp
async def test_a_client_that_is_reset_while_it_takes_an_answer_and_sends_no_more_is_noticed() -> None:
    """Nothing is read of it any more; that it is gone is found by writing on."""
    async with serving(Server(), tcp=True) as bench:
        client = await bench.polling()
        wires = runtime_of(bench.io).site.wires
        peer = await bench.connect(receive_buffer=4096)
        await bench.io.emit("much", "x" * 8_000_000)
        await peer.send(request(client.target))
        await peer.end_writing()
        await until(lambda: any(wire.unwritten_bytes for wire in wires), "it does not all fit into the socket", 1)
        (wire,) = [each for each in wires if each.unwritten_bytes]
        await peer.reset()
        await until(lambda: wire.is_over, "the server knows", 1)


@both_loops_tcp
async def test_small_answers_do_not_wait_to_be_put_together() -> None:
    async with serving(Server(), tcp=True) as bench:
        await bench.websocket()
        (port,) = [int(url.rpartition(":")[2]) for url in bench.urls]
        found = [each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0]
        theirs = [each for each in found if each.family == socket.AF_INET and each.getsockname()[1] == port]
        delays = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in theirs if not _listens(each)]
        assert delays == [1]


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


@both_loops_tcp
async def test_no_descriptor_is_left_when_the_server_has_ended() -> None:
    before = open_files()
    async with serving(Server(), tcp=True) as bench:
        for _ in range(CLIENTS):
            await bench.websocket()
    assert open_files() == before
