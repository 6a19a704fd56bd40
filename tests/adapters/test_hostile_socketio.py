"""The hostile table over Socket.IO, on both transports: bad packets, good ones out of place. Spec: PROTOCOL 3, 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pytest

from socketio_core import ConnectRefused, EngineSettings, Server, SocketSettings
from socketio_core.app import Socket
from tests.adapters.bench import Bench
from tests.adapters.clients import Client, PollingClient, WebSocketClient
from tests.adapters.hostile import under_attack
from tests.adapters.loops import all_servers, loop

PARSE: Final = "parse error"
FORCED: Final = "forced server close"
LEFT: Final = "client namespace disconnect"

BOTH: Final = pytest.mark.parametrize("transport", ["polling", "websocket"])


@dataclass(frozen=True)
class Row:
    """Packets of a client that has joined `/`, and why its socket leaves, if it does."""

    name: str
    packets: tuple[str | bytes, ...]
    reason: str | None = PARSE


def row(name: str, *packets: str | bytes, reason: str | None = PARSE) -> Row:
    return Row(name, packets, reason)


PLACEHOLDER: Final = '{"_placeholder":true,"num":0}'

MALFORMED: Final = [
    row("an empty message", "4"),
    row("an unknown type", '47["x"]'),
    row("a letter", "4hello"),
    row("a type in other digits", '4٢["x"]'),
    row("an event without a payload", "42"),
    row("an event without a payload, with an id", "4212"),
    row("an event that is no array", '42{"x":1}'),
    row("an event that is a string", '42"x"'),
    row("an event that is null", "42null"),
    row("an event without a name", "42[]"),
    row("an event named by a number", "42[1]"),
    row("an event named by an object", '42[{"toString":"x"}]'),  # CVE-2023-32695
    *[
        row(f"an event named {name}", f'42["{name}"]')
        for name in ("connect", "disconnect", "disconnecting", "newListener")
    ],
    row("an event named error, which is legal", '42["error"]', reason=None),
    row("an event named connection, which is legal", '42["connection"]', reason=None),
    row("an event named __proto__, which is legal", '42["__proto__"]', reason=None),
    row("JSON that is none", '42["x"'),
    row("text behind the JSON", '42["x"]]'),
    row("NaN", '42["x",NaN]'),
    row("Infinity", '42["x",-Infinity]'),
    row("a number of 10,000 digits", f'42["x",{"9" * 10_000}]'),
    row("128 brackets", f'42["x",{"[" * 127}{"]" * 127}]', reason=None),
    row("129 brackets", f'42["x",{"[" * 128}{"]" * 128}]'),
    row("100,000 brackets", f'42["x",{"[" * 100_000}'),
    row("an escaped lone surrogate, which is legal", '42["x","\\ud800"]', reason=None),
    row("an id with a space", '42 ["x"]'),
    row("an id in other digits", '42٣["x"]'),
    row("an id of 310 digits", f'42{"1" * 310}["x"]'),
    row("an ack without an id", '43["x"]'),
    row("an ack without a payload", "431"),
    row("an ack that is no array", '431{"x":1}'),
    row("an ack that nobody waits for", '43999["x"]', reason=None),
    row("a disconnect with a payload", '41{"x":1}'),
    row("a connect with an array", '40/other,["x"]'),
    row("a connect with an id", "40/other,1"),
    row("a namespace that is too long", f"40/{'x' * 1024},"),
    row("an unknown type behind a namespace", "4/other,"),
]

BINARY: Final = [
    row("bytes that nobody announced", b"x"),
    row("text in the place of an attachment", f'451-["x",{PLACEHOLDER}]', '42["x"]'),
    row("a binary event without a count", '45["x"]'),
    row("a binary event without a dash", '451["x"]'),
    row("0 attachments", '450-["x"]'),  # poisons the reference's decoder (PROTOCOL 9-36)
    row("11 attachments", '4511-["x"]'),
    row("an attachment count of 20 digits", f'45{"9" * 20}-["x"]'),  # CVE-2026-33151
    row("a count in floating point", '451e0-["x"]'),
    row("a placeholder out of range", '451-["x",{"_placeholder":true,"num":1}]'),
    row("a placeholder below zero", '451-["x",{"_placeholder":true,"num":-1}]'),
    row("a placeholder that is a name", '451-["x",{"_placeholder":true,"num":"splice"}]'),  # CVE-2022-2421
    row("a placeholder that is half a number", '451-["x",{"_placeholder":true,"num":0.5}]'),
    row("a placeholder that is true", '451-["x",{"_placeholder":true,"num":true}]'),
    row("a placeholder without a number", '451-["x",{"_placeholder":true}]'),
    row("a placeholder for the name", f"451-[{PLACEHOLDER}]"),
    row("too many attached bytes", '452-["x"]', b"x" * 600_000, b"x" * 600_000),
    row("the same placeholder twice, which is legal", f'451-["x",{PLACEHOLDER},{PLACEHOLDER}]', b"x", reason=None),
    row("no placeholder at all, which is legal", '451-["x"]', b"x", reason=None),
    row("a placeholder in a plain event, which is data", f'42["x",{PLACEHOLDER}]', reason=None),
    row("a binary ack without an id", f"461-[{PLACEHOLDER}]"),
    row("a binary ack that nobody waits for", f"461-9[{PLACEHOLDER}]", b"x", reason=None),
]

MISPLACED: Final = [
    row("a second connect", "40", reason=FORCED),
    row("a connect error from a client", '44{"message":"x"}', reason=FORCED),
    row("an event for a namespace that was not joined", '42/other,["x"]', reason=FORCED),
    row("an ack for a namespace that was not joined", "43/other,1[]", reason=FORCED),
    row("a disconnect for a namespace that was not joined", "41/other", reason=FORCED),
    row("an event for a namespace that is unknown", '42/nowhere,["x"]', reason=FORCED),
    row("an event behind a disconnect", "41", '42["x"]', reason=LEFT),
    row("a disconnect", "41", reason=LEFT),
    row("two disconnects", "41", "41", reason=LEFT),
]


def _server() -> Server:
    io = Server(
        engine=EngineSettings(max_payload_bytes=1_000_000), settings=SocketSettings(max_attachment_bytes=1_000_000)
    )
    io.of("/other")
    return io


async def _send(client: Client, packets: Sequence[str | bytes]) -> list[int]:
    """Send each packet by itself, so that each has its status."""
    return [await client.send(packet) for packet in packets]


@BOTH
@pytest.mark.parametrize("row", [*MALFORMED, *BINARY, *MISPLACED], ids=attrgetter("name"))
@all_servers
async def test_hostile_packet(row: Row, transport: str) -> None:
    async with under_attack(_server()) as bench:
        attacker = await bench.client(transport)
        statuses = await _send(attacker, row.packets)
        if row.reason is None:
            await attacker.echo()
            assert bench.reason_of(attacker) is None
            assert set(statuses) <= {0, 200}
            return
        await loop.settle()
        assert bench.reason_of(attacker) == row.reason, "the same on both transports"
        if row.packets == ("41",):
            assert statuses in ([0], [200])
            await attacker.join()
            await attacker.echo("it may come back")
            return
        assert statuses[-1] in (0, 400), "a POST that holds a bad packet is not answered ok"
        await _check_ended(attacker)


async def _check_ended(attacker: WebSocketClient | PollingClient) -> None:
    if isinstance(attacker, WebSocketClient):
        assert await attacker.close_code() == loop.no_code
    else:
        assert (await attacker.ask()).text == "6\x1e1", "an orderly close (PROTOCOL 1.10)"
        assert (await attacker.ask()).status == 400


@BOTH
@all_servers
async def test_unknown_namespace_is_refused_and_the_others_go_on(transport: str) -> None:
    async with under_attack(_server()) as bench:
        attacker = await bench.client(transport)
        for nsp in ("/nowhere", "/?token=1", "/__proto__", "/other/"):
            await attacker.send(f"40{nsp},")
            assert await attacker.take() == f'44{nsp},{{"message":"Invalid namespace"}}'
        await attacker.echo()


@BOTH
@all_servers
async def test_events_sent_right_behind_the_connect_are_held_and_handled_in_order(transport: str) -> None:
    """The reference closes the connection for it (PROTOCOL 9-30)."""
    io = _server()
    io.use(_slow)
    heard: list[object] = []

    @io.on("n")
    def hear(socket: Socket, number: int) -> None:
        heard.append(number)

    async with under_attack(io) as bench:
        attacker = await _opened(bench, transport)
        await attacker.send("40", *[f'42["n",{number}]' for number in range(5)])
        assert str(await attacker.take()).startswith('40{"sid"')
        await attacker.echo()
        assert heard == [0, 1, 2, 3, 4]


@BOTH
@all_servers
async def test_too_many_events_behind_a_connect_end_the_connection(transport: str) -> None:
    io = Server(settings=SocketSettings(max_held_packets=3))
    io.use(_slow)
    async with under_attack(io) as bench:
        attacker = await _opened(bench, transport)
        await attacker.send("40", *['42["x"]'] * 4)
        await _check_ended(attacker)
        assert len(bench.left) == 0, "it was never in"


@BOTH
@all_servers
async def test_second_connect_while_the_first_is_decided_makes_no_second_socket(transport: str) -> None:
    """The reference keeps both (PROTOCOL 9-32)."""
    io = _server()
    io.use(_slow)
    async with under_attack(io) as bench:
        attacker = await _opened(bench, transport)
        await attacker.send("40", "40")
        await loop.sleep(5)
        assert len(bench.io.sockets.sockets) == 2, "the bystander, and one"


@BOTH
@all_servers
async def test_events_of_a_refused_socket_reach_nobody(transport: str) -> None:
    io = _server()

    @io.of("/other").use
    async def refuse(socket: Socket) -> None:
        await loop.sleep(1)
        raise ConnectRefused("not you", {"code": 7})

    @io.of("/other").on_any
    def hear(*args: object) -> None:
        pytest.fail("an event of a socket that is not in")

    async with under_attack(io) as bench:
        attacker = await bench.client(transport)
        await attacker.send("40/other,", '42/other,["x"]')
        assert await attacker.take() == '44/other,{"message":"not you","data":{"code":7}}'
        await attacker.send('42/other,["in flight"]')
        await attacker.echo()


@BOTH
@all_servers
async def test_client_that_joins_no_namespace_is_dropped_after_connect_timeout(transport: str) -> None:
    async with under_attack() as bench:
        attacker = await _opened(bench, transport)
        await loop.sleep(9)  # over polling, one that makes no second request is gone in 10 s
        await attacker.send("3")
        await loop.sleep(15)
        await attacker.send("3")
        await loop.sleep(20)
        assert bench.session_count == 2
        await loop.sleep(1.1)
        await _check_ended(attacker)


@BOTH
@all_servers
async def test_namespaces_of_one_connection_are_limited(transport: str) -> None:
    io = Server(settings=SocketSettings(max_namespaces=3, max_pending_connects=2))
    io.of("/slow-1").use(_slow)
    io.of("/slow-2").use(_slow)
    io.of("/slow-3").use(_slow)
    async with under_attack(io) as bench:
        attacker = await bench.client(transport)
        await attacker.send("40/slow-1,", "40/slow-2,", "40/slow-3,")
        assert await attacker.take() == '44/slow-3,{"message":"Too many namespaces"}'
        await attacker.send("41")
        await attacker.send("40/slow-3,")
        assert await attacker.take() == '44/slow-3,{"message":"Too many pending connects"}'


@BOTH
@all_servers
async def test_name_in_a_pattern_is_forgotten_with_its_last_socket(transport: str) -> None:
    io = _server()
    io.of(lambda name: name.startswith("/room-"))
    async with under_attack(io) as bench:
        attacker = await bench.client(transport)
        for number in range(50):
            await attacker.send(f"40/room-{number},")
            await attacker.take()
            await attacker.send(f"41/room-{number},")
        await attacker.echo()
        assert [namespace.name for namespace in io.namespaces] == ["/", "/other"]


@BOTH
@all_servers
async def test_event_in_flight_when_the_server_has_left_is_ignored(transport: str) -> None:
    """The reference closes all of the client's namespaces for it (PROTOCOL 9-31)."""
    io = _server()

    @io.on("kick me")
    async def kick(socket: Socket) -> None:
        await socket.disconnect()

    async with under_attack(io) as bench:
        attacker = await bench.client(transport)
        first = attacker.socket_id
        await attacker.join("/other")
        await attacker.send('42["kick me"]')
        assert await attacker.take() == "41"
        assert await attacker.send('42["in flight"]', "431[]") in (0, 200)
        await attacker.join()
        await attacker.echo()
        assert bench.left[first] == "server namespace disconnect"


async def _slow(socket: Socket) -> None:
    await loop.sleep(0.5)


async def _opened(bench: Bench, transport: str) -> WebSocketClient | PollingClient:
    return await (bench.polling(join=False) if transport == "polling" else bench.websocket(join=False))
