"""What is being served for an ASGI server: the counterpart of `wire.Site`, for connections that somebody else owns."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from socketio_core.app.budget import Holder
from socketio_core.app.host import ServerHost
from socketio_core.app.runtime import Event, Runtime
from socketio_core.engineio.carriers import Carrier, Poll
from socketio_core.forwarded import TrustedProxies
from socketio_core.serving import Timeouts
from socketio_core.timers import earliest


class Waiter:
    """Somebody who serves a request or a WebSocket and waits for something to do; the `context` of its carrier."""

    __slots__ = ("_event", "_is_woken", "_runtime")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._event: Event | None = None
        self._is_woken = False

    def flush(self, now: float) -> None:
        """Wake it: its carrier has something to say."""
        self._is_woken = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait until there was something to do since the last time."""
        while not self._is_woken:
            self._event = self._runtime.new_event()
            await self._event.wait()
        self._event = None
        self._is_woken = False


class AsgiSite:
    """All that is being served. A runtime calls `flush`, and `handle_timeout` at `next_deadline`.

    Attributes:
        host: what answers.
        proxies: who is believed where clients come from.
        timeouts: those that are not the ASGI server's: of bodies, and of the end.
        is_closing: nothing new is served.
        served: what is being served: requests and WebSockets.
        on_idle: called whenever these have become none.
        is_behind: see `Timed`; the ASGI server gives turns, not this.
    """

    is_behind = False
    on_idle: Callable[[], None]

    def __init__(self, host: ServerHost) -> None:
        self.host = host
        self.proxies = TrustedProxies(host.serving.trust_proxy)
        self.timeouts = host.serving.timeouts or Timeouts()
        self.is_closing = False
        self.served: set[Holder] = set()
        host.budget.connections = lambda: list(self.served)

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds."""
        return earliest(*(each.core.next_deadline for each in self.host.endpoints))

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`. Then `flush`."""
        for endpoint in self.host.endpoints:
            endpoint.core.handle_timeout(now)

    def flush(self, now: float) -> list[Carrier]:
        """Let the application work; return the carriers whose `context` (a `Waiter`) is to be woken."""
        self.host.work_soon(now)
        found: list[Carrier] = []
        for endpoint in self.host.endpoints:
            for carrier in endpoint.core.take_ready():
                if not isinstance(carrier.context, Waiter):
                    continue
                if isinstance(carrier, Poll):
                    if carrier.failure is not None:
                        self.host.audience.report("response of a poll could not be made", carrier.failure)
                    flow = endpoint.dispatcher.flow_of(carrier.session)
                    if flow is not None:
                        flow.output_taken()
                found.append(carrier)
        return found

    def close(self, now: float) -> None:
        """Refuse what is new and close all sessions; then `flush`."""
        self.is_closing = True
        for endpoint in self.host.endpoints:
            endpoint.core.close(now)

    @contextmanager
    def serving(self, exchange: Holder) -> Generator[None]:
        """Count something that is being served."""
        self.served.add(exchange)
        try:
            yield
        finally:
            self.served.discard(exchange)
            if not self.served:
                self.on_idle()
