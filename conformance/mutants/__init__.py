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
from typing import TypeVar

from conformance.hosts.sans import Host, HostConnection
from socketio_core.engineio import Engine, Frame, Poll, Post, WebSocket, WireMessage
from socketio_core.http import Request, Response
from socketio_core.socketio import Server

SEPARATOR = "\x1e"


class _BrokenEngine(Engine):
    broken: Broken

    def finish_post(self, post: Post, now: float) -> Response:
        self.broken.change_post(post)
        return super().finish_post(post, now)

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        for packet in self.broken.packet_in(part) if is_last else [part]:
            super().receive_part(websocket, packet, is_last, now)


class _BrokenServer(Server):
    broken: Broken

    def finish_post(self, post: Post, now: float) -> Response:
        self.broken.change_post(post)
        return super().finish_post(post, now)

    def receive_part(self, websocket: WebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        for packet in self.broken.packet_in(part) if is_last else [part]:
            super().receive_part(websocket, packet, is_last, now)


class Broken(Host):
    """The `sans` host with hooks; each of them changes nothing until a mutant overrides it.

    A packet is what a WebSocket carries, over polling too: `"4hello"`, or the bytes of a binary message.
    """

    engine_type = _BrokenEngine
    server_type = _BrokenServer

    def __init__(self) -> None:
        super().__init__()
        for core in self.cores:
            assert isinstance(core, (_BrokenEngine, _BrokenServer))  # by the types above
            core.broken = self

    def connect(self) -> HostConnection:
        """Begin to serve a client."""
        return _BrokenConnection(self)

    def change_post(self, post: Post) -> None:
        """Let the body of a POST pass the hooks."""
        if post.is_too_large:
            return
        body = self.on_body(post.body())
        try:
            packets = [_from_polling(part) for part in body.decode("utf-8").split(SEPARATOR)]
            changed = [seen for packet in packets for seen in self.packet_in(packet)] or ["3"]  # harmless
            body = SEPARATOR.join(_to_polling(packet) for packet in changed).encode("utf-8")
        except ValueError:
            pass  # what is no payload goes on as it is
        post._chunks[:] = [body]  # pyright: ignore[reportPrivateUsage] # there is no honest use for this

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

    def on_close(self, code: int | None) -> int | None:
        """Return the code for the WebSocket's close frame; `None` is none."""
        return code

    def on_websocket_gone(self) -> bool:
        """Return whether to tell the core that a WebSocket was closed by its client, or lost."""
        return True

    def on_connection_gone(self) -> bool:
        """Return whether to tell the core that the client of a poll or POST is gone."""
        return True


class _BrokenConnection(HostConnection):
    """Calls the hooks."""

    def __init__(self, host: Broken) -> None:
        super().__init__(host)
        self._broken = host
        self._request = Request("GET", "/")

    def receive(self, data: bytes, now: float) -> None:
        is_silent = False
        if not data and isinstance(self._carrier, WebSocket):
            is_silent = not self._broken.on_websocket_gone()
        elif not data and self._carrier is not None:
            is_silent = not self._broken.on_connection_gone()
        if is_silent:
            self.is_closed = True
        else:
            super().receive(data, now)

    def _handle_request(self, request: Request, now: float) -> None:
        self._request = request
        seen = self._broken.on_request(request)
        if isinstance(seen, Response):
            self._respond(seen)
        else:
            super()._handle_request(seen, now)

    def _respond(self, response: Response) -> None:
        """Responses to polls are taken apart, so that every packet passes the hook."""
        if response.status == 200 and (b"content-type", b"text/plain; charset=UTF-8") in response.headers:
            packets = [_from_polling(part) for part in response.body.decode("utf-8").split(SEPARATOR)]
            changed = [out for packet in packets for out in self._broken.packet_out(packet)]
            body = SEPARATOR.join(_to_polling(packet) for packet in changed).encode("utf-8")
            rest = [(name, value) for name, value in response.headers if name != b"content-length"]
            response = Response(200, [*rest, (b"content-length", b"%d" % len(body))], body)
        super()._respond(self._broken.on_response(self._request, response))

    def write(self, carrier: Poll | WebSocket) -> None:
        if isinstance(carrier, WebSocket):
            carrier.close_code = self._broken.on_close(carrier.close_code)
            for message in carrier.take():
                packets = [out for packet in message.frames for out in self._broken.packet_out(packet)]
                if packets:
                    carrier.outbox.put(WireMessage(packets))
        super().write(carrier)


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
_H = TypeVar("_H", bound=Host)


def caught_by(*cases: str) -> Callable[[type[_H]], type[_H]]:
    """Make a class a mutant; its docstring says what is wrong with it."""

    def register(broken: type[_H]) -> type[_H]:
        _mutants.append(Mutant(broken.__name__, (broken.__doc__ or "").strip(), cases, broken))
        return broken

    return register


def all_mutants() -> list[Mutant]:
    """Return every mutant of this folder."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return list(_mutants)
