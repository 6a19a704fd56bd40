"""A client's HTTP exchanges: which connections are kept, and that no other is left open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.engineio.client.requests import ClientMemory
from socketio_core.engineio.client.session import ClientSession
from socketio_core.settings import EngineClientSettings
from socketio_core.trio.client_http import MAX_IDLE_S, FetchError, HttpPool
from socketio_core.trio.dial import Dialer
from socketio_core.url import parse_url
from tests.trio.bench import trio_tcp_test, until
from tests.trio.client.server import Connection, Gone, response

CLOSES = b""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Script:
    """Answers the requests of each connection with these, in turn; `CLOSES` is the end of it.

    Attributes:
        heads: of the requests, oldest first.
        open: how many connections there are now.
        seen: how many there were.
    """

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []
        self.open = 0
        self.seen = 0
        self.may_answer = trio.Event()
        self.may_answer.set()

    async def serve(self, stream: trio.SocketStream) -> None:
        self.open += 1
        self.seen += 1
        connection = Connection(None, stream)  # type: ignore[arg-type] # no RawServer is needed to read requests
        try:
            while True:
                head, _ = await connection.read_request()
                self.heads.append(head)
                await self.may_answer.wait()
                answer = self.answers.pop(0) if self.answers else response("ok")
                if answer == CLOSES:
                    return
                await connection.write(answer)
        except (Gone, trio.BrokenResourceError):
            pass
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)


def exchange(method: str = "GET", body: bytes = b"", limit_bytes: int = 10) -> Exchange:
    session = ClientSession(EngineClientSettings(authority="test"), memory=ClientMemory(), random=lambda: 0.5, now=0.0)
    headers = [(b"host", b"test")]
    return Exchange(session, method, "/", headers, body, limit_bytes=limit_bytes, timeout_s=None)


@asynccontextmanager
async def pool_of(*answers: bytes) -> AsyncGenerator[tuple[HttpPool, Script]]:
    """Serve this script on a free port. Afterwards the pool is closed, and no connection may be left."""
    script = Script(answers)
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, script.serve, [listener])
        pool = HttpPool(Dialer(parse_url(url), None, None))
        yield pool, script
        await pool.aclose()
        assert not pool.is_holding
        await until(lambda: script.open == 0, "all connections are closed", 5)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (response("ok"), True),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", True),
        (response("", "204 No Content"), True),
        (response("no", "400 Bad"), True),
        (response("ok") + b"x", False),
        (response("ok", headers="Connection: close\r\n"), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
    ],
)
@trio_tcp_test
async def test_connection_is_kept_only_if_the_server_will_take_another_request(answer: bytes, *, is_kept: bool) -> None:
    async with pool_of(answer) as (pool, script):
        await pool.fetch(exchange())
        assert pool.is_holding is is_kept
        await until(lambda: script.open == int(is_kept), "the others are closed", 5)
        assert (await pool.fetch(exchange())).body == b"ok"
        assert script.seen == (1 if is_kept else 2)


@trio_tcp_test
async def test_kept_connection_is_for_one_exchange_at_a_time() -> None:
    async with pool_of() as (pool, script):
        await pool.fetch(exchange())
        script.may_answer = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.fetch, exchange())
            nursery.start_soon(pool.fetch, exchange())
            await until(lambda: len(script.heads) == 3, "both are there", 5)
            assert script.open == 2
            script.may_answer.set()
        assert script.open == 2


@pytest.mark.parametrize(("idle_s", "seen"), [(0.0, 1), (MAX_IDLE_S - 0.001, 1), (MAX_IDLE_S, 3), (60.0, 3)])
@trio_tcp_test
async def test_connections_that_were_idle_too_long_are_closed_and_not_used(idle_s: float, seen: int) -> None:
    async with pool_of() as (pool, script):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.fetch, exchange())
            if seen == 3:
                nursery.start_soon(pool.fetch, exchange())
        await trio.sleep(idle_s)
        await pool.fetch(exchange())
        assert script.seen == seen
        await until(lambda: script.open == 1, "those that are stale are closed", 5)


@trio_tcp_test
async def test_end_of_an_idle_connection_is_noticed_before_it_is_used() -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        count = 0

        async def serve(stream: trio.SocketStream) -> None:
            nonlocal count
            count += 1
            await stream.receive_some()
            await stream.send_all(response("ok"))

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        pool = HttpPool(Dialer(parse_url(url), None, None))
        for number in (1, 2, 3):
            assert (await pool.fetch(exchange())).body == b"ok"
            assert count == number
            await wait_all_tasks_blocked(0.01)
        await pool.aclose()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (response("x" * 11), "response is too large, max_message_bytes: 10"),
        (CHUNKED + b"6\r\nxxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n", "response is too large, max_message_bytes: 10"),
        (b"rubbish\r\n\r\n", "the server does not speak HTTP"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
            "the server does not speak HTTP: .* without a pending proposal",
        ),
        (b"HTTP/1.1 103 X\r\n\r\n" * 21, "the server sent more than 20 informational responses"),
        (CLOSES, "the server closed the connection before it answered"),
    ],
)
@trio_tcp_test
async def test_connection_of_an_exchange_that_failed_is_closed(answer: bytes, problem: str) -> None:
    async with pool_of(answer) as (pool, script):
        with pytest.raises(FetchError, match=problem):
            await pool.fetch(exchange())
        assert not pool.is_holding
        await until(lambda: script.open == 0, "it is closed", 5)
        assert len(script.heads) == 1, "an exchange is never made twice"


@pytest.mark.parametrize(
    "answer",
    [
        response("x" * 10),
        CHUNKED + b"5\r\nxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n",
        b"HTTP/1.1 103 X\r\n\r\n" * 20 + response("x" * 10),
    ],
)
@trio_tcp_test
async def test_what_just_fits_is_taken(answer: bytes) -> None:
    async with pool_of(answer) as (pool, _):
        assert (await pool.fetch(exchange())).body == b"x" * 10


@trio_tcp_test
async def test_connection_of_a_cancelled_exchange_is_closed() -> None:
    async with pool_of() as (pool, script):
        script.may_answer = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.fetch, exchange())
            await until(lambda: script.heads, "it is there", 5)
            nursery.cancel_scope.cancel()
        script.may_answer.set()
        assert not pool.is_holding
        await until(lambda: script.open == 0, "it is closed", 5)


@pytest.mark.parametrize("body", [b"", b"1"])
@trio_tcp_test
async def test_post_says_how_long_it_is(body: bytes) -> None:
    async with pool_of() as (pool, script):
        await pool.fetch(exchange("POST", body))
        assert f"content-length: {len(body)}".encode() in script.heads[0].lower()
