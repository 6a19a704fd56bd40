"""Handlers of signals. Imports the standard library alone."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType


class Unnested:
    """Calls a handler of one signal, and not another time while it runs.

    Python runs a handler between any two steps, those of a handler too. Signals that come about as fast as it is
    through would fill the stack, and end the process with a `RecursionError`. One that comes in its middle is the
    same one.
    """

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self._handler = handler
        self._is_running = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self._is_running:
            return
        self._is_running = True
        try:
            self._handler(number, frame)
        finally:
            self._is_running = False
