"""What the published test suites of Engine.IO 4 (25 tests) and Socket.IO 5 (32) ask of a server, in their order.

The server is set up as they want it. The clock jumps when nothing else can happen: so nothing is late on a busy
machine. Sixteen of the tests are in both suites; they run on both paths.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from socketio_core import EngineSettings, Server, SocketSettings
from socketio_core.app import EngineSession, Socket
from socketio_core.socketio import JSONValue
from tests.adapters.bench import Bench, serving
from tests.adapters.clients import PollingClient, WebSocketClient
from tests.adapters.loops import both_loops, loop
from tests.adapters.peer import Ended, Peer
from tests.wire.written import WS_REQUEST, Answer, request

PING_INTERVAL_S: Final = 0.3
PING_TIMEOUT_S: Final = 0.2
CONNECT_TIMEOUT_S: Final = 1.0
ENGINE: Final = EngineSettings(
    ping_interval_s=PING_INTERVAL_S,
    ping_timeout_s=PING_TIMEOUT_S,
    max_payload_bytes=1_000_000,
    poll_grace_s=0,  # a client that hangs up on its poll has left
)
ENGINE_IO: Final = "/engine.io/"
SOCKET_IO: Final = "/socket.io/"

in_both_suites = pytest.mark.parametrize("path", [ENGINE_IO, SOCKET_IO])


class Place:
    """The server, by what these suites do with it; each request goes over a connection of its own."""

    def __init__(self, bench: Bench) -> None:
        self.connect = bench.connect

    async def ask(self, target: str, method: str = "GET", body: bytes | None = None) -> Answer:
        """Make one request."""
        peer = await self.connect()
        return await peer.ask(target, method, body)

    async def shake_hands(self, target: str) -> tuple[Peer, Answer]:
        """Ask for a WebSocket."""
        peer = await self.connect()
        await peer.send(request(target, headers=WS_REQUEST))
        return peer, await peer.answer()

    async def polling(self, path: str) -> PollingClient:
        """Begin a session over polling."""
        client = PollingClient(self.connect)
        client.target = f"{path}?EIO=4&transport=polling"
        await client.open()
        return client

    async def websocket(self, path: str, sid: str = "") -> WebSocketClient:
        """Open a WebSocket, to which nothing was sent; without `sid` its open packet was taken."""
        client = WebSocketClient(await self.connect())
        await client.open(f"{path}?EIO=4&transport=websocket" + (f"&sid={sid}" if sid else ""))
        return client

    async def socket(self) -> WebSocketClient:
        """Join the main namespace, and take its first event."""
        client = await self.websocket(SOCKET_IO)
        await client.join()
        assert await client.packet() == '42["auth",{}]'
        return client


@asynccontextmanager
async def served() -> AsyncGenerator[Place]:
    io = Server(engine=ENGINE, settings=SocketSettings(connect_timeout_s=CONNECT_TIMEOUT_S))
    for name in ("/", "/custom"):
        nsp = io.of(name)

        @nsp.on("connection")
        async def connected(socket: Socket) -> None:
            await socket.emit("auth", socket.handshake.auth)

        @nsp.on("message")
        async def message(socket: Socket, *args: JSONValue) -> None:
            await socket.emit("message-back", *args)

        @nsp.on("message-with-ack")
        def message_with_ack(_: Socket, *args: JSONValue) -> tuple[JSONValue, ...]:
            return args

    engine = io.attach_engine(ENGINE_IO, engine=ENGINE)

    @engine.on("message")
    async def echo(session: EngineSession, data: str | bytes) -> None:
        await session.send(data)

    async with serving(io) as bench:
        yield Place(bench)


async def expect_end(client: WebSocketClient) -> None:
    """Read to the end, which the server must bring about."""
    await client.close_code()


async def expect_alive(client: WebSocketClient, path: str) -> None:
    """Make a round trip."""
    if path == ENGINE_IO:
        await client.send("4hello")
        assert await client.take() == "4hello"
    else:
        await client.join()


def check_open_packet(text: str, upgrades: list[str]) -> None:
    assert text[0] == "0"
    value = json.loads(text[1:])
    assert isinstance(value.pop("sid"), str)
    assert value == {"upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


# -- in both suites: handshake ---------------------------------------------------------------------------------------


@in_both_suites
@both_loops
async def test_polling_opens_a_session(path: str) -> None:
    async with served() as place:
        answer = await place.ask(f"{path}?EIO=4&transport=polling")
        assert answer.status == 200
        check_open_packet(answer.text, ["websocket"])


WRONG_VERSIONS = ["transport={}", "EIO=abc&transport={}"]
WRONG_TRANSPORTS = ["EIO=4", "EIO=4&transport=abc"]
with_wrong_queries = pytest.mark.parametrize("queries", [WRONG_VERSIONS, WRONG_TRANSPORTS], ids=["EIO", "transport"])


@in_both_suites
@with_wrong_queries
@both_loops
async def test_polling_fails_with_an_invalid_query(path: str, queries: list[str]) -> None:
    async with served() as place:
        for query in queries:
            assert (await place.ask(f"{path}?{query.format('polling')}")).status == 400, query


@in_both_suites
@both_loops
async def test_polling_fails_with_an_invalid_method(path: str) -> None:
    async with served() as place:
        for method in ("POST", "PUT"):
            assert (await place.ask(f"{path}?EIO=4&transport=polling", method, b"")).status == 400, method


@in_both_suites
@both_loops
async def test_websocket_opens_a_session(path: str) -> None:
    async with served() as place:
        peer, answer = await place.shake_hands(f"{path}?EIO=4&transport=websocket")
        assert answer.status == 101
        packet = await WebSocketClient(peer).packet()
        assert isinstance(packet, str)
        check_open_packet(packet, [])


@in_both_suites
@with_wrong_queries
@both_loops
async def test_websocket_fails_with_an_invalid_query(path: str, queries: list[str]) -> None:
    async with served() as place:
        for query in queries:
            _, answer = await place.shake_hands(f"{path}?{query.format('websocket')}")
            assert answer.status == 400, query


# -- in both suites: heartbeat ---------------------------------------------------------------------------------------


@in_both_suites
@both_loops
async def test_polling_sends_pings(path: str) -> None:
    async with served() as place:
        client = await place.polling(path)
        for _ in range(3):
            answer = await client.ask()
            assert (answer.status, answer.text) == (200, "2")
            assert (await client.ask("POST", b"3")).status == 200


@in_both_suites
@both_loops
async def test_polling_ends_with_a_ping_timeout(path: str) -> None:
    """Many at once, for chance decides what runs first: the server's timer or the poll that comes when it is due."""
    async with served() as place:
        statuses: list[int] = []

        async def idle() -> None:
            client = await place.polling(path)
            await loop.sleep(PING_INTERVAL_S + PING_TIMEOUT_S)
            statuses.append((await client.ask()).status)

        async with loop.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(idle)
        assert statuses == [400] * 20


@in_both_suites
@both_loops
async def test_websocket_sends_pings(path: str) -> None:
    async with served() as place:
        client = await place.websocket(path)
        for _ in range(3):
            assert await client.packet() == "2"
            await client.send("3")


@in_both_suites
@both_loops
async def test_websocket_ends_with_a_ping_timeout(path: str) -> None:
    async with served() as place:
        client = await place.websocket(path)
        began = loop.current_time()
        assert await client.packet() == "2"
        await expect_end(client)
        assert loop.current_time() - began <= PING_INTERVAL_S + PING_TIMEOUT_S + 0.01


# -- in both suites: close -------------------------------------------------------------------------------------------


@in_both_suites
@pytest.mark.parametrize("order", ["together", "poll first", "close first"])
@both_loops
async def test_polling_is_closed_by_the_client(path: str, order: str) -> None:
    """The suites start both requests together: either may come first, and the poll is answered all the same."""
    async with served() as place:
        client = await place.polling(path)
        getting, posting = await place.connect(), await place.connect()
        requests = [(getting, request(client.target)), (posting, request(client.target, "POST", b"1"))]
        for peer, data in reversed(requests) if order == "close first" else requests:
            await peer.send(data)
            if order != "together":
                await loop.settle()
        answer = await getting.answer()
        assert (answer.status, answer.text) == (200, "6")
        assert (await posting.answer()).status == 200
        assert (await client.ask()).status == 400


@in_both_suites
@both_loops
async def test_websocket_is_closed_by_the_client(path: str) -> None:
    async with served() as place:
        client = await place.websocket(path)
        began = loop.current_time()
        await client.send("1")
        await expect_end(client)
        assert loop.current_time() - began < PING_INTERVAL_S


# -- in both suites: upgrade -----------------------------------------------------------------------------------------


async def probed(place: Place, path: str) -> tuple[PollingClient, WebSocketClient]:
    """Bring a session to where its WebSocket was probed."""
    polling = await place.polling(path)
    websocket = await place.websocket(path, polling.sid)
    await websocket.send("2probe")
    assert await websocket.packet() == "3probe"
    return polling, websocket


step_by_step_or_at_once = pytest.mark.parametrize("waits", [True, False], ids=["step by step", "at once"])


@in_both_suites
@both_loops
async def test_session_is_upgraded(path: str) -> None:
    async with served() as place:
        polling, websocket = await probed(place, path)
        answer = await polling.ask()
        assert (answer.status, answer.text) == (200, "6")
        await websocket.send("5")
        await expect_alive(websocket, path)


@in_both_suites
@step_by_step_or_at_once
@both_loops
async def test_poll_after_the_upgrade_is_refused(path: str, waits: bool) -> None:  # noqa: FBT001
    """The suite of Engine.IO waits for the answer to its probe, the one of Socket.IO does not."""
    async with served() as place:
        polling, websocket = await upgraded(place, path, waits=waits)
        assert (await polling.ask()).status == 400
        await expect_alive(websocket, path)


@in_both_suites
@step_by_step_or_at_once
@both_loops
async def test_second_websocket_after_the_upgrade_is_opened_and_closed(path: str, waits: bool) -> None:  # noqa: FBT001
    """Opened, for neither suite listens to a handshake that is refused."""
    async with served() as place:
        polling, websocket = await upgraded(place, path, waits=waits)
        began = loop.current_time()
        second = await place.websocket(path, polling.sid)
        await expect_end(second)
        assert loop.current_time() - began < PING_INTERVAL_S
        await expect_alive(websocket, path)


async def upgraded(place: Place, path: str, *, waits: bool) -> tuple[PollingClient, WebSocketClient]:
    """Upgrade a session, step by step or with two packets in one write."""
    if waits:
        polling, websocket = await probed(place, path)
        await websocket.send("5")
    else:
        polling = await place.polling(path)
        websocket = await place.websocket(path, polling.sid)
        await websocket.send("2probe", "5")
        assert await websocket.packet() == "3probe"
    return polling, websocket


# -- Engine.IO: message ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"4hello", b"4test1\x1e4test2\x1e4test3", b"4hello\x1ebAQIDBA=="])
@both_loops
async def test_polling_carries_messages_both_ways(body: bytes) -> None:
    """One text, several, text and bytes."""
    async with served() as place:
        client = await place.polling(ENGINE_IO)
        posted = await client.ask("POST", body)
        assert (posted.status, posted.text) == (200, "ok")
        polled = await client.ask()
        assert (polled.status, polled.body) == (200, body)


@both_loops
async def test_polling_ends_with_an_invalid_packet() -> None:
    async with served() as place:
        client = await place.polling(ENGINE_IO)
        assert (await client.ask("POST", b"abc")).status == 400
        assert (await client.ask()).status == 400


@both_loops
async def test_polling_ends_with_a_second_poll() -> None:
    async with served() as place:
        client = await place.polling(ENGINE_IO)
        first = await place.connect()
        await first.send(request(client.target))
        await loop.settle()
        assert (await client.ask()).status == 400
        answer = await first.answer()
        assert (answer.status, answer.text) == (200, "1")
        assert (await client.ask()).status == 400


@both_loops
async def test_polling_ends_with_a_cancelled_poll() -> None:
    async with served() as place:
        client = await place.polling(ENGINE_IO)
        poll = await place.connect()
        await poll.send(request(client.target))
        await loop.settle()
        await poll.close()
        assert (await client.ask()).status == 400


@pytest.mark.parametrize(("packet", "echo"), [("4hello", "4hello"), (b"\1\2\3\4", b"\1\2\3\4")])
@both_loops
async def test_websocket_carries_messages_both_ways(packet: str | bytes, echo: str | bytes) -> None:
    async with served() as place:
        client = await place.websocket(ENGINE_IO)
        await client.send(packet)
        assert await client.packet() == echo


@both_loops
async def test_websocket_ends_with_an_invalid_packet() -> None:
    async with served() as place:
        client = await place.websocket(ENGINE_IO)
        await client.send("abc")
        await expect_end(client)


# -- Socket.IO: connect ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nsp", ["", "/custom,"])
@pytest.mark.parametrize("auth", ["", '{"token":"123"}'])
@both_loops
async def test_namespace_is_joined(nsp: str, auth: str) -> None:
    async with served() as place:
        client = await place.websocket(SOCKET_IO)
        await client.send(f"40{nsp}{auth}")
        answer = await client.packet()
        assert isinstance(answer, str)
        assert answer.startswith(f"40{nsp}")
        value = json.loads(answer[2 + len(nsp) :])
        assert value.keys() == {"sid"}
        assert isinstance(value["sid"], str)
        assert await client.packet() == f'42{nsp}["auth",{auth or "{}"}]'


@both_loops
async def test_unknown_namespace_is_refused() -> None:
    async with served() as place:
        client = await place.websocket(SOCKET_IO)
        await client.send("40/random")
        assert await client.packet() == '44/random,{"message":"Invalid namespace"}'


@both_loops
async def test_invalid_connect_ends_the_connection() -> None:
    async with served() as place:
        client = await place.websocket(SOCKET_IO)
        began = loop.current_time()
        await client.send("4abc")
        await expect_end(client)
        assert loop.current_time() - began < PING_INTERVAL_S


@both_loops
async def test_connection_that_joins_nothing_ends() -> None:
    async with served() as place:
        client = await place.websocket(SOCKET_IO)
        began = loop.current_time()
        with pytest.raises(Ended):
            await client.take()  # pings are answered, or their timeout would be the end
        assert loop.current_time() - began <= CONNECT_TIMEOUT_S + 0.01


# -- Socket.IO: disconnect -------------------------------------------------------------------------------------------


@both_loops
async def test_client_leaves_the_main_namespace() -> None:
    """The connection stays: the next that comes is a ping."""
    async with served() as place:
        client = await place.socket()
        await client.send("41")
        assert await client.packet() == "2"


@both_loops
async def test_client_joins_and_leaves_a_custom_namespace() -> None:
    async with served() as place:
        client = await place.socket()
        assert await client.packet() == "2"
        await client.send("40/custom")
        answer = await client.packet()
        assert isinstance(answer, str)
        assert answer.startswith('40/custom,{"sid":')
        assert await client.packet() == '42/custom,["auth",{}]'
        await client.send("41/custom")
        await client.send('42["message","message to main namespace"]')
        assert await client.packet() == '42["message-back","message to main namespace"]'


# -- Socket.IO: message ----------------------------------------------------------------------------------------------

HOLES: Final = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
MESSAGES: Final[list[tuple[list[str | bytes], str]]] = [
    (['42["message",1,"2",{"3":[true]}]'], '42["message-back",1,"2",{"3":[true]}]'),
    ([f'452-["message",{HOLES}]', b"\1\2\3", b"\4\5\6"], f'452-["message-back",{HOLES}]'),
    (['42456["message-with-ack",1,"2",{"3":[false]}]'], '43456[1,"2",{"3":[false]}]'),
    ([f'452-789["message-with-ack",{HOLES}]', b"\1\2\3", b"\4\5\6"], f"462-789[{HOLES}]"),
]


@pytest.mark.parametrize(("packets", "answer"), MESSAGES, ids=["text", "binary", "text, ack", "binary, ack"])
@both_loops
async def test_event_is_answered(packets: list[str | bytes], answer: str) -> None:
    async with served() as place:
        client = await place.socket()
        for packet in packets:
            await client.send(packet)
        assert [await client.packet() for _ in packets] == [answer, *packets[1:]]


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["message-with-ack",1,"2",{"3":[false]}]'])
@both_loops
async def test_invalid_packet_ends_the_connection(packet: str) -> None:
    """An unknown type, a payload that is no event, an ack id that is no number."""
    async with served() as place:
        client = await place.socket()
        began = loop.current_time()
        await client.send(packet)
        await expect_end(client)
        assert loop.current_time() - began < PING_INTERVAL_S
