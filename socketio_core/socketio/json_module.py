"""Other JSON modules, and whether they can stand in for Python's own `json`: they must read and write nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from socketio_core.socketio.packet import JSONValue


class JsonModule(Protocol):
    """A faster JSON, e.g. the module `orjson`; its output must be compact."""

    def dumps(self, value: Any, /, *, default: Callable[[Any], Any] | None = ...) -> bytes | str:
        """Encode a value; `default` is asked about what has no form in JSON."""
        ...

    def loads(self, text: str, /) -> Any:
        """Decode a value."""
        ...


Dumps = Callable[..., bytes | str]
Loads = Callable[[str], Any]

_STRICT_OPTIONS: Final = ("OPT_PASSTHROUGH_DATACLASS", "OPT_PASSTHROUGH_DATETIME", "OPT_PASSTHROUGH_SUBCLASS")
"""Of orjson: what `json` has no form for, or another one, is not to be encoded by itself."""


def strict_dumps(json: JsonModule) -> Dumps | None:
    """Return what encodes; nothing if it writes more than JSON, or spaces between."""
    dumps: Dumps = json.dumps
    options = sum({int(getattr(json, name, 0)) for name in _STRICT_OPTIONS})  # each is a bit of its own
    if options:
        dumps = partial(dumps, option=options)
    if _try(dumps, [1, {"a": "é"}]) != '[1,{"a":"é"}]' or _try(dumps, [math.inf]) not in (None, "[null]"):
        return None
    return dumps


def strict_loads(json: JsonModule) -> Loads | None:
    """Return what decodes; nothing if it reads more than JSON, or what nobody could send on."""
    for text in ("NaN", "Infinity", "1e400"):
        try:
            json.loads(text)
        except Exception:  # noqa: BLE001, S112 - each module has errors of its own
            continue
        return None
    return json.loads


def _try(dumps: Dumps, value: JSONValue) -> str | None:
    try:
        return text_of(dumps(value))
    except Exception:  # noqa: BLE001 - each module has errors of its own
        return None


def refuses_depth(dumps: Dumps, depth: int) -> bool:
    """Whether a module never writes what is nested so deep; orjson's own limit is 254."""
    nested: JSONValue = []
    for _ in range(depth - 1):
        nested = [nested]
    return _try(dumps, nested) is None


def text_of(encoded: bytes | str) -> str:
    """Return what a module has written as text."""
    return encoded if isinstance(encoded, str) else encoded.decode("utf-8")
