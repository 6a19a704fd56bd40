"""Mounted in FastAPI under uvicorn: the official client, python-socketio's, a real Chromium, and the end."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.interop.peers import InteropServer, Peer


@pytest.fixture(scope="module")
def server() -> Iterator[InteropServer]:
    """One for the whole module; it must end cleanly, having complained about nothing."""
    running = InteropServer(app="fastapi_app")
    try:
        yield running
        running.stop()
    finally:
        running.close()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        body: bytes = answer.read()
    return body


def test_foreign_clients(peer: Peer, server: InteropServer) -> None:
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


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_sigterm_with_clients(
    transport: str, start_peer: Callable[[str, str, str], Peer], node_modules: object
) -> None:
    """Clients are told; the process ends within its grace, without a word."""
    server = InteropServer(app="fastapi_app")
    try:
        anna = start_peer("node", transport, server.url).join("/")
        said = server.terminate()
        assert said in ("", "ERROR:    Cancel 1 running task(s), timeout graceful shutdown exceeded\n")
        server.take("ended")
        (reason,) = anna.take("disconnect")
        assert reason in ("transport close", "transport error", "io server disconnect")
    finally:
        server.close()
