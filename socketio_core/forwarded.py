"""What proxies in front of a server say about its clients: address, scheme, host. Pure, and usable by every host.

Each proxy appends to the lists that it passes on, so their last items are by the nearest one. How many of them are to
be believed is all that trust means: what stands farther left was written by nobody in particular.

`X-Forwarded-For`, `-Proto`, `-Host` and `-Port` are read; `Forwarded` (RFC 7239) only when none of them is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, final

from socketio_core.http import HTTP_OF, MAX_PORT, Request

TrustProxy = bool | int | Sequence[str]
"""`False`, `True` for one proxy, how many proxies there are, or their networks: `["10.0.0.0/8", "::1"]`."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s,/?#@:\[\]\\\"]+)(:[0-9]{1,5})?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_MAX_HOPS: Final = 32  # proxies of networks one behind another: a client may write 1,700 of them, and each takes 5 µs
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[^:]*)?|([^:]*):[^:]*")  # "[::1]:80", "[::1]", "192.0.2.7:80"


@final
class TrustedProxies:
    """Whose word is taken for where requests come from.

    With networks, a peer without an address, as at a Unix socket, is trusted: it is on this machine, and the
    permissions of the socket say who may connect.

    Args:
        trust: see `TrustProxy`.

    Raises:
        TypeError: it is nothing of that.
        ValueError: a number is negative, or a network is none.
    """

    __slots__ = ("_hops", "_networks")

    def __init__(self, trust: TrustProxy) -> None:
        self._hops = 0
        self._networks: list[IPv4Network | IPv6Network] | None = None
        # Not everybody checks types, and a string is a sequence of strings.
        if isinstance(trust, int):
            if trust < 0:
                raise ValueError(f"trust_proxy must not be negative: {trust!r}")
            self._hops = int(trust)
        elif isinstance(trust, str) or not isinstance(trust, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"trust_proxy must be a bool, a number, or a list as ['10.0.0.0/8'], not: {trust!r}")
        else:
            self._networks = [_network(text) for text in trust]

    def __bool__(self) -> bool:
        """Whether anybody is trusted."""
        return bool(self._hops or self._networks)

    def trusts(self, address: str) -> bool:
        """Whether a peer is a proxy, whose word is taken."""
        return self._is_trusted(0, address)

    def apply(self, request: Request) -> None:
        """Give a request the address, scheme and host that its client knows; nothing that it holds raises."""
        if not self:
            return
        most = max(_MAX_HOPS, self._hops)
        addresses, schemes, hosts = _read_fields(request, most)
        addresses.reverse()
        hops, address = 0, request.address
        while self._is_trusted(hops, address) and hops < min(max(len(addresses), 1), most):
            known = _address(addresses[hops]) if addresses else None
            hops += 1
            if known is None:
                break
            address = str(known)
        if self._networks is None:
            hops = self._hops
        if not hops:
            return
        request.address = address
        scheme = _item(schemes, hops).lower()
        scheme = HTTP_OF.get(scheme, scheme)
        if scheme in HTTP_OF.values():
            request.scheme = scheme
        host = _item(hosts, hops) or request.header("host") or ""
        port = _item(_list(request.header("x-forwarded-port")), hops)
        match = _HOST.fullmatch(host)
        if match is not None:
            if match[2] is None and _PORT.fullmatch(port) and 0 < int(port) <= MAX_PORT:
                host = f"{host}:{int(port)}"
            request.host = host

    def _is_trusted(self, hops: int, address: str) -> bool:
        if self._networks is None:
            return hops < self._hops
        known = _address(address)
        if known is None:
            return hops == 0
        return any(known in network for network in self._networks)


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Return what an address is counted by: itself, of IPv6 its /64; `""` of what is none, as of a Unix socket."""
    known = _address(address.partition("%")[0])
    if isinstance(known, IPv6Address):
        return str(IPv6Address(int(known) >> 64 << 64))
    return "" if known is None else str(known)


def _network(text: object) -> IPv4Network | IPv6Network:
    if not isinstance(text, str):
        raise TypeError(f"trust_proxy network must be a string, as in '10.0.0.0/8': {text!r}")
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"trust_proxy network must be like '10.0.0.0/8' or '192.0.2.1': {error}") from None


def _read_fields(request: Request, most: int) -> tuple[list[str], list[str], list[str]]:
    """Return addresses, schemes and hosts, those by the nearest proxy last; of some elements no more than so many."""
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port")
    values = [request.header(name) for name in names]
    if any(value is not None for value in values):
        return _list(values[0]), _list(values[1]), _list(values[2])
    parts = [part for part in _split(request.header("forwarded") or "", ",") if part.strip()]
    elements = [element for element in map(_pairs, parts[-most:]) if element]
    return (
        [element.get("for", "") for element in elements],
        [element.get("proto", "") for element in elements],
        [element.get("host", "") for element in elements],
    )


def _pairs(element: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in _split(element, ";")]
    return {name.strip().lower(): _unquote(value.strip()) for name, found, value in pairs if found}


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quotes; nothing, if a quote is not closed."""
    parts: list[str] = []
    start, is_quoted, is_escaped = 0, False, False
    for at, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted and char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif char == separator and not is_quoted:
            parts.append(text[start:at])
            start = at + 1
    return [] if is_quoted else [*parts, text[start:]]


def _list(value: str | None) -> list[str]:
    return [item.strip() for item in (value or "").split(",") if item.strip()]


def _item(items: list[str], hops: int) -> str:
    """Return what the farthest trusted proxy says, or the farthest of all: some pass on one item, and append none."""
    return items[max(len(items) - hops, 0)] if items else ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match[1] or match[2] or ""
    try:
        address = ip_address(text)
    except ValueError:  # "unknown", "_hidden", and whatever a client may have written
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
