"""One of the engines that a server serves: Socket.IO's, or a bare one. What pumps bytes knows no more of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from socketio_core.app.flow import Flow
from socketio_core.app.handlers import run
from socketio_core.engineio.actions import Respond
from socketio_core.engineio.engine import Engine
from socketio_core.engineio.session import Session
from socketio_core.http import Request
from socketio_core.socketio.server import Server as CoreServer

if TYPE_CHECKING:
    from socketio_core.trio.runtime import TrioRuntime

AllowRequest = Callable[[Request], Awaitable[str | None] | str | None]


class Dispatcher(Protocol):
    """What `Application` and `EngineApplication` have in common."""

    def dispatch(self) -> Sequence[Any]:
        """Queue what happened. Returns whose handlers are to be run: call `work` for each."""
        ...

    def dispatch_soon(self) -> None:
        """Dispatch, with a task for each."""

    def work(self, runnable: Any, /) -> Coroutine[Any, Any, None]:
        """Run handlers until the queue is empty."""
        ...

    def flow_of(self, session: Session) -> Flow | None:
        """Return the backpressure of a session."""
        ...


class Mount:
    """An engine with its path, its application, and who may come.

    Attributes:
        app: whose handlers are run.
        core: what requests, frames and the time are handed to.
    """

    __slots__ = ("_allow_request", "_runtime", "app", "core")

    def __init__(
        self, app: Dispatcher, core: Engine | CoreServer, runtime: TrioRuntime, allow_request: AllowRequest | None
    ) -> None:
        self.app = app
        self.core = core
        self._runtime = runtime
        self._allow_request = allow_request

    @property
    def max_payload_bytes(self) -> int:
        """The limit on a message, as in the settings."""
        engine = self.core if isinstance(self.core, Engine) else self.core.engine
        return engine.settings.max_payload_bytes

    async def refusal_of(self, request: Request) -> Respond | None:
        """Ask `allow_request` about a handshake; a failure to decide is a refusal."""
        if self._allow_request is None or not self.core.is_handshake(request):
            return None
        try:
            text = await run(self._allow_request, request)
        except Exception as error:  # noqa: BLE001 - it must not end the server
            self._runtime.log_exception("allow_request failed, so the request was refused", error)
            text = "Forbidden"
        return None if text is None else self.core.refuse(request, str(text))

    def congestion_of(self, session: Session) -> Flow | None:
        """Return what to wait for (`wait_room`) if the session's handlers lag behind too far, else `None`."""
        flow = self.app.flow_of(session)
        return flow if flow is not None and flow.is_congested else None

    def note_taken(self, session: Session) -> None:
        """Tell those who wait to write that something left the session's outbox."""
        flow = self.app.flow_of(session)
        if flow is not None:
            flow.output_taken()
