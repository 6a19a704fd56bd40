"""When the next ping is due, and when its pong is overdue. PROTOCOL 1.7."""

from __future__ import annotations

import pytest

from socketio_core.engineio.heartbeat import Heartbeat
from socketio_core.settings import EngineSettings

SETTINGS = EngineSettings(ping_interval_s=25.0, ping_timeout_s=20.0, max_pause_s=120.0)


def pinged_at_1025() -> Heartbeat:
    """Return a heartbeat whose ping went out at 1025 and whose pong is overdue at 1045."""
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    assert heartbeat.next_deadline == 1025.0
    assert heartbeat.advance()
    assert (heartbeat.is_waiting, heartbeat.next_deadline) == (True, 1045.0)
    return heartbeat


def test_pings_after_the_interval_and_gives_up_after_the_timeout() -> None:
    heartbeat = pinged_at_1025()
    assert not heartbeat.advance()


def test_a_pong_restarts_the_interval_from_its_arrival() -> None:
    heartbeat = pinged_at_1025()
    heartbeat.pong_received(1031.0)
    assert (heartbeat.is_waiting, heartbeat.next_deadline) == (False, 1056.0)
    assert heartbeat.advance()
    assert heartbeat.next_deadline == 1076.0


def test_what_was_sent_before_a_ping_that_is_answered_has_arrived() -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    assert heartbeat.confirmed_at == 1000.0, "nothing was sent before"
    assert heartbeat.advance()
    assert heartbeat.confirmed_at == 1000.0
    heartbeat.pong_received(1031.0)
    assert heartbeat.confirmed_at == 1025.0
    heartbeat.pong_received(1032.0)
    assert heartbeat.confirmed_at == 1025.0, "another pong answers nothing"
    assert heartbeat.advance()
    heartbeat.pong_received(1057.0)
    assert heartbeat.confirmed_at == 1057.0


def test_an_unsolicited_pong_does_so_too() -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    heartbeat.pong_received(1020.0)
    assert heartbeat.next_deadline == 1045.0
    assert heartbeat.advance()


def test_another_packet_extends_the_wait_once() -> None:
    """PROTOCOL 10, engine.io 6.6.12."""
    heartbeat = pinged_at_1025()
    heartbeat.other_received(1040.0)
    assert (heartbeat.is_waiting, heartbeat.next_deadline) == (False, 1060.0)
    heartbeat.other_received(1050.0)
    assert heartbeat.next_deadline == 1060.0
    assert not heartbeat.advance()


def test_each_ping_may_be_extended() -> None:
    heartbeat = pinged_at_1025()
    heartbeat.other_received(1040.0)
    heartbeat.pong_received(1041.0)
    assert heartbeat.advance()
    heartbeat.other_received(1070.0)
    assert heartbeat.next_deadline == 1090.0


def test_nothing_is_extended_while_no_pong_is_awaited() -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    heartbeat.other_received(1024.0)
    assert heartbeat.next_deadline == 1025.0


def test_a_pause_holds_the_pong_up_to_its_limit() -> None:
    heartbeat = pinged_at_1025()
    heartbeat.pause(1030.0)
    assert heartbeat.next_deadline == 1150.0
    assert not heartbeat.advance()


def test_a_pause_never_shortens_the_wait() -> None:
    heartbeat = Heartbeat(EngineSettings(max_pause_s=1.0), 1000.0)
    heartbeat.advance()
    heartbeat.pause(1026.0)
    assert heartbeat.next_deadline == 1045.0


def test_a_ping_that_falls_into_a_pause_waits_for_its_end() -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    heartbeat.pause(1010.0)
    assert heartbeat.next_deadline == 1025.0
    assert heartbeat.advance()
    assert heartbeat.next_deadline == 1130.0


def test_a_ping_after_the_longest_pause_waits_as_usual() -> None:
    heartbeat = Heartbeat(EngineSettings(max_pause_s=1.0), 1000.0)
    heartbeat.pause(1010.0)
    assert heartbeat.advance()
    assert heartbeat.next_deadline == 1045.0


def test_a_second_pause_does_not_prolong_the_first() -> None:
    heartbeat = pinged_at_1025()
    heartbeat.pause(1030.0)
    heartbeat.pause(1140.0)
    assert heartbeat.next_deadline == 1150.0


def test_resuming_grants_the_whole_timeout_for_what_lies_unread() -> None:
    heartbeat = pinged_at_1025()
    heartbeat.pause(1030.0)
    heartbeat.resume(1100.0)
    assert heartbeat.next_deadline == 1120.0
    heartbeat.pause(1110.0)
    assert heartbeat.next_deadline == 1230.0


@pytest.mark.parametrize("is_paused", [False, True])
def test_resuming_changes_nothing_without_a_pause_or_a_ping(*, is_paused: bool) -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    if is_paused:
        heartbeat.pause(1010.0)
    else:
        heartbeat.advance()
    before = heartbeat.next_deadline
    heartbeat.resume(1012.0)
    assert heartbeat.next_deadline == before


def test_a_pause_is_over_after_resuming() -> None:
    heartbeat = Heartbeat(SETTINGS, 1000.0)
    heartbeat.pause(1010.0)
    heartbeat.resume(1011.0)
    assert heartbeat.advance()
    assert heartbeat.next_deadline == 1045.0


def test_pauses_nest() -> None:
    """Two readers may wait for the same handlers; the first to go on does not speak for the other."""
    heartbeat = pinged_at_1025()
    heartbeat.pause(1030.0)
    heartbeat.pause(1035.0)
    heartbeat.resume(1040.0)
    assert heartbeat.next_deadline == 1150.0
    heartbeat.resume(1100.0)
    assert heartbeat.next_deadline == 1120.0
    heartbeat.resume(1110.0)  # one too many
    assert heartbeat.next_deadline == 1120.0
    heartbeat.pause(1115.0)
    assert heartbeat.next_deadline == 1235.0
    heartbeat.resume(1120.0)
    assert heartbeat.next_deadline == 1140.0
