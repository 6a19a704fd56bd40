"""Clients that are wrong about coming back."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.mutants.clients import caught_by
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.client.outgoing import Outgoing
from socketio_core.socketio.client.pending import Emit
from socketio_core.socketio.packet import ACK, JSONValue, Packet


@caught_by("reconnection/lost_connection_is_opened_again")
class DoesNotComeBack(ClientCore):
    """A connection that was lost, or could not be opened, is not tried again."""

    def _will_retry(self) -> bool:
        return False


@caught_by("reconnection/failed_attempts_are_repeated")
class TriesTwice(ClientCore):
    """The second attempt is the last one."""

    def _will_retry(self) -> bool:
        return super()._will_retry() and self._reconnection.attempt < 1


@caught_by("reconnection/lost_connection_is_opened_again", "reconnection/state_is_recovered")
class ForgetsAuthWithTheConnection(ClientNamespace):
    """Auth is sent with the first CONNECT only."""

    def _send_connect(self, auth: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._send_connect(auth if self._connects == 1 else None, now)


@caught_by("reconnection/lost_connection_is_opened_again", "namespaces/emits_wait_for_the_answer_to_connect")
class LosesEarlyEvents(Outgoing):
    """What is emitted without a connection is lost."""

    def buffer(self, emit: Emit) -> None:
        pass


@caught_by("reconnection/lost_connection_is_opened_again", "namespaces/emits_wait_for_the_answer_to_connect")
class SendsTheLastFirst(Outgoing):
    """What has waited for a connection is sent in reverse order."""

    def connected(self, now: float) -> None:
        self._buffer.emits.reverse()
        super().connected(now)


@caught_by("reconnection/lost_connection_is_opened_again")
class KeepsWhatWasSent(Outgoing):
    """What has waited for a connection is sent over the next one, and once more."""

    def connected(self, now: float) -> None:
        waiting = list(self._buffer.emits)
        super().connected(now)
        for emit in waiting:
            self._namespace.put(emit.message)


@caught_by("reconnection/state_is_recovered")
class ForgetsThePid(ClientNamespace):
    """The private id is not kept."""

    def _connected(self, data: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._connected(data, now)
        self._recovery.pid = None


@caught_by("reconnection/state_is_recovered")
class ForgetsTheOffset(ClientNamespace):
    """The offset of the last event is not kept."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        super().receive(packet, size_bytes, now)
        self._recovery.offset = None


@caught_by("reconnection/state_is_recovered")
class DoesNotSayItRecovered(ClientNamespace):
    """A recovery is not reported."""

    def _connected(self, data: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._connected(data, now)
        self.recovered = False


@caught_by("reconnection/another_pid_is_no_recovery")
class TakesAnyPidForItsOwn(ClientNamespace):
    """A private id means that the state was recovered."""

    def _connected(self, data: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._connected(data, now)
        self.recovered = self._recovery.pid is not None


@caught_by("reconnection/unanswered_events_are_sent_again")
class SendsAcknowledgedEventsAgain(ClientNamespace):
    """With retries, an event whose acknowledgement came is sent once more."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        retries = self._outgoing.retries
        waiting = list(retries.queue.emits) if retries is not None and packet.type == ACK else []
        super().receive(packet, size_bytes, now)
        if waiting:
            self.put(waiting[0].message)


@caught_by("reconnection/unanswered_events_are_sent_again")
class SendsOnce(ClientNamespace):
    """Retries make no difference."""

    def _connected(self, data: Mapping[str, JSONValue] | None, now: float) -> None:
        self._outgoing.retries = None
        super()._connected(data, now)
