"""What is said at once is what would be said a moment later."""

from __future__ import annotations

from random import Random
from typing import Final

from socketio_core.cluster.outbox import Outbox
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
