from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Final

import pytest

from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings, SocketSettings, combine

NOT_POSITIVE: Final = ("poll_grace_s", "max_packets_per_poll", "max_held_packets", "max_held_bytes")
FREE: Final = (
    "max_packets_per_poll",
    "max_attachment_bytes",
    "max_held_bytes",
    "max_sessions_per_address",
    "max_handshakes_per_s",
)  # the last two follow another layer
POSITIVE: Final = [
    (kind, field.name)
    for kind in (EngineSettings, SocketSettings)
    for field in fields(kind)
    if field.name not in NOT_POSITIVE and re.search(r"^max_|_s$|_water_bytes$", field.name)
]


@pytest.mark.parametrize(("kind", "name"), POSITIVE)
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_must_be_positive(kind: type[Any], name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be positive: {value}$"):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), POSITIVE)
def test_the_smallest_numbers_pass(kind: type[Any], name: str) -> None:
    values = {name: 1}
    if name == "max_buffered_bytes":
        values["high_water_bytes"] = 1
    assert getattr(kind(**values), name) == 1


def test_every_limit_is_on_by_default() -> None:
    for settings in (EngineSettings(), combine(EngineSettings(), SocketSettings())):
        for field in fields(settings):
            if field.name.startswith("max_") and field.name not in FREE:
                assert getattr(settings, field.name) > 0


def test_defaults_are_the_references() -> None:
    """PROTOCOL 1.12, 4.1."""
    engine = EngineSettings()
    assert (engine.ping_interval_s, engine.ping_timeout_s, engine.upgrade_timeout_s) == (25, 20, 10)
    assert (engine.max_payload_bytes, engine.path, engine.http_compression_threshold_bytes) == (
        10**6,
        None,  # the layer's own
        1024,
    )
    assert (engine.transports, engine.allow_upgrades, engine.cookie, engine.cors) == (
        ("polling", "websocket"),
        True,
        None,
        None,
    )
    assert (SocketSettings().connect_timeout_s, SocketSettings().max_attachments) == (45, 10)


@pytest.mark.parametrize("path", ["socket.io/", "/socket.io", "", "socket.io"])
def test_path_needs_its_slashes(path: str) -> None:
    with pytest.raises(ValueError, match=r"path must begin (and end )?with '/'"):
        EngineSettings(path=path)


def test_a_policy_is_a_policy() -> None:
    origins: Any = "*"
    with pytest.raises(TypeError, match="cors must be a Cors, as in"):
        EngineSettings(cors=origins)


@pytest.mark.parametrize("transports", [(), ("webtransport",), ("polling", "flash")])
def test_transports_must_be_known(transports: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="transports must be 'polling' and/or 'websocket'"):
        EngineSettings(transports=transports)


@pytest.mark.parametrize(("value", "is_good"), [(None, True), (2, True), (1, False), (0, False)])
def test_a_poll_must_have_room_for_a_farewell(value: int | None, *, is_good: bool) -> None:
    if is_good:
        assert EngineSettings(max_packets_per_poll=value).max_packets_per_poll == value
    else:
        with pytest.raises(ValueError, match="max_packets_per_poll must be None or at least 2"):
            EngineSettings(max_packets_per_poll=value)


def test_grace_may_be_zero_and_not_less() -> None:
    assert EngineSettings(poll_grace_s=0).poll_grace_s == 0
    with pytest.raises(ValueError, match="poll_grace_s must not be negative"):
        EngineSettings(poll_grace_s=-0.1)


def test_high_water_lies_within_the_buffer() -> None:
    assert EngineSettings(high_water_bytes=5, max_buffered_bytes=5).high_water_bytes == 5
    with pytest.raises(ValueError, match="high_water_bytes must not exceed max_buffered_bytes"):
        EngineSettings(high_water_bytes=6, max_buffered_bytes=5)


@pytest.mark.parametrize("name", ["max_held_packets", "max_held_bytes"])
def test_nothing_need_be_held(name: str) -> None:
    settings: dict[str, Any] = {name: 0}
    assert getattr(SocketSettings(**settings), name) == 0
    settings = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must not be negative: -1"):
        SocketSettings(**settings)


@pytest.mark.parametrize(("packet", "size"), [("x" * 99, 100), ("é" * 50, 101), (b"x" * 100, 100), (b"x" * 101, 101)])
def test_an_initial_packet_fits_into_the_buffer(packet: str | bytes, size: int) -> None:
    if size <= 100:
        settings = EngineSettings(high_water_bytes=5, max_buffered_bytes=100, initial_packet=packet)
        assert settings.initial_packet == packet
        return
    with pytest.raises(ValueError, match="initial_packet must not exceed max_buffered_bytes: 101 bytes"):
        EngineSettings(high_water_bytes=5, max_buffered_bytes=100, initial_packet=packet)


def test_an_initial_packet_can_be_encoded() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        EngineSettings(initial_packet="\ud800")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"path": "x/"}, "path must begin with '/'"),
        ({"path": "/a b/"}, "path must begin with '/'"),
        ({"path": "/a?b"}, "path must begin with '/'"),
        ({"path": "/a#b"}, "path must begin with '/'"),
        ({"path": "/\r\n"}, "path must begin with '/'"),
        ({"authority": ""}, "authority must be a host"),
        ({"authority": "a\nb"}, "authority must be a host"),
        ({"transports": []}, "transports must be"),
        ({"transports": ["polling", "polling"]}, "transports must be"),
        ({"transports": ["webtransport"]}, "transports must be"),
        ({"headers": [(b"a b", b"")]}, "headers must be"),
        ({"headers": [(b"a", b"x\r\ny: z")]}, "headers must be"),
        ({"headers": [(b"a", b" x")]}, "headers must be"),
        ({"headers": [(b"a", b"x\t")]}, "headers must be"),
        ({"headers": [(b"a", b"x\x0by")]}, "headers must be"),
        ({"headers": [(b"Content-Length", b"5")]}, "headers must leave this one to the protocol: b'Content-Length'"),
        ({"headers": [(b"Sec-WebSocket-Key", b"x")]}, "headers must leave this one"),
        ({"open_timeout_s": 0}, "open_timeout_s must be positive"),
        ({"max_packets_per_post": 0}, "max_packets_per_post must be positive"),
        ({"high_water_bytes": 6, "max_buffered_bytes": 5}, "high_water_bytes must not exceed"),
    ],
)
def test_an_engine_client_cannot_have(changes: dict[str, Any], problem: str) -> None:
    assert (
        EngineClientSettings(
            path="/x", headers=[(b"X-A", b"b\tc \xe9"), (b"B", b""), (b"C", b"d")], transports=["websocket"]
        ).path
        == "/x"
    )
    with pytest.raises(ValueError, match=problem):
        EngineClientSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reconnection_attempts": 0}, "reconnection_attempts must be None or at least 1"),
        ({"randomization_factor": -0.1}, "randomization_factor must be from 0 to 1"),
        ({"randomization_factor": 1.1}, "randomization_factor must be from 0 to 1"),
        ({"retries": -1}, "retries must not be negative"),
        ({"reconnection_delay_s": 0}, "reconnection_delay_s must be positive"),
    ],
)
def test_a_client_cannot_have(changes: dict[str, Any], problem: str) -> None:
    assert ClientSettings(reconnection_attempts=1, randomization_factor=1, retries=0).retries == 0
    with pytest.raises(ValueError, match=problem):
        ClientSettings(**changes)
