"""Deliberately broken servers, which prove that the cases can fail.

A mutant is the `sans` host with one defect, and names the cases that must catch it. Most defects are put between the
wire and the core by the hooks of `Broken`; others change the contract's settings or behaviour. `tests/conformance`
checks that each mutant is caught by every case it names, and that each `required` case is named by a mutant.
"""

from __future__ import annotations

import base64
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypeVar, cast

from conformance.hosts.contract import WireContract
from conformance.hosts.sans import Host, HostConnection
from socketio_core.engineio import (
    Action,
    Carrier,
    Engine,
    Frame,
    Park,
    Poll,
    Post,
    ReadBody,
    Respond,
    WebSocket,
    WireMessage,
)
from socketio_core.http import Request, Response
from socketio_core.socketio import ServerCore
from socketio_core.wire import Wire

SEPARATOR = "\x1e"


if TYPE_CHECKING:
    _Core = Engine
else:
    _Core = object


class _Hooks(_Core):
    """Has the calls of both cores, and calls the hooks."""

    broken: Broken

    def handle_request(self, request: Request, now: float, context: object) -> Action:
        """See `Engine`."""
        action = super().handle_request(self.broken.seen(request), now, context)
        return self.broken.change_action(action, request)

    def refuse(self, request: Request, text: str = "Forbidden") -> Respond:
        """See `Engine`."""
        return Respond(self.broken.on_response(request, super().refuse(request, text).response))

    def advance_post(self, post: Post, max_packets: int, now: float) -> bool:
        return False  # all at the end, as the hooks want it

    def finish_post(self, post: Post, now: float) -> Response:
        """See `Engine`."""
        request = self.broken.change_post(post)
        return self.broken.on_response(request, super().finish_post(post, now))

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        """See `Engine`."""
        for packet in self.broken.packet_in(part) if is_last else [part]:
            super().receive_part(websocket, packet, is_last, now)

    def lost(self, carrier: Poll | Post | WebSocket, now: float, code: int | None = None, detail: str = "") -> None:
        """See `Engine`."""
        is_websocket = isinstance(carrier, WebSocket)
        if self.broken.on_websocket_gone() if is_websocket else self.broken.on_connection_gone():
            super().lost(carrier, now, code, detail)

    def fail(self, websocket: WebSocket, detail: str, code: int, now: float) -> None:
        """See `Engine`."""
        if self.broken.on_invalid_frame():
            super().fail(websocket, detail, code, now)

    def take_ready(self, max_poll_bytes: float = inf) -> list[Carrier]:
        """See `Engine`."""
        return [carrier for carrier in super().take_ready(max_poll_bytes) if self.broken.change_output(carrier)]


class BrokenEngine(_Hooks, Engine):
    """Bare Engine.IO with hooks."""


class _BrokenServer(_Hooks, ServerCore):  # type: ignore[misc] # of which type checkers think that it is an engine, too
    """Socket.IO with the same."""


class Broken(WireContract):
    """The contract with hooks; each of them changes nothing until a mutant overrides it.

    A packet is what a WebSocket carries, over polling too: `"4hello"`, or the bytes of a binary message.
    """

    engine_type = BrokenEngine
    server_type = cast("type[ServerCore]", _BrokenServer)

    def __init__(self) -> None:
        super().__init__()
        self._screened: dict[int, tuple[Request, Request]] = {}  # requests, and what the core is to see of them
        self._parked: dict[Poll, Request] = {}
        self.site.shortcuts = False  # so that what a WebSocket brings comes by one call, `receive_part`
        self.site.static_response = self._screen
        for core in self.cores:
            assert isinstance(core, _Hooks)  # by the types above
            core.broken = self

    def _screen(self, request: Request) -> Response | None:
        """Let a request pass its hook; for it to be answered at once, if the hook or its headers say so."""
        seen = self.on_request(request)
        if isinstance(seen, Response):
            return self.on_response(request, seen)
        request.headers = seen.headers  # which are looked at before the core sees them
        self._screened[id(request)] = request, seen
        return None

    def seen(self, request: Request) -> Request:
        """Return what the core is to see of a request."""
        return self._screened.pop(id(request))[1]

    def change_action(self, action: Action, request: Request) -> Action:
        """Let what becomes of a request pass the hooks."""
        if isinstance(action, Respond):
            return Respond(self._change_response(request, action.response))
        if isinstance(action, ReadBody):
            action.post.context = request
        elif isinstance(action, Park):
            self._parked[action.poll] = request
        return action

    def change_post(self, post: Post) -> Request:
        """Let the body of a POST pass the hooks; return its request."""
        request = post.context
        assert isinstance(request, Request)  # see above
        if post.is_too_large:
            return request
        body = self.on_body(bytes(post.take_body()))
        try:
            packets = [_from_polling(part) for part in body.decode("utf-8").split(SEPARATOR)]
            changed = [seen for packet in packets for seen in self.packet_in(packet)] or ["3"]  # harmless
            body = SEPARATOR.join(_to_polling(packet) for packet in changed).encode("utf-8")
        except ValueError:
            pass  # what is no payload goes on as it is
        post.feed(body)
        return request

    def change_output(self, carrier: Carrier) -> bool:
        """Let what a poll or WebSocket has to say pass the hooks; return whether to say it."""
        if isinstance(carrier, Poll):
            if carrier.response is not None:
                carrier.response = self._change_response(self._parked.pop(carrier), carrier.response)
            return self.on_ready(carrier)
        carrier.close_code = self.on_close(carrier.close_code)
        for message in carrier.take():
            packets = [out for packet in message.frames for out in self.packet_out(packet)]
            if packets:
                carrier.outbox.put(WireMessage(packets))
        return self.on_ready(carrier)

    def _change_response(self, request: Request, response: Response) -> Response:
        """Responses to polls are taken apart, so that every packet passes the hook."""
        is_plain = all(name != b"content-encoding" for name, _ in response.headers)
        is_payload = (b"content-type", b"text/plain; charset=UTF-8") in response.headers
        if response.status == 200 and is_payload and is_plain:
            packets = [_from_polling(part) for part in response.body.decode("utf-8").split(SEPARATOR)]
            changed = [out for packet in packets for out in self.packet_out(packet)]
            body = SEPARATOR.join(_to_polling(packet) for packet in changed).encode("utf-8")
            rest = [(name, value) for name, value in response.headers if name != b"content-length"]
            response = Response(200, [*rest, (b"content-length", b"%d" % len(body))], body)
        return self.on_response(request, response)

    # -- hooks -------------------------------------------------------------------------------------------------------

    def on_request(self, request: Request) -> Request | Response:
        """Return what the core is to see of a request, or a response without asking it."""
        return request

    def on_response(self, request: Request, response: Response) -> Response:
        """Return what the client is to get for a response."""
        return response

    def packet_in(self, packet: Frame) -> list[Frame]:
        """Return what the core is to see of a packet from a client."""
        return [packet]

    def packet_out(self, packet: Frame) -> list[Frame]:
        """Return what the client is to get for a packet."""
        return [packet]

    def on_body(self, body: bytes) -> bytes:
        """Return what the core is to see of the body of a POST."""
        return body

    def on_close(self, code: int) -> int:
        """Return the code for the WebSocket's close frame; `None` is none."""
        return code

    def on_ready(self, carrier: Carrier) -> bool:
        """A poll has its response, or a WebSocket something to say. Returns whether the site is to know."""
        return True

    def on_invalid_frame(self) -> bool:
        """Return whether to tell the core that what came was no valid frame."""
        return True

    def bytes_in(self, data: bytes) -> bytes:
        """Return what the site is to see of the bytes that came from a client at once."""
        return data

    def bytes_out(self, data: bytes) -> bytes:
        """Return what a client is to get for what the site writes at once."""
        return data

    def on_websocket_gone(self) -> bool:
        """Return whether to tell the core that a WebSocket was closed by its client, or lost."""
        return True

    def on_connection_gone(self) -> bool:
        """Return whether to tell the core that the client of a poll or POST is gone."""
        return True


class _BrokenHost(Host):
    """The `sans` host, with the hooks for bytes."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken)
        self._broken = broken

    def connect(self, now: float, address: str) -> HostConnection:
        """Begin to serve a client."""
        return _BrokenConnection(self, self.site.connect(now, address, "http"), self._broken)


class _BrokenConnection(HostConnection):
    def __init__(self, host: Host, wire: Wire, broken: Broken) -> None:
        super().__init__(host, wire)
        self._broken = broken

    def receive(self, data: bytes, now: float) -> None:
        super().receive(self._broken.bytes_in(data), now)

    def write(self, now: float) -> None:
        before = len(self.output)
        super().write(now)
        self.output[before:] = self._broken.bytes_out(bytes(self.output[before:]))


def _from_polling(part: str) -> Frame:
    return base64.b64decode(part[1:], validate=True) if part[:1] == "b" else part


def _to_polling(packet: Frame) -> str:
    return packet if isinstance(packet, str) else "b" + base64.b64encode(packet).decode("ascii")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken server.

    Attributes:
        name: of its class.
        defect: what is wrong with it.
        catches: the names of the cases that must fail against it; one that ends in `*` stands for all that begin so.
        new_host: makes one.
    """

    name: str
    defect: str
    catches: tuple[str, ...]
    new_host: Callable[[], Host]


_mutants: list[Mutant] = []
_B = TypeVar("_B", bound=Broken)


def caught_by(*cases: str) -> Callable[[type[_B]], type[_B]]:
    """Make a class a mutant; its docstring says what is wrong with it."""

    def register(broken: type[_B]) -> type[_B]:
        _mutants.append(Mutant(broken.__name__, (broken.__doc__ or "").strip(), cases, lambda: _BrokenHost(broken())))
        return broken

    return register


def all_mutants() -> list[Mutant]:
    """Return every mutant of this folder."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return list(_mutants)
