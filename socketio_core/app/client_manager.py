"""The connection of a client as an application sees it: its sockets, what happens to it, and dispatch."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, assert_never

from socketio_core.app.client_socket import FAILED, Auth, ClientSocket, ConnectError, QueuedEvent, checked_auth
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler, HandlerTable, Registrar, run
from socketio_core.app.runtime import Runtime
from socketio_core.app.socket import AckTimeout, AckWaiter, Disconnected
from socketio_core.engineio.client.events import Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.events import Closed as EngineClosed
from socketio_core.engineio.events import Upgraded
from socketio_core.records import plain
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    AuthRequested,
    Connected,
    ConnectFailed,
    EmitFailed,
    EventReceived,
    Left,
    ReconnectAttempted,
    Reconnected,
    ReconnectFailed,
    ReconnectScheduled,
)
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue

ManagerEvent = (
    Opened
    | OpenFailed
    | Upgraded
    | UpgradeFailed
    | Pinged
    | EngineClosed
    | ReconnectScheduled
    | ReconnectAttempted
    | Reconnected
    | ReconnectFailed
)

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


class ClientManager(Registrar):
    """All sockets of one connection, and the connection itself, which it opens again when it is lost.

    Handlers can be registered here for what happens to the connection: `open` (transport), `upgrade`, `upgrade_error`
    (detail), `ping`, `close` (reason), `error` (`ConnectError`), `reconnect_scheduled` (attempt, delay in seconds),
    `reconnect_attempt` (attempt), `reconnect` (attempts), `reconnect_failed`. An attempt in vain is an `error`, also
    where the reference says `reconnect_error`. Handlers of `on_any` are given the name in front.
    """

    def __init__(self, core: ClientCore, runtime: Runtime) -> None:
        self.core = core
        self.runtime = runtime
        self.flow = Flow(runtime, core, core.settings)
        self.queue: deque[ManagerEvent] = deque()
        self.is_working = False
        self._handlers = HandlerTable(lifecycle={}, known=MOMENTS)
        self._is_held = True

    def socket_of(self, name: str = ROOT_NAMESPACE, auth: Auth | None = None) -> ClientSocket:
        """Return the socket of a namespace; a new one connects at once. `auth` counts when it is new."""
        self.runtime.check_caller()
        name = plain(name) if name.startswith("/") else "/" + name
        self.core.check_not_closed()
        namespace = self.core.of(name)
        if not isinstance(namespace.context, ClientSocket):
            namespace.context = ClientSocket(self, namespace, auth)
            self._socket(namespace).connect()
        elif auth is not None and not namespace.is_active:
            namespace.context.auth = auth
            namespace.context.connect()
        return self._socket(namespace)

    def _socket(self, namespace: ClientNamespace) -> ClientSocket:
        socket = namespace.context
        assert isinstance(socket, ClientSocket)  # namespaces are made together with their sockets
        return socket

    def release(self) -> None:
        """Let handlers run: until then everything is kept, so that they can be registered in time."""
        self._is_held = False
        self._start(self)
        for namespace in self.core.namespaces.values():
            self._start(self._socket(namespace))

    @property
    def subprotocol(self) -> str | None:
        """Of those that were offered (`connect(subprotocols=…)`) the server's choice; `None` but on a WebSocket."""
        return None if self.core.session is None else self.core.session.subprotocol

    @property
    def has_undelivered(self) -> bool:
        """Whether a socket that is connected, or will be by itself, has events to be acknowledged yet (`retries`)."""
        if not self.core.settings.retries:
            return False
        return any(namespace.is_active and namespace.buffered_count for namespace in self.core.namespaces.values())

    def close(self) -> None:
        """End all streams: the block was left."""
        for namespace in self.core.namespaces.values():
            self._socket(namespace).client_closed()

    # -- dispatch ----------------------------------------------------------------------------------------------------

    def dispatch_soon(self) -> None:
        """Take the core's events: settle acks here and now, queue the rest, and see that somebody works on it."""
        failed: list[EmitFailed] = []
        for event in self.core.take_events():
            if isinstance(event, EventReceived):  # fast path; benchmarks: client
                self.flow.event_queued(event.size_bytes)
                self._enqueue(event.namespace, event)
            elif isinstance(event, (AckReceived, AckExpired, AckDropped)):
                _settle(event)
            elif isinstance(event, (Connected, ConnectFailed)):
                self._socket(event.namespace).settle_outcome(event)
                self._enqueue(event.namespace, event)
            elif isinstance(event, Left):
                self.flow.wake()
                self._socket(event.namespace).disconnect_error = event.error
                self._enqueue(event.namespace, event)
            elif isinstance(event, AuthRequested):
                self.runtime.spawn(self._ask_auth, event)
            elif isinstance(event, EmitFailed):
                failed.append(event)
            elif isinstance(event, Pinged) and self.queue and isinstance(self.queue[-1], Pinged):
                pass  # the handlers of the last one have not run yet, and a server may send any number
            else:
                if isinstance(event, EngineClosed) and event.error is not None and event.error.__cause__ is not None:
                    text = f"parser failed, so the connection was closed: {event.error}"
                    self.runtime.log_exception(text, event.error.__cause__)
                self.flow.wake()
                self.queue.append(event)
                self._start(self)

        if failed:
            others = f", and {len(failed) - 1} after it" if len(failed) > 1 else ""
            text = f"event {failed[0].name!r}{others} was given up: {failed[0].detail}"
            self.runtime.log_exception(text, None)

    def _enqueue(self, namespace: ClientNamespace, event: QueuedEvent) -> None:
        socket = self._socket(namespace)
        socket.queue.append(event)
        self._start(socket)

    def _start(self, owner: ClientSocket | ClientManager) -> None:
        if owner.queue and not owner.is_working and not self._is_held:
            owner.is_working = True
            self.runtime.spawn(owner.work)

    async def work(self) -> None:
        """Tell the handlers of the connection's events."""
        try:
            while self.queue:
                name, *args = _told(self.queue.popleft())
                for handler in self._handlers.any:
                    await self.run_handler(handler, name, name, *args)
                for handler in self._handlers.of_event(name):
                    await self.run_handler(handler, name, *args)
        finally:
            self.is_working = False

    async def run_handler(self, handler: Handler, name: str, *args: object) -> JSONValue:
        """Run a handler; what it raises is logged."""
        try:
            return await run(handler, *args)
        except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self.runtime.log_exception(f"handler of {name!r} failed", error)
            return FAILED

    async def _ask_auth(self, event: AuthRequested) -> None:
        namespace = event.namespace
        auth = self._socket(namespace).auth
        try:
            value = checked_auth(await run(auth) if callable(auth) else auth)
            namespace.provide_auth(event.attempt, value, self.runtime.now())
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or anything, for it is the application's code
            self.runtime.log_exception("auth could not be made or sent", error)
            namespace.fail_auth(event.attempt, f"auth could not be made or sent: {error}", self.runtime.now())
        self.dispatch_soon()
        self.runtime.output_ready()


def _settle(event: AckReceived | AckExpired | AckDropped) -> None:
    waiter = event.context
    if isinstance(waiter, AckWaiter):
        if isinstance(event, AckReceived):
            waiter.settle(event.args)
        elif isinstance(event, AckExpired):
            waiter.settle(AckTimeout("no acknowledgement in time"))
        else:
            waiter.settle(Disconnected("the connection was lost before the acknowledgement came"))


def _told(event: ManagerEvent) -> tuple[Any, ...]:
    """Return the name under which an event is told, and the arguments of its handlers."""
    match event:
        case Opened(_, transport):
            return "open", transport
        case OpenFailed():
            return "error", ConnectError(str(event))
        case Upgraded():
            return ("upgrade",)
        case UpgradeFailed(detail):
            return "upgrade_error", detail
        case Pinged():
            return ("ping",)
        case EngineClosed(reason, _):
            return "close", reason.value
        case ReconnectScheduled(attempt, delay_s):
            return "reconnect_scheduled", attempt, delay_s
        case ReconnectAttempted(attempt):
            return "reconnect_attempt", attempt
        case Reconnected(attempts):
            return "reconnect", attempts
        case ReconnectFailed():
            return ("reconnect_failed",)
        case _:
            assert_never(event)
