"""No network and no clock: bytes go in, bytes come out, and time is an argument.

A complete host in plain calls, h11 and wsproto between the bytes and the core: read it before you embed the engine
anywhere. The suite runs against it with a virtual clock, in a few seconds.
"""

from __future__ import annotations

from typing import assert_never

import h11
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from conformance.hosts.contract import Contract
from socketio_core.engineio import Engine, Park, Poll, Post, ReadBody, Respond, Upgrade, WebSocket
from socketio_core.http import Request, Response
from socketio_core.socketio import Server
from socketio_core.websocket_handshake import accept_headers, refused_handshake

NO_CODE = 1005  # wsproto then writes a close frame without one


class Host(Contract):
    """The server: one object for all connections."""

    def connect(self) -> HostConnection:
        """Begin to serve a client."""
        return HostConnection(self)

    def handle_timeout(self, now: float) -> None:
        """Do all that is due."""
        super().handle_timeout(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        """Let the application work; then whatever there is to say goes to the `output` of a connection."""
        self.handle_events(now)
        for carrier in [carrier for core in self.cores for carrier in core.take_ready()]:
            if isinstance(carrier.context, HostConnection):
                carrier.context.write(carrier)


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
        if isinstance(carrier, WebSocket):
            self._receive_frames(carrier, data, now)
        elif not data:
            if isinstance(carrier, Poll):
                self._core.abort_poll(carrier, now)
            elif carrier is not None:
                self._core.abort_post(carrier, now)
            self._carrier, self.is_closed = None, True
        elif not self.is_closed:
            self._http.receive_data(data)
            self._receive_http(now)
        self._host.flush(now)

    def _receive_http(self, now: float) -> None:
        try:
            while not self.is_closed and (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    self._serve(Request(event.method.decode(), event.target.decode(), event.headers), now)
                elif (post := self._carrier) is not None and isinstance(post, Post):
                    if isinstance(event, h11.Data) and post.feed(event.data):
                        continue
                    self._carrier = None
                    self._respond(self._core.finish_post(post, now))
                    self.is_closed |= post.is_too_large  # the rest of it is not wanted
                if self._http.our_state is self._http.their_state is h11.DONE:
                    self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._respond(Response(error.error_status_hint))

    def _serve(self, request: Request, now: float) -> None:
        core = self._host.core_of(request)
        refusal = Response(404) if core is None else refused_handshake(request)
        if core is None or refusal is not None:
            self._respond(refusal or Response(404))
            return
        self._core = core
        is_refused = self._host.is_forbidden(request) and core.is_handshake(request)
        action = core.refuse(request) if is_refused else core.handle_request(request, now)
        match action:
            case Respond(response):
                self._respond(response)
            case ReadBody(post, _):
                self._carrier = post
            case Park(poll):
                self._carrier = poll
                poll.context = self
                self.write(poll)  # it may have its answer
            case Upgrade(websocket, headers):
                self._carrier = websocket
                websocket.context = self
                self._http.next_event()  # the end of the request
                accepted = [*accept_headers(request), *headers]
                self.output += self._http.send(h11.InformationalResponse(status_code=101, headers=accepted)) or b""
                self.write(websocket)
                if early := self._http.trailing_data[0]:
                    self._receive_frames(websocket, early, now)
            case _:
                assert_never(action)

    def _receive_frames(self, websocket: WebSocket, data: bytes, now: float) -> None:
        if not data or websocket.is_closed:  # gone; or what still comes is nobody's any more
            self._core.lost(websocket, now)
            self.is_closed = True
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, TextMessage):
                self._core.receive_part(websocket, event.data, event.message_finished, now)
            elif isinstance(event, BytesMessage):
                self._core.receive_part(websocket, bytes(event.data), event.message_finished, now)
            elif isinstance(event, Ping) and not websocket.is_closed:
                self.output += self._frames.send(event.response())
            elif isinstance(event, CloseConnection):
                if self._frames.state is ConnectionState.OPEN:  # so wsproto reports what was no valid frame
                    self._core.fail(websocket, event.reason or "no valid frame", event.code, now)
                self._core.lost(websocket, now)

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
            close = CloseConnection(carrier.close_code or NO_CODE, carrier.close_text)
            self.output += self._frames.send(close)
            self.is_closed = True

    def _respond(self, response: Response) -> None:
        self.output += self._http.send(h11.Response(status_code=response.status, headers=response.headers)) or b""
        if response.body:
            self.output += self._http.send(h11.Data(data=response.body)) or b""
        self.output += self._http.send(h11.EndOfMessage()) or b""
        self.is_closed = self._http.our_state is h11.MUST_CLOSE
