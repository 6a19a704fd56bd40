"""A client's HTTP exchanges: which connections are kept, how answers end, and that nothing is asked twice."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client.carriers import ClientCarrier
from socketio_core.engineio.events import Closed
from socketio_core.wire.base import TURN_PIECES
from socketio_core.wire.client.http1 import MAX_INFORMATIONAL, MAX_INFORMATIONAL_FIELDS
from socketio_core.wire.client.site import MAX_IDLE_S
from tests.holdings import held_by
from tests.wire.by_hand import Gate
from tests.wire.client.by_hand import CHUNKED, OPEN, OPEN_UPGRADES, Desk, Line, response, said, switching


def polled() -> tuple[Desk, Line]:
    """Return a client whose first poll is on its way."""
    desk = Desk()
    return desk, desk.open()


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_requests_are_what_the_core_wants_and_no_more() -> None:
    desk = Desk(headers=[(b"x-own", b"1")])
    asked = desk.line().request()
    assert (asked.method, asked.target, asked.body) == ("GET", "/engine.io/?EIO=4&transport=polling", b"")
    assert asked.headers == {"host": "test", "accept": "*/*", "x-own": "1"}
    desk.line().send(response(OPEN))
    desk.line().request()
    desk.send("a", "é")
    asked = desk.line().request()
    assert (asked.method, asked.body) == ("POST", "4a\x1e4é".encode())
    assert asked.headers["content-length"] == str(len(asked.body))


def test_request_leaves_in_one_write() -> None:
    desk, _ = polled()
    desk.send("a")
    (written,) = desk.line().writes
    assert written.startswith(b"POST")
    assert written.endswith(b"4a")


def test_post_goes_beside_a_poll_and_each_connection_is_for_one_at_a_time() -> None:
    desk, poll = polled()
    desk.send("a")
    post = desk.line()
    assert post is not poll
    post.request()
    post.send(response("ok"))
    poll.send(response("4x"))
    assert desk.events[-1] == "x"
    assert len(desk.lines) == 2
    desk.send("b")
    assert sorted(line.request().method for line in desk.lines) == ["GET", "POST"]
    assert len(desk.lines) == 2, "both are used again"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_answers_in_pieces_are_the_same(size: int) -> None:
    answers = [response(OPEN), CHUNKED + b"2\r\n4a\r\n1;x=y\r\nb\r\n0\r\nT: 1\r\n\r\n", response("4c")]
    desk = Desk()
    for answer in answers:
        line = desk.line()
        line.request()
        line.send(*[answer[at : at + size] for at in range(0, len(answer), size)])
    assert desk.events[1:] == ["ab", "c"]
    assert len(desk.lines) == 1


# -- what is kept ------------------------------------------------------------------------------------------------------

HALF = b"a: b\r\n" * (MAX_INFORMATIONAL_FIELDS // 2)
KEPT = {
    "length": response("4a"),
    "chunks": CHUNKED + b"2\r\n4a\r\n0\r\n\r\n",
    "informational": b"HTTP/1.1 103 X\r\n\r\n" * MAX_INFORMATIONAL + response("4a"),
    "informational headers": 2 * (b"HTTP/1.1 103 X\r\n" + HALF + b"\r\n") + response("4a"),
}
NOT_KEPT = {
    "something behind it": response("4a") + b"x",
    "another answer behind it": response("4a") + response("4b"),
    "close": response("4a", headers="Connection: close\r\n"),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n4a",
}


@pytest.mark.parametrize("name", [*KEPT, *NOT_KEPT])
def test_connection_is_kept_only_if_the_server_will_take_another_request(name: str) -> None:
    desk, line = polled()
    line.send((KEPT | NOT_KEPT)[name])
    assert desk.events[-1] == "a"
    assert line.is_over() is (name in NOT_KEPT)
    assert len(desk.lines) == 1 + (name in NOT_KEPT)
    desk.line().request()


@pytest.mark.parametrize("name", KEPT)
def test_limit_of_informational_responses_is_for_each_answer(name: str) -> None:
    desk, line = polled()
    for _ in range(3):
        line.send(KEPT[name])
    assert desk.events[1:] == ["a"] * 3
    assert not line.is_over()


def test_body_without_a_length_ends_with_the_connection() -> None:
    desk, line = polled()
    line.send(b"HTTP/1.1 200 OK\r\n\r\n", b"4a", b"b")
    assert len(desk.events) == 1
    line.end()
    assert desk.events[-1] == "ab"
    assert line.is_over()


def test_answer_that_comes_before_the_request_is_written_ends_the_connection() -> None:
    """What is not written yet would be the beginning of the next request."""
    desk, _ = polled()
    desk.send("a")
    post = desk.lines[-1]
    post.is_reading = False
    post.connect()
    assert post.wire.data_to_send(desk.now)
    post.send(response("ok"))
    assert post.is_over()
    desk.send("b")
    assert desk.line().request().body == b"4b"
    assert not desk.reports


def test_answer_that_comes_before_a_later_request_is_written_ends_the_connection_too() -> None:
    desk, _ = polled()
    desk.send("a")
    post = desk.line()
    post.send(response("ok"))
    post.is_reading = False
    desk.send("b")
    assert post.wire.data_to_send(desk.now)
    post.send(response("ok"))
    assert post.is_over()
    desk.send("c")
    assert desk.line().request().body == b"4c"
    assert not desk.reports


def idle() -> tuple[Desk, Line, Line]:
    """Return a client with a poll on its way, and a connection that is kept."""
    desk, poll = polled()
    desk.send("a")
    post = desk.line()
    post.request()
    post.send(response("ok"))
    assert not post.is_over()
    assert desk.site.is_busy
    return desk, poll, post


@pytest.mark.parametrize(("idle_s", "is_kept"), [(0.0, True), (MAX_IDLE_S - 0.001, True), (MAX_IDLE_S, False)])
def test_idle_connection_is_kept_for_a_while(idle_s: float, *, is_kept: bool) -> None:
    desk, _, post = idle()
    desk.advance(idle_s)
    assert post.is_over() is not is_kept
    desk.send("b")
    assert len(desk.lines) == (2 if is_kept else 3)
    assert desk.line().request().body == b"4b"


def test_connection_in_use_again_is_not_ended_by_the_time_it_was_idle() -> None:
    desk, _, post = idle()
    desk.advance(MAX_IDLE_S - 0.001)
    desk.send("b")
    post.request()
    desk.advance(MAX_IDLE_S)
    assert not post.is_over()
    post.send(response("ok"))
    desk.advance(MAX_IDLE_S - 0.001)
    assert not post.is_over()


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"\r\n"])
def test_whatever_comes_on_an_idle_connection_is_its_end(piece: bytes) -> None:
    desk, _, post = idle()
    post.send(piece)
    assert post.is_over()
    assert desk.core.is_open
    desk.send("b")
    assert desk.line().request().body == b"4b"


def test_idle_connection_that_breaks_is_nobodys_loss() -> None:
    desk, _, post = idle()
    post.lose("reset")
    assert post.is_over()
    assert desk.core.is_open


def test_end_that_only_the_hosts_socket_knows_is_looked_for() -> None:
    desk, _, post = idle()
    post.wire.has_unread = lambda: True
    desk.send("b")
    assert post.is_over()
    assert len(desk.lines) == 3
    assert desk.line().request().body == b"4b"


def test_idle_connections_end_when_a_websocket_has_taken_over() -> None:
    desk = Desk("polling", "websocket")
    line = desk.open(OPEN_UPGRADES)
    websocket = desk.line()
    websocket.request()
    websocket.send(switching())
    desk.send("a")
    post = desk.line()
    post.request()
    post.send(response("ok"))
    assert not post.is_over()
    websocket.send(said("3probe"))
    line.send(response("6"))
    assert (line.is_over(), post.is_over()) == (True, True)
    assert desk.site.wires == {websocket.wire}
    assert websocket.frames()[-1] == (1, b"5")


# -- what goes wrong ---------------------------------------------------------------------------------------------------

BAD = {
    "too large": (response("x" * 11), "response is too large, max_message_bytes: 10"),
    "too large in chunks": (CHUNKED + b"6\r\nxxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n", "response is too large"),
    "rubbish": (b"rubbish\r\n\r\n", "the server does not speak HTTP"),
    "101": (b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "the server does not speak HTTP: "),
    "informational": (b"HTTP/1.1 103 X\r\n\r\n" * (MAX_INFORMATIONAL + 1), "sent more than 20 informational responses"),
    "informational headers": (
        2 * (b"HTTP/1.1 103 X\r\n" + HALF + b"a:\r\n\r\n"),
        "sent more than 1000 headers in informational responses",
    ),
    "end": (b"", "the server closed the connection before it answered"),
    "cut off": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n4a", "the server does not speak HTTP: peer closed"),
}


def test_another_protocol_is_told_as_soon_as_it_greets() -> None:
    desk = Desk()
    line = desk.line()
    line.request()
    line.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    assert desk.why == r"polling: the server does not speak HTTP: it says 'SSH-2.0-OpenSSH_9.6\r\n'"
    assert line.is_over()


@pytest.mark.parametrize("name", BAD)
def test_exchange_that_failed_is_told_once_and_never_made_again(name: str) -> None:
    answer, problem = BAD[name]
    desk = Desk(max_message_bytes=10)
    line = desk.line()
    line.request()
    line.send(answer)
    line.end()
    assert problem in desk.why
    assert line.is_over()
    assert (len(desk.events), len(desk.lines), line.received) == (1, 1, b"")
    assert not desk.reports


HELD = {
    "kept": [response("x" * 100_000)],
    "cut off": [CHUNKED + b"ffff\r\n", b"x" * 60_000, b""],
    "too large": [b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 200_000],
}


@pytest.mark.parametrize("name", HELD)
def test_connection_lets_go_of_a_body_that_it_is_done_with(name: str) -> None:
    """Or a server that ends each answer so has many of them held, until Python looks for cycles."""
    desk = Desk(max_message_bytes=150_000)
    desk.open()
    desk.send("a")
    post = desk.line()
    post.request()
    for data in HELD[name]:
        post.send(data) if data else post.end()
    assert post.is_over() is (name != "kept")
    assert held_by(post.wire) < 10_000


@pytest.mark.parametrize("body", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", CHUNKED + b"a\r\n"])
def test_what_just_fits_is_taken(body: bytes) -> None:
    desk = Desk(max_message_bytes=10)
    line = desk.line()
    line.request()
    line.send(body + b"x" * 10 + b"\r\n0\r\n\r\n")
    assert "unknown packet type" in desk.why


@pytest.mark.parametrize("why", ["", "Connection reset by peer"])
def test_connection_that_is_lost_is_told_in_the_hosts_words(why: str) -> None:
    desk, line = polled()
    line.lose(why)
    assert desk.why == "GET failed: the connection was lost" + (f": {why}" if why else "")


def test_write_that_failed_is_told_by_who_reads() -> None:
    desk, line = polled()
    line.wire.write_failed(desk.now, "Broken pipe")
    line.send(response("4a"))
    assert desk.events[-1] == "a"


def test_connection_that_cannot_be_made_is_told() -> None:
    desk = Desk()
    desk.lines[0].lose("Connection refused")
    assert desk.why == "polling: Connection refused"
    desk = Desk()
    desk.lines[0].lose()
    assert desk.why == "polling: no connection could be made"


def test_post_has_its_time_from_the_beginning_of_the_connection_on() -> None:
    desk = Desk(post_timeout_s=3.0)
    desk.open()
    desk.send("a")
    post = desk.lines[-1]
    desk.advance(2.0)
    post.connect()
    post.request()
    desk.advance(0.999)
    assert desk.core.is_open
    desk.advance(0.001)
    assert desk.why == "POST failed: no answer within 3 s"
    assert post.is_over()


def test_post_that_cannot_even_connect_has_its_time_too() -> None:
    desk = Desk(post_timeout_s=3.0)
    desk.open()
    desk.send("a")
    desk.advance(3.0)
    assert desk.why == "POST failed: no answer within 3 s"
    assert desk.lines[-1].is_over()


def test_fault_when_time_has_come_costs_the_connection_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no")

    desk = Desk(post_timeout_s=3.0)
    desk.open()
    desk.send("a")
    monkeypatch.setattr(desk.core, "lost", broken)
    desk.advance(3.0)
    assert desk.lines[-1].is_over()
    assert [str(error) for error in desk.reports] == ["no"]


def test_next_exchange_on_a_connection_has_a_time_of_its_own() -> None:
    desk, poll = polled()
    poll.send(response("6"))
    desk.advance(20.0)
    assert not poll.is_over(), "a poll has none: the session watches"


@pytest.mark.parametrize("is_made", [True, False])
def test_cancelled_exchange_is_dropped_without_a_word(*, is_made: bool) -> None:
    desk = Desk()
    line = desk.lines[0]
    if is_made:
        line.connect()
        line.request()
    desk.core.abort(desk.now)
    desk.settle()
    assert line.is_over()
    assert line.received == b""
    line.wire.connected(desk.now)  # too late
    line.send(response(OPEN))
    assert len(desk.events) == 1
    assert desk.core.is_done
    assert not desk.site.wires


def spoil(carrier: ClientCarrier) -> None:
    carrier.headers.append((b"x y", b"z"))


def test_header_that_cannot_be_sent_costs_the_session_and_is_reported() -> None:
    desk = Desk(spoils=spoil)
    line = desk.line()
    assert line.is_over()
    assert "internal error: " in desk.why
    assert len(desk.reports) == 1


def test_header_that_cannot_be_sent_later_is_reported_too() -> None:
    desk, line = polled()
    desk.core.spoils = spoil
    line.send(response("4a"))
    assert line.is_over()
    assert "internal error: " in desk.why
    assert len(desk.reports) == 1


def test_answers_in_many_pieces_are_read_in_turns() -> None:
    desk, line = polled()
    body = b"".join(b"1\r\n%c\r\n" % char for char in b"4" + b"a" * 3 * TURN_PIECES)
    line.wire.receive(CHUNKED + body + b"0\r\n\r\n", desk.now)
    assert line.wire.has_more
    assert not line.wire.wants_input
    assert line.wire in desk.site.flush(desk.now)
    assert desk.site.next_deadline == desk.now
    assert len(desk.events) == 1
    desk.settle()
    assert desk.events[-1] == "a" * 3 * TURN_PIECES
    assert not line.is_over()


# -- pace --------------------------------------------------------------------------------------------------------------


def congested() -> tuple[Desk, Gate]:
    """Return a client whose next poll waits for the application."""
    gate = Gate()
    desk = Desk(gate=gate)
    line = desk.open()
    gate.is_congested = True
    line.send(response("4a"))
    assert line.received == b""
    return desk, gate


def test_no_poll_begins_while_the_application_is_behind_but_posts_do() -> None:
    desk, gate = congested()
    desk.send("b")
    assert desk.line().request().method == "POST"
    desk.advance(50.0)
    assert desk.core.is_open, "the silence is not the server's"
    gate.open(desk.now)
    desk.settle()
    assert desk.lines[-1] is desk.lines[1]
    desk.advance(0)
    assert desk.core.is_open
    assert gate.taken


def test_poll_begins_when_there_is_room() -> None:
    desk, gate = congested()
    gate.open(desk.now)
    desk.settle()
    assert desk.line().request().method == "GET"


def test_silence_is_the_servers_again_when_the_poll_has_begun() -> None:
    desk, gate = congested()
    gate.open(desk.now)
    desk.settle()
    desk.line()
    desk.advance(50.0)
    assert desk.why == "the server has fallen silent: no ping in time"


def test_poll_that_nobody_wants_any_more_does_not_begin() -> None:
    desk, gate = congested()
    count = len(desk.lines)
    desk.core.abort(desk.now)
    desk.settle()
    gate.open(desk.now)
    desk.settle()
    assert len(desk.lines) == count
    assert isinstance(desk.events[-1], Closed)


def test_first_request_does_not_wait_for_the_application() -> None:
    gate = Gate()
    gate.is_congested = True
    assert Desk(gate=gate).line().request().method == "GET"


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_posts_what_is_left_and_then_nothing_is_busy() -> None:
    desk, poll = polled()
    desk.core.send("a", desk.now)
    desk.core.close(desk.now)
    desk.settle()
    post = desk.line()
    assert post.request().body == b"4a\x1e1"
    (is_done,) = {desk.core.is_done}
    assert not is_done
    post.send(response("ok"))
    assert poll.is_over()
    assert desk.core.is_done
    assert not desk.site.is_busy
    desk.site.abort(desk.now)
    desk.settle()
    assert not desk.site.wires
    assert desk.site.next_deadline is None


def test_abandoned_connections_are_over_whatever_they_were() -> None:
    desk, _, _ = idle()
    desk.site.abort(desk.now)
    desk.settle()
    assert all(line.is_over() for line in desk.lines)
    assert desk.why == "GET failed: the connection was lost"
