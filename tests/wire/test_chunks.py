"""Lines between chunks that h11 takes, and that are none; of both roles, whole and byte by byte."""

from __future__ import annotations

import tracemalloc

import h11
import pytest

from socketio_core.wire.chunks import MAX_EXTENSION_BYTES, lines_of
from socketio_core.wire.heads import MAX_HEAD_BYTES, MAX_HEADERS

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

GOOD = [
    (END, b""),
    (b"1\r\na\r\n" + END, b"a"),
    (b"1;x\r\na\r\n" + END, b"a"),
    (b'a;x=y;z="a;b\t\xe9"\r\n0123456789\r\n1\r\na\r\n0;q\r\nX: y\r\n\r\n', b"0123456789a"),
    (b"2\r\n\n\n\r\n" + END, b"\n\n"),
    (b"1;" + b"x" * (MAX_EXTENSION_BYTES - 10) + b"\r\na\r\n" + END, b"a"),
    (b"1\r\na\r\n00\r\n" + b"X: y\r\n" * MAX_HEADERS + b"\r\n", b"a"),
    (b"0\r\n" + b"X: y\n" * MAX_HEADERS + b"\n", b""),
    (b"0\r\nX: " + b"y" * (MAX_HEAD_BYTES - 10) + b"\r\n\r\n", b""),
]
BAD = [
    b"1;x\ry\r\na\r\n" + END,
    b"1;x\0y\r\na\r\n" + END,
    b"1;\x7f\r\na\r\n" + END,
    b"1\r\na\r\n1;x\ry\r\na\r\n" + END,
    b"1\r\na\r\n0;x\ry\r\n\r\n",
    b"x\r\n" + END,
    b"1\na\r\n" + END,
    b"\n" + END,
    b"1;" + b"x" * MAX_EXTENSION_BYTES + b"\r\na\r\n" + END,
    (b"1;" + b"x" * 99 + b"\r\na\r\n") * (MAX_EXTENSION_BYTES // 100 + 1) + END,
    b"1\r\na\r\n0\r\n" + b"X:\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    b"000;q\r\n" + b"X:\n" * (MAX_HEADERS + 1) + b"\n",
    b"0\r\nX: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
]


def body_of(head: bytes, data: bytes, size: int) -> bytes:
    connection = h11.Connection(h11.SERVER if head is REQUEST else h11.CLIENT)
    if head is RESPONSE:
        connection.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(head)
    first = connection.next_event()
    assert isinstance(first, (h11.Request, h11.Response))
    lines = lines_of(first, MAX_HEADERS, MAX_HEAD_BYTES)
    assert lines is not None
    body = b""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    while not isinstance(event := lines.next_event(connection), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(pieces.pop(0))
        else:
            assert isinstance(event, h11.Data)
            body += event.data
    assert not pieces
    return body


@pytest.mark.parametrize("head", [REQUEST, RESPONSE])
@pytest.mark.parametrize("size", [1, 2, 3, 100_000])
@pytest.mark.parametrize(("data", "body"), GOOD)
def test_body_is_what_is_between_the_lines(head: bytes, size: int, data: bytes, body: bytes) -> None:
    assert body_of(head, data, size) == body


@pytest.mark.parametrize("head", [REQUEST, RESPONSE])
@pytest.mark.parametrize("size", [1, 2, 3, 100_000])
@pytest.mark.parametrize("data", BAD)
def test_line_that_is_none_ends_the_body(head: bytes, size: int, data: bytes) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        body_of(head, data, size)


@pytest.mark.parametrize("head", [REQUEST, RESPONSE])
def test_lines_in_a_chunk_are_no_headers(head: bytes) -> None:
    text = b"a line\n" * 10 * MAX_HEADERS
    assert body_of(head, b"%x\r\n%s\r\n" % (len(text), text) + END, len(text) // 3) == text


def test_body_that_is_not_in_chunks_has_no_lines() -> None:
    assert lines_of(h11.Response(status_code=200, headers=[]), MAX_HEADERS, MAX_HEAD_BYTES) is None


def test_a_line_is_looked_at_where_it_is() -> None:
    """What waits behind it may be 256 kB, and is copied once for each chunk by h11 already."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(REQUEST)
    head = connection.next_event()
    assert isinstance(head, h11.Request)
    lines = lines_of(head, MAX_HEADERS, MAX_HEAD_BYTES)
    assert lines is not None
    connection.receive_data(b"1\r\na\r\n" * 40_000)
    tracemalloc.start()
    try:
        assert isinstance(lines.next_event(connection), h11.Data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 240_000
