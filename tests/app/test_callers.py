"""Calls from another thread, and of tasks that were cancelled: an error, and nothing has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from socketio_core.app import Answers, Asked, EngineSession, LocalAdapter, Observer, RemoteSocket, Socket
from socketio_core.app.adapter import LocalAsked
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.socket import inbox_behind
from socketio_core.errors import ClusterError, LocalProtocolError
from socketio_core.socketio import JSONValue, Selection
from tests.app.bus import Bus, Joined
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import Cancelled
from tests.app.rig import AppRig
from tests.app.test_engine_server import EngineRig
from tests.socketio.rig import drain

SERVER: Final[dict[str, Callable[[Socket], object]]] = {
    "join": lambda socket: socket.join("b"),
    "leave": lambda socket: socket.leave("a"),
}


def elsewhere() -> None:
    raise LocalProtocolError("another thread")


@pytest.mark.parametrize("call", SERVER.values(), ids=SERVER)
def test_rooms_are_not_changed_from_another_thread(call: Callable[[Socket], object], monkeypatch: Any) -> None:
    rig = AppRig()
    _, socket = rig.connect()
    socket.join("a")
    monkeypatch.setattr(rig.runtime, "check_caller", elsewhere)
    with pytest.raises(LocalProtocolError):
        call(socket)
    assert socket.rooms == {socket.id, "a"}


class Postbox(Joined):
    """Notes what another server is to be told."""

    def __init__(self, local: LocalAdapter) -> None:
        super().__init__(Bus(), local)
        self.posted: list[str] = []

    def join(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        self.posted.append("join")

    def leave(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        self.posted.append("leave")

    def broadcast(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> int:
        self.posted.append("emit")
        return 1


class NoAnswer(LocalAsked):
    """A server that cannot be asked."""

    async def answers(self) -> Answers:
        return Answers([], error=ClusterError("nobody is there"))


class CutOff(Postbox):
    def ask(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> Asked:
        return NoAnswer(1)


def test_who_asks_a_socket_of_a_server_that_cannot_be_asked_is_told_so() -> None:
    rig = AppRig(adapter=CutOff)
    _, asking = rig.connect()
    remote = RemoteSocket(inbox_behind(asking).app, "/", {"id": "there"})
    with pytest.raises(ClusterError, match="nobody is there"):
        rig.result_of(remote.call("x"))


REMOTE: Final[dict[str, Callable[[RemoteSocket], object]]] = {
    "join": lambda socket: socket.join("b"),
    "leave": lambda socket: socket.leave("a"),
    "emit": lambda socket: socket.emit_nowait("x"),
}


@pytest.mark.parametrize("name", REMOTE)
def test_no_other_server_is_told_anything_from_another_thread(name: str, monkeypatch: Any) -> None:
    rig = AppRig(adapter=Postbox)
    _, asking = rig.connect()
    app = inbox_behind(asking).app
    adapter = app.adapter
    assert isinstance(adapter, Postbox)
    socket = RemoteSocket(app, "/", {"id": "there"})
    with monkeypatch.context() as patched:
        patched.setattr(rig.runtime, "check_caller", elsewhere)
        with pytest.raises(LocalProtocolError):
            REMOTE[name](socket)
    assert adapter.posted == []
    REMOTE[name](socket)
    assert adapter.posted == [name]


def test_families_are_sent_nothing_from_another_thread_though_nobody_is_there(monkeypatch: Any) -> None:
    rig = AppRig()
    family = rig.io.of(str.isascii)
    monkeypatch.setattr(rig.runtime, "check_caller", elsewhere)
    with pytest.raises(LocalProtocolError):
        family.emit_nowait("x")


def test_a_server_is_not_looked_at_from_another_thread(monkeypatch: Any) -> None:
    rig = AppRig()
    told: list[object] = []

    class Watching(Observer):
        def event_received(self, socket: Socket, name: str, args: Sequence[JSONValue]) -> None:
            told.append(name)

    with monkeypatch.context() as patched:
        patched.setattr(rig.runtime, "check_caller", elsewhere)
        for look in (rig.io.statistics, lambda: rig.io.observe(Watching())):
            with pytest.raises(LocalProtocolError):
                look()
    client, _ = rig.connect()
    rig.send(client, '42["x"]')
    assert told == []


def test_messages_are_not_sent_from_another_thread(monkeypatch: Any) -> None:
    rig = EngineRig()
    client, session = rig.connect()
    monkeypatch.setattr(rig.runtime, "check_caller", elsewhere)
    with pytest.raises(LocalProtocolError):
        session.send_nowait("a")
    rig.run()
    assert client.take_messages() == []


def test_streams_are_not_made_or_closed_from_another_thread(monkeypatch: Any) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    stream = socket.events()
    monkeypatch.setattr(rig.runtime, "check_caller", elsewhere)
    for call in (socket.events, stream.close, lambda: socket.of("/other")):
        with pytest.raises(LocalProtocolError):
            call()
    rig.hear('2["a"]')
    assert rig.start(anext(stream)).result == ("a",)
    assert list(rig.client.namespaces) == ["/"]


CANCELLED: Final[list[Callable[[Socket], Any]]] = [
    lambda socket: socket.emit("a"),
    lambda socket: socket.call("a"),
    lambda socket: socket.disconnect(),
    lambda socket: socket.namespace.emit("a"),
    lambda socket: socket.namespace.call("a"),
    lambda socket: socket.namespace.fetch_sockets(),
    lambda socket: socket.namespace.to("nobody").fetch_sockets(),
    lambda socket: socket.namespace.sockets_join("b"),
    lambda socket: socket.namespace.to("nobody").sockets_join("b"),
    lambda socket: socket.namespace.sockets_leave("a"),
    lambda socket: socket.namespace.to("nobody").sockets_leave("a"),
    lambda socket: socket.namespace.disconnect_sockets(),
    lambda socket: socket.namespace.to("nobody").disconnect_sockets(),
]


@pytest.mark.parametrize("call", CANCELLED)
def test_a_cancelled_task_does_nothing_to_sockets(call: Callable[[Socket], Any]) -> None:
    rig = AppRig()
    client, socket = rig.connect()
    socket.join("a")
    task = rig.runtime.start(call(socket))
    rig.runtime.cancel(task)
    rig.run()
    assert isinstance(task.error, Cancelled)
    assert drain(client) == []
    assert socket.connected
    assert socket.rooms == {socket.id, "a"}


OF_SESSIONS: Final[list[Callable[[EngineSession], Any]]] = [
    lambda session: session.send("a"),
    lambda session: session.close(),
]
OF_CLIENTS: Final[list[Callable[[ClientSocket], Any]]] = [
    lambda socket: socket.emit("a"),
    lambda socket: socket.call("a"),
    lambda socket: socket.disconnect(),
    lambda socket: socket.wait_connected(),
]


@pytest.mark.parametrize("call", OF_SESSIONS)
def test_a_cancelled_task_does_nothing_to_sessions(call: Callable[[EngineSession], Any]) -> None:
    rig = EngineRig()
    client, session = rig.connect()
    task = rig.runtime.start(call(session))
    rig.runtime.cancel(task)
    rig.run()
    assert isinstance(task.error, Cancelled)
    assert client.take_messages() == []
    assert session.connected


@pytest.mark.parametrize("call", OF_CLIENTS)
def test_a_cancelled_task_does_nothing_to_clients(call: Callable[[ClientSocket], Any]) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    task = rig.runtime.start(call(socket))
    rig.runtime.cancel(task)
    rig.run()
    assert isinstance(task.error, Cancelled)
    assert rig.sent() == []
    assert socket.connected


def test_a_cancelled_task_emits_to_no_family() -> None:
    rig = AppRig()
    task = rig.runtime.start(rig.io.of(str.isascii).emit("a"))
    rig.runtime.cancel(task)
    rig.run()
    assert isinstance(task.error, Cancelled)
