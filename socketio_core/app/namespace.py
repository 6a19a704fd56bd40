"""Namespaces as an application sees them, and families of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from socketio_core.app.declared import DeclaredEvent, answers_args
from socketio_core.app.event_handlers import EventHandlers, OneEach, methods_of
from socketio_core.app.handlers import LIFECYCLE, SERVER_LIFECYCLE, Handler, HandlerTable, handlers_of
from socketio_core.app.operators import BroadcastOperator, Broadcasts, complete
from socketio_core.app.registering import Own, SharedHandlers
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.hub import NamespaceCore
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue, event_packet
from socketio_core.socketio.selection import EVERYONE, USUAL_ACK_TIMEOUT_S, Selection

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher
    from socketio_core.app.socket import Socket

_H = TypeVar("_H", bound=Handler)

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Registers(SharedHandlers):
    """Handlers and middlewares of a namespace, or of all that match a pattern."""

    __slots__ = ()

    _app: Dispatcher

    def _outgoing_changed(self) -> None:
        self._app.outgoing.is_heard = True

    def register(self, handlers: EventHandlers | type[EventHandlers], *, per_socket: bool = False) -> None:
        """Register the methods of an `EventHandlers`; they are given the socket first.

        Args:
            handlers: an instance, or with `per_socket` the class, which is called without arguments.
            per_socket: each socket has an instance of its own, from the first method that is called for it.

        Raises:
            TypeError: it is none, or handles nothing.
        """
        if not per_socket:
            super().register(handlers)  # type: ignore[arg-type] # it looks
            return
        each = OneEach(handlers)
        for name, method in methods_of(each.kind):
            self._take(name, each.handler(method))

    def use(self, middleware: _H) -> _H:
        """Add a middleware: sync or async, called with each socket that wants in, in the order of registration.

        It raises `ConnectRefused` to keep the socket out; any other exception keeps it out too, and is logged.
        """
        self._handlers.add_middleware(middleware)
        return middleware

    @overload
    def on_server_side(self, name: DeclaredEvent[_P, _R], /) -> Callable[[Own[_P, _R]], Own[_P, _R]]: ...
    @overload
    def on_server_side(self, name: str) -> Callable[[_H], _H]: ...
    def on_server_side(self, name: Any) -> Any:
        """Register a handler for events that *other servers* send with `server_side_emit`: `@io.on_server_side("x")`.

        It is given the arguments; what it returns, for nobody else does it, is its server's acknowledgement.
        """

        def register(handler: _H) -> _H:
            self._handlers.add_server_side(name, handler)
            return handler

        return register

    def use_events(self, middleware: _H) -> _H:
        """Add a middleware of events: sync or async, called with the socket and an `IncomingEvent`.

        It may change the event. It is called in the order of registration, before handlers of `on_any`, in the socket's
        own queue: the next event of the socket waits for it, unless the server's `concurrency` is more than 1. It
        raises `EventRefused` to answer in place of the handlers, or returns `False` to drop the event; any other
        exception drops it too, and is logged.
        """
        self._handlers.add_guard(middleware)
        return middleware


class Namespace(_Registers, Broadcasts):
    """One namespace: handlers, middlewares, and everyone in it.

    One whose name matches a pattern is forgotten when nobody is in it, but for handlers and middlewares of its own. Who
    kept the object finds it in use again when the name comes back.
    """

    __slots__ = ("_app", "_core", "_handlers", "_parent")

    def __init__(self, app: Dispatcher, core: NamespaceCore, parent: ParentNamespace | None = None) -> None:
        self._app = app
        lifecycle = SERVER_LIFECYCLE if core.name == ROOT_NAMESPACE else LIFECYCLE
        self._handlers = HandlerTable(None if parent is None else handlers_of(parent), lifecycle, added=self._keep)
        self._core = core
        self._parent = parent

    def _keep(self) -> None:
        self._app.namespaces.keep(self, self._core)

    def __repr__(self) -> str:
        return f"<Namespace {self.name}, {len(self._core.members)} sockets>"

    @property
    def name(self) -> str:
        """E.g. `"/admin"`."""
        return self._core.name

    @property
    def parent(self) -> ParentNamespace | None:
        """The family that it belongs to, whose handlers and middlewares come before its own."""
        return self._parent

    @property
    def sockets(self) -> Mapping[str, Socket]:
        """The sockets in it, by id; a snapshot."""
        return {sid: self._app.socket_of(member) for sid, member in self._core.members.items()}

    @property
    def rooms(self) -> Mapping[str, frozenset[str]]:
        """The rooms that somebody is in, and the ids of those; a snapshot, without the rooms named by an id."""
        core = self._core
        return {room: frozenset(each.sid for each in core.in_room(room)) for room in core.room_names}

    async def all_rooms(self) -> set[str]:
        """Return the rooms that somebody is in, at any server; the id of each socket is one of them.

        Raises:
            ClusterError: an adapter joins this server to others, and not all of them have answered; its `partial` has
                those that are known.
        """
        await self._app.runtime.check_cancelled()
        return await self._app.adapter.rooms(self.name)

    @overload
    async def server_side_emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> None: ...
    @overload
    async def server_side_emit(self, name: str, *args: JSONValue) -> None: ...
    async def server_side_emit(self, name: Any, *args: Any) -> None:  # type: ignore[misc] # see `Declare`
        """Send an event to the other servers, where several are joined by an adapter; one that is alone tells nobody.

        It meets the handlers of `on_server_side` there.

        Raises:
            LocalProtocolError: a name that means something to namespaces, or data that is not JSON.
        """
        await self._app.runtime.check_cancelled()
        self._check_server_side(name, args)
        self._app.adapter.server_side_emit(self.name, name, args)

    @overload
    async def server_side_emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[list[JSONValue]]: ...
    @overload
    async def server_side_emit_with_ack(
        self, name: str, *args: JSONValue, timeout: float | None = USUAL_ACK_TIMEOUT_S
    ) -> list[list[JSONValue]]: ...
    async def server_side_emit_with_ack(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | None = USUAL_ACK_TIMEOUT_S
    ) -> list[list[JSONValue]]:
        """Do what `server_side_emit` does, and wait for an acknowledgement of each other server; alone, that is `[]`.

        Returns all arguments of each, as they came; one that is not what was declared counts as if it had not come.

        Raises:
            AckTimeout: not all came in time; `error.responses` has those that did.
            LocalProtocolError: as `server_side_emit`, or no such time.
        """
        timeout_s = check_timeout(timeout)
        await self._app.runtime.check_cancelled()
        self._check_server_side(name, args)
        found = await self._app.adapter.server_side_emit_with_ack(self.name, name, args, timeout_s)
        return complete(found, answers_args(name, found.responses))

    def _check_server_side(self, name: str, args: Sequence[JSONValue]) -> None:
        if name in SERVER_LIFECYCLE:
            raise LocalProtocolError(f"reserved for namespaces, so no server can send it: {name!r}")
        self._app.core.parser.encode(event_packet(self.name, name, args))  # it is sent otherwise; but it must be JSON

    def _everyone(self) -> BroadcastOperator:
        return BroadcastOperator(self._app, self.name)


class FamilyOperator(BroadcastOperator):
    """An operator for all children that a family has when it is used; rooms are those of that name in each."""

    __slots__ = ("_family",)

    def __init__(self, app: Dispatcher, family: ParentNamespace, selection: Selection = EVERYONE) -> None:
        super().__init__(app, "", selection)
        self._family = family

    def _names(self) -> Sequence[str]:
        return [child.name for child in self._family.children]

    def _of(self, selection: Selection) -> BroadcastOperator:
        return FamilyOperator(self._app, self._family, selection)

    def _broadcast(self, name: str, args: Sequence[JSONValue]) -> int:
        return sum(self._app.adapter.broadcast(nsp, name, args, self._selection) for nsp in self._names())


class ParentNamespace(_Registers, Broadcasts):
    """Handlers and middlewares for every namespace whose name matches; each is made when a client asks for it.

    They come before those of the child itself. Children that exist already get what is registered later too.

    Attributes:
        cleanup_empty: forget a child when nobody is in it. With `False`, one that somebody was let into stays for good:
            only where clients cannot choose any number of names.
    """

    __slots__ = ("_app", "_handlers", "cleanup_empty")

    def __init__(self, app: Dispatcher) -> None:
        self._app = app
        self._handlers = HandlerTable()
        self.cleanup_empty = True

    @property
    def children(self) -> list[Namespace]:
        """The matching namespaces that exist now: that somebody is in, or wants to be in."""
        return [child for child in self._app.namespaces.all if child.parent is self]

    def _everyone(self) -> BroadcastOperator:
        return FamilyOperator(self._app, self)


def core_of(namespace: Namespace) -> NamespaceCore:
    """Return what the engine knows a namespace as; it does not show that itself."""
    return namespace._core  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


def adopt(namespace: Namespace, parent: ParentNamespace) -> None:
    """Make a namespace, of which nobody knew whose it is, one of a family."""
    namespace._parent = parent  # pyright: ignore[reportPrivateUsage] # as above
    handlers_of(namespace).rebase(handlers_of(parent))
