"""Servers of a cluster with clients, without I/O: cores, machines, a Redis in memory, and a clock that tests turn."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

from socketio_core.cluster.events import ClusterEvent, StateChanged, Told
from socketio_core.cluster.messages import Broadcast, Message, RoomsJoin, RoomsLeave, SocketsDisconnect
from socketio_core.cluster.restoring import Restoring
from socketio_core.cluster.selecting import audience_of, selection_of
from socketio_core.cluster.stream_log import StreamLog
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.cluster.transports import Streams
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineSettings, RecoverySettings
from socketio_core.socketio import ConnectRequested, Member, Selection, ServerCore
from socketio_core.socketio.parser import Parser
from socketio_core.socketio.selection import EVERYONE
from socketio_core.socketio.shared_log import SharedEvent
from socketio_core.testing import FakeClock
from tests.cluster.bus import Bus, Server
from tests.socketio.recovery_world import Reference


class NotingLog(StreamLog):
    """A log that notes what it gives up."""

    def __init__(self, given_up: set[int], *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        recovery = self.recovery
        settle = recovery.sender.settle

        def noting(event: SharedEvent, offset: str | None) -> None:
            if offset is None:
                number: Any = event.args[1]
                given_up.add(number)
            settle(event, offset)

        recovery.sender.settle = noting  # type: ignore[method-assign]


class CoreServer(Server):
    """A server whose clients come and go.

    Attributes:
        members: that are in, by id.
        given_up: what was sent without its place in the stream that all share.
    """

    def __init__(
        self,
        bus: Bus,
        number: int,
        kind: str,
        random_: random.Random,
        clock: FakeClock,
        *,
        max_length: int = 10_000,
        parser: Parser | None = None,
        max_missed: int = 5_000,
    ) -> None:
        super().__init__(bus, number, "streams" if kind == "recovery" else kind, random_, max_length)
        self.clock = clock
        self.core_ids = 0
        self.core = ServerCore(
            EngineSettings(path="/socket.io/"),
            recovery=RecoverySettings(max_missed_events=max_missed) if kind == "recovery" else None,
            new_id=self._new_core_id,
            parser=parser,
        )
        self.members: dict[str, Member] = {}
        self.given_up: set[int] = set()
        self.log: StreamLog | None = None
        self.restored: list[tuple[ConnectRequested, Restoring]] = []
        if kind == "recovery":
            transport, recovery = self.transport, self.core.recovery
            assert isinstance(transport, Streams)
            assert recovery is not None
            self.log = NotingLog(
                self.given_up,
                self.machine,
                transport,
                recovery,
                self,
            )
        self.machine.open_namespace("/")
        self.core.hub.watch_rooms(self._room_changed)

    def now(self) -> float:
        """See `Home`, as the next ones."""
        return self.clock.now

    def report(self, what: str) -> None:
        """Note it."""
        self.reports.append(what)

    def tell(self, message: Message) -> None:
        """Tell the others."""
        self.machine.tell(message, self.clock.now)

    def wake(self) -> None:
        """Do nothing: it is looked at in each turn."""

    def pace_changed(self) -> None:
        """Do nothing."""

    def _room_changed(self, member: Member, room: str, is_in: bool) -> None:  # noqa: FBT001 - see `RoomWatcher`
        count = len(member.namespace.rooms.get(room, ()))
        if is_in and count == 1:
            self.machine.room_created("/", room)
        elif not count:
            self.machine.room_deleted("/", room)

    def _new_core_id(self) -> str:
        self.core_ids += 1
        return f"{self.uid[-1]}.{self.uid}.{self.core_ids}"  # logs are told apart by how their ids begin

    def turn(self, now: float, *, chance: float = 1.0) -> bool:
        """See `Server`."""
        self.core.handle_timeout(now)
        if self.log is not None:
            self.log.handle_timeout(now)
        is_busy = super().turn(now, chance=chance)
        return self.collect() or is_busy

    # -- what others say ---------------------------------------------------------------------------------------------

    def take(self, event: ClusterEvent, now: float) -> None:
        """Do what others say."""
        super().take(event, now)
        if isinstance(event, Echoed):
            if self.log is not None:
                self.log.echoed(event)
        elif isinstance(event, StateChanged):
            if self.log is not None:
                self.log.state_changed(event.state, was_forgotten=event.was_forgotten)
        elif isinstance(event, Told):
            self._do(event)

    def _do(self, event: Told) -> None:
        message = event.message
        if isinstance(message, Broadcast):
            selection = selection_of(message.audience)
            if self.log is not None and event.entry_id is not None:
                with suppress(LocalProtocolError):  # what makes no sense is left out
                    self.log.recovery.sender.hear("/", message.args, selection, event.entry_id)
            else:
                self.core.broadcast("/", message.args[0], message.args[1:], selection)
        elif isinstance(message, (RoomsJoin, RoomsLeave)):
            self.move(
                selection_of(message.audience), set(map(str, message.rooms)), is_in=isinstance(message, RoomsJoin)
            )
        elif isinstance(message, SocketsDisconnect):
            self.disconnect(selection_of(message.audience))

    # -- what is done here -------------------------------------------------------------------------------------------

    def move(self, selection: Selection, rooms: set[str], *, is_in: bool) -> None:
        """Let members of this server join or leave rooms."""
        for member in list(self.core.hub.of("/").recipients(selection)):
            for room in rooms:
                member.join(room) if is_in else member.leave(room)

    def disconnect(self, selection: Selection) -> None:
        """Make members of this server leave."""
        for member in list(self.core.hub.of("/").recipients(selection)):
            member.disconnect(self.clock.now)

    def emit(self, *args: Any, selection: Selection = EVERYONE) -> int:
        """Send an event to clients of all servers."""
        count = self.core.broadcast("/", "n", args, selection)
        if self.log is None or selection.volatile:
            message = Broadcast(self.uid, "/", ["n", *args], audience_of(selection))
            self.machine.tell(message, self.clock.now, volatile=selection.volatile)
        return count

    # -- clients -----------------------------------------------------------------------------------------------------

    def collect(self) -> bool:
        """Look after clients that want to be let in, and those that were looked for. Returns whether there were any."""
        events = self.core.take_events()
        for event in events:
            if not isinstance(event, ConnectRequested):
                continue
            if event.claim is None or self.log is None:
                self.accept(event.member)
            else:
                self.restored.append((event, self.log.restore("/", event.claim, _nothing)))
        found = [each for each in self.restored if each[1].is_over]
        self.restored = [each for each in self.restored if not each[1].is_over]
        for event, restoring in found:
            session = restoring.session
            if restoring.is_here:
                assert event.claim is not None
                session = self.core.take_session("/", event.claim, self.clock.now)
            if session is not None:
                event.member.restore(session)
            self.accept(event.member)
        return bool(events or found)

    def accept(self, member: Member) -> None:
        """Let a member in."""
        if member.accept(self.clock.now):
            self.members[member.sid] = member


def _nothing() -> None:
    """Do nothing: it is looked at in each turn."""


class Cores:
    """Some servers, and a way to be their client."""

    def __init__(
        self,
        kind: str,
        size: int = 2,
        *,
        seed: int = 1,
        max_length: int = 10_000,
        knows_resp3: bool = True,
        **how: Any,
    ) -> None:
        self.bus = Bus(knows_resp3=knows_resp3)
        self.clock = FakeClock()
        self.random = random.Random(seed)
        self.servers = [
            CoreServer(self.bus, number, kind, self.random, self.clock, max_length=max_length, **how)
            for number in range(size)
        ]
        self.settle()

    def settle(self, after_s: float = 0.0) -> None:
        """Go on until nothing happens any more."""
        self.clock.now += after_s
        for _ in range(200):
            busy = [server.turn(self.clock.now) for server in self.servers]
            if not any(busy):
                return
        raise AssertionError("it does not come to rest")

    def end_redis(self) -> None:
        """End it, and each connection to it."""
        self.bus.is_up = False
        for server in self.servers:
            for link in server.machine.links:
                self.bus.drop(link, self.clock.now)

    def start_redis(self) -> None:
        """Start it again, and wait until all are connected."""
        self.bus.is_up = True
        for _ in range(4):
            self.settle(1.0)

    def client(self, server: CoreServer) -> Reference:
        """Return a new client."""
        client = Reference(server.core, self.clock)
        client.connect()
        self.settle()
        client.read()
        return client


def with_a_client(world: Cores) -> tuple[CoreServer, CoreServer, Reference]:
    """Return two servers, and a client of the first that has got event 1."""
    first, second = world.servers
    client = world.client(first)
    first.emit(1)
    world.settle()
    client.read()
    return first, second, client


def lose(client: Reference, world: Cores) -> None:
    """Break a connection, which the server notices."""
    client.cut(server_knows=True)
    world.settle()


def come_back(client: Reference, server: CoreServer, world: Cores) -> bool:
    """Connect to a server; return whether the client got back what it had."""
    client.move(server.core)
    client.connect()
    world.settle()
    client.read()
    return client.recovered[-1]
