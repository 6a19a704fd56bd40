"""Answers of servers that mean harm, or of what stands between: a clear error at once, and little memory."""

from __future__ import annotations

import tracemalloc
from typing import Final

import pytest

from tests.wire.client.by_hand import CHUNKED, OPEN, Desk, response

BODY: Final = f"{len(OPEN):x}\r\n{OPEN}\r\n0\r\n\r\n".encode()
LENGTH: Final = f"Content-Length: {len(OPEN)}\r\n"


def with_head(status_line: str, headers: str, body: bytes = BODY) -> bytes:
    return f"{status_line}\r\n{headers}\r\n".encode() + body


TWOFACED: Final = {
    "HTTP/2.0": (with_head("HTTP/2.0 200 OK", LENGTH, OPEN.encode()), "the server answers in HTTP/2.0"),
    "HTTP/0.9": (with_head("HTTP/0.9 200 OK", LENGTH, OPEN.encode()), "the server answers in HTTP/0.9"),
    "1xx in HTTP/3.0": (b"HTTP/3.0 103 X\r\n\r\n", "the server answers in HTTP/3.0"),
    "both lengths": (
        with_head("HTTP/1.1 200 OK", LENGTH + "Transfer-Encoding: chunked\r\n"),
        "the server sends Content-Length beside Transfer-Encoding",
    ),
    "chunks in HTTP/1.0": (
        with_head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n"),
        "the server sends Transfer-Encoding in HTTP/1.0",
    ),
    "two lengths": (with_head("HTTP/1.1 200 OK", LENGTH + "Content-Length: 1\r\n"), "conflicting Content-Length"),
    "two lengths in one": (with_head("HTTP/1.1 200 OK", "Content-Length: 1, 2\r\n"), "conflicting Content-Length"),
    "a length with a sign": (with_head("HTTP/1.1 200 OK", "Content-Length: +1\r\n"), "bad Content-Length"),
    "two codings": (with_head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked\r\n"), "Transfer-Encoding"),
    "a bare CR": (CHUNKED + b"1;x\ry\r\n", "illegal chunk header"),
    "status 099": (with_head("HTTP/1.1 099 X", ""), "does not speak HTTP"),
    "status 999": (with_head("HTTP/1.1 999 X", LENGTH, OPEN.encode()), "HTTP 999"),
}


@pytest.mark.parametrize("kind", TWOFACED)
def test_answer_that_others_may_read_otherwise_is_none(kind: str) -> None:
    answer, why = TWOFACED[kind]
    desk = Desk()
    desk.line().send(answer)
    assert why in desk.why
    assert desk.reports == []


def test_same_length_twice_is_one() -> None:
    """RFC 9110, 8.6 lets a recipient choose."""
    desk = Desk()
    desk.line().send(response(OPEN, headers=LENGTH))
    assert desk.said[-1].startswith("Opened")


ENDLESS: Final = {
    "1xx": (b"", b"HTTP/1.1 103 X\r\nLink: x\r\n\r\n", "more than 20 informational responses"),
    "status line": (b"HTTP/1.1 200 ", b"x" * 1000, "does not speak HTTP"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a:\r\n", "does not speak HTTP"),
    "a folded header": (b"HTTP/1.1 200 OK\r\na: b\r\n", b" c\r\n", "does not speak HTTP"),
    "a header": (b"HTTP/1.1 200 OK\r\na: ", b"x" * 1000, "does not speak HTTP"),
    "a chunk extension": (CHUNKED + b"1;", b"x" * 1000, "does not speak HTTP"),
    "chunk extensions": (CHUNKED, b"1;" + b"x" * 1000 + b"\r\na\r\n", "too many chunk extensions"),
    "trailers": (CHUNKED + b"0\r\n", b"a: " + b"x" * 1000 + b"\r\n", "does not speak HTTP"),
    "a chunk's length": (CHUNKED, b"0" * 1000, "does not speak HTTP"),
    "the body": (CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n", "max_message_bytes: 10000"),
    "the body of tiny chunks": (CHUNKED, b"1\r\nx\r\n", "max_message_bytes: 10000"),
    "a body without a length": (b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 1000, "max_message_bytes: 10000"),
}


@pytest.mark.parametrize(
    ("kind", "transport"),
    [(kind, way) for kind in ENDLESS for way in ("polling", "websocket") if "tiny" not in kind]
    + [("the body of tiny chunks", "polling")],
)
def test_answer_without_end_has_one(kind: str, transport: str) -> None:
    first, more, why = ENDLESS[kind]
    desk = Desk(transport, max_message_bytes=10_000)
    line = desk.line()
    tracemalloc.start()
    try:
        if first:
            line.send(first)
        for _ in range(40):
            if not line.wire.is_over:
                line.send(more * (5000 // len(more)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert line.wire.is_over
    assert peak < 1_000_000
    is_refusal = transport == "websocket" and (first.startswith(CHUNKED) or "body" in kind)
    assert ("HTTP 200" if is_refusal else why) in desk.why  # of a refusal only the beginning is read
