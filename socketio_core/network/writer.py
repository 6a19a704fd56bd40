"""What connections of both roles do alike when they see to their sockets themselves: write what a wire has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from socketio_core.wire.base import BaseWire


class Direct(Protocol):
    """Where it is written to."""

    def write_now(self, data: bytes) -> int:
        """Return how many bytes were taken at once."""
        ...

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes; reading goes on."""


_W = TypeVar("_W", bound=BaseWire)
_O = TypeVar("_O", bound=Direct)


class Writer(ABC, Generic[_W, _O]):
    """Writes as much as the socket takes at once; only when that is not all, somebody waits for the rest."""

    __slots__ = ("_is_muted", "_is_writing", "_unsent", "_wire")

    def __init__(self, wire: _W) -> None:
        self._wire = wire
        self._is_writing = False  # somebody waits, and then writes what is left
        self._is_muted = False  # the peer was told that nothing more is written
        self._unsent = b""
        wire.context = self

    def _write(self, direct: _O, now: float) -> None:
        """Write what is waiting; end the direction when it is through."""
        wire = self._wire
        while not self._is_writing:
            data = wire.data_to_send(now)
            if not data:
                break
            sent = direct.write_now(data)
            if sent < len(data):
                self._wait_with(data[sent:], direct)
            elif wire.is_through:  # most often; benchmarks: server
                break
        if wire.is_mute and not self._is_muted and not wire.is_over:
            self._is_muted = True
            direct.end_writing()

    def _wait_with(self, rest: bytes, direct: _O) -> None:
        self._unsent = rest
        self._wire.unwritten_bytes = len(rest)
        self._is_writing = True
        self._begin_to_wait(direct)

    @abstractmethod
    def _begin_to_wait(self, direct: _O) -> None:
        """See that what is left is written as soon as the socket takes it."""
