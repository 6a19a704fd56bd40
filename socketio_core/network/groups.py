"""Exceptions that have passed through nurseries or task groups, which wrap them in groups."""

from __future__ import annotations

from typing import cast


def only_cause(error: BaseException) -> BaseException:
    """Return what was wrapped in groups, unless it is more than one exception.

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


def is_any(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Return whether an exception is one of these kinds, or is a group with one among others."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_any(each, *kinds) for each in cast("BaseExceptionGroup[BaseException]", error).exceptions)
    return isinstance(error, kinds)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
