"""How a client's requests look: targets, headers, cookies. Spec: PROTOCOL 1.2, 1.13."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange
from socketio_core.engineio.client.cookies import CookieJar
from socketio_core.engineio.client.states import CarrierState
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings

if TYPE_CHECKING:
    from socketio_core.engineio.client.session import ClientSession


class ClientMemory:
    """What outlives the sessions of one client.

    Attributes:
        cookies: sent with every request.
        websocket_worked: the last session ended up on a WebSocket, and nothing failed since (`remember_upgrade`).
    """

    __slots__ = ("cookies", "websocket_worked")

    def __init__(self) -> None:
        self.cookies = CookieJar()
        self.websocket_worked = False

    def take_cookies(self, response: Response, now: float) -> None:
        """Keep what a response sets."""
        self.cookies.update([(name.lower(), value) for name, value in response.headers], now)


class RequestMaker:
    """Makes the requests of one session.

    Args:
        session: whose requests they are.
        random: returns floats from 0 to 1, for what no cache may have seen before.
    """

    def __init__(
        self,
        session: ClientSession,
        settings: EngineClientSettings,
        memory: ClientMemory,
        random: Callable[[], float],
    ) -> None:
        self._owner: ClientSession | None = session
        self._settings = settings
        self._memory = memory
        self._random = random

    @property
    def _session(self) -> ClientSession:
        assert self._owner is not None  # it asks for none behind its end
        return self._owner

    def forget_session(self) -> None:
        """It is over. It has this, so both would be left to Python's garbage collector."""
        self._owner = None

    def get(self, sid: str, now: float) -> Exchange:
        """Return a poll, or with an empty `sid` the handshake."""
        limit = self._settings.max_message_bytes
        target = self._target("polling", sid)
        return Exchange(self._session, "GET", target, self._headers(now), b"", limit_bytes=limit, timeout_s=None)

    def post(self, sid: str, body: bytes, now: float) -> Exchange:
        """Return the request that carries packets to the server."""
        headers = [*self._headers(now), (b"content-type", b"text/plain;charset=UTF-8")]
        target, timeout_s = self._target("polling", sid), self._settings.post_timeout_s
        limit = self._settings.max_message_bytes
        return Exchange(self._session, "POST", target, headers, body, limit_bytes=limit, timeout_s=timeout_s)

    def websocket(self, sid: str, state: CarrierState, now: float) -> ClientWebSocket:
        """Return a WebSocket: with an empty `sid` one that is to open the session."""
        target, offered = self._target("websocket", sid), tuple(self._settings.subprotocols)
        return ClientWebSocket(self._session, target, self._headers(now), state, offered)

    def _target(self, transport: str, sid: str) -> str:
        fields = dict(self._settings.query)
        fields.update({"EIO": "4", "transport": transport})
        if transport == "polling" and self._settings.timestamp_requests:
            fields["t"] = f"{int(self._random() * 16**8):08x}"
        if sid:
            fields["sid"] = sid
        return f"{self._session.path}?{urlencode(fields, errors='replace')}"

    def _headers(self, now: float) -> list[tuple[bytes, bytes]]:
        own = list(self._settings.headers)
        names = {name.lower() for name, _ in own}
        headers = [] if b"host" in names else [(b"host", self._settings.authority.encode("ascii"))]
        if b"accept" not in names:
            headers.append((b"accept", b"*/*"))
        cookies = self._memory.cookies.header_value(now)
        given = [value for name, value in own if name.lower() == b"cookie"]
        if cookies is not None or given:
            own = [(name, value) for name, value in own if name.lower() != b"cookie"]
            headers.append((b"cookie", b"; ".join([*given, *([cookies] if cookies is not None else [])])))
        return headers + own
