"""Dispatch: from the engine's events to the application's handlers, in order, each socket for itself.

Each socket has an inbox, where they wait for their handlers; see `worker`.
"""

from __future__ import annotations

from socketio_core.app.acks import AcksWaiter, settle_ack
from socketio_core.app.adapter import Adapter, LocalAdapter, MakeAdapter
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import HandlerTable, handlers_of
from socketio_core.app.namespaces import Namespaces
from socketio_core.app.observer import Audience
from socketio_core.app.outgoing import Outgoing
from socketio_core.app.reliable import wake_waiters
from socketio_core.app.returns import Returns
from socketio_core.app.room import Room
from socketio_core.app.runtime import Runtime
from socketio_core.app.socket import Handshake, Socket
from socketio_core.app.socket_connection import SocketConnection, tell
from socketio_core.app.socket_inbox import SocketInbox, inbox_of
from socketio_core.checks import check_count
from socketio_core.engineio.events import RequestRefused
from socketio_core.engineio.session import Session
from socketio_core.socketio.connection import Connection
from socketio_core.socketio.events import (
    AckDropped,
    AckExpired,
    AckReceived,
    AcksCollected,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionUpgraded,
    ConnectRequested,
    EventReceived,
    Left,
    SessionOver,
)
from socketio_core.socketio.hub import NamespaceCore, room_bytes
from socketio_core.socketio.member import Member
from socketio_core.socketio.packet import ROOT_NAMESPACE
from socketio_core.socketio.server import ServerCore


class Dispatcher:
    """What a server does on top of its engine, and does not show: its namespaces, and whom what happens is for.

    Args:
        core: the engine.
        runtime: the event loop's part.
        concurrency: how many events of one socket may be handled at once. 1 keeps them in order; with more, only the
            order in which their handlers *start* is kept.
        audience: who is told what happens.
        adapter: makes another one than the local.
        room: see there; without one there is no bound.

    Attributes:
        outgoing: who is told what is sent.
        adapter: who answers for the members of namespaces.
        namespaces: all of them.
        room: how much may be in the hands of handlers.
        returns: the line of clients that come back.
        root: the namespace that is there from the beginning.
    """

    def __init__(
        self,
        core: ServerCore,
        runtime: Runtime,
        *,
        concurrency: int = 1,
        audience: Audience | None = None,
        adapter: MakeAdapter | None = None,
        room: Room | None = None,
    ) -> None:
        check_count("concurrency", concurrency)
        self.core = core
        self.runtime = runtime
        self.audience = audience or Audience()
        self.audience.when_rooms_matter(self._watch_rooms)
        self.outgoing = Outgoing(self.audience)
        self.concurrency = concurrency
        self.adapter: Adapter = LocalAdapter(self)
        if adapter is not None:
            self.join_others(adapter)
        self.returns = Returns()
        self.room = room or Room()
        self._connections: dict[Connection, SocketConnection] = {}  # those that somebody asked for
        self.namespaces = Namespaces(self)
        self.root = self.namespaces.of_core(core.hub.of(ROOT_NAMESPACE))
        self.namespaces.announce(self.root)

    def join_others(self, make: MakeAdapter) -> None:
        """Have an adapter made in place of the local one; before anybody is there."""
        self.adapter = make(LocalAdapter(self))

    # -- namespaces --------------------------------------------------------------------------------------------------

    def handlers_in(self, core: NamespaceCore) -> HandlerTable:
        """Return what was registered with a namespace."""
        return handlers_of(self.namespaces.of_core(core))

    def socket_of(self, member: Member) -> Socket:
        """Return the socket that stands for a member."""
        return inbox_of(member).socket

    def connection_of(self, member: Member) -> SocketConnection:
        """Return what is underneath a socket; the same for all sockets of a client."""
        connection = member.connection
        known = self._connections.get(connection)
        if known is None:
            known = SocketConnection(self, connection.session)
            if connection.session.is_open:
                self._connections[connection] = known
        return known

    def flow_of(self, session: Session) -> Flow | None:
        """Return the backpressure of a session, if the application knows it."""
        connection = session.context
        return self.flow_of_connection(connection) if isinstance(connection, Connection) else None

    def held_bytes(self, session: Session) -> int:
        """Return how much memory is taken by what a session has sent, and is not done with, about."""
        connection = session.context
        return _held_bytes(connection) if isinstance(connection, Connection) else 0

    def freed_bytes(self, session: Session) -> int:
        """Return how much of that is freed when the session is closed: not what handlers have."""
        connection = session.context
        held_bytes = connection.held_bytes if isinstance(connection, Connection) else 0
        return held_bytes + sum([inbox.waiting_bytes for inbox in self.inboxes_of(session)])

    def inboxes_of(self, session: Session) -> list[SocketInbox]:
        """Return the inboxes of a session."""
        connection = session.context
        return [inbox_of(member) for member in connection.members] if isinstance(connection, Connection) else []

    def flow_of_connection(self, connection: Connection) -> Flow:
        """Return what the sockets of a connection share."""
        flow = connection.context
        if not isinstance(flow, Flow):
            flow = Flow(self.runtime, connection.session, connection.settings)
            connection.context = flow
        return flow

    # -- dispatch ----------------------------------------------------------------------------------------------------

    def dispatch(self) -> list[SocketInbox]:
        """Take the engine's events and put them into inboxes. Returns those of which `work` must be run now.

        Acks are settled here and now, whatever handlers are running.
        """
        events = self.core.take_events()
        if not events:
            return []
        runnable: list[SocketInbox] = []
        audience = self.audience
        for event in events:
            if isinstance(event, EventReceived):  # fast path: without the call of `inbox_of`; benchmarks: server
                inbox: SocketInbox = event.member.context  # type: ignore[assignment] # see `inbox_of`
                if audience.event_received:
                    audience.tell(audience.event_received, inbox.socket, event.name, event.args)
                if inbox.put(event, event.size_bytes):
                    runnable.append(inbox)
            elif isinstance(event, (AckReceived, AckExpired, AckDropped)):
                settle_ack(event, "socket left before it acknowledged")
            elif isinstance(event, AcksCollected):
                assert isinstance(event.context, AcksWaiter)  # the one layer that asks
                event.context.settle(event)
            elif isinstance(event, ConnectRequested):
                inbox = self._inbox_for(event)
                inbox.put(event)  # the first thing in it, so somebody must work
                runnable.append(inbox)
            elif isinstance(event, Left):
                inbox = inbox_of(event.member)
                inbox.flow.wake()  # whoever waits to emit learns that it is over
                if self.outgoing.is_heard:
                    self.outgoing.note(inbox, listens=False)
                self.room.part(inbox, _left_bytes(event))
                if inbox.put(event):
                    runnable.append(inbox)
            elif isinstance(event, SessionOver):
                wake_waiters(event.session)
            else:
                self._tell(event)
        return runnable

    def socket_is_in(self, member: Member) -> None:
        """A member was let in: who waits for its client goes on."""
        wake_waiters(member.recoverable)

    def dispatch_soon(self) -> None:
        """Dispatch, with a task for each inbox that needs one."""
        for inbox in self.dispatch():
            self.runtime.spawn(inbox.work)

    def _tell(self, event: ConnectionOpened | ConnectionUpgraded | ConnectionClosed | RequestRefused) -> None:
        audience = self.audience
        if isinstance(event, ConnectionOpened):
            self.flow_of_connection(event.connection)  # which notes the time
            audience.tell(audience.connection_opened, event.connection.session)
        elif isinstance(event, ConnectionUpgraded):
            audience.tell(audience.connection_upgraded, event.connection.session)
            self._tell_connection(event.connection, "upgrade", event.connection.session.transport)
        elif isinstance(event, RequestRefused):
            audience.tell(audience.request_refused, event)
        else:
            self.flow_of_connection(event.connection).wake()
            if event.error is not None and event.error.__cause__ is not None:
                text = f"parser failed, so the connection was closed: {event.error}"
                audience.report(text, event.error.__cause__)
            audience.tell(audience.connection_closed, event.connection.session, event.reason, event.error)
            self._tell_connection(event.connection, "close", event.reason.value)
            self._connections.pop(event.connection, None)

    def _tell_connection(self, connection: Connection, moment: str, what: str) -> None:
        if connection in self._connections:
            self.runtime.spawn(tell, self._connections[connection], moment, what)

    def _watch_rooms(self) -> None:
        self.core.hub.watch_rooms(self._room_changed)

    def _room_changed(self, member: Member, room: str, is_in: bool) -> None:  # noqa: FBT001 - see `RoomWatcher`
        audience = self.audience
        if room != member.sid:
            audience.tell(audience.room_joined if is_in else audience.room_left, inbox_of(member).socket, room)

    def _inbox_for(self, event: ConnectRequested) -> SocketInbox:
        member = event.member
        flow = self.flow_of_connection(member.connection)
        handshake = Handshake(member.connection.session.request, event.auth, flow.opened_at)
        inbox = SocketInbox(self, member, self.namespaces.of_core(member.namespace), handshake, flow)
        member.context = inbox
        return inbox


def _left_bytes(event: Left) -> int:
    """Return how much memory is taken by what handlers still see of a client: what it came with, and its rooms."""
    member = event.member
    return member.connection.session.request.size_bytes + member.auth_bytes + sum(map(room_bytes, event.rooms))


def _held_bytes(connection: Connection) -> int:
    flow = connection.context
    return connection.held_bytes + (flow.held_bytes if isinstance(flow, Flow) else 0)
