"""What the application keeps of a client's socket and does not show: what waits for its handlers, and who for it."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from socketio_core.app.acks import AckWaiter, Disconnected, ack_args
from socketio_core.app.client_socket import CONNECT_AGAIN, Auth, ClientSocket, ConnectError
from socketio_core.app.declared import Checked
from socketio_core.app.event_stream import EventStream
from socketio_core.app.failures import accepts, fitting, why_left
from socketio_core.app.handlers import CLIENT_LIFECYCLE, REST, Handler, HandlerTable
from socketio_core.app.outgoing import tell_outgoing
from socketio_core.app.waiting import Until
from socketio_core.app.worker import Inbox
from socketio_core.socketio.client.events import Connected, ConnectFailed, EventReceived, Left
from socketio_core.socketio.client.namespace import ClientNamespace
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from socketio_core.app.client_host import ClientHost

_COROUTINE: Any = CoroutineType  # of whatever; what a handler returns is not to be narrowed by it

FAILED: Final = object()
"""The outcome of a handler that raised."""


class ClientInbox(Inbox[EventReceived | Connected | ConnectFailed | Left]):
    """The events of one socket of a client.

    Attributes:
        handlers: what was registered for it.
        hears_outgoing: some of them are told of what is sent.
        streams: the same events, for those who rather loop; `has_streams` once there was one.
        waiters: who waits for it to be connected.
        last_error: why it is not connected, if it was refused or given up.
        socket: what handlers know; `core.context` is this.
    """

    def __init__(self, host: ClientHost, core: ClientNamespace, auth: Auth | None, concurrency: int) -> None:
        super().__init__(host.runtime, host.flow, concurrency)
        self._host = host
        self._core = core
        self._dismissals = 0  # how often `dismiss` was called
        self.handlers = HandlerTable(lifecycle=CLIENT_LIFECYCLE)
        self.hears_outgoing = False
        self.streams: WeakSet[EventStream] = WeakSet()
        self.has_streams = False
        self.waiters: list[AckWaiter] = []
        self.last_error: ConnectError | None = None
        self.socket = ClientSocket(host, core, self, auth)

    @property
    def acting(self) -> ClientNamespace:
        """The namespace, to be told something; see `Inbox`."""
        self.runtime.output_ready()
        return self._core

    def settle_outcome(self, event: Connected | ConnectFailed) -> None:
        """Wake who waits for the socket to be connected."""
        self.last_error = _error_of(event) if isinstance(event, ConnectFailed) else None
        outcome: list[JSONValue] | Exception = self.last_error or []
        for waiter in list(self.waiters):
            waiter.settle(outcome)

    def client_closed(self) -> None:
        """Nothing more comes, and nobody needs to wait."""
        self.end_streams()
        self.give_up_waiting("client was closed")

    def end_streams(self) -> None:
        """Nothing more comes by itself."""
        for stream in list(self.streams):
            stream.end()

    def give_up_waiting(self, message: str) -> None:
        """Wake who waits for the socket to be connected: it will not be."""
        for waiter in list(self.waiters):
            waiter.settle(ConnectError(message))

    @property
    def is_full(self) -> bool:
        """Whether the outgoing buffer is above its high-water mark; without a connection nothing goes there."""
        return self._host.core.is_over_high_water and self._core.is_connected

    def until(self, timeout_s: float | None) -> Until | None:
        """Return when a call that begins now is given up; with `retries` its own time is not looked at."""
        if timeout_s is None or self._host.core.settings.retries:
            return None
        return Until(self.runtime, self._core.client.schedule, self.runtime.now() + timeout_s)

    async def wait_writable(self, until: Until | None = None) -> None:
        """Wait until something may be sent, or the time is up."""
        await self.runtime.check_cancelled()
        while self.is_full and (until is None or until.left_s > 0):
            await self._host.flow.wait_drained(until)

    def noted(self, sent: bool, name: str, args: Sequence[JSONValue]) -> bool:  # noqa: FBT001 - the fact
        """Tell of an event, if it was sent, whoever wants to be told. Returns whether it was."""
        if sent and self.hears_outgoing:
            self.tell_outgoing(name, args)
        return sent

    def tell_outgoing(self, name: str, args: Sequence[JSONValue]) -> None:
        """Tell handlers of outgoing events of one."""
        for handler in self.handlers.outgoing:
            tell_outgoing(self.runtime.log_exception, handler, name, *args)

    def check_answerable(self, name: str) -> None:
        """Check that an answer to an event may come.

        Raises:
            Disconnected: the socket is not connected, and will not be by itself.
        """
        if not self._core.is_active and not self._host.core.is_closing:
            why = "" if self.last_error is None else f": {self.last_error.message}"
            raise Disconnected(f"{name!r} was not sent, {self._core.name} is not connected{why}; {CONNECT_AGAIN}")

    def dismiss(self) -> None:
        """Forget the events that wait: the socket was told to leave."""
        self._dismissals += 1
        self.drop_events()

    # -- handlers ----------------------------------------------------------------------------------------------------

    def handle(self, event: EventReceived | Connected | ConnectFailed | Left) -> Coroutine[Any, Any, None]:
        """See `Inbox`."""
        if isinstance(event, EventReceived):
            return self._handle_event(event)
        if isinstance(event, Connected):
            return self._tell("connect")
        if not event.will_retry and not self._core.is_active:
            self.end_streams()
        if isinstance(event, Left):
            return self._tell("disconnect", *why_left(event))
        return self._tell("connect_error", _error_of(event))

    async def _tell(self, moment: str, *args: object) -> None:
        for handler in self.handlers.of_moment(moment):
            given = fitting(handler, *args) if moment == "disconnect" else args
            await self._host.run_handler(handler, moment, *given)

    async def _handle_event(self, event: EventReceived) -> None:
        name, args, handlers = event.name, event.args, self.handlers
        self.socket.asks_ack = event.ack_id is not None
        try:
            if self.has_streams:
                for stream in list(self.streams):
                    stream.put(event)
            outcomes = await self._tell_any(name, args) if handlers.any else []
            if outcomes is None:
                return
            own: Sequence[Handler] = handlers.of_event(name)
            if not own:
                own, args = handlers.of_moment(REST), [name, *args]
            has_mark = event.has_offset or event.ack_id is not None
            for handler in own:  # fast path: what `run_handler` does, in this coroutine; benchmarks: client
                given = _given(handler, event, args) if has_mark else args
                try:
                    result = handler(*given)
                    if type(result) is _COROUTINE or isawaitable(result):  # the first is nearly always right
                        result = await result
                except BaseException as error:  # noqa: BLE001 - anything at all, for it is the application's code
                    result = self._host.outcome_of(error, handler, name, given)
                outcomes.append(result)
            if event.ack_id is not None and outcomes and all(outcome is not FAILED for outcome in outcomes):
                self._acknowledge(event, next((outcome for outcome in outcomes if outcome is not None), None))
        finally:
            self.socket.asks_ack = False

    async def _tell_any(self, name: str, args: Sequence[JSONValue]) -> list[Any] | None:
        """Tell handlers of every event. Returns their answers; `None` if one of them, a guard, let the socket go."""
        dismissals = self._dismissals
        watched = [await self._host.run_handler(handler, name, name, *args) for handler in self.handlers.any]
        return [outcome for outcome in watched if outcome is not None] if self._dismissals == dismissals else None

    def _acknowledge(self, event: EventReceived, result: JSONValue) -> None:
        assert event.ack_id is not None  # the caller looked
        try:
            self.acting.acknowledge(event.ack_id, ack_args(result))
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or whatever an object of the application raises
            text = f"return value of the handler of {event.name!r} cannot be sent"
            self.runtime.log_exception(text, error)


def _given(handler: Handler, event: EventReceived, args: list[JSONValue]) -> list[JSONValue]:
    """Return what a handler is given of an event that may end in a server's mark: that only if it takes it."""
    if isinstance(handler, Checked):
        return handler.without_mark(args)
    return args[:-1] if event.has_offset and not accepts(handler, args) else args


def _error_of(event: ConnectFailed) -> ConnectError:
    return ConnectError(event.message, event.data, event.namespace.name)
