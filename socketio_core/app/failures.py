"""What code of the application raises: whether that is its failure, and what is said of it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from inspect import Signature, signature
from types import FunctionType
from typing import Final

from socketio_core.app.handlers import Handler
from socketio_core.app.runtime import Runtime
from socketio_core.socketio.client.events import Left as ClientLeft
from socketio_core.socketio.events import Left

_ENDS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)


def has_failed(error: BaseException, runtime: Runtime) -> bool:
    """Return whether `error`, which code of the application raised, is its failure: to be logged, and that is all.

    It is not when the task was cancelled or all is to end; then it must be raised again. It is when the code awaited
    another task that was cancelled, which with asyncio looks the same from here.
    """
    if isinstance(error, Exception):
        return True
    return not _ends_all(error) and not runtime.is_cancelled(error)


def _ends_all(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(_ENDS) is not None  # pyright: ignore[reportUnknownMemberType] # of anything at all
    return isinstance(error, _ENDS)


class WrongArguments(TypeError):  # noqa: N818 - what it is about
    """A handler could not be called with what came.

    Attributes:
        handler: its name.
        event: that of the event.
    """

    def __init__(self, handler: Handler, event: str, args: Sequence[object]) -> None:
        self.handler = names_of((handler,))
        self.event = event
        super().__init__(f"takes {_shape_of(handler)}, and was given {reprlib.repr(tuple(args))}")


def failure_of(handler: Handler, event: str, args: Sequence[object], error: BaseException) -> tuple[str, BaseException]:
    """Return what to say of what a handler raised, and the error: `WrongArguments`, if it could not be called."""
    if isinstance(error, TypeError) and not accepts(handler, args) and _comes_from_the_call(error):
        wrong = WrongArguments(handler, event, args)
        return f"handler {wrong.handler} of {event!r} {wrong}", wrong
    return f"handler of {event!r} failed", error


def accepts(handler: Handler, args: Sequence[object]) -> bool:
    """Return whether a handler can be called with `args`; one that cannot be looked at is taken to."""
    try:
        signature(handler).bind(*args)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def fitting(handler: Handler, *args: object) -> tuple[object, ...]:
    """Return the arguments of a handler; the last one only if it has a parameter for it, be it that it takes any."""
    return args if positional_count(handler) >= len(args) else args[:-1]


def positional_count(handler: Handler) -> int:
    """Return how many parameters a handler has for arguments without a name; 0 if it cannot be looked at."""
    if type(handler) is FunctionType and not handler.__dict__:  # fast path: no decorator's; benchmarks: server
        return handler.__code__.co_argcount
    try:
        parameters = signature(handler).parameters.values()
    except (TypeError, ValueError):  # as of some functions in C
        return 0
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)


def why_left(left: Left | ClientLeft) -> tuple[str, str | None]:
    """Return what handlers of "disconnect" are told: the reason, and what else is known, in words."""
    detail = left.detail if isinstance(left, Left) else ""
    return left.reason.value, str(left.error) if left.error is not None else detail or None


def _shape_of(handler: Handler) -> str:
    return str(signature(handler).replace(return_annotation=Signature.empty))


def _comes_from_the_call(error: BaseException) -> bool:
    """Whether no line of the application's had its turn; else the error is its own, or that of a wrapper."""
    traceback = error.__traceback__
    assert traceback is not None  # it was raised
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(traceback.tb_frame.f_globals.get("__name__")).startswith(__package__ or "?")


def names_of(handlers: Iterable[Handler]) -> str:
    """Return what handlers are called, as in `"Chat.on_join, greet"`."""
    return ", ".join(str(getattr(handler, "__qualname__", type(handler).__name__)) for handler in handlers)
