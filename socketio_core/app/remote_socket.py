"""A socket of another server, as far as that tells of it: what `fetch_sockets` returns of those that are not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.operators import Rooms, room_set
from socketio_core.app.socket_operator import AnySocketOperator
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import EVERYONE, Selection

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher


class RemoteHandshake:
    """What the other server tells of the request that the client came with.

    Attributes:
        headers: by lower-case name; some may be held back.
        query: of the URL.
        auth: what the client sent along.
        url: path and query.
        address: of the client.
        secure: whether it came over TLS.
        xdomain: whether the request has an `Origin` header.
        issued: when it came, in milliseconds since 1970; 0 if that is not told.
    """

    __slots__ = ("address", "auth", "headers", "issued", "query", "secure", "url", "xdomain")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.headers: dict[str, Any] = _dict(fields.get("headers"))
        self.query: dict[str, Any] = _dict(fields.get("query"))
        self.auth: dict[str, JSONValue] = _dict(fields.get("auth"))
        self.url = str(fields.get("url", ""))
        self.address = str(fields.get("address", ""))
        self.secure = fields.get("secure") is True
        self.xdomain = fields.get("xdomain") is True
        issued = fields.get("issued")
        self.issued = int(issued) if isinstance(issued, (int, float)) and 0 <= issued < 1 << 63 else 0

    @property
    def time(self) -> float:
        """The same time in seconds."""
        return self.issued / 1000


def _dict(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


class RemoteSocket(AnySocketOperator):
    """A socket of another server. What it says of itself was so when it was asked for; what it is told reaches it.

    `emit` returns `True` whatever becomes of the event, which its server alone knows.

    Attributes:
        id: its public id.
        nsp: the name of its namespace.
        handshake: of its client.
        rooms: where it was, the room named by its id among them.
        data: what the application kept with it; to change it here changes nothing there.
    """

    __slots__ = ("_app", "data", "handshake", "id", "nsp", "rooms")

    def __init__(self, app: Dispatcher, nsp: str, fields: Mapping[str, Any], how: Selection = EVERYONE) -> None:
        super().__init__(replace(how, rooms=frozenset((str(fields.get("id", "")),))))
        self._app = app
        self.id = str(fields.get("id", ""))
        self.nsp = nsp
        self.handshake = RemoteHandshake(_dict(fields.get("handshake")))
        rooms = fields.get("rooms")
        self.rooms: set[str] = set(map(str, cast("list[object]", rooms))) if isinstance(rooms, list) else set()
        self.data: dict[str, Any] = _dict(fields.get("data"))

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.id} of {self.nsp}>"

    def _of(self, how: Selection) -> Self:
        other = object.__new__(type(self))
        for name in RemoteSocket.__slots__:
            setattr(other, name, getattr(self, name))
        other._how = how
        return other

    def join(self, rooms: Rooms) -> None:
        """Make it join one or several rooms."""
        self._app.runtime.check_caller()
        self._app.adapter.join(self.nsp, self._how, room_set(rooms))

    def leave(self, rooms: Rooms) -> None:
        """Make it leave one or several rooms."""
        self._app.runtime.check_caller()
        self._app.adapter.leave(self.nsp, self._how, room_set(rooms))

    async def disconnect(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Make it leave its namespace; with `close`, all of its client's."""
        await self._app.runtime.check_cancelled()
        self._app.adapter.disconnect(self.nsp, self._how, close=close)

    async def _wait_writable(self) -> None:
        await self._app.runtime.check_cancelled()

    def _send(self, name: str, args: Sequence[JSONValue]) -> bool:
        self._app.runtime.check_caller()
        self._app.adapter.broadcast(self.nsp, name, args, self._how)
        return True

    _send_nowait = _send

    async def _answer_to(self, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
        """Ask the client; see `Socket.call`.

        Raises:
            ClusterError: its server cannot be asked.
        """
        await self._app.runtime.check_cancelled()
        asked = self._app.adapter.ask(self.nsp, name, args, how)
        try:
            found = await asked.answers()
        finally:
            asked.forget()
        if found.error is not None:
            raise found.error
        if found.responses:
            return found.responses[0]
        if found.missing:
            raise AckTimeout(f"no acknowledgement of {name!r} in time")
        raise Disconnected(f"socket has left, so {name!r} was not sent")
