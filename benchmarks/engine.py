"""The engine alone, in memory, which is what an embedder gets: `core` and `growth`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from json import JSONDecoder, JSONEncoder

from benchmarks.messages import BINARY, BINARY_HEADER, CHAT, LARGE, TINY, event
from benchmarks.settings import Effort
from benchmarks.tables import Table
from benchmarks.timing import microseconds
from socketio_core import EngineSettings, RecoverySettings
from socketio_core.engineio import Upgrade, WebSocket
from socketio_core.http import Request
from socketio_core.socketio import ConnectRequested, EventReceived, Selection, ServerCore
from socketio_core.socketio.member import Member

_NEVER_S = 1e6
_encode = JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_decode = JSONDecoder().raw_decode
_REQUEST = Request(
    "GET",
    "/socket.io/?EIO=4&transport=websocket",
    [
        (b"host", b"localhost"),
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ],
    scheme="http",
)


class Engine:
    """A server in memory, and its members."""

    def __init__(
        self, size: int, ping_interval_s: float = _NEVER_S, *, recovery: RecoverySettings | None = None
    ) -> None:
        settings = EngineSettings(path="/socket.io/", ping_interval_s=ping_interval_s, max_sessions=20_000)
        self.server = ServerCore(settings, recovery=recovery)
        self.sockets = [self._join() for _ in range(size)]
        self.members: list[Member] = list(self.server.hub.of("/").members.values())

    def _join(self) -> WebSocket:
        action = self.server.handle_request(_REQUEST, 0.0, None)
        assert isinstance(action, Upgrade)  # the request is right
        self.server.receive(action.websocket, "40", 0.0)
        _, asked = self.server.take_events()  # the connection is there, and wants in
        assert isinstance(asked, ConnectRequested)
        asked.member.accept(0.0)
        self.drain()
        return action.websocket

    def drain(self) -> None:
        """Do what a host does after each call, but for the writing."""
        for carrier in self.server.take_ready():
            assert isinstance(carrier, WebSocket)  # nobody polls
            carrier.take()

    def echo(self, *frames: str | bytes) -> None:
        """Receive an event from the first socket and send it back."""
        for each in frames:
            self.server.receive(self.sockets[0], each, 1.0)
        for received in self.server.take_events():
            assert isinstance(received, EventReceived)  # nothing else happens
            received.member.emit(received.name, received.args)
        self.drain()


def core(effort: Effort) -> Table:
    """An event in and out, beside its JSON alone."""
    table = Table("core", "The engine alone", "an event in and out, in memory, and the JSON of it alone")
    engine, lasting = Engine(1), Engine(1, recovery=RecoverySettings())
    cases: dict[str, tuple[Engine, tuple[str | bytes, ...]]] = {
        "tiny event": (engine, (event(TINY),)),
        "200 B chat event": (engine, (event(CHAT),)),
        "the same, with recovery": (lasting, (event(CHAT),)),
        "10 kB event": (engine, (event(LARGE),)),
        "1 kB binary event": (engine, (BINARY_HEADER, BINARY)),
    }
    for label, (asked, frames) in cases.items():
        header = frames[0]
        assert isinstance(header, str)  # see above
        start = header.index("[")
        row = table.row(label)
        for _ in effort.rounds_of(table.name, label):
            whole = microseconds(partial(asked.echo, *frames), effort)
            json = microseconds(partial(_round_trip, header, start), effort)
            row.cell("in and out").values.append(whole)
            row.cell("its JSON").values.append(json)
            row.cell("the engine").values.append(whole - json)
    return table


def _round_trip(text: str, start: int) -> str:
    return _encode(_decode(text, start)[0])


def growth(effort: Effort) -> Table:
    """What an operation costs as a server grows."""
    table = Table("growth", "Growth", "an operation, as the number of what it says grows; flat is good")
    for label, prepare in _GROWING.items():
        row = table.row(label)
        for _ in effort.rounds_of(table.name, label):
            for size in effort.growth_sizes:
                per_call, operation = prepare(size)
                row.cell(f"{size:,}").values.append(microseconds(operation, effort, per_call))
    return table


Prepared = tuple[int, Callable[[], object]]
"""How many operations a call does, and the call."""


def _echo_among(size: int) -> Prepared:
    engine = Engine(size)
    frame = event(TINY)
    return 1, lambda: engine.echo(frame)


def _emit_to_room(size: int) -> Prepared:
    engine = Engine(10)
    for number in range(size):
        engine.members[number % 10].join(f"room {number}")
    target = Selection(frozenset((f"room {size // 2}",)))

    def emit() -> None:
        engine.server.broadcast("/", "message", [1], target)
        engine.drain()

    return 1, emit


def _join_and_leave(size: int) -> Prepared:
    engine = Engine(1)
    member = engine.members[0]
    for number in range(size):
        member.join(f"room {number}")

    def join_and_leave() -> None:
        member.join("another")
        member.leave("another")

    return 1, join_and_leave


def _broadcast(size: int) -> Prepared:
    engine = Engine(size)

    def emit() -> None:
        engine.server.broadcast("/", "message", [1])
        engine.drain()

    return size, emit


def _ping(size: int) -> Prepared:
    engine = Engine(size, ping_interval_s=10.0)
    times: Iterator[float] = iter(float(10 * n) for n in range(1, 1_000_000))

    def ping() -> None:
        at = next(times)
        engine.server.handle_timeout(at)
        engine.drain()
        for websocket in engine.sockets:
            engine.server.receive(websocket, "3", at)

    return size, ping


_GROWING: dict[str, Callable[[int], Prepared]] = {
    "event in and out, by connections": _echo_among,
    "emit to a room of one, by rooms": _emit_to_room,
    "join and leave, by rooms of the socket": _join_and_leave,
    "broadcast, each recipient, by connections": _broadcast,
    "ping and pong, each, by connections": _ping,
}
