"""Clients that are wrong about polling or WebSockets."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

from wsproto.events import Pong

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import ClientWebSocket, Exchange
from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.client.in_flight import InFlight
from socketio_core.engineio.client.requests import ClientMemory, RequestMaker
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.outbox import Outbox
from socketio_core.engineio.packet import Frame
from socketio_core.engineio.payload import SEPARATOR, encode_payload
from socketio_core.http import Response
from socketio_core.settings import EngineClientSettings
from socketio_core.socketio.client.client import ClientCore
from socketio_core.socketio.client.events import ClientEvent
from socketio_core.wire.websocket import Frames


@caught_by("transports/one_poll_is_in_flight")
class PollsTwice(InFlight):
    """Two polls are in flight."""

    def __init__(self, requests: RequestMaker, memory: ClientMemory) -> None:
        super().__init__(requests, memory)
        self._other: Exchange | None = None

    def begin_get(self, sid: str, now: float) -> None:
        super().begin_get(sid, now)
        if sid and self._other is None:
            self._other = self._requests.get(sid, now)
            self.ready.mark(self._other)

    def end_exchange(self, exchange: Exchange) -> bool:
        if exchange is self._other:
            self._other, self._get = self._get, self._other
        return super().end_exchange(exchange)


@caught_by("transports/one_poll_is_in_flight")
class StopsAfterANoop(ClientSession):
    """A poll that brought nothing is the last one."""

    _is_through = False

    def _go_on(self, now: float) -> None:
        if not self._is_through:
            super()._go_on(now)

    def _read_payload(self, exchange: Exchange, body: bytes, max_packets: float, now: float) -> bool:
        self._is_through = body == b"6"
        return super()._read_payload(exchange, body, max_packets, now)


@caught_by("transports/one_post_is_in_flight")
class PostsTwice(InFlight):
    """A POST does not wait for the answer to the one before."""

    @property
    def may_post(self) -> bool:
        return not self.upgrade.is_pausing


@caught_by("transports/one_post_is_in_flight")
class PostsOneByOne(ClientSession):
    """Each packet has a POST of its own."""

    def __init__(self, settings: EngineClientSettings, **others: Any) -> None:
        super().__init__(replace(settings, max_packets_per_post=1), **others)


@caught_by("transports/several_packets_at_once_are_delivered_in_order[polling]")
class ReadsOnlyTheFirst(ClientSession):
    """Of the packets that come together over polling, one is read."""

    def _read_payload(self, exchange: Exchange, body: bytes, max_packets: float, now: float) -> bool:
        return super()._read_payload(exchange, body.partition(SEPARATOR.encode())[0], max_packets, now)


@caught_by("transports/several_packets_at_once_are_delivered_in_order")
class TakesTheLastFirst(ClientCore):
    """What comes together is delivered in reverse order."""

    def take_events(self) -> list[ClientEvent]:
        return super().take_events()[::-1]


@caught_by("transports/payloads_keep_to_max_payload")
class IgnoresMaxPayload(ClientSession):
    """POSTs are as large as it happens."""

    def _open(self, handshake: OpenPacket, now: float) -> None:
        super()._open(replace(handshake, max_payload_bytes=None), now)


@caught_by("transports/payloads_keep_to_max_payload")
class CountsCharacters(InFlight):
    """A POST has as many characters as there may be bytes."""

    def begin_post(self, sid: str, outbox: Outbox, max_bytes: int | None, max_packets: int, now: float) -> None:
        limit, frames = max_bytes or 0, list[Frame]()
        while outbox and (not frames or sum(map(len, [*frames, *outbox.messages[0].frames])) + len(frames) <= limit):
            frames += outbox.take(max_frames=1)[0].frames
        self._post = self._requests.post(sid, encode_payload(frames), now)
        self.ready.mark(self._post)


@caught_by("transports/refused_post_ends_the_connection")
class IgnoresRefusedPosts(ClientSession):
    """Whatever answers a POST, it has arrived."""

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        taken = Response(200, [], b"ok") if exchange.method == "POST" else response
        return super().exchange_done(exchange, taken, now, max_packets)


@caught_by("transports/refused_poll_ends_the_connection")
class TakesRefusalsForNothing(ClientSession):
    """A poll that was refused is followed by the next one."""

    def exchange_done(self, exchange: Exchange, response: Response, now: float, max_packets: float = inf) -> bool:
        is_refused = exchange.method == "GET" and self.is_open and response.status != 200
        taken = Response(200, [], b"6") if is_refused else response
        return super().exchange_done(exchange, taken, now, max_packets)


@caught_by("transports/websocket_pings_are_answered")
class DoesNotPong(Frames[ClientWebSocket]):
    """Ping frames are not answered."""

    def _take(self) -> bytes:
        self._pong = b""
        return super()._take()


@caught_by("transports/websocket_pings_are_answered")
class PongsWithoutTheData(Frames[ClientWebSocket]):
    """Pong frames are empty."""

    def _take(self) -> bytes:
        if self._pong:
            self._pong = self._wsproto.send(Pong())
        return super()._take()


@caught_by("transports/fragments_make_one_message")
class TakesFragmentsForMessages(ClientSession):
    """Each fragment is a message."""

    def receive_part(self, websocket: ClientWebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        self.receive(websocket, part, now)


@caught_by("transports/fragments_make_one_message")
class ForgetsTheFirstFragments(ClientSession):
    """Of a message in fragments, the last one is read."""

    def receive_part(self, websocket: ClientWebSocket, part: Frame, is_last: bool, now: float) -> None:  # noqa: FBT001
        if is_last:
            super().receive_part(websocket, part, is_last, now)
