"""The namespaces that a client knows, and which of them make room for others."""

from __future__ import annotations

from weakref import WeakValueDictionary

from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.client.namespace import ClientNamespace


class NamespaceTable(dict[str, ClientNamespace]):
    """The namespaces of one client, by name, at most `max_namespaces`.

    One that was left, and has nothing more to do, may make room for another; whoever still holds it finds it again.
    """

    __slots__ = ("_forgotten", "_max_namespaces")

    def __init__(self, max_namespaces: int) -> None:
        super().__init__()
        self._max_namespaces = max_namespaces
        self._forgotten: WeakValueDictionary[str, ClientNamespace] = WeakValueDictionary()

    def find(self, name: str) -> ClientNamespace | None:
        """Return the namespace of that name, one that has made room too."""
        return self.get(name) or self._forgotten.get(name)

    def remember(self, namespace: ClientNamespace) -> None:
        """Know a namespace (again): it is new, or has something to do.

        Raises:
            LocalProtocolError: more than `max_namespaces`.
        """
        if namespace.name not in self:
            self._make_room()
            self[namespace.name] = namespace

    def _make_room(self) -> None:
        """Forget one that has nothing to do, if there are too many."""
        if len(self) < self._max_namespaces:
            return
        for namespace in self.values():
            if namespace.is_done:
                self._forgotten[namespace.name] = self.pop(namespace.name)
                return
        raise LocalProtocolError(f"too many namespaces, max_namespaces: {self._max_namespaces}")
