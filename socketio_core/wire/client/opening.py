"""A connection of a client that is to become a WebSocket: the handshake, and its refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from wsproto.extensions import Extension

from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.http import Headers, Response
from socketio_core.websocket_handshake import problem_of_answer, request_headers
from socketio_core.wire.client.errand import Errand
from socketio_core.wire.client.http1 import BadAnswer
from socketio_core.wire.deflate import Deflate, agree
from socketio_core.wire.websocket import Frames

if TYPE_CHECKING:
    from socketio_core.wire.client.connection import ClientWire
    from socketio_core.wire.client.site import ClientSite

MAX_REFUSAL_BYTES: Final = 65536  # of the body of an answer that is not 101; only its beginning is shown


@final
class Opening(Errand):
    """A connection during the handshake of a WebSocket."""

    __slots__ = ("_deflate", "_key", "_websocket")

    def __init__(self, wire: ClientWire, site: ClientSite, websocket: ClientWebSocket) -> None:
        super().__init__(wire, site)
        self._websocket = websocket
        self._key = b""
        self._deflate = Deflate(site.max_payload_bytes) if site.per_message_deflate else None
        websocket.context = wire

    def __repr__(self) -> str:
        return f"handshake of {self._websocket!r}"

    def begin(self, now: float) -> None:
        """See `Errand`."""
        websocket, deflate = self._websocket, self._deflate
        self._key = self._site.new_key()
        headers = [*websocket.headers, *request_headers(self._key, websocket.subprotocols)]
        if deflate is not None:
            headers.append((b"sec-websocket-extensions", f"{deflate.name}; {deflate.offer()}".encode("ascii")))
        self._out = self._http.request("GET", websocket.target, headers)

    # -- input -------------------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """See `Errand`."""
        head = self._head
        try:
            if head is None:
                head = self._head = self._http.next_head()
        except BadAnswer as error:
            self.give_up(f"the server {error}", now)
            return
        if head is not None and head.status_code == 101:
            self._switch(Response(101, list(head.headers), b""), now)
        elif head is not None and self._has_read_body():
            self._wire.end()
            response = Response(head.status_code, list(head.headers), bytes(self._body))
            self._site.core.websocket_refused(self._websocket, response, now)

    def _has_read_body(self) -> bool:
        try:
            return self._http.read_body(self._add)
        except BadAnswer:  # a body that is cut off says enough
            return True

    def _add(self, data: bytes) -> bool:
        self._body += data
        return len(self._body) <= MAX_REFUSAL_BYTES

    def _switch(self, response: Response, now: float) -> None:
        site, wire, websocket = self._site, self._wire, self._websocket
        has_offered = self._deflate is not None
        offered = websocket.subprotocols
        problem = problem_of_answer(response, self._key, offered_extensions=has_offered, subprotocols=offered)
        extensions: list[Extension] = []
        if problem is None and self._deflate is not None:
            try:
                extensions = _agreed(response.headers, self._deflate)
            except ValueError as error:
                problem = f"101 with {error}"
        if problem is not None:
            self.give_up(problem, now)
            return
        frames = Frames(wire, site, site, websocket, extensions, b"", b"", site.masks)
        early = self._http.left_over
        wire.become(frames)
        site.core.websocket_opened(websocket, response, now)
        if early:
            frames.receive(early, now)

    # -- the end -----------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """See `Stage`. Nothing needs to be said on a WebSocket that was given up before it was open."""
        if self._websocket.is_closed:
            self.give_up("", now)

    def give_up(self, detail: str, now: float) -> None:
        """See `Errand`."""
        self._wire.end()
        self._site.core.lost(self._websocket, now, detail=detail)


def _agreed(headers: Headers, deflate: Deflate) -> list[Extension]:
    """Return the extensions that both sides agreed on.

    Raises:
        ValueError: the server agreed to what was not offered.
    """
    values = [value for name, value in headers if name.lower() == b"sec-websocket-extensions"]
    if not values:
        return []
    agree(deflate, b",".join(values).decode("latin-1"))
    return [deflate]
