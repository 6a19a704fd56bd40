"""A large message may take as long as thousands of small ones: one at a time, and others are served in between."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby, pairwise
from typing import Any, Final

import pytest

from benchmarks.attacks import frame
from socketio_core import Observer, Server, SocketSettings
from socketio_core.app import Socket
from socketio_core.app.host import HEAVY_BYTES
from socketio_core.app.server import host_of
from socketio_core.asgi import App
from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.wire.base import LARGE_BYTES
from tests.adapters.bench import serving as serving_below
from tests.adapters.bench import until
from tests.adapters.loops import both_loops, loop, one_loop
from tests.asgi.driver import HEADERS, AsgiServer, Connection, Message, http_scope, poll_of, serving
from tests.asgi.echo import joined

CROWD: Final = 6
LARGE: Final = f'42["large","{"x" * 2 * LARGE_BYTES}"]'
HEADER: Final = LARGE.replace("42[", "451-[").replace(",", ',{"_placeholder":true,"num":0},')
HEAVY: Final = f'42["heavy",[{"0," * (HEAVY_BYTES // 8)}0]]'
END: Final = {"type": "http.request", "body": b""}
POSTED: Final = {"type": "http.request", "body": b"6"}
SMALL: Final = '42["small"]'


def held(io: Server) -> int:
    """Return what its clients hold, in bytes."""
    return host_of(io).budget.held()[0]


def noting(io: Server, after_large: Callable[[], object] = lambda: None) -> list[str]:
    """Return where it is noted which events were handled."""
    handled: list[str] = []

    @io.on("large")
    def large(_: Socket, *__: object) -> None:
        handled.append("large")
        after_large()

    @io.on("small")
    def small(_: Socket) -> None:
        handled.append("small")

    return handled


@asynccontextmanager
async def beside_a_neighbour() -> AsyncGenerator[tuple[AsgiServer, list[str]]]:
    """Serve, with a client that has sent something small whenever something large was handled."""

    def send() -> None:
        neighbour.give({"type": "websocket.receive", "text": SMALL})

    io = Server()
    handled = noting(io, send)
    async with serving(App(io)) as server:
        neighbour = await joined(server)
        yield server, handled


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("kind", ["frame", "POST"])
@both_loops
async def test_who_sends_little_is_served_between_two_large_messages(kind: str, *, is_whole: bool) -> None:
    """One that is not whole is read with its last attachment."""
    async with beside_a_neighbour() as (server, handled):
        crowd = [await (joined(server) if kind == "frame" else server.session()) for _ in range(CROWD)]
        for message in [LARGE] if is_whole else [HEADER, b"x"]:
            await loop.settle()
            assert handled == []
            for client in crowd:
                if isinstance(client, Connection):
                    client.give({"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message})
                else:
                    body = message.encode() if isinstance(message, str) else b"beA=="
                    server.connect(http_scope("POST", poll_of(client)), {"type": "http.request", "body": body})
        await loop.settle()
        assert handled == ["large", "small"] * CROWD


@pytest.mark.parametrize("kind", ["frame", "POST"])
@pytest.mark.parametrize("size", [5000, LARGE_BYTES - 1])
@both_loops
async def test_what_is_nearly_large_has_turns_with_as_much_as_a_large_message(size: int, kind: str) -> None:
    """A crowd sends it in one round."""
    async with beside_a_neighbour() as (server, handled):
        crowd = [await (joined(server) if kind == "frame" else server.session()) for _ in range(4 * CROWD)]
        message = LARGE[: size - 2] + '"]'
        await loop.settle()
        for client in crowd:
            if isinstance(client, Connection):
                client.give({"type": "websocket.receive", "text": message})
            else:
                server.connect(http_scope("POST", poll_of(client)), {"type": "http.request", "body": message.encode()})
        await loop.settle()
        assert handled.count("large") == handled.count("small") == len(crowd)
        runs = [len(list(run)) for name, run in groupby(handled) if name == "large"]
        assert max(runs) <= 4 * LARGE_BYTES // size + 1


@both_loops
async def test_large_responses_to_polls_are_made_one_in_each_round() -> None:
    """To compress one may take a while."""
    io = Server()
    async with serving(App(io)) as server:
        polls = [server.connect(http_scope("GET", poll_of(await server.session())), END) for _ in range(3)]
        await loop.settle()
        io.emit_nowait("x", "x" * WRITE_BYTES)
        answered = [0]
        while answered[-1] < 3:
            await loop.checkpoint()
            answered.append(sum(bool(poll.sent) for poll in polls))
        assert max(after - before for before, after in pairwise(answered)) == 1


@one_loop("uvicorn")
async def test_so_it_is_behind_what_uvicorn_makes_of_bytes() -> None:
    """The neighbour's event comes from a socket, and only the one large message that was at hand is before it."""

    def send() -> None:
        bench.nursery.start_soon(neighbour.send, frame(SMALL.encode()))

    io = Server()
    handled = noting(io, send)
    async with serving_below(io) as bench:
        neighbour = (await bench.websocket()).peer
        for peer in [(await bench.websocket()).peer for _ in range(CROWD)]:
            bench.nursery.start_soon(peer.send, frame(LARGE.encode()))
        await until(lambda: len(handled) == 2 * CROWD, "all were handled")
        assert handled == ["large", "small"] * CROWD


@both_loops
async def test_nobody_waits_who_is_alone() -> None:
    io = Server()
    handled = noting(io)
    async with serving(App(io)) as server:
        websocket = await joined(server)
        websocket.give(*[{"type": "websocket.receive", "text": LARGE}] * 3)
        for _ in range(4):
            await loop.checkpoint()
        assert (websocket.unread, handled[:1]) == (0, ["large"])


@both_loops
async def test_what_waits_of_a_client_that_went_holds_up_nobody() -> None:
    io = Server()
    handled = noting(io)
    async with serving(App(io)) as server:
        crowd = [await joined(server) for _ in range(CROWD)]
        for websocket in crowd:
            websocket.give({"type": "websocket.receive", "text": LARGE})
        await loop.checkpoint()
        for websocket in crowd[:-1]:
            websocket.cancel()
        await loop.settle()
        assert handled[-1] == "large"
        await server.frame(crowd[-1], SMALL, LARGE)
        assert handled[-2:] == ["small", "large"]


@pytest.mark.parametrize("size", [1, LARGE_BYTES])
@both_loops
async def test_a_post_that_is_no_packet_is_refused_however_large_it_is(size: int) -> None:
    """And though its session, for a poll was there, is over before it is answered."""
    async with serving(App(Server())) as server:
        await joined(server)
        sid = await server.session()
        poll = server.connect(http_scope("GET", poll_of(sid)), END)
        await loop.settle()
        post = await server.request("POST", poll_of(sid), b"49" + b"x" * size)
        assert (poll.body, post.status) == ("1", 400)


@both_loops
async def test_a_post_whose_session_ends_meanwhile_waits_no_longer() -> None:
    io = Server()
    handled = noting(io)
    async with serving(App(io)) as server:
        sids = [await server.session() for _ in range(CROWD)]
        body = {"type": "http.request", "body": LARGE.encode()}
        posts = [server.connect(http_scope("POST", poll_of(sid)), body) for sid in sids]
        while not handled:
            await loop.checkpoint()
        await io.disconnect_sockets(close=True)
        await loop.settle()
        assert [post.is_over for post in posts] == [True] * CROWD
        assert len(handled) < CROWD


@pytest.mark.parametrize("ends", [False, True])
@both_loops
async def test_what_is_much_to_handle_is_handled_in_the_next_turn(ends: bool) -> None:  # noqa: FBT001
    """Handlers may take as long as the reading of it. It counts, whoever ends meanwhile."""
    handled: list[str] = []

    class Witness(Observer):
        def event_received(self, socket: Socket, name: str, args: Sequence[Any]) -> None:
            handled.append(f"{name} read")

    io = Server(observers=[Witness()])

    @io.on("heavy")
    def heavy(*_: object) -> None:
        handled.append("heavy handled")

    @io.on("small")
    def small(*_: object) -> None:
        handled.append("small handled")

    async with serving(App(io)) as server:
        neighbour, *crowd = [await joined(server) for _ in range(4)]
        for websocket in crowd:
            websocket.give({"type": "websocket.receive", "text": HEAVY})
        while not handled:
            await loop.checkpoint()
        neighbour.give({"type": "websocket.receive", "text": SMALL})
        if ends:
            for websocket in crowd:
                websocket.cancel()
        await loop.settle()
        if ends:
            assert sorted(handled) == ["heavy handled", "heavy read", "small handled", "small read"]
        else:
            assert handled[:4] == ["heavy read", "small read", "small handled", "heavy handled"]
            assert handled[4:] == ["heavy read", "heavy handled"] * 2


@both_loops
async def test_what_waits_is_held() -> None:
    io = Server()
    noting(io)
    app = App(io)
    async with serving(app) as server:
        crowd = [await joined(server) for _ in range(CROWD)]
        before = held(io)
        for websocket in crowd:
            websocket.give({"type": "websocket.receive", "text": LARGE})
        await loop.checkpoint()
        await loop.checkpoint()
        assert held(io) >= before + (CROWD - 1) * len(LARGE)
        await loop.settle()
        assert held(io) == before


@pytest.mark.parametrize(("size", "in_turn"), [(200, 16), (1000, 4), (16_000, 1)])
@both_loops
async def test_the_larger_messages_are_the_fewer_are_a_turn(size: int, in_turn: int) -> None:
    """Dense ones take a while, though they are not quite large; a server may hand over many that came with one read."""
    io = Server(settings=SocketSettings(max_queued_events=1000))
    noting(io)
    async with serving(App(io)) as server:
        websocket = await joined(server)
        text = LARGE[: size - 2] + '"]'
        websocket.give(*[{"type": "websocket.receive", "text": text}] * 100)
        left = [100]
        while left[-1]:
            await loop.checkpoint()
            left.append(websocket.unread)
        most = max(before - after for before, after in pairwise(left))
        assert in_turn <= most <= 2 * in_turn  # trio has two turns of a task in a row


class Text(str):
    """One that can be watched."""

    __slots__ = ("__weakref__",)


@both_loops
async def test_a_message_is_not_kept_until_the_next() -> None:
    io = Server()
    noting(io)
    async with serving(App(io)) as server:
        websocket = await joined(server)
        text = Text(LARGE)
        known = weakref.ref(text)
        websocket.give({"type": "websocket.receive", "text": text})
        del text
        await loop.settle()
        assert known() is None


CHUNKED: Final = [*HEADERS, (b"transfer-encoding", b"chunked")]


@both_loops
async def test_who_sends_little_is_served_between_two_answers_to_bodies_in_chunks() -> None:
    """Behind them servers read the next one, and many chunks take them long."""

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            handled.append("answer")
            neighbour.give({"type": "websocket.receive", "text": SMALL})

    io = Server()
    handled = noting(io)
    async with serving(App(io)) as server:
        neighbour = await joined(server)
        for target in [poll_of(await server.session()) for _ in range(CROWD)] + ["/elsewhere"] * CROWD:
            server.connect(http_scope("POST", target, headers=CHUNKED), POSTED).send = send  # type: ignore[method-assign]
        await loop.settle()
        assert handled == ["answer", "small"] * 2 * CROWD


@both_loops
async def test_handlers_have_the_time_of_one_round_for_many_posts() -> None:
    io = Server()
    async with serving(App(io)) as server:
        targets = [poll_of(await server.session()) for _ in range(4 * CROWD)]
        await loop.settle()
        rounds = host_of(io).budget.room.rounds
        before = rounds.number
        for target in targets:
            server.connect(http_scope("POST", target), {"type": "http.request", "body": b"40"})
        await loop.settle()
        assert rounds.number - before < len(targets)


@both_loops
async def test_the_rest_of_a_body_in_chunks_is_not_read() -> None:
    """A server would go on with that for as long as it comes."""
    async with serving(App(Server())) as server:
        closing: list[bool] = []
        for target in (poll_of(await server.session()), "/elsewhere", poll_of("unknown")):
            post = await server.request("POST", target, b"6", headers=CHUNKED)
            closing.append((b"connection", b"close") in post.sent[0]["headers"])
        assert closing == [False, True, True]


@both_loops
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_answer_may_be_done_only_when_what_has_come_is_read(method: str) -> None:
    """hypercorn has ten parts of a body wait, and says behind them that the client is gone."""
    async with serving(App(Server())) as server:
        part = {"type": "http.request", "body": b"6", "more_body": True}
        post = server.connect(http_scope(method, poll_of("unknown"), headers=CHUNKED), *[part] * 10)
        receive_one, has_room = post.receive, loop.new_event()

        async def receive() -> dict[str, Any]:
            message = await receive_one()
            if not post.unread:
                has_room.set()
            return message

        async def send(message: dict[str, Any]) -> None:
            post.sent.append(message)
            if message["type"] == "http.response.body":
                await has_room.wait()
                post.disconnect()
                await loop.settle()

        post.receive, post.send = receive, send  # type: ignore[method-assign]
        await loop.settle()
        await loop.settle()
        assert post.is_over
        assert (post.status, post.error) == (400, None)
