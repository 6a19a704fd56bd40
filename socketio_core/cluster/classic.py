"""The dialect of Node's `@socket.io/redis-adapter` (`createAdapter`) and `@socket.io/redis-emitter`.

Three channels a namespace: events, requests, responses. Which one a message came by says what it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from socketio_core.cluster.messages import (
    EMITTER_UID,
    Broadcast,
    ClientAck,
    ClientCount,
    Message,
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
from socketio_core.cluster.reading import (
    audience_of,
    check_heard_depth,
    event_args,
    items,
    mapping,
    number,
    optional_text,
    options_of,
    room_names,
    sequence,
    text,
)
from socketio_core.cluster.values import MAX_VALUES, Malformed, from_json, from_msgpack, to_json, to_msgpack
from socketio_core.socketio.packet import EVENT


class Channel(Enum):
    """What a channel is for."""

    EVENTS = "events"
    REQUESTS = "requests"
    RESPONSES = "responses"


ALL_ROOMS, REMOTE_JOIN, REMOTE_LEAVE, REMOTE_DISCONNECT, REMOTE_FETCH, SERVER_SIDE_EMIT = range(1, 7)
BROADCAST, CLIENT_COUNT, ACK = 7, 8, 9

_BROADCAST_PARTS: Final = 3
_BRACE: Final = b"{"


class Astray(Malformed):
    """An event is not of the namespace whose channel it came by.

    Attributes:
        said: of which it is.
    """

    def __init__(self, said: str, nsp: str) -> None:
        super().__init__(f"of {said!r:.100} on a channel of {nsp!r:.100}")
        self.said = said


def decode(channel: Channel, nsp: str, data: bytes, max_values: int = MAX_VALUES) -> Message:
    """Return what another server says.

    Raises:
        Malformed: nobody knows, or there are more values in it.
    """
    if channel is Channel.EVENTS:
        return _decode_event(nsp, from_msgpack(data, max_values))
    read = from_json if data[:1] == _BRACE else from_msgpack
    fields = mapping(read(data, max_values), "message")
    return _decode_request(nsp, fields) if channel is Channel.REQUESTS else _decode_response(nsp, fields)


def event_head(uid: str) -> bytes:
    """Return what an event of a server begins with, as `encode` writes it."""
    return b"\x93" + to_msgpack(uid)


def _decode_event(nsp: str, value: object) -> Message:
    parts = items(value)
    if len(parts) != _BROADCAST_PARTS or not isinstance(parts[0], str):
        raise Malformed("no broadcast")
    packet = mapping(parts[1], "packet")
    said = optional_text(packet, "nsp") or "/"
    if said != nsp:
        raise Astray(said, nsp)
    return Broadcast(parts[0], nsp, event_args(packet, "data"), audience_of(parts[2]))


def _decode_request(nsp: str, fields: Mapping[str, Any]) -> Message:
    decoder = _REQUESTS.get(number(fields, "type"))
    if decoder is None:
        raise Malformed(f"request of type {fields['type']}")
    return decoder(optional_text(fields, "uid"), nsp, fields)


def _packet_args(fields: Mapping[str, Any]) -> Sequence[Any]:
    return event_args(mapping(fields.get("packet"), "packet"), "data")


_REQUESTS: Final[Mapping[int, Callable[[str | None, str, Mapping[str, Any]], Message]]] = {
    ALL_ROOMS: lambda uid, nsp, f: RoomsList(uid, nsp, text(f, "requestId")),
    REMOTE_JOIN: lambda uid, nsp, f: RoomsJoin(uid, nsp, audience_of(f.get("opts")), room_names(f.get("rooms"))),
    REMOTE_LEAVE: lambda uid, nsp, f: RoomsLeave(uid, nsp, audience_of(f.get("opts")), room_names(f.get("rooms"))),
    REMOTE_DISCONNECT: lambda uid, nsp, f: SocketsDisconnect(
        uid, nsp, audience_of(f.get("opts")), f.get("close") is True
    ),
    REMOTE_FETCH: lambda uid, nsp, f: SocketsFetch(uid, nsp, audience_of(f.get("opts")), text(f, "requestId")),
    SERVER_SIDE_EMIT: lambda uid, nsp, f: ServerEmit(uid, nsp, event_args(f, "data"), optional_text(f, "requestId")),
    BROADCAST: lambda uid, nsp, f: Broadcast(
        uid, nsp, _packet_args(f), audience_of(f.get("opts")), text(f, "requestId")
    ),
}


def _decode_response(nsp: str, fields: Mapping[str, Any]) -> Message:
    request_id = text(fields, "requestId")
    check_heard_depth(fields)
    kind = fields.get("type")
    if kind == CLIENT_COUNT:
        return ClientCount(None, nsp, request_id, number(fields, "clientCount"))
    if kind == ACK:
        return ClientAck(None, nsp, request_id, fields.get("packet"))
    if kind == SERVER_SIDE_EMIT:
        return ServerAnswer(None, nsp, request_id, fields.get("data"))
    if "sockets" in fields:
        sockets = [mapping(each, "socket") for each in sequence(fields, "sockets")]
        return SocketsFetched(None, nsp, request_id, sockets)
    if "rooms" in fields:
        return RoomsListed(None, nsp, request_id, room_names(fields["rooms"]))
    raise Malformed("a response to nothing")


def encode(message: Message) -> bytes:
    """Return a message as Node writes it.

    Raises:
        TypeError: the dialect has no such message.
    """
    return _ENCODERS[type(message)](message)


def _request(uid: str | None, kind: int, request_id: str | None = None, **fields: object) -> dict[str, Any]:
    head: dict[str, Any] = {} if uid is None else {"uid": uid}
    if request_id is not None:
        head["requestId"] = request_id
    return {**head, "type": kind, **fields}


def _encode_broadcast(m: Broadcast) -> bytes:
    packet = {"type": EVENT, "data": m.args, "nsp": m.nsp}
    options = options_of(m.audience, by_emitter=m.uid == EMITTER_UID)
    if m.request_id is None:
        return to_msgpack([m.uid, packet, options], is_checked=True)  # where it was said
    return to_msgpack(_request(m.uid, BROADCAST, m.request_id, packet=packet, opts=options))


def _short(m: RoomsJoin | RoomsLeave | SocketsDisconnect | SocketsFetch) -> dict[str, Any]:
    return options_of(m.audience, has_flags=False)


_ENCODERS: Final[Mapping[type, Callable[[Any], bytes]]] = {
    Broadcast: _encode_broadcast,
    RoomsList: lambda m: to_json(_request(m.uid, ALL_ROOMS, m.request_id)),
    RoomsListed: lambda m: to_json({"requestId": m.request_id, "rooms": m.rooms}),
    RoomsJoin: lambda m: to_json(_request(m.uid, REMOTE_JOIN, opts=_short(m), rooms=m.rooms)),
    RoomsLeave: lambda m: to_json(_request(m.uid, REMOTE_LEAVE, opts=_short(m), rooms=m.rooms)),
    SocketsDisconnect: lambda m: to_json(_request(m.uid, REMOTE_DISCONNECT, opts=_short(m), close=m.close)),
    SocketsFetch: lambda m: to_json(_request(m.uid, REMOTE_FETCH, m.request_id, opts=_short(m))),
    SocketsFetched: lambda m: to_json({"requestId": m.request_id, "sockets": m.sockets}),
    ServerEmit: lambda m: to_json(_request(m.uid, SERVER_SIDE_EMIT, m.request_id, data=m.args)),
    ServerAnswer: lambda m: to_json({"type": SERVER_SIDE_EMIT, "requestId": m.request_id, "data": m.value}),
    ClientCount: lambda m: to_json({"type": CLIENT_COUNT, "requestId": m.request_id, "clientCount": m.count}),
    ClientAck: lambda m: to_msgpack({"type": ACK, "requestId": m.request_id, "packet": m.value}),
}
