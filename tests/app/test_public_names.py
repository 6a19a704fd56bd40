"""What users see when they look at an object: each name is deliberate, and says what it is for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import socketio_core
from socketio_core import Server
from socketio_core.app import RemoteSocket
from socketio_core.app.dispatcher import Dispatcher
from socketio_core.network import names
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig
from tests.app.test_engine_server import EngineRig

REGISTERS: Final = "event listeners listeners_any off off_any on on_any once prepend_any register"
TELLS: Final = f"{REGISTERS} listeners_any_outgoing off_any_outgoing on_any_outgoing prepend_any_outgoing"
EMITS: Final = "call emit emit_nowait emit_volatile emit_with_ack send"

BROADCASTS: Final = """call compress disconnect_sockets emit emit_nowait emit_with_ack except_ fetch_sockets in_ local
    send sockets_join sockets_leave timeout to volatile"""

SERVER: Final = f"""{TELLS} {BROADCASTS} all_rooms attach_engine close from_thread namespaces observe of on_server_side
    server_side_emit server_side_emit_with_ack sockets statistics use use_events"""
NAMESPACE: Final = f"""{TELLS} {BROADCASTS} all_rooms name on_server_side parent rooms server_side_emit
    server_side_emit_with_ack sockets use use_events"""
FAMILY: Final = f"{TELLS} {BROADCASTS} children cleanup_empty on_server_side use use_events"
ENGINE: Final = "event listeners off on once sessions"
OPERATES: Final = "compress timeout volatile"
OPERATOR: Final = f"{OPERATES} call emit emit_nowait emit_with_ack send"
SOCKET: Final = f"""{TELLS} {EMITS} {OPERATES} broadcast conn connected data disconnect disconnected emit_reliably
    except_ handshake id in_ join leave local namespace nsp recovered rooms to transport use"""
REMOTE_SOCKET: Final = f"{OPERATOR} data disconnect handshake id join leave nsp rooms"
SESSION: Final = "close connected data request send send_nowait sid transport"
CLIENT: Final = f"""{TELLS} {EMITS} {OPERATES} active asks_ack auth connect connected disconnect
    disconnect_error disconnected events from_thread id manager nsp of recovered transport
    wait_connected wait_first_outcome"""
CONNECTION: Final = "close event listeners off on once transport"
MANAGER: Final = f"{REGISTERS} subprotocol"

EXPECTED: Final[list[Any]] = [
    pytest.param(Server, SERVER, id="Server"),
    pytest.param(lambda: Server().of("/"), NAMESPACE, id="Namespace"),
    pytest.param(lambda: Server().of(re.compile("/a.*")), FAMILY, id="ParentNamespace"),
    pytest.param(lambda: Server().to("a"), BROADCASTS, id="BroadcastOperator"),
    pytest.param(lambda: Server().attach_engine(), ENGINE, id="EngineServer"),
    pytest.param(lambda: AppRig().connect()[1], SOCKET, id="Socket"),
    pytest.param(lambda: RemoteSocket(any_app(), "/", {}), REMOTE_SOCKET, id="RemoteSocket"),
    pytest.param(lambda: AppRig().connect()[1].conn, CONNECTION, id="SocketConnection"),
    pytest.param(
        lambda: AppRig().connect()[1].volatile, f"{OPERATOR} broadcast except_ in_ local to", id="SocketOperator"
    ),
    pytest.param(lambda: client_rig().host.socket_of("/").volatile, OPERATOR, id="ClientSocketOperator"),
    pytest.param(lambda: EngineRig().connect()[1], SESSION, id="EngineSession"),
    pytest.param(lambda: client_rig().host.socket_of("/"), CLIENT, id="ClientSocket"),
    pytest.param(lambda: client_rig().io, MANAGER, id="ClientManager"),
]
"""An object, and the names it shows."""


def any_app() -> Dispatcher:
    dispatcher = AppRig().host.endpoints[0].dispatcher
    assert isinstance(dispatcher, Dispatcher)
    return dispatcher


def client_rig() -> ClientRig:
    return ClientRig().up()


def public_names(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


@pytest.mark.parametrize(("make", "names"), EXPECTED)
def test_an_object_shows_what_is_for_users(make: Callable[[], object], names: str) -> None:
    assert public_names(make()) == set(names.split())


@pytest.mark.parametrize(("make", "names"), EXPECTED)
def test_each_name_is_explained(make: Callable[[], object], names: str) -> None:
    """In a docstring of its own, or under `Attributes:` in that of the class."""
    kind = type(make())
    attributes = inspect.getdoc(kind) or ""
    for name in names.split():
        explained = inspect.getdoc(getattr(kind, name, None)) if not is_slot(kind, name) else None
        assert explained or f"    {name}: " in attributes, name


@pytest.mark.parametrize("name", SERVER.split())
def test_the_readme_knows_what_a_server_shows(name: str) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"(\.|`){name}\b", readme)


def is_slot(kind: type, name: str) -> bool:
    return inspect.ismemberdescriptor(getattr(kind, name, None))


def test_the_package_has_what_it_says_that_it_has() -> None:
    assert set(socketio_core.__all__) <= set(dir(socketio_core))
    assert all(getattr(socketio_core, name) for name in socketio_core.__all__)
    with pytest.raises(AttributeError, match="module 'socketio_core' has no attribute 'Sever'"):
        getattr(socketio_core, "Sever")  # noqa: B009 - type checkers know


@pytest.mark.parametrize("name", ["AckTimeout", "Disconnected", "EngineSession", "Handshake", "Namespace", "Socket"])
def test_what_handlers_see_is_the_same_whether_they_know_their_event_loop_or_not(name: str) -> None:
    assert getattr(socketio_core, name) is getattr(names, name)
