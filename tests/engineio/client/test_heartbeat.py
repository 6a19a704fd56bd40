"""The heartbeat as a client watches it."""

from __future__ import annotations

from socketio_core.engineio.client.heartbeat import HeartbeatWatch


def begun(ping_interval_s: float, ping_timeout_s: float, max_pause_s: float) -> HeartbeatWatch:
    """Return a watch that began at 1000."""
    watch = HeartbeatWatch(max_pause_s)
    watch.begin(ping_interval_s, ping_timeout_s, 1000)
    return watch


def test_silence_is_interval_and_timeout() -> None:
    watch = begun(25, 20, 120)
    assert watch.next_deadline == 1045
    watch.ping_received(1030)
    assert watch.next_deadline == 1075


def test_pause_holds_the_deadline_up_to_a_limit() -> None:
    watch = begun(25, 20, 120)
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
    watch = begun(25, 20, 120)
    watch.resume(1040)
    assert watch.next_deadline == 1045
    watch.pause(1041)
    assert (watch.is_paused, watch.next_deadline) == (True, 1161)
    watch.resume(1050)
    assert (watch.is_paused, watch.next_deadline) == (False, 1095)


def test_pause_never_shortens_the_wait() -> None:
    watch = begun(100, 100, 1)
    watch.pause(1001)
    assert watch.next_deadline == 1200


def test_pause_before_the_beginning_counts_from_there() -> None:
    watch = HeartbeatWatch(120)
    for call in (watch.resume, watch.pause, watch.pause, watch.resume):
        call(900)
    assert (watch.is_paused, watch.next_deadline) == (True, None)
    watch.begin(25, 20, 1000)
    assert (watch.is_paused, watch.next_deadline) == (True, 1120)
    watch.resume(1030)
    assert (watch.is_paused, watch.next_deadline) == (False, 1075)


def test_pause_that_ended_before_the_beginning_does_not_count() -> None:
    watch = HeartbeatWatch(120)
    watch.pause(900)
    watch.resume(901)
    watch.begin(25, 20, 1000)
    assert watch.next_deadline == 1045
