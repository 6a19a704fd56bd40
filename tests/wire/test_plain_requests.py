"""The shortcut for plain requests and answers is compared with h11, over any bytes in any chunks.

`python -m tests.wire.test_plain_requests 1000000` compares over that many inputs; the tests over some thousands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import h11
import pytest

from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.wire import RequestAsked
from socketio_core.wire.heads import MAX_HEAD_BYTES, MAX_HEADERS
from socketio_core.wire.http1 import MAX_KEPT_HEAD_BYTES
from socketio_core.wire.plain_requests import (
    PlainRequest,
    plain_answer,
    plain_request,
)
from tests.effort import examples
from tests.wire.by_hand import POLLING, House, Peer
from tests.wire.written import chunked, request

Headers = Sequence[tuple[bytes, bytes]]

_METHODS: Final = (b"GET", b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"get", b"")
_TARGETS: Final = (
    b"/",
    b"/socket.io/?EIO=4&transport=polling",
    b"/a%20b?c#d",
    b"*",
    b"http://x/y",
    b"/ ",
    b"/\x80",
    b"",
)
_VERSIONS: Final = (b"HTTP/1.1",) * 8 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b"")
_LINE_ENDS: Final = (b"\r\n",) * 12 + (b"\n", b"\r", b"\r\r\n", b" \r\n")
_FIELDS: Final = (
    b"Host: a", b"host:b", b"Accept: */*", b"Connection: keep-alive", b"Connection: close", b"Connection: Upgrade",
    b"connection: Keep-Alive, Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"Expect: 100-continue",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Content-Length: 3", b"Content-Length: 3, 3",
    b"Content-Length: 03", b"Content-Length: +3", b"Content-Length: ", b"Content-Length: 99999999999999999999999",
    b"Content-Type: text/plain;charset=UTF-8", b"X-Empty:", b"X-Tab:\ta\tb\t", b"X-Folded: a\r\n b", b"X-Latin: \xe9",
    b"X-Control: a\x01b", b"X-Nul: a\x00b", b"No colon", b"Bad name: a", b" Leading: a", b": nameless",
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", b"sec-websocket-key:\tYWJj ", b"Sec-WebSocket-Key: no?",
    b"X-Dup: 1", b"X-Dup: 2", b"X-Delete: \x7f", b"X-Vertical: a\x0bb",
)  # fmt: skip
_KEY_FIELD: Final = b"Sec-WebSocket-Key: %010d"
_RESPONSE_FIELDS: Final = (
    (b"content-type", b"text/plain; charset=UTF-8"), (b"Content-Type", b"text/html"), (b"cache-control", b"no-store"),
    (b"x-empty", b""), (b"x-tab", b"a\tb"), (b"x-space", b" a"), (b"x-latin", b"\xe9"), (b"bad name", b"a"),
    (b"x: y", b"a"), (b"x-break", b"a\r\nb: c"), (b"x\r\ny", b"a"), (b"", b"a"), (b"content-length", b"3"),
    (b"Content-Length", b"4"), (b"content-length", b"03"), (b"connection", b"close"), (b"connection", b"keep-alive"),
    (b"transfer-encoding", b"chunked"), (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    (b"sec-websocket-accept", b"a\nb"), (b"upgrade", b"websocket"),
    (b"set-cookie", b"io=abc; Path=/"), (b"x-control", b"\x01"), (b"x-delete", b"a\x7f"),
)  # fmt: skip


def some_request(random: Random) -> bytes:
    """Make a request; half of them are what clients send, the others break each rule there is."""
    if random.random() < 0.5:
        method = random.choice((b"GET", b"POST"))
        fields = [random.choice(_FIELDS[2:4]), random.choice(_FIELDS[:2]), *random.sample(_FIELDS[18:21], 2)]
        body = random.randbytes(random.randrange(20)) if method == b"POST" else b""
        if body:
            fields.append(b"Content-Length: %d" % len(body))
        if random.random() < 0.2:
            fields.append(random.choice(_FIELDS))
        if random.random() < 0.2:
            fields.append(_KEY_FIELD % random.randrange(10**10))
        random.shuffle(fields)
        return b"".join([method, b" /x?y HTTP/1.1\r\n", *(field + b"\r\n" for field in fields), b"\r\n", body])
    ends = [random.choice(_LINE_ENDS) for _ in range(8)] if random.random() < 0.3 else [b"\r\n"] * 8
    line = b" ".join((random.choice(_METHODS), random.choice(_TARGETS), random.choice(_VERSIONS)))
    fields = [b"Host: a"] * (random.random() < 0.9) + random.sample(_FIELDS, random.randrange(5))
    lines = [field + end for field, end in zip([line, *fields, b""], ends, strict=False)]
    return b"".join(lines) + random.choice((b"", b"abc", b"abcdef", b"3\r\nabc\r\n0\r\n\r\n"))


def some_stream(random: Random) -> bytes:
    """Make what a client sends; sometimes a few bytes of it are wrong, or missing."""
    data = bytearray(b"".join(some_request(random) for _ in range(random.randrange(1, 5))))
    if random.random() < 0.2:
        data[random.randrange(len(data))] = random.randrange(256)
    if random.random() < 0.2:
        del data[random.randrange(len(data) + 1) :]
    return bytes(data)


def compare_request(data: bytes) -> PlainRequest | None:
    """Check that a plain request is what h11 reads there, and that h11 would keep the connection."""
    plain = plain_request(data)
    if plain is None:
        return None
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method, event.target, event.http_version) == (plain.method, plain.target, b"1.1")
    assert list(event.headers) == list(plain.headers)
    assert not connection.they_are_waiting_for_100_continue
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == plain.body
    assert connection.their_state is not h11.MUST_CLOSE
    assert (plain.raw, connection.trailing_data[0]) == (data[: len(plain.raw)], data[len(plain.raw) :])
    return plain


def compare_answer(status: int, headers: Headers, body: bytes) -> bytes | None:
    """Check that a plain answer is what h11 makes of it."""
    plain = plain_answer(status, headers, body)
    if plain is None:
        return None
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(request(headers=["Upgrade: websocket"]))
    while connection.next_event() not in (h11.PAUSED, h11.NEED_DATA):
        pass
    if status == 101:
        event = h11.InformationalResponse(status_code=101, headers=list(headers), reason=b"Switching Protocols")
        assert plain == connection.send(event)
        return plain
    bodyless = status in (204, 304)
    if not bodyless and not any(name.lower() == b"content-length" for name, _ in headers):
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    content = [] if bodyless else [h11.Data(data=body)]
    events = (h11.Response(status_code=status, headers=list(headers)), *content, h11.EndOfMessage())
    assert plain == b"".join(connection.send(event) or b"" for event in events)
    assert connection.our_state is h11.DONE
    return plain


def some_answer(random: Random) -> tuple[int, Headers, bytes]:
    """Make a response; many of them cannot be sent as they are."""
    status = random.choice((200, 200, 101, 204, 304, 400, 403, 404, 413, 500, 503, 100, 299, 999))
    fields = _RESPONSE_FIELDS[:3] if random.random() < 0.5 else _RESPONSE_FIELDS
    return status, random.sample(fields, random.randrange(3)), random.choice((b"", b"ok", b"abc", b"x" * 300))


# -- the two, side by side ---------------------------------------------------------------------------------------------


def compare_all(seed: int, count: int) -> tuple[int, int]:
    """Compare so many streams and answers. Returns how many requests, and answers, were plain."""
    requests = answers = 0
    for number in range(count):
        random = Random(seed * 1_000_000_007 + number)
        data = some_stream(random)
        while data and (plain := compare_request(data)) is not None:
            requests += 1
            data = data[len(plain.raw) :]
        answers += compare_answer(*some_answer(random)) is not None
    return requests, answers


def test_plain_requests_and_answers_are_those_of_h11() -> None:
    requests, answers = compare_all(1, 5000)
    assert requests > 2000
    assert answers > 1500


def _answers(pieces: Sequence[bytes], *, shortcuts: bool) -> bytes:
    place = House(asks_requests=True, shortcuts=shortcuts)
    place.on_work = lambda now: _answer_all(place, now)
    peer = place.connect()
    peer.send(*pieces, b"")
    return peer.received


def _answer_all(place: House, now: float) -> None:
    asked, place.asked = place.asked, []
    for one in asked:
        assert isinstance(one, RequestAsked)
        one.answer(_reflect(one.request, one.body), now)


def _reflect(request: Request, body: bytes) -> Response:
    if request.target == "/x?y" and body[:1] == b"\x00":
        return Response(200, [(b"x-bad", b"a\r\nb")], b"this cannot be sent")
    return Response(200, [(b"x-headers", repr(request.headers).encode())], repr((request.method, body)).encode())


@pytest.mark.parametrize("start", range(0, examples(200), 200))
def test_site_answers_the_same_with_and_without_shortcuts(start: int) -> None:
    for seed in range(start, start + 200):
        random = Random(seed)
        data = some_stream(random)
        size = random.choice((1, 10, 100, 10_000))
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert _answers(pieces, shortcuts=True) == _answers(pieces, shortcuts=False), f"seed {seed}"


def _polls(seed: int, *, shortcuts: bool) -> bytes:
    """Have a client with a session poll and post over one connection: often with the head that it had before."""
    random = Random(seed)
    house = House(shortcuts=shortcuts)
    own = f"{POLLING}&sid={house.open_session()}"
    peer = house.connect()
    for _ in range(12):
        targets = (*(own,) * 8, f"{own}&t={random.randrange(3)}", f"{POLLING}&sid=unknown", "/elsewhere")
        fields = random.sample((*_FIELDS[2:4], *_FIELDS[18:21], b"Origin: http://else", b"Connection: close"), 1)
        headers = [field.decode("latin-1") for field in fields] if random.random() < 0.3 else []
        body = b"4" + random.choice((b"a", b"b", b"cd", b"e" * 300))
        post, get = request(random.choice(targets), "POST", body, headers), request(random.choice(targets), "GET")
        data = post + get if random.random() < 0.7 else random.choice((post, get, post + post + get + get))
        size = random.choice((20, 200, 10_000))
        peer.send(*(data[at : at + size] for at in range(0, len(data), size)))
    peer.send(b"")
    return peer.received


@pytest.mark.parametrize("start", range(0, examples(200), 200))
def test_polls_are_answered_the_same_with_and_without_shortcuts(start: int) -> None:
    answers = 0
    for seed in range(start, start + 200):
        received = _polls(seed, shortcuts=True)
        assert _polls(seed, shortcuts=False) == received, f"seed {seed}"
        answers += received.count(b"HTTP/1.1 200")
    assert answers > 500


def test_body_behind_a_known_head_may_come_later() -> None:
    house = House()
    target = f"{POLLING}&sid={house.open_session()}"
    peer = house.connect()
    for text in ("one", "two"):
        data = request(target, "POST", f"4{text}".encode())
        peer.send(data[:-1], data[-1:])
        assert peer.answer().text == "ok"
        assert peer.ask(target, "POST", f"4{text}".encode()).text == "ok"
    assert house.messages == ["one", "one", "two", "two"]


def test_clients_of_one_proxy_are_told_apart() -> None:
    """It may send requests of many over one connection, each with another address in its head."""
    seen: list[tuple[str, str]] = []

    def extra_headers(asked: Request, sid: str) -> list[tuple[bytes, bytes]]:
        seen.append((asked.address, sid))
        return [(b"x-for", asked.address.encode())]

    settings = EngineSettings(path="/engine.io/", extra_headers=extra_headers)
    house = House(settings, trust_proxy=True)
    sid = house.open_session()
    peer = house.connect(address="10.0.0.1")
    seen.clear()
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"):
        headers = [f"X-Forwarded-For: {address}"]
        answer = peer.ask(f"{POLLING}&sid={sid}", "POST", b"4a", headers)
        assert answer.headers["x-for"] == address
        peer.ask(f"{POLLING}&sid={sid}", headers=headers)
    assert seen == [(address, sid) for address in ("192.0.2.1",) * 4 + ("192.0.2.2",) * 2 + ("192.0.2.1",) * 2]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_what_is_kept_of_a_head_between_two_polls_is_counted_and_bounded(over: int) -> None:
    house = House()
    target = f"{POLLING}&sid={house.open_session()}"
    peer = house.connect()
    before = peer.wire.held_bytes
    fill = MAX_KEPT_HEAD_BYTES + over - len(request(target, "POST", b"4a", ["Cookie: "])) + len(b"4a")
    assert peer.ask(target, "POST", b"4a", ["Cookie: " + "c" * fill]).text == "ok"
    kept = peer.wire.held_bytes - before
    assert kept == 0 if over > 0 else 2 * MAX_KEPT_HEAD_BYTES - 200 < kept < 2 * MAX_KEPT_HEAD_BYTES + 2000


def test_each_request_of_the_application_is_an_object_of_its_own() -> None:
    """It may change what it is given."""
    house = House(asks_requests=True)
    peer = house.connect()
    seen: list[Request] = []
    for _ in range(2):
        peer.send(request("/page"))
        asked = house.take_request()
        asked.request.headers.append((b"x-mine", b"1"))
        asked.answer(Response(200), house.now)
        house.settle()
        seen.append(asked.request)
    assert [len(one.headers) for one in seen] == [2, 2]


def _reflecting(**options: Any) -> tuple[House, Peer]:
    place = House(asks_requests=True, **options)
    place.on_work = lambda now: _answer_all(place, now)
    return place, place.connect()


def test_request_behind_one_whose_answer_is_not_plain_is_served() -> None:
    bad = request("/x?y", "POST", b"\x00")  # its answer cannot be sent
    place, peer = _reflecting()
    peer.send(bad + request("/next", "POST", b"abc") + request("/last"))
    assert peer.answer().status == 500
    assert peer.answer().text == repr(("POST", b"abc"))
    assert peer.answer().text == repr(("GET", b""))
    assert "is not valid HTTP" in place.reports[0][0]


def test_what_looks_like_a_request_within_a_request_is_none() -> None:
    _, peer = _reflecting()
    inner = request("/inner")
    peer.send(request("/outer", "POST", headers=[f"Content-Length: {len(inner)}", "X: "])[:-4])
    peer.send(b"\r\n\r\n")
    peer.send(inner + request("/next"))
    assert peer.answer().text == repr(("POST", inner))
    assert peer.answer().text == repr(("GET", b""))

    peer.send(b"GET /one HTTP/1.1\r\nHost: test\r\nX:")
    peer.send(request("/two"))  # the value of X, and a second Host
    assert peer.answer().status == 400


# -- cases -------------------------------------------------------------------------------------------------------------

_PLAIN: Final = (
    request("/a"),
    request("/a", "GET", b""),
    request("/a", "POST", b"abc"),
    request("/a", "POST", b""),
    request("/a", "POST"),
    request("/a", headers=["Connection: Keep-Alive", "X-Empty:", "X-Tab: \ta\tb\t "]),
    request("/a", headers=["Connection: keep-alive, Upgrade", "Upgrade: websocket"]),
    request("/a", headers=[f"X-{number}: y" for number in range(MAX_HEADERS - 1)]),
)

_NOT_PLAIN: Final = (
    b"",
    request("/a")[:-1],
    request("/a", "POST", b"abc")[:-1],
    request("/a", "HEAD"),
    request("/a", "PUT", b"abc"),
    request("*", "OPTIONS"),
    request("http://test/a"),
    request("/a", "GET", b"abc"),
    request("/a", "POST", b"abc", ["Content-Length: 3"]),
    request("/a", "POST", headers=["Content-Length: 3,3"]) + b"abc",
    request("/a", "POST", headers=["Content-Length: +3"]) + b"abc",
    request("/a", "POST", headers=["Transfer-Encoding: chunked"]) + chunked(b"abc"),
    request("/a", "POST", b"abc", ["Expect: 100-continue"]),
    request("/a", headers=["Connection: close"]),
    request("/a", headers=["Connection: x, close"]),
    request("/a", headers=["Host: again"]),
    request("/a", headers=["X: a", " folded"]),
    request("/a", headers=["X: é"]),
    request("/a", headers=["X : a"]),
    request("/a", headers=[f"X-{number}: y" for number in range(MAX_HEADERS)]),
    request("/a", headers=["X: " + "y" * MAX_HEAD_BYTES]),
    request("/a").replace(b"Host: test\r\n", b""),
    request("/a").replace(b"1.1", b"1.0"),
    request("/a").replace(b"\r\n", b"\n"),
    b"\r\n" + request("/a"),
)


@pytest.mark.parametrize("data", _PLAIN)
def test_what_clients_send_is_plain(data: bytes) -> None:
    plain = compare_request(data + request("/next"))
    assert plain is not None
    assert plain.raw == data


@pytest.mark.parametrize("data", _NOT_PLAIN)
def test_all_else_is_left_to_h11(data: bytes) -> None:
    assert plain_request(data) is None


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_head_is_plain_up_to_its_limit(over: int) -> None:
    without = len(request("/a", headers=["X: "]))
    data = request("/a", headers=["X: " + "y" * (MAX_HEAD_BYTES - without + over)])
    assert len(data) == MAX_HEAD_BYTES + over
    assert (compare_request(data) is None) is (over > 0)


def requested(*fields: bytes) -> PlainRequest:
    """Return a plain request with these headers."""
    plain = plain_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n")
    assert plain is not None
    return plain


@pytest.mark.parametrize(
    ("field", "is_kept"),
    [
        (b"User-Agent: a", True),
        (b"Referer: http://h/page", True),
        (b"Referer: http://h/reset?token=secret", False),
        (b"Cookie: session=secret", False),
        (b"Authorization: Bearer secret", False),
        (b"X-Whatever: secret", False),
        (b"Accept: " + b"a" * 1024, False),
    ],
)
def test_what_may_be_a_secret_is_not_remembered_for_others(field: bytes, *, is_kept: bool) -> None:
    first, second = requested(field), requested(field)
    assert first.headers == second.headers
    assert (first.headers is second.headers) is is_kept


_HANDSHAKE: Final = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")


@pytest.mark.parametrize("place", range(4))
def test_what_is_beside_a_key_is_remembered_and_the_key_is_where_it_was(place: int) -> None:
    lists: list[Headers] = []
    for number in range(3):
        fields = [*_HANDSHAKE[:place], _KEY_FIELD % number, *_HANDSHAKE[place:]]
        plain = requested(*fields)
        assert plain.headers[place + 1] == (b"sec-websocket-key", b"%010d" % number)
        assert compare_request(plain.raw) is not None
        lists.append([field for field in plain.headers if field[0] != b"sec-websocket-key"])
    assert lists[0] == lists[1]
    assert all(one is other for one, other in zip(lists[1], lists[2], strict=True))


@pytest.mark.parametrize(("count", "is_plain"), [(MAX_HEADERS, True), (MAX_HEADERS + 1, False)])
def test_a_key_counts_among_the_headers(count: int, *, is_plain: bool) -> None:
    fields = [b"Host: a", *[b"X: y"] * (count - 2), _KEY_FIELD % 1]
    data = b"GET / HTTP/1.1\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"
    assert (plain_request(data) is not None) is is_plain


def test_key_of_what_is_not_plain_is_nothing_special() -> None:
    assert plain_request(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: YWJj\r\n\r\n") is None


@pytest.mark.parametrize("more", [[], [(b"set-cookie", b"io=secret")]])
def test_what_answers_a_key_is_written_as_h11_does(more: list[tuple[bytes, bytes]]) -> None:
    before = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), *more]
    for token in (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"another"):
        assert compare_answer(101, [*before, (b"sec-websocket-accept", token)], b"") is not None
        assert compare_answer(101, [*before[:1], (b"sec-websocket-accept", token), *before[1:]], b"") is not None
    assert plain_answer(101, [*before, (b"sec-websocket-accept", b"a\r\nb: c")], b"") is None
    assert plain_answer(101, [(b"bad name", b""), (b"sec-websocket-accept", b"a")], b"") is None


def test_so_many_are_remembered_and_no_more() -> None:
    kept = requested(b"User-Agent: kept")
    for number in range(256):
        requested(b"User-Agent: %d" % number)
    assert requested(b"User-Agent: kept").headers is not kept.headers
    for number in range(300):
        answer = plain_answer(200, [(b"content-type", b"%d" % number), (b"set-cookie", b"io=secret")], b"ok")
        assert answer is not None
        assert b"content-type: %d\r\nset-cookie: io=secret\r\n" % number in answer


def test_plain_answers_have_a_length() -> None:
    assert compare_answer(200, [(b"a", b"b")], b"ok") == b"HTTP/1.1 200 \r\na: b\r\ncontent-length: 2\r\n\r\nok"
    assert compare_answer(200, [(b"Content-Length", b"2")], b"ok") == b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"
    assert compare_answer(204, [], b"") == b"HTTP/1.1 204 \r\n\r\n"
    assert compare_answer(101, [(b"connection", b"Upgrade")], b"") is not None


@pytest.mark.parametrize(
    ("status", "header"),
    [
        *((200, field) for field in _RESPONSE_FIELDS[3:9]),
        (200, (b"x", b"a\r\nb: c")),
        (200, (b"x\r\ny", b"a")),
        (200, (b"content-length", b"3")),
        (204, (b"content-length", b"2")),
        (200, (b"connection", b"close")),
        (200, (b"transfer-encoding", b"chunked")),
        (100, (b"a", b"b")),
        (999, (b"a", b"b")),
    ],
)
def test_answers_that_are_not_plain_are_left_to_h11(status: int, header: tuple[bytes, bytes]) -> None:
    assert plain_answer(status, [header], b"ok") is None


def test_answer_with_two_lengths_is_left_to_h11() -> None:
    for length in (b"2", b"3"):
        assert plain_answer(200, [(b"content-length", length), (b"content-length", b"2")], b"ok") is None
    assert compare_answer(200, [(b"content-length", b"2"), (b"a", b"b")], b"ok") is not None


def test_answer_with_headers_that_are_no_bytes_is_left_to_h11() -> None:
    assert plain_answer(200, [("a", "b")], b"ok") is None  # type: ignore[list-item] # what an application may do


if __name__ == "__main__":
    print(compare_all(int(sys.argv[2]) if len(sys.argv) > 2 else 1, int(sys.argv[1])))
