"""Whatever packets a server sends: the client does not raise, and what it keeps is bounded."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.client import AckDropped, AckExpired, AckReceived, Connected, EventReceived, Left
from tests.effort import examples
from tests.socketio.client.scene import Scene

namespaces = st.sampled_from(["", "/admin,", "/unknown,", "/,", "//"])
data = st.sampled_from(
    [
        "",
        "{}",
        '{"sid":"B"}',
        '{"sid":"B","pid":"P"}',
        '{"sid":1}',
        "[]",
        '["a"]',
        '["a","offset"]',
        '["connect"]',
        "[1]",
    ]
) | st.sampled_from(
    ['"no"', '{"message":"no","data":{"a":1}}', "[", '[{"_placeholder":true,"num":0}]', "null", "[[[[]]]]"]
)
frames = st.one_of(
    st.tuples(st.sampled_from("0123456789x"), st.sampled_from(["", "1-", "0-", "99-"]), namespaces,
              st.sampled_from(["", "0", "1", "9999999999999999"]), data).map("".join),
    st.text(max_size=4),
    st.binary(max_size=4),
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("say"), frames),
    st.tuples(st.just("say"), frames),
    st.tuples(st.sampled_from(["open", "lose", "emit", "ask", "leave", "join", "pause", "resume"]), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 5.0, 46.0, 3600.0])),
)


class Run:
    """A client in two namespaces, and what became of the acks that it asked for."""

    def __init__(self, retries: int) -> None:
        self.scene = Scene(
            retries=retries, max_held_events=3, max_buffered_emits=5, max_outstanding_acks=5, reconnection_attempts=2
        )
        self.scene.connected('0{"sid":"A","pid":"P"}')
        self.admin = self.scene.client.of("/admin")
        self.admin.connect(self.scene.now)
        self.asked = 0
        self.settled: list[object] = []
        self.connected = {"/": True, "/admin": False}

    def do(self, what: str, value: Any) -> None:
        scene = self.scene
        match what:
            case "say":
                scene.say(value)
            case "open" if not scene.sockets[-1].is_closed and not scene.sockets[-1].is_open:
                scene.open()
            case "lose":
                scene.lose()
            case "emit":
                self.try_to_emit(asks=False)
            case "ask":
                self.try_to_emit(asks=True)
            case "leave":
                self.admin.disconnect(scene.now)
            case "join":
                scene.root.connect(scene.now)
                self.admin.connect(scene.now)
            case "pause":
                scene.client.pause_reading(scene.now)
            case "resume":
                scene.client.resume_reading(scene.now)
            case "wait":
                scene.wait(value)
            case _:
                pass
        scene.look()

    def try_to_emit(self, *, asks: bool) -> None:
        try:
            if asks:
                self.admin.emit_with_ack("q", [], timeout_s=10, context=self.asked, now=self.scene.now)
                self.asked += 1
            else:
                self.scene.root.emit("e", [b"x"], now=self.scene.now)
        except LocalProtocolError:  # too much waits
            pass

    def check(self) -> None:
        for event in self.scene.take_events():
            match event:
                case Connected(namespace):
                    assert not self.connected[namespace.name]
                    self.connected[namespace.name] = True
                case Left(namespace):
                    assert self.connected[namespace.name]
                    self.connected[namespace.name] = False
                case EventReceived(namespace):
                    assert self.connected[namespace.name]
                case AckReceived() | AckDropped() | AckExpired():
                    self.settled.append(event.context)
                case _:
                    pass
        client = self.scene.client
        assert {name: client.of(name).is_connected for name in self.connected} == self.connected
        assert len(set(self.settled)) == len(self.settled) <= self.asked
        assert all(namespace.buffered_count <= 5 for namespace in client.namespaces.values())
        assert len(self.admin.pending_acks) <= 5
        client.handle_timeout(self.scene.now)
        assert client.next_deadline is None or client.next_deadline > self.scene.now


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from([0, 2]), st.lists(steps, max_size=30))
def test_nothing_a_server_says_raises(retries: int, script: list[tuple[str, Any]]) -> None:
    run = Run(retries)
    for what, value in script:
        run.do(what, value)
        run.check()
    run.scene.client.close(run.scene.now)
    run.check()
    assert sorted(map(repr, run.settled)) == sorted(map(repr, range(run.asked)))  # each exactly once
    run.scene.client.abort(run.scene.now)
    run.scene.look()
    for websocket in run.scene.sockets:
        run.scene.client.lost(websocket, run.scene.now)
    assert run.scene.client.is_done
    assert run.scene.client.next_deadline is None
