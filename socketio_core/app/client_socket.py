"""A client's socket as an application sees it: handlers, streams of events, calls. The same on every event loop.

Its handlers run one after another, in order (see `worker`). Acks do not wait for them: they are settled at once,
so a handler may call the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload

from socketio_core.app.acks import AckWaiter
from socketio_core.app.declared import DeclaredEvent, answer_args, answer_to
from socketio_core.app.event_stream import EventStream
from socketio_core.app.registering import OwnHandlers
from socketio_core.app.runtime import Runtime
from socketio_core.app.socket_operator import ClientSocketOperator, answer_of_server
from socketio_core.app.threads import CallableFromThreads
from socketio_core.errors import RemoteProtocolError
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.app.client_host import ClientHost
    from socketio_core.app.client_inbox import ClientInbox
    from socketio_core.app.client_manager import ClientManager

Auth = (
    Mapping[str, JSONValue] | Callable[[], Mapping[str, JSONValue] | Awaitable[Mapping[str, JSONValue] | None] | None]
)
"""What is sent with each CONNECT: an object, or a sync or async function that is asked each time."""

CONNECT_AGAIN: Final = "call socket.connect()"  # or see `cli.connection`, for who types

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ConnectError(Exception):
    """The socket is not connected: the server refused it, or there is no connection.

    Attributes:
        message: what the server said, or what was tried and why each attempt failed.
        data: what a refusal came with, else `None`.
        namespace: of the socket; in the text only where it is not the root.
    """

    def __init__(self, message: str, data: JSONValue = None, namespace: str = "/") -> None:
        super().__init__(message if namespace == "/" else f"{namespace}: {message}")
        self.message = message
        self.data = data
        self.namespace = namespace


class ClientSocket(OwnHandlers, CallableFromThreads):
    """The client in one namespace.

    Handlers of events are given the arguments alone; `connect` is given nothing, `disconnect` the reason and
    `connect_error` a `ConnectError`. What a handler returns is the acknowledgement: nothing for `None`, several
    arguments for a tuple; of several handlers the first answer counts. A handler of `on_any` that returns nothing does
    not acknowledge. `disconnect` is told behind the events that came before, but whatever becomes of their handlers.

    Attributes:
        asks_ack: whether the event that its handlers are being told of asks for an acknowledgement.
        disconnect_error: what went wrong when it was last disconnected, in words; `None` if the reason says it all.
    """

    def __init__(self, host: ClientHost, core: ClientNamespace, inbox: ClientInbox, auth: Auth | None) -> None:
        self._host = host
        self._core = core
        self._inbox = inbox
        self._handlers = inbox.handlers
        self.auth = auth
        self.asks_ack = False
        self.disconnect_error: RemoteProtocolError | None = None

    def __repr__(self) -> str:
        return f"<ClientSocket of {self.nsp}, {self._core.state.value}>"

    @property
    def auth(self) -> Auth | None:
        """Sent with each CONNECT: a JSON object, or a function that is asked each time.

        A new one counts from the next connect on: `socket.auth = {...}; socket.connect()`.
        """
        return self._auth

    @auth.setter
    def auth(self, auth: Auth | None) -> None:
        self._auth = check_auth(auth)
        self._core.asks_auth = callable(auth)
        self._core.auth = None if callable(auth) else auth

    @property
    def manager(self) -> ClientManager:
        """The connection, and what is told about it: `socket.manager.on("reconnect_attempt", ...)`."""
        return self._host.manager

    @property
    def id(self) -> str:
        """The socket's public id; `""` while it is not connected."""
        return self._core.sid

    @property
    def nsp(self) -> str:
        """The name of its namespace."""
        return self._core.name

    @property
    def connected(self) -> bool:
        """Whether it is in its namespace."""
        return self._core.is_connected

    @property
    def disconnected(self) -> bool:
        """Whether it is not."""
        return not self.connected

    @property
    def active(self) -> bool:
        """Whether it is connected, or will be by itself as soon as it can."""
        return self._core.is_active

    @property
    def recovered(self) -> bool:
        """Whether the server restored, at the last connect, what was there before; missed events follow then."""
        return self._core.recovered

    @property
    def transport(self) -> str | None:
        """`"polling"` or `"websocket"`; `None` without a connection."""
        session = self._host.core.session
        return None if session is None else session.transport

    def of(self, name: str, auth: Auth | None = None) -> ClientSocket:
        """Return the socket of another namespace over the same connection, and connect it if it is new.

        It does not wait: events are buffered until the server has let it in, or `await socket.wait_connected()`. One
        that was refused, or has left, takes a new `auth` and connects again.
        """
        return self._host.socket_of(name, auth)

    # -- joining and leaving -----------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect again, after `disconnect`, a refusal, or the server's goodbye; it does not wait.

        Raises:
            LocalProtocolError: the block of `connect(...)` was left.
        """
        self._inbox.acting.connect(self._host.runtime.now())

    async def wait_connected(self) -> None:
        """Wait until the socket is connected.

        Raises:
            ConnectError: it will not be by itself.
        """
        await self._host.runtime.check_cancelled()
        while not self.connected:
            if not self.active:
                if (last := self._inbox.last_error) is not None:
                    raise ConnectError(last.message, last.data, last.namespace)
                raise ConnectError(f"socket was disconnected, and will not connect by itself; {CONNECT_AGAIN}")
            try:
                await self._next_outcome()
            except ConnectError:
                if not self.active:
                    raise

    async def wait_first_outcome(self) -> None:
        """Wait until the socket is connected, or an attempt has failed.

        Raises:
            ConnectError: it has.
        """
        if not self.connected:
            await self._next_outcome()

    async def _next_outcome(self) -> None:
        event = self._host.runtime.new_event()
        waiter = AckWaiter(event.set)
        self._inbox.waiters.append(waiter)
        try:
            await event.wait()
        finally:
            self._inbox.waiters.remove(waiter)
        if isinstance(waiter.outcome, Exception):
            raise waiter.outcome

    async def disconnect(self) -> None:
        """Leave the namespace, and do not come back by itself; the connection ends with its last namespace.

        Events that have come, and wait for their handlers, are not handled any more.
        """
        await self._host.runtime.check_cancelled()
        self._host.dispatch_soon()  # all that has come, and nothing that comes after the next `connect`
        self._inbox.dismiss()
        if not self.connected:  # else its goodbye does it
            self._inbox.end_streams()
        self._inbox.acting.disconnect(self._host.runtime.now())
        self._inbox.give_up_waiting("socket was disconnected")
        self._host.dispatch_soon()

    # -- how ---------------------------------------------------------------------------------------------------------

    @property
    def volatile(self) -> ClientSocketOperator:
        """Drop an event that cannot leave at once: `await socket.volatile.emit(...)`."""
        return ClientSocketOperator(self._inbox).volatile

    def compress(self, compress: bool) -> ClientSocketOperator:  # noqa: FBT001 - the name users know
        """With `False`, do not compress the message though the transport could: it is packed already, or short."""
        return ClientSocketOperator(self._inbox).compress(compress)

    def timeout(self, seconds: float | None) -> ClientSocketOperator:
        """How long a `call` waits: `await socket.timeout(5).call(...)`; `None` for as long as the connection lasts.

        Raises:
            LocalProtocolError: it is no such time.
        """
        return ClientSocketOperator(self._inbox).timeout(seconds)

    # -- events ------------------------------------------------------------------------------------------------------

    @overload
    async def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    async def emit(self, name: str, *args: JSONValue) -> bool: ...
    async def emit(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """Send an event. Waits only while the outgoing buffer is above its high-water mark.

        While the socket is not connected, the event is buffered and sent, in order, once it is. Returns `False` when
        the block of `connect(...)` was left, and the event was dropped.

        Raises:
            LocalProtocolError: a reserved name, data that is not JSON, or more of it than the server takes.
            BufferFull: too much is buffered while the socket is not connected or, with `retries`, not acknowledged.
        """
        inbox, runtime = self._inbox, self._host.runtime
        await runtime.check_cancelled()
        session = self._host.core.session
        if session is not None and session.is_over_high_water:
            await inbox.wait_writable()
        sent = inbox.acting.emit(name, args, now=runtime.now())
        if sent and inbox.hears_outgoing:
            inbox.tell_outgoing(name, args)
        return sent

    async def send(self, *args: JSONValue) -> bool:
        """Send an event called `"message"`; see `emit`."""
        return await self.emit("message", *args)

    @overload
    def emit_nowait(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    def emit_nowait(self, name: str, *args: JSONValue) -> bool: ...
    def emit_nowait(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """The same, for sync code.

        Raises:
            BufferFull: the outgoing buffer is above its high-water mark; nothing was sent.
        """
        return self._inbox.noted(self._inbox.acting.emit_nowait(name, args, now=self._host.runtime.now()), name, args)

    @overload
    def emit_volatile(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    def emit_volatile(self, name: str, *args: JSONValue) -> bool: ...
    def emit_volatile(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """Send an event if it can leave at once; returns whether it did."""
        sent = self._inbox.acting.emit(name, args, now=self._host.runtime.now(), volatile=True)
        return self._inbox.noted(sent, name, args)

    @overload
    async def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    async def call(self, name: str, *args: JSONValue, timeout: float | None = 5.0) -> JSONValue: ...
    async def call(self, name: Any, *args: Any, timeout: float | None = 5.0) -> Any:  # type: ignore[misc] # see `Declare`
        """Send an event and wait for the server's acknowledgement: `None`, a value, or a tuple of several.

        Args:
            timeout: in seconds, which count though the event itself must wait; `None` waits for as long as the
                connection lasts. With `retries` the time is `ack_timeout_s` for each try instead.

        Raises:
            AckTimeout: it did not come in time.
            Disconnected: the connection was lost behind the event, the block of `connect(...)` was left, or the socket
                is not connected and will not be by itself, for it was refused or disconnected.
            InvalidEvent: the answer is not what was declared.
            LocalProtocolError, BufferFull: as `emit`.
        """
        how = Selection(timeout_s=check_timeout(timeout))
        return answer_to(name, await answer_of_server(self._inbox, name, args, how))

    @overload
    async def emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[JSONValue]: ...
    @overload
    async def emit_with_ack(self, name: str, *args: JSONValue, timeout: float | None = 5.0) -> list[JSONValue]: ...
    async def emit_with_ack(self, name: Any, *args: Any, timeout: float | None = 5.0) -> list[JSONValue]:  # type: ignore[misc] # see `Declare`
        """Do what `call` does, and return all arguments of the acknowledgement: `[]` and `[None]` are told apart.

        They are as they came; what was declared is only looked at.
        """
        how = Selection(timeout_s=check_timeout(timeout))
        return answer_args(name, await answer_of_server(self._inbox, name, args, how))

    def events(self) -> EventStream:
        """Return a stream of the events from now on: `async for name, *args in socket.events()`.

        While nobody takes from it, and it holds as much as `max_queued_events` says, nothing more is read from the
        server; so close it when it is no longer needed, as `async with socket.events() as events:` does, or forget it.
        Events that ask for an acknowledgement get none from here: use `on`.

        An event may have one string more at its end than was emitted: the server's mark, if it has recovery turned on.
        """
        self._host.runtime.check_caller()
        stream = EventStream(self._host.flow, self._host.runtime)
        if self.active:
            self._inbox.streams.add(stream)
            self._inbox.has_streams = True
        else:
            stream.end()
        return stream

    def _runtime(self) -> Runtime:
        return self._host.runtime

    def _outgoing_changed(self) -> None:
        self._inbox.hears_outgoing = bool(self._handlers.outgoing)


_A = TypeVar("_A")


def check_auth(auth: _A) -> _A:
    """Return `auth`, if it is a mapping, a function, or nothing.

    Raises:
        TypeError: it is none of these.
    """
    found: object = auth
    if not (found is None or callable(found) or isinstance(found, Mapping)):
        raise TypeError(f"auth must be a dict or a function that returns one, as in auth={{'token': '...'}}: {auth!r}")
    return auth
