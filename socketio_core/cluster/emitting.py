"""Emitting into a cluster without being a server of it: what is said, and to whom. Hosts send it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from socketio_core.app.declared import DeclaredEvent
from socketio_core.app.operators import Rooms, room_set
from socketio_core.checks import check_seconds
from socketio_core.cluster.address import RedisAddress, parse_redis_url
from socketio_core.cluster.calling import CallLine
from socketio_core.cluster.link import Command, Link
from socketio_core.cluster.messages import (
    EMITTER_UID,
    Audience,
    Broadcast,
    Message,
    RoomsJoin,
    RoomsLeave,
    ServerEmit,
    SocketsDisconnect,
)
from socketio_core.cluster.transports import Classic, Sharded, Streams, Transport
from socketio_core.cluster.values import check_depth
from socketio_core.socketio.packet import ROOT_NAMESPACE, JSONValue, event_packet

KINDS: Final = ("classic", "sharded", "streams")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def transport_of(address: RedisAddress, kind: str, prefix: str, stream: str, mode: str) -> Transport:
    """Return how an emitter's messages go.

    Raises:
        ValueError: there is no such way.
    """
    listener = Link(address, float, listens=True)  # of which nothing will be heard
    if kind == "classic":
        return Classic(EMITTER_UID, listener, prefix)
    if kind == "sharded":
        return Sharded(EMITTER_UID, listener, prefix, mode)
    if kind == "streams":
        return EmitterStreams(EMITTER_UID, listener, prefix=prefix, stream=stream)
    raise ValueError(f"kind of cluster must be one of {', '.join(KINDS)}, not: {kind!r}")


class EmitterStreams(Streams):
    """Streams, for who hears no channel: all of it goes into the stream."""

    def is_in_stream(self, message: Message) -> bool:
        """See `Streams`."""
        return True


class Emitting(Generic[_R]):
    """Whom to tell, and how; each method returns another one, so that one may be kept and used again.

    Args:
        transport: how messages go.
        send: sends a command, and returns what the caller gets.
    """

    def __init__(
        self,
        transport: Transport,
        send: Callable[[Command], _R],
        nsp: str = ROOT_NAMESPACE,
        audience: Audience = Audience((), (), {}),  # noqa: B008 - nobody changes it
    ) -> None:
        self._transport = transport
        self._send = send
        self._nsp = nsp
        self._audience = audience

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._nsp}, {self._audience!r}>"

    def _with(self, *, nsp: str | None = None, audience: Audience | None = None) -> Emitting[_R]:
        return Emitting(self._transport, self._send, nsp or self._nsp, audience or self._audience)

    # -- whom --------------------------------------------------------------------------------------------------------

    def of(self, nsp: str) -> Emitting[_R]:
        """Those in a namespace: `"/admin"`, or `"admin"`."""
        return self._with(nsp=nsp if nsp.startswith("/") else f"/{nsp}")

    def to(self, rooms: Rooms) -> Emitting[_R]:
        """Those in a room, or in any of several; called again, in those too. A socket's id is a room.

        Raises:
            ValueError: no rooms. With a server that is nobody; servers of a cluster would take it for everybody.
        """
        old, chosen = self._audience, sorted(room_set(rooms))
        if not chosen:
            raise ValueError("rooms must not be empty: nobody is there to be told")
        return self._with(audience=Audience([*old.rooms, *chosen], old.except_rooms, old.flags))

    in_ = to

    def except_(self, rooms: Rooms) -> Emitting[_R]:
        """None of those in a room, or in any of several."""
        old = self._audience
        return self._with(audience=Audience(old.rooms, [*old.except_rooms, *sorted(room_set(rooms))], old.flags))

    @property
    def volatile(self) -> Emitting[_R]:
        """Only those who can be reached at once."""
        return self._flagged("volatile", value=True)

    def compress(self, wanted: bool) -> Emitting[_R]:  # noqa: FBT001 - the name users know
        """Whether transports may compress it."""
        return self._flagged("compress", value=wanted)

    def _flagged(self, flag: str, *, value: bool) -> Emitting[_R]:
        old = self._audience
        return self._with(audience=Audience(old.rooms, old.except_rooms, {**old.flags, flag: value}))

    # -- what --------------------------------------------------------------------------------------------------------

    @overload
    def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def emit(self, name: str, *args: JSONValue) -> _R: ...
    def emit(self, name: Any, *args: Any) -> _R:  # type: ignore[misc] # see `Declare`
        """Send an event to clients.

        Raises:
            LocalProtocolError: a reserved name, or data that is nested deeper than servers take.
            TypeError, ValueError: data that cannot be sent.
            ClusterUnavailable: it cannot be sent.
        """
        return self._tell(Broadcast(EMITTER_UID, self._nsp, self._event(name, args), self._audience))

    def sockets_join(self, rooms: Rooms) -> _R:
        """Make sockets join rooms."""
        return self._tell(RoomsJoin(self._uid, self._nsp, self._audience, sorted(room_set(rooms))))

    def sockets_leave(self, rooms: Rooms) -> _R:
        """Make sockets leave rooms."""
        return self._tell(RoomsLeave(self._uid, self._nsp, self._audience, sorted(room_set(rooms))))

    def disconnect_sockets(self, close: bool = False) -> _R:  # noqa: FBT001, FBT002 - the name users know
        """Disconnect sockets from the namespace; with `close`, their connections."""
        return self._tell(SocketsDisconnect(self._uid, self._nsp, self._audience, close))

    @overload
    def server_side_emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def server_side_emit(self, name: str, *args: JSONValue) -> _R: ...
    def server_side_emit(self, name: Any, *args: Any) -> _R:  # type: ignore[misc] # see `Declare`
        """Send an event to the servers themselves; errors are those of `emit`."""
        return self._tell(ServerEmit(EMITTER_UID, self._nsp, self._event(name, args)))

    def _event(self, name: str, args: Sequence[Any]) -> list[Any]:
        event: list[Any] = event_packet(self._nsp, name, args).data
        check_depth(event)
        return event

    @property
    def _uid(self) -> str | None:
        return None if isinstance(self._transport, Classic) else EMITTER_UID

    def _tell(self, message: Any) -> _R:
        return self._send(self._transport.tell(message))


class AnyEmitter(Emitting[_R], ABC):
    """Tells the servers of a cluster, ours and Node's, without being one of them.

    It connects when there is something to send, and again when the connection was lost. Each call waits until the Redis
    has it, and raises `ClusterUnavailable` if it has not, or nobody knows: nothing is kept for later, or sent twice.

    Args:
        url: of the Redis: `"redis://user:password@host:6379/0"`, `"rediss://..."`, `"unix:///path"`.
        kind: what the servers use: `"classic"`, `"sharded"` or `"streams"`.
        prefix: what the servers' channels begin with.
        stream: the servers' stream.
        mode: of sharded servers.
        timeout_s: for each call.
        ssl_context: an `ssl.SSLContext` for `rediss`; `None` is the system's trust.
    """

    def __init__(
        self,
        url: str,
        *,
        kind: str = "classic",
        prefix: str = "socket.io",
        stream: str = "socket.io",
        mode: str = "dynamic",
        timeout_s: float = 5.0,
        ssl_context: object = None,
    ) -> None:
        address = parse_redis_url(url)
        check_seconds("timeout_s", timeout_s)
        self._line = CallLine(address, timeout_s, ssl_context)
        super().__init__(transport_of(address, kind, prefix, stream, mode), self._execute)
        self._begin()

    def _begin(self) -> None:
        """Prepare what keeps the line."""

    @abstractmethod
    def _execute(self, command: Command) -> _R:
        """Have a command carried out."""
