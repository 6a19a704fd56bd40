"""What waits to be sent to one peer, and how much it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineClientSettings, EngineSettings

MESSAGE_BYTES: Final = 200  # what a message takes beside its bytes; CPython 3.11


class Outbox:
    """A queue of messages, first in, first out; a message is never split.

    Attributes:
        messages: oldest first.
        size_bytes: of all of them.
    """

    __slots__ = ("messages", "size_bytes")

    def __init__(self) -> None:
        self.messages: list[WireMessage] = []  # an empty deque takes 600 bytes more; benchmarks: memory
        self.size_bytes = 0

    def __bool__(self) -> bool:
        return bool(self.messages)

    def weighs_more_than(self, limit_bytes: int) -> bool:
        """Whether the messages take more memory than that, what they are kept in included."""
        return self.size_bytes + MESSAGE_BYTES * len(self.messages) > limit_bytes

    def overflow(self, message: WireMessage, settings: EngineSettings | EngineClientSettings) -> str:
        """Return what is too much with one message more, and the setting that says so."""
        count, size_bytes = len(self.messages) + 1, self.size_bytes + message.size_bytes
        is_large = size_bytes > settings.max_buffered_bytes
        name = "max_buffered_bytes" if is_large else "max_buffered_messages"
        return f"{count} messages, {size_bytes} bytes buffered, {name}: {getattr(settings, name)}"

    def has_room_for(self, messages: Sequence[WireMessage], settings: EngineSettings) -> bool:
        """Whether so many messages more are within the limits."""
        size_bytes = self.size_bytes + sum(message.size_bytes for message in messages)
        count = len(self.messages) + len(messages)
        return size_bytes <= settings.max_buffered_bytes and count <= settings.max_buffered_messages

    def put(self, message: WireMessage) -> None:
        """Append a message."""
        self.messages.append(message)
        self.size_bytes += message.size_bytes

    def take(self, *, max_bytes: int | None = None, max_frames: int | None = None) -> list[WireMessage]:
        """Remove and return the oldest messages within the limits; one at least, if there is one."""
        if max_frames is None and (max_bytes is None or self.size_bytes <= max_bytes):
            everything, self.messages, self.size_bytes = self.messages, [], 0
            return everything
        count = taken_bytes = taken_frames = 0
        for message in self.messages:
            taken_bytes += message.size_bytes
            taken_frames += len(message.frames)
            too_much = (max_bytes is not None and taken_bytes > max_bytes) or (
                max_frames is not None and taken_frames > max_frames
            )
            if count and too_much:
                taken_bytes -= message.size_bytes
                break
            count += 1
        taken = self.messages[:count]
        del self.messages[:count]
        self.size_bytes -= taken_bytes
        return taken

    def give_back(self, messages: Sequence[WireMessage]) -> None:
        """Put messages that were taken, but did not arrive, in front again."""
        self.messages[:0] = messages
        for message in messages:
            self.size_bytes += message.size_bytes

    def move_to(self, other: Outbox) -> None:
        """Append everything to another outbox."""
        other.messages.extend(self.messages)
        other.size_bytes += self.size_bytes
        self.clear()

    def clear(self) -> None:
        """Throw everything away."""
        self.messages.clear()
        self.size_bytes = 0


def check_fits(message: WireMessage, settings: EngineSettings) -> None:
    """Refuse a message that no server's session takes, whatever else waits.

    Raises:
        LocalProtocolError: the message alone is larger than `max_buffered_bytes`.
    """
    limit = settings.max_buffered_bytes
    if message.size_bytes > limit:
        sizes = f"{message.size_bytes} bytes, limit: {limit}"
        raise LocalProtocolError(f"message is larger than max_buffered_bytes: {sizes}")
