"""A client's WebSocket: how it ends when the server reads nothing, or is gone while nobody reads."""

from __future__ import annotations

from socketio_core.app.client_manager import host_behind
from socketio_core.app.runtime import Event
from socketio_core.settings import ClientSettings, EngineClientSettings
from socketio_core.wire.client.site import CLOSE_S
from tests.adapters.bench import until
from tests.adapters.client.server import Connection, Talk, open_packet, raw_server, switching, text
from tests.adapters.loops import both_loops_tcp, loop

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
