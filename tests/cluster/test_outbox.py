"""What is said at once is what would be said a moment later."""

from __future__ import annotations

from random import Random
from typing import Final

from socketio_core.cluster.outbox import MAX_BYTES, MAX_MESSAGES, Outbox
from tests.cluster.links import Rig
from tests.cluster.streams import GREETED

COMMANDS: Final = 200


def test_what_leaves_at_once_is_what_leaves_after_waiting() -> None:
    """With and without a token, of any size, up to the bound on what a link is given ahead."""
    random = Random(0)
    ready, late = Rig().up(), Rig().dial()
    at_once, waiting = Outbox(ready.link), Outbox(late.link)
    replies = [0, 0]
    for number in range(COMMANDS):
        command = ("PUBLISH", f"channel {random.randrange(3)}", random.randbytes(random.randrange(5000)).hex())
        tokens = {} if random.random() < 0.5 else {"token": number}
        at_once.put(command, ready.now, **tokens)
        waiting.put(command, late.now, **tokens)
    assert len(waiting) == COMMANDS
    late.hear(GREETED)
    late.said()
    said: list[list[str]] = [[], []]
    for index, (rig, outbox) in enumerate(((ready, at_once), (late, waiting))):
        while True:
            outbox.pump(rig.now)
            commands = rig.said()
            if not commands:
                break
            said[index] += commands
            replies[index] += len(rig.hear(b":1\r\n" * len(commands)))
        assert (len(outbox), outbox.size_bytes, outbox.dropped_count) == (0, 0, 0)
    assert len(said[0]) == COMMANDS
    assert said[0] == said[1]
    assert replies[0] == replies[1] > 0


def test_what_nobody_waits_for_any_more_takes_no_room() -> None:
    rig = Rig().dial()
    outbox = Outbox(rig.link)
    for command, token in ((("GET", "a"), 1), (("GET", "bcd"), 2), (("DEL", "a"), 1)):
        outbox.put(command, rig.now, token)
    outbox.put(("PING",), rig.now)
    outbox.forget(1)
    assert (len(outbox), outbox.size_bytes) == (2, len("GETbcdPING"))
    assert outbox.take_awaited() == [2]
    assert (len(outbox), outbox.size_bytes) == (1, len("PING"))


def test_half_of_it_is_kept_for_messages() -> None:
    rig = Rig().dial()
    outbox = Outbox(rig.link)
    assert outbox.has_room_for(MAX_BYTES // 2 - 1)
    assert not outbox.has_room_for(MAX_BYTES // 2)
    for _ in range(MAX_MESSAGES // 2 - 1):
        outbox.put(("",), rig.now)
    assert outbox.has_room_for(1)
    outbox.put(("",), rig.now)
    assert not outbox.has_room_for(1)
