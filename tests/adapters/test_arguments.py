"""What `Server`, `serve` and `connect` cannot be given is refused at once, by name; and what a timeout means."""

from __future__ import annotations

import json
import math
import signal
import ssl
from functools import partial
from typing import Any, Final

import pytest
import trio

import socketio_core.asyncio
import socketio_core.trio
from socketio_core import LocalProtocolError, Server
from socketio_core.app import Disconnected, Socket
from socketio_core.blocking import Emitter
from socketio_core.cluster import RedisAdapter
from tests.adapters.abstract import Loop
from tests.adapters.client.test_connect import serving
from tests.adapters.loops import LOOPS, both_loops_tcp, loop, one_loop

SERVE: Final[dict[str, Any]] = {"trio": socketio_core.trio.serve, "asyncio": socketio_core.asyncio.serve}


async def choose(_: object) -> str:
    return "a"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"path": "socket.io"}, "path must begin with '/'"),
        ({"path": "/socket.io?a=b"}, "path must begin with '/' and hold no query"),
        ({"path": "/ü"}, "as in '/%C3%BC'"),
        ({"path": None}, "path must be a string"),
        ({"client_dir": 5}, "client_dir must be the path of a folder, not: 5"),
        ({"client_dir": "/nowhere"}, "client_dir must be the folder 'dist' of npm's socket.io-client"),
        ({"http": "x"}, "http must be a function, not: 'x'"),
        ({"cors": "*"}, r"cors must be a Cors, as in Cors\(origins=.*\), not: '\*'"),
        ({"cors": ""}, "cors must be a Cors"),
        ({"allow_request": True}, "allow_request must be a function, not: True"),
        ({"engine": {}}, r"engine must be EngineSettings\(...\), not: {}"),
        ({"settings": {}}, r"settings must be SocketSettings\(...\), not: {}"),
        ({"timeouts": 5}, "timeouts must be a Timeouts"),
        ({"parser": 5}, r"parser must have encode and decoder, as JsonParser\(\) has, not: 5"),
        ({"json": 5}, "json must have dumps and loads"),
        ({"concurrency": 0}, "concurrency must be positive: 0"),
        ({"concurrency": True}, "concurrency must be a whole number"),
        ({"concurrency": 1.5}, "concurrency must be a whole number"),
        ({"per_message_deflate": {}}, "per_message_deflate must be True or False"),
        ({"shortcuts": None}, "shortcuts must be True or False"),
        ({"subprotocols": "chat"}, r"subprotocols must be a list of names, as in \['chat'\]"),
        ({"subprotocols": ["a b"]}, "subprotocols must be tokens"),
        ({"subprotocols": 5}, "subprotocols must be a list of names"),
        ({"subprotocols": choose}, "subprotocols must be a plain function, not an async one"),
    ],
)
def test_a_server_cannot_have(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        Server(**arguments)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"path": "engine.io"}, "path must begin with '/'"),
        ({"cors": "*"}, "cors must be a Cors"),
        ({"allow_request": 5}, "allow_request must be a function"),
        ({"engine": 5}, "engine must be EngineSettings"),
    ],
)
def test_an_engine_beside_it_cannot_have(arguments: dict[str, Any], problem: str) -> None:
    io = Server()
    with pytest.raises((TypeError, ValueError), match=problem):
        io.attach_engine(**arguments)
    assert io.attach_engine() is not None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"port": "3000"}, "port must be a whole number"),
        ({"port": 65536}, "port must be from 0 to 65535: 65536"),
        ({"port": -1}, "port must not be negative"),
        ({"host": 5}, "host must be an address or a name"),
        ({"ssl_context": True}, "ssl_context must be an ssl.SSLContext, not: True"),
        ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, "ssl_context must be of a server, as ssl.create"),
        ({"signals": signal.SIGTERM}, r"signals must be a list, as in \[signal.SIGTERM\], not: <Signals.SIGTERM"),
        ({"signals": "SIGTERM"}, "signals must be a list"),
        ({"signals": None}, "signals must be a list"),
        ({"signals": iter([signal.SIGTERM])}, "signals must be a list"),
        ({"signals": ["SIGTERM"]}, "signals must be of the module signal, .* not: 'SIGTERM'"),
        ({"signals": [True]}, "signals must be of the module signal"),
        ({"signals": [0]}, "signals must be such as a process can receive, .* not: 0"),
        ({"signals": [signal.SIGTERM, 1000]}, "signals must be such as a process can receive, .* not: 1000"),
        ({"signals": [signal.SIGKILL]}, "signals must be such as a process can receive"),
    ],
)
@both_loops_tcp
async def test_a_server_cannot_be_served_at(arguments: dict[str, Any], problem: str) -> None:
    io = Server()
    with pytest.raises((TypeError, ValueError), match=problem):
        await SERVE[loop.name](io, **arguments)
    async with serving(io):
        pass  # nothing has changed


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ("system", "ssl_context must be an ssl.SSLContext, not: 'system'"),
        (False, "ssl_context must be an ssl.SSLContext, not: False"),
        (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "ssl_context must be of a client"),
    ],
)
@both_loops_tcp
async def test_a_cluster_cannot_be_trusted_by(context: object, problem: str) -> None:
    adapter = RedisAdapter("rediss://127.0.0.1:1", ssl_context=context, start_degraded=True)
    with pytest.raises((TypeError, ValueError), match=problem):
        await SERVE[loop.name](Server(adapter=adapter), "127.0.0.1", 0)
    with pytest.raises((TypeError, ValueError), match=problem):
        Emitter("rediss://127.0.0.1:1", ssl_context=context)


@one_loop("trio", tcp=True)
async def test_signals_are_for_the_main_thread() -> None:
    io = Server()

    def serve() -> None:
        trio.run(partial(socketio_core.trio.serve, io, "127.0.0.1", 0, signals=[signal.SIGTERM]))

    with pytest.raises(RuntimeError, match="signals arrive in the main thread"):
        await trio.to_thread.run_sync(serve)
    async with serving(io):
        pass  # nothing has changed


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"url": None}, "URL must be a string, as in 'http://localhost:3000', not: None"),
        ({"url": "localhost:3000"}, "URL must look like 'http://localhost:3000'"),
        ({"url": "ftp://localhost"}, "URL must look like"),
        ({"url": "http://a..b"}, "not the name of a host"),
        ({"auth": "token"}, "auth must be a dict or a function"),
        ({"path": "io"}, "path must begin with '/'"),
        ({"path": "/io?a=b"}, "path must begin with '/' and hold no query"),
        ({"path": None}, "path must be a string"),
        ({"query": "a=b"}, "query must be a dict of strings"),
        ({"query": {"a": 1}}, "query must be a dict of strings"),
        ({"headers": [("a", "b")]}, "headers must be a dict of strings"),
        ({"headers": {"a": b"b"}}, "headers must be a dict of strings"),
        ({"headers": {"a": "→"}}, "headers must be in Latin-1, encode others yourself"),
        ({"headers": {"Sec-WebSocket-Protocol": "a"}}, "headers must leave this one to subprotocols"),
        ({"subprotocols": "chat"}, "subprotocols must be a list of names"),
        ({"transports": "websocket"}, r"transports must be a list, as in \['websocket'\]"),
        ({"upgrade": "no"}, "upgrade must be True or False"),
        ({"reconnection": 0}, "reconnection must be True or False"),
        ({"reconnection_attempts": math.inf}, "reconnection_attempts must be None or a whole number"),
        ({"reconnection_delay_s": math.nan}, "reconnection_delay_s must be a finite number"),
        ({"randomization_factor": "0.5"}, "randomization_factor must be a number from 0 to 1"),
        ({"connect_timeout_s": "5"}, "connect_timeout_s must be a number of seconds"),
        ({"close_timeout_s": -1}, "close_timeout_s must be positive"),
        ({"retries": 1.0}, "retries must be a whole number"),
        ({"ssl_context": False}, "ssl_context must be an ssl.SSLContext"),
        ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, "ssl_context must be of a client, as ssl.create"),
        ({"proxy": 5}, "proxy must be a URL, as in 'http://proxy.example:3128', not: 5"),
        ({"proxy": "socks5://a"}, "proxy must look like"),
        ({"proxy": "http://u:p@a:b"}, "^proxy is not a URL: Port could not be cast"),
        ({"proxy": "http://a:0"}, "proxy must not have port 0"),
        ({"per_message_deflate": 1}, "per_message_deflate must be True or False"),
        ({"wait": 0}, "wait must be True or False"),
        ({"parser": json}, "parser must have encode and decoder"),
        ({"engine": {}}, "engine must be EngineClientSettings"),
        ({"settings": {}}, "settings must be ClientSettings"),
    ],
)
@pytest.mark.parametrize("on", LOOPS, ids=[each.name for each in LOOPS])
def test_a_client_cannot_be_given(on: Loop, arguments: dict[str, Any], problem: str) -> None:
    """At once: before there is a block, and outside of an event loop."""
    given: dict[str, Any] = {"url": "http://localhost", **arguments}
    with pytest.raises((TypeError, ValueError), match=problem):
        on.connect(**given)


BAD_TIMEOUTS = pytest.mark.parametrize("timeout", [-1, -0.1, math.nan, -math.inf, True, False, "5", b"", [5]])
FOREVER = pytest.mark.parametrize("timeout", [None, math.inf])


@BAD_TIMEOUTS
@both_loops_tcp
async def test_a_timeout_is_a_number_of_seconds_or_none(timeout: Any) -> None:
    io = Server()
    problem = "timeout must be a number of seconds, or None to wait without limit, not: "
    async with serving(io) as url, loop.connect(url) as client:
        (socket,) = io.sockets.sockets.values()
        for target in (client, socket, io, io.of("/"), io.to("nobody"), io.to(socket.id)):
            with pytest.raises(LocalProtocolError, match=problem):
                await target.call("q", timeout=timeout)
        for single in (client, socket):
            with pytest.raises(LocalProtocolError, match=problem):
                await single.emit_with_ack("q", timeout=timeout)


@FOREVER
@both_loops_tcp
async def test_without_a_timeout_a_server_waits_until_the_socket_leaves(timeout: float | None) -> None:
    io = Server()
    async with serving(io) as url, loop.connect(url) as client:
        (socket,) = io.sockets.sockets.values()
        client.on("q", lambda: 1)
        assert await socket.call("q", timeout=timeout) == 1
        assert await io.call("q", timeout=timeout) == [1]
        assert await io.to(socket.id).call("q", timeout=timeout) == [1]
        async with loop.open_nursery() as nursery:
            nursery.start_soon(_waits_in_vain, socket, timeout)
            await loop.settle()
            await client.disconnect()


async def _waits_in_vain(socket: Socket, timeout: float | None) -> None:
    with pytest.raises(Disconnected):
        await socket.call("nobody listens", timeout=timeout)


@FOREVER
@both_loops_tcp
async def test_without_a_timeout_a_client_waits_until_it_leaves(timeout: float | None) -> None:
    io = Server()

    @io.on("q")
    def answer(_: object) -> int:
        return 1

    async with serving(io) as url, loop.connect(url) as client:
        assert await client.call("q", timeout=timeout) == 1
        async with loop.open_nursery() as nursery:
            nursery.start_soon(_asks_in_vain, client, timeout)
            await loop.settle()
            await io.disconnect_sockets()


async def _asks_in_vain(client: Any, timeout: float | None) -> None:
    with pytest.raises(Disconnected):
        await client.call("nobody listens", timeout=timeout)
