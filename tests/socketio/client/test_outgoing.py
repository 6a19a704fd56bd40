"""What a namespace of a client emits: at once, from the buffer, or never; and the acks that it waits for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socketio_core.errors import BufferFull, LocalProtocolError
from socketio_core.http import Response
from socketio_core.socketio.client import (
    AckDropped,
    AckExpired,
    AckReceived,
    Connected,
    EmitFailed,
)
from tests.socketio.client.scene import HANDSHAKE, Scene

# -- what is emitted ---------------------------------------------------------------------------------------------------


def test_emits_wait_for_the_connection_in_order() -> None:
    scene = Scene()
    assert scene.root.emit("a", [1], now=scene.now)
    scene.root.connect(scene.now)
    scene.open()
    assert scene.root.emit("b", [b"\x00"], now=scene.now)
    assert not scene.root.emit("volatile", [], now=scene.now, volatile=True)
    assert (scene.sent(), scene.root.buffered_count) == (["0"], 2)
    scene.say('0{"sid":"A"}')
    assert scene.root.emit("c", [], now=scene.now)
    assert scene.sent() == ['2["a",1]', '51-["b",{"_placeholder":true,"num":0}]', b"\x00", '2["c"]']
    assert scene.root.buffered_count == 0


def test_buffer_that_was_sent_has_room_again() -> None:
    scene = Scene(max_buffered_emit_bytes=16)
    for name in ("a", "b"):
        scene.root.emit(name, [], now=scene.now)
    scene.connected()
    scene.lose()
    for name in ("c", "d"):
        scene.root.emit(name, [], now=scene.now)
    with pytest.raises(BufferFull, match="2 events, 14 bytes"):
        scene.root.emit("e", [], now=scene.now)


@pytest.mark.parametrize("settings", [{"max_buffered_emits": 2}, {"max_buffered_emit_bytes": 16}])
@pytest.mark.parametrize("retries", [0, 1])
def test_buffer_is_bounded(settings: dict[str, Any], retries: int) -> None:
    scene = Scene(retries=retries, **settings)
    for _ in range(2):
        scene.root.emit("a", [], now=scene.now)
    with pytest.raises(BufferFull, match=r"2 events, 1[46] bytes"):
        scene.root.emit("more", [], now=scene.now)
    with pytest.raises(BufferFull):
        scene.root.emit_with_ack("more", [], timeout_s=1, context=None, now=scene.now)
    assert scene.root.buffered_count == 2
    assert scene.root.pending_acks == {}


def test_volatile_leaves_at_once_or_not_at_all() -> None:
    scene = Scene().connected()
    assert scene.root.emit("a", [], now=scene.now, volatile=True)
    assert not scene.root.emit("b", [], now=scene.now, volatile=True)
    assert scene.sent() == ['2["a"]']


def test_emit_nowait_keeps_below_the_mark() -> None:
    scene = Scene(engine={"high_water_bytes": 10}).connected()
    assert scene.root.emit_nowait("a", ["0123456789"], now=scene.now)
    with pytest.raises(BufferFull, match="outgoing buffer is full: 20 bytes"):
        scene.root.emit_nowait("b", [], now=scene.now)


@pytest.mark.parametrize("retries", [0, 1])
def test_emit_nowait_asks_the_connection_only_if_the_event_goes_there(retries: int) -> None:
    """One that is not connected keeps what is emitted in a buffer of its own, whatever others have filled."""
    scene = Scene(engine={"high_water_bytes": 10}, retries=retries).connected()
    other = scene.client.of("/other")
    other.connect(scene.now)
    scene.root.emit("a", ["0123456789"], now=scene.now)
    assert scene.client.is_over_high_water
    assert other.emit_nowait("b", [], now=scene.now)
    assert other.buffered_count == 1
    scene.client.close(scene.now)
    assert not other.emit_nowait("c", [], now=scene.now)
    assert not scene.root.emit_nowait("c", [], now=scene.now)


@pytest.mark.parametrize(("name", "args"), [("connect", []), (1, []), ("a", [float("nan")]), ("a", [object()])])
@pytest.mark.parametrize("retries", [0, 1])
def test_misuse_changes_nothing(name: Any, args: list[Any], retries: int) -> None:
    scene = Scene(retries=retries).connected()
    with pytest.raises(LocalProtocolError):
        scene.root.emit(name, args, now=scene.now)
    with pytest.raises(LocalProtocolError):
        scene.root.emit_with_ack(name, args, timeout_s=1, context=None, now=scene.now)
    assert (scene.sent(), scene.root.pending_acks, scene.client.next_deadline) == ([], {}, scene.now + 45)


def test_too_large_event_is_the_callers_error_if_the_limit_is_known() -> None:
    scene = Scene(retries=0).connected()
    with pytest.raises(LocalProtocolError, match="larger than the server takes"):
        scene.root.emit("a", ["x" * 1000], now=scene.now)
    with pytest.raises(LocalProtocolError, match="larger than the server takes"):
        scene.root.emit_with_ack("a", ["x" * 1000], timeout_s=1, context=None, now=scene.now)
    assert scene.root.pending_acks == {}
    scene.lose()
    with pytest.raises(LocalProtocolError, match="larger than the server takes"):
        scene.root.emit("a", ["x" * 1000], now=scene.now)


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgraded"])
def test_limit_is_that_of_the_last_transport_while_there_is_no_connection(transport: str) -> None:
    scene = Scene(engine={"transports": ["polling", "websocket"] if transport != "websocket" else ["websocket"]})
    scene.root.connect(scene.now)
    if transport == "websocket":
        scene.open()
        scene.lose()
    else:
        begin_polling(scene, upgrades=transport == "upgraded")
    assert scene.root.emit("a", [b"x" * 700], now=scene.now)  # 937 bytes in base64
    if transport == "polling":
        with pytest.raises(LocalProtocolError, match="larger than the server takes: 1069 bytes, limit: 1000"):
            scene.root.emit("a", [b"x" * 800], now=scene.now)
    else:
        assert scene.root.emit("a", [b"x" * 800], now=scene.now)
    with pytest.raises(LocalProtocolError, match="larger than the server takes"):
        scene.root.emit("a", [b"x" * 1001], now=scene.now)


def begin_polling(scene: Scene, *, upgrades: bool) -> None:
    """Open a session over polling, upgrade it perhaps, and lose it."""
    client, now = scene.client, scene.now

    def look() -> list[Any]:
        return client.take_ready()

    (handshake,) = look()
    fields = {"sid": "S", **HANDSHAKE, "upgrades": ["websocket"] if upgrades else []}
    client.exchange_done(handshake, Response(200, [], b"0" + json.dumps(fields).encode()), now)
    *candidates, poll, connect = sorted(look(), key=lambda carrier: getattr(carrier, "method", ""))
    if upgrades:
        (candidate,) = candidates
        client.websocket_opened(candidate, Response(101), now)
        client.receive(candidate, "3probe", now)
        client.exchange_done(connect, Response(200, [], b"ok"), now)
        client.exchange_done(poll, Response(200, [], b"6"), now)
        client.lost(candidate, now, detail="reset")
    else:
        client.exchange_done(poll, Response(200, [], b"2"), now)  # a ping is no upgrade
        client.lost(next(carrier for carrier in look() if carrier.method == "GET"), now, detail="reset")
    assert client.session is None


@pytest.mark.parametrize("retries", [0, 2])
def test_too_large_event_is_given_up_when_the_limit_becomes_known(retries: int) -> None:
    scene = Scene(retries=retries)
    scene.root.emit("large", ["x" * 1000], now=scene.now)
    scene.root.emit_with_ack("large", ["x" * 1000], timeout_s=5, context="who", now=scene.now)
    scene.root.emit("small", [], now=scene.now)
    scene.root.connect(scene.now)
    scene.open()
    scene.sent()
    scene.take_events()
    scene.say('0{"sid":"A"}')
    connected, failed, dropped = scene.take_events()
    assert connected == Connected(scene.root, recovered=False)
    assert isinstance(failed, EmitFailed)
    assert (failed.name, failed.detail[:40]) == ("large", "message is larger than the server takes:")
    assert dropped == AckDropped(scene.root, "who")
    assert scene.sent() == ['22["small"]' if retries else '2["small"]']


# -- acks --------------------------------------------------------------------------------------------------------------


def ask(scene: Scene, name: str = "q", timeout_s: float | None = 5.0, context: object = "who") -> int | None:
    return scene.root.emit_with_ack(name, [], timeout_s=timeout_s, context=context, now=scene.now)


def test_acks_settle_once() -> None:
    scene = Scene().connected()
    assert [ask(scene, context="first"), ask(scene, context="second")] == [0, 1]
    assert scene.sent() == ['20["q"]', '21["q"]']
    scene.say('31["b",1]', "30[]", '30["again"]', '39["unknown"]')
    assert scene.take_events() == [AckReceived(scene.root, ["b", 1], "second"), AckReceived(scene.root, [], "first")]
    scene.wait(10)
    assert scene.take_events() == []


@pytest.mark.parametrize("is_connected", [True, False])
def test_acks_expire_and_what_was_not_sent_is_not_sent(is_connected: bool) -> None:  # noqa: FBT001 - a row
    scene = Scene()
    if is_connected:
        scene.connected()
    scene.root.emit("before", [], now=scene.now)
    ask(scene)
    scene.wait(4.999)
    assert scene.take_events() == []
    scene.wait(0.001)
    assert scene.take_events() == [AckExpired(scene.root, "who")]
    scene.say('30["late"]') if is_connected else None
    assert scene.take_events() == []
    assert scene.root.buffered_count == (0 if is_connected else 1)


def test_lost_connection_drops_acks_of_what_was_sent_only() -> None:
    scene = Scene().connected()
    ask(scene, context="sent")
    ask(scene, context="sent without a time", timeout_s=None)
    scene.lose()
    ask(scene, context="buffered")
    assert scene.take_events()[:2] == [
        AckDropped(scene.root, "sent"),
        AckDropped(scene.root, "sent without a time"),
    ]
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"B"}')
    scene.say('32["answer"]')
    assert scene.take_events()[-1] == AckReceived(scene.root, ["answer"], "buffered")


def test_connection_that_ends_while_the_buffer_is_sent_drops_acks_of_what_was_sent_only() -> None:
    scene = Scene(engine={"max_buffered_messages": 2})
    for number in range(4):
        ask(scene, context=number, timeout_s=None)
    scene.root.connect(scene.now)
    scene.open()
    scene.sent()
    scene.say('0{"sid":"A"}')
    assert [event.context for event in scene.take_events() if isinstance(event, AckDropped)] == [0, 1]
    assert (list(scene.root.pending_acks), scene.root.buffered_count) == ([2, 3], 2)


def test_forgotten_acks_are_not_told() -> None:
    scene = Scene().connected()
    ack_id = ask(scene)
    assert ack_id is not None
    scene.root.forget_ack(ack_id)
    scene.root.forget_ack(ack_id)
    scene.say("30[]")
    scene.wait(10)
    assert scene.take_events() == []


def test_event_whose_ack_is_forgotten_is_not_sent_any_more() -> None:
    scene = Scene()
    ack_id = ask(scene, "cancelled")
    ask(scene, "wanted")
    assert ack_id is not None
    scene.root.forget_ack(ack_id)
    assert scene.root.buffered_count == 1
    scene.root.connect(scene.now)
    scene.open()
    scene.say('0{"sid":"A"}')
    assert scene.sent() == ["0", '21["wanted"]']


def test_outstanding_acks_are_bounded() -> None:
    scene = Scene(max_outstanding_acks=2).connected()
    ask(scene)
    ask(scene)
    with pytest.raises(LocalProtocolError, match="too many outstanding acks, max_outstanding_acks: 2"):
        ask(scene)
    scene.say("30[]")
    assert ask(scene) == 2


def test_answers_are_not_sent_when_the_namespace_was_left() -> None:
    scene = Scene().connected()
    scene.say('27["a"]')
    scene.lose()
    assert not scene.root.acknowledge(7, [])
