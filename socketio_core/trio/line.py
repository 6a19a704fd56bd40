"""Keeps a line of a server on trio: dials, reads, writes and keeps time; see `Line`, which decides everything."""

from __future__ import annotations

import math

import trio

from socketio_core.app.line import Line
from socketio_core.network.dialing import DialError, Trust, reason_of
from socketio_core.trio.dial import dial, shake_hands
from socketio_core.trio.direct import DirectStream
from socketio_core.trio.writer import BROKEN


class LineKeeper:
    """Three tasks at the most: one dials and writes, one reads, one keeps time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._trust = Trust(line.ssl_context)
        self._news = trio.Event()
        self._is_connected = False
        self._connection = trio.CancelScope()
        self._sleep = trio.CancelScope()
        self._wakes_at = -math.inf
        line.wake = self._woken

    def _woken(self) -> None:
        line = self._line
        if not self._is_connected or line.has_to_send:  # most often there is nothing; benchmarks: cluster
            self._news.set()
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
        with trio.CancelScope() as self._connection:
            line.dialing(trio.current_time())
            self._woken()
            try:
                async with await dial(line) as opened:
                    secure = line.ssl_context is not None
                    stream = await shake_hands(opened, self._trust.context, line.host) if secure else opened
                    direct = DirectStream(stream)
                    async with trio.open_nursery() as nursery:
                        line.connected(trio.current_time())
                        self._is_connected = True
                        self._woken()
                        nursery.start_soon(self._read, direct)
                        await self._write(direct)
            except DialError as error:
                line.refused(str(error) or "the connection was closed", trio.current_time())
            finally:
                self._is_connected = False

    async def _write(self, direct: DirectStream) -> None:
        while True:
            data = self._line.data_to_send(trio.current_time())
            if not data:
                await self._wait_for_news()
                continue
            sent = direct.write_now(data)
            if sent == len(data):
                continue
            try:
                await direct.send_all(data[sent:])
            except BROKEN as error:
                self._line.lost(reason_of(error), trio.current_time())

    @trio.lowlevel.enable_ki_protection
    async def _read(self, direct: DirectStream) -> None:
        try:
            while True:
                data = await direct.receive()
                self._line.receive(data, trio.current_time())
                if not data:
                    return
        except BROKEN as error:
            self._line.lost(reason_of(error), trio.current_time())
