"""Bare Engine.IO beside Socket.IO: one port, two engines, and neither is the other's."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Final

import pytest

from socketio_core import BufferFull, Cors, EngineSettings, Server, SocketSettings
from socketio_core.app.engine_server import EngineServer, EngineSession, session_inbox_behind
from socketio_core.http import Request
from tests.adapters.bench import Bench, serving, until
from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.peer import Ended, Peer
from tests.wire.written import WS_REQUEST, frame, handshake

PATH: Final = "/engine.io/?EIO=4"
POLLING: Final = f"{PATH}&transport=polling"
WEBSOCKET: Final = f"{PATH}&transport=websocket"


def echoing(io: Server, **settings: Any) -> EngineServer:
    """Attach an engine that sends back what it gets."""
    engine = io.attach_engine(engine=EngineSettings(**settings))

    @engine.on("message")
    async def message(session: EngineSession, data: str | bytes) -> None:
        await session.send(data)

    return engine


def noting_reasons(engine: EngineServer) -> list[str]:
    """Return the list to which the reasons are added why sessions end."""
    reasons: list[str] = []

    @engine.on("close")
    def closed(session: EngineSession, reason: str) -> None:
        reasons.append(reason)

    return reasons


async def websocket(bench: Bench) -> WebSocketClient:
    client = WebSocketClient(await bench.connect())
    await client.open(WEBSOCKET)
    return client


async def polling(bench: Bench) -> PollingClient:
    client = PollingClient(bench.connect)
    client.target = POLLING
    await client.open()
    return client


async def client_of(bench: Bench, transport: str) -> WebSocketClient | PollingClient:
    return await (websocket(bench) if transport == "websocket" else polling(bench))


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_messages_go_and_come_while_socket_io_is_served_on_the_same_port(transport: str) -> None:
    io = Server()
    engine = echoing(io)
    reasons = noting_reasons(engine)
    async with serving(io, tcp=True) as bench:
        client = await client_of(bench, transport)
        (session,) = engine.sessions
        assert (session.transport, session.sid) == (transport, client.sid)
        for packet in ("4hello", "4€", b"\x00\xff"):
            await client.send(packet)
            echo = await client.take()
            assert echo == (packet if isinstance(packet, str) or transport == "websocket" else "bAP8=")
        assert bench.session_count == 0
        await bench.check_still_serves()
        await client.send("1")
        await until(lambda: reasons == ["transport close"], "the session has ended")
        assert engine.sessions == []


@both_loops
async def test_an_upgrade_moves_the_session_to_its_websocket() -> None:
    io = Server()
    engine = echoing(io)
    async with serving(io) as bench:
        client = await polling(bench)
        upgraded = WebSocketClient(await bench.connect())
        await upgraded.open(f"{WEBSOCKET}&sid={client.sid}")
        await upgraded.send("2probe")
        assert await upgraded.take() == "3probe"
        await upgraded.send("5", "4hello")
        assert await upgraded.take() == "4hello"
        assert [session.transport for session in engine.sessions] == ["websocket"]


@both_loops
async def test_sessions_of_one_engine_are_unknown_to_the_other() -> None:
    io = Server()
    echoing(io)
    async with serving(io) as bench:
        ours, theirs = await polling(bench), await bench.polling()
        ours.target, theirs.target = (
            ours.target.replace("engine.io", "socket.io"),
            theirs.target.replace("socket.io", "engine.io"),
        )
        for client in (ours, theirs):
            answer = await client.ask()
            assert (answer.status, "Session ID unknown" in answer.text) == (400, True)


@both_loops
async def test_heartbeats_of_both_engines_come_when_they_are_due() -> None:
    io = Server(engine=EngineSettings(ping_interval_s=10))
    echoing(io, ping_interval_s=3, ping_timeout_s=2)
    async with serving(io) as bench:
        slow, quick = await bench.websocket(), await websocket(bench)
        for due_at in (3, 6, 9):
            assert await quick.packet() == "2"
            assert loop.current_time() == pytest.approx(due_at)
            await quick.send("3")
        assert await slow.packet() == "2"
        assert loop.current_time() == pytest.approx(10)
        assert await quick.packet() == "2"
        assert await quick.close_code() == 1005
        assert loop.current_time() == pytest.approx(14)


@both_loops
async def test_messages_of_one_session_are_handled_in_order_and_delay_nobody() -> None:
    io = Server()
    engine = io.attach_engine("/raw")
    handled: list[str] = []

    @engine.on("message")
    async def message(session: EngineSession, text: str) -> None:
        await loop.sleep(0 if text == "quick" else 1)
        handled.append(text)

    async with serving(io) as bench:
        one, two = WebSocketClient(await bench.connect()), WebSocketClient(await bench.connect())
        for client in (one, two):
            await client.open(WEBSOCKET.replace("/engine.io/", "/raw/"))
        await one.send("4a", "4b", "4c")
        await two.send("4quick")
        await until(lambda: len(handled) == 4, "all are handled", 10)
        assert handled == ["quick", "a", "b", "c"]


@both_loops
async def test_send_waits_for_a_peer_that_reads_slowly() -> None:
    io = Server()
    engine = echoing(io, high_water_bytes=1000)
    async with serving(io) as bench:
        client = WebSocketClient(bench.connect_stuck())
        await client.open(WEBSOCKET)
        (session,) = engine.sessions
        for _ in range(4):
            await session.send("x" * 450)
            await loop.settle()
        with pytest.raises(BufferFull):
            session.send_nowait("y")
        sent: list[bool] = []

        async def send() -> None:
            sent.append(await session.send("last"))

        bench.nursery.start_soon(send)
        await loop.settle()
        assert sent == []
        assert [await client.take() for _ in range(5)] == [*["4" + "x" * 450] * 4, "4last"]
        assert sent == [True]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops
async def test_nothing_more_is_read_from_a_client_whose_handlers_lag_behind(transport: str) -> None:
    io = Server(settings=SocketSettings(max_queued_events=3))
    engine = io.attach_engine()
    gate, handled = loop.new_event(), [""]

    @engine.on("message")
    async def message(session: EngineSession, text: str) -> None:
        await gate.wait()
        handled.append(text)

    async with serving(io) as bench:
        client = await client_of(bench, transport)
        with loop.move_on_after(5):
            for number in range(10):
                await client.send(f"4{number}")
                await loop.settle()
        (session,) = engine.sessions
        assert session_inbox_behind(session).flow.queued_count == 3
        gate.set()
        await until(lambda: len(handled) >= 4, "handlers have caught up")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops
async def test_the_application_closes_a_session(transport: str) -> None:
    io = Server()
    engine = io.attach_engine()

    @engine.on("connection")
    async def connected(session: EngineSession) -> None:
        await session.send("go away")
        await session.close()

    async with serving(io) as bench:
        client = await client_of(bench, transport)
        assert await client.packet() == "4go away"
        await _read_to_the_end(client)
        assert engine.sessions == []


async def _read_to_the_end(client: WebSocketClient | PollingClient) -> None:
    with suppress(Ended):
        while await client.packet() in ("6", "1"):
            pass


@both_loops
async def test_who_may_come_is_asked_for_each_engine_by_itself() -> None:
    def refuse(request: Request) -> str | None:
        return "no" if request.query.get("forbidden") else None

    io = Server(cors=Cors(origins=["https://io.example"]))
    io.attach_engine(allow_request=refuse, cors=Cors(origins=["https://engine.example"]))
    async with serving(io) as bench:
        for target, origin, status in (
            (POLLING, None, 200),
            (f"{POLLING}&forbidden=1", None, 403),
            (POLLING.replace("engine", "socket") + "&forbidden=1", None, 200),
            (POLLING, "https://engine.example", 200),
            (POLLING, "https://io.example", 403),
            (POLLING.replace("engine", "socket"), "https://io.example", 200),
        ):
            peer = await bench.connect()
            answer = await peer.ask(target, headers=[] if origin is None else [f"Origin: {origin}"])
            assert answer.status == status, target
        peer = await bench.connect()
        assert (await peer.ask(f"{WEBSOCKET}&forbidden=1", headers=WS_REQUEST)).status == 400
        assert "origin 'https://io.example' is not allowed" in bench.take_log()


@both_loops
async def test_clients_are_told_of_the_end() -> None:
    io = Server()
    engine = echoing(io)
    reasons = noting_reasons(engine)
    codes: list[int] = []

    async def read() -> None:
        codes.append(await client.close_code())
        await client.peer.close()

    async with loop.open_nursery() as clients, serving(io) as bench:
        client = WebSocketClient(Peer(bench.listener.connect()))
        await client.open(WEBSOCKET)
        clients.start_soon(read)
    assert (codes, reasons) == ([1001], ["forced close"])


@both_loops
async def test_what_clients_do_wrong_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, f"socketio_core.{loop.name}")
    io = Server()
    echoing(io, max_payload_bytes=100)
    async with serving(io) as bench:
        peer = await bench.connect()
        assert (await peer.ask(f"{PATH}&transport=pigeon")).status == 400
        client = await websocket(bench)
        await client.peer.send(frame("4" + "x" * 60, fin=False) + frame("x" * 60, 0))
        assert await client.close_code() == 1009
    assert "Transport unknown" in caplog.text
    assert "connection closed, transport error: message too large, max_payload_bytes" in caplog.text


@both_loops
async def test_a_handler_that_fails_is_logged() -> None:
    io = Server()
    engine = io.attach_engine()

    @engine.on("message")
    def message(session: EngineSession, data: str) -> None:
        raise RuntimeError(data)

    async with serving(io) as bench:
        client = await websocket(bench)
        await client.send("4boom")
        await loop.settle()
        assert "handler of 'message' failed" in bench.take_log()
        await client.close()


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io", "/", "/socket.io/engine/"])
def test_paths_must_not_overlap(path: str) -> None:
    io = Server()
    with pytest.raises(ValueError, match=r"path overlaps with '/socket\.io/'"):
        io.attach_engine(path)
    io.attach_engine("/one/")
    with pytest.raises(ValueError, match="path overlaps with '/one/'"):
        io.attach_engine("/one/two")


@both_loops
async def test_engines_are_attached_before_the_server_serves() -> None:
    io = Server()
    async with serving(io):
        with pytest.raises(RuntimeError, match="attach engines before the Server serves"):
            io.attach_engine()


@both_loops
async def test_a_message_may_come_right_behind_the_handshake() -> None:
    io = Server()
    echoing(io)
    async with serving(io) as bench:
        peer = await bench.connect()
        await peer.send(handshake(WEBSOCKET) + frame("4early"))
        assert (await peer.answer()).status == 101
        assert (await peer.frame())[1].startswith(b"0{")
        assert await peer.frame() == (1, b"4early")
