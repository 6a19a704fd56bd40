"""What the application keeps of a socket and does not show: its member, and what waits for its handlers."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isawaitable
from types import CoroutineType, NoneType
from typing import TYPE_CHECKING, Any

from socketio_core.app.acks import ack_args
from socketio_core.app.failures import failure_of, fitting, has_failed, names_of, why_left
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import NO_HANDLERS, REST, Handler, HandlerTable, handlers_of, run
from socketio_core.app.incoming import IncomingEvent
from socketio_core.app.namespace import Namespace
from socketio_core.app.room import HOLDS_TOO_MUCH
from socketio_core.app.socket import NO_ROOMS, Handshake, Socket
from socketio_core.app.waiting import Until
from socketio_core.app.worker import Inbox
from socketio_core.engineio.session import Session
from socketio_core.errors import ConnectRefused, EventRefused, InvalidEvent
from socketio_core.socketio.events import ConnectRequested, EventReceived, Left
from socketio_core.socketio.member import Member, MemberState
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher

_COROUTINE: Any = CoroutineType  # of whatever; what a handler returns is not to be narrowed by it
_ANSWER: Any = (NoneType, bool)  # of a middleware that does not wait


class SocketInbox(Inbox["ConnectRequested | EventReceived | Left"]):
    """The events of one socket.

    Attributes:
        app: where it belongs.
        member: what the engine knows the socket as; its `context` is this.
        namespace: where the socket is.
        shared: what was registered with the namespace.
        handlers: what was registered for this socket alone.
        parting_rooms: where it was, for the handlers of "disconnecting".
        socket: what handlers see of it.
    """

    __slots__ = ("app", "handlers", "member", "namespace", "parting_rooms", "shared", "socket")

    def __init__(self, app: Dispatcher, member: Member, namespace: Namespace, handshake: Handshake, flow: Flow) -> None:
        super().__init__(app.runtime, flow, slow=app.audience.slow_handlers, room=app.room)
        self.app = app
        self.member = member
        self.namespace = namespace
        self.shared = handlers_of(namespace)
        self.handlers = HandlerTable()
        self.parting_rooms = NO_ROOMS
        self.socket = Socket(self, handshake)

    @property
    def session(self) -> Session:
        """What the socket is over."""
        return self.member.connection.session

    def args_of(self, event: ConnectRequested | EventReceived | Left) -> Sequence[Any]:
        """See `Inbox`."""
        return event.args if isinstance(event, EventReceived) else ()

    @property
    def is_client_gone(self) -> bool:
        """See `Inbox`."""
        return self.session.is_closed

    @property
    def acting(self) -> Member:
        """The member, to be told something; see `Inbox`."""
        self.runtime.output_ready()
        return self.member

    def until(self, timeout_s: float | None) -> Until | None:
        """Return when something that begins now, and may take so long, is given up; `None` is never."""
        if timeout_s is None:
            return None
        return Until(self.runtime, self.member.connection.schedule, self.runtime.now() + timeout_s)

    def describe(self, event: ConnectRequested | EventReceived | Left) -> str:
        """See `Inbox`."""
        where = self.namespace.name
        if isinstance(event, ConnectRequested):
            handlers = (*self.shared.middlewares, *self.shared.listeners("connection"))
            return f"middlewares and 'connection' of {where}: {names_of(handlers)}"
        if isinstance(event, Left):
            handlers = (*self._listeners("disconnecting"), *self._listeners("disconnect"))
            return f"'disconnect' of {where}: {names_of(handlers)}"
        first = (*self.shared.guards, *self.handlers.guards, *self.shared.any, *self.handlers.any)
        handlers = (*first, *(self._listeners(event.name) or self._listeners(REST)))
        return f"handler of {event.name!r} of {where}: {names_of(handlers)}"

    def _listeners(self, name: str) -> Sequence[Handler]:
        return (*self.shared.listeners(name), *self.handlers.listeners(name))

    async def handle(self, event: ConnectRequested | EventReceived | Left) -> None:
        """See `Inbox`."""
        if not isinstance(event, EventReceived):
            await (self._decide(event) if isinstance(event, ConnectRequested) else self._say_goodbye(event))
            return
        name, args, member, socket = event.name, event.args, self.member, self.socket
        if member.was_let_go or member.connection.session.was_let_go:  # this came behind that
            return
        shared, own = self.shared, self.handlers
        if shared.is_watched or (not own.is_empty and own.is_watched):
            passed = await self._passed(event)
            if passed is None:
                return
            name, args = passed.name, passed.args
        of_all: Sequence[Handler] = shared.of_event(name)
        of_this = NO_HANDLERS if own.is_empty else own.of_event(name)
        if not of_all and not of_this:
            of_all, args = shared.of_moment(REST), [name, *args]
            of_this = NO_HANDLERS if own.is_empty else own.of_moment(REST)
            if not of_all and not of_this:
                self.app.audience.tell(self.app.audience.event_unhandled, socket, name)
                return
        outcome: JSONValue = None
        failed = False
        given: Sequence[Any] = (socket, *args)
        for handlers in (of_all, of_this) if of_this else (of_all,):
            for handler in handlers:  # fast path: what `_run` does, in this coroutine; benchmarks: server
                try:
                    result = handler(*given)
                    if type(result) is _COROUTINE or isawaitable(result):  # the first is nearly always right
                        result = await result
                except EventRefused as refusal:
                    outcome = self._refused(name, refusal)
                except BaseException as error:  # noqa: BLE001 - anything at all, for it is the application's code
                    self._note_failure(name, error, handler, given)
                    failed = True
                else:
                    outcome = result if outcome is None else outcome
            given = args  # a handler of the socket's own knows it
        if event.ack_id is not None and not failed:
            self._acknowledge(event, outcome)

    async def _passed(self, received: EventReceived) -> IncomingEvent | None:
        """Show an event to the middlewares and the handlers of `on_any`. Returns what the others are to have of it."""
        socket, member, shared, own = self.socket, self.member, self.shared, self.handlers
        session, event = member.connection.session, IncomingEvent(socket, received)
        given: tuple[Any, ...] = (socket, event)
        of_this = NO_HANDLERS if own.is_empty else own.guards
        try:
            for guards in (shared.guards, of_this) if of_this else (shared.guards,):
                for middleware in guards:  # fast path: what `run` does, in this coroutine; benchmarks: network
                    name, args = event.name, event.args
                    result = middleware(*given)
                    if type(result) is _COROUTINE or (not isinstance(result, _ANSWER) and isawaitable(result)):
                        result = await result
                    if result is False or member.was_let_go or session.was_let_go:
                        return None
                    if event.name is not name or event.args is not args:
                        event.check()
                given = (event,)  # those of the socket know it
        except BaseException as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self._stopped(received, error)
            return None
        if shared.any or not own.is_empty:
            for handler in shared.any:
                await self._run(handler, event.name, socket, event.name, *event.args)
            for handler in own.any:
                await self._run(handler, event.name, event.name, *event.args)
            if member.was_let_go or session.was_let_go:  # by one of these: they may be guards
                return None
        return event

    def _stopped(self, received: EventReceived, error: BaseException) -> None:
        """Answer, or log, what a middleware raised, or raise it again if it is no failure."""
        if isinstance(error, EventRefused):
            if received.ack_id is not None:
                self._acknowledge(received, error.answer)
        elif has_failed(error, self.runtime):
            self.app.audience.report(f"middleware failed, so the event {received.name!r} was dropped", error)
        else:
            raise error

    def _acknowledge(self, event: EventReceived, result: Any) -> None:
        assert event.ack_id is not None  # the caller looked
        try:
            self.acting.acknowledge(event.ack_id, ack_args(result))
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or whatever an object of the application raises
            self.app.audience.report(f"return value of the handler of {event.name!r} cannot be sent", error)

    async def _decide(self, event: ConnectRequested) -> None:
        """Ask the middlewares; whatever goes wrong while deciding keeps the socket out."""
        member = self.member
        try:
            if self.app.room.is_full:
                if member.connection.members != [member]:  # the others stay
                    raise ConnectRefused(HOLDS_TOO_MUCH)
                self.acting.disconnect(self.runtime.now(), close=True)
                self.app.dispatch_soon()
                return  # its client tries again: as after any lost connection, and not after a refusal
            await self._check_family()
            for middleware in await self._guards(event):
                if member.state is MemberState.LEFT:  # it was disconnected, or went away
                    break
                if await run(middleware, self.socket) is False:  # what refuses in python-socketio must not let in here
                    raise ConnectRefused
            accepted = self.acting.accept(self.runtime.now())
        except ConnectRefused as refusal:
            self._refuse(refusal.message, refusal.data)
            return
        except BaseException as error:
            if not has_failed(error, self.runtime):  # cancelled: fail closed, and let it pass
                self._refuse("Server is shutting down")
                raise
            self.app.audience.report("middleware failed, so the socket was refused", error)
            self._refuse("Internal server error")
            return
        if accepted:
            self.app.socket_is_in(member)
            if self.namespace.parent is not None and not self.namespace.parent.cleanup_empty:
                member.namespace.is_dynamic = False  # it stays
            for handler in self.shared.of_moment("connection"):
                await self._run(handler, "connection", self.socket)
        self.app.dispatch_soon()  # what was held for it
        self.admit(self.app.concurrency)

    async def _check_family(self) -> None:
        """Ask whether there is such a namespace, where that is asked about each client; and tell of a new one.

        Raises:
            ConnectRefused: there is none for this client.
        """
        core, namespaces = self.member.namespace, self.app.namespaces
        if core.asks_each and not await namespaces.admits(core, self.socket.handshake.auth):
            raise ConnectRefused("Invalid namespace")
        if core.pattern is not None:
            namespaces.announce(self.namespace)

    async def _guards(self, event: ConnectRequested) -> Sequence[Handler]:
        """Return the middlewares that are to be asked; if the client was lost, and is known, give it back what it had.

        An adapter that fails costs the client what it had, and no more.
        """
        recovery = self.app.core.recovery
        if event.claim is None or recovery is None:
            return self.shared.middlewares
        # Who is taken over has left before this, and is told so first; but trio begins tasks in any order.
        namespace = self.member.namespace.name
        await self.app.returns.turn(self.runtime, recovery.about_missed(namespace, event.claim))
        try:
            session = await self.app.adapter.take_session(namespace, event.claim)
        except Exception as error:  # noqa: BLE001 - of somebody's adapter
            self.app.audience.report("adapter failed, so a socket was not recovered", error)
            session = None
        if session is None or not self.member.restore(session):
            return self.shared.middlewares
        return () if session.is_proven and recovery.settings.skip_middlewares else self.shared.middlewares

    def _refuse(self, message: JSONValue, data: JSONValue = None) -> None:
        try:
            self.acting.refuse(message, data)
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or whatever an object of the application raises
            self.app.audience.report("message or data of the refusal cannot be sent", error)
            try:
                self.acting.refuse(message if isinstance(message, str) else "Internal server error")  # str() may fail
            except Exception:  # noqa: BLE001 - it is the parser's: what cannot be told ends the connection
                self.acting.disconnect(self.runtime.now(), close=True)
        self.app.dispatch_soon()  # who waits for an ack that will not come

    async def _say_goodbye(self, event: Left) -> None:
        try:
            if event.member.was_accepted:
                await self._tell_all(event)
        finally:
            self._part()

    def _part(self) -> None:
        """It is over. Who has the socket may ask it all it knows; nothing is left to Python's garbage collector."""
        self.app.room.forget(self)  # all that came before is handled, too
        member = self.member
        member.context = None
        session = member.recoverable
        if session is None or session.is_over:  # else observers hear of what it is sent, if its client is lost (again)
            del self.socket

    async def _tell_all(self, event: Left) -> None:
        why = why_left(event)
        self.parting_rooms = event.rooms | {self.member.sid}
        for moment in ("disconnecting", "disconnect"):
            for handler in self.shared.of_moment(moment):
                await self._run(handler, moment, *fitting(handler, self.socket, *why))
            for handler in self.handlers.of_moment(moment):
                await self._run(handler, moment, *fitting(handler, *why))
            self.parting_rooms = NO_ROOMS

    async def _run(self, handler: Handler, name: str, *args: object) -> None:
        try:
            await run(handler, *args)
        except BaseException as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self._note_failure(name, error, handler, args)

    def _refused(self, name: str, refusal: EventRefused) -> tuple[Any, ...]:
        """Return what a refusal answers. What is no valid event the log tells, too."""
        if isinstance(refusal, InvalidEvent):
            self.app.audience.tell(self.app.audience.event_invalid, self.socket, name, refusal)
        return refusal.answer

    def _note_failure(self, name: str, error: BaseException, handler: Handler, args: Sequence[object]) -> None:
        """Log what a handler raised, or raise it again if it is no failure."""
        if not has_failed(error, self.runtime):
            raise error
        if isinstance(error, ConnectRefused):
            hint = "too late to refuse, the socket is in: raise ConnectRefused in a middleware (use), or disconnect it"
            error.add_note(hint)
        self.app.audience.report(*failure_of(handler, name, args, error))


def inbox_of(member: Member) -> SocketInbox:
    """Return what the application keeps of a member."""
    return member.context  # type: ignore[return-value] # set when it asked to connect, before all else
