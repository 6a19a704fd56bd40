"""Fields of what another server has sent, which may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

from socketio_core.cluster.messages import Audience
from socketio_core.cluster.values import MESSAGE_DEPTH, Malformed
from socketio_core.socketio.nesting import levels


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return a mapping.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no object")
    return cast("dict[str, Any]", value)


def text(fields: Mapping[str, Any], key: str) -> str:
    """Return a text field.

    Raises:
        Malformed: there is none.
    """
    value = fields.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{key} is no text")
    return value


def optional_text(fields: Mapping[str, Any], key: str) -> str | None:
    """Return a text field, or `None` if there is none.

    Raises:
        Malformed: it is something else.
    """
    return None if fields.get(key) is None else text(fields, key)


def items(value: object) -> list[Any]:
    """Return a list.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, list):
        raise Malformed("no list where one should be")
    return value  # pyright: ignore[reportUnknownVariableType] # of anything


def sequence(fields: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return a list.

    Raises:
        Malformed: it is none.
    """
    value = fields.get(key)
    if not isinstance(value, list):
        raise Malformed(f"{key} is no list")
    return value  # pyright: ignore[reportUnknownVariableType] # of anything


def number(fields: Mapping[str, Any], key: str) -> int:
    """Return a count.

    Raises:
        Malformed: it is none.
    """
    value = fields.get(key)
    if not isinstance(value, int) or value < 0:
        raise Malformed(f"{key} is no count")
    return value


def check_heard_depth(value: object) -> None:
    """See that a value can be handed to the application; what is sent on to clients is looked at then.

    JSON was looked at before it was read. Of msgpack up to 1024 levels are read, and `repr` fails below that.

    Raises:
        Malformed: it is nested deeper than `MESSAGE_DEPTH`.
    """
    if next(islice(levels(value), MESSAGE_DEPTH, None), None) is not None:
        raise Malformed(f"nested deeper than {MESSAGE_DEPTH}")


def event_args(fields: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return an event's name and arguments.

    Raises:
        Malformed: they are none.
    """
    args = sequence(fields, key)
    if not args or not isinstance(args[0], str):
        raise Malformed(f"{key} begins with no name")
    return args


def room_names(value: object) -> Sequence[str]:
    """Return names of rooms; Node has numbers among them, and old emitters an empty text in place of none.

    Raises:
        Malformed: they are none.
    """
    if value is None or value == "":
        return []
    found: list[Any] = items(value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType]
    if any(not isinstance(each, (str, int, float)) or isinstance(each, bool) for each in found):
        raise Malformed("a room has no name")
    return found


def audience_of(value: object) -> Audience:
    """Return whom a message is for; old emitters leave out what is empty.

    Raises:
        Malformed: it cannot be told.
    """
    fields = mapping(value, "opts")
    flags = fields.get("flags")
    return Audience(
        room_names(fields.get("rooms")),
        room_names(fields.get("except")),
        mapping(flags, "flags") if flags is not None else {},
    )


def options_of(audience: Audience, *, by_emitter: bool = False, has_flags: bool = True) -> dict[str, Any]:
    """Return whom a message is for as Node writes it: its servers in one order, its emitters in another."""
    rooms, except_rooms, flags = list(audience.rooms), list(audience.except_rooms), dict(audience.flags)
    if not has_flags:
        return {"rooms": rooms, "except": except_rooms}
    if by_emitter:
        return {"rooms": rooms, "flags": flags, "except": except_rooms}
    return {"rooms": rooms, "except": except_rooms, "flags": flags}
