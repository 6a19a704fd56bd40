"""A server that is hostile while the connection opens: a clear error, in time, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from socketio_core.app.client_socket import ConnectError
from socketio_core.settings import EngineClientSettings
from tests.adapters.client.server import (
    Kind,
    Talk,
    close,
    endless,
    hang,
    open_packet,
    raw_server,
    response,
    text,
    then_close,
    websocket,
)
from tests.adapters.loops import both_loops_tcp, loop
from tests.wire.written import frame

OPEN = response(open_packet())
SMALL = EngineClientSettings(max_message_bytes=10_000)
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

HANDSHAKES: dict[str, tuple[bytes | Talk, str]] = {
    "status 204": (response("", "204 No Content"), "polling: HTTP 204"),
    "status 301": (response("", "301 Moved", "Location: http://elsewhere/\r\n"), "redirected to 'http://elsewhere/'"),
    "status 400": (response('{"code":5,"message":"Unsupported protocol version"}', "400 Bad"), "HTTP 400: Unsupported"),
    "status 401": (response("who?", "401 Unauthorized"), "HTTP 401: who?"),
    "status 403": (response('{"code":4,"message":"Forbidden"}', "403 Forbidden"), "HTTP 403: Forbidden"),
    "status 404": (response("", "404 Not Found"), "HTTP 404 (is the path right?"),
    "status 500": (response("<h1>oops</h1>", "500 Error"), "HTTP 500: <h1>oops</h1>"),
    "status 503": (response("", "503 Down"), "HTTP 503"),
    "status 101": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "does not speak HTTP"),
    "HTML": (response("<html>", headers="Content-Type: text/html\r\n"), "unknown packet type: '<'"),
    "empty body": (response(), "empty packet"),
    "only a message": (response("4hello"), "not the open packet: 'hello'"),
    "binary open packet": (response("bMHt9"), "not the open packet"),
    "no JSON": (response("0{"), "open packet is not JSON"),
    "deep JSON": (response("0" + "[" * 9_000), "open packet is not JSON"),
    "a list": (response("0[]"), "open packet is not an object"),
    "no sid": (response(open_packet(sid=None)), "without a usable 'sid'"),
    "empty sid": (response(open_packet(sid="")), "without a usable 'sid'"),
    "sid that breaks out": (response(open_packet(sid="a HTTP/1.1\r\nX: y")), "without a usable 'sid'"),
    "no upgrades": (response(open_packet(upgrades="all")), "'upgrades'"),
    "negative pingInterval": (response(open_packet(pingInterval=-1)), "'pingInterval'"),
    "text as pingTimeout": (response(open_packet(pingTimeout="soon")), "'pingTimeout'"),
    "no time at all": (response(open_packet(pingTimeout=0, pingInterval=0)), "no time between pings"),
    "bad maxPayload": (response(open_packet(maxPayload="much")), "'maxPayload'"),
    "bad UTF-8": (response(b"0\xff"), "payload is not UTF-8 at byte 1"),
    "bad base64": (response("b!"), "malformed base64"),
    "closed with the handshake": (response(open_packet() + "\x1e1"), "transport close"),
    "compressed": (
        response(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n"),
        "encoded as 'gzip', which was not asked",
    ),
    "truncated": (then_close(response("0{", length=100)), "does not speak HTTP"),
    "truncated chunks": (then_close(CHUNKED.encode() + b"5\r\n0{"), "does not speak HTTP"),
    "chunks of rubbish": (CHUNKED.encode() + b"xyz\r\n", "does not speak HTTP"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n0", "does not speak HTTP"),
    "negative length": (response("0", length=-1), "does not speak HTTP"),
    "declared too long": (response("0", length=10**12), "polling: no answer within 20 s"),
    "endless body": (
        endless(CHUNKED.encode(), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        "too large, max_message_bytes: 10000",
    ),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 4096 + b"\r\n"), "does not speak HTTP"),
    "endless header": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4096), "does not speak HTTP"),
    "endless 1xx": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 9), "informational responses"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
    "no length and no end": (b"HTTP/1.1 200 OK\r\n\r\n0{", "polling: no answer within 20 s"),
    "closes": (close, "the server closed the connection before it answered"),
    "closes in the head": (then_close(b"HTTP/1.1 200 O"), "closed the connection before it answered"),
    "never answers": (hang, "polling: no answer within 20 s"),
}

WEBSOCKETS: dict[str, tuple[bytes | Talk, str]] = {
    "status 200": (response("hello"), "websocket: HTTP 200: hello"),
    "status 400": (response("Transport unknown", "400 Bad"), "HTTP 400: Transport unknown"),
    "status 302": (response("", "302 Found", "Location: /x\r\n"), "redirected to '/x'"),
    "endless refusal": (endless(b"HTTP/1.1 500 X\r\n\r\n", b"x" * 4096), "HTTP 500: xxxx"),
    "truncated refusal": (then_close(response("who are you", "403 X", length=100)), "HTTP 403"),
    "wrong accept": (websocket(token="AAAA"), "101 with a wrong Sec-WebSocket-Accept"),
    "no upgrade": (b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", "101 without 'Upgrade: websocket'"),
    "no connection": (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", "101 without 'Connection: Upgrade'"),
    "an extension": (
        websocket(headers="Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        "extension that was not asked",
    ),
    "a subprotocol": (websocket(headers="Sec-WebSocket-Protocol: chat\r\n"), "subprotocol that was not asked"),
    "no HTTP": (b"\x00\x01\x02\r\n\r\n", "does not speak HTTP"),
    "endless head": (endless(b"HTTP/1.1 101 X\r\n", b"X: " + b"y" * 4096 + b"\r\n"), "does not speak HTTP"),
    "endless 1xx": (endless(b"", b"HTTP/1.1 103 Early\r\n\r\n" * 9), "informational responses"),
    "closes": (close, "the server closed the connection before it answered"),
    "never answers": (hang, "websocket: no answer within 20 s"),
    "opens and says nothing": (websocket(), "websocket: no answer within 20 s"),
    "opens and closes": (websocket(stay=False), "without a WebSocket close frame"),
    "close frame": (websocket(frame(b"\x03\xe8", 8, masked=False)), "closed the WebSocket before the open packet"),
    "close frame with a reason": (websocket(frame(b"\x03\xf0policy", 8, masked=False)), "with code 1008 policy"),
    "empty packet": (websocket(text("")), "empty packet"),
    "message first": (websocket(text("4hi")), "not the open packet: 'hi'"),
    "binary first": (websocket(text(b"hi")), "not the open packet: 'hi'"),
    "bad open packet": (websocket(text(open_packet(sid=1))), "without a usable 'sid'"),
    "RSV bits": (websocket(frame("4", rsv=4, masked=False)), "Reserved bit"),
    "masked frame": (websocket(frame("4", masked=True)), "unexpected masked frame"),
    "unknown opcode": (websocket(frame("4", 3, masked=False)), "Invalid opcode"),
    "invalid UTF-8": (websocket(frame(b"4\xff", 1, masked=False)), "can't decode byte 0xff"),
    "long control frame": (websocket(frame(b"x" * 126, 9, masked=False)), "Control frame with payload"),
    "fragmented control frame": (websocket(frame(b"", 9, fin=False, masked=False)), "control frame"),
    "continuation of nothing": (websocket(frame(b"x", 0, masked=False)), "CONTINUATION"),
    "message in a message": (websocket(frame("4", fin=False, masked=False), frame("4", masked=False)), "CONTINUATION"),
    "oversized message": (websocket(frame("4" + "x" * 10_000, masked=False)), "larger than max_message_bytes"),
    "oversized in fragments": (
        websocket(frame("4" + "x" * 9_999, fin=False, masked=False), frame(b"x", 0, fin=False, masked=False)),
        "larger than max_message_bytes",
    ),
    "half a frame": (websocket(text(open_packet())[:-1], stay=False), "without a WebSocket close frame"),
}

ACCEPTS: dict[str, tuple[bytes | Talk, str]] = {
    "closes": (close, "closed the connection before it answered"),
    "hangs": (hang, "no answer within 20 s"),
    "rubbish": (b"\xff" * 100_000, "does not speak HTTP"),
}


def rows() -> Iterator[Any]:
    tables: list[tuple[str, Kind, dict[str, tuple[bytes | Talk, str]]]] = [
        ("polling", "handshake", HANDSHAKES),
        ("websocket", "websocket", WEBSOCKETS),
        ("polling", "accept", ACCEPTS),
        ("websocket", "accept", ACCEPTS),
    ]
    for transport, kind, table in tables:
        for name, (answer, wanted) in table.items():
            yield pytest.param(transport, {kind: answer}, wanted, id=f"{transport} {kind}: {name}")


@pytest.mark.parametrize(("transport", "answers", "wanted"), [*rows()])
@both_loops_tcp
async def test_clear_error_in_time(transport: str, answers: Mapping[Kind, bytes | Talk], wanted: str) -> None:
    async with raw_server(answers) as server:
        began = loop.current_time()
        with pytest.raises(ConnectError) as error:
            async with loop.connect(server.url, transports=[transport], engine=SMALL):
                pytest.fail("it must not connect")
        assert wanted in error.value.message
        assert loop.current_time() - began <= 25
        assert server.connections <= 2


@both_loops_tcp
async def test_good_server_is_good() -> None:
    """Or the rows above would prove nothing."""
    for transport in ("polling", "websocket"):
        async with raw_server() as server, loop.connect(server.url, transports=[transport]) as socket:
            assert socket.id == "A"


@both_loops_tcp
async def test_every_transport_is_named_when_all_fail() -> None:
    async with raw_server({"handshake": response("", "500 X"), "websocket": close}) as server:
        with pytest.raises(
            ConnectError, match=r"polling: HTTP 500; websocket: the server closed the connection before it answered"
        ):
            async with loop.connect(server.url, try_all_transports=True):
                pytest.fail("it must not connect")
