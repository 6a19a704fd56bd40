"""What a packet means to a client in each state; see `socketio_core.engineio.states` for the theory.

    OPENING     a carrier that is to open the session: the open packet must come first
    POLLING     the response to a poll
    WEBSOCKET   the session's WebSocket
    CANDIDATE   a WebSocket that was probed and has not answered
    PROBED      the same after it answered: polling runs dry, then `5` makes it the session's WebSocket
    CLOSING     the client is closing in order: what comes is not wanted any more
    DETACHED    no longer part of the session

Messages on an open session do not go through the table: they are tested first (`ClientSession.receive`).
Spec: PROTOCOL 1.7, 1.8, 1.10. Cells where the reference differs say so.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from socketio_core.engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, Payload
from socketio_core.engineio.states import SessionState


class CarrierState(Enum):
    """What a carrier is to its session."""

    OPENING = "opening"
    POLLING = "polling"
    WEBSOCKET = "websocket"
    CANDIDATE = "candidate"
    PROBED = "probed"
    CLOSING = "closing"
    DETACHED = "detached"


class Reaction(Enum):
    """What to do about a packet."""

    HANDSHAKE = "handshake"
    DELIVER = "deliver"  # hand the message to the application
    IGNORE = "ignore"
    ANSWER = "answer"  # a ping
    PEER_CLOSED = "peer closed"
    UNEXPECTED = "unexpected"  # a packet that a server never sends here
    PROBE_ANSWERED = "probe answered"
    DROP_CANDIDATE = "drop candidate"


PROBE_PONG: Final = PONG + "probe"
"""A pong with the data `probe` is a packet kind of its own."""

POLLING_STATES: Final = {
    SessionState.OPENING: CarrierState.OPENING,
    SessionState.OPEN: CarrierState.POLLING,
    SessionState.CLOSING: CarrierState.CLOSING,
}
"""What a GET is to its session."""

PACKET_KINDS: Final[tuple[str, ...]] = (OPEN, CLOSE, PING, PONG, PROBE_PONG, MESSAGE, UPGRADE, NOOP)

# The reference ignores `0`, `3` and `5` on an open session. No server sends them; here they are an error.
_ESTABLISHED: Final[dict[str, Reaction]] = {
    OPEN: Reaction.UNEXPECTED,
    CLOSE: Reaction.PEER_CLOSED,  # the reference ignores `1` on a WebSocket (PROTOCOL 9-1)
    PING: Reaction.ANSWER,
    PONG: Reaction.UNEXPECTED,
    PROBE_PONG: Reaction.UNEXPECTED,
    MESSAGE: Reaction.DELIVER,
    UPGRADE: Reaction.UNEXPECTED,
    NOOP: Reaction.IGNORE,
}
_DROPPED: Final[dict[str, Reaction]] = dict.fromkeys(PACKET_KINDS, Reaction.DROP_CANDIDATE)
_IGNORED: Final[dict[str, Reaction]] = dict.fromkeys(PACKET_KINDS, Reaction.IGNORE)

TABLE: Final[dict[CarrierState, dict[str, Reaction]]] = {
    CarrierState.OPENING: {**dict.fromkeys(PACKET_KINDS, Reaction.UNEXPECTED), OPEN: Reaction.HANDSHAKE},
    CarrierState.POLLING: _ESTABLISHED,
    CarrierState.WEBSOCKET: _ESTABLISHED,
    # The reference leaves a candidate open whose first packet is another one (PROTOCOL 9-29).
    CarrierState.CANDIDATE: {**_DROPPED, PROBE_PONG: Reaction.PROBE_ANSWERED},
    CarrierState.PROBED: _DROPPED,
    CarrierState.CLOSING: {**_IGNORED, CLOSE: Reaction.PEER_CLOSED},
    CarrierState.DETACHED: _IGNORED,
}


def kind_of(kind: str, data: Payload) -> str:
    """Return which kind of packet it is."""
    return PROBE_PONG if kind == PONG and data == "probe" else kind
