"""A link to a Redis, and what one says to it, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import (
    Command,
    Link,
    LinkDown,
    LinkUp,
)
from tests.cluster.streams import GREETED, array_of, bulk

PONG = b"+PONG\r\n"
OK = b"+OK\r\n"
OPTIONAL = ["HELLO 3", "CLIENT SETNAME socketio_core"]
OLD = b"-ERR unknown command `HELLO`, with args beginning with: `3`\r\n" + OK
"""What one says to these two that is older than 6.0."""


def array(*parts: bytes) -> bytes:
    """Return a list of texts, as a Redis says it."""
    return array_of(map(bulk, parts))


def pushed(said: bytes) -> bytes:
    """Return what a Redis says in RESP3 instead of a list that is no reply."""
    assert said.startswith(b"*")
    return b">" + said[1:]


class Rig:
    """A link, and what a Redis would see of it."""

    def __init__(self, url: str = "redis://h", *, listens: bool = False, trial: Command | None = None) -> None:
        self.link = Link(parse_redis_url(url), lambda: 1.0, listens=listens, trial=trial)
        self.now = 100.0
        self.welcome = GREETED

    def dial(self) -> Rig:
        """Connect; the greeting is not answered."""
        self.link.dialing(self.now)
        self.link.connected(self.now)
        return self

    def up(self) -> Rig:
        """Connect, and answer the greeting."""
        assert self.dial().hear(self.welcome) == [LinkUp(self.link)]
        self.said()
        return self

    def said(self) -> list[str]:
        """Take what the link says, as commands."""
        reader = hiredis.Reader()
        reader.feed(self.link.data_to_send())
        commands: list[str] = []
        while (command := reader.gets()) is not False:
            commands.append(b" ".join(command).decode())
        return commands

    def hear(self, data: bytes) -> Sequence[Any]:
        """Have the Redis say something; return what happened."""
        self.link.receive(data, self.now)
        return self.link.take_events()

    def pass_time(self, seconds: float) -> Sequence[Any]:
        """Let time pass; return what happened."""
        self.now += seconds
        self.link.handle_timeout(self.now)
        return self.link.take_events()


def down(rig: Rig, reason: str, *, was_up: bool) -> LinkDown:
    return LinkDown(rig.link, reason, was_up)
