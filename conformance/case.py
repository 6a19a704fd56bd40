"""What a case is, how it fails, and where all of them are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast

if TYPE_CHECKING:
    from conformance.client.peer import Peer

Level = Literal["required", "reference", "better"]
LEVELS: Final[tuple[Level, ...]] = ("required", "reference", "better")
BOTH: Final = ("polling", "websocket")

PeerT = TypeVar("PeerT")
"""What a case is given: the other side of whoever is under test."""


class Failure(Exception):  # noqa: N818 - what another did, not what went wrong in the suite
    """Whoever is under test did something else than the case asks for.

    Args:
        problem: what is wrong, in a sentence without a full stop.
        expected: what should have come, as it would be seen on the wire.
        received: what came.
    """

    def __init__(self, problem: str, *, expected: object = None, received: object = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.received = received

    def __str__(self) -> str:
        lines = [self.problem]
        if self.expected is not None or self.received is not None:
            lines += [f"  expected: {shorten(self.expected)}", f"  received: {shorten(self.received)}"]
        return "\n".join(lines)


class Late(Failure):
    """The machine was too busy for the times that the case is about, so this says nothing: it is to be run again."""


class Skipped(Exception):  # noqa: N818 - no error
    """The case cannot be run against this server; the argument says why."""


@dataclass(frozen=True)  # no slots: with them, typing cannot make one by the name of an alias
class CaseOf(Generic[PeerT]):
    """One thing that whoever is under test must do.

    Attributes:
        name: unique, e.g. `"upgrade/probe_is_answered"`, with the transport in brackets where it runs over both.
        level: see `README.md`.
        title: what must be done, in a sentence.
        source: where that is written: `"Engine.IO 4, Heartbeat"` or `"PROTOCOL 1.7"`.
        run: talks to the one under test; raises `Failure`.
        waits: most of its time is that of a heartbeat or a time-out of the one under test.
    """

    name: str
    level: Level
    title: str
    source: str
    run: Callable[[PeerT], Awaitable[None]]
    waits: bool = False


Case = CaseOf["Peer"]
"""What a server must do; for clients see `conformance.clients.case`."""


class Suite(Generic[PeerT]):
    """The cases of a package, one group in each of its modules.

    Args:
        package: its name.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._registry: list[CaseOf[PeerT]] = []

    def case(
        self, level: Level, source: str, *, over: Sequence[str] = (), rows: Sequence[Any] = (), waits: bool = False
    ) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
        """Make a function a case; its docstring's first line is the title.

        Args:
            over: run it once over each of these transports; the function's second argument is the transport.
            rows: run it once with each of these `(label, *arguments)`; they follow as the function's last arguments.
            waits: one of them at least waits for a heartbeat or a time-out.
        """

        def register(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
            group = function.__module__.rpartition(".")[2]
            title = (inspect.getdoc(function) or "").partition("\n")[0]
            if not title:
                raise TypeError(f"case without a docstring: {function.__qualname__}")
            for transport in over or (None,):
                for row in rows or (None,):
                    arguments: list[Any] = [
                        *([] if transport is None else [transport]),
                        *([] if row is None else row[1:]),
                    ]
                    labels = [label for label in (None if row is None else row[0], transport) if label is not None]
                    name = f"{group}/{function.__name__}" + (f"[{','.join(map(str, labels))}]" if labels else "")
                    if any(known.name == name for known in self._registry):
                        raise ValueError(f"two cases of one name: {name}")
                    bound = self._bind(function, arguments)
                    self._registry.append(CaseOf(name, level, title, source, bound, waits))
            return function

        return register

    def _bind(
        self, function: Callable[..., Awaitable[None]], arguments: Sequence[object]
    ) -> Callable[[PeerT], Awaitable[None]]:
        async def run(peer: PeerT) -> None:
            await function(peer, *arguments)

        return run

    def all(self) -> list[CaseOf[PeerT]]:
        """Return every case of the package, in the order of the files' names and of their text."""
        package = importlib.import_module(self._package)
        for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{self._package}.{module}")
        return sorted(self._registry, key=lambda found: found.name.partition("/")[0])


_servers: Final[Suite[Peer]] = Suite("conformance.cases")
case = _servers.case
all_cases = _servers.all


def expect(received: object, expected: object, what: str) -> None:
    """Fail unless the two are equal.

    Args:
        what: what was received, e.g. `"status"`.
    """
    if not same(received, expected):
        raise Failure(f"wrong {what}", expected=expected, received=received)


def same(left: object, right: object) -> bool:
    """Return whether two JSON values are the same; unlike for `==`, `True` is not 1."""
    if isinstance(left, list) and isinstance(right, list):
        lefts, rights = cast("list[object]", left), cast("list[object]", right)
        return len(lefts) == len(rights) and all(map(same, lefts, rights))
    if isinstance(left, dict) and isinstance(right, dict):
        fields, others = cast("dict[str, object]", left), cast("dict[str, object]", right)
        return fields.keys() == others.keys() and all(same(fields[key], others[key]) for key in fields)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def require(condition: object, problem: str, received: object = None) -> None:
    """Fail unless `condition` is true."""
    if not condition:
        raise Failure(problem, expected="(see above)" if received is not None else None, received=received)


def shorten(value: object, limit: int = 300) -> str:
    """Return `repr(value)`, the middle left out when it is long."""
    if isinstance(value, (str, bytes)) and len(value) > 2 * limit:
        head, tail = value[:limit], value[-40:]
        return f"{head!r}...{tail!r} ({len(value)} long)"
    text = repr(value)
    return text if len(text) <= 3 * limit else f"{text[: 2 * limit]} ... ({len(text)} characters)"
