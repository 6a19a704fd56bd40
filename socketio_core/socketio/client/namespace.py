"""One namespace as its client sees it: what users of Socket.IO call a socket, without the handlers.

    IDLE         not wanted: never connected, left, refused, or given up
    WAITING      wanted, and there is no connection to the server (yet, or again), or the server still owes the answer
                 to an earlier CONNECT
    ASKING       the host was asked for its auth
    CONNECTING   CONNECT was sent
    CONNECTED    the server let the client in

A server that gets a second CONNECT before it has answered the first may close the connection, or answer both (PROTOCOL
3.6, 9-32). So a namespace that was left, or given up, too early for an answer waits for it before it asks again; if it
is a yes, it is declined with a DISCONNECT.

Spec: PROTOCOL 3.5, 3.9, 5.2, 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from socketio_core.engineio.message import WireMessage
from socketio_core.errors import BufferFull, CloseReason, LocalProtocolError, PacketError, RemoteProtocolError
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.client.events import AuthRequested, Connected, ConnectFailed, EventReceived, Left
from socketio_core.socketio.client.joining import HeldEvents, RecoveryPoint, read_refusal
from socketio_core.socketio.client.outgoing import Outgoing
from socketio_core.socketio.client.pending import Emit
from socketio_core.socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSONValue,
    Packet,
    as_list,
    event_data,
)
from socketio_core.socketio.selection import Selection
from socketio_core.timers import Scheduled, Timer

if TYPE_CHECKING:
    from socketio_core.socketio.client.client import ClientCore

_OLD_SERVER = "the server answered CONNECT without a socket id; is it Socket.IO 2, which speaks another protocol?"


class NamespaceState(Enum):
    """See above."""

    IDLE = "idle"
    WAITING = "waiting"
    ASKING = "asking"
    CONNECTING = "connecting"
    CONNECTED = "connected"


_CONNECTED = NamespaceState.CONNECTED


class ClientNamespace:
    """The client in one namespace of its server. Made by `ClientCore.of`.

    Attributes:
        auth: sent with every CONNECT, if it is not asked for: a JSON object, or `None`.
        asks_auth: ask the host at each CONNECT (`AuthRequested`).
        sid: the socket's public id; `""` while it is not connected.
        recovered: the last CONNECT restored what was there before (PROTOCOL 3.9).
        context: belongs to the host.
    """

    def __init__(
        self, client: ClientCore, name: str, auth: Mapping[str, JSONValue] | None = None, *, asks_auth: bool = False
    ) -> None:
        self.client = client
        self.name = name
        self.auth = auth
        self.asks_auth = asks_auth
        self.context: object = None
        self.state = NamespaceState.IDLE
        self.sid = ""
        self.recovered = False
        self._connects = 0
        self._was_wanted = False
        self._is_answer_owed = False  # CONNECT was sent over this connection, and is not answered yet
        self._recovery = RecoveryPoint()
        self._held = HeldEvents()
        self._timer: Timer[Scheduled] | None = None
        self._outgoing = Outgoing(self)
        self.pending_acks = self._outgoing.acks

    def __repr__(self) -> str:
        return f"<ClientNamespace {self.name}, {self.state.value}>"

    @property
    def is_connected(self) -> bool:
        """Whether the client is in the namespace."""
        return self.state is NamespaceState.CONNECTED

    @property
    def is_active(self) -> bool:
        """Whether it is connected, or connects as soon as it can."""
        return self.state is not NamespaceState.IDLE

    @property
    def is_done(self) -> bool:
        """Whether it was left, and nothing is to be sent or answered; one that was never wanted waits for that."""
        is_idle = self._was_wanted and self.state is NamespaceState.IDLE
        return is_idle and not (self.pending_acks or self._is_answer_owed or self.buffered_count)

    # -- joining and leaving -----------------------------------------------------------------------------------------

    def connect(self, now: float) -> None:
        """Join the namespace as soon as there is a connection to the server; one is opened if there is none.

        `Connected` or `ConnectFailed` follows. Does nothing when it is active already.

        Raises:
            LocalProtocolError: the client was closed, or has too many namespaces.
        """
        self.client.check_not_closed()
        self.client.catch_up(now)
        if self.state is NamespaceState.IDLE:
            self.client.namespaces.remember(self)
            self._was_wanted = True
            self.state = NamespaceState.WAITING
            self.client.namespace_wanted(self, now)

    def session_opened(self, now: float) -> None:
        """There is a connection to the server: ask to be let in."""
        if self.state is not NamespaceState.WAITING:
            return
        if self._is_answer_owed:
            self._start_timer(now)
            return
        self._connects += 1
        if self.asks_auth:
            self.state = NamespaceState.ASKING
            self.client.report(AuthRequested(self, self._connects))
            return
        try:
            self._send_connect(self.auth, now)
        except Exception as error:  # noqa: BLE001 - LocalProtocolError, or anything, for a parser may be anybody's
            text = str(error) if isinstance(error, LocalProtocolError) else repr(error)
            self._refused(f"auth cannot be sent: {text:.200}", None, now)

    def provide_auth(self, attempt: int, auth: Mapping[str, JSONValue] | None, now: float) -> bool:
        """Answer `AuthRequested`. Returns `False` when it is not waited for any more.

        Raises:
            LocalProtocolError: it is not JSON, and nothing was sent; answer again, or call `fail_auth`.
        """
        self.client.catch_up(now)
        if self.state is not NamespaceState.ASKING or attempt != self._connects:
            return False
        self._send_connect(auth, now)
        return True

    def fail_auth(self, attempt: int, detail: str, now: float) -> bool:
        """Answer `AuthRequested`: there is none, so the client does not connect to the namespace."""
        self.client.catch_up(now)
        if self.state is not NamespaceState.ASKING or attempt != self._connects:
            return False
        self._refused(detail, None, now)
        return True

    def _send_connect(self, auth: Mapping[str, JSONValue] | None, now: float) -> None:
        message = self.client.parser.encode(Packet(CONNECT, self.name, self._recovery.auth_with(auth)))
        self.state = NamespaceState.CONNECTING
        self._is_answer_owed = True
        self._start_timer(now)
        self.client.put_control(message)

    def handle_timeout(self, now: float) -> None:
        """The server did not answer CONNECT."""
        timeout_s = self.client.settings.namespace_timeout_s
        self._refused(f"no answer to CONNECT within {timeout_s:g} s", None, now)

    def disconnect(self, now: float) -> None:
        """Leave the namespace, and do not come back by itself. Does nothing when it is idle.

        When it was the client's last one, the connection is closed in order.
        """
        self.client.catch_up(now)
        if self.state is NamespaceState.CONNECTED:
            problem = self._decline()
            self.end(CloseReason.IO_CLIENT_DISCONNECT, None, will_retry=False)
            if problem is not None:  # the end of the connection says the same
                self.client.break_off(str(problem), problem.__cause__, now)
        elif self.state is not NamespaceState.IDLE:
            self._go_idle()
        else:
            return
        self.client.close_if_unwanted(now)

    def _decline(self) -> PacketError | None:
        """Say that the client is not in the namespace; what kept a parser of the application's from it is returned."""
        try:
            message = self.client.parser.encode(Packet(DISCONNECT, self.name))
        except Exception as error:  # noqa: BLE001 - anything at all, for it is the application's code
            problem = PacketError(f"disconnect could not be encoded: {error!r:.200}")
            problem.__cause__ = error
            return problem
        self.client.put_control(message)
        return None

    # -- what the client says ----------------------------------------------------------------------------------------

    def receive(self, packet: Packet, size_bytes: int, now: float) -> None:
        """Process a packet for this namespace.

        Raises:
            PacketError: it makes no sense here.
        """
        if self.state is not _CONNECTED:
            if self.state is NamespaceState.CONNECTING:
                self._decide(packet, size_bytes, now)
            elif packet.type in (CONNECT, CONNECT_ERROR):
                self._late_answer(packet, now)
        elif packet.type == EVENT:
            data, recovery = packet.data, self._recovery
            has_offset = False
            if recovery.pid is not None and packet.id is None and len(data) > 1 and type(data[-1]) is str:
                recovery.offset = data[-1]
                has_offset = True
            self.client.report(EventReceived(self, data[0], data[1:], packet.id, size_bytes, has_offset))
        elif packet.type == ACK:
            assert packet.id is not None  # an ack has an id, or it would not have passed the parser
            self._outgoing.ack_arrived(packet.id, packet.data, now)
        elif packet.type == DISCONNECT:
            self.end(CloseReason.IO_SERVER_DISCONNECT, None, will_retry=False)
            self.client.close_if_unwanted(now)
        else:
            raise PacketError(f"packet of type {packet.type} for a namespace that is connected: {self.name[:80]!r}")

    def _late_answer(self, packet: Packet, now: float) -> None:
        """The answer to a CONNECT that was given up; or to none."""
        if packet.type == CONNECT:  # it was wanted when it was asked for
            problem = self._decline()
            if problem is not None:
                raise problem
        if self._is_answer_owed:
            self._is_answer_owed = False
            self._cancel_timer()
            self.session_opened(now)  # if it is wanted again

    def _decide(self, packet: Packet, size_bytes: int, now: float) -> None:
        """A packet while CONNECT waits for its answer."""
        if packet.type == CONNECT:
            self._is_answer_owed = False
            self._connected(packet.data, now)
        elif packet.type == CONNECT_ERROR:
            self._is_answer_owed = False
            self._refused(*read_refusal(packet.data), now)
        elif packet.type == DISCONNECT:
            self._refused("the server disconnected the socket before it was connected", None, now)
        elif packet.type == EVENT:  # missed events come before the CONNECT (PROTOCOL 9-41)
            self._held.add(packet, size_bytes, self.client.settings)

    def _connected(self, data: Mapping[str, JSONValue] | None, now: float) -> None:
        sid = (data or {}).get("sid")
        if not isinstance(sid, str) or not sid:
            self._refused(_OLD_SERVER, None, now)
            return
        self.recovered = self._recovery.connected((data or {}).get("pid"))
        self.sid = sid
        self.state = NamespaceState.CONNECTED
        self._cancel_timer()
        self.client.report(Connected(self, self.recovered))
        for packet, size_bytes in self._held.take():
            self.receive(packet, size_bytes, now)
        self._outgoing.connected(now)

    def _refused(self, message: str, data: JSONValue, now: float) -> None:
        self._go_idle()
        self.client.report(ConnectFailed(self, message, data))
        self.client.close_if_unwanted(now)

    # -- what became of the connection -------------------------------------------------------------------------------

    def session_lost(self, reason: CloseReason, error: RemoteProtocolError | None, *, will_retry: bool) -> None:
        """The connection is gone. With `will_retry` the namespace joins again when there is another."""
        self.session_retired()
        if self.state is NamespaceState.CONNECTED:
            self.end(reason, error, will_retry=will_retry)
        elif self.state is not NamespaceState.IDLE:
            self._go_idle()
            if will_retry:
                self.state = NamespaceState.WAITING
            message = reason.value if error is None else f"{reason.value}: {error}"
            self.client.report(ConnectFailed(self, message, None, will_retry))

    def session_retired(self) -> None:
        """Nothing more comes over the connection, so no answer either."""
        self._is_answer_owed = False

    def open_failed(self, message: str, *, will_retry: bool) -> None:
        """There is no connection to the server. With `will_retry` the client tries again."""
        if self.state is NamespaceState.WAITING:
            if not will_retry:
                self._go_idle()
            self.client.report(ConnectFailed(self, message, None, will_retry))

    def end(self, reason: CloseReason, error: RemoteProtocolError | None, *, will_retry: bool) -> None:
        """The client is no longer in the namespace."""
        self._go_idle()
        if will_retry:
            self.state = NamespaceState.WAITING
        self._outgoing.disconnected()
        self.client.report(Left(self, reason, error, will_retry))

    def drop_all(self) -> None:
        """The client is closed for good: nothing that still waits will be sent."""
        self._outgoing.drop_all("the client was closed")

    def _go_idle(self) -> None:
        self.state = NamespaceState.IDLE
        self.sid = ""
        self._held.take()
        self._cancel_timer()

    def _start_timer(self, now: float) -> None:
        self._timer = self.client.schedule(now + self.client.settings.namespace_timeout_s, self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- events ------------------------------------------------------------------------------------------------------

    @property
    def buffered_count(self) -> int:
        """How many events wait for a connection, or for their turn to be sent with retries."""
        return len(self._outgoing)

    def emit(
        self, name: str, args: Sequence[JSONValue], *, now: float, volatile: bool = False, compress: bool = True
    ) -> bool:
        """Send an event; while the namespace is not connected it is buffered, and goes out in order once it is.

        It is told the time, unlike a server's: if a ping is overdue, the event waits for the next connection. Returns
        `False` when it was dropped: it is volatile and cannot leave at once, the client is closed, or this very event
        is too much for a server that reads too slowly, which ends the connection.

        Raises:
            LocalProtocolError: a reserved name, data that is not JSON, or an event that the server does not take.
            BufferFull: too much is buffered already. Nothing was sent then.
        """
        if self.client.is_closing:
            return False
        self.client.catch_up(now)
        retries = self._outgoing.retries
        if retries is not None and not volatile:
            self._outgoing.queue(retries, name, args, now, compress=compress)
            return True
        message = self.client.parser.encode_fields(EVENT, self.name, event_data(name, args))
        if not compress:
            message = message.uncompressed()
        if volatile:
            return self.is_connected and self.client.is_writable and self.put(message)
        if self.state is _CONNECTED:  # fast path; benchmarks: client
            session = self.client.session
            return session is not None and session.put(message)
        self._outgoing.buffer(Emit(name, message))
        return True

    def emit_nowait(self, name: str, args: Sequence[JSONValue], *, now: float, compress: bool = True) -> bool:
        """The same, but refuse to fill the buffer of a server that reads too slowly.

        Raises:
            BufferFull: the session is over its high-water mark already, or as `emit`; nothing was sent.
        """
        self.client.catch_up(now)
        if self.client.is_over_high_water and self.is_connected:  # else the event goes to another buffer, or nowhere
            raise BufferFull(f"outgoing buffer is full: {self.client.buffered_bytes} bytes, see high_water_bytes")
        return self.emit(name, args, now=now, compress=compress)

    def emit_with_ack(
        self,
        name: str,
        args: Sequence[JSONValue],
        *,
        timeout_s: float | None,
        context: object,
        now: float,
        volatile: bool = False,
        compress: bool = True,
    ) -> int | None:
        """Send an event that the server is to acknowledge; one of `AckReceived`, `AckExpired`, `AckDropped` follows.

        Returns the ack's id, for `forget_ack`, or `None`, with nothing to follow, when the event was dropped: the
        client is closed, or it is volatile and cannot leave at once.

        Args:
            timeout_s: counted from now, the time in the buffer too; `None` waits for as long as the connection lasts.
                With retries the time is `ack_timeout_s` for each try, and this is not looked at.
            context: comes back with the event, to tell who waits.

        Raises:
            LocalProtocolError, BufferFull: as `emit`, no such time, or more than `max_outstanding_acks` are waited for.
        """
        how = Selection(volatile=volatile, compress=compress, timeout_s=check_timeout(timeout_s))
        if self.client.is_closing:
            return None
        self.client.catch_up(now)
        retries = self._outgoing.retries
        if retries is not None and not volatile:
            return self._outgoing.queue(retries, name, args, now, context=context, wants_ack=True, compress=compress)
        return self._outgoing.ask(name, args, how, context=context, now=now)

    def forget_ack(self, ack_id: int) -> None:
        """Stop waiting for an ack: nothing more is reported about it.

        As after a time-out, an event that was not sent yet will not be; with retries it is all the same.
        """
        self._outgoing.forget_ack(ack_id)

    def acknowledge(self, ack_id: int, args: Sequence[JSONValue]) -> bool:
        """Answer an event of the server; at most once. Returns `False` when the namespace is not connected any more.

        Raises:
            LocalProtocolError: data that is not a list of JSON, or that the server does not take.
        """
        if not self.is_connected:
            return False
        return self.put(self.client.parser.encode_fields(ACK, self.name, as_list(args), ack_id))

    def put(self, message: WireMessage) -> bool:
        """Hand a message to the session; see `ClientSession.put`."""
        session = self.client.session
        return session is not None and session.put(message)
