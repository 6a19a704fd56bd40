"""A client's host without sockets: a server is played by hand at the other end of each connection; a clock that is set.

    desk = Desk()
    line = desk.line()                     # the connection that the client wants; it is made
    assert line.request().target == "/engine.io/?…"
    line.send(response(OPEN))

Nothing happens between two calls; each ends when nothing more would happen at this time.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from socketio_core.engineio.client import ClientMemory, ClientSession
from socketio_core.engineio.client.carriers import ClientCarrier
from socketio_core.engineio.client.events import EngineClientEvent
from socketio_core.settings import EngineClientSettings
from socketio_core.url import parse_proxy, parse_url
from socketio_core.wire.client import ClientSite, ClientWire
from tests.wire.by_hand import Gate
from tests.wire.place import End, Place
from tests.wire.written import WS_ACCEPT, WS_KEY, frame

KEY: Final = b64decode(WS_KEY)
OPEN: Final = '0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
OPEN_UPGRADES: Final = OPEN.replace("[]", '["websocket"]')
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def response(body: str | bytes = b"", status: str = "200 OK", headers: str = "") -> bytes:
    """Return an answer; `headers` are lines that end in CRLF."""
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data


def switching(headers: str = "", accept: str = WS_ACCEPT) -> bytes:
    """Return a 101 for `KEY`."""
    lines = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"HTTP/1.1 101 Switching Protocols\r\n{lines}{headers}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()


def said(payload: str | bytes, opcode: int | None = None, **how: Any) -> bytes:
    """Return a frame of a server."""
    return frame(payload, opcode, masked=False, **how)


@dataclass
class Asked:
    """A request, as the server has it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Core(ClientSession):
    """One that may want what cannot be."""

    spoils: Callable[[ClientCarrier], None]

    def take_ready(self) -> list[ClientCarrier]:
        ready = super().take_ready()
        for carrier in ready:
            self.spoils(carrier)
        return ready


class Desk(Place):
    """A client and its connections.

    Attributes:
        events: what the core has told.
        lines: all connections, oldest first.
        reports: what failed.
    """

    site: ClientSite

    def __init__(
        self,
        *transports: str,
        url: str = "http://test",
        proxy: str | None = None,
        gate: Gate | None = None,
        per_message_deflate: bool = False,
        spoils: Callable[[ClientCarrier], None] = lambda _: None,
        new_key: Callable[[], bytes] = lambda: KEY,
        **settings: Any,
    ) -> None:
        super().__init__()
        address = parse_url(url)
        given: dict[str, Any] = {"upgrade": True, "transports": transports or ("polling",), **settings}
        engine = EngineClientSettings(authority=address.authority, timestamp_requests=False, **given)
        memory = ClientMemory()
        self.core = Core(engine, memory=memory, random=lambda: 0.5, now=self.clock.now)
        self.core.spoils = spoils
        self.events: list[EngineClientEvent] = []
        self.reports: list[BaseException] = []
        self.lines: list[Line] = []
        self.site = ClientSite(
            self.core,
            address,
            proxy=None if proxy is None else parse_proxy(proxy),
            per_message_deflate=per_message_deflate,
            pace=gate,
            work=lambda: self.events.extend(self.core.take_events()),
            report=lambda _, error: self.reports.append(error),
            new_key=new_key,
        )
        self.settle()

    @property
    def ends(self) -> Sequence[Line]:
        """See `Place`."""
        return self.lines

    @property
    def said(self) -> list[str]:
        """What the core has told, without what is in it of types."""
        return [event if isinstance(event, str) else repr(event) for event in self.events]

    @property
    def why(self) -> str:
        """How it ended: the last event in words."""
        last = self.events[-1]
        error = getattr(last, "error", None)
        return str(error) if error is not None else str(last)

    def flush(self) -> list[ClientWire]:
        """See `Place`."""
        named = self.site.flush(self.now)
        for wire in named:
            if wire.context is None:
                self.lines.append(Line(self, wire))
            assert isinstance(wire.context, Line)
            wire.context.take_output()
        return named

    def line(self, number: int = -1) -> Line:
        """Return a connection, the last one, and have it made if it is new."""
        line = self.lines[number]
        if not line.is_made:
            line.connect()
        return line

    def send(self, *payloads: str) -> None:
        """Let the client send messages."""
        for payload in payloads:
            self.core.send(payload, self.now)
        self.settle()

    def open(self, packet: str = OPEN) -> Line:
        """Open the session by polling; return the connection on which the first poll is."""
        line = self.line()
        line.request()
        line.send(response(packet))
        assert line.request().target.endswith("&sid=S")
        return line

    def websocket(self, *behind: bytes, headers: str = "") -> Line:
        """Open the session by WebSocket."""
        line = self.line()
        line.request()
        line.send(switching(headers) + said(OPEN) + b"".join(behind))
        return line


class Line(End[ClientWire]):
    """The server's end of a connection."""

    def __init__(self, desk: Desk, wire: ClientWire) -> None:
        super().__init__(desk, wire)
        self.is_made = False
        self.is_dropped = False

    # -- the host's part ---------------------------------------------------------------------------------------------

    def take_output(self) -> None:
        """See `End`."""
        super().take_output()
        self.is_dropped = self.wire.is_over

    def connect(self) -> None:
        """The connection is made."""
        self.is_made = True
        self.wire.connected(self.place.now)
        self.place.settle()

    def wants_tls(self) -> bool:
        """Whether the handshake is to be done."""
        return self.wire.wants_tls

    def secure(self) -> None:
        """TLS has begun."""
        assert self.wants_tls()
        self.wire.secured(self.place.now)
        self.place.settle()

    # -- the server --------------------------------------------------------------------------------------------------

    def is_over(self) -> bool:
        """Whether the client has dropped it: its host was told to."""
        assert self.is_dropped is self.wire.is_over
        return self.is_dropped

    def request(self) -> Asked:
        """Take the next request."""
        head, end, rest = self.received.partition(b"\r\n\r\n")
        assert end, f"no request: {self.received[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", 0))
        assert len(rest) >= size, "it is not whole"
        self.received = rest[size:]
        return Asked(method, target, headers, rest[:size])

    def frame(self) -> tuple[int, bytes]:
        """Take the next frame: opcode and payload."""
        data = self.received
        assert len(data) >= 6, f"no frame: {data!r}"
        first, size, start = data[0], data[1], 2
        assert size >= 128, "a client must mask"
        size -= 128
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        mask, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
        assert len(payload) == size, "it is not whole"
        self.received = data[start + 4 + size :]
        return first, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

    def frames(self) -> list[tuple[int, bytes]]:
        """Take all frames; opcodes without the bit of the last fragment."""
        taken: list[tuple[int, bytes]] = []
        while self.received:
            first, payload = self.frame()
            taken.append((first & 15, payload))
        return taken
