"""Every phase of a connection that speaks HTTP, with all that can happen to it: the table in `wire.requests`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from socketio_core.cors import Cors
from socketio_core.engineio import Action, Poll, RequestRefused, Upgrade, WebSocket
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.wire import RequestAsked, Timeouts
from socketio_core.wire.base import FIRST_PIECES, TURN_PIECES
from socketio_core.wire.phases import MAX_EARLY_BYTES, MAX_LINGER_BYTES
from socketio_core.wire.websocket import WRITE_BYTES
from tests.wire.by_hand import PATH, POLLING, WEBSOCKET, Gate, House, Peer, ok
from tests.wire.written import PING, PONG, chunked, frame, handshake, request

TIMES: Final = Timeouts(header_s=1, body_s=2, keep_alive_s=3, write_s=4, close_s=5, linger_s=6)
EPSILON: Final = 0.001

APP: Final = request("/app", "POST", b"abc")


def house(settings: EngineSettings | None = None, **options: Any) -> House:
    given: dict[str, Any] = {"asks_requests": True, **options}
    return House(settings, timeouts=TIMES, **given)


# -- a connection in each phase ----------------------------------------------------------------------------------------


def idle(house: House) -> Peer:
    return house.connect()


def idle_again(house: House) -> Peer:
    peer = house.connect()
    peer.send(request("/engine.io/"))
    assert peer.answer().status == 400
    return peer


def head(house: House) -> Peer:
    peer = house.connect()
    house.clock.advance(EPSILON)  # the time runs from the beginning
    peer.send(request("/engine.io/")[:-2])
    return peer


def head_again(house: House) -> Peer:
    peer = idle_again(house)
    house.clock.advance(EPSILON)
    peer.send(request("/engine.io/")[:-2])
    return peer


def body(house: House) -> Peer:
    peer = house.connect()
    peer.send(request(f"{POLLING}&sid={house.open_session()}", "POST", b"4abc")[:-1])
    return peer


def body_of_app(house: House) -> Peer:
    peer = house.connect()
    peer.send(APP[:-1])
    return peer


def asked(house: House) -> Peer:
    peer = house.connect()
    peer.send(APP)
    assert len(house.asked) == 1
    return peer


def held(house: House) -> Peer:
    peer = house.connect()
    sid = house.open_session()
    house.gate = Gate()
    house.gate.is_congested = True
    peer.send(request(f"{POLLING}&sid={sid}", "POST", b"4abc"))
    return peer


def held_again(house: House) -> Peer:
    def fill(_: float) -> None:
        if "abc" in house.messages and house.gate is not None:
            house.gate.is_congested = True

    house.gate = Gate()
    house.on_work = fill
    peer = house.connect()
    peer.send(request(f"{POLLING}&sid={house.open_session()}", "POST", b"4abc"))
    house.on_work = lambda _: None
    return peer


def parked(house: House) -> Peer:
    return house.park(house.open_session())


def answer(house: House) -> Peer:
    peer = house.connect()
    peer.is_reading = False
    peer.send(request("/engine.io/"))
    return peer


def drain(house: House) -> Peer:
    peer = house.connect()
    peer.send(request("/engine.io/", "POST", b"abc")[:-1])
    assert peer.answer().status == 400
    return peer


def linger(house: House) -> Peer:
    peer = house.connect()
    peer.send(b"what?\r\n\r\n")
    assert peer.answer().status == 400
    return peer


def seen(house: House, peer: Peer, known: int = 0) -> str:
    """What the client has read, and what has become of its connection; then what the engine has told."""
    said: list[str] = []
    while peer.received:
        found = peer.answer()
        said.append(f"{found.status}")
    wire = peer.wire
    said.append("over" if wire.is_over else "mute" if wire.is_mute else "reads" if wire.wants_input else "waits")
    assert (wire in house.site.wires) is not wire.is_over
    return " ".join([*said, *(kind.lower() for kind in house.kinds[known:])])


@dataclass
class Row:
    """A phase: how it is reached, whether it reads, and what becomes of it.

    Attributes:
        more: what the client sends next, and what comes of that.
        deadline_s: from when the phase began.
    """

    enter: Callable[[House], Peer]
    reads: bool
    more: tuple[bytes, str]
    ended: str
    lost: str
    deadline_s: float | None
    timed_out: str
    closed: str
    failed: str

    @property
    def name(self) -> str:
        return self.enter.__name__


NEXT: Final = request("/engine.io/")
OVER: Final = "over"
REFUSED: Final = "400 reads requestrefused"
CUT: Final = "mute closed"
ABORTED: Final = "over closed"  # with the session

READS: Final = True
WAITS: Final = False

ROWS: Final = [
    Row(idle, READS, (NEXT, REFUSED), OVER, OVER, 1, OVER, OVER, "500 mute"),
    Row(idle_again, READS, (NEXT, REFUSED), OVER, OVER, 3, OVER, OVER, "500 mute"),
    Row(head, READS, (b"\r\n", REFUSED), "400 mute", OVER, 1 - EPSILON, "408 mute", "503 mute", "500 mute"),
    Row(head_again, READS, (b"\r\n", REFUSED), "400 mute", OVER, 1, "408 mute", "503 mute", "500 mute"),
    Row(body, READS, (b"c", "200 reads str"), f"400 {CUT}", ABORTED, 2, f"408 {CUT}", "reads closed", f"500 {CUT}"),
    Row(body_of_app, READS, (b"c", "waits"), "400 mute", OVER, 2, "408 mute", "reads", "500 mute"),
    Row(asked, WAITS, (NEXT, "waits"), "waits", OVER, None, "waits", "waits", "500 mute"),
    Row(held, WAITS, (NEXT, "waits"), "waits", "over str", None, "waits", "waits closed", "500 mute str"),
    Row(held_again, WAITS, (NEXT, "waits"), "waits", OVER, None, "waits", "waits closed", "500 mute"),
    Row(parked, READS, (NEXT, "reads"), OVER, OVER, None, "reads", "200 mute closed", "500 mute"),
    Row(answer, WAITS, (NEXT, "waits"), "waits", OVER, 4, OVER, "waits", OVER),
    Row(drain, READS, (b"c", "reads"), OVER, OVER, 6, "mute", "reads", OVER),
    Row(linger, READS, (b"c" * 10, "mute"), OVER, OVER, 6, OVER, "mute", OVER),
]  # fmt: skip

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def begin(row: Row) -> tuple[House, Peer, int]:
    place = house()
    peer = row.enter(place)
    assert not peer.wire.is_over
    assert peer.wire.wants_input is row.reads
    assert peer.received == b""
    assert not place.reports
    return place, peer, len(place.happened)


@rows
def test_what_comes_is_read_or_waits(row: Row) -> None:
    place, peer, known = begin(row)
    data, expected = row.more
    peer.send(data)
    assert seen(place, peer, known) == expected
    assert bool(peer.unread) is not row.reads


@rows
def test_end_of_what_comes(row: Row) -> None:
    place, peer, known = begin(row)
    peer.end()
    assert seen(place, peer, known) == row.ended


@rows
def test_connection_that_is_lost(row: Row) -> None:
    place, peer, known = begin(row)
    peer.lose()
    peer.lose()
    assert seen(place, peer, known) == row.lost


@rows
def test_write_that_failed_is_found_by_who_reads(row: Row) -> None:
    place, peer, known = begin(row)
    peer.wire.write_failed(place.now)
    place.settle()
    assert seen(place, peer, known).startswith("over") is not row.reads


@rows
@pytest.mark.parametrize("late", [0, EPSILON, 0.4])
def test_time_out(row: Row, late: float) -> None:
    place, peer, known = begin(row)
    if row.deadline_s is None:
        place.advance(9)
    else:
        before = seen(place, peer, known)
        place.advance(row.deadline_s - EPSILON)
        assert seen(place, peer, known) == before
        place.clock.now += EPSILON + late
        place.settle()
    assert seen(place, peer, known) == row.timed_out


@rows
def test_closing_server(row: Row) -> None:
    place, peer, known = begin(row)
    place.site.close(place.now)
    place.settle()
    assert seen(place, peer, known) == row.closed


@rows
def test_failure_of_ours_costs_this_connection(row: Row) -> None:
    place, peer, known = begin(row)
    peer.wire.fail(ValueError("ours"), place.now)
    place.settle()
    assert seen(place, peer, known) == row.failed
    assert [str(error) for _, error in place.reports] == ["ours"]


@rows
@pytest.mark.parametrize("shortcuts", [True, False])
def test_bytes_may_come_one_by_one(row: Row, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = row.enter(place)
    known = len(place.happened)
    data, expected = row.more
    peer.send(*(data[at : at + 1] for at in range(len(data))))
    assert seen(place, peer, known) == expected


# -- turns, and what waits behind a request ----------------------------------------------------------------------------


@pytest.mark.parametrize("shortcuts", [True, False])
def test_requests_in_one_read_are_served_one_in_a_turn(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    first, second = place.connect(), place.connect()
    for peer in (first, second):
        peer.wire.receive(NEXT * 3, place.now)
    for turn in range(1, 4):
        named = place.flush()
        assert named == [first, second]
        assert [peer.received.count(b"HTTP/1.1 400") for peer in (first, second)] == [turn, turn]
        place.flush()  # what is written makes room for the next
        assert [peer.wire.has_more for peer in (first, second)] == [turn < 3] * 2
        assert [peer.wire.wants_input for peer in (first, second)] == [turn == 3] * 2
        if turn < 3:
            assert place.site.next_deadline == place.now
            place.site.handle_timeout(place.now)


@pytest.mark.parametrize("shortcuts", [True, False])
def test_end_behind_requests_that_wait_loses_none(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.put(NEXT * 3, b"")
    place.settle()
    assert seen(place, peer) == "400 400 400 over requestrefused requestrefused requestrefused"


def test_what_comes_behind_a_parked_poll_is_taken_up_to_a_limit_and_served_after_it() -> None:
    place = house()
    peer = parked(place)
    piece = request("/app", "POST", b"x" * 8000)
    count = 0
    while peer.wire.wants_input:
        peer.send(piece)
        count += 1
        assert count < 100
    held = len(piece) * count
    assert MAX_EARLY_BYTES <= held < MAX_EARLY_BYTES + len(piece)
    assert not place.asked
    place.engine.sessions[0].send("at last", place.now)
    place.settle()
    assert peer.answer().text == "4at last"
    for number in range(count):
        assert not peer.wire.wants_input
        place.take_request().answer(ok(b"%d" % number), place.now)
        place.settle()
        assert peer.answer().text == f"{number}"
    assert peer.wire.wants_input


def test_poll_is_answered_when_there_is_something_and_the_connection_goes_on() -> None:
    place = house()
    peer = parked(place)
    session = place.engine.sessions[0]
    session.send("one", place.now)
    session.send(b"two", place.now)
    place.settle()
    assert peer.answer().text == "4one\x1ebdHdv"
    assert peer.ask(f"{POLLING}&sid={session.sid}", "POST", b"4up").text == "ok"


def test_what_falls_due_as_the_answer_of_a_poll_is_written_goes_out_at_once() -> None:
    """The engine learns the time by that, too: it pings, and the host must look."""
    place = house(EngineSettings(path="/engine.io/", ping_interval_s=0.5))
    other = place.websocket()
    poll = place.park(place.open_session())
    poll.is_reading = False
    (session,) = [each for each in place.engine.sessions if each.transport == "polling"]
    session.send("hello", place.now)
    place.settle()
    place.clock.now += place.engine.engine_settings.ping_interval_s
    poll.is_reading = True
    poll.take_output()
    assert poll.answer().text == "4hello"
    assert place.site.next_deadline is not None
    assert place.site.next_deadline <= place.now
    place.settle()
    assert other.frame() == (1, b"2")


def test_poll_whose_answer_is_not_written_comes_again() -> None:
    place = house()
    peer = parked(place)
    peer.is_reading = False
    session = place.engine.sessions[0]
    session.send("kept", place.now)
    place.settle()
    peer.lose()
    again = place.park(session.sid) if not session.outbox else place.connect()
    again.send(request(f"{POLLING}&sid={session.sid}"))
    assert again.answer().text == "4kept"
    again.lose()
    last = place.park(session.sid)  # what was written is not kept
    assert last.received == b""


def test_answer_is_written_in_pieces() -> None:
    place = house()
    peer = asked(place)
    text = b"x" * (2 * WRITE_BYTES + 10)
    place.take_request().answer(ok(text), place.now)
    place.settle()
    assert peer.answer().body == text
    assert max(map(len, peer.writes)) == WRITE_BYTES
    assert len(peer.writes) == 3


def test_answer_is_not_over_before_all_of_it_is_written() -> None:
    place = house()
    peer = asked(place)
    place.take_request().answer(ok(b"x" * WRITE_BYTES), place.now)
    place.site.flush(place.now)
    assert peer.wire.data_to_send(place.now)
    assert not peer.wire.wants_input
    assert peer.wire.data_to_send(place.now)
    assert peer.wire.data_to_send(place.now) == b""
    assert peer.wire.wants_input


# -- what the application is asked -------------------------------------------------------------------------------------


def test_request_is_asked_with_its_body_and_answered_late() -> None:
    place = house()
    peer = asked(place)
    place.advance(100)
    found = place.take_request()
    assert (found.request.target, found.request.method, found.body) == ("/app", "POST", b"abc")
    found.answer(ok(b"late", (b"x-a", b"b")), place.now)
    place.settle()
    answered = peer.answer()
    assert (answered.status, answered.text, answered.headers["x-a"]) == (200, "late", "b")
    assert peer.wire.wants_input


def test_answers_that_come_twice_or_too_late_do_nothing() -> None:
    place = house()
    peer = asked(place)
    found = place.take_request()
    found.answer(ok(), place.now)
    found.answer(ok(b"again"), place.now)
    place.settle()
    assert peer.answer().text == "ok"
    assert peer.received == b""

    gone = asked(place)
    found = place.take_request()
    gone.lose()
    found.answer(ok(), place.now)
    place.settle()
    assert gone.received == b""


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("size", "status"), [(9, 200), (10, 200), (11, 413)])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_body_for_the_application_is_limited(size: int, status: int, *, is_chunked: bool, shortcuts: bool) -> None:
    place = house(max_body_bytes=10, shortcuts=shortcuts)
    peer = place.connect()
    if is_chunked:
        data = request("/app", "POST", headers=["Transfer-Encoding: chunked"]) + chunked(b"x" * (size - 5), b"x" * 5)
    else:
        data = request("/app", "POST", b"x" * size)
    peer.send(data)
    for found in place.asked:
        assert isinstance(found.body, bytes)  # type: ignore[union-attr]
        assert len(found.body) == size  # type: ignore[union-attr]
        found.answer(ok(), place.now)  # type: ignore[arg-type]
    place.settle()
    answered = peer.answer()
    assert answered.status == status
    assert ("connection" in answered.headers) is (status == 413)
    assert peer.was_muted is (status == 413)


def test_body_over_the_limit_is_refused_before_all_of_it_has_come() -> None:
    place = house(max_body_bytes=10)
    peer = place.connect()
    peer.send(request("/app", "POST", headers=["Content-Length: 1000"]) + b"x" * 11)
    assert peer.answer().status == 413


@pytest.mark.parametrize("is_wanted", [True, False])
def test_body_of_many_small_chunks_takes_several_turns(*, is_wanted: bool) -> None:
    place = house(asks_requests=is_wanted)
    peer = place.connect()
    wire = peer.wire
    wire.receive(request("/app", "POST", headers=["Transfer-Encoding: chunked"]), place.now)
    if not is_wanted:
        place.settle()  # answered already; the body is read away
    wire.receive(chunked(*[b"x"] * 1000) + request("/engine.io/"), place.now)
    turns = 1
    while not wire.wants_input and wire.has_more and turns < 4:
        turns += 1
        wire.proceed(place.now)
    assert turns == 4
    place.settle()
    if is_wanted:
        (found,) = place.asked
        assert isinstance(found, RequestAsked)
        assert found.body == b"x" * 1000
        found.answer(ok(), place.now)
        place.settle()
    assert [peer.answer().status, peer.answer().status] == [200 if is_wanted else 404, 400]


def test_without_an_application_other_paths_are_not_found() -> None:
    place = house(asks_requests=False)
    assert place.connect().ask("/app").status == 404


def test_connect_is_no_method_of_a_server() -> None:
    place = house()
    peer = place.connect()
    peer.send(b"CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n")
    assert peer.answer().status == 405


def test_static_responses_come_first() -> None:
    def static(found: Request) -> Response | None:
        return ok(b"static") if "static" in found.target else None

    place = house(static_response=static)
    peer = place.connect()
    assert peer.ask(f"{PATH}&static").text == "static"
    assert peer.ask("/static").text == "static"
    assert peer.ask("/engine.io/").status == 400


@pytest.mark.parametrize("target", [POLLING, WEBSOCKET])
def test_handshake_is_asked_and_let_pass_or_refused(target: str) -> None:
    place = house(asks_handshakes=True)
    data = handshake(target) if target == WEBSOCKET else request(target)
    peer = place.connect()
    peer.send(data)
    found = place.take_handshake()
    assert found.mount.core is place.engine
    assert place.engine.session_count == 0
    place.advance(50)
    found.answer(None, place.now)
    place.settle()
    assert peer.answer().status in (200, 101)
    assert place.engine.session_count == 1

    refused = place.connect()
    refused.send(data)
    place.take_handshake().answer("not you", place.now)
    place.settle()
    answered = refused.answer()
    assert (answered.status, "not you" in answered.text) == (400 if target == WEBSOCKET else 403, True)

    gone = place.connect()
    gone.send(data)
    gone.lose()
    place.take_handshake().answer(None, place.now)
    place.settle()
    assert place.engine.session_count == 1


def test_only_handshakes_that_the_engine_would_take_are_asked() -> None:
    place = house(asks_handshakes=True)
    peer = place.connect()
    assert peer.ask(f"{PATH}&transport=nonsense").status == 400
    assert peer.ask(f"{POLLING}&sid=unknown").status == 400
    assert not place.asked


def test_bad_websocket_handshake_is_refused_before_anybody_is_asked() -> None:
    place = house(asks_handshakes=True)
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, key="short") + NEXT)
    assert seen(place, peer) == "400 mute requestrefused"
    assert not place.asked


# -- functions of the application that fail ----------------------------------------------------------------------------


def boom(*_: object) -> Any:
    raise ValueError("boom")


@pytest.mark.parametrize("asks_handshakes", [True, False])
@pytest.mark.parametrize(
    "settings", [{"cors": Cors(origins=boom)}, {"extra_headers": boom, "cors": Cors(origins=["http://other"])}]
)
@pytest.mark.parametrize("target", [POLLING, WEBSOCKET])
def test_function_in_the_settings_that_fails_is_a_500(
    settings: dict[str, Any], target: str, *, asks_handshakes: bool
) -> None:
    place = house(EngineSettings(path="/engine.io/", **settings), asks_handshakes=asks_handshakes)
    peer = place.connect()
    headers = ["Origin: http://other"]
    peer.send(handshake(target, headers) if target == WEBSOCKET else request(target, headers=headers))
    if place.asked:
        place.take_handshake().answer(None, place.now)
        place.settle()
    assert peer.answer().status == 500
    (refused,) = [event for _, event in place.happened if isinstance(event, RequestRefused)]
    assert (refused.message, str(refused.error)) == ("Internal server error", "boom")


def test_function_that_fails_when_a_handshake_is_refused_is_a_500() -> None:
    calls: list[str] = []

    def fail_later(origin: str) -> bool:
        calls.append(origin)
        return bool(boom()) if len(calls) > 1 else True

    place = house(EngineSettings(path="/engine.io/", cors=Cors(origins=fail_later)), asks_handshakes=True)
    peer = place.connect()
    peer.send(request(POLLING, headers=["Origin: http://other"]))
    place.take_handshake().answer("no", place.now)
    place.settle()
    assert peer.answer().status == 500
    assert peer.wire.wants_input
    (refused,) = [event for _, event in place.happened if isinstance(event, RequestRefused)]
    assert str(refused.error) == "boom"


def test_static_response_that_fails_is_a_500_and_the_end() -> None:
    place = house(static_response=boom)
    other = place.connect()
    peer = place.connect()
    peer.send(NEXT)
    assert seen(place, peer) == "500 mute"
    assert len(place.reports) == 1
    assert not other.wire.is_over


INVALID: Final = [
    Response(200, [(b"a", b"b\r\nc")]),
    Response(200, [(b"a",)]),  # type: ignore[list-item]
    Response(200, [(1, 2)]),  # type: ignore[list-item]
    Response(200, [], "text"),  # type: ignore[arg-type]
    Response(200, [], None),  # type: ignore[arg-type]
    Response("200"),  # type: ignore[arg-type]
    Response([]),  # type: ignore[arg-type]
    Response(99),
    Response(1000),
    Response(200, [(b"transfer-encoding", b"gzip")]),
]


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("response", INVALID, ids=lambda response: f"{response.status!r} {response.headers!r:.40}")
def test_response_that_is_not_valid_is_a_500_and_the_connection_goes_on(response: Response, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = asked(place)
    place.take_request().answer(response, place.now)
    place.settle()
    assert seen(place, peer, len(place.happened)) == "500 reads"
    assert place.reports[0][0] == "response to <Request POST /app> is not valid HTTP"
    peer.send(APP)
    place.take_request().answer(ok(), place.now)
    place.settle()
    assert peer.answer().text == "ok"


@pytest.mark.parametrize("shortcuts", [True, False])
def test_response_whose_body_is_not_as_long_as_it_says_ends_the_connection(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = asked(place)
    place.take_request().answer(ok(b"ok", (b"content-length", b"3")), place.now)
    place.settle()
    assert seen(place, peer) == "over"
    assert len(place.reports) == 1


def test_poll_with_headers_that_are_not_valid_is_a_500_and_its_messages_come_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine looks at those of its settings; others may wrap an engine, and add their own."""
    place = house()
    sid = place.open_session()
    peer = place.park(sid)
    take_ready = place.engine.take_ready

    def take_and_spoil(max_poll_bytes: float) -> list[Poll | WebSocket]:
        ready = take_ready(max_poll_bytes)
        for carrier in ready:
            assert isinstance(carrier, Poll)
            assert carrier.response is not None
            carrier.response.headers.append((b"a", b"b\r\nc"))
        return ready

    monkeypatch.setattr(place.engine, "take_ready", take_and_spoil)
    place.engine.sessions[0].send("kept", place.now)
    place.settle()
    monkeypatch.undo()
    assert seen(place, peer, len(place.happened)) == "500 mute"
    again = place.connect()
    assert again.ask(f"{POLLING}&sid={sid}").text == "4kept"


@pytest.mark.parametrize("headers", [[(b"a", b"b\r\nc")], None, 5])
@pytest.mark.parametrize("shortcuts", [True, False])
def test_101_with_headers_that_are_not_valid_is_a_500_and_no_session(
    headers: Any, monkeypatch: pytest.MonkeyPatch, *, shortcuts: bool
) -> None:
    place = house(shortcuts=shortcuts)
    handle_request = place.engine.handle_request

    def handle_and_spoil(request: Request, now: float, context: object) -> Action:
        action = handle_request(request, now, context)
        assert isinstance(action, Upgrade)
        return Upgrade(action.websocket, headers)

    monkeypatch.setattr(place.engine, "handle_request", handle_and_spoil)
    peer = place.connect()
    peer.send(handshake(WEBSOCKET))
    assert seen(place, peer) == "500 mute opened closed"
    assert place.engine.session_count == 0
    assert place.reports[0][0].startswith("101 to <Request GET /engine.io/")


@pytest.mark.parametrize("enter", [head, head_again])
def test_head_that_comes_in_pieces_gets_no_more_time(enter: Callable[[House], Peer]) -> None:
    place = house()
    peer = enter(place)
    spent = 0.0 if enter is head_again else EPSILON  # the time of the first one runs from the beginning
    for _ in range(3):
        place.advance(0.25)
        peer.send(b"A: b\r\n")
    place.advance(TIMES.header_s - 0.75 - spent - EPSILON)
    assert peer.received == b""
    place.advance(EPSILON)
    assert peer.answer().status == 408


@pytest.mark.parametrize("over", [-1, 0])
def test_what_may_come_behind_a_parked_poll_is_limited(over: int) -> None:
    peer = parked(house())
    peer.send(b"x" * (MAX_EARLY_BYTES + over))
    assert peer.is_read() is (over < 0)


def test_answer_that_was_not_valid_does_not_spoil_the_poll_behind_it() -> None:
    place = house()
    peer = place.connect()
    sid = place.open_session()
    peer.send(request("/app"))
    place.take_request().answer(ok(b"", (b"bad name", b"x")), place.now)
    place.settle()
    assert peer.answer().status == 500
    place.engine.sessions[0].send("hi", place.now)
    peer.send(request(f"{POLLING}&sid={sid}"))
    assert peer.answer().text == "4hi"
    assert peer.is_read()
    assert place.engine.sessions[0].buffered_bytes == 0


# -- bodies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2, 100])
def test_post_in_pieces(piece: int) -> None:
    place = house()
    peer = place.connect()
    data = request(f"{POLLING}&sid={place.open_session()}", "POST", "4é".encode() * 3)
    peer.send(*(data[at : at + piece] for at in range(0, len(data), piece)))
    assert peer.answer().text == "ok"
    assert place.messages == ["é4é4é"]


def test_client_that_waits_for_100_is_told_to_go_on() -> None:
    place = house()
    peer = place.connect()
    data = request("/app", "POST", b"abc", ["Expect: 100-continue"])
    peer.send(data[:-3])
    assert peer.received == b"HTTP/1.1 100 \r\n\r\n"
    peer.received = b""
    peer.send(b"abc")
    place.take_request().answer(ok(), place.now)
    place.settle()
    assert peer.answer().text == "ok"
    assert peer.wire.wants_input


def test_answer_that_overtakes_a_100_comes_behind_it() -> None:
    place = house()
    peer = place.connect()
    peer.is_reading = False
    peer.send(request("/app", "POST", b"abc", ["Expect: 100-continue"])[:-3])
    peer.send(b"abc")
    place.take_request().answer(ok(), place.now)
    place.settle()
    peer.read_on()
    assert peer.answer().status == 100
    assert peer.answer().text == "ok"


def test_client_that_was_not_told_to_go_on_gets_the_last_answer() -> None:
    place = house(asks_requests=False)
    peer = place.connect()
    peer.send(request("/app", "POST", b"abc", ["Expect: 100-continue"])[:-3])
    answered = peer.answer()
    assert (answered.status, answered.headers["connection"]) == (404, "close")
    assert peer.was_muted


def test_body_that_nobody_wants_is_read_away_and_the_next_request_served() -> None:
    place = house()
    peer = drain(place)
    peer.send(b"c" + NEXT)
    assert seen(place, peer).startswith("400 reads")


@pytest.mark.parametrize(("sent", "state"), [(b"zz\r\n", "mute"), (b"0\r\n\r\n", "reads"), (b"1\r\na", "reads")])
def test_body_that_nobody_wants_may_come_in_chunks_and_be_wrong(sent: bytes, state: str) -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]))
    assert peer.answer().status == 400
    known = len(place.happened)
    peer.send(sent)
    assert seen(place, peer, known) == state


def test_body_that_turns_out_wrong_leaves_the_time_to_read_the_answer() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]), b"zz\r\n" + b"x" * 1000)
    assert seen(place, peer) == "400 mute requestrefused"
    peer.send(b"x" * 1000)
    place.advance(TIMES.linger_s - EPSILON)
    assert not peer.is_over()
    place.advance(EPSILON)
    assert peer.is_over()
    peer = place.connect(can_half_close=False)
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]), b"zz\r\n")
    assert peer.is_over()


def test_body_that_is_wrong_before_the_answer_is_written_ends_the_connection() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", "POST", headers=["Transfer-Encoding: chunked"]) + b"zz\r\n")
    assert seen(place, peer) == "400 mute requestrefused"


@pytest.mark.parametrize("over", [-1, 0])
def test_body_that_nobody_wants_is_read_away_up_to_a_limit(over: int) -> None:
    place = house()
    peer = place.connect()
    size = MAX_LINGER_BYTES + over
    peer.send(request("/engine.io/", "POST", headers=[f"Content-Length: {size}"]))
    assert peer.answer().status == 400
    peer.send(b"x" * 1000)
    peer.send(b"x" * (size - 1001))
    assert not peer.was_muted
    peer.send(b"x")
    assert peer.was_muted is (over == 0)
    assert peer.wire.wants_input


def test_what_comes_behind_the_last_answer_is_read_away_up_to_a_limit() -> None:
    place = house()
    peer = linger(place)
    peer.send(b"x" * (MAX_LINGER_BYTES - 1), b"x")
    assert not peer.wire.is_over
    peer.send(b"x")
    assert peer.wire.is_over


def test_host_that_cannot_half_close_does_not_linger() -> None:
    place = house()
    peer = place.connect(can_half_close=False)
    peer.send(b"what?\r\n\r\n")
    assert seen(place, peer) == "400 over"
    assert not peer.was_muted


def test_client_that_asks_for_the_end_gets_it() -> None:
    place = house()
    peer = place.connect()
    peer.send(request("/engine.io/", headers=["Connection: close"]))
    assert seen(place, peer) == "400 mute requestrefused"


def test_empty_line_half_way_is_no_request() -> None:
    place = house()
    peer = place.connect()
    peer.send(b"\r", b"\n", NEXT)
    assert peer.answer().status == 400
    peer.send(b"\r")
    place.advance(0.5)
    peer.send(b"\n")
    place.advance(3 - EPSILON)
    assert not peer.wire.is_over
    place.advance(EPSILON)
    assert seen(place, peer, len(place.happened)) == "over"


def test_empty_lines_do_not_make_the_first_request_later() -> None:
    place = house()
    peer = place.connect()
    place.advance(0.5)
    peer.send(b"\r", b"\n")
    place.advance(0.5 - EPSILON)
    assert not peer.wire.is_over
    place.advance(EPSILON)
    assert peer.wire.is_over


# -- the pace of the application ---------------------------------------------------------------------------------------


def test_post_is_held_until_the_handlers_have_room_and_again_behind_it() -> None:
    place = house()
    peer = held(place)
    assert place.gate is not None
    place.advance(100)  # its silence is not held against it
    assert place.engine.session_count == 1
    assert place.messages == []
    place.on_work = lambda _: setattr(place.gate, "is_congested", "abc" in place.messages)
    place.gate.open(place.now)
    assert place.messages == ["abc"]
    assert len(place.gate.waiting) == 1
    assert peer.received == b""
    place.on_work = lambda _: None
    place.gate.open(place.now)
    place.settle()
    assert peer.answer().text == "ok"
    assert peer.wire.wants_input
    place.advance(19)
    assert place.engine.session_count == 1
    place.advance(30)  # now it is
    assert place.engine.session_count == 0


@pytest.mark.parametrize("enter", [held, held_again])
def test_client_that_leaves_while_its_post_is_held_is_let_go(enter: Callable[[House], Peer]) -> None:
    place = house()
    peer = enter(place)
    peer.lose()
    assert place.gate is not None
    place.gate.open(place.now)
    place.settle()
    assert place.messages == ["abc"]
    assert peer.received == b""
    place.advance(50)  # its silence is held against it again
    assert place.engine.session_count == 0


def test_application_that_fails_while_it_makes_room_costs_the_connection_alone() -> None:
    place = house()
    peer = held(place)
    place.on_work = boom
    assert place.gate is not None
    place.gate.open(place.now)
    place.on_work = lambda _: None
    place.settle()
    assert seen(place, peer, len(place.happened)) == "500 mute"
    assert [str(error) for _, error in place.reports] == ["boom"]


def test_pace_is_told_what_left_by_a_poll() -> None:
    place = house(gate=Gate())
    peer = parked(place)
    assert place.gate is not None
    before = place.gate.taken
    place.engine.sessions[0].send("x", place.now)
    place.settle()
    assert peer.answer().text == "4x"
    assert place.gate.taken == before + 1


# -- a server that closes ----------------------------------------------------------------------------------------------


def test_what_is_under_way_is_answered_and_the_connection_ends() -> None:
    place = house()
    peers = [body_of_app(place), asked(place)]
    place.asked.clear()
    late = place.connect()
    late.put(APP + NEXT)
    place.settle()
    place.site.close(place.now)
    place.settle()
    peers[0].send(b"c")
    for found in place.asked:
        found.answer(ok(), place.now)  # type: ignore[arg-type]
    place.settle()
    for peer in (peers[0], late):
        answered = peer.answer()
        assert (answered.status, answered.headers["connection"]) == (200, "close")
        assert peer.received == b""
        assert peer.wire.is_mute


def test_requests_that_wait_their_turn_when_the_server_closes_get_one_last_answer() -> None:
    place = house()
    peer = place.connect()
    peer.wire.receive(NEXT * 3, place.now)
    place.flush()
    peer.received = b""
    assert peer.wire.has_more
    place.site.close(place.now)
    place.settle()
    assert peer.answer().headers["connection"] == "close"
    assert peer.received == b""


def test_new_sessions_are_refused_while_the_server_closes() -> None:
    place = house()
    place.site.close(place.now)
    answered = place.connect().ask(POLLING)
    assert (answered.status, answered.headers["connection"]) == (503, "close")


def test_answer_that_is_being_written_when_the_server_closes_is_the_last() -> None:
    place = house()
    peer = answer(place)
    place.site.close(place.now)
    peer.read_on()
    assert seen(place, peer) == "400 over requestrefused"


# -- what becomes of a request that is a WebSocket ---------------------------------------------------------------------


@pytest.mark.parametrize("shortcuts", [True, False])
def test_frames_behind_the_handshake_are_handled_after_the_answer(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.wire.receive(handshake(WEBSOCKET) + frame("4early"), place.now)
    assert place.messages == []
    place.settle()
    assert peer.answer().status == 101
    assert [data[:2] for _, data in peer.frames()] == [b"0{", b"4e"]


@pytest.mark.parametrize("shortcuts", [True, False])
def test_a_pong_is_never_in_front_of_the_101(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.connect()
    peer.wire.receive(handshake(WEBSOCKET) + frame(b"early", PING), place.now)
    assert place.site.flush(place.now) == [peer.wire]  # which the host cannot write to yet
    place.site.handle_timeout(place.now)
    place.settle()
    assert peer.answer().status == 101
    assert (PONG, b"early") in peer.frames()


# -- packets of a POST -------------------------------------------------------------------------------------------------

MANY: Final = FIRST_PIECES + TURN_PIECES + 1


def posting(place: House) -> Peer:
    """Return a client that has sent more packets than are handled in two turns; the first one is over."""
    peer = place.connect()
    sid = place.open_session()
    peer.wire.receive(request(f"{POLLING}&sid={sid}", "POST", b"\x1e".join([b"4a"] * MANY)), place.now)
    place.flush()
    return peer


def test_packets_of_a_post_are_handled_by_turns_and_answered_with_the_last() -> None:
    place = House()
    peer = posting(place)
    for count in (FIRST_PIECES, FIRST_PIECES + TURN_PIECES, MANY):
        assert (len(place.messages), peer.received) == (count, b"") or count == MANY
        assert peer.wire.has_more is (count < MANY)
        place.site.handle_timeout(place.now)
        place.flush()
    assert peer.answer().body == b"ok"


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_packets_of_a_client_that_went_are_handled_all_the_same(turns: int) -> None:
    place = House()
    peer = posting(place)
    for _ in range(turns):
        place.site.handle_timeout(place.now)
        place.flush()
    peer.wire.lost(place.now)
    place.settle()
    assert len(place.messages) == MANY
    assert peer.wire not in place.site.wires


@pytest.mark.parametrize("is_gone", [False, True])
def test_engine_that_fails_at_a_packet_costs_the_connection_alone(is_gone: bool) -> None:  # noqa: FBT001
    place = House()
    peer = posting(place)

    def fail(*_: object) -> bool:
        raise ValueError("faulty")

    place.engine.advance_post = fail  # type: ignore[method-assign, assignment]
    if is_gone:
        peer.wire.lost(place.now)
    place.settle()
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert (peer.wire.is_over, peer.wire.has_more) == (is_gone, False)
    if not is_gone:
        assert peer.answer().status == 500
    assert peer.wire not in place.site.wires or not is_gone
    place.websocket().echo()


def test_engine_that_fails_when_a_client_is_lost_costs_nobody_else() -> None:
    place = House()
    peer = place.park(place.open_session())

    def fail(*_: object) -> None:
        raise ValueError("faulty")

    place.engine.lost = fail  # type: ignore[method-assign, assignment]
    peer.lose()
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert peer.wire.is_over
    assert peer.wire not in place.site.wires
