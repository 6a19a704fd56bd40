"""What an application sees of the connection under its sockets: transport, upgrade, the time of its beginning."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.app import Socket
from socketio_core.app.runtime import UNBOUND
from tests.app.hand_runtime import SUNDAY
from tests.app.rig import AppRig, newest, note, note_async, returning


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def test_a_socket_tells_its_transport_and_when_that_changes(rig: AppRig) -> None:
    client, socket = rig.connect(client=rig.open("polling"))
    assert (socket.transport, socket.conn.transport) == ("polling", "polling")
    socket.conn.on("upgrade", note(rig, "sync"))
    socket.conn.once("upgrade", note_async(rig, "async"))
    client.upgrade()
    rig.run()
    assert (socket.transport, socket.conn.transport) == ("websocket", "websocket")
    assert rig.calls == [("sync", "websocket"), ("async", "websocket")]


def test_an_event_of_a_client_that_is_called_upgrade_is_none(rig: AppRig) -> None:
    client, socket = rig.connect()
    socket.conn.on("upgrade", note(rig, "conn"))
    socket.on("upgrade", note(rig, "event"))
    rig.send(client, '42["upgrade",1]')
    assert rig.calls == [("event", 1)]
    with pytest.raises(ValueError, match="name must be one of upgrade, close"):
        socket.conn.on("packet", note(rig, "never"))


def test_the_sockets_of_a_client_share_it(rig: AppRig) -> None:
    rig.io.of("/a")
    client, socket = rig.connect()
    rig.connect("/a", client=client)
    other = newest(rig.io.of("/a"))
    assert other.conn is socket.conn
    _, stranger = rig.connect()
    assert stranger.conn is not socket.conn
    socket.conn.on("close", returning(ValueError("broken")))
    other.conn.on("close", note(rig, "closed"))
    rig.send(client, "1")
    assert rig.calls == [("closed", "transport close")]
    assert rig.logged == ["handler of 'close' failed"]
    assert socket.conn is not other.conn, "nothing is kept of a connection that is over"


def test_a_task_that_is_cancelled_passes_it_on(rig: AppRig) -> None:
    client, socket = rig.connect()
    gate = rig.runtime.new_event()

    @socket.conn.on("close")
    async def wait(_: str) -> None:
        await gate.wait()

    rig.send(client, "1")
    (task,) = (task for task in rig.runtime.tasks if task.waits_for is not None)
    rig.runtime.cancel(task)
    rig.run()
    assert task.error is not None
    assert rig.logged == []


def test_the_time_of_a_handshake_is_that_of_the_connection(rig: AppRig) -> None:
    """The reference takes it when the namespace is asked for."""
    rig.io.of("/a")
    rig.advance(10.0)
    client = rig.open()
    rig.run()
    rig.advance(5.0)
    _, socket = rig.connect(client=client)
    rig.advance(5.0)
    _, other = rig.connect("/a", client=client)
    assert socket.handshake.time == other.handshake.time == SUNDAY + rig.now - 10.0
    assert socket.handshake.issued == round(socket.handshake.time * 1000)


def test_a_socket_is_disconnected_until_it_is_in_and_when_it_is_out(rig: AppRig) -> None:
    seen: list[Any] = []

    @rig.io.use
    def look(socket: Socket) -> None:
        seen.append(socket.disconnected)

    client, socket = rig.connect()
    seen.append(socket.disconnected)
    rig.send(client, "41")
    assert [*seen, socket.disconnected] == [True, False, True]


def test_before_a_server_is_served_it_is_1970() -> None:
    assert UNBOUND.wall_time() == UNBOUND.now() == 0.0
