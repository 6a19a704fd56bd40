"""When a client opens its connection again: what is told, and when, by an owner that has no network."""

from __future__ import annotations

from socketio_core.settings import ClientSettings
from socketio_core.socketio.client.events import (
    ClientEvent,
    ReconnectAttempted,
    Reconnected,
    ReconnectFailed,
    ReconnectScheduled,
)
from socketio_core.socketio.client.reconnection import Reconnection
from socketio_core.timers import Agenda, Scheduled, Timer


class Owner:
    """A client that notes what it is told, and when it opens."""

    def __init__(self, **settings: float | bool | None) -> None:
        self.events: list[ClientEvent] = []
        self.opened_at: list[float] = []
        self.agenda = Agenda()
        given = ClientSettings(reconnection_delay_s=1.0, randomization_factor=0.0, **settings)  # type: ignore[arg-type]
        self.reconnection = Reconnection(self, given, lambda: 0.5)

    def report(self, event: ClientEvent) -> None:
        self.events.append(event)

    def schedule(self, at: float, item: Scheduled) -> Timer[Scheduled]:
        return self.agenda.schedule(at, item)

    def open(self, now: float) -> None:
        self.opened_at.append(now)


def test_attempts_come_in_time_and_are_counted_until_one_succeeds() -> None:
    owner = Owner()
    reconnection = owner.reconnection
    reconnection.succeeded()  # the first connection of all
    reconnection.go_on(10.0, will_retry=True)
    waited = [reconnection.is_scheduled]
    owner.agenda.catch_up(10.9)
    assert owner.opened_at == []
    owner.agenda.catch_up(11.0)
    waited.append(reconnection.is_scheduled)
    assert waited == [True, False]
    reconnection.go_on(11.0, will_retry=True)
    owner.agenda.catch_up(13.0)
    reconnection.succeeded()
    reconnection.go_on(20.0, will_retry=True)
    assert owner.opened_at == [11.0, 13.0]
    assert owner.events == [
        ReconnectScheduled(1, 1.0),
        ReconnectAttempted(1),
        ReconnectScheduled(2, 2.0),
        ReconnectAttempted(2),
        Reconnected(2),
        ReconnectScheduled(1, 1.0),
    ]


def test_attempts_may_be_limited_or_not_made() -> None:
    assert not Owner(reconnection=False).reconnection.may_follow
    assert Owner(reconnection_attempts=None).reconnection.may_follow
    owner = Owner(reconnection_attempts=1)
    allowed = [owner.reconnection.may_follow]
    owner.reconnection.failed()  # the first connection of all: nothing was tried again
    owner.reconnection.go_on(0.0, will_retry=True)
    allowed.append(owner.reconnection.may_follow)
    owner.agenda.catch_up(1.0)
    owner.reconnection.failed()
    assert owner.events[2:] == [ReconnectFailed(1)]
    owner.reconnection.go_on(1.0, will_retry=False)
    allowed.append(owner.reconnection.may_follow)
    assert allowed == [True, False, True]
    assert not owner.reconnection.is_scheduled


def test_an_attempt_that_nobody_wants_is_not_made() -> None:
    owner = Owner()
    owner.reconnection.go_on(0.0, will_retry=True)
    owner.reconnection.forget()
    owner.reconnection.forget()
    owner.agenda.catch_up(100.0)
    assert owner.opened_at == []
    assert owner.agenda.next_deadline is None
