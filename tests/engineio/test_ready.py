"""What `take_ready` promises: who is named has something for its host, and whoever waits for it is named."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio import Engine, Park, Poll, ReadBody, Upgrade, WebSocket, WireMessage
from socketio_core.settings import EngineSettings
from socketio_core.testing import FakeClock, WireClient
from tests.effort import examples

STEPS: Final = [
    *["poll", "poll", "poll", "poll", "send", "send", "send", "send-a-lot", "lose-poll", "deliver", "look", "look"],
    *["websocket", "2probe", "5", "4x", "1", "lose-websocket", "fail", "post-4x", "post-1", "post-x", "lose-post"],
    *["wait", "wait-long", "close", "abort", "shut-down", "pause", "resume"],
]


class Host:
    """A host that knows a carrier by its context alone, and looks at none that was not named."""

    def __init__(self, packets: int | None) -> None:
        self.clock = FakeClock()
        self.engine = Engine(EngineSettings(max_packets_per_poll=packets, max_buffered_messages=20))
        self.client = WireClient(self.engine, self.clock).open()
        self.session = self.client.session
        self.polls: list[Poll] = []  # that wait to be named
        self.answered: list[Poll] = []
        self.sockets: list[WebSocket] = []

    def look(self) -> None:
        for carrier in self.engine.take_ready():
            assert carrier.context is self
            if isinstance(carrier, Poll):
                assert carrier in self.polls, "named twice, or lost before"
                assert carrier.response is not None
                self.polls.remove(carrier)
                self.answered.append(carrier)
            else:
                assert carrier.outbox or carrier.is_closed, "named for nothing"
                carrier.take()
        assert not any(poll.response is not None for poll in self.polls), "answered, and not named"
        assert not any(socket.outbox for socket in self.sockets), "has something to say, and was not named"
        self.sockets = [socket for socket in self.sockets if not socket.is_closed]

    def ask(self, method: str = "GET", *, upgrade: bool = False) -> object:
        request = self.client.make_request(method, upgrade=upgrade)
        action = self.engine.handle_request(request, self.clock.now, self)
        if isinstance(action, Park):
            self.polls.append(action.poll)
        elif isinstance(action, Upgrade):
            self.sockets.append(action.websocket)
        return action

    def do(self, step: str) -> None:
        engine, session, now = self.engine, self.session, self.clock.now
        assert session is not None
        socket = self.sockets[-1] if self.sockets else None
        match step:
            case "poll":
                self.ask()
            case "send" | "send-a-lot":
                for _ in range(1 if step == "send" else 30):
                    session.put(WireMessage(("4out",)))
            case "lose-poll" if self.polls:
                engine.lost(self.polls.pop(0), now)
            case "lose-poll" if self.answered:
                engine.lost(self.answered.pop(), now)
            case "deliver" if self.answered:
                engine.poll_delivered(self.answered.pop(), now)
            case "websocket":
                self.ask(upgrade=True)
            case "2probe" | "5" | "4x" | "1" if socket is not None:
                engine.receive(socket, step, now)
            case "post-4x" | "post-1" | "post-x":
                self.post(step.removeprefix("post-"))
            case "lose-post":
                action = self.ask("POST")
                if isinstance(action, ReadBody):
                    engine.lost(action.post, now)
            case "lose-websocket" if socket is not None:
                engine.lost(socket, now)
            case "fail" if socket is not None:
                engine.fail(socket, "RSV", 1002, now)
            case "wait":
                engine.handle_timeout(self.clock.advance(0.15))
            case "wait-long":
                engine.handle_timeout(self.clock.advance(11.0))
            case "close":
                session.close(now)
            case "abort":
                session.abort(now)
            case "shut-down":
                engine.close(now)
            case "pause":
                session.pause_reading(now)
            case "resume":
                session.resume_reading(now)
            case _:
                self.look()

    def post(self, frame: str) -> None:
        action = self.ask("POST")
        if isinstance(action, ReadBody):
            action.post.feed(frame.encode())
            self.engine.finish_post(action.post, self.clock.now)


@settings(max_examples=examples(200))
@given(st.lists(st.sampled_from(STEPS), max_size=14), st.sampled_from([None, 2]))
def test_whoever_has_something_is_named_once(steps: list[str], packets: int | None) -> None:
    """A poll that is parked is answered when it is named, in each way that it can end."""
    host = Host(packets)
    for step in steps:
        host.do(step)
    host.look()
    assert host.session is not None
    if host.session.is_closed:
        assert host.polls == []
