"""What stands between an event and its handlers: it may change it, drop it, or answer; and a limit made of it."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import pytest

from socketio_core import EventRefused, Observer, RateLimit
from socketio_core.app import IncomingEvent, Socket
from tests.app.rig import AppRig, leave, newest, note, returning


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def acting(act: Callable[[IncomingEvent], Any]) -> Callable[..., Any]:
    """Return a middleware of either kind that does something with an event."""

    def middleware(*given: Any) -> Any:
        return act(given[-1])

    return middleware


def told(rig: AppRig) -> list[Any]:
    return [call[-1] for call in rig.calls]


# -- order -------------------------------------------------------------------------------------------------------------


def test_they_are_asked_in_order_and_before_anybody_hears(rig: AppRig) -> None:
    client, socket = rig.connect()

    def adding(letter: str) -> Any:
        def middleware(*given: Any) -> None:
            event: IncomingEvent = given[-1]
            assert given[:-1] in ((), (socket,))
            event.args[0] = f"{event.args[0]}{letter}"

        return middleware

    socket.use(adding("c"))
    rig.io.use_events(adding("a"))
    rig.io.of("/").use_events(adding("b"))
    socket.use(adding("d"))
    rig.io.on_any(note(rig, "any"))
    rig.io.on("x", note(rig, "on"))
    socket.on("x", note(rig, "own"))
    rig.send(client, '42["x",""]')
    assert rig.calls == [("any", socket.id, "x", "abcd"), ("on", socket.id, "abcd"), ("own", "abcd")]


def test_those_of_a_family_come_first(rig: AppRig) -> None:
    family = rig.io.of(re.compile("/a.*"))
    family.on("x", note(rig, "on"))
    client, socket = rig.connect("/abc")

    @socket.namespace.use_events
    def double(_: Socket, event: IncomingEvent) -> None:
        event.args *= 2

    @family.use_events
    async def add(_: Socket, event: IncomingEvent) -> None:
        event.args.append(2)

    rig.send(client, '42/abc,["x",1]')
    assert rig.calls == [("on", socket.id, 1, 2, 1, 2)]


def test_one_that_waits_keeps_the_order_of_its_socket_and_delays_no_other(rig: AppRig) -> None:
    gates = [rig.runtime.new_event() for _ in range(3)]
    clients = [rig.connect()[0] for _ in range(2)]

    @rig.io.use_events
    async def wait(_: Socket, event: IncomingEvent) -> None:
        number = event.args[0]
        assert isinstance(number, int)
        await gates[number].wait()

    rig.io.on("x", note(rig, "x"))
    rig.send(clients[0], '42["x",0]', '42["x",1]')
    gates[1].set()
    rig.run()
    assert told(rig) == []
    gates[2].set()
    rig.send(clients[1], '42["x",2]')
    assert told(rig) == [2]
    gates[0].set()
    rig.run()
    assert told(rig) == [2, 0, 1]


# -- what it may do ----------------------------------------------------------------------------------------------------


def test_an_event_may_become_another(rig: AppRig) -> None:
    client, socket = rig.connect()

    @rig.io.use_events
    def rename(_: Socket, event: IncomingEvent) -> None:
        assert (event.socket, event.asks_ack) == (socket, True)
        assert repr(event) == f"<IncomingEvent 'old' of {socket!r}, 1 arguments>"
        event.name, event.args = "disconnect", (1, 2)  # type: ignore[assignment] # a tuple does, too

    @rig.io.use_events
    def add(_: Socket, event: IncomingEvent) -> None:
        event.args.append(3)  # and is a list for the next one

    rig.io.on("disconnect", note(rig, "the moment"))

    @rig.io.on("*")
    def rest(_: Socket, *args: Any) -> Any:
        return args

    rig.io.on("old", note(rig, "old"))
    assert rig.send(client, '421["old",0]') == ['31["disconnect",1,2,3]']
    assert rig.calls == []


@pytest.mark.parametrize("is_own", [False, True], ids=["namespace", "socket"])
@pytest.mark.parametrize(
    ("middleware", "answers"),
    [
        (returning(False), []),  # noqa: FBT003 - what it returns
        (returning(EventRefused()), ["31[]"]),
        (returning(EventRefused("no", {"code": 403})), ['31["no",{"code":403}]']),
        (returning(EventRefused(None)), ["31[null]"]),
    ],
    ids=["drops", "refuses", "says why", "says nothing"],
)
def test_it_may_drop_or_answer(rig: AppRig, middleware: Any, answers: list[str], is_own: bool) -> None:  # noqa: FBT001
    client, socket = rig.connect()
    (socket.use if is_own else rig.io.use_events)(middleware)
    for register in (rig.io.on_any, rig.io.on("x"), socket.on("x"), rig.io.on("*")):
        register(note(rig, "heard"))
    assert rig.send(client, '421["x"]') == answers
    assert rig.send(client, '42["x"]') == []
    assert (rig.calls, rig.logged, rig.onlooker.unhandled) == ([], [], [])
    assert not any(task.error for task in rig.runtime.tasks)


def test_one_that_fails_keeps_the_event_out(rig: AppRig) -> None:
    client, _ = rig.connect()
    rig.io.on("x", note(rig, "heard"))
    rig.io.use_events(returning(ValueError("broken")))
    assert rig.send(client, '421["x"]') == []
    assert rig.calls == []
    assert rig.logged == ["middleware failed, so the event 'x' was dropped"]


@pytest.mark.parametrize(("field", "value"), [("name", 1), ("name", None), ("args", "text"), ("args", 7)])
def test_it_cannot_make_something_else_of_it(rig: AppRig, field: str, value: Any) -> None:
    client, socket = rig.connect()
    rig.io.on("*", note(rig, "heard"))
    socket.use(acting(lambda event: setattr(event, field, value)))
    rig.send(client, '42["x",1]')
    assert rig.calls == []
    assert "something else than a" in str(rig.runtime.logged[0][1])


@pytest.mark.parametrize("is_own", [False, True], ids=["namespace", "socket"])
def test_it_may_disconnect(rig: AppRig, is_own: bool) -> None:  # noqa: FBT001 - a row
    client, socket = rig.connect()
    rig.io.on("x", note(rig, "heard"))
    (socket.use if is_own else rig.io.use_events)(acting(lambda event: leave(event.socket)))
    assert rig.send(client, '421["x"]', '42["x"]') == ["1"]
    assert rig.calls == []


def test_a_refusal_that_cannot_be_sent_is_logged(rig: AppRig) -> None:
    client, _ = rig.connect()
    rig.io.use_events(returning(EventRefused(object())))
    assert rig.send(client, '421["x"]') == []
    assert len(rig.logged) == 1


def test_one_that_is_cancelled_passes_it_on(rig: AppRig) -> None:
    client, _ = rig.connect()
    gate = rig.runtime.new_event()
    rig.io.use_events(acting(lambda _: gate.wait()))
    rig.send(client, '42["x"]')
    (task,) = (task for task in rig.runtime.tasks if task.waits_for is not None)
    rig.runtime.cancel(task)
    rig.run()
    assert (type(task.error).__name__, rig.logged) == ("Cancelled", [])


def test_what_the_client_has_sent_is_not_changed_for_observers(rig: AppRig) -> None:
    client, _ = rig.connect()
    seen: list[Any] = []

    class Watching(Observer):
        def event_received(self, socket: Socket, name: str, args: Any) -> None:
            seen.append(args)

    rig.io.observe(Watching())
    rig.io.use_events(acting(lambda event: event.args.clear()))
    rig.send(client, '42["x",1]')
    assert seen == [[1]]


# -- a limit -----------------------------------------------------------------------------------------------------------


def test_a_burst_passes_and_then_so_many_a_second(rig: AppRig) -> None:
    client, _ = rig.connect()
    other, _ = rig.connect()
    rig.io.use_events(RateLimit(events_per_s=2, burst=3))
    rig.io.on("x", note(rig, "x"))
    sent = 0

    def send(count: int) -> list[int]:
        """Return which of them passed."""
        nonlocal sent
        rig.calls.clear()
        numbers = range(sent, sent + count)
        sent += count
        rig.send(client, *[f'42["x",{number}]' for number in numbers])
        return [number - numbers[0] for number in told(rig)]

    assert send(5) == [0, 1, 2]
    rig.wait(0.25)
    assert send(2) == []
    rig.wait(0.25)
    assert send(2) == [0]
    rig.wait(1)
    assert send(5) == [0, 1]
    rig.wait(10)
    assert send(5) == [0, 1, 2]
    rig.calls.clear()
    rig.send(other, '42["x",9]')
    assert told(rig) == [9], "each socket has its own"


def test_beyond_the_limit_it_refuses(rig: AppRig) -> None:
    client, socket = rig.connect()
    socket.use(RateLimit(events_per_s=1, burst=1, then="refuse", answer={"error": "slower"}))
    socket.on("x", returning("ok"))
    assert rig.send(client, '421["x"]', '422["x"]', '42["x"]') == ['31["ok"]', '32[{"error":"slower"}]']
    usual = RateLimit(events_per_s=1, burst=1, then="refuse")
    client, socket = rig.connect()
    socket.use(usual)
    assert rig.send(client, '421["x"]', '422["x"]') == ['32["Too many events"]']


def test_beyond_the_limit_it_disconnects_the_client(rig: AppRig) -> None:
    rig.io.of("/a")
    client, socket = rig.connect()
    rig.connect("/a", client=client)
    other = newest(rig.io.of("/a"))
    rig.io.use_events(RateLimit(events_per_s=1, burst=1, then="disconnect"))
    rig.io.on("x", note(rig, "x"))
    rig.send(client, *['42["x"]'] * 3)
    assert len(rig.calls) == 1
    assert (socket.connected, other.connected) == (False, False)
    assert client.session is None


def test_nothing_is_kept_of_a_socket_that_has_gone(rig: AppRig) -> None:
    rig.io.use_events(RateLimit(events_per_s=1, burst=1))
    rig.io.on("x", returning(None))
    client, socket = rig.connect()
    gone = ref(socket)
    rig.send(client, '42["x"]', "1")
    del client, socket
    rig.runtime.tasks.clear()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"events_per_s": 0},
        {"events_per_s": -1},
        {"events_per_s": float("inf")},
        {"events_per_s": float("nan")},
        {"events_per_s": "1"},
        {"burst": 0},
        {"burst": 1.5},
        {"then": "wait"},
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises((TypeError, ValueError), match=f"{name} must be"):
        partial(RateLimit, events_per_s=1, burst=1)(**wrong)
