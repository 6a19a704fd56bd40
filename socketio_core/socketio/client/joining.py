"""What goes with a CONNECT and its answer: what is recovered, events that belong behind it, and why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from socketio_core.errors import PacketError
from socketio_core.settings import ClientSettings
from socketio_core.socketio.packet import JSONValue, Packet


class HeldEvents:
    """The events that a client missed: they come before the CONNECT, and are told behind it (PROTOCOL 9-41)."""

    __slots__ = ("_events", "_size_bytes")

    def __init__(self) -> None:
        self._events: list[tuple[Packet, int]] = []
        self._size_bytes = 0

    def add(self, packet: Packet, size_bytes: int, settings: ClientSettings) -> None:
        """Keep one.

        Raises:
            PacketError: these are too many, or too much.
        """
        self._events.append((packet, size_bytes))
        self._size_bytes += size_bytes
        for name, count in (("max_held_events", len(self._events)), ("max_held_event_bytes", self._size_bytes)):
            if count > (limit := getattr(settings, name)):
                raise PacketError(f"too many events before the namespace was connected, {name}: {limit}")

    def take(self) -> list[tuple[Packet, int]]:
        """Remove and return them, each with its size, in order."""
        events, self._events, self._size_bytes = self._events, [], 0
        return events


class RecoveryPoint:
    """How far the client has heard its server, for one that keeps what was sent meanwhile (PROTOCOL 3.9).

    Attributes:
        pid: what the server knows the socket by; `None`: it recovers nothing.
        offset: of the last event that had one.
    """

    __slots__ = ("offset", "pid")

    def __init__(self) -> None:
        self.pid: str | None = None
        self.offset: str | None = None

    def auth_with(self, auth: Mapping[str, JSONValue] | None) -> dict[str, JSONValue] | None:
        """Return what CONNECT carries; the keys of `auth` win."""
        fields: dict[str, JSONValue] = {}
        if self.pid is not None:
            fields["pid"] = self.pid
            if self.offset is not None:
                fields["offset"] = self.offset
        fields.update(auth or {})
        return fields or None

    def connected(self, pid: JSONValue) -> bool:
        """The server let the client in, with this `pid` or none. Returns whether what was there before is restored."""
        is_recovered = isinstance(pid, str) and pid == self.pid
        self.pid = pid if isinstance(pid, str) else None
        if not is_recovered:
            self.offset = None
        return is_recovered


def read_refusal(data: JSONValue) -> tuple[str, JSONValue]:
    """Return message and data of a CONNECT_ERROR that has passed the parser."""
    if isinstance(data, str):  # as servers of Socket.IO 2 say it (PROTOCOL 9-61)
        return data, None
    fields = cast("dict[str, JSONValue]", data)
    message = fields.get("message")
    return message if isinstance(message, str) else "the server gave no reason", fields.get("data")
