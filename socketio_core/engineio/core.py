"""What hosts call: the same calls on each core, whichever layer and role it is.

`Engine` and `ServerCore` are an `AnyServer`, `ClientSession` and `ClientCore` an `AnyClient`; what these have in common
is a `Core`. After any call the host does `take_ready()` (look after those carriers), then `take_events()` (dispatch).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Protocol, TypeVar

from socketio_core.engineio.actions import Action, Respond
from socketio_core.engineio.carriers import Poll, Post, WebSocket
from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket, Exchange
from socketio_core.engineio.close_codes import GOING_AWAY
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.session import Session
from socketio_core.http import Request, Response
from socketio_core.settings import EngineClientSettings, EngineSettings
from socketio_core.timers import Timed

_Held_contra = TypeVar("_Held_contra", contravariant=True)
_WebSocket_contra = TypeVar("_WebSocket_contra", contravariant=True)


class Core(Timed, Protocol[_Held_contra, _WebSocket_contra]):
    """What all have in common: frames in, the end of a carrier, time, and the end of everything."""

    @property
    def path(self) -> str:
        """Where the requests go: its own layer's path unless the settings name one."""
        ...

    @property
    def reads_bytes(self) -> bool:
        """Whether what is in binary messages may be read, as text is, which takes long; attachments are handed on."""
        ...

    def receive(self, websocket: _WebSocket_contra, frame: Frame, now: float) -> None:
        """One whole message has arrived on a WebSocket; text for `str`, binary for `bytes`."""

    def receive_all(self, websocket: _WebSocket_contra, frames: Iterable[Frame], now: float) -> None:
        """Several whole messages have, in this order."""

    def receive_part(self, websocket: _WebSocket_contra, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """A part of a message has."""

    def lost(self, carrier: _Held_contra, now: float, code: int | None = None, detail: str = "") -> None:
        """The connection of a carrier has ended: by a close frame of the peer, or without one. What it has is not sent.

        Calls for what has ended already do no harm.

        Args:
            code: of the peer's close frame, `NO_CODE` if it had none; `None`: there was no close frame.
            detail: the text in the close frame; or what the network said, as in `"connection reset"`.
        """

    def fail(self, websocket: _WebSocket_contra, detail: str, code: int, now: float) -> None:
        """The peer broke the rules of WebSockets: `detail` is reported, `code` goes into the close frame."""

    def take_ready(self) -> Sequence[object]:
        """Return the carriers that the host must see to, each once."""
        ...

    def take_events(self) -> Sequence[object]:
        """Return what happened since the last call, in order."""
        ...


class AnyServer(Core[Poll | Post | WebSocket, WebSocket], Protocol):
    """What a host of a server drives: an `Engine` or a `ServerCore`."""

    @property
    def engine_settings(self) -> EngineSettings:
        """Those of its Engine.IO layer."""
        ...

    @property
    def sessions(self) -> list[Session]:
        """Those that are open or closing, oldest first."""
        ...

    @property
    def session_count(self) -> int:
        """How many they are."""
        ...

    def owns(self, request: Request) -> bool:
        """Whether a request is for this server, by its path."""
        ...

    def handle_request(self, request: Request, now: float, context: object) -> Action:
        """Judge a request and say what to do about it; `context` is that of the poll or WebSocket it may become."""
        ...

    def is_handshake(self, request: Request) -> bool:
        """Whether `handle_request` would begin a session: the moment to decide who may come."""
        ...

    def refuse(self, request: Request, text: str = "Forbidden") -> Respond:
        """Refuse that, in place of `handle_request`."""
        ...

    def advance_post(self, post: Post, max_packets: int, now: float) -> bool:
        """Process some packets of a POST whose body is here. Returns whether to go on, later."""
        ...

    def finish_post(self, post: Post, now: float) -> Response:
        """The body of a POST is here, as far as it was wanted: return the answer."""
        ...

    def poll_delivered(self, poll: Poll, now: float) -> None:
        """The response of a poll was written."""

    def take_ready(self, max_poll_bytes: float = inf) -> list[Poll | WebSocket]:
        """Return the carriers that the host must see to, each once: polls that are answered, WebSockets to write to."""
        ...

    @property
    def has_ready(self) -> bool:
        """Whether `take_ready` has more to return."""
        ...

    @property
    def unseen_puts(self) -> int:
        """How many messages were put while no carrier was there to be named by `take_ready`, so far."""
        ...

    def close(self, now: float, *, code: int = GOING_AWAY, text: str = "server shutting down") -> None:
        """Refuse new sessions and close all there are."""


class AnyClient(Core[ClientCarrier, ClientWebSocket], Protocol):
    """What a host of a client drives: a `ClientSession` or a `ClientCore`."""

    @property
    def engine_settings(self) -> EngineClientSettings:
        """Those of its Engine.IO layer."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether all is over: nothing is left to be sent or waited for, so the host may stop."""
        ...

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        """The answer to a request is here, as a whole; if there will be none, call `lost`.

        Returns whether to call again, later, with the same: no more than `max_packets` are processed at once.
        """
        ...

    def websocket_opened(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The handshake is done; `response` is the 101."""

    def websocket_refused(self, websocket: ClientWebSocket, response: Response, now: float) -> None:
        """The server answered the handshake with something else; nothing follows."""

    def take_ready(self) -> list[ClientCarrier]:
        """Return the carriers that the host must see to, each once."""
        ...

    def pause_reading(self, now: float) -> None:
        """The host reads no more for a while: its silence is not the server's, and no GET begins. Pauses nest."""

    def resume_reading(self, now: float) -> None:
        """The host reads again."""

    def close(self, now: float) -> None:
        """Close in order: what was put is sent first. The host goes on until `is_done`."""

    def abort(self, now: float) -> None:
        """Close at once: what was not sent is lost."""
