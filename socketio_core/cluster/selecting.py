"""Whom something is for: as operators say it, and as servers tell each other."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from socketio_core.cluster.messages import Audience
from socketio_core.socketio.selection import USUAL_ACK_TIMEOUT_S, Selection

LONGEST_S: Final = 3600.0
"""For answers of other servers, which do not tell when a client leaves without one: nobody waits for ever."""


def audience_of(selection: Selection, *, has_timeout: bool = False) -> Audience:
    """Return what other servers are told. One with no rooms would be everybody there: see `is_for_others`."""
    rooms = selection.rooms
    flags: dict[str, Any] = {}
    if selection.volatile:
        flags["volatile"] = True
    if not selection.compress:
        flags["compress"] = False
    if has_timeout:
        flags["timeout"] = round(bounded(selection.timeout_s) * 1000)
    except_rooms = selection.except_rooms
    return Audience(sorted(rooms) if rooms else [], sorted(except_rooms) if except_rooms else [], flags)


def bounded(timeout_s: float | None) -> float:
    """Return how long to wait for other servers."""
    return LONGEST_S if timeout_s is None else min(timeout_s, LONGEST_S)


def is_for_others(selection: Selection) -> bool:
    """Whether other servers have any part in it."""
    return not selection.local and (selection.rooms is None or bool(selection.rooms))


def selection_of(audience: Audience) -> Selection:
    """Return what another server says. Names of rooms may be numbers with Node, but not for clients of ours."""
    flags, rooms = audience.flags, audience.rooms
    return Selection(
        frozenset(map(str, rooms)) if rooms else None,
        frozenset(map(str, audience.except_rooms)),
        volatile=flags.get("volatile") is True,
        compress=flags.get("compress") is not False,
        timeout_s=_timeout_of(flags.get("timeout")),
    )


def _timeout_of(value: object) -> float:
    if not isinstance(value, (int, float)) or not isfinite(value) or value <= 0:
        return USUAL_ACK_TIMEOUT_S
    return value / 1000
