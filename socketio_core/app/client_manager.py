"""The connection of a client as an application sees it: what happens to it can be listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socketio_core.app.handlers import EventRegistrar, HandlerTable

if TYPE_CHECKING:
    from socketio_core.app.client_host import ClientHost

MOMENTS: Final = (
    "open",
    "upgrade",
    "upgrade_error",
    "ping",
    "close",
    "error",
    "reconnect_scheduled",
    "reconnect_attempt",
    "reconnect",
    "reconnect_failed",
)
"""What can be registered with a `ClientManager`."""


class ClientManager(EventRegistrar):
    """All sockets of one connection, and the connection itself, which it opens again when it is lost.

    Handlers can be registered here for what happens to the connection: `open` (transport), `upgrade`, `upgrade_error`
    (detail), `ping`, `close` (reason), `error` (`ConnectError`), `reconnect_scheduled` (attempt, delay in seconds),
    `reconnect_attempt` (attempt), `reconnect` (attempts), `reconnect_failed`. An attempt in vain is an `error`, also
    where the reference says `reconnect_error`. Handlers of `on_any` are given the name in front.
    """

    def __init__(self, host: ClientHost) -> None:
        self._host = host
        self._handlers = HandlerTable(lifecycle={}, known=MOMENTS)

    @property
    def subprotocol(self) -> str | None:
        """Of those that were offered (`connect(subprotocols=…)`) the server's choice; `None` but on a WebSocket."""
        session = self._host.core.session
        return None if session is None else session.subprotocol


def host_behind(manager: ClientManager) -> ClientHost:
    """Return what an adapter sees of a client, and users do not."""
    return manager._host  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here
