"""TLS on asyncio: what the loop does with sockets that the server has accepted itself."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
import tracemalloc
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from socketio_core.asyncio import Server, connect
from tests.adapters.bench import open_files
from tests.adapters.loops import loop, one_loop
from tests.adapters.test_tls import secure
from tests.adapters.tls import server_context, trusting
from tests.asyncio.bench import Bench, asyncio_test, serving


class _Broken(ssl.SSLContext):
    """Fails as that of an application may which has methods of its own."""

    def wrap_bio(self, *_: Any, **__: Any) -> ssl.SSLObject:
        raise ValueError("broken")


def _waits_for_no_descriptor(*_: object) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("lacks", ["a loop that waits for descriptors", "an epoll", "nothing"])
@asyncio_test
async def test_serves_with_and_without_sockets_of_its_own(
    lacks: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patch:
            if lacks == "an epoll":
                patch.setattr(sys.modules["socketio_core.asyncio.serve"], "CAN_WATCH", False)
            elif lacks != "nothing":
                patch.setattr(asyncio.get_running_loop(), "add_reader", _waits_for_no_descriptor)
            bench: Bench = await stack.enter_async_context(serving(Server(), ssl_context=server_context(certificate)))
        url = bench.urls[0].replace("127.0.0.1", "localhost")
        async with connect(url, ssl_context=trusting(certificate)) as client:
            assert await client.call("echo", 1) == 1
            (member,) = bench.io.sockets.sockets.values()
            assert member.handshake.address in {"127.0.0.1", "::1"}


@pytest.mark.parametrize("is_second", [False, True])
@pytest.mark.parametrize("turns", range(8))
@asyncio_test
async def test_cancelling_all_tasks_leaves_no_socket(turns: int, is_second: bool, certificate: Path) -> None:  # noqa: FBT001
    """As the end of the event loop does, wherever a handshake is."""
    files = open_files()
    started: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    serve = Server().serve("127.0.0.1", ssl_context=server_context(certificate), started=started)
    server = asyncio.create_task(serve)
    port = int((await started)[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"\x16\x03\x01")
        await asyncio.sleep(0.1)
        with socket.create_connection(("127.0.0.1", port)):  # which is accepted in the next turn of the loop
            for _ in range(turns):
                await asyncio.sleep(0)
            for _ in range(1 + is_second):
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
                await asyncio.sleep(0)
            with suppress(asyncio.CancelledError):
                await server
    assert open_files() == files


@pytest.mark.parametrize("turns", range(6))
@asyncio_test
async def test_who_comes_while_the_server_ends_is_closed_with_it(turns: int, certificate: Path) -> None:
    async with serving(Server(), ssl_context=server_context(certificate)) as bench:
        address = ("127.0.0.1", int(bench.urls[0].rpartition(":")[2]))
        files = open_files()
        bench.task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        with suppress(OSError), socket.create_connection(address):
            await asyncio.wait([bench.task])
            assert open_files() == files - 1  # the client's is new, those of the listener and the watcher are gone


@asyncio_test
async def test_handshake_that_cannot_even_begin_costs_a_client_its_connection_and_no_more() -> None:
    async with serving(Server(), ssl_context=_Broken(ssl.PROTOCOL_TLS_SERVER)) as bench:
        for _ in range(2):
            peer = await bench.connect()
            assert await peer.rest() == b""
        assert bench.take_log().count("a TLS handshake failed") == 2


@one_loop("asyncio", tcp=True)
async def test_connections_take_little_whether_they_shake_hands_or_are_through(certificate: Path) -> None:
    """Each had a buffer of 256 kB."""
    count = 20
    async with secure(certificate) as bench:
        await bench.check_still_serves()
        tracemalloc.start()
        try:
            for sent in (b"", b"\x16\x03\x01"):
                before, _ = tracemalloc.get_traced_memory()
                for _ in range(count):
                    await (await bench.connect_plain()).send(sent)
                await loop.settle()
                assert tracemalloc.get_traced_memory()[0] - before < count * 30_000
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(count):
                assert (await (await bench.connect()).ask()).status == 200
            assert tracemalloc.get_traced_memory()[0] - before < count * 60_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("kind", ["is served", "says nothing", "talks no TLS", "breaks off", "goes", "is too late"])
@one_loop("asyncio", tcp=True)
async def test_what_a_connection_held_is_free_when_it_is_over(kind: str, certificate: Path) -> None:
    """At once: nothing waits for the garbage collector, which comes late where much is in use."""
    sent = {"talks no TLS": b"GET / HTTP/1.1\r\n\r\n", "breaks off": b"\x16\x03\x01"}
    async with secure(certificate) as bench:
        await bench.check_still_serves()
        await loop.settle()
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                if kind in ("is served", "says nothing"):
                    peer = await bench.connect()
                    if kind == "is served":
                        await peer.ask()
                    else:
                        await peer.send(b"G")
                else:
                    peer = await bench.connect_plain()
                    await peer.send(sent.get(kind, b""))
                    if kind == "is too late":
                        await peer.rest()
                await peer.close()
            await loop.settle()
            await loop.sleep(1)
            assert [each for each in gc.get_objects() if isinstance(each, ssl.SSLObject) and each.server_side] == []
        finally:
            gc.enable()
