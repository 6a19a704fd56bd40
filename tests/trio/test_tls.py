"""The same over TLS: frames go through the stream and not to the socket, and handshakes can fail in their own ways."""

from __future__ import annotations

import gc
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core import EngineSettings
from socketio_core.app import Socket
from socketio_core.trio import Server, Timeouts
from tests.adapters.clients import WebSocketClient
from tests.adapters.peer import Ended, Peer
from tests.trio.bench import Bench, MemoryListener, serving, trio_tcp_test, trio_test, until
from tests.wire.written import close_frame, frame, request


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@asynccontextmanager
async def secure(certificate: Path, io: Server | None = None, *, tcp: bool = False) -> AsyncGenerator[Bench]:
    """Serve with TLS, in memory or on a real socket."""
    async with serving(io or Server(), tcp=tcp, ssl_context=_server_context(certificate)) as bench:
        bench.client_context = ssl.create_default_context(cafile=str(certificate))
        yield bench


@pytest.mark.parametrize("tcp", [False, True], ids=["memory", "TCP"])
@trio_tcp_test
async def test_both_transports_work_and_the_handshake_says_secure(certificate: Path, tcp: bool) -> None:  # noqa: FBT001 - a row
    async with secure(certificate, tcp=tcp) as bench:
        if tcp:
            assert bench.urls[0].startswith("https://127.0.0.1:")
        await bench.check_still_serves()
        client = await bench.websocket()
        handshake = bench.io.sockets.sockets[client.socket_id].handshake
        assert handshake.secure
        assert handshake.address == ("127.0.0.1" if tcp else "")
        await client.close()


@trio_test
async def test_origin_is_compared_with_https(certificate: Path) -> None:
    async with secure(certificate) as bench:
        peer = await bench.connect()
        assert (await peer.ask(headers=["Origin: https://test"])).status == 200
        assert (await peer.ask(headers=["Origin: http://test"])).status == 403
        assert "expected 'https://test'" in bench.take_log()


@trio_tcp_test
async def test_a_thousand_messages_arrive_in_order_though_the_client_reads_slowly(certificate: Path) -> None:
    io = Server(engine=EngineSettings(high_water_bytes=50_000))

    @io.on("count")
    async def count(socket: Socket) -> None:
        for number in range(1000):
            await socket.emit("n", number, "x" * 1000)

    async with secure(certificate, io, tcp=True) as bench:
        client = await bench.websocket()
        await client.emit("count")
        await wait_all_tasks_blocked(0.05)
        for number in range(1000):
            assert (await client.take_event())[1] == number
        await client.close()
        await until(lambda: bench.reason_of(client) == "transport close", "it has left", 5)


@trio_test
async def test_closing_handshake_works_both_ways(certificate: Path) -> None:
    io = Server()

    @io.on("bye")
    async def bye(socket: Socket) -> None:
        await socket.disconnect(close=True)

    async with secure(certificate, io) as bench:
        first, second, third = [await bench.websocket() for _ in range(3)]
        await first.peer.send(close_frame(1000))
        assert await first.close_code() == 1000
        await second.emit("bye")
        assert await second.take() == "41"
        with pytest.raises(Ended):
            await second.packet()
        await second.peer.send(close_frame())
        assert await second.peer.rest() == b""
        await third.peer.send(frame("x", rsv=7))
        assert await third.close_code() == 1002
        await until(lambda: bench.session_count == 0, "all are gone", 10)


@trio_test
async def test_parked_poll_is_abandoned_without_a_goodbye(certificate: Path) -> None:
    async with secure(certificate) as bench:
        client = await bench.polling()
        peer = await bench.connect()
        await peer.send(request(client.target))
        await wait_all_tasks_blocked()
        await peer.close()
        await bench.io.emit("news")
        assert await client.take_event() == ["news"]


@trio_test
async def test_client_that_does_not_talk_tls_is_dropped_in_silence(certificate: Path) -> None:
    async with secure(certificate) as bench:
        scopes = _scope_count()
        for sent in (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"\xff" * 100, b"\x16\x03\x01") * 10:
            peer = await bench.connect_plain()
            await peer.send(sent)
            await peer.rest()
        await bench.check_still_serves()
        assert _scope_count() < scopes + 30, "none is kept behind its handshake"


def _scope_count() -> int:
    gc.collect()
    return sum(isinstance(each, trio.CancelScope) for each in gc.get_objects())


@trio_test
async def test_tls_handshake_must_be_done_in_header_s(certificate: Path) -> None:
    async with secure(certificate) as bench:
        peer = await bench.connect_plain()
        assert await peer.rest() == b""
        assert trio.current_time() == pytest.approx(Timeouts().header_s)


@trio_test
async def test_client_that_refuses_the_certificate_is_no_failure(certificate: Path) -> None:
    async with secure(certificate) as bench:
        bench.client_context, good = ssl.create_default_context(), bench.client_context
        peer = await bench.connect()
        with pytest.raises(trio.BrokenResourceError):
            await peer.stream.send_all(request())
        bench.client_context = good
        await bench.check_still_serves()


@trio_test
async def test_garbage_inside_the_encryption_is_no_failure(certificate: Path) -> None:
    async with secure(certificate) as bench:
        polling, websocket = await bench.polling(), await bench.websocket()
        parked = await bench.connect()
        await parked.send(request(polling.target))
        for peer in (parked, websocket.peer):
            plain = Peer(cast("trio.SSLStream[trio.abc.Stream]", peer.stream).transport_stream)
            await wait_all_tasks_blocked()
            await plain.send(b"\xff" * 1000)
            await plain.rest()
        await bench.check_still_serves()


@trio_test
async def test_connections_that_shake_hands_do_not_hold_up_the_end(certificate: Path) -> None:
    """Nor does one that is accepted in the same moment; which comes first is up to trio, so there are several goes."""
    for _ in range(10):
        listener = MemoryListener()
        context = _server_context(certificate)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(Server().serve, listeners=[listener], ssl_context=context))
            peers = [listener.connect_peer() for _ in range(3)]
            await peers[0].send(b"\x16\x03\x01")
            await wait_all_tasks_blocked()
            peers.append(listener.connect_peer())
            nursery.cancel_scope.cancel()
    assert trio.current_time() == 0


@trio_test
async def test_listener_that_has_tls_already_is_served_as_such(certificate: Path) -> None:
    listener = MemoryListener()
    context = _server_context(certificate)
    io = Server()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(io.serve, listeners=[trio.SSLListener(listener, context)]))
        client_context = ssl.create_default_context(cafile=str(certificate))
        stream = trio.SSLStream(listener.connect(), client_context, server_hostname="localhost")
        client = WebSocketClient(Peer(stream))
        await client.open()
        await client.join()
        assert io.sockets.sockets[client.socket_id].handshake.secure
        await client.peer.close()
        nursery.cancel_scope.cancel()
