"""The hostile table over HTTP: what is sent, what is answered, and what becomes of the connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pytest

from socketio_core import Server
from tests.adapters.hostile import EOF, Step, perform, under_attack
from tests.adapters.loops import both_loops, loop
from tests.wire.written import POLLING, WS_HEADERS, Answer, chunked, handshake, request

SESSION: Final = f"{POLLING}&sid=SID"  # of a session that the attacker has opened; SID is replaced
UNKNOWN: Final = f"{POLLING}&sid=nobody"
CANDIDATE: Final = "/socket.io/?EIO=4&transport=websocket&sid=SID"
OPEN: Final = None

Expected = tuple[int, bytes | None]
"""Status and body; `None` where the words are h11's."""

NOT_FOUND: Final = (404, b"Not found: Socket.IO is at /socket.io/\n")
OK: Final = (200, b"ok")
EMPTY_400: Final = (400, b"")
BAD: Final = (400, None)
OPENED: Final = (200, None)
TIMEOUT_HEAD: Final = (408, b"request took too long\n")
TIMEOUT_BODY: Final = (408, b"request body took too long\n")
TOO_LARGE: Final = (431, b"too many headers, or too large ones\n")
BAD_UPGRADE: Final = (400, b"Bad request")
BAD_KEY: Final = (400, b"Sec-WebSocket-Key must be 16 bytes in base64")


def error(code: int, message: str, status: int = 400) -> Expected:
    """An error of PROTOCOL 1.4."""
    return status, b'{"code":%d,"message":"%b"}' % (code, message.encode())


@dataclass(frozen=True)
class Row:
    """One attack: `ends_s` is how long after it the server ends the connection; `OPEN` is when it serves on there.

    `reason` says why the attacker's own session ends, if it does.
    """

    name: str
    steps: tuple[Step, ...]
    answers: tuple[Expected, ...]
    ends_s: float | None
    reason: str | None = None
    method: str = "GET"


def row(
    name: str, *steps: Step, to: Sequence[Expected], ends: float | None, reason: str = "", method: str = "GET"
) -> Row:
    return Row(name, steps, tuple(to), ends, reason or None, method)


def line(text: str) -> bytes:
    return f"{text}\r\nHost: test\r\n\r\n".encode("latin-1")


def post(body: bytes = b"", *headers: str, target: str = SESSION) -> bytes:
    """A POST without a Content-Length of its own."""
    return request(target, "POST", headers=headers) + body


def in_chunks(body: bytes) -> bytes:
    return post(body, "Transfer-Encoding: chunked")


def sized(*lengths: str, body: bytes = b"40") -> bytes:
    return post(body, *[f"Content-Length: {length}" for length in lengths])


ECHO: Final = b'42["echo"]'

REQUEST_LINES: Final = [
    row("garbage", b"hello\r\n\r\n", to=[BAD], ends=0),
    row("only line ends", b"\r\n\r\n", to=[], ends=20),
    row("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 50, to=[BAD], ends=0),
    row("binary that never ends a line", b"\xff" * 100, to=[TIMEOUT_HEAD], ends=20),
    row("no version", line("GET /nope"), to=[BAD], ends=0),
    row("a space in the target", line("GET /a b HTTP/1.1"), to=[BAD], ends=0),
    row("a target beyond ASCII", line("GET /\xe9 HTTP/1.1"), to=[BAD], ends=0),
    row("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", to=[(505, None)], ends=0),
    row("HTTP/3.0", line("GET / HTTP/3.0"), to=[(505, None)], ends=0),
    row("HTTP/1.2 is served as 1.1", line("GET /nope HTTP/1.2"), to=[NOT_FOUND], ends=OPEN),
    row("HTTP/1.0 without Host", b"GET /nope HTTP/1.0\r\n\r\n", to=[NOT_FOUND], ends=0),
    row("HTTP/1.0 handshake", f"GET {POLLING} HTTP/1.0\r\n\r\n".encode(), to=[OPENED], ends=0),
    row("a method in lower case", request(method="get"), to=[error(2, "Bad handshake method")], ends=OPEN),
    row("absolute form", request(f"http://test{POLLING}"), to=[OPENED], ends=OPEN),
    row("absolute form without a path", request("http://test"), to=[NOT_FOUND], ends=OPEN),
    row("asterisk form", request("*", "OPTIONS"), to=[NOT_FOUND], ends=OPEN),
    row("CONNECT", request("test:80", "CONNECT"), to=[(405, b"Method not allowed\n")], ends=OPEN),
    row("a path that climbs", request("/socket.io/../secret"), to=[error(0, "Transport unknown")], ends=OPEN),
    row("no slash behind the path", request("/socket.io?EIO=4&transport=polling"), to=[NOT_FOUND], ends=OPEN),
    row("a broken escape", request("/socket.io/?transport=%zz"), to=[error(0, "Transport unknown")], ends=OPEN),
    row("2,000 query fields", request(POLLING + "&a=b" * 2000), to=[error(0, "Transport unknown")], ends=OPEN),
    row("a target of 20 kB", request("/" + "x" * 20_000), to=[TOO_LARGE], ends=0),
]

HEADERS: Final = [
    row("no Host", b"GET /nope HTTP/1.1\r\n\r\n", to=[BAD], ends=0),
    row("two Hosts", request("/nope", headers=["Host: other"]), to=[BAD], ends=0),
    row("a header without a colon", request("/nope", headers=["nonsense"]), to=[BAD], ends=0),
    row("a space before the colon", request("/nope", headers=["X : y"]), to=[BAD], ends=0),
    row("a folded line in the first place", b"GET / HTTP/1.1\r\n folded\r\n\r\n", to=[BAD], ends=0),
    row("NUL in a value", request("/nope", headers=["X: a\0b"]), to=[BAD], ends=0),
    row("CR in a value", request("/nope", headers=["X: a\rb"]), to=[BAD], ends=0),
    row("100 headers", request("/nope", headers=["X: y"] * 99), to=[NOT_FOUND], ends=OPEN),
    row("101 headers", request("/nope", headers=["X: y"] * 100), to=[TOO_LARGE], ends=0),
    row(
        "101 headers on HEAD", request("/nope", "HEAD", headers=["X: y"] * 100), to=[(431, b"")], ends=0, method="HEAD"
    ),
    row("16 kB at once", request("/nope", headers=["X: " + "y" * 16_384]), to=[TOO_LARGE], ends=0),
    row("a header without an end", b"GET / HTTP/1.1\r\nX: " + b"y" * 9000, b"y" * 9000, to=[(431, None)], ends=0),
    row(
        "an Origin with control characters",
        request(headers=["Origin: a\x01b"]),
        to=[error(3, "Bad request")],
        ends=OPEN,
    ),
    row("a foreign Origin", request(headers=["Origin: http://evil"]), to=[error(4, "Forbidden", 403)], ends=OPEN),
    row(
        "an upgrade to h2c",
        request("/nope", headers=["Connection: Upgrade", "Upgrade: h2c"]),
        to=[NOT_FOUND],
        ends=OPEN,
    ),
    row("Connection: close", request("/nope", headers=["Connection: close"]), to=[NOT_FOUND], ends=0),
]

CONNECTIONS: Final = [
    row("silence", to=[], ends=20),
    row("half a head, then silence", b"GET / HT", to=[TIMEOUT_HEAD], ends=20),
    row("a byte now and then", b"G", 6.0, b"E", 6.0, b"T", 6.0, to=[TIMEOUT_HEAD], ends=2),
    row("keep-alive, then silence", request("/nope"), 29.0, to=[NOT_FOUND], ends=1),
    row("keep-alive, then half a head", request("/nope"), b"GET", to=[NOT_FOUND, TIMEOUT_HEAD], ends=20),
    row("end of file at once", EOF, to=[], ends=0),
    row("end of file in a head", b"GET / HT", EOF, to=[BAD], ends=0),
    row("end of file behind a request", request("/nope"), EOF, to=[NOT_FOUND], ends=0),
    row("three requests at once", request("/a") + request("/b") + request(), to=[NOT_FOUND] * 2 + [OPENED], ends=OPEN),
    row("garbage behind a request", request("/nope") + b"hello\r\n\r\n", to=[NOT_FOUND, BAD], ends=0),
    row(
        "a body on GET, and a request behind it",
        request(body=b"abc") + request("/a"),
        to=[OPENED, NOT_FOUND],
        ends=OPEN,
    ),
    row("200 kB behind a parked poll", request(SESSION) + b"x" * 200_000, 25.0, to=[(200, b"2"), (431, None)], ends=0),
    row(
        "a request behind a parked poll", request(SESSION) + request("/a"), 25.0, to=[(200, b"2"), NOT_FOUND], ends=OPEN
    ),
]

BODIES: Final = [
    row("chunks", in_chunks(chunked(ECHO[:3], ECHO[3:])), to=[OK], ends=OPEN),
    row("a chunk extension", in_chunks(b"a;x=y\r\n" + ECHO + b"\r\n0\r\n\r\n"), to=[OK], ends=OPEN),
    row("a trailer", in_chunks(b"a\r\n" + ECHO + b"\r\n0\r\nX: y\r\n\r\n"), to=[OK], ends=OPEN),
    row("too many chunks", in_chunks(chunked(*[b"4" * 1000] * 1001)), to=[(413, b"")], ends=0),
    row("a chunk size that is none", in_chunks(b"zz\r\n40\r\n"), to=[BAD], ends=0, reason="transport error"),
    row("a negative chunk size", in_chunks(b"-2\r\n40\r\n"), to=[BAD], ends=0, reason="transport error"),
    row("a chunk size of 30 digits", in_chunks(b"f" * 30 + b"\r\n"), to=[BAD], ends=0, reason="transport error"),
    row("a chunk longer than it says", in_chunks(b"2\r\n40XX0\r\n"), to=[BAD], ends=0, reason="transport error"),
    row("a chunk that never comes", in_chunks(b"ff\r\n40"), to=[TIMEOUT_BODY], ends=60, reason="ping timeout"),
    row("a bad chunk for nobody", post(b"zz\r\n", "Transfer-Encoding: chunked", target="/a"), to=[NOT_FOUND], ends=0),
    row("chunks end early", in_chunks(b"ff\r\n40"), EOF, to=[BAD], ends=0, reason="transport error"),
    row("a body in gzip", post(b"", "Transfer-Encoding: gzip"), to=[(501, None)], ends=0),
    row("chunks and a length", post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 5"), to=[BAD], ends=0),
    row("a body shorter than it says", sized("10"), to=[TIMEOUT_BODY], ends=60, reason="ping timeout"),
    row("a body that ends early", sized("10"), EOF, to=[BAD], ends=0, reason="transport error"),
    row("a body longer than it says", sized("10", body=ECHO + b"junk\r\n\r\n"), to=[OK, BAD], ends=0),
    row("two lengths", sized("2", "3"), to=[BAD], ends=0),
    row("a negative length", sized("-2"), to=[BAD], ends=0),
    row("a length with a plus", sized("+2"), to=[BAD], ends=0),
    row("a length of 19 digits", sized("9" * 19), to=[(413, b"")], ends=0),
    row("a length over the limit", sized("1000001", body=b""), to=[(413, b"")], ends=0),
    row(
        "Expect, accepted",
        post(b"", "Expect: 100-continue", "Content-Length: 10"),
        ECHO,
        to=[(100, b""), OK],
        ends=OPEN,
    ),
    row("Expect, too large", post(b"", "Expect: 100-continue", "Content-Length: 1000001"), to=[(413, b"")], ends=0),
    row(
        "Expect, refused; a request in the place of the body",
        post(b"", "Expect: 100-continue", "Content-Length: 9", target="/nope"),
        request("/a"),
        to=[NOT_FOUND],
        ends=0,
    ),
    row("Expect of something else", post(ECHO, "Expect: cake", "Content-Length: 10"), to=[OK], ends=OPEN),
    row(
        "a body for nobody, and a request behind it",
        request(UNKNOWN, "POST", b"4" * 1_000_000) + request("/a"),
        to=[error(1, "Session ID unknown"), NOT_FOUND],
        ends=OPEN,
    ),
    row(
        "a huge body for nobody",
        request(UNKNOWN, "POST", b"4" * 3_000_000),
        to=[error(1, "Session ID unknown")],
        ends=0,
    ),
    row(
        "a body that is not UTF-8",
        post(b"4\xff\xfe", "Content-Length: 3"),
        to=[EMPTY_400],
        ends=OPEN,
        reason="parse error",
    ),
]

METHODS: Final = [
    *[
        row(f"{method} without a session", request(method=method), to=[error(2, "Bad handshake method")], ends=OPEN)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
    ],
    *[
        row(f"{method} in a session", request(SESSION, method), to=[(500, b"")], ends=OPEN, method=method)
        for method in ("PUT", "DELETE", "OPTIONS", "HEAD")
    ],
    row("HEAD without a session", request(method="HEAD"), to=[(400, b"")], ends=OPEN, method="HEAD"),
    row("HEAD of nothing", request("/nope", "HEAD"), to=[(404, b"")], ends=OPEN, method="HEAD"),
    row(
        "DELETE with a body", request(SESSION, "DELETE", b"abc") + request("/a"), to=[(500, b""), NOT_FOUND], ends=OPEN
    ),
]


def ws(
    target: str = "/socket.io/?EIO=4&transport=websocket", *headers: str, key: str | None = "AAAAAAAAAAAAAAAAAAAAAA=="
) -> bytes:
    return handshake(target, headers, key=key)


def without(header: str) -> bytes:
    kept = [item for item in WS_HEADERS if not item.startswith(header)]
    return request(
        "/socket.io/?EIO=4&transport=websocket", headers=[*kept, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    )


HANDSHAKES: Final = [
    row("WebSocket version 8", ws(key=None).replace(b": 13", b": 8"), to=[(426, None)], ends=0),
    row("no WebSocket version", without("Sec-WebSocket-Version"), to=[(426, None)], ends=0),
    row("no Upgrade", without("Upgrade"), to=[error(3, "Bad request")], ends=OPEN),
    row("no Connection: Upgrade", without("Connection"), to=[error(3, "Bad request")], ends=OPEN),
    row("no key", ws(key=None), to=[BAD_KEY], ends=0),
    row("a key of 15 bytes", ws(key="AAAAAAAAAAAAAAAAAAAA"), to=[BAD_KEY], ends=0),
    row("a key that is no base64", ws(key="!" * 24), to=[BAD_KEY], ends=0),
    row("a key beyond ASCII", ws(key="\xe9" * 24), to=[BAD_KEY], ends=0),
    row("two keys", ws(POLLING, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), to=[BAD_KEY], ends=0),
    row("a body behind the handshake", ws(POLLING, "Content-Length: 3") + b"abc", to=[BAD], ends=0),
    row("a chunked body behind the handshake", ws(POLLING, "Transfer-Encoding: chunked"), to=[BAD], ends=0),
    row(
        "EIO=3 before the 101",
        ws("/socket.io/?EIO=3&transport=websocket"),
        to=[(400, b"Unsupported protocol version")],
        ends=0,
    ),
    row(
        "no EIO before the 101",
        ws("/socket.io/?transport=websocket"),
        to=[(400, b"Unsupported protocol version")],
        ends=0,
    ),
    row("an upgrade to polling", ws(POLLING), to=[BAD_UPGRADE], ends=0),
    row("an unknown transport", ws("/socket.io/?EIO=4&transport=__proto__"), to=[(400, b"Transport unknown")], ends=0),
    row("a foreign Origin", ws(POLLING, "Origin: http://evil"), to=[(400, b"Forbidden")], ends=0),
    row("a WebSocket for nobody", ws(CANDIDATE.replace("SID", "nobody")), to=[(400, b"Session ID unknown")], ends=0),
    row("a candidate without EIO", ws(CANDIDATE.replace("EIO=4&", "")), to=[BAD_UPGRADE], ends=0),
    row("a candidate on polling", ws(SESSION), to=[BAD_UPGRADE], ends=0),
    row("a WebSocket elsewhere", ws("/nope"), to=[NOT_FOUND], ends=0),
    row("a WebSocket by POST", ws().replace(b"GET", b"POST", 1), to=[error(2, "Bad handshake method")], ends=OPEN),
]


@pytest.mark.parametrize(
    "row", [*REQUEST_LINES, *HEADERS, *CONNECTIONS, *BODIES, *METHODS, *HANDSHAKES], ids=attrgetter("name")
)
@both_loops
async def test_hostile_http(row: Row) -> None:
    async with under_attack(Server()) as bench:
        attacker = await bench.polling()
        peer = await bench.connect()
        sid = attacker.sid.encode()
        await perform(peer, *[step.replace(b"SID", sid) if isinstance(step, bytes) else step for step in row.steps])
        done_at = loop.current_time()
        answers = [await peer.answer(to=row.method) for _ in row.answers]
        expected = [
            Answer(status, {}, answer.body if body is None else body)
            for answer, (status, body) in zip(answers, row.answers, strict=True)
        ]
        assert [(answer.status, answer.body) for answer in answers] == [
            (answer.status, answer.body) for answer in expected
        ]
        if row.ends_s is None:
            assert (await peer.ask("/again")).status == 404
        else:
            assert await peer.rest() == b""
            assert loop.current_time() == pytest.approx(done_at + row.ends_s)
        assert bench.reason_of(attacker) == row.reason
        assert ("origin 'http://evil' is not the server's own" in bench.take_log()) == (row.name == "a foreign Origin")
        if row.reason is None:
            await attacker.send("3")
            await attacker.echo()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@both_loops
async def test_http_1_0_knows_no_upgrade(version: str) -> None:
    """RFC 9110, 7.8: the header means nothing there, so this is a handshake on the wrong transport."""
    async with under_attack() as bench:
        peer = await bench.connect()
        await peer.send(handshake().replace(b"HTTP/1.1", b"HTTP/" + version.encode()))
        assert (await peer.answer()).status == (101 if version == "1.1" else 400)
        await peer.close()
