"""`Server(adapter=RedisStreamsAdapter("redis://localhost"))`: several servers, joined by streams of a Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from socketio_core.app.adapter import LocalAdapter
from socketio_core.checks import check_count, check_kind
from socketio_core.cluster.adapter import ClusterAdapter, RedisAdapter
from socketio_core.cluster.link import Link
from socketio_core.cluster.membership import Membership
from socketio_core.cluster.selecting import is_for_others
from socketio_core.cluster.stream_log import KEY_PREFIX, StreamLog
from socketio_core.cluster.transports import MAX_LENGTH, Streams
from socketio_core.ids import random
from socketio_core.socketio.events import Claim
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.selection import Selection

STREAM: Final = "socket.io"


class RedisStreamsAdapter(RedisAdapter):
    """Joins a server to others by streams of a Redis, as `createAdapter` of Node's redis-streams-adapter does.

    What is emitted to clients of other servers, and what is done to them, is kept in streams: who could not be reached
    for a while gets it later, as long as the streams have it. With `Server(recovery=RecoverySettings())`, clients that
    were lost come back to any server, ours or Node's. Events wait then until they have their place in a stream, as long
    as the Redis takes, but 250 ms at the most; and a socket's data goes through the Redis, as far as it is JSON.

    All servers of a cluster have the same names, `count` and `sharded`. It may be given to one server only.

    Args:
        url: of the Redis; see `RedisAdapter`.
        stream: the name of the stream; with a `count` of several, what their names begin with.
        count: of streams; each namespace has one of them.
        max_length: how many entries a stream keeps, about.
        sharded: questions and answers go by channels of shards.
        session_prefix: of the keys of clients that were lost.
        prefix: what channels begin with.
        options: `timeout_s` and all that follows it of `RedisAdapter`.
    """

    def __init__(
        self,
        url: str,
        *,
        stream: str = STREAM,
        count: int = 1,
        max_length: int = MAX_LENGTH,
        sharded: bool = False,
        session_prefix: str = KEY_PREFIX,
        prefix: str = "socket.io",
        **options: Any,
    ) -> None:
        check_kind("stream", stream, str, "a string")
        check_kind("session_prefix", session_prefix, str, "a string")
        check_count("count", count)
        check_count("max_length", max_length)
        self._stream = stream
        self._count = count
        self._max_length = max_length
        self._session_prefix = session_prefix
        super().__init__(url, sharded=sharded, prefix=prefix, **options)

    def __call__(self, local: LocalAdapter) -> ClusterAdapter:
        """Make the adapter of a server; called by that."""
        transport = self._new_transport(Link(self._address, random, listens=True))
        transport.max_values = self._max_values
        commands = Link(self._address, random, trial=transport.trial)
        cluster = Membership(local, transport, commands, self._settings, watches_rooms=False)
        if local.recovery is None:
            return ClusterAdapter(cluster)
        return SharingAdapter(cluster, cluster.share(transport, local.recovery, self._session_prefix))

    def _new_transport(self, listener: Link) -> Streams:
        return Streams(
            self._settings.new_id(),
            listener,
            prefix=self._prefix,
            stream=self._stream,
            count=self._count,
            max_length=self._max_length,
            sharded=self._sharded,
            reading=Link(self._address, random),
        )


class SharingAdapter(ClusterAdapter):
    """The adapter of a server whose clients may come back to others, and the other way round."""

    def __init__(self, cluster: Membership, log: StreamLog) -> None:
        super().__init__(cluster)
        self._log = log

    def broadcast(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> int:
        """See `Adapter`. What is not volatile the log tells the others."""
        if selection.volatile or not is_for_others(selection):
            return super().broadcast(nsp, name, args, selection)
        return self._local.broadcast(nsp, name, args, selection)

    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        """See `Adapter`."""
        is_over = self._local.runtime.new_event()
        restoring = self._log.restore(nsp, claim, is_over.set)
        await is_over.wait()
        self._local.look()
        if restoring.is_here:
            return await self._local.take_session(nsp, claim)
        return restoring.session
