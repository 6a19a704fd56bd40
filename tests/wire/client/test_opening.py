"""The handshake of a client's WebSocket: what is asked, and what a server may answer."""

from __future__ import annotations

import pytest

from socketio_core.wire.base import TURN_PIECES
from socketio_core.wire.client.opening import MAX_REFUSAL_BYTES
from tests.wire.client.by_hand import CHUNKED, OPEN, OPEN_UPGRADES, Desk, response, said, switching
from tests.wire.written import CLOSE, WS_KEY

NAME = "permessage-deflate"


def test_handshake_asks_for_what_is_offered() -> None:
    asked = Desk("websocket", subprotocols=["a", "b"], headers=[(b"x-own", b"1")]).line().request()
    assert asked.headers == {
        "host": "test",
        "accept": "*/*",
        "x-own": "1",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": WS_KEY,
        "sec-websocket-protocol": "a, b",
    }
    offered = Desk("websocket", per_message_deflate=True).line().request().headers["sec-websocket-extensions"]
    assert offered.startswith(NAME)


@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_what_comes_behind_the_answer_is_frames(size: int) -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.request()
    data = b"HTTP/1.1 103 Early Hints\r\n\r\n" + switching() + said(OPEN) + said("4a") + said(b"b")
    line.send(*[data[at : at + size] for at in range(0, len(data), size)])
    assert desk.events[1:] == ["a", b"b"]
    desk.send("c")
    assert line.frames() == [(1, b"4c")]


def test_subprotocol_that_the_server_chose_is_known() -> None:
    desk = Desk("websocket", subprotocols=["a", "b"])
    desk.websocket(headers="Sec-WebSocket-Protocol: b\r\n")
    assert desk.core.subprotocol == "b"


BAD = {
    "no upgrade": (b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", "101 without 'Upgrade: websocket'"),
    "wrong key": (switching(accept="x"), "101 with a wrong Sec-WebSocket-Accept"),
    "subprotocol": (switching("Sec-WebSocket-Protocol: x\r\n"), "101 with a subprotocol that was not asked for"),
    "extension": (switching("Sec-WebSocket-Extensions: x\r\n"), "101 with an extension that was not asked for"),
    "rubbish": (b"HTTP/rubbish\r\n\r\n", "the server does not speak HTTP: illegal status line"),
    "much rubbish": (b"rubbish" * 100 + b"\r\n\r\n", "the server does not speak HTTP: it says 'r"),
    "many": (b"HTTP/1.1 103 X\r\n\r\n" * 21, "the server sent more than 20 informational responses"),
    "end": (b"", "the server closed the connection before it answered"),
    "404": (response("gone", "404 Not Found"), "HTTP 404: gone (is the path right?)"),
    "200": (response("hello"), "HTTP 200: hello"),
    "cut off": (b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nsorry", "HTTP 500: sorry"),
    "bad body": (b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\nx\r\n", "HTTP 500: no"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("size", [1, 100_000])
def test_bad_answers_are_told_and_end_the_connection(name: str, size: int) -> None:
    answer, told = BAD[name]
    desk = Desk("websocket")
    line = desk.line()
    line.request()
    line.send(*[answer[at : at + size] for at in range(0, len(answer), size)])
    line.end()
    assert desk.why.startswith(f"websocket: {told}")
    assert len(desk.why) < 300
    assert line.is_over()
    assert line.received == b""
    assert not desk.reports


def test_of_a_refusal_without_end_the_beginning_is_enough() -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.request()
    line.send(b"HTTP/1.1 500 X\r\n\r\n", *[b"no " * 10_000] * (1 + MAX_REFUSAL_BYTES // 30_000))
    assert line.is_over()
    assert desk.why.startswith("websocket: HTTP 500: no no")


def test_refusal_in_many_pieces_is_read_in_turns() -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.wire.receive(CHUNKED.replace(b"200 OK", b"500 X") + b"1\r\na\r\n" * 3 * TURN_PIECES + b"0\r\n\r\n", desk.now)
    assert line.wire.has_more
    assert not line.wire.wants_input
    desk.settle()
    assert desk.why.startswith("websocket: HTTP 500: aaa")


@pytest.mark.parametrize(("why", "told"), [("", ""), ("reset", ": reset")])
def test_connection_that_is_lost_is_told(why: str, told: str) -> None:
    desk = Desk("websocket")
    desk.line().lose(why)
    assert desk.why == f"websocket: the connection was lost{told}"


def no_key() -> bytes:
    raise OSError("no entropy")


def test_key_that_cannot_be_made_is_reported() -> None:
    desk = Desk("websocket", new_key=no_key)
    assert desk.line().is_over()
    assert desk.why.startswith("websocket: internal error: ")
    assert len(desk.reports) == 1


def test_websocket_that_takes_too_long_is_dropped_without_a_word() -> None:
    desk = Desk("websocket", open_timeout_s=3.0)
    line = desk.line()
    line.request()
    desk.advance(3.0)
    assert line.is_over()
    assert line.received == b""
    assert desk.core.is_done


def test_candidate_that_was_given_up_is_dropped_and_polling_goes_on() -> None:
    desk = Desk("polling", "websocket", upgrade_timeout_s=3.0)
    poll = desk.open(OPEN_UPGRADES)
    candidate = desk.line()
    assert "&sid=S" in candidate.request().target
    desk.advance(3.0)
    assert candidate.is_over()
    assert not poll.is_over()
    assert desk.core.is_open


def test_websocket_given_up_before_it_was_dialed_is_never_begun() -> None:
    desk = Desk("polling", "websocket")
    line = desk.line()
    line.request()
    line.wire.receive(response(OPEN_UPGRADES), desk.now)
    desk.core.abort(desk.now)
    desk.settle()
    assert len(desk.lines) == 1


def test_time_that_has_come_for_a_handshake_is_the_sessions_to_see() -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.wire.set_deadline(desk.now + 1)
    desk.advance(1)
    assert not line.is_over()


EXTENSIONS = {
    "another": ("x-webkit-deflate-frame", "an extension that was not asked for"),
    "two": (f"{NAME}, {NAME}", "an extension that was not asked for"),
    "two lines": (f"{NAME}\r\nSec-WebSocket-Extensions: foo", "an extension that was not asked for"),
    "parameter": (f"{NAME}; foo=1", "bad parameters of permessage-deflate"),
    "too small": (f"{NAME}; server_max_window_bits=7", "bad parameters of permessage-deflate"),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_extensions_that_were_not_offered_are_refused(name: str) -> None:
    answer, told = EXTENSIONS[name]
    desk = Desk("websocket", per_message_deflate=True)
    line = desk.line()
    line.send(switching(f"Sec-WebSocket-Extensions: {answer}\r\n"))
    assert desk.why.startswith(f"websocket: 101 with {told}")
    assert line.is_over()


def test_server_that_does_not_compress_is_taken() -> None:
    desk = Desk("websocket", per_message_deflate=True)
    line = desk.websocket(said("4a"))
    desk.send("b" * 100)
    assert desk.events[-1] == "a"
    assert line.frames() == [(1, b"4" + b"b" * 100)]


def test_goodbye_before_the_open_packet_is_said() -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.request()
    line.send(switching())
    desk.core.close(desk.now)
    desk.settle()
    assert line.frames() == [(CLOSE, b"")]
    line.send(said(b"", CLOSE))
    assert line.is_over()
    assert desk.core.is_done
