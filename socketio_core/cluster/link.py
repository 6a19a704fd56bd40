"""One connection to a Redis that comes back by itself, without I/O: bytes in, bytes out, and the time.

It asks for RESP3, where messages are told from replies, and speaks RESP2 to a Redis that does not know that: one older
than 6.0, or behind a proxy. What subscribes has a link of its own in both: a Redis cuts off who hears too slowly, and
what is said here must not be cut off with it. Clients of Redis that run on trio were tried instead, and did not notice
for ever that their subscriptions were gone after a restart.

A host dials when `dial_at` has come, tells `connected` or `refused`, hands over what it reads, writes what there is to
write, and gives the connection up, or the dialing, when it is not wanted any more. A link that has just connected says
who it is, subscribes to what it is to hear, and asks for a PONG: only when that has come, it is up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final, cast

import hiredis

from socketio_core.cluster.address import RedisAddress
from socketio_core.cluster.refusals import explained, is_passing
from socketio_core.cluster.replies import UNFINISHED, Heard, Kind, Replies, message_in, push_name, subscription_in
from socketio_core.errors import ClusterError
from socketio_core.records import record

WATCH_S: Final = 5.0  # of silence, before a PING is sent; and again, before it counts as the end
FIRST_RETRY_S: Final = 0.05
LAST_RETRY_S: Final = 2.0
GREETING_S: Final = 5.0  # for the greeting, and before that for dialing
MAX_REPLY_BYTES: Final = 64_000_000  # that are read and not a whole reply yet: no message of ours is that large
PROGRESS_BYTES: Final = 1 << 16  # of a reply that comes in pieces; who says less is as good as silent

_MANY: Final = 10  # failures; more change nothing

Argument = str | bytes | int
Command = tuple[Argument, ...]

# One that knows or allows one of these not may do the rest.
_OPTIONAL_COMMANDS: Final[Sequence[Command]] = (("HELLO", 3), ("CLIENT", "SETNAME", "socketio_core"))


class ClusterUnavailable(ClusterError):  # noqa: N818 - says what is the case, as BufferFull does
    """The other servers cannot be asked, for there is no connection to what joins them."""


@record
class LinkUp:
    """Everything can be sent, and is heard, from now on."""

    link: Link


@record
class LinkDown:
    """It was up, or should have come up; it tries again."""

    link: Link
    reason: str
    was_up: bool
    was_refused: bool = False  # there is a Redis, which does not do what it is to do


@record
class Replied:
    """The reply to a command; `error` says that it failed, or that the link broke first."""

    token: Any
    value: Any
    error: str | None = None


@record
class Refused:
    """A command was not carried out, of which nobody waits for the reply."""

    error: str


@record
class Returned:
    """Commands that nobody waits for the reply to were not carried out, for the Redis takes nothing now; `LinkDown` was
    told before."""

    commands: Sequence[Command]


LinkEvent = LinkUp | LinkDown | Heard | Replied | Refused | Returned


class _Phase(Enum):
    WAITING = "waiting"
    DIALING = "dialing"
    GREETING = "greeting"
    UP = "up"
    CLOSED = "closed"


_pack: Callable[[Command], bytes] = cast("Any", hiredis).pack_command  # its stub has one argument only

_GREETING: Final = object()  # the token of commands whose failure ends the connection
_OPTIONAL: Final = object()  # of those that may fail
_TRYING: Final = object()  # of one that fails, and how is what matters
_WATCHING: Final = object()  # of a PING, to which any reply will do
_OURS: Final = (_GREETING, _OPTIONAL, _TRYING, _WATCHING)
_UNHEARD: Final = object()  # nobody wants to know what came of a command, which is kept in its place


class Link:
    """One connection.

    Args:
        address: where the Redis is.
        jitter: returns a random number from 0 to 1.
        listens: it is for subscriptions; otherwise it is for commands.
        timeout_s: how long a reply may take; for those that block, longer than that.
        trial: a command that changes nothing, for it is wrong, and is refused for another reason where nothing is
            taken: at a replica, or with a full memory. There the link does not come up, and does not stay up.

    Attributes:
        address: where to dial.
        reason: why it is not up.
        backlog_bytes: what was said, and not taken to be written.
    """

    def __init__(
        self,
        address: RedisAddress,
        jitter: Callable[[], float],
        *,
        listens: bool = False,
        timeout_s: float = WATCH_S,
        trial: Command | None = None,
    ) -> None:
        self.address = address
        self.reason = "not connected yet"
        self.backlog_bytes = 0
        self._jitter = jitter
        self._listens = listens
        self._timeout_s = timeout_s
        self._trial = trial
        self._phase = _Phase.WAITING
        self._dial_at = 0.0
        self._failures = 0
        self._deadline: float | None = None
        self._limit_s = timeout_s  # after which that is
        self._is_asked = False  # a PING is on its way
        self._replies = Replies()
        self._noted_bytes = 0  # of a reply that has not come as a whole
        self._tokens: deque[Any] = deque()
        self._out: list[bytes] = []
        self._wanted: dict[tuple[Kind, str], None] = {}
        self._heard: set[tuple[Kind, str]] = set()  # of those that are wanted, what the Redis has confirmed
        self._events: list[LinkEvent] = []

    def __repr__(self) -> str:
        return f"<Link {self.address.url}, {self._phase.value}>"

    # -- what is wanted ----------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether commands can be sent, and channels are heard."""
        return self._phase is _Phase.UP

    @property
    def is_closed(self) -> bool:
        """Whether it will not be used any more."""
        return self._phase is _Phase.CLOSED

    def subscribe(self, kind: Kind, channels: Iterable[str]) -> None:
        """Hear these channels, from now on and after each reconnection."""
        new = [channel for channel in channels if (kind, channel) not in self._wanted]
        self._wanted.update(((kind, channel), None) for channel in new)
        if new and self.is_up:
            self._say(f"{kind.value}SUBSCRIBE", *new)

    def unsubscribe(self, kind: Kind, channels: Iterable[str]) -> None:
        """Hear these channels no more."""
        old = [channel for channel in channels if self._wanted.pop((kind, channel), self) is None]
        self._heard.difference_update((kind, channel) for channel in old)
        if old and self.is_up:
            self._say(f"{kind.value}UNSUBSCRIBE", *old)

    def hears(self, kind: Kind, channels: Iterable[str]) -> bool:
        """Whether nothing that is said on these channels from now on is missed."""
        return self.is_up and all((kind, channel) in self._heard for channel in channels)

    @property
    def is_idle(self) -> bool:
        """Whether all that was said has been replied to."""
        return not (self._out or self._tokens)

    def send(self, *command: Argument, token: Any = _UNHEARD) -> None:
        """Send a command. With a `token`, which is no tuple, a `Replied` follows, now or later, whatever happens.

        Raises:
            ClusterUnavailable: it is not up; nothing follows.
        """
        if not self.is_up:
            raise ClusterUnavailable(f"{self.address.url}: {self.reason}")
        self._say(*command)
        self._tokens.append(command if token is _UNHEARD else token)

    # -- what a host calls -------------------------------------------------------------------------------------------

    @property
    def dial_at(self) -> float | None:
        """When the host is to dial; `None` while it need not."""
        return self._dial_at if self._phase is _Phase.WAITING else None

    def dialing(self, now: float, limit_s: float = GREETING_S) -> None:
        """The host dials; `connected` or `refused` will say what came of it, if it is still wanted then."""
        self._phase = _Phase.DIALING
        self._deadline = now + limit_s
        self._limit_s = limit_s

    def refused(self, why: str, now: float) -> None:
        """There is no connection."""
        if self._phase is _Phase.DIALING:
            self._fail(f"cannot connect: {why}", now)

    def connected(self, now: float) -> None:
        """There is one."""
        if self._phase is not _Phase.DIALING:
            return
        self._phase = _Phase.GREETING
        self._replies = Replies()
        self._noted_bytes = 0
        self._deadline = now + GREETING_S
        self._limit_s = GREETING_S
        address = self.address
        if address.password is not None:
            who = (address.username, address.password) if address.username else (address.password,)
            self._greet("AUTH", *who)
        if address.database:
            self._greet("SELECT", address.database)
        for command in _OPTIONAL_COMMANDS:
            self._say(*command)
            self._tokens.append(_OPTIONAL)
        if self._trial is not None:
            self._say(*self._trial)
            self._tokens.append(_TRYING)
        for kind in Kind:
            channels = [channel for wanted, channel in self._wanted if wanted is kind]
            if channels:
                self._say(f"{kind.value}SUBSCRIBE", *channels)
        self._say("PING")
        if not self._listens:
            self._tokens.append(_GREETING)

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read; `b""` at the end."""
        if self._phase not in (_Phase.GREETING, _Phase.UP):
            return
        if not data:
            self._fail("the connection was closed", now)
            return
        try:
            self._read(data, now)
        except hiredis.ProtocolError as error:
            self._fail(f"this is no Redis: {error}", now)

    def lost(self, why: str, now: float) -> None:
        """The connection is gone, or is given up."""
        self.refused(why, now)
        if self.wants_connection:
            self._fail(f"the connection was lost: {why}", now)

    def refuse(self, why: str, now: float) -> None:
        """End the connection, for it is up and does not do what it is for; not to be tried again at once."""
        self._failures = _MANY
        if self.wants_connection:
            self._fail(why, now, was_refused=True)

    @property
    def has_to_send(self) -> bool:
        """Whether there is something to be written."""
        return bool(self._out)

    def data_to_send(self) -> bytes:
        """Take what is to be written."""
        data = b"".join(self._out)
        self._out.clear()
        self.backlog_bytes = 0
        return data

    @property
    def wants_connection(self) -> bool:
        """Whether the host is to keep the connection that it has, or dials."""
        return self._phase in (_Phase.DIALING, _Phase.GREETING, _Phase.UP)

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        return self._deadline

    def handle_timeout(self, now: float) -> None:
        """Nothing was heard for a while: ask, or give the connection up."""
        if self._deadline is None or now < self._deadline:
            return
        if self._is_asked or self._phase is not _Phase.UP:
            self._fail(f"no answer in {self._limit_s:g} s", now)
            return
        self._is_asked = True
        self._deadline = now + self._timeout_s
        self._say("PING")
        if not self._listens:
            self._tokens.append(_WATCHING)

    def take_events(self) -> Sequence[LinkEvent]:
        """Take what has happened."""
        events, self._events = self._events, []
        return events

    def close(self, now: float) -> None:
        """End it for good."""
        if not self.is_closed:
            self._fail("closed", now)
            self._phase = _Phase.CLOSED

    # -- inside ------------------------------------------------------------------------------------------------------

    def _say(self, *command: Argument) -> None:
        try:
            data = _pack(command)
        except UnicodeEncodeError:  # half a character, in a name that a client or another server has made up
            data = _pack(tuple(part.encode("utf-8", "replace") if isinstance(part, str) else part for part in command))
        self._out.append(data)
        self.backlog_bytes += len(data)

    def _greet(self, *command: Argument) -> None:
        self._say(*command)
        self._tokens.append(_GREETING)

    def _read(self, data: bytes, now: float) -> None:
        replies = self._replies
        replies.feed(data)
        is_whole = False
        while (reply := replies.take()) is not UNFINISHED:
            is_whole = True
            self._take(reply, now)
            if not self.wants_connection:
                return
        if replies.unread_bytes > MAX_REPLY_BYTES:
            self._fail(f"a reply is larger than {MAX_REPLY_BYTES} bytes", now)
        elif self._phase is _Phase.UP and (is_whole or replies.unread_bytes >= self._noted_bytes + PROGRESS_BYTES):
            self._noted_bytes = replies.unread_bytes
            self._is_asked = False
            self._deadline = now + self._timeout_s

    def _take(self, reply: Any, now: float) -> None:
        name = push_name(reply, listens=self._listens)
        if name is not None and name != b"pong":
            if not self._listens:
                return  # it has asked for none
            if (message := message_in(name, reply)) is not None:
                self._events.append(message)
            elif (subscription := subscription_in(name, reply)) in self._wanted:
                self._heard.add(subscription)
            return
        if name is not None:
            reply = b"PONG"
        if self._listens and not self._tokens:
            self._take_of_listener(reply, now)
            return
        if not self._tokens:
            self._fail("a reply to nothing", now)
            return
        token = self._tokens.popleft()
        if isinstance(reply, hiredis.ReplyError):
            self._refused(token, str(reply), now)
        elif token is _GREETING:
            self._greeted(reply, now)
        elif type(token) is not tuple and token not in _OURS:
            self._events.append(Replied(token, reply))

    def _not_greeted(self, error: str, now: float) -> None:
        if error.startswith("MISCONF"):  # by which a PING is answered too, though nothing is to be written by it
            self._greeted(b"PONG", now)
        else:
            self._fail(explained(error), now)

    def _refused(self, token: Any, error: str, now: float) -> None:
        why = explained(error)
        if token is _GREETING:
            self._not_greeted(error, now)
        elif self._trial is not None and is_passing(error):
            self._tokens.appendleft(token)
            self._give_back(why, now)
        elif type(token) is tuple:
            self._events.append(Refused(why))
        elif token not in _OURS:
            self._events.append(Replied(token, None, why))

    def _give_back(self, why: str, now: float) -> None:
        """End the connection, and with it the wait for what can only be refused as well."""
        commands: list[Command] = [token for token in self._tokens if type(token) is tuple]
        self.refuse(why, now)
        if commands:
            self._events.append(Returned(commands))

    def _take_of_listener(self, reply: Any, now: float) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self._not_greeted(str(reply), now)
        else:
            self._greeted(reply, now)

    def _greeted(self, reply: Any, now: float) -> None:
        if reply == b"PONG" and self._phase is _Phase.GREETING:
            self._phase = _Phase.UP
            self._limit_s = self._timeout_s
            self._failures = 0
            self.reason = ""
            self._events.append(LinkUp(self))

    def _fail(self, reason: str, now: float, *, was_refused: bool = False) -> None:
        """Forget the connection, and try again later: at once at first, then less and less often."""
        was_up, self._phase = self.is_up, _Phase.WAITING
        self.reason = reason
        self._dial_at = now + min(LAST_RETRY_S, FIRST_RETRY_S * 2**self._failures) * (0.5 + self._jitter() / 2)
        self._failures = min(self._failures + 1, _MANY)
        self._deadline = None
        self._is_asked = False
        self._out.clear()
        self._heard.clear()
        self.backlog_bytes = 0
        tokens, self._tokens = self._tokens, deque()
        self._events.append(LinkDown(self, reason, was_up, was_refused))
        for token in tokens:
            if type(token) is not tuple and token not in _OURS:
                self._events.append(Replied(token, None, reason))
