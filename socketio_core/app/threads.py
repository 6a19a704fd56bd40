"""Calls from outside the event loop: of threads that have none, as those in which frameworks run sync endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, overload

from socketio_core.app.handlers import run
from socketio_core.app.runtime import Runtime

_P = ParamSpec("_P")
_T = TypeVar("_T")


class CallableFromThreads:
    """What has a runtime, and lets other threads call what is its own."""

    __slots__ = ()

    def _runtime(self) -> Runtime:
        raise NotImplementedError

    @overload
    def from_thread(self, function: Callable[_P, Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
    @overload
    def from_thread(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
    def from_thread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make a call from another thread than the event loop's, and wait for what comes of it.

        `io.from_thread(io.to("room").emit, "news", 1)` in place of `await io.to("room").emit("news", 1)`; sync
        functions too. Calls of one thread are made in order. What the call raises is raised here.

        Raises:
            LocalProtocolError: in the event loop's own thread, where it would wait for itself; or nobody serves.
            TypeError: `function` is none, but what a call of one has returned.
        """
        given: object = function  # not everybody checks types
        if not callable(given):
            getattr(given, "close", lambda: None)()  # of a coroutine, which nobody will await
            raise TypeError(f"from_thread takes a function and its arguments, as (io.emit, 'news', 1), not: {given!r}")
        return self._runtime().from_thread(partial(run, partial(function, *args, **kwargs)))
