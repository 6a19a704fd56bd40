"""How much is kept for clients that were lost, and what becomes of those who would need more."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from socketio_core.engineio.message import WireMessage
from socketio_core.settings import EngineSettings
from socketio_core.socketio.recovery import SESSION_BYTES
from tests.socketio.recovering import UNSURE_S, WINDOW_S, Home, emit, session_of
from tests.socketio.rig import timer_count

# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"max_missed_events": 3}, {"max_missed_bytes": 50}])
def test_who_missed_too_much_begins_anew(limits: dict[str, Any]) -> None:
    home = Home(**limits)
    client, member, _ = home.enter()
    home.lose(client)
    for _ in range(3):
        home.server.broadcast("/", "x", [])
    back_client, back, _ = home.enter(home.claim(member))
    assert back.is_recovered
    home.lose(back_client)
    home.server.broadcast("/", "x", [])
    assert not home.enter(home.claim(member))[1].is_recovered
    assert home.recovery.lost_count == 0


@pytest.mark.parametrize("limits", [{"max_missed_events": 3}, {"max_missed_bytes": 50}])
def test_more_than_a_lost_client_could_be_sent_is_not_kept_for_it(limits: dict[str, Any]) -> None:
    home = Home(**limits)
    client, member, _ = home.enter()
    home.lose(client)
    assert [emit(member) for _ in range(5)] == [True, True, True, False, False]
    assert (home.recovery.lost_count, len(home.recovery.log)) == (0, 3)


def test_who_misses_too_much_while_it_is_decided_has_to_come_again() -> None:
    home = Home(max_missed_events=3)
    client, member, _ = home.enter()
    home.lose(client)
    client, pending = home.ask(home.claim(member))
    for _ in range(4):
        home.server.broadcast("/", "x", [])
    assert not pending.accept(home.now)
    assert [reason for _, reason in home.reasons()] == ["transport error"]
    assert not home.enter(home.claim(member))[1].is_recovered


def test_what_does_not_fit_into_a_buffer_is_not_replayed() -> None:
    home = Home(EngineSettings(path="/socket.io/", max_payload_bytes=1000, max_buffered_bytes=1000))
    client, member, _ = home.enter()
    home.lose(client)
    emit(member, "y" * 600)
    client, pending = home.ask(home.claim(member))
    assert pending.connection.session.put(WireMessage(("4" * 500,)))
    assert not pending.accept(home.now)
    assert [reason for _, reason in home.reasons()] == ["transport error"]


def test_the_longest_lost_are_forgotten_when_there_are_too_many() -> None:
    home = Home(max_lost_sessions=2)
    lost = [home.enter() for _ in range(3)]
    for client, _, _ in lost:
        home.lose(client)
    assert home.recovery.lost_count == 2
    assert [home.enter(home.claim(member))[1].is_recovered for _, member, _ in lost] == [False, True, True]


def test_a_log_that_has_lost_what_a_client_needs_lets_it_begin_anew() -> None:
    home = Home(max_logged_events=16)
    client, member, _ = home.enter()
    other = home.enter()[1]
    for _ in range(16):
        emit(other)
    home.lose(client)
    assert home.recovery.log.dropped_through == 0
    emit(other)
    assert home.recovery.log.dropped_through == 2
    assert not home.enter(home.claim(member, 1))[1].is_recovered


def test_a_client_that_heard_nothing_for_long_needs_nothing_of_what_is_gone() -> None:
    home = Home()
    client, member, _ = home.enter()
    talker_client, talker, _ = home.enter()
    emit(member, "early")
    for _ in range(40):
        home.advance(25)
        for each in (client, talker_client):
            each.fetch()
            each.pong()
        emit(talker)
    home.lose(client)
    assert home.recovery.log.dropped_through > 10
    home.advance(20)
    emit(member, "late")
    back, got = home.enter(home.claim(member, 1))[1:]
    assert back.is_recovered
    assert got == ['2["x","late","id1.42"]', home.answer(member)]


def test_a_full_log_is_no_harm_to_who_has_answered_a_ping_since() -> None:
    home = Home(max_logged_events=64)
    client, member, _ = home.enter()
    talker_client, talker, _ = home.enter()
    for _ in range(200):
        emit(talker)
    for _ in range(3):
        home.advance(25)
        for each in (client, talker_client):
            each.fetch()
            each.pong()
    for _ in range(60):
        emit(talker)
    assert home.recovery.log.dropped_through > session_of(member).start
    home.lose(client)
    assert home.enter(home.claim(member))[1].is_recovered


def test_what_was_replayed_is_not_taken_for_received_at_once() -> None:
    home = Home(window_s=50.0)
    client, member, _ = home.enter()
    emit(member, "never received")
    home.lose(client)
    for _ in range(7):
        home.advance(40)
        client, back, got = home.enter(home.claim(member))
        if not back.is_recovered:
            break
        assert got[0] == '2["x","never received","id1.1"]'
        home.lose(client)
    else:
        pytest.fail("the log goes back only so far")
    assert got == [home.answer(back)], "so it has to begin anew, and knows it"


def test_rooms_count_for_who_is_there_and_those_it_has_left_while_it_may_have_missed_what_was_said_there() -> None:
    home = Home()
    _, member, _ = home.enter()
    held = [member.held_bytes]
    for change in (member.join, member.leave):
        for name in ("a", "b" * 10_000):
            change(name)
            assert emit(member, 1)
        held.append(member.held_bytes)
    nothing, there, left = held
    assert 10_000 < there - nothing < 11_000
    assert 10_000 < left - nothing < 11_000
    session_of(member).has_received(home.recovery.log.position)
    assert member.held_bytes == nothing


def test_rooms_and_namespaces_of_its_own_count_for_who_is_lost_until_it_is_back() -> None:
    home = Home()
    home.server.hub.allow(lambda name: name == "/own")
    client, member, _ = home.enter()
    claim = home.claim(member)
    for number in range(10):
        member.join(f"room {number}")
    other, _, _ = home.enter(nsp="/own")
    home.lose(client)
    rooms = home.recovery.held_bytes - SESSION_BYTES
    assert 10 * 50 < rooms < 10 * 150
    session = session_of(member)
    session.join("another room")
    assert home.recovery.held_bytes - SESSION_BYTES - rooms > 50
    assert emit(member, 1)
    before = home.recovery.held_bytes
    session.leave("another room")
    assert home.recovery.held_bytes - before > 100, "it has missed what was said there"
    before = home.recovery.held_bytes
    home.lose(other)
    assert home.recovery.held_bytes - before == 2 * SESSION_BYTES, "for the namespace is there for it alone"
    home.enter(claim)
    assert home.recovery.held_bytes == home.recovery.log.size_bytes + 2 * SESSION_BYTES
    home.advance(2 * WINDOW_S + UNSURE_S)
    assert home.recovery.held_bytes == 0


def test_it_gives_memory_back_that_is_needed_elsewhere() -> None:
    home = Home()
    lost = [home.enter() for _ in range(3)]
    for client, member, _ in lost:
        emit(member, "y" * 100)
        home.lose(client)
    held = home.recovery.held_bytes
    assert held == home.recovery.log.size_bytes + 3 * SESSION_BYTES
    assert home.recovery.shrink(1) == held // 3 - SESSION_BYTES, "one event"
    assert home.recovery.lost_count == 3
    rest = home.recovery.log.size_bytes
    assert home.recovery.shrink(rest + SESSION_BYTES + 1) == rest + 2 * SESSION_BYTES
    assert (home.recovery.lost_count, len(home.recovery.log)) == (1, 0)
    assert home.recovery.shrink(10**9) == SESSION_BYTES
    assert home.recovery.shrink(10**9) == 0


def test_nothing_is_left_when_all_windows_have_passed() -> None:
    home = Home()
    idle = timer_count(home.server)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(50):
        _visit(home, f"room {number}")
    assert home.recovery.lost_count == 50
    assert tracemalloc.get_traced_memory()[0] - before > 100_000
    home.advance(2 * WINDOW_S + UNSURE_S)
    home.events()
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert (home.recovery.lost_count, len(home.recovery.log), timer_count(home.server)) == (0, 0, idle)
    assert left < 20_000


def _visit(home: Home, room: str) -> None:
    client, member, _ = home.enter()
    member.join(room)
    emit(member, "y" * 1000)
    home.lose(client)
    emit(member, "y" * 1000)
