"""One Socket.IO packet, and what makes it valid. Spec: PROTOCOL 3.1, 3.3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Any, Final

from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.records import plain, record

JSONValue = Any
"""A JSON value with `bytes` anywhere in it: `None`, `bool`, `int`, `float`, `str`, `bytes`, `list`, `dict[str, ...]`.

Outgoing data may hold tuples, `bytearray` and `memoryview` too; `NaN` and infinities are refused.
"""

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

ROOT_NAMESPACE: Final = "/"

_UNCHANGING: Final = frozenset((str, int, float, bool, type(None), bytes))

RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""Names that a peer may not use for its events: listeners would take them for the real thing."""

_NO_LISTS: Final = (str, bytes, bytearray, memoryview, Mapping, AbstractSet)


@record
class Packet:
    """A decoded packet; binary types are reported as `EVENT` and `ACK`, with the bytes in place."""

    type: int
    nsp: str = ROOT_NAMESPACE
    data: JSONValue = None
    id: int | None = None


def check_payload(kind: int, data: JSONValue, ack_id: int | None) -> None:
    """Check what a packet of type `kind` carries; `None` stands for no payload at all.

    Stricter than the reference, which lets every type pass without a payload (PROTOCOL 9-35), takes numbers for event
    names, and ids where they mean nothing.

    Raises:
        PacketError: the payload or the id does not fit the type.
    """
    if kind == EVENT:
        name: JSONValue = None
        if isinstance(data, list) and data:
            name = data[0]  # pyright: ignore[reportUnknownVariableType] # a JSON value
        if not isinstance(name, str):
            raise PacketError("event payload must be an array that begins with the event's name")
        if name in RESERVED_EVENTS:
            raise PacketError(f"event name is reserved: {name!r}")
    elif kind == ACK:
        if type(data) is not list:
            raise PacketError("ack payload must be an array")
        if ack_id is None:
            raise PacketError("ack without an id")
    else:
        if ack_id is not None:
            raise PacketError(f"packet of type {kind} must not have an id")
        if kind == CONNECT and not (data is None or type(data) is dict):
            raise PacketError("connect payload must be an object")
        if kind == DISCONNECT and data is not None:
            raise PacketError("disconnect must not have a payload")
        if kind == CONNECT_ERROR and not isinstance(data, (str, dict)):
            raise PacketError("connect error payload must be a string or an object")


def check_namespace(name: str, max_chars: int) -> None:
    """Check the name of a namespace that is to be asked for.

    Raises:
        LocalProtocolError: packets cannot carry it, or it is longer than servers take.
    """
    if not name.startswith("/") or "," in name:
        raise LocalProtocolError(f"namespace must begin with '/' and hold no comma: {name!r:.200}")
    if len(name) > max_chars:
        raise LocalProtocolError(f"namespace too long, max_namespace_chars: {max_chars}")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"namespace holds a lone surrogate: {name!r}") from None


def event_packet(nsp: str, name: str, args: Iterable[JSONValue], ack_id: int | None = None) -> Packet:
    """Return the packet of an event; see `event_data`."""
    return Packet(EVENT, nsp, event_data(name, args), ack_id)


def event_data(name: str, args: Iterable[JSONValue]) -> list[JSONValue]:
    """Return what the packet of an event carries.

    Raises:
        LocalProtocolError: the name is not a string, or reserved; the arguments are no list of them.
    """
    if type(name) is not str:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] # not everybody checks types
            raise LocalProtocolError(f"event name must be a string: {name!r}")
        name = plain(name)
    if name in RESERVED_EVENTS:
        raise LocalProtocolError(f"event name is reserved: {name!r}")
    if type(args) is not tuple and type(args) is not list:
        args = as_list(args)
    return [name, *args]


def as_list(args: Iterable[JSONValue]) -> list[JSONValue]:
    """Return the arguments of an event or an ack as a list of their own.

    Text, bytes and mappings can be iterated over too, but whoever gives one of them means one argument.

    Raises:
        LocalProtocolError: they are no list.
    """
    kind = type(args)  # fast path: the other checks take 1 µs
    if kind is not list and kind is not tuple and not _is_list(args):
        raise LocalProtocolError(f"arguments must be a list of them, as in [1, 'text'], not: {args!r:.200}")
    return list(args)


def copied(value: JSONValue) -> JSONValue:
    """Return a value that was encoded, for later: whoever gave it may change what he has."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType] # of anything
    if kind in _UNCHANGING:  # fast path, with the loops in place: a quarter of what `deepcopy` takes
        return value
    if kind is dict:
        return {key: each if type(each) in _UNCHANGING else copied(each) for key, each in value.items()}
    if kind is list or kind is tuple:
        return [each if type(each) in _UNCHANGING else copied(each) for each in value]
    return bytes(value) if kind is bytearray or kind is memoryview else deepcopy(value)


def _is_list(given: object) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, _NO_LISTS)
