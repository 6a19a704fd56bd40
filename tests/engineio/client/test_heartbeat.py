"""The heartbeat as a client watches it."""

from __future__ import annotations

from socketio_core.engineio.client.heartbeat import HeartbeatWatch


def test_silence_is_interval_and_timeout() -> None:
    watch = HeartbeatWatch(25, 20, 120, now=1000)
    assert watch.next_deadline == 1045
    watch.ping_received(1030)
    assert watch.next_deadline == 1075


def test_pause_holds_the_deadline_up_to_a_limit() -> None:
    watch = HeartbeatWatch(25, 20, 120, now=1000)
    watch.pause(1010)
    assert (watch.is_paused, watch.next_deadline) == (True, 1130)
    watch.ping_received(1020)  # what was read before
    assert watch.next_deadline == 1130
    watch.pause(1030)
    watch.resume(1040)
    assert (watch.is_paused, watch.next_deadline) == (True, 1130)
    watch.resume(1050)
    assert (watch.is_paused, watch.next_deadline) == (False, 1095)


def test_resuming_without_a_pause_changes_nothing() -> None:
    watch = HeartbeatWatch(25, 20, 120, now=1000)
    watch.resume(1040)
    assert watch.next_deadline == 1045


def test_pause_never_shortens_the_wait() -> None:
    watch = HeartbeatWatch(100, 100, 1, now=1000)
    watch.pause(1001)
    assert watch.next_deadline == 1200
