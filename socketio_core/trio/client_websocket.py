"""A client's WebSocket on trio: h11 for its handshake, wsproto for the frames."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import h11
import trio
from wsproto.connection import Connection as FrameConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason as CloseCode

from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.packet import Frame
from socketio_core.http import Response
from socketio_core.trio.answers import READ_BYTES, NoAnswer, Stream, read_head
from socketio_core.trio.client_http import MAX_HEAD_BYTES
from socketio_core.trio.dial import DialError, reason_of
from socketio_core.trio.direct import DirectStream
from socketio_core.trio.frames import TOO_BIG, hand_over_messages
from socketio_core.websocket_handshake import KEY_BYTES, problem_of_answer, request_headers
from socketio_core.wire.deflate import Deflate, agree, slices

if TYPE_CHECKING:
    from socketio_core.trio.client import TrioClient

WRITE_BYTES: Final = 262144  # how much is taken out of an outbox at once; what is taken is no longer bounded by it
MAX_REFUSAL_BYTES: Final = 65536  # of the body of an answer that is not 101; only its beginning is shown
CLOSE_S: Final = 5.0  # for the last messages and the closing handshake (npm's ws: 30)

_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


class _Failed(Exception):  # noqa: N818 - no error, but an end
    """The WebSocket cannot be opened; the text says why."""


class ClientPump:
    """Opens a WebSocket and moves bytes between its stream and the client, until it ends."""

    def __init__(self, client: TrioClient, websocket: ClientWebSocket) -> None:
        self._client = client
        self._websocket = websocket
        self._stream: Stream | None = None
        self._frames = FrameConnection(ConnectionType.CLIENT)
        self._deflates = False
        self._direct: DirectStream | None = None  # once it is open
        self._pong = b""
        self._is_writing = False
        self._broken_by: Exception | None = None  # why a write has failed
        self._is_paused = False  # the reader waits for handlers
        self._is_deaf = False  # what still arrives is not wanted, or cannot be frames
        self._peer_close: CloseConnection | None = None
        self._told = trio.Event()  # to close, by our side
        self._written = trio.Event()  # the task that wrote has ended
        self._reader_ended = trio.Event()
        websocket.context = self

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Open, pump, close. Reports to the client how it ended."""
        code: int | None = None
        detail = ""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._close_when_told, nursery.cancel_scope)
                code, detail = await self._open_and_pump()
                self._reader_ended.set()
                if self._peer_close is not None and self._is_writing:  # the echo of its close frame, above all
                    with trio.move_on_after(CLOSE_S):
                        await self._written.wait()
                if not self._websocket.is_closed:  # else the other task says goodbye
                    nursery.cancel_scope.cancel()
        finally:
            if self._direct is not None:
                await self._direct.aclose_forcefully()
            elif self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            self._client.core.lost(self._websocket, trio.current_time(), code, detail)
            self._client.flush()

    # -- the handshake -----------------------------------------------------------------------------------------------

    async def _open_and_pump(self) -> tuple[int | None, str]:
        """Return how it ended: the code and text of the server's close frame, or what was wrong."""
        try:
            stream = self._stream = await self._client.dialer.dial(through_tunnel=True)
            early_data = await self._shake_hands(stream)
            if early_data is None:
                return None, ""
            direct = self._direct = DirectStream(stream)
            self._feed(early_data)
            self._client.flush()
            while not self._is_deaf and await self._read_once(direct):
                pass
        except (DialError, _Failed) as error:
            return None, str(error)
        except _BROKEN as error:
            return None, _lost_by(error)
        except Exception as error:  # noqa: BLE001 - it must not end the block of whoever uses the client
            self._client.log_exception("WebSocket failed", error)
            return None, f"internal error: {error!r}"
        close = self._peer_close
        return (None, "") if close is None else (int(close.code), close.reason or "")

    async def _shake_hands(self, stream: Stream) -> bytes | None:
        """Ask for the WebSocket. Returns what came behind the answer; `None` when it was refused."""
        key = os.urandom(KEY_BYTES)
        deflate = Deflate() if self._client.per_message_deflate else None
        headers = [*self._websocket.headers, *request_headers(key, self._websocket.subprotocols)]
        if deflate is not None:
            headers.append((b"sec-websocket-extensions", f"{deflate.name}; {deflate.offer()}".encode("ascii")))
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        request = h11.Request(method="GET", target=self._websocket.target, headers=headers)
        await stream.send_all((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        response = await self._answer(stream, connection)
        now = trio.current_time()
        if response.status != 101:
            self._client.core.websocket_refused(self._websocket, response, now)
            self._client.flush()
            return None
        offered = self._websocket.subprotocols
        problem = problem_of_answer(response, key, offered_extensions=deflate is not None, subprotocols=offered)
        if problem is not None:
            raise _Failed(problem)
        extensions = _agreed(response, deflate)
        self._deflates = bool(extensions)
        self._frames = FrameConnection(ConnectionType.CLIENT, extensions)
        self._client.core.websocket_opened(self._websocket, response, now)
        return connection.trailing_data[0]

    async def _answer(self, stream: Stream, connection: h11.Connection) -> Response:
        """Return the answer, with the beginning of its body if it is a refusal."""
        try:
            head = await read_head(stream, connection)
        except NoAnswer as error:
            raise _Failed(f"the server {error}") from None
        except h11.RemoteProtocolError as error:
            raise _Failed(f"the server does not speak HTTP: {error}") from None
        body = bytearray()
        with suppress(h11.RemoteProtocolError):  # a body that is cut off says enough
            while head.status_code != 101 and len(body) <= MAX_REFUSAL_BYTES:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(bytes(await stream.receive_some(READ_BYTES)))
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
        return Response(head.status_code, list(head.headers), bytes(body))

    # -- input -------------------------------------------------------------------------------------------------------

    async def _read_once(self, direct: DirectStream) -> bool:
        flow = self._client.host.flow
        if flow.is_congested:
            self._is_paused = True
            self._check_broken()
            await flow.wait_room()
            self._is_paused = False
        data = await direct.receive()
        if not data:
            return False
        self._feed(data)
        self._client.flush()
        return self._frames.state is not ConnectionState.CLOSED

    def _feed(self, data: bytes) -> None:
        for piece in slices(data) if self._deflates else (data,):
            if self._is_deaf:
                break
            self._frames.receive_data(piece)
            self._process()

    def _process(self) -> None:
        """Hand the frames that have arrived to the client."""
        core, websocket = self._client.core, self._websocket
        now = trio.current_time()
        for event in hand_over_messages(self._frames, core, websocket, now):
            if event is TOO_BIG:
                self._is_deaf = True
            elif isinstance(event, Ping):
                if self._frames.state is ConnectionState.OPEN:
                    self._pong = self._frames.send(event.response())  # the last one will do (RFC 6455, 5.5.3)
            else:
                self._is_deaf = True
                if self._frames.state is ConnectionState.OPEN:  # wsproto says so when the peer broke the protocol
                    core.fail(websocket, event.reason or "WebSocket protocol error", event.code, now)
                else:
                    self._peer_close = event
                    if self._frames.state is ConnectionState.REMOTE_CLOSING:
                        self._pong = self._frames.send(event.response())  # the echo of its close frame
        if self._pong:
            self.flush()

    # -- output ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is waiting, as far as the socket takes it at once; a task sees to the rest."""
        if self._websocket.is_closed:
            self._told.set()
            return
        if self._is_writing or self._direct is None:
            return
        while data := self._collect():
            sent = self._direct.write_now(data)
            if sent < len(data):
                self._is_writing = True
                self._written = trio.Event()
                self._client.spawn(self._write_rest, self._direct, data[sent:])
                return

    def _collect(self) -> bytes:
        """Take what is to be written next."""
        pong, self._pong = self._pong, b""
        messages = self._websocket.take(WRITE_BYTES)
        return pong + b"".join([self._framed(frame) for message in messages for frame in message.frames])

    def _framed(self, frame: Frame) -> bytes:
        if self._frames.state is not ConnectionState.OPEN:
            return b""
        return self._frames.send(TextMessage(data=frame) if isinstance(frame, str) else BytesMessage(data=frame))

    @trio.lowlevel.enable_ki_protection
    async def _write_rest(self, direct: DirectStream, data: bytes) -> None:
        try:
            while data:
                await direct.send_all(data)
                data = self._collect()
                self._client.host.flow.output_taken()
        except _BROKEN as error:
            self._broken_by = error
            self._check_broken()
        finally:
            self._is_writing = False
            self._written.set()

    def _check_broken(self) -> None:
        """Say that the connection is gone if the reader will not: handlers that it waits for may wait for the writer.

        The reader itself says so only behind what it can still read.
        """
        if self._broken_by is not None and self._is_paused:
            self._client.core.lost(self._websocket, trio.current_time(), detail=_lost_by(self._broken_by))
            self._client.output_ready()

    @trio.lowlevel.enable_ki_protection
    async def _close_when_told(self, scope: trio.CancelScope) -> None:
        """When our side has closed the WebSocket: write what is left and the close frame, wait for the server's."""
        await self._told.wait()
        try:
            with trio.move_on_after(CLOSE_S):
                if self._stream is not None and self._websocket.is_open:
                    await self._say_goodbye(self._stream)
        except _BROKEN:
            pass  # the server did not wait
        scope.cancel()

    async def _say_goodbye(self, stream: Stream) -> None:
        if self._is_writing:
            await self._written.wait()
        while data := self._collect():
            await stream.send_all(data)
        if self._frames.state is ConnectionState.OPEN:
            has_code = self._websocket.close_code != NO_CODE  # that very member of wsproto's enum means none
            code = self._websocket.close_code if has_code else CloseCode.NO_STATUS_RCVD
            close = CloseConnection(code=code, reason=self._websocket.close_text or None)
            await stream.send_all(self._frames.send(close))
        await self._reader_ended.wait()  # it has seen the server's close frame then


def _lost_by(error: Exception) -> str:
    return f"the connection was lost: {reason_of(error)}"


def _agreed(response: Response, deflate: Deflate | None) -> list[Extension]:
    """Return the extensions that both sides agreed on.

    Raises:
        _Failed: the server agreed to what was not offered.
    """
    values = [value for name, value in response.headers if name.lower() == b"sec-websocket-extensions"]
    if not values or deflate is None:
        return []
    try:
        agree(deflate, b",".join(values).decode("latin-1"))
    except ValueError as error:
        raise _Failed(f"101 with {error}") from None
    return [deflate]
