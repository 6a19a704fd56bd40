"""The GETs that clients have sent beside the `1` with which they left, and that arrive behind it.

A client leaves with `1` in a POST while its GET is under way on another connection; the two may arrive, or be
scheduled, in either order. A GET that is first is parked, and answered with `6`; one that is late is answered alike, so
what a client sees does not depend on luck. The reference answers a late one as of an unknown session.

A POST behind that `1`, or a WebSocket, is refused as after any end, as in the reference: clients send one POST at a
time, what it holds would not be read, and a WebSocket that nobody can use is not worth opening.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

LATE_POLL_S: Final = 2.0  # ours: as `poll_grace_s`; a new connection whose first packet was lost takes one second more
MAX_LATE_POLLS: Final = 1_000  # ours: about 200 kB; of more clients that leave at once, the first ones are forgotten


class LatePolls:
    """The sessions whose clients have left, and which may each have one GET under way.

    Nothing has to happen when such a moment is over, so there is no timer: who comes later is turned away, and what is
    over is thrown out when the next client leaves.
    """

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()  # by session id; whose time is over first comes first

    def expect(self, sid: str, now: float) -> None:
        """The client of a session has left; its GET, if there is one, may come for a moment."""
        known = self._until
        while known and (len(known) >= MAX_LATE_POLLS or next(iter(known.values())) <= now):
            known.popitem(last=False)
        known[sid] = now + LATE_POLL_S

    def take(self, sid: str, now: float) -> bool:
        """Whether a GET of this session is expected at `now`; another one is not, then."""
        return self._until.pop(sid, now) > now
