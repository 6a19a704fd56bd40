"""Requests out of bytes and bytes of responses, with no connection around them."""

from __future__ import annotations

import pytest

from socketio_core.http import Response
from socketio_core.wire.heads import MAX_HEAD_BYTES, MAX_HEADERS, BadRequest
from socketio_core.wire.http1 import Http1, InvalidResponse, Next, text_response
from tests.wire.by_hand import House
from tests.wire.written import chunked, request

both = pytest.mark.parametrize("shortcuts", [True, False])

OK = Response(200, [], b"ok")
OK_BYTES = b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"


def fed(data: bytes, *, shortcuts: bool = True) -> Http1:
    http = Http1(shortcuts=shortcuts)
    http.feed(data)
    return http


@both
def test_requests_follow_each_other(*, shortcuts: bool) -> None:
    http = fed(request("/a") + request("/b", "POST", b"abc") + request("/c")[:-1], shortcuts=shortcuts)
    for target, method, expected in ((b"/a", b"GET", b""), (b"/b", b"POST", b"abc")):
        head = http.next_request()
        assert head is not None
        assert (head.target, head.method) == (target, method)
        body = bytearray()
        assert http.read_body(body.extend)
        assert body == expected
        assert http.held_bytes > 0
        assert http.respond(OK, closes=False) == OK_BYTES
        assert http.finish() is Next.REQUEST
    assert http.next_request() is None
    http.feed(b"\n")
    head = http.next_request()
    assert head is not None
    assert head.target == b"/c"


@both
@pytest.mark.parametrize("tail", [b"", b"\r", b"\r\n", b"\n\r\n"])
def test_end_behind_requests(tail: bytes, *, shortcuts: bool) -> None:
    http = fed(request("/a") + tail, shortcuts=shortcuts)
    assert http.next_request() is not None
    http.feed(b"")
    assert not http.is_ended
    assert http.read_body(len)
    http.respond(OK, closes=False)
    assert http.finish() in (Next.REQUEST, Next.CLOSE)


@both
def test_end_that_is_told_before_the_next_request_is_asked_for_loses_none(*, shortcuts: bool) -> None:
    http = fed(request("/a") + request("/b"), shortcuts=shortcuts)
    for target in (b"/a", b"/b"):
        head = http.next_request()
        assert head is not None
        assert head.target == target
        assert http.read_body(len)
        http.respond(OK, closes=False)
        assert http.finish() in (Next.REQUEST, Next.CLOSE)
        http.feed(b"")
    assert http.next_request() is None
    assert http.is_ended


@both
def test_end_instead_of_a_request(*, shortcuts: bool) -> None:
    http = fed(b"", shortcuts=shortcuts)
    assert http.next_request() is None
    assert http.is_ended


@both
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (request("/a")[:-2] + b"X: " + b"x" * MAX_HEAD_BYTES, 431),
        (request("/a", headers=["X: " + "x" * MAX_HEAD_BYTES]), 431),
        (request("/a", headers=[f"X-{number}: y" for number in range(MAX_HEADERS)]), 431),
        (request("/a").replace(b"1.1", b"2.0"), 505),
        (request("/a", "POST", b"abc", ["Transfer-Encoding: chunked"]), 400),
        (request("/a").replace(b"Host: test\r\n", b""), 400),
        (request("/a", headers=["Transfer-Encoding: gzip"]), 501),
    ],
)
def test_what_is_no_request_says_its_status(data: bytes, status: int, *, shortcuts: bool) -> None:
    http = fed(data, shortcuts=shortcuts)
    with pytest.raises(BadRequest) as caught:
        http.next_request()
    assert caught.value.status == status
    answer = http.refuse(status, "no")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer
    assert http.refuse(status, "again") == b""
    assert http.finish() in (Next.LINGER, Next.CLOSE)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_head_has_a_limit(over: int) -> None:
    size = MAX_HEAD_BYTES - len(request("/a", headers=["X: "])) + 2 + over  # the line ends of the end are not counted
    http = fed(request("/a", headers=["X: " + "x" * size]), shortcuts=False)
    if over > 0:
        with pytest.raises(BadRequest):
            http.next_request()
    else:
        assert http.next_request() is not None


@both
def test_blank_lines_are_forgotten_up_to_a_limit(*, shortcuts: bool) -> None:
    http = fed(b"\r\n" * 32 + request("/a"), shortcuts=shortcuts)
    assert http.next_request() is not None
    http = fed(b"\r\n" * 33 + request("/a"), shortcuts=shortcuts)
    with pytest.raises(BadRequest):
        http.next_request()
    http = Http1(shortcuts=shortcuts)
    for _ in range(32):
        http.feed(b"\r\n")
        assert http.next_request() is None
    http.feed(b"\r\n")
    with pytest.raises(BadRequest):
        http.next_request()


@pytest.mark.parametrize("ends", [True, False])
def test_blank_lines_that_h11_holds_are_forgotten(*, ends: bool) -> None:
    http = fed(request("/a", headers=["Expect: x"]), shortcuts=False)
    assert http.next_request() is not None
    http.feed(b"\r\n\n")  # while the first one is served
    if ends:
        http.feed(b"")
    assert http.read_body(len)
    http.respond(OK, closes=False)
    assert http.finish() is Next.REQUEST
    assert http.next_request() is None
    assert http.is_ended is ends
    if not ends:
        http.feed(request("/b"))
        head = http.next_request()
        assert head is not None
        assert head.target == b"/b"


def test_head_has_no_body_in_its_answer() -> None:
    http = fed(request("/a", "HEAD"))
    assert http.next_request() is not None
    assert http.read_body(len)
    assert http.respond(OK, closes=False) == OK_BYTES[:-2]
    http.finish()
    http.feed(request("/a", "HEAD", headers=["X: " + "x" * MAX_HEAD_BYTES]))
    with pytest.raises(BadRequest):
        http.next_request()
    assert http.refuse(431, "no").endswith(b"\r\n\r\n")


@both
@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int, *, shortcuts: bool) -> None:
    http = fed(request("/a"), shortcuts=shortcuts)
    assert http.next_request() is not None
    assert http.read_body(len)
    assert http.respond(Response(status, [], b"not sent"), closes=False) == b"HTTP/1.1 %d \r\n\r\n" % status
    assert http.finish() is Next.REQUEST


@both
def test_last_answer_says_so(*, shortcuts: bool) -> None:
    http = fed(request("/a"), shortcuts=shortcuts)
    http.next_request()
    http.read_body(len)
    data = http.respond(Response(200, [(b"Connection", b"keep-alive")], b"ok"), closes=True)
    assert data == b"HTTP/1.1 200 \r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    assert http.finish() is Next.LINGER


@both
def test_body_that_is_not_wanted_any_more_is_left(*, shortcuts: bool) -> None:
    http = fed(
        request("/a", "POST", headers=["Transfer-Encoding: chunked"]) + chunked(b"abc", b"def"), shortcuts=shortcuts
    )
    http.next_request()
    taken: list[bytes] = []

    def take(chunk: bytes) -> bool:
        taken.append(chunk)
        return False

    assert http.read_body(take)
    assert taken == [b"abc"]


def test_plain_request_without_a_body_hands_over_none() -> None:
    http = fed(request("/a"))
    http.next_request()
    taken: list[bytes] = []
    assert http.read_body(taken.append)
    assert taken == []


@both
def test_http_1_0_cannot_become_a_websocket_and_ends(*, shortcuts: bool) -> None:
    data = request("/a", headers=["Connection: Upgrade", "Upgrade: websocket"]).replace(b"1.1", b"1.0")
    http = fed(data, shortcuts=shortcuts)
    head = http.next_request()
    assert head is not None
    assert b"upgrade" not in [name for name, _ in head.headers]
    http.read_body(len)
    assert b"connection: close" in http.respond(OK, closes=False).lower()
    assert http.finish() is Next.LINGER


@both
def test_switch_keeps_what_came_behind(*, shortcuts: bool) -> None:
    http = fed(request("/a", headers=["Connection: Upgrade", "Upgrade: websocket"]) + b"frames", shortcuts=shortcuts)
    http.next_request()
    answer, early = http.switch([(b"upgrade", b"websocket")])
    assert answer == b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"
    assert early == b"frames"


@both
def test_switch_with_headers_that_cannot_be_sent(*, shortcuts: bool) -> None:
    http = fed(request("/a", headers=["Connection: Upgrade", "Upgrade: websocket"]), shortcuts=shortcuts)
    http.next_request()
    with pytest.raises(InvalidResponse):
        http.switch([(b"a", b"b\r\nc")])
    assert http.respond(OK, closes=True).startswith(b"HTTP/1.1 200 ")


def test_text_response() -> None:
    response = text_response(400, "lone \ud800")
    assert (response.status, response.body) == (400, b"lone ?\n")


@both
def test_blank_lines_between_requests_on_a_connection(*, shortcuts: bool) -> None:
    place = House(shortcuts=shortcuts)
    peer = place.connect()
    peer.send(b"\r\n" + request("/a") + b"\r\n\r\n" + request("/a", "HEAD") + b"\n" + request("/a"))
    assert peer.answer().status == 404
    assert peer.answer(to="HEAD").status == 404
    assert peer.answer().status == 404


@both
def test_blank_lines_are_counted_anew_behind_each_request(*, shortcuts: bool) -> None:
    place = House(shortcuts=shortcuts)
    peer = place.connect()
    for _ in range(40):
        peer.send(b"\r\n\r\n" + request("/a"))
        assert peer.answer().status == 404
        peer.send(b"\r\n")
