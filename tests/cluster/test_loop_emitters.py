"""The emitters of both event loops, on a real Redis, in front of Node's servers and our own."""

from __future__ import annotations

import socket as sockets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import pytest

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.app.line import Line
from socketio_core.asyncio.line import LineKeeper as AsyncioKeeper
from socketio_core.cluster import ClusterUnavailable, RedisAdapter
from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.calling import CallLine
from socketio_core.trio.line import LineKeeper as TrioKeeper
from tests.adapters.abstract import Loop
from tests.adapters.loops import LOOPS, loop
from tests.cluster.members import MemberProcess
from tests.cluster.redis import RedisServer
from tests.cluster.streams import GREETED
from tests.interop.processes import DEADLINE_S

RequireTool = Callable[[str], str]
Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=LOOPS, ids=lambda each: str(each.name))
def run(request: pytest.FixtureRequest) -> Run:
    """Run a function on an event loop."""
    chosen: Loop = request.param
    return lambda function: chosen.run_in_real_time(function, DEADLINE_S)


@pytest.fixture(scope="module")
def redis(require_tool: RequireTool) -> Iterator[RedisServer]:
    with RedisServer(require_tool("redis-server")) as running:
        yield running


@pytest.fixture
def mortal(require_tool: RequireTool) -> Iterator[RedisServer]:
    with RedisServer(require_tool("redis-server")) as running:
        yield running


def package() -> Any:
    """Return what is for the event loop that runs."""
    return socketio_core.trio if loop.name == "trio" else socketio_core.asyncio


def new_emitter(url: str, **options: Any) -> Any:
    """Return an emitter for the event loop that runs."""
    return package().Emitter(url, **options)


def test_clients_of_node_hear_an_emitter(node: MemberProcess, kind: str, redis: RedisServer) -> None:
    async def heard(*said: object) -> None:
        await loop.in_thread(lambda: node.heard(*said))

    async def main() -> None:
        async with new_emitter(redis.url, kind=kind) as emitter:
            await emitter.to("nobody").emit("never")
            await emitter.of("/other").emit("never")
            await emitter.emit("hello", loop.name, {"a": [1.5, None, "é"]}, b"\x01\xff")
            await heard("hello", loop.name, {"a": [1.5, None, "é"]}, b"\x01\xff")
            await emitter.to("r").except_("x").volatile.compress(wanted=False).emit("in a room")
            await heard("in a room")
            await emitter.to("r").sockets_join("q")
            await emitter.to("q").sockets_leave("q")
            await emitter.server_side_emit("ping", "left")
            await heard("server", "ping", "left")
            if loop is last:
                await emitter.disconnect_sockets()
                await heard("gone", "io server disconnect")

    last = LOOPS[-1]
    for each in LOOPS:
        each.run_in_real_time(main, DEADLINE_S)
    assert not node.waiting(lambda message: "never" in message.get("heard", ()) or "error" in message)


@pytest.mark.parametrize("sharded", [False, True])
def test_clients_of_our_servers_hear_an_emitter(run: Run, redis: RedisServer, *, sharded: bool) -> None:
    async def main() -> None:
        io, heard, joined = Server(adapter=RedisAdapter(redis.url, sharded=sharded)), loop.new_queue(), loop.new_event()
        io.on_server_side("ping")(heard.send_nowait)

        @io.on("connect")
        def connect(socket: Socket) -> None:
            socket.join("r")
            joined.set()

        def heard_event(*args: Any) -> None:
            heard.send_nowait(args)

        async with loop.open_nursery() as nursery:
            (url,) = await loop.serve(nursery, io, host="127.0.0.1", port=0)
            async with (
                new_emitter(redis.url, kind="sharded" if sharded else "classic") as emitter,
                package().connect(url, reconnection=False) as client,
            ):
                client.on("a")(heard_event)
                client.on("disconnect")(heard.send_nowait)
                await joined.wait()
                await io.fetch_sockets()  # the room is heard of by now
                await emitter.to("r").emit("a", 1, b"\x02")
                assert await heard.receive() == (1, b"\x02")
                await emitter.server_side_emit("ping", "pong")
                assert await heard.receive() == "pong"
                await emitter.disconnect_sockets()
                assert await heard.receive() == "io server disconnect"
            nursery.cancel_scope.cancel()

    run(main)


def test_a_redis_that_is_not_there_is_told_and_the_next_call_tries_again(run: Run, mortal: RedisServer) -> None:
    async def main() -> None:
        mortal.kill()
        async with new_emitter(mortal.url) as emitter:
            for _ in range(2):
                with pytest.raises(ClusterUnavailable, match=r"^unix://.*: cannot connect: "):
                    await emitter.emit("a")
            mortal.start()
            await emitter.emit("b")
            mortal.kill()
            with pytest.raises(ClusterUnavailable, match=r"^unix://.*: (cannot connect|the connection was)"):
                await emitter.emit("c")
            mortal.start()
            await emitter.emit("d")

    run(main)


def test_one_that_dies_in_the_middle_takes_along_what_it_had_not_answered(run: Run) -> None:
    """Nothing is sent again: at a Redis that has carried it out, and could not say so, it would be twice."""

    async def main() -> None:
        said: list[bytes] = []
        answers = [GREETED, b"", GREETED, b":1\r\n"]

        async def serve(stream: Any) -> None:
            while data := await stream.receive_some(65536):
                said.append(bytes(data))
                answer = answers.pop(0)
                if not answer:
                    break
                await stream.send_all(answer)
            await loop.drop(stream)

        async with loop.open_nursery() as nursery:
            port = await loop.serve_tcp(nursery, serve)
            async with new_emitter(f"redis://127.0.0.1:{port}") as emitter:
                with pytest.raises(ClusterUnavailable, match="the connection was"):
                    await emitter.emit("first")
                await emitter.emit("second")
            nursery.cancel_scope.cancel()
        assert [b"first" in each for each in said] == [False, True, False, False]
        assert b"second" in said[-1]

    run(main)


def test_one_that_does_not_answer_is_given_up(run: Run) -> None:
    async def main() -> None:
        with sockets.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            async with new_emitter(url, timeout_s=0.1) as emitter:
                with pytest.raises(ClusterUnavailable, match=r"no answer in 0\.1 s"):
                    await emitter.emit("a")
            async with new_emitter(url) as emitter:
                with loop.move_on_after(0.01) as scope:
                    await emitter.emit("b")
                assert scope.cancelled_caught

    run(main)


def test_many_tasks_share_one_connection(run: Run, redis: RedisServer) -> None:
    async def main() -> None:
        async with new_emitter(redis.url) as emitter:
            async with loop.open_nursery() as nursery:
                for number in range(1000):
                    nursery.start_soon(emitter.emit, "a", number)
            clients = await loop.in_thread(lambda: redis.run("CLIENT", "LIST"))
            assert clients.count("name=socketio_core") == 1
        while "name=socketio_core" in await loop.in_thread(lambda: redis.run("CLIENT", "LIST")):
            pass

    run(main)


def test_errors_of_the_block_come_out_as_they_are(run: Run, redis: RedisServer) -> None:
    async def fail(*, connected: bool) -> None:
        async with new_emitter(redis.url) as emitter:
            if connected:
                await emitter.emit("a")
            raise ZeroDivisionError

    async def main() -> None:
        for connected in (False, True):
            with pytest.raises(ZeroDivisionError):
                await fail(connected=connected)
            with loop.cancel_scope() as scope:
                async with new_emitter(redis.url) as emitter:
                    if connected:
                        await emitter.emit("a")
                    scope.cancel()
                    await loop.sleep_forever()
            assert scope.cancelled_caught

    run(main)


def test_one_that_is_cancelled_while_it_closes_says_so(run: Run, redis: RedisServer) -> None:
    async def main() -> None:
        with loop.cancel_scope() as scope:
            async with new_emitter(redis.url) as emitter:
                await emitter.emit("a")
                scope.cancel()
        assert scope.cancelled_caught

    run(main)


def test_an_event_that_was_given_up_before_it_left_is_not_sent(run: Run) -> None:
    async def main() -> None:
        said: list[bytes] = []
        may_answer = loop.new_event()

        async def serve(stream: Any) -> None:
            answers = [GREETED, b":1\r\n"]
            while data := await stream.receive_some(65536):
                said.append(bytes(data))
                await may_answer.wait()
                await stream.send_all(answers.pop(0))
            await loop.drop(stream)

        async with loop.open_nursery() as nursery:
            port = await loop.serve_tcp(nursery, serve)
            async with new_emitter(f"redis://127.0.0.1:{port}") as emitter:
                with loop.move_on_after(0.1) as scope:
                    await emitter.emit("first")
                assert scope.cancelled_caught
                may_answer.set()
                await emitter.emit("second")
            nursery.cancel_scope.cancel()
        assert b"first" not in b"".join(said)
        assert b"second" in said[-1]

    run(main)


def test_an_idle_one_keeps_nobody_busy(redis: RedisServer) -> None:
    """On trio, where a task keeps the time; asyncio has timers."""

    async def main() -> None:
        async with new_emitter(redis.url) as emitter:
            await emitter.emit("a")
            await loop.settle()

    LOOPS[0].run_in_real_time(main, DEADLINE_S)


class Watched(CallLine):
    """Counts how often somebody looks whether there is something to write."""

    looks = 0

    def data_to_send(self, now: float) -> bytes:
        self.looks += 1
        return super().data_to_send(now)


KEEPERS: Final[dict[str, Callable[[Line], TrioKeeper | AsyncioKeeper]]] = {
    "trio": TrioKeeper,
    "asyncio": AsyncioKeeper,
}


def test_what_is_read_has_nobody_look_what_is_to_be_written(run: Run, redis: RedisServer) -> None:
    async def main() -> None:
        line = Watched(parse_redis_url(redis.url), DEADLINE_S, None)

        async def ping() -> None:
            answered = loop.new_event()
            line.call(("PING",), loop.current_time(), answered.set)
            await answered.wait()
            for _ in range(3):  # whoever else was woken by the answer has his turn
                await loop.checkpoint()

        async with loop.open_nursery() as nursery:
            nursery.start_soon(KEEPERS[loop.name](line).run)
            await ping()
            before = line.looks
            for _ in range(10):
                await ping()
            assert line.looks == before + 20  # one is to write, and one finds that this was all
            line.close(loop.current_time())

    run(main)


def test_an_emitter_is_for_one_block(run: Run, redis: RedisServer) -> None:
    async def main() -> None:
        emitter = new_emitter(redis.url)
        with pytest.raises(RuntimeError, match="works inside: async with"):
            await emitter.emit("a")
        async with emitter:
            await emitter.emit("a")
            with pytest.raises(RuntimeError, match="opened once"):
                await emitter.__aenter__()
        with pytest.raises(RuntimeError, match="works inside: async with"):
            await emitter.emit("a")
        with pytest.raises(RuntimeError, match="opened once"):
            await emitter.__aenter__()

    run(main)
