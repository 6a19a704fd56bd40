"""What callers must not do is told at once, and changes nothing; and what nothing is left to be done about."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from functools import partial
from random import random
from typing import Any, Final

import pytest

from socketio_core import Cookie, Server, SocketSettings
from socketio_core.engineio import Engine
from socketio_core.errors import LocalProtocolError
from socketio_core.http import Request
from socketio_core.socketio import ServerCore
from socketio_core.socketio.client import ClientCore
from socketio_core.socketio.json_parser import JsonParser, parser_of
from socketio_core.url import parse_url
from socketio_core.wire import Serving, Site
from tests.app.client_rig import ClientRig
from tests.socketio.client.scene import Scene as ClientScene
from tests.test_due_first import LATE_S, silent_member
from tests.wire.by_hand import House
from tests.wire.written import request


def test_a_session_of_socket_io_sends_nothing_by_itself() -> None:
    _, _, member = silent_member()
    with pytest.raises(LocalProtocolError, match=r"belongs to a Socket\.IO server"):
        member.connection.session.send("x", 0.0)
    scene = ClientScene().connected()
    session = scene.client.session
    assert session is not None
    with pytest.raises(LocalProtocolError, match=r"belongs to a Socket\.IO client"):
        session.send("x", scene.now)


@pytest.mark.parametrize("timeout_s", [True, "5", -1.0, float("nan")])
def test_a_timeout_must_be_one(timeout_s: Any) -> None:
    _, clock, member = silent_member()
    member.accept(clock.now)
    with pytest.raises(LocalProtocolError, match="timeout must be a number of seconds"):
        member.emit_with_ack("x", [], timeout_s=timeout_s, context=None, now=clock.now)


@pytest.mark.parametrize("args", ["abc", b"abc", bytearray(b"abc"), memoryview(b"abc"), {"a": 1}, {1, 2}, 7, None])
def test_arguments_are_a_list(args: Any) -> None:
    server, clock, member = silent_member()
    member.accept(clock.now)
    scene = ClientScene().connected()
    peer = ClientScene(retries=1).connected()
    before = member.connection.session.buffered_bytes
    sends: tuple[Callable[[], object], ...] = (
        lambda: member.emit("x", args),
        lambda: member.emit_nowait("x", args),
        lambda: member.emit_with_ack("x", args, timeout_s=1, context=None, now=clock.now),
        lambda: member.acknowledge(1, args),
        lambda: server.broadcast("/", "x", args),
        lambda: scene.root.emit("x", args, now=scene.now),
        lambda: scene.root.emit_nowait("x", args, now=scene.now),
        lambda: scene.root.emit_with_ack("x", args, timeout_s=1, context=None, now=scene.now),
        lambda: scene.root.acknowledge(1, args),
        lambda: peer.root.emit("x", args, now=peer.now),
    )
    for send in sends:
        with pytest.raises(LocalProtocolError, match="arguments must be a list of them"):
            send()
    assert member.connection.session.buffered_bytes == before
    assert not member.pending_acks


@pytest.mark.parametrize("args", [[1, "a"], (1, "a"), iter([1, "a"]), deque([1, "a"])])
def test_arguments_may_be_any_kind_of_list(args: Any) -> None:
    _, clock, member = silent_member()
    member.accept(clock.now)
    session = member.connection.session
    before = len(session.outbox.messages)
    assert member.emit("x", args)
    assert [message.frames for message in session.outbox.messages][before:] == [('42["x",1,"a"]',)]


def test_an_ack_may_be_awaited_without_limit() -> None:
    server, clock, member = silent_member()
    member.accept(clock.now)
    before = server.next_deadline
    assert member.emit_with_ack("x", [], timeout_s=None, context=None, now=clock.now) is not None
    assert server.next_deadline == before


def test_a_client_without_a_session_has_none_that_is_overdue() -> None:
    scene = ClientScene()
    scene.client.check_session(scene.now)
    assert scene.client.take_events() == []


def test_a_retry_that_is_due_behind_the_last_end_is_none() -> None:
    scene = ClientScene(retries=1, reconnection=False).connected()
    scene.root.emit("x", [], now=scene.now)
    scene.clock.advance(LATE_S)
    scene.client.handle_timeout(scene.now)
    scene.client.handle_timeout(scene.now)
    assert not scene.root.is_connected


def test_json_is_for_the_usual_parser() -> None:
    with pytest.raises(TypeError, match="parser must have encode and decoder"):
        parser_of(None, object(), None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="json is for the usual parser"):
        parser_of(None, JsonParser(), json)


def test_a_url_is_text() -> None:
    with pytest.raises(TypeError, match="URL must be a string"):
        parse_url(3)  # type: ignore[arg-type]


def test_subprotocols_may_be_chosen_by_a_function() -> None:
    def choose(_: Request) -> str | None:
        return None

    assert Site(serving=Serving(subprotocols=choose)).mounts == []


def test_a_client_has_no_subprotocol_before_there_is_a_websocket() -> None:
    assert ClientRig().io.subprotocol is None


def test_what_fails_at_a_deadline_costs_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    place = House()
    peer, other = place.connect(), place.connect()
    sid = place.open_session()
    peer.send(request(f"/engine.io/?EIO=4&transport=polling&sid={sid}", "POST", headers=["Content-Length: 5"]) + b"4")

    def fail(*_: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(place.engine, "lost", fail)
    place.advance(100)
    assert peer.is_over()
    assert "ours" in [str(error) for _, error in place.reports]
    assert other.is_over()


CORES: Final[list[tuple[Callable[[Any], object], str]]] = [
    (Engine, "settings must be EngineSettings(...), not: "),
    (ServerCore, "engine_settings must be EngineSettings(...), not: "),
    (lambda wrong: ServerCore(None, wrong), "settings must be SocketSettings(...), not: "),
    (lambda wrong: ServerCore(recovery=wrong), "recovery must be RecoverySettings(), not: "),
    (partial(ClientCore, random=random), "engine_settings must be EngineClientSettings(...), not: "),
    (lambda wrong: ClientCore(None, wrong, random=random), "settings must be ClientSettings(...), not: "),
]


@pytest.mark.parametrize(("make", "why"), CORES)
def test_settings_of_a_core_are_its_own(make: Callable[[Any], object], why: str) -> None:
    for wrong in (5, {"ping_interval_s": 5}, SocketSettings, Cookie()):
        with pytest.raises(TypeError) as failed:
            make(wrong)
        assert str(failed.value) == f"{why}{wrong!r}"


def test_a_connection_comes_from_an_address_by_http_or_https() -> None:
    site = Site()
    address: Any = ("127.0.0.1", 4711)
    with pytest.raises(TypeError, match=r"^address must be a string, as in '127\.0\.0\.1', not: \('127"):
        site.connect(0.0, address, "http")
    with pytest.raises(ValueError, match=r"^scheme must be 'http' or 'https', not: 'ws'$"):
        site.connect(0.0, "127.0.0.1", "ws")
    assert not site.wires


def test_a_server_on_no_event_loop_says_which_one_serves() -> None:
    io: Any = Server()
    with pytest.raises(AttributeError, match=r"^socketio_core\.Server knows no event loop: ") as failed:
        io.serve("127.0.0.1", 3000)
    assert (failed.value.name, failed.value.obj) == ("serve", None), "or Python asks: Did you mean: 'observe'?"
    with pytest.raises(AttributeError, match=r"^'Server' object has no attribute 'emitt'$") as failed:
        io.emitt("x")
    assert (failed.value.name, failed.value.obj) == ("emitt", io), "Python asks: Did you mean: 'emit'?"
