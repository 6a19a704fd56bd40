"""What a client can write into a scope, which the server has read in its own way: the scope's type is what counts."""

from __future__ import annotations

import pytest

from socketio_core.asgi import App
from socketio_core.http import Request, Response
from tests.adapters.loops import both_loops, loop
from tests.asgi.driver import HEADERS, poll_of, serving
from tests.asgi.echo import GONE, OPEN, echo_server

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = [*HEADERS, (b"connection", b"Upgrade")]
KEY = [(b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]


@both_loops
async def test_a_request_for_a_websocket_that_the_server_makes_none_of_is_refused() -> None:
    """As uvicorn without a library for them, or with two `Connection` headers."""
    async with serving(App(echo_server())) as server:
        headers = [*UPGRADE, (b"upgrade", b"websocket"), *KEY]
        assert (await server.request("GET", WEBSOCKET, headers=headers)).status == 400
        sid = await server.session()
        upgrade = await server.request("GET", f"{WEBSOCKET}&sid={sid}", headers=headers)
        assert upgrade.status == 400
        poll = await server.request("GET", poll_of(sid), headers=headers)
        await server.request("POST", poll_of(sid), b'421["echo"]', headers=headers)
        assert poll.body.startswith("431")


@both_loops
@pytest.mark.parametrize("target", [OPEN, poll_of("{sid}")])
async def test_a_websocket_is_no_poll(target: str) -> None:
    """As hypercorn makes one of the second of two `Upgrade` headers."""
    async with serving(App(echo_server())) as server:
        headers = [*UPGRADE, (b"upgrade", b"a"), (b"upgrade", b"websocket"), *KEY]
        websocket = await server.websocket(target.format(sid=await server.session()), headers=headers)
        assert websocket.sent == [{"type": "websocket.close"}]
        assert websocket.is_over


@both_loops
async def test_only_subprotocols_that_the_server_knows_of_are_chosen() -> None:
    """Of two headers it may know one, and fail, on trio as a whole, if it is told of another."""
    async with serving(App(echo_server())) as server:
        headers = [*UPGRADE, (b"upgrade", b"websocket"), *KEY]
        headers += [(b"sec-websocket-protocol", b"a"), (b"sec-websocket-protocol", b"b")]
        websocket = await server.websocket(headers=headers, subprotocols=["b"])
        assert websocket.sent[0]["subprotocol"] == "b"
        await server.frame(websocket, "40")
        await loop.settle()
        assert len(websocket.frames) == 2


@both_loops
async def test_text_that_is_none_is_no_error_of_ours() -> None:
    """Servers differ in how they decode a path, and the subprotocols that a client offers."""
    async with serving(App(echo_server())) as server:
        assert (await server.request("GET", OPEN, path="/socket.io/\udcff", raw_path=b"")).status == 200
        websocket = await server.websocket(subprotocols=["\u0394", "\udcff"])
        assert (websocket.sent, websocket.error) == ([{"type": "websocket.close"}], None)


@both_loops
@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_body_whose_client_is_gone_is_answered(*, is_ours: bool) -> None:
    """Starlette's `BaseHTTPMiddleware` raises where an application says nothing, once for each such client."""

    async def http(_: Request, __: bytes) -> Response:
        raise AssertionError("it was not asked")

    async with serving(App(echo_server(http=http))) as server:
        target = poll_of(await server.session()) if is_ours else "/elsewhere"
        post = await server.request("POST", target, b"4", is_all=False)
        post.disconnect()
        await loop.settle()
        assert (post.is_over, post.body, post.error) == (True, GONE, None)
