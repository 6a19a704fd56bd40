"""An Engine.IO client and the network to its server, in memory: what a test holds in place of sockets.

`WireClient` speaks to an `Engine` or a `ServerCore` by the calls that a real host makes, one request or frame at
a time, so that a test decides what happens between any two steps, and what is lost:

    clock = FakeClock()
    client = WireClient(Engine(), clock)
    client.open()                  # the handshake, over polling
    client.post("4hello")          # returns the `Response`
    client.poll()                  # parked, or answered at once
    client.upgrade()               # probe, `3probe`, `5`
    client.take()                  # the frames that arrived since the last call, e.g. `["4hi", "2"]`

Nothing happens between calls: what the server sends on its own account, or when time passes, arrives when the client is
asked for something, or at `settle(server)` and `advance(server, clock, seconds)`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

from socketio_core.engineio.actions import Park, ReadBody, Respond
from socketio_core.engineio.carriers import Poll, Post, WebSocket
from socketio_core.engineio.core import AnyServer
from socketio_core.engineio.packet import BINARY_PREFIX, MESSAGE, PONG, Frame, Payload, decode_frame
from socketio_core.engineio.payload import SEPARATOR, encode_payload
from socketio_core.engineio.session import Session
from socketio_core.http import Headers, Request, Response
from socketio_core.testing.clock import FakeClock
from socketio_core.websocket_handshake import KEY_BYTES, request_headers

_End = TypeVar("_End", Response, "WirePoll", "WirePost", "WireSocket")


class Refused(Exception):  # noqa: N818 - what the server did, not what went wrong in the test kit
    """The server answered with an error where the client needed success.

    Attributes:
        response: the answer.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.body!r}")
        self.response = response


class WirePoll:
    """The client's end of a GET that waits, or waited, for packets.

    Attributes:
        carrier: what the server knows it by.
        response: `None` while the poll is parked.
        is_done: its response was read, or it was dropped.
    """

    __slots__ = ("_client", "_hold", "_response", "carrier", "is_done")

    def __init__(self, client: WireClient, carrier: Poll, *, hold: bool) -> None:
        self._client = client
        self.carrier = carrier
        self._hold = hold
        self._response: Response | None = None
        self.is_done = False

    @property
    def response(self) -> Response | None:
        """What the server answered, whether or not it arrived."""
        settle(self._client.server)
        return self._response

    def arrive(self) -> None:
        """Let a response that was held (`client.poll(hold=True)`) arrive."""
        self._hold = False
        if self.response is not None:
            self.on_ready()

    def drop(self) -> None:
        """Break the connection: the client gets nothing, not even what the server answered already."""
        self.is_done = True
        self._client.server.lost(self.carrier, self._client.clock.now)
        settle(self._client.server)

    def on_ready(self) -> None:
        """Read the response. Called by `settle`."""
        self._response = self.carrier.response
        if self._response is not None and not self._hold and not self.is_done:
            self.is_done = True
            self._client.inbox.extend(frames_of(self._response))


class WirePost:
    """The client's end of a POST whose body is on its way.

    Attributes:
        carrier: what the server knows it by.
    """

    __slots__ = ("_client", "carrier")

    def __init__(self, client: WireClient, post: Post) -> None:
        self._client = client
        self.carrier = post

    def feed(self, chunk: bytes) -> bool:
        """Send a piece of the body. Returns `False` once the server does not want more."""
        return self.carrier.feed(chunk)

    def finish(self) -> Response:
        """End the body and return the answer."""
        response = self._client.server.finish_post(self.carrier, self._client.clock.now)
        settle(self._client.server)
        return response

    def drop(self) -> None:
        """Break the connection in the middle of the body."""
        self._client.server.lost(self.carrier, self._client.clock.now)
        settle(self._client.server)


class WireSocket:
    """The client's end of a WebSocket.

    Attributes:
        inbox: frames that arrived, also to be had from `WireClient.take()` once the session is on this socket.
        is_reading: set it to `False` for a client that reads nothing; back to `True`, and the next call reads all.
        is_open: neither end closed it.
        headers: what the server added to the 101.
    """

    __slots__ = ("_client", "_is_ready", "carrier", "headers", "inbox", "is_open", "is_reading")

    def __init__(self, client: WireClient, carrier: WebSocket, headers: Headers) -> None:
        self._client = client
        self.carrier = carrier
        self.headers = headers
        self.inbox: list[Frame] = []
        self.is_reading = True
        self.is_open = True
        self._is_ready = False  # the server said that there is something, and it was not read yet

    @property
    def close_code(self) -> int:
        """The code in the server's close frame; 1005: none."""
        return self.carrier.close_code

    def send(self, *frames: Frame) -> None:
        """Send frames, one WebSocket message each."""
        for frame in frames:
            self._client.server.receive(self.carrier, frame, self._client.clock.now)
            settle(self._client.server)

    def drop(self) -> None:
        """Close or break the connection from the client's side; it reads no more."""
        self.is_open = False
        self._client.server.lost(self.carrier, self._client.clock.now)
        settle(self._client.server)

    def take(self) -> list[Frame]:
        """Remove and return what arrived on this socket."""
        settle(self._client.server)
        if self._is_ready:
            self.on_ready()
        taken, self.inbox[:] = self.inbox[:], []
        return taken

    def on_ready(self) -> None:
        """Read what the server wrote. Called by `settle`."""
        self._is_ready = not self.is_reading
        if not self.is_open or not self.is_reading:
            return
        for message in self.carrier.take():
            self.inbox.extend(message.frames)
        if self.carrier.is_closed:
            self.is_open = False
            self._client.server.lost(self.carrier, self._client.clock.now)


class WireClient:
    """One client. Its requests carry `EIO=4`, its transport and its `sid`, unless told otherwise.

    Args:
        headers: sent with every request.
        query: more fields of every request's query.
        address: where they come from.

    Attributes:
        sid: `""` before `open`.
        handshake: the fields of the open packet.
        inbox: frames that arrived by polling (see `take`).
        websocket: the session's WebSocket, once it is on one.
    """

    def __init__(
        self,
        server: AnyServer,
        clock: FakeClock,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        query: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.server = server
        self.clock = clock
        self.sid = ""
        self.handshake: dict[str, Any] = {}
        self.inbox: list[Frame] = []
        self.websocket: WireSocket | None = None
        self._parked: WirePoll | None = None
        self._headers = list(headers)
        self._query = query or {}
        self._address = address
        self._path = server.path

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`."""
        return "polling" if self.websocket is None else "websocket"

    @property
    def session(self) -> Session | None:
        """The server's end, to look at and to `send` from; `None` once it ended."""
        return next((session for session in self.server.sessions if session.sid == self.sid), None)

    # -- one step at a time ------------------------------------------------------------------------------------------

    def make_request(
        self,
        method: str = "GET",
        *,
        upgrade: bool = False,
        headers: Iterable[tuple[bytes, bytes]] = (),
        query: dict[str, str | None] | None = None,
    ) -> Request:
        """Make a request. `query` changes fields, or with `None` removes them; `upgrade` asks for a WebSocket."""
        fields: dict[str, str | None] = {
            "EIO": "4",
            "transport": "websocket" if upgrade else self.transport,
            "sid": self.sid or None,
            **self._query,
            **(query or {}),
        }
        target = f"{self._path}?{urlencode({name: value for name, value in fields.items() if value is not None})}"
        asked = request_headers(bytes(KEY_BYTES)) if upgrade else []
        return Request(method, target, [*self._headers, *asked, *headers], address=self._address, scheme="http")

    def perform(self, request: Request, *, hold: bool = False) -> Response | WirePoll | WirePost | WireSocket:
        """Hand a request to the server and return the client's end of what came of it."""
        action = self.server.handle_request(request, self.clock.now, None)
        end: Response | WirePoll | WirePost | WireSocket
        match action:
            case Respond(response):
                end = response
            case ReadBody(post):
                end = WirePost(self, post)
            case Park(poll):
                poll.context = end = WirePoll(self, poll, hold=hold)
            case _:
                action.websocket.context = end = WireSocket(self, action.websocket, action.headers)
        settle(self.server)
        return end

    def poll(self, *, hold: bool = False) -> WirePoll:
        """Send a GET. With `hold`, its response is under way until `arrive()` or `drop()`.

        Raises:
            Refused: the server answered with an error.
        """
        return _expect(WirePoll, self.perform(self.make_request(), hold=hold))

    def begin_post(self, headers: Iterable[tuple[bytes, bytes]] = ()) -> WirePost:
        """Send the head of a POST.

        Raises:
            Refused: the server answered with an error.
        """
        return _expect(WirePost, self.perform(self.make_request("POST", headers=headers)))

    def post(self, *frames: Frame) -> Response:
        """Send frames in one POST and return the answer, whatever it is."""
        return self.post_body(encode_payload(frames))

    def post_body(self, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> Response:
        """Send raw bytes in one POST and return the answer, whatever it is."""
        try:
            post = self.begin_post(headers)
        except Refused as refused:
            return refused.response
        post.feed(body)
        return post.finish()

    def open_websocket(self) -> WireSocket:
        """Open a WebSocket: the session's first, or a candidate to upgrade to.

        Raises:
            Refused: the server answered with an error.
        """
        return _expect(WireSocket, self.perform(self.make_request(upgrade=True)))

    # -- many steps at once ------------------------------------------------------------------------------------------

    def open(self, transport: str = "polling") -> WireClient:
        """Do the handshake. What follows the open packet is in `take()`. Returns the client itself.

        Raises:
            Refused: the server answered with an error.
        """
        if transport == "websocket":
            self.websocket = self.open_websocket()
            first, *rest = self.websocket.take()
            self.websocket.inbox.extend(rest)
        else:
            response = _expect(Response, self.perform(self.make_request()))
            if response.status != 200:
                raise Refused(response)
            first, *rest = frames_of(response)
            self.inbox.extend(rest)
        assert isinstance(first, str)  # the open packet
        self.handshake = json.loads(first[1:])
        self.sid = self.handshake["sid"]
        return self

    def upgrade(self) -> WireSocket:
        """Move to a WebSocket as the official client does. A parked poll is released on the way.

        Raises:
            Refused: the server does not allow it.
        """
        candidate = self.open_websocket()
        candidate.send("2probe")
        answer = candidate.take()
        assert answer == ["3probe"], answer
        self.finish_upgrade(candidate)
        return candidate

    def finish_upgrade(self, candidate: WireSocket) -> None:
        """Send `5` on a WebSocket that was probed; from here on the client uses it."""
        self.websocket = candidate
        candidate.send("5")

    def send(self, *frames: Frame) -> None:
        """Send frames by the current transport.

        Raises:
            Refused: a POST was not answered with 200.
        """
        if self.websocket is not None:
            self.websocket.send(*frames)
            return
        response = self.post(*frames)
        if response.status != 200:
            raise Refused(response)

    def pong(self) -> None:
        """Answer a ping."""
        self.send(PONG)

    def take(self) -> list[Frame]:
        """Remove and return the frames that arrived, by polling and on the session's WebSocket, in order."""
        settle(self.server)
        taken, self.inbox[:] = self.inbox[:], []
        if self.websocket is not None:
            taken += self.websocket.take()
        return taken

    def take_messages(self) -> list[Payload]:
        """Do as `take`, and return only what messages carry: `["hello", b"..."]`."""
        kinds = [decode_frame(frame) for frame in self.take()]
        return [data for kind, data in kinds if kind == MESSAGE]

    def fetch(self) -> list[Payload]:
        """Return the messages that can be had now: on polling, with one poll, which stays parked if there were none."""
        settle(self.server)
        if self.websocket is None and (self._parked is None or self._parked.is_done):
            self._parked = self.poll()
        return self.take_messages()


def settle(server: AnyServer) -> None:
    """Let everything that the server has ready arrive at the clients of this kit; other carriers are left alone."""
    while ready := server.take_ready():
        for carrier in ready:
            if isinstance(carrier.context, (WirePoll, WireSocket)):
                carrier.context.on_ready()


def advance(server: AnyServer, clock: FakeClock, seconds: float) -> None:
    """Let time pass as a punctual host would: every deadline on the way is acted on at its time."""
    until = clock.now + seconds
    while (deadline := server.next_deadline) is not None and deadline <= until:
        clock.now = max(clock.now, deadline)
        server.handle_timeout(clock.now)
        settle(server)
    clock.now = until


def frames_of(response: Response) -> list[Frame]:
    """Decode the body of a poll's response, compressed or not: `["4hello", b"..."]`."""
    body = response.body
    if any(name == b"content-encoding" for name, _ in response.headers):
        body = zlib.decompress(body, zlib.MAX_WBITS | 32)  # gzip or zlib, by its header
    parts = body.decode("utf-8").split(SEPARATOR)
    return [decode_frame(part)[1] if part.startswith(BINARY_PREFIX) else part for part in parts]


def _expect(kind: type[_End], end: Response | WirePoll | WirePost | WireSocket) -> _End:
    if isinstance(end, kind):
        return end
    assert isinstance(end, Response), f"expected {kind.__name__}, got {end!r}"
    raise Refused(end)
