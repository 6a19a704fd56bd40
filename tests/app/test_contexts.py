"""What a handler sets in a `ContextVar` ends with its event, and costs no event its place in the order."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import ContextVar, copy_context
from typing import Any, Final

from socketio_core.app.handover import begin
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig
from tests.app.test_engine_server import EngineRig

NAME: Final[ContextVar[str]] = ContextVar("NAME", default="nobody")


def setting(rig: AppRig | EngineRig | ClientRig) -> Callable[..., Any]:
    """Return a handler that notes what it finds set, sets it, waits until `let_go`, and notes that it ends."""

    async def handler(*args: object) -> None:
        rig.calls.append(("begins", args[-1], NAME.get()))
        NAME.set(f"of {args[-1]}")
        await wait(rig)
        rig.calls.append(("ends", args[-1], NAME.get()))

    return handler


async def wait(rig: AppRig | EngineRig | ClientRig) -> None:
    event = rig.runtime.new_event()
    GATES.append(event)
    await event.wait()


GATES: Final[list[Any]] = []


def let_go(rig: AppRig | EngineRig | ClientRig) -> None:
    """Let the one handler that runs now end."""
    (gate,) = GATES
    GATES.clear()
    gate.set()
    rig.run()


def assert_one_by_one(rig: AppRig | EngineRig | ClientRig, come: Callable[..., None]) -> None:
    """Let three events come, two of them at once and the third while the second is handled."""
    come("a", "b")
    let_go(rig)
    come("c")
    let_go(rig)
    tasks = len(rig.runtime.tasks)
    let_go(rig)
    assert len(rig.runtime.tasks) == tasks  # nobody is called for an empty queue
    assert rig.calls == [
        (moment, name, found)
        for name in ("a", "b", "c")
        for moment, found in (("begins", "nobody"), ("ends", f"of {name}"))
    ]
    come("d")
    let_go(rig)
    assert rig.calls[-1] == ("ends", "d", "of d")


def test_events_of_a_socket() -> None:
    rig = AppRig()
    rig.io.on("a", setting(rig))
    client, _ = rig.connect()

    def come(*names: str) -> None:
        rig.send(client, *(f'42["a","{name}"]' for name in names))

    assert_one_by_one(rig, come)


def test_messages_of_a_session() -> None:
    rig = EngineRig()
    rig.app.on("message", setting(rig))
    client, _ = rig.connect()
    assert_one_by_one(rig, lambda *names: rig.send(client, *(f"4{name}" for name in names)))


def test_events_of_a_client() -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/").on("a", setting(rig))
    assert_one_by_one(rig, lambda *names: rig.hear(*(f'2["a","{name}"]' for name in names)))


def test_a_coroutine_that_is_handed_over_keeps_what_it_sets_to_itself() -> None:
    seen: list[str] = []

    async def work() -> None:
        NAME.set("set")
        await Once()
        seen.append(NAME.get())
        NAME.set("set again")

    async def main() -> None:
        rest = begin(work())
        seen.append(NAME.get())
        assert rest is not None  # it waits
        await rest
        seen.append(NAME.get())

    coroutine = copy_context().run(main)
    while True:
        try:
            coroutine.send(None)
        except StopIteration:
            break
    assert seen == ["nobody", "set", "nobody"]


class Once:
    """Waits once."""

    def __await__(self) -> Generator[None, None, None]:
        yield
