"""The log of a server: an observer like any other, and the one module of the application layer that knows `logging`."""

from __future__ import annotations

import logging
from typing import Final

from socketio_core.app.observer import Observer
from socketio_core.app.socket import Socket
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason, RemoteProtocolError

_MAX_WARNED_ORIGINS: Final = 100


class Log(Observer):
    """Writes what goes wrong to a logger. Each adapter adds one to the servers that it serves, with its own logger."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._warned: set[str] = set()

    def request_refused(self, refused: RequestRefused) -> None:
        """For an origin once as a warning, for nobody else tells the developer."""
        if refused.error is not None:
            self._logger.error("%r failed: %s", refused.request, refused.detail, exc_info=refused.error)
            return
        request, origin = refused.request, refused.foreign_origin
        if origin is None or origin in self._warned or len(self._warned) >= _MAX_WARNED_ORIGINS:
            log, why = self._logger.info, f"{refused.message} ({refused.detail})"
        else:
            self._warned.add(origin)
            log, why = self._logger.warning, refused.detail
        log("%r from %s refused: %s", request, request.address, why)

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        """What a client did wrong."""
        if error is not None:
            self._logger.info("connection closed, %s: %s", reason.value, error)

    def event_unhandled(self, socket: Socket, name: str) -> None:
        """For who debugs."""
        self._logger.debug("no handler for the event %r of %r", name, socket)

    def failed(self, what: str, error: BaseException) -> None:
        """With the traceback."""
        self._logger.error("%s", what, exc_info=error)
