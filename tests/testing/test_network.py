"""The network in memory."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.engineio.client import ClientMemory, ClientSession, OpenFailed
from socketio_core.engineio.engine import Engine
from socketio_core.engineio.events import Closed
from socketio_core.errors import CloseReason
from socketio_core.settings import EngineClientSettings, EngineSettings
from socketio_core.testing import FakeClock, Network, SocketLink
from socketio_core.testing.network import HttpLink


class Pair:
    """A bare Engine.IO client and its server."""

    def __init__(self, *, engine: EngineSettings | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        self.engine = Engine(engine or EngineSettings())
        self.session = ClientSession(
            EngineClientSettings(**settings), memory=ClientMemory(), random=lambda: 0.5, now=self.clock.now
        )
        self.network = Network(self.engine, self.clock)
        self.network.attach(self.session)

    def events_of_server(self) -> list[object]:
        return [event for _, event in self.engine.take_events()]


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_messages_arrive_both_ways(transports: list[str]) -> None:
    pair = Pair(transports=transports)
    pair.network.run()
    pair.session.send("up", pair.clock.now)
    pair.engine.sessions[0].send("down", pair.clock.now)
    pair.network.run()
    assert "up" in pair.events_of_server()
    assert "down" in pair.session.take_events()
    assert not pair.network.step()
    pair.network.advance(100)
    assert pair.session.is_open
    pair.session.close(pair.clock.now)
    pair.network.run()
    assert (pair.network.links, pair.engine.session_count) == ([], 0)


def test_network_that_is_down_refuses() -> None:
    for transport in ("polling", "websocket"):
        pair = Pair(transports=[transport])
        pair.network.is_up = False
        pair.network.run()
        (event,) = pair.session.take_events()
        assert isinstance(event, OpenFailed)
        assert str(event) == f"{transport}: the network is down"


@pytest.mark.parametrize("server_knows", [True, False])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_cut_is_noticed(transport: str, server_knows: bool) -> None:  # noqa: FBT001 - a row
    pair = Pair(transports=[transport])
    pair.network.run()
    pair.engine.sessions[0].send("lost", pair.clock.now)
    pair.engine.take_ready() if transport == "polling" else None
    pair.network.cut(server_knows=server_knows)
    (event,) = [event for event in pair.session.take_events() if isinstance(event, Closed)]
    assert event.reason is (CloseReason.TRANSPORT_ERROR if transport == "polling" else CloseReason.TRANSPORT_CLOSE)
    assert str(event.error).endswith("the network was cut")
    if transport == "websocket":
        assert pair.engine.session_count == (0 if server_knows else 1)
    pair.network.advance(100)
    assert pair.engine.session_count == 0


def test_refused_websocket_is_told() -> None:
    pair = Pair(transports=["websocket"], engine=EngineSettings(transports=["polling"]))
    pair.network.run()
    assert str(pair.session.take_events()[0]) == "websocket: HTTP 400: Transport unknown"


def test_client_may_give_up_at_any_moment() -> None:
    for transport in ("polling", "websocket"):
        for steps in range(4):
            pair = Pair(transports=[transport])
            for _ in range(steps):
                pair.network.step()
            pair.session.abort(pair.clock.now)
            pair.network.run()
            pair.network.cut()
            assert pair.network.links == []
            pair.network.advance(100)
            assert pair.engine.session_count == 0


def test_server_may_close_at_any_moment() -> None:
    for steps in range(1, 5):
        pair = Pair(transports=["websocket"])
        for _ in range(steps):
            pair.network.step()
        pair.engine.close(pair.clock.now)
        pair.network.run()
        assert not pair.session.is_open
        assert pair.network.links == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_links_that_are_done_do_nothing_more(transport: str) -> None:
    pair = Pair(transports=[transport])
    pair.network.run()
    (link,) = pair.network.links
    pair.network.cut()
    pair.session.take_events()
    link.cut(server_knows=True)
    if isinstance(link, HttpLink):
        link.cancel()
    assert (pair.session.take_events(), link.is_done) == ([], True)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_has_not_arrived_is_lost_by_the_client_alone(transport: str) -> None:
    pair = Pair(transports=[transport])
    pair.network.collect()
    pair.network.cut()
    assert isinstance(pair.session.take_events()[0], OpenFailed)
    assert (pair.network.links, pair.engine.session_count) == ([], 0)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_has_not_arrived_may_be_given_up(transport: str) -> None:
    pair = Pair(transports=[transport])
    pair.network.collect()
    assert len(pair.network.links) == 1
    pair.session.abort(pair.clock.now)
    pair.network.run()
    assert (pair.network.links, pair.engine.session_count) == ([], 0)


def test_end_is_said_once() -> None:
    pair = Pair(transports=["websocket"])
    pair.network.run()
    (link,) = pair.network.links
    assert isinstance(link, SocketLink)
    pair.session.close(pair.clock.now)
    link.flush_client()
    link.flush_client()
    pair.network.run()
    assert pair.engine.session_count == 0


def test_network_that_does_not_come_to_rest_is_an_error() -> None:
    with pytest.raises(AssertionError, match="does not come to rest"):
        Pair().network.run(max_steps=1)
