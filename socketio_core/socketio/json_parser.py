"""The default parser: JSON text, with binary attachments behind it. Spec: PROTOCOL 3.2 to 3.4.

Stricter than the reference where that accepts what no client sends (PROTOCOL 9-35 to 9-37): ASCII digits only, a
payload where one is required, 1 to `max_attachments` attachments, no `NaN`, bounded nesting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from json import JSONEncoder
from json import encoder as json_encoder
from typing import Final, cast

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import MESSAGE, Payload
from socketio_core.errors import LocalProtocolError, PacketError
from socketio_core.settings import ClientSettings, SocketSettings
from socketio_core.socketio.binary import Incomplete, disarm, fill_slots, find_slots, placeholder
from socketio_core.socketio.json_module import (
    Dumps,
    JsonModule,
    Loads,
    refuses_depth,
    strict_dumps,
    strict_loads,
    text_of,
)
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
from socketio_core.socketio.parser import Parser
from socketio_core.socketio.weight import count_values

MAX_ID_DIGITS: Final = 309  # as many as the largest double of JavaScript has

_MAX_COUNT_DIGITS: Final = 10  # of an attachment count; no limit is that large
_MAX_VALUES: Final = 100_000  # the least that `max_json_values` is by default
_MAX_PARSED_HEADER_CHARS: Final = 16_384  # a larger header waits for its attachments as text: parsed, it takes far more

_DIGITS = re.compile("[0-9]*")  # not \d and not isdigit(): those know the digits of every script
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_EVENT_HEAD = re.compile("(?:2|5([1-9][0-9]{0,8})-)(/[^,]*,)?([0-9]*)(?=\\[)")  # attachments, namespace, ack id
# The same of a binary event up to its name, if that needs no unescaping, and a placeholder follows it.
_PLAIN_HEADER = re.compile(r'5([1-9])-(/[^,]*,)?([0-9]*)\["([^"\\\x00-\x1f]*)"(?=,{"_placeholder)')
_PLACEHOLDER_TEXT: Final = '"_placeholder":true'
_IN_ORDER: Final = {  # all that follows the name if the attachments are the arguments, by their number
    str(count): "".join(f',{{{_PLACEHOLDER_TEXT},"num":{number}}}' for number in range(count)) + "]"
    for count in range(1, 10)
}
_BINARY_HEADS: Final = {EVENT: f"{MESSAGE}{BINARY_EVENT}", ACK: f"{MESSAGE}{BINARY_ACK}"}

_HEADS: Final = [f"{MESSAGE}{kind}" for kind in range(BINARY_ACK + 1)]


# Not in the type stubs.
c_make_encoder: Callable[..., Callable[[JSONValue, int], Iterable[str]]] | None
c_make_encoder = getattr(json_encoder, "c_make_encoder", None)


def make_encoder(default: Callable[[object], JSONValue]) -> Callable[[JSONValue, int], Iterable[str]]:
    """Return what `JSONEncoder.encode` does, in pieces, with the encoder in C made once and not for each call.

    It is to be told level 0. Cycles are found by the depth of the recursion. A Python without such an encoder uses the
    whole of `JSONEncoder`.
    """
    encoder = JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=default)
    if c_make_encoder is None:
        return lambda data, _level: (encoder.encode(data),)
    sort_keys = skip_keys = allow_nan = False
    return c_make_encoder(
        None, default, json_encoder.encode_basestring, None, ":", ",", sort_keys, skip_keys, allow_nan
    )


class JsonParser:
    """Encodes to `"42[...]"` and attachments; makes strict decoders.

    Args:
        settings: the limits, of a server or of a client: what those at the other end refuse is not sent.
        json: encodes and decodes the data. What it refuses, and what it might treat in another way than Python's own
            `json`, is left to that, `null` in the text included: so the same is accepted, and the same sent, but for
            the spelling of very large and very small numbers. One that reads or writes more than JSON (`NaN`), or
            spaces between, is not used for that. What orjson alone takes is taken always: members of
            enumerations, by their values, UUIDs, and `orjson.Fragment`, which it sends unseen. It reads integers of
            over 64 bits as floats, as JavaScript does.
    """

    def __init__(
        self, settings: SocketSettings | ClientSettings | None = None, *, json: JsonModule | None = None
    ) -> None:
        self._settings = settings or SocketSettings()
        self._attachments: list[bytes] = []
        self._encode_json = make_encoder(self._default)
        if json is not None and not (callable(getattr(json, "dumps", None)) and callable(getattr(json, "loads", None))):
            raise TypeError(f"json must have dumps and loads, as the module orjson has: {json!r}")
        self._loads = None if json is None else strict_loads(json)
        self._fast_dumps = None if json is None else strict_dumps(json)
        max_values = cast("int | None", self._settings.max_json_values) or _MAX_VALUES
        self._light_chars = min(max_values, 2 * self._settings.max_json_depth)  # each level takes two characters
        self._max_depth = self._settings.max_emitted_json_depth
        self._may_be_deep_chars = 2 * self._max_depth  # each level takes two characters
        self._bounds_depth = self._fast_dumps is not None and refuses_depth(self._fast_dumps, self._max_depth + 1)

    def encode(self, packet: Packet) -> WireMessage:
        """Encode a packet; bytes anywhere in an event or ack become attachments, in depth-first order.

        Raises:
            LocalProtocolError: the data holds something that JSON has no form for (NaN, an object, a cycle), bytes in
                a packet type that carries none, or more than a receiver accepts: attachments, levels of nesting.
        """
        data, kind, nsp, ack_id = packet.data, packet.type, packet.nsp, packet.id
        text = "" if data is None else self._json(data)
        if self._attachments:
            attachments, self._attachments = self._attachments, []
            head = self._binary_head(kind, attachments)
            if text.count(_PLACEHOLDER_TEXT) != len(attachments):
                text = self._without_lookalikes(data, len(attachments))
        else:
            attachments = None
            head = _HEADS[kind]
        if nsp != ROOT_NAMESPACE:
            head += nsp + ","
        if ack_id is not None:
            head += str(ack_id)
        return WireMessage((head + text,) if attachments is None else (head + text, *attachments))

    def decoder(self) -> JsonDecoder:
        """Return the decoder of a new connection."""
        return JsonDecoder(self._settings, self._loads, self._light_chars)

    def _json(self, data: JSONValue) -> str:
        try:
            if self._fast_dumps is None:  # fast path: what `_own_json` does; benchmarks: core
                text = "".join(self._encode_json(data, 0))
                if len(text) > self._may_be_deep_chars:
                    self._check_depth(text)
            else:
                text = self._fast_json(self._fast_dumps, data)
        except BaseException as error:
            self._attachments = []  # nothing of it gets into the next packet
            if isinstance(error, (TypeError, ValueError, RecursionError)):
                raise LocalProtocolError(f"data cannot be sent as JSON: {error}") from None
            raise
        if not text.isascii() and _LONE_SURROGATE.search(text):
            # As JSON.stringify does; not one by one, for a message may be full of them.
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        return text

    def _own_json(self, data: JSONValue) -> str:
        text = "".join(self._encode_json(data, 0))
        if len(text) > self._may_be_deep_chars:
            self._check_depth(text)
        return text

    def _check_depth(self, text: str) -> None:
        if is_too_deep(text, self._max_depth):
            raise LocalProtocolError(f"data is nested too deep, max_emitted_json_depth: {self._max_depth}")

    def _without_lookalikes(self, data: JSONValue, count: int) -> str:
        """Encode data that holds what a receiver would take for a placeholder, with a 1 for the `true` in it.

        Any client can send such an object, in a packet without attachments. With the reference, whoever passes it on
        beside bytes has other clients put them there too, or thrown out for a number that is out of range.
        """
        text = self._json(disarm(data))
        attachments, self._attachments = self._attachments, []
        if not text.count(_PLACEHOLDER_TEXT) == len(attachments) == count:  # another module hides some
            raise LocalProtocolError("data with bytes in it also holds an object with '_placeholder': true")
        return text

    def _fast_json(self, dumps: Dumps, data: JSONValue) -> str:
        """Encode with another module; what it refuses or hides is for our own to judge."""
        try:
            text = text_of(dumps(data, default=self._default))
        except Exception:  # noqa: BLE001 - each module has errors of its own
            text = ""
        if not text or "null" in text:  # orjson writes NaN as null
            self._attachments = []
            return self._own_json(data)
        if len(text) > self._may_be_deep_chars and not self._bounds_depth:
            self._check_depth(text)
        return text

    def _default(self, value: object) -> JSONValue:
        if type(value) is not bytes:
            if not isinstance(value, (bytes, bytearray, memoryview)):
                return self._foreign(value)
            value = bytes(cast("bytes", value))
        self._attachments.append(value)
        return placeholder(len(self._attachments) - 1)

    def _foreign(self, value: object) -> JSONValue:
        """Return what another module takes of itself in a form that `json` takes: it may not get to see the packet."""
        if self._loads is not None and self._fast_dumps is not None:
            try:
                return self._loads(text_of(self._fast_dumps(value)))
            except Exception:  # noqa: BLE001, S110 - each module has errors of its own; it does not take it either
                pass
        name = type(value).__name__
        hint = (
            "wait for acknowledgements with call"
            if callable(value)
            else "use str, int, float, bool, None, list, dict or bytes"
        )
        raise TypeError(f"{name} is not JSON; {hint}")

    def _binary_head(self, kind: int, attachments: list[bytes]) -> str:
        if kind not in _BINARY_HEADS:
            raise LocalProtocolError("bytes can be sent in events and acks only")
        count = len(attachments)
        limit, max_bytes = self._settings.max_attachments, self._settings.max_attachment_bytes
        if count > limit:
            raise LocalProtocolError(f"too many attachments, max_attachments: {limit}")
        if max_bytes is not None and sum(map(len, attachments)) > max_bytes:
            raise LocalProtocolError(f"attachments too large, max_attachment_bytes: {max_bytes}")
        return f"{_BINARY_HEADS[kind]}{count}-"


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
        slots = find_slots(packet.data, count)
        if len(slots) > self._settings.max_attachments:  # passed on, each place has an attachment of its own
            raise PacketError(f"too many places for attachments, max_attachments: {self._settings.max_attachments}")
        self._waiting = Incomplete(count, packet, slots)

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
        if not nsp.isascii() and _LONE_SURROGATE.search(nsp):
            raise PacketError("namespace holds a lone surrogate")  # it could not be sent back
        return nsp

    @property
    def _max_values(self) -> int:
        return cast("int | None", self._settings.max_json_values) or _MAX_VALUES

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


def parser_of(
    settings: SocketSettings | ClientSettings | None, parser: Parser | None, json: JsonModule | None
) -> Parser | None:
    """Return the parser that was asked for; `None`: the usual one.

    Raises:
        TypeError: it is none.
        ValueError: both are given.
    """
    if json is None:
        if parser is not None and not (callable(getattr(parser, "encode", None)) and hasattr(parser, "decoder")):
            raise TypeError(f"parser must have encode and decoder, as JsonParser() has, not: {parser!r}")
        return parser
    if parser is not None:
        raise ValueError("json is for the usual parser; give it to your own, and leave it out here")
    return JsonParser(settings, json=json)
