"""Python's garbage collector, told to wait while something large is read."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

LARGE: Final = 4_096
"""From how many characters, or bytes, on it is worth it: what is shorter makes too few lists.

So all that is made by what is longer counts as one step towards a look at everything, and not as one for each 700.
"""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def uncollected(read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Return what `read` makes, with no collection meanwhile: nothing of it can be garbage before it is there.

    Up to Python 3.11 the collector looks at all there is, again and again, while a parser makes lists: those of 1.5 MB
    of `[],` took 46 ms, of which 12 were the parser's, and 73 to 124 beside a million objects of an application's.
    """
    if not gc.isenabled():
        return read(*args, **kwargs)
    try:
        gc.disable()
        return read(*args, **kwargs)
    finally:
        gc.enable()
