"""What an adapter sees of a client, and users do not: its sockets, its connection, and dispatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from socketio_core.app.acks import settle_ack
from socketio_core.app.client_inbox import FAILED, ClientInbox
from socketio_core.app.client_manager import ClientManager
from socketio_core.app.client_socket import Auth, ClientSocket, ConnectError, check_auth
from socketio_core.app.failures import failure_of, has_failed
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler, handlers_of, run
from socketio_core.app.runtime import Runtime
from socketio_core.app.worker import Inbox, Tell
from socketio_core.engineio.client.events import Opened, OpenFailed, Pinged, UpgradeFailed
from socketio_core.engineio.events import Closed as EngineClosed
from socketio_core.engineio.events import Upgraded
from socketio_core.errors import EventRefused, InvalidEvent
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


class ClientHost:
    """All sockets of one connection, and the connection itself, as an adapter sees them.

    Attributes:
        core: the engine's client.
        runtime: the event loop's part.
        flow: the backpressure of the connection.
        manager: what handlers of the connection are registered with.
    """

    def __init__(self, core: ClientCore, runtime: Runtime) -> None:
        self.core = core
        self.runtime = runtime
        self.flow = Flow(runtime, core, core.settings)
        self.manager = ClientManager(self)
        self._inbox = ManagerInbox(self)
        self._concurrency = 0  # of each inbox, until `release`

    def socket_of(self, name: str = ROOT_NAMESPACE, auth: Auth | None = None) -> ClientSocket:
        """Return the socket of a namespace; a new one connects at once. `auth` counts when it is new."""
        self.runtime.check_caller()
        name = plain(name) if name.startswith("/") else "/" + name
        self.core.check_not_closed()
        namespace = self.core.of(name)
        if not isinstance(namespace.context, ClientInbox):
            namespace.context = ClientInbox(self, namespace, auth, self._concurrency)
            namespace.context.socket.connect()
        elif auth is not None and not namespace.is_active:
            namespace.context.socket.auth = auth
            namespace.context.socket.connect()
        return namespace.context.socket

    @property
    def _inboxes(self) -> list[ClientInbox]:
        return [_inbox_of(namespace) for namespace in self.core.namespaces.values()]

    def release(self) -> None:
        """Let handlers run: until then everything is kept, so that they can be registered in time."""
        self._concurrency = 1
        self._inbox.admit(1)
        for inbox in self._inboxes:
            inbox.admit(1)

    @property
    def has_undelivered(self) -> bool:
        """Whether a socket that is connected, or will be by itself, has events to be acknowledged yet (`retries`)."""
        if not self.core.settings.retries:
            return False
        return any(namespace.is_active and namespace.buffered_count for namespace in self.core.namespaces.values())

    def untold(self) -> list[Tell]:
        """Return what tells handlers of the end, each for itself, where those who would have were cancelled."""
        self.dispatch()
        inboxes: list[Inbox[Any]] = [*self._inboxes, self._inbox]
        return [inbox.work_off for inbox in inboxes if not inbox.is_empty]

    def close(self) -> None:
        """End all streams: the block was left."""
        for inbox in self._inboxes:
            inbox.client_closed()

    # -- dispatch ----------------------------------------------------------------------------------------------------

    def dispatch(self) -> list[Inbox[Any]]:
        """Take the core's events and put them into inboxes. Returns those of which `work` must be run now.

        Acks are settled here and now, whatever handlers are running.
        """
        runnable: list[Inbox[Any]] = []
        failed: list[EmitFailed] = []
        for event in self.core.take_events():
            if isinstance(event, EventReceived):  # first, for most are; benchmarks: client
                inbox: ClientInbox = event.namespace.context  # type: ignore[assignment] # `_inbox_of` without the call
                if inbox.put(event, event.size_bytes):
                    runnable.append(inbox)
            elif isinstance(event, (AckReceived, AckExpired, AckDropped)):
                settle_ack(event, "the connection was lost before the acknowledgement came")
            elif isinstance(event, (Connected, ConnectFailed, Left)):
                inbox = _inbox_of(event.namespace)
                if isinstance(event, Left):
                    self.flow.wake()
                    inbox.socket.disconnect_error = event.error
                else:
                    inbox.settle_outcome(event)
                if inbox.put(event):
                    runnable.append(inbox)
            elif isinstance(event, AuthRequested):
                self.runtime.spawn(self._ask_auth, event)
            elif isinstance(event, EmitFailed):
                failed.append(event)
            elif isinstance(event, Pinged) and isinstance(self._inbox.newest, Pinged):
                pass  # the handlers of the last one have not run yet, and a server may send any number
            else:
                self._note_failure(event)
                self.flow.wake()
                if self._inbox.put(event):
                    runnable.append(self._inbox)
        if failed:
            others = f", and {len(failed) - 1} after it" if len(failed) > 1 else ""
            text = f"event {failed[0].name!r}{others} was given up: {failed[0].detail}"
            self.runtime.log_exception(text, None)
        return runnable

    def dispatch_soon(self) -> None:
        """Dispatch, with a task for each inbox that needs one."""
        for inbox in self.dispatch():
            self.runtime.spawn(inbox.work)

    def _note_failure(self, event: ManagerEvent) -> None:
        if isinstance(event, EngineClosed) and event.error is not None and event.error.__cause__ is not None:
            text = f"parser failed, so the connection was closed: {event.error}"
            self.runtime.log_exception(text, event.error.__cause__)

    async def run_handler(self, handler: Handler, name: str, *args: object) -> JSONValue:
        """Run a handler; what it raises is logged."""
        try:
            return await run(handler, *args)
        except BaseException as error:  # noqa: BLE001 - anything at all, for it is the application's code
            return self.outcome_of(error, handler, name, args)

    def outcome_of(self, error: BaseException, handler: Handler, name: str, args: Sequence[object]) -> JSONValue:
        """Return what a handler answers that has raised; what is no failure of its own is raised again."""
        if isinstance(error, EventRefused):
            if isinstance(error, InvalidEvent):
                self.runtime.log_exception(f"event {name!r} is not what was declared: {error.detail}", None)
            return error.answer
        if not has_failed(error, self.runtime):
            raise error
        self.runtime.log_exception(*failure_of(handler, name, args, error))
        return FAILED

    async def _ask_auth(self, event: AuthRequested) -> None:
        inbox = _inbox_of(event.namespace)
        auth = inbox.socket.auth
        try:
            value = check_auth(await run(auth) if callable(auth) else auth)
            inbox.acting.provide_auth(event.attempt, value, self.runtime.now())
        except BaseException as error:  # LocalProtocolError, or anything, for it is the application's code
            if not has_failed(error, self.runtime):
                raise
            self.runtime.log_exception("auth could not be made or sent", error)
            inbox.acting.fail_auth(event.attempt, f"auth could not be made or sent: {error}", self.runtime.now())
        self.dispatch_soon()


class ManagerInbox(Inbox[ManagerEvent]):
    """What happens to the connection of a client."""

    def __init__(self, host: ClientHost) -> None:
        super().__init__(host.runtime, host.flow, 0)
        self._host = host
        self._handlers = handlers_of(host.manager)

    async def handle(self, event: ManagerEvent) -> None:
        """See `Inbox`."""
        name, *args = what_is_told(event)
        for handler in self._handlers.any:
            await self._host.run_handler(handler, name, name, *args)
        for handler in self._handlers.of_event(name):
            await self._host.run_handler(handler, name, *args)


def _inbox_of(namespace: ClientNamespace) -> ClientInbox:
    inbox = namespace.context
    assert isinstance(inbox, ClientInbox)  # namespaces are made together with their sockets
    return inbox


def what_is_told(event: ManagerEvent) -> tuple[Any, ...]:
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
