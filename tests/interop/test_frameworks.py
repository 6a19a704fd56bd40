"""In FastAPI, Django, Quart and Litestar, under uvicorn: npm's client, python-socketio's, reload, and the end."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from tests.interop.peers import CLIENT_COMMANDS, MODES, InteropServer, Peer
from tests.interop.under_uvicorn import ENDED

OTHERS: Final = ("django", "quart", "litestar")
WAYS: Final = [
    *(("fastapi", kind, mode) for kind, mode in product(CLIENT_COMMANDS, MODES)),
    *((name, *way) for name in OTHERS for way in (("node", "upgrade"), ("python-socketio", "websocket"))),
]


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """Which framework, foreign client, and transports."""
    chosen: tuple[str, str, str] = request.param
    return chosen


@pytest.fixture(scope="module")
def server(way: tuple[str, str, str], server_of: Callable[..., InteropServer]) -> InteropServer:
    return server_of(f"{way[0]}_app")


@pytest.fixture(scope="module")
def kind(way: tuple[str, str, str]) -> str:
    return way[1]


@pytest.fixture(scope="module")
def mode(way: tuple[str, str, str]) -> str:
    return way[2]


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().strip().replace(b" ", b"")


def test_chat(peer: Peer) -> None:
    anna, ben = peer.join("/chat"), peer.join("/chat")
    assert anna.call("reflect", "grüße", b"\x00\xff", {"a": [b"1"]}) == ["grüße", b"\x00\xff", {"a": [b"1"]}]
    ben.call("join", "tea")
    anna.emit("say", "tea", "hello", b"bytes")
    assert ben.take("said") == ["hello", b"bytes"]
    anna.assert_quiet()


def test_endpoints_emit(peer: Peer, server: InteropServer) -> None:
    anna = peer.join("/")
    assert get(f"{server.url}/announce/news") == b'{"ok":true}'
    assert anna.take("said") == ["news", None]
    assert get(f"{server.url}/announce%20from%20a%20thread/more") == b'{"ok":true}'
    assert anna.take("said") == ["more", None]


@pytest.mark.parametrize(
    ("framework", "transport"),
    [("fastapi", "polling"), ("fastapi", "websocket"), *((name, "websocket") for name in OTHERS)],
)
def test_sigterm_with_clients(
    framework: str, transport: str, start_peer: Callable[[str, str, str], Peer], node_modules: object
) -> None:
    """Clients are told; the process ends within its grace, without a word."""
    server = InteropServer(app=f"{framework}_app")
    try:
        anna = start_peer("node", transport, server.url).join("/")
        assert server.terminate() in ("", ENDED)
        server.take("disconnect", sid=anna.id)
        (reason,) = anna.take("disconnect")
        assert reason in ("transport close", "transport error", "io server disconnect")
    finally:
        server.close()


def test_reload_with_clients(start_peer: Callable[[str, str, str], Peer], node_modules: object, tmp_path: Path) -> None:
    """As `uvicorn --reload` does when a file was changed: clients are told, and come back to the new process."""
    watched = tmp_path / "watched.py"
    watched.touch()
    server = InteropServer("--watch", str(tmp_path), app="reloading_app")
    try:
        server.take("began")
        anna = start_peer("node", "websocket", server.url).join("/", reconnection=True)
        watched.write_text("changed = True\n")
        server.take("disconnect", sid=anna.id)
        server.take("ended")
        anna.take("disconnect")
        server.take("began")
        anna.take("connect", passing_over="connect_error")
        anna.take("welcome")
        assert server.terminate(status=0) == ""
        server.take("ended")
    finally:
        server.close()
