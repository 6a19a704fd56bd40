"""Whom a server admits, and what it answers outside of its path: the functions that an application gives it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app.host import AllowRequest, HttpHandler
from socketio_core.http import Request, Response
from tests.adapters.bench import serving
from tests.adapters.loops import both_loops, loop
from tests.wire.written import POLLING, WEBSOCKET, WS_REQUEST, Answer, request

# -- allow_request -----------------------------------------------------------------------------------------------------


def _allow_at_once(request: Request) -> str | None:
    return None


async def _allow(request: Request) -> str | None:
    await loop.sleep(1)
    return None


def _refuse(request: Request) -> str | None:
    return f"not {request.query.get('who', 'anybody')}"


async def _refuse_late(request: Request) -> str | None:
    await loop.sleep(1)
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
@both_loops
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


@both_loops
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
        answer: Answer = await peer.answer(to=method)
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
    await loop.sleep(1)
    return _reflect(request, body)


@pytest.mark.parametrize("handler", [_reflect, _reflect_late])
@both_loops
async def test_http_handler_gets_the_request_with_its_body(handler: HttpHandler) -> None:
    answer = await _answer_of(handler, request("/a/b?c=d%20e", "PUT", b"body", ["X-Y: z"]))
    assert (answer.status, answer.headers["x-z"]) == (201, "w")
    assert answer.text == "PUT /a/b {'c': 'd e'} z b'body'"


@both_loops
async def test_answer_to_head_has_the_length_but_no_body() -> None:
    answer = await _answer_of(_reflect, request("/a", "HEAD"), method="HEAD")
    assert (answer.status, answer.body) == (201, b"")
    assert int(answer.headers["content-length"]) > 10


async def _fail_late(request: Request, body: bytes) -> Response:
    await loop.checkpoint()
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
@both_loops
async def test_http_handler_that_fails_is_logged_and_answered_with_500(
    name: str, handler: HttpHandler, log: str
) -> None:
    answer = await _answer_of(handler, request("/a"), log=log)
    assert (answer.status, answer.body) == (500, b"Internal server error\n")


@both_loops
async def test_http_handler_whose_length_is_a_lie_ends_that_connection_only() -> None:
    async with serving(Server(http=_always(Response(200, [(b"content-length", b"5")], b"x")))) as bench:
        peer = await bench.connect()
        await peer.send(request("/"))
        assert await peer.rest() == b""
        assert "not valid HTTP" in bench.take_log()
        await bench.check_still_serves()


@pytest.mark.parametrize("status", [204, 304])
@both_loops
async def test_statuses_without_a_body_are_sent_without_one(status: int) -> None:
    answer = await _answer_of(_always(Response(status, [], b"body")), request("/a") + request("/a"))
    assert answer.status == status


@pytest.mark.parametrize(("size", "status"), [(999_999, 200), (1_000_000, 200), (1_000_001, 413)])
@both_loops
async def test_body_for_the_http_handler_is_limited(size: int, status: int) -> None:
    answer = await _answer_of(_always(Response(200)), request("/a", "POST", b"x" * size))
    assert answer.status == status


@both_loops
async def test_body_for_the_http_handler_must_come_in_time() -> None:
    answer = await _answer_of(_reflect, request("/a", "POST", headers=["Content-Length: 5"]) + b"x")
    assert (answer.status, answer.body) == (408, b"request body took too long\n")


@both_loops
async def test_http_handler_is_never_asked_to_be_a_proxy() -> None:
    answer = await _answer_of(_reflect, request("test:80", "CONNECT"))
    assert answer.status == 405


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/chat", "/chat/", "/chat//"])
@both_loops
async def test_path_may_be_written_with_or_without_its_last_slash(path: str) -> None:
    async with serving(Server(path=path)) as bench:
        peer = await bench.connect()
        assert (await peer.ask("/chat/?EIO=4&transport=polling")).status == 200
        assert (await peer.ask("/socket.io/?EIO=4&transport=polling")).status == 404


@both_loops
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
        await loop.sleep(46)
        assert bench.session_count == 0


# -- what is logged ----------------------------------------------------------------------------------------------------


@both_loops
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


@both_loops
async def test_event_without_a_handler_is_logged_for_who_debugs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", f"socketio_core.{loop.name}")
    async with serving(Server()) as bench:
        client = await bench.websocket()
        await client.emit("eco")
        await client.echo()
        await client.close()
    assert "no handler for the event 'eco' of <Socket" in caplog.text
