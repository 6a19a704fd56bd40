"""What is said of an answer that is of no use."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client.problems import describe_data, describe_refusal, of_end, of_loss
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.http import Response


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (Response(500), "HTTP 500"),
        (Response(400, [], b'{"code":1,"message":"Session ID unknown"}'), "HTTP 400: Session ID unknown"),
        (Response(403, [], b'{"code":4}'), 'HTTP 403: {"code":4}'),
        (Response(502, [], b"<html>\n  Bad gateway"), "HTTP 502: <html> Bad gateway"),
        (Response(500, [], b"\x1b[2J"), r"HTTP 500: '\x1b[2J'"),
        (Response(500, [], b"[" * 100_000), "HTTP 500: " + "[" * 200),
        (Response(204), "HTTP 204"),
        (Response(404), "HTTP 404 (is the path right?)"),
        (Response(404, [], b"Not found: Socket.IO is at /a/\n"), "HTTP 404: Not found: Socket.IO is at /a/"),
        (Response(403), "HTTP 403 (are path and origin right?)"),
        (
            Response(301, [(b"Location", b"https://b/")]),
            "HTTP 301: redirected to 'https://b/'; connect to that address instead",
        ),
        (
            Response(300, [(b"location", b"/b/")]),
            "HTTP 300: redirected to '/b/'; connect to that address instead",
        ),
        (
            Response(302, [(b"location", b"/" * 60_000)]),
            f"HTTP 302: redirected to '{'/' * 800}'; connect to that address instead",
        ),
        (Response(400, [(b"location", b"/b/")]), "HTTP 400"),
        (Response(304), "HTTP 304"),
    ],
)
def test_refusals_are_described(response: Response, text: str) -> None:
    assert describe_refusal(response) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [("x" * 80, "x" * 80), ("x" * 81, "x" * 80), (b"x" * 81, "x" * 80), (b"x\xff", "x\ufffd")],
    ids=["short", "long", "bytes", "no text"],
)
def test_other_things_that_a_server_sent_are_shown_up_to_a_limit(data: str | bytes, text: str) -> None:
    assert describe_data(data) == repr(text)


@pytest.mark.parametrize(
    ("detail", "is_opening", "text"),
    [
        ("timeout", True, "timeout"),
        ("", True, "the connection was lost"),
        ("timeout", False, "POST failed: timeout"),
        ("", False, "POST failed: the connection was lost"),
    ],
)
def test_an_answer_that_does_not_come_is_told(detail: str, text: str, *, is_opening: bool) -> None:
    assert of_loss(detail, "POST", is_opening=is_opening) == text


@pytest.mark.parametrize(
    ("code", "detail", "text"),
    [
        (None, "", "the connection ended without a WebSocket close frame"),
        (None, "reset", "reset"),
        (1000, "bye", None),
        (NO_CODE, "", None),
        (1011, "", "the server closed the WebSocket with code 1011"),
        (1011, "oops", "the server closed the WebSocket with code 1011 oops"),
    ],
)
def test_what_was_wrong_with_an_end_is_told(code: int | None, detail: str, text: str | None) -> None:
    assert of_end(code, detail) == text
