"""permessage-deflate (RFC 7692), for who switches it on. Off by default, as in the reference (PROTOCOL 1.6)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from socketio_core.engineio.carriers import FAST_BYTES
from socketio_core.engineio.message import WireMessage
from socketio_core.http import Request
from socketio_core.wire.plain_frames import masked_frames, wire_bytes

if TYPE_CHECKING:
    from socketio_core.wire.base import Pace

SLICE_BYTES: Final = 4096
"""How much compressed data wsproto is given before others have their turn: it inflates all that it has of a frame."""

_PACKER_BYTES: Final = 131_072  # of zlib's, beside four times its window: `memLevel` is 8
_UNPACKER_BYTES: Final = 8_192  # beside its window
_NAME: Final = "permessage-deflate"
_SURPLUS_BYTES: Final = 4  # beyond the limit on a message; three may be kept back, as the beginning of a character
_NO_BITS: Final = RsvBits(*[False] * 3)
_ANY_BITS: Final = RsvBits(*[True] * 3)

_BITS = r"[ \t]*=[ \t]*(?:9|1[0-5]|\"(?:9|1[0-5])\")"  # zlib cannot do 8
_PARAMETER = re.compile(
    rf"(?:server|client)_no_context_takeover|server_max_window_bits{_BITS}|client_max_window_bits(?:{_BITS})?"
)

_EIGHT = re.compile(r"(server_max_window_bits[ \t]*=[ \t]*\"?)8\b")


class Deflate(PerMessageDeflate):
    """The extension, with its state kept across control frames.

    wsproto (1.3.2) forgets at a ping between two fragments that the message around it is compressed. And it inflates
    whatever it is given, though 1 kB may hold 1 MB.

    Args:
        max_message_bytes: the limit on a message. No more is inflated than what shows that it is broken.

    Attributes:
        rest_bytes: how much may still be inflated, if that is limited; it goes on below 0.
        is_deaf: nothing that comes is wanted any more, but where its frames end.
    """

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__()
        self._is_control = False
        self._max_bytes = max_message_bytes
        self._inflated = 0  # of the message that is coming in
        self.rest_bytes = inf
        self.is_deaf = False

    @property
    def held_bytes(self) -> int:
        """How much memory is taken by what each end has seen: some 300 kB, once something went either way."""
        held = 0
        if self._compressor is not None:
            held += _PACKER_BYTES + (4 << self.server_max_window_bits)
        if self._decompressor is not None:
            held += _UNPACKER_BYTES + (1 << self.client_max_window_bits)
        return held

    def forget_sent(self) -> int:
        """Look back at nothing that was sent, as behind a large message. Returns how much memory that gives back."""
        held = self.held_bytes
        self._compressor = None
        return held - self.held_bytes

    def go_deaf(self) -> None:
        """Inflate nothing more."""
        self.is_deaf = True
        self._decompressor = None

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Begin a frame; a control frame is not the extension's, and must not have its bit."""
        self._is_control = opcode.iscontrol()
        if self._is_control:
            return _NO_BITS
        if self.is_deaf:
            return _ANY_BITS
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Unpack a piece of a frame, no more than the limit. Behind the end of a stream there may be one byte, no more.

        zlib would keep all that comes there, and copy it again with each piece.

        Spec: RFC 7692, 7.2.3.5.
        """
        decompressor = self._decompressor
        if self.is_deaf and not self._is_control:
            return b""
        if self._is_control or decompressor is None or not self._inbound_compressed:
            return data
        try:
            unpacked = decompressor.decompress(data, self._max_bytes - self._inflated + _SURPLUS_BYTES)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(unpacked)
        self.rest_bytes -= len(unpacked)
        if len(decompressor.unused_data) > 1:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return unpacked

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,
        fin: bool,  # noqa: FBT001 - as wsproto has it
    ) -> bytes | CloseReason | None:
        """End a frame. A stream that ended with its message is followed by another."""
        if self._is_control or self.is_deaf:
            return None
        if fin:
            self._inflated = 0
        unpacked = super().frame_inbound_complete(proto, fin)
        if fin and self._decompressor is not None and self._decompressor.eof:
            self._decompressor = None
        return unpacked

    def frame_outbound(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,  # noqa: FBT001 - as above
    ) -> tuple[RsvBits, bytes]:
        """Pack a message, which is one frame. A large one is packed faster, and looks back at no other.

        Nor does what follows: so each may have a packer of its own, though the peer keeps what it has seen.
        """
        is_large = len(data) >= FAST_BYTES
        if is_large:
            bits = self.client_max_window_bits if proto.client else self.server_max_window_bits
            self._compressor = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -bits)
        framed = super().frame_outbound(proto, opcode, rsv, data, fin)
        if is_large:
            self._compressor = None
        return framed


def framed(messages: Sequence[WireMessage], connection: Connection, masks: Iterator[bytes] | None) -> bytes:
    """Return messages in frames for one peer alone: what it has seen before is its dictionary.

    They are dropped once the peer has closed.
    """
    if connection.state is not ConnectionState.OPEN:
        return b""
    frames: list[bytes] = []
    for message in messages:
        if message.compress:
            sent = [TextMessage(data=f) if isinstance(f, str) else BytesMessage(data=f) for f in message.frames]
            frames += map(connection.send, sent)
        else:  # RFC 7692, 6: each message may go as it is; a server's is shared again
            frames.append(wire_bytes(message) if masks is None else masked_frames(message.frames, masks))
    return b"".join(frames)


def state_bytes(extensions: Sequence[Extension]) -> int:
    """Return how much memory the extensions of a server's connection take."""
    return sum([each.held_bytes for each in extensions if isinstance(each, Deflate)])


def forget_sent(extensions: Sequence[Extension]) -> int:
    """Have them take less. Returns how much memory that gives back."""
    return sum([each.forget_sent() for each in extensions if isinstance(each, Deflate)])


def go_deaf(extensions: Sequence[Extension]) -> None:
    """Free what they keep of what has come: the session is over, and only a close frame is waited for, if at all."""
    for each in [each for each in extensions if isinstance(each, Deflate)]:
        each.go_deaf()


def limit_rest(extensions: Sequence[Extension], limit_bytes: int) -> None:
    """Say how much of what is left to read is wanted: 64 kB, inflated, may be 64 MB, more than handlers can take."""
    for each in [each for each in extensions if isinstance(each, Deflate)]:
        each.rest_bytes = limit_bytes


def is_too_much(extensions: Sequence[Extension], pace: Pace | None) -> bool:
    """Whether that much was inflated, and handlers are behind."""
    is_used = any(isinstance(each, Deflate) and each.rest_bytes < 0 for each in extensions)
    return is_used and pace is not None and pace.is_congested


def negotiate(request: Request, max_message_bytes: int) -> tuple[list[Extension], list[tuple[bytes, bytes]]]:
    """Accept the client's offer, if there is one: the extensions to use, and the headers that say so.

    Of several offers the first is taken that can be; one with a parameter that is unknown, is there twice or has a
    value that it must not have is declined. Spec: RFC 7692, 5.1 and 7.1.
    """
    for offer in (request.header("sec-websocket-extensions") or "").split(","):
        name, *parameters = [part.strip(" \t") for part in offer.split(";")]
        if name == _NAME and _are_valid(parameters):
            deflate = Deflate(max_message_bytes)
            accepted = deflate.accept(offer.replace('"', ""))
            answer = f"{name}; {accepted}" if accepted else name
            return [deflate], [(b"sec-websocket-extensions", answer.encode("ascii"))]
    return [], []


def agree(deflate: Deflate, answer: str) -> None:
    """Take what a server answered to `deflate.offer()`.

    Raises:
        ValueError: it is not permessage-deflate, or with parameters that are none. Spec: RFC 7692, 7.1.
    """
    answer = _EIGHT.sub(r"\g<1>9", answer)  # a window may be larger than what it shows
    name, *parameters = [part.strip(" \t") for part in answer.split(";")]
    if name != _NAME or "," in answer:
        raise ValueError("an extension that was not asked for")
    if not _are_valid(parameters) or "client_max_window_bits" in parameters:
        raise ValueError(f"bad parameters of {name}: {answer!r:.200}")
    deflate.finalize(answer.replace('"', ""))


def _are_valid(parameters: list[str]) -> bool:
    """Say whether each is one of the extension's own, with a value that it may have, and none is there twice."""
    names = {parameter.partition("=")[0].strip(" \t") for parameter in parameters}
    return len(names) == len(parameters) and all(map(_PARAMETER.fullmatch, parameters))
