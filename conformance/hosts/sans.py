"""A complete host without network and clock: bytes go in, bytes come out, time is an argument. Read this one first."""

from __future__ import annotations

import h11
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from conformance.hosts.contract import Contract
from socketio_core.engineio import Engine, Park, Poll, Post, ReadBody, Respond, Upgrade, WebSocket
from socketio_core.http import Request, Response
from socketio_core.socketio import Server
from socketio_core.websocket_handshake import accept_headers


class Host(Contract):
    """The server. After each call there may be something in the `output` of any of its connections."""

    def connect(self) -> HostConnection:
        """Begin to serve a client."""
        return HostConnection(self)


class HostConnection:
    """One client's connection. Attributes: `output`, bytes for the client; `is_closed`, when nothing follows them."""

    def __init__(self, host: Host) -> None:
        self.output = bytearray()
        self.is_closed = False
        self._host = host
        self._http = h11.Connection(h11.SERVER)
        self._frames = Connection(ConnectionType.SERVER)
        self._core: Engine | Server = host.server
        self._carrier: Poll | Post | WebSocket | None = None  # what the connection serves just now

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the client; `b""` says that it is gone."""
        carrier = self._carrier
        if isinstance(carrier, WebSocket) and data and not carrier.is_closed:
            self._receive_frames(carrier, data, now)
        elif isinstance(carrier, WebSocket):
            self._core.lost(carrier, now)
        elif data and not self.is_closed:
            self._http.receive_data(data)
            self._receive_http(now)
        elif isinstance(carrier, Poll):
            self._core.abort_poll(carrier, now)
        elif carrier is not None:
            self._core.abort_post(carrier, now)
        self.is_closed = self.is_closed or not data
        self._host.flush(now)

    def _receive_http(self, now: float) -> None:
        try:
            while not self.is_closed:
                if self._http.our_state is self._http.their_state is h11.DONE:
                    self._http.start_next_cycle()
                event, post = self._http.next_event(), self._carrier
                if isinstance(event, h11.Request):
                    self._handle_request(Request(event.method.decode(), event.target.decode(), event.headers), now)
                elif event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                elif isinstance(post, Post) and not (isinstance(event, h11.Data) and post.feed(event.data)):
                    self._carrier = None
                    self._respond(self._core.finish_post(post, now))
                    self.is_closed |= post.is_too_large  # the rest of it is not wanted
        except h11.RemoteProtocolError as error:
            self._respond(Response(error.error_status_hint, [(b"connection", b"close")]))

    def _handle_request(self, request: Request, now: float) -> None:
        self._core, action = self._host.handle_request(request, now)
        match action:
            case Respond(response):
                self._respond(response)
            case ReadBody(post, _):
                self._carrier = post
            case Park(poll):
                self._carrier, poll.context = poll, self
            case Upgrade(websocket, headers):
                self._carrier, websocket.context = websocket, self
                self._http.next_event()  # the end of the request
                accepted = [*accept_headers(request), *headers]
                self.output += self._http.send(h11.InformationalResponse(status_code=101, headers=accepted)) or b""
                self._receive_frames(websocket, self._http.trailing_data[0], now)

    def _receive_frames(self, websocket: WebSocket, data: bytes, now: float) -> None:
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                part = event.data if isinstance(event, TextMessage) else bytes(event.data)
                self._core.receive_part(websocket, part, event.message_finished, now)
            elif isinstance(event, Ping) and len(self.output) < 65536:  # who floods, and reads nothing, gets no more
                self.output += self._frames.send(event.response())
            elif isinstance(event, CloseConnection):
                if self._frames.state is ConnectionState.OPEN:  # so wsproto reports what was no valid frame
                    self._core.fail(websocket, event.reason or "no valid frame", event.code, now)
                self._core.lost(websocket, now)
            if websocket.is_closed:  # what follows is nobody's
                break

    def write(self, carrier: Poll | WebSocket) -> None:
        """Take what there is to say."""
        if isinstance(carrier, Poll):
            if carrier.response is not None and carrier is self._carrier:
                self._carrier = None
                self._respond(carrier.response)
            return
        for frame in [frame for message in carrier.take() for frame in message.frames]:
            self.output += self._frames.send(TextMessage(frame) if isinstance(frame, str) else BytesMessage(frame))
        if carrier.is_closed and not self.is_closed:
            code = carrier.close_code or CloseReason.NO_STATUS_RCVD
            self.output += self._frames.send(CloseConnection(code, carrier.close_text))
            self.is_closed = True

    def _respond(self, response: Response) -> None:
        head = h11.Response(status_code=response.status, headers=response.headers)
        for event in (head, h11.Data(data=response.body), h11.EndOfMessage()):
            self.output += self._http.send(event) or b""
        self.is_closed = self._http.our_state is h11.MUST_CLOSE
