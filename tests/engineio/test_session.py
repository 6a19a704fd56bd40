"""One session on polling and on a WebSocket: what goes out and comes in, and every way to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socketio_core.engineio import Session, SessionState, WireMessage
from socketio_core.errors import CloseReason, LocalProtocolError
from tests.engineio.scene import Scene, parts

# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_messages_go_both_ways_in_order(transport: str) -> None:
    scene = Scene()
    client = scene.client(transport)
    session = scene.session(client)
    sent: list[str | bytes] = ["a", "", b"", b"\x00\xff", "€ 😀", "1", "2probe"]
    for payload in sent:
        assert session.send(payload, scene.now)
    assert client.fetch() == sent
    client.send("4a", "4", b"", b"\x00\xff", "4€ 😀", "bAP8=", "41", "42probe")
    assert scene.reports() == ["a", "", b"", b"\x00\xff", "€ 😀", b"\x00\xff", "1", "2probe"]
    scene.check()


def test_a_parked_poll_is_answered_when_the_host_takes_it() -> None:
    """Until then, more messages join it."""
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll()
    assert (poll.response, session.is_writable) == (None, True)
    session.send("a", scene.now)
    assert not session.is_writable
    session.send(b"b", scene.now)
    assert session.buffered_bytes == 3
    assert parts(poll.response)[2] == b"4a\x1ebYg=="
    assert (session.buffered_bytes, session.is_writable) == (0, False)


def test_what_waits_is_the_answer_of_the_next_poll() -> None:
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    assert not session.is_writable
    session.send("a", scene.now)
    session.send("b", scene.now)
    assert scene.poll(client) == b"4a\x1e4b"


def test_frames_of_a_message_stay_together() -> None:
    scene = Scene()
    for transport in ("polling", "websocket"):
        client = scene.client(transport)
        scene.session(client).put(WireMessage(("451-[...]", b"one", b"two")))
        scene.session(client).send("next", scene.now)
        if transport == "polling":
            assert scene.poll(client) == b"451-[...]\x1ebb25l\x1ebdHdv\x1e4next"
        else:
            assert client.take() == ["451-[...]", b"one", b"two", "4next"]


def test_a_message_is_encoded_once_for_all_polls() -> None:
    scene = Scene()
    clients = [scene.client() for _ in range(3)]
    message = WireMessage((b"shared",))
    for client in clients:
        client.poll()
        assert scene.session(client).put(message)
    texts = {id(message.polling_text)}
    assert [client.take_messages() for client in clients] == [[b"shared"]] * 3
    assert id(message.polling_text) in texts


def test_a_websocket_is_writable_while_its_outbox_is_empty() -> None:
    """PROTOCOL 9-46: what decides the fate of a volatile message."""
    scene = Scene()
    client = scene.client("websocket")
    session = scene.session(client)
    scene.socket(client).is_reading = False
    history = [session.is_writable]
    session.send("a", scene.now)
    history.append(session.is_writable)
    scene.socket(client).is_reading = True
    assert client.take() == ["4a"]
    history.append(session.is_writable)
    session.close(scene.now)
    history.append(session.is_writable)
    assert history == [True, False, True, False]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_lone_surrogate_is_the_caller_s_fault_and_changes_nothing(transport: str) -> None:
    scene = Scene()
    client = scene.client(transport)
    if transport == "polling":
        client.poll()
    session = scene.session(client)
    with pytest.raises(LocalProtocolError, match="lone surrogate at index 1"):
        session.send("\ud800", scene.now)
    assert (session.is_writable, session.buffered_bytes, client.take(), scene.reports()) == (True, 0, [], [])
    scene.check()


@pytest.mark.parametrize("end", ["close", "discard", "peer"])
def test_nothing_can_be_sent_once_the_end_began(end: str) -> None:
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    if end == "peer":
        client.post("1")
    elif end == "discard":
        session.abort(scene.now)
    else:
        session.close(scene.now)
    assert (session.is_open, session.send("x", scene.now), session.buffered_bytes) == (False, False, 0)
    if session.state is SessionState.CLOSING:
        scene.check()
    else:
        scene.check_empty()


# -- the server closes: PROTOCOL 1.10 ----------------------------------------------------------------------------------


def test_orderly_close_answers_the_parked_poll() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    scene.session(client).close(scene.now)
    assert parts(poll.response)[2] == b"1"
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_orderly_close_sends_the_backlog_first() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll()
    session.send("a", scene.now)
    session.close(scene.now)
    assert parts(poll.response)[2] == b"4a"  # never together with the `1`, which the official client handles first
    assert scene.poll(client) == b"6\x1e1"
    scene.check_empty()


@pytest.mark.parametrize(("backlog", "bodies"), [([], [b"6\x1e1"]), (["a", "b"], [b"4a\x1e4b", b"6\x1e1"])])
def test_orderly_close_waits_for_the_next_poll(backlog: list[str], bodies: list[bytes]) -> None:
    """PROTOCOL 9-15."""
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    for text in backlog:
        session.send(text, scene.now)
    session.close(scene.now)
    session.close(scene.now)
    assert (session.state, scene.reports()) == (SessionState.CLOSING, [])
    assert client.post("3").status == 200
    assert client.post("4ignored").status == 400
    scene.wait(29.875)
    assert scene.reports() == []
    assert [scene.poll(client) for _ in bodies] == bodies
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_orderly_close_waits_30_seconds_and_no_ping_is_sent() -> None:
    scene = Scene(ping_interval_s=1.0, ping_timeout_s=1.0)
    client = scene.client()
    session = scene.session(client)
    session.close(scene.now)
    assert scene.engine.next_deadline == scene.now + 30.0
    scene.wait(29.875)
    assert (scene.reports(), session.buffered_bytes) == ([], 0)
    scene.wait(0.125)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_closing_again_does_not_prolong_an_orderly_close() -> None:
    scene = Scene()
    session = scene.session(scene.client())
    session.close(scene.now)
    scene.wait(29)
    session.close(scene.now, code=1001)
    scene.wait(1)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_a_lost_poll_during_an_orderly_close_gets_the_rest_with_the_next_one() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll(hold=True)
    session.send("a", scene.now)
    assert poll.response is not None
    session.close(scene.now)
    poll.drop()
    scene.wait(20)
    assert scene.reports() == []
    assert [scene.poll(client), scene.poll(client)] == [b"4a", b"6\x1e1"]


def test_a_grace_that_runs_ends_with_an_orderly_close() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.poll().drop()
    scene.session(client).close(scene.now)
    scene.wait(29.875)
    assert scene.reports() == []
    assert scene.poll(client) == b"6\x1e1"


@pytest.mark.parametrize("is_parked", [False, True])
def test_forced_close_forgets_the_backlog(*, is_parked: bool) -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll() if is_parked else None
    session = scene.session(client)
    session.send("never seen", scene.now)
    session.abort(scene.now)
    if poll is not None:
        assert parts(poll.response)[2] == b"1"
    assert (scene.reports(), session.buffered_bytes) == (["<closed: forced close>"], 0)
    scene.check_empty()


def test_forced_close_ends_an_orderly_one() -> None:
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    session.send("a", scene.now)
    session.close(scene.now)
    session.abort(scene.now)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


@pytest.mark.parametrize(("code", "text"), [(1005, ""), (1001, "going away")])
def test_a_websocket_is_closed_at_once_behind_its_backlog(code: int, text: str) -> None:
    """PROTOCOL 9-16: without a code, unless the host wants one."""
    scene = Scene()
    client = scene.client("websocket")
    session, socket = scene.session(client), scene.socket(client)
    session.send("a", scene.now)
    session.close(scene.now, code=code, text=text)
    assert scene.engine.session_count == 0
    assert (client.take(), socket.is_open) == (["4a"], False)
    assert (socket.close_code, socket.carrier.close_text) == (code, text)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_forced_close_of_a_websocket_forgets_the_backlog() -> None:
    scene = Scene()
    client = scene.client("websocket")
    session = scene.session(client)
    session.send("never seen", scene.now)
    session.abort(scene.now)
    assert (client.take(), session.buffered_bytes) == ([], 0)
    scene.check_empty()


def test_nothing_that_follows_the_end_changes_it() -> None:
    scene = Scene()
    client = scene.client("websocket")
    session, socket = scene.session(client), scene.socket(client)
    socket.is_reading = False
    session.send("last", scene.now)
    session.close(scene.now, code=1001)
    calls: list[Callable[[], object]] = [
        lambda: session.close(scene.now),
        lambda: session.abort(scene.now),
        lambda: session.close(scene.now, wait=False),
        lambda: scene.engine.lost(socket.carrier, scene.now),
        lambda: scene.engine.fail(socket.carrier, "late", 1002, scene.now),
        lambda: session.break_off(CloseReason.PARSE_ERROR, "late", 1002),
        lambda: scene.engine.lost(socket.carrier, scene.now, 4000, "late"),
        lambda: scene.engine.receive(socket.carrier, "4" + "x" * 2_000_000, scene.now),
        lambda: session.pause_reading(scene.now),
        lambda: session.resume_reading(scene.now),
        lambda: session.handle_timeout(scene.now + 1e6),
    ]
    for call in calls:
        call()
    socket.is_reading = True
    assert (socket.take(), socket.close_code, session.next_deadline) == (["4last"], 1001, None)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


# -- the client closes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backlog", "body"), [([], b"6"), (["a"], b"4a")])
def test_a_client_that_says_goodbye_gets_its_poll_back(backlog: list[str], body: bytes) -> None:
    """PROTOCOL 1.10: the poll is answered with `6`, the POST with `ok`."""
    scene = Scene()
    client = scene.client()
    session, poll, post = scene.session(client), client.poll(), client.begin_post()
    post.feed(b"1")
    for text in backlog:
        session.send(text, scene.now)
    response = scene.engine.finish_post(post.carrier, scene.now)
    assert (response.status, response.body) == (200, b"ok")
    assert parts(poll.response)[2] == body
    assert scene.reports() == ["<closed: transport close>"]
    scene.check_empty()


def test_a_client_that_closes_its_websocket_is_gone() -> None:
    scene = Scene()
    client = scene.client("websocket")
    session, socket = scene.session(client), scene.socket(client)
    socket.is_reading = False
    session.send("never read", scene.now)
    socket.drop()
    socket.drop()
    assert (scene.reports(), session.buffered_bytes) == (["<closed: transport close>"], 0)
    scene.check_empty()


def test_a_client_that_breaks_the_websocket_protocol_gets_the_code() -> None:
    scene = Scene()
    client = scene.client("websocket")
    scene.engine.fail(scene.socket(client).carrier, "a reserved bit was set", 1002, scene.now)
    assert scene.reports() == ["<closed: transport error: a reserved bit was set>"]
    assert (scene.socket(client).is_open, scene.socket(client).close_code) == (False, 1002)


def test_a_frame_that_is_no_packet_ends_the_session() -> None:
    scene = Scene()
    client = scene.client("websocket")
    client.send("4a", "9")
    assert scene.reports() == ["a", "<closed: parse error: unknown packet type: '9'>"]
    carrier = scene.socket(client).carrier
    assert (carrier.close_code, carrier.close_text) == (1005, "")
    scene.check_empty()


def test_the_error_of_a_close_carries_the_websocket_code() -> None:
    scene = Scene()
    client = scene.client("websocket")
    scene.engine.fail(scene.socket(client).carrier, "x", 1007, scene.now)
    ((session, event),) = scene.engine.take_events()
    assert isinstance(session, Session)
    assert getattr(event, "error", None).websocket_close_code == 1007  # type: ignore[union-attr] # or it fails
