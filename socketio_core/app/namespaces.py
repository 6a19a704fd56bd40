"""All namespaces of a server as its application sees them: those made by name, families, and who belongs to which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from socketio_core.app.failures import accepts, has_failed
from socketio_core.app.handlers import NEW_NAMESPACE, handlers_of, run
from socketio_core.app.namespace import Namespace, ParentNamespace, adopt, core_of
from socketio_core.checks import decide
from socketio_core.socketio.hub import NamespaceCore
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher

NamePredicate = Callable[[str], object] | Callable[[str, Mapping[str, JSONValue]], "object | Awaitable[object]"]
"""Says whether clients may join a namespace: by its name, once, or by that and their `auth`, each."""


class Namespaces:
    """The namespaces, by name and by family."""

    __slots__ = ("_announced", "_app", "_kept", "_parents")

    def __init__(self, app: Dispatcher) -> None:
        self._app = app
        self._kept: dict[str, Namespace] = {}  # those with handlers of their own, by name
        self._parents: dict[Matches, ParentNamespace] = {}
        self._announced: WeakSet[NamespaceCore] = WeakSet()

    def by_name(self, name: str) -> Namespace:
        """Return the namespace `name`, which clients may join from then on."""
        core = self._app.core.hub.of(name)
        namespace = self.of_core(core)
        if not core.is_dynamic:
            self.announce(namespace)
        return namespace

    def family(self, pattern: NamePredicate) -> ParentNamespace:
        """Return what stands for all namespaces whose name matches, which clients may join from then on."""
        for known in self._parents:
            if known.pattern == pattern:
                return self._parents[known]  # or the guards of a second family would never be asked
        matches = Matches(pattern, self._app)
        self._parents[matches] = parent = ParentNamespace(self._app)
        self._app.core.hub.allow(matches, asks_each=matches.asks_each)
        return parent

    @property
    def all(self) -> list[Namespace]:
        """Those that exist now."""
        return [self.of_core(core) for core in list(self._app.core.hub.namespaces.values())]

    def of_core(self, core: NamespaceCore) -> Namespace:
        """Return what stands for one."""
        namespace = core.context
        if not isinstance(namespace, Namespace):
            parent = self._parents[core.pattern] if isinstance(core.pattern, Matches) else None
            namespace = core.context = Namespace(self._app, core, parent)
        return namespace

    def keep(self, namespace: Namespace, core: NamespaceCore) -> None:
        """Keep a namespace for good: it has handlers. If nobody knew whose it is, it is its own now."""
        self._kept[namespace.name] = namespace
        if core.is_undecided:
            self._app.core.hub.settle(core, None)
            self.announce(namespace)

    async def admits(self, core: NamespaceCore, auth: Mapping[str, JSONValue]) -> bool:
        """Ask the families, in order, whether a client may join a namespace. The first that says yes has it.

        Where that is known already, only that family is asked.
        """
        for matches in list(self._parents):
            if not core.is_undecided and core.pattern is not matches:
                continue
            if await matches.admits(core.name, auth):
                if core.is_undecided:
                    self._app.core.hub.settle(core, matches)
                    adopt(self.of_core(core), self._parents[matches])
                if core.pattern is matches:  # else it was settled otherwise meanwhile
                    return True
        return not core.asks_each  # it was made by name meanwhile

    def announce(self, namespace: Namespace) -> None:
        """Tell the handlers of "new_namespace", once for each."""
        core, app = core_of(namespace), self._app
        if core in self._announced:
            return
        self._announced.add(core)
        for handler in handlers_of(app.root).of_moment(NEW_NAMESPACE):
            try:
                handler(namespace)
            except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
                app.audience.report(f"handler of {NEW_NAMESPACE!r} failed", error)


class Matches:
    """Says whether a namespace belongs to a family; a function that fails says no.

    Attributes:
        pattern: the function.
        asks_each: it waits, or looks at `auth`; so it is asked about each client.
    """

    __slots__ = ("_app", "_takes_auth", "asks_each", "pattern")

    def __init__(self, pattern: NamePredicate, app: Dispatcher) -> None:
        self.pattern: Callable[..., Any] = pattern
        self._app = app
        self._takes_auth = accepts(pattern, ("", {}))
        waits = iscoroutinefunction(pattern) or iscoroutinefunction(getattr(pattern, "__call__", None))  # noqa: B004 - of an object
        self.asks_each = waits or (self._takes_auth and not accepts(pattern, ("",)))

    def __call__(self, name: str) -> bool:
        """Ask about a name alone."""
        try:
            return decide("function of a namespace's name", self.pattern, name)
        except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
            self._note_failure(name, error)
            return False

    async def admits(self, name: str, auth: Mapping[str, JSONValue]) -> bool:
        """Ask about a client, with what it sent along."""
        if not self.asks_each:
            return self(name)
        try:
            return bool(await run(self.pattern, name, auth) if self._takes_auth else await run(self.pattern, name))
        except BaseException as error:
            if not has_failed(error, self._app.runtime):
                raise
            self._note_failure(name, error)
            return False

    def _note_failure(self, name: str, error: BaseException) -> None:
        self._app.audience.report(f"function of a namespace's name failed: {name!r}", error)
