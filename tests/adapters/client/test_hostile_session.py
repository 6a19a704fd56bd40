"""A server that turns hostile once the session is open, or while it is upgraded."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.app.client_socket import ConnectError
from socketio_core.settings import ClientSettings, EngineClientSettings
from tests.adapters.client.server import (
    Connection,
    Talk,
    close,
    endless,
    hang,
    open_packet,
    raw_server,
    response,
    switching,
    text,
    then_close,
)
from tests.adapters.loops import both_loops_tcp, loop
from tests.wire.written import frame

SMALL = EngineClientSettings(max_message_bytes=10_000, max_packets_per_payload=20, post_timeout_s=30)
FEW = ClientSettings(max_held_events=10)

PACKETS: dict[str, tuple[list[str | bytes], str, str]] = {
    "unknown packet": (["9"], "parse error", "unknown packet type"),
    "empty packet": ([""], "parse error", "empty packet"),
    "second open packet": ([open_packet()], "parse error", "unexpected packet"),
    "upgrade packet": (["5"], "parse error", "unexpected packet"),
    "pong": (["3"], "parse error", "unexpected packet"),
    "bad base64": (["b%%"], "parse error", "malformed base64"),
    "close packet": (["1"], "transport close", ""),
    "unknown type": (["49"], "parse error", "unknown packet type"),
    "no type": (["4"], "parse error", "unknown packet type"),
    "no JSON": (["42["], "parse error", "not JSON"),
    "NaN": (['42["a",NaN]'], "parse error", "not JSON"),
    "deep JSON": (['42["a",' + "[" * 1000 + "]" * 1000 + "]"], "parse error", "nested too deep"),
    "text behind the JSON": (['42["a"]x'], "parse error", "text behind"),
    "event without a name": (["42[]"], "parse error", "event's name"),
    "event with a number": (["42[1]"], "parse error", "event's name"),
    "reserved name": (['42["connect"]'], "parse error", "reserved"),
    "reserved disconnect": (['42["disconnect"]'], "parse error", "reserved"),
    "too many attachments": (['4511-["a"]'], "parse error", "too many attachments"),
    "no attachments": (['450-["a"]'], "parse error", "illegal attachments"),
    "text for an attachment": (
        ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'],
        "parse error",
        "text in the place",
    ),
    "attachment of nothing": ([b"\x00"], "parse error", "binary message without"),
    "placeholder beyond": (['451-["a",{"_placeholder":true,"num":1}]'], "parse error", "illegal attachments"),
    "ack without an id": (["43[]"], "parse error", "ack without an id"),
    "ack that is no list": (["430{}"], "parse error", "must be an array"),
    "second connect": (['40{"sid":"B"}'], "parse error", "that is connected"),
    "late refusal": (['44{"message":"x"}'], "parse error", "that is connected"),
    "goodbye with a payload": (["41{}"], "parse error", "must not have a payload"),
    "goodbye": (["41"], "io server disconnect", ""),
}
HARMLESS: dict[str, list[str]] = {
    "noop": ["6"],
    "ack of nothing": ["430[]"],
    "other namespace": ['42/other,["a"]', "41/other,"],
    "unknown connect": ['40/other,{"sid":"x"}'],
    "ping": ["2"],
    "huge ack id": ["43" + "9" * 300 + "[]"],
}


def polled(*packets: str | bytes) -> Talk:
    """Let the first poll connect, and the second one bring these."""
    turns = iter(["first", "second"])

    async def talk(connection: Connection, key: bytes) -> None:
        turn = next(turns, None)
        if turn == "first":
            await connection.write(response('40{"sid":"A"}'))
        elif turn == "second":
            body = "\x1e".join("b" + packet.hex() if isinstance(packet, bytes) else packet for packet in packets)
            await connection.write(response(body.replace("b00", "bAA==")))
        else:
            await hang(connection, key)

    return talk


def framed(*packets: str | bytes) -> Talk:
    """Open a session over a WebSocket, connect, and then send these."""

    async def talk(connection: Connection, key: bytes) -> None:
        hello = text(open_packet()) + text('40{"sid":"A"}')
        await connection.write(switching(key) + hello + b"".join(text(packet) for packet in packets))
        await hang(connection, key)

    return talk


async def reason_of(server_url: str, transport: str, **options: Any) -> tuple[str, str]:
    """Connect, and return why it was disconnected: the reason and its detail."""
    reasons: list[str] = []
    gone = loop.new_event()
    chosen: dict[str, Any] = {"engine": SMALL, "settings": FEW, "close_timeout_s": 1.0, **options}
    async with loop.connect(server_url, transports=[transport], reconnection=False, **chosen) as socket:

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            reasons.append(reason)
            gone.set()

        with loop.fail_after(60):
            await gone.wait()
        return reasons[0], str(socket.disconnect_error or "")


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("name", PACKETS)
@both_loops_tcp
async def test_bad_packets_end_the_connection_with_a_reason(transport: str, name: str) -> None:
    packets, reason, wanted = PACKETS[name]
    answers: dict[Any, Any] = {"poll": polled(*packets), "websocket": framed(*packets)}
    async with raw_server(answers) as server:
        found, detail = await reason_of(server.url, transport)
        assert found == reason
        assert wanted in detail


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("name", HARMLESS)
@both_loops_tcp
async def test_what_means_nothing_is_ignored(transport: str, name: str) -> None:
    last = '42["still here"]'
    answers: dict[Any, Any] = {"poll": polled(*HARMLESS[name], last), "websocket": framed(*HARMLESS[name], last)}
    async with (
        raw_server(answers) as server,
        loop.connect(server.url, transports=[transport], close_timeout_s=1.0) as socket,
    ):
        async for event in socket.events():
            assert event == ("still here",)
            break


POLLS: dict[str, tuple[bytes | Talk, str, str]] = {
    "status 500": (response("", "500 X"), "transport error", "HTTP 500"),
    "status 400": (
        response('{"code":1,"message":"Session ID unknown"}', "400 X"),
        "transport error",
        "HTTP 400: Session ID unknown",
    ),
    "closes": (close, "transport error", "GET failed: the server closed the connection before it answered"),
    "truncated": (then_close(response("4", length=10)), "transport error", "GET failed: the server does not speak"),
    "endless": (
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        "transport error",
        "GET failed: response is too large, max_message_bytes: 10000",
    ),
    "too many packets": (
        response("\x1e".join("6" * 21)),
        "parse error",
        "too many packets in one payload, max_packets_per_payload: 20",
    ),
    "bad UTF-8": (response(b"4\xff"), "parse error", "payload is not UTF-8 at byte 1"),
    "never answers": (hang, "ping timeout", "the server has fallen silent"),
    "compressed": (response("6", headers="Content-Encoding: br\r\n"), "transport error", "encoded as 'br'"),
}


@pytest.mark.parametrize("name", POLLS)
@both_loops_tcp
async def test_bad_polls_end_the_connection(name: str) -> None:
    answer, reason, wanted = POLLS[name]
    first = [response('40{"sid":"A"}')]

    async def talk(connection: Connection, key: bytes) -> None:
        if first:
            await connection.write(first.pop())
        elif isinstance(answer, bytes):
            await connection.write(answer)
        else:
            await answer(connection, key)

    async with raw_server({"poll": talk}) as server:
        found, detail = await reason_of(server.url, "polling")
        assert found == reason
        assert wanted in detail


POSTS: dict[str, tuple[bytes | Talk, str]] = {
    "status 413": (response("", "413 Too large"), "server refused a POST: HTTP 413"),
    "status 400": (response("", "400 Bad"), "server refused a POST: HTTP 400"),
    "status 204": (response("", "204 No Content"), "server refused a POST: HTTP 204"),
    "closes": (close, "POST failed: the server closed the connection before it answered"),
    "never answers": (hang, "POST failed: no answer within 30 s"),
    "no HTTP": (b"rubbish\r\n\r\n", "POST failed: the server does not speak HTTP"),
    "endless": (
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"ok" * 4096),
        "POST failed: response is too large, max_message_bytes: 10000",
    ),
}


@pytest.mark.parametrize("name", POSTS)
@both_loops_tcp
async def test_refused_posts_end_the_connection(name: str) -> None:
    answer, wanted = POSTS[name]
    polls = [response('40{"sid":"A"}')]

    async def poll(connection: Connection, key: bytes) -> None:
        await (connection.write(polls.pop()) if polls else hang(connection, key))

    async def post(connection: Connection, key: bytes) -> None:
        if len(connection.server.received) == 1:
            await connection.write(response("ok"))  # CONNECT
        elif isinstance(answer, bytes):
            await connection.write(answer)
        else:
            await answer(connection, key)

    async with raw_server({"poll": poll, "post": post}) as server:
        reasons: list[str] = []
        options: dict[str, Any] = {"engine": SMALL, "reconnection": False, "close_timeout_s": 1.0}
        async with loop.connect(server.url, transports=["polling"], **options) as socket:
            socket.on("disconnect", reasons.append)
            await socket.emit("x")
            with loop.fail_after(60):
                assert [event async for event in socket.events()] == []
            await loop.settle()
            assert wanted in str(socket.disconnect_error)
        assert reasons == ["transport error"]


FRAMES: dict[str, tuple[bytes, str, str]] = {
    "RSV bits": (frame("4", rsv=4, masked=False), "transport error", "Reserved bit"),
    "masked": (frame("4", masked=True), "transport error", "unexpected masked frame"),
    "oversized": (frame("4" + "x" * 10_000, masked=False), "transport error", "larger than max_message_bytes"),
    "invalid UTF-8": (frame(b"4\xff", 1, masked=False), "transport error", "can't decode byte 0xff"),
    "close frame": (frame(b"", 8, masked=False), "transport close", ""),
    "1009": (frame(b"\x03\xf1", 8, masked=False), "transport close", "closed the WebSocket with code 1009"),
    "rubbish close": (frame(b"\x00", 8, masked=False), "transport error", "CLOSE with 1 byte"),
}


@pytest.mark.parametrize("name", FRAMES)
@both_loops_tcp
async def test_bad_frames_end_the_connection(name: str) -> None:
    data, reason, wanted = FRAMES[name]

    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key) + text(open_packet()) + text('40{"sid":"A"}') + data)
        await hang(connection, key)

    async with raw_server({"websocket": talk}) as server:
        found, detail = await reason_of(server.url, "websocket")
        assert found == reason
        assert wanted in detail


CANDIDATES: dict[str, tuple[bytes | Talk, str]] = {
    "refused": (response("no", "400 Bad"), "HTTP 400: no"),
    "closes": (close, "the server closed the connection before it answered"),
    "never answers": (hang, "no answer within 10 s"),
    "no HTTP": (b"rubbish\r\n\r\n", "the server does not speak HTTP"),
    "wrong answer to the probe": (b"4x", "answered the probe with 'x'"),
    "another pong": (b"3", "answered the probe with ''"),
    "noop": (b"6", "answered the probe with ''"),
    "open packet": (open_packet().encode(), "answered the probe with '{"),
    "empty": (b"", "empty packet"),
}


@pytest.mark.parametrize("name", CANDIDATES)
@both_loops_tcp
async def test_failed_upgrade_leaves_polling_as_it_was(name: str) -> None:
    answer, wanted = CANDIDATES[name]

    async def talk(connection: Connection, key: bytes) -> None:
        if not isinstance(answer, bytes):
            await answer(connection, key)
        elif b"HTTP/1.1" in answer or answer.startswith(b"rubbish"):
            await connection.write(answer)
        else:
            await connection.write(switching(key) + text(answer.decode()))
            await hang(connection, key)

    async with raw_server({"websocket": talk}, upgrades=["websocket"]) as server:
        errors: list[str] = []
        async with loop.connect(server.url) as socket:
            failed = loop.new_event()

            @socket.manager.on("upgrade_error")
            def upgrade_failed(detail: str) -> None:
                errors.append(detail)
                failed.set()

            stream = socket.events()
            await failed.wait()
            assert socket.transport == "polling"
            await socket.emit("echo", 1)
            assert await anext(stream) == ("echo", 1)
        assert len(errors) == 1
        assert wanted in errors[0]
        assert server.websockets == 1


@both_loops_tcp
async def test_flood_of_events_before_connect_is_bounded() -> None:
    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key) + text(open_packet()) + text('42["flood"]') * 11)
        await hang(connection, key)

    async with raw_server({"websocket": talk}) as server:
        with pytest.raises(ConnectError, match="too many events before the namespace was connected"):
            async with loop.connect(server.url, transports=["websocket"], settings=FEW):
                pytest.fail("it must not connect")


@pytest.mark.parametrize("is_clean", [True, False], ids=["close frame", "without a word"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_connection_that_closes_before_connect_is_answered_is_an_error(transport: str, is_clean: bool) -> None:  # noqa: FBT001 - a row
    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key) + text(open_packet()))
        await connection.read_some()  # CONNECT
        if is_clean:
            await connection.write(frame(b"\x03\xe9", 8, masked=False))
        await close(connection, key)

    answers: dict[Any, Any] = {"websocket": talk, "poll": response("1") if is_clean else close}
    wanted = {
        ("polling", True): "transport close",
        ("polling", False): "GET failed: the server closed the connection before it answered",
        ("websocket", True): "the server closed the WebSocket with code 1001",
        ("websocket", False): "the connection ended without a WebSocket close frame",
    }
    async with raw_server(answers) as server:
        with pytest.raises(ConnectError) as error:
            async with loop.connect(server.url, transports=[transport], close_timeout_s=1.0):
                pytest.fail("it must not connect")
        assert wanted[transport, is_clean] in error.value.message


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_connect_that_is_never_answered_fails_in_time(transport: str) -> None:
    async def talk(connection: Connection, key: bytes) -> None:
        await connection.write(switching(key) + text(open_packet(pingInterval=100_000)))
        await hang(connection, key)

    answers: dict[Any, Any] = {"websocket": talk, "poll": hang}
    async with raw_server(answers, pingInterval=100_000) as server:
        began = loop.current_time()
        with pytest.raises(ConnectError, match="no answer to CONNECT within 45 s"):
            async with loop.connect(server.url, transports=[transport], close_timeout_s=1.0):
                pytest.fail("it must not connect")
        assert loop.current_time() - began < 50
