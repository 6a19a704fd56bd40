"""The end of a client, and of the connections that it lets go."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client import Exchange
from socketio_core.errors import CloseReason, LocalProtocolError
from socketio_core.http import Response
from socketio_core.socketio.client import (
    AckDropped,
    ClientCore,
    ClientEvent,
    Closed,
    EmitFailed,
    Left,
    NamespaceState,
    Opened,
    ReconnectScheduled,
)
from tests.socketio.client.scene import Scene


def test_closing_is_final_and_in_order() -> None:
    scene = Scene().connected()
    scene.root.emit("a", [], now=scene.now)
    scene.client.close(scene.now)
    scene.client.close(scene.now)
    assert scene.take_events() == [Left(scene.root, CloseReason.IO_CLIENT_DISCONNECT)]
    assert (scene.sent(), scene.sockets[0].is_closed) == (['2["a"]', "1"], True)
    scene.client.lost(scene.sockets[0], scene.now)
    scene.look()
    assert scene.client.is_done
    assert not scene.root.emit("b", [], now=scene.now)
    with pytest.raises(LocalProtocolError, match="client was closed"):
        scene.root.connect(scene.now)
    scene.wait(1000)
    assert (scene.take_events(), len(scene.sockets)) == ([], 1)


@pytest.mark.parametrize("is_taken", [False, True])
def test_client_is_done_once_its_websocket_is_gone(is_taken: bool) -> None:  # noqa: FBT001 - a row
    """What was taken is not written yet, and the close frame is not either."""
    scene = Scene().connected()
    scene.client.close(scene.now)
    states = [scene.client.is_done]
    scene.look()
    if is_taken:
        scene.sent()
    scene.look()
    states.append(scene.client.is_done)
    scene.client.lost(scene.sockets[0], scene.now)
    assert [*states, scene.client.is_done] == [False, False, True]


def test_client_that_is_left_is_done_when_the_host_knows() -> None:
    scene = Scene().connected()
    scene.client.lost(scene.sockets[0], scene.now, 1000)
    scene.client.close(scene.now)
    assert not scene.client.is_done  # the WebSocket is to be dropped
    scene.look()
    assert scene.client.is_done


def test_client_waits_for_the_websocket_that_broke_the_rules() -> None:
    scene = Scene().connected()
    scene.client.fail(scene.sockets[0], "RSV", 1002, scene.now)
    scene.client.close(scene.now)
    scene.look()
    assert not scene.client.is_done  # the server is to be told
    scene.client.lost(scene.sockets[0], scene.now)
    assert scene.client.is_done


def test_closed_client_waits_for_nothing_that_was_not_opened() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.look()
    scene.client.close(scene.now)
    assert not scene.client.is_done
    scene.look()
    assert scene.client.is_done


def ends_of(scene: Scene) -> list[ClientEvent]:
    scene.look()
    events, scene.events = scene.events, []
    return [event for event in events if isinstance(event, (Opened, Closed))]


def test_orderly_end_is_told_as_every_other_and_once() -> None:
    scene = Scene().connected()
    scene.root.disconnect(scene.now)
    assert ends_of(scene) == [Closed(CloseReason.FORCED_CLOSE)]
    scene.lose()
    scene.connected()
    scene.client.close(scene.now)
    assert ends_of(scene) == [Closed(CloseReason.FORCED_CLOSE)]
    scene.client.abort(scene.now)
    scene.lose()
    assert ends_of(scene) == []


def test_end_of_a_bad_connection_is_told_once() -> None:
    scene = Scene().connected()
    scene.say("x")
    (closed,) = ends_of(scene)
    assert isinstance(closed, Closed)
    assert closed.reason is CloseReason.PARSE_ERROR
    scene.client.close(scene.now)
    assert ends_of(scene) == []


def test_connection_that_was_never_open_has_no_end() -> None:
    scene = Scene()
    scene.root.connect(scene.now)
    scene.look()
    scene.root.disconnect(scene.now)
    assert ends_of(scene) == []


def test_end_that_came_before_the_orderly_one_is_the_one_that_is_told() -> None:
    scene = Scene(engine={"max_buffered_messages": 1}).connected()
    scene.root.emit("a", [], now=scene.now)
    scene.root.emit("b", [], now=scene.now)  # ends it
    scene.root.disconnect(scene.now)
    (closed,) = ends_of(scene)
    assert isinstance(closed, Closed)
    assert closed.reason is CloseReason.TRANSPORT_ERROR


def test_closing_gives_up_what_is_buffered() -> None:
    scene = Scene()
    scene.root.emit("a", [], now=scene.now)
    scene.root.emit_with_ack("b", [], timeout_s=5, context="who", now=scene.now)
    scene.client.abort(scene.now)
    assert scene.take_events() == [EmitFailed(scene.root, "a", "the client was closed"), AckDropped(scene.root, "who")]
    assert (scene.client.is_done, scene.client.next_deadline) == (True, None)


def polling_client() -> tuple[ClientCore, list[Exchange]]:
    """Return a client that is connected over polling, and its exchanges: the poll is the last one."""
    scene = Scene(engine={"transports": ["polling"]})
    exchanges: list[Exchange] = []

    def look() -> None:
        exchanges.extend(carrier for carrier in scene.client.take_ready() if isinstance(carrier, Exchange))

    scene.root.connect(scene.now)
    look()
    body = b'0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'
    scene.client.exchange_done(exchanges[0], Response(200, [], body), scene.now)
    look()
    assert [exchange.method for exchange in exchanges] == ["GET", "GET", "POST"]
    return scene.client, exchanges


def test_old_connection_says_goodbye_beside_a_new_one() -> None:
    client, exchanges = polling_client()
    now = 1000.0
    root = client.of("/")
    client.exchange_done(exchanges[2], Response(200, [], b"ok"), now)
    client.exchange_done(exchanges[1], Response(200, [], b'40{"sid":"A"}'), now)
    client.take_ready()
    client.take_events()
    root.disconnect(now)
    assert client.take_events()[1:] == [Closed(CloseReason.FORCED_CLOSE)]
    assert not client.is_done
    root.connect(now)
    goodbye, handshake = [carrier for carrier in client.take_ready() if isinstance(carrier, Exchange)]
    assert (goodbye.body, handshake.method) == (b"41\x1e1", "GET")
    assert client.next_deadline == now + 10
    client.handle_timeout(now + 10)  # nobody answers
    assert client.next_deadline == now + 20
    assert client.take_events() == []
    client.lost(handshake, now + 11, detail="refused")
    assert isinstance(client.take_events()[-1], ReconnectScheduled)
    client.close(now + 12)
    client.take_ready()
    assert client.is_done


def test_nothing_counts_behind_a_bad_packet_of_the_same_response() -> None:
    client, exchanges = polling_client()
    client.exchange_done(
        exchanges[1], Response(200, [], b'40{"sid":"A"}\x1e4x\x1e40{"sid":"B"}\x1e41\x1e42["a"]'), 1000.0
    )
    left, scheduled = client.take_events()[-2:]
    assert isinstance(left, Left)
    assert isinstance(scheduled, ReconnectScheduled)
    assert client.of("/").state is NamespaceState.WAITING


def test_abort_drops_what_is_in_flight() -> None:
    client, exchanges = polling_client()
    client.abort(1000.0)
    client.take_ready()
    assert (client.is_done, [exchange.is_cancelled for exchange in exchanges]) == (True, [False, True, True])
    assert any(isinstance(event, Opened) for event in client.take_events())
