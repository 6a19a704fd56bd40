"""What a Redis says when it does not do what it is told, and what to do about it."""

from __future__ import annotations

from typing import Final

_PRIMARY: Final = "give the URL of its primary; behind Sentinel, a name or address that follows the primary"
_SHARDS: Final = (
    "this is a Redis Cluster, where each sharded channel and each stream has a server of its own: use plain channels, "
    "which all of them pass on, or a Redis that is no cluster"
)

_BY_WORD: Final = {  # an error begins with it
    "WRONGPASS": "user or password in the URL are wrong",
    "NOAUTH": "it wants a password: redis://:password@host",
    "NOPERM": "the user in the URL may not do that, see ACL",
    "DENIED": "it is in protected mode",
    "MOVED": _SHARDS,
    "ASK": _SHARDS,
    "CLUSTERDOWN": "this is a Redis Cluster of which a part is missing, see CLUSTER INFO",
    "READONLY": f"this is a replica, and takes no writes: {_PRIMARY}",
    "UNBLOCKED": f"it has become a replica: {_PRIMARY}",
    "MASTERDOWN": f"this is a replica that has lost its primary: {_PRIMARY}",
    "LOADING": "it has just started and reads its data; it is tried again",
    "OOM": "its memory is full, see maxmemory",
    "MISCONF": "it cannot save its data, and takes no writes, see its log",
    "NOREPLICAS": "it takes no writes without replicas, see min-replicas-to-write",
    "WRONGTYPE": "the key of the stream holds something else: choose another name for the stream",
}
_BY_TEXT: Final = {  # the errors that have no word of their own
    "unknown command 'SSUBSCRIBE'": "it has no sharded channels: it is older than Redis 7, or a Sentinel",
    "unknown command 'SPUBLISH'": "it has no sharded channels: it is older than Redis 7, or a Sentinel",
    "unknown command 'XADD'": "it has no streams: it is older than Redis 5, or a Sentinel",
    "unknown command 'XRANGE'": "it has no streams: it is older than Redis 5, or a Sentinel",
    "accepted by Sentinel": f"this is a Sentinel, which passes no messages on: {_PRIMARY}",
    "SELECT is not allowed in cluster mode": "a Redis Cluster has database 0 alone: leave the number out of the URL",
    "DB index is out of range": "it has no database of the number in the URL",
    "max number of clients reached": "it has as many clients as it may, see maxclients",
}

_PASSING: Final = frozenset(("READONLY", "MASTERDOWN", "LOADING", "OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN"))


def is_passing(error: str) -> bool:
    """Whether a Redis takes nothing that is to be kept, as it is now: later it may, or the one then at its address."""
    return error.partition(" ")[0] in _PASSING


def explained(error: str) -> str:
    """Return an error of a Redis, with what to do in front of it."""
    hint = _BY_WORD.get(error.partition(" ")[0])
    if hint is None:
        hint = next((hint for text, hint in _BY_TEXT.items() if text in error), None)
    return error if hint is None else f"{hint} ({error})"
