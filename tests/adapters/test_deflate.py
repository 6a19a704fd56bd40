"""permessage-deflate, where a server has switched it on. Spec: RFC 7692; PROTOCOL 1.6."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Final

import pytest

from socketio_core import EngineSettings, Server
from socketio_core.app import EngineSession, Socket
from tests.adapters.bench import Bench, counted_calls, serving
from tests.adapters.clients import WebSocketClient
from tests.adapters.hostile import perform, under_attack
from tests.adapters.loops import both_loops, loop
from tests.adapters.peer import Ended, Peer
from tests.wire.written import BINARY, CONTINUATION, DEFLATE, PING, PONG, RSV1, TEXT, Packer, finished, frame, handshake


class _Deflating(WebSocketClient):
    """Compresses all that it sends, and wants all that comes to be compressed."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(Peer(bench.listener.connect()))
        self.pack = Packer()
        self._inflate = zlib.decompressobj(wbits=-15)

    async def send(self, *packets: str | bytes) -> int:
        for packet in packets:
            await self.peer.send(frame(self.pack(packet), TEXT if isinstance(packet, str) else BINARY, rsv=RSV1))
        return 0

    async def packet(self) -> str | bytes:
        opcode, data = await self.peer.frame(RSV1)
        data = self._inflate.decompress(data + b"\0\0\xff\xff")
        return data.decode() if opcode == TEXT else data


async def _deflating(bench: Bench) -> _Deflating:
    client = _Deflating(bench)
    answer = await client.open(headers=[f"Sec-WebSocket-Extensions: {DEFLATE}; client_max_window_bits"])
    assert answer.headers["sec-websocket-extensions"] == f"{DEFLATE}; client_max_window_bits=15"
    await client.join()
    return client


def _server() -> Server:
    return Server(per_message_deflate=True, engine=EngineSettings(max_payload_bytes=100_000))


@both_loops
async def test_messages_are_compressed_both_ways_with_one_dictionary() -> None:
    io = _server()

    @io.on("again")
    async def again(socket: Socket, text: str, data: bytes) -> None:
        await socket.emit("again", text, data)
        await socket.emit("again", text, data)

    async with serving(io) as bench:
        client = await _deflating(bench)
        text, data = "€" * 1000, bytes(range(256)) * 4
        await client.send(f'451-["again","{text}",{{"_placeholder":true,"num":0}}]', data)
        for _ in range(2):
            assert await client.take() == f'451-["again","{text}",{{"_placeholder":true,"num":0}}]'
            assert await client.take() == data
        await client.echo(text)


@both_loops
async def test_a_bare_message_that_is_not_to_be_compressed_is_not() -> None:
    io = _server()
    engine = io.attach_engine("/engine.io/")

    @engine.on("message")
    async def message(session: EngineSession, data: str | bytes) -> None:
        await session.send(data, compress=False)
        await session.send(data)

    async with serving(io) as bench:
        client = _Deflating(bench)
        await client.open("/engine.io/?EIO=4&transport=websocket", headers=[f"Sec-WebSocket-Extensions: {DEFLATE}"])
        await client.send("4" + "a" * 2000)
        assert await client.peer.frame() == (TEXT, b"4" + b"a" * 2000)
        assert await client.take() == "4" + "a" * 2000


@both_loops
async def test_plain_messages_and_pings_are_understood_between_compressed_ones() -> None:
    async with serving(_server()) as bench:
        client = await _deflating(bench)
        await client.peer.send(frame('421["echo"]'))
        assert await client.take() == "431[]"
        await client.peer.send(frame(b"?", PING))
        assert await client.peer.frame() == (PONG, b"?")
        await client.echo()


@both_loops
async def test_compressed_message_in_fragments_is_put_together_with_a_ping_in_between() -> None:
    async with serving(_server()) as bench:
        client = await _deflating(bench)
        data = client.pack('421["echo","hello"]')
        ping = frame(b"?", PING)
        await client.peer.send(frame(data[:5], TEXT, fin=False, rsv=RSV1) + ping + frame(data[5:], CONTINUATION))
        assert await client.peer.frame() == (PONG, b"?")
        assert await client.take() == '431["hello"]'


OFFERS: Final[list[tuple[str, str | None]]] = [
    (DEFLATE, DEFLATE),
    (f"{DEFLATE}; client_no_context_takeover", f"{DEFLATE}; client_no_context_takeover"),
    (f"{DEFLATE}; server_max_window_bits=9", f"{DEFLATE}; server_max_window_bits=9"),
    (f"{DEFLATE}; server_max_window_bits=8", None),  # zlib cannot
    (f"{DEFLATE}; client_max_window_bits=99", None),
    (f"{DEFLATE}; client_max_window_bits=x", None),
    (f"{DEFLATE}; server_max_window_bits=", None),
    (f"{DEFLATE}; server_max_window_bits=\xb2", None),
    (f"unknown, {DEFLATE}", DEFLATE),
    ("unknown", None),
    ("", None),
    (";;;,,,===", None),
    (f"{DEFLATE}; {'x' * 5000}", None),
]


@pytest.mark.parametrize(("offer", "agreed"), OFFERS, ids=[offer[:60] for offer, _ in OFFERS])
@both_loops
async def test_offers_are_accepted_or_ignored_and_never_fail_the_handshake(offer: str, agreed: str | None) -> None:
    async with under_attack(_server()) as bench:
        client = WebSocketClient(await bench.connect())
        await client.peer.send(handshake(headers=[f"Sec-WebSocket-Extensions: {offer}"]))
        answer = await client.peer.answer()
        assert answer.status == 101
        assert answer.headers.get("sec-websocket-extensions") == agreed
        opcode, _ = await client.peer.frame(0 if agreed is None else RSV1)
        assert opcode == TEXT


@both_loops
async def test_without_the_setting_an_offer_is_ignored() -> None:
    async with serving(Server()) as bench:
        client = WebSocketClient(await bench.connect())
        answer = await client.open(headers=[f"Sec-WebSocket-Extensions: {DEFLATE}"])
        assert "sec-websocket-extensions" not in answer.headers


def _bomb(size: int) -> bytes:
    """A message that unpacks to `size` bytes of text."""
    return Packer()('42["' + "x" * (size - 6) + '"]')


@both_loops
async def test_streams_that_end_with_their_message_are_followed_by_others() -> None:
    async with serving(_server()) as bench:
        client = await _deflating(bench)
        for _ in range(3):
            await client.peer.send(frame(finished('421["echo"]') + b"\0", TEXT, rsv=RSV1))
            assert await client.take() == "431[]"


@both_loops
async def test_what_comes_behind_the_end_of_a_stream_is_not_kept() -> None:
    async with under_attack(_server()) as bench:
        client = await _deflating(bench)
        await perform(client.peer, frame(finished("4") + bytes(8_000_000), TEXT, rsv=RSV1)[:200_000])
        opcode, data = await client.peer.frame()
        assert (opcode, int.from_bytes(data[:2], "big")) == (8, 1007)


HOSTILE: Final[list[tuple[str, bytes, int]]] = [
    ("two bytes behind the end of a stream", frame(finished("4") + b"\0\0", TEXT, rsv=RSV1), 1007),
    ("garbage", frame(b"\xff" * 100, TEXT, rsv=RSV1), 1007),
    ("a bomb in one frame", frame(_bomb(50_000_000), TEXT, rsv=RSV1), 1009),
    ("one byte over the limit", frame(_bomb(100_001), TEXT, rsv=RSV1), 1009),
    ("a bomb in many frames", frame(_bomb(5_000_000)[:2000], TEXT, fin=False, rsv=RSV1) * 1, 1009),
    ("a bomb and more", frame(_bomb(200_000), TEXT, rsv=RSV1) * 50, 1009),
    ("bad UTF-8 inside", frame(Packer()(b"4\xff"), TEXT, rsv=RSV1), 1007),
    ("a compressed ping", frame(b"", PING, rsv=RSV1), 1002),
    (
        "a continuation marked as compressed",
        frame(_bomb(10), TEXT, fin=False, rsv=RSV1) + frame(b"", 0, rsv=RSV1),
        1002,
    ),
    ("another reserved bit", frame(_bomb(10), TEXT, rsv=2), 1002),
]


@pytest.mark.parametrize(("name", "sent", "code"), HOSTILE, ids=[name for name, *_ in HOSTILE])
@both_loops
async def test_hostile_compressed_frame(name: str, sent: bytes, code: int) -> None:
    async with under_attack(_server()) as bench:
        client = await _deflating(bench)
        await perform(client.peer, sent)
        opcode, data = await client.peer.frame()
        assert (opcode, int.from_bytes(data[:2], "big")) == (8, code)
        assert bench.reason_of(client) == "transport error"


def _endless_bomb(size: int) -> bytes:
    """`size` bytes of one message that unpack to a thousand times as many, and could go on for ever."""
    deflate = zlib.compressobj(wbits=-15)
    block = deflate.compress(bytes(1_000_000)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return frame((block * (size // len(block) + 1))[:size], TEXT, fin=False, rsv=RSV1)


@pytest.mark.parametrize("is_early", [False, True], ids=["later", "with the handshake"])
@both_loops
async def test_bomb_is_unpacked_by_slices_and_not_beyond_the_limit(is_early: bool) -> None:  # noqa: FBT001 - a row
    async with under_attack(_server()) as bench:
        head = handshake(headers=[f"Sec-WebSocket-Extensions: {DEFLATE}"]) if is_early else b""
        peer = await bench.connect() if is_early else (await _deflating(bench)).peer
        with counted_calls(lambda function: getattr(function, "__name__", "") == "decompress") as calls:
            tracemalloc.start()
            try:
                await perform(peer, head + _endless_bomb(500_000))
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert len(calls) == 1, "one slice is over the limit already"
        assert peak < 15_000_000, "a slice grows to 4 MB; the whole would be 500 MB"


@both_loops
async def test_message_at_the_limit_is_delivered() -> None:
    async with under_attack(_server()) as bench:
        client = await _deflating(bench)
        await client.peer.send(frame(_bomb(100_000), TEXT, rsv=RSV1))
        await client.echo()


@both_loops
async def test_close_is_understood_after_compressed_messages() -> None:
    async with under_attack(_server()) as bench:
        client = await _deflating(bench)
        await client.echo()
        await client.peer.send(frame(b"\x03\xe8", 8))
        assert await client.peer.frame() == (8, b"\x03\xe8")
        with pytest.raises(Ended):
            await client.peer.frame()
        assert bench.reason_of(client) == "transport close"


@pytest.mark.parametrize("both", [False, True], ids=["the client", "both"])
@both_loops
async def test_backlog_is_not_sent_behind_the_close_of(both: bool) -> None:  # noqa: FBT001 - a row
    async with under_attack(_server()) as bench:
        client = _Deflating(bench)
        client.peer = bench.connect_stuck()
        await client.open(headers=[f"Sec-WebSocket-Extensions: {DEFLATE}"])
        await client.join()
        socket = bench.io.sockets.sockets[client.socket_id]
        for number in range(3):
            await socket.emit("n", number)
            await loop.settle()
        if both:
            await socket.disconnect(close=True)
        await client.peer.send(frame(b"\x03\xe8", 8))
        await loop.settle()
        assert await client.packet() == '42["n",0]'
        # Who closed first says why: the server without a code, or the client, who is answered with its own.
        assert await client.peer.frame() == (8, b"" if both else b"\x03\xe8")
