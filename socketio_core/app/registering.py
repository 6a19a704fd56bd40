"""Registering handlers of declared events: their types are checked where they are registered. See `Declare`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar, overload

from socketio_core.app.declared import DeclaredEvent
from socketio_core.app.handlers import Handler
from socketio_core.app.outgoing import OutgoingRegistrar

if TYPE_CHECKING:
    from socketio_core.app.socket import Socket

_P = ParamSpec("_P")
_R = TypeVar("_R")
_H = TypeVar("_H", bound=Handler)

Own = Callable[_P, Awaitable[_R] | _R]
"""A handler of one socket: it is given the arguments."""

Shared = Callable[Concatenate["Socket", _P], Awaitable[_R] | _R]
"""A handler of all sockets: it is given the socket, and the arguments."""


_Given = TypeVar("_Given")


class _Handlers(OutgoingRegistrar, Generic[_Given]):
    """Handlers that are given `_Given` before the arguments: a socket, or `None` for nothing."""

    __slots__ = ()

    @overload
    def on(self: _Handlers[None], name: DeclaredEvent[_P, _R], /) -> Callable[[Own[_P, _R]], Own[_P, _R]]: ...
    @overload
    def on(self: _Handlers[Socket], name: DeclaredEvent[_P, _R], /) -> Callable[[Shared[_P, _R]], Shared[_P, _R]]: ...
    @overload
    def on(self, name: str) -> Callable[[_H], _H]: ...
    @overload
    def on(self, name: str, handler: _H) -> _H: ...
    def on(self, name: Any, handler: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] # see `Declare`
        """Register a handler: `@io.on("chat")` above a function, or `io.on("chat", function)`; so of a `socket`."""
        return self._register(name, handler, once=False)

    @overload
    def once(self: _Handlers[None], name: DeclaredEvent[_P, _R], /) -> Callable[[Own[_P, _R]], Own[_P, _R]]: ...
    @overload
    def once(self: _Handlers[Socket], name: DeclaredEvent[_P, _R], /) -> Callable[[Shared[_P, _R]], Shared[_P, _R]]: ...
    @overload
    def once(self, name: str) -> Callable[[_H], _H]: ...
    @overload
    def once(self, name: str, handler: _H) -> _H: ...
    def once(self, name: Any, handler: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] # see `Declare`
        """Register a handler that is called once at the most; it is removed before that."""
        return self._register(name, handler, once=True)


class OwnHandlers(_Handlers[None]):
    """Of one socket, of either role."""

    __slots__ = ()


class SharedHandlers(_Handlers["Socket"]):
    """Of all sockets of a namespace, or of several namespaces."""

    __slots__ = ()

    _gives_socket: ClassVar[bool] = True
