"""`Server`: where it listens, whom it admits, what it answers outside the Socket.IO path, and how often it serves."""

from __future__ import annotations

import errno
import os
import socket as stdlib_socket
import ssl
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from socketio_core import EngineSettings, SocketSettings
from socketio_core.app.host import AllowRequest, HttpHandler
from socketio_core.http import Request, Response
from socketio_core.trio import Server
from tests.adapters.peer import Peer
from tests.trio.bench import MemoryListener, connect_tcp, serving, trio_tcp_test, trio_test
from tests.wire.written import POLLING, WEBSOCKET, WS_REQUEST, Answer, request

# -- serve -------------------------------------------------------------------------------------------------------------


async def _ask(stream: trio.abc.Stream) -> int:
    peer = Peer(stream)
    try:
        return (await peer.ask()).status
    finally:
        await peer.close()


@trio_tcp_test
async def test_reports_the_url_of_the_port_that_the_system_chose() -> None:
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(Server().serve, "127.0.0.1", 0)
        assert len(urls) == 1
        assert urls[0].startswith("http://127.0.0.1:")
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
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(str(path))
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
async def test_origin_that_is_refused_is_a_warning_once() -> None:
    async with serving(Server(allow_request=lambda _: "no")) as bench:
        peer = await bench.connect()
        for origin in ("http://a", "http://a", "http://b"):
            assert (await peer.ask(headers=[f"Origin: {origin}"])).status == 403
        assert (
            bench.take_log().count("is not the server's own; expected 'http://test' (set `cors` to admit others)") == 2
        )
        assert (await peer.ask(headers=["Origin: http://test"])).status == 403  # by allow_request, which knows it
        for number in range(200):
            await peer.ask(headers=[f"Origin: http://{number}"])
        assert len(bench.take_log().splitlines()) == 98


@trio_test
async def test_event_without_a_handler_is_logged_for_who_debugs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "socketio_core.trio")
    async with serving(Server()) as bench:
        client = await bench.websocket()
        await client.emit("eco")
        await client.echo()
        await client.close()
    assert "no handler for the event 'eco' of <Socket" in caplog.text


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


# -- allow_request -----------------------------------------------------------------------------------------------------


def _allow_at_once(request: Request) -> str | None:
    return None


async def _allow(request: Request) -> str | None:
    await trio.sleep(1)
    return None


def _refuse(request: Request) -> str | None:
    return f"not {request.query.get('who', 'anybody')}"


async def _refuse_late(request: Request) -> str | None:
    await trio.sleep(1)
    return _refuse(request)


def _break(request: Request) -> str | None:
    raise KeyError("our fault")


ADMISSIONS: Final[list[tuple[str, AllowRequest, bytes | None, str]]] = [
    ("sync, allowed", _allow_at_once, None, ""),
    ("async, allowed", _allow, None, ""),
    ("sync, refused", _refuse, b"not me", ""),
    ("async, refused", _refuse_late, b"not me", ""),
    ("failing", _break, b"Forbidden", "KeyError: 'our fault'"),
]


@pytest.mark.parametrize(("name", "allow", "text", "log"), ADMISSIONS, ids=[name for name, *_ in ADMISSIONS])
@trio_test
async def test_allow_request_decides_about_handshakes(
    name: str, allow: AllowRequest, text: bytes | None, log: str
) -> None:
    async with serving(Server(allow_request=allow)) as bench:
        peer, other = await bench.connect(), await bench.connect()
        polled = await peer.ask(f"{POLLING}&who=me")
        upgraded = await other.ask(f"{WEBSOCKET}&who=me", headers=WS_REQUEST)
        if text is None:
            assert (polled.status, upgraded.status) == (200, 101)
            assert bench.session_count == 2
        else:
            assert (polled.status, polled.body) == (403, b'{"code":4,"message":"%b"}' % text)
            assert (upgraded.status, upgraded.body) == (400, text)
            assert bench.session_count == 0
        assert bench.take_log().count("allow_request failed") == (2 if log else 0)


@trio_test
async def test_allow_request_is_not_asked_about_what_would_be_refused_or_is_no_handshake() -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.target)

    async with serving(Server(allow_request=note)) as bench:
        client = await bench.polling()
        await client.echo()
        peer = await bench.connect()
        await peer.ask("/socket.io/?transport=polling&EIO=3")
        await peer.ask(POLLING, "POST", b"")
        await peer.ask("/nope")
        assert asked == [POLLING]


# -- what is not Socket.IO ---------------------------------------------------------------------------------------------


async def _answer_of(handler: HttpHandler, *asked: bytes, method: str = "GET", log: str = "") -> Answer:
    """Ask a server with this handler, which must serve on, and have logged what was expected."""
    async with serving(Server(http=handler)) as bench:
        peer = await bench.connect()
        for piece in asked:
            await peer.send(piece)
        answer = await peer.answer(to=method)
        logged = bench.take_log()
        assert log in logged
        assert bool(log) == bool(logged)
        await bench.check_still_serves()
        return answer


def _always(response: Response) -> HttpHandler:
    def handler(request: Request, body: bytes) -> Response:
        return response

    return handler


def _reflect(request: Request, body: bytes) -> Response:
    text = f"{request.method} {request.path} {request.query} {request.header('X-Y')} {body!r}"
    return Response(201, [(b"x-z", b"w")], text.encode())


async def _reflect_late(request: Request, body: bytes) -> Response:
    await trio.sleep(1)
    return _reflect(request, body)


@pytest.mark.parametrize("handler", [_reflect, _reflect_late])
@trio_test
async def test_http_handler_gets_the_request_with_its_body(handler: HttpHandler) -> None:
    answer = await _answer_of(handler, request("/a/b?c=d%20e", "PUT", b"body", ["X-Y: z"]))
    assert (answer.status, answer.headers["x-z"]) == (201, "w")
    assert answer.text == "PUT /a/b {'c': 'd e'} z b'body'"


@trio_test
async def test_answer_to_head_has_the_length_but_no_body() -> None:
    answer = await _answer_of(_reflect, request("/a", "HEAD"), method="HEAD")
    assert (answer.status, answer.body) == (201, b"")
    assert int(answer.headers["content-length"]) > 10


async def _fail_late(request: Request, body: bytes) -> Response:
    await trio.lowlevel.checkpoint()
    raise KeyError("our fault")


def _fail(request: Request, body: bytes) -> Response:
    raise KeyError("our fault")


def _return_nothing(request: Request, body: bytes) -> Any:
    return None


FAILURES: Final[list[tuple[str, HttpHandler, str]]] = [
    ("it raises", _fail, "KeyError: 'our fault'"),
    ("it raises later", _fail_late, "KeyError: 'our fault'"),
    ("it returns nothing", _return_nothing, "must return a Response"),
    ("it splits a header", _always(Response(200, [(b"a", b"b\r\nc: d")])), "is not valid HTTP"),
    ("its status is none", _always(Response(42)), "is not valid HTTP"),
]


@pytest.mark.parametrize(("name", "handler", "log"), FAILURES, ids=[name for name, *_ in FAILURES])
@trio_test
async def test_http_handler_that_fails_is_logged_and_answered_with_500(
    name: str, handler: HttpHandler, log: str
) -> None:
    answer = await _answer_of(handler, request("/a"), log=log)
    assert (answer.status, answer.body) == (500, b"Internal server error\n")


@trio_test
async def test_http_handler_whose_length_is_a_lie_ends_that_connection_only() -> None:
    async with serving(Server(http=_always(Response(200, [(b"content-length", b"5")], b"x")))) as bench:
        peer = await bench.connect()
        await peer.send(request("/"))
        assert await peer.rest() == b""
        assert "not valid HTTP" in bench.take_log()
        await bench.check_still_serves()


@pytest.mark.parametrize("status", [204, 304])
@trio_test
async def test_statuses_without_a_body_are_sent_without_one(status: int) -> None:
    answer = await _answer_of(_always(Response(status, [], b"body")), request("/a") + request("/a"))
    assert answer.status == status


@pytest.mark.parametrize(("size", "status"), [(999_999, 200), (1_000_000, 200), (1_000_001, 413)])
@trio_test
async def test_body_for_the_http_handler_is_limited(size: int, status: int) -> None:
    answer = await _answer_of(_always(Response(200)), request("/a", "POST", b"x" * size))
    assert answer.status == status


@trio_test
async def test_body_for_the_http_handler_must_come_in_time() -> None:
    answer = await _answer_of(_reflect, request("/a", "POST", headers=["Content-Length: 5"]) + b"x")
    assert (answer.status, answer.body) == (408, b"request body took too long\n")


@trio_test
async def test_http_handler_is_never_asked_to_be_a_proxy() -> None:
    answer = await _answer_of(_reflect, request("test:80", "CONNECT"))
    assert answer.status == 405


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/chat", "/chat/", "/chat//"])
@trio_test
async def test_path_may_be_written_with_or_without_its_last_slash(path: str) -> None:
    async with serving(Server(path=path)) as bench:
        peer = await bench.connect()
        assert (await peer.ask("/chat/?EIO=4&transport=polling")).status == 200
        assert (await peer.ask("/socket.io/?EIO=4&transport=polling")).status == 404


@trio_test
async def test_header_hook_that_fails_costs_that_connection_only() -> None:
    def hook(request: Request, sid: str | None) -> list[tuple[bytes, bytes]]:
        if "fail" in request.query:
            raise KeyError("our fault")
        return [(b"x-y", b"z")]

    async with serving(Server(engine=EngineSettings(extra_headers=hook))) as bench:
        for asked in (request(f"{POLLING}&fail=1"), request(f"{WEBSOCKET}&fail=1", headers=WS_REQUEST)):
            peer = await bench.connect()
            await peer.send(asked)
            assert (await peer.answer()).status == 500
            assert "KeyError: 'our fault'" in bench.take_log()
        peer = await bench.connect()
        assert (await peer.ask()).headers["x-y"] == "z"
        assert (await peer.ask(WEBSOCKET, headers=WS_REQUEST)).headers["x-y"] == "z"
        await trio.sleep(46)
        assert bench.session_count == 0
