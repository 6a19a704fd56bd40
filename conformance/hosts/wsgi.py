"""The engine in threads, without an event loop: a WSGI application that takes WebSockets too, served by Werkzeug here.

One lock guards the engine; nobody holds it while waiting for a client. Each request has a thread, which waits with a
long poll and reads a WebSocket to its end; each WebSocket has one more to write, and one thread keeps the time. WSGI
itself knows no WebSockets: the client's socket comes from the server, and `Connection: close` is left to it as well.
"""

from __future__ import annotations

import logging
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason

from conformance.hosts.contract import Contract
from socketio_core.engineio import Carrier, Engine, Park, Poll, Post, ReadBody, Respond, Upgrade, WebSocket
from socketio_core.http import Headers, Request, Response
from socketio_core.socketio import Server
from socketio_core.websocket_handshake import accept_headers

READ_BYTES, WRITE_BYTES = 65536, 262144  # at once
SILENCE_S = 60.0  # how long a client may take and send nothing; pings come more often
CLOSE_S = 2.0  # for a client to drop its connection after our close frame
_T = TypeVar("_T")


class SocketIOApp:
    """The WSGI application."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._contract = Contract()
        self._timer = threading.Condition(self.lock)
        self._wakes_at = math.inf
        threading.Thread(target=self._keep_time, daemon=True).start()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request or WebSocket."""
        request = _request(environ)
        core, action = self.do(self._contract.handle_request, request)
        match action:
            case Respond(response):
                return _respond(start_response, response)
            case ReadBody(post, _):
                return _respond(start_response, self._read(core, post, environ))
            case Park(poll):
                return self._serve_poll(core, poll, environ["werkzeug.socket"], start_response)
            case Upgrade(websocket, headers):
                _Pump(self, core, websocket, environ).run([*accept_headers(request), *headers])
                raise ConnectionAbortedError  # so Werkzeug writes no response

    def do(self, call: Callable[..., _T], *args: object) -> _T:
        """Make a call on the core; let the application work, and wake all who have something to say."""
        with self.lock:
            now = time.monotonic()
            result = call(*args, now)
            self._contract.flush(now)
            if (self._contract.next_deadline or math.inf) < self._wakes_at:
                self._timer.notify()
            return result

    def _keep_time(self) -> None:
        while True:
            with self.lock:
                self._wakes_at = self._contract.next_deadline or math.inf
                self._timer.wait(min(self._wakes_at - time.monotonic(), 3600.0))
            self.do(self._contract.handle_timeout)

    def close(self) -> None:
        """Tell all clients that it is over."""
        for core in self._contract.cores:
            self.do(core.close)

    def _read(self, core: Engine | Server, post: Post, environ: WSGIEnvironment) -> Response:
        try:
            for chunk in _chunks(environ):
                if not post.feed(chunk):
                    break
        except (OSError, ValueError):  # the client went away, or sent no valid length
            self.do(core.abort_post, post)
            raise ConnectionAbortedError from None
        return self.do(core.finish_post, post)

    def _serve_poll(
        self, core: Engine | Server, poll: Poll, client: socket.socket, start_response: StartResponse
    ) -> Iterator[bytes]:
        is_delivered = False
        try:
            yield from _respond(start_response, self._wait(poll, client))
            is_delivered = True  # the server comes back for more only if it could write that
        finally:
            self.do(core.poll_delivered if is_delivered else core.abort_poll, poll)

    def _wait(self, poll: Poll, client: socket.socket) -> Response:
        wakeup, waker = socket.socketpair()  # an Event cannot be waited for beside a client that may go away
        with wakeup, waker, selectors.DefaultSelector() as selector:
            with self.lock:
                poll.context = _Waker(waker)
            selector.register(wakeup, selectors.EVENT_READ)
            selector.register(client, selectors.EVENT_READ)
            while poll.response is None:
                for key, _ in selector.select():
                    if key.fileobj is client and not client.recv(1, socket.MSG_PEEK):
                        raise ConnectionAbortedError
                    selector.unregister(key.fileobj)
            return poll.response
