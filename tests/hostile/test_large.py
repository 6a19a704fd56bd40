"""A large message may take as long as thousands of small ones, and cannot be handled in parts: one in each round."""

from __future__ import annotations

from typing import Final

import pytest

from benchmarks.attacks import ATTACKS, HANDSHAKE, JOIN, POLLING, READ_BYTES, Attack, dense, frame, request
from socketio_core.wire.base import ALL_FIRST_PIECES, LARGE_BYTES, TURN_PIECES
from tests.hostile.rig import Fort, Peer

CROWD: Final = 6
SIZE: Final = 3 * READ_BYTES
POST: Final = f"{POLLING}&sid={{sid}}"
KINDS: Final = [
    Attack("keys", HANDSHAKE + JOIN, frame(dense("keys", SIZE)), 1),
    Attack("records", HANDSHAKE + JOIN, frame(dense("records", SIZE)), 1),
    Attack("one read", HANDSHAKE + JOIN, frame(dense("floats", READ_BYTES // 2)), 1),
    Attack("in a POST", b"", request(POST, method="POST", body=dense("keys", SIZE)), 1),
]
kinds = pytest.mark.parametrize("attack", KINDS, ids=lambda attack: attack.name)
ECHO: Final = b'42["echo",1]'


def ask(place: Fort, neighbour: Peer) -> None:
    """Have the neighbour send an event, which is answered as soon as it is read."""
    neighbour.received = b""
    neighbour.put(frame(ECHO))
    place.read()
    assert (1, ECHO) in neighbour.frames()


@kinds
def test_large_messages_wait_for_turns_and_a_turn_handles_one(attack: Attack) -> None:
    place = Fort()
    neighbour = place.neighbour()
    place.crowd(attack, CROWD)
    most = 0
    for _ in range(100 * CROWD):
        before = place.events
        ask(place, neighbour)
        assert place.events == before + 1  # the neighbour's alone: what was read of the others waits
        place.turn()
        most = max(most, place.events - before - 1)
    assert most == 1
    assert place.events == 100 * CROWD + CROWD
    assert not place.site.is_behind
    assert place.reports == []


@kinds
def test_what_is_small_has_its_turns_beside_what_is_large(attack: Attack) -> None:
    """Newcomers, too many for one round, are served within three though large messages have waited longer."""
    place = Fort()
    place.crowd(attack, CROWD)
    while place.read():
        place.turn()
        if place.events:
            break
    newcomers = [place.connect() for _ in range(20)]
    for peer in newcomers:
        peer.put(HANDSHAKE + JOIN)
    for _ in range(4):
        place.read()
        place.turn()
    assert all(b'40{"sid"' in peer.received for peer in newcomers)


def test_who_does_not_wait_for_the_answer_to_a_handshake_waits_behind_all_others() -> None:
    """There may be any number of such connections; each gets a CONNECT and an event with those who come, as honest ones
    may send that much."""
    place = Fort()
    place.neighbour()
    hasty = [place.connect() for _ in range(100)]
    for peer in hasty:
        peer.put(HANDSHAKE + JOIN + frame(b'42["x"]') * 100)
    for _ in range(60):
        place.read()
        place.turn()
    assert all(b'40{"sid"' in peer.received for peer in hasty)
    newcomers = [place.connect() for _ in range(8)]
    for peer in newcomers:
        peer.put(HANDSHAKE + JOIN)
    for _ in range(3):
        before = place.events
        place.read()
        place.turn()
        assert place.events - before <= 100
    assert all(b'40{"sid"' in peer.received for peer in newcomers)
    place.settle()
    assert place.events == 100 * 100


@kinds
def test_nobody_waits_who_is_alone(attack: Attack) -> None:
    place = Fort()
    (peer,) = place.crowd(attack, 1)
    if attack.opening:
        assert peer.wire in place.site.wires
        while peer.is_read() and place.read():
            assert not place.site.is_behind
        assert place.events == 1


def test_what_is_nearly_large_waits_if_so_much_was_handled_already() -> None:
    """Of a crowd that sends it in one round, as over TLS, where nobody reads more than a record."""
    place = Fort()
    neighbour = place.neighbour()
    crowd = [place.neighbour() for _ in range(20)]
    for peer in crowd:
        peer.put(frame(dense("keys", LARGE_BYTES - 200)))
    most, before = 0, 0
    while place.events < before + len(crowd):
        handled = place.events
        place.read()
        ask(place, neighbour)
        place.turn()
        before += 1
        most = max(most, place.events - handled - 1)
        assert before <= 20
    assert most <= (ALL_FIRST_PIECES + 2 * TURN_PIECES) * 128 // LARGE_BYTES + 2
    assert [peer.frames()[-1][1][:10] for peer in crowd] == [b'42["echo",'] * len(crowd)


def test_rest_of_a_large_message_waits_however_small_it_is() -> None:
    place = Fort()
    neighbour, peer = place.neighbour(), place.neighbour()
    data = frame(dense("keys", SIZE))
    for part in (data[:-2], data[-2:-1], data[-1:]):
        peer.put(*(part[at : at + READ_BYTES] for at in range(0, len(part), READ_BYTES)))
        while place.read():
            ask(place, neighbour)
            assert place.events == 1
            assert peer.wire.is_large
            place.turn()
            place.events -= 1
    assert place.events == 1
    assert not peer.wire.is_large


def test_what_comes_while_something_waits_waits_behind_it() -> None:
    """Some hosts cannot stop reading at once."""
    place = Fort()
    place.neighbour()
    peer = place.neighbour()
    peer.wire.receive(frame(dense("keys", 2 * LARGE_BYTES)), place.now)
    peer.wire.receive(frame(ECHO), place.now)
    assert not peer.wire.wants_input
    place.flush()
    assert place.events == 0
    place.settle()
    assert place.events == 2
    assert peer.frames()[-1] == (1, ECHO)


def test_what_waits_of_a_client_that_went_is_handled_all_the_same() -> None:
    place = Fort()
    place.neighbour()
    peer = place.neighbour()
    peer.wire.receive(frame(dense("keys", 2 * LARGE_BYTES)), place.now)
    peer.wire.lost(place.now)
    place.settle()
    assert place.events == 1
    assert peer.wire not in place.site.wires


@pytest.mark.parametrize("what", [name for name, attack in ATTACKS.items() if attack.is_dense])
def test_dense_events_are_within_the_limits(what: str) -> None:
    """Or they would not be what they are meant to be."""
    place = Fort()
    (peer,) = place.crowd(ATTACKS[what], 1)
    place.settle()
    assert place.events == 1
    assert len(ATTACKS[what].block) > 15_000
    assert not peer.wire.is_over
