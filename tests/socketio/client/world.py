"""A client and our server over a network that loses things, both sending numbers all the time.

The client leaves one namespace and comes back, sooner than the server can answer; another one keeps the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from socketio_core.errors import BufferFull
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings
from socketio_core.socketio import ConnectRequested, Member, ServerCore
from socketio_core.socketio import EventReceived as ServerEvent
from socketio_core.socketio.client import ClientCore, ConnectFailed, EventReceived, Left
from socketio_core.testing import FakeClock, Network

MAX_STEPS = 10_000  # until all has arrived; a run needs some dozens


class World:
    """All of it.

    Attributes:
        to_server, to_client: the numbers that were accepted for sending.
        at_server, at_client: those that arrived.
        of_member: those that arrived at the server, for each of its sockets.
        losses: how often the client was thrown out, or had asked to be let in, in vain, or left: by then the server may
            have said something.
        breaks: how often the connection was lost, or could not be made.
    """

    def __init__(
        self,
        choose: Callable[[int], int],
        *,
        transports: Sequence[str] = ("polling", "websocket"),
        retries: int = 0,
        random: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.clock = FakeClock()
        self.server = ServerCore(EngineSettings(path="/socket.io/", poll_grace_s=2.0))
        self.client = ClientCore(
            EngineClientSettings(path="/socket.io/", transports=transports),
            ClientSettings(retries=retries, ack_timeout_s=10.0, max_buffered_emits=10_000),
            random=random,
        )
        self.network = Network(self.server, self.clock, choose)
        self.network.attach(self.client)
        self.server.hub.of("/side")
        self.side = self.client.of("/side")
        self.socket = self.client.of("/")
        self.join()
        self.members: list[Member] = []
        self.to_server: list[int] = []
        self.to_client: list[int] = []
        self.at_server: list[int] = []
        self.at_client: list[int] = []
        self.of_member: dict[Member, list[int]] = {}
        self.losses = 0
        self.breaks = 0
        self._number = 0

    def join(self) -> None:
        """Connect what is not connected; after an answer that came too late it is for good."""
        self.socket.connect(self.clock.now)
        self.side.connect(self.clock.now)

    def leave(self) -> None:
        """Leave one namespace: what is under way is for a socket that is no more."""
        self.losses += 1
        self.socket.disconnect(self.clock.now)
        self.collect()

    def client_sends(self) -> None:
        self._number += 1
        args: list[Any] = [self._number, b"attachment"] if self._number % 5 == 0 else [self._number]
        try:
            if self.socket.emit("n", args, now=self.clock.now):
                self.to_server.append(self._number)
        except BufferFull:
            pass

    def server_sends(self) -> None:
        self._number += 1
        if self.members and self.members[-1].emit(
            "n", [self._number, b"x"] if self._number % 7 == 0 else [self._number]
        ):
            self.to_client.append(self._number)

    def collect(self) -> None:
        """Let both applications take what has happened."""
        for event in self.server.take_events():
            if isinstance(event, ConnectRequested):
                if event.member.accept(self.clock.now) and event.member.namespace.name == "/":
                    self.members.append(event.member)
            elif isinstance(event, ServerEvent):
                self.at_server.append(event.args[0])
                self.of_member.setdefault(event.member, []).append(event.args[0])
                if event.ack_id is not None:
                    event.member.acknowledge(event.ack_id, [])
        for news in self.client.take_events():
            if isinstance(news, EventReceived):
                self.at_client.append(news.args[0])
            elif isinstance(news, (Left, ConnectFailed)):
                self.losses += 1
                self.breaks += news.namespace is self.side

    def step(self) -> bool:
        """Let one thing arrive, and be handled."""
        moved = self.network.step()
        self.collect()
        return moved

    def run(self) -> None:
        """Let everything arrive, and what it causes."""
        for _ in range(MAX_STEPS):
            if not self.step():
                return
        raise AssertionError("the network does not come to rest")

    def wait(self, seconds: float) -> None:
        """Let time pass in small steps, everything arriving in between."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.run()
            self.network.advance(min(1.0, until - self.clock.now))
            self.collect()

    def check(self) -> None:
        """What must always hold."""
        self.check_once_and_in_order(self.at_client, self.to_client)
        if self.client.settings.retries:
            self.check_once_and_in_order(list(dict.fromkeys(self.at_server)), self.to_server)
        else:
            for arrived in self.of_member.values():  # a connection that was left says the rest beside the next one
                self.check_once_and_in_order(arrived, self.to_server)
            assert len(set(self.at_server)) == len(self.at_server)
        assert len(self.client.namespaces) == 2
        assert len(self.socket.pending_acks) <= 1
        assert self.client.buffered_bytes < 100_000

    def check_once_and_in_order(self, arrived: list[int], sent: list[int]) -> None:
        assert arrived == sorted(set(arrived))
        assert set(arrived) <= set(sent)

    def check_complete(self) -> None:
        """What must hold when the network was kind since the last loss: nothing is missing at the end."""
        sent = set(self.to_server)
        if self.client.settings.retries or not self.losses:
            assert set(self.at_server) == sent
        if not self.losses:
            assert self.at_client == self.to_client
