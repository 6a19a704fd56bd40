"""Keeps a line of a server on trio: dials, reads, writes and keeps time; see `Line`, which decides everything."""

from __future__ import annotations

import math
import ssl

import trio

from socketio_core.app.line import Line
from socketio_core.network.dialing import DialError, context_of, reason_of
from socketio_core.trio.dial import dial, shake_hands

_READ_BYTES = 65536


class LineKeeper:
    """Three tasks at the most: one dials and writes, one reads, one keeps time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._context: ssl.SSLContext | None = None
        self._news = trio.Event()
        self._dialing = trio.CancelScope()
        self._connection = trio.CancelScope()
        self._sleep = trio.CancelScope()
        self._wakes_at = -math.inf
        line.wake = self._woken

    def _woken(self) -> None:
        line = self._line
        self._news.set()
        if line.is_over:
            self._dialing.cancel()
        if not line.wants_connection:
            self._connection.cancel()
        deadline = line.next_deadline
        if deadline is not None and deadline < self._wakes_at:
            self._wakes_at = self._sleep.deadline = deadline

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Keep it until it is over."""
        line = self._line
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_time)
            while not line.is_over:
                at = line.dial_at
                if at is not None and at <= trio.current_time():
                    await self._connect()
                else:
                    with trio.move_on_at(math.inf if at is None else at):
                        await self._wait_for_news()
            nursery.cancel_scope.cancel()

    async def _wait_for_news(self) -> None:
        await self._news.wait()
        self._news = trio.Event()

    @trio.lowlevel.enable_ki_protection
    async def _keep_time(self) -> None:
        while True:
            deadline = self._line.next_deadline
            self._wakes_at = math.inf if deadline is None else deadline
            with trio.CancelScope(deadline=self._wakes_at) as self._sleep:
                await trio.sleep_forever()
            self._wakes_at = -math.inf
            self._line.handle_timeout(trio.current_time())

    async def _connect(self) -> None:
        """Dial, and go on until the connection is gone, or not wanted any more."""
        line = self._line
        line.dialing()
        stream = await self._dial()
        if stream is None:
            return
        try:
            with trio.CancelScope() as self._connection:
                line.connected(trio.current_time())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, stream)
                    await self._write(stream)
        finally:
            await trio.aclose_forcefully(stream)

    async def _dial(self) -> trio.abc.Stream | None:
        line, opened = self._line, None
        with trio.move_on_after(line.dial_s) as self._dialing:
            try:
                stream: trio.abc.Stream = await dial(line)
                opened = stream
                if line.ssl_context is not None:
                    self._context = self._context or context_of(line.ssl_context)
                    stream = await shake_hands(stream, self._context, line.host)
                return stream
            except DialError as error:
                line.refused(str(error) or "the connection was closed", trio.current_time())
        if opened is not None:
            await trio.aclose_forcefully(opened)
        if self._dialing.cancelled_caught:
            line.refused(f"no answer in {line.dial_s:g} s", trio.current_time())
        return None

    async def _write(self, stream: trio.abc.Stream) -> None:
        while True:
            data = self._line.data_to_send(trio.current_time())
            if not data:
                await self._wait_for_news()
                continue
            try:
                await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._line.lost(reason_of(error), trio.current_time())

    @trio.lowlevel.enable_ki_protection
    async def _read(self, stream: trio.abc.Stream) -> None:
        try:
            while True:
                data = await stream.receive_some(_READ_BYTES)
                self._line.receive(bytes(data), trio.current_time())
                if not data:
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._line.lost(reason_of(error), trio.current_time())
