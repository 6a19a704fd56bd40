"""What a connection is at while it is HTTP.

Theory. A connection is in one phase at a time, and each phase answers two questions: is input wanted, and how long may
it last (see `Timeouts`)?

    phase      what happens                                          input   deadline
    IDLE       nothing of the next request has come                  yes     keep_alive_s; header_s for the first one
    HEAD       the head of a request is coming in                    yes     header_s
    BODY       its body is                                           yes     body_s
    ASKED      the application makes up its mind                     no
    HELD       a POST is in, and the handlers must catch up first    no
    PARKED     a poll waits                                          some    the engine's
    ANSWER     a response is being written                           no      write_s
    DRAIN      the body that is left over is read away               yes     linger_s
    LINGER     nothing more is written; what comes is read away      yes     linger_s

A request begins in IDLE, goes through some of BODY, ASKED, HELD and PARKED to ANSWER, and from there back to IDLE, or
to the end.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Phase(Enum):
    """What a connection is at; see above."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ASKED = "asked"
    HELD = "held"
    PARKED = "parked"
    ANSWER = "answer"
    DRAIN = "drain"
    LINGER = "linger"


# Tuples, which are searched by identity: the hash that a set needs of such a member is computed in Python.
READING: Final = (Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.DRAIN, Phase.LINGER)
ANSWERED: Final = (Phase.ANSWER, Phase.DRAIN, Phase.LINGER)

MAX_EARLY_BYTES: Final = 65536  # PARKED: what a client may send on before we stop listening
MAX_LINGER_BYTES: Final = 2_000_000  # DRAIN, LINGER: what is read away, so that the client gets to see an early answer
