"""Proxies, and what goes wrong on the way to a server, in words."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from socketio_core import EngineClientSettings, Server
from socketio_core.app import Socket
from socketio_core.app.client_socket import ConnectError
from tests.adapters.bench import core_of, serving
from tests.adapters.client.server import raw_server
from tests.adapters.loops import both_loops_tcp, loop
from tests.adapters.tls import server_context, trusting

AUTHORIZATION = b"Basic YW5uOnNlY3JldA=="  # ann:secret


class HttpProxy:
    """A proxy that forwards requests in absolute form, and makes tunnels; `answer` replaces what it says to CONNECT."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.url = ""
        self.heads: list[bytes] = []

    async def serve(self, stream: Any) -> None:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                data = await stream.receive_some()
                if not data:
                    return
                head += data
            self.heads.append(head)
            line = head.partition(b"\r\n")[0].decode()
            if line.startswith("CONNECT"):
                if self.answer is not None:
                    await stream.send_all(self.answer)
                    await stream.aclose()
                    return
                port = line.split()[1].partition(":")[2]
                other = await loop.connect_tcp(int(port))
                await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                found = re.match(r"\w+ http://([\d.]+):(\d+)(/\S*) ", line)
                assert found, line
                other = await loop.connect_tcp(int(found[2]))
                await other.send_all(head.replace(f"http://{found[1]}:{found[2]}".encode(), b"", 1))
            async with loop.open_nursery() as nursery:
                nursery.start_soon(pipe, stream, other)
                nursery.start_soon(pipe, other, stream)
        except trio.BrokenResourceError:
            pass


async def pipe(source: Any, target: Any) -> None:
    try:
        while data := await source.receive_some():
            # Requests that follow on the same connection are in absolute form too.
            await target.send_all(re.sub(rb"^(GET|POST) http://[\d.:]+/", rb"\1 /", bytes(data)))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        await target.aclose()


@asynccontextmanager
async def proxying(answer: bytes | None = None) -> AsyncGenerator[HttpProxy]:
    """Run a proxy on a free port of 127.0.0.1."""
    proxy = HttpProxy(answer)
    async with loop.open_nursery() as nursery:
        proxy.url = f"http://ann:secret@127.0.0.1:{await loop.serve_tcp(nursery, proxy.serve)}"
        yield proxy
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_both_transports_go_through_a_proxy(transport: str) -> None:
    async with raw_server() as server, proxying() as proxy:
        options = {"transports": [transport], "proxy": proxy.url}
        async with loop.connect(server.url, close_timeout_s=1.0, **options) as socket:
            assert socket.id == "A"
        method = b"CONNECT " if transport == "websocket" else b"GET http://127.0.0.1:"
        assert proxy.heads[0].startswith(method)
        assert b"proxy-authorization: " + AUTHORIZATION in proxy.heads[0].lower().replace(
            AUTHORIZATION.lower(), AUTHORIZATION
        )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "proxy refused the tunnel: HTTP 407 Proxy Authentication",
        ),
        (b"HTTP/1.1 300 Choose\r\n\r\n", "proxy refused the tunnel: HTTP 300 Choose"),
        (b"HTTP/1.1 502 \r\n\r\n", "proxy refused the tunnel: HTTP 502"),
        (b"rubbish\r\n\r\n", "proxy does not speak HTTP"),
        (b"", "proxy"),
        (b"HTTP/1.1 200 OK\r\n\r\nearly", "proxy sent something before the server could"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n", "proxy refused the tunnel: HTTP 403 No"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 21, "proxy sent more than 20 informational responses"),
    ],
)
@both_loops_tcp
async def test_proxies_refuse_in_words(answer: bytes, problem: str) -> None:
    async with raw_server() as server, proxying(answer) as proxy:
        with pytest.raises(ConnectError) as error:
            async with loop.connect(server.url, transports=["websocket"], proxy=proxy.url):
                pytest.fail("it must not connect")
        assert problem in error.value.message


@both_loops_tcp
async def test_end_in_the_middle_of_a_tls_handshake_is_told_without_a_guess() -> None:
    async with proxying(b"HTTP/1.1 200 OK\r\n\r\n") as proxy:
        with pytest.raises(ConnectError) as caught:
            async with loop.connect("https://localhost:81", transports=["websocket"], proxy=proxy.url):
                pytest.fail("it must not connect")
    assert caught.value.message.endswith("websocket: TLS: the connection was closed during the handshake")


@both_loops_tcp
async def test_server_that_does_not_shake_hands_is_given_up_in_time() -> None:
    async def say_nothing(*_: object) -> None:
        await loop.sleep_forever()

    async with raw_server({"accept": say_nothing}) as server:
        with pytest.raises(ConnectError):
            async with loop.connect(server.url.replace("http://", "https://"), transports=["websocket"]):
                pytest.fail("it must not connect")
        assert loop.current_time() == pytest.approx(EngineClientSettings().open_timeout_s, abs=1)


@both_loops_tcp
async def test_proxy_that_is_not_there_is_named() -> None:
    with pytest.raises(ConnectError, match=r"proxy 127\.0\.0\.1:1: Connection refused"):
        async with loop.connect("http://127.0.0.1:9", proxy="http://127.0.0.1:1"):
            pytest.fail("it must not connect")


@both_loops_tcp
async def test_plain_server_behind_https_is_told() -> None:
    async with raw_server({"accept": b"HTTP/1.1 400 Bad request\r\n\r\n"}) as server:
        with pytest.raises(ConnectError, match=r"TLS: .* \(does the server speak TLS there\?\)"):
            async with loop.connect(server.url.replace("http://", "https://"), transports=["websocket"]):
                pytest.fail("it must not connect")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_tls_is_spoken_with_whom_the_context_trusts(transport: str, certificate: Path) -> None:
    async with serving(Server(), tcp=True, ssl_context=server_context(certificate)) as bench:
        url = bench.urls[0].replace("127.0.0.1", "localhost")
        async with loop.connect(url, transports=[transport], ssl_context=trusting(certificate)) as socket:
            assert await socket.call("echo", "x" * 500_000) == "x" * 500_000
        with pytest.raises(ConnectError, match=r"the certificate is not trusted: .* \(see ssl_context\)"):
            async with loop.connect(url, transports=[transport]):
                pytest.fail("it must not connect")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_tls_goes_through_the_tunnel_of_a_proxy(transport: str, certificate: Path) -> None:
    io = Server()

    @io.on("echo")
    def echo(_: Socket, value: str) -> str:
        return value

    async with loop.open_nursery() as nursery, proxying() as proxy:
        (url,) = await loop.serve(nursery, io, host="127.0.0.1", ssl_context=server_context(certificate))
        port = url.rpartition(":")[2]
        options = {"transports": [transport], "proxy": proxy.url, "ssl_context": trusting(certificate)}
        async with loop.connect(f"https://localhost:{port}", **options) as socket:
            assert await socket.call("echo", "x" * 100_000) == "x" * 100_000
            (member,) = core_of(io).hub.of("/").members.values()
            assert member.connection.session.request.scheme == "https"
        assert proxy.heads
        for head in proxy.heads:
            assert head.startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())
            assert b"proxy-authorization: " + AUTHORIZATION in head
        nursery.cancel_scope.cancel()


@both_loops_tcp
async def test_default_tls_context_is_made_once() -> None:
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def make() -> ssl.SSLContext:
        made.append(create())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", make)
        async with raw_server({"accept": b"HTTP/1.1 400 Bad request\r\n\r\n"}) as server:
            with pytest.raises(ConnectError):
                async with loop.connect(server.url.replace("http://", "https://"), try_all_transports=True):
                    pytest.fail("it must not connect")
            assert server.connections == 2
    assert len(made) == 1


# -- Unix sockets ------------------------------------------------------------------------------------------------------


@both_loops_tcp
async def test_unix_socket(tmp_path: Path) -> None:
    """What `serve` calls it is what `connect` takes."""
    io = Server()

    @io.on("who")
    def who(socket: Socket) -> list[str]:
        return [socket.handshake.address, socket.handshake.headers["host"]]

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "app.sock"))
    listening.listen()
    async with loop.open_nursery() as nursery:
        (url,) = await loop.serve(nursery, io, listeners=[loop.listener_on(listening)])
        for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
            async with loop.connect(url, transports=transports) as client:
                assert await client.call("who") == ["unix:", "localhost"]
        nursery.cancel_scope.cancel()


@both_loops_tcp
async def test_unix_socket_that_is_not_there(tmp_path: Path) -> None:
    url = f"unix:{tmp_path / 'nobody.sock'}"
    with pytest.raises(ConnectError, match=f"{url}.*No such file or directory"):
        async with loop.connect(url):
            pytest.fail("nobody is there")
