"""Registration: who handles what, in which order."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from socketio_core.app.handlers import EventRegistrar, HandlerTable, run
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import HandRuntime


class Anything(EventRegistrar):
    """The smallest thing that handlers can be registered on."""

    def __init__(self, base: HandlerTable | None = None) -> None:
        self._handlers = HandlerTable(base)

    @property
    def table(self) -> HandlerTable:
        return self._handlers


def first() -> None: ...


def second() -> None: ...


def third() -> None: ...


def test_handlers_are_registered_by_decorator_by_call_and_by_name() -> None:
    it = Anything()
    assert it.on("a")(first) is first
    assert it.on("a", second) is second
    assert it.event(third) is third
    assert it.on_any(first) is first
    assert it.table.of_event("a") == (first, second)
    assert it.table.of_event("third") == (third,)
    assert it.table.of_event("b") == ()
    assert it.table.any == (first,)


def test_a_handler_may_be_registered_twice_and_removed_once() -> None:
    it = Anything()
    for handler in (first, second, first):
        it.on("a", handler)
    it.off("a", first)
    assert it.table.of_event("a") == (second, first)
    it.off("a", first)
    it.off("a", first)
    it.off("b", first)
    assert it.table.of_event("a") == (second,)


@pytest.mark.parametrize("name", ["connection", "connect"])
def test_the_beginning_has_two_names(name: str) -> None:
    it = Anything()
    it.on(name, first)
    assert it.table.of_moment("connection") == (first,)
    assert it.table.of_event(name) == ()
    it.off("connection", first)
    assert it.table.of_moment("connection") == ()


@pytest.mark.parametrize("name", ["disconnecting", "disconnect"])
def test_the_end_is_no_event(name: str) -> None:
    it = Anything()
    it.on(name, first)
    assert it.table.of_moment(name) == (first,)
    assert it.table.of_event(name) == ()
    it.off(name, first)
    assert it.table.of_moment(name) == ()


def test_those_of_the_base_come_first_and_are_not_touched() -> None:
    base = Anything()
    it = Anything(base.table)
    for registrar, handler in ((it, second), (base, first)):  # registered later, and yet first
        registrar.on("a", handler)
        registrar.on("connection", handler)
        registrar.on_any(handler)
        registrar.table.add_middleware(handler)
    table = it.table
    assert table.of_event("a") == table.of_moment("connection") == table.any == table.middlewares == (first, second)
    it.off("a", first)  # not its own
    assert table.of_event("a") == (first, second)
    assert base.table.of_event("a") == base.table.middlewares == (first,)


def test_what_is_being_run_does_not_change() -> None:
    it = Anything()
    for handler in (first, second):
        it.on("a", handler)
    seen: list[Any] = []
    for handler in it.table.of_event("a"):
        seen.append(handler)
        it.off("a", handler)
        it.on("a", third)
    assert seen == [first, second]
    assert it.table.of_event("a") == (third, third)


@pytest.mark.parametrize("name", [first, None, 1, b"a"])
def test_a_name_is_a_string(name: Any) -> None:
    """`@io.on` without parentheses, above all."""
    with pytest.raises(TypeError, match=r"event name must be a string, as in @on\('connection'\)"):
        Anything().on(name)


@pytest.mark.parametrize("handler", ["text", 1, object()])
def test_a_handler_is_a_function(handler: Any) -> None:
    it = Anything()
    for register in (partial(it.on, "a"), it.on_any, it.on("a"), it.table.add_middleware):
        with pytest.raises(TypeError, match="handler must be a function"):
            register(handler)
    assert it.table.of_event("a") == it.table.any == it.table.middlewares == ()


def test_sync_and_async_handlers_are_run_alike() -> None:
    async def asynchronous(value: int) -> int:
        return value + 1

    def sync(value: int) -> int:
        return value + 2

    def sync_that_returns_an_awaitable(value: int) -> Any:
        return asynchronous(value)

    class Later:
        def __init__(self, value: int) -> None:
            self.value = value

        def __await__(self) -> Generator[Any, None, int]:
            yield from ()
            return self.value + 3

    async def both() -> list[int]:
        handlers: list[Any] = [asynchronous, sync, partial(asynchronous), sync_that_returns_an_awaitable, Later]
        return [await run(handler, 1) for handler in handlers]

    runtime = HandRuntime(FakeClock())
    task = runtime.start(both())
    runtime.run_ready()
    assert task.result == [2, 3, 2, 2, 4]
