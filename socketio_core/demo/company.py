"""Who is in which room, where several servers are one chat: each knows its own people, and asks the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from socketio_core.app import RemoteSocket
from socketio_core.demo.state import LOBBY, Chat, Person, Room
from socketio_core.errors import ClusterError
from socketio_core.socketio.packet import JSONValue
from socketio_core.trio import Server, Socket

_PREFIX = "chat:"


def channel(room: str) -> str:
    """Return the Socket.IO room for a room of the chat.

    Never join people to a bare name of their choice: each socket is in a room named by its own id, so whoever may
    choose the name can listen to what is meant for one other person.
    """
    return f"{_PREFIX}{room}"


class Company:
    """What pages are told of people.

    Args:
        io: the server.
        chat: what it remembers.
        asks_others: it is one of several; what they do not tell in time is left out.
    """

    def __init__(self, io: Server, chat: Chat, *, asks_others: bool) -> None:
        self._io = io
        self._chat = chat
        self._asks_others = asks_others

    def entered(self, socket: Socket, person: Person) -> None:
        """Let other servers know who it is."""
        socket.data["nickname"] = person.nickname

    async def nicknames(self, room: Room) -> list[JSONValue]:
        """Return who is in a room."""
        if not self._asks_others:
            return room.nicknames()
        return [str(socket.data.get("nickname")) for socket in await self._sockets(room.name)]

    async def summary(self, name: str) -> dict[str, JSONValue]:
        """Return how many people are in a room: `{"name": "tea", "online": 2}`."""
        if not self._asks_others:
            return self._chat.summary(name)
        return {"name": name, "online": len(await self._sockets(name))}

    async def overview(self) -> list[JSONValue]:
        """Return all rooms with the number of people in them, by name, the lobby first."""
        if not self._asks_others:
            return self._chat.overview()
        online = Counter({LOBBY: 0})
        for socket in await self._sockets(None):
            online.update(room.removeprefix(_PREFIX) for room in socket.rooms if room.startswith(_PREFIX))
        return [
            {"name": name, "online": online[name]} for name in sorted(online, key=lambda name: (name != LOBBY, name))
        ]

    async def _sockets(self, room: str | None) -> Sequence[Socket | RemoteSocket]:
        chosen = self._io.except_([]) if room is None else self._io.to(channel(room))
        try:
            return await chosen.fetch_sockets()
        except ClusterError as error:
            found: Sequence[Socket | RemoteSocket] = error.partial
            return found
