"""What a packet means in each state: the table that every session obeys.

Theory. A session talks over one carrier: it begins on polling or on a WebSocket, and may move from the first to the
second, once. While it moves there are two carriers. The second one, the *candidate*, first proves that it works
(`2probe`, answered by `3probe`), while messages keep flowing by polling; then the client lets its polls run out and
sends `5`, and the candidate becomes the session's WebSocket. Whatever else happens to the candidate before `5` ends
the candidate and nothing else.

A *carrier state* says what a carrier is to its session, and with the kind of a packet gives a reaction:

    POLLING     a POST of a session on polling
    WEBSOCKET   the session's WebSocket
    CANDIDATE   a WebSocket that wants to replace polling and has not probed
    PROBED      the same after its probe was answered
    CLOSING     a POST of a session that the server is closing in order (it waits for the next poll)

Messages on an open session do not go through the table: they are tested first (`payload_of`, `receive_all`).
Spec: PROTOCOL 1.7, 1.8, 1.10. Cells where the reference differs say so.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from socketio_core.engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE


class SessionState(Enum):
    """The life of a session, in both roles; a server's is open from the beginning.

    `CLOSING` exists on polling only, a WebSocket closes at once.
    """

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class CarrierState(Enum):
    """What a carrier is to its session."""

    POLLING = "polling"
    WEBSOCKET = "websocket"
    CANDIDATE = "candidate"
    PROBED = "probed"
    CLOSING = "closing"
    DETACHED = "detached"  # no longer part of the session: what arrives is ignored


class Reaction(Enum):
    """What to do about a packet."""

    DELIVER = "deliver"  # hand the message to the application
    IGNORE = "ignore"
    REFUSE = "refuse"  # not accepted, and said so (a POST is not answered `ok`), but no harm done
    PONG = "pong"  # the peer is alive
    PEER_CLOSED = "peer closed"
    WRONG_DIRECTION = "wrong direction"  # a heartbeat ping from the side that must answer it
    UNEXPECTED = "unexpected"  # a packet that a client never sends here
    ANSWER_PROBE = "answer probe"
    UPGRADE = "upgrade"
    DROP_CANDIDATE = "drop candidate"


PROBE: Final = PING + "probe"
"""A ping with the data `probe` is a packet kind of its own."""

PACKET_KINDS: Final = (OPEN, CLOSE, PING, PROBE, PONG, MESSAGE, UPGRADE, NOOP)

_DROPPED = dict.fromkeys(PACKET_KINDS, Reaction.DROP_CANDIDATE)

# The reference ignores `0` and `5` on a session's own carrier. No client sends them; here they are an error.
_ESTABLISHED = {
    OPEN: Reaction.UNEXPECTED,
    CLOSE: Reaction.PEER_CLOSED,  # the reference ignores `1` on a WebSocket (PROTOCOL 9-1)
    PING: Reaction.WRONG_DIRECTION,
    PROBE: Reaction.WRONG_DIRECTION,
    PONG: Reaction.PONG,
    MESSAGE: Reaction.DELIVER,
    UPGRADE: Reaction.UNEXPECTED,
    NOOP: Reaction.IGNORE,
}

TABLE: Final[dict[CarrierState, dict[str, Reaction]]] = {
    CarrierState.POLLING: _ESTABLISHED,
    CarrierState.WEBSOCKET: _ESTABLISHED,
    # `5` without a probe is accepted, as in the reference (PROTOCOL 9-10).
    CarrierState.CANDIDATE: {**_DROPPED, PROBE: Reaction.ANSWER_PROBE, UPGRADE: Reaction.UPGRADE},
    CarrierState.PROBED: {**_DROPPED, PROBE: Reaction.ANSWER_PROBE, UPGRADE: Reaction.UPGRADE},
    # The reference answers `ok` to messages that it ignores here (PROTOCOL 9-15).
    CarrierState.CLOSING: {
        **dict.fromkeys(PACKET_KINDS, Reaction.IGNORE),
        CLOSE: Reaction.PEER_CLOSED,
        MESSAGE: Reaction.REFUSE,
    },
    CarrierState.DETACHED: dict.fromkeys(PACKET_KINDS, Reaction.IGNORE),
}
