"""Who wants to know what happens on a server: logs, statistics, an admin's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from socketio_core.checks import check_function

if TYPE_CHECKING:
    from socketio_core.app.socket import Socket
    from socketio_core.engineio.events import RequestRefused
    from socketio_core.engineio.session import Session
    from socketio_core.errors import CloseReason, RemoteProtocolError

_P = ParamSpec("_P")


class Observer:
    """Is told what happens on a server and the engines attached to it. Override what is of interest; the rest is free.

        class Count(Observer):
            refused = 0

            def request_refused(self, refused):
                self.refused += 1

        io = Server(observers=[Count()])

    Its methods are called at once, in the middle of things: they are plain functions, do not take long, and change
    nothing. What one of them raises is told to `failed` of all, once, and harms nobody.
    """

    __slots__ = ()

    def request_refused(self, refused: RequestRefused) -> None:
        """A request was answered with an error before it reached a session."""

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        """The connection of a client ended; `error` is what the client did wrong, if that was why."""

    def event_unhandled(self, socket: Socket, name: str) -> None:
        """No handler was registered for an event; often a typo."""

    def failed(self, what: str, error: BaseException) -> None:
        """Code of the application failed, e.g. a handler: `what` says which, and what became of it."""


METHODS: Final = tuple(name for name in vars(Observer) if not name.startswith("_"))


class Audience:
    """All observers of a server, by what they want to be told: tuples of their methods, nearly always empty.

    Whoever has something to tell on a hot path looks first: `if audience.event_sent: audience.tell(...)`.
    """

    __slots__ = ("_failing", *METHODS)

    request_refused: tuple[Callable[[RequestRefused], object], ...]
    connection_closed: tuple[Callable[[Session, CloseReason, RemoteProtocolError | None], object], ...]
    event_unhandled: tuple[Callable[[Socket, str], object], ...]
    failed: tuple[Callable[[str, BaseException], object], ...]

    def __init__(self) -> None:
        self._failing: set[Callable[..., object]] = set()
        for name in METHODS:
            setattr(self, name, ())

    def add(self, observer: Observer) -> None:
        """Tell one more.

        Raises:
            TypeError: it is no `Observer`, or one of its methods is async.
        """
        # Not everybody checks types.
        if not isinstance(observer, Observer):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"observer must be an Observer, not: {observer!r}")
        methods: dict[str, Any] = {name: getattr(observer, name) for name in METHODS}
        wanted = {name: method for name, method in methods.items() if not _is_inherited(name, method)}
        for name, method in wanted.items():
            check_function(name, method, may_wait=False)
        for name, method in wanted.items():
            setattr(self, name, (*getattr(self, name), method))

    def tell(self, methods: tuple[Callable[_P, object], ...], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call each of them; one that fails does not keep the others from being told."""
        for method in methods:
            try:
                method(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
                self._method_failed(method, error)

    def report(self, what: str, error: BaseException) -> None:
        """Tell that code of the application failed."""
        self.tell(self.failed, what, error)

    def _method_failed(self, method: Callable[..., object], error: Exception) -> None:
        if method not in self._failing:  # else a log would be full of it
            self._failing.add(method)
            self.report(f"observer {getattr(method, '__qualname__', repr(method))} failed, which is told once", error)


def _is_inherited(name: str, method: object) -> bool:
    return getattr(method, "__func__", None) is getattr(Observer, name)
