"""Who wants to know what happens on a server: logs, statistics, an admin's page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from socketio_core.app.slow import SlowHandlers
from socketio_core.checks import check_function

if TYPE_CHECKING:
    from socketio_core.app.engine_server import EngineSession
    from socketio_core.app.socket import Socket
    from socketio_core.engineio.events import RequestRefused
    from socketio_core.engineio.packet import Payload
    from socketio_core.engineio.session import Session
    from socketio_core.errors import CloseReason, InvalidEvent, RemoteProtocolError
    from socketio_core.socketio.packet import JSONValue

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

    # -- connections, of Socket.IO and of bare Engine.IO. `session` is to be looked at: `sid`, `request`, `transport`

    def request_refused(self, refused: RequestRefused) -> None:
        """A request was answered with an error before it reached a session."""

    def connection_opened(self, session: Session) -> None:
        """A client has come; with Socket.IO, it asks for its namespaces now."""

    def connection_upgraded(self, session: Session) -> None:
        """The connection of a client moved from polling to a WebSocket."""

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        """The connection of a client ended; `error` is what the client did wrong, if that was why."""

    # -- Socket.IO

    def event_received(self, socket: Socket, name: str, args: Sequence[JSONValue]) -> None:
        """A client has sent an event, which now waits for its handlers."""

    def event_unhandled(self, socket: Socket, name: str) -> None:
        """No handler was registered for an event; often a typo."""

    def event_invalid(self, socket: Socket, name: str, error: InvalidEvent) -> None:
        """An event was not what it was declared as; `error.detail` says what was wrong with which argument."""

    def event_sent(self, socket: Socket, name: str, args: Sequence[JSONValue]) -> None:
        """An event to one client went into its outgoing buffer."""

    def broadcast_sent(self, nsp: str, name: str, args: Sequence[JSONValue], count: int) -> None:
        """An event to several clients in a namespace went into `count` outgoing buffers."""

    def room_joined(self, socket: Socket, room: str) -> None:
        """A socket is in a room from now on; not told of the one that is named by its id."""

    def room_left(self, socket: Socket, room: str) -> None:
        """A socket is in a room no longer, be it that it leaves its namespace."""

    # -- bare Engine.IO

    def message_received(self, session: EngineSession, message: Payload) -> None:
        """A client has sent a message, which now waits for its handlers."""

    def message_sent(self, session: EngineSession, message: Payload) -> None:
        """A message to a client went into its outgoing buffer."""

    # -- the other servers

    def cluster_changed(self, state: str, reason: str, gap: bool) -> None:  # noqa: FBT001 - told by position, as all
        """The servers that an adapter joins to this one can be reached (`"up"`), or cannot (`"down"`, with a reason).

        Where clients may come back to any of them, what joins them may be too slow, and is not waited for then
        (`"degraded"`). With `gap`, what they said meanwhile did not arrive here: an application may want to look again
        at what it shares with them.
        """

    # -- the application

    def failed(self, what: str, error: BaseException) -> None:
        """Code of the application failed, e.g. a handler: `what` says which, and what became of it."""

    def handler_was_slow(self, what: str, lasted_s: float) -> None:
        """Handlers held the event loop for longer than `slow_handler_s`; nobody else was served meanwhile."""


METHODS: Final = tuple(name for name in vars(Observer) if not name.startswith("_"))


class Audience:
    """All observers of a server, by what they want to be told: tuples of their methods, nearly always empty.

    Whoever has something to tell on a hot path looks first: `if audience.event_sent: audience.tell(...)`.
    """

    __slots__ = ("_failing", "_observers", "_watch_rooms", "slow_handlers", *METHODS)

    request_refused: tuple[Callable[[RequestRefused], object], ...]
    connection_opened: tuple[Callable[[Session], object], ...]
    connection_upgraded: tuple[Callable[[Session], object], ...]
    connection_closed: tuple[Callable[[Session, CloseReason, RemoteProtocolError | None], object], ...]
    event_received: tuple[Callable[[Socket, str, Sequence[JSONValue]], object], ...]
    event_unhandled: tuple[Callable[[Socket, str], object], ...]
    event_invalid: tuple[Callable[[Socket, str, InvalidEvent], object], ...]
    event_sent: tuple[Callable[[Socket, str, Sequence[JSONValue]], object], ...]
    broadcast_sent: tuple[Callable[[str, str, Sequence[JSONValue], int], object], ...]
    room_joined: tuple[Callable[[Socket, str], object], ...]
    room_left: tuple[Callable[[Socket, str], object], ...]
    message_received: tuple[Callable[[EngineSession, Payload], object], ...]
    message_sent: tuple[Callable[[EngineSession, Payload], object], ...]
    cluster_changed: tuple[Callable[[str, str, bool], object], ...]
    failed: tuple[Callable[[str, BaseException], object], ...]
    handler_was_slow: tuple[Callable[[str, float], object], ...]

    def __init__(self, slow_handler_s: float | None = None) -> None:
        self.slow_handlers = None if slow_handler_s is None else SlowHandlers(slow_handler_s, self._tell_slow)
        self._observers: list[Observer] = []
        self._failing: list[Callable[..., object]] = []
        self._watch_rooms: Callable[[], None] | None = None
        self._collect()

    def add(self, observer: Observer) -> None:
        """Tell one more.

        Raises:
            TypeError: it is no `Observer`, or one of its methods is async.
        """
        # Not everybody checks types.
        if not isinstance(observer, Observer):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"observer must be an Observer, not: {observer!r}")
        for name in METHODS:
            check_function(name, getattr(observer, name), may_wait=False)
        self._observers.append(observer)
        self._collect()
        self._see_to_rooms()

    def remove(self, observer: Observer) -> None:
        """Tell one of them no more."""
        self._observers = [each for each in self._observers if each is not observer]
        self._collect()

    def _collect(self) -> None:
        for name in METHODS:
            methods: list[Any] = [getattr(observer, name) for observer in self._observers]
            setattr(self, name, tuple(method for method in methods if not _is_inherited(name, method)))

    def when_rooms_matter(self, watch_rooms: Callable[[], None]) -> None:
        """Call `watch_rooms` when there is somebody to tell about rooms; so joining one costs nothing before."""
        self._watch_rooms = watch_rooms
        self._see_to_rooms()

    def _see_to_rooms(self) -> None:
        if self._watch_rooms is not None and (self.room_joined or self.room_left):
            self._watch_rooms()

    def tell(self, methods: tuple[Callable[_P, object], ...], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call each of them; one that fails does not keep the others from being told."""
        for method in methods:
            try:
                method(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
                self._method_failed(method, error)

    def _tell_slow(self, what: str, lasted_s: float) -> None:
        self.tell(self.handler_was_slow, what, lasted_s)

    def report(self, what: str, error: BaseException) -> None:
        """Tell that code of the application failed."""
        self.tell(self.failed, what, error)

    def _method_failed(self, method: Callable[..., object], error: Exception) -> None:
        if not any(method is known for known in self._failing):  # else a log would be full of it
            self._failing.append(method)
            name: object = getattr(method, "__qualname__", type(method).__name__)  # no repr(): that may fail as well
            self.report(f"observer {name} failed, which is told once", error)


def _is_inherited(name: str, method: object) -> bool:
    return getattr(method, "__func__", None) is getattr(Observer, name)
