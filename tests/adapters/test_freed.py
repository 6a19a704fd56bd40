"""Nothing of a connection that is over is left to Python's garbage collector, whoever reads and writes it.

What clients may have done before is in `tests.app.test_freed`.
"""

from __future__ import annotations

import gc
import ssl
from pathlib import Path

import pytest

from socketio_core import Server
from tests.adapters.bench import Bench, serving, until
from tests.adapters.client.test_connect import serving as serving_at
from tests.adapters.loops import all_servers, both_loops_tcp, loop, one_loop
from tests.adapters.test_tls import secure
from tests.garbage import left_to_the_collector


async def come_and_go(bench: Bench) -> None:
    """Let a client of each kind be served."""
    await bench.check_still_serves()
    lost = await bench.websocket()
    await lost.echo()
    await lost.peer.close()
    refused = await bench.connect()
    await refused.send(b"what?\r\n\r\n")
    await refused.close()
    await bench.close_peers()
    await until(lambda: bench.session_count == 0, "all sessions are over")
    await loop.settle()
    await loop.sleep(60)


async def check(bench: Bench, *others: str) -> None:
    """Let them come and go, and look what is left."""
    await come_and_go(bench)  # what is made once is there afterwards
    with left_to_the_collector() as left:
        await come_and_go(bench)
    assert left.keys() <= {*others}


@all_servers
async def test_nothing_is_left_of_connections_in_memory() -> None:
    async with serving(Server()) as bench:
        await check(bench)


@both_loops_tcp
async def test_nothing_is_left_of_plain_sockets() -> None:
    async with serving(Server(), tcp=True) as bench:
        await check(bench)


@both_loops_tcp
async def test_nothing_is_left_of_connections_over_tls(certificate: Path) -> None:
    """A transport of asyncio's own knows itself, and has what reads records for it."""
    async with secure(certificate) as bench:
        await check(bench, *(["Records", "RecordSocket"] if loop.name == "asyncio" else []))


@one_loop("trio", tcp=True)
async def test_nothing_is_left_of_handshakes_that_failed_on_trio(certificate: Path) -> None:
    """Nor is a client kept that is gone until the next one comes; for asyncio, see `tests.asyncio.test_tls`."""
    async with secure(certificate) as bench:
        await bench.check_still_serves()
        await bench.close_peers()
        with left_to_the_collector("socketio_core", "ssl") as left:
            for sent in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
                peer = await bench.connect_plain()
                await peer.send(sent)
                await peer.close()
            await loop.settle()
            await loop.sleep(60)
        assert left == {}
        assert not [each for each in gc.get_objects() if isinstance(each, ssl.SSLObject) and each.server_side]


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
@both_loops_tcp
async def test_nothing_is_left_of_a_clients_earlier_connections(transports: list[str]) -> None:
    """A client itself is made once; its connections and sessions come and go."""
    async with serving_at() as url, loop.connect(url, transports=transports) as socket:

        async def come_back() -> None:
            await socket.call("echo")
            await loop.sleep(1)  # upgraded, if it can be
            await socket.disconnect()
            await loop.sleep(60)
            socket.connect()
            await until(lambda: socket.connected, "it is back")

        await come_back()
        with left_to_the_collector() as left:
            await come_back()
        assert left == {}
