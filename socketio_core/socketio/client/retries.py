"""At least once: events that are sent again until the server acknowledges them, one in flight. Spec: PROTOCOL 5.2.

Unlike in the reference, all tries of an event have the same ack id, so a late answer to an earlier try counts too; and
whatever the acknowledgement holds, it is one (PROTOCOL 9-57). As there, a lost connection counts as a failed try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.client.events import AckDropped, AckExpired, AckReceived, EmitFailed
from socketio_core.socketio.client.pending import Emit, EmitBuffer
from socketio_core.socketio.packet import JSONValue
from socketio_core.timers import Scheduled, Timer

if TYPE_CHECKING:
    from socketio_core.socketio.client.namespace import ClientNamespace


class RetryQueue:
    """The events of one namespace that are sent up to `retries` + 1 times each."""

    __slots__ = ("_is_in_flight", "_namespace", "_timer", "queue")

    def __init__(self, namespace: ClientNamespace, queue: EmitBuffer) -> None:
        self._namespace = namespace
        self.queue = queue
        self._is_in_flight = False
        self._timer: Timer[Scheduled] | None = None

    def send_next(self, now: float) -> None:
        """Send the oldest event, unless one is in flight already."""
        namespace = self._namespace
        while self.queue.emits and not self._is_in_flight and namespace.is_connected:
            emit = self.queue.emits[0]
            emit.tries += 1
            self._is_in_flight = True
            self._timer = namespace.client.schedule(now + namespace.client.settings.ack_timeout_s, self)
            try:
                namespace.put(emit.message)
            except LocalProtocolError as error:  # the server does not take it: no try will help
                self._give_up(emit, str(error), AckDropped(namespace, emit.context))

    def acknowledged(self, ack_id: int, args: list[JSONValue], now: float) -> bool:
        """An ack came. Returns whether it was for the event in front."""
        if not self.queue.emits or self.queue.emits[0].ack_id != ack_id:
            return False
        self._settle()
        emit = self.queue.pop()
        if emit.wants_ack:
            self._namespace.client.report(AckReceived(self._namespace, args, emit.context))
        self.send_next(now)
        return True

    def handle_timeout(self, now: float) -> None:
        """The event in flight was not acknowledged in time.

        The host may be late, and the connection overdue as well: then it ends first, and no try is wasted on it.
        """
        self._settle()
        self._namespace.client.check_session(now)
        emits = self.queue.emits
        if emits and emits[0].tries > self._namespace.client.settings.retries:
            self._give_up(emits[0], "no acknowledgement in time", AckExpired(self._namespace, emits[0].context))
        self.send_next(now)

    def disconnected(self) -> None:
        """The connection is gone, and what was in flight with it."""
        if self._is_in_flight:
            self._settle()
            emit = self.queue.emits[0]
            if emit.tries > self._namespace.client.settings.retries:
                self._give_up(emit, "the connection was lost", AckDropped(self._namespace, emit.context))

    def forget(self, ack_id: int) -> None:
        """Nobody waits for an ack any more: the event goes on without a report."""
        emits = self.queue.emits
        first = emits[0].ack_id if emits else None
        if first is None or ack_id < first:  # it was settled; ids rise, and every call that ends comes here
            return
        for emit in emits:
            if emit.ack_id == ack_id:
                emit.wants_ack = False

    def drop_all(self, detail: str) -> None:
        """Give up everything."""
        while self.queue.emits:
            emit = self.queue.emits[0]
            self._give_up(emit, detail, AckDropped(self._namespace, emit.context))

    def _give_up(self, emit: Emit, detail: str, outcome: AckDropped | AckExpired) -> None:
        self._settle()
        self.queue.pop()
        client, namespace = self._namespace.client, self._namespace
        client.report(outcome if emit.wants_ack else EmitFailed(namespace, emit.name, detail))

    def _settle(self) -> None:
        self._is_in_flight = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
