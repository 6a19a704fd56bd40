"""Which function handles what."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

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


class HandlerTable:
    """Handlers by event name; several for one name run in the order of registration."""

    __slots__ = ("any", "events", "lifecycle")

    def __init__(self) -> None:
        self.events: dict[str, list[Handler]] = {}
        self.lifecycle: dict[str, list[Handler]] = {}
        self.any: list[Handler] = []

    def add(self, name: str, handler: Handler) -> None:
        """Register `handler` for a client's event, or for a moment in a socket's life."""
        if not callable(handler):
            raise TypeError(f"handler must be a function: {handler!r}")
        if name in LIFECYCLE:
            self.lifecycle.setdefault(LIFECYCLE[name], []).append(handler)
        else:
            self.events.setdefault(name, []).append(handler)

    def remove(self, name: str, handler: Handler) -> None:
        """Remove a handler; one that is not there is no error."""
        table = self.lifecycle if name in LIFECYCLE else self.events
        handlers = table.get(LIFECYCLE.get(name, name), [])
        if handler in handlers:
            handlers.remove(handler)


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
        if type(name) is not str:
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
        self._handlers.any.append(handler)
        return handler


async def run(handler: Handler, *args: object) -> Any:
    """Call a sync or async handler and return its result."""
    result = handler(*args)
    return await result if isawaitable(result) else result
