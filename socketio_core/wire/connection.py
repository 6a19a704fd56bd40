"""One connection of a server: bytes in, bytes out. It begins with HTTP requests and may become a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

from socketio_core.engineio.carriers import Poll
from socketio_core.errors import LocalProtocolError
from socketio_core.timers import Timer
from socketio_core.wire.requests import Requests

if TYPE_CHECKING:
    from socketio_core.wire.site import Site


class Stage(Protocol):
    """What a connection is: requests at first, perhaps the frames of a WebSocket later."""

    @property
    def wants_input(self) -> bool:
        """Whether to read."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether something that was read waits for its turn."""
        ...

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read, `b""` at the end; handle a turn of it."""

    def proceed(self, now: float) -> None:
        """Handle another turn."""

    def data_to_send(self, now: float) -> bytes:
        """Take some of what is to be written."""
        ...

    def sent(self, now: float) -> None:
        """All that was taken is written."""

    def settle(self, now: float) -> None:
        """The application had its turn."""

    def time_out(self, now: float) -> None:
        """The deadline has come."""

    def close(self, now: float) -> None:
        """The server ends."""

    def abandon(self, now: float) -> None:
        """Nothing more will be read or written."""

    def fail(self, now: float) -> None:
        """What should not have failed did, on our side."""


@final
class Wire:
    """One connection; made by `Site.connect`.

    The host reads while `wants_input` and hands over what it read: `receive`, with `b""` when nothing more comes, and
    `write_failed` when it cannot write. `Site.flush` names the connections that it must look after: it writes what
    `data_to_send` returns, again and again until that is `b""`, and drops the connection when `is_over`.

    Attributes:
        context: belongs to the host.
        is_over: drop the connection, whatever the peer thinks of that.
        is_mute: nothing more will be written though the connection is kept: the moment for a half-close.
        is_noted: belongs to the site; so does `is_behind`.
    """

    __slots__ = ("_deadline", "_site", "_stage", "_timer", "context", "is_behind", "is_mute", "is_noted", "is_over")

    def __init__(self, site: Site, address: str, scheme: str, now: float, *, can_half_close: bool) -> None:
        self._site = site
        self._deadline: float | None = None
        self._timer: Timer[Wire] | None = None
        self.context: object = None
        self.is_over = False
        self.is_mute = False
        self.is_noted = False
        self.is_behind = False
        self._stage: Stage = Requests(self, site, address, scheme, now, can_half_close=can_half_close)

    def __repr__(self) -> str:
        state = "over" if self.is_over else "mute" if self.is_mute else "reads" if self.wants_input else "waits"
        return f"<Wire {self._stage!r}, {state}>"

    # -- what the host calls -----------------------------------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """Whether to read. If not, the peer is to be left waiting: what it has sent is still being worked on."""
        return not self.is_over and self._stage.wants_input

    @property
    def has_more(self) -> bool:
        """Whether something that was read waits for its turn: call `proceed`, or leave that to the site's time."""
        return not self.is_over and self._stage.has_more

    def receive(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Take what was read, and handle a turn of it; `b""` says that nothing more will come.

        Raises:
            LocalProtocolError: it is not bytes, or what holds bytes.
        """
        if type(data) is not bytes:
            data = _bytes_of(data)
        if not self.is_over:
            try:
                self._stage.receive(data, now)
            except Exception as error:  # noqa: BLE001 - of a parser or a hook of the application's
                self.fail(error, now)
            self._site.note(self)

    def proceed(self, now: float) -> None:
        """Handle another turn of what was read; does nothing unless `has_more`."""
        if self.has_more:
            try:
                self._stage.proceed(now)
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error, now)
            self._site.note(self)

    def write_failed(self, now: float) -> None:
        """A write has failed. A host that reads just now goes on, and finds the end; for others all is lost."""
        if not self.wants_input:  # else the reader finds out, behind what it can still read
            self.lost(now)

    def lost(self, now: float) -> None:
        """The connection is gone: nothing more can be read, nor written."""
        if not self.is_over:
            try:
                self._stage.abandon(now)
            except Exception as error:  # noqa: BLE001 - as above
                self._site.report("connection failed, and is gone", error)
            self.end()
            self._site.note(self)

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

    def become(self, stage: Stage) -> None:
        """Go on as something else."""
        self._stage = stage

    def end(self) -> None:
        """Be over."""
        self.is_over = True
        self.set_deadline(None)
        self._site.forget(self)

    def set_deadline(self, at: float | None) -> None:
        """Change the deadline. A timer that is early for it is left alone, and set anew when it goes off."""
        self._deadline = at
        timer = self._timer
        if timer is not None and timer.item is not None:
            if at is not None and timer.at <= at:
                return
            timer.cancel()
        self._timer = None if at is None else self._site.timers.schedule(at, self)

    @property
    def has_deadline(self) -> bool:
        """Whether something will happen by itself."""
        return self._deadline is not None

    # -- what the site calls -----------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """The application had its turn: has it fallen behind, or come to an end?"""
        if not self.is_over:
            try:
                self._stage.settle(now)
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error, now)

    def poll_ready(self, poll: Poll, now: float) -> None:
        """A poll has its response."""
        if isinstance(self._stage, Requests) and not self.is_over:
            try:
                self._stage.poll_ready(poll, now)
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
        self._site.note(self)

    def close(self, now: float) -> None:
        """End what is idle; the rest ends with its next answer."""
        self._stage.close(now)
        self._site.note(self)

    def fail(self, error: Exception, now: float) -> None:
        """Drop the connection: something failed that should not have. Nobody else notices."""
        self._site.report("connection failed, so it was closed", error)
        if not self.is_over:
            self._stage.fail(now)
            self._site.note(self)


def _bytes_of(data: bytes | bytearray | memoryview) -> bytes:
    """Return a copy of what a host has read into a buffer of its own."""
    if not isinstance(data, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LocalProtocolError(f"what was read must be bytes, not: {data!r:.100}")
    return bytes(data)
