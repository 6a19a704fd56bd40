"""Namespaces as an application sees them, and the operators that choose who a broadcast goes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, TypeVar

from socketio_core.app.acks import AckTimeout, ack_value
from socketio_core.app.event_handlers import EventHandlers, OneEach, methods_of
from socketio_core.app.handlers import LIFECYCLE, SERVER_LIFECYCLE, Handler, HandlerTable, handlers_of
from socketio_core.app.outgoing import OutgoingRegistrar
from socketio_core.records import plain
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.hub import NamespaceCore
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue
from socketio_core.socketio.selection import EVERYONE, Selection

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher
    from socketio_core.app.socket import Socket

_H = TypeVar("_H", bound=Handler)

Rooms = str | Iterable[str]
"""One room, or several; an empty iterable is nobody."""


def room_set(rooms: Rooms) -> frozenset[str]:
    """Return rooms as a set.

    Raises:
        TypeError: they are neither a string nor strings.
    """
    if isinstance(rooms, str):
        return frozenset((plain(rooms),))
    # Not everybody checks types, and what no room is called nobody would ever hear.
    if not isinstance(rooms, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"rooms must be a string, or several: {rooms!r}")
    chosen = frozenset(rooms)
    if not all(isinstance(room, str) for room in chosen):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"rooms must be a string, or several: {sorted(map(repr, chosen))}")
    return frozenset(map(plain, chosen))


class BroadcastOperator:
    """Who gets a broadcast. Immutable: each method returns a new operator, so one may be kept and used again.

    It means the namespace that has the name when it is used, for a dynamic one comes and goes.
    """

    __slots__ = ("_app", "_nsp", "_selection")

    def __init__(self, app: Dispatcher, nsp: str, selection: Selection = EVERYONE) -> None:
        self._app = app
        self._nsp = nsp
        self._selection = selection

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Add rooms: who is in any of them gets it, once. `to([])` goes to nobody."""
        old, chosen = self._selection, room_set(rooms)
        if old.rooms is not None:
            chosen |= old.rooms
        # `replace` takes three times as long; so the next two.
        return self._of(Selection(chosen, old.except_rooms, old.volatile, old.local, old.compress, old.timeout_s))

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Leave out who is in any of these rooms; a socket's id is the room of that socket alone."""
        old, left_out = self._selection, room_set(rooms)
        if old.except_rooms:
            left_out |= old.except_rooms
        return self._of(Selection(old.rooms, left_out, old.volatile, old.local, old.compress, old.timeout_s))

    @property
    def volatile(self) -> BroadcastOperator:
        """Drop the message for those who cannot be sent it at once."""
        old = self._selection
        return self._of(Selection(old.rooms, old.except_rooms, True, old.local, old.compress, old.timeout_s))  # noqa: FBT003

    @property
    def local(self) -> BroadcastOperator:
        """Only clients of this process, where several are joined by an adapter."""
        return self._of(replace(self._selection, local=True))

    def compress(self, compress: bool) -> BroadcastOperator:  # noqa: FBT001 - the name users know
        """With `False`, compress the message for nobody, though the transport could: it is packed already, or short."""
        return self._of(replace(self._selection, compress=bool(compress)))

    def timeout(self, seconds: float | None) -> BroadcastOperator:
        """How long a `call` waits, if it is not told itself; `None` for as long as the sockets are there.

        Raises:
            LocalProtocolError: it is no such time.
        """
        return self._of(replace(self._selection, timeout_s=check_timeout(seconds)))

    def _of(self, selection: Selection) -> BroadcastOperator:
        return BroadcastOperator(self._app, self._nsp, selection)

    async def emit(self, name: str, *args: JSONValue) -> int:
        """Send an event to all of them, encoded once. Returns how many outgoing buffers took it.

        Never waits for a slow socket: one whose buffer overflows is closed.

        Raises:
            LocalProtocolError: a reserved name, or data that is not JSON.
        """
        await self._app.runtime.check_cancelled()
        return self._app.adapter.broadcast(self._nsp, name, args, self._selection)

    async def send(self, *args: JSONValue) -> int:
        """Send an event called `"message"`; see `emit`."""
        return await self.emit("message", *args)

    def emit_nowait(self, name: str, *args: JSONValue) -> int:
        """The same, for sync code."""
        self._app.runtime.check_caller()
        return self._app.adapter.broadcast(self._nsp, name, args, self._selection)

    async def call(self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...) -> list[JSONValue]:
        """Send an event to all of them and wait for their acknowledgements, one from each.

        A volatile one asks only those who can be reached at once.
        Returns them in order of arrival (each `None`, a value, or a tuple); `[]` at once when there is nobody.

        Args:
            timeout: in seconds; `None` waits for as long as the sockets are there. Unless given, it is what the method
                `timeout` was told, or 5 seconds.

        Raises:
            AckTimeout: not all came in time, or some left; `error.responses` has those that came.
            LocalProtocolError: as `emit`, or no such time.
        """
        selection = self._selection
        if not isinstance(timeout, EllipsisType):
            selection = replace(selection, timeout_s=check_timeout(timeout))
        await self._app.runtime.check_cancelled()
        found = await self._app.adapter.broadcast_with_acks(self._nsp, name, args, selection)
        responses = [ack_value(response) for response in found.responses]
        if found.missing:
            asked = len(responses) + found.missing
            raise AckTimeout(f"{found.missing} of {asked} acks did not come", responses)
        return responses

    async def fetch_sockets(self) -> list[Socket]:
        """Return the sockets that a broadcast would go to."""
        await self._app.runtime.check_cancelled()
        return await self._app.adapter.sockets(self._nsp, self._selection)

    async def sockets_join(self, rooms: Rooms) -> None:
        """Make all of them join rooms."""
        rooms = room_set(rooms)
        await self._app.runtime.check_cancelled()
        await self._app.adapter.join(self._nsp, self._selection, rooms)

    async def sockets_leave(self, rooms: Rooms) -> None:
        """Make all of them leave rooms."""
        rooms = room_set(rooms)
        await self._app.runtime.check_cancelled()
        await self._app.adapter.leave(self._nsp, self._selection, rooms)

    async def disconnect_sockets(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Disconnect all of them; see `Socket.disconnect`."""
        await self._app.runtime.check_cancelled()
        await self._app.adapter.disconnect(self._nsp, self._selection, close=close)


class Broadcasts:
    """`emit`, `to` and their like, for whatever stands for a whole namespace."""

    __slots__ = ()

    def _everyone(self) -> BroadcastOperator:
        raise NotImplementedError

    async def emit(self, name: str, *args: JSONValue) -> int:
        """Send an event to everyone; see `BroadcastOperator.emit`."""
        return await self._everyone().emit(name, *args)

    async def send(self, *args: JSONValue) -> int:
        """Send an event called `"message"` to everyone; see `BroadcastOperator.emit`."""
        return await self._everyone().emit("message", *args)

    def emit_nowait(self, name: str, *args: JSONValue) -> int:
        """The same, for sync code."""
        return self._everyone().emit_nowait(name, *args)

    async def call(self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...) -> list[JSONValue]:
        """Send an event to everyone and wait for all acknowledgements; see `BroadcastOperator.call`."""
        return await self._everyone().call(name, *args, timeout=timeout)

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Choose rooms; see `BroadcastOperator.to`."""
        return self._everyone().to(rooms)

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Leave rooms out; see `BroadcastOperator.except_`."""
        return self._everyone().except_(rooms)

    @property
    def volatile(self) -> BroadcastOperator:
        """See `BroadcastOperator.volatile`."""
        return self._everyone().volatile

    @property
    def local(self) -> BroadcastOperator:
        """See `BroadcastOperator.local`."""
        return self._everyone().local

    def compress(self, compress: bool) -> BroadcastOperator:  # noqa: FBT001 - the name users know
        """See `BroadcastOperator.compress`."""
        return self._everyone().compress(compress)

    def timeout(self, seconds: float | None) -> BroadcastOperator:
        """See `BroadcastOperator.timeout`."""
        return self._everyone().timeout(seconds)

    async def fetch_sockets(self) -> list[Socket]:
        """Return all sockets."""
        return await self._everyone().fetch_sockets()

    async def sockets_join(self, rooms: Rooms) -> None:
        """Make all sockets join rooms."""
        await self._everyone().sockets_join(rooms)

    async def sockets_leave(self, rooms: Rooms) -> None:
        """Make all sockets leave rooms."""
        await self._everyone().sockets_leave(rooms)

    async def disconnect_sockets(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Disconnect all sockets."""
        await self._everyone().disconnect_sockets(close)


class _Registers(OutgoingRegistrar):
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

    def use_events(self, middleware: _H) -> _H:
        """Add a middleware of events: sync or async, called with the socket and an `IncomingEvent`.

        It may change the event. It is called in the order of registration, before handlers of `on_any`, in the socket's
        own queue: the next event of the socket waits for it. It raises `EventRefused` to answer in place of the
        handlers, or returns `False` to drop the event; any other exception drops it too, and is logged.
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

    def _everyone(self) -> BroadcastOperator:
        return BroadcastOperator(self._app, self.name)


class ParentNamespace(_Registers):
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

    async def emit(self, name: str, *args: JSONValue) -> int:
        """Send an event to everyone in every child."""
        await self._app.runtime.check_cancelled()
        return sum([await child.emit(name, *args) for child in self.children])


def core_of(namespace: Namespace) -> NamespaceCore:
    """Return what the engine knows a namespace as; it does not show that itself."""
    return namespace._core  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


def adopt(namespace: Namespace, parent: ParentNamespace) -> None:
    """Make a namespace, of which nobody knew whose it is, one of a family."""
    namespace._parent = parent  # pyright: ignore[reportPrivateUsage] # as above
    handlers_of(namespace).rebase(handlers_of(parent))
