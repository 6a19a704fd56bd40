"""A server in front of its connections: what a `Site` asks, a `Server` answers. And a client in front of its own.

The one module of the application layer that knows `wire`, and with it h11 and wsproto: who has other connections, such
as a web framework's, does without it.
"""

from __future__ import annotations

from functools import partial

from socketio_core.app.client import Connecting
from socketio_core.app.client_host import ClientHost
from socketio_core.app.flow import Flow
from socketio_core.app.host import Endpoint, ServerHost
from socketio_core.engineio.session import Session
from socketio_core.wire.asked import Asked, HandshakeAsked
from socketio_core.wire.client import ClientSite
from socketio_core.wire.site import Mount, Site


def site_of(host: ServerHost) -> Site:
    """Return the site of a server that an adapter has claimed (`ServerHost.bind`)."""
    application = _Application(host)
    site = Site(
        application=application,
        defer_handlers=host.defer_handlers,
        report=host.audience.report,
        static_response=host.static_response,
        asks_requests=host.answers_requests,
        max_body_bytes=host.endpoints[0].settings.max_payload_bytes,
        serving=host.serving,
    )
    application.site = site
    host.budget.connections = lambda: list(site.wires)
    host.budget.activity = lambda: site.activity
    for endpoint in host.endpoints:
        pace_of = partial(_pace_of, host, endpoint)
        site.add(Mount(endpoint.core, asks_handshakes=endpoint.asks_handshakes, pace_of=pace_of))
    return site


def client_site_of(host: ClientHost, asked: Connecting) -> ClientSite:
    """Return the site of a client, whose runtime is there already."""
    return ClientSite(
        asked.core,
        asked.address,
        proxy=asked.proxy,
        per_message_deflate=asked.per_message_deflate,
        work=host.dispatch_soon,
        pace=host.flow,
        report=host.runtime.log_exception,
    )


def _pace_of(host: ServerHost, endpoint: Endpoint, session: Session) -> Flow | None:
    """Return the backpressure of a session, in which what has just come from it counts."""
    flow = endpoint.dispatcher.flow_of(session)  # before: a session that is over then knows it no more
    host.take_in()
    return flow or endpoint.dispatcher.flow_of(session)


class _Application:
    """What the site sees of the server. It has no deadlines of its own."""

    next_deadline: float | None = None
    site: Site

    def __init__(self, host: ServerHost) -> None:
        self._host = host

    def handle_timeout(self, now: float) -> None:
        pass

    def work(self, now: float) -> None:
        self._host.work_soon(now)
        for asked in self.site.take_asked():
            self._host.runtime.spawn(self._answer, asked)

    async def _answer(self, asked: Asked) -> None:
        host = self._host
        if isinstance(asked, HandshakeAsked):
            refusal = await host.refusal_of(asked.mount.core, asked.request)
            asked.answer(refusal, host.runtime.now())
        else:
            response = await host.response_to(asked.request, asked.body)
            asked.answer(response, host.runtime.now())
        host.runtime.output_ready()
