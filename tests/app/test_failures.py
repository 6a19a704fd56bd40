"""What is said when a handler cannot take what came: which one, of which event, and what that was."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core import EventHandlers
from socketio_core.app import Socket
from socketio_core.app.failures import WrongArguments, accepts, fitting
from socketio_core.app.log import Log
from socketio_core.testing import FakeClock, WireClient
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig
from tests.app.test_engine_server import EngineRig


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


class Chat(EventHandlers):
    def on_join(self, socket: Socket, room: str) -> None: ...

    async def on_connect(self) -> None: ...


def test_a_handler_that_cannot_take_what_came_is_named_with_it(rig: AppRig) -> None:
    rig.io.register(Chat())

    def own(text: str, /, *, key: int = 0) -> None: ...

    client, socket = rig.connect()
    socket.on("join", own)
    assert rig.send(client, '421["join","r","s"]', f'42["join","{"x" * 1000}",{"[" * 50}{"]" * 50}]') == []
    shown = f"(<Socket {socket.id} of />, 'r', 's')"
    assert rig.logged[:3] == [
        "handler Chat.on_connect of 'connection' takes (), and was given (<Socket id2 of />,)",
        f"handler Chat.on_join of 'join' takes (socket: 'Socket', room: 'str'), and was given {shown}",
        f"handler {own.__qualname__} of 'join' takes (text: 'str', /, *, key: 'int' = 0), and was given ('r', 's')",
    ]
    assert all(len(line) < 300 for line in rig.logged)
    assert {type(error) for _, error in rig.runtime.logged} == {WrongArguments}


def test_one_instance_per_socket_is_named_too(rig: AppRig) -> None:
    rig.io.register(Chat, per_socket=True)
    client, _ = rig.connect()
    rig.send(client, '42["join"]')
    assert rig.logged[1].startswith("handler Chat.on_join of 'join' takes (socket: 'Socket', room: 'str'), and was")


def inner(_: Any) -> None:
    def one(_: Any) -> None: ...

    one()  # type: ignore[call-arg] # its own fault


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@wrapped
def behind_a_wrapper() -> None: ...


@pytest.mark.parametrize("handler", [inner, int, behind_a_wrapper, functools.partial(int, base=3)])
def test_a_type_error_of_its_own_is_a_failure_like_others(rig: AppRig, handler: Any) -> None:
    client, _ = rig.connect()
    rig.io.on("x", handler)
    rig.send(client, '42["x"]')
    assert rig.logged == ["handler of 'x' failed"]


def test_clients_and_bare_sessions_say_it_too() -> None:
    client = ClientRig().up()
    client.host.socket_of("/").on("x", behind_a_wrapper.__wrapped__)  # type: ignore[attr-defined] # `wraps` sets it
    client.hear('2["x",1]')
    assert client.logged == ["handler behind_a_wrapper of 'x' takes (), and was given (1,)"]
    engine = EngineRig()
    engine.app.on("message", behind_a_wrapper.__wrapped__)  # type: ignore[attr-defined]
    engine.send(engine.connect()[0], "4a")
    assert "handler behind_a_wrapper of 'message' takes (), and was given" in engine.runtime.logged[0][0]


def test_who_cannot_be_looked_at_is_taken_to_accept() -> None:
    assert accepts(dict, [1, 2, 3])
    assert accepts(print, [])
    assert not accepts(len, [])


def test_it_is_logged_once_a_minute_for_each_handler_and_event(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    log = Log(logging.getLogger("test"), lambda: clock.now)

    def one() -> None: ...

    def two() -> None: ...

    with caplog.at_level(logging.INFO):
        for seconds in (0.0, 59.0, 1.0):
            clock.now += seconds
            for _ in range(30):
                for handler, event in ((one, "a"), (one, "b"), (two, "a")):
                    log.failed(f"{handler.__name__} of {event}", WrongArguments(handler, event, (1,)))
    assert caplog.messages == ["one of a", "one of b", "two of a"] * 2
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert all(record.exc_info is None for record in caplog.records)


# -- why a socket has left ---------------------------------------------------------------------------------------------

End = Callable[[AppRig, WireClient], object]


def lose(rig: AppRig, client: WireClient, code: int, text: str = "") -> None:
    """Let the client close its WebSocket."""
    assert client.websocket is not None
    rig.server.lost(client.websocket.carrier, rig.now, code, text)


ENDS: Final[dict[str, tuple[End, str, str]]] = {
    "says goodbye": (lambda _, client: client.send("41"), "client namespace disconnect", "None"),
    "closes": (lambda _, client: client.send("1"), "transport close", "None"),
    "nonsense": (lambda _, client: client.send("4nonsense"), "parse error", "unknown packet type"),
    "silence": (lambda rig, _: rig.wait(45), "ping timeout", "no pong in time"),
    "close frame": (lambda rig, client: lose(rig, client, 1001), "transport close", "close code 1001"),
    "empty close frame": (lambda rig, client: lose(rig, client, 1005), "transport close", "None"),
    "text": (lambda rig, client: lose(rig, client, 1001, "gone"), "transport close", "gone"),
}


@pytest.mark.parametrize(("end", "reason", "part"), ENDS.values(), ids=ENDS)
def test_who_asks_is_told_what_else_is_known(rig: AppRig, end: End, reason: str, part: str) -> None:
    """A handler without a parameter for it is given the reason alone."""
    client, socket = rig.connect()
    told: list[tuple[object, ...]] = []

    @rig.io.on("disconnecting")
    @rig.io.on("disconnect")
    def shared(_: Socket, reason: str, description: str | None) -> None:
        told.append((reason, description))

    @rig.io.on("disconnect")
    def short(_: Socket, reason: str) -> None:
        told.append((reason,))

    @socket.on("disconnect")
    async def own(reason: str, description: str | None = None) -> None:
        told.append((reason, description))

    @socket.on("disconnect")
    def anything(*args: object) -> None:
        told.append(args)

    end(rig, client)
    rig.run()
    both = told[0]
    assert told == [both, both, (reason,), both, (reason,)]
    assert (both[0], part in str(both[1])) == (reason, True)
    assert rig.logged == []


def test_a_client_is_told_too() -> None:
    client = ClientRig().up()
    told: list[tuple[str, str | None]] = []

    @client.host.socket_of("/").on("disconnect")
    def left(reason: str, description: str | None) -> None:
        told.append((reason, description))

    client.host.socket_of("/").on("disconnect", client.note("left"))
    client.say("nonsense")
    client.run()
    ((reason, description),) = told
    assert (reason, "unknown packet type" in str(description)) == ("parse error", True)
    assert client.calls == [("left", "parse error")]


def test_a_function_that_cannot_be_looked_at_is_given_the_reason_alone() -> None:
    assert fitting(dict, 1, 2) == (1,)
    assert fitting(max, 1, 2) == (1,)
