"""Deliberately broken clients: `python -m conformance.mutants.clients NAME` keeps the contract for clients with one.

A mutant is a class of ours with one defect, which takes the place of the class in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import trio

import socketio_core.socketio.client.client as client_module
import socketio_core.trio.client as trio_module
from conformance.hosts.clients.trio import main
from socketio_core.engineio.client.handshake import Handshake
from socketio_core.engineio.client.session import ClientSession
from socketio_core.socketio.client.namespace import ClientNamespace, NamespaceState
from socketio_core.socketio.packet import ACK, DISCONNECT, JSONValue, Packet
from socketio_core.trio.client_websocket import ClientPump
from socketio_core.trio.dial import Stream

_PLACES: Final = ((ClientNamespace, client_module), (ClientSession, client_module), (ClientPump, trio_module))


@dataclass(frozen=True, slots=True)
class ClientMutant:
    """A broken client.

    Attributes:
        catches: the names of the cases that must fail against it, for both transports where they run over both.
        broken: the class, a subclass of one of ours.
    """

    catches: Sequence[str]
    broken: type[object]

    def install(self) -> None:
        """Put the class into the place of ours, in this process."""
        for base, module in _PLACES:
            if issubclass(self.broken, base):
                setattr(module, base.__name__, self.broken)


MUTANTS: Final[dict[str, ClientMutant]] = {}


_B = TypeVar("_B", bound=type[ClientNamespace] | type[ClientSession] | type[ClientPump])


def caught_by(*cases: str) -> Callable[[_B], _B]:
    """Make a class a mutant; its docstring says what is wrong with it."""

    def register(broken: _B) -> _B:
        MUTANTS[broken.__name__] = ClientMutant(cases, broken)
        return broken

    return register


@caught_by("namespaces/emits_wait_for_the_answer_to_connect")
class DoesNotWaitToBeLetIn(ClientNamespace):
    """What is emitted before the answer to CONNECT is sent right behind it."""

    def _send_connect(self, auth: Mapping[str, JSONValue] | None, now: float) -> None:
        super()._send_connect(auth, now)
        self._send_early()

    def emit(self, name: str, args: Sequence[JSONValue], *, now: float, volatile: bool = False) -> bool:
        sent = super().emit(name, args, now=now, volatile=volatile)
        if self.state is NamespaceState.CONNECTING:
            self._send_early()
        return sent

    def _send_early(self) -> None:
        buffer = self._outgoing._buffer  # pyright: ignore[reportPrivateUsage]
        while buffer.emits:
            self.put(buffer.pop().message)


@caught_by("namespaces/goodbye_of_the_server_is_final")
class ComesBackAfterGoodbye(ClientNamespace):
    """The server's DISCONNECT is followed by a new connection."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        super().receive(packet, size_bytes, now)
        if packet.type == DISCONNECT:
            self.connect(now)


@caught_by("namespaces/refusal_is_reported_and_final")
class TriesAgainAfterRefusal(ClientNamespace):
    """A refused CONNECT is followed by a new connection."""

    def _refused(self, message: str, data: JSONValue, now: float) -> None:
        super()._refused(message, data, now)
        self.connect(now)


@caught_by("reconnection/unanswered_events_are_sent_again")
class SendsAcknowledgedEventsAgain(ClientNamespace):
    """With retries, an event whose acknowledgement came is sent once more."""

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        retries = self._outgoing.retries
        waiting = list(retries.queue.emits) if retries is not None and packet.type == ACK else []
        super().receive(packet, size_bytes, now)
        if waiting:
            self.put(waiting[0].message)


@caught_by("namespaces/closing_on_websocket_closes_it")
class DropsTheWebSocket(ClientPump):
    """A WebSocket is closed without a close frame."""

    async def _say_goodbye(self, stream: Stream) -> None:
        while data := self._collect():
            await stream.send_all(data)


@caught_by("events/acks_are_given_once_with_their_id")
class AcknowledgesTwice(ClientNamespace):
    """Each acknowledgement is sent twice."""

    def acknowledge(self, ack_id: int, args: Sequence[JSONValue]) -> bool:
        return super().acknowledge(ack_id, args) and super().acknowledge(ack_id, args)


@caught_by("events/calls_fail_in_time")
class GivesUpAtOnce(ClientNamespace):
    """A call does not wait for its acknowledgement."""

    def emit_with_ack(
        self, name: str, args: Sequence[JSONValue], *, timeout_s: float | None, context: object, now: float
    ) -> int | None:
        return super().emit_with_ack(name, args, timeout_s=0.0, context=context, now=now)


@caught_by("heartbeat/silent_server_is_noticed")
class TimesOutTooEarly(ClientSession):
    """A ping is overdue after the interval alone."""

    def _open(self, handshake: Handshake, now: float) -> None:
        super()._open(replace(handshake, ping_timeout_s=0.0), now)


@caught_by("upgrade/upgrade_waits_for_the_post")
class ForgetsThePost(ClientSession):
    """`5` is sent while a POST is in flight."""

    def go_on(self, now: float) -> None:
        if self.is_open and self._upgrade.is_pausing and not self._polling.is_waiting:
            self._finish_upgrade()
        super().go_on(now)


if __name__ == "__main__":
    MUTANTS[sys.argv[1]].install()
    trio.run(main)
