"""A WebSocket on trio: wsproto for the frames, one reader, no task for writing while the socket takes the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from wsproto.connection import Connection as FrameConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason as CloseCode

from socketio_core.app.flow import Flow
from socketio_core.app.handover import Handover
from socketio_core.engineio.carriers import WebSocket
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Frame
from socketio_core.trio.direct import DirectStream
from socketio_core.trio.frames import TOO_BIG, hand_over_messages
from socketio_core.wire.deflate import slices
from socketio_core.wire.plain_frames import Foreign, PlainFrames, plain_frame

if TYPE_CHECKING:
    from socketio_core.trio.mount import Mount
    from socketio_core.trio.server import Server

WRITE_BYTES: Final = 262144  # how much is taken out of an outbox at once; what is taken is no longer bounded by it


def wire_bytes(message: WireMessage) -> bytes:
    """Return the WebSocket frames of a message; made once for all its recipients."""
    data = message.host_cache
    if type(data) is not bytes:
        frames = message.frames
        data = plain_frame(frames[0]) if len(frames) == 1 else b"".join(map(plain_frame, frames))
        message.host_cache = data
    return data


class WebSocketPump:
    """Moves bytes between a stream and the engine.

    Reading and handling share a task until a handler waits; then another task reads on (`_hand_over`). Writing needs
    no task while the socket takes the bytes at once; when it does not, a task waits for it and then ends.
    """

    __slots__ = (
        "_answer",
        "_closer_started",
        "_deflates",
        "_direct",
        "_early_data",
        "_ended",
        "_extensions",
        "_is_broken",
        "_is_deaf",
        "_is_paused",
        "_is_writing",
        "_made_frames",
        "_mount",
        "_peer_code",
        "_plain_frames",
        "_pong",
        "_reader",
        "_server",
        "_unsent",
        "_websocket",
        "_written",
    )

    def __init__(
        self,
        server: Server,
        mount: Mount,
        direct: DirectStream,
        websocket: WebSocket,
        answer: bytes,
        early_data: bytes,
        extensions: list[Extension],
    ) -> None:
        self._server = server
        self._mount = mount
        self._direct = direct
        self._websocket = websocket
        self._extensions = extensions
        self._made_frames: FrameConnection | None = None
        self._plain_frames = PlainFrames(mount.max_payload_bytes) if server.shortcuts and not extensions else None
        self._early_data = early_data
        self._deflates = bool(extensions)
        self._unsent = b""
        self._answer = answer  # to the handshake; leaves in one write with what follows it
        self._pong = b""
        self._is_deaf = False  # what still arrives cannot be frames
        self._is_broken = False  # a write has failed
        self._is_paused = False  # the reader waits for handlers
        self._is_writing = False
        self._closer_started = False
        self._peer_code: int = CloseCode.NO_STATUS_RCVD  # of its close frame, to be echoed
        self._reader: object = None
        # Made when somebody waits for them: nothing more will be read; the writing task has ended.
        self._ended: trio.Event | None = None
        self._written: trio.Event | None = None
        websocket.context = self

    @property
    def _frames(self) -> FrameConnection:
        """What is not plain goes through wsproto; made when there is such a thing (benchmarks: memory)."""
        if self._made_frames is None:
            self._made_frames = FrameConnection(ConnectionType.SERVER, self._extensions)
        return self._made_frames

    # -- input -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Pump until the connection ends, or until another task has taken over; what goes wrong costs nobody else.

        One coroutine on top of what reads: each more would be kept by every idle socket (benchmarks: memory).
        """
        self._reader = me = object()
        try:
            self.flush()  # what became ready before there was a pump
            data, self._early_data = self._early_data, b""
            while True:
                self._feed(data)
                await self._handle(me)
                if self._reader is not me or self._is_through:
                    break
                if (congestion := self._mount.congestion_of(self._websocket.session)) is not None:
                    await self._pause(congestion)
                try:
                    data = await self._direct.receive()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
                if not data:
                    break
        except Exception as error:  # noqa: BLE001 - it must not end the server
            self._server.runtime.log_exception("WebSocket failed", error)
        finally:
            if self._reader is me:
                self._reader = None
                self._mount.core.lost(self._websocket, trio.current_time())
                self._server.runtime.flush()
                if self._ended is not None:
                    self._ended.set()

    @property
    def _is_through(self) -> bool:
        """Whether both close frames were sent: nothing more may come."""
        return self._made_frames is not None and self._made_frames.state is ConnectionState.CLOSED

    async def _pause(self, congestion: Flow) -> None:
        """Read no more until the handlers have caught up."""
        self._is_paused = True
        self._check_broken()
        await congestion.wait_room()
        self._is_paused = False

    def _feed(self, data: bytes) -> None:
        if self._plain_frames is None:
            for piece in slices(data) if self._deflates else (data,):
                self._feed_wsproto(piece)
        else:
            messages: list[str | bytes] = []
            for found in self._plain_frames.feed(data):
                if type(found) is Foreign:
                    self._receive(messages)
                    messages = []
                    self._feed_wsproto(found.data)
                else:
                    messages.append(found)
            self._receive(messages)
        if self._pong:
            self.flush()

    def _receive(self, messages: list[str | bytes]) -> None:
        if messages and not self._is_deaf:  # fast path; benchmarks: server
            self._mount.core.receive_all(self._websocket, messages, trio.current_time())

    def _feed_wsproto(self, data: bytes) -> None:
        if not self._is_deaf:
            self._frames.receive_data(data)
            self._process()

    def _process(self) -> None:
        """Hand the frames that have arrived to the engine."""
        core, websocket = self._mount.core, self._websocket
        now = trio.current_time()
        for event in hand_over_messages(self._frames, core, websocket, now):
            if event is TOO_BIG:
                self._is_deaf = True
            elif isinstance(event, Ping):
                if self._frames.state is not ConnectionState.OPEN:
                    continue  # after our close frame nothing more is sent
                self._pong = self._frames.send(event.response())  # the last one will do (RFC 6455, 5.5.3)
            else:
                self._is_deaf = True
                if self._frames.state is ConnectionState.OPEN:  # wsproto says so when the peer broke the protocol
                    core.fail(websocket, event.reason or "WebSocket protocol error", event.code, now)
                else:
                    self._peer_code = event.code
                    core.lost(websocket, now)

    async def _handle(self, me: object) -> None:
        """Run handlers for what has arrived, in this task as long as they do not wait."""
        app, runtime = self._mount.app, self._server.runtime
        runnable = app.dispatch()
        if len(runnable) == 1:
            runtime.is_corked = True
            try:
                await Handover(app.work(runnable[0]), self._hand_over)
            finally:
                if self._reader is me:
                    runtime.is_corked = False
        else:
            for each in runnable:
                runtime.spawn(app.work, each)
        runtime.flush()

    def _hand_over(self) -> None:
        """A handler is about to wait: let another task read on, and write what there is."""
        runtime = self._server.runtime
        runtime.is_corked = False
        self._reader = None
        runtime.spawn(self.run)
        # Not flush(): that may wake what this very task is about to wait for, before it does.
        runtime.output_ready()

    # -- output ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is waiting, as far as the socket takes it at once; a task sees to the rest."""
        if self._websocket.is_closed:
            if not self._closer_started:
                self._closer_started = True
                if not self._close_at_once():
                    self._server.runtime.spawn(self._close)
            return
        if self._is_writing:
            return
        while data := self._collect():
            sent = self._direct.write_now(data)
            if sent < len(data):
                self._unsent = data[sent:]
                self._is_writing = True
                self._server.runtime.spawn(self._write_rest)
                return

    def _collect(self) -> bytes:
        """Take what is to be written next."""
        messages = self._websocket.take(WRITE_BYTES)
        urgent = self._answer + self._pong
        self._answer = self._pong = b""
        if self._deflates:
            return urgent + b"".join([self._compressed(frame) for message in messages for frame in message.frames])
        if len(messages) == 1 and not urgent:
            return wire_bytes(messages[0])
        return urgent + b"".join([wire_bytes(message) for message in messages])

    def _compressed(self, frame: Frame) -> bytes:
        """Frame a message for this peer alone: what it has seen before is its dictionary."""
        if self._frames.state is not ConnectionState.OPEN:
            return b""
        return self._frames.send(TextMessage(data=frame) if isinstance(frame, str) else BytesMessage(data=frame))

    async def _write_rest(self) -> None:
        try:
            data = self._unsent
            self._unsent = b""
            while data:
                await self._direct.send_all(data)
                data = self._collect()
                self._mount.note_taken(self._websocket.session)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._is_broken = True
            self._check_broken()
        finally:
            self._is_writing = False
            if self._written is not None:
                self._written.set()

    def _check_broken(self) -> None:
        """Say that the connection is gone if the reader will not: handlers that it waits for may wait for the writer.

        The reader itself says so only behind what it can still read.
        """
        if self._is_broken and self._is_paused:
            self._mount.core.lost(self._websocket, trio.current_time())
            self._server.runtime.output_ready()

    def _close_at_once(self) -> bool:
        """Answer the close frame of a peer that has nothing more to hear, and drop the connection, without a task."""
        frames = self._made_frames
        is_done = frames is not None and frames.state is ConnectionState.REMOTE_CLOSING and not self._is_writing
        if not is_done or self._websocket.outbox or not self._direct.is_plain:
            return False
        self._direct.write_now(self._close_frame())
        self._direct.close_now()
        return True

    async def _close(self) -> None:
        """Write what is left and the close frame, wait for the peer's, and drop the connection."""
        self._ended, self._written = trio.Event(), trio.Event()
        try:
            with trio.move_on_after(self._server.timeouts.close_s):
                await self._say_goodbye(self._ended, self._written)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer did not wait
        finally:
            await self._direct.aclose_forcefully()

    async def _say_goodbye(self, ended: trio.Event, written: trio.Event) -> None:
        if self._is_writing:
            await written.wait()
        while data := self._collect():
            await self._direct.send_all(data)
        await self._direct.send_all(self._close_frame())
        if self._reader is not None and self._frames.state is not ConnectionState.CLOSED:
            if self._is_deaf and isinstance(self._direct.stream, trio.SocketStream):
                await self._direct.stream.send_eof()  # the last word: its close frame would not be understood
            await ended.wait()

    def _close_frame(self) -> bytes:
        code = self._peer_code if self._websocket.close_code is None else self._websocket.close_code
        return self._frames.send(CloseConnection(code=code, reason=self._websocket.close_text or None))
