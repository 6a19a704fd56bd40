"""The default parser: JSON text, with binary attachments behind it. Spec: PROTOCOL 3.2 to 3.4.

What comes is read in `json_decoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from json import JSONEncoder
from json import encoder as json_encoder
from typing import Final, cast

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import MESSAGE
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import ClientSettings, SocketSettings
from socketio_core.socketio.binary import disarm, placeholder
from socketio_core.socketio.json_decoder import LONE_SURROGATE, MAX_VALUES, PLACEHOLDER_TEXT, JsonDecoder
from socketio_core.socketio.json_module import (
    Dumps,
    JsonModule,
    refuses_depth,
    strict_dumps,
    strict_loads,
    text_of,
)
from socketio_core.socketio.nesting import is_too_deep
from socketio_core.socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    EVENT,
    ROOT_NAMESPACE,
    JSONValue,
    Packet,
)
from socketio_core.socketio.parser import Parser

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
        max_values = cast("int | None", self._settings.max_json_values) or MAX_VALUES
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
        return self.encode_fields(packet.type, packet.nsp, packet.data, packet.id)

    def encode_fields(self, kind: int, nsp: str, data: JSONValue, ack_id: int | None = None) -> WireMessage:
        """Encode a packet of these fields; to make one for that would take a fiftieth of an event (benchmarks: server).

        Raises:
            LocalProtocolError: as `encode`.
        """
        text = "" if data is None else self._json(data)
        if self._attachments:
            attachments, self._attachments = self._attachments, []
            head = self._binary_head(kind, attachments)
            if text.count(PLACEHOLDER_TEXT) != len(attachments):
                text = self._without_lookalikes(data, len(attachments))
        else:
            attachments = None
            head = _HEADS[kind]
        if nsp != ROOT_NAMESPACE:
            head += nsp + ","
        if ack_id is not None:
            head += str(ack_id)
        return WireMessage((head + text,) if attachments is None else (head + text, *attachments))

    @property
    def max_depth(self) -> int:
        """How deep data may be nested that it encodes."""
        return self._max_depth

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
        if not text.isascii() and LONE_SURROGATE.search(text):
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
        if not text.count(PLACEHOLDER_TEXT) == len(attachments) == count:  # another module hides some
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
