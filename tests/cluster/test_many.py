"""Clients may have a server hold many of something: to change one costs no more for that."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from inspect import currentframe
from types import FrameType
from typing import Any, Final

import pytest

from socketio_core.cluster.restoring import RESTORE_S
from socketio_core.socketio import Claim
from tests.cluster.bus import KINDS, Bus, Server
from tests.cluster.cores import Cores
from tests.cluster.joined import Joined

MANY: Final = 300  # and fewer byte codes more than there are of them


def effort(do: Callable[[], object]) -> int:
    """Return how many byte codes are executed meanwhile."""
    count = 0

    def note(frame: FrameType, kind: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += kind == "opcode"
        return note

    before = sys.gettrace()
    own = currentframe()
    assert own is not None  # CPython has frames
    own.f_trace_opcodes = True  # 3.12 counts nothing before a frame has asked for it
    sys.settrace(note)
    try:
        do()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_to_open_a_namespace_looks_at_no_other(kind: str) -> None:
    """Before, a client cost a server of 2,000 namespaces 13 ms whenever it came to another, or left it."""
    machine = Server(Bus(), 1, kind, random.Random(1)).machine

    def come_and_go() -> None:
        machine.open_namespace("/own")
        machine.close_namespace("/own")

    alone = effort(come_and_go)
    for number in range(MANY):
        machine.open_namespace(f"/{number}")
    assert effort(come_and_go) <= alone + MANY


def test_to_join_a_room_looks_at_one_other() -> None:
    joined = Joined("sharded", 1)
    ((_, socket),) = joined.clients()

    def come_and_go() -> None:
        socket.join("room")
        socket.leave("room")

    others = [joined.rigs[0].connect()[1] for _ in range(MANY)]
    others[0].join("room")
    come_and_go()
    beside_one = effort(come_and_go)
    for other in others:
        other.join("room")
    assert effort(come_and_go) <= beside_one + MANY


def test_to_claim_a_session_looks_at_one_other_claim() -> None:
    world = Cores("recovery", 1)
    (server,) = world.servers
    log = server.log
    assert log is not None
    ended: list[int] = []

    def look() -> None:
        log.handle_timeout(world.clock.now)
        assert log.next_deadline is not None

    log.restore("/", Claim("first"), lambda: ended.append(1))
    one = effort(look)
    for number in range(1, MANY):
        log.restore("/", Claim(f"{number}"), lambda: ended.append(1))
    assert effort(look) <= one + MANY
    world.clock.now += RESTORE_S
    log.handle_timeout(world.clock.now)
    assert (len(ended), log.next_deadline) == (MANY, None)
