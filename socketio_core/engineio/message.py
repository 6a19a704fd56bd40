"""What lies in an outbox: one group of frames, encoded once and shared by every session it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from socketio_core.engineio.packet import CLOSE, NOOP, PING, PONG, Frame
from socketio_core.engineio.payload import SEPARATOR, polling_form
from socketio_core.errors import LocalProtocolError

_WIDE: Final = 4  # bytes of a character in memory, at most


class WireMessage:
    """Frames that leave together: a packet, or a Socket.IO header with its attachments.

    Attributes:
        frames: in the order of sending, e.g. `('451-["file",{"_placeholder":true,"num":0}]', b"...")`.
        size_bytes: of all frames, text counted in UTF-8.
        compress: whether a polling response that holds it may be compressed.
        host_cache: belongs to the host and is `None` at first, for what is made of the message once and used for all
            its recipients (`wire` keeps the WebSocket's bytes here).

    Raises:
        LocalProtocolError: a text frame holds a lone surrogate, which UTF-8 cannot carry.
    """

    __slots__ = ("_polling_text", "compress", "frames", "host_cache", "size_bytes")

    def __init__(self, frames: Sequence[Frame], *, compress: bool = True) -> None:
        first = frames[0]
        if len(frames) == 1 and type(first) is str and first.isascii():  # fast path; benchmarks: core
            self.size_bytes = len(first)
        else:
            self.size_bytes = sum([len(frame) if type(frame) is bytes else frame_size(frame) for frame in frames])
        self.frames = frames
        self.compress = compress
        self.host_cache: object = None
        self._polling_text: str | None = None

    def __repr__(self) -> str:
        return f"<WireMessage {len(self.frames)} frames, {self.size_bytes} bytes>"

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by the frames, and by what was made of them.

        One character beyond U+FFFF makes all others of a text as wide: four bytes each.
        """
        held = sum([frame.__sizeof__() for frame in self.frames])
        if self._polling_text is not None and self._polling_text is not self.frames[0]:
            held += self._polling_text.__sizeof__()
        return held + (len(self.host_cache) if isinstance(self.host_cache, bytes) else 0)

    @property
    def most_bytes(self) -> int:
        """How much memory will be taken by all that may be made of it."""
        texts = [frame for frame in self.frames if isinstance(frame, str)]
        if len(texts) == len(self.frames) == 1 and texts[0].isascii():  # most often
            return 2 * self.size_bytes
        most = self.size_bytes + sum([frame.__sizeof__() for frame in self.frames])
        if len(self.frames) > 1 or not texts:  # else the text is as good for polling
            widest = max([text.__sizeof__() // max(1, len(text)) for text in texts if not text.isascii()], default=1)
            most += min(widest, _WIDE) * (self.size_bytes * 4 // 3)
        return most

    @property
    def polling_text(self) -> str:
        """The frames in their polling form, joined by the separator; encoded at the first use."""
        if self._polling_text is None:
            self._polling_text = SEPARATOR.join(map(polling_form, self.frames))
        return self._polling_text

    def uncompressed(self) -> WireMessage:
        """Return the same, which no transport is to compress; another one, for a parser may keep its own."""
        return WireMessage(self.frames, compress=False)

    def as_text(self) -> WireMessage:
        """Return the same in text frames alone, binary ones in base64: itself, if there are none."""
        if not any(isinstance(frame, bytes) for frame in self.frames):
            return self
        return WireMessage([polling_form(frame) for frame in self.frames], compress=self.compress)


def frame_size(frame: Frame) -> int:
    """Return the size of a frame in bytes.

    Raises:
        LocalProtocolError: the text holds a lone surrogate.
        TypeError: it is neither text nor bytes; what only looks like bytes would fail where all others are written.
    """
    if isinstance(frame, bytes):
        return len(frame)
    if not isinstance(frame, str):  # pyright: ignore[reportUnnecessaryIsInstance] # a parser may be anybody's
        raise TypeError(f"frame must be str or bytes, not {type(frame).__name__}")
    if not frame.isascii():
        try:
            return len(frame.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise LocalProtocolError(f"text holds a lone surrogate at index {error.start}") from None
    return len(frame)


def received_size(frame: Frame) -> int:
    """Return the size in bytes of a frame that was received, or of a part of one."""
    try:
        return frame_size(frame)
    except LocalProtocolError:  # a lone surrogate, which no host can have read from a wire; the parser refuses it
        return len(frame)


PING_MESSAGE: Final = WireMessage((PING,))
PONG_MESSAGE: Final = WireMessage((PONG,))
CLOSE_MESSAGE: Final = WireMessage((CLOSE,), compress=False)
NOOP_MESSAGE: Final = WireMessage((NOOP,), compress=False)
PROBE_ANSWER: Final = WireMessage((PONG + "probe",), compress=False)
