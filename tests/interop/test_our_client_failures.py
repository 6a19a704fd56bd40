"""Our client when a server goes away, comes back, falls silent, compresses, or speaks TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from socketio_core.app import Disconnected
from socketio_core.app.client_socket import ConnectError
from tests.adapters.loops import loop
from tests.interop.ours import UPGRADE, Relay, Run, connect, settled, watch
from tests.interop.servers import SERVER_COMMANDS, ForeignServer, ping_settings

Start = Callable[..., ForeignServer]


class Counter(Relay):
    """Counts the bytes of all connections, both ways."""

    bytes_passed = 0

    def on_data(self, data: bytes) -> None:
        self.bytes_passed += len(data)


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start servers that end with the test."""
    running: list[ForeignServer] = []

    def begin(kind: str, settings: dict[str, Any] | None = None, **options: Any) -> ForeignServer:
        if kind == "node":
            request.getfixturevalue("node_modules")
        running.append(ForeignServer(kind, settings, **options))
        return running[-1]

    yield begin
    for server in running:
        server.close()


@pytest.fixture(params=[*SERVER_COMMANDS])
def kind(request: pytest.FixtureRequest) -> str:
    """Which server."""
    return str(request.param)


def test_server_restart_loses_nothing_that_was_emitted_meanwhile(
    run: Run,
    start: Start,
    kind: str,
    transports: list[str],
) -> None:
    async def main() -> None:
        server = start(kind)
        tokens = iter(range(100))
        options: dict[str, Any] = {"transports": transports, "reconnection_delay_s": 0.05}
        async with connect(server.url, auth=lambda: {"token": next(tokens)}, **options) as socket:
            reasons, gone = watch(socket)
            await settled(socket, transports)
            first = socket.id
            server.kill()
            await gone.wait()
            for number in range(10):
                await socket.emit("number", number)
            again = start(kind, port=server.port)
            await socket.wait_connected()
            assert (await again.take("connected", sid=socket.id))["auth"] == {"token": 1}
            assert socket.id != first
            assert await socket.call("numbers") == list(range(10))
            assert reasons[0] in ("transport close", "transport error")

    run(main)


def test_retries_deliver_at_least_once_across_a_restart(run: Run, start: Start, kind: str) -> None:
    async def main() -> None:
        server = start(kind)
        async with connect(server.url, reconnection_delay_s=0.05, retries=1000, ack_timeout_s=1) as socket:
            for number in range(5):
                await socket.emit("reliable", number)
            for number in range(5):
                await server.take("reliable", number=number)
            server.kill()
            for number in range(5, 10):
                await socket.emit("reliable", number)
            again = start(kind, port=server.port)
            for number in range(5, 10):
                await again.take("reliable", number=number)

    run(main)


def test_call_fails_when_the_server_dies(run: Run, start: Start, kind: str) -> None:
    async def main() -> None:
        server = start(kind)
        async with connect(server.url) as socket, loop.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(Disconnected):
                    await socket.call("nobody answers this", timeout=None)

            nursery.start_soon(ask)
            await socket.call("echo with ack")
            server.kill()

    run(main)


def test_state_is_recovered(run: Run, start: Start, transports: list[str]) -> None:
    async def main() -> None:
        server = start("node", {"connectionStateRecovery": {}})
        async with connect(server.url, transports=transports, reconnection_delay_s=0.01) as socket:
            missed: list[str] = []
            complete = loop.new_event()

            @socket.on("missed")
            def came(text: str) -> None:  # the server's mark does not fit, and is left out
                missed.append(text)
                if len(missed) == 3:
                    complete.set()

            streamed = socket.events()
            await settled(socket, transports)
            await socket.emit("echo", "first")  # its answer tells an offset
            assert (await anext(streamed))[:2] == ("echoed", "first")
            first = socket.id
            back = loop.new_event()
            socket.on("connect", back.set)
            await socket.emit("break")
            await back.wait()
            assert (socket.recovered, socket.id) == (True, first)
            await complete.wait()
            assert missed == ["number 0", "number 1", "number 2"]

    run(main)


def test_idle_connection_lives_by_its_heartbeat(run: Run, start: Start, transports: list[str]) -> None:
    """For longer than the server, or the client, would wait for the other; with both servers at once."""

    async def main() -> None:
        async with loop.open_nursery() as nursery:
            for kind in SERVER_COMMANDS:
                nursery.start_soon(stay, start(kind, ping_settings(kind, 0.2, 2)))

    async def stay(server: ForeignServer) -> None:
        async with connect(server.url, transports=transports) as socket:
            reasons, _ = watch(socket)
            pings = 0
            enough = loop.new_event()

            @socket.manager.on("ping")
            def ping() -> None:
                nonlocal pings
                pings += 1
                if pings == 13:
                    enough.set()

            await enough.wait()
            assert (socket.connected, reasons) == (True, [])

    run(main)


def test_frozen_server_is_noticed(run: Run, start: Start, transports: list[str]) -> None:
    """Both servers at once."""

    async def main() -> None:
        async with loop.open_nursery() as nursery:
            for kind in SERVER_COMMANDS:
                nursery.start_soon(lose, start(kind, ping_settings(kind, 0.2, 2)))

    async def lose(server: ForeignServer) -> None:
        async with connect(server.url, transports=transports, reconnection=False, close_timeout_s=0.1) as socket:
            await settled(socket, transports)
            reasons, gone = watch(socket)
            server.freeze()
            await gone.wait()
            assert reasons == ["ping timeout"]

    run(main)


@pytest.mark.parametrize("threshold", [0, 1024])
def test_messages_are_compressed_if_both_want_it(run: Run, start: Start, threshold: int) -> None:
    async def main() -> None:
        server = start("node", {"perMessageDeflate": {"threshold": threshold}})
        options: dict[str, Any] = {"transports": ["websocket"], "per_message_deflate": True}
        async with connect(server.url, **options) as socket:
            assert await socket.emit_with_ack("transport") == ["websocket", True]
            for size in (0, 1, 1000, 100_000):
                assert await socket.call("echo with ack", "ab" * size, bytes(size)) == ("ab" * size, bytes(size))
        async with connect(server.url, transports=["websocket"]) as socket:
            assert await socket.emit_with_ack("transport") == ["websocket", False]

    run(main)


def test_compression_is_agreed_on_and_used(run: Run, start: Start, kind: str) -> None:
    """Seen on the wire, for python-socketio does not say: 100 kB that repeat themselves take a few hundred bytes."""
    settings = {"perMessageDeflate": {"threshold": 0}} if kind == "node" else {}

    async def main() -> None:
        server = start(kind, settings)
        counter = Counter(server.port)
        async with loop.open_nursery() as nursery:
            url = await counter.serve(nursery)
            for is_wanted in (True, False):
                async with connect(url, transports=UPGRADE, per_message_deflate=is_wanted) as socket:
                    await settled(socket, UPGRADE)
                    before = counter.bytes_passed
                    assert await socket.call("echo with ack", "ab" * 50_000) == "ab" * 50_000
                    assert (counter.bytes_passed - before < 10_000) is is_wanted
            nursery.cancel_scope.cancel()

    run(main)


def test_tls(run: Run, start: Start, kind: str, transports: list[str], certificate: Path) -> None:
    async def main() -> None:
        server = start(kind, certificate=str(certificate))
        context = ssl.create_default_context(cafile=str(certificate))
        async with connect(server.url, transports=transports, ssl_context=context) as socket:
            await settled(socket, transports)
            assert await socket.call("echo with ack", b"x" * 100_000) == b"x" * 100_000
        with pytest.raises(ConnectError, match="certificate is not trusted: self-signed certificate"):
            async with connect(server.url, transports=transports):
                pytest.fail("it must not connect")

    run(main)
