"""Once a side let the other go, nothing queued is handled any more; what came before the other's own end is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

from socketio_core.app import Socket
from socketio_core.app.engine_server import session_inbox_behind
from socketio_core.app.socket import inbox_behind
from socketio_core.testing.wire import Refused
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, flow_of, leave, leave_all, member_of, note, noting, waiting
from tests.app.test_dispatcher_queues import Gate
from tests.app.test_engine_server import EngineRig
from tests.socketio.rig import TRANSPORTS, drain

BOTH = pytest.mark.parametrize("transport", TRANSPORTS)

LOGIN: Final = ['42["login","bad"]', '421["delete",1]']


def on_login(rig: AppRig, how: Callable[[Socket], Any]) -> None:
    """Let the handler of `login` do something to its socket, wait a bit, and note what gets through."""

    @rig.io.on("login")
    async def login(socket: Socket, _: str) -> None:
        rig.calls.append("login")
        await how(socket)

    rig.io.on("delete", note(rig, "delete"))
    rig.io.on("disconnect", noting(rig.calls))

    @rig.io.on_any
    def note_any(_: Socket, name: str, *args: object) -> None:
        rig.calls.append(("any", name))


async def by_namespace(socket: Socket) -> None:
    await socket.namespace.disconnect_sockets()


async def by_session(socket: Socket) -> None:
    app = inbox_behind(socket).app
    member_of(socket).connection.session.close(app.runtime.now())


async def by_server(socket: Socket) -> None:
    app = inbox_behind(socket).app
    app.core.close(app.runtime.now())


@BOTH
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (leave, "server namespace disconnect"),
        (leave_all, "server namespace disconnect"),
        (by_namespace, "server namespace disconnect"),
        (by_session, "forced close"),
        (by_server, "server shutting down"),
    ],
    ids=["disconnect", "close", "namespace", "session", "server"],
)
def test_nothing_is_handled_behind_the_servers_goodbye(
    transport: str, how: Callable[[Socket], Any], reason: str
) -> None:
    rig = AppRig()
    on_login(rig, how)
    client, socket = rig.connect(client=rig.open(transport))
    rig.send(client, *LOGIN)
    rig.run()
    assert rig.calls == [("any", "login"), "login", reason]
    assert (flow_of(socket).queued_count, flow_of(socket).queued_bytes) == (0, 0)
    assert rig.onlooker.unhandled == []


@BOTH
def test_nothing_is_handled_behind_a_session_that_the_server_closed(transport: str) -> None:
    """The engine's own close, as an embedder or another layer calls it, from a task of its own."""
    rig = AppRig()
    gate = rig.runtime.new_event()
    on_login(rig, waiting(gate))
    client, socket = rig.connect(client=rig.open(transport))
    rig.send(client, *LOGIN)
    member_of(socket).connection.session.close(rig.now)
    rig.run()
    drain(client)
    rig.run()
    gate.set()
    rig.run()
    assert rig.calls == [("any", "login"), "login", "forced close"]


@BOTH
@pytest.mark.parametrize("end", ["41", "1", "4nonsense", "9"])
def test_the_clients_own_end_or_fault_leaves_what_came_before(transport: str, end: str) -> None:
    rig = AppRig()

    async def go_on(_: Socket) -> None:
        await rig.runtime.check_cancelled()

    on_login(rig, go_on)
    client, _ = rig.connect(client=rig.open(transport))
    with suppress(Refused):  # a POST that says so
        rig.send(client, *LOGIN, end)
    rig.run()
    assert rig.calls[:4] == [("any", "login"), "login", ("any", "delete"), ("delete", "id2", 1)]


@BOTH
@pytest.mark.parametrize("close", [False, True])
def test_a_client_that_left_at_once_is_let_go_all_the_same(transport: str, *, close: bool) -> None:
    """Its goodbye was read before its first event was handled, and the server's comes after it."""
    rig = AppRig()
    on_login(rig, leave_all if close else leave)
    client, socket = rig.connect(client=rig.open(transport))
    rig.send(client, *LOGIN, "41")
    assert rig.calls == [("any", "login"), "login", "client namespace disconnect"]
    assert flow_of(socket).queued_count == 0


@BOTH
@pytest.mark.parametrize("close", [False, True])
def test_closing_lets_all_namespaces_of_the_client_go(transport: str, *, close: bool) -> None:
    """Those too that it has left, or whose connection is gone."""
    rig = AppRig()
    on_login(rig, leave_all if close else leave)
    rig.io.of("/admin").on("delete", note(rig, "admin"))
    gate = rig.runtime.new_event()
    rig.io.of("/admin").on("wait", waiting(gate))
    client, _ = rig.connect(client=rig.open(transport))
    _, admin = rig.connect("/admin", client=client)
    client.send('42/admin,["wait"]', '42/admin,["delete",2]', *LOGIN, "1")
    rig.run()
    gate.set()
    rig.run()
    expected = [("any", "login"), "login", "transport close"]
    assert rig.calls == expected if close else [*expected, ("admin", admin.id, 2)]
    assert flow_of(admin).queued_count == 0


def test_other_sockets_of_a_client_that_stays_go_on() -> None:
    rig = AppRig()
    on_login(rig, leave_all)
    rig.io.of("/admin").on("delete", note(rig, "admin"))
    client, _ = rig.connect()
    _, admin = rig.connect("/admin", client=client)
    rig.send(client, *LOGIN, "41", '42/admin,["delete",2]')
    assert ("delete", "id2", 1) not in rig.calls
    assert ("admin", admin.id, 2) in rig.calls


@pytest.mark.parametrize("how", [leave, leave_all, by_session, by_server])
def test_a_handler_of_any_event_may_keep_it_from_the_others(how: Callable[[Socket], Any]) -> None:
    """As with the reference, whose listeners of any event come first too."""
    rig = AppRig()
    rig.io.on("delete", note(rig, "delete"))

    @rig.io.on("connection")
    def connected(socket: Socket) -> None:
        @socket.on_any
        async def guard(name: str, *_: object) -> None:
            rig.calls.append(name)
            await how(socket)

        socket.on("delete", note(rig, "own"))

    client, socket = rig.connect()
    rig.send(client, '421["delete",1]', '42["delete",2]')
    assert rig.calls == ["delete"]
    assert (flow_of(socket).queued_count, flow_of(socket).queued_bytes) == (0, 0)
    assert rig.onlooker.unhandled == []


def test_handlers_of_an_event_that_began_are_all_called() -> None:
    rig = AppRig()
    on_login(rig, leave)
    rig.io.on("login", note(rig, "second"))
    client, _ = rig.connect()
    rig.send(client, *LOGIN)
    assert rig.calls[1:3] == ["login", ("second", "id2", "bad")]


def test_another_task_lets_a_busy_socket_go() -> None:
    rig = AppRig()
    gate = rig.runtime.new_event()
    on_login(rig, waiting(gate))
    client, socket = rig.connect()
    rig.send(client, *LOGIN)
    rig.start(socket.disconnect())
    gate.set()
    rig.run()
    assert rig.calls == [("any", "login"), "login", "server namespace disconnect"]
    assert flow_of(socket).queued_count == 0


def test_with_concurrency_what_has_not_begun_does_not_begin() -> None:
    rig = AppRig(concurrency=2)
    gate = rig.runtime.new_event()
    on_login(rig, waiting(gate))
    client, socket = rig.connect()
    rig.send(client, '42["login",1]', '42["login",2]', *LOGIN)
    rig.start(socket.disconnect())
    gate.set()
    rig.run()
    assert rig.calls == [*[("any", "login"), "login"] * 2, "server namespace disconnect"]
    assert flow_of(socket).queued_count == 0


def test_connection_handlers_run_alone_also_when_the_client_leaves_meanwhile() -> None:
    rig = AppRig(concurrency=3)
    gate = Gate(rig)
    gate.hold()
    client = rig.open()
    rig.send(client, "40")
    rig.send(client, '42["a",1]', "41")
    assert gate.running == ["connection"]
    gate.let_go("connection")
    assert gate.running == [1]


def test_a_socket_that_comes_back_is_heard() -> None:
    rig = AppRig()
    on_login(rig, leave)
    client, _ = rig.connect()
    rig.send(client, *LOGIN)
    rig.calls.clear()
    _, again = rig.connect(client=client)
    rig.send(client, '42["delete",3]')
    assert rig.calls == [("any", "delete"), ("delete", again.id, 3)]


# -- bare Engine.IO ----------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("leaves", [False, True])
def test_a_session_that_was_closed_gets_no_more_messages(transport: str, *, leaves: bool) -> None:
    rig = EngineRig()

    @rig.app.on("message")
    async def message(client: Any, data: str) -> None:
        rig.calls.append(data)
        if data == "bad":
            await client.close()

    rig.app.on("close", noting(rig.calls))
    client, session = rig.connect(transport)
    client.send("4good", "4bad", "4more", *(["1"] if leaves else []))
    rig.run()
    drain(client)
    rig.run()
    assert rig.calls == ["good", "bad", "transport close" if leaves else "forced close"]
    assert (session_inbox_behind(session).flow.queued_count, session_inbox_behind(session).flow.queued_bytes) == (0, 0)


@BOTH
def test_messages_before_the_clients_own_end_are_handled(transport: str) -> None:
    rig = EngineRig()
    rig.app.on("message", noting(rig.calls))
    client, _ = rig.connect(transport)
    client.send("4a", "4b", "1")
    rig.run()
    assert rig.calls == ["a", "b"]


def test_messages_behind_the_engines_own_close_are_not_handled() -> None:
    rig = EngineRig()
    gate = rig.runtime.new_event()

    @rig.app.on("message")
    async def message(_: object, data: str) -> None:
        rig.calls.append(data)
        await gate.wait()

    client, _ = rig.connect()
    client.send("4a", "4b")
    rig.run()
    rig.core.close(rig.clock.now)
    rig.run()
    gate.set()
    rig.run()
    assert rig.calls == ["a"]


# -- clients -----------------------------------------------------------------------------------------------------------


def test_a_client_that_disconnected_handles_nothing_more() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")

    @socket.on("stop")
    async def stop() -> None:
        await socket.disconnect()
        socket.connect()

    socket.on("a", rig.note("a"))
    socket.on("disconnect", rig.note("disconnect"))
    rig.hear('2["a",1]', '2["stop"]', '2["a",2]', '2["a",3]')
    assert rig.calls == [("a", 1), ("disconnect", "io client disconnect")]
    assert (rig.host.flow.queued_count, rig.host.flow.queued_bytes) == (0, 0)


def test_a_client_whose_server_left_meanwhile_handles_nothing_more_either() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on("stop", socket.disconnect)
    socket.on("a", rig.note("a"))
    rig.hear('2["stop"]', '2["a",2]', "1")
    assert rig.calls == []
    assert rig.host.flow.queued_count == 0


def test_what_the_server_sent_before_its_goodbye_is_handled_and_nothing_behind_it() -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/other")
    rig.hear('0/other,{"sid":"B"}')
    socket = rig.host.socket_of("/")
    socket.on("a", rig.note("a"))
    rig.hear('2["a",1]', "1", '2["a",2]')
    assert rig.calls == [("a", 1)]


def test_a_clients_handler_of_any_event_may_keep_it_from_the_others() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")

    @socket.on_any
    async def guard(name: str, *_: object) -> None:
        rig.calls.append(name)
        await socket.disconnect()

    socket.on("a", rig.note("a"))
    rig.hear('21["a",1]', '2["a",2]')
    assert rig.calls == ["a"]
    assert rig.host.flow.queued_count == 0


def test_what_a_client_was_sent_before_it_disconnects_is_not_handled_though_nobody_looked_yet() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    socket.on("a", rig.note("a"))
    rig.say('2["a",1]')
    rig.runtime.start(socket.disconnect())
    rig.runtime.run_ready()
    rig.run()
    assert rig.calls == []
    assert rig.host.flow.queued_count == 0
