"""What clients have a server hold, found by looking: each text and each piece of bytes that leads from an object.

The books of the package (`held_bytes`) are not asked, so the two can be compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, cast

LEAST_BYTES: Final = 64  # shorter ones are names, ids and the like, which everybody has

_OURS: Final = ("socketio_core", "h11", "wsproto")
_SHARED: Final = (
    *("Site", "Mount", "ServerCore", "Engine", "Shared", "Hub", "NamespaceCore", "Namespace", "ServerHost", "Endpoint"),
    *("Dispatcher", "EngineDispatcher", "EngineSettings", "SocketSettings", "Agenda", "TimerQueue", "Timer"),
    *("Audience", "JsonParser", "GuardedParser", "HandlerTable"),
)  # by all clients


def held_by(*roots: object) -> int:
    """Return how many bytes of texts, and of bytes, these lead to; each once, and none by way of what all share."""
    return sum(map(_size_of, things_of(roots)))


def _size_of(thing: object) -> int:
    size = len(thing) if isinstance(thing, (bytes, bytearray, str)) else 0
    if size < LEAST_BYTES:
        return 0
    return thing.__sizeof__() if isinstance(thing, str) and not thing.isascii() else size


def things_of(roots: Iterable[object]) -> list[object]:
    """Return all that these lead to."""
    found: list[object] = []
    seen: set[int] = set()
    waiting: list[object] = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            found.append(thing)
            waiting += _parts_of(thing)
    return found


def _parts_of(thing: object) -> Iterable[object]:
    if isinstance(thing, dict):
        held = cast("dict[object, object]", thing)
        return [*held, *held.values()]
    if isinstance(thing, (list, tuple, set, deque)):
        return cast("Iterable[object]", thing)
    kind = type(thing)
    if not kind.__module__.startswith(_OURS) or kind.__name__ in _SHARED:
        return ()
    names: list[Any] = [name for base in kind.__mro__ for name in _slots_of(base)]
    return [getattr(thing, name, None) for name in (*names, *getattr(thing, "__dict__", ()))]


def _slots_of(kind: type) -> Iterable[str]:
    slots = getattr(kind, "__slots__", ())
    return (slots,) if isinstance(slots, str) else slots
