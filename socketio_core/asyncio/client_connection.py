"""One connection of a client on asyncio: it is dialed, perhaps secured, and stays until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from socketio_core.asyncio.connection import Connection
from socketio_core.asyncio.dial import open_tcp, open_unix
from socketio_core.network.client_life import drop
from socketio_core.network.dialing import DialError, has_unread, reason_of, tls_problem
from socketio_core.wire.client import ClientWire

if TYPE_CHECKING:
    from socketio_core.asyncio.client import AsyncioClient

HANDSHAKE_S: Final = 86_400.0
"""For a handshake of TLS; the engine's own time for a connection to open is over long before."""


class ClientConnection(Connection[ClientWire]):
    """A task dials, shakes hands where TLS is wanted, and waits for the end."""

    def __init__(self, client: AsyncioClient, wire: ClientWire) -> None:
        super().__init__(client)
        self._client = client
        self._wire = wire
        self._is_made = False  # it has a transport
        self._task: asyncio.Task[None] | None = None
        self._is_working = False  # it dials, or shakes hands, and can be told to give up
        self._moved = asyncio.Event()
        self._gone = asyncio.Event()
        wire.context = self

    async def run(self) -> None:
        """Dial, and go on until the connection is gone."""
        wire, now = self._wire, self._client.now
        self._task = asyncio.current_task()
        try:
            await self._interruptible(self._dial())
            while not wire.is_over:
                if wire.wants_tls:
                    await self._interruptible(self._secure())
                else:
                    self._moved.clear()
                    with suppress(asyncio.CancelledError):  # of all tasks, as a loop does at its end: the block's comes
                        await self._moved.wait()
        except DialError as error:
            wire.lost(now(), str(error))
        except OSError as error:
            wire.lost(now(), reason_of(error))
        except Exception as error:  # noqa: BLE001 - it must not end the block of whoever uses the client
            wire.fail(error, now())
        finally:
            wire.lost(now())
            self._client.wake()
            if self._is_made:
                self._transport.abort()
                await self._gone.wait()
            drop(wire)

    async def _interruptible(self, step: Coroutine[Any, Any, None]) -> None:
        self._is_working = True
        try:
            await step
        finally:
            self._is_working = False
            self._client.site.note(self._wire)  # what there was to be done meanwhile was left
            self._client.wake()

    async def _dial(self) -> None:
        wire, loop = self._wire, asyncio.get_running_loop()
        if wire.unix_path is not None:
            await loop.create_unix_connection(lambda: self, sock=await open_unix(wire.unix_path))
        else:
            await loop.create_connection(lambda: self, sock=await open_tcp(wire.host, wire.port))

    async def _secure(self) -> None:
        wire, loop = self._wire, asyncio.get_running_loop()
        context = self._client.life.trust.context
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=wire.server_name,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except BaseException as error:
            self._gone.set()  # it closes by itself, and tells nobody
            if not isinstance(error, OSError):
                raise
            raise DialError(tls_problem(error)) from None
        assert transport is not None  # only of one that was closed meanwhile, which is an OSError
        self._use(transport, is_tls=True)
        wire.secured(self._client.now())
        self._client.wake()

    # -- what the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was dialed."""
        self._use(cast("asyncio.Transport", transport), is_tls=False)  # not by class: uvloop has its own
        self._is_made = True
        fileno = transport.get_extra_info("socket").fileno()
        self._wire.has_unread = lambda: not self._gone.is_set() and has_unread(fileno)
        self._wire.connected(self._client.now())
        if self._wire.wants_tls:
            self._transport.pause_reading()  # what comes is the handshake's
        self._client.wake()

    def _arrived(self) -> None:
        """See `Connection`: it is alone most often, so the runner need not wait for what others have to say."""
        self._client.wake_now()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Connection`."""
        super().connection_lost(exc)
        self._gone.set()
        self._moved.set()

    # -- what the runner calls ---------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """See `Connection`; see to it that the task goes on, or gives up."""
        wire = self._wire
        if self._is_working:
            if wire.is_over and self._task is not None:
                self._is_working = False
                self._task.cancel()
            return
        wants_tls = wire.wants_tls
        if self._is_made and not wants_tls:
            super().flush(now)
        if wants_tls or wire.is_over:
            self._moved.set()
