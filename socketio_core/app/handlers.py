"""Which function handles what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import isawaitable
from typing import Any, ClassVar, Final, TypeVar, overload

from socketio_core.app.declared import EventName, checked, name_of
from socketio_core.app.event_handlers import CATCH_ALLS, EventHandlers, methods_of
from socketio_core.checks import check_function
from socketio_core.records import plain

Handler = Callable[..., Any]
"""A sync or async function; what it returns, or its awaitable's result, is the ack of the event it handled."""

_H = TypeVar("_H", bound=Handler)

LIFECYCLE: Final = {
    "connection": "connection",
    "connect": "connection",
    "disconnecting": "disconnecting",
    "disconnect": "disconnect",
}
"""Names that mean the life of a socket and not an event of a client.

They are kept apart: a client may well emit an event called `connection`, which must not look like a new socket.
"""

NEW_NAMESPACE: Final = "new_namespace"

SERVER_LIFECYCLE: Final = {**LIFECYCLE, NEW_NAMESPACE: NEW_NAMESPACE}
"""The same for the root namespace, where it is told that there is another one."""

CLIENT_LIFECYCLE: Final = {"connect": "connect", "connect_error": "connect_error", "disconnect": "disconnect"}
"""The same for the socket of a client; no server may emit events of these names."""


REST: Final = "*"
"""In place of an event's name: handlers of what no others handle. A client may well emit an event of that name."""


class _Once:
    """A handler that is to be removed when it is about to be called."""

    __slots__ = ("handler",)

    def __init__(self, handler: Handler) -> None:
        self.handler = handler


_SERVER_SIDE: Final = "server side "  # in front of names, among moments: no client can choose one

NO_HANDLERS: Final[Sequence[Handler]] = ()

_Entries = tuple[Any, ...]
"""Handlers, and some in a `_Once`."""


class HandlerTable:
    """Handlers by event name; several for one name run in the order of registration, those of `base` first.

    What `of_event` and the others return does not change while somebody goes through it, whatever handlers do. Those
    that were registered for once are in it for the last time: whoever asks is about to call them.

    Attributes:
        is_empty: nothing was ever registered here; most sockets have no handlers of their own.
    """

    __slots__ = (
        *("_added", "_any", "_base", "_events", "_guards", "_has_once", "_known", "_lifecycle", "_middlewares"),
        *("_moments", "_outgoing", "is_empty"),
    )

    def __init__(
        self,
        base: HandlerTable | None = None,
        lifecycle: Mapping[str, str] = LIFECYCLE,
        known: Collection[str] | None = None,
        added: Callable[[], None] | None = None,
    ) -> None:
        self._base = base
        self._added = added  # called when something was registered
        self._known = known  # the only names there are; `None` where clients choose them
        self._lifecycle = lifecycle
        self._events: dict[str, _Entries] = {}
        self._moments: dict[str, _Entries] = {}  # those of the rest among them
        self._has_once = False
        self._any: tuple[Handler, ...] = ()
        self._middlewares: tuple[Handler, ...] = ()
        self._outgoing: tuple[Handler, ...] = ()
        self._guards: tuple[Handler, ...] = ()
        self.is_empty = base is None

    def of_event(self, name: str) -> Sequence[Handler]:
        """Return the handlers of a client's event."""
        own = _claim(self._events, name) if self._has_once else self._events.get(name, ())
        return own if self._base is None else (*self._base.of_event(name), *own)

    def of_moment(self, name: str) -> Sequence[Handler]:
        """Return the handlers of a moment in a socket's life, e.g. `"connection"` or `"disconnect"`; or of `REST`."""
        own = _claim(self._moments, name) if self._has_once else self._moments.get(name, ())
        return own if self._base is None else (*self._base.of_moment(name), *own)

    def listeners(self, name: str) -> Sequence[Handler]:
        """Return the handlers of an event or a moment for who only wants to know."""
        table, place = self._place(name)
        own = _handlers(table.get(place, ()))
        return own if self._base is None else (*self._base.listeners(name), *own)

    @property
    def is_watched(self) -> bool:
        """Whether somebody gets every event: its handlers, or its middlewares."""
        if self._any or self._guards:
            return True
        return self._base is not None and self._base.is_watched

    @property
    def any(self) -> Sequence[Handler]:
        """The handlers that get every event."""
        return self._any if self._base is None else (*self._base.any, *self._any)

    @property
    def outgoing(self) -> Sequence[Handler]:
        """The handlers that are told of every event that is sent."""
        return self._outgoing if self._base is None else (*self._base.outgoing, *self._outgoing)

    @property
    def middlewares(self) -> Sequence[Handler]:
        """The middlewares."""
        return self._middlewares if self._base is None else (*self._base.middlewares, *self._middlewares)

    @property
    def guards(self) -> Sequence[Handler]:
        """The middlewares of events."""
        return self._guards if self._base is None else (*self._base.guards, *self._guards)

    def add(self, name: str, handler: Handler, *, once: bool = False) -> None:
        """Register `handler` for a client's event, for a moment in a socket's life, or for the rest (`REST`).

        Raises:
            ValueError: there is no such moment.
        """
        if self._known is not None and name not in self._known:
            raise ValueError(f"name must be one of {', '.join(self._known)}, not: {name!r}")
        table, name = self._place(name)
        _check(handler)
        if name == NEW_NAMESPACE and table is self._moments:
            check_function(f"handler of {name!r}", handler, may_wait=False)
        table[name] = (*table.get(name, ()), _Once(handler) if once else handler)
        self._has_once |= once
        self._note_added()

    def add_server_side(self, name: str, handler: Handler) -> None:
        """Register `handler` for an event of other servers; `of_server_side` finds it."""
        place = _SERVER_SIDE + plain(name)
        handler = checked(name, _check(handler), gets_socket=False)
        self._moments[place] = (*self._moments.get(place, ()), handler)
        self._note_added()

    def of_server_side(self, name: str) -> Sequence[Handler]:
        """Return the handlers of an event of other servers."""
        return self.of_moment(_SERVER_SIDE + name)

    def add_any(self, handler: Handler, *, first: bool = False) -> None:
        """Register `handler` for every event of a client, behind or in front of the others."""
        _check(handler)
        self._any = (handler, *self._any) if first else (*self._any, handler)
        self._note_added()

    def add_outgoing(self, handler: Handler, *, first: bool = False) -> None:
        """Register `handler` for every event that is sent."""
        _check(handler)
        self._outgoing = (handler, *self._outgoing) if first else (*self._outgoing, handler)
        self._note_added()

    def add_middleware(self, middleware: Handler) -> None:
        """Register a middleware."""
        self._middlewares = (*self._middlewares, _check(middleware))
        self._note_added()

    def add_guard(self, middleware: Handler) -> None:
        """Register a middleware of events."""
        self._guards = (*self._guards, _check(middleware))
        self._note_added()

    def rebase(self, base: HandlerTable) -> None:
        """Put those of another table in front, where there was none."""
        self._base = base

    def _note_added(self) -> None:
        self.is_empty = False
        if self._added is not None:
            self._added()

    def remove(self, name: str, handler: Handler | None = None) -> None:
        """Remove a handler, or all of one name; one that is not there is no error. Those of `base` stay."""
        table, name = self._place(name)
        table[name] = _without(table.get(name, ()), handler)

    def remove_any(self, handler: Handler | None = None) -> None:
        """Remove a handler of every event, or all of them."""
        self._any = _without(self._any, handler)

    def remove_outgoing(self, handler: Handler | None = None) -> None:
        """Remove a handler of every event that is sent, or all of them."""
        self._outgoing = _without(self._outgoing, handler)

    def _place(self, name: str) -> tuple[dict[str, _Entries], str]:
        name = plain(name)
        moment = REST if name == REST else self._lifecycle.get(name)
        return (self._events, name) if moment is None else (self._moments, moment)


def _claim(table: dict[str, _Entries], name: str) -> tuple[Handler, ...]:
    """Return handlers that are about to be called, and forget those that are not to be called again."""
    entries = table.get(name, ())
    if entries:
        table[name] = tuple(entry for entry in entries if type(entry) is not _Once)
    return _handlers(entries)


def _handlers(entries: _Entries) -> tuple[Handler, ...]:
    return tuple(entry.handler if type(entry) is _Once else entry for entry in entries)


def _without(entries: _Entries, handler: Handler | None) -> _Entries:
    """Return handlers without the first that is this one, or none of them."""
    handlers = _handlers(entries)
    if handler is None:
        return ()
    if handler not in handlers:
        return entries
    index = handlers.index(handler)
    return entries[:index] + entries[index + 1 :]


class Registrar:
    """`on`, `once`, `event`, `off` and `listeners`, for whatever has a `HandlerTable`."""

    __slots__ = ()

    _handlers: HandlerTable
    _gives_socket: ClassVar[bool] = False  # to handlers, in front of the arguments

    @overload
    def on(self, name: str) -> Callable[[_H], _H]: ...
    @overload
    def on(self, name: str, handler: _H) -> _H: ...
    def on(self, name: str, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Register a handler: `@x.on("chat message")` above a function, or `x.on("chat message", function)`."""
        return self._register(name, handler, once=False)

    @overload
    def once(self, name: str) -> Callable[[_H], _H]: ...
    @overload
    def once(self, name: str, handler: _H) -> _H: ...
    def once(self, name: str, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Register a handler that is called once at the most; it is removed before that."""
        return self._register(name, handler, once=True)

    def _register(self, name: str, handler: _H | None, *, once: bool) -> _H | Callable[[_H], _H]:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] # as `@on` without parentheses
            raise TypeError(f"event name must be a string, as in @on('connection'): {name!r}")

        def register(function: _H) -> _H:
            self._handlers.add(name, checked(name, function, gets_socket=self._gives_socket), once=once)
            return function

        return register if handler is None else register(handler)

    def event(self, handler: _H) -> _H:
        """Register a handler for the event that has the function's name: `@io.event` above `async def chat(...)`."""
        self._handlers.add(handler.__name__, handler)
        return handler

    def off(self, name: EventName, handler: Handler | None = None) -> None:
        """Remove a handler, or all that were registered here for this name."""
        self._handlers.remove(name_of(name), handler)

    def listeners(self, name: EventName) -> list[Handler]:
        """Return the handlers of an event, in the order in which they are called; those of a parent are among them."""
        return list(self._handlers.listeners(name_of(name)))


class EventRegistrar(Registrar):
    """A `Registrar` of events that somebody else names; `"*"` is the name of those that nothing else handles.

    A handler of `"*"` is given the event's name in front of the arguments, and what it returns is the acknowledgement.
    """

    __slots__ = ()

    def on_any(self, handler: _H) -> _H:
        """Register a handler that gets every event of a client, with its name in front of the arguments."""
        self._handlers.add_any(handler)
        return handler

    def prepend_any(self, handler: _H) -> _H:
        """Do what `on_any` does, for a handler that is called before the others."""
        self._handlers.add_any(handler, first=True)
        return handler

    def off_any(self, handler: Handler | None = None) -> None:
        """Remove a handler of `on_any`, or all that were registered here."""
        self._handlers.remove_any(handler)

    def register(self, handlers: EventHandlers) -> None:
        """Register the methods of an `EventHandlers`.

        Raises:
            TypeError: it is none, or handles nothing.
        """
        if not isinstance(handlers, EventHandlers):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks
            raise TypeError(f"handlers must be an instance of EventHandlers, as in register(Chat()), not: {handlers!r}")
        for name, method in methods_of(type(handlers)):
            self._take(name, getattr(handlers, method))

    def _take(self, name: str, handler: Handler) -> None:
        """Register a method of an `EventHandlers`."""
        if name in CATCH_ALLS:
            getattr(self, name)(handler)
        else:
            self._handlers.add(name, checked(name, handler, gets_socket=self._gives_socket))

    def listeners_any(self) -> list[Handler]:
        """Return the handlers of `on_any`, in the order in which they are called."""
        return list(self._handlers.any)


def handlers_of(registrar: Registrar) -> HandlerTable:
    """Return what was registered with something; it does not show that itself."""
    return registrar._handlers  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


def _check(handler: Handler) -> Handler:
    if not callable(handler):
        raise TypeError(f"handler must be a function: {handler!r}")
    return handler


async def run(handler: Handler, *args: object) -> Any:
    """Call a sync or async handler and return its result."""
    result = handler(*args)
    return await result if isawaitable(result) else result
