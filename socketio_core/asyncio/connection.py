"""One connection of a server on asyncio: bytes from a transport to its wire, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from socketio_core.network.listening import address_of

if TYPE_CHECKING:
    from socketio_core.asyncio.serve import Service
    from socketio_core.wire import Wire


class Connection(asyncio.Protocol):
    """Hands over what comes, and writes what the runner has it write (`flush`)."""

    __slots__ = ("_can_write", "_is_muted", "_is_reading", "_runtime", "_service", "_transport", "_wire")

    _transport: asyncio.Transport
    _wire: Wire

    def __init__(self, service: Service) -> None:
        self._service = service
        self._runtime = service.runtime
        self._can_write = True
        self._is_reading = True
        self._is_muted = False

    # -- what the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come, and over TLS has shaken hands."""
        transport = cast("asyncio.Transport", transport)  # not by class: uvloop has its own
        # What the transport holds is not written yet. Not 0: a TLS transport with that limit is full when it is empty.
        transport.set_write_buffer_limits(high=1, low=0)
        self._transport = transport
        scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        address = address_of(transport.get_extra_info("socket").family, transport.get_extra_info("peername"))
        now = self._runtime.now()
        self._wire = self._service.site.connect(now, address, scheme, can_half_close=transport.can_write_eof())
        self._wire.context = self
        self._runtime.wake_in_time()  # it has a deadline, though it may never say anything
        if self._service.site.is_closing:  # it was on its way
            self._wire.close(now)
            self._runtime.wake()

    def data_received(self, data: bytes) -> None:
        """Take what was read."""
        try:
            self._wire.receive(data, self._runtime.now())
        except Exception as error:  # noqa: BLE001 - something of the server's failed; it costs this connection and no other
            self._wire.fail(error, self._runtime.now())
        self._runtime.wake()

    def eof_received(self) -> bool:
        """Nothing more comes; the peer may still read, but over TLS, where there is no such thing."""
        self.data_received(b"")
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._wire.lost(self._runtime.now())
        self._runtime.wake()
        self._service.end_if_through()

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._can_write = False

    def resume_writing(self) -> None:
        """The socket has taken all there was."""
        self._can_write = True
        self._service.site.note(self._wire)
        self._runtime.wake()

    # -- what the runner calls ---------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Write what is waiting, as far as the socket takes it; read on or not; or end."""
        wire, transport = self._wire, self._transport
        while self._can_write and (data := wire.data_to_send(now)):
            transport.write(data)
        if wire.is_over:
            transport.abort()
            return
        if wire.is_mute and not self._is_muted:
            self._is_muted = True
            transport.write_eof()
        if wire.wants_input is not self._is_reading and not transport.is_closing():
            self._is_reading = not self._is_reading
            if self._is_reading:
                transport.resume_reading()
            else:
                transport.pause_reading()
