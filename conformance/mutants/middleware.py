"""Servers that are wrong about what waits in a middleware of events."""

from __future__ import annotations

from functools import partial

from conformance.hosts.contract import GUARD_S
from conformance.mutants import Broken, caught_by
from socketio_core.socketio import EventReceived, Member, ServerEvent


@caught_by("middleware/events_wait_for_the_one_before*")
class LetsEventsOvertake(Broken):
    """Each event has its own time in the middleware, as with the reference."""

    def _handle(self, event: ServerEvent, now: float) -> None:
        match event:
            case EventReceived(member, name, ["wait", *_] as args, ack_id) if member.namespace.name == "/guarded":
                self._later.schedule(now + GUARD_S, partial(self._answer, member, name, args, ack_id))
            case _:
                super()._handle(event, now)


@caught_by("middleware/events_wait_for_the_one_before*")
class HandlesTheLatestFirst(Broken):
    """What waited for a middleware is handled in the wrong order."""

    def _let_through(self, member: Member, now: float) -> None:
        self._guarded[member].reverse()
        super()._let_through(member, now)


@caught_by("middleware/other_namespaces_do_not_wait*")
class HoldsUpEverything(Broken):
    """While a middleware waits, no event of any namespace is handled."""

    def _handle(self, event: ServerEvent, now: float) -> None:
        if isinstance(event, EventReceived) and self._guarded:
            next(iter(self._guarded.values())).append(event)
        else:
            super()._handle(event, now)
