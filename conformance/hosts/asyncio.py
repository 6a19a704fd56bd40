"""Sockets on asyncio, or on any event loop that has its transports: `socketio_core.wire` does all the rest."""

from __future__ import annotations

import asyncio
import socket

from conformance.hosts.contract import WireContract
from socketio_core.wire import Wire


class Server(WireContract):
    """All connections, and the one timer."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def settle(self) -> None:
        """See to all that is ready, and be back when there is more to do."""
        for wire in self.site.flush(self._loop.time()):
            assert isinstance(wire.context, Connection)
            wire.context.pump()
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.site.next_deadline
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._handle_timeout)

    def _handle_timeout(self) -> None:
        self.site.handle_timeout(self._loop.time())
        self.settle()


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._now = asyncio.get_running_loop().time
        self._can_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(0)  # what the transport holds is written, or nobody waits for it
        self._transport = transport
        self._wire: Wire = self._server.site.connect(self._now(), transport.get_extra_info("peername")[0])
        self._wire.context = self

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._wire.receive(data, self._now())
        self._server.settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come, nor be written."""
        self._wire.lost(self._now())
        self._server.settle()

    def eof_received(self) -> bool:
        """Nothing more will come; the peer may still read."""
        self.data_received(b"")
        return True

    def pause_writing(self) -> None:
        """The peer takes no more just now."""
        self._can_write = False

    def resume_writing(self) -> None:
        """All is written."""
        self._can_write = True
        self.pump()
        self._server.settle()

    def pump(self) -> None:
        """Write what there is, and read on or not."""
        wire, transport = self._wire, self._transport
        while self._can_write:
            if data := wire.data_to_send(self._now()):
                transport.write(data)
            else:
                wire.sent(self._now())
                break
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
