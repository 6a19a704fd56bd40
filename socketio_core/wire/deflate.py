"""permessage-deflate (RFC 7692), for who switches it on. Off by default, as in the reference (PROTOCOL 1.6)."""

from __future__ import annotations

import re
from typing import Final

from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits
from wsproto.handshake import server_extensions_handshake

from socketio_core.http import Request

SLICE_BYTES: Final = 4096
"""How much compressed data is inflated before the size of the message is looked at again.

Deflate packs up to 1032 to 1, so a slice grows to 4 MB at the most. wsproto itself inflates whatever it is given.
"""


_NO_BITS: Final = RsvBits(*[False] * 3)


_PARAMETER = re.compile(
    r"(?:server|client)_no_context_takeover|(?:server|client)_max_window_bits *= *(?:9|1[0-5]|\"(?:9|1[0-5])\")"
)


class Deflate(PerMessageDeflate):
    """The extension, with its state kept across control frames.

    wsproto (1.3.2) forgets at a ping between two fragments that the message around it is compressed.
    """

    _is_control = False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Begin a frame; a control frame is not the extension's, and must not have its bit."""
        self._is_control = opcode.iscontrol()
        if self._is_control:
            return _NO_BITS
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Unpack a piece of a frame. Behind the end of a stream there may be one byte (RFC 7692, 7.2.3.5), no more.

        zlib would keep all that comes there, and copy it again with each piece.
        """
        if self._is_control:
            return data
        unpacked = super().frame_inbound_payload_data(proto, data)
        if self._decompressor is not None and len(self._decompressor.unused_data) > 1:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return unpacked

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,
        fin: bool,  # noqa: FBT001 - as wsproto has it
    ) -> bytes | CloseReason | None:
        """End a frame. A stream that ended with its message is followed by another."""
        if self._is_control:
            return None
        unpacked = super().frame_inbound_complete(proto, fin)
        if fin and self._decompressor is not None and self._decompressor.eof:
            self._decompressor = None
        return unpacked


def negotiate(request: Request) -> tuple[list[Extension], list[tuple[bytes, bytes]]]:
    """Accept the client's offer, if there is one: the extensions to use, and the headers that say so."""
    offers = request.header("sec-websocket-extensions")
    if offers is None:
        return [], []
    deflate = Deflate()
    try:
        accepted = server_extensions_handshake(offers.split(","), [deflate])
    except ValueError:  # parameters that are no numbers: go on without
        return [], []
    if accepted is None:
        return [], []
    return [deflate], [(b"sec-websocket-extensions", accepted)]


def agree(deflate: Deflate, answer: str) -> None:
    """Take what a server answered to `deflate.offer()`.

    Raises:
        ValueError: it is not permessage-deflate, or with parameters that are none. Spec: RFC 7692, 7.1.
    """
    name, *parameters = [part.strip() for part in answer.split(";")]
    if name != deflate.name or "," in answer:
        raise ValueError("an extension that was not asked for")
    names = [parameter.partition("=")[0].strip() for parameter in parameters]
    for parameter in parameters:
        if _PARAMETER.fullmatch(parameter) is None or len(set(names)) < len(names):
            raise ValueError(f"bad parameters of {name}: {parameter!r}")
    deflate.finalize(answer.replace('"', ""))
