"""A shortcut past h11 for plain requests and their answers, which is what nearly all of them are.

Plain is a GET or POST of HTTP/1.1 that has arrived whole, head and body, whose lines end in CRLF and hold printable
ASCII alone, whose body, if it has one, is as long as one `Content-Length` says, and that asks for nothing about the
connection but to keep it or to make a WebSocket of it. h11 stays the authority: every other request goes to it, and so
does a plain one whose answer is not (`Http1` hands its bytes over as if they had just arrived).
`tests/wire/test_plain_requests.py` compares the two over any bytes.

It saves half of what a request costs (benchmarks: polling). `Server(shortcuts=False)` does without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar, final

from socketio_core.wire.heads import HOST, MAX_HEAD_BYTES, MAX_HEADERS, Head

_K = TypeVar("_K")
_V = TypeVar("_V")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_HEAD = re.compile(rb"(GET|POST) (/[!\"$-~]*+) HTTP/1\.1\r\n((?:" + _TOKEN + rb":[ -~\t]*+\r\n)++)\r\n")
_FIELD = re.compile(rb"([^:]+):([^\r]*)\r\n")
_KEY = re.compile(rb"(?:^|(?<=\n))(?i:sec-websocket-key):[ \t]*+([A-Za-z0-9+/=]++)[ \t]*+\r\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_NAME = re.compile(_TOKEN)
_VALUE = re.compile(rb"[!-~]([ -~]*[!-~])?")

_FOREIGN = frozenset((b"transfer-encoding", b"expect"))  # names of headers that make a request h11's
_CONNECTION = frozenset((b"keep-alive", b"upgrade", b"keep-alive, upgrade"))  # values of a plain request
_FRAMING = frozenset((b"transfer-encoding", b"connection"))  # names of headers that make an answer h11's
_MAX_REMEMBERED: Final = 256  # heads of requests, and of answers
_MAX_REMEMBERED_BYTES: Final = 1024  # of each

# What a client says, and is answered, again and again is taken apart and put together once (benchmarks: polling). It
# is remembered for all connections and beyond their ends, so nothing may be in it that is a secret of one of them:
# cookies, credentials under whatever name, queries of pages. Hence these headers alone; a request with others is taken
# apart each time.
_HARMLESS: Final = frozenset(
    (
        *(b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"connection", b"content-encoding"),
        *(b"content-length", b"content-type", b"dnt", b"host", b"origin", b"pragma", b"priority", b"upgrade"),
        *(b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest", b"sec-fetch-mode"),
        *(b"sec-fetch-site", b"user-agent", b"vary", b"access-control-allow-origin"),
        *(b"access-control-allow-credentials", b"sec-websocket-extensions", b"sec-websocket-version"),
    )
)
_Fields = tuple[Sequence[tuple[bytes, bytes]], int]
_fields: dict[bytes, _Fields] = {}
_AnswerKey = tuple[Any, ...]  # the status and the headers, if they are what they should be
_Answer = tuple[bytes, int | None]
_answers: dict[_AnswerKey, _Answer] = {}
_NO_BODY: Final = -1
_BODYLESS = frozenset((204, 304))  # statuses whose responses have no body (RFC 9110, 6.4.1)

_SWITCHING: Final = 101
_ACCEPT: Final = b"sec-websocket-accept"
_STATUS_LINES = {  # without a phrase, as h11 writes them
    status.value: b"HTTP/1.1 %d \r\n" % status for status in HTTPStatus if status >= HTTPStatus.OK
}
_STATUS_LINES[_SWITCHING] = b"HTTP/1.1 101 Switching Protocols\r\n"


@final
class PlainRequest(Head):
    """A plain request, whole.

    Attributes:
        head: the bytes of its line and headers, and of the empty line behind them.
        body: what follows.
    """

    __slots__ = ("body", "head", "length")

    def __init__(
        self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], head: bytes, body: bytes
    ) -> None:
        super().__init__(method, target, headers)
        self.head = head
        self.length = len(body)
        self.body = body

    @property
    def size_bytes(self) -> int:
        """How many bytes it was on the wire."""
        return len(self.head) + self.length

    @property
    def raw(self) -> bytes:
        """All of its bytes, for h11, should it be needed after all."""
        return self.head + self.body

    def becomes(self, data: bytes) -> bool:
        """Become what `data` begins with, if it has the same head, as a client's polls have. Returns whether it has."""
        start = len(self.head)
        end = start + self.length
        if end > len(data) or not data.startswith(self.head):
            return False
        self.body = data[start:end]
        return True


def plain_request(data: bytes) -> PlainRequest | None:
    """Return the request that `data` begins with, `None` unless it is plain."""
    head = _HEAD.match(data)
    if head is None or head.end() > MAX_HEAD_BYTES:
        return None
    method, target, lines = head.groups()
    found = _fields.get(lines) or _new_fields(lines)
    if found is None:
        return None
    headers, length = found
    start = head.end()
    end = start + length
    if end > len(data) or (length and method == b"GET"):
        return None
    return PlainRequest(method, target, headers, data[:start], data[start:end])


def _new_fields(lines: bytes) -> _Fields | None:
    """Do what `_fields_of` does; a client's key for a WebSocket is new each time, and the rest is remembered."""
    key = _KEY.search(lines)
    if key is None:
        return _fields_of(lines)
    start, end = key.span()
    rest = lines[:start] + lines[end:]
    found = _fields.get(rest) or _fields_of(rest)
    if found is None or len(found[0]) == MAX_HEADERS:
        return None
    headers, length = found
    place = lines.count(b"\n", 0, start)
    return (*headers[:place], (b"sec-websocket-key", key[1]), *headers[place:]), length


def _fields_of(lines: bytes) -> _Fields | None:
    """Return the headers of a request and the length of its body; `None` if they are not plain."""
    headers = tuple([(name.lower(), value.strip(b" \t")) for name, value in _FIELD.findall(lines)])
    hosts = 0
    length = b""
    for name, value in headers:
        if name == b"host":
            if HOST.fullmatch(value) is None:
                return None
            hosts += 1
        elif name == b"content-length":
            if length or _LENGTH.fullmatch(value) is None:
                return None
            length = value
        elif name in _FOREIGN or (name == b"connection" and value.lower() not in _CONNECTION):
            return None
    if hosts != 1 or len(headers) > MAX_HEADERS:
        return None
    fields = headers, int(length or 0)
    if len(lines) <= _MAX_REMEMBERED_BYTES and all(_is_harmless(*pair) for pair in headers):
        _remember(_fields, lines, fields)
    return fields


def _is_harmless(name: bytes, value: bytes) -> bool:
    return name in _HARMLESS or (name == b"referer" and b"?" not in value)


def _remember(where: dict[_K, _V], key: _K, value: _V) -> None:
    if len(where) >= _MAX_REMEMBERED:
        where.clear()
    where[key] = value


def plain_answer(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes | None:
    """Return the bytes of an answer to a plain request, `None` unless it is plain too.

    `Content-Length` is added where it is missing. With 101 there is no body, and the connection is the WebSocket's.
    """
    try:
        if status == _SWITCHING and headers and headers[-1][0] == _ACCEPT:
            return _switching_answer(headers)
        # The last header of most, and the one that is often another; it is written at that place anyway.
        says_length = bool(headers) and headers[-1] == (b"content-length", b"%d" % len(body))
        if says_length:
            headers = headers[:-1]
        found = _answers.get(key := (status, *headers)) or _answer_of(key)
        if found is None or (says_length and found[1] is not None):
            return None
        head, length = found
        if length is None:
            return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        if length == _NO_BODY:
            return head
        return head + body if length == len(body) else None
    except (TypeError, ValueError):  # what an application returns need not be bytes, nor pairs
        return None


def _switching_answer(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Do the same for 101: what the last header answers the key with is new each time, and the rest is remembered."""
    found = _answers.get(key := (_SWITCHING, *headers[:-1])) or _answer_of(key)
    value = headers[-1][1]
    if found is None or _VALUE.fullmatch(value) is None:
        return None
    return b"%b%b: %b\r\n\r\n" % (found[0][:-2], _ACCEPT, value)


def _answer_of(key: _AnswerKey) -> _Answer | None:
    """Return the head of an answer, and how long its body must be, if it says so; `None` if it is not plain."""
    status, *headers = key
    has_body = status != _SWITCHING and status not in _BODYLESS
    length = None
    lines = [_STATUS_LINES.get(status, b"")]
    is_harmless = True
    for name, value in headers:
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            return None
        lowered = name.lower()
        if lowered == b"content-length":
            if length is not None or not has_body or _LENGTH.fullmatch(value) is None or value != b"%d" % int(value):
                return None
            length = int(value)
        elif lowered in _FRAMING and status != _SWITCHING:
            return None
        is_harmless &= lowered in _HARMLESS
        lines.append(b"%b: %b\r\n" % (name, value))
    if not lines[0]:
        return None
    if length is not None or not has_body:
        lines.append(b"\r\n")
    head = b"".join(lines)
    answer = head, length if has_body else _NO_BODY
    if is_harmless and len(head) <= _MAX_REMEMBERED_BYTES:
        _remember(_answers, key, answer)
    return answer
