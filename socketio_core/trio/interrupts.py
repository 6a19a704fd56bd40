"""Ctrl-C and other signals: where they may come up, and what they do.

trio raises `KeyboardInterrupt` in whatever runs, or, where that is protected, in its main task at the next checkpoint.
Tasks of the server's own are protected, for one that breaks off would take all others along before clients are told.
The handlers that they run are not (`work`): who writes an endless loop wants to get out of it. What comes
up there is kept by `TrioRuntime.interrupted`, begins the end, and is what `serve` raises behind it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import trio

from socketio_core.app.worker import Inbox
from socketio_core.network.signals import Unnested

work = trio.lowlevel.disable_ki_protection(Inbox[Any].work)
"""`Inbox.work` where it is run in a task that is protected. Before trio 0.27 only what this returned was not."""

_called: list[tuple[trio.lowlevel.TrioToken, Callable[[], object]]] = []  # by the one handler that is installed


@contextmanager
def calling_at_interrupt(function: Callable[[], object]) -> Generator[None]:
    """Call `function` at Ctrl-C, besides what that does: in a nursery, trio tells nobody of a second one.

    Does nothing outside the main thread, which alone has signals, and where Ctrl-C is ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    entry = (trio.lowlevel.current_trio_token(), function)
    if not _called:
        signal.signal(signal.SIGINT, _Handler(before))
    _called.append(entry)
    try:
        yield
    finally:
        _called.remove(entry)
        installed = signal.getsignal(signal.SIGINT)
        if not _called and isinstance(installed, _Handler):  # else somebody else's came on top, and may call ours
            signal.signal(signal.SIGINT, installed.before)


async def cancel_at_signal(
    signals: Sequence[signal.Signals], scope: trio.CancelScope, task_status: trio.TaskStatus[None]
) -> None:
    """Cancel `scope` when one of the signals arrives, and then leave them to what they do by themselves."""
    with open_signal_receiver(*signals) as received:
        task_status.started()
        await anext(received)
    scope.cancel()


@contextmanager
def open_signal_receiver(*signals: signal.Signals) -> Generator[AsyncIterator[int]]:
    """Do what `trio.open_signal_receiver` does, however fast the signals come."""
    with trio.open_signal_receiver(*signals) as received:
        for number in signals:
            installed = signal.getsignal(number)
            assert callable(installed)  # trio's
            signal.signal(number, Unnested(installed))
        yield received


class _Handler(Unnested):
    """Of SIGINT."""

    def __init__(self, before: Callable[[int, FrameType | None], object]) -> None:
        super().__init__(self._handle)
        self.before = before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        for token, function in _called:
            token.run_sync_soon(function)
        self.before(number, frame)
