"""Handlers that come and go: for once, removed by name, in front of others, and for what nothing else handles."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core.app import ClientSocket, Socket
from socketio_core.app.handlers import EventRegistrar
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, note, returning

RegistrarOf = Callable[[AppRig, Socket], EventRegistrar]

WHERE: Final[dict[str, RegistrarOf]] = {
    "server": lambda rig, _: rig.io,
    "namespace": lambda rig, _: rig.io.of("/"),
    "socket": lambda _, socket: socket,
}
"""Where handlers of the root namespace's events can be registered; those of a socket are not given the socket."""

where = pytest.mark.parametrize("registrar_of", WHERE.values(), ids=WHERE)


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


@pytest.fixture
def client() -> ClientRig:
    return ClientRig().up()


def told(rig: AppRig) -> list[Any]:
    """Return what handlers noted, without sockets."""
    return [tuple(each for each in call if each != "id2") for call in rig.calls]


# -- once --------------------------------------------------------------------------------------------------------------


@where
def test_once_is_called_once_and_answers(rig: AppRig, registrar_of: RegistrarOf) -> None:
    client, socket = rig.connect()
    registrar = registrar_of(rig, socket)

    @registrar.once("a")
    async def answer(*args: Any) -> int:
        rig.calls.append(args[-1])
        return 7

    assert registrar.listeners("a") == [answer]
    assert rig.send(client, '421["a",1]', '422["a",2]') == ["31[7]"]
    assert (rig.calls, registrar.listeners("a")) == ([1], [])


def test_once_of_a_namespace_is_for_one_of_its_sockets(rig: AppRig) -> None:
    """Though another handler waits in front of it when the second event comes."""
    clients = [rig.connect()[0] for _ in range(2)]
    gate = rig.runtime.new_event()

    @rig.io.on("a")
    async def wait(_: Socket) -> None:
        await gate.wait()

    rig.io.once("a", note(rig, "once"))
    for client in clients:
        rig.send(client, '42["a"]')
    gate.set()
    rig.run()
    assert len(rig.calls) == 1


def test_once_of_a_moment(rig: AppRig) -> None:
    rig.io.once("connection", note(rig, "came"))
    rig.io.once("disconnect", note(rig, "went"))
    for _ in range(2):
        client, _ = rig.connect()
        rig.send(client, "41")
    assert [call[0] for call in rig.calls] == ["came", "went"]


def test_once_may_register_itself_again(rig: AppRig) -> None:
    client, socket = rig.connect()

    def again(number: int) -> None:
        rig.calls.append(number)
        socket.once("a", again)

    socket.once("a", again)
    rig.send(client, '42["a",1]', '42["a",2]')
    assert rig.calls == [1, 2]
    socket.off("a", again)
    rig.send(client, '42["a",3]')
    assert rig.calls == [1, 2]


def test_a_slow_one_is_named_though_it_was_for_once(rig: AppRig) -> None:
    """`listeners` shows those who wait for the first event, and takes none away."""
    _, socket = rig.connect()
    handler = note(rig, "once")
    socket.once("a", handler)
    socket.on("a", handler)
    assert socket.listeners("a") == socket.listeners("a") == [handler, handler]


# -- off ---------------------------------------------------------------------------------------------------------------


@where
def test_off_with_a_name_removes_all_of_that_name(rig: AppRig, registrar_of: RegistrarOf) -> None:
    client, socket = rig.connect()
    registrar = registrar_of(rig, socket)
    for name in ("a", "a", "b"):
        registrar.on(name, note(rig, name))
    registrar.off("a")
    registrar.off("never there")
    rig.send(client, '42["a"]', '42["b"]')
    assert told(rig) == [("b",)]


def test_off_leaves_what_belongs_to_the_family(rig: AppRig) -> None:
    family = rig.io.of(re.compile("/room-.*"))
    family.on("a", note(rig, "family"))
    client, socket = rig.connect("/room-1")
    child = socket.namespace
    child.on("a", note(rig, "child"))
    assert len(child.listeners("a")) == 2
    child.off("a")
    assert len(child.listeners("a")) == 1
    rig.send(client, '42/room-1,["a"]')
    assert [call[0] for call in rig.calls] == ["family"]


@where
def test_those_of_every_event_come_in_front_and_go(rig: AppRig, registrar_of: RegistrarOf) -> None:
    client, socket = rig.connect()
    registrar = registrar_of(rig, socket)
    first, second, third = (registrar.on_any(note(rig, name)) for name in ("first", "second", "third"))
    front = registrar.prepend_any(note(rig, "front"))
    registrar.off_any(second)
    registrar.off_any(second)
    assert registrar.listeners_any() == [front, first, third]
    rig.send(client, '42["a",1]')
    assert told(rig) == [("front", "a", 1), ("first", "a", 1), ("third", "a", 1)]
    registrar.off_any()
    rig.send(client, '42["a",2]')
    assert (len(rig.calls), registrar.listeners_any()) == (3, [])


# -- what nothing else handles -----------------------------------------------------------------------------------------


@where
def test_the_rest_is_handled_by_who_takes_all(rig: AppRig, registrar_of: RegistrarOf) -> None:
    client, socket = rig.connect()
    registrar = registrar_of(rig, socket)

    @registrar.on("*")
    async def rest(*args: Any) -> Any:
        rig.calls.append(args[-2:])
        return "rest"

    rig.io.on("known", returning("known"))
    assert rig.send(client, '421["unknown",1]', '422["known",2]') == ['31["rest"]', '32["known"]']
    assert rig.calls == [("unknown", 1)]
    assert rig.onlooker.unhandled == []
    registrar.off("*", rest)
    assert rig.send(client, '423["unknown",1]') == []
    assert rig.onlooker.unhandled == [(socket, "unknown")]


def test_a_client_does_not_choose_who_takes_the_rest(rig: AppRig) -> None:
    """An event whose name is the asterisk is as unknown as others, and tells its name."""
    client, _ = rig.connect()
    rig.io.on("*", note(rig, "rest"))
    rig.send(client, '42["*",1]', '42["connection"]')
    assert told(rig) == [("rest", "*", 1), ("rest", "connection")]


def test_who_sees_every_event_handles_none(rig: AppRig) -> None:
    client, socket = rig.connect()
    rig.io.on_any(note(rig, "any"))
    rig.io.on("*", note(rig, "rest"))
    socket.once("*", note(rig, "once"))
    rig.send(client, '42["a"]', '42["b"]')
    assert [call[0] for call in rig.calls] == ["any", "rest", "once", "any", "rest"]


# -- clients -----------------------------------------------------------------------------------------------------------


def test_a_client_has_the_same_names(client: ClientRig) -> None:
    socket: ClientSocket = client.host.socket_of("/")
    socket.once("a", client.note("once"))
    socket.on("b", client.note("on"))
    any_first = socket.on_any(client.note("any"))
    socket.prepend_any(client.note("front"))
    client.hear('2["a",1]', '2["a",2]')
    assert client.calls == [("front", "a", 1), ("any", "a", 1), ("once", 1), ("front", "a", 2), ("any", "a", 2)]
    client.calls.clear()
    socket.off_any(any_first)
    socket.off("b")
    assert (socket.listeners("b"), len(socket.listeners_any())) == ([], 1)
    socket.off_any()
    client.hear('2["b",3]')
    assert client.calls == []


def test_a_client_may_take_the_rest(client: ClientRig) -> None:
    socket = client.host.socket_of("/")
    socket.on("known", client.note("known"))

    def name_of(name: str, *_: Any) -> str:
        return name

    socket.on("*", name_of)
    client.hear('27["unknown",1]', '2["known"]')
    assert client.sent() == ['37["unknown"]']
    assert client.calls == [("known",)]


def test_the_rest_of_a_client_is_told_the_mark_of_recovery() -> None:
    """Nobody knows which arguments the unknown has, so it is given all."""
    client = ClientRig().up('0{"sid":"A","pid":"p"}')
    client.host.socket_of("/").on("*", client.note("rest"))
    client.hear('2["unknown",1,"offset"]')
    assert client.calls == [("rest", "unknown", 1, "offset")]


@pytest.mark.parametrize("name", ["once", "on"])
def test_moments_of_a_connection_are_registered_alike(client: ClientRig, name: str) -> None:
    getattr(client.io, name)("ping", client.note("ping"))
    for _ in range(2):
        client.client.receive(client.sockets[-1], "2", client.now)
        client.run()
    assert len(client.calls) == (1 if name == "once" else 2)
    with pytest.raises(ValueError, match="name must be one of"):
        client.io.on("*", client.note("rest"))
