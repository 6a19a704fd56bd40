"""What the head of a request must be, beyond what h11 sees to. Spec: RFC 9112, 3, and RFC 9110, 7.2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import h11

from socketio_core.http import Request

MAX_HEAD_BYTES: Final = 16384  # of a request's line and headers: Node's --max-http-header-size
MAX_HEADERS: Final = 100  # Apache's LimitRequestFields

_PORT = rb"(?::[0-9]*+)?+"
_NAME = rb"(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*+"  # or an IPv4 address; empty for a target without one
_LITERAL = rb"\[(?:[0-9A-Fa-f:.]++|v[0-9A-Fa-f]++\.[0-9A-Za-z\-._~!$&'()*+,;=:]++)\]"
HOST: Final = re.compile(rb"(?:%b|%b)%b" % (_LITERAL, _NAME, _PORT))
"""What a `Host` may be: a URI's host, and perhaps a port (RFC 3986, 3.2)."""

_ABSOLUTE = re.compile(rb"[A-Za-z][0-9A-Za-z+.\-]*+://")


class Head:
    """A request's line and headers, names in lower case.

    Attributes:
        request: what it means, if it came before.
    """

    __slots__ = ("headers", "method", "request", "target")

    def __init__(self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.request: Request | None = None

    def to_request(self, address: str, scheme: str) -> Request:
        """Return what it means, from a client at this address."""
        method, target = self.method.decode("ascii"), self.target.decode("ascii")
        return Request(method, target, self.headers, address=address, scheme=scheme)


class BadRequest(Exception):  # noqa: N818 - an outcome
    """What came is no request that can be served.

    Attributes:
        status: of the answer that it gets.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def check_head(request: h11.Request) -> None:
    """Refuse what h11 lets pass.

    Raises:
        BadRequest: it must not be served.
    """
    if not request.http_version.startswith(b"1."):
        raise BadRequest(505, "HTTP version not supported")
    names = [name for name, _ in request.headers]
    # h11 looks at the size only while the head is incomplete, so one that arrives at once may have any.
    line = len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n")
    size = line + sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)
    if len(names) > MAX_HEADERS or size > MAX_HEAD_BYTES:
        raise BadRequest(431, "too many headers, or too large ones")
    if b"transfer-encoding" in names and b"content-length" in names:  # request smuggling (RFC 9112, 6.3)
        raise BadRequest(400, "Content-Length beside Transfer-Encoding")
    if b"transfer-encoding" in names and request.http_version == b"1.0":  # the same (RFC 9112, 6.1)
        raise BadRequest(400, "Transfer-Encoding in HTTP/1.0")
    _check_target(request.method, request.target)
    if not all(HOST.fullmatch(value) for name, value in request.headers if name == b"host"):
        raise BadRequest(400, "bad Host")


def _check_target(method: bytes, target: bytes) -> None:
    """Refuse what is none of the four forms of RFC 9112, 3.2; a fragment belongs to none of them."""
    is_whole = target == b"*" if method == b"OPTIONS" and target[:1] == b"*" else method == b"CONNECT"
    if not (is_whole or target[:1] == b"/" or _ABSOLUTE.match(target) is not None) or b"#" in target:
        raise BadRequest(400, "bad request target")
