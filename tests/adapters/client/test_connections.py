"""A client's connections for polling, over real sockets: which are used again, and that none is left open."""

from __future__ import annotations

from tests.adapters.bench import until
from tests.adapters.client.server import Connection, raw_server, response, then_close
from tests.adapters.loops import both_loops_tcp, loop


@both_loops_tcp
async def test_two_connections_do_for_polls_and_posts() -> None:
    async with (
        raw_server() as server,
        loop.connect(server.url, transports=["polling"], close_timeout_s=0.1) as socket,
    ):
        for number in range(5):
            await socket.emit("n", number)
            await until(lambda number=number: len(server.received) == number + 2, "it has come")  # type: ignore[misc]
        assert server.connections == 2


@both_loops_tcp
async def test_connection_that_the_server_has_closed_meanwhile_is_not_used() -> None:
    async with (
        raw_server({"post": then_close(response("ok"))}, upgrades=[]) as server,
        loop.connect(server.url, transports=["polling"], close_timeout_s=0.1, wait=False) as socket,
    ):
        await until(lambda: len(server.received) == 1, "it has asked to be let in")
        await loop.settle()
        server.to_poll.send_nowait('40{"sid":"A"}')
        await until(lambda: socket.connected, "it was let in")
        for number in range(3):
            await socket.emit("n", number)
            await until(lambda number=number: len(server.received) == number + 2, "it has come")  # type: ignore[misc]
            await loop.settle()
        assert socket.connected
        assert server.connections == 5


@both_loops_tcp
async def test_end_that_nobody_has_read_yet_is_looked_for_in_the_socket() -> None:
    """The loop may be busy while it comes."""
    ended = loop.new_event()

    async def answer_and_end(connection: Connection, key: bytes) -> None:
        await connection.write(response("ok"))
        await ended.wait()
        await connection.stream.aclose()

    async with (
        raw_server({"post": answer_and_end}) as server,
        loop.connect(server.url, transports=["polling"], close_timeout_s=0.1, wait=False) as socket,
    ):
        await until(lambda: len(server.received) == 1, "it has asked to be let in")
        server.to_poll.send_nowait('40{"sid":"A"}')
        await until(lambda: socket.connected, "it was let in")
        ended.set()
        await loop.checkpoint()  # the server's turn; the client's reader has none before the next line
        socket.emit_nowait("n")
        await until(lambda: len(server.received) == 2, "it has come")
        assert socket.connected


@both_loops_tcp
async def test_no_connection_outlives_the_block() -> None:
    ended: list[str] = []

    async def wait_for_the_end(connection: Connection, key: bytes) -> None:
        try:
            await connection.read_some()
        finally:
            ended.append("poll")

    async with raw_server({"poll": wait_for_the_end}) as server:
        async with loop.connect(server.url, transports=["polling"], close_timeout_s=0.1, wait=False):
            await until(lambda: server.received, "it has asked to be let in")
        await until(lambda: ended, "the poll has ended", 5)
