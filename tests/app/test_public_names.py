"""What users see when they look at an object: each name is deliberate, and says what it is for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig
from tests.app.test_engine_application import EngineRig

REGISTERS: Final = "event off on on_any"
EMITS: Final = "call emit emit_nowait emit_volatile emit_with_ack"

SOCKET: Final = f"""{REGISTERS} {EMITS} broadcast connected data disconnect except_ handshake id in_ join leave
    namespace nsp rooms to"""
SESSION: Final = "close connected data request send send_nowait sid transport"
CLIENT: Final = f"""{REGISTERS} {EMITS} active asks_ack auth connect connected disconnect disconnect_error events id
    manager nsp of recovered transport wait_connected wait_first_outcome"""
MANAGER: Final = f"{REGISTERS} subprotocol"

EXPECTED: Final[list[Any]] = [
    pytest.param(lambda: AppRig().connect()[1], SOCKET, id="Socket"),
    pytest.param(lambda: EngineRig().connect()[1], SESSION, id="EngineSession"),
    pytest.param(lambda: client_rig().host.socket_of("/"), CLIENT, id="ClientSocket"),
    pytest.param(lambda: client_rig().io, MANAGER, id="ClientManager"),
]
"""An object, and the names it shows."""


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


def is_slot(kind: type, name: str) -> bool:
    return inspect.ismemberdescriptor(getattr(kind, name, None))
