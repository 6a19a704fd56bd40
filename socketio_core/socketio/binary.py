"""Placeholders: where the attachments of a packet belong. Spec: PROTOCOL 3.4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from socketio_core.errors import PacketError
from socketio_core.socketio.packet import JSONValue, Packet

_Container = list[JSONValue] | dict[str, JSONValue]

_SCALARS: Final = frozenset((str, int, float, bool, type(None)))

Slot = tuple[_Container, int | str, int]
"""A container, the index or key in it, and the number of the attachment that belongs there."""


class Incomplete:
    """A packet that waits for attachments.

    Attributes:
        missing: how many.
        header: of one that is not parsed yet; else `packet` is it, with the `slots` where they belong.
        attachments: those that have come; the list may be the packet's own, then they are where they belong.
        size_bytes: of these.
    """

    __slots__ = ("attachments", "header", "missing", "packet", "size_bytes", "slots")

    def __init__(self, missing: int, packet: Packet | None, slots: Sequence[Slot] = (), header: str = "") -> None:
        self.missing = missing
        self.header = header
        self.packet = packet
        self.slots = slots
        self.attachments: list[JSONValue] = []
        self.size_bytes = 0


def placeholder(number: int) -> dict[str, JSONValue]:
    """Return what stands in the JSON text for attachment `number`."""
    return {"_placeholder": True, "num": number}


def find_slots(data: list[JSONValue], count: int, max_slots: int) -> list[Slot]:
    """Find every placeholder in `data`, which was announced with `count` attachments.

    Found as soon as the header is there, so a bad number is refused before any attachment is waited for.

    Raises:
        PacketError: a placeholder's number is not an integer from 0 to `count` - 1, or there are more than `max_slots`.
    """
    slots: list[Slot] = []
    pending: list[_Container] = [data]
    while pending:
        container = pending.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in items:
            if type(value) in _SCALARS:  # most are: of 90,000 numbers 3 ms, not 10
                continue
            nested = _as_container(value)
            if nested is None:
                continue
            if isinstance(nested, dict) and nested.get("_placeholder") is True:
                number = nested.get("num")
                if type(number) is not int or not 0 <= number < count:
                    raise PacketError("illegal attachments: placeholder without a valid number")
                if len(slots) == max_slots:  # passed on, each place has an attachment of its own
                    raise PacketError(f"too many places for attachments, max_attachments: {max_slots}")
                slots.append((container, key, number))
            else:
                pending.append(nested)
    return slots


def disarm(data: JSONValue) -> JSONValue:
    """Return a copy of `data` in which nothing is a placeholder: each `"_placeholder": true` is a 1.

    That is no `true` for those who look for one, and as true as it can be for all others.
    """
    top: list[JSONValue] = [data]
    pending: list[tuple[Any, Any]] = [(top, 0)]
    while pending:
        container, key = pending.pop()
        value = container[key]
        if isinstance(value, dict):
            fields: Any = value.items()  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
            copy: Any = {name: 1 if item is True and name == "_placeholder" else item for name, item in fields}
            pending += [(copy, name) for name in copy]
        elif isinstance(value, (list, tuple)):
            copy = list(cast("list[JSONValue]", value))
            pending += [(copy, index) for index in range(len(copy))]
        else:
            continue
        container[key] = copy
    return top[0]


def _as_container(value: JSONValue) -> _Container | None:
    found = isinstance(value, (dict, list))
    return value if found else None  # pyright: ignore[reportUnknownVariableType] # JSON has str keys only


def fill_slots(slots: Sequence[Slot], attachments: Sequence[JSONValue]) -> None:
    """Put the attachments where their placeholders stand."""
    for container, key, number in slots:
        container[key] = attachments[number]  # type: ignore[index] # a key fits its container
