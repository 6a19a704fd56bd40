"""What the application layer needs of an event loop: waiting, spawning, the time, and a log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from socketio_core.app.line import Line
from socketio_core.errors import LocalProtocolError

_T = TypeVar("_T")

NOBODY_SERVES: Final = "no event loop runs it: call this while `serve` runs, or inside the block of `connect`"
OWN_THREAD: Final = "from_thread waits for the event loop, and this is its own thread: await the call, here"


class Event(Protocol):
    """Something to wait for, once: `trio.Event` and `asyncio.Event` have this shape."""

    def set(self) -> None:
        """Wake all who wait; later waits return at once."""

    async def wait(self) -> object:
        """Wait until `set`."""


class Runtime(Protocol):
    """The event loop's part. Nothing here knows the protocol."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def wall_time(self) -> float:
        """Return seconds since 1970, as the machine's clock has it."""
        ...

    def new_event(self) -> Event:
        """Return a new event."""
        ...

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `function(*args)` in a task that ends no later than the server, in the context that that began in."""

    def check_caller(self) -> None:
        """Raise `LocalProtocolError` in another thread than the loop's, where nothing may be changed.

        Whatever an application may call, and changes something, calls this first, or one of the next two, which do it.
        """

    def check_cancelled(self) -> Awaitable[None]:
        """Notice a pending cancellation when awaited; otherwise go on without switching tasks. See `check_caller`."""
        ...

    def is_cancelled(self, error: BaseException) -> bool:
        """Whether `error`, which code of the application raised, says that the task that runs now was cancelled.

        Not so when it came out of another task that was awaited. Of a group of exceptions, one that says so is enough.
        """
        ...

    def output_ready(self) -> None:
        """Something may wait in an outbox, a deadline may be nearer, an overfull buffer may have ended a session.

        See to it soon, never within this call: flush, sleep no longer than until the deadline, call
        `ServerHost.work_soon`. So it may be called just before the change, for it checks: see `check_caller`.
        """

    def run_soon(self, function: Callable[[], object]) -> None:
        """Call `function` from the loop, soon: for finalizers, which run in any thread, in the middle of anything."""

    def from_thread(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """Have the loop run `function()`, from another thread than its own, and wait for what comes of it.

        Raises:
            LocalProtocolError: this is the loop's thread; or nobody serves.
        """
        ...

    def keep(self, line: Line) -> None:
        """See to a line, in tasks of its own, for as long as the server is served: until it is over."""

    def log_exception(self, message: str, error: BaseException | None) -> None:
        """Log an error, with the traceback of the application's code that raised it, if any did."""


class Unbound:
    """The runtime of a server that nobody serves yet: there are no clients, so there is nothing to be done."""

    def now(self) -> float:
        """Return a time before any other."""
        return 0.0

    def wall_time(self) -> float:
        """Return 1970: no client has come."""
        return 0.0

    def new_event(self) -> Event:
        """Fail: nobody is there who could set it."""
        raise RuntimeError("nothing can be waited for before the server is served")

    def spawn(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run nothing."""

    def check_caller(self) -> None:
        """Let any thread go on."""

    async def check_cancelled(self) -> None:
        """Let it go on."""

    def is_cancelled(self, error: BaseException) -> bool:
        """Let everything pass."""
        return True

    def output_ready(self) -> None:
        """Do nothing: there is no output."""

    def run_soon(self, function: Callable[[], object]) -> None:
        """Call nothing."""

    def from_thread(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """Fail: there is no loop."""
        raise LocalProtocolError(NOBODY_SERVES)

    def keep(self, line: Line) -> None:
        """Keep nothing."""

    def log_exception(self, message: str, error: BaseException | None) -> None:
        """Say nothing."""


UNBOUND: Final = Unbound()
