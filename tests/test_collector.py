"""The garbage collector waits while something large is read, and goes on as before."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from socketio_core.cluster.values import from_json, from_msgpack, to_msgpack
from socketio_core.collector import LARGE, uncollected
from socketio_core.settings import ClientSettings, EngineClientSettings, combine_for_client
from socketio_core.socketio import JsonParser

COUNT: Final = 100_000
LISTS: Final = "[" + ",".join(["[]"] * COUNT) + "]"

READERS: Final[dict[str, Callable[[], object]]] = {
    "a packet": lambda: _parser().decoder().feed(f'2["x",{LISTS}]'),
    "a packet that another module reads": lambda: _parser(json).decoder().feed(f'2["x",{LISTS}]'),
    "JSON of another server": lambda: from_json(LISTS.encode()),
    "msgpack of another server": lambda: from_msgpack(b"\xdd" + COUNT.to_bytes(4, "big") + b"\x90" * COUNT),
}


def _parser(module: Any = None) -> JsonParser:
    return JsonParser(combine_for_client(EngineClientSettings(), ClientSettings()), json=module)


@contextmanager
def collections() -> Generator[list[str]]:
    """Note when the collector begins."""
    found: list[str] = []

    def note(phase: str, _: object) -> None:
        found.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        yield found
    finally:
        gc.callbacks.remove(note)


@pytest.mark.parametrize("name", READERS)
def test_nothing_is_collected_while_something_large_is_read(name: str) -> None:
    with collections() as found:
        value = READERS[name]()
        count = len(found)
    assert value is not None
    assert count <= 2  # one: of what was made by then
    assert gc.isenabled()


def test_the_collector_is_left_as_it_was() -> None:
    gc.disable()
    try:
        assert uncollected(gc.isenabled) is False
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert uncollected(gc.isenabled) is False
    with pytest.raises(ValueError, match="no JSON"):
        uncollected(_fail)
    assert gc.isenabled()
    small = to_msgpack(["x"])
    assert len(small) < LARGE
    assert from_msgpack(small) == ["x"]


def _fail() -> None:
    raise ValueError("no JSON")
