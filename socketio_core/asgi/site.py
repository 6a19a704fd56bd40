"""What is being served for an ASGI server: the counterpart of `wire.Site`, for connections that somebody else owns."""

from __future__ import annotations

from collections.abc import Callable

from socketio_core.app.budget import Holder
from socketio_core.app.host import ServerHost
from socketio_core.app.runtime import Event, Runtime
from socketio_core.engineio.carriers import WRITE_BYTES, Carrier, Poll
from socketio_core.forwarded import TrustedProxies
from socketio_core.serving import Timeouts


def _nothing() -> None: ...


class Waiter:
    """Somebody who serves a request or a WebSocket; the `context` of its carrier.

    Attributes:
        wake: called when the carrier has something to say.
    """

    __slots__ = ("wake",)

    def __init__(self) -> None:
        self.wake: Callable[[], object] = _nothing

    def flush(self, now: float) -> None:
        """Its carrier has something to say."""
        self.wake()


class Bell:
    """Says that there is something to do, to one task."""

    __slots__ = ("_event", "_is_woken", "_runtime")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._event: Event | None = None
        self._is_woken = False

    def ring(self) -> None:
        """There is something to do."""
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
        on_round: called at each `flush`.
        is_behind: see `TurnGiver`; the ASGI server gives turns, not this.
    """

    is_behind = False
    on_idle: Callable[[], None]

    def __init__(self, host: ServerHost) -> None:
        self.host = host
        self.proxies = TrustedProxies(host.serving.trust_proxy)
        self.timeouts = host.serving.timeouts or Timeouts()
        self.is_closing = False
        self.served: set[Holder] = set()
        self.on_round: Callable[[], None] = _nothing
        host.budget.connections = lambda: list(self.served)

    @property
    def next_deadline(self) -> float | None:
        """When to call `handle_timeout`, in monotonic seconds."""
        first: float | None = None
        for endpoint in self.host.endpoints:
            at = endpoint.core.next_deadline
            if at is not None and (first is None or at < first):
                first = at
        return first

    def handle_timeout(self, now: float) -> None:
        """Do all that is due at `now`. Then `flush`."""
        for endpoint in self.host.endpoints:
            endpoint.core.handle_timeout(now)

    def flush(self, now: float) -> list[Carrier]:
        """Let the application work; return the carriers whose `context` (a `Waiter`) is to be woken."""
        self.on_round()
        self.host.work_soon(now)
        found: list[Carrier] = []
        for endpoint in self.host.endpoints:
            for carrier in endpoint.core.take_ready(WRITE_BYTES):
                if not isinstance(carrier.context, Waiter):
                    continue
                if isinstance(carrier, Poll):
                    if carrier.failure is not None:
                        self.host.audience.report("response of a poll could not be made", carrier.failure)
                    flow = endpoint.dispatcher.flow_of(carrier.session)
                    if flow is not None:
                        flow.output_taken()
                found.append(carrier)
            if endpoint.core.has_ready:
                self.host.runtime.run_soon(self.host.runtime.output_ready)
        return found

    def close(self, now: float) -> None:
        """Refuse what is new and close all sessions; then `flush`."""
        self.is_closing = True
        for endpoint in self.host.endpoints:
            endpoint.core.close(now)

    def begin(self, exchange: Holder) -> None:
        """Count something that is being served."""
        self.served.add(exchange)

    def end(self, exchange: Holder) -> None:
        """Count it no more."""
        self.served.discard(exchange)
        if not self.served:
            self.on_idle()
