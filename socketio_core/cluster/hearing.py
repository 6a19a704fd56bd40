"""What other servers say is done here, and what they ask is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

from socketio_core.app.adapter import LocalAdapter, LocalAsked
from socketio_core.app.handover import begin
from socketio_core.app.socket import Socket
from socketio_core.cluster.events import Asked, Told
from socketio_core.cluster.messages import (
    Broadcast,
    ClientAck,
    ClientCount,
    RoomsJoin,
    RoomsLeave,
    RoomsList,
    RoomsListed,
    ServerAnswer,
    ServerEmit,
    SocketsDisconnect,
    SocketsFetch,
    SocketsFetched,
)
from socketio_core.cluster.selecting import selection_of
from socketio_core.cluster.transports import Answer
from socketio_core.cluster.values import date_text, for_clients, sendable
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection


class Answering(Protocol):
    """Who says the answers."""

    @property
    def uid(self) -> str:
        """Of this server."""
        ...

    @property
    def hidden_headers(self) -> frozenset[str]:
        """Those of handshakes that others are not told."""
        ...

    def answer(self, to_uid: str | None, message: Answer) -> None:
        """Answer another server.

        Raises:
            TypeError, ValueError: it cannot be sent.
        """


class Hearing:
    """Does it all through a `LocalAdapter`, in the order in which it comes."""

    def __init__(self, local: LocalAdapter, answering: Answering) -> None:
        self._local = local
        self._answering = answering
        self._emitted: deque[tuple[ServerEmit, str, Sequence[JSONValue]]] = deque()
        self._is_hearing = False
        self._doers: Final[dict[type, Callable[[Any], None]]] = {
            RoomsJoin: lambda m: local.join(m.nsp, selection_of(m.audience), frozenset(map(str, m.rooms))),
            RoomsLeave: lambda m: local.leave(m.nsp, selection_of(m.audience), frozenset(map(str, m.rooms))),
            SocketsDisconnect: lambda m: local.disconnect(m.nsp, selection_of(m.audience), close=m.close),
            SocketsFetch: self._fetch,
            RoomsList: self._list_rooms,
            ServerEmit: self._emit,
        }

    def take(self, event: Told | Asked) -> None:
        """Do what was said.

        Raises:
            Exception: it cannot be done, for it makes no sense.
        """
        message = event.message
        if isinstance(message, Broadcast):
            self._ask(message) if isinstance(event, Asked) else self._broadcast(message, event.entry_id)
        else:
            self._doers[type(message)](message)

    # -- clients -----------------------------------------------------------------------------------------------------

    def _broadcast(self, message: Broadcast, entry_id: str | None) -> None:
        name, *args = message.args
        selection = selection_of(message.audience)
        try:
            self._local.broadcast(message.nsp, name, args, selection, entry_id)
        except LocalProtocolError:  # for there are dates among them, perhaps
            self._local.broadcast(message.nsp, name, for_clients(args), selection, entry_id)

    def _ask(self, message: Broadcast) -> None:
        request_id = cast("str", message.request_id)  # or it would be no question
        given = (self._answering.uid, message.nsp, request_id)

        def each(args: list[JSONValue]) -> None:
            try:
                self._answering.answer(message.uid, ClientAck(*given, _one_of(args)))
            except ValueError as error:
                self._local.report("acknowledgement of a client cannot be sent to the server that asked", error)

        try:
            asked: LocalAsked = self._ask_clients(message, selection_of(message.audience), each)
        except Exception:
            self._answering.answer(message.uid, ClientCount(*given, 0))
            raise
        self._answering.answer(message.uid, ClientCount(*given, asked.count))
        if asked.count:
            self._local.runtime.spawn(_wait_for_all, asked)

    def _ask_clients(
        self, message: Broadcast, selection: Selection, each: Callable[[list[JSONValue]], None]
    ) -> LocalAsked:
        name, *args = message.args
        try:
            return self._local.ask(message.nsp, name, args, selection, each)
        except LocalProtocolError:  # as above
            return self._local.ask(message.nsp, name, for_clients(args), selection, each)

    # -- what there is -----------------------------------------------------------------------------------------------

    def _fetch(self, message: SocketsFetch) -> None:
        sockets = self._local.chosen(message.nsp, selection_of(message.audience))
        given = (self._answering.uid, message.nsp, message.request_id)
        found = [self._described(socket) for socket in sockets]
        try:
            self._answering.answer(message.uid, SocketsFetched(*given, found))
        except (TypeError, ValueError):  # applications keep with their sockets whatever they like
            found = [{**each, "data": sendable(each["data"])} for each in found]
            self._answering.answer(message.uid, SocketsFetched(*given, found))

    def _described(self, socket: Socket) -> dict[str, Any]:
        handshake, hidden = socket.handshake, self._answering.hidden_headers
        shown = {
            "headers": {name: value for name, value in handshake.headers.items() if name not in hidden},
            "time": date_text(handshake.time),
            "address": handshake.address,
            "xdomain": handshake.xdomain,
            "secure": handshake.secure,
            "issued": handshake.issued,
            "url": handshake.url,
            "query": handshake.query,
            "auth": handshake.auth,
        }
        rooms = [socket.id, *sorted(socket.rooms - {socket.id})]
        return {"id": socket.id, "handshake": shown, "rooms": rooms, "data": socket.data}

    def _list_rooms(self, message: RoomsList) -> None:
        rooms = sorted(self._local.room_names(message.nsp))
        self._answering.answer(message.uid, RoomsListed(self._answering.uid, message.nsp, message.request_id, rooms))

    # -- servers -----------------------------------------------------------------------------------------------------

    def _emit(self, message: ServerEmit) -> None:
        """Have handlers run, which begin in the order in which events come, and do not wait for each other."""
        name, *args = message.args
        self._emitted.append((message, name, for_clients(args)))
        if not self._is_hearing:
            self._is_hearing = True
            self._local.runtime.spawn(self._hear_all)

    async def _hear_all(self) -> None:
        while self._emitted:
            rest = begin(self._hear(*self._emitted.popleft()))
            if rest is not None:
                self._local.runtime.spawn(self._hear_all)
                await rest
                return
        self._is_hearing = False

    async def _hear(self, message: ServerEmit, name: str, args: Sequence[JSONValue]) -> None:
        answer = await self._local.hear(message.nsp, name, args)
        if message.request_id is None or answer is None:
            return  # who has no handlers does not answer; nor does Node
        given = (self._answering.uid, message.nsp, message.request_id)
        try:
            self._answering.answer(message.uid, ServerAnswer(*given, _one_of(answer)))
        except (TypeError, ValueError) as error:
            self._local.report(f"return value of the handler of {name!r} cannot be sent", error)


async def _wait_for_all(asked: LocalAsked) -> None:
    """Wait until all clients have answered, or will not."""
    try:
        await asked.answers()
    finally:
        asked.forget()


def _one_of(args: list[JSONValue]) -> JSONValue:
    """Return what travels of the arguments of an acknowledgement: the first."""
    return args[0] if args else None
