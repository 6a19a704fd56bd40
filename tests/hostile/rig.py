"""A Socket.IO server whose connections are moved by hand, for clients that mean harm; no network, no clock.

place = Fort()
peers = place.crowd(ATTACKS["empty pings"], 20)
place.read()
place.turn()
"""

from __future__ import annotations

from typing import Any

from benchmarks.attacks import HANDSHAKE, JOIN, POLLING, READ_BYTES, Attack, request
from socketio_core.engineio.session import Session
from socketio_core.settings import EngineSettings, SocketSettings
from socketio_core.socketio import Parser, ServerCore
from socketio_core.socketio.events import ConnectRequested, EventReceived
from socketio_core.wire import Mount, Pace, Serving, Site
from tests.wire.by_hand import Gate, HandHost, Peer

__all__ = ["Fort", "Gate", "Peer"]


class Fort(HandHost):
    """The host, and an application that lets everybody in, counts events and echoes those called `echo`."""

    def __init__(
        self,
        engine: EngineSettings | None = None,
        settings: SocketSettings | None = None,
        *,
        gate: Gate | None = None,
        parser: Parser | None = None,
        **serving: Any,
    ) -> None:
        super().__init__()
        self.core = ServerCore(engine, settings, parser=parser)
        self.gate = gate
        self.events = 0
        self.reports: list[str] = []
        mount = Mount(self.core, pace_of=self._pace_of)
        self.site = Site(
            [mount],
            application=self,
            report=lambda what, error: self.reports.append(f"{what}: {error!r}"),
            serving=Serving(**serving),
        )
        self.next_deadline: float | None = None

    def _pace_of(self, _: Session) -> Pace | None:
        return self.gate

    def handle_timeout(self, now: float) -> None: ...

    def work(self, now: float) -> None:
        for event in self.core.take_events():
            if isinstance(event, ConnectRequested):
                event.member.accept(now)
            elif isinstance(event, EventReceived):
                self.events += 1
                if event.name == "echo":
                    event.member.emit(event.name, event.args)

    def turn(self) -> None:
        """Do what a host does in one turn of its loop, but for reading."""
        self.site.handle_timeout(self.now)
        self.flush()

    def neighbour(self) -> Peer:
        """Return an honest client over a WebSocket, which has joined."""
        peer = self.connect()
        peer.send(HANDSHAKE, JOIN)
        peer.received = b""
        return peer

    def crowd(self, attack: Attack, count: int, blocks: int = 1) -> list[Peer]:
        """Return hostile clients; what they send can be read from now on (`read`), and nothing of it was yet."""
        peers: list[Peer] = []
        for _ in range(count):
            peer = self.connect()
            if attack.opening:
                peer.send(attack.opening)
            peers.append(peer)
        sids = [self.new_sid() if b"{sid}" in attack.block else b"" for _ in peers]
        for peer, sid in zip(peers, sids, strict=True):
            peer.received = b""
            data = attack.block.replace(b"{sid}", sid) * blocks
            peer.put(*(data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)))
        return peers

    def read(self) -> int:
        """Read once from each connection that is to be read, and has sent something. Returns from how many that was."""
        count = sum([peer.give_input() for peer in self.peers])
        self.flush()
        return count

    def new_sid(self) -> bytes:
        """Open a session by polling, and join."""
        peer = self.connect()
        peer.send(request(POLLING))
        sid = peer.answer().text.split('"sid":"')[1].split('"')[0]
        peer.send(request(f"{POLLING}&sid={sid}", method="POST", body=b"40"))
        peer.end()
        return sid.encode()
