"""One connection on asyncio, of either role: bytes from a transport to its wire, and back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from socketio_core.network.dialing import reason_of
from socketio_core.wire.base import BaseWire

_W = TypeVar("_W", bound=BaseWire)


class Wires(Protocol):
    """What the wires of a server or a client belong to: a site."""

    def note(self, wire: Any) -> None:
        """Have a connection looked after."""


class Owner(Protocol):
    """The runtime of a server or a client, as its connections see it."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def wake(self) -> None:
        """See to what has happened."""

    @property
    def site(self) -> Wires:
        """What its wires belong to."""
        ...


class _Gone(asyncio.Transport):
    """In the place of a transport that is lost."""

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


GONE: Final = _Gone()


class Connection(asyncio.Protocol, Generic[_W]):
    """Hands over what comes, and writes what the runner has it write (`flush`)."""

    __slots__ = ("_can_write", "_is_muted", "_is_reading", "_owner", "_transport", "_wire")

    _transport: asyncio.Transport
    _wire: _W

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._can_write = True
        self._is_reading = True
        self._is_muted = False

    def _use(self, transport: asyncio.Transport, *, is_tls: bool) -> None:
        """Read and write here from now on."""
        # What the transport holds is not written yet. Not 0: a TLS transport with that limit is full when it is empty.
        transport.set_write_buffer_limits(high=1 if is_tls else 0, low=0)
        self._transport = transport
        self._is_reading = self._can_write = True

    # -- what the loop calls -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take what was read."""
        owner, wire = self._owner, self._wire
        try:
            wire.receive(data, owner.now())
        except Exception as error:  # noqa: BLE001 - something of ours failed; it costs this connection and no other
            wire.fail(error, owner.now())
        if self._is_reading and not wire.wants_input:  # now: the runner may be many turns of the loop away
            self._read_or_not()
        self._arrived()

    def _arrived(self) -> None:
        """Have what has arrived seen to."""
        self._owner.wake()

    def eof_received(self) -> bool:
        """Nothing more comes; the peer may still read, but over TLS, where there is no such thing."""
        self.data_received(b"")
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._wire.lost(self._owner.now(), "" if exc is None else reason_of(exc))
        self._owner.wake()

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._can_write = False

    def resume_writing(self) -> None:
        """The socket has taken all there was."""
        self._can_write = True
        self._owner.site.note(self._wire)
        self._owner.wake()

    # -- what the runner calls ---------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Write what is waiting, as far as the socket takes it; read on or not; or end."""
        wire, transport = self._wire, self._transport
        # A write that failed closes the transport; to ask on would be to say that it is written.
        while self._can_write and not transport.is_closing() and (data := wire.data_to_send(now)):
            transport.write(data)
            if wire.is_through:  # most often; benchmarks: client
                break
        if not self._can_write or wire.unwritten_bytes:
            wire.unwritten_bytes = transport.get_write_buffer_size()
        if wire.is_over:
            transport.abort()
            return
        if wire.is_mute and not self._is_muted:
            self._is_muted = True
            if transport.can_write_eof():
                with suppress(OSError):  # the peer has reset it, which the reading finds
                    transport.write_eof()
        if wire.wants_input is not self._is_reading:
            self._read_or_not()

    def _read_or_not(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        self._is_reading = not self._is_reading
        if self._is_reading:
            transport.resume_reading()
        else:
            transport.pause_reading()
