"""What comes alone is taken at once, a pong of Engine.IO's or a small message, and means what it means in company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.settings import EngineSettings
from tests.effort import examples
from tests.wire.by_hand import WEBSOCKET, Gate, House, Peer
from tests.wire.written import BINARY, CONTINUATION, PING, TEXT, close_frame, frame, handshake

PONG: Final = frame("3")
SETTINGS: Final = EngineSettings(path="/engine.io/", ping_interval_s=25.0, ping_timeout_s=20.0)


def test_a_pong_is_nothing_to_look_after() -> None:
    house = House(SETTINGS)
    peer = house.websocket()
    house.advance(25.0)
    assert peer.frame() == (TEXT, b"2")
    assert house.flush() == []
    house.clock.now += 1.5
    peer.wire.receive(PONG, house.now)
    assert house.flush() == []
    assert house.site.next_deadline == house.now + 25.0


def test_pongs_that_come_alone_keep_a_connection_for_ever() -> None:
    house = House(SETTINGS)
    peer = house.websocket()
    for _ in range(5):
        house.advance(25.0)
        assert peer.frame() == (TEXT, b"2")
        house.advance(19.0)
        peer.send(PONG)
    house.advance(45.0)
    assert house.kinds[-1] == "Closed"


def test_a_pong_is_not_taken_before_what_is_due() -> None:
    """It comes too late, though nobody has looked at the clock since."""
    house = House(SETTINGS)
    peer = house.websocket()
    house.advance(25.0)
    house.clock.now += 20.0
    peer.wire.receive(PONG, house.now)
    house.settle()
    assert house.kinds == ["Opened", "Closed"]


@pytest.mark.parametrize(
    "begun",
    [
        frame("4" + "y" * 20)[:5],
        frame("4" + "y" * 20_000)[:-7],
        frame("4" + "y" * 20_000)[:-100],
        frame("4y", TEXT, fin=False),
    ],
    ids=["a frame", "its last bytes", "a long frame", "a fragment"],
)
def test_what_looks_like_a_pong_is_none_in_the_midst_of_a_message(begun: bytes) -> None:
    house = House(SETTINGS)
    peer = house.websocket()
    house.advance(25.0)
    peer.send(begun)
    peer.send(PONG)
    house.advance(20.0)
    assert "Closed" in house.kinds


STEPS: Final = st.sampled_from(
    [
        PONG,
        PONG,
        frame("2"),
        frame("6"),
        frame("4"),
        frame("x"),
        frame("3probe"),
        frame("2probe"),
        frame("5"),
        frame(b"3"),
        frame("4hello"),
        frame("", PING),
        frame("4be", TEXT, fin=False),
        frame("gun", CONTINUATION),
        frame("3", CONTINUATION),
        frame("3", TEXT, fin=False),
        frame("3", BINARY, fin=False),
        b"\x81\x01333333",
        frame("4" + "y" * 20)[:5],
        close_frame(1000),
        25.0,
        19.0,
        1.0,
        "congest",
        "make room",
        "emit",
    ]
)


def outcome(script: Sequence[bytes | float | str], *, is_cut: bool, early: bytes, is_candidate: bool) -> list[object]:
    """Do it, and tell what could be seen behind each step; what is sent is read at once, or its last byte later."""
    gate = Gate()
    house = House(SETTINGS, gate=gate)
    target = f"{WEBSOCKET}&sid={house.open_session()}" if is_candidate else WEBSOCKET
    peer: Peer = house.connect()
    peer.send(handshake(target) + early)
    peer.answer()
    seen: list[object] = []
    for step in script:
        if isinstance(step, (float, int)):
            house.advance(step)
        elif step == "congest":
            gate.is_congested = True
            peer.wire.receive(frame("6"), house.now)
        elif step == "make room":
            gate.open(house.now)
        elif isinstance(step, str):
            for session in house.engine.sessions:
                session.send("news", house.now)
        elif peer.wire.wants_input:
            for piece in [step[:-1], step[-1:]] if is_cut else [step]:
                peer.wire.receive(piece, house.now)
        house.settle()
        peer.take_output()
        wire = peer.wire
        seen.append((house.site.next_deadline, house.messages, house.kinds, wire.is_over, wire.wants_input))
        seen.append([session.confirmed_at for session in house.engine.sessions])
    return [*seen, bytes(peer.received)]


@pytest.mark.parametrize("is_candidate", [False, True])
@pytest.mark.parametrize("early", [b"", frame("4a"), frame("2probe"), frame("4ab")[:4]])
@settings(max_examples=examples(100))
@given(script=st.lists(STEPS, max_size=8))
def test_a_small_frame_means_the_same_in_one_piece_and_in_two(
    early: bytes, script: list[bytes | float | str], *, is_candidate: bool
) -> None:
    whole = outcome(script, is_cut=False, early=early, is_candidate=is_candidate)
    assert whole == outcome(script, is_cut=True, early=early, is_candidate=is_candidate)
