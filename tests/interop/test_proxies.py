"""Two servers behind nginx and behind HAProxy, configured as the README shows: what clients of all kinds see."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from socketio_core.settings import EngineSettings
from socketio_core.trio import ConnectError, connect
from tests.interop.peers import MODES, NO_SUCH_SESSION, InteropServer, Peer, Socket
from tests.interop.proxies import PROXIES, Proxy, Stickiness, shown

POLLING: Final = "/socket.io/?EIO=4&transport=polling"
DEADLINE_S: Final = 60.0  # a hang must name itself, a busy machine is none
MANY: Final = 60  # addresses; that all of them come to one of two servers will not happen
LIMIT: Final = EngineSettings().max_payload_bytes

StartProxy = Callable[..., Proxy]


@pytest.fixture(scope="module")
def servers() -> Iterator[list[InteropServer]]:
    """The servers behind the proxies; they must have nothing to complain about."""
    running = [InteropServer("--trust-proxy") for _ in range(2)]
    try:
        yield running
        for server in running:
            server.stop()
    finally:
        for server in running:
            server.close()


@pytest.fixture(scope="module", params=[*PROXIES])
def start_proxy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    require_tool: Callable[[str], str],
    servers: Sequence[InteropServer],
    certificate: Path,
) -> Iterator[StartProxy]:
    require_tool(request.param)
    proxies: list[Proxy] = []

    def start(stickiness: Stickiness = "shown") -> Proxy:
        folder = tmp_path_factory.mktemp(request.param)
        proxies.append(PROXIES[request.param](folder, [server.port for server in servers], certificate, stickiness))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()


@pytest.fixture(scope="module")
def proxy(start_proxy: StartProxy) -> Proxy:
    return start_proxy()


@pytest.fixture(scope="module")
def node_client(node_modules: Path) -> Iterator[Peer]:
    """The official client, for whatever transports and address it is given; a program takes a while to start."""
    peer = Peer("node", "upgrade", "")
    yield peer
    peer.close()


@pytest.fixture
def node(node_client: Peer) -> Iterator[Peer]:
    yield node_client
    node_client.forget_connections()


class Visitor:
    """A client by polling, by hand: it has an address of its own, and keeps cookies."""

    def __init__(
        self,
        port: int,
        address: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        options: dict[str, Any] = {"port": port, "timeout": DEADLINE_S, "source_address": (address, 0)}
        self._connection = (
            http.client.HTTPConnection("localhost", **options)
            if context is None
            else http.client.HTTPSConnection("localhost", context=context, **options)
        )
        self._headers = dict(headers or {})
        self._sid = ""

    def ask(self, method: str = "GET", body: str | None = None) -> tuple[int, str]:
        self._connection.request(method, POLLING + self._sid, body, self._headers)
        response = self._connection.getresponse()
        if cookie := response.getheader("set-cookie"):
            self._headers["cookie"] = cookie.partition(";")[0]
        return response.status, response.read().decode()

    def announce(self, size: int) -> int:
        """Begin a POST, of which no body follows, for it is too large; return the status."""
        self._connection.putrequest("POST", POLLING + self._sid)
        self._connection.putheader("Content-Length", str(size))
        self._connection.endheaders()
        return self._connection.getresponse().status

    def open(self) -> None:
        status, text = self.ask()
        assert status == 200, text
        self._sid = f"&sid={json.loads(text[1:])['sid']}"

    def where(self) -> list[Any]:
        """Join, ask a question, and return the server's process, the client's address, and whether it has TLS."""
        self.open()
        assert self.ask("POST", '40\x1e420["where am I"]') == (200, "ok")
        said = ""
        while "430" not in said:
            status, more = self.ask()
            assert status == 200, more
            said += more
        found: list[Any] = json.loads(said.partition("430[")[2].partition("]]")[0] + "]")
        return found

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def port_of(proxy: Proxy) -> int:
    return int(proxy.url.rpartition(":")[2])


@pytest.mark.parametrize("mode", MODES)
def test_official_client(proxy: Proxy, node: Peer, mode: str) -> None:
    node.mode, node.url = mode, proxy.url
    connections = [node.open("/", credentials=True) for _ in range(4)]
    for connection in connections:
        socket = connection["/"]
        socket.take("connect")
        socket.take("welcome")
        socket.emit("echo", "grüße 😀", b"\x00\x1e\xff")
        assert socket.take("echo") == ["grüße 😀", b"\x00\x1e\xff"]
        connection.wait_for_mode()
    large = "x" * (LIMIT - 100)
    assert connections[0]["/"].call("reflect", large) == [large]


@pytest.mark.parametrize("mode", MODES)
def test_our_client(proxy: Proxy, mode: str) -> None:
    async def main() -> None:
        with trio.fail_after(DEADLINE_S):
            async with connect(proxy.url, transports=MODES[mode]) as socket:
                while socket.transport != MODES[mode][-1]:
                    assert await socket.call("reflect", b"\x00", timeout=DEADLINE_S) == b"\x00"
                for _ in range(3):
                    assert await socket.call("reflect", "grüße", timeout=DEADLINE_S) == "grüße"

    trio.run(main)


def check_that_clients_are_spread(proxy: Proxy) -> None:
    """Each is served, which takes several requests to one server; each server has some."""
    found: set[int] = set()
    for number in range(1, MANY):
        address = f"127.0.{number}.{number}"  # nginx's `ip_hash` looks at the first three
        with Visitor(port_of(proxy), address) as visitor:
            server, seen_address, _ = visitor.where()
        assert seen_address == address
        found.add(server)
        if len(found) == 2:
            return
    pytest.fail("all at one server")


def test_clients_are_spread_and_come_back_to_their_server(proxy: Proxy) -> None:
    check_that_clients_are_spread(proxy)


def test_servers_may_be_found_by_address(start_proxy: StartProxy) -> None:
    check_that_clients_are_spread(start_proxy("address"))


def test_servers_may_be_found_by_cookie(start_proxy: StartProxy, node: Peer) -> None:
    """Clients that share an address are spread, which by address they cannot be."""
    proxy = start_proxy("cookie")
    found: set[int] = set()
    while len(found) < 2:
        with Visitor(port_of(proxy), "127.0.0.1") as visitor:
            found.add(visitor.where()[0])
    for connection in join_in_every_mode(proxy, node):
        assert connection.call("reflect", 1) == [1]


def test_without_stickiness_only_websockets_work(
    start_proxy: StartProxy, servers: Sequence[InteropServer], node: Peer
) -> None:
    proxy = start_proxy("none")
    with Visitor(port_of(proxy)) as visitor:
        visitor.open()
        assert visitor.ask() == (400, '{"code":1,"message":"Session ID unknown"}')

    node.mode, node.url = "polling", proxy.url
    message, _ = node.open("/", credentials=True)["/"].take("connect_error")
    assert message in ("xhr poll error", "xhr post error")
    node.mode = "websocket"
    assert node.join().call("reflect", 1) == [1]

    async def main() -> None:
        with trio.fail_after(DEADLINE_S), pytest.raises(ConnectError, match="400"):
            async with connect(proxy.url, transports=["polling"]):
                pass

    trio.run(main)
    told = [sum(NO_SUCH_SESSION in line for line in server.complaints) for server in servers]
    assert set(told) <= {0, 1}  # each says once what that may be
    assert 1 in told


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.66", "X-Forwarded-Proto": "https"},
        {"X-Real-IP": "192.0.2.66"},
        {"Forwarded": "for=192.0.2.66;proto=https"},
    ],
)
def test_what_a_client_says_of_itself_is_not_believed(proxy: Proxy, headers: dict[str, str]) -> None:
    with Visitor(port_of(proxy), "127.0.0.9", headers=headers) as visitor:
        assert visitor.where()[1:] == ["127.0.0.9", False]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages_behind_the_proxy_are_the_servers_own(proxy: Proxy, scheme: str, certificate: Path) -> None:
    """The server knows the scheme, the host and the port that the browser does; without, it would refuse the page."""
    port, context = port_of(proxy), None
    if scheme == "https":
        port, context = proxy.secure_port, ssl.create_default_context(cafile=str(certificate))
    with Visitor(port, "127.0.0.1", context, {"origin": f"{scheme}://localhost:{port}"}) as visitor:
        assert visitor.where()[1:] == ["127.0.0.1", scheme == "https"]


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-Port", "Forwarded"])
def test_the_host_is_not_what_a_client_calls_it(proxy: Proxy, header: str) -> None:
    """If it were, the page would be of another origin."""
    said = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Port": "81", "Forwarded": "host=elsewhere.example"}
    headers = {"host": "chat.example", "origin": "http://chat.example", header: said[header]}
    with Visitor(port_of(proxy), headers=headers) as visitor:
        visitor.open()


def test_bodies_are_limited_alike(proxy: Proxy) -> None:
    largest = f'40\x1e42["nobody","{"x" * (LIMIT - 18)}"]'
    assert len(largest) == LIMIT
    with Visitor(port_of(proxy)) as visitor:
        visitor.open()
        assert visitor.ask("POST", largest) == (200, "ok")
        assert visitor.announce(2 * LIMIT) == 413


def join_in_every_mode(proxy: Proxy, node: Peer, *, reconnection: bool = False) -> list[Socket]:
    sockets: list[Socket] = []
    for mode in MODES:
        node.mode, node.url = mode, proxy.url
        connection = node.open("/", credentials=True, reconnection=reconnection)
        connection["/"].take("connect")
        connection["/"].take("welcome")
        connection.wait_for_mode()
        sockets.append(connection["/"])
    return sockets


def test_a_reload_cuts_nobody_off(proxy: Proxy, node: Peer) -> None:
    sockets = join_in_every_mode(proxy, node)
    for _ in range(2):
        proxy.reload()
        for socket in [*sockets, node.join(credentials=True)]:
            assert socket.call("reflect", 1) == [1]
    for socket in sockets:
        socket.assert_quiet()


def test_clients_of_a_server_that_ends_go_to_the_other(proxy: Proxy, servers: list[InteropServer], node: Peer) -> None:
    found = [(socket, socket.call("where am I")[0][0]) for socket in join_in_every_mode(proxy, node, reconnection=True)]
    index = next(index for index, server in enumerate(servers) if server.pid == found[0][1])
    gone = servers[index]
    gone.stop()
    gone.close()
    try:
        for socket, server in found:
            if server == gone.pid:
                assert socket.take("disconnect") == ["transport close"]
                socket.take("connect")
                socket.take("welcome")
            assert socket.call("where am I")[0][0] != gone.pid
    finally:
        servers[index] = InteropServer("--trust-proxy", port=gone.port)


def test_times_and_sizes_follow_the_settings() -> None:
    settings = EngineSettings()
    nginx, haproxy = shown("nginx"), shown("haproxy")
    times = re.findall(r"proxy_(?:read|send)_timeout (\d+)s", nginx) + re.findall(
        r"timeout (?:client|server|tunnel) (\d+)s", haproxy
    )
    assert len(times) == 5
    assert all(settings.ping_interval_s + settings.ping_timeout_s < int(time) <= 120 for time in times)
    assert "client_max_body_size 1m;" in nginx
    assert f"req.body_size gt {settings.max_payload_bytes} " in haproxy
