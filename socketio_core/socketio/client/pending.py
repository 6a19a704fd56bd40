"""Emits that wait: for a connection, or for their turn to be sent until they are acknowledged."""

from __future__ import annotations

from collections import deque

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import BufferFull


class Emit:
    """One event on its way: in the buffer, or in the queue of those that are sent until they are acknowledged."""

    __slots__ = ("ack_id", "context", "message", "name", "tries", "wants_ack")

    def __init__(
        self,
        name: str,
        message: WireMessage,
        ack_id: int | None = None,
        *,
        context: object = None,
        wants_ack: bool = False,
    ) -> None:
        self.name = name
        self.message = message
        self.ack_id = ack_id
        self.context = context
        self.wants_ack = wants_ack  # somebody wants to know the acknowledgement
        self.tries = 0


class EmitBuffer:
    """Emits that wait, in order, up to a limit."""

    __slots__ = ("_max_bytes", "_max_count", "emits", "size_bytes")

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self.emits: deque[Emit] = deque()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self.emits)

    def check_room(self, message: WireMessage) -> None:
        """Check that one more fits; a single one of any size always does.

        Raises:
            BufferFull: it does not.
        """
        if not self.emits:
            return
        for name, limit, size in (
            ("max_buffered_emits", self._max_count, len(self.emits) + 1),
            ("max_buffered_emit_bytes", self._max_bytes, self.size_bytes + message.size_bytes),
        ):
            if size > limit:
                waiting = f"{len(self.emits)} events, {self.size_bytes} bytes, {name}: {limit}"
                raise BufferFull(f"too much waits to be sent once the socket is connected: {waiting}")

    def put(self, emit: Emit) -> None:
        """Append one."""
        self.emits.append(emit)
        self.size_bytes += emit.message.size_bytes

    def pop(self) -> Emit:
        """Remove and return the oldest."""
        emit = self.emits.popleft()
        self.size_bytes -= emit.message.size_bytes
        return emit

    def put_back(self, emit: Emit) -> None:
        """Put what was taken, but not sent, in front again."""
        self.emits.appendleft(emit)
        self.size_bytes += emit.message.size_bytes

    def remove(self, ack_id: int) -> None:
        """Remove the one that asks for this ack, if it is there."""
        for emit in self.emits:
            if emit.ack_id == ack_id:
                self.emits.remove(emit)
                self.size_bytes -= emit.message.size_bytes
                return
