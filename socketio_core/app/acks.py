"""Acknowledgements as an application sees them: who waits for one, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from socketio_core.errors import ClusterError
from socketio_core.records import record
from socketio_core.socketio import client
from socketio_core.socketio.events import AckDropped, AckExpired, AckReceived, AcksCollected
from socketio_core.socketio.packet import JSONValue

AckEvent = AckReceived | AckExpired | AckDropped | client.AckReceived | client.AckExpired | client.AckDropped
"""What becomes of an acknowledgement that was asked for, in either role."""

_T = TypeVar("_T")


class AckTimeout(Exception):  # noqa: N818 - an outcome to expect, like TimeoutError's subclasses elsewhere
    """An acknowledgement did not come in time.

    Attributes:
        responses: of a broadcast, those that did come: values, or with `emit_with_ack` all arguments of each.
        missing: of a broadcast, the ids of the sockets that did not answer, as far as this process knows them.
    """

    def __init__(self, message: str, responses: Sequence[Any] = (), missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.responses: list[Any] = list(responses)
        self.missing = list(missing)


@record
class Answers:
    """What came of a broadcast that was to be acknowledged."""

    responses: list[list[JSONValue]]  # the arguments of each ack, in the order in which they came
    missing: int = 0  # how many did not answer: too late, or gone
    silent: tuple[str, ...] = ()  # the ids of those of them that are known: the ones of this process
    error: ClusterError | None = None  # why others could not be asked, or heard

    @staticmethod
    def joined(several: Sequence[Answers]) -> Answers:
        """Return the answers of several namespaces, or servers, as one."""
        responses = [response for each in several for response in each.responses]
        silent = tuple(sid for each in several for sid in each.silent)
        error = next((each.error for each in several if each.error is not None), None)
        return Answers(responses, sum(each.missing for each in several), silent, error)


class Disconnected(Exception):  # noqa: N818 - an outcome to expect
    """The socket is gone, so there will be no acknowledgement."""


class _Waiter(Generic[_T]):
    """Somebody who waits; `outcome` says what came of it."""

    __slots__ = ("done", "outcome")

    def __init__(self, done: Callable[[], None]) -> None:
        self.done = done
        self.outcome: _T | None = None

    def settle(self, outcome: _T) -> None:
        """Set the outcome and wake the waiter."""
        self.outcome = outcome
        self.done()


class AckWaiter(_Waiter["list[JSONValue] | Exception"]):
    """Somebody who waits for one ack. `outcome` says how it ended: the arguments, or an exception to raise."""

    __slots__ = ()


class AcksWaiter(_Waiter[AcksCollected]):
    """Somebody who waits for the acks of a broadcast."""

    __slots__ = ()


def settle_ack(event: AckEvent, if_dropped: str) -> None:
    """Wake who waits for an acknowledgement. Those who emit without waiting have no business here."""
    waiter = event.context
    if not isinstance(waiter, AckWaiter):
        return
    if isinstance(event, (AckReceived, client.AckReceived)):
        waiter.settle(event.args)
    elif isinstance(event, (AckExpired, client.AckExpired)):
        waiter.settle(AckTimeout("no acknowledgement in time"))
    else:
        waiter.settle(Disconnected(if_dropped))


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
