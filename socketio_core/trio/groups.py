"""Exceptions that have passed through nurseries."""

from __future__ import annotations

from typing import cast


def only_cause(error: BaseException) -> BaseException:
    """Return what nurseries have wrapped in groups, unless it is more than one exception."""
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        if len(group.exceptions) > 1:
            return group
        error = next(iter(group.exceptions))
    return error
