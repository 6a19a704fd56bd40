"""Handlers for bare Engine.IO, for applications that want its messages and no Socket.IO.

As with Socket.IO's sockets, the messages of one session are handled one after another, and a slow handler delays no
other session; see `worker`.
"""

from __future__ import annotations

from typing import Any, Final

from socketio_core.app.failures import failure_of, has_failed, names_of
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import HandlerTable, Registrar, run
from socketio_core.app.observer import Audience
from socketio_core.app.room import Room
from socketio_core.app.runtime import Runtime
from socketio_core.app.worker import Inbox
from socketio_core.engineio.engine import Engine
from socketio_core.engineio.events import Closed, Opened, RequestRefused, Upgraded
from socketio_core.engineio.message import received_size
from socketio_core.engineio.packet import Payload
from socketio_core.engineio.session import Session
from socketio_core.errors import BufferFull
from socketio_core.http import Request
from socketio_core.settings import SocketSettings

MOMENTS: Final = ("connection", "message", "upgrade", "close")


class EngineSession:
    """One client of a bare Engine.IO server.

    Attributes:
        data: whatever the application wants to keep with the session.
    """

    __slots__ = ("_inbox", "_session", "data")

    def __init__(self, inbox: SessionInbox) -> None:
        self._inbox = inbox
        self._session = inbox.session
        self.data: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<EngineSession on {self.transport}, {'open' if self.connected else 'closed'}>"

    @property
    def sid(self) -> str:
        """Its id; secret, since it is all that a request needs to act for the client."""
        return self._session.sid

    @property
    def request(self) -> Request:
        """The request that the client came with."""
        return self._session.request

    @property
    def transport(self) -> str:
        """`"polling"` or `"websocket"`."""
        return self._session.transport

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._session.is_open

    async def send(self, message: Payload, *, compress: bool = True) -> bool:
        """Send a message, text or bytes. Waits only while the outgoing buffer is above its high-water mark.

        Returns `False` when the session is over, and the message was dropped.

        Args:
            message: to be sent.
            compress: with `False`, the message is not compressed though the transport could; a response to a poll is
                where another message in it may be.

        Raises:
            LocalProtocolError: text with a lone surrogate, or a message that no buffer could hold.
        """
        await self._inbox.runtime.check_cancelled()
        while self._inbox.flow.is_over_high_water and self.connected:
            await self._inbox.flow.wait_drained()
        return self._send(message, compress=compress)

    def send_nowait(self, message: Payload, *, compress: bool = True) -> bool:
        """The same, for sync code.

        Raises:
            BufferFull: the outgoing buffer is above its high-water mark; nothing was sent.
        """
        self._inbox.runtime.check_caller()
        if self._inbox.flow.is_over_high_water and self.connected:
            raise BufferFull(f"outgoing buffer is full: {self._session.buffered_bytes} bytes, see high_water_bytes")
        return self._send(message, compress=compress)

    def _send(self, message: Payload, *, compress: bool) -> bool:
        sent = self._inbox.acting.send(message, self._inbox.runtime.now(), compress=compress)
        audience = self._inbox.app.audience
        if sent and audience.message_sent:
            audience.tell(audience.message_sent, self, message)
        return sent

    async def close(self) -> None:
        """Close the session; what was sent before still goes out, what waits for handlers is not handled any more."""
        await self._inbox.runtime.check_cancelled()
        self._inbox.acting.close(self._inbox.runtime.now())
        self._inbox.app.dispatch_soon()


class SessionInbox(Inbox[Opened | Payload | Upgraded | Closed]):
    """The messages of one session.

    Attributes:
        app: where it belongs.
        session: what the engine knows the client as; its `context` is this.
        client: what handlers see of it.
        is_let_in: they have heard of it; else there was no room, and they do not.
    """

    __slots__ = ("app", "client", "is_let_in", "session")

    def __init__(self, app: EngineDispatcher, session: Session, flow: Flow) -> None:
        super().__init__(app.runtime, flow, slow=app.audience.slow_handlers, room=app.room)
        self.app = app
        self.session = session
        self.client = EngineSession(self)
        self.is_let_in = False

    @property
    def is_client_gone(self) -> bool:
        """See `Inbox`."""
        return self.session.is_closed

    @property
    def acting(self) -> Session:
        """The session, to be told something; see `Inbox`."""
        self.runtime.output_ready()
        return self.session

    def describe(self, event: Opened | Payload | Upgraded | Closed) -> str:
        """See `Inbox`."""
        moments = {Opened: "connection", Upgraded: "upgrade", Closed: "close"}
        moment = "message" if isinstance(event, (str, bytes)) else moments[type(event)]
        return f"handler of {moment!r} at {self.app.core.path}: {names_of(self.app.handlers.listeners(moment))}"

    async def handle(self, event: Opened | Payload | Upgraded | Closed) -> None:
        """See `Inbox`."""
        if isinstance(event, (str, bytes)):
            if not self.session.was_let_go:  # else this came behind that
                await self.app.run_all("message", self.client, event)
        elif isinstance(event, Opened):
            if self.app.room.is_full:
                self.acting.close(self.runtime.now(), wait=False)
                self.app.dispatch_soon()
                return
            self.is_let_in = True
            await self.app.run_all("connection", self.client)
        elif isinstance(event, Upgraded):
            await self._tell("upgrade", self.client, self.client.transport)
        else:
            client = self.client
            del self.client  # which knows this: nothing is left to the garbage collector
            try:
                await self._tell("close", client, event.reason.value)
            finally:
                self.app.room.forget(self)  # all that came before is handled, too

    async def _tell(self, moment: str, *args: object) -> None:
        """Run the handlers of what happens to a session, if they have heard of it."""
        if self.is_let_in:
            await self.app.run_all(moment, *args)


def session_inbox_behind(client: EngineSession) -> SessionInbox:
    """Return what the application keeps of a session and does not show."""
    return client._inbox  # pyright: ignore[reportPrivateUsage] # hidden from users, not from here


class EngineDispatcher:
    """What a bare Engine.IO server does on top of its engine, and does not show.

    Args:
        core: the engine.
        runtime: the event loop's part.
        settings: `max_queued_events` and `max_queued_bytes` count for messages too.
        audience: who is told what happens.
        room: see there; without one there is no bound.

    Attributes:
        handlers: what was registered.
        room: how much may be in the hands of handlers.
    """

    def __init__(
        self,
        core: Engine,
        runtime: Runtime,
        settings: SocketSettings,
        *,
        audience: Audience | None = None,
        room: Room | None = None,
    ) -> None:
        self.core = core
        self.runtime = runtime
        self.audience = audience or Audience()
        self.handlers = HandlerTable(lifecycle={}, known=MOMENTS)
        self.room = room or Room()
        self._settings = settings

    def flow_of(self, session: Session) -> Flow | None:
        """Return the backpressure of a session, if the application knows it."""
        return session.context.flow if isinstance(session.context, SessionInbox) else None

    def held_bytes(self, session: Session) -> int:
        """Return how much memory is taken by what a session has sent, and is not done with, about."""
        return session.context.flow.held_bytes if isinstance(session.context, SessionInbox) else 0

    def freed_bytes(self, session: Session) -> int:
        """Return how much of that is freed when the session is closed: not what handlers have."""
        return sum([inbox.waiting_bytes for inbox in self.inboxes_of(session)])

    def inboxes_of(self, session: Session) -> list[SessionInbox]:
        """Return the inbox of a session, if there is one."""
        return [session.context] if isinstance(session.context, SessionInbox) else []

    def dispatch(self) -> list[SessionInbox]:
        """Take the engine's events and put them into inboxes. Returns those of which `work` must be run now."""
        runnable: list[SessionInbox] = []
        audience = self.audience
        for session, event in self.core.take_events():
            if session is None:
                assert isinstance(event, RequestRefused)  # the one event without a session
                audience.tell(audience.request_refused, event)
                continue
            assert not isinstance(event, RequestRefused)  # see above
            if isinstance(event, Upgraded):
                audience.tell(audience.connection_upgraded, session)
                if not self.handlers.listeners("upgrade"):
                    continue
            if isinstance(event, Opened):
                audience.tell(audience.connection_opened, session)
                flow = Flow(self.runtime, session, self._settings)
                session.context = SessionInbox(self, session, flow)
            inbox = session.context
            assert isinstance(inbox, SessionInbox)  # set at Opened, which came first
            size_bytes = None
            if isinstance(event, (str, bytes)):
                size_bytes = received_size(event)
                if audience.message_received:
                    audience.tell(audience.message_received, inbox.client, event)
            elif isinstance(event, Closed):
                inbox.flow.wake()  # whoever waits to send learns that it is over
                self.room.part(inbox, session.request.size_bytes)
                audience.tell(audience.connection_closed, session, event.reason, event.error)
                session.context = None  # it is over, and so is this; else both would need the garbage collector
            if inbox.put(event, size_bytes):
                runnable.append(inbox)
        return runnable

    def dispatch_soon(self) -> None:
        """Dispatch, with a task for each inbox that needs one."""
        for inbox in self.dispatch():
            self.runtime.spawn(inbox.work)

    async def run_all(self, name: str, *args: object) -> None:
        """Run all handlers of a moment; what one of them raises is reported."""
        for handler in self.handlers.of_event(name):
            try:
                await run(handler, *args)
            except BaseException as error:
                if not has_failed(error, self.runtime):
                    raise
                self.audience.report(*failure_of(handler, name, args, error))


class EngineServer(Registrar):
    """A bare Engine.IO server: what its handlers are registered with. Made by `Server.attach_engine`.

    Handlers, sync or async, are registered for `"connection"`, and given the session then, for `"message"`, given the
    session and a `str` or `bytes`, for `"upgrade"`, given the session and its new transport, and for `"close"`, given
    the session and the reason, e.g. `"transport close"`.
    """

    def __init__(self, dispatcher: EngineDispatcher) -> None:
        self._dispatcher = dispatcher
        self._handlers = dispatcher.handlers

    @property
    def sessions(self) -> list[EngineSession]:
        """All sessions that are there, oldest first."""
        contexts = [session.context for session in self._dispatcher.core.sessions]
        return [context.client for context in contexts if isinstance(context, SessionInbox)]
