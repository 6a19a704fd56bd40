"""What the application is asked about requests, and what it costs when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core.cors import Cors
from socketio_core.engineio import Action, RequestRefused, Upgrade
from socketio_core.http import Request, Response
from socketio_core.settings import EngineSettings
from socketio_core.wire import RequestAsked
from socketio_core.wire.phases import MAX_EARLY_BYTES
from tests.wire.by_hand import PATH, POLLING, WEBSOCKET, House, Peer, ok, spoil_a_poll
from tests.wire.phases import (
    APP,
    EPSILON,
    NEXT,
    TIMES,
    asked,
    boom,
    head,
    head_again,
    house,
    parked,
    seen,
)
from tests.wire.written import chunked, handshake, request

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

    peer.send(APP)
    found.answer(ok(b"again"), place.now)  # while the next one is asked
    place.take_request().answer(ok(b"the next"), place.now)
    place.settle()
    assert peer.answer().text == "the next"

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


def test_handshake_that_is_answered_twice_lets_no_other_pass() -> None:
    place = house(asks_handshakes=True)
    peer = place.connect()
    peer.send(request(POLLING))
    first = place.take_handshake()
    first.answer("not you", place.now)
    place.settle()
    assert peer.answer().status == 403
    peer.send(request(POLLING))
    first.answer(None, place.now)
    place.take_handshake().answer("nor now", place.now)
    place.settle()
    assert peer.answer().status == 403
    assert place.engine.session_count == 0


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


def test_poll_with_headers_that_are_not_valid_is_a_500_and_its_messages_come_with_the_next() -> None:
    """The engine looks at those of its settings; others may wrap an engine, and add their own."""
    place = house()
    sid = place.open_session()
    peer = place.park(sid)
    spoil_a_poll(place, (b"a", b"b\r\nc"))
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
