"""Limits that depend on one another follow the one that is set; the one that was violated is named where it is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
import trio

from socketio_core.app import Socket
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings, SocketSettings
from socketio_core.socketio import ConnectionClosed, JsonParser, Packet, ServerCore
from socketio_core.socketio.client import ClientCore, ConnectFailed
from socketio_core.socketio.packet import EVENT
from socketio_core.testing import Refused
from socketio_core.trio import Server as TrioServer
from socketio_core.trio import connect
from tests.socketio.client.scene import Scene
from tests.socketio.rig import Rig
from tests.trio.bench import serving, trio_tcp_test

MB: Final = 1_000_000


def test_limits_of_an_engine_follow_the_one_that_is_set() -> None:
    usual = EngineSettings()
    assert (usual.max_buffered_bytes, usual.high_water_bytes, usual.max_packets_per_payload) == (16 * MB, MB, 10_000)
    large = EngineSettings(max_payload_bytes=100 * MB)
    assert (large.max_buffered_bytes, large.high_water_bytes) == (1600 * MB, 100 * MB)
    assert large.max_packets_per_payload == MB
    small = EngineSettings(max_payload_bytes=1000)
    assert (small.max_buffered_bytes, small.high_water_bytes, small.max_packets_per_payload) == (16 * MB, MB, 10_000)
    assert EngineSettings(max_buffered_bytes=500).high_water_bytes == 500
    assert EngineSettings(high_water_bytes=50 * MB).max_buffered_bytes == 100 * MB
    both = EngineSettings(max_payload_bytes=100 * MB, max_buffered_bytes=MB, high_water_bytes=5)
    assert (both.max_buffered_bytes, both.high_water_bytes) == (MB, 5)


def test_limits_of_a_clients_engine_follow_the_one_that_is_set() -> None:
    usual = EngineClientSettings()
    assert (usual.max_buffered_bytes, usual.high_water_bytes) == (104_857_600, MB)
    assert (usual.max_packets_per_payload, usual.max_text_bytes) == (200_000, 16 * MB)
    assert [EngineClientSettings(max_message_bytes=size).max_text_bytes for size in (5, 200 * MB)] == [5, 20 * MB]
    assert EngineClientSettings(max_text_bytes=100 * MB).max_text_bytes == 100 * MB
    with pytest.raises(ValueError, match="max_text_bytes must not exceed max_message_bytes: 6"):
        EngineClientSettings(max_message_bytes=5, max_text_bytes=6)
    large = EngineClientSettings(max_message_bytes=1000 * MB)
    assert (large.max_buffered_bytes, large.high_water_bytes, large.max_packets_per_payload) == (1000 * MB, MB, MB)
    assert EngineClientSettings(max_message_bytes=1000).max_buffered_bytes == 16 * MB
    assert EngineClientSettings(max_buffered_bytes=500).high_water_bytes == 500
    assert EngineClientSettings(high_water_bytes=100 * MB).max_buffered_bytes == 200 * MB


def test_limits_of_sockets_follow_each_other_and_those_of_the_engine() -> None:
    assert SocketSettings(max_pending_connects=500).max_namespaces == 500
    assert SocketSettings(max_pending_connects=5).max_namespaces == 100
    assert SocketSettings(max_json_depth=300).max_emitted_json_depth == 428
    assert ServerCore().settings.max_held_bytes == 2 * MB
    assert ServerCore(EngineSettings(max_payload_bytes=100 * MB)).settings.max_held_bytes == 200 * MB
    assert ServerCore(None, SocketSettings(max_held_bytes=0)).settings.max_held_bytes == 0
    assert ServerCore().settings.max_json_values == 100_000
    assert ServerCore(EngineSettings(max_payload_bytes=100 * MB)).settings.max_json_values == 10 * MB
    assert ServerCore(None, SocketSettings(max_held_bytes=7, max_json_values=5)).settings.max_json_values == 5
    assert _client().settings.max_json_values == 1_048_576
    values = [_client(EngineClientSettings(max_message_bytes=MB * n)).settings.max_json_values for n in (1, 5, 10, 200)]
    assert values == [100_000, 500_000, MB, 2 * MB]
    assert _client().settings.max_held_event_bytes == 104_857_600
    assert _client(EngineClientSettings(max_message_bytes=5)).settings.max_held_event_bytes == 16 * MB
    assert _client(None, ClientSettings(max_held_event_bytes=5)).settings.max_held_event_bytes == 5


def _client(engine: EngineClientSettings | None = None, settings: ClientSettings | None = None) -> ClientCore:
    return ClientCore(engine, settings, random=lambda: 0.5)


def test_a_limit_that_another_keeps_from_being_reached_is_refused_by_name() -> None:
    settings = SocketSettings(max_attachment_bytes=20 * MB)
    with pytest.raises(
        ValueError, match=r"max_attachment_bytes cannot be reached: 20000000; .*max_payload_bytes: 1000000"
    ):
        ServerCore(None, settings)
    with pytest.raises(ValueError, match=r"in the way are max_attachments: 10, max_payload_bytes: 1000000"):
        TrioServer(settings=settings)
    assert ServerCore(EngineSettings(max_payload_bytes=2 * MB), settings).settings.max_attachment_bytes == 20 * MB
    ServerCore(None, SocketSettings(max_attachment_bytes=20 * MB, max_attachments=20))
    with pytest.raises(ValueError, match=r"max_attachment_bytes cannot be reached: 11; .*max_message_bytes: 1"):
        _client(EngineClientSettings(max_message_bytes=1), ClientSettings(max_attachment_bytes=11))


@pytest.mark.parametrize("name", ["max_sessions", "max_outstanding_acks"])
def test_none_is_no_limit(name: str) -> None:
    kind: Any = EngineSettings if name == "max_sessions" else SocketSettings
    with pytest.raises(TypeError):
        kind(**{name: None})


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@trio_tcp_test
async def test_a_large_payload_needs_one_setting(transport: str) -> None:
    io = TrioServer(engine=EngineSettings(max_payload_bytes=100 * MB))
    data = bytes(20 * MB)
    sizes: list[int] = []

    @io.on("file")
    async def file(socket: Socket, content: bytes) -> bytes:
        sizes.append(len(content))
        return content

    async with serving(io, tcp=True) as bench, connect(bench.urls[0], transports=[transport]) as socket:
        with trio.fail_after(1000):
            assert await socket.call("file", data, timeout=900) == data
        assert sizes == [20 * MB]


# -- names -------------------------------------------------------------------------------------------------------------


def _joined(*frames: str | bytes, transport: str = "websocket") -> Callable[[Rig], None]:
    def act(rig: Rig) -> None:
        client, _ = rig.joined(transport)
        client.send(*frames)

    return act


def _flood(rig: Rig) -> None:
    _, member = rig.joined("polling")
    for _ in range(10):
        member.emit("a", [])


def _ask(rig: Rig) -> None:
    client = rig.open()
    client.send("40", '42["a"]', '42["b"]')


def _wait(rig: Rig) -> None:
    rig.open("polling")
    rig.advance(5)


SERVER: Final[list[tuple[dict[str, Any], dict[str, Any], Callable[[Rig], None]]]] = [
    ({"max_payload_bytes": 50}, {}, _joined("4" + "x" * 50)),
    ({"max_packets_per_payload": 2}, {}, _joined(*['42["a"]'] * 3, transport="polling")),
    ({"max_buffered_bytes": 50}, {}, _flood),
    ({"max_buffered_messages": 3}, {}, _flood),
    ({}, {"connect_timeout_s": 3}, _wait),
    ({}, {"max_attachments": 1}, _joined('452-["a"]')),
    ({}, {"max_attachment_bytes": 3}, _joined('451-["a",{"_placeholder":true,"num":0}]', b"1234")),
    ({}, {"max_json_depth": 3}, _joined('42["a",[[[]]]]')),
    ({}, {"max_namespace_chars": 5}, _joined("40/123456,")),
    ({}, {"max_held_packets": 1}, _ask),
    ({}, {"max_held_bytes": 10}, _ask),
]


@pytest.mark.parametrize(("engine", "settings", "act"), SERVER, ids=[str(list({**e, **s})) for e, s, _ in SERVER])
def test_a_limit_that_ends_a_connection_is_named(
    engine: dict[str, Any], settings: dict[str, Any], act: Callable[[Rig], None]
) -> None:
    rig = Rig(EngineSettings(path="/socket.io/", **engine), **settings)
    with suppress(Refused):
        act(rig)
    if rig.server.connections:  # it waits for a poll
        rig.advance(60)
    (closed,) = [event for event in rig.events() if isinstance(event, ConnectionClosed)]
    ((name, value),) = {**engine, **settings}.items()
    assert str(closed.error).endswith(f"{name}: {value}")


def test_too_many_sessions_are_refused_by_name() -> None:
    rig = Rig(EngineSettings(path="/socket.io/", max_sessions=1))
    rig.open()
    with pytest.raises(Refused):
        rig.open()
    (event,) = rig.events()
    assert "max_sessions: 1" in str(event)


def test_limits_on_what_is_sent_are_named_where_it_is_sent() -> None:
    rig = Rig(
        EngineSettings(path="/socket.io/", max_buffered_bytes=100, high_water_bytes=5),
        max_outstanding_acks=1,
        max_emitted_json_depth=3,
        max_attachments=1,
    )
    _, member = rig.joined("polling")
    member.emit_with_ack("a", [], timeout_s=1, context=None, now=rig.now)
    calls: dict[str, Callable[[], object]] = {
        "max_outstanding_acks: 1": lambda: member.emit_with_ack("a", [], timeout_s=1, context=None, now=rig.now),
        "max_emitted_json_depth: 3": lambda: member.emit("a", [[[[]]]]),
        "max_attachments: 1": lambda: member.emit("a", [b"1", b"2"]),
        "max_buffered_bytes": lambda: member.emit("a", ["x" * 200]),
        "high_water_bytes": lambda: member.emit_nowait("a", []),
    }
    for name, call in calls.items():
        with pytest.raises(LocalProtocolError, match=name):
            call()


CLIENT: Final[list[tuple[dict[str, Any], str]]] = [
    ({"max_attachments": 1}, '52-["a"]'),
    ({"max_attachment_bytes": 3}, '51-["a",{"_placeholder":true,"num":0}]'),
    ({"max_json_depth": 3}, '2["a",[[[]]]]'),
    ({"max_namespace_chars": 5}, "2/123456,[]"),
]


@pytest.mark.parametrize(("settings", "frame"), CLIENT, ids=[str(list(settings)) for settings, _ in CLIENT])
def test_a_clients_limit_that_ends_its_connection_is_named(settings: dict[str, Any], frame: str) -> None:
    scene = Scene(**settings).connected()
    scene.say(frame)
    if frame.startswith("51"):
        scene.say(b"1234")
    ((name, value),) = settings.items()
    left = scene.take_events()[0]
    assert str(left.error).endswith(f"{name}: {value}")  # type: ignore[union-attr]


def test_a_clients_limits_on_what_is_sent_are_named_where_it_is_sent() -> None:
    scene = Scene(
        engine={"max_buffered_bytes": 100, "high_water_bytes": 5},
        max_outstanding_acks=1,
        max_buffered_emits=1,
        max_namespaces=1,
        max_namespace_chars=5,
    )
    scene.root.connect(scene.now)
    scene.root.emit("a", [], now=scene.now)
    calls: dict[str, Callable[[], object]] = {
        "max_buffered_emits: 1": lambda: scene.root.emit("a", [], now=scene.now),
        "max_namespaces: 1": lambda: scene.client.of("/b").connect(scene.now),
        "max_namespace_chars: 5": lambda: scene.client.of("/123456"),
        "max_emitted_json_depth: 128": lambda: JsonParser(ClientSettings()).encode(
            Packet(EVENT, "/", ["a", _nested(128)])
        ),
    }
    for name, call in calls.items():
        with pytest.raises(LocalProtocolError, match=name):
            call()
    limited = Scene(max_buffered_emit_bytes=10)
    limited.root.connect(limited.now)
    limited.root.emit("a", [], now=limited.now)
    with pytest.raises(LocalProtocolError, match="max_buffered_emit_bytes: 10"):
        limited.root.emit("a", ["x" * 20], now=limited.now)
    with pytest.raises(LocalProtocolError, match="namespace holds a lone surrogate"):
        limited.client.of("/\ud800")


def _nested(depth: int) -> Any:
    data: Any = []
    for _ in range(depth - 1):
        data = [data]
    return data


def test_names_of_client_limits_are_told_with_the_failure() -> None:
    scene = Scene(max_held_events=1)
    scene.root.connect(scene.now)
    scene.open()
    scene.say('2["a"]', '2["b"]')
    failed = next(event for event in scene.take_events() if isinstance(event, ConnectFailed))
    assert failed.message.endswith("max_held_events: 1")
