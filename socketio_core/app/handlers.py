"""Which function handles what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

from socketio_core.app.runtime import Runtime
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

CLIENT_LIFECYCLE: Final = {"connect": "connect", "connect_error": "connect_error", "disconnect": "disconnect"}
"""The same for the socket of a client; no server may emit events of these names."""


class HandlerTable:
    """Handlers by event name; several for one name run in the order of registration, those of `base` first.

    What `of_event` and the others return does not change while somebody goes through it, whatever handlers do.

    Attributes:
        is_empty: nothing was ever registered here; most sockets have no handlers of their own.
    """

    __slots__ = ("_added", "_any", "_base", "_events", "_known", "_lifecycle", "_middlewares", "_moments", "is_empty")

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
        self._events: dict[str, tuple[Handler, ...]] = {}
        self._moments: dict[str, tuple[Handler, ...]] = {}
        self._any: tuple[Handler, ...] = ()
        self._middlewares: tuple[Handler, ...] = ()
        self.is_empty = base is None

    def of_event(self, name: str) -> Sequence[Handler]:
        """Return the handlers of a client's event."""
        own = self._events.get(name, ())
        return own if self._base is None else (*self._base.of_event(name), *own)

    def of_moment(self, name: str) -> Sequence[Handler]:
        """Return the handlers of a moment in a socket's life, e.g. `"connection"` or `"disconnect"`."""
        own = self._moments.get(name, ())
        return own if self._base is None else (*self._base.of_moment(name), *own)

    @property
    def any(self) -> Sequence[Handler]:
        """The handlers that get every event."""
        return self._any if self._base is None else (*self._base.any, *self._any)

    @property
    def middlewares(self) -> Sequence[Handler]:
        """The middlewares."""
        return self._middlewares if self._base is None else (*self._base.middlewares, *self._middlewares)

    def add(self, name: str, handler: Handler) -> None:
        """Register `handler` for a client's event, or for a moment in a socket's life.

        Raises:
            ValueError: there is no such moment.
        """
        if self._known is not None and name not in self._known:
            raise ValueError(f"name must be one of {', '.join(self._known)}, not: {name!r}")
        table, name = self._place(name)
        table[name] = (*table.get(name, ()), _check(handler))
        self._note_added()

    def add_any(self, handler: Handler) -> None:
        """Register `handler` for every event of a client."""
        self._any = (*self._any, _check(handler))
        self._note_added()

    def add_middleware(self, middleware: Handler) -> None:
        """Register a middleware."""
        self._middlewares = (*self._middlewares, _check(middleware))
        self._note_added()

    def _note_added(self) -> None:
        self.is_empty = False
        if self._added is not None:
            self._added()

    def remove(self, name: str, handler: Handler) -> None:
        """Remove a handler; one that is not there is no error."""
        table, name = self._place(name)
        handlers = list(table.get(name, ()))
        if handler in handlers:
            handlers.remove(handler)
            table[name] = tuple(handlers)

    def _place(self, name: str) -> tuple[dict[str, tuple[Handler, ...]], str]:
        name = plain(name)
        moment = self._lifecycle.get(name)
        return (self._events, name) if moment is None else (self._moments, moment)


class Registrar:
    """`on`, `event`, `off` and `on_any`, for whatever has a `HandlerTable`."""

    __slots__ = ()

    _handlers: HandlerTable

    @overload
    def on(self, name: str) -> Callable[[_H], _H]: ...
    @overload
    def on(self, name: str, handler: _H) -> _H: ...
    def on(self, name: str, handler: _H | None = None) -> _H | Callable[[_H], _H]:
        """Register a handler: `@x.on("chat message")` above a function, or `x.on("chat message", function)`."""
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] # as `@on` without parentheses
            raise TypeError(f"event name must be a string, as in @on('connection'): {name!r}")
        if handler is not None:
            self._handlers.add(name, handler)
            return handler

        def register(function: _H) -> _H:
            self._handlers.add(name, function)
            return function

        return register

    def event(self, handler: _H) -> _H:
        """Register a handler for the event that has the function's name: `@io.event` above `async def chat(...)`."""
        self._handlers.add(handler.__name__, handler)
        return handler

    def off(self, name: str, handler: Handler) -> None:
        """Remove a handler."""
        self._handlers.remove(name, handler)

    def on_any(self, handler: _H) -> _H:
        """Register a handler that gets every event of a client, with its name in front of the arguments."""
        self._handlers.add_any(handler)
        return handler


def handlers_of(registrar: Registrar) -> HandlerTable:
    """Return what was registered with something; it does not show that itself."""
    return registrar._handlers  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


def _check(handler: Handler) -> Handler:
    if not callable(handler):
        raise TypeError(f"handler must be a function: {handler!r}")
    return handler


_ENDS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)


def has_failed(error: BaseException, runtime: Runtime) -> bool:
    """Return whether `error`, which code of the application raised, is its failure: to be logged, and that is all.

    It is not when the task was cancelled or all is to end; then it must be raised again. It is when the code awaited
    another task that was cancelled, which with asyncio looks the same from here.
    """
    if isinstance(error, Exception):
        return True
    return not _ends_all(error) and not runtime.is_cancelled(error)


def _ends_all(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(_ENDS) is not None  # pyright: ignore[reportUnknownMemberType] # of anything at all
    return isinstance(error, _ENDS)


def names_of(handlers: Iterable[Handler]) -> str:
    """Return what handlers are called, as in `"Chat.on_join, greet"`."""
    return ", ".join(str(getattr(handler, "__qualname__", type(handler).__name__)) for handler in handlers)


async def run(handler: Handler, *args: object) -> Any:
    """Call a sync or async handler and return its result."""
    result = handler(*args)
    return await result if isawaitable(result) else result
