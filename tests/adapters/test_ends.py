"""The end of sessions where it meets a request: of the same moment, by tasks that trio runs in random order."""

from __future__ import annotations

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app import EngineSession
from tests.adapters.bench import Bench, serving
from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.wire.written import Answer

TIMES = 20
PATHS = ["/socket.io/", "/engine.io/"]
QUICK = EngineSettings(ping_interval_s=0.3, ping_timeout_s=0.2)


def both() -> tuple[Server, list[str]]:
    """Return a server of both protocols, and the list to which it adds what arrives."""
    io = Server(engine=EngineSettings(path="/socket.io/", ping_interval_s=0.3, ping_timeout_s=0.2))
    engine, arrived = io.attach_engine(engine=QUICK), list[str]()

    @engine.on("message")
    def message(session: EngineSession, data: str) -> None:
        arrived.append(data)

    @io.on("say")
    def say(_: object, data: str) -> None:
        arrived.append(data)

    return io, arrived


async def polling(bench: Bench, path: str) -> PollingClient:
    client = PollingClient(bench.connect)
    client.target = f"{path}?EIO=4&transport=polling"
    await client.open()
    return client


async def together(client: PollingClient) -> tuple[Answer, Answer]:
    """Send a GET and the `1` at the same moment; return their answers."""
    answers: dict[str, Answer] = {}

    async def ask(method: str, body: bytes | None) -> None:
        answers[method] = await client.ask(method, body)

    async with loop.open_nursery() as nursery:
        nursery.start_soon(ask, "GET", None)
        nursery.start_soon(ask, "POST", b"1")
    return answers["GET"], answers["POST"]


@pytest.mark.parametrize("path", PATHS)
@both_loops
async def test_a_poll_and_its_client_s_end_at_once(path: str) -> None:
    io, _ = both()
    async with serving(io) as bench:
        for _ in range(TIMES):
            client = await polling(bench, path)
            poll, post = await together(client)
            assert (poll.status, poll.text, post.status, post.text) == (200, "6", 200, "ok")
            assert (await client.ask()).status == 400


@both_loops_tcp
async def test_a_poll_and_its_client_s_end_at_once_on_real_sockets() -> None:
    io, _ = both()
    async with serving(io, tcp=True) as bench:
        for path in PATHS * (TIMES // 2):
            poll, post = await together(await polling(bench, path))
            assert (poll.status, poll.text, post.status) == (200, "6", 200)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", PATHS)
@both_loops
async def test_a_request_at_the_moment_at_which_its_session_is_over(path: str, method: str) -> None:
    io, arrived = both()
    async with serving(io) as bench:
        statuses: list[int] = []

        async def late() -> None:
            client = await polling(bench, path)
            await loop.sleep(0.5)
            answer = await client.ask(method, b"4late" if method == "POST" else None)
            statuses.append(answer.status)

        async with loop.open_nursery() as nursery:
            for _ in range(TIMES):
                nursery.start_soon(late)
        assert (statuses, arrived) == ([400] * TIMES, [])


@pytest.mark.parametrize("path", PATHS)
@both_loops
async def test_a_message_at_the_moment_at_which_its_session_is_over(path: str) -> None:
    io, arrived = both()
    async with serving(io) as bench:
        codes: list[int] = []

        async def late() -> None:
            client = WebSocketClient(await bench.connect())
            await client.open(f"{path}?EIO=4&transport=websocket")
            if path == "/socket.io/":
                await client.join()
            await loop.sleep_until(opened_at + 0.5)
            await client.send('42["say","late"]' if path == "/socket.io/" else "4late")
            codes.append(await client.close_code())

        async with loop.open_nursery() as nursery:
            for _ in range(TIMES):
                opened_at = loop.current_time()
                nursery.start_soon(late)
        assert (codes, arrived) == ([1005] * TIMES, [])
