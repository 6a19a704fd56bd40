"""A client's WebSocket: what each frame of the server's does, and every way to its end."""

from __future__ import annotations

from contextlib import suppress

import pytest

from socketio_core.app import AckTimeout
from socketio_core.app.client_manager import host_behind
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.runtime import Event
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.wire.client.site import CLOSE_S
from tests.adapters.bench import until
from tests.adapters.client.played import PlayedServer, played
from tests.adapters.client.server import Connection, Talk, open_packet, raw_server, switching, text
from tests.adapters.loops import both_loops_tcp, loop
from tests.adapters.peer import Ended
from tests.wire.written import CLOSE, PING, frame

BLOCK = "x" * 100_000
QUIET = EngineClientSettings(high_water_bytes=4 * len(BLOCK))


def deaf(until_told: Event, *packets: str, ping_interval_s: int = 5) -> Talk:
    """Open a session, connect, send these, and read nothing; then drop the connection."""

    async def talk(connection: Connection, key: bytes) -> None:
        hello = open_packet(pingInterval=ping_interval_s * 1000, pingTimeout=0), '40{"sid":"A"}'
        await connection.write(switching(key) + b"".join(map(text, (*hello, *packets))))
        await until_told.wait()
        await connection.stream.aclose()

    return talk


@both_loops_tcp
async def test_a_server_that_reads_nothing_does_not_keep_a_lost_connection_alive() -> None:
    told = loop.new_event()
    async with (
        raw_server({"websocket": deaf(told)}) as server,
        loop.connect(
            server.url, transports=["websocket"], reconnection=False, engine=QUIET, close_timeout_s=1.0
        ) as socket,
    ):
        reasons: list[str] = []
        socket.on("disconnect", reasons.append)
        await loop.settle()
        before = loop.task_count()
        for _ in range(100):
            await socket.emit("block", BLOCK)
            if not socket.connected:
                break
        assert loop.task_count() > before or loop.name == "asyncio", "a task waits for the socket to take more"
        await until(lambda: reasons, "the server's silence is noticed", 10)
        assert reasons == ["ping timeout"]
        await until(lambda: loop.task_count() == before - 1, "the pump has ended", 4 * CLOSE_S)
        told.set()


async def fill(socket: ClientSocket) -> None:
    """Emit until the kernel takes no more, and the buffer is full."""
    with loop.move_on_after(0.2):
        while True:
            await socket.emit("block", BLOCK)
    assert host_behind(socket.manager).core.is_over_high_water


@both_loops_tcp
async def test_a_broken_connection_is_noticed_by_who_writes_when_nobody_reads() -> None:
    """Or the handler would wait for the buffer to empty, and the reader for the handler."""
    told = loop.new_event()
    talk = deaf(told, '42["work"]', '42["work"]', ping_interval_s=25)
    async with (
        raw_server({"websocket": talk}) as server,
        loop.connect(
            server.url,
            transports=["websocket"],
            reconnection=False,
            engine=QUIET,
            settings=ClientSettings(max_queued_events=1),
        ) as socket,
    ):
        reasons: list[str] = []
        socket.on("disconnect", reasons.append)

        @socket.on("work")
        async def work() -> None:
            while socket.connected:
                await socket.emit("block", BLOCK)

        await until(lambda: host_behind(socket.manager).core.is_over_high_water, "the handler waits")
        await loop.sleep(1)
        began = loop.current_time()
        told.set()
        await until(lambda: reasons, "the end is noticed")
        assert loop.current_time() - began < 1
        assert reasons == ["transport close"]
        assert "the connection was lost" in str(socket.disconnect_error)


@both_loops_tcp
async def test_the_time_of_a_call_counts_though_it_waits_for_room() -> None:
    told = loop.new_event()
    async with (
        raw_server({"websocket": deaf(told)}) as server,
        loop.connect(server.url, transports=["websocket"], engine=QUIET, reconnection=False) as socket,
    ):
        await fill(socket)
        began_at = loop.current_time()
        with pytest.raises(AckTimeout, match="'q' was not sent in time"):
            await socket.call("q", timeout=0.1)
        assert loop.current_time() - began_at < 1
        told.set()


@both_loops_tcp
async def test_pings_are_answered_at_once_and_of_many_the_last_one() -> None:
    async with played() as (_, server):
        await server.send(*(frame(b"%d" % number, PING, masked=False) for number in range(3)))
        assert await server.frame() == (10, b"2")
        await server.send(frame(b"3", PING, masked=False))
        assert await server.frame() == (10, b"3")
        await server.peer.close()


@pytest.mark.parametrize(
    ("payload", "echo", "detail"),
    [
        (b"", b"", None),
        (b"\x03\xe8", b"\x03\xe8", None),
        (b"\x03\xe8bye", b"\x03\xe8", None),
        (b"\x03\xe9", b"\x03\xe9", "the server closed the WebSocket with code 1001"),
        (b"\x03\xf0policy", b"\x03\xf0", "the server closed the WebSocket with code 1008 policy"),
    ],
)
@both_loops_tcp
async def test_close_frame_is_echoed_and_told(payload: bytes, echo: bytes, detail: str | None) -> None:
    async with played() as (socket, server):
        reasons: list[str] = []
        socket.on("disconnect", reasons.append)
        await server.send(frame(payload, CLOSE, masked=False), text('42["behind the end"]'))
        assert await server.frame() == (CLOSE, echo)
        with pytest.raises(Ended):
            await server.frame()
        await until(lambda: reasons, "it is told", 5)
        assert reasons == ["transport close"]
        assert (None if socket.disconnect_error is None else str(socket.disconnect_error)) == detail


@both_loops_tcp
async def test_leaving_writes_what_is_left_closes_and_waits_for_the_server() -> None:
    """Also when the last messages find a task in the middle of a write."""
    block, count = "x" * 900_000, 18  # more than the kernel takes
    seen: list[tuple[int, bytes]] = []

    async def read(server: PlayedServer) -> None:
        await loop.sleep(0.5)
        while not seen or seen[-1][0] != CLOSE:
            opcode, data = await server.frame()
            seen.append((opcode, data[:9]))
        await loop.sleep(0.5)
        await server.send(frame(b"", CLOSE, masked=False))

    engine = EngineClientSettings(max_buffered_bytes=20_000_000, high_water_bytes=17_000_000)
    async with loop.open_nursery() as nursery, played(engine=engine) as (socket, server):
        nursery.start_soon(read, server)
        for number in range(count):
            await socket.emit("n", number, block)
        began_at = loop.current_time()
    assert seen[:-2] == [(1, (b'42["n",%d,"x' % number)[:9]) for number in range(count)]
    assert seen[-2:] == [(1, b"41"), (CLOSE, b"")]
    assert loop.current_time() - began_at == pytest.approx(1.0, abs=0.3)


@both_loops_tcp
async def test_server_that_does_not_close_its_end_is_waited_for_until_close_s() -> None:
    seen: list[int] = []

    async def read(server: PlayedServer) -> None:
        with suppress(Ended):
            while True:
                seen.append((await server.frame())[0])

    async with loop.open_nursery() as nursery, played(close_timeout_s=2 * CLOSE_S) as (_, server):
        nursery.start_soon(read, server)
        began_at = loop.current_time()
    assert loop.current_time() - began_at == pytest.approx(CLOSE_S, abs=0.1)
    assert seen[-1] == CLOSE


@both_loops_tcp
async def test_frame_that_breaks_the_rules_is_answered_with_its_code_and_no_more_is_read() -> None:
    async with played() as (socket, server):
        told: list[object] = []
        socket.on("n", told.append)
        await server.send(frame("x", rsv=7, masked=False), text('42["n",1]'), frame(b"", PING, masked=False))
        opcode, payload = await server.frame()
        assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
        await loop.sleep(1)
        assert told == []
        await server.peer.close()
