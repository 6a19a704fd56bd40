"""Acknowledgements as an application sees them: who waits for one, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable

from socketio_core.socketio.events import AcksCollected
from socketio_core.socketio.packet import JSONValue


class AckTimeout(Exception):  # noqa: N818 - an outcome to expect, like TimeoutError's subclasses elsewhere
    """An acknowledgement did not come in time.

    Attributes:
        responses: of a broadcast, those that did come.
    """

    def __init__(self, message: str, responses: list[JSONValue] | None = None) -> None:
        super().__init__(message)
        self.responses = responses or []


class Disconnected(Exception):  # noqa: N818 - an outcome to expect
    """The socket is gone, so there will be no acknowledgement."""


class AckWaiter:
    """Somebody who waits for one ack. `outcome` says how it ended: the arguments, or an exception to raise."""

    __slots__ = ("done", "outcome")

    def __init__(self, done: Callable[[], None]) -> None:
        self.done = done
        self.outcome: list[JSONValue] | Exception | None = None

    def settle(self, outcome: list[JSONValue] | Exception) -> None:
        """Set the outcome and wake the waiter."""
        self.outcome = outcome
        self.done()


class AcksWaiter:
    """Somebody who waits for the acks of a broadcast. `outcome` says what came of it."""

    __slots__ = ("done", "outcome")

    def __init__(self, done: Callable[[], None]) -> None:
        self.done = done
        self.outcome: AcksCollected | None = None

    def settle(self, outcome: AcksCollected) -> None:
        """Set the outcome and wake the waiter."""
        self.outcome = outcome
        self.done()


def ack_args(result: JSONValue) -> tuple[JSONValue, ...]:
    """Return what a handler returned as the arguments of an ack: none for `None`, those of a tuple, or the value."""
    if isinstance(result, tuple):
        return result  # pyright: ignore[reportUnknownVariableType] # of JSON values
    return () if result is None else (result,)


def ack_value(args: list[JSONValue]) -> JSONValue:
    """Return the arguments of an ack as one value: `None`, the value, or a tuple of several."""
    if not args:
        return None
    return args[0] if len(args) == 1 else tuple(args)
