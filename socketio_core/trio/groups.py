"""Exceptions that have passed through nurseries."""

from __future__ import annotations

from typing import cast

import trio


def only_cause(error: BaseException) -> BaseException:
    """Return what nurseries have wrapped in groups, unless it is more than one exception.

    Several `KeyboardInterrupt` are one: of somebody who pressed Ctrl-C twice.
    """
    if isinstance(error, BaseExceptionGroup):
        interrupts, others = cast("BaseExceptionGroup[BaseException]", error).split(KeyboardInterrupt)
        if interrupts is not None and others is None:
            return _first(interrupts)
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        if len(group.exceptions) > 1:
            return group
        error = next(iter(group.exceptions))
    return error


def is_cancelled(error: BaseException) -> bool:
    """Return whether somebody outside wants an end at once: `trio.Cancelled`, also among others, or `GeneratorExit`."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_cancelled(each) for each in cast("BaseExceptionGroup[BaseException]", error).exceptions)
    return isinstance(error, (trio.Cancelled, GeneratorExit))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
