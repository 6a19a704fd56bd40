"""An application on a loop that moves by hand, and its clients in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from socketio_core import Server
from socketio_core.app import Namespace, Socket
from socketio_core.app.adapter import MakeAdapter
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler
from socketio_core.app.observer import Observer
from socketio_core.app.server import host_of
from socketio_core.app.socket import inbox_behind
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.packet import Payload
from socketio_core.engineio.session import Session
from socketio_core.errors import CloseReason, RemoteProtocolError
from socketio_core.ids import IdFactory
from socketio_core.settings import EngineSettings, RecoverySettings, SocketSettings
from socketio_core.socketio import ServerCore
from socketio_core.socketio.member import Member
from socketio_core.testing import FakeClock, WireClient, settle
from tests.app.hand_runtime import HandEvent, HandRig, HandRuntime
from tests.socketio.rig import Rig, connect_head, drain, numbered_ids


class Onlooker(Observer):
    """Notes what a log would."""

    def __init__(self, runtime: HandRuntime) -> None:
        self._runtime = runtime
        self.closed: list[CloseReason] = []
        self.refused: list[RequestRefused] = []
        self.unhandled: list[tuple[Socket, str]] = []

    def request_refused(self, refused: RequestRefused) -> None:
        self.refused.append(refused)

    def connection_closed(self, session: Session, reason: CloseReason, error: RemoteProtocolError | None) -> None:
        self.closed.append(reason)

    def event_unhandled(self, socket: Socket, name: str) -> None:
        self.unhandled.append((socket, name))

    def failed(self, what: str, error: BaseException) -> None:
        self._runtime.log_exception(what, error)


class AppRig(Rig, HandRig):
    """A `Rig` with an application on top: `run` after whatever a client did.

    Attributes:
        calls: for handlers to note what they got.
        host: what an adapter sees of the server.
        onlooker: what an observer is told.

    Args:
        beside: another one, on whose loop it runs.
    """

    def __init__(
        self,
        engine: EngineSettings | None = None,
        *,
        concurrency: int = 1,
        adapter: MakeAdapter | None = None,
        beside: AppRig | None = None,
        recovery: RecoverySettings | None = None,
        **settings: Any,
    ) -> None:
        self.clock: FakeClock = FakeClock() if beside is None else beside.clock
        self.runtime: HandRuntime = HandRuntime(self.clock) if beside is None else beside.runtime
        self._new_id: IdFactory = numbered_ids() if beside is None else beside._new_id
        self.onlooker = Onlooker(self.runtime)
        self.io = Server(
            engine=engine,
            settings=SocketSettings(**settings),
            concurrency=concurrency,
            adapter=adapter,
            new_id=self._new_id,
            recovery=recovery,
        )
        self.host = host_of(self.io)
        self.host.bind(self.runtime, self.onlooker)
        core = self.host.endpoints[0].core
        assert isinstance(core, ServerCore)
        self.server = core
        self.calls: list[Any] = []

    def flow_of(self, session: Session) -> Flow | None:
        """Return the backpressure of a session."""
        return self.host.endpoints[0].dispatcher.flow_of(session)

    @property
    def logged(self) -> list[str]:
        """Messages of what was logged."""
        return [message for message, _ in self.runtime.logged]

    def run(self) -> None:
        while True:
            self.host.work_soon()
            is_busy = self.runtime.run_ready()
            settle(self.server)
            for connection in self.server.connections:
                flow = self.flow_of(connection.session)
                assert flow is not None
                flow.output_taken()
            if not is_busy and not self.runtime.ready:
                return

    def send(self, client: WireClient, *frames: str | bytes) -> list[Payload]:
        """Let a client send, let the application work, and return what the client got."""
        client.send(*frames)
        self.run()
        return drain(client)

    def connect(self, nsp: str = "/", *, client: WireClient | None = None, auth: str = "") -> tuple[WireClient, Socket]:
        """Open a client, let it join, and return its socket."""
        client = client or self.open("websocket")
        head = connect_head(nsp)
        answers = self.send(client, f"40{head}{auth}")
        socket = newest(self.io.of(nsp))
        assert f'0{head}{{"sid":"{socket.id}"}}' in answers
        return client, socket

    def wait(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due."""
        self.advance(seconds)
        self.run()


def member_of(socket: Socket) -> Member:
    """Return what the engine knows a socket as."""
    return inbox_behind(socket).member


def flow_of(socket: Socket) -> Flow:
    """Return the backpressure of a socket's client."""
    return inbox_behind(socket).flow


def newest(namespace: Namespace) -> Socket:
    """Return the socket that joined last."""
    return list(namespace.sockets.values())[-1]


def note(rig: AppRig, what: str) -> Callable[..., None]:
    """Return a sync handler that notes what it got, sockets by their ids."""

    def handler(*args: Any) -> None:
        rig.calls.append((what, *[arg.id if isinstance(arg, Socket) else arg for arg in args]))

    return handler


def note_async(rig: AppRig, what: str) -> Callable[..., Any]:
    """Return the same as an async handler, which waits in between."""
    record = note(rig, what)

    async def handler(*args: Any) -> None:
        event = rig.runtime.new_event()
        rig.runtime.spawn(later, event.set)
        await event.wait()
        record(*args)

    return handler


def returning(value: Any) -> Handler:
    """Return a handler that returns a value, or raises it."""

    def handler(*args: object) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return handler


async def later(function: Callable[[], None]) -> None:
    function()


def noting(calls: list[Any]) -> Handler:
    """Return a handler that notes what it is told about its socket or session."""

    def handler(_: object, what: object) -> None:
        calls.append(what)

    return handler


def waiting(gate: HandEvent) -> Handler:
    """Return a handler that waits."""

    async def handler(_: object) -> None:
        await gate.wait()

    return handler


async def leave(socket: Socket) -> None:
    await socket.disconnect()


async def leave_all(socket: Socket) -> None:
    await socket.disconnect(close=True)
