"""What the chat remembers: who is here, which rooms there are, what was said lately. No Socket.IO, no clock of its own.

Everything is bounded, because everything comes from strangers. A request that cannot be granted raises `Refused`
before anything has changed; its text is meant for the person who asked.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from socketio_core.socketio.packet import JSONValue

LOBBY = "lobby"

MAX_NICKNAME_CHARS = 24
MAX_ROOM_CHARS = 32
MAX_TEXT_CHARS = 2000
MAX_KEY_CHARS = 64  # a UUID has 36
MAX_PEOPLE = 1000
MAX_ROOMS = 100
MAX_ROOMS_EACH = 10
MAX_HISTORY = 50  # messages that a room remembers

# Printable to Unicode and to Python, and nothing to the eye: Hangul fillers, variation selectors, empty Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# In categories of characters: marks at the beginning of a word, where they would go onto what is in front of the name
# on somebody's page; and so many of them (five) that they would cover the lines around.
_MARKS = re.compile("(?:^|Zs)M[ne]|(?:M[ne]){5}")


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """The request cannot be granted; the text says why, to the person who asked."""


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who is here, with one open page."""

    sid: str
    nickname: str
    tab: str  # the page's own secret: it stays the same when the page reconnects or is reloaded


@dataclass(slots=True)
class Message:
    """Something that was said."""

    id: int  # rises with every message, in all rooms together: pages sort by it and know what they have seen
    room: str
    nickname: str
    text: str
    at_ms: int
    tab: str  # whose it was, never sent to anybody
    key: str  # chosen by the page that sent it, never sent to anybody else

    def public(self) -> dict[str, JSONValue]:
        """Return what everybody in the room may know."""
        return {
            "id": self.id,
            "room": self.room,
            "nickname": self.nickname,
            "text": self.text,
            "at": self.at_ms,
        }


@dataclass(slots=True, eq=False)
class Room:
    """A room, the people in it by their sid, and the last things said there."""

    name: str
    members: dict[str, Person] = field(default_factory=dict[str, Person])
    history: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_HISTORY))

    def nicknames(self) -> list[JSONValue]:
        """Return who is here, in the order of arrival."""
        return [person.nickname for person in self.members.values()]

    def history_for(self, reader: Person) -> list[JSONValue]:
        """Return the remembered messages, oldest first, with those of the reader marked as `mine`."""
        return [{**message.public(), "mine": message.tab == reader.tab} for message in self.history]


class Chat:
    """Everybody who is here and every room there is.

    Args:
        now: seconds since 1970, e.g. `time.time`.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last_id = 0
        self.people: dict[str, Person] = {}
        self.rooms: dict[str, Room] = {LOBBY: Room(LOBBY)}

    def enter(self, sid: str, nickname: str, tab: str) -> Person:
        """Let somebody in, as `nickname`, or as `nickname 2` if somebody else has that name already."""
        person = Person(sid, self._free_nickname(nickname), tab)
        self.people[sid] = person
        return person

    def exit(self, sid: str) -> tuple[Person, list[Room]] | None:
        """Remove somebody from everywhere.

        Returns the person and the rooms that this person was in; `None` if there was no such person (any more).
        """
        person = self.people.pop(sid, None)
        if person is None:
            return None
        return person, [self.leave(person, room.name) for room in self.rooms_of(person)]

    def person(self, sid: str) -> Person:
        """Return who it is; `Refused` if this page has been replaced by another one."""
        if sid not in self.people:
            raise Refused("you have left the chat")
        return self.people[sid]

    def with_tab(self, tab: str) -> Person | None:
        """Return who came from this page before: the same page, before a reload or before its connection was lost."""
        return next((person for person in self.people.values() if person.tab == tab), None)

    def join(self, person: Person, name: str) -> tuple[Room, bool]:
        """Add somebody to a room, which is made if it does not exist.

        Returns the room, and whether this is news (somebody who is already there may ask again).
        """
        room = self.rooms.get(name)
        if room is not None and person.sid in room.members:
            return room, False
        if len(self.rooms_of(person)) >= MAX_ROOMS_EACH:
            raise Refused(f"you are in {MAX_ROOMS_EACH} rooms already, leave one first")
        if room is None:
            if len(self.rooms) >= MAX_ROOMS:
                raise Refused(f"there are {MAX_ROOMS} rooms already, join one of them")
            room = self.rooms[name] = Room(name)
        room.members[person.sid] = person
        return room, True

    def leave(self, person: Person, name: str) -> Room:
        """Take somebody out of a room; an empty one is forgotten with all that was said there, but for the lobby."""
        room = self.room_of(person, name)
        del room.members[person.sid]
        if not room.members and name != LOBBY:
            del self.rooms[name]
        return room

    def say(self, person: Person, name: str, text: str, key: str) -> tuple[Message, bool]:
        """Remember what somebody says in a room.

        Returns the message, and whether it is new: a page that got no answer sends again with the same key.
        """
        room = self.room_of(person, name)
        for earlier in room.history:
            if (earlier.tab, earlier.key) == (person.tab, key):
                return earlier, False
        at_ms = int(self._now() * 1000)
        # By the clock, so that ids go on rising for pages that outlive a restart of the server, or hear several.
        self._last_id = max(self._last_id + 1, at_ms)
        message = Message(self._last_id, name, person.nickname, text, at_ms, person.tab, key)
        room.history.append(message)
        return message, True

    def overhear(self, message: Message) -> None:
        """Remember what somebody said at another server, if somebody is in that room here."""
        self._last_id = max(self._last_id, message.id)
        room = self.rooms.get(message.room)
        if room is not None:
            room.history.append(message)

    def room_of(self, person: Person, name: str) -> Room:
        """Return a room that this person is in."""
        room = self.rooms.get(name)
        if room is None or person.sid not in room.members:
            raise Refused(f"you are not in the room {name}")
        return room

    def rooms_of(self, person: Person) -> list[Room]:
        """Return all rooms that this person is in."""
        return [room for room in self.rooms.values() if person.sid in room.members]

    def overview(self) -> list[JSONValue]:
        """Return all rooms with the number of people in them, by name, the lobby first."""
        return [self.summary(name) for name in sorted(self.rooms, key=lambda name: (name != LOBBY, name))]

    def summary(self, name: str) -> dict[str, JSONValue]:
        """Return how many people are in a room: `{"name": "tea", "online": 2}`; nobody, if it does not exist."""
        room = self.rooms.get(name)
        return {"name": name, "online": len(room.members) if room else 0}

    def _free_nickname(self, wanted: str) -> str:
        taken = {_fold(person.nickname) for person in self.people.values()}
        return next(name for name in _variants(wanted) if _fold(name) not in taken)


def nickname_in(request: JSONValue) -> str:
    """Return the nickname of a request, e.g. of `{"nickname": "  Ann  Lee "}` the string `"Ann Lee"`."""
    return _line_in(request, "nickname", MAX_NICKNAME_CHARS)


def room_in(request: JSONValue) -> str:
    """Return the room of a request, in lower case: `Python` and `python` are one room."""
    return _line_in(request, "room", MAX_ROOM_CHARS).lower()[:MAX_ROOM_CHARS]  # lower() can make it longer: "İ"


def key_in(request: JSONValue, name: str) -> str:
    """Return a key that a page has made up; nobody ever sees it, so any characters will do."""
    return _text_in(request, name, MAX_KEY_CHARS)


def text_in(request: JSONValue) -> str:
    """Return the text of a message; it may have several lines."""
    return _text_in(request, "text", MAX_TEXT_CHARS)


def field_of(request: JSONValue, name: str) -> object:
    """Return one field of a request, whatever it is; `None` if there is none."""
    return cast("dict[str, object]", request).get(name) if isinstance(request, dict) else None


def _text_in(request: JSONValue, name: str, max_chars: int) -> str:
    value = field_of(request, name)
    if not isinstance(value, str):
        raise Refused(f"the {name} is missing")
    value = value.strip()
    if not value:
        raise Refused(f"the {name} is empty")
    if len(value) > max_chars:
        raise Refused(f"the {name} is too long, {max_chars} characters are the most")
    return value


def _line_in(request: JSONValue, name: str, max_chars: int) -> str:
    line = " ".join(_text_in(request, name, max_chars).split())
    # Control and direction characters could pass one name off as another, and so could letters that nobody sees.
    if not line.isprintable() or _BLANK.search(line):
        raise Refused(f"the {name} has invisible characters in it")
    if _MARKS.search("".join(map(unicodedata.category, line))):
        raise Refused(f"the {name} has too many accents on one letter, or none to put them on")
    return line


def _fold(nickname: str) -> str:
    """Return what two names have in common that look the same: `Ａnn`, `ANN` and `ann`."""
    return unicodedata.normalize("NFKC", nickname).casefold()


def _variants(nickname: str) -> Iterator[str]:
    yield nickname
    for number in itertools.count(2):
        suffix = f" {number}"
        yield nickname[: MAX_NICKNAME_CHARS - len(suffix)] + suffix
