"""The official client's files, served beside the protocol from an npm package's folder."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.peers import InteropServer

FILES = ["socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min"]


@pytest.fixture(scope="module")
def connection(client_dir: Path) -> Iterator[http.client.HTTPConnection]:
    """One keep-alive connection to a server that serves the client."""
    server = InteropServer("--client-dir", str(client_dir))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        yield connection
        connection.close()
        server.stop()
    finally:
        connection.close()
        server.close()


@pytest.fixture(scope="module")
def etag(client_dir: Path) -> str:
    """The version of the package, quoted."""
    version: str = json.loads((client_dir.parent / "package.json").read_text())["version"]
    return f'"{version}"'


def ask(
    connection: http.client.HTTPConnection, target: str, *, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize("suffix", [".js", ".js.map"])
@pytest.mark.parametrize("name", FILES)
def test_file_is_served(
    connection: http.client.HTTPConnection, client_dir: Path, etag: str, name: str, suffix: str
) -> None:
    response, body = ask(connection, f"/socket.io/{name}{suffix}?v=4")
    assert (response.status, body) == (200, (client_dir / f"{name}{suffix}").read_bytes())
    kind = "application/json" if suffix.endswith(".map") else "application/javascript"
    assert response.getheader("content-type") == f"{kind}; charset=utf-8"
    assert response.getheader("cache-control") == "public, max-age=0"
    assert response.getheader("etag") == etag


@pytest.mark.parametrize("weak", ["", "W/"])
def test_known_version_is_not_sent_again(connection: http.client.HTTPConnection, etag: str, weak: str) -> None:
    response, body = ask(connection, "/socket.io/socket.io.js", if_none_match=weak + etag)
    assert (response.status, body) == (304, b"")
    assert response.getheader("etag") == etag


def test_other_version_is_sent(connection: http.client.HTTPConnection) -> None:
    response, body = ask(connection, "/socket.io/socket.io.js", if_none_match='"0.0.1"')
    assert (response.status, bool(body)) == (200, True)


def test_head_has_the_length_and_no_body(connection: http.client.HTTPConnection, client_dir: Path) -> None:
    response, body = ask(connection, "/socket.io/socket.io.js", method="HEAD")
    assert (response.status, body) == (200, b"")
    assert response.getheader("content-length") == str((client_dir / "socket.io.js").stat().st_size)


@pytest.mark.parametrize(
    "target", ["/socket.io/../package.json", "/socket.io/%2e%2e/package.json", "/socket.io/package.json"]
)
def test_nothing_else_of_the_folder_is_served(connection: http.client.HTTPConnection, target: str) -> None:
    response, body = ask(connection, target)
    assert response.status in (400, 404)
    assert b"socket.io-client" not in body


def test_our_own_client_is_served_without_a_folder(start_server: Callable[..., InteropServer]) -> None:
    server = start_server()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    response, body = ask(connection, "/socket.io/socket.io.js")
    assert response.status == 200
    assert b"socketio_core" in body.partition(b"\n")[0]
    connection.close()
    server.stop()
