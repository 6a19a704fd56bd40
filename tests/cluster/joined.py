"""Whole servers that a Redis in memory joins, on a loop and a clock that are moved by hand."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

from socketio_core import Observer, Server
from socketio_core.app import Socket
from socketio_core.cluster.adapter import RedisAdapter
from socketio_core.cluster.lines import ClusterLine
from socketio_core.cluster.streams_adapter import RedisStreamsAdapter
from socketio_core.testing import WireClient
from tests.app.hand_runtime import HandRig
from tests.app.rig import AppRig
from tests.cluster.bus import Bus, Connection
from tests.socketio.rig import drain, numbered_ids

KINDS: Final[dict[str, dict[str, Any]]] = {
    "classic": {},
    "sharded": {"sharded": True},
    "static": {"sharded": True, "mode": "static"},
    "private": {"sharded": True, "mode": "dynamic-private"},
    "streams": {},
    "several streams": {"count": 3, "sharded": True},
}


class Diary(Observer):
    """Notes how it stands with the others."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []

    def cluster_changed(self, state: str, reason: str, gap: bool) -> None:  # noqa: FBT001 - see there
        self.told.append((state, reason, gap))


class Joined(HandRig):
    """Some servers and their Redis.

    Args:
        kind: how they are joined.
        size: how many they are.
        is_up: whether the Redis is there.
        may_fail: somebody is told if it is not.
        settings: of the servers.
        options: of the adapters.

    Attributes:
        rigs: one for each server.
        openings: of each, the task that waits for the others at the start.
        hung: lines by which nothing goes any more, though they are there.
    """

    def __init__(
        self,
        kind: str = "classic",
        size: int = 2,
        *,
        is_up: bool = True,
        may_fail: bool = True,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.bus = Bus()
        self._settings = settings or {}
        self.bus.is_up = is_up
        self._adapter = RedisStreamsAdapter if "streams" in kind else RedisAdapter
        self._options: dict[str, Any] = {"new_id": numbered_ids(), **KINDS[kind], **options}
        first = self._new_rig()
        self.rigs = [first, *(self._new_rig(beside=first) for _ in range(size - 1))]
        self.runtime = first.runtime
        self._woken: set[ClusterLine] = set()
        self.hung: set[ClusterLine] = set()
        self.openings = [self.runtime.start(rig.host.adapter.open(may_fail=may_fail)) for rig in self.rigs]
        self.run()

    def _new_rig(self, **given: Any) -> AppRig:
        return AppRig(adapter=self._adapter("redis://bus", **self._options), **self._settings, **given)

    @property
    def io(self) -> Server:
        """The first server."""
        return self.rigs[0].io

    @property
    def lines(self) -> list[ClusterLine]:
        """All that are kept."""
        return cast("list[ClusterLine]", self.runtime.lines)

    @property
    def now(self) -> float:
        """The time."""
        return self.runtime.now()

    def clients(self, *nsps: str) -> list[tuple[WireClient, Socket]]:
        """Have a client come to each server, for one namespace each."""
        found = [rig.connect(nsp) for rig, nsp in zip(self.rigs, nsps or ["/"] * len(self.rigs), strict=True)]
        self.run()
        return found

    # -- what happens ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        for _ in range(1000):
            for rig in self.rigs:
                rig.run()
            busy = [self._turn(line) for line in self.lines]
            if not any(busy) and not self.runtime.ready:
                return
        raise AssertionError("it does not come to rest")

    def _turn(self, line: ClusterLine) -> bool:
        """Do what a runtime does for a line."""
        now, connections = self.now, self.bus.connections
        line.wake = partial(self._woken.add, line)
        if line.dial_at is not None and line.dial_at <= now:
            line.dialing(now)
            if not self.bus.is_up or line in self.hung:
                line.refused("Connection refused", now)
                return True
            line.connected(now)
            connections[line.link] = Connection(self.bus, line.link)
            self._woken.add(line)
        connection = connections.get(line.link)
        if connection is None:
            return False
        if not line.wants_connection:
            del connections[line.link]
            return True
        if line in self.hung:
            return False
        said = b""
        if line in self._woken:  # who is to write something must say so
            self._woken.discard(line)
            while data := line.data_to_send(now):
                said += data
        connection.receive(said, now)
        heard = bytes(connection.out)
        connection.out.clear()
        if heard:
            line.receive(heard, now)
        is_due = line.next_deadline is not None and line.next_deadline <= now  # as what comes in turns is
        if is_due:
            line.handle_timeout(now)
        return bool(said or heard) or is_due

    def wait(self, seconds: float, *, step: float = 0.25) -> None:
        """Let time pass, and everything happen that is due."""
        while seconds > 0:
            self.rigs[0].advance(min(step, seconds))
            seconds -= step
            for rig in self.rigs[1:]:
                rig.advance(0)
            for line in self.lines:
                if line.next_deadline is not None and line.next_deadline <= self.now:
                    line.handle_timeout(self.now)
            self.run()

    def go_down(self) -> None:
        """Let the Redis die."""
        self.bus.is_up = False
        for line in self.lines:
            if self.bus.connections.pop(line.link, None) is not None:
                line.lost("it died", self.now)
        self.run()

    def come_back(self) -> None:
        """Let the Redis be there again, and all be joined."""
        self.bus.is_up = True
        self.wait(3)

    # -- what is done ------------------------------------------------------------------------------------------------

    def logged(self) -> list[str]:
        """Take what was logged."""
        found = [text for text, _ in self.runtime.logged]
        self.runtime.logged.clear()
        return found


def heard(client: WireClient) -> list[Any]:
    """Take what a client has got."""
    return [str(each) if isinstance(each, str) else each for each in drain(client)]


def reply(client: WireClient, answer: str) -> None:
    """Answer the question that a client has got."""
    (question,) = drain(client)
    client.send(f"43{str(question).removeprefix('2').partition('[')[0]}[{answer}]")
