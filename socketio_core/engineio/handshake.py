"""The open packet, the first of every session. Spec: PROTOCOL 1.3."""

from __future__ import annotations

import json
from collections.abc import Sequence

from socketio_core.engineio.packet import OPEN


def open_packet(
    sid: str, upgrades: Sequence[str], ping_interval_s: float, ping_timeout_s: float, max_payload_bytes: int
) -> str:
    """Return `'0{"sid":...,"upgrades":[...],"pingInterval":ms,"pingTimeout":ms,"maxPayload":bytes}'`.

    Exactly these five fields in this order: published test suites compare the keys.
    """
    fields = {
        "sid": sid,
        "upgrades": list(upgrades),
        "pingInterval": round(ping_interval_s * 1000),
        "pingTimeout": round(ping_timeout_s * 1000),
        "maxPayload": max_payload_bytes,
    }
    return OPEN + json.dumps(fields, separators=(",", ":"))
