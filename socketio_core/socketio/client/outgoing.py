"""What a namespace of a client has to send, and the acks that it waits for. Spec: PROTOCOL 5.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.acks import AckTable, PendingAck
from socketio_core.socketio.client.events import AckDropped, AckExpired, AckReceived, EmitFailed
from socketio_core.socketio.client.pending import Emit, EmitBuffer
from socketio_core.socketio.client.retries import RetryQueue
from socketio_core.socketio.packet import EVENT, JSONValue, event_data
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.socketio.client.namespace import ClientNamespace


class Outgoing:
    """The events of one namespace that wait: for a connection, for their turn, or for their ack.

    Attributes:
        acks: those that are waited for, without retries.
        retries: `None` without them.
    """

    __slots__ = ("_buffer", "_namespace", "_next_ack_id", "acks", "retries")

    def __init__(self, namespace: ClientNamespace) -> None:
        settings = namespace.client.settings
        self._namespace = namespace
        self._next_ack_id = 0
        self._buffer = EmitBuffer(settings.max_buffered_emits, settings.max_buffered_emit_bytes)
        self.acks = AckTable()
        self.retries: RetryQueue | None = None
        if settings.retries:
            queue = EmitBuffer(settings.max_buffered_emits, settings.max_buffered_emit_bytes)
            self.retries = RetryQueue(namespace, queue)

    def __len__(self) -> int:
        return len(self._buffer) + (len(self.retries.queue) if self.retries is not None else 0)

    # -- events ------------------------------------------------------------------------------------------------------

    def buffer(self, emit: Emit) -> None:
        """Keep an event until there is a connection.

        Raises:
            LocalProtocolError, BufferFull: it is too large, or one too many.
        """
        client = self._namespace.client
        self._buffer.check_room(emit.message)
        client.check_size(emit.message)
        client.namespaces.remember(self._namespace)
        self._buffer.put(emit)

    def ask(self, name: str, args: Sequence[JSONValue], how: Selection, *, context: object, now: float) -> int | None:
        """Send or buffer an event, and wait for its ack. Returns the ack's id; `None` if it is volatile and must wait.

        Args:
            how: of a selection what there is to choose where there is one recipient.
        """
        namespace = self._namespace
        client, ack_id = namespace.client, self._next_ack_id
        message = client.parser.encode_fields(EVENT, namespace.name, event_data(name, args), ack_id)
        if not how.compress:
            message = message.uncompressed()
        if how.volatile and not (namespace.is_connected and client.is_writable):
            return None
        ack = self.acks.expect(self, ack_id, context, client.settings.max_outstanding_acks)
        try:
            if namespace.is_connected:
                namespace.put(message)
            else:
                self.buffer(Emit(name, message, ack_id))
        except LocalProtocolError:
            del self.acks[ack_id]
            raise
        self._next_ack_id += 1
        if how.timeout_s is not None:
            ack.timer = client.schedule(now + how.timeout_s, ack)
        return ack_id

    def queue(
        self,
        retries: RetryQueue,
        name: str,
        args: Sequence[JSONValue],
        now: float,
        *,
        context: object = None,
        wants_ack: bool = False,
        compress: bool = True,
    ) -> int:
        """Send an event until it is acknowledged, in its turn. Returns the ack's id."""
        namespace, ack_id = self._namespace, self._next_ack_id
        client = namespace.client
        message = client.parser.encode_fields(EVENT, namespace.name, event_data(name, args), ack_id)
        if not compress:
            message = message.uncompressed()
        retries.queue.check_room(message)
        client.check_size(message)
        client.namespaces.remember(namespace)
        self._next_ack_id += 1
        retries.queue.put(Emit(name, message, ack_id, context=context, wants_ack=wants_ack))
        retries.send_next(now)
        return ack_id

    # -- acks --------------------------------------------------------------------------------------------------------

    def ack_arrived(self, ack_id: int, args: list[JSONValue], now: float) -> None:
        """Settle an ack; an unknown or repeated id means nothing (PROTOCOL 3.6)."""
        ack = self.acks.settle(ack_id)
        if ack is not None:
            self._namespace.client.report(AckReceived(self._namespace, args, ack.context))
        elif self.retries is not None:
            self.retries.acknowledged(ack_id, args, now)

    def ack_expired(self, ack: PendingAck) -> None:
        """The time of an ack is up: what was not sent yet will not be."""
        self._buffer.remove(ack.ack_id)
        self._namespace.client.report(AckExpired(self._namespace, ack.context))

    def forget_ack(self, ack_id: int) -> None:
        """Nobody waits any more."""
        if self.acks.settle(ack_id) is not None:
            self._buffer.remove(ack_id)
        elif self.retries is not None:
            self.retries.forget(ack_id)

    # -- what became of the namespace --------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """Send what has waited for it."""
        namespace = self._namespace
        while self._buffer.emits and namespace.is_connected:
            emit = self._buffer.pop()
            try:
                sent = namespace.put(emit.message)
            except LocalProtocolError as error:  # the server takes less than was known when it was buffered
                self._give_up(emit, str(error))
                continue
            if not sent:
                self._buffer.put_back(emit)  # the connection has ended meanwhile
                break
        if self.retries is not None:
            self.retries.send_next(now)

    def disconnected(self) -> None:
        """No answer comes any more to what was sent; what was not sent waits on."""
        waiting = {emit.ack_id for emit in self._buffer.emits}
        for ack in self.acks.drop(but=waiting):
            self._namespace.client.report(AckDropped(self._namespace, ack.context))
        if self.retries is not None:
            self.retries.disconnected()

    def drop_all(self, detail: str) -> None:
        """Give up everything that was not sent."""
        while self._buffer.emits:
            self._give_up(self._buffer.pop(), detail)
        if self.retries is not None:
            self.retries.drop_all(detail)

    def _give_up(self, emit: Emit, detail: str) -> None:
        ack = None if emit.ack_id is None else self.acks.settle(emit.ack_id)
        client, namespace = self._namespace.client, self._namespace
        if ack is not None:
            client.report(AckDropped(namespace, ack.context))
        else:
            client.report(EmitFailed(namespace, emit.name, detail))
