"""One connection of a client on trio: it is dialed, perhaps secured, and its bytes are moved to its wire and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from socketio_core.app.handover import Rest
from socketio_core.network.client_life import drop
from socketio_core.network.dialing import DialError, reason_of
from socketio_core.trio.dial import dial, shake_hands
from socketio_core.trio.direct import DirectStream
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
        self._scope = trio.CancelScope()  # of whichever task reads
        self._direct: DirectStream | None = None  # once there is a connection
        self._wanted: trio.Event | None = None  # the task waits until it is to read

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Dial, and go on until the connection ends, or until another task has taken over."""
        wire, is_reader = self._wire, True
        try:
            with self._scope:
                direct = self._direct
                if direct is None:
                    direct = self._use(await dial(wire))
                    wire.connected(trio.current_time())
                    self._client.flush()
                rest = await self._read(direct)
                if rest is not None:
                    is_reader = False
                    self._scope = trio.CancelScope()  # the end of the connection is not the handler's
                    await self._client.hand_over(rest, self.run)
        except DialError as error:
            wire.lost(trio.current_time(), str(error))
        except BROKEN as error:
            wire.lost(trio.current_time(), reason_of(error))
        except trio.Cancelled:  # with the client, which says why it has gone, and not that this connection has
            self._client.cut_off()
            raise
        except Exception as error:  # noqa: BLE001 - it must not end the block of whoever uses the client
            wire.fail(error, trio.current_time())
        finally:
            if is_reader:
                wire.lost(trio.current_time())
                self._client.flush()
                drop(wire)
                if self._direct is not None:
                    await self._direct.aclose_forcefully()

    async def _read(self, direct: DirectStream) -> Rest | None:
        """Read until the connection is over, or a handler waits: returns what is left of that."""
        wire, client = self._wire, self._client
        while not wire.is_over:
            if wire.wants_input:
                wire.receive(await direct.receive(), client.clock())
            elif wire.wants_tls:
                direct = self._use(await shake_hands(direct.stream, client.life.trust.context, wire.server_name))
                wire.secured(trio.current_time())
            else:
                self._wanted = trio.Event()
                await self._wanted.wait()
                continue
            rest = client.handle(client.life.host.dispatch())
            if rest is not None:
                return rest
            client.flush()
        return None

    def _use(self, stream: trio.abc.Stream) -> DirectStream:
        self._direct = direct = DirectStream(stream)
        self._wire.has_unread = direct.has_unread
        return direct

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

    def _has_written(self) -> None:
        self._client.life.site.note(self._wire)
        self._client.flush()
