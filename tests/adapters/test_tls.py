"""The same over TLS: frames go through the stream and not to the socket, and handshakes can fail in their own ways."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from socketio_core import EngineSettings, Server, ServerLimits, Timeouts
from socketio_core.app import Socket
from tests.adapters.bench import Bench, open_files, serving, until
from tests.adapters.loops import both_loops_tcp, loop
from tests.adapters.peer import Ended, Peer
from tests.adapters.tls import TlsStream, server_context, trusting
from tests.wire.written import close_frame, frame, request


class SecureBench(Bench):
    """A bench whose clients come over TLS.

    Attributes:
        client_context: of those that come next.
    """

    client_context: ssl.SSLContext

    async def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """See `Bench`."""
        peer = await self.connect_plain()
        return Peer(TlsStream(peer.stream, self.client_context))

    async def connect_plain(self) -> Peer:
        """Return the client's end of a new connection that is not encrypted."""
        return await super().connect()


@asynccontextmanager
async def secure(certificate: Path, io: Server | None = None) -> AsyncGenerator[SecureBench]:
    """Serve with TLS."""
    context = server_context(certificate)
    async with serving(io or Server(), tcp=True, bench=SecureBench, ssl_context=context) as bench:
        bench.client_context = trusting(certificate)
        yield bench


@both_loops_tcp
async def test_both_transports_work_and_the_handshake_says_secure(certificate: Path) -> None:
    async with secure(certificate) as bench:
        assert bench.urls[0].startswith("https://127.0.0.1:")
        await bench.check_still_serves()
        client = await bench.websocket()
        handshake = bench.io.sockets.sockets[client.socket_id].handshake
        assert handshake.secure
        assert handshake.address == "127.0.0.1"
        await client.close()


@both_loops_tcp
async def test_origin_is_compared_with_https(certificate: Path) -> None:
    async with secure(certificate) as bench:
        peer = await bench.connect()
        assert (await peer.ask(headers=["Origin: https://test"])).status == 200
        assert (await peer.ask(headers=["Origin: http://test"])).status == 403
        assert "expected 'https://test'" in bench.take_log()


@both_loops_tcp
async def test_a_thousand_messages_arrive_in_order_though_the_client_reads_slowly(certificate: Path) -> None:
    io = Server(engine=EngineSettings(high_water_bytes=50_000))

    @io.on("count")
    async def count(socket: Socket) -> None:
        for number in range(1000):
            await socket.emit("n", number, "x" * 1000)

    async with secure(certificate, io) as bench:
        client = await bench.websocket()
        await client.emit("count")
        await loop.settle()
        for number in range(1000):
            assert (await client.take_event())[1] == number
        await client.close()
        await until(lambda: bench.reason_of(client) == "transport close", "it has left", 5)


@both_loops_tcp
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


@both_loops_tcp
async def test_parked_poll_is_abandoned_without_a_goodbye(certificate: Path) -> None:
    async with secure(certificate) as bench:
        client = await bench.polling()
        peer = await bench.connect()
        await peer.send(request(client.target))
        await loop.settle()
        await peer.close()
        await loop.settle()
        await bench.io.emit("news")
        assert await client.take_event() == ["news"]


@both_loops_tcp
async def test_client_that_does_not_talk_tls_is_dropped_in_silence(certificate: Path) -> None:
    async with secure(certificate) as bench:
        for sent in (b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"\xff" * 100, b"\x16\x03\x01"):
            peer = await bench.connect_plain()
            await peer.send(sent)
            await peer.rest()
        await bench.check_still_serves()


@both_loops_tcp
async def test_tls_handshake_must_be_done_in_header_s(certificate: Path) -> None:
    async with secure(certificate) as bench:
        peer = await bench.connect_plain()
        assert await peer.rest() == b""
        assert loop.current_time() == pytest.approx(Timeouts().header_s)


@both_loops_tcp
async def test_client_that_refuses_the_certificate_is_no_failure(certificate: Path) -> None:
    async with secure(certificate) as bench:
        bench.client_context, good = ssl.create_default_context(), bench.client_context
        peer = await bench.connect()
        with pytest.raises(trio.BrokenResourceError):
            await peer.stream.send_all(request())
        bench.client_context = good
        await bench.check_still_serves()


@both_loops_tcp
async def test_garbage_inside_the_encryption_is_no_failure(certificate: Path) -> None:
    async with secure(certificate) as bench:
        polling, websocket = await bench.polling(), await bench.websocket()
        parked = await bench.connect()
        await parked.send(request(polling.target))
        for peer in (parked, websocket.peer):
            plain = Peer(peer.stream.below)
            await loop.settle()
            await plain.send(b"\xff" * 1000)
            await plain.rest()
        await bench.check_still_serves()


@both_loops_tcp
async def test_who_has_keys_changed_again_and_again_does_not_hold_up_others(certificate: Path) -> None:
    """In TLS 1.3 they may, and it takes OpenSSL as long as much data: it is given some at a time."""
    handled: list[str] = []
    io = Server()

    @io.on("told")
    async def told(_: Socket, name: str) -> None:
        handled.append(name)

    async with secure(certificate, io) as bench:
        neighbour, *crowd = [await bench.websocket() for _ in range(6)]
        for _ in range(5):
            handled.clear()
            for client in crowd:
                await client.peer.stream.change_keys(600)
                await client.emit("told", "hostile")
            await neighbour.emit("told", "neighbour")
            await until(lambda: len(handled) == 6, "all were handled", 10)
            assert handled.index("neighbour") < 2


# -- handshakes that stall or fail -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stalling", [1, 2, 3])
@both_loops_tcp
async def test_no_more_may_shake_hands_than_there_may_be_connections(stalling: int, certificate: Path) -> None:
    limit = 2
    async with secure(certificate, Server(limits=ServerLimits(max_connections=limit))) as bench:
        begun = loop.current_time()
        stalled = [await bench.connect_plain() for _ in range(stalling)]
        await loop.settle()
        for surplus in stalled[limit:]:
            assert await surplus.rest() == b""
        newcomer = await bench.connect()
        if stalling < limit:
            assert (await newcomer.ask()).status == 200
        else:
            with pytest.raises((Ended, ssl.SSLError, trio.BrokenResourceError)):
                await newcomer.ask()
        await newcomer.close()
        for peer in stalled:
            await peer.close()
        await loop.settle()
        assert (await (await bench.connect()).ask()).status == 200
        assert loop.current_time() - begun < Timeouts().header_s


@both_loops_tcp
async def test_who_has_shaken_hands_is_counted_as_a_connection_alone(certificate: Path) -> None:
    async with secure(certificate, Server(limits=ServerLimits(max_connections=1))) as bench:
        assert (await (await bench.connect()).ask()).status == 200
        assert (await (await bench.connect()).ask()).status == 503


@both_loops_tcp
async def test_nothing_is_kept_of_handshakes_that_failed(certificate: Path) -> None:
    async with secure(certificate) as bench:
        await bench.check_still_serves()
        await bench.close_peers()
        await loop.settle()
        tasks, files = loop.task_count(), open_files()
        for sent in (b"", b"\x16\x03\x01", b"\xff" * 100):
            leaving, reset, stalling = [await bench.connect_plain() for _ in range(3)]
            for peer in (leaving, reset, stalling):
                await peer.send(sent)
            await leaving.close()
            await reset.reset()
            assert await stalling.rest() == b""
            await stalling.close()
        await loop.settle()
        assert (loop.task_count(), open_files()) == (tasks, files)


@pytest.mark.parametrize("turns", range(6))
@both_loops_tcp
async def test_handshakes_do_not_hold_up_the_end(turns: int, certificate: Path) -> None:
    """Nor do those that are accepted in the same moment, or are about to begin."""
    files = open_files()
    async with secure(certificate) as bench:
        begun = loop.current_time()
        silent, half = await bench.connect_plain(), await bench.connect_plain()
        await half.send(b"\x16\x03\x01")
        await loop.settle()
        await bench.connect_plain()
        for _ in range(turns):
            await loop.checkpoint()
        bench.nursery.cancel_scope.cancel()
        assert await silent.rest() == await half.rest() == b""
        assert loop.current_time() - begun < 1
    assert open_files() == files
