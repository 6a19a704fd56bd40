"""Deliberately broken clients: `python -m conformance.mutants.clients NAME` keeps the contract for clients with one.

A mutant is a class of ours with one defect, which takes the place of the class in a process of its own. It names the
cases that must catch it. `tests/conformance` checks that each of them does, and that each case is named by a mutant.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final, TypeVar

import socketio_core.app.client as options_module
import socketio_core.engineio.client.in_flight as flight_module
import socketio_core.engineio.client.session as session_module
import socketio_core.socketio.client.client as client_module
import socketio_core.socketio.client.namespace as namespace_module
import socketio_core.socketio.json_parser as parser_module
import socketio_core.wire.client.opening as opening_module
from socketio_core.engineio.client.heartbeat import HeartbeatWatch
from socketio_core.engineio.client.in_flight import InFlight
from socketio_core.engineio.client.requests import RequestMaker
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.client.upgrade import Candidacy
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.client.outgoing import Outgoing
from socketio_core.socketio.json_decoder import JsonDecoder
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.wire.websocket import Frames

_PLACES: Final[dict[type[object], ModuleType]] = {
    HeartbeatWatch: session_module,
    InFlight: session_module,
    RequestMaker: session_module,
    Candidacy: flight_module,
    ClientNamespace: client_module,
    ClientSession: client_module,
    JsonParser: client_module,
    Outgoing: namespace_module,
    JsonDecoder: parser_module,
    ClientCore: options_module,
    Frames: opening_module,
}
"""The classes that can be replaced, each with the module that makes its instances."""


@dataclass(frozen=True, slots=True)
class ClientMutant:
    """A broken client.

    Attributes:
        name: of its class.
        defect: what is wrong with it.
        catches: the names of the cases that must fail against it; without brackets, over both transports.
        broken: the class, a subclass of one of ours.
    """

    name: str
    defect: str
    catches: Sequence[str]
    broken: type[object]

    def install(self) -> None:
        """Put the class into the place of ours, in this process."""
        base = _base_of(self.broken)
        setattr(_PLACES[base], base.__name__, self.broken)


_mutants: list[ClientMutant] = []
_T = TypeVar("_T")


def _base_of(broken: type[object]) -> type[object]:
    return next(base for base in broken.__mro__ if base in _PLACES)


def caught_by(*cases: str) -> Callable[[type[_T]], type[_T]]:
    """Make a class a mutant; its docstring says what is wrong with it."""

    def register(broken: type[_T]) -> type[_T]:
        _mutants.append(ClientMutant(broken.__name__, (broken.__doc__ or "").strip(), cases, broken))
        return broken

    return register


def all_client_mutants() -> list[ClientMutant]:
    """Return every mutant of this folder."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        if module != "__main__":
            importlib.import_module(f"{__name__}.{module}")
    return list(_mutants)
