"""A complete host without network and clock: bytes go in, bytes come out, time is an argument. Read this one first."""

from __future__ import annotations

from conformance.hosts.contract import WireContract
from socketio_core.wire import Wire

MAX_OUTPUT_BYTES = 65536  # so much a network takes of who reads nothing


class Host:
    """The server. After each call there may be something in the `output` of any of its connections."""

    def __init__(self, application: WireContract | None = None) -> None:
        self.site = (application or WireContract()).site

    def connect(self, now: float, address: str) -> HostConnection:
        """Begin to serve a client."""
        return HostConnection(self, self.site.connect(now, address, "http"))

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`."""
        return self.site.next_deadline

    def handle_timeout(self, now: float) -> None:
        """Do all that is due."""
        self.site.handle_timeout(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        """Write what there is: that an answer is written may be what the next one waits for."""
        while wires := self.site.flush(now):
            for wire in wires:
                assert isinstance(wire.context, HostConnection)
                wire.context.write(now)


class HostConnection:
    """One client's connection. Attributes: `output`, bytes for the client; `is_closed`, when nothing follows them."""

    def __init__(self, host: Host, wire: Wire) -> None:
        self.output = bytearray()
        self.is_closed = False
        self._host = host
        self._wire = wire
        wire.context = self

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the client; `b""` says that it is gone."""
        self._wire.receive(data, now)
        self._host.flush(now)

    def taken(self, now: float) -> None:
        """The client has emptied `output`."""
        self.write(now)
        self._host.flush(now)

    def write(self, now: float) -> None:
        """Take what there is to say, as far as the client takes it."""
        while len(self.output) < MAX_OUTPUT_BYTES and (data := self._wire.data_to_send(now)):
            self.output += data
        self.is_closed = self._wire.is_mute or self._wire.is_over
