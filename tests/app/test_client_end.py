"""The end of a client: each step has its time, and none waits for what cannot come."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.app.client_end import LINGER_S, ClientEnd
from tests.app.client_rig import ClientRig


class Ending:
    """A client that is connected, and its end."""

    def __init__(self, *events: str, **settings: Any) -> None:
        self.rig = ClientRig(**settings).up()
        self.is_busy = self.is_working = True
        for name in events:
            self.rig.host.socket_of("/").emit_nowait(name)
        self.began_at = self.rig.clock.now
        self.patience_s = self.rig.host.core.engine_settings.close_timeout_s
        self.end = ClientEnd(
            self.rig.host, self.began_at, is_busy=lambda: self.is_busy, is_working=lambda: self.is_working
        )

    def look(self) -> bool:
        return self.end.look(self.rig.clock.now)

    def is_closing(self) -> bool:
        """Whether the core is."""
        return self.rig.host.core.is_closing

    def wait_until_late(self) -> float:
        """Let time pass to just before the deadline, and then to it; return how long that was."""
        began, at = self.rig.clock.now, self.end.next_deadline
        assert at is not None
        self.rig.clock.now = at - 0.001
        assert not self.look()
        self.rig.clock.now = at
        assert self.look()
        return at - began


def test_nothing_to_wait_for_takes_three_looks() -> None:
    ending = Ending()
    ending.is_busy = ending.is_working = False
    assert [ending.look() for _ in range(4)] == [True, True, True, False]
    assert ending.end.is_over
    assert ending.end.next_deadline is None
    assert ending.rig.clock.now == ending.began_at


def test_each_step_waits_for_what_it_is_about() -> None:
    ending = Ending()
    assert ending.look()
    assert ending.is_closing()
    assert not ending.look(), "connections say goodbye"
    ending.is_busy = False
    assert ending.look()
    assert not ending.look(), "handlers run"
    assert ending.end.next_deadline is not None
    ending.is_working = False
    assert ending.look()
    assert ending.end.is_over


def test_each_step_has_its_deadline() -> None:
    ending = Ending("a", retries=5, ack_timeout_s=100.0)
    patience_s = ending.patience_s
    assert not ending.look(), "an acknowledgement is awaited"
    assert not ending.is_closing()
    assert ending.wait_until_late() == patience_s
    assert ending.is_closing()
    assert ending.wait_until_late() == pytest.approx(patience_s + LINGER_S)
    assert ending.wait_until_late() == pytest.approx(LINGER_S)
    assert ending.end.is_over


def test_acknowledgement_that_comes_ends_the_first_step() -> None:
    ending = Ending("a", retries=5, ack_timeout_s=100.0)
    assert not ending.look()
    (packet,) = ending.rig.sent()
    assert packet == '20["a"]'
    ending.rig.hear("30[]")
    assert ending.look()
    assert ending.is_closing()


def test_acknowledgements_are_read_though_handlers_are_behind_and_in_the_end_everything_is() -> None:
    ending = Ending("a", retries=5, ack_timeout_s=100.0, max_queued_events=1)
    flow = ending.rig.host.flow
    seen: list[bool] = []
    for _ in range(2):
        flow.event_queued(1)
        seen.append(flow.is_congested)
    ending.wait_until_late()
    seen.append(flow.is_congested)
    assert seen == [False, True, False], "twice as many are read, and then all, up to the server's goodbye"


def test_acknowledgements_are_not_waited_for_any_more_behind_the_first_step() -> None:
    ending = Ending(max_queued_events=1)
    woken: list[float] = []
    flow = ending.rig.host.flow
    flow.event_queued(1)
    flow.event_queued(1)
    flow.call_when_room(woken.append)
    ending.look()
    assert woken == [ending.rig.clock.now]
