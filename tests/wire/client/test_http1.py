"""HTTP of a client against h11 alone, byte at a time and in any other pieces."""

from __future__ import annotations

from random import Random
from typing import Final

import h11
import pytest

from socketio_core.wire.client.http1 import BadAnswer, ClientHttp1
from tests.effort import examples
from tests.wire import written
from tests.wire.client.by_hand import CHUNKED, response

BLOCK: Final = 50
PARTS: Final = (
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 103 X\r\n\r\n"),
    *(b"HTTP/1.1 101 X\r\n", b"HTTP/2 200 OK\r\n", b"Content-Length: 3\r\n", b"Content-Length: x\r\n", b"\r\n", b"\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"X: y\r\n", b"X y\r\n", b" folded\r\n", b"abc"),
    *(b"1\r\na\r\n", b"0\r\n\r\n", b"3;x=y\r\nabc\r\n", b"ffffffffffffffffffff\r\n", b"\0", b"\xff"),
)


def some_answer(random: Random) -> bytes:
    """Return an answer, good or bad."""
    kind = random.random()
    if kind < 0.2:
        return response(random.randbytes(random.randrange(5)))
    if kind < 0.4:
        return (
            CHUNKED
            + b"".join(b"1\r\n%c\r\n" % random.randrange(256) for _ in range(random.randrange(9)))
            + b"0\r\n\r\n"
        )
    return b"".join(random.choices(PARTS, k=random.randrange(1, 9)))


def cut(random: Random, data: bytes) -> list[bytes]:
    """Cut it as a network may."""
    return written.cut(random, data, random.choice((1, 4, 1000)))


Seen = tuple[int | str, bytes, bool]


def by_ours(pieces: list[bytes]) -> Seen:
    http = ClientHttp1()
    http.request("GET", "/", [(b"host", b"test")])
    head = None
    body = bytearray()

    def add(data: bytes) -> bool:
        body.extend(data)
        return True

    try:
        for piece in pieces:
            http.feed(piece)
            head = head or http.next_head()
            if head is not None and http.read_body(add):
                return head.status_code, bytes(body), http.next_cycle()
    except BadAnswer as error:
        return str(error), bytes(body), False
    return "more", bytes(body), http.next_cycle()


def framing_problem(head: h11.Response) -> str | None:
    """Say what h11 lets pass, though it should not."""
    framing = {name for name, _ in head.headers} & {b"transfer-encoding", b"content-length"}
    if len(framing) == 2:
        return "sends Content-Length beside Transfer-Encoding"
    is_old = head.http_version == b"1.0" and b"transfer-encoding" in framing
    return "sends Transfer-Encoding in HTTP/1.0" if is_old else None


def by_h11(pieces: list[bytes]) -> Seen:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
    connection.send(h11.Request(method="GET", target="/", headers=[(b"host", b"test")]))
    connection.send(h11.EndOfMessage())
    status: int | str = "more"
    body = bytearray()
    try:
        for piece in pieces:
            connection.receive_data(piece)
            while (event := connection.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    status = event.status_code
                    if (problem := framing_problem(event)) is not None:
                        return problem, b"", False
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    states = {connection.our_state, connection.their_state}
                    return status, bytes(body), states == {h11.DONE} and not any(connection.trailing_data)
    except h11.RemoteProtocolError as error:
        return f"does not speak HTTP: {error}", bytes(body), False
    return "more", bytes(body), False


@pytest.mark.parametrize("start", range(0, examples(250), BLOCK))
def test_answers_are_what_h11_says(start: int) -> None:
    for seed in range(start, start + BLOCK):
        random = Random(seed)
        pieces = cut(random, some_answer(random) + some_answer(random))
        if random.random() < 0.5 and by_h11(pieces)[0] != "more":
            pieces.append(b"")
        ours, theirs = by_ours(pieces), by_h11(pieces)
        if str(ours[0]).startswith("does not speak HTTP: it says"):  # told before h11 has a whole line
            assert theirs[0] == "more" or str(theirs[0]).startswith("does not speak HTTP"), f"seed {seed}"
        else:
            assert ours == theirs, f"seed {seed}"


@pytest.mark.parametrize("answer", [response("abc"), CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"])
def test_byte_at_a_time(answer: bytes) -> None:
    pieces = [bytes([byte]) for byte in answer]
    assert by_ours(pieces) == (200, b"abc", True)
    assert by_ours(pieces[:-1])[0] == "more"


def test_head_without_end_is_refused() -> None:
    http = ClientHttp1()
    http.request("GET", "/", [(b"host", b"test")])
    http.feed(b"HTTP/1.1 200 OK\r\n")
    for _ in range(65):
        http.feed(b"x: " + b"y" * 995 + b"\r\n")
        assert http.next_head() is None
    http.feed(b"x: " + b"y" * 995 + b"\r\n")
    with pytest.raises(BadAnswer, match="does not speak HTTP"):
        http.next_head()
