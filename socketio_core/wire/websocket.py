"""A connection that became a WebSocket: frames in, calls on the engine; messages of its outbox, frames out.

What has become of its two directions, and when it is over, is told in `directions`.

Spec: RFC 6455, 5 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason as CloseCode

from socketio_core.engineio.carriers import WRITE_BYTES, WebSocket
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.packet import Frame
from socketio_core.wire.backing import Backing
from socketio_core.wire.base import (
    EARLY_PIECES,
    FEW_PIECES,
    FIRST_PIECES,
    FOREIGN_PIECES,
    LARGE_BYTES,
    MUCH_BYTES,
    TURN_PIECES,
)
from socketio_core.wire.deflate import SLICE_BYTES, forget_sent, framed, go_deaf, is_too_much, limit_rest, state_bytes
from socketio_core.wire.directions import IS_OVER, Early, Inbound, Outbound
from socketio_core.wire.foreign import ForeignConnection
from socketio_core.wire.plain_frames import (
    MESSAGE_PIECE_BYTES,
    PONG_BYTES,
    Close,
    Control,
    Foreign,
    PlainFrames,
    close_frame,
    masked_frames,
    pong_frame,
    wire_bytes,
)

if TYPE_CHECKING:
    from socketio_core.wire.base import BaseWire, Home, Pace

_INFLATED_PIECE_BYTES: Final = 1024  # cost as much as a frame; so a turn ends with 256 kB inflated, or a message
_NO_LIMIT: Final = 1 << 62

_W = TypeVar("_W", bound=WebSocket | ClientWebSocket)

_READING, _ENDING, _DEAF = Inbound.READING, Inbound.ENDING, Inbound.DEAF
_WRITING, _LAST, _SHUT = Outbound.WRITING, Outbound.LAST, Outbound.SHUT
_PEER_CLOSED: Final = (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED)


class Frames(Generic[_W]):
    """A connection as a WebSocket, in either role; a `Stage`.

    Args:
        websocket: what the engine, or the client, knows it by.
        extensions: what was agreed on in the handshake.
        answer: to the handshake; leaves in one write with what follows it.
        early: what has arrived behind the handshake; its turn comes when the answer is out.
        masks: of a client, which masks each frame that it writes; a server reads those, and writes the same to many.
    """

    __slots__ = (
        "_answer", "_core", "_early", "_fragments", "_has_more", "_inbound", "_is_paused",
        "_made_wsproto", "_masks", "_mount", "_outbound", "_pace", "_pings", "_plain_frames", "_pong", "_site",
        "_unread", "_websocket", "_wire", "extensions",
    )  # fmt: skip

    def __init__(
        self,
        wire: BaseWire,
        site: Home[Any],
        mount: Backing[_W],
        websocket: _W,
        extensions: list[Extension],
        answer: bytes,
        early: bytes,
        masks: Iterator[bytes] | None = None,
    ) -> None:
        self._wire = wire
        self._site = site
        self._mount = mount
        self._core = mount.core
        self._websocket = websocket
        self.extensions = extensions
        self._masks = masks
        self._inbound, self._outbound = _READING, _WRITING
        self._is_paused = False  # handlers must catch up before more is read
        self._pace: Pace | None = None  # once the application knows the session
        self._made_wsproto: ForeignConnection | None = None
        is_server, limit_bytes = masks is None, mount.max_payload_bytes
        self._plain_frames: PlainFrames | None = None
        if site.shortcuts and not extensions:
            self._plain_frames = PlainFrames(limit_bytes, of_client=is_server, reads_bytes=mount.core.reads_bytes)
        self._unread = early  # it comes before all that is still to be read
        self._has_more = bool(early)
        self._early = Early.FIRST if early and is_server else Early.NONE
        self._answer = answer
        self._pong = b""
        self._pings = 0  # that have come since a pong was taken
        self._fragments = 0  # of the message that is coming in

    def __repr__(self) -> str:
        return f"WebSocket of {self._websocket.session!r}, {self._inbound.value}, {self._outbound.value}"

    @property
    def _wsproto(self) -> ForeignConnection:
        """What is not plain goes through wsproto; made when there is such a thing (benchmarks: memory)."""
        if self._made_wsproto is None:
            self._made_wsproto = ForeignConnection(self.extensions, of_server=self._masks is None)
        return self._made_wsproto

    @property
    def wants_input(self) -> bool:
        """See `Stage`."""
        if self._inbound is _READING:
            return not (self._is_paused or self._has_more)
        return self._inbound is _DEAF

    @property
    def has_more(self) -> bool:
        """See `Stage`."""
        return self._has_more and (not self._is_paused or self._inbound is _ENDING)

    @property
    def is_large(self) -> bool:
        """See `Stage`. Who has sent much before the handshake was answered may have any number of connections."""
        return self._early is Early.LATER or self._kept_bytes + self._begun_bytes >= LARGE_BYTES

    @property
    def _begun_bytes(self) -> int:
        """How much has come of a message that is not whole; of a packet, if its attachments are missing."""
        return self._websocket.parts.size_bytes + self._websocket.session.unfinished_bytes

    @property
    def held_bytes(self) -> int:
        """What is kept here, and what compression takes."""
        return self._kept_bytes + (state_bytes(self.extensions) if self.extensions else 0)

    @property
    def _kept_bytes(self) -> int:
        """How much has arrived and was not handed on, and what the outbox does not know of what is to be written."""
        held = len(self._unread) + len(self._answer) + len(self._pong)
        return held if self._plain_frames is None else held + len(self._plain_frames.tail)

    @property
    def websocket(self) -> _W:
        """What the engine knows it by."""
        return self._websocket

    def drop(self, now: float) -> None:
        """Forget all that has arrived; the connection is lost, and its session knows."""
        self._forget_input()
        self._end_input(now)

    def _forget_input(self) -> None:
        """What has arrived is not wanted any more. wsproto may be needed again, to say so: a new one does it."""
        self._unread = b""
        self._plain_frames = None
        if self._made_wsproto is not None and self._made_wsproto.state is ConnectionState.OPEN:
            self._made_wsproto = None

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> bool:
        """See `Stage`."""
        plain = self._plain_frames
        is_pong = len(data) == PONG_BYTES and plain is not None and plain.is_pong(data)  # fast path; benchmarks: memory
        if is_pong and self._websocket.session.take_pong(self._websocket, now):
            return True
        if not data:
            self._input_ended(now)
        elif self._inbound is _READING:
            if plain is not None and self._made_wsproto is None and not self._unread:
                message = plain.single(data)  # fast path: what follows, for one message; benchmarks: server
                if message is not None:
                    self._site.first_left -= 1
                    self._core.receive(self._websocket, message, now)
                    return False
            left = self._site.first_left
            much_bytes = LARGE_BYTES if left > 0 else MUCH_BYTES
            may_be_much = self._unread or self._made_wsproto is not None or len(data) >= much_bytes
            if not (may_be_much and self._is_put_off(data, much_bytes)):
                self._site.first_left = left - self._read(data, FIRST_PIECES if left > 0 else FEW_PIECES, now)
        return False

    def _is_put_off(self, data: bytes, much_bytes: int) -> bool:
        """Keep what is so much for a turn of its own, if others are there that wait meanwhile."""
        is_much = bool(self._unread) or len(data) + self._begun_bytes >= much_bytes
        if not is_much or len(self._site.wires) < 2:
            return False
        self._unread += data
        self._has_more = True
        return True

    def proceed(self, now: float) -> int:
        """See `Stage`."""
        is_ending, early = self._inbound is _ENDING, self._early
        is_whole_turn = early is Early.LATER or self._begun_bytes >= LARGE_BYTES
        pieces = self._read(b"", EARLY_PIECES if early is Early.FIRST else TURN_PIECES, now)
        self._early = Early.LATER if early is not Early.NONE and self._has_more else Early.NONE
        if is_ending and (not self._has_more or self._websocket.is_closed or is_too_much(self.extensions, self._pace)):
            self._end_input(now)
        return max(pieces, TURN_PIECES) if is_whole_turn else pieces  # little of it may have been missing

    def _input_ended(self, now: float) -> None:
        if self._has_more and self._inbound is _READING:
            self._begin_ending()  # also when it is paused: those who should catch up may wait for this very end
        elif self._inbound is not _ENDING:
            self._end_input(now)

    def lost(self, now: float) -> None:
        """See `Stage`. What was read before is handled first."""
        if self._has_more and self._inbound is _READING:
            self._begin_ending()
        elif not (self._has_more and self._inbound is _ENDING):
            self._end_input(now)

    def _begin_ending(self) -> None:
        self._inbound = _ENDING
        limit_rest(self.extensions, self._mount.max_payload_bytes)

    def fail(self, now: float) -> None:
        """See `Stage`."""
        if self._inbound is _READING:
            self._inbound = _DEAF
        elif self._inbound is _ENDING:
            self._inbound = Inbound.GONE
        self._has_more = False
        self._core.fail(self._websocket, "internal error", CloseCode.INTERNAL_ERROR, now)

    def _end_input(self, now: float) -> None:
        self._inbound = Inbound.GONE
        self._has_more = False
        self._core.lost(self._websocket, now, detail=self._wire.detail)

    def _read(self, data: bytes, limit: int, now: float) -> int:
        """Handle a turn: some `limit` frames. Returns how many they were."""
        if self._unread:
            data = self._unread + data
            self._unread = b""
        plain = self._plain_frames
        if plain is None:
            return self._read_slices(data, limit, now)
        pieces = plain.feed(data, limit)
        messages: list[Frame] = self._sift(plain, pieces, now) if plain.has_foreign else pieces  # type: ignore[assignment]
        inbound = self._inbound
        if inbound is _READING or inbound is _ENDING:
            if messages:
                self._core.receive_all(self._websocket, messages, now)
            self._has_more = plain.has_more
        else:
            self._has_more = False
        return plain.spent

    def _sift(self, plain: PlainFrames, pieces: list[str | bytes | Control | Foreign], now: float) -> list[Frame]:
        """Let wsproto have what is its own, and the engine what comes before. Returns the messages behind that."""
        messages: list[Frame] = []
        for found in pieces:
            if isinstance(found, (str, bytes)):
                messages.append(found)
                continue
            if messages and self._is_listening:
                self._core.receive_all(self._websocket, messages, now)
            messages = []
            if isinstance(found, Control):
                if found.is_ping and self._is_listening and self._outbound is _WRITING:
                    self._ping_received(found.payload, now)
            elif isinstance(found, Close) and self._made_wsproto is None:
                if self._is_listening:
                    self._told(found.code, found.reason, now)
            else:
                if self._is_listening:
                    self._wsproto.receive_data(found.data)
                plain.spent += _NO_LIMIT - self._take_events(_NO_LIMIT, now)
        return messages

    def _read_slices(self, data: bytes, limit: int, now: float) -> int:
        """Handle a turn of frames that go through wsproto, which inflates them; it is given a slice at a time."""
        left = self._take_events(limit, now)  # of what it was given before
        while left > 0 and data and self._is_listening:
            self._wsproto.receive_data(data[:SLICE_BYTES])
            data = data[SLICE_BYTES:]
            left = self._take_events(left, now)
        self._unread = data
        self._has_more = (left <= 0 or bool(data)) and self._is_listening
        return limit - left

    @property
    def _is_listening(self) -> bool:
        return self._inbound is _READING or self._inbound is _ENDING

    def _take_events(self, left: int, now: float) -> int:
        """Hand the frames that have arrived to the engine, while something is `left` of this turn. Returns what is.

        After a message that is too big nothing more is read: the rest of it, perhaps a deflate bomb, is not unpacked.
        """
        wsproto, core, websocket = self._wsproto, self._core, self._websocket
        if not self._is_listening:
            return left
        for event in wsproto.events():
            left -= FOREIGN_PIECES
            if isinstance(event, (TextMessage, BytesMessage)):
                part = event.data if isinstance(event, TextMessage) else bytes(event.data)
                size = len(part) // _INFLATED_PIECE_BYTES
                if event.message_finished:
                    size = (websocket.parts.size_bytes + len(part)) // MESSAGE_PIECE_BYTES
                core.receive_part(websocket, part, event.message_finished, now)
                if websocket.close_code == CloseCode.MESSAGE_TOO_BIG:
                    self._inbound = _DEAF
                    break
                left -= size
                if event.message_finished:
                    self._fragments = 0
                elif event.frame_finished:
                    self._count_fragment(now)
            elif isinstance(event, Ping):
                if self._outbound is _WRITING:  # after our close frame nothing more is sent
                    self._ping_received(bytes(event.payload), now)
            elif isinstance(event, CloseConnection):
                self._peer_closed(event, now)
            if left <= 0 or not self._is_listening:
                break
        return left

    def _count_fragment(self, now: float) -> None:
        """Close when there are too many, be they empty: each costs time, and a limit on bytes does not count them."""
        self._fragments += 1
        if self._fragments >= (limit := self._mount.engine_settings.max_fragments):
            self._break_off(f"message in more than max_fragments: {limit}", now)

    def _ping_received(self, payload: bytes, now: float) -> None:
        """Answer it; close when the peer takes no pongs, but sends pings."""
        self._pong = pong_frame(payload, self._masks)  # the last one will do (RFC 6455, 5.5.3)
        self._pings += 1
        if self._pings > self._mount.engine_settings.max_unanswered_pings:
            self._break_off("pings come faster than their pongs are taken", now)

    def _break_off(self, detail: str, now: float) -> None:
        self._inbound = _DEAF
        self._core.fail(self._websocket, detail, CloseCode.POLICY_VIOLATION, now)

    def _peer_closed(self, close: CloseConnection, now: float) -> None:
        if self._wsproto.state in _PEER_CLOSED:
            self._told(int(close.code), close.reason or "", now)  # of an enumeration, where wsproto knows it
        else:
            self._inbound = _DEAF
            self._core.fail(self._websocket, close.reason or "WebSocket protocol error", close.code, now)

    def _told(self, code: int, reason: str, now: float) -> None:
        self._inbound = Inbound.TOLD
        self._core.lost(self._websocket, now, code, reason)

    # -- pace and time -----------------------------------------------------------------------------------------------

    def settle(self, now: float) -> None:
        """See `Stage`."""
        websocket, wire = self._websocket, self._wire
        if not websocket.is_closed:  # nearly always, so this comes first
            pace = self._pace
            if pace is None:
                pace = self._pace = self._mount.pace_for(websocket)
            if pace is not None and pace.is_congested and self._inbound is _READING and not self._is_paused:
                self._is_paused = True
                websocket.session.pause_reading(now)
                pace.call_when_room(self._resume)
            return
        go_deaf(self.extensions)
        if IS_OVER[self._inbound, self._outbound]:
            if self._inbound is _ENDING:  # what still waits is not wanted any more, but the end is
                self._end_input(now)
            wire.end()
            return
        if self._inbound is _READING and self._has_more and self._kept_bytes >= MUCH_BYTES:
            self._inbound, self._has_more = _DEAF, False  # nobody is to look for the peer's close frame behind so much
        if self._inbound is _DEAF:
            self._forget_input()
        # A peer whose close frame can still be read may write until then; one that is not understood is told.
        wire.is_mute = self._inbound is _DEAF and self._outbound is _SHUT
        if not wire.has_deadline:
            wire.set_deadline(now + self._site.close_s)

    def _resume(self, now: float) -> None:
        self._is_paused = False
        self._websocket.session.resume_reading(now)
        self._site.note(self._wire)

    def time_out(self, now: float) -> None:
        """See `Stage`."""
        self._wire.lost(now)

    def close(self, now: float) -> None:
        """See `Stage`; the engine has closed it."""

    # -- output ------------------------------------------------------------------------------------------------------

    def data_to_send(self, now: float) -> bytes:
        """See `Stage`. What a failing parser has put into the outbox costs its own connection."""
        websocket = self._websocket
        has_something = websocket.outbox.messages or websocket.is_closed or self._pong or self._answer
        if not has_something or self._outbound is not _WRITING:
            return b""
        if self.extensions and self._site.deflate_left <= 0:
            self._site.compress_later(self._wire)
            return b""
        try:
            data = self._take()
        except Exception as error:  # noqa: BLE001 - of a parser of the application's
            self._wire.fail(error, now)
            return b""
        if data and self._pace is not None:
            self._pace.output_taken()
        self._wire.is_through = self._outbound is _WRITING and not websocket.outbox.messages
        return data

    def _take(self) -> bytes:
        websocket = self._websocket
        messages = websocket.take(self._site.deflate_left if self.extensions else WRITE_BYTES)
        if self.extensions:
            data = framed(messages, self._wsproto, self._masks) if messages else b""
            self._site.compressed(self._wire, messages, has_more=bool(websocket.outbox.messages))
        elif len(messages) == 1:  # fast path; benchmarks: server, client
            data = wire_bytes(messages[0]) if self._masks is None else masked_frames(messages[0].frames, self._masks)
        elif self._masks is not None:
            data = masked_frames([frame for message in messages for frame in message.frames], self._masks)
        else:
            data = b"".join([wire_bytes(message) for message in messages])
        if self._answer or self._pong:  # only here: a message that cannot be written does not take them along
            data = self._answer + self._pong + data
            self._answer = self._pong = b""
        self._pings = 0
        if websocket.is_closed and not websocket.outbox:
            self._outbound = _LAST
            forget_sent(self.extensions)
            data += close_frame(websocket.close_code, websocket.close_text, self._masks)
        return data

    def sent(self, now: float) -> None:
        """See `Stage`."""
        if self._outbound is _LAST:
            self._outbound = _SHUT
            self.settle(now)
