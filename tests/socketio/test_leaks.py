"""After a client is gone nothing of it is left: not in the hub, the timers, the sessions or the memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

import pytest

from socketio_core.engineio.session import Session
from socketio_core.engineio.shared import Shared
from socketio_core.socketio import Connection, Member
from socketio_core.socketio.acks import PendingAck
from socketio_core.testing import WireClient
from socketio_core.timers import Timer
from tests.socketio.rig import TRANSPORTS, Rig, drain, timer_count

CYCLES: Final = 120
SHELLS: Final = 65  # cancelled timers that a queue keeps, without what they were for; the engine and we have one each


def nothing(rig: Rig, client: WireClient) -> None:
    """Only the handshake."""


def ask(rig: Rig, client: WireClient) -> None:
    rig.request(client)
    client.send('42["held"]')


def ask_for_a_new_name(rig: Rig, client: WireClient) -> None:
    rig.request(client, f"/room-{client.sid}")


def be_refused(rig: Rig, client: WireClient) -> None:
    member = rig.request(client, f"/room-{client.sid}")
    member.join("room")
    member.refuse("no")


def join(rig: Rig, client: WireClient) -> None:
    member = rig.join(client)
    member.join("shared")
    member.join(f"own {client.sid}")


def join_many(rig: Rig, client: WireClient) -> None:
    for number in range(3):
        rig.join(client, f"/room-{number}-{client.sid}").join("room")


def wait_for_acks(rig: Rig, client: WireClient) -> None:
    member = rig.join(client)
    for _ in range(3):
        member.emit_with_ack("q", [b"x"], timeout_s=1000.0, context=object(), now=rig.now)


def half_a_packet(rig: Rig, client: WireClient) -> None:
    rig.join(client)
    client.send('452-["a",{"_placeholder":true,"num":0}]', b"x" * 1000)


def unread(rig: Rig, client: WireClient) -> None:
    member = rig.join(client)
    if client.websocket is not None:
        client.websocket.is_reading = False
    member.emit("unread", ["x" * 1000, b"y" * 1000])


def half_an_upgrade(rig: Rig, client: WireClient) -> None:
    rig.join(client)
    if client.websocket is None:
        client.open_websocket().send("2probe")


STAGES: Final = [
    nothing,
    ask,
    ask_for_a_new_name,
    be_refused,
    join,
    join_many,
    wait_for_acks,
    half_a_packet,
    unread,
    half_an_upgrade,
]


def leave(rig: Rig, client: WireClient) -> None:
    client.send("1")


def lose(rig: Rig, client: WireClient) -> None:
    if client.websocket is not None:
        client.websocket.drop()
    else:
        client.begin_post().drop()


def misbehave(rig: Rig, client: WireClient) -> None:
    if client.websocket is not None:
        client.websocket.send("49")
    else:
        client.post_body(b"49")
        drain(client)


def time_out(rig: Rig, client: WireClient) -> None:
    rig.advance(1100.0)


ENDS: Final = [leave, lose, misbehave, time_out]


def live_objects() -> dict[str, int]:
    """Return how many there are of what a client makes."""
    gc.collect()
    kinds = {kind.__name__: 0 for kind in (Session, Connection, Member, PendingAck, Timer, WireClient, Shared)}
    for found in gc.get_objects():
        name = type(found).__name__
        if name in kinds:
            kinds[name] += 1
    return kinds


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("stage", STAGES)
def test_clients_that_come_and_go_leave_nothing_behind(
    transport: str, stage: Callable[[Rig, WireClient], None], end: Callable[[Rig, WireClient], None]
) -> None:
    rig = Rig()
    rig.server.hub.allow(lambda name: name.startswith("/room-"))
    rig.server.hub.of("/").context = "kept"
    for _ in range(3):
        client = rig.open(transport)
        stage(rig, client)
        end(rig, client)
        drain(client)
        rig.events()
    hub = rig.server.hub
    assert list(hub.namespaces) == ["/"]
    assert hub.of("/").members == {}
    assert hub.of("/").room_names == []
    assert hub.of("/").pending_count == 0
    assert rig.server.connections == []
    assert rig.server.session_count == 0
    assert timer_count(rig.server) == 0
    assert rig.server.next_deadline is None


def come_and_go(rig: Rig) -> None:
    for number in range(CYCLES):
        client = rig.open(TRANSPORTS[number % 2])
        STAGES[number % len(STAGES)](rig, client)
        ENDS[number % 3](rig, client)
        drain(client)
        rig.events()


def test_memory_is_flat_over_many_clients() -> None:
    rig = Rig()
    rig.server.hub.allow(lambda name: name.startswith("/room-"))
    before = live_objects()
    for _ in range(3):
        come_and_go(rig)
        after = live_objects()
        assert after.pop("Timer") - before["Timer"] <= 2 * SHELLS
        assert after == {kind: count for kind, count in before.items() if kind != "Timer"}
