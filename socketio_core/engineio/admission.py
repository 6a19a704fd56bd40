"""Who may begin a session, so that nobody uses up what is there for all.

At `max_sessions` a session that never made a second request makes room: nobody is behind most of them, for a client
that has its handshake goes on at once. They do so at `max_fresh_sessions` already, for each is a dozen objects that
Python's garbage collector looks at, whatever else should be done. Those of the same address go first, the oldest of
them. How many sessions an address may have, and how many it may begin in a second, is limited if the settings say so.
An IPv6 address stands for its /64, which is what a home is given.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from socketio_core.forwarded import network_of
from socketio_core.settings import EngineSettings

if TYPE_CHECKING:
    from socketio_core.engineio.session import Session

_MAX_REMEMBERED: Final = 10_000  # addresses that began a session in the last second; beyond that all are forgotten
_WHILE_S: Final = 1.0

Excess = tuple[str, str]
"""What a client is told, and what the log is."""


class Admission:
    """The count of sessions, by where they come from and whether anybody is behind them.

    A session is fresh that began by polling and has made no second request yet.
    """

    __slots__ = ("_begun", "_counts", "_fresh", "_fresh_of", "_settings")

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._fresh: OrderedDict[str, str] = OrderedDict()  # their networks, by id, oldest first
        self._fresh_of: dict[str, OrderedDict[str, Session]] = {}  # themselves, by network
        self._counts: dict[str, int] = {}  # of sessions, by network
        self._begun: dict[str, tuple[float, int]] = {}  # since when, and how many handshakes, by network

    def excess_of(self, address: str) -> Excess | None:
        """Say why an address may have no more sessions now."""
        limit = self._settings.max_sessions_per_address
        if limit is None or self._counts.get(network_of(address), 0) < limit:
            return None
        return "Too many sessions from this address", f"limit max_sessions_per_address: {limit}"

    def take_turn(self, address: str, now: float) -> Excess | None:
        """Count a handshake. Says why it is one too many."""
        limit = self._settings.max_handshakes_per_s
        network = network_of(address) if limit is not None else ""
        if limit is None or not network:
            return None
        since, count = self._begun.get(network, (now, 0))
        if now - since >= _WHILE_S:
            since, count = now, 0
        if count >= limit:
            return "Too many handshakes from this address", f"limit max_handshakes_per_s: {limit}"
        if not count and len(self._begun) >= _MAX_REMEMBERED:
            self._begun = {key: kept for key, kept in self._begun.items() if now - kept[0] < _WHILE_S}
            if len(self._begun) >= _MAX_REMEMBERED:
                self._begun.clear()
        self._begun[network] = (since, count + 1)
        return None

    @property
    def fresh_count(self) -> int:
        """How many sessions are fresh."""
        return len(self._fresh)

    def begun_by_polling(self, session: Session) -> None:
        """A session has begun, and is fresh."""
        network = network_of(session.request.address)
        session.is_fresh = True
        self._fresh[session.sid] = network
        self._fresh_of.setdefault(network, OrderedDict())[session.sid] = session

    def goes_on(self, session: Session) -> None:
        """There is another request of a fresh session."""
        session.is_fresh = False
        self._forget(session.sid)

    def _forget(self, sid: str) -> None:
        network = self._fresh.pop(sid)
        its = self._fresh_of[network]
        del its[sid]
        if not its:
            del self._fresh_of[network]

    def first_to_go(self, address: str) -> Session:
        """Return the fresh session that makes room for one of an address; there must be any."""
        network = network_of(address)
        if network not in self._fresh_of:
            network = next(iter(self._fresh.values()))
        return next(iter(self._fresh_of[network].values()))

    def begun(self, session: Session) -> None:
        """A session has begun."""
        network = self._network_of(session)
        if network:
            self._counts[network] = self._counts.get(network, 0) + 1

    def ended(self, session: Session) -> None:
        """A session is over; one that was fresh stays so, for nobody will ask for it."""
        if session.is_fresh:
            self._forget(session.sid)
        network = self._network_of(session)
        if network:
            left = self._counts[network] - 1
            if left:
                self._counts[network] = left
            else:
                del self._counts[network]

    def _network_of(self, session: Session) -> str:
        return "" if self._settings.max_sessions_per_address is None else network_of(session.request.address)
