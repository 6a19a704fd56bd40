"""The suite's own client: what it sends and how it reads what comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from conformance.case import Case, Failure, Skipped, case, expect, require, shorten
from conformance.client.peer import Peer, target
from conformance.client.session import decode_payload, encode_payload, open_packet
from conformance.client.socketio import SocketPacket, packet, parse
from conformance.client.transcript import MAX_LINES, Transcript, shown
from conformance.client.websocket import TEXT, frame
from conformance.client.wire import NetworkWire
from conformance.hosts.sans import Host
from conformance.run import CASE_S, Result, run_in_memory
from conformance.times import QUICK


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_frame_is_one_that_a_server_reads(size: int) -> None:
    server = Connection(ConnectionType.SERVER)
    server.receive_data(frame(TEXT, b"x" * size))
    parts = [event.data for event in server.events() if isinstance(event, TextMessage)]
    assert "".join(parts) == "x" * size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", SocketPacket(0, 0, "/", None, None)),
        ('0/admin,{"a":1}', SocketPacket(0, 0, "/admin", None, {"a": 1})),
        ("1/admin", SocketPacket(1, 0, "/admin", None, None)),
        ('2["x"]', SocketPacket(2, 0, "/", None, ["x"])),
        ('212["x"]', SocketPacket(2, 0, "/", 12, ["x"])),
        (
            '51-/a,0["x",{"_placeholder":true,"num":0}]',
            SocketPacket(5, 1, "/a", 0, ["x", {"_placeholder": True, "num": 0}]),
        ),
    ],
)
def test_parse_reads_what_packet_writes(text: str, expected: SocketPacket) -> None:
    assert parse(text) == expected
    if expected.data is not None:
        again = packet(expected.type, expected.nsp, expected.data, expected.id, expected.attachments)
        assert again == text


@pytest.mark.parametrize("text", ["", "9", "x", "2[", '2["x"]]'])
def test_parse_refuses_what_is_no_packet(text: str) -> None:
    with pytest.raises(Failure, match=r"no Socket\.IO packet"):
        parse(text)


def test_payloads_go_both_ways() -> None:
    packets: list[str | bytes] = ["4a", b"\x00\x01", "4é", "2"]
    assert decode_payload(encode_payload(packets).encode()) == packets
    for body in (b"\xff", b"b***"):
        with pytest.raises(Failure, match="no polling payload"):
            decode_payload(body)


@pytest.mark.parametrize("first", ["4hello", "", b"0{}", "0", "0[]", '0{"sid":1}', "0{}"])
def test_open_packet_must_be_one(first: object) -> None:
    with pytest.raises(Failure):
        open_packet(first)


def test_target_is_escaped() -> None:
    assert target(sid="a+b", x="1 2") == "/engine.io/?EIO=4&transport=polling&sid=a%2Bb&x=1+2"


def test_transcript_is_bounded_and_says_so() -> None:
    transcript = Transcript(lambda: 1.0)
    for number in range(MAX_LINES + 2):
        transcript.add(">", str(number))
    assert len(transcript.lines) == MAX_LINES + 1
    assert transcript.lines[0] == "+0.000 s  > 0"
    assert transcript.lines[-1] == "... and 2 lines more"
    assert shown("a\x1eb") == "a\\x1eb"
    assert shown(b"\x01" * 40).endswith("01 ...")
    assert len(shorten("x" * 10_000)) < 1000


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("http://localhost:3000/x", NetworkWire("localhost", 3000, is_tls=False)),
        ("https://example.org", NetworkWire("example.org", 443, is_tls=True)),
        ("http://[::1]:80", NetworkWire("::1", 80, is_tls=False)),
    ],
)
def test_wire_to_a_url(url: str, wire: NetworkWire) -> None:
    assert NetworkWire.to(url) == wire
    assert wire.authority in ("localhost:3000", "example.org:443", "[::1]:80")


def run_one(body: Callable[[Peer], Awaitable[None]]) -> Result:
    [result] = run_in_memory([Case("a/b", "required", "It works.", "here", body)], Host)
    return result


def test_results_of_a_case() -> None:
    async def passes(peer: Peer) -> None:
        await peer.polling()

    async def fails(peer: Peer) -> None:
        expect((await peer.get("/nowhere")).status, 200, "status")

    async def is_skipped(peer: Peer) -> None:
        raise Skipped("not here")

    async def hangs(peer: Peer) -> None:
        await trio.sleep_forever()

    async def is_wrong(peer: Peer) -> None:
        raise ZeroDivisionError("of the suite")

    async def requires(peer: Peer) -> None:
        require(False, "never", "this")  # noqa: FBT003

    assert run_one(passes).status == "passed"
    assert [(run_one(body).status, run_one(body).detail) for body in (fails, is_skipped, hangs, is_wrong)] == [
        ("failed", "wrong status\n  expected: 200\n  received: 404"),
        ("skipped", "not here"),
        ("failed", f"case was not through after {CASE_S:g} s"),
        ("failed", "ZeroDivisionError: of the suite"),
    ]
    assert "received: 'this'" in run_one(requires).detail
    assert "< 404 " in run_one(fails).transcript[-1]


def test_a_case_needs_a_title_and_a_name_of_its_own() -> None:
    async def untold(peer: Peer) -> None: ...

    with pytest.raises(TypeError, match="case without a docstring"):
        case("required", "x")(untold)


def test_a_poll_that_nobody_answers_is_a_failure() -> None:
    async def body(peer: Peer) -> None:
        session = await peer.polling()
        exchange = await session.begin_poll()
        await exchange.pending(0.1)
        await session.silent(0.1)

    result = run_one(body)
    assert result.status == "failed"  # the second poll overlaps the first


def test_memory_time_is_virtual() -> None:
    began = MockClock(autojump_threshold=0).current_time()

    async def body(peer: Peer) -> None:
        session = await peer.websocket_session()
        for _ in range(20):
            await session.silent(0.29)

    result = run_one(body)
    assert result.status == "passed"
    assert began >= 0
    assert result.seconds == pytest.approx(5.8, abs=0.1)


def test_a_request_with_a_body_that_gets_no_response_is_a_failure_as_any_other() -> None:
    async def drop(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    async def run() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, drop, [listener])
            peer = Peer(NetworkWire("127.0.0.1", listener.socket.getsockname()[1], is_tls=False), QUICK)
            for body in (None, "4x"):
                with pytest.raises(Failure, match="response to"):
                    await peer.request("POST", target("/engine.io/"), body=body)
            await peer.aclose()
            nursery.cancel_scope.cancel()

    trio.run(run)
