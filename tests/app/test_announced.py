"""Whatever leaves something to send says so: a host that is not told sleeps on. See `Runtime.output_ready`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from socketio_core import app
from socketio_core.app import LocalAdapter, Socket
from socketio_core.app.socket import inbox_behind
from socketio_core.errors import ConnectRefused
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, member_of, note, noting, returning
from tests.app.test_engine_server import EngineRig
from tests.socketio.rig import TRANSPORTS

SERVER: Final[list[Callable[[Socket], Any]]] = [
    lambda socket: socket.emit("a"),
    lambda socket: socket.call("a"),
    lambda socket: socket.disconnect(),
    lambda socket: socket.disconnect(close=True),
    lambda socket: socket.namespace.emit("a"),
    lambda socket: socket.namespace.call("a"),
    lambda socket: socket.namespace.disconnect_sockets(),
]


@pytest.mark.parametrize("act", SERVER)
def test_what_a_server_does_to_its_sockets_is_announced(act: Callable[[Socket], Any]) -> None:
    rig = AppRig()
    _, socket = rig.connect()
    before = rig.runtime.flushes
    rig.start(act(socket))
    assert rig.runtime.flushes > before


@pytest.mark.parametrize("announces", ["emit_nowait", "emit_volatile"])
def test_what_sync_code_emits_is_announced(announces: str) -> None:
    rig = AppRig()
    _, socket = rig.connect()
    before = rig.runtime.flushes
    getattr(socket, announces)("a")
    assert rig.runtime.flushes > before


def test_a_broadcast_of_sync_code_is_announced() -> None:
    rig = AppRig()
    rig.connect()
    before = rig.runtime.flushes
    assert rig.io.emit_nowait("a") == 1
    assert rig.runtime.flushes > before


@pytest.mark.parametrize("answer", [None, ConnectRefused(), ConnectRefused("no", {object(): 1}), RuntimeError("no")])
def test_a_decision_is_announced(answer: Any) -> None:
    rig = AppRig()
    rig.io.use(returning(answer))
    client = rig.open()
    before = rig.runtime.flushes
    client.send("40")
    rig.run()
    assert rig.runtime.flushes > before


@pytest.mark.parametrize("result", [None, 1, object()])
def test_an_acknowledgement_is_announced(result: Any) -> None:
    rig = AppRig()
    rig.io.on("a", returning(result))
    client, _ = rig.connect()
    before = rig.runtime.flushes
    rig.send(client, '420["a"]')
    assert rig.runtime.flushes > before


def test_who_waits_for_an_ack_of_a_refused_socket_is_told_without_the_host() -> None:
    """Nothing more may come from anybody, so nobody else would dispatch."""
    rig = AppRig()
    calls: list[Any] = []

    @rig.io.use
    def refuse(socket: Socket) -> None:
        calls.append(rig.runtime.start(socket.call("question")))
        raise ConnectRefused

    client = rig.open()
    client.send("40")
    rig.host.work_soon()
    rig.runtime.run_ready()
    assert calls[0].is_done


@pytest.mark.parametrize("act", [SERVER[2], SERVER[3], SERVER[-1]], ids=["one", "with its connection", "all"])
def test_goodbyes_are_said_without_the_host(act: Callable[[Socket], Any]) -> None:
    rig = AppRig()
    rig.io.on("disconnect", note(rig, "left"))
    _, socket = rig.connect()
    rig.runtime.start(act(socket))
    rig.runtime.run_ready()
    assert rig.calls == [("left", socket.id, "server namespace disconnect")]


def test_what_an_adapter_has_changed_is_announced_and_told_without_the_host() -> None:
    rig = AppRig()
    rig.io.on("disconnect", note(rig, "left"))
    _, socket = rig.connect()
    local = LocalAdapter(inbox_behind(socket).app)
    member_of(socket).disconnect(rig.now)
    before = rig.runtime.flushes
    local.look()
    assert rig.runtime.flushes > before
    rig.runtime.run_ready()
    assert rig.calls == [("left", socket.id, "server namespace disconnect")]


# -- bare Engine.IO ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sending_and_closing_are_announced(transport: str) -> None:
    rig = EngineRig()
    _, session = rig.connect(transport)
    for act in (session.send("a"), session.close()):
        before = rig.runtime.flushes
        rig.start(act)
        assert rig.runtime.flushes > before
    before = rig.runtime.flushes
    _, session = rig.connect(transport)
    session.send_nowait("a")
    assert rig.runtime.flushes > before


def test_the_end_of_a_closed_session_is_told_without_the_host() -> None:
    rig = EngineRig()
    rig.app.on("close", noting(rig.calls))
    _, session = rig.connect()
    rig.runtime.start(session.close())
    rig.runtime.run_ready()
    assert rig.calls == ["forced close"]


# -- clients -----------------------------------------------------------------------------------------------------------

CLIENT: Final[list[Callable[[Any], Any]]] = [
    lambda socket: socket.emit("a"),
    lambda socket: socket.call("a"),
    lambda socket: socket.disconnect(),
]


@pytest.mark.parametrize("act", CLIENT)
def test_what_a_client_does_is_announced(act: Callable[[Any], Any]) -> None:
    rig = ClientRig().up()
    before = rig.runtime.flushes
    rig.start(act(rig.host.socket_of("/")))
    assert rig.runtime.flushes > before


@pytest.mark.parametrize("act", ["emit_nowait", "emit_volatile"])
def test_what_sync_code_of_a_client_emits_is_announced(act: str) -> None:
    rig = ClientRig().up()
    before = rig.runtime.flushes
    getattr(rig.host.socket_of("/"), act)("a")
    assert rig.runtime.flushes > before


def test_connecting_again_is_announced() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    rig.start(socket.disconnect())
    before = rig.runtime.flushes
    socket.connect()
    assert rig.runtime.flushes > before


@pytest.mark.parametrize("auth", [{"token": 1}, {"token": object()}, "no object", None, RuntimeError("no")])
def test_what_a_function_gives_as_auth_is_announced(auth: Any) -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/other", returning(auth))
    before = rig.runtime.flushes
    rig.run()
    assert rig.runtime.flushes > before


def test_auth_that_fails_is_told_without_the_host() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/other", returning(RuntimeError("no")))
    socket.on("connect_error", rig.note("refused"))
    rig.host.dispatch_soon()
    rig.runtime.run_ready()
    assert [name for name, _ in rig.calls] == ["refused"]


@pytest.mark.parametrize("result", [1, object()])
def test_an_acknowledgement_of_a_client_is_announced(result: Any) -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/").on("a", returning(result))
    before = rig.runtime.flushes
    rig.hear('20["a"]')
    assert rig.runtime.flushes > before


def test_a_clients_own_goodbye_is_told_without_the_host() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on("disconnect", rig.note("left"))
    rig.runtime.start(socket.disconnect())
    rig.runtime.run_ready()
    assert rig.calls == [("left", "io client disconnect")]


OWNERS: Final = {"_core", "_member", "_session", "member", "session"}
CHANGES: Final = {
    *("accept", "acknowledge", "close", "connect", "disconnect", "emit", "emit_nowait", "emit_with_ack"),
    *("fail_auth", "provide_auth", "refuse", "send"),
}
"""What the engine is told by an application, and may have to write for."""


def test_nothing_is_changed_but_through_what_announces_it() -> None:
    """`SocketInbox.acting`, in all modules of the layer: so nobody can forget."""
    found: list[str] = []
    for path in Path(app.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            match call:
                case ast.Call(ast.Attribute(ast.Attribute(_, owner), name)) if owner in OWNERS and name in CHANGES:
                    found.append(f"{path.name}:{call.lineno} {name}")
                case _:
                    pass
    assert found == []
