"""However much hostile clients send, a turn of the loop handles one turn of one of them, and others are read between.

What is counted is not time but turns: frames, chunks and packets for each of them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from typing import Final

import pytest

from benchmarks.attacks import ATTACKS, BINARY, HANDSHAKE, JOIN, Attack, frame, packed_event, request
from socketio_core.socketio import JsonParser
from socketio_core.wire.base import ALL_FIRST_PIECES, FEW_PIECES, FIRST_PIECES, TURN_PIECES
from socketio_core.wire.plain_frames import MESSAGE_PIECE_BYTES
from socketio_core.wire.site import NEWCOMERS
from tests.hostile.rig import Fort, Gate, Peer

CROWD: Final = 8
EVENTS: Final = ATTACKS["events nobody listens to"]
POSTS: Final = ATTACKS["POSTs of 9,000 packets"]
FLOODS: Final = [
    replace(attack, block=packed_event(2 * TURN_PIECES * 1024) * 4, pieces=4 * TURN_PIECES)
    if attack.deflates
    else attack
    for attack in ATTACKS.values()
    if attack.pieces > TURN_PIECES and not (attack.stays or attack.is_brief)
]
floods = pytest.mark.parametrize("attack", FLOODS, ids=lambda attack: attack.name)


def crowd_of(attack: Attack, count: int, blocks: int = 1, gate: Gate | None = None) -> tuple[Fort, list[Peer]]:
    place = Fort(per_message_deflate=attack.deflates, gate=gate)
    return place, place.crowd(attack, count, blocks)


@floods
def test_a_turn_costs_the_same_however_many_attack(attack: Attack) -> None:
    place, _ = crowd_of(attack, 2)
    reads = turns = 0
    while (read := place.read()) or place.site.is_behind:
        reads += read
        place.turn()
        turns += 1
    assert 2 * attack.pieces <= turns * TURN_PIECES + reads * TURN_PIECES
    assert place.reports == []


@floods
def test_a_neighbour_is_served_in_each_turn(attack: Attack) -> None:
    place = Fort(per_message_deflate=attack.deflates)
    neighbour = place.connect()
    neighbour.send(EVENTS.opening)
    place.crowd(attack, CROWD, blocks=2)
    place.read()
    for turn in range(4):
        place.turn()
        neighbour.received = b""
        before = place.events
        neighbour.put(frame(b'42["echo",%d]' % turn))
        place.read()
        assert (1, b'42["echo",%d]' % turn) in neighbour.frames()
        assert place.events - before <= CROWD * FIRST_PIECES + 1


@floods
def test_a_turn_is_about_a_millisecond_of_work(attack: Attack) -> None:
    """In calls of functions, 10,000 of which take about as long; it must not grow with what was sent."""
    place, _ = crowd_of(attack, 1)
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    for _ in range(20):
        for step in (place.read, place.turn):
            calls = 0
            sys.setprofile(count)
            try:
                step()
            finally:
                sys.setprofile(None)
            assert calls < 20_000
    assert place.reports == []


def test_newcomers_have_turns_while_those_who_are_here_have_theirs() -> None:
    place = Fort()
    neighbour = place.neighbour()
    newcomers = [place.connect() for _ in range(20)]
    for peer in newcomers:
        peer.put(HANDSHAKE + JOIN)
    neighbour.put(frame(b'42["echo",1]'))
    place.read()
    assert (1, b'42["echo",1]') in neighbour.frames()
    served = [sum(bool(peer.received) for peer in newcomers)]
    while place.site.is_behind:
        place.turn()
        served.append(sum(bool(peer.received) for peer in newcomers))
    assert served[0] == NEWCOMERS
    assert max(later - earlier for earlier, later in pairwise(served)) <= NEWCOMERS
    assert served[3] == 20
    assert all(b'40{"sid"' in peer.received for peer in newcomers)


def test_what_many_send_at_once_is_handled_a_little_at_a_time() -> None:
    """However many sockets are ready: who comes last among them need not wait for a turn of each."""
    place = Fort()
    neighbour = place.neighbour()
    place.crowd(EVENTS, 20)
    neighbour.put(frame(b'42["echo",1]'))
    place.peers.append(place.peers.pop(0))
    place.read()
    assert place.events <= ALL_FIRST_PIECES + FIRST_PIECES + 20 * FEW_PIECES
    assert (1, b'42["echo",1]') in neighbour.frames()


@pytest.mark.parametrize(("name", "events"), [("POSTs that are nearly large", 8), ("POSTs in 60 chunks", 300)])
def test_what_many_post_at_once_is_handled_a_little_at_a_time(name: str, events: int) -> None:
    """Though each of them is little enough to be handled as it comes, by clients that are here already."""
    place = Fort()
    neighbour = place.neighbour()
    crowd = [(place.connect(), place.new_sid()) for _ in range(20)]
    for peer, _ in crowd:
        peer.send(request("/elsewhere"))
    for peer, sid in crowd:
        peer.put(ATTACKS[name].block.replace(b"{sid}", sid))
    neighbour.put(frame(b'42["echo",1]'))
    place.peers.append(place.peers.pop(place.peers.index(neighbour)))
    place.read()
    assert place.events <= events
    assert (1, b'42["echo",1]') in neighbour.frames()
    while place.site.is_behind:
        before = place.events
        place.turn()
        assert place.events - before <= events


def test_large_heads_have_turns_when_many_come() -> None:
    place = Fort()
    neighbour = place.neighbour()
    crowd = [place.connect() for _ in range(20)]
    for peer in crowd:
        peer.send(request("/elsewhere"))
    for peer in crowd:
        peer.put(4 * request("/socket.io/?a=" + "%" * 15_000))  # it takes 3 ms to decode
    neighbour.put(frame(b'42["echo",1]'))
    place.peers.append(place.peers.pop(place.peers.index(neighbour)))
    place.read()
    assert (1, b'42["echo",1]') in neighbour.frames()
    answered = [sum(peer.received.count(b"HTTP/1.1 400") for peer in crowd)]
    while place.site.is_behind:
        place.turn()
        answered.append(sum(peer.received.count(b"HTTP/1.1 400") for peer in crowd))
    assert answered[0] <= ALL_FIRST_PIECES // 117 + 1
    assert max(later - earlier for earlier, later in pairwise(answered)) <= TURN_PIECES // 117 + 1
    assert answered[-1] == 80


@pytest.mark.parametrize("name", ["events of many values", "POSTs of many values"])
def test_large_messages_cost_more_of_a_turn(name: str) -> None:
    place, _ = crowd_of(ATTACKS[name], 1)
    while place.read():
        pass
    before = place.events
    place.turn()
    assert 0 < place.events - before <= TURN_PIECES // 8 + 1


class OtherParser(JsonParser):
    """One that may read whatever comes."""


@pytest.mark.parametrize("parser", [JsonParser(), OtherParser()])
def test_bytes_cost_more_of_a_turn_where_they_may_be_read(parser: JsonParser) -> None:
    place = Fort(parser=parser)
    peer = place.neighbour()
    peer.put((frame(b'451-["x",{"_placeholder":true,"num":0}]') + frame(b"x" * 1000, BINARY)) * 50)
    place.read()
    of_text = 2 + 1000 // MESSAGE_PIECE_BYTES
    assert place.events == (50 if type(parser) is JsonParser else -(-FIRST_PIECES // of_text))


FAT: Final = {
    "many small headers": [f"x{number}: y" for number in range(90)],
    "large headers": [f"x{number}: {'y' * 1400}" for number in range(10)],
}


@pytest.mark.parametrize("fat", FAT)
def test_fat_requests_cost_more_of_a_turn(fat: str) -> None:
    place = Fort()
    peer = place.connect()
    peer.put(request("/elsewhere", *FAT[fat]) * 4)
    others = [place.connect() for _ in range(8)]
    for other in others:
        other.put(request("/elsewhere", *FAT[fat]) * 4)
    place.read()
    served = count_of(place)
    place.turn()
    assert 0 < count_of(place) - served <= 3


def count_of(place: Fort) -> int:
    """Return how many requests were answered."""
    return sum(peer.received.count(b"HTTP/1.1 404") for peer in place.peers)


@pytest.mark.parametrize("said", [b"", HANDSHAKE, request("/elsewhere")])
def test_newcomers_that_go_at_once_are_gone(said: bytes) -> None:
    place = Fort()
    for _ in range(20):
        peer = place.connect()
        peer.put(*[said] * bool(said))
        peer.give_input()
        peer.wire.receive(b"", place.now)  # also while it wants no input: some hosts hear of the end all the same
    place.settle()
    place.advance(10)
    assert not place.site.wires


@floods
def test_no_more_is_read_before_what_was_read_is_handled(attack: Attack) -> None:
    place, (peer,) = crowd_of(attack, 1, blocks=2)
    while peer.is_read():
        assert place.read()
    assert peer.wire.has_more
    assert place.read() == 0


@floods
@pytest.mark.parametrize("end", ["end", "lost"])
def test_those_who_go_are_handled_by_turns_too(attack: Attack, end: str) -> None:
    place, (peer,) = crowd_of(attack, 1)
    while peer.is_read():
        place.read()
    before = place.events
    if end == "end":
        peer.wire.receive(b"", place.now)
    else:
        peer.wire.lost(place.now)
    place.flush()
    assert place.events - before <= TURN_PIECES
    peer.put(b"")
    place.settle()
    place.advance(30)
    assert peer.wire.is_over
    assert not peer.wire.has_more
    assert peer.wire not in place.site.wires
    assert not any(session.transport == "websocket" for session in place.core.sessions)


def test_events_of_a_client_that_went_are_handled_all_the_same() -> None:
    place, (peer,) = crowd_of(EVENTS, 1)
    place.read()
    peer.wire.lost(place.now)
    place.settle()
    assert place.events == EVENTS.pieces
    assert not place.core.sessions


def test_packets_of_a_client_that_went_are_handled_all_the_same() -> None:
    place, (peer,) = crowd_of(POSTS, 1)
    while peer.is_read():
        place.read()
    place.turn()
    peer.wire.lost(place.now)
    place.settle()
    assert place.events == POSTS.pieces
    assert not place.site.wires - {each.wire for each in place.peers}


def test_when_all_is_aborted_nothing_waits_for_turns() -> None:
    place, _ = crowd_of(EVENTS, 1)
    place.read()
    place.site.abort(place.now)
    place.flush()
    assert not place.site.wires
    assert place.events == EVENTS.pieces


def test_packets_of_a_post_wait_until_the_handlers_have_caught_up() -> None:
    gate = Gate()
    place, (peer,) = crowd_of(POSTS, 1, gate=gate)
    gate.is_congested = True
    place.settle()
    assert place.events == 0
    for turn in (1, 2):
        (go_on,) = gate.waiting
        gate.waiting = []
        go_on(place.now)
        place.settle()
        place.turn()
        assert place.events == FIRST_PIECES + (turn - 1) * TURN_PIECES
    gate.open(place.now)
    place.settle()
    assert place.events == POSTS.pieces
    assert peer.answer().status == 200


def test_client_that_goes_while_its_packets_wait_for_the_handlers_is_heard() -> None:
    gate = Gate()
    place, (peer,) = crowd_of(POSTS, 1, gate=gate)
    gate.is_congested = True
    place.settle()
    peer.wire.lost(place.now)
    place.settle()
    assert place.events == POSTS.pieces
    gate.open(place.now)
    place.settle()
    assert place.reports == []
