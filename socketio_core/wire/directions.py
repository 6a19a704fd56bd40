"""The two directions of a WebSocket, and when it is over; `websocket` moves through them.

Theory. Each direction ends for itself, and what has become of the two is the whole state. From the peer:

    READING    frames are read
    ENDING     the connection has ended, and what was read before that waits for its turn
    DEAF       the peer broke the rules, or sent too much: what still comes is no frame, or not wanted
    TOLD       its close frame came; nothing follows that
    GONE       nothing more will come

To the peer:

    WRITING    messages and pongs are written
    LAST       our close frame is being written; nothing follows that
    SHUT       it is written

`IS_OVER` says for each pair whether there is nothing left to wait for. wsproto reports a frame that breaks the rules
as if it were a close frame, but its state does not say so: that is looked at in one place, `Frames._peer_closed`.

Spec: RFC 6455, 7.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Inbound(Enum):
    """What has become of the direction from the peer."""

    READING = "reading"
    ENDING = "ending"
    DEAF = "deaf"
    TOLD = "told"
    GONE = "gone"


class Outbound(Enum):
    """What has become of the direction to the peer."""

    WRITING = "writing"
    LAST = "last"
    SHUT = "shut"


class Early(Enum):
    """Whether what came before the handshake was answered still waits, and for which of its turns."""

    NONE = "none"
    FIRST = "first"  # of a few pieces: a client may well send its CONNECT without waiting
    LATER = "later"  # who sends more has it in the line of what is large


_READING, _ENDING, _DEAF = Inbound.READING, Inbound.ENDING, Inbound.DEAF
_WRITING, _LAST, _SHUT = Outbound.WRITING, Outbound.LAST, Outbound.SHUT

IS_OVER: Final = {
    (_READING, _WRITING): False,
    (_ENDING, _WRITING): False,
    (_DEAF, _WRITING): False,
    (Inbound.TOLD, _WRITING): False,  # our close frame answers its own
    (Inbound.GONE, _WRITING): False,  # it may still read
    (_READING, _LAST): False,
    (_ENDING, _LAST): False,
    (_DEAF, _LAST): False,
    (Inbound.TOLD, _LAST): False,
    (Inbound.GONE, _LAST): False,
    (_READING, _SHUT): False,  # its close frame is waited for, with a deadline
    (_ENDING, _SHUT): True,
    (_DEAF, _SHUT): False,  # it is given the time to read ours; dropped at once, it might not
    (Inbound.TOLD, _SHUT): True,
    (Inbound.GONE, _SHUT): True,
}
