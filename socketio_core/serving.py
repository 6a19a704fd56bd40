"""How a server treats the connections of its clients; nothing of this is seen by the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from socketio_core.checks import check_function, check_kind, check_seconds, check_subprotocols, check_switches
from socketio_core.forwarded import TrustedProxies, TrustProxy
from socketio_core.settings import ServerLimits
from socketio_core.websocket_handshake import Subprotocols


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Deadlines of connections, in seconds. Node's HTTP server is the source where it has such a number."""

    header_s: float = 20.0  # for the head of a request, and a TLS handshake (Node: 60); 408 after it
    body_s: float = 60.0  # for the body of a request (Node: 300 for head and body); 408 after it
    keep_alive_s: float = 30.0  # of an idle connection between two requests (Node: 5, behind proxies often raised)
    write_s: float = 30.0  # for a peer to take one HTTP response
    close_s: float = 5.0  # for a WebSocket's last messages and its closing handshake (npm's ws: 30)
    linger_s: float = 2.0  # for reading away what a peer still sends after an early answer
    shutdown_s: float = 10.0  # for everything to end once `serve` is cancelled; who hears last has a second more

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        for name in ("header_s", "body_s", "write_s"):
            check_seconds(name, getattr(self, name))
        for name in ("keep_alive_s", "close_s", "linger_s", "shutdown_s"):
            check_seconds(name, getattr(self, name), may_be_zero=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What whoever owns the connections of a server is told: by a `Server`, or to a `Site` directly.

    Args:
        timeouts: how long connections may take.
        shortcuts: read plain requests without h11 and plain frames without wsproto.
        per_message_deflate: compress WebSocket messages for clients that offer it.
        subprotocols: of WebSockets, to choose from; see `chosen_subprotocol`.
        trust_proxy: whom to believe where clients come from; see `TrustedProxies`.
        limits: how much there may be of everything, of all clients together and of each connection.
    """

    timeouts: Timeouts | None = None
    shortcuts: bool = True
    per_message_deflate: bool = False
    subprotocols: Subprotocols | None = None
    trust_proxy: TrustProxy = False
    limits: ServerLimits = field(default_factory=ServerLimits)

    def __post_init__(self) -> None:
        """Refuse what cannot work, with the name of the field."""
        check_switches(self, "shortcuts per_message_deflate")
        check_kind("limits", self.limits, ServerLimits, "a ServerLimits, as in ServerLimits(max_connections=1000)")
        check_kind("timeouts", self.timeouts, Timeouts, "a Timeouts, as in Timeouts(close_s=1)")
        if callable(self.subprotocols):
            check_function("subprotocols", self.subprotocols, may_wait=False)
        elif self.subprotocols is not None:
            check_subprotocols(self.subprotocols)
        TrustedProxies(self.trust_proxy)
