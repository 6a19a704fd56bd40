"""What is underneath a socket, as an application sees it: `socket.conn`, which the client's sockets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socketio_core.app.failures import failure_of, has_failed
from socketio_core.app.handlers import HandlerTable, Registrar, run

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher
    from socketio_core.engineio.session import Session

MOMENTS: Final = ("upgrade", "close")


class SocketConnection(Registrar):
    """The connection of a client, which the sockets in all its namespaces share.

    Handlers, sync or async, are registered for `"upgrade"`, when it has moved to a WebSocket, and given the transport's
    name then, and for `"close"`, given the reason. They run in tasks of their own.
    """

    __slots__ = ("_app", "_handlers", "_session")

    def __init__(self, app: Dispatcher, session: Session) -> None:
        self._app = app
        self._session = session
        self._handlers = HandlerTable(lifecycle={}, known=MOMENTS)

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`; what it was, when it is over."""
        return self._session.transport

    async def close(self) -> None:
        """Close the connection, and let the client come back, as it does when it has lost one; `disconnect` ends it.

        What was sent before still goes out, what waits for handlers is not handled any more. So a test sees what
        becomes of an application that loses a client.
        """
        await self._app.runtime.check_cancelled()
        self._acting.close(self._app.runtime.now())
        self._app.dispatch_soon()

    @property
    def _acting(self) -> Session:
        """The session, to be told something; see `SocketInbox.acting`."""
        self._app.runtime.output_ready()
        return self._session


async def tell(connection: SocketConnection, moment: str, what: str) -> None:
    """Run the handlers of a moment; what they raise is reported."""
    app, handlers = connection._app, connection._handlers  # pyright: ignore[reportPrivateUsage] # hidden from users alone
    for handler in handlers.of_event(moment):
        try:
            await run(handler, what)
        except BaseException as error:
            if not has_failed(error, app.runtime):
                raise
            app.audience.report(*failure_of(handler, moment, (what,), error))
