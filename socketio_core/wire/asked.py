"""What a site asks the application: decisions and responses that may take their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketio_core.http import Request, Response

if TYPE_CHECKING:
    from socketio_core.wire.requests import Requests
    from socketio_core.wire.site import Mount


class HandshakeAsked:
    """Somebody wants to begin a session: `answer` it, now or later."""

    __slots__ = ("_requests", "mount", "request")

    def __init__(self, requests: Requests, mount: Mount, request: Request) -> None:
        self._requests = requests
        self.mount = mount
        self.request = request

    def answer(self, refusal: str | None, now: float) -> None:
        """Let it pass, or refuse it with a text. A client that is gone meanwhile does not matter."""
        self._requests.decide(self.mount, self.request, refusal, now)


class RequestAsked:
    """A request that is for none of the mounts, with its whole body: `answer` it, now or later."""

    __slots__ = ("_requests", "body", "request")

    def __init__(self, requests: Requests, request: Request, body: bytes) -> None:
        self._requests = requests
        self.request = request
        self.body = body

    def answer(self, response: Response, now: float) -> None:
        """Write this response. A client that is gone meanwhile does not matter."""
        self._requests.respond(self.request, response, now)


Asked = HandshakeAsked | RequestAsked
