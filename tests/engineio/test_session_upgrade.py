"""The move from polling to a WebSocket, and what happens when it fails at each of its steps. PROTOCOL 1.8."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from socketio_core.engineio import Payload
from socketio_core.testing import Refused, WireClient, WireSocket
from tests.engineio.scene import Scene, parts

# -- the good course ---------------------------------------------------------------------------------------------------


def test_an_upgrade_step_by_step() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll()
    candidate = client.open_websocket()
    assert (session.transport, session.is_upgrading, poll.response) == ("polling", True, None)
    candidate.send("2probe")
    assert (candidate.take(), parts(poll.response)[2]) == (["3probe"], b"6")
    client.finish_upgrade(candidate)
    assert (session.transport, session.is_upgrading, scene.reports()) == ("websocket", False, ["<upgraded>"])
    assert session.next_deadline == scene.now + 25  # the next ping: nothing else is waited for any more
    session.send("a", scene.now)
    client.send("4b")
    assert (candidate.take(), scene.reports()) == (["4a"], ["b"])
    scene.check()


def test_messages_flow_by_polling_until_the_upgrade_is_done() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll()
    candidate = client.open_websocket()
    session.send("a", scene.now)
    assert parts(poll.response)[2] == b"4a"
    poll = client.poll()
    session.send("b", scene.now)
    candidate.send("2probe")
    assert (parts(poll.response)[2], candidate.take()) == (b"4b", ["3probe"])
    assert client.post("4x").status == 200
    session.send("c", scene.now)
    assert scene.poll(client) == b"4c"
    assert scene.reports() == ["x"]


def test_no_poll_is_released_before_the_probe() -> None:
    scene = Scene()
    client = scene.client()
    client.open_websocket()
    assert client.poll().response is None


def test_the_backlog_moves_over_in_order() -> None:
    scene = Scene()
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    candidate.send("2probe")
    sent: list[str | bytes] = ["a", b"b", "c"]
    for payload in sent:
        session.send(payload, scene.now)
    client.finish_upgrade(candidate)
    session.send("d", scene.now)
    assert candidate.take() == ["3probe", "4a", b"b", "4c", "4d"]
    assert session.buffered_bytes == 0
    scene.check()


def test_the_probe_s_answer_goes_before_the_backlog_even_when_not_read() -> None:
    scene = Scene()
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    candidate.is_reading = False
    candidate.send("2probe")
    session.send("a", scene.now)
    client.finish_upgrade(candidate)
    scene.check()
    candidate.is_reading = True
    assert candidate.take() == ["3probe", "4a"]


def test_an_upgrade_without_a_probe_is_accepted_and_releases_the_poll() -> None:
    """PROTOCOL 9-10, 9-13: with `6`, where the reference says `1`."""
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    client.finish_upgrade(client.open_websocket())
    assert parts(poll.response)[2] == b"6"
    assert scene.reports() == ["<upgraded>"]


def test_repeated_probes_are_answered_one_at_a_time() -> None:
    """A client that does not read cannot make the server collect answers."""
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.send("2probe", "2probe")
    assert candidate.take() == ["3probe", "3probe"]
    candidate.is_reading = False
    candidate.send(*["2probe"] * 100)
    candidate.is_reading = True
    assert candidate.take() == ["3probe"]


def test_a_candidate_that_failed_is_closed_without_another_word() -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.is_reading = False
    candidate.send("2probe", "9")
    candidate.is_reading = True
    assert (candidate.take(), candidate.is_open) == ([], False)


def test_a_post_under_way_is_processed_after_the_upgrade() -> None:
    scene = Scene()
    client = scene.client()
    post = client.begin_post()
    candidate = client.open_websocket()
    client.finish_upgrade(candidate)
    post.feed(b"4late")
    assert post.finish().status == 200
    assert scene.reports() == ["<upgraded>", "late"]


def test_the_old_transport_is_refused_after_the_upgrade() -> None:
    """PROTOCOL 1.8, 9-24: code 3, without harm."""
    scene = Scene()
    client = scene.client()
    socket = client.upgrade()
    client.websocket = None
    for attempt in (client.poll, client.begin_post):
        with pytest.raises(Refused):
            attempt()
    assert not client.open_websocket().is_open
    assert scene.reports() == ["<upgraded>", *["<refused: 3 Bad request>"] * 3]
    scene.session(client).send("a", scene.now)
    assert socket.take() == ["4a"]


def test_a_response_lost_while_upgrading_ends_the_session() -> None:
    """Its messages cannot go before what the WebSocket has sent."""
    scene = Scene()
    client = scene.client()
    poll = client.poll(hold=True)
    scene.session(client).send("a", scene.now)
    assert poll.response is not None
    client.upgrade()
    poll.drop()
    assert scene.reports() == [
        "<upgraded>",
        "<closed: transport error: poll response was lost during the upgrade>",
    ]
    scene.check_empty()


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_released_poll_lost_while_upgrading_is_no_loss(*, is_answered: bool) -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll(hold=True)
    if is_answered:
        client.upgrade()
    else:
        client.finish_upgrade(client.open_websocket())
    poll.drop()
    scene.session(client).send("a", scene.now)
    assert client.take() == ["4a"]
    assert scene.reports() == ["<upgraded>"]
    scene.check()


def test_a_grace_that_runs_ends_with_the_upgrade() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.poll().drop()
    client.upgrade()
    scene.wait(10)
    assert scene.reports() == ["<upgraded>"]
    scene.check()


def test_a_grace_that_runs_goes_on_when_the_upgrade_fails() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.poll().drop()
    client.open_websocket().drop()
    scene.wait(2)
    assert scene.reports() == ["<closed: transport error: poll connection closed prematurely>"]


# -- the heartbeat across an upgrade: PROTOCOL 9-11 --------------------------------------------------------------------


def test_a_ping_outstanding_at_the_upgrade_stays_guarded() -> None:
    scene = Scene()
    client = scene.client()
    scene.wait(25)
    assert scene.poll(client) == b"2"
    client.upgrade()
    scene.wait(19.875)
    assert scene.reports() == ["<upgraded>"]
    scene.wait(0.125)
    assert scene.reports() == ["<closed: ping timeout: no pong in time>"]
    scene.check_empty()


def test_a_ping_of_polling_may_be_answered_on_the_websocket() -> None:
    scene = Scene()
    client = scene.client()
    scene.wait(25)
    client.poll()
    assert client.take() == ["2"]
    client.upgrade()
    client.pong()
    scene.wait(24.875)
    assert client.take() == []
    scene.wait(0.125)
    assert client.take() == ["2"]


def test_a_ping_that_was_not_polled_moves_over() -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    scene.wait(9)
    candidate.send("2probe")
    candidate.drop()
    scene.wait(16)
    client.upgrade()
    assert client.take() == ["2"]


# -- the end while upgrading -------------------------------------------------------------------------------------------


def test_a_closing_session_that_upgrades_is_closed_behind_its_backlog() -> None:
    """PROTOCOL 1.8, step 3."""
    scene = Scene()
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    candidate.send("2probe")
    session.send("a", scene.now)
    session.close(scene.now)
    assert (candidate.is_open, scene.reports()) == (True, [])
    client.finish_upgrade(candidate)
    assert (candidate.take(), candidate.is_open) == (["3probe", "4a"], False)
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


@pytest.mark.parametrize("is_probed", [False, True])
def test_a_closing_session_may_also_end_by_polling(*, is_probed: bool) -> None:
    scene = Scene()
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    if is_probed:
        candidate.send("2probe")
    session.close(scene.now)
    assert scene.poll(client) == b"6\x1e1"
    assert not candidate.is_open
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_a_candidate_of_a_closing_session_still_times_out() -> None:
    scene = Scene()
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    session.close(scene.now)
    scene.wait(10)
    assert (candidate.is_open, scene.reports()) == (False, [])
    scene.wait(20)
    assert scene.reports() == ["<closed: forced close>"]


# -- failures: at each step, in each way, everything queued arrives once and in order --------------------------------

STEPS = ["opened", "probed", "answered", "paused"]


def drop(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
    candidate.drop()


def send(*frames: str | bytes) -> Callable[[Scene, WireClient, WireSocket], None]:
    def fail(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
        candidate.send(*frames)
        assert candidate.carrier.is_closed

    return fail


def send_too_much(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
    candidate.send(b"x" * 1_000_001)
    assert (candidate.carrier.is_closed, candidate.close_code) == (True, 1009)


def break_websocket_rules(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
    scene.engine.fail(candidate.carrier, "not UTF-8", 1007, scene.now)
    assert (candidate.carrier.is_closed, candidate.close_code) == (True, 1007)


def take_too_long(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
    scene.wait(9.875)
    assert not candidate.carrier.is_closed
    scene.wait(0.125)
    assert (candidate.carrier.is_closed, candidate.close_code) == (True, 1005)


def open_a_second_one(scene: Scene, client: WireClient, candidate: WireSocket) -> None:
    """The second is closed, the first is unharmed, and dropped after that."""
    assert not client.open_websocket().is_open
    assert scene.reports() == ["<refused: 3 Bad request>"]
    assert not candidate.carrier.is_closed
    candidate.drop()


FAILURES = [
    drop,
    send("9"),
    send(""),
    send("4too early"),
    send(b""),
    send("3probe"),
    send("1"),
    send_too_much,
    break_websocket_rules,
    take_too_long,
    open_a_second_one,
]


@pytest.mark.parametrize("retry", ["polling", "upgrade"])
@pytest.mark.parametrize("is_parked", [False, True])
@pytest.mark.parametrize("failure", range(len(FAILURES)))
@pytest.mark.parametrize("step", STEPS)
def test_a_failed_upgrade_loses_nothing(step: str, failure: int, retry: str, *, is_parked: bool) -> None:
    scene = Scene(poll_grace_s=100.0)
    client = scene.client()
    session, numbers = scene.session(client), count()
    sent: list[Payload] = []
    received: list[Payload] = []

    def say() -> None:
        number = next(numbers)
        sent.append(f"{number}" if number % 2 else f"{number}".encode())
        assert session.send(sent[-1], scene.now)

    def listen() -> None:
        received.extend(client.fetch())

    if is_parked:
        listen()
    say()
    candidate = client.open_websocket()
    say()
    if step != "opened":
        candidate.is_reading = step != "probed"
        candidate.send("2probe")
        say()
    if step in ("answered", "paused"):
        assert candidate.take() == ["3probe"]
        listen()
        say()
    if step == "paused":  # the client has let its last poll run out, and is about to send `5`
        received.extend(client.take_messages())
    FAILURES[failure](scene, client, candidate)
    scene.check()
    assert (scene.reports(), session.is_upgrading, session.transport) == ([], False, "polling")
    say()
    if retry == "upgrade":
        client.upgrade()
        assert scene.reports() == ["<upgraded>"]
    for _ in range(3):
        say()
        listen()
    assert received == sent
    assert client.fetch() == []
    client.send("4done")
    assert scene.reports() == ["done"]
    scene.check()


@pytest.mark.parametrize("is_parked", [False, True])
@pytest.mark.parametrize("how", ["close", "discard", "peer", "slow", "ping"])
@pytest.mark.parametrize("step", ["opened", "probed"])
def test_the_end_of_the_session_is_the_end_of_its_candidate(step: str, how: str, *, is_parked: bool) -> None:
    scene = Scene(max_buffered_messages=5, upgrade_timeout_s=100.0, poll_grace_s=100.0, close_timeout_s=1.0)
    client = scene.client()
    session, candidate = scene.session(client), client.open_websocket()
    if step == "probed":
        candidate.send("2probe")
    if is_parked and step == "opened":
        client.poll()
    if how == "close":
        session.close(scene.now)
    elif how == "discard":
        session.abort(scene.now)
    elif how == "peer":
        client.post("1")
    elif how == "slow":
        for _ in range(6):
            session.send("x", scene.now)
    scene.wait(45)
    assert len(scene.reports()) == 1
    assert not candidate.is_open
    candidate.send("2probe", "5", "4x")
    candidate.drop()
    assert scene.reports() == []
    scene.check_empty()


@pytest.mark.parametrize(
    ("b64", "frame"),
    [("1", "bAQL/"), ("0", "bAQL/"), ("true", "bAQL/"), ("", b"\x01\x02\xff"), (None, b"\x01\x02\xff")],
)
@pytest.mark.parametrize("is_upgrade", [False, True])
def test_b64_makes_text_of_binary_messages_on_a_websocket(
    b64: str | None, frame: str | bytes, *, is_upgrade: bool
) -> None:
    """PROTOCOL 1.1: any text but an empty one says so; the WebSocket's own request counts, not the handshake's."""
    scene = Scene()
    if is_upgrade:
        client = scene.client()
        request = client.make_request(upgrade=True, query={"b64": b64})
        socket = client.perform(request)
        assert isinstance(socket, WireSocket)
        socket.send("2probe", "5")
        assert socket.take() == ["3probe"]
        session = scene.session(client)
    else:
        stranger = scene.stranger()
        socket = stranger.perform(stranger.make_request(upgrade=True, query={"b64": b64}))
        assert isinstance(socket, WireSocket)
        (first,) = socket.take()
        assert isinstance(first, str)
        (session,) = scene.engine.sessions
    session.send(b"\x01\x02\xff", scene.now)
    session.send("text", scene.now)
    assert socket.take() == [frame, "4text"]
    socket.send("bAQL/", b"\x01\x02\xff")
    assert [event for _, event in scene.engine.take_events() if isinstance(event, bytes)] == [b"\x01\x02\xff"] * 2


def test_b64_changes_nothing_on_polling() -> None:
    scene = Scene()
    client = scene.client(query={"b64": "1"})
    scene.session(client).send(b"\x01\x02\xff", scene.now)
    assert client.fetch() == [b"\x01\x02\xff"]
