"""One test on both event loops, in virtual time: `loop` has what it needs of whichever it runs on.

    @both_loops
    async def test_emit_waits() -> None:
        async with serving(Server()) as bench:
            ...
            await loop.sleep(5)

The names are trio's, and mean what they mean there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Any, Final, ParamSpec, cast

import pytest

from socketio_core.trio.runtime import current_token
from tests.adapters.abstract import Loop
from tests.adapters.on_asyncio import AsyncioLoop
from tests.adapters.on_trio import TrioLoop
from tests.adapters.on_uvicorn import UnderUvicorn, UvicornLoop

_P = ParamSpec("_P")

LOOPS: Final[Sequence[Loop]] = (TrioLoop(), AsyncioLoop())
SERVERS: Final[Sequence[Loop]] = (*LOOPS, UvicornLoop())


class _Running:
    """Whatever is asked of it is asked of the loop that runs, whoever runs it."""

    def __getattr__(self, name: str) -> Any:
        if current_token() is not None:
            return getattr(LOOPS[0], name)
        return getattr(SERVERS[2 if isinstance(asyncio.get_running_loop(), UnderUvicorn) else 1], name)


loop: Final = cast("Loop", _Running())


def one_loop(name: str, *, tcp: bool = False) -> Callable[[Callable[_P, Awaitable[None]]], Callable[_P, None]]:
    """Make a test of an async function, for what only one of the loops has, or `"uvicorn"`."""
    (chosen,) = (each for each in SERVERS if name == (each.label or each.name))

    def decorate(function: Callable[_P, Awaitable[None]]) -> Callable[_P, None]:
        @wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            chosen.run(partial(function, *args, **kwargs), tcp=tcp)

        return run

    return decorate


def _each(function: Callable[..., Awaitable[None]], loops: Sequence[Loop], *, tcp: bool) -> Callable[..., None]:
    @pytest.mark.parametrize("_on", loops, ids=[each.label or each.name for each in loops])
    @wraps(function)
    def run(*args: Any, _on: Loop, **kwargs: Any) -> None:
        _on.run(partial(function, *args, **kwargs), tcp=tcp)

    own = signature(function)
    given = [*own.parameters.values(), Parameter("_on", Parameter.KEYWORD_ONLY)]
    test: Any = run
    test.__signature__ = own.replace(parameters=given)  # which pytest reads
    return cast("Callable[..., None]", test)


def both_loops(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make two tests of an async function, in memory: when no task can go on, time jumps to the next deadline."""
    return _each(function, LOOPS, tcp=False)


def both_loops_tcp(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The same with real sockets."""
    return _each(function, LOOPS, tcp=True)


def all_servers(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make three tests: those of `both_loops`, and one of the ASGI application, behind what uvicorn makes of bytes."""
    return _each(function, SERVERS, tcp=False)
