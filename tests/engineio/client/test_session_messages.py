"""A client's session: messages both ways, whole and in parts."""

from __future__ import annotations

from base64 import encodebytes
from typing import Any

import pytest

from socketio_core.engineio.client.events import Pinged
from socketio_core.engineio.events import Closed
from socketio_core.engineio.outbox import MESSAGE_BYTES
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.http import Response
from tests.engineio.client.scene import Scene, closed_with, sent


def test_one_post_is_in_flight_and_takes_all_there_is() -> None:
    scene = Scene(upgrade=False).open()
    scene.session.send("a", scene.now)
    scene.session.send("b", scene.now)
    scene.look()
    scene.session.send("c", scene.now)
    scene.look()
    assert [post.body for post in scene.posts] == [b"4a\x1e4b"]
    scene.respond(scene.posts[0])
    assert [post.body for post in scene.posts] == [b"4a\x1e4b", b"4c"]


def test_posts_keep_to_the_limits_of_the_server() -> None:
    scene = Scene(upgrade=False, max_packets_per_post=3).open(maxPayload=10)
    for text in ("12345678", "1", "2", "3", "4"):
        scene.session.send(text, scene.now)
    scene.look()
    while scene.posts[-1].body and scene.session.buffered_bytes:
        scene.respond(scene.posts[-1])
    assert [post.body for post in scene.posts] == [b"412345678", b"41\x1e42\x1e43", b"44"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_message_larger_than_the_server_takes_is_the_callers_error(transport: str) -> None:
    scene = Scene(transports=[transport]).open(transport)
    size = 100 if transport == "websocket" else 72  # 1 + 4/3 of 72 is 97; of 73 to 75 it is 101
    assert scene.session.send(bytes(size), scene.now)
    assert scene.session.send("x" * 99, scene.now)
    for payload in (bytes(size + 1), "x" * 100, "é" * 50):
        with pytest.raises(LocalProtocolError, match="larger than the server takes"):
            scene.session.send(payload, scene.now)
    assert scene.session.is_open


def test_without_a_limit_of_the_server_our_own_counts() -> None:
    scene = Scene(transports=["websocket"], max_buffered_bytes=50, high_water_bytes=50).open("websocket", maxPayload=0)
    assert scene.session.send(bytes(50), scene.now)
    with pytest.raises(LocalProtocolError, match="larger than max_buffered_bytes: 51 bytes"):
        scene.session.send(bytes(51), scene.now)


@pytest.mark.parametrize("limit", [{"max_buffered_bytes": 10, "high_water_bytes": 10}, {"max_buffered_messages": 2}])
def test_server_that_reads_too_slowly_loses_the_connection(limit: dict[str, Any]) -> None:
    scene = Scene(transports=["websocket"], **limit).open("websocket")
    assert scene.session.send("1234", scene.now)
    assert scene.session.send("5678", scene.now)
    assert not scene.session.send("9", scene.now)
    scene.look()
    assert closed_with(scene)[1].startswith("server reads too slowly: 3 messages")
    assert (sent(scene.sockets[0]), scene.session.buffered_bytes) == ([], 0)


@pytest.mark.parametrize(("over", "is_clogged"), [(0, False), (1, True)])
def test_a_server_is_not_read_from_while_more_waits_for_it_than_half_of_what_may(
    *, over: int, is_clogged: bool
) -> None:
    limit_bytes = 20_000
    scene = Scene(transports=["websocket"], max_buffered_bytes=limit_bytes, high_water_bytes=limit_bytes)
    scene.open("websocket", maxPayload=limit_bytes)
    message = "x" * (limit_bytes // 2 - MESSAGE_BYTES - 1 + over)  # with the type it has one character more
    assert scene.session.send(message, scene.now)
    assert scene.session.is_clogged is is_clogged


def test_a_ping_moves_the_deadline_at_once() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    before = scene.session.agenda.next_deadline
    assert before is not None
    scene.clock.advance(10)
    scene.session.receive(scene.sockets[0], "2", scene.now)
    assert scene.session.agenda.next_deadline == scene.session.next_deadline == before + 10


def test_message_that_is_writable_leaves_at_once() -> None:
    scene = Scene(upgrade=False).open()
    writable = [scene.session.is_writable]
    scene.session.send("a", scene.now)
    writable.append(scene.session.is_writable)
    scene.look()
    writable.append(scene.session.is_writable)  # the POST is in flight
    scene.respond(scene.posts[0])
    assert [*writable, scene.session.is_writable] == [True, False, False, True]


def test_nothing_is_sent_before_opening_and_after_the_end() -> None:
    scene = Scene()
    assert not scene.session.send("x", scene.now)
    assert not scene.session.is_writable
    scene.session.abort(scene.now)
    assert not scene.session.send("x", scene.now)


def test_parts_make_one_message() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    (websocket,) = scene.sockets
    receive = scene.session.receive_part
    parts: list[tuple[str | bytes, bool]] = [
        ("4a", False),
        ("", False),
        ("b", True),
        (b"1", False),
        (b"2", True),
        ("4c", True),
    ]
    for part, is_last in parts:
        receive(websocket, part, is_last, scene.now)
    scene.look()
    assert scene.take_events() == ["ab", b"12", "c"]
    receive(websocket, "4", False, scene.now)  # noqa: FBT003
    with pytest.raises(LocalProtocolError, match="another kind"):
        receive(websocket, b"1", True, scene.now)  # noqa: FBT003
    scene.session.abort(scene.now)
    receive(websocket, "x", False, scene.now)  # noqa: FBT003
    assert not websocket.parts


TEXTS: list[tuple[str | bytes, bool]] = [("4" * 200, False), ("4" * 201, True), ("4" + "é" * 100, True)]
SIZES = [
    (limit, payload, is_too_large)
    for limit in (200, 400, 2000)
    for payload, is_too_large in [*TEXTS, (bytes(limit), False), (bytes(limit + 1), True)]
]


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize(("limit", "payload", "is_too_large"), SIZES)
def test_too_large_message_ends_the_session(
    limit: int,
    payload: str | bytes,
    is_too_large: bool,  # noqa: FBT001 - a row
    in_parts: bool,  # noqa: FBT001
) -> None:
    """A text may have a smaller limit than bytes."""
    scene = Scene(transports=["websocket"], max_message_bytes=limit, max_text_bytes=200).open("websocket")
    (websocket,) = scene.sockets
    if in_parts:
        scene.session.receive_part(websocket, payload[:50], False, scene.now)  # noqa: FBT003
        scene.session.receive_part(websocket, payload[50:], True, scene.now)  # noqa: FBT003
        scene.look()
    else:
        scene.receive(websocket, payload)
    assert scene.session.is_open is not is_too_large
    if is_too_large:
        is_text = isinstance(payload, str) and limit > 200
        what = "text larger than max_text_bytes: 200" if is_text else "message larger than max_message_bytes"
        assert websocket.close_code == 1009
        assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, what)


def test_a_text_that_is_too_large_ends_the_session_before_its_last_part() -> None:
    scene = Scene(transports=["websocket"], max_message_bytes=400, max_text_bytes=200).open("websocket")
    scene.session.receive_part(scene.sockets[0], "4" * 201, False, scene.now)  # noqa: FBT003
    scene.look()
    assert closed_with(scene)[1] == "text larger than max_text_bytes: 200"


@pytest.mark.parametrize("packet", ["4" * 201, "4" + "é" * 100])
def test_a_text_that_is_polled_may_be_no_larger(packet: str) -> None:
    scene = Scene(transports=["polling"], max_message_bytes=1000, max_text_bytes=200).open()
    scene.answer(scene.gets[-1], "4" * 200, b"abc" * 100, packet, "4never")
    assert scene.events[:-1] == ["4" * 199, b"abc" * 100]
    reason, detail = closed_with(scene)
    assert (reason, detail[:36]) == (CloseReason.PARSE_ERROR, "text larger than max_text_bytes: 200")


def test_endless_empty_parts_take_no_room_and_are_no_pings() -> None:
    scene = Scene(transports=["websocket"], max_message_bytes=100).open("websocket")
    for _ in range(1000):
        scene.session.receive_part(scene.sockets[0], "", False, scene.now)  # noqa: FBT003
    assert (bool(scene.sockets[0].parts), scene.session.is_open) == (False, True)
    scene.wait(45)
    assert closed_with(scene)[0] is CloseReason.PING_TIMEOUT


def test_too_large_message_ends_the_session_before_its_last_part() -> None:
    scene = Scene(transports=["websocket"], max_message_bytes=100).open("websocket")
    scene.session.receive_part(scene.sockets[0], "4" * 101, False, scene.now)  # noqa: FBT003
    scene.session.receive_part(scene.sockets[0], "4", False, scene.now)  # noqa: FBT003
    scene.look()
    assert closed_with(scene) == (CloseReason.TRANSPORT_ERROR, "message larger than max_message_bytes")


def test_session_is_done_once_its_last_words_are_written() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    (websocket,) = scene.sockets
    scene.session.send("last words", scene.now)
    states = [scene.session.is_done]
    scene.session.close(scene.now)
    states.append(scene.session.is_done)
    scene.look()
    states.append(scene.session.is_done)
    assert sent(websocket) == ["4last words"]
    states.append(scene.session.is_done)  # they are on their way, and the close frame comes behind them
    scene.session.lost(websocket, scene.now, 1005)
    assert [*states, scene.session.is_done] == [False, False, False, False, True]


def test_session_is_done_when_what_is_left_cannot_be_sent() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.send("last words", scene.now)
    scene.session.close(scene.now)
    scene.look()
    scene.session.lost(scene.sockets[0], scene.now, detail="reset")
    assert scene.session.is_done
    polling = Scene(upgrade=False).open()
    polling.session.send("last words", polling.now)
    polling.look()
    polling.session.send("very last words", polling.now)
    polling.fail(polling.posts[0])
    assert (polling.session.is_done, polling.session.buffered_bytes) == (True, 0)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_attachments_by_polling_may_be_written_in_lines(ending: str) -> None:
    """As encoders of e-mail do, with 76 characters in each."""
    scene = Scene().open(upgrades=[])
    data = bytes(range(256))
    text = encodebytes(data).decode("ascii").replace("\n", ending)
    body = "\x1e".join(['451-["file",{"_placeholder":true,"num":0}]', f"b{text}", "4next"]).encode("ascii")
    scene.respond(scene.gets[-1], body=body)
    assert scene.take_events() == ['51-["file",{"_placeholder":true,"num":0}]', data, "next"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_nothing_is_sent_behind_a_ping_that_is_overdue(transport: str) -> None:
    scene = Scene(transports=[transport]).open(transport, upgrades=[])
    scene.take_events()
    scene.clock.advance(45.0)  # the host slept, and so did its timer
    assert not scene.session.send("late", scene.now)
    scene.look()
    assert scene.posts == []
    assert all(sent(websocket) == [] for websocket in scene.sockets)
    assert closed_with(scene)[0] is CloseReason.PING_TIMEOUT


def test_several_messages_at_once_come_in_order_and_none_behind_the_end() -> None:
    scene = Scene(transports=["websocket"]).open("websocket")
    scene.session.receive_all(scene.sockets[0], ["4a", b"b", "1", "4c"], scene.now)
    *messages, end = scene.session.take_events()
    assert messages == ["a", b"b"]
    assert isinstance(end, Closed)


def test_response_is_processed_as_far_as_the_host_wants() -> None:
    scene = Scene(upgrade=False).open()
    exchange, response = scene.gets[-1], Response(200, [], b"4a\x1e4b\x1e2\x1e4c")
    taken: list[object] = []
    while scene.session.exchange_done(exchange, response, scene.now, 2):
        scene.look()
        assert len(scene.gets) == 2, "no other GET begins"
        taken.append(scene.take_events())
    scene.look()
    assert [*taken, scene.take_events()] == [["a", "b"], [Pinged(), "c"], []]
    assert len(scene.gets) == 3


def test_response_that_is_half_processed_ends_with_the_session() -> None:
    scene = Scene(upgrade=False).open()
    exchange, response = scene.gets[-1], Response(200, [], b"4a\x1e1\x1e4b")
    assert scene.session.exchange_done(exchange, response, scene.now, 1)
    assert not scene.session.exchange_done(exchange, response, scene.now, 1)
    scene.look()
    assert scene.take_events() == ["a", Closed(CloseReason.TRANSPORT_CLOSE)]
    assert not scene.session.exchange_done(exchange, response, scene.now)


def test_response_that_is_half_processed_when_the_session_is_given_up_is_cancelled() -> None:
    scene = Scene(upgrade=False).open()
    exchange, response = scene.gets[-1], Response(200, [], b"4a\x1e4b")
    assert scene.session.exchange_done(exchange, response, scene.now, 1)
    scene.session.abort(scene.now)
    scene.look()
    assert scene.cancelled == [exchange]
    assert not scene.session.exchange_done(exchange, response, scene.now)
    assert scene.take_events() == ["a", Closed(CloseReason.FORCED_CLOSE)]
