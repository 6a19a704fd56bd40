"""`Server(adapter=RedisAdapter("redis://localhost:6379"))`: one of several servers, ours and Node's, that act as one.

Local first: what is asked of a server it does at once for its own clients, and tells the others then. Nothing that it
does alone waits for a Redis, or is lost because of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import EllipsisType
from typing import Any, Final, TypeVar

from socketio_core.app.acks import Answers
from socketio_core.app.adapter import Asked, LocalAdapter, LocalAsked
from socketio_core.app.remote_socket import RemoteSocket
from socketio_core.app.socket import Socket
from socketio_core.checks import check_count, check_kind
from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import ClusterUnavailable, Link
from socketio_core.cluster.machine import ClusterTimeout
from socketio_core.cluster.membership import ClusterSettings, Membership, Question
from socketio_core.cluster.messages import (
    Broadcast,
    Message,
    RoomsJoin,
    RoomsLeave,
    RoomsList,
    ServerEmit,
    SocketsDisconnect,
    SocketsFetch,
)
from socketio_core.cluster.request import Request
from socketio_core.cluster.selecting import audience_of, is_for_others
from socketio_core.cluster.transports import Classic, Sharded, Transport
from socketio_core.cluster.values import MAX_DEPTH, MAX_VALUES, check_depth
from socketio_core.errors import ClusterError
from socketio_core.ids import IdFactory, new_id, random
from socketio_core.socketio.events import Claim
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.selection import EVERYONE, USUAL_ACK_TIMEOUT_S, Selection

HIDDEN_HEADERS: Final = ("authorization", "cookie", "proxy-authorization")
START_S: Final = 5.0

_T = TypeVar("_T")


class RedisAdapter:
    """Joins a server to others by a Redis, as `createAdapter` and `createShardedAdapter` of Node's redis-adapter do.

    All servers of a cluster have the same `sharded`, `mode` and `prefix`. It may be given to one server only.

    Args:
        url: of the Redis: `"redis://user:password@host:6379/0"`, `"rediss://..."`, `"unix:///path"`.
        sharded: by channels of shards, which a Redis has from version 7 on.
        mode: of these: `"static"`, `"dynamic"` or `"dynamic-private"`.
        prefix: what channels begin with.
        timeout_s: how long `fetch_sockets` and `all_rooms` wait for the others.
        start_degraded: serve though the others cannot be reached at the start, and go on trying; otherwise `serve`
            raises `ClusterUnavailable` after `start_timeout_s`, for a cluster in pieces looks like one that works.
        start_timeout_s: how long to try at the start.
        max_message_values: of one message of another server: lists, mappings and what is in them, and 16 bytes for each
            if it is JSON (16 MB at least). One with more is not read, for who reads it can do nothing else meanwhile;
            it is counted, and told of, as what makes no sense.
        hide_headers: of handshakes, that are not told to other servers; `fetch_sockets` tells them all others.
        ssl_context: for `rediss`; `None` is the system's trust.
        new_id: makes ids of servers and questions.
    """

    def __init__(
        self,
        url: str,
        *,
        sharded: bool = False,
        mode: str = "dynamic",
        prefix: str = "socket.io",
        timeout_s: float = USUAL_ACK_TIMEOUT_S,
        start_degraded: bool = False,
        start_timeout_s: float = START_S,
        max_message_values: int = MAX_VALUES,
        hide_headers: Iterable[str] = HIDDEN_HEADERS,
        ssl_context: object = None,
        new_id: IdFactory = new_id,
    ) -> None:
        self._address = parse_redis_url(url)
        check_kind("prefix", prefix, str, "a string")
        check_count("max_message_values", max_message_values)
        self._max_values = max_message_values
        self._settings = ClusterSettings(
            timeout_s, start_degraded, start_timeout_s, frozenset(map(str.lower, hide_headers)), ssl_context, new_id
        )
        self._sharded = sharded
        self._mode = mode
        self._prefix = prefix
        self._new_transport(Link(self._address, random, listens=True))  # complains about what it is given

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address.url}>"

    def __call__(self, local: LocalAdapter) -> ClusterAdapter:
        """Make the adapter of a server; called by that."""
        transport = self._new_transport(Link(self._address, random, listens=True))
        transport.max_values = self._max_values
        watches_rooms = self._sharded and self._mode != "static"
        commands = Link(self._address, random)
        return ClusterAdapter(Membership(local, transport, commands, self._settings, watches_rooms=watches_rooms))

    def _new_transport(self, listener: Link) -> Transport:
        uid = self._settings.new_id()
        if self._sharded:
            return Sharded(uid, listener, self._prefix, self._mode)
        return Classic(uid, listener, self._prefix)


class ClusterAdapter:
    """See `Adapter`."""

    def __init__(self, cluster: Membership) -> None:
        self._cluster = cluster
        self._local = cluster.local
        self._uid = cluster.uid
        self._checks_depth = cluster.local.may_emit_deeper(MAX_DEPTH)  # else the parser has done it

    # -- telling -----------------------------------------------------------------------------------------------------

    def broadcast(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> int:
        """See `Adapter`."""
        if self._checks_depth:
            check_depth(args)
        count = self._local.broadcast(nsp, name, args, selection)
        if is_for_others(selection):
            message = Broadcast(self._uid, nsp, [name, *args], audience_of(selection))
            self._cluster.tell(message, volatile=selection.volatile)
        return count

    def join(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """See `Adapter`."""
        self._local.join(nsp, selection, rooms)
        if is_for_others(selection):
            self._cluster.tell(RoomsJoin(self._uid, nsp, audience_of(selection), sorted(rooms)))

    def leave(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """See `Adapter`."""
        self._local.leave(nsp, selection, rooms)
        if is_for_others(selection):
            self._cluster.tell(RoomsLeave(self._uid, nsp, audience_of(selection), sorted(rooms)))

    def disconnect(self, nsp: str, selection: Selection, *, close: bool) -> None:
        """See `Adapter`."""
        self._local.disconnect(nsp, selection, close=close)
        if is_for_others(selection):
            self._cluster.tell(SocketsDisconnect(self._uid, nsp, audience_of(selection), close))

    def server_side_emit(self, nsp: str, name: str, args: Sequence[JSONValue]) -> None:
        """See `Adapter`."""
        check_depth(args)
        self._cluster.tell(ServerEmit(self._uid, nsp, [name, *args]))

    # -- asking ------------------------------------------------------------------------------------------------------

    def ask(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> Asked:
        """See `Adapter`. Who is here is asked, whatever is with the others."""
        if not is_for_others(selection):
            return self._local.ask(nsp, name, args, selection)
        if self._checks_depth:
            check_depth(args)
        responses: list[list[JSONValue]] = []
        local = self._local.ask(nsp, name, args, selection, responses.append)
        audience = audience_of(selection, has_timeout=True)

        def question(request_id: str) -> Message:
            return Broadcast(self._uid, nsp, [name, *args], audience, request_id)

        def each(value: JSONValue) -> None:
            responses.append(_args_of(value))

        try:
            return _AskedAll(
                self._cluster, local, responses, self._cluster.ask(question, nsp, selection.timeout_s, each)
            )
        except ClusterUnavailable as error:
            return _AskedAll(self._cluster, local, responses, error)

    async def sockets(self, nsp: str, selection: Selection) -> Sequence[Socket | RemoteSocket]:
        """See `Adapter`."""
        found: list[Socket | RemoteSocket] = [*self._local.chosen(nsp, selection)]
        if not is_for_others(selection):
            return found
        audience = audience_of(selection)
        values, error = await self._fetch(lambda id_: SocketsFetch(self._uid, nsp, audience, id_), nsp)
        found += [self._local.remote_socket(nsp, fields) for fields in values]
        return _complete(found, error)

    async def rooms(self, nsp: str) -> set[str]:
        """See `Adapter`."""
        found = self._local.room_names(nsp)
        if self._cluster.lists_rooms:
            values, error = await self._fetch(lambda id_: RoomsList(self._uid, nsp, id_), nsp)
            found.update(map(str, values))
        else:
            everyone = audience_of(EVERYONE)
            values, error = await self._fetch(lambda id_: SocketsFetch(self._uid, nsp, everyone, id_), nsp)
            found.update(*(self._local.remote_socket(nsp, fields).rooms for fields in values))
        return _complete(found, error)

    async def server_side_emit_with_ack(
        self, nsp: str, name: str, args: Sequence[JSONValue], timeout_s: float | None
    ) -> Answers:
        """See `Adapter`. Of each answer one value travels, the first."""
        check_depth(args)
        values, error = await self._fetch(lambda id_: ServerEmit(self._uid, nsp, [name, *args], id_), nsp, timeout_s)
        answers = list(map(_args_of, values))
        if isinstance(error, ClusterTimeout):
            return Answers(answers, max(1, error.expected - error.got))
        return Answers(answers, error=error)

    async def _fetch(
        self, make: Callable[[str], Message], nsp: str, timeout_s: float | EllipsisType | None = ...
    ) -> tuple[list[Any], ClusterError | None]:
        """Ask, and wait. Returns what was answered, and why that is not all."""
        if isinstance(timeout_s, EllipsisType):
            timeout_s = self._cluster.settings.timeout_s
        try:
            question = self._cluster.ask(make, nsp, timeout_s)
        except ClusterUnavailable as error:
            return [], error
        try:
            await question.over()
        finally:
            self._cluster.forget(question)
        return question.request.values, question.error

    # -- the rest ----------------------------------------------------------------------------------------------------

    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        """See `Adapter`; who was lost is known where that was."""
        return await self._local.take_session(nsp, claim)

    async def open(self, *, may_fail: bool) -> None:
        """See `Adapter`."""
        await self._cluster.open(may_fail=may_fail)

    def close(self) -> None:
        """See `Adapter`."""
        self._cluster.close()

    def statistics(self) -> Mapping[str, Any]:
        """See `Adapter`."""
        return self._cluster.statistics()


class _AskedAll:
    """Clients of this server were asked, and those of others, unless there is an error."""

    __slots__ = ("_cluster", "_local", "_others", "_responses")

    def __init__(
        self,
        cluster: Membership,
        local: LocalAsked,
        responses: list[list[JSONValue]],
        others: Question | ClusterError,
    ) -> None:
        self._cluster = cluster
        self._local = local
        self._responses = responses
        self._others = others

    async def answers(self) -> Answers:
        """See `Asked`."""
        found = await self._local.answers()
        others = self._others
        if not isinstance(others, Question):
            return Answers(self._responses, found.missing, found.silent, others)
        await others.over()
        if isinstance(others.error, ClusterTimeout):
            return Answers(self._responses, found.missing + _missing(others.request), found.silent)
        return Answers(self._responses, found.missing, found.silent, others.error)

    def forget(self) -> None:
        """See `Asked`."""
        self._local.forget()
        if isinstance(self._others, Question):
            self._cluster.forget(self._others)


def _missing(request: Request) -> int:
    """Return how many clients of other servers have not answered; a server that says nothing has one at least."""
    clients = (request.clients or 0) - len(request.values)
    servers = 1 if request.expected is None else request.expected - request.answered
    return max(1, clients + servers)


def _complete(found: _T, error: ClusterError | None) -> _T:
    """Return what was found, if that is all."""
    if error is not None:
        error.partial = found
        raise error
    return found


def _args_of(value: JSONValue) -> list[JSONValue]:
    """Return the arguments of an acknowledgement, of which one travels."""
    return [] if value is None else [value]
