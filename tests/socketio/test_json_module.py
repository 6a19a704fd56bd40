"""Other JSON modules: which of them can stand in for Python's own, to write and to read."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from socketio_core.socketio.json_module import refuses_depth, strict_dumps, strict_loads, text_of


class Module:
    """A module that does what it is told to."""

    def __init__(self, *, separators: tuple[str, str] = (",", ":"), allow_nan: bool = False, lax: bool = False) -> None:
        self._separators = separators
        self._allow_nan = allow_nan
        self._lax = lax

    def dumps(self, value: Any, /, *, default: Any = None) -> str:
        return json.dumps(
            value, default=default, separators=self._separators, ensure_ascii=False, allow_nan=self._allow_nan
        )

    def loads(self, text: str, /) -> Any:
        return json.loads(text) if self._lax else orjson.loads(text)


def test_what_a_module_writes_is_text() -> None:
    assert text_of("é") == text_of("é".encode()) == "é"


@pytest.mark.parametrize(
    ("module", "is_taken"),
    [
        (Module(), True),
        (orjson, True),
        (Module(separators=(", ", ": ")), False),
        (Module(allow_nan=True), False),
        (json, False),
    ],
    ids=["strict", "orjson", "spaces", "NaN", "json"],
)
def test_who_writes_more_than_json_or_spaces_does_not_write(module: Any, *, is_taken: bool) -> None:
    dumps = strict_dumps(module)
    assert (dumps is not None) is is_taken
    if dumps is not None:
        assert text_of(dumps({"a": [1]})) == '{"a":[1]}'


def test_what_orjson_would_encode_in_its_own_way_is_asked_about() -> None:
    class Text(str):
        __slots__ = ()

    dumps = strict_dumps(orjson)
    assert dumps is not None
    with pytest.raises(TypeError):
        dumps([Text("a")])


@pytest.mark.parametrize(("module", "is_taken"), [(Module(), True), (orjson, True), (Module(lax=True), False)])
def test_who_reads_more_than_json_does_not_read(module: Any, *, is_taken: bool) -> None:
    loads = strict_loads(module)
    assert (loads is not None) is is_taken
    if loads is not None:
        assert loads('{"a":[1]}') == {"a": [1]}


@pytest.mark.parametrize(("depth", "refuses"), [(2, False), (254, False), (255, True)])
def test_how_deep_a_module_writes(depth: int, *, refuses: bool) -> None:
    assert refuses_depth(orjson.dumps, depth) is refuses
    assert not refuses_depth(Module().dumps, depth)
