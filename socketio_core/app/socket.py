"""A socket: one client in one namespace, as an application sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload

from socketio_core.app.declared import DeclaredEvent, answer_args, answer_to
from socketio_core.app.handlers import Handler
from socketio_core.app.namespace import Namespace
from socketio_core.app.operators import BroadcastOperator, Rooms, room_set
from socketio_core.app.registering import OwnHandlers
from socketio_core.app.reliable import USUAL_RETRY_S, USUAL_TIMEOUT_S, deliver
from socketio_core.app.socket_connection import SocketConnection
from socketio_core.app.socket_operator import SocketOperator, answer_of_client, tell_sent, wait_drained
from socketio_core.http import Request
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.member import MemberState
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.app.socket_inbox import SocketInbox

_LEFT: Final = MemberState.LEFT  # to look into an enum takes longer than to compare (benchmarks: server)

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Handshake:
    """The request that the client came with; the same for all its namespaces (PROTOCOL 9-52), but for `auth`.

    Attributes:
        request: all of it.
        auth: what the client sent along when it asked for the namespace; `{}` when nothing.
        time: when it came, in seconds since 1970, as the server's clock had it; `datetime.fromtimestamp` takes it.
    """

    __slots__ = ("auth", "request", "time")

    def __init__(self, request: Request, auth: dict[str, JSONValue], time: float = 0.0) -> None:
        self.request = request
        self.auth = auth
        self.time = time

    @property
    def issued(self) -> int:
        """The same time in milliseconds, as JavaScript has it."""
        return int(self.time * 1000)

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.request.headers}

    @property
    def query(self) -> dict[str, str]:
        """The query of the URL, e.g. `{"EIO": "4", "transport": "polling", "token": "..."}`."""
        return self.request.query

    @property
    def url(self) -> str:
        """Path and query."""
        return self.request.target

    @property
    def address(self) -> str:
        """The client's address as the host knows it."""
        return self.request.address

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS."""
        return self.request.scheme in ("https", "wss")  # as ASGI calls it

    @property
    def scope(self) -> Mapping[str, Any]:
        """Under ASGI, the scope: what middlewares have put there, such as `session` and `user`; else nothing."""
        return {} if self.request.scope is None else self.request.scope

    @property
    def xdomain(self) -> bool:
        """Whether the request has an `Origin` header."""
        return self.request.header("origin") is not None


_H = TypeVar("_H", bound=Handler)

NO_ROOMS: Final[frozenset[str]] = frozenset()  # `frozenset()` makes another one each time


class Socket(OwnHandlers):
    """One client in one namespace.

    Attributes:
        handshake: the request that the client came with, and its `auth`.
    """

    __slots__ = ("__weakref__", "_app", "_handlers", "_inbox", "_instances", "_member", "handshake")

    def __init__(self, inbox: SocketInbox, handshake: Handshake) -> None:
        self._app = inbox.app
        self._inbox = inbox
        self._member = inbox.member
        self._handlers = inbox.handlers
        self._instances: dict[object, Any] | None = None  # of `EventHandlers` that are its own; see `OneEach`
        self.handshake = handshake
        self.data = {}

    def __repr__(self) -> str:
        return f"<Socket {self.id} of {self.nsp}>"

    @property
    def id(self) -> str:
        """Its public id; also the name of a room of its own."""
        return self._member.sid

    @property
    def nsp(self) -> str:
        """The name of its namespace."""
        return self._member.namespace.name

    @property
    def namespace(self) -> Namespace:
        """Where it is."""
        return self._inbox.namespace

    @property
    def data(self) -> dict[str, Any]:
        """Whatever the application wants to keep with the socket; one that is recovered has what was there before."""
        data: dict[str, Any] = self._member.data
        return data

    @data.setter
    def data(self, data: dict[str, Any]) -> None:
        self._member.data = data
        session = self._member.recoverable
        if session is not None and session.is_lost:  # handlers that run yet, as of "disconnect", have their say
            session.data = data

    @property
    def recovered(self) -> bool:
        """Whether its client was lost and has come back: it has its id, its rooms, its data, and what it missed.

        Known in middlewares too; only where the server has `recovery`.
        """
        return self._member.is_recovered

    @property
    def connected(self) -> bool:
        """Whether it is in its namespace."""
        return self._member.state is MemberState.JOINED

    @property
    def disconnected(self) -> bool:
        """Whether it is not: it has left, or was not let in yet."""
        return not self.connected

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`."""
        return self._member.connection.session.transport

    @property
    def conn(self) -> SocketConnection:
        """The connection underneath, which other sockets of the client share: `socket.conn.on("upgrade", ...)`."""
        return self._app.connection_of(self._member)

    # -- rooms -------------------------------------------------------------------------------------------------------

    @property
    def rooms(self) -> set[str]:
        """The rooms it is in, the one named by its id among them; empty once it has left."""
        if self._member.state is MemberState.LEFT:
            return set(self._inbox.parting_rooms)
        return {self.id, *self._member.rooms}

    def join(self, rooms: Rooms) -> None:
        """Join one or several rooms.

        Each socket is in the room that is named by its id. Where clients may choose names of rooms, put something in
        front of them (`f"chat:{name}"`), or they can join that of somebody else and hear what is meant for one.

        Raises:
            LocalProtocolError: it would be in more than `max_rooms`; nothing was joined.
        """
        self._app.runtime.check_caller()
        chosen = room_set(rooms)
        self._member.check_rooms(chosen)
        for room in chosen:
            self._member.join(room)

    def leave(self, rooms: Rooms) -> None:
        """Leave one or several rooms."""
        self._app.runtime.check_caller()
        for room in room_set(rooms):
            self._member.leave(room)

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Choose rooms for a broadcast that this socket itself does not get."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Everyone but this socket and those in `rooms`."""
        return self.broadcast.except_(rooms)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everyone in the namespace but this socket."""
        return BroadcastOperator(self._app, self.nsp, Selection(None, frozenset((self.id,))))

    @property
    def local(self) -> BroadcastOperator:
        """Everyone in this process but this socket, where several are joined by an adapter."""
        return self.broadcast.local

    # -- how ---------------------------------------------------------------------------------------------------------

    @property
    def volatile(self) -> SocketOperator:
        """Drop an event that cannot leave at once: `await socket.volatile.emit(...)`."""
        return SocketOperator(self._inbox).volatile

    def compress(self, compress: bool) -> SocketOperator:  # noqa: FBT001 - the name users know
        """With `False`, do not compress the message though the transport could: it is packed already, or short."""
        return SocketOperator(self._inbox).compress(compress)

    def timeout(self, seconds: float | None) -> SocketOperator:
        """How long a `call` waits: `await socket.timeout(5).call(...)`; `None` for as long as the socket is there.

        Raises:
            LocalProtocolError: it is no such time.
        """
        return SocketOperator(self._inbox).timeout(seconds)

    def use(self, middleware: _H) -> _H:
        """Add a middleware of this socket's events, called with an `IncomingEvent`; see `Namespace.use_events`.

        Those of the namespace come first.
        """
        self._handlers.add_guard(middleware)
        return middleware

    # -- events ------------------------------------------------------------------------------------------------------

    @overload
    async def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    async def emit(self, name: str, *args: JSONValue) -> bool: ...
    async def emit(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """Send an event. Waits only while the socket's outgoing buffer is above its high-water mark.

        Returns `False` when the socket has left, and the event was dropped; while its client may come back (see
        `recovery` of the `Server`), it is kept for it, or goes to the socket that stands for the client now. In a
        middleware it is held, and goes out once the socket is let in.

        Raises:
            LocalProtocolError: a reserved name, or data that is not JSON.
            BufferFull: in a middleware, too much is held already (`max_held_packets`, `max_held_bytes`).
        """
        inbox = self._inbox
        runtime, member = inbox.runtime, inbox.member
        await runtime.check_cancelled()
        if member.state is _LEFT or member.connection.session.is_over_high_water:
            await wait_drained(inbox)
        runtime.output_ready()  # fast path: what `acting` does; benchmarks: server
        sent = member.emit(name, args)
        if sent and (self._app.audience.event_sent or self._app.outgoing.is_heard):
            tell_sent(inbox, name, args)
        return sent

    async def send(self, *args: JSONValue) -> bool:
        """Send an event called `"message"`; see `emit`."""
        return await self.emit("message", *args)

    @overload
    def emit_nowait(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    def emit_nowait(self, name: str, *args: JSONValue) -> bool: ...
    def emit_nowait(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """The same, for sync code.

        Raises:
            BufferFull: the socket's outgoing buffer is above its high-water mark; nothing was sent.
        """
        sent = self._inbox.acting.emit_nowait(name, args)
        if sent and (self._app.audience.event_sent or self._app.outgoing.is_heard):
            tell_sent(self._inbox, name, args)
        return sent

    @overload
    def emit_volatile(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    def emit_volatile(self, name: str, *args: JSONValue) -> bool: ...
    def emit_volatile(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """Send an event if it can leave at once; returns whether it did."""
        sent = self._inbox.acting.emit(name, args, volatile=True)
        if sent and (self._app.audience.event_sent or self._app.outgoing.is_heard):
            tell_sent(self._inbox, name, args)
        return sent

    @overload
    async def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    async def call(self, name: str, *args: JSONValue, timeout: float | None = 5.0) -> JSONValue: ...
    async def call(self, name: Any, *args: Any, timeout: float | None = 5.0) -> Any:  # type: ignore[misc] # see `Declare`
        """Send an event, as `emit` does, and wait for the client's acknowledgement: `None`, a value, or a tuple.

        Later events of this socket are handled when the handler that waits has returned (see `concurrency`).

        Raises:
            AckTimeout: it did not come in `timeout` seconds, which count though the event itself must wait; with `None`
                there is no limit.
            Disconnected: the socket has left, or leaves while this waits.
            InvalidEvent: the answer is not what was declared.
            LocalProtocolError: as `emit`.
        """
        how = Selection(timeout_s=check_timeout(timeout))
        return answer_to(name, await answer_of_client(self._inbox, name, args, how))

    @overload
    async def emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[JSONValue]: ...
    @overload
    async def emit_with_ack(self, name: str, *args: JSONValue, timeout: float | None = 5.0) -> list[JSONValue]: ...
    async def emit_with_ack(self, name: Any, *args: Any, timeout: float | None = 5.0) -> list[JSONValue]:  # type: ignore[misc] # see `Declare`
        """Do what `call` does, and return all arguments of the acknowledgement: `[]` and `[None]` are told apart.

        They are as they came; what was declared is only looked at.

        Raises:
            AckTimeout, Disconnected, InvalidEvent, LocalProtocolError: as `call`.
        """
        how = Selection(timeout_s=check_timeout(timeout))
        return answer_args(name, await answer_of_client(self._inbox, name, args, how))

    @overload
    async def emit_reliably(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    async def emit_reliably(
        self, name: str, *args: JSONValue, timeout: float | None = USUAL_TIMEOUT_S, retry: float = USUAL_RETRY_S
    ) -> JSONValue: ...
    async def emit_reliably(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | None = USUAL_TIMEOUT_S, retry: float = USUAL_RETRY_S
    ) -> Any:
        """Send an event until the client acknowledges it, also when it is lost and comes back. Returns the answer.

        It may come more than once, and behind later ones. Each time its last argument is the same id, a text, by which
        a client can tell; an acknowledgement means whatever the client means by it. Only where the server has
        `recovery`; what waits is kept in this process alone.

        Args:
            timeout: in seconds, after which it is given up; `None` is for as long as the client may come back.
            retry: in seconds, after which it is sent again to a client that is there and does not answer.

        Raises:
            AckTimeout: the time is up. It may have been handled.
            Disconnected: the client left, or began anew, or the time in which it may come back is over. Likewise.
            InvalidEvent: it was acknowledged, and the answer is not what was declared.
            LocalProtocolError: as `emit`; or the server has no `recovery`.
        """
        found = await deliver(self._inbox, name, args, timeout_s=timeout, retry_s=retry, new_id=self._app.core.new_id)
        return answer_to(name, found)

    async def disconnect(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Leave the namespace; with `close`, all of the client's namespaces, and close the connection.

        Events that wait for their handlers are not handled any more, even if the client left first: one that was found
        out may have sent the next ones already. In a middleware, it keeps the socket out.
        """
        await self._app.runtime.check_cancelled()
        self._inbox.acting.disconnect(self._app.runtime.now(), close=close)
        self._app.dispatch_soon()  # its handlers of "disconnect", and who waits for its acks

    def _outgoing_changed(self) -> None:
        listens = bool(self._handlers.outgoing) and self._member.state is not MemberState.LEFT
        self._app.outgoing.note(self._inbox, listens=listens)


def inbox_behind(socket: Socket) -> SocketInbox:
    """Return what the application keeps of a socket and does not show."""
    return socket._inbox  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here
