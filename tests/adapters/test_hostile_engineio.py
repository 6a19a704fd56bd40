"""The hostile table over Engine.IO: misuse of polling, of WebSockets and of the upgrade. Spec: PROTOCOL 1.4, 1.8, 9."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app import Socket
from tests.adapters.bench import Bench, serving
from tests.adapters.clients import PollingClient, WebSocketClient, payload
from tests.adapters.hostile import perform, under_attack
from tests.adapters.loops import all_servers, both_loops, loop
from tests.adapters.peer import Peer
from tests.wire.written import WEBSOCKET, WS_REQUEST, frame, request

NO_CODE: Final = None  # see `Loop.no_code`
ECHOED_NO_CODE: Final = 1005
OCTETS: Final = ("Content-Type: application/octet-stream",)

# -- polling -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Posted:
    """One POST of a client that has joined: its answer, and why the session ends, if it does."""

    name: str
    body: bytes
    status: int
    reason: str | None
    headers: tuple[str, ...] = ()


MALFORMED: Final = "parse error"
MISUSED: Final = "transport error"

POSTS: Final = [
    Posted("an empty body", b"", 400, MALFORMED),
    Posted("an empty packet", b"4\x1e", 400, MALFORMED),
    Posted("an unknown type", b"7", 400, MALFORMED),
    Posted("a type in other digits", "٤".encode(), 400, MALFORMED),
    Posted("a letter", b"hello", 400, MALFORMED),
    Posted("base64 that is none", b"b!", 400, MALFORMED),
    Posted("base64 with half of its padding", b"bAQID" + b"BA=", 400, MALFORMED),
    Posted("UTF-8 that is none", b"\xff\xfe", 400, MALFORMED),
    Posted("a good packet and a bad one", payload('42["note"]', "9"), 400, MALFORMED),
    Posted("too many packets", payload(*["6"] * 11), 400, MALFORMED),
    Posted("as many packets as may be", payload(*["6"] * 10), 200, None),
    Posted("a ping", b"2", 400, MISUSED),
    Posted("a probe", b"2probe", 400, MISUSED),
    Posted("an open packet", b"0", 400, MISUSED),
    Posted("an upgrade packet", b"5", 400, MISUSED),
    Posted("a noop", b"6", 200, None),
    Posted("a pong that nobody asked for", b"3", 200, None),
    Posted("a close", b"1", 200, "transport close"),
    Posted("a close, and more behind it", payload("1", '42["note"]'), 400, "transport close"),
    Posted("octets", b"4", 400, MISUSED, OCTETS),
    Posted("a body at the limit", b'42["' + b"x" * 994 + b'"]', 200, None),
    Posted("a body over the limit", b'42["' + b"x" * 995 + b'"]', 413, None),
]


def _server() -> Server:
    return Server(engine=EngineSettings(max_payload_bytes=1000, max_packets_per_payload=10))


@pytest.mark.parametrize("row", POSTS, ids=attrgetter("name"))
@all_servers
async def test_hostile_post(row: Posted) -> None:
    async with under_attack(_server()) as bench:
        attacker = await bench.polling()
        answer = await attacker.ask("POST", row.body, row.headers)
        assert (answer.status, answer.body) == (row.status, b"ok" if row.status == 200 else b"")
        await _check_reason(bench, attacker, row.reason)


async def _check_reason(bench: Bench, attacker: PollingClient, reason: str | None) -> None:
    assert bench.reason_of(attacker) == reason
    if reason is None:
        await attacker.echo()
    else:
        answer = await attacker.ask()
        if reason == "transport close":  # its own: one poll may have been on its way
            assert (answer.status, answer.body) == (200, b"6")
            answer = await attacker.ask()
        assert (answer.status, answer.body) == (400, b'{"code":1,"message":"Session ID unknown"}')


@all_servers
async def test_what_came_before_a_bad_packet_is_delivered() -> None:
    io = _server()
    heard: list[str] = []

    @io.on_any
    def hear(socket: Socket, name: str, *args: object) -> None:
        heard.append(name)

    async with under_attack(io) as bench:
        polling, websocket = await bench.polling(), await bench.websocket()
        await polling.send('42["first"]', '42["second"]', "9", '42["third"]')
        await perform(websocket.peer, frame('42["fourth"]') + frame("9") + frame('42["fifth"]'))
        assert heard == ["first", "second", "fourth"]


@all_servers
async def test_second_poll_ends_the_session_and_both_polls() -> None:
    async with under_attack() as bench:
        attacker = await bench.polling()
        first, second = await bench.connect(), await bench.connect()
        await perform(first, request(attacker.target))
        answer = await second.ask(attacker.target)
        assert (answer.status, answer.body) == (400, b"")
        assert (await first.answer()).text == "1"
        await _check_reason(bench, attacker, MISUSED)


@all_servers
async def test_second_post_ends_the_session_and_is_refused_with_the_first() -> None:
    async with under_attack() as bench:
        attacker = await bench.polling()
        first = await bench.connect()
        await perform(first, request(attacker.target, "POST", headers=["Content-Length: 10"]))
        assert await attacker.send('42["note"]') == 400
        await perform(first, b'42["note"]')
        assert (await first.answer()).status == 400
        await _check_reason(bench, attacker, MISUSED)


@all_servers
async def test_session_that_is_never_polled_ends_with_a_ping_timeout() -> None:
    async with under_attack() as bench:
        attacker = await bench.polling()
        await loop.sleep(44.9)
        assert bench.reason_of(attacker) is None
        await loop.sleep(0.2)
        assert bench.reason_of(attacker) == "ping timeout"


@all_servers
async def test_sessions_are_limited() -> None:
    async with under_attack(Server(engine=EngineSettings(max_sessions=2))) as bench:
        await bench.polling()
        peer = await bench.connect()
        answer = await peer.ask()
        assert (answer.status, answer.body) == (503, b'{"code":3,"message":"Too many sessions"}')
        websocket = await bench.connect()
        answer = await websocket.ask(WEBSOCKET, headers=WS_REQUEST)
        assert (answer.status, answer.body) == (503, b"Too many sessions")
        assert bench.session_count == 2


# -- a WebSocket that the session began on -----------------------------------------------------------------------------

FRAMES: Final = [
    ("an unknown type", "9", MALFORMED),
    ("a letter", "hello", MALFORMED),
    ("base64 that is none", "b!", MALFORMED),
    ("a ping", "2", MISUSED),
    ("a probe", "2probe", MISUSED),
    ("an open packet", "0", MISUSED),
    ("an upgrade packet", "5", MISUSED),
    ("a close, which ends it too", "1", "transport close"),
    ("a noop", "6", None),
    ("a pong that nobody asked for", "3", None),
]


@pytest.mark.parametrize(("name", "packet", "reason"), FRAMES, ids=[name for name, _, _ in FRAMES])
@all_servers
async def test_hostile_packet_on_a_websocket(name: str, packet: str, reason: str | None) -> None:
    async with under_attack() as bench:
        attacker = await bench.websocket()
        await attacker.send(packet)
        if reason is None:
            await attacker.echo()
        else:
            assert await attacker.close_code() == loop.no_code
        assert bench.reason_of(attacker) == reason


REQUESTS: Final = [
    ("a poll", "polling", "GET", 400),
    ("a POST", "polling", "POST", 400),
    ("a GET without Upgrade", "websocket", "GET", 400),  # never answered by the reference (PROTOCOL 9-4)
    ("a POST to the WebSocket", "websocket", "POST", 400),
    ("an unknown transport", "webtransport", "GET", 400),
]


@pytest.mark.parametrize(("name", "transport", "method", "status"), REQUESTS, ids=[name for name, *_ in REQUESTS])
@all_servers
async def test_request_with_the_sid_of_a_websocket_is_refused_and_harms_nobody(
    name: str, transport: str, method: str, status: int
) -> None:
    async with under_attack() as bench:
        victim = await bench.websocket()
        peer = await bench.connect()
        answer = await peer.ask(f"/socket.io/?EIO=4&transport={transport}&sid={victim.sid}", method, b"1")
        assert (answer.status, answer.text[:9]) == (status, '{"code":0' if transport == "webtransport" else '{"code":3')
        await victim.echo()


@all_servers
async def test_second_websocket_cannot_take_a_session_over() -> None:
    """It is opened and closed, as in the reference (PROTOCOL 9-3); what it says in the same write does nothing."""
    async with under_attack() as bench:
        victim = await bench.websocket()
        thief = WebSocketClient(await bench.connect())
        await thief.open(f"{WEBSOCKET}&sid={victim.sid}", early=frame("2probe") + frame("5") + frame("41"))
        assert await thief.close_code() == loop.no_code
        await victim.echo()
        await victim.close()


# -- the upgrade -------------------------------------------------------------------------------------------------------

CANDIDATES: Final[list[tuple[str, list[bytes], int | None]]] = [
    ("a message before the probe", [frame("4hello")], NO_CODE),
    ("bytes before the probe", [frame(b"hello")], NO_CODE),
    ("a ping that is no probe", [frame("2")], NO_CODE),
    ("a pong", [frame("3")], NO_CODE),
    ("a close", [frame("1")], NO_CODE),
    ("a noop", [frame("6")], NO_CODE),
    ("an unknown type", [frame("9")], NO_CODE),
    ("an empty frame", [frame("")], NO_CODE),
    ("a message behind the probe", [frame("2probe"), frame('42["note"]')], NO_CODE),
    ("a message in one write with the probe", [frame("2probe") + frame('42["note"]')], NO_CODE),
    ("a broken frame", [frame("2probe", rsv=7)], 1002),
    ("bad UTF-8", [frame(b"2\xff", 1)], 1007),
    ("too much", [frame("4" + "x" * 1000)], 1009),
    ("a close frame", [frame(b"", 8)], ECHOED_NO_CODE),
]


@pytest.mark.parametrize(("name", "steps", "code"), CANDIDATES, ids=[name for name, *_ in CANDIDATES])
@all_servers
async def test_failed_upgrade_leaves_polling_as_it_was(name: str, steps: list[bytes], code: int | None) -> None:
    async with under_attack(_server()) as bench:
        attacker = await bench.polling()
        candidate = await _candidate(bench, attacker)
        await perform(candidate.peer, *steps)
        assert await candidate.close_code() == (loop.no_code if code is NO_CODE else code)
        while (packet := (await attacker.ask()).text) == "6":  # the noop that released a poll
            pass
        assert packet == "2", "a poll waits for the next ping as if nothing had happened"
        await attacker.send("3")
        await attacker.echo()
        await (await _upgraded(bench, attacker)).echo("the second attempt succeeds")


async def _candidate(bench: Bench, client: PollingClient) -> WebSocketClient:
    candidate = WebSocketClient(await bench.connect())
    await candidate.open(f"{WEBSOCKET}&sid={client.sid}")
    return candidate


async def _upgraded(bench: Bench, client: PollingClient) -> WebSocketClient:
    candidate = await _candidate(bench, client)
    await candidate.send("2probe")
    assert await candidate.packet() == "3probe"
    await candidate.send("5")
    return candidate


@all_servers
async def test_candidate_that_says_nothing_is_dropped_after_upgrade_timeout() -> None:
    async with under_attack() as bench:
        attacker = await bench.polling()
        candidate = await _candidate(bench, attacker)
        await loop.sleep(9.9)
        assert bench.core.sessions[-1].is_upgrading
        assert await candidate.close_code() == loop.no_code
        assert loop.current_time() == pytest.approx(10, abs=0.1)
        await attacker.echo()


@all_servers
async def test_second_candidate_is_closed_and_the_first_goes_on() -> None:
    async with under_attack() as bench:
        attacker = await bench.polling()
        first = await _candidate(bench, attacker)
        second = await _candidate(bench, attacker)
        assert await second.close_code() == loop.no_code
        await first.send("2probe")
        assert await first.packet() == "3probe"


@all_servers
async def test_upgrade_without_a_probe_is_accepted_as_in_the_reference() -> None:
    """PROTOCOL 9-10; and a poll that is still parked then is released (9-13)."""
    async with under_attack() as bench:
        attacker = await bench.polling()
        parked = await bench.connect()
        await perform(parked, request(attacker.target))
        candidate = await _candidate(bench, attacker)
        await candidate.send("5")
        assert (await parked.answer()).text == "6"
        await candidate.echo()
        refused = await attacker.ask()
        assert (refused.status, refused.body) == (400, b'{"code":3,"message":"Bad request"}')
        await candidate.close()


@both_loops  # how a server below ASGI notices that is its own
async def test_poll_lost_in_the_upgrade_with_messages_in_it_ends_the_session() -> None:
    """What the poll held cannot go out before what the WebSocket has sent already: a hole is worse than an end."""
    async with under_attack() as bench:
        attacker = await bench.polling()
        peer = await _stuck(bench, attacker)
        candidate = await _candidate(bench, attacker)
        await candidate.send("5")
        await peer.close()
        assert await candidate.close_code() == loop.no_code
        assert bench.reason_of(attacker) == MISUSED


async def _stuck(bench: Bench, client: PollingClient) -> Peer:
    """Return a peer that has been sent a poll's response which it does not read."""
    peer = bench.connect_stuck()
    async with loop.open_nursery() as nursery:
        nursery.start_soon(peer.send, request(client.target))
        nursery.start_soon(client.send, '421["echo"]')
    return peer


@all_servers
async def test_upgrades_that_are_not_allowed_are_refused() -> None:
    """The reference advertises none and accepts them all the same (PROTOCOL 9-7)."""
    async with under_attack(Server(engine=EngineSettings(allow_upgrades=False))) as bench:
        attacker = await bench.polling()
        peer = await bench.connect()
        answer = await peer.ask(f"{WEBSOCKET}&sid={attacker.sid}", headers=WS_REQUEST)
        assert (answer.status, answer.body) == (400, b"Bad request")
        await attacker.echo()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@all_servers
async def test_transport_that_is_switched_off_is_unknown(transport: str) -> None:
    other = "websocket" if transport == "polling" else "polling"
    io = Server(engine=EngineSettings(transports=[other]))
    async with serving(io) as bench:
        peer = await bench.connect()
        headers = WS_REQUEST if transport == "websocket" else ()
        answer = await peer.ask(f"/socket.io/?EIO=4&transport={transport}", headers=headers)
        assert answer.status == 400
        assert "Transport unknown" in answer.text
        await (await bench.client(other)).echo()
