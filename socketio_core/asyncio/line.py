"""Keeps a line of a server on asyncio: dials, reads, writes and keeps time; see `Line`, which decides everything."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import cast

from socketio_core.app.line import Line
from socketio_core.asyncio.dial import open_tcp, open_unix
from socketio_core.network.dialing import DialError, Trust, reason_of, tls_problem
from socketio_core.network.plain import READ_BYTES


class LineKeeper(asyncio.BufferedProtocol):
    """A task dials; the loop reads; what is to be written is, once in a turn of the loop."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._trust = Trust(line.ssl_context)
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._is_paused = False
        self._will_look = False
        self._news = asyncio.Event()
        self._dialing: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        line.wake = self._woken

    async def run(self) -> None:
        """Keep it until it is over."""
        line = self._line
        try:
            while not line.is_over or self._transport is not None:
                self._look()
                at = line.dial_at
                if self._transport is None and at is not None and at <= self._now():
                    await self._dial()
                    continue
                self._news.clear()
                again = None if at is None else self._loop.call_at(at, self._news.set)
                try:
                    await self._news.wait()
                finally:
                    if again is not None:
                        again.cancel()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._transport is not None:
                self._transport.abort()

    # -- what the line tells -----------------------------------------------------------------------------------------

    def _woken(self) -> None:
        line = self._line
        if self._will_look:
            return
        if self._transport is not None and line.wants_connection and not line.has_to_send:
            self._set_timer(line.next_deadline)  # most often nothing else is new; benchmarks: cluster
            return
        self._will_look = True
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Write what there is to write, and see to what else is new."""
        self._will_look = False
        line = self._line
        if self._transport is not None:
            while not self._is_paused and (data := line.data_to_send(self._now())):
                self._transport.write(data)
            if not line.wants_connection:
                self._transport.abort()
        elif self._dialing is not None and not line.wants_connection:
            self._dialing.reschedule(self._now())
        self._set_timer(line.next_deadline)
        if line.is_over or line.dial_at is not None:
            self._news.set()

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline:
                return  # it looks again then
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self._line.handle_timeout(self._now())
        self._look()

    # -- connections -------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        line = self._line
        line.dialing(self._now())
        self._woken()
        try:
            with suppress(TimeoutError):  # it is not wanted any more
                async with asyncio.timeout(None) as self._dialing:
                    await self._open()
        except DialError as error:
            line.refused(str(error), self._now())
        except OSError as error:
            line.refused(tls_problem(error) or reason_of(error), self._now())
        finally:
            self._dialing = None

    async def _open(self) -> None:
        line = self._line
        context = None if line.ssl_context is None else self._trust.context
        sock = await (open_tcp(line.host, line.port) if line.unix_path is None else open_unix(line.unix_path))
        try:
            server_name = None if context is None else line.host
            await self._loop.create_connection(lambda: self, sock=sock, ssl=context, server_hostname=server_name)
        except BaseException:
            sock.close()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_paused = False
        self._line.connected(self._now())
        self._woken()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`: one that is kept, for a new one costs more than to read does."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._line.receive(bytes(self._buffer[:nbytes]), self._now())

    def eof_received(self) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._line.receive(b"", self._now())

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._transport = None
        self._line.lost("it was closed" if exc is None else reason_of(exc), self._now())
        self._news.set()

    def pause_writing(self) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._is_paused = False
        self._woken()
