"""Namespaces and rooms: who is where, and who a broadcast goes to.

A broadcast is encoded once and its message shared by all recipients; leaving costs as much as the member has rooms.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Set
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from socketio_core.checks import check_function, decide
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import LocalProtocolError
from socketio_core.records import plain
from socketio_core.socketio.selection import EVERYONE, Selection

if TYPE_CHECKING:
    from socketio_core.socketio.member import Member

NamePattern = Callable[[str], bool]
"""Says whether clients may join a namespace of this name."""

RoomWatcher = Callable[["Member", str, bool], None]
"""Is told that a member joined (`True`) or left a room, that of its own id too; must change nothing."""

NamespaceWatcher = Callable[[str, bool], None]
"""Is told that a namespace is there (`True`; perhaps not for the first time) or is gone; must change nothing."""

_ROOM_BYTES: Final = 350  # what a room takes beside its name, with one member in it; CPython 3.11, by `tracemalloc`


class NamespaceCore:
    """One namespace: its joined members and their rooms.

    Attributes:
        name: e.g. `"/admin"`.
        members: by id; only those that were accepted.
        context: belongs to the layer above.
        pending_count: how many members are being decided about.
        lost_count: how many were lost, and may come back; see `recovery`.
        pattern: what accepted the name, if it was not asked for by name first.
        is_dynamic: a pattern accepted the name; it is there while somebody is in it, wants to be, or may come back.
        asks_each: the pattern is asked about each client, by the layer above; see `Hub.allow`.
        is_undecided: which pattern accepts the name is not known yet, or whether any does.
        room_watcher: is told who joins and leaves its rooms; see `Hub.watch_rooms`.
        rooms: who is in each, in the order of joining; without those that are named by a member's id.
    """

    __slots__ = (
        "__weakref__",
        "_next_ack_id",
        "asks_each",
        "context",
        "is_dynamic",
        "is_undecided",
        "lost_count",
        "members",
        "name",
        "pattern",
        "pending_count",
        "room_watcher",
        "rooms",
    )

    def __init__(self, name: str, pattern: NamePattern | None = None) -> None:
        self.name = name
        self.pattern = pattern
        self.is_dynamic = pattern is not None
        self.asks_each = False
        self.is_undecided = False
        self.context: object = None
        self.members: dict[str, Member] = {}
        self.pending_count = 0
        self.lost_count = 0
        self.room_watcher: RoomWatcher | None = None
        self.rooms: dict[str, dict[Member, None]] = {}
        self._next_ack_id = 0

    def __repr__(self) -> str:
        return f"<NamespaceCore {self.name}, {len(self.members)} members>"

    @property
    def is_deserted(self) -> bool:
        """Whether nobody is in it, and nobody is about to be."""
        return not (self.members or self.pending_count or self.lost_count)

    @property
    def room_names(self) -> list[str]:
        """The rooms that somebody is in, without those that are named by a member's id."""
        return list(self.rooms)

    def take_ack_id(self) -> int:
        """Return the next ack id; one counter for the whole namespace, as in the reference (PROTOCOL 9-50)."""
        ack_id = self._next_ack_id
        self._next_ack_id += 1
        return ack_id

    def in_room(self, room: str) -> Iterable[Member]:
        """Return the members in `room`; every member is in the room that is named by its id."""
        found = self.rooms.get(room)
        alone = self.members.get(room)
        if alone is None:
            return found or ()
        return [alone] if found is None else [alone, *found]

    def recipients(self, selection: Selection = EVERYONE) -> Iterator[Member]:
        """Return those in any of its rooms and in none of those that it leaves out, each once.

        They come room by room, the rooms sorted by name, and within each in the order of joining.
        """
        rooms, except_rooms = selection.rooms, selection.except_rooms
        if rooms is None:
            found: Iterable[Member] = list(self.members.values())
        elif len(rooms) == 1:
            found = list(self.in_room(next(iter(rooms))))
        else:
            found = dict.fromkeys(member for room in sorted(rooms) for member in self.in_room(room))
        if not except_rooms:
            return iter(found)
        excluded = {member for room in except_rooms for member in self.in_room(room)}
        return (member for member in found if member not in excluded)

    def broadcast(
        self, message: WireMessage, selection: Selection = EVERYONE, takers: list[Member] | None = None
    ) -> int:
        """Put `message` into the outbox of every recipient and return how many took it.

        Never waits. A recipient whose buffer overflows is closed; the others do not notice. A volatile message goes
        only to those it can reach at once.

        Args:
            takers: is filled with those who took it, for who wants to know.

        Raises:
            LocalProtocolError: the message is larger than any buffer; nobody got it.
        """
        count, volatile = 0, selection.volatile
        for member in self.recipients(selection):
            session = member.connection.session
            if (not volatile or session.is_writable) and session.put(message):
                count += 1
                if takers is not None:
                    takers.append(member)
        return count

    def add(self, member: Member) -> None:
        """Called by the member, when it was let in."""
        self.members[member.sid] = member
        if self.room_watcher is not None:
            self.room_watcher(member, member.sid, True)  # noqa: FBT003 - as the type says

    def remove(self, member: Member) -> None:
        """Called by the member, when it leaves."""
        del self.members[member.sid]
        if self.room_watcher is not None:
            self.room_watcher(member, member.sid, False)  # noqa: FBT003 - as the type says

    def add_to_room(self, member: Member, room: str) -> None:
        """Called by the member, which knows its rooms."""
        self.rooms.setdefault(room, {})[member] = None
        if self.room_watcher is not None:
            self.room_watcher(member, room, True)  # noqa: FBT003 - as the type says

    def remove_from_room(self, member: Member, room: str) -> None:
        """Called by the member; an empty room is gone."""
        members = self.rooms.get(room)
        if members is not None:
            members.pop(member, None)
            if not members:
                del self.rooms[room]
            if self.room_watcher is not None:
                self.room_watcher(member, room, False)  # noqa: FBT003 - as the type says


class Hub:
    """All namespaces of a server.

    A dynamic namespace is forgotten when it is empty, or names would fill the memory. Whoever holds the object finds it
    in place again when the name comes back: there are never two of one name.
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, NamespaceCore] = {}
        self._dynamic: WeakValueDictionary[str, NamespaceCore] = WeakValueDictionary()  # empty ones that are held too
        self._patterns: list[tuple[NamePattern, bool]] = []
        self._room_watchers: tuple[RoomWatcher, ...] = ()
        self._room_watcher: RoomWatcher | None = None
        self._namespace_watcher: NamespaceWatcher | None = None

    def of(self, name: str) -> NamespaceCore:
        """Return the namespace `name`, made if need be; clients can join it from then on.

        One whose name a pattern accepts is dynamic, and knows the pattern: whoever guards all that match guards it too.
        """
        namespace = self._look_up(name)
        if namespace is None:
            namespace = self._make(name)
            self._add(namespace)
        return namespace

    def allow(self, pattern: NamePattern, *, asks_each: bool = False) -> None:
        """Let clients join any namespace whose name `pattern` accepts; asked in the order of registration.

        Args:
            asks_each: the name alone does not say it. Whatever name no pattern before accepts is a namespace that is
                undecided: before a member of it is accepted, the layer above must ask, and `settle` it, or refuse.

        Raises:
            TypeError: it is async, or no function at all.
        """
        check_function("pattern", pattern, may_wait=False)
        self._patterns.append((pattern, asks_each))

    def find(self, name: str) -> NamespaceCore | None:
        """Return the namespace that a client asks for, or `None` if there is no such thing."""
        namespace = self._look_up(name)
        if namespace is not None and not namespace.is_undecided:
            self._add(namespace)
        return namespace

    def settle(self, namespace: NamespaceCore, pattern: NamePattern | None) -> None:
        """Say which pattern accepts the name of an undecided namespace; `None` is that it is one of its own."""
        namespace.pattern = pattern
        namespace.is_undecided = False
        if pattern is None:
            namespace.is_dynamic = namespace.asks_each = False
        self._add(namespace)
        self.forget_if_empty(namespace)  # who was asked about may have gone

    def _look_up(self, name: str) -> NamespaceCore | None:
        namespace = self.namespaces.get(name) or self._dynamic.get(name)
        if namespace is not None:
            return namespace
        for pattern, asks_each in self._patterns:
            if asks_each:
                namespace = self._dynamic[name] = self._make(name)
                namespace.is_dynamic = namespace.asks_each = namespace.is_undecided = True
                return namespace
            if decide("pattern", pattern, name):
                namespace = self._dynamic[name] = self._make(name, pattern)
                return namespace
        return None

    def _add(self, namespace: NamespaceCore) -> None:
        self.namespaces[namespace.name] = namespace
        if self._namespace_watcher is not None:
            self._namespace_watcher(namespace.name, True)  # noqa: FBT003 - as the type says

    def _make(self, name: str, pattern: NamePattern | None = None) -> NamespaceCore:
        namespace = NamespaceCore(name, pattern)
        namespace.room_watcher = self._room_watcher
        return namespace

    def watch_rooms(self, watcher: RoomWatcher) -> None:
        """Tell `watcher` too who joins and leaves a room from now on, in any namespace."""
        if watcher not in self._room_watchers:
            self._room_watchers += (watcher,)
        self._room_watcher = watcher if len(self._room_watchers) == 1 else self._tell_of_room
        for namespace in (*self.namespaces.values(), *self._dynamic.values()):
            namespace.room_watcher = self._room_watcher

    def _tell_of_room(self, member: Member, room: str, is_in: bool) -> None:  # noqa: FBT001 - see `RoomWatcher`
        for watcher in self._room_watchers:
            watcher(member, room, is_in)

    def watch_namespaces(self, watcher: NamespaceWatcher) -> None:
        """Tell `watcher` which namespaces there are, and which come and go from now on."""
        self._namespace_watcher = watcher
        for name in self.namespaces:
            watcher(name, True)  # noqa: FBT003 - as the type says

    def forget_if_empty(self, namespace: NamespaceCore) -> None:
        """Drop a dynamic namespace when its last member is gone, so that clients cannot fill the memory with names."""
        if namespace.is_dynamic and namespace.is_deserted:
            self.namespaces.pop(namespace.name, None)
            if self._namespace_watcher is not None:
                self._namespace_watcher(namespace.name, False)  # noqa: FBT003 - as the type says


def check_room(room: str) -> str:
    """Return the name of a room.

    Raises:
        LocalProtocolError: it is not a string.
    """
    if not isinstance(room, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LocalProtocolError(f"room must be a string: {room!r}")
    return plain(room)


def check_room_count(mine: Set[str], rooms: Collection[str], own: str, limit: int) -> None:
    """See that somebody who is in some rooms may join others.

    Args:
        mine: those where it is, without its own.
        rooms: those that it is to join.
        own: the one that is named by its id, which counts for nothing.
        limit: `SocketSettings.max_rooms`.

    Raises:
        LocalProtocolError: it would be in too many.
    """
    if len(mine) + len(rooms) > limit and len(mine) + len({*rooms} - mine - {own}) > limit:
        raise LocalProtocolError(f"too many rooms, max_rooms: {limit}")


def room_bytes(room: str) -> int:
    """Return what it takes in memory, about, to be in a room: clients may choose which, and how many."""
    return _ROOM_BYTES + len(room)
