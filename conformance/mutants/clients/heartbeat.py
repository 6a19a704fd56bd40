"""Clients that are wrong about pings."""

from __future__ import annotations

from dataclasses import replace

from conformance.mutants.clients import caught_by
from socketio_core.engineio.client.carriers import ClientWebSocket
from socketio_core.engineio.client.handshake import OpenPacket
from socketio_core.engineio.client.heartbeat import HeartbeatWatch
from socketio_core.engineio.client.session import ClientSession
from socketio_core.engineio.client.states import Reaction
from socketio_core.engineio.message import PONG_MESSAGE
from socketio_core.engineio.packet import Payload


@caught_by("heartbeat/heartbeats_are_answered")
class DoesNotAnswerPings(ClientSession):
    """Pings are heard, and not answered."""

    def _act(self, action: Reaction, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        if action is Reaction.ANSWER:
            self._heartbeat.ping_received(now)
        else:
            super()._act(action, websocket, data, now)


@caught_by("heartbeat/heartbeats_are_answered")
class AnswersPingsTwice(ClientSession):
    """Two pongs answer each ping."""

    def _act(self, action: Reaction, websocket: ClientWebSocket | None, data: Payload, now: float) -> None:
        super()._act(action, websocket, data, now)
        if action is Reaction.ANSWER:
            self.put(PONG_MESSAGE)


@caught_by("heartbeat/silent_server_is_noticed")
class TimesOutTooEarly(ClientSession):
    """A ping is overdue after the interval alone."""

    def _open(self, handshake: OpenPacket, now: float) -> None:
        super()._open(replace(handshake, ping_timeout_s=0.0), now)


@caught_by("heartbeat/silent_server_is_noticed")
class NeverTimesOut(HeartbeatWatch):
    """No ping is ever overdue."""

    def ping_received(self, now: float) -> None:
        pass


@caught_by("heartbeat/heartbeats_keep_the_connection")
class WaitsForOnePingOnly(HeartbeatWatch):
    """The time runs from the beginning, whatever pings come."""

    def ping_received(self, now: float) -> None:
        if self.next_deadline is None:
            super().ping_received(now)
