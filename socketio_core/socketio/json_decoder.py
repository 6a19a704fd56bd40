"""JSON text and attachments to packets: what `json_parser` has for each connection. Spec: PROTOCOL 3.2 to 3.4.

Stricter than the reference where that accepts what no client sends (PROTOCOL 9-35 to 9-37): ASCII digits only, a
payload where one is required, 1 to `max_attachments` attachments, no `NaN`, bounded nesting.
"""

from __future__ import annotations

import re
from typing import Final, cast

from socketio_core.engineio.packet import Payload
from socketio_core.errors import PacketError
from socketio_core.settings import ClientSettings, SocketSettings
from socketio_core.socketio.binary import Incomplete, fill_slots, find_slots
from socketio_core.socketio.json_module import Loads
from socketio_core.socketio.json_scan import TooManyValues, scan, scan_short, scan_with
from socketio_core.socketio.nesting import is_too_deep
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
from socketio_core.socketio.weight import count_values

MAX_ID_DIGITS: Final = 309  # as many as the largest double of JavaScript has
MAX_VALUES: Final = 100_000  # the least that `max_json_values` is by default
PLACEHOLDER_TEXT: Final = '"_placeholder":true'
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_MAX_COUNT_DIGITS: Final = 10  # of an attachment count; no limit is that large
_MAX_PARSED_HEADER_CHARS: Final = 16_384  # a larger header waits for its attachments as text: parsed, it takes far more

_DIGITS = re.compile("[0-9]*")  # not \d and not isdigit(): those know the digits of every script
_EVENT_HEAD = re.compile("(?:2|5([1-9][0-9]{0,8})-)(/[^,]*,)?([0-9]*)(?=\\[)")  # attachments, namespace, ack id
# The same of a binary event up to its name, if that needs no unescaping, and a placeholder follows it.
_PLAIN_HEADER = re.compile(r'5([1-9])-(/[^,]*,)?([0-9]*)\["([^"\\\x00-\x1f]*)"(?=,{"_placeholder)')
_IN_ORDER: Final = {  # all that follows the name if the attachments are the arguments, by their number
    str(count): "".join(f',{{{PLACEHOLDER_TEXT},"num":{number}}}' for number in range(count)) + "]"
    for count in range(1, 10)
}


class JsonDecoder:
    """The receiving end of one connection.

    Args:
        settings: the limits.
        loads: of another module, if there is one.
        light_chars: how long a text is that reaches no limit.
    """

    __slots__ = ("_light_chars", "_loads", "_settings", "_waiting")

    def __init__(self, settings: SocketSettings | ClientSettings, loads: Loads | None, light_chars: int) -> None:
        self._settings = settings
        self._loads = loads
        self._light_chars = light_chars
        self._waiting: Incomplete | None = None

    def feed(self, payload: Payload) -> Packet | None:
        """Take one message; see `Decoder.feed`."""
        if isinstance(payload, bytes):
            return self._add_attachment(payload)
        if self._waiting is not None:
            raise PacketError("text in the place of an attachment")
        if payload[:2] == "2[" and len(payload) <= self._light_chars:  # fast path; benchmarks: codec
            loads = self._loads
            try:
                data, end = scan_short(payload, 1) if loads is None else scan_with(loads, payload, 1)
                if end == len(payload) and type(data[0]) is str and data[0] not in RESERVED_EVENTS:
                    return Packet(EVENT, ROOT_NAMESPACE, data)
            except (ValueError, IndexError, StopIteration, RecursionError):  # which of them is said below
                pass
        if len(payload) > _MAX_PARSED_HEADER_CHARS and payload[0] in "56":
            self._postpone(payload)
            return None
        if payload[:1] == "5" and self._begin_plain(payload):
            return None
        head = _EVENT_HEAD.match(payload)
        if head is None:
            return self._decode(payload)
        start = head.end()
        count_digits, written_nsp, digits = head.groups()
        count = self._check_count(int(count_digits)) if count_digits else 0
        nsp = ROOT_NAMESPACE if written_nsp is None else self._check_namespace(written_nsp[:-1])
        ack_id = _check_id(digits) if digits else None
        data = self._parse(payload, start)
        if not data or type(data[0]) is not str or data[0] in RESERVED_EVENTS:
            check_payload(EVENT, data, ack_id)
        packet = Packet(EVENT, nsp, data, ack_id)
        if count:
            self._begin(packet, count)
            return None
        return packet

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
        if count:
            self._begin(packet, count)
            return None
        return packet

    def _begin_plain(self, header: str) -> bool:
        """Wait for the attachments of an event whose arguments they are, in order; most are like that.

        Returns `False` for others, and those that are refused: to be read in full.
        """
        head = _PLAIN_HEADER.match(header)  # fast path; benchmarks: server
        if head is None or len(header) > self._light_chars:
            return False
        count_digit, written_nsp, digits, name = head.groups()
        count = int(count_digit)
        is_refused = count > self._settings.max_attachments or name in RESERVED_EVENTS
        if is_refused or header[head.end() :] != _IN_ORDER[count_digit]:
            return False
        nsp = ROOT_NAMESPACE if written_nsp is None else self._check_namespace(written_nsp[:-1])
        data: list[JSONValue] = [name]
        packet = Packet(EVENT, nsp, data, _check_id(digits) if digits else None)
        self._waiting = waiting = Incomplete(count, packet)
        waiting.attachments = data
        return True

    def _postpone(self, header: str) -> None:
        """Wait for the attachments of a packet that is not parsed before: they may never come."""
        count, _ = self._attachment_count(header)
        self._check_values(header)
        self._waiting = Incomplete(count, None, (), header)

    def _begin(self, packet: Packet, count: int) -> None:
        """Wait for the attachments of a packet."""
        self._waiting = Incomplete(count, packet, find_slots(packet.data, count, self._settings.max_attachments))

    def _attachment_count(self, text: str) -> tuple[int, int]:
        match = _DIGITS.match(text, 1)
        end = match.end() if match else 1
        if end == 1 or text[end : end + 1] != "-":
            raise PacketError("illegal attachments: no count")
        count = self._check_count(int(text[1:end]) if end <= _MAX_COUNT_DIGITS else self._settings.max_attachments + 1)
        if count < 1:
            raise PacketError("illegal attachments: count must be at least 1")
        return count, end + 1

    def _check_count(self, count: int) -> int:
        limit = self._settings.max_attachments
        if count > limit:
            raise PacketError(f"too many attachments, max_attachments: {limit}")
        return count

    def _namespace(self, text: str, start: int) -> tuple[str, int]:
        end = text.find(",", start)
        nsp = self._check_namespace(text[start:] if end < 0 else text[start:end])
        return nsp, len(text) if end < 0 else end + 1

    def _check_namespace(self, nsp: str) -> str:
        if len(nsp) > self._settings.max_namespace_chars:
            raise PacketError(f"namespace too long, max_namespace_chars: {self._settings.max_namespace_chars}")
        if not nsp.isascii() and LONE_SURROGATE.search(nsp):
            raise PacketError("namespace holds a lone surrogate")  # it could not be sent back
        return nsp

    @property
    def _max_values(self) -> int:
        return cast("int | None", self._settings.max_json_values) or MAX_VALUES

    def _check_values(self, text: str) -> int | None:
        """Return for how many values more a text may count; `None` if it is short."""
        limit = self._max_values
        if len(text) <= limit:  # each of them takes a character at least
            return None
        left = limit - count_values(text)
        if left < 0:
            raise self._too_many_values()
        return left

    def _too_many_values(self) -> PacketError:
        return PacketError(f"too many values in the payload, max_json_values: {self._max_values}")

    def _parse(self, text: str, start: int) -> JSONValue:
        limit, is_light = self._settings.max_json_depth, len(text) <= self._light_chars
        left = None if is_light else self._check_values(text[start:])
        try:
            if self._loads is None:
                data, end = scan_short(text, start) if is_light else scan(text, start, left)
            else:
                data, end = scan_with(self._loads, text, start, left)
        except TooManyValues:
            raise self._too_many_values() from None
        except RecursionError:  # Python's own limit may be the lower one
            raise PacketError(f"payload nested too deep, max_json_depth: {limit}") from None
        except StopIteration as stop:  # in place of what raw_decode() would say
            raise PacketError(f"payload is not JSON: no value at {stop.value}") from None
        except ValueError as error:
            raise PacketError(f"payload is not JSON: {error}") from None
        if end != len(text) and text[end:].strip(" \t\r\n"):
            raise PacketError(f"text behind the payload at {end}")
        if not is_light and is_too_deep(text[start:end], limit):
            raise PacketError(f"payload nested too deep, max_json_depth: {limit}")
        return data

    def _add_attachment(self, payload: bytes) -> Packet | None:
        waiting = self._waiting
        if waiting is None:
            raise PacketError("binary message without a packet that announced it")
        waiting.size_bytes += len(payload)
        max_bytes = self._settings.max_attachment_bytes
        if max_bytes is not None and waiting.size_bytes > max_bytes:
            raise PacketError(f"attachments too large, max_attachment_bytes: {max_bytes}")
        attachments = waiting.attachments
        attachments.append(payload)
        waiting.missing -= 1
        if waiting.missing:
            return None
        if waiting.header:
            self._decode(waiting.header)
            waiting = self._waiting
            assert waiting is not None  # it has begun once more, with a packet
        self._waiting = None
        if waiting.slots:
            fill_slots(waiting.slots, attachments)
        return waiting.packet


def _ack_id(text: str, start: int) -> tuple[int | None, int]:
    match = _DIGITS.match(text, start)
    end = match.end() if match else start
    return (None if end == start else _check_id(text[start:end])), end


def _check_id(digits: str) -> int:
    if len(digits) > MAX_ID_DIGITS:
        raise PacketError(f"ack id too long, limit: {MAX_ID_DIGITS} digits")
    return int(digits)
