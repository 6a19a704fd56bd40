"""A network in memory between clients and one server, which delivers step by step, and loses what a test wants lost.

    clock = FakeClock()
    server = ServerCore()                          # or an `Engine`
    client = ClientCore(random=lambda: 0.5)        # or a `ClientSession`
    network = Network(server, clock)
    network.attach(client)
    client.of("/").connect(clock.now)
    network.run()                                  # until nothing is under way
    network.cut()                                  # every connection breaks
    network.advance(5.0)                           # time passes, deadlines included

Nothing overtakes within a connection; between connections the order is up to `choose`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from socketio_core.engineio.actions import Park, ReadBody, Respond
from socketio_core.engineio.carriers import Poll, WebSocket
from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange
from socketio_core.engineio.core import AnyClient, AnyServer
from socketio_core.engineio.packet import Frame
from socketio_core.http import Request, Response
from socketio_core.testing.clock import FakeClock
from socketio_core.timers import earliest
from socketio_core.websocket_handshake import KEY_BYTES, request_headers

_CUT: Final = "the network was cut"
_UPGRADE: Final = request_headers(bytes(KEY_BYTES))
_MAX_STEPS: Final = 1_000_000


class HttpLink:
    """One HTTP exchange on its way: the request, perhaps a wait at the server, the response."""

    def __init__(self, network: Network, client: AnyClient, exchange: Exchange) -> None:
        self._network = network
        self._client = client
        self._exchange = exchange
        self._poll: Poll | None = None
        self._response: Response | None = None
        self._has_arrived = False
        self.is_done = False

    @property
    def can_step(self) -> bool:
        """Whether something can arrive."""
        return not self._has_arrived or self._response is not None or self._answer is not None

    @property
    def _answer(self) -> Response | None:
        return None if self._poll is None else self._poll.response

    def step(self) -> None:
        """Let the next thing arrive: the request at the server, or the response at the client."""
        now, exchange = self._network.clock.now, self._exchange
        if not self._has_arrived:
            self._has_arrived = True
            self._arrive()
            return
        response = self._response or self._answer
        assert response is not None  # or it could not step
        self.is_done = True
        if self._poll is not None:
            self._network.server.poll_delivered(self._poll, now)
        self._client.exchange_done(exchange, Response(response.status, response.headers, response.body), now)

    def _arrive(self) -> None:
        server, now, exchange = self._network.server, self._network.clock.now, self._exchange
        request = Request(exchange.method, exchange.target, exchange.headers, scheme="http")
        action = server.handle_request(request, now, self)
        if isinstance(action, Respond):
            self._response = action.response
        elif isinstance(action, ReadBody):
            action.post.feed(exchange.body)
            self._response = server.finish_post(action.post, now)
        else:
            assert isinstance(action, Park), action  # nobody asked for a WebSocket
            self._poll = action.poll

    def cancel(self) -> None:
        """The client does not want it any more, and drops the connection."""
        if not self.is_done:
            self.is_done = True
            if self._poll is not None:
                self._network.server.lost(self._poll, self._network.clock.now)

    def cut(self, *, server_knows: bool) -> None:
        """Break the connection; with `server_knows` the server notices that its response did not arrive."""
        if self.is_done:
            return
        self.is_done = True
        now = self._network.clock.now
        if self._poll is not None:
            if self._poll.response is not None and not server_knows:
                self._network.server.poll_delivered(self._poll, now)
            else:
                self._network.server.lost(self._poll, now)
        self._client.lost(self._exchange, now, detail=_CUT)


class SocketLink:
    """A WebSocket: its handshake, and the frames both ways."""

    def __init__(self, network: Network, client: AnyClient, websocket: ClientWebSocket) -> None:
        self._network = network
        self._client = client
        self._ours = websocket
        self._theirs: WebSocket | None = None
        self._answer: Response | None = None
        self._has_arrived = False
        self._to_server: deque[Frame | None] = deque()  # `None`: the end
        self._to_client: deque[Frame | None] = deque()
        self.is_done = False

    @property
    def can_step(self) -> bool:
        """Whether something can arrive."""
        return not self._has_arrived or bool(self._answer or self._to_server or self._to_client)

    def step(self) -> None:
        """Let the next thing arrive: of the handshake, then a frame at either end."""
        network, now = self._network, self._network.clock.now
        if not self._has_arrived:
            self._has_arrived = True
            self._arrive()
        elif self._answer is not None:
            answer, self._answer = self._answer, None
            if answer.status == 101:
                self._client.websocket_opened(self._ours, answer, now)
                self.flush_client()
            else:
                self.is_done = True
                self._client.websocket_refused(self._ours, answer, now)
        elif self._to_server and (not self._to_client or network.choose(2) == 0):
            self._step_to_server(self._to_server.popleft(), now)
        else:
            self._step_to_client(self._to_client.popleft(), now)

    def _arrive(self) -> None:
        now, ours = self._network.clock.now, self._ours
        request = Request("GET", ours.target, [*ours.headers, *_UPGRADE], scheme="http")
        action = self._network.server.handle_request(request, now, self)
        if isinstance(action, Respond):
            self._answer = action.response
            return
        assert not isinstance(action, (Park, ReadBody)), action  # it was asked for a WebSocket
        self._theirs = action.websocket
        self._answer = Response(101, action.headers)
        self.flush_server()

    def _step_to_server(self, frame: Frame | None, now: float) -> None:
        assert self._theirs is not None  # the client writes behind the 101
        if frame is None:
            self.is_done = True
            self._network.server.lost(self._theirs, now, self._ours.close_code)
            self._client.lost(self._ours, now, self._theirs.close_code)
        else:
            self._network.server.receive(self._theirs, frame, now)

    def _step_to_client(self, frame: Frame | None, now: float) -> None:
        assert self._theirs is not None  # or nobody would have sent it
        if frame is None:
            self.is_done = True
            self._client.lost(self._ours, now, self._theirs.close_code)
        else:
            self._client.receive(self._ours, frame, now)

    def flush_client(self) -> None:
        """Put on its way what the client has to say."""
        for message in self._ours.take():
            self._to_server.extend(message.frames)
        if self._ours.is_closed and not self.is_done:
            if not self._ours.is_open:
                self.is_done = True  # it never got so far
                if self._theirs is not None:
                    self._network.server.lost(self._theirs, self._network.clock.now)
            elif None not in self._to_server:
                self._to_server.append(None)

    def flush_server(self) -> None:
        """Put on its way what the server has to say."""
        assert self._theirs is not None  # it has something to say
        for message in self._theirs.take():
            self._to_client.extend(message.frames)
        if self._theirs.is_closed and None not in self._to_client:
            self._to_client.append(None)

    def cut(self, *, server_knows: bool) -> None:
        """Break the connection; frames that are under way are lost. Without `server_knows` the server waits on."""
        if self.is_done:
            return
        self.is_done = True
        now = self._network.clock.now
        if self._theirs is not None and server_knows:
            self._network.server.lost(self._theirs, now)
        self._client.lost(self._ours, now, detail=_CUT)


class Network:
    """The connections between some clients and a server.

    Args:
        choose: given a number n, returns which of n things happens next, from 0 to n - 1; the oldest unless said
            otherwise.

    Attributes:
        is_up: while it is `False`, no connection can be made; see `cut` for those that exist.
        links: what is under way, or open.
    """

    def __init__(self, server: AnyServer, clock: FakeClock, choose: Callable[[int], int] | None = None) -> None:
        self.server = server
        self.clock = clock
        self.choose = choose or _oldest
        self.is_up = True
        self.links: list[HttpLink | SocketLink] = []
        self._clients: list[AnyClient] = []

    def attach(self, client: AnyClient) -> None:
        """Let a client use the network."""
        self._clients.append(client)

    def collect(self) -> None:
        """Take what both sides have ready; `step` does so by itself."""
        for client in self._clients:
            for carrier in client.take_ready():
                if isinstance(carrier, Exchange):
                    self._collect_exchange(client, carrier)
                else:
                    self._collect_websocket(client, carrier)
        for ready in self.server.take_ready():
            if isinstance(ready, WebSocket) and isinstance(ready.context, SocketLink):
                ready.context.flush_server()
        self.links = [link for link in self.links if not link.is_done]

    def _collect_exchange(self, client: AnyClient, exchange: Exchange) -> None:
        if isinstance(exchange.context, HttpLink):
            exchange.context.cancel()
        elif not exchange.is_cancelled:
            if not self.is_up:
                client.lost(exchange, self.clock.now, detail="the network is down")
                return
            exchange.context = link = HttpLink(self, client, exchange)
            self.links.append(link)

    def _collect_websocket(self, client: AnyClient, websocket: ClientWebSocket) -> None:
        if isinstance(websocket.context, SocketLink):
            websocket.context.flush_client()
        elif not websocket.is_closed:
            if not self.is_up:
                client.lost(websocket, self.clock.now, detail="the network is down")
                return
            websocket.context = link = SocketLink(self, client, websocket)
            self.links.append(link)

    def step(self) -> bool:
        """Let one thing arrive somewhere. Returns `False` when nothing is under way."""
        self.collect()
        movable = [link for link in self.links if link.can_step]
        if not movable:
            return False
        movable[self.choose(len(movable))].step()
        self.collect()
        return True

    def run(self, max_steps: int = _MAX_STEPS) -> None:
        """Let everything arrive, and what it causes, until nothing is under way.

        Raises:
            AssertionError: something still is after so many steps.
        """
        for _ in range(max_steps):
            if not self.step():
                return
        raise AssertionError("the network does not come to rest")

    def cut(self, *, server_knows: bool = True) -> None:
        """Break every connection; see `HttpLink.cut` and `SocketLink.cut`."""
        self.collect()
        for link in self.links:
            link.cut(server_knows=server_knows)
        self.collect()

    def advance(self, seconds: float) -> None:
        """Let time pass as punctual hosts would: deadlines are acted on in time, and the network is always faster."""
        until = self.clock.now + seconds
        self.run()
        while (deadline := self._next_deadline) is not None and deadline <= until:
            self.clock.now = max(self.clock.now, deadline)
            for core in self._cores:
                core.handle_timeout(self.clock.now)
            self.run()
        self.clock.now = until

    @property
    def _cores(self) -> list[AnyServer | AnyClient]:
        return [self.server, *self._clients]

    @property
    def _next_deadline(self) -> float | None:
        return earliest(*(core.next_deadline for core in self._cores))


def _oldest(_count: int) -> int:
    return 0
