"""Clients come back to any of several servers that streams join, as an application sees it."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from typing import Any

import pytest

from socketio_core import RecoverySettings
from socketio_core.app import Socket
from socketio_core.app.log import Log
from socketio_core.cluster import RedisStreamsAdapter
from socketio_core.cluster.messages import Audience, Broadcast
from socketio_core.cluster.modern import to_entry
from socketio_core.cluster.values import to_msgpack
from socketio_core.testing import WireClient
from tests.app.rig import AppRig
from tests.cluster.joined import Diary, Joined, heard

ALL = Audience([], [], {})


class Shared(Joined):
    """Some servers whose clients may come back.

    Attributes:
        sockets: each that "connection" was called with.
        asked: how often a middleware was asked.
    """

    def __init__(self, kind: str = "streams", size: int = 2, **recovery: Any) -> None:
        super().__init__(kind, size, settings={"recovery": RecoverySettings(**recovery)})
        self.sockets: list[Socket] = []
        self.asked = 0
        for rig in self.rigs:
            rig.io.on("connection", self.sockets.append)
            rig.io.use(self._ask)

    def _ask(self, _: Socket) -> None:
        self.asked += 1

    def come(self, rig: AppRig, **auth: Any) -> tuple[WireClient, dict[str, Any], list[Any]]:
        """Let a client come; return it, what it was answered, and what it got before that."""
        client = rig.open("websocket")
        client.send("40" + json.dumps(auth))
        rig.run()
        self.run()
        *missed, answer = heard(client)
        return client, json.loads(answer[1:]), missed

    def lose(self, client: WireClient) -> None:
        """Break a client's connection."""
        assert client.websocket is not None
        client.websocket.drop()
        self.run()


def offset_in(frame: str) -> str:
    """Return what a client takes note of."""
    return str(json.loads(frame[1:])[-1])


@pytest.mark.parametrize("kind", ["streams", "several streams"])
def test_a_client_comes_back_to_another_server(kind: str) -> None:
    shared = Shared(kind)
    first, second = shared.rigs
    client, answer, _ = shared.come(first)
    (socket,) = shared.sockets
    socket.join("room")
    socket.data["name"] = "Ada"
    shared.result_of(socket.emit("hello"))
    (hello,) = heard(client)
    shared.lose(client)
    shared.result_of(second.io.to("room").emit("missed", b"\x01"))
    shared.result_of(second.io.volatile.emit("not kept"))
    shared.result_of(first.io.except_("room").emit("for others"))
    back, again, missed = shared.come(second, pid=answer["pid"], offset=offset_in(hello))
    assert again == answer
    assert missed[0].startswith('51-["missed",')
    assert missed[1:] == [b"\x01"]
    assert (shared.sockets[-1].recovered, shared.sockets[-1].data) == (True, {"name": "Ada"})
    assert shared.sockets[-1].rooms == {socket.id, "room"}
    assert shared.asked == 2
    shared.result_of(first.io.to("room").emit("now"))
    assert [frame.partition(",")[0] for frame in heard(back)] == ['2["now"']
    assert shared.logged() == []


def test_who_is_away_can_be_moved_all_the_same() -> None:
    shared = Shared()
    first, second = shared.rigs
    client, answer, _ = shared.come(first)
    (socket,) = shared.sockets
    socket.join("old")
    shared.lose(client)
    shared.result_of(second.io.to("old").sockets_join("new"))
    shared.result_of(second.io.to("new").sockets_leave("old"))
    _, again, _ = shared.come(second, pid=answer["pid"])
    assert again == answer
    assert shared.sockets[-1].rooms == {socket.id, "new"}


def test_one_that_comes_back_to_its_own_server_has_all_that_it_had() -> None:
    shared = Shared()
    first, _ = shared.rigs
    client, answer, _ = shared.come(first)
    lock = object()
    shared.sockets[0].data["lock"] = lock
    shared.lose(client)
    assert len(shared.logged()) == 1, "the others cannot have the data"
    _, again, _ = shared.come(first, pid=answer["pid"])
    assert again == answer
    assert shared.sockets[-1].data["lock"] is lock


def test_who_emits_need_not_know_where_anybody_is() -> None:
    shared = Shared()
    clients = [shared.come(rig)[0] for rig in shared.rigs]
    for rig in shared.rigs:
        for socket in shared.sockets:
            shared.result_of(rig.io.to(socket.id).emit("x"))
            shared.result_of(rig.io.local.emit("y"))
            shared.result_of(rig.io.volatile.emit("z"))
    for client in clients:
        assert (
            sorted(frame.partition(",")[0] for frame in heard(client)) == ['2["x"'] * 2 + ['2["y"'] * 2 + ['2["z"'] * 4
        )


@pytest.mark.parametrize(("more", "is_asked"), [({}, True), ({"nsp": "/"}, False)])
def test_middlewares_are_skipped_for_who_is_known_to_have_passed_them(more: dict[str, Any], *, is_asked: bool) -> None:
    """Node does not say in which namespace a client was; of another, it must not get into this one unasked."""
    shared = Shared(size=1, skip_middlewares=True)
    offset = shared.bus.add(b"socket.io", to_entry(Broadcast("node", "/", ["x"], ALL)), shared.now)
    fields: dict[str, Any] = {"sid": "s", "pid": "p", "rooms": ["s"], "data": {}, **more}
    shared.bus.keys.texts[b"sio:session:p"] = (b64encode(to_msgpack(fields)), shared.now + 60)
    shared.run()
    _, answer, _ = shared.come(shared.rigs[0], pid="p", offset=offset)
    assert answer["sid"] == "s"
    assert shared.asked == is_asked


def test_a_redis_that_hangs_holds_up_nobody_for_long() -> None:
    shared = Shared(size=1)
    (rig,) = shared.rigs
    client, answer, _ = shared.come(rig)
    shared.hung.update(shared.lines)
    shared.result_of(rig.io.emit("x"))
    assert heard(client) == []
    shared.wait(0.25)
    (x,) = heard(client)
    shared.lose(client)
    back = rig.open("websocket")
    back.send("40" + json.dumps({"pid": answer["pid"], "offset": offset_in(x)}))
    shared.run()
    assert heard(back) == []
    shared.wait(1)
    assert heard(back) == ["0" + json.dumps(answer, separators=(",", ":"))]
    assert shared.sockets[-1].recovered


def test_clients_of_a_server_that_ends_go_to_another() -> None:
    shared = Shared()
    first, second = shared.rigs
    _, answer, _ = shared.come(first)
    first.server.close(shared.now)
    first.run()
    first.host.adapter.close()
    shared.run()
    _, again, _ = shared.come(second, pid=answer["pid"])
    assert again == answer


def test_before_it_is_served_nobody_is_told() -> None:
    rig = AppRig(adapter=RedisStreamsAdapter("redis://bus"), recovery=RecoverySettings())
    rig.result_of(rig.io.emit("x"))
    cluster = rig.io.statistics().cluster
    assert cluster is not None
    assert cluster["waiting"] == 0


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"stream": 5}, "stream must be a string"),
        ({"session_prefix": 5}, "session_prefix must be a string"),
        ({"count": 0}, "count must be"),
        ({"max_length": 0}, "max_length must be"),
        ({"url": "http://x"}, "must look like"),
    ],
)
def test_nonsense_is_refused_at_once(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=complaint):
        RedisStreamsAdapter(given.pop("url", "redis://bus"), **given)


def test_a_slow_redis_is_told_of_once_and_waited_for_again_when_it_keeps_up(caplog: pytest.LogCaptureFixture) -> None:
    shared = Shared()
    diary = Diary()
    shared.io.observe(diary)
    shared.io.observe(Log(logging.getLogger("cluster"), lambda: 0.0))
    client, _, _ = shared.come(shared.rigs[0])
    shared.hung.update(shared.lines)
    for number in range(2):
        shared.result_of(shared.io.emit("x", number))
        shared.wait(0.3)
        assert len(heard(client)) == 1
        assert shared.io.statistics().cluster["state"] == "degraded"  # type: ignore[index]
    why = "redis://bus:6379: an event waits for longer than 250 ms"
    assert diary.told == [("degraded", why, False)]
    assert [record.getMessage() for record in caplog.records] == [
        f"what joins the servers is slow, and not waited for: {why}"
    ]
    shared.hung.clear()
    shared.run()
    assert diary.told[1:] == [("up", "", False)]
    assert shared.io.statistics().cluster["state"] == "up"  # type: ignore[index]
