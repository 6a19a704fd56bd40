"""Fixtures: the npm packages, our server, and the foreign clients."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.npm import install
from tests.adapters.abstract import Loop
from tests.adapters.loops import LOOPS
from tests.interop.browser import Browser
from tests.interop.ours import Run
from tests.interop.peers import CLIENT_COMMANDS, MODES, NODE_DIR, InteropServer, Peer
from tests.interop.processes import DEADLINE_S

RequireTool = Callable[[str], str]


@pytest.fixture(scope="session")
def node_modules(require_tool: RequireTool) -> Path:
    """The folder with the packages of `node/package-lock.json`; installed anew only when that file changed."""
    require_tool("node")
    require_tool("npm")
    return install(NODE_DIR)


@pytest.fixture(scope="session")
def client_dir(node_modules: Path) -> Path:
    """The folder of the official client's bundles."""
    return node_modules / "socket.io-client" / "dist"


@pytest.fixture
def start_server() -> Iterator[Callable[..., InteropServer]]:
    """Start servers that the test may stop or kill; what it left running must stop cleanly."""
    servers: list[InteropServer] = []

    def start(*options: str, port: int = 0, app: str = "app") -> InteropServer:
        servers.append(InteropServer(*options, port=port, app=app))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def server_of() -> Iterator[Callable[..., InteropServer]]:
    """Return the module's server of an application with options; they end cleanly, having complained about nothing."""
    running: dict[tuple[str, ...], InteropServer] = {}

    def of(app: str = "app", *options: str) -> InteropServer:
        if (app, *options) not in running:
            running[app, *options] = InteropServer(*options, app=app)
        return running[app, *options]

    try:
        yield of
        for server in running.values():
            server.stop()
    finally:
        for server in running.values():
            server.close()


@pytest.fixture(scope="module")
def server(server_of: Callable[..., InteropServer]) -> InteropServer:
    """A server for the whole module."""
    return server_of()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run our client on each loop; on the second, over the transports that lead over both, if it is about those."""
    first, second = LOOPS
    if "run" not in metafunc.fixturenames:
        return
    if "transports" in metafunc.fixturenames:
        ways = [*((first, mode) for mode in MODES), (second, "upgrade")]
        metafunc.parametrize("our_way", ways, ids=[f"{on.name}-{mode}" for on, mode in ways])
    else:
        metafunc.parametrize("our_way", [(on, "upgrade") for on in LOOPS], ids=[on.name for on in LOOPS])


@pytest.fixture
def run(our_way: tuple[Loop, str]) -> Run:
    """Run our client's part of a test."""
    return lambda function: our_way[0].run_in_real_time(function, DEADLINE_S)


@pytest.fixture
def transports(our_way: tuple[Loop, str]) -> list[str]:
    """Which transports our client may use."""
    return list(MODES[our_way[1]])


@pytest.fixture(scope="module", params=[*CLIENT_COMMANDS])
def kind(request: pytest.FixtureRequest) -> str:
    """Which foreign client."""
    return str(request.param)


@pytest.fixture(scope="module", params=[*MODES])
def mode(request: pytest.FixtureRequest) -> str:
    """Which transports it uses."""
    return str(request.param)


@pytest.fixture(scope="module")
def start_peer(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str, str], Peer]]:
    """Start foreign clients that end with the module, if the test does not end them."""
    peers: list[Peer] = []

    def start(kind: str, mode: str, url: str) -> Peer:
        if kind == "node":
            request.getfixturevalue("node_modules")
        peers.append(Peer(kind, mode, url))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture(scope="module")
def module_peer(server: InteropServer, kind: str, mode: str, start_peer: Callable[[str, str, str], Peer]) -> Peer:
    """A foreign client of the module's server; a program takes a while to start, so it serves many tests."""
    return start_peer(kind, mode, server.url)


@pytest.fixture
def peer(module_peer: Peer) -> Iterator[Peer]:
    """A foreign client of the module's server, without a connection."""
    yield module_peer
    module_peer.forget_connections()


@pytest.fixture(scope="session")
def chromium(require_tool: RequireTool) -> str:
    """The path of a Chromium."""
    return shutil.which("chromium-browser") or require_tool("chromium")


@pytest.fixture(scope="session")
def browser(chromium: str, node_modules: Path) -> Iterator[Browser]:
    """A browser for all files that one process tests."""
    running = Browser(chromium)
    yield running
    running.close()
