"""The acks that one socket waits for; `test_member.py` and `client/test_namespace.py` have the sockets."""

from __future__ import annotations

import pytest

from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.acks import AckTable, PendingAck
from socketio_core.timers import TimerQueue


class Owner:
    """Somebody who waits."""

    def __init__(self) -> None:
        self.acks = AckTable()
        self.timers: TimerQueue[PendingAck] = TimerQueue()
        self.expired: list[object] = []

    def ask(self, ack_id: int, at: float | None = 10.0) -> PendingAck:
        """Wait for an ack; its context is its id."""
        ack = self.acks.expect(self, ack_id, ack_id, 3)
        if at is not None:
            ack.timer = self.timers.schedule(at, ack)
        return ack

    def ack_expired(self, ack: PendingAck) -> None:
        assert ack.ack_id not in self.acks
        self.expired.append(ack.context)


def test_an_ack_is_settled_once_and_expires_no_more() -> None:
    owner = Owner()
    first = owner.ask(0)
    owner.ask(1, None)
    assert owner.acks.settle(0) is first
    assert owner.acks.settle(0) is None
    assert owner.acks.settle(7) is None
    assert (list(owner.acks), owner.timers.next_deadline) == ([1], None)
    assert owner.acks.settle(1) is not None


def test_an_ack_expires_at_its_time() -> None:
    owner = Owner()
    owner.ask(0)
    owner.ask(1, 20.0)
    due = owner.timers.pop_due(10.0)
    assert due is not None
    due.handle_timeout(10.0)
    assert (owner.expired, list(owner.acks)) == ([0], [1])


def test_too_many_are_refused_and_change_nothing() -> None:
    owner = Owner()
    for ack_id in range(3):
        owner.ask(ack_id)
    with pytest.raises(LocalProtocolError, match="too many outstanding acks, max_outstanding_acks: 3"):
        owner.ask(3)
    assert list(owner.acks) == [0, 1, 2]


@pytest.mark.parametrize(("but", "dropped"), [((), [0, 1, 2]), ({1, None}, [0, 2])])
def test_all_but_some_are_dropped_in_the_order_of_asking(but: set[int | None], dropped: list[int]) -> None:
    owner = Owner()
    for ack_id in range(3):
        owner.ask(ack_id)
    assert [ack.ack_id for ack in owner.acks.drop(but)] == dropped
    assert len(owner.timers) == len(owner.acks) == 3 - len(dropped)
