"""Handlers as methods of a class: `class Chat(EventHandlers): async def on_join(self, socket, room): ...`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, TypeVar

from socketio_core.app.declared import EventName

if TYPE_CHECKING:
    from socketio_core.app.socket import Socket

_F = TypeVar("_F", bound=Callable[..., Any])

PREFIX: Final = "on_"
_NAMES: Final = "_handled_events"  # where `handles` notes the names
CATCH_ALLS: Final = ("on_any", "on_any_outgoing")
"""Methods that stand for the registration of that name; an event called "any" needs `handles`."""


class EventHandlers:
    """Methods that handle events. Register an instance: `io.of("/chat").register(Chat())`, also with one socket.

        class Chat(EventHandlers):
            async def on_connect(self, socket): ...             # and `on_disconnect(self, socket, reason)`

            async def on_join(self, socket, room): ...          # the event "join"

            @handles("chat message")
            async def said(self, socket, text): ...             # for names that are no identifiers

    They are given what functions are that are registered in the same place; those of a client, or of one socket, get no
    socket. `on_any` and `on_any_outgoing` are for every event. A method that replaces one of a base class
    handles what that did.
    """


def handles(*names: EventName) -> Callable[[_F], _F]:
    """Have a method of `EventHandlers` handle events of these names, whatever it is called."""
    if not names or not all(isinstance(name, str) for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"handles takes names of events, as in @handles('chat message'), not: {names!r}")

    def mark(method: _F) -> _F:
        setattr(method, _NAMES, names)
        return method

    return mark


def methods_of(kind: type[EventHandlers]) -> Iterator[tuple[str, str]]:
    """Yield the names of events, or one of `CATCH_ALLS`, and the method that handles each; those of bases first.

    Raises:
        TypeError: it handles nothing.
    """
    found = [
        (name, method)
        for method in dict.fromkeys(method for base in reversed(kind.__mro__) for method in vars(base))
        if callable(getattr(kind, method))
        for name in _names_of(kind, method)
    ]
    if not found:
        raise TypeError(
            f"{kind.__qualname__} handles nothing: call methods on_<event>, or put @handles('...') above them"
        )
    yield from found


def _names_of(kind: type[EventHandlers], method: str) -> tuple[str, ...]:
    for base in kind.__mro__:
        names: tuple[str, ...] | None = getattr(vars(base).get(method), _NAMES, None)
        if names is not None:
            return names
    if method in CATCH_ALLS:
        return (method,)
    return (method.removeprefix(PREFIX),) if method.startswith(PREFIX) else ()


class OneEach:
    """Makes an instance for each socket, when the first of its methods is called; the socket keeps it.

    So they go together, also if the instance keeps its socket.

    Attributes:
        kind: the class.

    Raises:
        TypeError: it is no class of `EventHandlers`.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: object) -> None:
        if not (isinstance(kind, type) and issubclass(kind, EventHandlers)):
            raise TypeError(f"for one instance per socket give the class, a kind of EventHandlers, not: {kind!r}")
        self.kind = kind

    def handler(self, method: str) -> Callable[..., Any]:
        """Return a function that calls a method of a socket's instance."""

        def handle(socket: Socket, *args: Any) -> Any:
            instances = socket._instances  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here
            if instances is None:
                instances = socket._instances = {}  # pyright: ignore[reportPrivateUsage] # as above
            if self not in instances:
                instances[self] = self.kind()
            return getattr(instances[self], method)(socket, *args)

        handle.__qualname__ = f"{self.kind.__qualname__}.{method}"
        shown = signature(getattr(self.kind, method))
        handle.__signature__ = shown.replace(parameters=list(shown.parameters.values())[1:])  # type: ignore[attr-defined] # for who looks whether arguments fit
        return handle
