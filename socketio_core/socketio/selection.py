"""Who a broadcast goes to, and how: one record, whether one process answers or several."""

from __future__ import annotations

from typing import Final

from socketio_core.records import record

RoomSet = frozenset[str] | None
"""Rooms that a broadcast goes to; `None` is everyone, an empty set is nobody."""

USUAL_ACK_TIMEOUT_S: Final = 5.0  # as of a call to one socket


@record
class Selection:
    """Members of a namespace, and how they are to be reached."""

    rooms: RoomSet = None  # who is in any of them; a member's `sid` is the room of that member alone
    except_rooms: frozenset[str] = frozenset()  # who is in any of them is left out
    volatile: bool = False  # only those who can be reached at once
    local: bool = False  # only those of this process; for whoever joins several, it means nothing to one
    compress: bool = True  # as the transport is set to; `False` never
    timeout_s: float | None = USUAL_ACK_TIMEOUT_S  # for acks; `None` is as long as the members are there


EVERYONE: Final = Selection()
