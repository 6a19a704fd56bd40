"""Who is told what goes out: handlers of `on_any_outgoing`, of a namespace or of one socket, of either role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from socketio_core.app.handlers import EventRegistrar, Handler
from socketio_core.checks import check_function

if TYPE_CHECKING:
    from socketio_core.app.observer import Audience
    from socketio_core.app.socket_inbox import SocketInbox
    from socketio_core.socketio.packet import JSONValue

_H = TypeVar("_H", bound=Handler)


class OutgoingRegistrar(EventRegistrar):
    """An `EventRegistrar` that can also tell what is sent.

    Handlers of outgoing events are plain functions, called at once with the event's name and arguments, those of a
    namespace with the socket in front. They are told of what one socket is sent and of broadcasts, once for each
    recipient that took it, and not of acknowledgements. What they raise is logged, and stops nothing.
    """

    __slots__ = ()

    def on_any_outgoing(self, handler: _H) -> _H:
        """Register a function that is told of every event that is sent to a client.

        What was said in rooms while a client was away, and is sent when it is back, it is not told of, as in the
        reference: it has been sent once, to those who were there.

        Raises:
            TypeError: it is async; nobody waits for it.
        """
        return self._register_outgoing(handler, first=False)

    def prepend_any_outgoing(self, handler: _H) -> _H:
        """Do what `on_any_outgoing` does, for a function that is told before the others."""
        return self._register_outgoing(handler, first=True)

    def off_any_outgoing(self, handler: Handler | None = None) -> None:
        """Remove a function of `on_any_outgoing`, or all that were registered here."""
        self._handlers.remove_outgoing(handler)
        self._outgoing_changed()

    def listeners_any_outgoing(self) -> list[Handler]:
        """Return the functions of `on_any_outgoing`, in the order in which they are told."""
        return list(self._handlers.outgoing)

    def _register_outgoing(self, handler: _H, *, first: bool) -> _H:
        check_function("handler of outgoing events", handler, may_wait=False)
        self._handlers.add_outgoing(handler, first=first)
        self._outgoing_changed()
        return handler

    def _outgoing_changed(self) -> None:
        """Somebody wants to be told, or no longer."""
        raise NotImplementedError


class Outgoing:
    """Tells what goes out of a server. Where nobody listens, who sends only looks at `is_heard`.

    Attributes:
        is_heard: somebody wanted to be told of something, somewhere.
    """

    __slots__ = ("_audience", "_listening", "is_heard")

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._listening: dict[str, set[SocketInbox]] = {}  # sockets with handlers of their own, by namespace
        self.is_heard = False

    def note(self, inbox: SocketInbox, *, listens: bool) -> None:
        """A socket has handlers of its own, or no longer: they are gone, or it is."""
        nsp = inbox.namespace.name
        if listens:
            self.is_heard = True
            self._listening.setdefault(nsp, set()).add(inbox)
        elif nsp in self._listening:
            self._listening[nsp].discard(inbox)
            if not self._listening[nsp]:
                del self._listening[nsp]

    def is_heard_in(self, nsp: str, shared: Sequence[Handler]) -> bool:
        """Whether somebody wants to be told of what is sent in a namespace, whose own handlers these are."""
        return bool(shared) or nsp in self._listening

    def tell_all(self, inboxes: Iterable[SocketInbox], name: str, args: Sequence[JSONValue]) -> None:
        """Tell of a broadcast, for each recipient."""
        for inbox in inboxes:
            self.tell(inbox, name, args)

    def tell(self, inbox: SocketInbox, name: str, args: Sequence[JSONValue]) -> None:
        """Tell of an event to one socket."""
        for handler in inbox.shared.outgoing:
            tell_outgoing(self._audience.report, handler, inbox.socket, name, *args)
        for handler in inbox.handlers.outgoing:
            tell_outgoing(self._audience.report, handler, name, *args)


def tell_outgoing(report: Callable[[str, BaseException], object], handler: Handler, *args: object) -> None:
    """Call a handler of outgoing events; one that fails costs nobody else anything."""
    try:
        result = handler(*args)
        if hasattr(result, "__await__"):
            getattr(result, "close", lambda: None)()  # nobody will await it
            raise TypeError(f"handler of outgoing events must be a plain function: {handler!r}")
    except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
        report("handler of outgoing events failed", error)
