"""Bare Engine.IO with handlers: what they are given, in which order, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.app import EngineServer, EngineSession
from socketio_core.app.engine_server import EngineDispatcher, session_inbox_behind
from socketio_core.app.flow import Flow
from socketio_core.engineio import Engine
from socketio_core.errors import BufferFull
from socketio_core.http import Request
from socketio_core.settings import EngineSettings, SocketSettings
from socketio_core.testing import FakeClock, WireClient, advance, settle
from tests.app.hand_runtime import HandRig, HandRuntime
from tests.app.rig import Onlooker

TRANSPORTS = ("polling", "websocket")


def flow_of(client: EngineSession) -> Flow:
    """Return the backpressure of a session."""
    return session_inbox_behind(client).flow


class EngineRig(HandRig):
    """A bare application on a loop that moves by hand."""

    def __init__(self, *, queued: int = 1000, queued_bytes: int = 1000, **engine: Any) -> None:
        self.clock = FakeClock()
        self.runtime = HandRuntime(self.clock)
        self.core = Engine(EngineSettings(**engine))
        self.onlooker = Onlooker(self.runtime)
        settings = SocketSettings(max_queued_events=queued, max_queued_bytes=queued_bytes)
        self.dispatcher = EngineDispatcher(self.core, self.runtime, settings)
        self.dispatcher.audience.add(self.onlooker)
        self.app = EngineServer(self.dispatcher)
        self.calls: list[Any] = []

    def run(self) -> None:
        while True:
            self.dispatcher.dispatch_soon()
            is_busy = self.runtime.run_ready()
            settle(self.core)
            for client in self.app.sessions:
                flow_of(client).output_taken()
            if not is_busy and not self.runtime.ready:
                return

    def connect(self, transport: str = "websocket") -> tuple[WireClient, EngineSession]:
        client = WireClient(self.core, self.clock).open(transport)
        self.run()
        return client, self.app.sessions[-1]

    def send(self, client: WireClient, *frames: str | bytes) -> None:
        client.send(*frames)
        self.run()


def note(rig: EngineRig, what: str) -> Callable[[EngineSession, str], None]:
    """Return a handler that notes what it got."""
    return lambda _, data: rig.calls.append((what, data))


@pytest.fixture
def rig() -> EngineRig:
    return EngineRig()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_session_has_a_beginning_messages_and_an_end(rig: EngineRig, transport: str) -> None:
    @rig.app.on("connection")
    def connected(session: EngineSession) -> None:
        session.data["messages"] = []

    @rig.app.on("message")
    async def message(session: EngineSession, data: str | bytes) -> None:
        session.data["messages"].append(data)
        assert await session.send(data)

    @rig.app.on("close")
    def closed(session: EngineSession, reason: str) -> None:
        rig.calls.append((session.data["messages"], reason, session.connected))

    client, session = rig.connect(transport)
    assert (session.transport, session.connected, session.sid) == (transport, True, client.sid)
    assert session.request.query["transport"] == transport
    assert repr(session) == f"<EngineSession on {transport}, open>"
    assert rig.dispatcher.flow_of(rig.core.sessions[0]) is flow_of(session)
    rig.send(client, "4hello", b"\x00")
    assert client.fetch() == ["hello", b"\x00"]
    rig.send(client, "1")
    assert rig.calls == [(["hello", b"\x00"], "transport close", False)]
    assert repr(session) == f"<EngineSession on {transport}, closed>"
    assert rig.app.sessions == []
    assert len(rig.onlooker.closed) == 1


def test_an_engine_without_handlers_is_quiet(rig: EngineRig) -> None:
    client, session = rig.connect()
    rig.send(client, "4hello")
    assert session.send_nowait("hello")
    assert (client.fetch(), rig.runtime.logged) == (["hello"], [])


def test_an_upgrade_is_no_business_of_handlers(rig: EngineRig) -> None:
    @rig.app.on("message")
    def message(session: EngineSession, data: str) -> None:
        rig.calls.append((session.transport, data))

    client, session = rig.connect("polling")
    rig.send(client, "4a")
    client.upgrade()
    rig.send(client, "4b")
    assert rig.calls == [("polling", "a"), ("websocket", "b")]
    assert session.transport == "websocket"


def test_an_upgrade_is_told_in_order(rig: EngineRig) -> None:
    @rig.app.on("upgrade")
    async def upgraded(session: EngineSession, transport: str) -> None:
        rig.calls.append((session.transport, transport))

    rig.app.on("message", note(rig, "message"))
    client, _ = rig.connect("polling")
    client.upgrade()
    rig.send(client, "4b")
    assert rig.calls == [("websocket", "websocket"), ("message", "b")]


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("way", ["send", "send_nowait"])
def test_a_poll_is_not_compressed_for_a_message_that_is_not_to_be(rig: EngineRig, way: str, *, compress: bool) -> None:
    client = WireClient(rig.core, rig.clock, headers=[(b"accept-encoding", b"gzip")]).open("polling")
    rig.run()
    (session,) = rig.app.sessions
    poll = client.poll()
    if way == "send":
        assert rig.start(session.send("a" * 2000, compress=compress)).result
    else:
        assert session.send_nowait("a" * 2000, compress=compress)
    response = poll.response
    assert response is not None
    assert ((b"content-encoding", b"gzip") in response.headers) is compress
    assert client.take() == ["4" + "a" * 2000]


def test_refused_requests_are_for_the_adapter(rig: EngineRig) -> None:
    rig.core.handle_request(Request("GET", "/engine.io/?EIO=3&transport=polling", scheme="http"), rig.clock.now, None)
    rig.run()
    assert len(rig.onlooker.refused) == 1


@pytest.mark.parametrize("name", ["mesage", "disconnect", ""])
def test_a_name_that_means_nothing_is_refused(rig: EngineRig, name: str) -> None:
    with pytest.raises(ValueError, match="name must be one of connection, message, upgrade, close"):
        rig.app.on(name)(note(rig, "x"))


def test_handlers_are_removed_and_run_once(rig: EngineRig) -> None:
    rig.app.once("message", note(rig, "once"))
    rig.app.on("message", note(rig, "on"))
    assert len(rig.app.listeners("message")) == 2
    client, _ = rig.connect()
    rig.send(client, "4a", "4b")
    rig.app.off("message")
    rig.send(client, "4c")
    assert rig.calls == [("once", "a"), ("on", "a"), ("on", "b")]


def test_a_handler_must_be_callable(rig: EngineRig) -> None:
    wrong: Any = "handler"
    with pytest.raises(TypeError, match="handler must be a function: 'handler'"):
        rig.app.on("message", wrong)


def test_handlers_run_in_the_order_of_registration_and_one_that_fails_stops_nothing(rig: EngineRig) -> None:
    def fail(session: EngineSession, data: str) -> None:
        raise RuntimeError(data)

    rig.app.on("message", note(rig, "first"))
    assert rig.app.on("message", fail) is fail
    rig.app.on("message", note(rig, "last"))
    client, _ = rig.connect()
    rig.send(client, "4x")
    assert rig.calls == [("first", "x"), ("last", "x")]
    assert [(message, str(error)) for message, error in rig.runtime.logged] == [("handler of 'message' failed", "x")]


def test_messages_of_one_session_wait_for_each_other_and_for_nobody_else(rig: EngineRig) -> None:
    gates = {text: rig.runtime.new_event() for text in ("slow", "a", "b")}
    gates["b"].set()

    @rig.app.on("message")
    async def message(session: EngineSession, text: str) -> None:
        rig.calls.append(text)
        await gates[text].wait()

    @rig.app.on("close")
    def closed(session: EngineSession, reason: str) -> None:
        rig.calls.append(reason)

    (one, _), (two, _) = rig.connect(), rig.connect()
    rig.send(one, "4slow", "4a", "1")
    rig.send(two, "4b")
    assert rig.calls == ["slow", "b"]
    gates["slow"].set()
    rig.run()
    assert rig.calls == ["slow", "b", "a"]
    gates["a"].set()
    rig.run()
    assert rig.calls == ["slow", "b", "a", "transport close"]


@pytest.mark.parametrize(("limits", "frames"), [({"queued": 2}, ["4", "4"]), ({"queued_bytes": 6}, ["4€€"])])
def test_a_client_whose_handlers_lag_behind_is_congested(limits: dict[str, int], frames: list[str]) -> None:
    rig = EngineRig(**limits)
    gate = rig.runtime.new_event()

    @rig.app.on("message")
    async def message(session: EngineSession, text: str) -> None:
        await gate.wait()

    client, session = rig.connect()
    rig.send(client, *frames)
    assert flow_of(session).is_congested
    reader = rig.start(flow_of(session).wait_room())
    assert reader.waits_for is not None
    advance(rig.core, rig.clock, 60)
    assert session.connected  # nobody reads its pongs
    gate.set()
    rig.run()
    assert reader.is_done
    assert (flow_of(session).queued_count, flow_of(session).queued_bytes) == (0, 0)


def stalled(rig: EngineRig) -> tuple[WireClient, EngineSession]:
    client, session = rig.connect()
    assert client.websocket is not None
    client.websocket.is_reading = False
    assert session.send_nowait("x" * 100)
    return client, session


def test_send_waits_above_the_high_water_mark() -> None:
    rig = EngineRig(high_water_bytes=100)
    client, session = stalled(rig)
    with pytest.raises(BufferFull, match="outgoing buffer is full: 101 bytes"):
        session.send_nowait("y")
    task = rig.start(session.send("y"))
    assert not task.is_done
    assert client.websocket is not None
    client.websocket.is_reading = True
    assert client.take_messages() == ["x" * 100]
    rig.run()
    assert task.result is True
    assert client.take_messages() == ["y"]


def test_who_waits_to_send_learns_that_it_is_over() -> None:
    rig = EngineRig(high_water_bytes=100)
    client, session = stalled(rig)
    task = rig.start(session.send("y"))
    assert client.websocket is not None
    client.websocket.drop()
    rig.run()
    assert task.result is False


def test_senders_do_not_fill_the_buffer_all_at_once() -> None:
    rig = EngineRig(high_water_bytes=100)
    client, session = stalled(rig)
    tasks = [rig.start(session.send(text * 100)) for text in "yz"]
    assert client.websocket is not None
    carrier = client.websocket.carrier
    for sent, done in (("x", [True, False]), ("y", [True, True])):
        assert [frame for message in carrier.take() for frame in message.frames] == ["4" + sent * 100]
        flow_of(session).output_taken()
        rig.run()
        assert [task.is_done for task in tasks] == done


def test_nobody_waits_to_send_to_a_session_that_is_closing() -> None:
    """It lives on until its last words are fetched."""
    rig = EngineRig(high_water_bytes=100)
    client, session = rig.connect("polling")
    assert session.send_nowait("x" * 100)
    rig.start(session.close())
    assert rig.start(session.send("late")).result is False
    assert session.send_nowait("late") is False
    assert client.fetch() == ["x" * 100]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_server_closes_a_session(rig: EngineRig, transport: str) -> None:
    rig.app.on("close", note(rig, "closed"))
    client, session = rig.connect(transport)
    session.send_nowait("last words")
    flushes = rig.runtime.flushes
    rig.start(session.close())
    assert rig.runtime.flushes > flushes
    if transport == "polling":
        assert client.fetch() == ["last words"]
        client.fetch()
        rig.run()
    else:
        assert client.take_messages() == ["last words"]
    assert (rig.calls, session.connected) == ([("closed", "forced close")], False)
    assert rig.start(session.send("too late")).result is False


def test_handlers_of_close_need_not_wait_for_the_next_flush(rig: EngineRig) -> None:
    rig.app.on("close", note(rig, "closed"))
    _, session = rig.connect()
    rig.runtime.start(session.close())
    while rig.runtime.run_ready():
        pass
    assert rig.calls == [("closed", "forced close")]


def test_a_session_of_somebody_else_has_no_flow(rig: EngineRig) -> None:
    client = WireClient(rig.core, rig.clock).open()
    assert client.session is not None
    assert rig.dispatcher.flow_of(client.session) is None
    assert rig.app.sessions == []
