"""What a session does by polling, client role: one GET in flight, and one POST while there is something to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.engineio.client.carriers import Exchange
from socketio_core.engineio.client.posts import take_post
from socketio_core.engineio.client.requests import Requests, describe_data, problem_of
from socketio_core.engineio.client.states import ClientState
from socketio_core.engineio.payload import encode_payload, split_payload
from socketio_core.errors import CloseReason, PacketError
from socketio_core.http import Response

if TYPE_CHECKING:
    from socketio_core.engineio.client.session import ClientSession


class Polling:
    """The requests of one session. What the packets in them mean is up to the session."""

    __slots__ = ("_get", "_post", "_requests", "_session")

    def __init__(self, session: ClientSession, requests: Requests) -> None:
        self._session = session
        self._requests = requests
        self._get: Exchange | None = None
        self._post: Exchange | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a GET is in flight."""
        return self._get is not None

    @property
    def is_sending(self) -> bool:
        """Whether a POST is in flight."""
        return self._post is not None

    def begin_get(self, sid: str, now: float) -> None:
        """Poll, or with an empty `sid` open the session."""
        self._get = self._requests.get(sid, now)
        self._session.ready.mark(self._get)

    def send_post(self, now: float) -> None:
        """Make a POST of what is in the outbox, if none is in flight."""
        session = self._session
        if self._post is None and session.outbox and session.may_post:
            limit = session.handshake.max_payload_bytes if session.handshake is not None else None
            body = encode_payload(take_post(session.outbox, limit, session.engine_settings.max_packets_per_post))
            self._post = self._requests.post(session.sid, body, now)
            session.ready.mark(self._post)

    def exchange_done(self, exchange: Exchange, response: Response, now: float) -> None:
        """A response is there, as a whole."""
        session = self._session
        if exchange is not self._get and exchange is not self._post:
            return  # cancelled
        session.memory.cookies.update([(name.lower(), value) for name, value in response.headers], now)
        problem = problem_of(response)
        if exchange is self._post:
            self._post = None
            if problem is not None:
                session.break_off(CloseReason.TRANSPORT_ERROR, f"server refused a POST: {problem}")
                return
        else:
            self._get = None
            if problem is None:
                self._read_payload(response, now)
            elif session.state is not ClientState.CLOSING:  # then only POSTs count
                session.transport_failed(problem)
        session.go_on(now)

    def lose_exchange(self, exchange: Exchange, detail: str) -> None:
        """There will be no response."""
        session = self._session
        if exchange is self._post:
            self._post = None
            session.break_off(CloseReason.TRANSPORT_ERROR, f"POST failed: {detail}")
        elif exchange is self._get:
            self._get = None
            if session.state is not ClientState.CLOSING:  # then only POSTs count
                session.transport_failed(detail if session.state is ClientState.OPENING else f"GET failed: {detail}")

    def _read_payload(self, response: Response, now: float) -> None:
        session = self._session
        try:
            for part in split_payload(response.body, session.engine_settings.max_packets_per_payload):
                if session.state is ClientState.CLOSED:
                    return
                session.receive_polled(part, now)
        except PacketError as error:
            if session.state is not ClientState.CLOSED:
                session.parse_failed(f"{error}, in the response {describe_data(response.body)}")

    def drop(self) -> None:
        """Nobody wants the responses any more."""
        for exchange in (self._get, self._post):
            if exchange is not None:
                exchange.is_cancelled = True
                self._session.ready.mark(exchange)
        self._get = self._post = None
