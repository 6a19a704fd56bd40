"""What a client's session has in flight: one GET at a time, one POST, its WebSocket and a candidate for that.

They begin and end here, and the host is told of them; what arrives on them, and what becomes of the session when one
fails, is up to the session.
"""

from __future__ import annotations

from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange, ReadyList
from socketio_core.engineio.client.posts import take_post
from socketio_core.engineio.client.requests import ClientMemory, RequestMaker
from socketio_core.engineio.client.states import CarrierState
from socketio_core.engineio.client.upgrade import PROBE_MESSAGE, Candidacy
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.payload import encode_payload
from socketio_core.http import Request, Response


class InFlight:
    """The carriers of one session.

    Attributes:
        ready: those that the host must see to.
        upgrade: the candidate.
    """

    __slots__ = ("_get", "_memory", "_parting", "_post", "_requests", "ready", "upgrade")

    def __init__(self, requests: RequestMaker, memory: ClientMemory) -> None:
        self._requests = requests
        self._memory = memory
        self._get: Exchange | None = None
        self._post: Exchange | None = None
        self._parting: set[ClientWebSocket] = set()  # they are closed, but their goodbye may not be written yet
        self.ready = ReadyList()
        self.upgrade = Candidacy()

    @property
    def is_waiting(self) -> bool:
        """Whether a GET is in flight."""
        return self._get is not None

    @property
    def is_sending(self) -> bool:
        """Whether a POST is in flight."""
        return self._post is not None

    @property
    def may_post(self) -> bool:
        """Whether another POST may begin: none is in flight, and polling does not run dry for an upgrade."""
        return self._post is None and not self.upgrade.is_pausing

    @property
    def is_parting(self) -> bool:
        """Whether the host has not yet dropped all that it is to drop, or a WebSocket that was open is not lost."""
        return bool(self.ready or self._parting)

    def begin(self, transport: str, now: float) -> ClientWebSocket | None:
        """Try to open the session. Returns what is to be its WebSocket; with `"polling"` none is."""
        if transport == "polling":
            self.begin_get("", now)
            return None
        websocket = self._requests.websocket("", CarrierState.OPENING, now)
        self.ready.mark(websocket)
        return websocket

    # -- polling -----------------------------------------------------------------------------------------------------

    def begin_get(self, sid: str, now: float) -> None:
        """Poll; with an empty `sid`, to open the session."""
        self._get = self._requests.get(sid, now)
        self.ready.mark(self._get)

    def begin_post(self, sid: str, outbox: Outbox, max_bytes: int | None, max_packets: int, now: float) -> None:
        """Send what is in the outbox, as far as it fits into one POST."""
        body = encode_payload(take_post(outbox, max_bytes, max_packets))
        self._post = self._requests.post(sid, body, now)
        self.ready.mark(self._post)

    def end_exchange(self, exchange: Exchange) -> bool:
        """There is a response, or there will be none. Returns whether anybody cares: it may have been cancelled."""
        if exchange is self._get:
            self._get = None
        elif exchange is self._post:
            self._post = None
        else:
            return False
        return True

    def go_on_with(self, exchange: Exchange) -> None:
        """The response to a GET is not processed as a whole: no other begins."""
        self._get = exchange

    # -- WebSockets --------------------------------------------------------------------------------------------------

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The handshake is done: a candidate is probed."""
        self._memory.take_cookies(response, now)
        if websocket.is_closed:
            return
        websocket.is_open = True
        websocket.subprotocol = Request("GET", "/", response.headers, scheme="http").header("sec-websocket-protocol")
        if websocket is self.upgrade.candidate:
            websocket.outbox.put(PROBE_MESSAGE)
            self.ready.mark(websocket)

    def begin_upgrade(self, sid: str, until: float, now: float) -> None:
        """Try a candidate beside polling."""
        candidate = self._requests.websocket(sid, CarrierState.CANDIDATE, now)
        self.upgrade.begin(candidate, until)
        self._memory.websocket_worked = False
        self.ready.mark(candidate)

    def finish_upgrade(self, outbox: Outbox) -> ClientWebSocket:
        """Return the candidate as the session's WebSocket; what waits in `outbox` moves over."""
        websocket = self.upgrade.finish(outbox)
        self._memory.websocket_worked = True
        self.ready.mark(websocket)
        return websocket

    def end_upgrade(self, code: int = NO_CODE) -> None:
        """Part with the candidate, if there is one."""
        candidate = self.upgrade.end()
        if candidate is not None:
            candidate.close_code = code
            self._part_with(candidate)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, websocket: ClientWebSocket | None) -> None:
        """End everything: nobody wants the responses any more, nor the session's WebSocket, if it has one."""
        for exchange in (self._get, self._post):
            if exchange is not None:
                exchange.is_cancelled = True
                self.ready.mark(exchange)
        self._get = self._post = None
        if websocket is not None:
            self._part_with(websocket)
        self.end_upgrade()

    def end_for_good(self, websocket: ClientWebSocket | None) -> None:
        """End everything, and begin nothing more: the session is over."""
        self.end(websocket)
        self._requests.forget_session()

    def forget(self, websocket: ClientWebSocket) -> None:
        """The connection of a WebSocket is gone: nothing more will be written to it."""
        self._parting.discard(websocket)

    def _part_with(self, websocket: ClientWebSocket) -> None:
        """Let the host say goodbye, if there is somebody to say it to."""
        websocket.detach()
        self.ready.mark(websocket)
        if websocket.is_open:
            self._parting.add(websocket)
