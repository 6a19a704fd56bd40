"""Sockets on asyncio, or on any event loop that has its transports: `socketio_core.wire` does all the rest."""

from __future__ import annotations

import asyncio
import socket

from conformance.hosts.contract import WireContract


class Server(WireContract):
    """All connections, and the one timer."""

    timer: asyncio.TimerHandle | None = None

    def settle(self) -> None:
        """See to all that is ready, and be back when there is more to do."""
        loop = asyncio.get_running_loop()
        for wire in self.site.flush(loop.time()):
            wire.context.pump(loop.time())  # type: ignore[attr-defined] # a Connection
        if self.timer is not None:
            self.timer.cancel()
        deadline = self.site.next_deadline or loop.time() + 3600.0  # `None`: there is nothing to wait for
        self.timer = loop.call_at(deadline, self.do_what_is_due)

    def do_what_is_due(self) -> None:
        """Do it, and settle."""
        self.site.handle_timeout(asyncio.get_running_loop().time())
        self.settle()


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server, self.now, self.can_write = server, asyncio.get_running_loop().time, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(0)  # what the transport holds is written, or nobody waits for it
        self.transport = transport
        self.wire = self.server.site.connect(self.now(), transport.get_extra_info("peername")[0])
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

    def pause_writing(self) -> None:
        self.can_write = False

    def resume_writing(self) -> None:
        self.can_write = True
        self.pump(self.now())
        self.server.settle()

    def pump(self, now: float) -> None:
        """Write what there is, and read on or not."""
        wire, transport = self.wire, self.transport
        while self.can_write and (data := wire.data_to_send(now)):
            transport.write(data)
        if wire.is_mute:
            transport.write_eof()
        if wire.is_over:
            transport.abort()
        elif wire.wants_input:
            transport.resume_reading()
        else:
            transport.pause_reading()


def serve(listeners: list[socket.socket]) -> None:
    """Serve until Ctrl-C."""
    asyncio.run(_serve(listeners))


async def _serve(listeners: list[socket.socket]) -> None:
    server = Server()
    for listener in listeners:
        await asyncio.get_running_loop().create_server(lambda: Connection(server), sock=listener)
    try:
        await asyncio.Event().wait()
    finally:  # tell all clients
        server.site.close(asyncio.get_running_loop().time())
        server.settle()
