"""One connection of a client on trio: it is dialed, perhaps secured, and its bytes are moved to its wire and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from socketio_core.app.handover import begin
from socketio_core.network.dialing import DialError, reason_of
from socketio_core.trio.dial import dial, shake_hands
from socketio_core.trio.direct import DirectStream
from socketio_core.trio.interrupts import work
from socketio_core.trio.writer import BROKEN, Writer
from socketio_core.wire.client import ClientWire

if TYPE_CHECKING:
    from socketio_core.trio.client import TrioClient


class ClientPump(Writer[ClientWire]):
    """Dials, reads, has handlers run, and writes, in one task until a handler waits; then another task reads on.

    What the socket does not take at once is written by a task for that.
    """

    def __init__(self, client: TrioClient, wire: ClientWire) -> None:
        super().__init__(wire)
        self._client = client
        self._reader: object = None  # whichever task reads
        self._scope = trio.CancelScope()  # of that
        self._direct: DirectStream | None = None  # once there is a connection
        self._wanted: trio.Event | None = None  # the task waits until it is to read

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Dial, and go on until the connection ends, or until another task has taken over."""
        self._reader = me = object()
        wire = self._wire
        try:
            with self._scope:
                if self._direct is None:
                    self._direct = DirectStream(await dial(wire))
                    wire.has_unread = self._direct.has_unread
                    wire.connected(trio.current_time())
                    self._client.flush()
                await self._pump(self._direct, me)
        except DialError as error:
            wire.lost(trio.current_time(), str(error))
        except BROKEN as error:
            wire.lost(trio.current_time(), reason_of(error))
        except Exception as error:  # noqa: BLE001 - it must not end the block of whoever uses the client
            wire.fail(error, trio.current_time())
        finally:
            if self._reader is me:
                wire.lost(trio.current_time())
                self._client.flush()
                if self._direct is not None:
                    await self._direct.aclose_forcefully()

    async def _pump(self, direct: DirectStream, me: object) -> None:
        wire = self._wire
        while self._reader is me and not wire.is_over:
            if wire.wants_tls:
                tls = self._client.life.trust.context
                direct = self._direct = DirectStream(await shake_hands(direct.stream, tls, wire.server_name))
                wire.has_unread = direct.has_unread
                wire.secured(trio.current_time())
            elif wire.wants_input:
                data = await direct.receive()
                wire.receive(data, self._client.clock())
            else:
                self._wanted = trio.Event()
                await self._wanted.wait()
                continue
            await self._handle(me)

    @trio.lowlevel.enable_ki_protection
    async def _handle(self, me: object) -> None:
        """Run handlers for what has arrived, in this task as long as they do not wait."""
        client = self._client
        inboxes = client.life.host.dispatch()
        for inbox in inboxes[1:]:  # they must not wait for the first one
            client.spawn(inbox.work)
        for inbox in inboxes[:1]:
            client.is_corked = True
            try:
                rest = begin(work(inbox))
                if rest is not None:
                    self._hand_over()
                    await rest
            except KeyboardInterrupt as error:  # the handler's: the server is told of the end
                client.interrupted(error)
            finally:
                if self._reader is me:
                    client.is_corked = False
                else:
                    client.handler_ended()
        client.flush()

    def _hand_over(self) -> None:
        """A handler is about to wait: let another task read on, and write what there is."""
        client = self._client
        client.is_corked = False
        self._reader = None
        self._scope = trio.CancelScope()  # the end of the connection is not the handler's
        client.handler_began()
        client.start_soon(self.run)
        # Not flush(): that may wake what this very task is about to wait for, before it does.
        client.output_ready()

    def flush(self, now: float) -> None:
        """Write what is waiting; read on, or end."""
        wire, direct = self._wire, self._direct
        if wire.is_over:
            self._scope.cancel()
        elif direct is not None:
            self._write(direct, now)
        if self._wanted is not None and (wire.wants_input or wire.wants_tls):
            self._wanted.set()
            self._wanted = None

    def _begin_to_wait(self, direct: DirectStream) -> None:
        self._client.start_soon(self._write_rest, direct)

    @trio.lowlevel.enable_ki_protection
    async def _write_rest(self, direct: DirectStream) -> None:
        await super()._write_rest(direct)

    def _has_written(self) -> None:
        self._client.life.site.note(self._wire)
        self._client.flush()
