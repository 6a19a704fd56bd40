"""The default parser: JSON text, with binary attachments behind it. Spec: PROTOCOL 3.2 to 3.4.

Stricter than the reference where that accepts what no client sends (PROTOCOL 9-35 to 9-37): ASCII digits only, a
payload where one is required, 1 to `max_attachments` attachments, no `NaN`, bounded nesting.
"""

from __future__ import annotations

import re
from itertools import accumulate
from json import JSONDecoder, JSONEncoder
from typing import Final, NoReturn, cast

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import MESSAGE, Frame, Payload
from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.settings import SocketSettings
from socketio_core.socketio.binary import Slot, fill_slots, find_slots, placeholder
from socketio_core.socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    EVENT,
    RESERVED_EVENTS,
    ROOT_NAMESPACE,
    JSONValue,
    Packet,
    check_payload,
)

MAX_ID_DIGITS: Final = 309  # as many as the largest double of JavaScript has

_MAX_COUNT_DIGITS: Final = 10  # of an attachment count; no limit is that large

_DIGITS = re.compile("[0-9]*")  # not \d and not isdigit(): those know the digits of every script
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\.")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BRACKETS_TO_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_PLACEHOLDER_TEXT: Final = '"_placeholder":true'
_BINARY_OF = {EVENT: BINARY_EVENT, ACK: BINARY_ACK}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_scan = JSONDecoder(parse_constant=_refuse_constant).raw_decode


class JsonParser:
    """Encodes to `"42[...]"` and attachments; makes strict decoders."""

    def __init__(self, settings: SocketSettings | None = None) -> None:
        self._settings = settings or SocketSettings()
        self._attachments: list[bytes] = []
        self._encode_json = JSONEncoder(
            separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=self._default
        ).encode

    def encode(self, packet: Packet) -> WireMessage:
        """Encode a packet; bytes anywhere in an event or ack become attachments, in depth-first order.

        Raises:
            LocalProtocolError: the data holds something that JSON has no form for (NaN, an object, a cycle), bytes in
                a packet type that carries none, more attachments than a receiver accepts, or an object that a receiver
                would take for a placeholder.
        """
        try:
            text = "" if packet.data is None else self._json(packet.data)
        finally:  # whatever the data raised, nothing of it gets into the next packet
            attachments, self._attachments = self._attachments, []
        kind: int = packet.type
        if attachments:
            kind = self._binary_kind(kind, attachments, text)
        head = f"{MESSAGE}{kind}"
        if attachments:
            head += f"{len(attachments)}-"
        if packet.nsp != ROOT_NAMESPACE:
            head += f"{packet.nsp},"
        if packet.id is not None:
            head += str(packet.id)
        frames: tuple[Frame, ...] = (head + text, *attachments)
        return WireMessage(frames)

    def decoder(self) -> JsonDecoder:
        """Return the decoder of a new connection."""
        return JsonDecoder(self._settings)

    def _json(self, data: JSONValue) -> str:
        try:
            text = self._encode_json(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise LocalProtocolError(f"data cannot be sent as JSON: {error}") from None
        if not text.isascii() and _LONE_SURROGATE.search(text):
            text = _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)  # as JSON.stringify does
        return text

    def _default(self, value: object) -> JSONValue:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"{type(value).__name__} is not JSON; use str, int, float, bool, None, list, dict or bytes")
        self._attachments.append(bytes(cast("bytes", value)))
        return placeholder(len(self._attachments) - 1)

    def _binary_kind(self, kind: int, attachments: list[bytes], text: str) -> int:
        if kind not in _BINARY_OF:
            raise LocalProtocolError("bytes can be sent in events and acks only")
        if len(attachments) > self._settings.max_attachments:
            raise LocalProtocolError(f"too many attachments: {len(attachments)}")
        if text.count(_PLACEHOLDER_TEXT) != len(attachments):
            raise LocalProtocolError("data with bytes in it also holds an object with '_placeholder': true")
        return _BINARY_OF[kind]


class JsonDecoder:
    """The receiving end of one connection."""

    __slots__ = ("_attachments", "_missing", "_packet", "_settings", "_size", "_slots")

    def __init__(self, settings: SocketSettings) -> None:
        self._settings = settings
        self._packet: Packet | None = None  # a header that waits for its attachments
        self._slots: list[Slot] = []
        self._attachments: list[bytes] = []
        self._missing = 0
        self._size = 0

    def feed(self, payload: Payload) -> Packet | None:
        """Take one message; see `Decoder.feed`."""
        if isinstance(payload, bytes):
            return self._add_attachment(payload)
        if self._packet is not None:
            raise PacketError("text in the place of an attachment")
        if payload[:2] == "2[":  # fast path: an event in the root namespace without ack; benchmarks: core
            data = self._parse(payload, 1)
            if not data or type(data[0]) is not str or data[0] in RESERVED_EVENTS:
                check_payload(EVENT, data, None)
            return Packet(EVENT, ROOT_NAMESPACE, data)
        return self._decode(payload)

    def _decode(self, text: str) -> Packet | None:
        kind = ord(text[0]) - 48 if text else -1
        if not 0 <= kind <= BINARY_ACK:
            raise PacketError(f"unknown packet type: {text[:1]!r}")
        position = 1
        count = 0
        if kind >= BINARY_EVENT:
            count, position = self._attachment_count(text)
            kind = EVENT if kind == BINARY_EVENT else ACK
        nsp = ROOT_NAMESPACE
        if text.startswith("/", position):
            nsp, position = self._namespace(text, position)
        ack_id, position = _ack_id(text, position)
        data: JSONValue = self._parse(text, position) if position < len(text) else None
        if data is None and position < len(text):
            raise PacketError("payload must not be null")
        check_payload(kind, data, ack_id)
        packet = Packet(kind, nsp, data, ack_id)
        if not count:
            return packet
        self._slots = find_slots(cast("list[JSONValue]", data), count)  # check_payload has seen that it is a list
        self._packet = packet
        self._missing = count
        return None

    def _attachment_count(self, text: str) -> tuple[int, int]:
        match = _DIGITS.match(text, 1)
        end = match.end() if match else 1
        if end == 1 or text[end : end + 1] != "-":
            raise PacketError("illegal attachments: no count")
        limit = self._settings.max_attachments
        count = int(text[1:end]) if end <= _MAX_COUNT_DIGITS else limit + 1
        if count > limit:
            raise PacketError(f"too many attachments, limit: {limit}")
        if count < 1:
            raise PacketError("illegal attachments: count must be at least 1")
        return count, end + 1

    def _namespace(self, text: str, start: int) -> tuple[str, int]:
        end = text.find(",", start)
        nsp = text[start:] if end < 0 else text[start:end]
        if len(nsp) > self._settings.max_namespace_chars:
            raise PacketError(f"namespace too long, limit: {self._settings.max_namespace_chars} characters")
        if not nsp.isascii() and _LONE_SURROGATE.search(nsp):
            raise PacketError("namespace holds a lone surrogate")  # it could not be sent back
        return nsp, len(text) if end < 0 else end + 1

    def _parse(self, text: str, start: int) -> JSONValue:
        try:
            data, end = _scan(text, start)
        except RecursionError:
            raise PacketError(f"payload nested too deep, limit: {self._settings.max_json_depth}") from None
        except ValueError as error:
            raise PacketError(f"payload is not JSON: {error}") from None
        if end != len(text) and text[end:].strip(" \t\r\n"):
            raise PacketError(f"text behind the payload at {end}")
        limit = self._settings.max_json_depth
        if text.count("[") + text.count("{") > limit and _depth_exceeds(text[start:end], limit):
            raise PacketError(f"payload nested too deep, limit: {limit}")
        return data

    def _add_attachment(self, payload: bytes) -> Packet | None:
        packet = self._packet
        if packet is None:
            raise PacketError("binary message without a packet that announced it")
        self._size += len(payload)
        if self._size > self._settings.max_attachment_bytes:
            raise PacketError(f"attachments too large, limit: {self._settings.max_attachment_bytes} bytes")
        self._attachments.append(payload)
        self._missing -= 1
        if self._missing:
            return None
        fill_slots(self._slots, self._attachments)
        self._packet, self._slots, self._attachments, self._size = None, [], [], 0
        return packet


def _ack_id(text: str, start: int) -> tuple[int | None, int]:
    match = _DIGITS.match(text, start)
    end = match.end() if match else start
    if end == start:
        return None, start
    if end - start > MAX_ID_DIGITS:
        raise PacketError(f"ack id too long, limit: {MAX_ID_DIGITS} digits")
    return int(text[start:end]), end


def _depth_exceeds(text: str, limit: int) -> bool:
    """Whether valid JSON `text` is nested deeper than `limit`.

    Strings are cut out, and the brackets that are left become steps up and down to add up: all in C, and a tenth of the
    cost of parsing, whatever the shape. A walk over the parsed data would cost as much as parsing it.
    """
    if "\\" in text:
        text = _ESCAPE.sub("", text)
    outside = "".join(text.split('"')[::2]).encode("ascii")
    steps = memoryview(outside.translate(_BRACKETS_TO_STEPS, _NOT_BRACKETS)).cast("b")
    return max(accumulate(steps), default=0) > limit
