"""The open packet as a client reads it. Spec: PROTOCOL 1.3."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Final, NoReturn, cast

from socketio_core.errors import PacketError
from socketio_core.records import record

MAX_OPEN_CHARS: Final = 65_536  # of the whole; a reference server's has 120
MAX_SID_CHARS: Final = 1024  # a reference server's has 20; it goes into the line of every request
MAX_INTERVAL_MS: Final = 2**31 - 1  # the longest delay of a timer in JavaScript, about 25 days

_VISIBLE = re.compile("[!-~]+")


@record
class OpenPacket:
    """What the server said when the session was opened."""

    sid: str  # secret: whoever knows it can act for the client
    upgrades: tuple[str, ...]
    ping_interval_s: float
    ping_timeout_s: float
    max_payload_bytes: int | None  # of one POST or message; `None` when the server names no limit


def parse_handshake(text: str) -> OpenPacket:
    """Read the JSON of an open packet; fields beyond the five known ones are ignored.

    Raises:
        PacketError: it is not JSON, or a field is missing or of no use; the message names it.
    """
    if len(text) > MAX_OPEN_CHARS:
        raise PacketError(f"open packet larger than {MAX_OPEN_CHARS} characters: {text[:80]!r}")
    try:
        fields: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise PacketError(f"open packet is not JSON: {text[:80]!r}") from None
    if not isinstance(fields, dict):
        raise PacketError(f"open packet is not an object: {text[:80]!r}")
    found = cast("dict[str, object]", fields)
    sid = found.get("sid")
    if not (isinstance(sid, str) and len(sid) <= MAX_SID_CHARS and _VISIBLE.fullmatch(sid)):
        raise PacketError("open packet without a usable 'sid'")
    upgrades = found.get("upgrades")
    names = cast("list[object]", upgrades) if isinstance(upgrades, list) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise PacketError("open packet without a list of strings as 'upgrades'")
    interval_s, timeout_s = _interval_s(found, "pingInterval"), _interval_s(found, "pingTimeout")
    if not interval_s + timeout_s:  # one of them may be 0, as python-socketio says when it pings several times a second
        raise PacketError("open packet with no time between pings")
    return OpenPacket(sid, tuple(cast("list[str]", names)), interval_s, timeout_s, _max_payload(found))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _interval_s(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_INTERVAL_MS:
        raise PacketError(f"open packet without milliseconds as {name!r}")
    return value / 1000


def _max_payload(fields: Mapping[str, object]) -> int | None:
    """Read `maxPayload`; 0 and a missing one mean no limit, as in the reference (PROTOCOL 1.11)."""
    value = fields.get("maxPayload")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise PacketError("open packet with a 'maxPayload' that is no number of bytes")
    return int(value) or None
