"""Handlers as methods of a class: which events they handle, what they are given, one instance or many."""

from __future__ import annotations

import gc
import re
from typing import Any
from weakref import ref

import pytest

from socketio_core import EventHandlers, handles
from socketio_core.app import Socket
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig

CALLS: list[Any] = []


class Chat(EventHandlers):
    """Notes what it is told, and counts."""

    limit = 7
    on_purpose = None  # no method

    def __init__(self) -> None:
        self.count = 0

    async def on_connect(self, socket: Socket) -> None:
        CALLS.append(("connect", socket.id))

    def on_disconnect(self, socket: Socket, reason: str) -> None:
        CALLS.append(("disconnect", socket.id, reason))

    async def on_join(self, socket: Socket, room: str) -> int:
        self.count += 1
        socket.join(room)
        return self.count

    @handles("chat message", "a:b")
    def said(self, socket: Socket, text: str) -> str:
        return f"{text} {self.count}"

    def helper(self) -> None:
        raise AssertionError


class Loud(Chat):
    """Replaces some of it."""

    def said(self, socket: Socket, text: str) -> str:
        return super().said(socket, text).upper()

    def on_any(self, socket: Socket, name: str, *args: Any) -> None:
        CALLS.append(("any", name, *args))

    def on_any_outgoing(self, socket: Socket, name: str, *args: Any) -> None:
        CALLS.append(("sent", name, *args))

    @handles("any")
    async def something(self, socket: Socket) -> str:
        await socket.emit("hello")
        return "any"


@pytest.fixture
def rig() -> AppRig:
    CALLS.clear()
    return AppRig()


def test_methods_handle_what_they_are_called_after(rig: AppRig) -> None:
    rig.io.register(Chat())
    client, socket = rig.connect()
    answers = rig.send(client, '421["join","r"]', '422["chat message","x"]', '423["a:b","y"]', '424["helper"]')
    rig.send(client, "41")
    assert answers == ["31[1]", '32["x 1"]', '33["y 1"]']
    assert [("connect", socket.id), ("disconnect", socket.id, "client namespace disconnect")] == CALLS
    assert rig.onlooker.unhandled == [(socket, "helper")]


def test_a_method_that_replaces_another_handles_the_same(rig: AppRig) -> None:
    rig.io.register(Loud())
    client, _ = rig.connect()
    CALLS.clear()
    assert rig.send(client, '421["chat message","x"]', '422["any"]') == ['31["X 0"]', '2["hello"]', '32["any"]']
    assert CALLS == [("any", "chat message", "x"), ("any", "any"), ("sent", "hello")]


@pytest.mark.parametrize("per_socket", [False, True])
def test_one_instance_counts_for_all_or_for_one(rig: AppRig, per_socket: bool) -> None:  # noqa: FBT001 - a row
    """Of a namespace, and of all that match."""
    rig.io.of("/a").register(Chat if per_socket else Chat(), per_socket=per_socket)
    rig.io.of(re.compile("/b.*")).register(Chat if per_socket else Chat(), per_socket=per_socket)
    for nsp in ("/a", "/bc"):
        counts = [rig.send(rig.connect(nsp)[0], f'42{nsp},1["join","r"]') for _ in range(3)]
        assert counts == [[f"3{nsp},1[{number}]"] for number in ([1, 1, 1] if per_socket else [1, 2, 3])]


@pytest.mark.parametrize("knows_it", [False, True])
def test_an_instance_of_a_socket_goes_with_it(rig: AppRig, knows_it: bool) -> None:  # noqa: FBT001 - a row
    made: list[ref[Chat]] = []

    class Noted(Chat):
        def __init__(self) -> None:
            super().__init__()
            made.append(ref(self))

        async def on_connect(self, socket: Socket) -> None:
            await super().on_connect(socket)
            if knows_it:
                self.socket = socket

    rig.io.register(Noted, per_socket=True)
    client, socket = rig.connect()
    rig.send(client, '42["join","r"]', "1")
    assert [call[0] for call in CALLS] == ["connect", "disconnect"]
    assert len(made) == 1
    del client, socket
    rig.runtime.tasks.clear()
    gc.collect()
    assert made[0]() is None


def test_a_socket_takes_an_instance_too(rig: AppRig) -> None:
    class Game(EventHandlers):
        def __init__(self, socket: Socket) -> None:
            self.socket = socket

        async def on_move(self, where: int) -> str:
            return f"{self.socket.id} to {where}"

    @rig.io.on("connection")
    def play(socket: Socket) -> None:
        socket.register(Game(socket))

    client, socket = rig.connect()
    assert rig.send(client, '421["move",5]') == [f'31["{socket.id} to 5"]']


def test_a_client_takes_an_instance_too() -> None:
    rig = ClientRig().up()

    class Player(EventHandlers):
        def on_turn(self, number: int) -> int:
            return number + 1

        def on_disconnect(self, reason: str) -> None:
            rig.calls.append(reason)

    rig.host.socket_of("/").register(Player())
    rig.hear('27["turn",1]')
    assert rig.sent() == ["37[2]"]
    rig.lose()
    rig.run()
    assert rig.calls == ["transport close"]


class Empty(EventHandlers):
    """Handles nothing."""

    def join(self) -> None: ...


def test_what_handles_nothing_is_refused(rig: AppRig) -> None:
    anything: Any = Chat
    with pytest.raises(TypeError, match="must be an instance of EventHandlers, as in register"):
        rig.io.register(anything)
    with pytest.raises(TypeError, match="give the class, a kind of EventHandlers, not: 1"):
        rig.io.register(1, per_socket=True)  # type: ignore[arg-type] # not everybody checks types
    anything = Chat()
    with pytest.raises(TypeError, match="give the class"):
        rig.io.register(anything, per_socket=True)
    for handlers, per_socket in ((Empty(), False), (Empty, True)):
        anything = handlers
        with pytest.raises(TypeError, match=r"Empty handles nothing: call methods on_<event>"):
            rig.io.register(anything, per_socket=per_socket)


@pytest.mark.parametrize("names", [(), (1,), (Chat.said,)])
def test_names_are_strings(names: Any) -> None:
    with pytest.raises(TypeError, match=r"handles takes names of events, as in @handles\('chat message'\)"):
        handles(*names)
