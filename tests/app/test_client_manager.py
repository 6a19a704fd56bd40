"""What is told of a client's connection as a whole."""

from __future__ import annotations

import pytest

from socketio_core.app.client_host import what_is_told
from socketio_core.app.client_manager import host_behind
from socketio_core.engineio.packet import Payload
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Response
from socketio_core.socketio import Decoder, JsonParser, Packet
from socketio_core.socketio.guard import guard
from tests.app.client_rig import ClientRig


def test_life_of_the_connection_iswhat_is_told() -> None:
    rig = ClientRig(reconnection_attempts=1)
    for name in (
        "open",
        "ping",
        "close",
        "error",
        "reconnect_scheduled",
        "reconnect_attempt",
        "reconnect",
        "reconnect_failed",
    ):
        rig.io.on(name, rig.note(name))
    rig.up()
    rig.client.receive(rig.sockets[0], "2", rig.now)
    rig.lose()
    rig.run()
    rig.wait(2)
    rig.open()
    rig.run()
    rig.lose()
    rig.run()
    rig.wait(2)
    rig.run()
    rig.lose("refused")
    rig.run()
    assert [call[:2] for call in rig.calls if call[0] != "error"] == [
        ("open", "websocket"),
        ("ping",),
        ("close", "transport close"),
        ("reconnect_scheduled", 1),
        ("reconnect_attempt", 1),
        ("open", "websocket"),
        ("reconnect", 1),
        ("close", "transport close"),
        ("reconnect_scheduled", 1),
        ("reconnect_attempt", 1),
        ("reconnect_failed",),
    ]
    assert [str(call[1]) for call in rig.calls if call[0] == "error"] == ["websocket: refused"]


def test_moments_of_the_connection_are_known_by_name() -> None:
    rig = ClientRig()
    with pytest.raises(ValueError, match=r"name must be one of open, upgrade, .*, not: 'reconnect_error'"):
        rig.io.on("reconnect_error", rig.note("never"))
    rig.io.on_any(rig.note("any"))
    rig.up()
    assert rig.calls == [("any", "open", "websocket")]


def test_pings_do_not_pile_up_while_a_handler_works() -> None:
    rig = ClientRig().up()
    event = rig.runtime.new_event()

    @rig.io.on("ping")
    async def slow() -> None:
        rig.calls.append("ping")
        await event.wait()

    for _ in range(100):
        rig.client.receive(rig.sockets[0], "2", rig.now)
        rig.run()
    event.set()
    rig.run()
    assert rig.calls == ["ping", "ping"]


def test_pings_between_other_events_arewhat_is_told() -> None:
    """Only one that follows another, still untold, is left out."""
    rig = ClientRig().up(release=False)

    @rig.io.on_any
    def note_name(name: str, *_: object) -> None:
        rig.calls.append(name)

    for _ in range(2):
        rig.client.receive(rig.sockets[-1], "2", rig.now)
        rig.run()
    rig.lose()
    rig.run()
    rig.wait(2)
    rig.open()
    rig.client.receive(rig.sockets[-1], "2", rig.now)
    rig.run()
    rig.host.release()
    rig.run()
    lost = ["close", "reconnect_scheduled", "reconnect_attempt"]
    assert [name for name in rig.calls if name != "reconnect"] == ["open", "ping", *lost, "open", "ping"]


def test_a_socket_that_is_asked_for_too_late_is_not_made() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    rig.client.close(rig.now)
    for name in ("/", "/other"):
        with pytest.raises(LocalProtocolError):
            rig.host.socket_of(name, {"token": 1})
    assert socket.auth is None
    assert list(rig.client.namespaces) == ["/"]


def test_upgrades_are_told() -> None:
    from socketio_core.socketio.client import Upgraded, UpgradeFailed

    assert what_is_told(Upgraded()) == ("upgrade",)
    assert what_is_told(UpgradeFailed("why")) == ("upgrade_error", "why")


def test_what_is_not_acknowledged_is_undelivered_as_long_as_there_is_hope() -> None:
    rig = ClientRig(retries=1).up()
    socket = rig.host.socket_of("/")
    seen = [rig.host.has_undelivered]
    rig.start(socket.emit("a"))
    seen.append(rig.host.has_undelivered)
    rig.hear("30[]")
    seen.append(rig.host.has_undelivered)
    rig.start(socket.emit("b"))
    rig.lose()
    rig.run()
    seen.append(rig.host.has_undelivered)
    rig.start(socket.disconnect())
    assert [*seen, rig.host.has_undelivered] == [False, True, False, True, False]


def test_without_retries_nothing_is_to_be_acknowledged() -> None:
    rig = ClientRig().up()
    rig.lose()
    rig.run()
    rig.start(rig.host.socket_of("/").emit("a"))
    assert not rig.host.has_undelivered


def test_a_parser_that_fails_is_logged() -> None:
    class Deaf:
        encode = JsonParser().encode

        def decoder(self) -> Decoder:
            return self

        def feed(self, payload: Payload) -> Packet | None:
            raise KeyError("no idea")

    rig = ClientRig().up()
    rig.client.parser = guard(Deaf())
    rig.lose()
    rig.wait(2)
    rig.open()
    rig.hear('2["a"]')
    ((text, error),) = rig.runtime.logged
    assert text == "parser failed, so the connection was closed: Deaf failed: KeyError('no idea')"
    assert isinstance(error, KeyError)


def test_a_fault_of_the_server_is_not_logged_as_one_of_the_parser() -> None:
    rig = ClientRig().up()
    rig.io.on("close", rig.note("close"))
    rig.hear("?")
    assert rig.calls == [("close", "parse error")]
    assert rig.logged == []


def test_a_new_auth_does_not_disturb_who_is_connected() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/", {"token": 2})
    rig.run()
    assert rig.sent() == []
    assert socket.auth is None
    rig.hear("1")
    rig.host.socket_of("/", {"token": 3})
    rig.run()
    assert socket.auth == {"token": 3}


def test_what_went_wrong_is_kept_with_the_socket() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    rig.hear("?")
    assert socket.disconnect_error is not None


def test_who_waits_to_emit_learns_that_the_connection_is_over() -> None:
    """Without a namespace that would say goodbye first: one has left already, the other is not connected yet."""
    rig = ClientRig(engine={"high_water_bytes": 5}).up()
    rig.host.socket_of("/other")
    rig.start(rig.host.socket_of("/").emit("first"))
    rig.hear("1")
    waiting = rig.start(rig.host.flow.wait_drained())
    assert [waiting.is_done] == [False]
    rig.lose()
    rig.run()
    assert waiting.is_done


def test_the_servers_choice_of_a_subprotocol_is_told() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    told = [socket.manager.subprotocol]
    rig.look()
    chosen = Response(101, [(b"sec-websocket-protocol", b"b")])
    rig.client.websocket_opened(rig.sockets[-1], chosen, rig.now)
    rig.run()
    assert [*told, socket.manager.subprotocol] == [None, "b"]
    assert host_behind(socket.manager) is rig.host
