"""`Server`: where it listens, whom it admits, what it answers outside the Socket.IO path, and how often it serves."""

from __future__ import annotations

import errno
import logging
import os
import socket as stdlib_socket
import ssl
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from socketio_core import EngineSettings, SocketSettings
from socketio_core.trio import Server
from tests.adapters.peer import Peer
from tests.trio.bench import MemoryListener, connect_tcp, serving, trio_tcp_test, trio_test, unix_socket
from tests.wire.written import request

# -- serve -------------------------------------------------------------------------------------------------------------


async def _ask(stream: trio.abc.Stream) -> int:
    peer = Peer(stream)
    try:
        return (await peer.ask()).status
    finally:
        await peer.close()


@trio_tcp_test
async def test_tells_and_logs_the_url_of_the_port_that_the_system_chose(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(Server().serve, "127.0.0.1", 0)
        assert len(urls) == 1
        assert urls[0].startswith("http://127.0.0.1:")
        assert caplog.messages == [f"serving at {urls[0]}"]
        peer = await connect_tcp(urls[0])
        assert await _ask(peer.stream) == 200
        nursery.cancel_scope.cancel()


@trio_tcp_test
async def test_serves_ipv6() -> None:
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(Server().serve, "::1", 0)
        assert urls[0].startswith("http://[::1]:")
        stream = await trio.open_tcp_stream("::1", int(urls[0].rpartition(":")[2]))
        assert await _ask(stream) == 200
        nursery.cancel_scope.cancel()


@trio_tcp_test
async def test_serves_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    sock = unix_socket(str(path))
    sock.listen()
    async with trio.open_nursery() as nursery:
        listeners = [trio.SocketListener(sock)]
        urls: list[str] = await nursery.start(partial(Server().serve, listeners=listeners))
        assert urls == [f"unix:{path}"]
        assert await _ask(await trio.open_unix_socket(path)) == 200
        nursery.cancel_scope.cancel()


@trio_test
async def test_serves_several_listeners_and_closes_them() -> None:
    listeners = [MemoryListener(), MemoryListener()]
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(partial(Server().serve, listeners=listeners))
        assert len(urls) == 2
        for listener in listeners:
            assert await _ask(listener.connect()) == 200
        nursery.cancel_scope.cancel()
    for listener in listeners:
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()


@trio_tcp_test
async def test_taken_port_is_an_os_error_and_another_may_be_tried() -> None:
    with stdlib_socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        io = Server()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: .* in use") as caught:
            await io.serve("127.0.0.1", port)
        assert caught.value.errno == errno.EADDRINUSE
    async with serving(io, tcp=True) as bench:
        await bench.check_still_serves()


@trio_test
async def test_serves_once() -> None:
    io = Server()
    async with serving(io) as bench:
        with pytest.raises(RuntimeError, match="serves once"):
            await io.serve(listeners=[MemoryListener()])
        await bench.check_still_serves()
    with pytest.raises(RuntimeError, match="serves once"):
        await io.serve(listeners=[MemoryListener()])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"engine": SocketSettings()}, r"engine must be EngineSettings\(...\), not: SocketSettings"),
        ({"engine": {"ping_interval_s": 1}}, "engine must be EngineSettings"),
        ({"settings": EngineSettings()}, "settings must be SocketSettings"),
        ({"timeouts": 5}, "timeouts must be a Timeouts"),
        ({"json": "orjson"}, "json must have dumps and loads, as the module orjson has: 'orjson'"),
        ({"cors": "*"}, "cors must be a Cors"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused_at_once(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        Server(**options)


@trio_test
async def test_cancelled_before_it_began_it_ends_and_closes_its_listeners() -> None:
    listener = MemoryListener()
    with trio.CancelScope() as scope:
        scope.cancel()
        await Server().serve(listeners=[listener])
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


class _Failing(MemoryListener):
    """Fails to accept as many times as there are errors, then goes on."""

    def __init__(self, *errors: int) -> None:
        super().__init__()
        self._errors = list(errors)

    async def accept(self) -> trio.abc.Stream:
        if self._errors:
            code = self._errors.pop(0)
            raise OSError(code, os.strerror(code))
        return await super().accept()

    async def aclose(self) -> None:
        """Close without a checkpoint, where a cancellation would take the place of the error."""


@trio_test
async def test_waits_when_the_process_has_no_file_descriptors_left(caplog: pytest.LogCaptureFixture) -> None:
    listener = _Failing(errno.EMFILE, errno.ENFILE)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(Server().serve, listeners=[listener]))
        assert await _ask(listener.connect()) == 200
        assert trio.current_time() == pytest.approx(0.2)
        nursery.cancel_scope.cancel()
    assert caplog.text.count("cannot accept connections") == 2


@trio_test
async def test_listener_that_breaks_ends_the_server_with_its_own_error() -> None:
    with pytest.raises(OSError, match="No such device") as caught:
        await Server().serve(listeners=[_Failing(errno.ENODEV), MemoryListener()])
    assert caught.value.errno == errno.ENODEV


@trio_test
async def test_listeners_that_break_together_end_the_server_with_both_errors() -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await Server().serve(listeners=[_Failing(errno.ENODEV), _Failing(errno.ENOTSUP)])
    codes = {error.errno for error in caught.value.exceptions if isinstance(error, OSError)}
    assert codes == {errno.ENODEV, errno.ENOTSUP}


def _has_heard(client: stdlib_socket.socket) -> bool:
    """Whether the server has answered, or ended the connection."""
    try:
        client.recv(12)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def _newcomers(address: tuple[str, int], stack: ExitStack) -> list[stdlib_socket.socket]:
    """Return clients that have connected, and asked for something: over TLS that is no handshake, which ends them."""
    clients = [stack.enter_context(stdlib_socket.create_connection(address)) for _ in range(100)]
    for client in clients:
        client.settimeout(0)
        client.send(request("/elsewhere"))
    return clients


@pytest.mark.parametrize("is_secure", [False, True])
@trio_tcp_test
async def test_newcomers_do_not_wait_a_turn_for_each_who_came_before(is_secure: bool) -> None:  # noqa: FBT001
    plain = stdlib_socket.create_server(("127.0.0.1", 0), backlog=200)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if is_secure else None
    with ExitStack() as stack:
        clients = _newcomers(plain.getsockname(), stack)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(Server().serve, listeners=[listener], ssl_context=context))
            for _ in range(40):
                await trio.lowlevel.checkpoint()
            assert all(map(_has_heard, clients))
            nursery.cancel_scope.cancel()
