"""Servers that are joined in memory: an `Adapter` by hand, with nothing between them but the loop they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from socketio_core.app import Answers, Asked, LocalAdapter, RemoteSocket, Socket
from socketio_core.app.runtime import Event
from socketio_core.socketio import Claim, JSONValue, RecoverableSession, Selection
from socketio_core.socketio.selection import EVERYONE


class Bus:
    """What `Server(adapter=...)` is given, to each of the servers the same.

    Attributes:
        gate: while it is there, whatever is to be awaited of another server waits for it.
    """

    def __init__(self) -> None:
        self.parts: list[LocalAdapter] = []
        self.gate: Event | None = None

    def __call__(self, local: LocalAdapter) -> Joined:
        self.parts.append(local)
        return Joined(self, local)


class AskedAll:
    """Clients of several servers were asked."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = asked

    async def answers(self) -> Answers:
        return Answers.joined([await each.answers() for each in self._asked])

    def forget(self) -> None:
        for each in self._asked:
            each.forget()


class Joined:
    """Asks its own server first, then the others."""

    def __init__(self, bus: Bus, local: LocalAdapter) -> None:
        self._bus = bus
        self._local = local

    def _others(self, selection: Selection) -> list[LocalAdapter]:
        return [] if selection.local else [part for part in self._bus.parts if part is not self._local]

    async def _reach(self, selection: Selection) -> list[LocalAdapter]:
        others = self._others(selection)
        if others and self._bus.gate is not None:
            await self._bus.gate.wait()
        return others

    def broadcast(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> int:
        count = self._local.broadcast(nsp, name, args, selection)
        for other in self._others(selection):
            other.broadcast(nsp, name, args, selection)
        return count

    def ask(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> Asked:
        parts = [self._local, *self._others(selection)]
        return AskedAll([part.ask(nsp, name, args, selection) for part in parts])

    def server_side_emit(self, nsp: str, name: str, args: Sequence[JSONValue]) -> None:
        for other in self._others(EVERYONE):
            self._local.runtime.spawn(other.hear, nsp, name, args)

    async def server_side_emit_with_ack(
        self, nsp: str, name: str, args: Sequence[JSONValue], timeout_s: float | None
    ) -> Answers:
        assert timeout_s is None or timeout_s > 0
        answers = [await other.hear(nsp, name, args) for other in await self._reach(EVERYONE)]
        return Answers([each for each in answers if each is not None], answers.count(None))

    async def sockets(self, nsp: str, selection: Selection) -> Sequence[Socket | RemoteSocket]:
        found = self._local.chosen(nsp, selection)
        for other in await self._reach(selection):
            found += other.chosen(nsp, selection)
        return found

    async def rooms(self, nsp: str) -> set[str]:
        return set[str]().union(*(part.room_names(nsp) for part in self._bus.parts))

    def join(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        for part in (self._local, *self._others(selection)):
            part.join(nsp, selection, rooms)

    def leave(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        for part in (self._local, *self._others(selection)):
            part.leave(nsp, selection, rooms)

    def disconnect(self, nsp: str, selection: Selection, *, close: bool) -> None:
        for part in (self._local, *self._others(selection)):
            part.disconnect(nsp, selection, close=close)

    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        return await self._local.take_session(nsp, claim)

    async def open(self, *, may_fail: bool) -> None:
        pass

    def close(self) -> None:
        pass

    def statistics(self) -> Mapping[str, Any] | None:
        return {"servers": len(self._bus.parts)}
