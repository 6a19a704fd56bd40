"""What both roles have: connections that go through stages, and what looks after all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.errors import LocalProtocolError
from socketio_core.timers import Timer, TimerQueue
from socketio_core.wire.stages import GONE, Stage

if TYPE_CHECKING:
    from socketio_core.engineio.message import WireMessage

TURN_PIECES: Final = 256  # frames, chunks, packets of one connection that are handled before it is the turn of others
REQUEST_PIECES: Final = 16  # what a request that was sent on behind another costs, in frames; a header is one more
NEWCOMER_PIECES: Final = 32  # what the first one costs: it most often begins a session
BODY_PIECES: Final = 64  # of a body, in a turn: h11 takes four times as long for a chunk as wsproto for a frame
FOREIGN_PIECES: Final = 4  # what a frame for wsproto costs
FIRST_PIECES: Final = 128  # of what was just read; the rest waits behind whoever else has sent something
ALL_FIRST_PIECES: Final = 512  # the same of all connections together, between two flushes
LARGE_BYTES: Final = 16384
"""So much is put off until it has its turn, unless nobody else is there; and so is the rest of a message of which so
much has come: it may take as long as thousands of small ones, and cannot be handled in parts."""

MUCH_BYTES: Final = LARGE_BYTES // 4  # is put off too, when others have had much: a dense message takes 0.5 ms

FEW_PIECES: Final = 16  # of what was just read, when that is used up: who sends little need not wait for who sends much
EARLY_PIECES: Final = 2  # of what came before a handshake was answered: a CONNECT, and an event; the rest is large

_Wire = TypeVar("_Wire", bound="BaseWire")


class Pace(Protocol):
    """Whether the application keeps up with one session; what it is told about the session's buffer."""

    @property
    def is_congested(self) -> bool:
        """Whether so much waits for handlers that nothing more should be read."""
        ...

    def call_when_room(self, go_on: Callable[[float], None], /) -> None:
        """Call `go_on(now)` once, when it is no longer congested."""

    def output_taken(self) -> None:
        """Something left the session's buffer."""


class DeferredHandlers:
    """Handlers of what was large, in the line of what is large: they have a round of their own.

    Attributes:
        is_behind: as of a connection.
    """

    __slots__ = ("_let_work", "is_behind")

    def __init__(self, let_work: Callable[[], object]) -> None:
        self._let_work = let_work
        self.is_behind = True

    def proceed(self, _: float) -> int:
        """Let them work. Returns a whole turn."""
        self._let_work()
        return TURN_PIECES


class BaseWire:
    """One connection.

    The host reads while `wants_input` and hands over what it read: `receive`, with `b""` when nothing more comes, and
    `write_failed` when it cannot write. `flush` names the connections that it must look after: it writes what
    `data_to_send` returns, again and again until that is `b""`, and drops the connection when `is_over`.

    Attributes:
        context: belongs to the host.
        is_over: drop the connection, whatever the peer thinks of that.
        is_through: what `data_to_send` has just returned is all there is for now; a host may ask no more.
        is_mute: nothing more will be written though the connection is kept: the moment for a half-close.
        is_noted: belongs to the home; so does `is_behind`.
        unwritten_bytes: what the host has taken and could not write yet; the host's to tell, so that it is counted.
        why: the connection was lost, in words of the host; or what failed here.
    """

    __slots__ = (
        "_deadline",
        "_home",
        "_stage",
        "_timer",
        "context",
        "is_behind",
        "is_mute",
        "is_noted",
        "is_over",
        "is_through",
        "unwritten_bytes",
        "why",
    )

    _stage: Stage

    def __init__(self, home: Home[Any]) -> None:
        self._home = home
        self._deadline: float | None = None
        self._timer: Timer[BaseWire] | None = None
        self.context: object = None
        self.is_over = False
        self.is_through = False
        self.is_mute = False
        self.is_noted = False
        self.is_behind = False
        self.unwritten_bytes = 0
        self.why = ""

    def __repr__(self) -> str:
        state = "over" if self.is_over else "mute" if self.is_mute else "reads" if self.wants_input else "waits"
        return f"<{type(self).__name__} {self._stage!r}, {state}>"

    # -- what the host calls -----------------------------------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """Whether to read. If not, the peer is to be left waiting: what it has sent is still being worked on."""
        return not self.is_over and self._stage.wants_input

    @property
    def has_more(self) -> bool:
        """Whether something that was read waits for its turn, which comes with the site's time; even when it `is_over`.

        What a client sent before it went counts.
        """
        return self._stage.has_more

    @property
    def is_large(self) -> bool:
        """Whether `LARGE_BYTES` have come of something, or more, that was not handled yet."""
        return self._stage.is_large

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Take what was read, and handle a turn of it; `b""` says that nothing more will come.

        Raises:
            LocalProtocolError: it is not bytes, or what holds bytes.
        """
        if type(data) is not bytes:
            data = _bytes_of(data)
        if not self.is_over:
            try:
                if self._stage.receive(data, now):
                    return
            except Exception as error:  # noqa: BLE001 - of a parser or a hook of the application's
                self.fail(error, now)
            self._home.note(self)

    def proceed(self, now: float) -> int:
        """Handle another turn of what was read; does nothing unless `has_more`. Called by the home."""
        if not self.has_more:
            return 0
        try:
            pieces = self._stage.proceed(now)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error, now)
            pieces = TURN_PIECES
        if self.is_over and not self._stage.has_more:
            self._leave()
        self._home.note(self)
        return pieces

    def write_failed(self, now: float, why: str = "") -> None:
        """A write has failed. A host that reads just now goes on, and finds the end; for others all is lost."""
        if not self.wants_input:  # else the reader finds out, behind what it can still read
            self.lost(now, why)

    def lost(self, now: float, why: str = "") -> None:
        """The connection is gone: nothing more can be read, nor written; `why`: as in `"Connection reset by peer"`."""
        if not self.is_over:
            self.why = why
            try:
                self._stage.lost(now)
            except Exception as error:  # noqa: BLE001 - as above
                self._home.report("connection failed, and is gone", error)
            self.end()
            self._home.note(self)

    def data_to_send(self, now: float) -> bytes:
        """Take some of what is to be written, as much as fits into one write; `b""` when there is nothing now.

        To ask is to say that all that was taken before is written, as far as the host can tell.
        """
        if self.is_over:
            return b""
        data = self._stage.data_to_send(now)
        if not data:
            self._stage.sent(now)
        return data

    # -- what its stages call ----------------------------------------------------------------------------------------

    @property
    def detail(self) -> str:
        """What is to be said of the end: nothing, if nobody knows more than that it has come."""
        return f"the connection was lost: {self.why}" if self.why else ""

    def become(self, stage: Stage) -> None:
        """Go on as something else. An idle WebSocket keeps no timer (benchmarks: memory)."""
        self._stage = stage
        if self._deadline is None:
            self._forget_deadline()

    def end(self) -> None:
        """Be over."""
        self.is_over = True
        self._forget_deadline()
        if not self._stage.has_more:
            self._leave()

    def _leave(self) -> None:
        """Nothing more comes of it. Its stage, which knows it, would leave both to Python's garbage collector."""
        self._home.forget(self)
        self._stage = GONE

    def set_deadline(self, at: float | None) -> None:
        """Change the deadline. A timer that is early for it is left alone, and set anew when it goes off.

        So most requests of a connection move no timer (benchmarks: polling).
        """
        self._deadline = at
        timer = self._timer
        if timer is not None and timer.item is not None:
            if at is None or timer.at <= at:
                return
            timer.cancel()
        self._timer = None if at is None else self._home.timers.schedule(at, self)

    def _forget_deadline(self) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def has_deadline(self) -> bool:
        """Whether something will happen by itself."""
        return self._deadline is not None

    # -- what its home calls -----------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """The application had its turn: has it fallen behind, or come to an end?"""
        if not self.is_over:
            try:
                self._stage.settle(now)
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error, now)

    def handle_timeout(self, now: float) -> None:
        """The timer has gone off."""
        at = self._deadline
        if at is None or at > now:
            self.set_deadline(at)
            return
        self._deadline = None
        try:
            self._stage.time_out(now)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error, now)
        self._home.note(self)

    def close(self, now: float) -> None:
        """End what is idle; the rest ends with its next answer."""
        self._stage.close(now)
        self._home.note(self)

    def fail(self, error: Exception, now: float) -> None:
        """Drop the connection: something failed that should not have. Nobody else notices."""
        self._home.report("connection failed, so it was closed", error)
        if not self.is_over or self._stage.has_more:
            self.why = repr(error)
            self._stage.fail(now)
            self._home.note(self)


class Home(Generic[_Wire]):
    """What looks after connections: which of them the host must see to, whose input waits, and their deadlines.

    Args:
        report: called when code of the application failed, with what happened and the error.
        close_s: for the last messages of a WebSocket and its closing handshake.
        shortcuts: read plain frames without wsproto.

    Attributes:
        wires: the connections that are not over.
        first_left: how many pieces more may be handled as soon as they are read, until the next flush.
        deflate_left: how many bytes more may be compressed until the next round, each for its own connection.
    """

    def __init__(self, *, report: Callable[[str, BaseException], None], close_s: float, shortcuts: bool) -> None:
        self.report = report
        self.close_s = close_s
        self.shortcuts = shortcuts
        self.timers: TimerQueue[BaseWire] = TimerQueue()
        self.wires: set[_Wire] = set()
        self._noted: list[_Wire] = []
        self._behind: deque[_Wire] = deque()
        self._large: deque[_Wire | DeferredHandlers] = deque()  # the same, of those each turn of whom may take long
        self.first_left = ALL_FIRST_PIECES
        self.deflate_left = WRITE_BYTES
        self._uncompressed: dict[_Wire, bool] = {}  # who has more to be compressed, and has had some
        self._flushed_at = 0.0

    def note(self, wire: _Wire) -> None:
        """Have the host look after a connection."""
        if not wire.is_noted:
            wire.is_noted = True
            self._noted.append(wire)

    def compress_later(self, wire: _Wire) -> None:
        """Have the host look after a connection in the next round: a broadcast is compressed for each anew."""
        self._uncompressed.setdefault(wire, False)

    def compressed(self, wire: _Wire, messages: Sequence[WireMessage], *, has_more: bool) -> None:
        """These were compressed for a connection. One that has more then comes last in the next round."""
        self.deflate_left -= sum([message.size_bytes for message in messages if message.compress])
        if self.deflate_left <= 0 and has_more:
            self._uncompressed[wire] = True

    def forget(self, wire: _Wire) -> None:
        """A connection is over."""
        self.wires.discard(wire)
        self._uncompressed.pop(wire, None)

    def abort(self, now: float) -> None:
        """Drop all connections that are left; then `flush`."""
        for wire in list(self.wires):
            wire.lost(now)
            while wire.has_more:
                wire.proceed(now)

    @property
    def is_behind(self) -> bool:
        """Whether input waits for its turn, or output to be compressed, or may.

        `handle_timeout` is to be called as soon as others had their turn.
        """
        return bool(self._behind or self._large or self._noted or self._uncompressed)

    def _await_turns(self, noted: list[_Wire]) -> None:
        """Some of these may have a turn to come. All that was read before has had its first."""
        self.first_left = ALL_FIRST_PIECES
        for wire in noted:
            # `has_more` without the call; benchmarks: server
            stage = wire._stage  # pyright: ignore[reportPrivateUsage] # of this file
            if stage.has_more and not wire.is_behind:
                wire.is_behind = True
                (self._large if stage.is_large else self._behind).append(wire)

    @property
    def _first_deadline(self) -> float | None:
        """Of the connections; past already when something waits for its turn."""
        if self._behind or self._large or self._noted or self._uncompressed:
            return self._flushed_at
        at = self.timers.due_at  # `next_deadline` without the call; benchmarks: server
        return None if at == inf else at

    def _do_due(self, now: float) -> None:
        """Do what is due, and give a turn to connections whose input waits."""
        while (wire := self.timers.pop_due(now)) is not None:
            wire.handle_timeout(now)
        self.deflate_left = WRITE_BYTES  # and not with each flush, of which there may be one for each that was read
        if self._uncompressed:
            waiting, self._uncompressed = self._uncompressed, {}
            for each in sorted(waiting, key=waiting.__getitem__):
                self.note(each)
        self._give_turns(now)

    def _give_turns(self, now: float) -> None:
        """Give those a turn that have waited longest, until about `TURN_PIECES` were handled: others want to be read.

        So what comes for a connection that sends little waits for one turn, however many send much. What is large waits
        in a line of its own: a message may take as long as a hundred turns, and one in each round is enough.
        """
        _go_through(self._behind, now)
        if self._large:
            self._give_large_turns(now)

    def _give_large_turns(self, now: float) -> None:
        _go_through(self._large, now)


class _InLine(Protocol):
    is_behind: bool

    def proceed(self, now: float, /) -> int: ...


_Each = TypeVar("_Each", bound=_InLine)


def _go_through(line: deque[_Each], now: float) -> None:
    """Give turns, the first in the line first, until `TURN_PIECES` were handled; who comes meanwhile has none yet."""
    left = TURN_PIECES
    for _ in range(len(line)):
        if left <= 0:
            break
        first = line.popleft()
        first.is_behind = False
        left -= first.proceed(now)


def _bytes_of(data: bytes | bytearray | memoryview) -> bytes:
    """Return a copy of what a host has read into a buffer of its own."""
    if not isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LocalProtocolError(f"what was read must be bytes, not: {data!r:.100}")
    return bytes(data)
