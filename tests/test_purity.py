"""The purity line: what the core imports, which layer may know which, and what instances weigh."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).resolve().parents[1] / "socketio_core"
ADAPTERS: Final = ("network", "trio", "asyncio", "asgi", "blocking", "demo", "cli", "__main__")

FORBIDDEN: Final = frozenset(
    (
        *("asyncio", "concurrent", "datetime", "http", "io", "logging", "multiprocessing", "os", "pathlib", "queue"),
        *(
            "random",
            "sched",
            "secrets",
            "select",
            "selectors",
            "signal",
            "socket",
            "socketserver",
            "ssl",
            "subprocess",
            "sys",
        ),
        *("tempfile", "threading", "time", "urllib.request", "uuid"),
    )
)
# The one module that may, for each of these; why is in its docstring.
EXCEPTIONS: Final = {
    "datetime": "socketio_core.cluster.values",
    "secrets": "socketio_core.ids",
    "logging": "socketio_core.app.log",
    "os": "socketio_core.app.files",
    "pathlib": "socketio_core.app.files",
    "sys": "socketio_core.app.shares",
}

# Lower layers first; a module may import from its own layer and from those before it.
LAYERS: Final = (
    *("base", "engineio", "socketio", "wire", "app", "testing", "cluster"),
    *("network", "trio", "asyncio", "asgi", "blocking", "demo", "cli", "__main__"),
)
# Imported late, when somebody asks for them: a package shows what is in higher layers.
SHOWN: Final = tuple(
    f"socketio_core.app.{name}"
    for name in (
        *("acks", "declared", "engine_server", "event_handlers", "incoming", "namespace", "observer", "operators"),
        *("rate_limit", "server", "socket", "statistics"),
    )
)
# These turn bytes into calls on the core and back; they wait for nothing, as the core.
CODECS: Final = {"wire": frozenset(("h11", "wsproto")), "cluster": frozenset(("hiredis", "msgpack"))}
BASE: Final = (
    "checks",
    "collector",
    "extras",
    "errors",
    "records",
    "timers",
    "ids",
    "http",
    "cookie",
    "cors",
    "forwarded",
    "serving",
    "settings",
    "url",
    "websocket_handshake",
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module


def layer_of(module: str) -> str:
    part = module.split(".")[1] if "." in module else "base"
    return "base" if part in BASE else part


CORE: Final = [path for path in modules() if layer_of(name_of(path)) not in ADAPTERS]


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_imports_nothing_impure(path: Path) -> None:
    for imported in imports(path):
        root = imported.split(".")[0]
        if root == "socketio_core":
            continue
        codec = CODECS.get(layer_of(name_of(path)), frozenset[str]())
        if root in codec or (codec and imported == "http"):
            continue  # `http` itself holds names and phrases of statuses
        assert root in sys.stdlib_module_names, f"{imported} is not in the standard library"
        if EXCEPTIONS.get(root) != name_of(path):
            assert root not in FORBIDDEN, imported
            assert imported not in FORBIDDEN, imported


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    own = LAYERS.index(layer_of(name_of(path)))
    for imported in imports(path):
        if name_of(path) == "socketio_core" and imported in SHOWN:
            continue
        if imported.split(".")[0] == "socketio_core" and imported != "socketio_core":
            assert LAYERS.index(layer_of(imported)) <= own, imported


def test_of_what_applications_see_only_the_site_needs_the_codecs() -> None:
    """A server under a web framework must not need h11 and wsproto."""
    users = {
        name_of(path)
        for path in CORE
        if layer_of(name_of(path)) == "app" and any(layer_of(imported) == "wire" for imported in imports(path))
    }
    assert users == {"socketio_core.app.site"}


def test_only_codecs_and_adapters_name_a_network_library() -> None:
    users = {
        name_of(path) for path in modules() if {"trio", "h11", "wsproto"} & {i.split(".")[0] for i in imports(path)}
    }
    assert {layer_of(user) for user in users} <= {*CODECS, "trio", "asgi", "demo", "cli"}


def classes() -> Iterator[type]:
    for path in CORE:
        module = importlib.import_module(name_of(path))
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == module.__name__ and "__slots__" in vars(found):
                yield found


@pytest.mark.parametrize("slotted", list(classes()), ids=lambda c: c.__qualname__)
def test_slotted_classes_have_no_dict(slotted: type) -> None:
    """A base class without slots would bring the `__dict__` back, unnoticed."""
    assert slotted.__dictoffset__ == 0


PACKAGES = ["", ".engineio", ".socketio", ".app", ".testing", ".wire", ".wire.client", ".trio", ".asyncio"]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_exports_exists(package: str) -> None:
    module = importlib.import_module("socketio_core" + package)
    exported: list[str] = module.__all__
    assert len(set(exported)) == len(exported)
    assert [name for name in exported if not hasattr(module, name)] == []
