"""The four cores are the same to their hosts. That they take and return the same types is for type checkers to see."""

from __future__ import annotations

from inspect import signature

import pytest

from socketio_core.engineio import AnyClient, AnyServer, Core, Engine
from socketio_core.engineio.client import ClientMemory, ClientSession
from socketio_core.settings import EngineClientSettings, EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.socketio.client import ClientCore


def servers(settings: EngineSettings | None = None) -> list[AnyServer]:
    return [Engine(settings), ServerCore(settings)]


def clients(settings: EngineClientSettings | None = None) -> list[AnyClient]:
    session = ClientSession(settings or EngineClientSettings(), memory=ClientMemory(), random=lambda: 0.5, now=0.0)
    return [session, ClientCore(settings, random=lambda: 0.5)]


def calls_of(protocol: type) -> list[str]:
    return [name for base in protocol.__mro__ for name in vars(base) if not name.startswith("_")]


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [(AnyServer, Engine), (AnyServer, ServerCore), (AnyClient, ClientSession), (AnyClient, ClientCore)],
)
def test_calls_have_one_signature(protocol: type, kind: type) -> None:
    for name in calls_of(protocol):
        promised, found = vars(protocol).get(name) or getattr(Core, name), getattr(kind, name, None)
        if callable(promised):
            assert found is not None, name
            wanted = {each.name: (each.kind, each.default) for each in signature(promised).parameters.values()}
            assert {each.name: (each.kind, each.default) for each in signature(found).parameters.values()} == wanted, (
                name
            )


@pytest.mark.parametrize("path", [None, "/x/"])
def test_each_layer_has_a_path_of_its_own(path: str | None) -> None:
    named: list[AnyServer | AnyClient] = [
        *servers(EngineSettings(path=path)),
        *clients(EngineClientSettings(path=path)),
    ]
    unnamed: list[AnyServer | AnyClient] = [*servers(), *clients()]
    for cores in (named, unnamed) if path is None else (named,):
        assert [core.path for core in cores] == [path or "/engine.io/", path or "/socket.io/"] * 2
        assert [core.engine_settings.path for core in cores] == [core.path for core in cores]


def test_no_path_is_not_an_empty_one() -> None:
    for kind in (EngineSettings, EngineClientSettings):
        with pytest.raises(ValueError, match="path"):
            kind(path="")
