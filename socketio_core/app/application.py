"""Dispatch: from the engine's events to the application's handlers, in order, each socket for itself.

A socket has a queue. Whoever finds it idle and with something in its queue becomes its worker, and works until the
queue is empty; an adapter's reader does so in its own task (see `handover`), others spawn one. So the events of one
socket are handled one after another, and a slow handler delays no other socket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from inspect import isawaitable
from types import CoroutineType
from typing import Any, TypeVar, overload

from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler, Registrar, run
from socketio_core.app.namespace import BroadcastOperator, Broadcasts, Namespace, ParentNamespace
from socketio_core.app.runtime import Runtime
from socketio_core.app.socket import (
    NO_ROOMS,
    AckTimeout,
    AckWaiter,
    Disconnected,
    Handshake,
    Queued,
    Socket,
    ack_args,
    ack_value,
)
from socketio_core.checks import check_count
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.session import Session
from socketio_core.errors import ConnectRefused
from socketio_core.records import plain
from socketio_core.socketio.acks import checked_timeout
from socketio_core.socketio.connection import Connection
from socketio_core.socketio.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    ConnectionClosed,
    ConnectRequested,
    EventReceived,
    Left,
)
from socketio_core.socketio.hub import NamePattern, NamespaceCore
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue, event_packet
from socketio_core.socketio.server import ServerCore

_H = TypeVar("_H", bound=Handler)


class Application(Registrar, Broadcasts):
    """A Socket.IO application: namespaces with their handlers, on top of the engine.

    `on`, `use`, `emit`, `to` and so on stand for the root namespace; `of(name)` for others. Subclassed by adapters.

    Args:
        core: the engine.
        runtime: the event loop's part.
        concurrency: how many events of one socket may be handled at once. 1 keeps them in order; with more, only the
            order in which their handlers *start* is kept.
    """

    def __init__(self, core: ServerCore, runtime: Runtime, *, concurrency: int = 1) -> None:
        check_count("concurrency", concurrency)
        self.core = core
        self.runtime = runtime
        self.concurrency = concurrency
        self._kept: dict[str, Namespace] = {}  # those with handlers of their own, by name
        self._parents: dict[NamePattern | None, ParentNamespace] = {}
        self._root = self._namespace_of(core.hub.of(ROOT_NAMESPACE))
        self._handlers = self._root.handlers

    # -- namespaces --------------------------------------------------------------------------------------------------

    @overload
    def of(self, name: str) -> Namespace: ...
    @overload
    def of(self, name: re.Pattern[str] | Callable[[str], bool]) -> ParentNamespace: ...
    def of(self, name: str | re.Pattern[str] | Callable[[str], bool]) -> Namespace | ParentNamespace:
        """Return a namespace, which clients may join from then on. A name that matches a pattern belongs to its family.

        Args:
            name: `"/admin"` (or `"admin"`); or a pattern that must match the whole name, or a function of the name:
                then clients may join any namespace that matches, with the handlers registered here.
        """
        if isinstance(name, str):
            name = plain(name)
            return self._namespace_of(self.core.hub.of(name if name.startswith("/") else "/" + name))
        text: Any = name.pattern if isinstance(name, re.Pattern) else ""  # not everybody checks types
        if not isinstance(text, str) or not (isinstance(name, re.Pattern) or callable(name)):
            raise TypeError(f"namespace must be a name, a pattern of text or a function of the name, not: {name!r}")
        pattern = name.fullmatch if isinstance(name, re.Pattern) else name
        for known in self._parents.values():
            if known.pattern == pattern:
                return known  # or the guards of a second family would never be asked
        parent = ParentNamespace(self, pattern)
        self._parents[parent.matches] = parent
        self.core.hub.allow(parent.matches)
        return parent

    def use(self, middleware: _H) -> _H:
        """Add a middleware to the root namespace; see `Namespace.use`."""
        return self._root.use(middleware)

    @property
    def sockets(self) -> Namespace:
        """The root namespace."""
        return self._root

    @property
    def namespaces(self) -> list[Namespace]:
        """All namespaces that exist now."""
        return [self._namespace_of(core) for core in list(self.core.hub.namespaces.values())]

    def _everyone(self) -> BroadcastOperator:
        return BroadcastOperator(self, ROOT_NAMESPACE)

    def _namespace_of(self, core: NamespaceCore) -> Namespace:
        namespace = core.context
        if not isinstance(namespace, Namespace):
            namespace = core.context = Namespace(self, core, self._parents.get(core.pattern))
        return namespace

    def keep(self, namespace: Namespace) -> None:
        """Keep a namespace for good: it has handlers."""
        self._kept[namespace.name] = namespace

    def socket_of(self, member: Member) -> Socket:
        """Return the socket that stands for a member."""
        return member.context  # type: ignore[return-value] # set when it asked to connect, before all else

    def flow_of(self, session: Session) -> Flow | None:
        """Return the backpressure of a session, if the application knows it."""
        connection = session.context
        return self.flow_of_connection(connection) if isinstance(connection, Connection) else None

    def flow_of_connection(self, connection: Connection) -> Flow:
        """Return what the sockets of a connection share."""
        flow = connection.context
        if not isinstance(flow, Flow):
            flow = Flow(self.runtime, connection.session, connection.settings)
            connection.context = flow
        return flow

    # -- dispatch ----------------------------------------------------------------------------------------------------

    def dispatch(self) -> list[Socket]:
        """Take the engine's events and queue them. Returns the sockets that now need a worker: run `work` for each.

        Acks are settled here and now, whatever handlers are running.
        """
        runnable: list[Socket] = []
        for event in self.core.take_events():
            if isinstance(event, EventReceived):  # fast path: what `_enqueue` does for the others; benchmarks: server
                socket = self.socket_of(event.member)
                socket.flow.event_queued(event.size_bytes)
                socket.queue.append(event)
                if socket.worker_count < (self.concurrency if socket.is_settled else 1):
                    socket.worker_count += 1
                    runnable.append(socket)
            elif isinstance(event, (AckReceived, AckExpired, AckDropped)):
                _settle(event)
            elif isinstance(event, ConnectRequested):
                self._enqueue(self._make_socket(event), event, runnable)
            elif isinstance(event, Left):
                socket = self.socket_of(event.member)
                socket.flow.wake()  # whoever waits to emit learns that it is over
                self._enqueue(socket, event, runnable)
            elif isinstance(event, ConnectionClosed):
                if event.error is not None and event.error.__cause__ is not None:
                    text = f"parser failed, so the connection was closed: {event.error}"
                    self.runtime.log_exception(text, event.error.__cause__)
                self.connection_closed(event)
            else:
                self.request_refused(event)
        return runnable

    def dispatch_soon(self) -> None:
        """Dispatch, with a task for each socket that needs a worker."""
        for socket in self.dispatch():
            self.runtime.spawn(self.work, socket)

    def request_refused(self, event: RequestRefused) -> None:
        """A request was refused before it reached a session; adapters log it."""

    def event_unhandled(self, socket: Socket, event: EventReceived) -> None:
        """No handler was registered for an event; adapters log it."""

    def connection_closed(self, event: ConnectionClosed) -> None:
        """A client's connection ended; adapters log it."""

    def _make_socket(self, event: ConnectRequested) -> Socket:
        member = event.member
        handshake = Handshake(member.connection.session.request, event.auth)
        socket = Socket(self, member, self._namespace_of(member.namespace), handshake)
        member.context = socket
        return socket

    def _enqueue(self, socket: Socket, event: Queued, runnable: list[Socket]) -> None:
        socket.queue.append(event)
        if socket.worker_count < (self.concurrency if socket.is_settled else 1):
            socket.worker_count += 1
            runnable.append(socket)

    async def work(self, socket: Socket) -> None:
        """Handle what is in the socket's queue until it is empty; to be run for each socket that `dispatch` returns.

        What a handler sets in a `ContextVar` ends with its event: another worker, with the server's context, goes on.
        """
        queue, context = socket.queue, copy_context()
        try:
            while queue:
                if socket.worker_count > 1 and isinstance(queue[0], Left):
                    return  # the worker that finishes last says goodbye
                event = queue.pop(0)
                if isinstance(event, EventReceived):
                    await self._handle_event(socket, event)
                elif isinstance(event, ConnectRequested):
                    await self._decide(socket)
                else:
                    await self._say_goodbye(socket, event)
                if queue and copy_context() != context:
                    socket.worker_count += 1
                    self.runtime.spawn(self.work, socket)
                    return
        finally:
            socket.worker_count -= 1

    async def _handle_event(self, socket: Socket, event: EventReceived) -> None:
        name, args, member = event.name, event.args, socket.member
        if member.was_let_go or member.connection.session.was_let_go:  # this came behind that; fast path: `_is_let_go`
            socket.flow.event_handled(event.size_bytes)
            return
        shared, own = socket.namespace.handlers, socket.handlers
        outcome: JSONValue = None
        has_failed, was_handled = False, False
        try:
            shared_any, own_any = shared.any, own.any
            if shared_any or own_any:
                for handler in shared_any:
                    await self._run(handler, name, socket, name, *args)
                for handler in own_any:
                    await self._run(handler, name, name, *args)
                if _is_let_go(member):  # by one of these: they may be guards
                    return
            for handlers, given in ((shared.of_event(name), (socket, *args)), (own.of_event(name), args)):
                for handler in handlers:  # fast path: what `_run` does, in this coroutine; benchmarks: server
                    was_handled = True
                    try:
                        result = handler(*given)
                        if _is_awaitable(result):
                            result = await result
                    except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
                        self._log_failure(name, error)
                        has_failed = True
                    else:
                        outcome = result if outcome is None else outcome
        finally:
            socket.flow.event_handled(event.size_bytes)
        if event.ack_id is not None and was_handled and not has_failed:
            self._acknowledge(socket, event, outcome)
        elif not was_handled:
            self.event_unhandled(socket, event)

    def _acknowledge(self, socket: Socket, event: EventReceived, result: JSONValue) -> None:
        assert event.ack_id is not None  # the caller looked
        try:
            socket.member.acknowledge(event.ack_id, ack_args(result))
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or whatever an object of the application raises
            self.runtime.log_exception(f"return value of the handler of {event.name!r} cannot be sent", error)
        self.runtime.output_ready()

    async def _decide(self, socket: Socket) -> None:
        """Ask the middlewares; whatever goes wrong while deciding keeps the socket out."""
        member = socket.member
        try:
            for middleware in socket.namespace.handlers.middlewares:
                if await run(middleware, socket) is False:  # what refuses in python-socketio must not let in here
                    raise ConnectRefused
                if member.state is MemberState.LEFT:  # it was disconnected, or went away
                    break
            accepted = member.accept(self.runtime.now())
        except ConnectRefused as refusal:
            self._refuse(member, refusal.message, refusal.data)
            return
        except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self.runtime.log_exception("middleware failed, so the socket was refused", error)
            self._refuse(member, "Internal server error")
            return
        except BaseException:  # cancelled: fail closed, and let it pass
            self._refuse(member, "Server is shutting down")
            raise
        self.runtime.output_ready()
        if accepted:
            for handler in socket.namespace.handlers.of_moment("connection"):
                await self._run(handler, "connection", socket)
        socket.is_settled = True
        self.dispatch_soon()  # what was held for it
        for _ in range(socket.worker_count, min(self.concurrency, len(socket.queue))):  # what came meanwhile
            socket.worker_count += 1
            self.runtime.spawn(self.work, socket)

    def _refuse(self, member: Member, message: JSONValue, data: JSONValue = None) -> None:
        try:
            member.refuse(message, data)
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or whatever an object of the application raises
            self.runtime.log_exception("message or data of the refusal cannot be sent", error)
            try:
                member.refuse(message if isinstance(message, str) else "Internal server error")  # str() may fail
            except Exception:  # noqa: BLE001 - it is the parser's: what cannot be told ends the connection
                member.disconnect(self.runtime.now(), close=True)
        self.dispatch_soon()  # who waits for an ack that will not come
        self.runtime.output_ready()

    async def _say_goodbye(self, socket: Socket, event: Left) -> None:
        if not event.member.was_accepted:
            return
        reason = event.reason.value
        socket.parting_rooms = event.rooms | {socket.id}
        for moment in ("disconnecting", "disconnect"):
            for handler in socket.namespace.handlers.of_moment(moment):
                await self._run(handler, moment, socket, reason)
            for handler in socket.handlers.of_moment(moment):
                await self._run(handler, moment, reason)
            socket.parting_rooms = NO_ROOMS

    async def _run(self, handler: Handler, name: str, *args: object) -> None:
        try:
            await run(handler, *args)
        except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self._log_failure(name, error)

    def _log_failure(self, name: str, error: Exception) -> None:
        if isinstance(error, ConnectRefused):
            hint = "too late to refuse, the socket is in: raise ConnectRefused in a middleware (use), or disconnect it"
            error.add_note(hint)
        self.runtime.log_exception(f"handler of {name!r} failed", error)

    # -- acks --------------------------------------------------------------------------------------------------------

    async def call_many(
        self,
        nsp: str,
        sockets: Sequence[Socket],
        name: str,
        args: Iterable[JSONValue],
        timeout_s: float | None,
    ) -> list[JSONValue]:
        """Send one event to several sockets and wait for an ack from each; see `BroadcastOperator.call`."""
        timeout_s = checked_timeout(timeout_s)
        await self.runtime.check_cancelled()
        namespace = self.core.hub.namespaces.get(nsp)
        ack_id = 0 if namespace is None else namespace.take_ack_id()  # nobody is in one that is not there
        message = self.core.parser.encode(event_packet(nsp, name, args, ack_id))
        if not sockets:
            return []
        event = self.runtime.new_event()
        missing = len(sockets)

        def settled() -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                event.set()

        waiters = [AckWaiter(settled) for _ in sockets]
        now = self.runtime.now()
        try:
            for socket, waiter in zip(sockets, waiters, strict=True):
                socket.member.expect_ack(ack_id, timeout_s=timeout_s, context=waiter, now=now)
            for socket in sockets:  # all of them expect it, so nothing stops this half way
                socket.member.connection.session.put(message)
            self.runtime.output_ready()
            for socket in sockets:
                socket.flow.ack_awaited()
            try:
                await event.wait()
            finally:
                for socket in sockets:
                    socket.flow.ack_settled()
        finally:
            for socket in sockets:
                socket.member.forget_ack(ack_id)
        responses = [ack_value(waiter.outcome) for waiter in waiters if isinstance(waiter.outcome, list)]
        if len(responses) < len(sockets):
            raise AckTimeout(f"{len(sockets) - len(responses)} of {len(sockets)} acks did not come", responses)
        return responses


def _is_let_go(member: Member) -> bool:
    return member.was_let_go or member.connection.session.was_let_go


def _is_awaitable(result: object) -> bool:
    return type(result) is CoroutineType or isawaitable(result)  # the first is faster, and nearly always right


def _settle(event: AckReceived | AckExpired | AckDropped) -> None:
    waiter = event.context
    if not isinstance(waiter, AckWaiter):
        return
    if isinstance(event, AckReceived):
        waiter.settle(event.args)
    elif isinstance(event, AckExpired):
        waiter.settle(AckTimeout("no acknowledgement in time"))
    else:
        waiter.settle(Disconnected("socket left before it acknowledged"))
