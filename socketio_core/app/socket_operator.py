"""Operators that say how something is sent to one socket, of both roles: `socket.timeout(5).call("question")`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from socketio_core.app.acks import AckTimeout, AckWaiter, Disconnected
from socketio_core.app.declared import DeclaredEvent, answer_args, answer_to
from socketio_core.app.operators import BroadcastOperator, Rooms
from socketio_core.app.waiting import Until
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.member import MemberState
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import EVERYONE, Selection

if TYPE_CHECKING:
    from socketio_core.app.client_inbox import ClientInbox
    from socketio_core.app.flow import Flow
    from socketio_core.app.runtime import Event
    from socketio_core.app.socket_inbox import SocketInbox
    from socketio_core.socketio.client.namespace import ClientNamespace
    from socketio_core.socketio.member import Member

_P = ParamSpec("_P")
_R = TypeVar("_R")


class AnySocketOperator(ABC):
    """How something is sent. Immutable: each method returns a new operator, so one may be kept and used again."""

    __slots__ = ("_how",)

    def __init__(self, how: Selection = EVERYONE) -> None:
        self._how = how

    @property
    def volatile(self) -> Self:
        """Drop an event that cannot leave at once."""
        return self._of(replace(self._how, volatile=True))

    def compress(self, compress: bool) -> Self:  # noqa: FBT001 - the name users know
        """With `False`, do not compress the message though the transport could: it is packed already, or short."""
        return self._of(replace(self._how, compress=bool(compress)))

    def timeout(self, seconds: float | None) -> Self:
        """How long a `call` waits, if it is not told itself; `None` for as long as the socket is there.

        Raises:
            LocalProtocolError: it is no such time.
        """
        return self._of(replace(self._how, timeout_s=check_timeout(seconds)))

    @overload
    async def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    async def call(self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...) -> JSONValue: ...
    async def call(self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...) -> Any:  # type: ignore[misc] # see `Declare`
        """See `Socket.call`, or `ClientSocket.call`; one that is volatile, and is dropped, has no answer in time.

        Args:
            timeout: unless given, it is what the method `timeout` was told, or 5 seconds.
        """
        return answer_to(name, await self._ask(name, args, timeout))

    @overload
    async def emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[JSONValue]: ...
    @overload
    async def emit_with_ack(
        self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...
    ) -> list[JSONValue]: ...
    async def emit_with_ack(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...
    ) -> list[JSONValue]:
        """Do what `call` does, and return all arguments of the acknowledgement: `[]` and `[None]` are told apart.

        They are as they came; what was declared is only looked at.
        """
        return answer_args(name, await self._ask(name, args, timeout))

    async def _ask(self, name: str, args: Sequence[JSONValue], timeout: float | EllipsisType | None) -> list[JSONValue]:
        how = self._how
        if not isinstance(timeout, EllipsisType):
            how = replace(how, timeout_s=check_timeout(timeout))
        return await self._answer_to(name, args, how)

    @abstractmethod
    def _of(self, how: Selection) -> Self:
        """Return another operator for the same socket."""

    @overload
    async def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool: ...
    @overload
    async def emit(self, name: str, *args: JSONValue) -> bool: ...
    async def emit(self, name: Any, *args: Any) -> bool:  # type: ignore[misc] # see `Declare`
        """Send an event; see `Socket.emit`, or `ClientSocket.emit`; if it is volatile, their `emit_volatile`."""
        await self._wait_writable()
        return self._send(name, args)

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
            BufferFull: it is not volatile, and the outgoing buffer is above its high-water mark.
        """
        return self._send(name, args) if self._how.volatile else self._send_nowait(name, args)

    @abstractmethod
    async def _wait_writable(self) -> None:
        """Wait until an event may be sent; one that is volatile waits for nothing."""

    @abstractmethod
    def _send(self, name: str, args: Sequence[JSONValue]) -> bool:
        """Send an event; returns whether it was not dropped."""

    @abstractmethod
    def _send_nowait(self, name: str, args: Sequence[JSONValue]) -> bool:
        """The same for one that is not volatile, unless the outgoing buffer is full."""

    @abstractmethod
    async def _answer_to(self, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
        """Send an event and wait for its acknowledgement."""


class SocketOperator(AnySocketOperator):
    """How something is sent to one client of a server, or by it to the others."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: SocketInbox, how: Selection = EVERYONE) -> None:
        super().__init__(how)
        self._inbox = inbox

    def _of(self, how: Selection) -> Self:
        return type(self)(self._inbox, how)

    # -- to others ---------------------------------------------------------------------------------------------------

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everyone in the namespace but this socket."""
        inbox = self._inbox
        selection = replace(self._how, except_rooms=frozenset((inbox.member.sid,)))
        return BroadcastOperator(inbox.app, inbox.member.namespace.name, selection)

    @property
    def local(self) -> BroadcastOperator:
        """Everyone in this process but this socket, where several are joined by an adapter."""
        return self.broadcast.local

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Choose rooms for a broadcast that this socket itself does not get."""
        return self.broadcast.to(rooms)

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Everyone but this socket and those in `rooms`."""
        return self.broadcast.except_(rooms)

    # -- to itself ---------------------------------------------------------------------------------------------------

    async def _wait_writable(self) -> None:
        await self._inbox.runtime.check_cancelled()
        if not self._how.volatile:
            await wait_drained(self._inbox)

    def _send(self, name: str, args: Sequence[JSONValue]) -> bool:
        how = self._how
        sent = self._inbox.acting.emit(name, args, volatile=how.volatile, compress=how.compress)
        return self._noted(sent, name, args)

    def _send_nowait(self, name: str, args: Sequence[JSONValue]) -> bool:
        return self._noted(self._inbox.acting.emit_nowait(name, args, compress=self._how.compress), name, args)

    def _noted(self, sent: bool, name: str, args: Sequence[JSONValue]) -> bool:  # noqa: FBT001 - the fact
        if sent:
            tell_sent(self._inbox, name, args)
        return sent

    async def _answer_to(self, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
        return await answer_of_client(self._inbox, name, args, how)


class ClientSocketOperator(AnySocketOperator):
    """How something is sent to the server of a client."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: ClientInbox, how: Selection = EVERYONE) -> None:
        super().__init__(how)
        self._inbox = inbox

    def _of(self, how: Selection) -> Self:
        return type(self)(self._inbox, how)

    async def _wait_writable(self) -> None:
        inbox = self._inbox
        await (inbox.runtime.check_cancelled() if self._how.volatile else inbox.wait_writable())

    def _send(self, name: str, args: Sequence[JSONValue]) -> bool:
        inbox, how, now = self._inbox, self._how, self._inbox.runtime.now()
        sent = inbox.acting.emit(name, args, now=now, volatile=how.volatile, compress=how.compress)
        return inbox.noted(sent, name, args)

    def _send_nowait(self, name: str, args: Sequence[JSONValue]) -> bool:
        inbox, now = self._inbox, self._inbox.runtime.now()
        return inbox.noted(inbox.acting.emit_nowait(name, args, now=now, compress=self._how.compress), name, args)

    async def _answer_to(self, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
        return await answer_of_server(self._inbox, name, args, how)


# -- what sockets and operators do alike -------------------------------------------------------------------------------


async def wait_drained(inbox: SocketInbox, until: Until | None = None) -> None:
    """Wait until the socket's buffer is below its high-water mark, or it has left, or the time is up.

    One that was lost sends to the client that has come back, and waits for that.
    """
    while _is_full(inbox) and (until is None or until.left_s > 0):
        await _standing(inbox).flow.wait_drained(until)


def _is_full(inbox: SocketInbox) -> bool:
    member = _standing(inbox).member
    return member.is_over_high_water and member.state is MemberState.JOINED


def _standing(inbox: SocketInbox) -> SocketInbox:
    """Return the inbox of the socket that stands for its client now."""
    successor = inbox.member.successor if inbox.member.state is MemberState.LEFT else None
    if successor is None:
        return inbox
    standing: SocketInbox = successor.context  # type: ignore[assignment] # see `inbox_of`
    return standing


def tell_sent(inbox: SocketInbox, name: str, args: Sequence[JSONValue]) -> None:
    """Tell observers, and handlers of outgoing events, of an event that was sent."""
    app, inbox = inbox.app, _standing(inbox)
    if app.audience.event_sent:
        app.audience.tell(app.audience.event_sent, inbox.socket, name, args)
    if app.outgoing.is_heard:
        app.outgoing.tell(inbox, name, args)


def _ask(
    asker: Member | ClientNamespace,
    name: str,
    args: Sequence[JSONValue],
    how: Selection,
    waiter: AckWaiter,
    now: float,
) -> int | None:
    return asker.emit_with_ack(
        name,
        args,
        timeout_s=how.timeout_s,
        context=waiter,
        now=now,
        volatile=how.volatile,
        compress=how.compress,
    )


async def _settled(flow: Flow, event: Event, asker: Member | ClientNamespace, ack_id: int) -> None:
    """Wait until an ack is settled; the peer is read meanwhile, though handlers may be behind."""
    flow.ack_awaited()
    try:
        await event.wait()
    finally:
        flow.ack_settled()
        asker.forget_ack(ack_id)


def _rest(how: Selection, until: Until | None, name: str) -> Selection:
    """Return how something is sent that had to wait until it could be.

    Raises:
        AckTimeout: it would be too late.
    """
    if until is None:
        return how
    left_s = until.left_s
    if left_s <= 0:
        raise AckTimeout(f"{name!r} was not sent in time: too much waits to be sent already, see high_water_bytes")
    return replace(how, timeout_s=left_s)


async def answer_of_client(inbox: SocketInbox, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
    """Ask a client; see `Socket.emit_with_ack`."""
    runtime, member = inbox.runtime, inbox.member
    await runtime.check_cancelled()
    if not how.volatile and _is_full(inbox):
        until = inbox.until(how.timeout_s)
        await wait_drained(inbox, until)
        how = _rest(how, until, name)
    event = runtime.new_event()
    waiter = AckWaiter(event.set)
    ack_id = _ask(inbox.acting, name, args, how, waiter, runtime.now())
    if ack_id is None:
        if member.state is not MemberState.LEFT:
            raise AckTimeout(f"{name!r} could not leave at once, so it was dropped")
        raise Disconnected(f"socket has left, so {name!r} was not sent")
    tell_sent(inbox, name, args)
    await _settled(inbox.flow, event, member, ack_id)
    if isinstance(waiter.outcome, AckTimeout):
        is_pending = member.state is MemberState.PENDING
        why = ": a middleware that waits for one keeps the socket out" if is_pending else " in time"
        raise AckTimeout(f"no acknowledgement of {name!r}{why}")
    if isinstance(waiter.outcome, Disconnected):
        raise Disconnected(f"socket left before it acknowledged {name!r}")
    assert isinstance(waiter.outcome, list)  # what sets the event sets the outcome
    return waiter.outcome


async def answer_of_server(inbox: ClientInbox, name: str, args: Sequence[JSONValue], how: Selection) -> list[JSONValue]:
    """Ask the server; see `ClientSocket.emit_with_ack`."""
    runtime = inbox.runtime
    await runtime.check_cancelled()
    if not how.volatile and inbox.is_full:
        until = inbox.until(how.timeout_s)
        await inbox.wait_writable(until)
        how = _rest(how, until, name)
    event = runtime.new_event()
    waiter = AckWaiter(event.set)
    inbox.check_answerable(name)
    core = inbox.acting
    ack_id = _ask(core, name, args, how, waiter, runtime.now())
    if ack_id is None:
        if not core.client.is_closing:
            raise AckTimeout(f"{name!r} could not leave at once, so it was dropped")
        raise Disconnected(f"client is closed, so {name!r} was not sent")
    inbox.noted(True, name, args)  # noqa: FBT003 - the fact
    await _settled(inbox.flow, event, core, ack_id)
    if isinstance(waiter.outcome, AckTimeout):
        raise AckTimeout(f"no acknowledgement of {name!r} in time")
    if isinstance(waiter.outcome, Exception):
        raise waiter.outcome
    assert waiter.outcome is not None  # what sets the event sets the outcome
    return waiter.outcome
