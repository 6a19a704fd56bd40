"""Sockets on asyncio, or on any event loop that has its transports: `socketio_core.wire` does all the rest."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from conformance.hosts.contract import WireContract


class Server(WireContract):
    """All connections, and the one timer."""

    async def serve(self, listeners: list[socket.socket]) -> None:
        self.loop = asyncio.get_running_loop()
        self.timer = self.loop.call_soon(self.settle)
        for listener in listeners:
            await self.loop.create_server(lambda: Connection(self), sock=listener)
        try:
            await asyncio.Event().wait()
        finally:  # tell all clients
            self.site.close(self.loop.time())
            self.settle()

    def settle(self) -> None:
        """Do what is due, see to all that is ready, and be back when there is more to do."""
        self.site.handle_timeout(self.loop.time())
        for wire in self.site.flush(self.loop.time()):
            wire.context.pump()  # type: ignore[attr-defined] # a Connection
        self.timer.cancel()
        self.timer = self.loop.call_at(self.site.next_deadline or self.loop.time() + 3600.0, self.settle)


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server, self.now = server, server.loop.time

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # it is one
        transport.set_write_buffer_limits(0)  # what the transport holds is written, or nobody waits for it
        self.transport, address = transport, transport.get_extra_info("peername")[0]
        self.wire = self.server.site.connect(self.now(), address, "http")
        self.wire.context = self
        self.server.settle()

    def data_received(self, data: bytes) -> None:
        self.wire.receive(data, self.now())
        self.server.settle()

    def eof_received(self) -> bool:
        self.data_received(b"")
        return True  # the peer may still read

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.lost(self.now())
        self.server.settle()

    def resume_writing(self) -> None:
        self.pump()
        self.server.settle()

    def pump(self) -> None:
        """Write what there is, and read on or not."""
        while not self.transport.get_write_buffer_size() and (data := self.wire.data_to_send(self.now())):
            self.transport.write(data)
        self.wire.unwritten_bytes = self.transport.get_write_buffer_size()
        if self.wire.is_over:
            self.transport.abort()
        elif self.wire.is_mute:
            with suppress(OSError):  # the client has reset it, which the reading finds
                self.transport.write_eof()
        (self.transport.resume_reading if self.wire.wants_input else self.transport.pause_reading)()


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    asyncio.run(Server().serve(listeners))
