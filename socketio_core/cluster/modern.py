"""The dialect of Node's newer adapters: sharded pub/sub, streams, and all others that extend its `ClusterAdapter`.

One set of messages, in one of three forms: JSON, msgpack, or, in the fields of a stream's entry, JSON or msgpack in
base64.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from socketio_core.cluster.messages import (
    EMITTER_UID,
    Broadcast,
    ClientAck,
    ClientCount,
    Message,
    Presence,
    RoomsJoin,
    RoomsLeave,
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
    mapping,
    number,
    optional_text,
    options_of,
    room_names,
    sequence,
    text,
)
from socketio_core.cluster.values import (
    MAX_VALUES,
    Malformed,
    from_json,
    from_msgpack,
    has_binary,
    plain_json,
    to_json,
    to_msgpack,
)
from socketio_core.socketio.packet import EVENT

INITIAL_HEARTBEAT, HEARTBEAT, BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE, DISCONNECT_SOCKETS = range(1, 7)
FETCH_SOCKETS, FETCHED, SERVER_SIDE_EMIT, SERVER_SIDE_ANSWER, CLIENT_COUNT, CLIENT_ACK, ADAPTER_CLOSE = range(7, 14)

_PRESENCE: Final = (INITIAL_HEARTBEAT, HEARTBEAT, ADAPTER_CLOSE)
_MAY_HOLD_BINARY: Final = (BROADCAST, FETCHED, SERVER_SIDE_EMIT, SERVER_SIDE_ANSWER, CLIENT_ACK)
_ANSWERS: Final = (FETCHED, SERVER_SIDE_ANSWER, CLIENT_ACK)
_BRACE: Final = b"{"


# -- messages to fields, and back --------------------------------------------------------------------------------------


def _kind_and_data(message: Message) -> tuple[int, dict[str, Any] | None]:
    if isinstance(message, Presence):
        return message.kind, None
    kind, encoder = _ENCODERS[type(message)]
    return kind, encoder(message)


def _broadcast_data(m: Broadcast) -> dict[str, Any]:
    by_emitter = m.uid == EMITTER_UID
    packet: dict[str, Any] = {"type": EVENT, "data": m.args}
    if by_emitter:
        packet["nsp"] = m.nsp
    if m.ack_id is not None:
        packet["id"] = m.ack_id
    head = {"packet": packet} if m.request_id is None else {"packet": packet, "requestId": m.request_id}
    return {**head, "opts": options_of(m.audience, by_emitter=by_emitter)}


def _server_emit_data(m: ServerEmit) -> dict[str, Any]:
    return {"packet": m.args} if m.request_id is None else {"requestId": m.request_id, "packet": m.args}


_ENCODERS: Final[Mapping[type, tuple[int, Callable[[Any], dict[str, Any]]]]] = {
    Broadcast: (BROADCAST, _broadcast_data),
    RoomsJoin: (SOCKETS_JOIN, lambda m: {"opts": options_of(m.audience), "rooms": m.rooms}),
    RoomsLeave: (SOCKETS_LEAVE, lambda m: {"opts": options_of(m.audience), "rooms": m.rooms}),
    SocketsDisconnect: (DISCONNECT_SOCKETS, lambda m: {"opts": options_of(m.audience), "close": m.close}),
    SocketsFetch: (FETCH_SOCKETS, lambda m: {"opts": options_of(m.audience), "requestId": m.request_id}),
    SocketsFetched: (FETCHED, lambda m: {"requestId": m.request_id, "sockets": m.sockets}),
    ServerEmit: (SERVER_SIDE_EMIT, _server_emit_data),
    ServerAnswer: (SERVER_SIDE_ANSWER, lambda m: {"requestId": m.request_id, "packet": m.value}),
    ClientCount: (CLIENT_COUNT, lambda m: {"requestId": m.request_id, "clientCount": m.count}),
    ClientAck: (CLIENT_ACK, lambda m: {"requestId": m.request_id, "packet": m.value}),
}


def _message_of(kind: int, uid: str, nsp: str, data: Any) -> Message:
    if kind in _PRESENCE:
        return Presence(uid, nsp, kind)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Malformed(f"message of type {kind}")
    if kind in _ANSWERS:
        check_heard_depth(data)
    return decoder(uid, nsp, mapping(data, "data"))


def _broadcast_of(uid: str, nsp: str, f: Mapping[str, Any]) -> Message:
    packet = mapping(f.get("packet"), "packet")
    ack_id = None if packet.get("id") is None else number(packet, "id")
    args, audience = event_args(packet, "data"), audience_of(f.get("opts"))
    return Broadcast(uid, nsp, args, audience, optional_text(f, "requestId"), ack_id)


def _fetched_of(uid: str, nsp: str, f: Mapping[str, Any]) -> Message:
    return SocketsFetched(uid, nsp, text(f, "requestId"), [mapping(each, "socket") for each in sequence(f, "sockets")])


_DECODERS: Final[Mapping[int, Callable[[str, str, Mapping[str, Any]], Message]]] = {
    BROADCAST: _broadcast_of,
    SOCKETS_JOIN: lambda uid, nsp, f: RoomsJoin(uid, nsp, audience_of(f.get("opts")), room_names(f.get("rooms"))),
    SOCKETS_LEAVE: lambda uid, nsp, f: RoomsLeave(uid, nsp, audience_of(f.get("opts")), room_names(f.get("rooms"))),
    DISCONNECT_SOCKETS: lambda uid, nsp, f: SocketsDisconnect(
        uid, nsp, audience_of(f.get("opts")), f.get("close") is True
    ),
    FETCH_SOCKETS: lambda uid, nsp, f: SocketsFetch(uid, nsp, audience_of(f.get("opts")), text(f, "requestId")),
    FETCHED: _fetched_of,
    SERVER_SIDE_EMIT: lambda uid, nsp, f: ServerEmit(uid, nsp, event_args(f, "packet"), optional_text(f, "requestId")),
    SERVER_SIDE_ANSWER: lambda uid, nsp, f: ServerAnswer(uid, nsp, text(f, "requestId"), f.get("packet")),
    CLIENT_COUNT: lambda uid, nsp, f: ClientCount(uid, nsp, text(f, "requestId"), number(f, "clientCount")),
    CLIENT_ACK: lambda uid, nsp, f: ClientAck(uid, nsp, text(f, "requestId"), f.get("packet")),
}


# -- on channels -------------------------------------------------------------------------------------------------------


def encode(message: Message, *, always_msgpack: bool = False) -> bytes:
    """Return what is published: JSON unless there are bytes in it, or beside streams, where it is always msgpack."""
    kind, data = _kind_and_data(message)
    fields: dict[str, Any] = {"type": kind} if data is None else {"type": kind, "data": data}
    fields |= {"uid": message.uid, "nsp": message.nsp}
    is_checked = kind == BROADCAST  # where it was said
    if not always_msgpack:
        text = plain_json(fields, is_checked=is_checked)  # fast path; benchmarks: cluster
        if text is not None:
            return text
    if always_msgpack or (kind in _MAY_HOLD_BINARY and has_binary(data)):
        return to_msgpack(fields, is_checked=is_checked)
    return to_json(fields, is_checked=is_checked)


def json_tail(uid: str, nsp: str) -> bytes:
    """Return what a message of a server ends with that `encode` writes in JSON."""
    return b"," + to_json({"uid": uid, "nsp": nsp})[1:]


def decode(data: bytes, max_values: int = MAX_VALUES) -> Message:
    """Return what was published.

    Raises:
        Malformed: nobody knows, or there are more values in it.
    """
    read = from_json if data[:1] == _BRACE else from_msgpack
    fields = mapping(read(data, max_values), "message")
    return _message_of(number(fields, "type"), text(fields, "uid"), text(fields, "nsp"), fields.get("data"))


# -- in streams --------------------------------------------------------------------------------------------------------


def to_entry(message: Message) -> dict[str, bytes]:
    """Return the fields of an entry of a stream."""
    kind, data = _kind_and_data(message)
    entry = {"uid": (message.uid or "").encode(), "nsp": message.nsp.encode("utf-8", "replace")}
    entry["type"] = str(kind).encode()
    if data is not None:
        is_checked = kind == BROADCAST  # as above
        entry["data"] = plain_json(data, is_checked=is_checked) or _entry_data(kind, data)  # fast path; as above
    return entry


def _entry_data(kind: int, data: Any) -> bytes:
    is_binary = kind in _MAY_HOLD_BINARY and has_binary(data)
    return b64encode(to_msgpack(data)) if is_binary else to_json(data)


def from_entry(entry: Mapping[str, bytes], max_values: int = MAX_VALUES) -> Message:
    """Return what an entry says.

    Raises:
        Malformed: nobody knows, or there are more values in it.
    """
    try:
        kind = int(entry["type"])
        uid, nsp = entry["uid"].decode(), entry["nsp"].decode()
        raw = entry.get("data", b"")
        packed = b"" if raw[:1] in (b"", _BRACE) else b64decode(raw, validate=True)
    except (KeyError, ValueError) as error:
        raise Malformed(f"no entry of ours: {error!r:.100}") from None
    data = from_msgpack(packed, max_values) if packed else from_json(raw, max_values) if raw else None
    return _message_of(kind, uid, nsp, data)
