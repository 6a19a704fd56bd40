"""Between the wire and the handlers: what a middleware of events is given, and what it may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.records import plain

if TYPE_CHECKING:
    from socketio_core.app.socket import Socket
    from socketio_core.socketio.events import EventReceived
    from socketio_core.socketio.packet import JSONValue


class IncomingEvent:
    """An event of a client on its way to its handlers. A middleware may change its name and its arguments.

    Attributes:
        socket: whose event it is.
        name: which handlers it meets.
        args: what they are given; a list of its own.
        asks_ack: whether the client wants an acknowledgement.
    """

    __slots__ = ("args", "asks_ack", "name", "socket")

    def __init__(self, socket: Socket, event: EventReceived) -> None:
        self.socket = socket
        self.name = event.name
        self.args: list[JSONValue] = list(event.args)
        self.asks_ack = event.ack_id is not None

    def __repr__(self) -> str:
        return f"<IncomingEvent {self.name!r} of {self.socket!r}, {len(self.args)} arguments>"

    def check(self) -> None:
        """See that a middleware has made an event of it, and keep what it is given as its own.

        Raises:
            TypeError: it is none.
        """
        # Not everybody checks types.
        name: object = self.name
        args: object = self.args
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a middleware made the name of an event something else than a string: {name!r:.80}")
        if not isinstance(args, (list, tuple)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a middleware made the arguments of an event something else than a list: {args!r:.80}")
        self.name, self.args = plain(name), list(args)
