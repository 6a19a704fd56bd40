"""Sessions and the clock: deadlines to the instant, and the laws that early, late and repeated calls obey."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.testing import WireClient, WirePoll, WireSocket, settle
from tests.effort import examples
from tests.engineio.scene import Scene

NO_PONG = "<closed: ping timeout: no pong in time>"


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_silent_client_is_pinged_and_closed_to_the_instant(transport: str) -> None:
    """PROTOCOL 1.7: ping at t, close at exactly t + interval + timeout."""
    scene = Scene(ping_interval_s=25.0, ping_timeout_s=20.0)
    client = scene.client(transport)
    if transport == "polling":
        client.poll()
    assert scene.engine.next_deadline == scene.now + 25.0
    scene.wait(24.875)
    assert client.take() == []
    scene.wait(0.125)
    assert client.take() == ["2"]
    assert scene.engine.next_deadline == scene.now + 20.0
    scene.wait(19.875)
    assert scene.reports() == []
    scene.wait(0.125)
    assert scene.reports() == [NO_PONG]
    scene.check_empty()


def test_a_client_that_never_polls_is_closed_too() -> None:
    scene = Scene()
    client = scene.client()
    session = scene.session(client)
    scene.wait(44.875)
    assert (scene.reports(), session.buffered_bytes) == ([], 1)
    scene.wait(0.125)
    assert (scene.reports(), session.buffered_bytes) == ([NO_PONG], 0)
    scene.check_empty()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_that_answers_lives_on(transport: str) -> None:
    scene = Scene()
    client = scene.client(transport)
    for _ in range(5):
        scene.wait(25)
        if transport == "polling":
            client.poll()
        assert client.take() == ["2"]
        scene.wait(15)
        client.pong()
        assert scene.engine.next_deadline == scene.now + 25.0
    assert scene.reports() == []
    scene.check()


@pytest.mark.parametrize("frame", ["4x", b"x", "6"])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_another_packet_extends_the_wait_for_a_pong_once(transport: str, frame: str | bytes) -> None:
    """PROTOCOL 10: data on its way may hold the pong up."""
    scene = Scene()
    client = scene.client(transport)
    scene.wait(25 + 15)
    client.send(frame)
    assert scene.engine.next_deadline == scene.now + 20
    scene.wait(4)
    client.send(frame, frame)
    assert scene.engine.next_deadline == scene.now + 16
    client.pong()
    assert scene.engine.next_deadline == scene.now + 25


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_paused_session_is_not_taken_for_dead(transport: str) -> None:
    scene = Scene(max_pause_s=120.0)
    client = scene.client(transport)
    session = scene.session(client)
    session.pause_reading(scene.now)
    scene.wait(90)
    assert scene.reports() == []
    session.resume_reading(scene.now)
    assert scene.engine.next_deadline == scene.now + 20
    scene.wait(19.875)
    assert scene.reports() == []
    scene.wait(0.125)
    assert scene.reports() == [NO_PONG]


def test_a_pause_does_not_last_for_ever() -> None:
    scene = Scene(max_pause_s=120.0)
    session = scene.session(scene.client("websocket"))
    session.pause_reading(scene.now)
    scene.wait(119.875)
    assert scene.reports() == []
    scene.wait(0.125)
    assert scene.reports() == [NO_PONG]


def test_the_engine_s_deadline_is_its_earliest_session_s() -> None:
    scene = Scene()
    deadlines = [scene.engine.next_deadline]
    first = scene.client("websocket")
    scene.wait(10)
    second = scene.client("websocket")
    deadlines.append(scene.engine.next_deadline)
    for client in (first, second):
        client.send("1")
        deadlines.append(scene.engine.next_deadline)
    assert deadlines == [None, scene.now + 15, scene.now + 25, None]


def test_deadlines_do_not_drift_when_the_host_wakes_late() -> None:
    scene = Scene()
    session = scene.session(scene.client("websocket"))
    scene.clock.advance(30)
    scene.engine.handle_timeout(scene.now)
    assert session.next_deadline == scene.now + 15


# -- the laws ----------------------------------------------------------------------------------------------------------

Waiter = Callable[[Scene, float], None]
QUARTER = 0.25


def in_one_piece(scene: Scene, seconds: float) -> None:
    """Wake up once, late."""
    scene.clock.advance(seconds)
    scene.engine.handle_timeout(scene.now)


def punctually(scene: Scene, seconds: float) -> None:
    scene.wait(seconds)


def in_small_pieces(scene: Scene, seconds: float) -> None:
    for _ in range(int(seconds / QUARTER)):
        in_one_piece(scene, QUARTER)


def nervously(scene: Scene, seconds: float) -> None:
    """Wake up early, often and repeatedly, and read at once."""
    for _ in range(int(seconds / QUARTER)):
        for _ in range(3):
            scene.engine.handle_timeout(scene.now)
            for session in scene.engine.sessions:
                session.handle_timeout(scene.now)
            settle(scene.engine)
        in_one_piece(scene, QUARTER)
        in_one_piece(scene, 0)


STEPS = st.one_of(
    st.integers(1, 100).map(lambda quarters: quarters * QUARTER),
    st.sampled_from(
        ["pong", "message", "send", "pause", "resume", "poll", "drop", "open", "probe", "upgrade", "close"]
    ),
)


class Actor:
    """A client that does as the script says, where it can."""

    def __init__(self, scene: Scene, transport: str) -> None:
        self.client: WireClient = scene.client(transport)
        self.poll: WirePoll | None = None
        self.candidate: WireSocket | None = None

    def act(self, step: str, now: float) -> None:
        client, session = self.client, self.client.session
        if session is None:
            return
        on_polling = client.websocket is None
        if step in ("pong", "message"):
            client.post("3" if step == "pong" else "4x") if on_polling else client.send("3" if step == "pong" else "4x")
        elif step == "send":
            session.send("y", now)
        elif step == "pause":
            session.pause_reading(now)
        elif step == "resume":
            session.resume_reading(now)
        elif step == "close":
            session.close(now)
        elif step == "poll" and on_polling and (self.poll is None or self.poll.is_done):
            self.poll = client.poll()
        elif step == "drop" and self.poll is not None and not self.poll.is_done:
            self.poll.drop()
        elif step == "open" and on_polling and not session.is_upgrading and session.is_open:
            self.candidate = client.open_websocket()
        elif step in ("probe", "upgrade") and session.is_upgrading and self.candidate is not None:
            if step == "probe":
                self.candidate.send("2probe")
            else:
                client.finish_upgrade(self.candidate)


def play(script: list[str | float], transport: str, wait: Waiter) -> list[object]:
    """Act a script and return what could be seen after each step."""
    scene = Scene(ping_interval_s=5.0, ping_timeout_s=4.0, upgrade_timeout_s=6.0, max_pause_s=10.0, close_timeout_s=7.0)
    actor = Actor(scene, transport)
    seen: list[object] = []
    for step in script:
        if isinstance(step, str):
            actor.act(step, scene.now)
        else:
            wait(scene, step)
        # A poll that is still parked when a late host wakes is told of the end, one that was answered in time is not.
        frames = [frame for frame in actor.client.take() if frame != "1"]
        candidate = [] if actor.candidate is None else actor.candidate.take()
        seen.append((step, scene.reports(), frames, candidate, scene.engine.next_deadline))
        scene.check()
    return seen


@given(st.lists(STEPS, max_size=25), st.sampled_from(["polling", "websocket"]))
@settings(max_examples=examples(75))
def test_it_does_not_matter_how_the_host_waits(script: list[str | float], transport: str) -> None:
    expected = play(script, transport, punctually)
    for wait in (in_one_piece, in_small_pieces, nervously):
        assert play(script, transport, wait) == expected
