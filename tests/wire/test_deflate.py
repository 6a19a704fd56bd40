"""permessage-deflate of a server that has it switched on, and the parts of it that know no connection."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Final

import pytest

from socketio_core.engineio.carriers import FAST_BYTES, WRITE_BYTES
from socketio_core.engineio.message import WireMessage
from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.wire.deflate import SLICE_BYTES, Deflate, agree, negotiate
from tests.wire.by_hand import WEBSOCKET, Gate, House, Peer
from tests.wire.written import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    PING,
    PONG,
    RSV1,
    TEXT,
    Packer,
    close_frame,
    finished,
    frame,
    handshake,
)

LARGE: Final = "".join(str(number * number) for number in range(3000))


def house(limit: int = 100_000) -> House:
    return House(EngineSettings(path="/engine.io/", max_payload_bytes=limit), per_message_deflate=True)


def deflating(place: House) -> Peer:
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, [f"Sec-WebSocket-Extensions: {DEFLATE}"]))
    assert peer.answer().headers["sec-websocket-extensions"] == DEFLATE
    return peer


class Unpacker:
    """What comes back."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._inflate = zlib.decompressobj(wbits=-15)
        assert self()[0][:1] == b"0"

    def __call__(self) -> list[bytes]:
        return [
            self._inflate.decompress(data + b"\0\0\xff\xff") if opcode in (TEXT, BINARY) else data
            for opcode, data in self._peer.frames()
        ]


def compressed(data: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    return frame(data, opcode, rsv=RSV1, fin=fin)


def test_a_message_that_is_not_to_be_compressed_goes_as_it_is_between_others() -> None:
    place = house()
    peer = deflating(place)
    pack, unpack = Packer(), Unpacker(peer)
    text = "4" + "hello " * 200
    peer.send(compressed(pack(text)))
    assert unpack() == [text.encode()]
    place.engine.sessions[0].put(WireMessage((text, b"\xff" * 200), compress=False))
    place.settle()
    assert [peer.received[at] >> 4 for at in (0, 4 + len(text))] == [8, 8]
    assert peer.frames() == [(TEXT, text.encode()), (BINARY, b"\xff" * 200)]
    peer.send(compressed(pack(text)))
    assert unpack() == [text.encode()]


def test_messages_are_compressed_both_ways_with_one_dictionary() -> None:
    place = house()
    peer = deflating(place)
    pack, unpack = Packer(), Unpacker(peer)
    text = "4" + "hello " * 200
    for _ in range(2):
        before = len(peer.received)
        peer.send(compressed(pack(text)))
        assert len(peer.received) - before < 60
        assert unpack() == [text.encode()]
    peer.send(compressed(pack(b"\xff\0" * 500), BINARY))
    assert unpack() == [b"\xff\0" * 500]
    assert place.messages[-1] == b"\xff\0" * 500


@pytest.mark.parametrize("is_kept", [True, False])
def test_large_messages_are_packed_fast_and_understood_between_others(*, is_kept: bool) -> None:
    """By a peer that keeps what it has seen, or does not."""
    texts = ["a" * 100, f"{LARGE}1", f"{LARGE}2", "a" * 100, "a" * 100, LARGE]
    place = house()
    peer = place.connect()
    offer = DEFLATE if is_kept else f"{DEFLATE}; server_no_context_takeover"
    peer.send(handshake(WEBSOCKET, [f"Sec-WebSocket-Extensions: {offer}"]))
    peer.answer()
    unpack = Unpacker(peer)
    for text in texts:
        place.engine.sessions[0].send(text, place.now)
        place.settle()
        sent = peer.received
        assert unpack() == [f"4{text}".encode()]
        if text.startswith(LARGE):
            fastest = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=-15)
            assert sent.endswith((fastest.compress(f"4{text}".encode()) + fastest.flush(zlib.Z_SYNC_FLUSH))[:-4])


def test_no_more_is_packed_at_once_however_many_are_to_have_it() -> None:
    place = house()
    peers = [deflating(place) for _ in range(40)]
    for peer in peers:
        peer.received = b""
    for session in place.engine.sessions:
        session.send(LARGE, place.now)
        session.send("b", place.now)
    each = len(LARGE) + 1
    assert each > FAST_BYTES
    turns: list[int] = []
    while not turns or place.site.is_behind:
        before = sum(bool(peer.received) for peer in peers)
        place.site.handle_timeout(place.now)
        for _ in range(3):  # in one round a host flushes as often as it reads
            place.flush()
        turns.append(sum(bool(peer.received) for peer in peers) - before)
    assert max(turns) <= WRITE_BYTES // each + 1
    assert sum(turns) == len(peers)
    for peer in peers:
        inflate = zlib.decompressobj(wbits=-15)
        heard = [inflate.decompress(data + b"\0\0\xff\xff") for _, data in peer.frames()]
        assert heard == [f"4{LARGE}".encode(), b"4b"]


def test_no_more_is_packed_at_once_of_what_one_has_waiting() -> None:
    place = house()
    first, second = deflating(place), deflating(place)
    text = "x" * 999
    for session, size in zip(place.engine.sessions, (WRITE_BYTES - 10_000, WRITE_BYTES), strict=True):
        for _ in range(size // 1000):
            session.send(text, place.now)
    first.received = second.received = b""
    place.flush()
    packed = [len(peer.frames()) * 1000 for peer in (first, second)]
    assert WRITE_BYTES - 1000 <= sum(packed) <= WRITE_BYTES + 1000
    while place.site.is_behind:
        place.site.handle_timeout(place.now)
        place.flush()
    assert sum(packed) + sum(len(peer.frames()) * 1000 for peer in (first, second)) >= 2 * WRITE_BYTES - 12_000


def test_who_has_much_waiting_lets_others_go_first() -> None:
    place = house()
    first, second = deflating(place), deflating(place)
    much, little = place.engine.sessions
    for _ in range(4 * WRITE_BYTES // 1000):
        much.send("x" * 999, place.now)
    place.flush()
    little.send("a", place.now)
    place.flush()
    first.received = second.received = b""
    place.site.handle_timeout(place.now)
    place.flush()
    assert second.received
    assert first.received
    place.settle()
    assert not place.site.is_behind


def test_who_is_gone_has_nothing_to_be_packed_any_more() -> None:
    place = house()
    peers = [deflating(place) for _ in range(40)]
    for session in place.engine.sessions:
        session.send(LARGE, place.now)
    place.flush()
    assert place.site.is_behind
    for peer in peers:
        peer.lose()
    place.flush()
    assert not place.site.is_behind


def test_frames_that_are_not_compressed_are_understood_between() -> None:
    place = house()
    peer = deflating(place)
    pack, unpack = Packer(), Unpacker(peer)
    first = pack("4" + "ab" * 100)
    sent = frame(first[:3], TEXT, fin=False, rsv=RSV1) + frame(b"?", PING) + frame(first[3:], CONTINUATION)
    peer.send(sent + frame("4plain") + compressed(pack("4more")))
    assert place.messages == ["ab" * 100, "plain", "more"]
    assert unpack() == [b"?", b"4" + b"ab" * 100, b"4plain", b"4more"]


def test_what_was_read_is_inflated_a_slice_in_a_turn() -> None:
    place = house()
    peer = deflating(place)
    pack = Packer()
    data = b"".join(compressed(pack(f"4{number:050}")) for number in range(1000))
    assert len(data) > 2 * SLICE_BYTES
    peer.wire.receive(data, place.now)
    place.flush()
    assert peer.wire.has_more
    assert not peer.wire.wants_input
    first = len(place.messages)
    assert 0 < first < 1000
    place.site.handle_timeout(place.now)
    place.flush()
    assert first < len(place.messages) < 1000
    peer.wire.receive(b"", place.now)
    place.settle()
    assert len(place.messages) == 1000
    assert peer.wire.is_over


def test_bomb_is_not_unpacked_beyond_the_limit() -> None:
    place = house()
    peer = deflating(place)
    bomb = Packer()(b"4" * 50_000_000)
    peer.send(compressed(bomb))
    frames = peer.frames()
    assert frames[-1] == (CLOSE, b"\x03\xf1" + frames[-1][1][2:])
    assert place.messages == []
    peer.end()
    assert peer.wire.is_over


@pytest.mark.parametrize("pieces", [1, 7])
def test_no_more_than_a_message_is_ever_inflated(pieces: int) -> None:
    place = house()
    peer = deflating(place)
    bomb = Packer()(b"4" * 50_000_000)
    size = len(bomb) // pieces + 1
    cut = [bomb[at : at + size] for at in range(0, len(bomb), size)]
    sent = b"".join(
        frame(part, CONTINUATION if number else TEXT, rsv=0 if number else RSV1, fin=number == len(cut) - 1)
        for number, part in enumerate(cut)
    )
    tracemalloc.start()
    try:
        peer.send(sent[:65536])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peer.frames()[-1][1][:2] == b"\x03\xf1"
    assert peak < 4 * 100_000 + 3 * 65536


def test_messages_of_one_read_are_inflated_one_after_another_as_the_handlers_take_them() -> None:
    place = house()
    peer = deflating(place)
    place.gate = gate = Gate()
    pack = Packer()
    data = b"".join(compressed(pack("4" + "x" * 99_000)) for _ in range(100))
    gate.is_congested = True
    peer.send(data)
    assert len(place.messages) <= 2
    gate.open(place.now)
    place.settle()
    assert len(place.messages) == 100


@pytest.mark.parametrize(("size", "code"), [(100_000, None), (100_001, 1009)])
def test_limit_counts_what_is_unpacked(size: int, code: int | None) -> None:
    place = house()
    peer = deflating(place)
    peer.send(compressed(Packer()("4" * size)))
    assert (len(place.messages) == 1) is (code is None)
    codes = [int.from_bytes(data[:2], "big") for opcode, data in peer.frames() if opcode == CLOSE]
    assert codes == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (compressed(b"\xff" * 10), 1007),
        (compressed(finished("4a") + b"xx"), 1007),
        (compressed(b"x", PING), 1002),
        (frame("4a", TEXT, fin=False) + frame(b"b", CONTINUATION, rsv=RSV1), 1002),
    ],
)
def test_hostile_frame_ends_the_connection(sent: bytes, code: int) -> None:
    place = house()
    peer, other = deflating(place), place.websocket()
    peer.send(sent)
    frames = peer.frames()
    assert (frames[-1][0], int.from_bytes(frames[-1][1][:2], "big")) == (CLOSE, code)
    assert place.messages == []
    other.echo()


def test_nothing_of_compression_is_kept_for_whom_the_server_has_closed() -> None:
    """Of clients with bombs there may be hundreds whose rest is only read away; 0.3 MB each."""
    place = house()
    peer = deflating(place)
    peer.send(compressed(Packer()("4" + "x" * 5000)))
    assert peer.wire.held_bytes > 100_000
    peer.send(frame("", CONTINUATION))
    assert peer.frames()[-1][0] == CLOSE
    assert peer.wire.is_mute
    assert peer.wire.held_bytes == 0


def test_what_comes_once_the_server_has_closed_is_inflated_no_more_but_the_clients_close_frame_is_found() -> None:
    place = house()
    peer = deflating(place)
    pack = Packer()
    first = pack("4" + LARGE)
    peer.send(compressed(pack("4hello")), compressed(first[:1000], fin=False))
    place.engine.sessions[0].close(place.now)
    place.settle()
    peer.send(frame(first[1000:], CONTINUATION, fin=False), frame(b"?", PING), frame(b"", CONTINUATION))
    peer.send(compressed(b"\xff" * 100), frame("4plain"))
    assert peer.wire.wants_input
    assert not peer.wire.is_mute
    assert peer.wire.held_bytes == 0
    peer.send(close_frame(1000))
    assert peer.wire.is_over
    assert place.messages == ["hello"]


def test_streams_that_end_with_their_message_are_followed_by_others() -> None:
    place = house()
    peer = deflating(place)
    peer.send(compressed(finished("4one")), compressed(finished("4two") + b"\0"), compressed(Packer()("4three")))
    assert place.messages == ["one", "two", "three"]
    part = finished("4" + "four" * 50)
    peer.send(compressed(part[:5], fin=False), frame(part[5:], CONTINUATION))
    assert place.messages[-1] == "four" * 50


def test_backlog_is_not_sent_behind_the_close_frame_of_the_client() -> None:
    place = house()
    peer = deflating(place)
    unpack = Unpacker(peer)
    peer.is_reading = False
    peer.send(frame(b"?", PING) + close_frame(1000))
    peer.read_on()
    assert unpack() == [b"?", b"\x03\xe8"]
    assert peer.wire.is_over
    assert place.reports == []


def test_backlog_of_a_session_that_is_closed_is_not_sent_behind_the_close_frame_of_the_client() -> None:
    place = house()
    peer = deflating(place)
    peer.frames()
    (session,) = place.engine.sessions
    session.send("x", place.now)
    session.close(place.now)
    peer.wire.receive(close_frame(1000), place.now)
    place.settle()
    assert [opcode for opcode, _ in peer.frames()] == [CLOSE]
    assert peer.wire.is_over
    assert place.reports == []


def test_pong_and_answer_come_before_what_is_compressed() -> None:
    place = house()
    peer = deflating(place)
    peer.frames()
    place.engine.sessions[0].send("x", place.now)
    peer.send(frame(b"?", PING))
    assert [opcode for opcode, _ in peer.frames()] == [PONG, TEXT]


# -- what knows no connection ------------------------------------------------------------------------------------------


def asking(*offers: str) -> Request:
    headers = [(b"sec-websocket-extensions", offer.encode("latin-1")) for offer in offers]
    return Request("GET", "/", headers, scheme="http")


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ([], None),
        ([DEFLATE], DEFLATE),
        ([f"unknown, {DEFLATE}"], DEFLATE),
        (["unknown"], None),
        ([""], None),
        ([f"{DEFLATE}; server_max_window_bits=9"], f"{DEFLATE}; server_max_window_bits=9"),
        ([f"{DEFLATE}; server_max_window_bits=8"], None),
        ([f"{DEFLATE}; client_max_window_bits=x"], None),
        ([f"{DEFLATE}; client_max_window_bits"], f"{DEFLATE}; client_max_window_bits=15"),
        ([f'{DEFLATE}; client_max_window_bits="10"'], f"{DEFLATE}; client_max_window_bits=10"),
        ([f"{DEFLATE}; client_max_window_bits=010"], None),
        ([f"{DEFLATE}; client_max_window_bits=16"], None),
        ([f"{DEFLATE}; server_max_window_bits"], None),
        ([f"{DEFLATE}; what"], None),
        ([f"{DEFLATE}; what=ever"], None),
        ([f"{DEFLATE}; client_no_context_takeover=1"], None),
        ([f"{DEFLATE}; client_no_context_takeover_"], None),
        ([f"{DEFLATE}; server_max_window_bits=9; server_max_window_bits=10"], None),
        ([f"{DEFLATE}; client_no_context_takeover; client_no_context_takeover"], None),
        ([f"{DEFLATE};"], None),
        ([f"{DEFLATE}; what, {DEFLATE}; server_no_context_takeover"], f"{DEFLATE}; server_no_context_takeover"),
        ([f"{DEFLATE}; what", DEFLATE], DEFLATE),
    ],
)
def test_offers_are_accepted_or_ignored(offers: list[str], agreed: str | None) -> None:
    extensions, headers = negotiate(asking(*offers), 1000)
    assert [type(extension) for extension in extensions] == ([] if agreed is None else [Deflate])
    assert headers == ([] if agreed is None else [(b"sec-websocket-extensions", agreed.encode())])


def test_without_the_setting_an_offer_is_ignored() -> None:
    place = House()
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, [f"Sec-WebSocket-Extensions: {DEFLATE}"]))
    assert "sec-websocket-extensions" not in peer.answer().headers
    peer.frames()
    peer.echo()


@pytest.mark.parametrize(
    "answer",
    [
        DEFLATE,
        f"{DEFLATE}; server_no_context_takeover",
        f'{DEFLATE}; server_max_window_bits="10"',
        f"{DEFLATE};client_max_window_bits=15",
        f"{DEFLATE}; server_max_window_bits=8",
    ],
)
def test_clients_agree_to_what_they_offered(answer: str) -> None:
    deflate = Deflate(1000)
    deflate.offer()
    agree(deflate, answer)
    assert deflate.enabled()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("other", "an extension that was not asked for"),
        (f"{DEFLATE}, {DEFLATE}", "an extension that was not asked for"),
        (f"{DEFLATE}; server_max_window_bits=7", "bad parameters"),
        (f"{DEFLATE}; client_max_window_bits=8", "bad parameters"),
        (f"{DEFLATE}; server_max_window_bits", "bad parameters"),
        (f"{DEFLATE}; client_max_window_bits", "bad parameters"),
        (f"{DEFLATE}; what=ever", "bad parameters"),
        (f"{DEFLATE}; server_no_context_takeover; server_no_context_takeover", "bad parameters"),
    ],
)
def test_clients_refuse_what_they_did_not_offer(answer: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agree(Deflate(1000), answer)


@pytest.mark.parametrize("window", ["", "; server_max_window_bits=9; client_max_window_bits=9"])
def test_what_compression_remembers_is_charged_and_can_be_given_back(window: str) -> None:
    """As `tracemalloc` has it; what is behind it is understood as before."""
    place = house()
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, [f"Sec-WebSocket-Extensions: {DEFLATE}{window}"]))
    peer.answer()
    (wire,) = place.site.wires
    unpack = Unpacker(peer)
    assert wire.shrink() > 0  # the open packet was packed
    assert wire.shrink() == 0
    before = wire.held_bytes
    tracemalloc.start()
    try:
        pack = zlib.compressobj(wbits=-9 if window else -15)
        sent = compressed((pack.compress(b"4hello") + pack.flush(zlib.Z_SYNC_FLUSH))[:-4])
        zlib_of_the_test, _ = tracemalloc.get_traced_memory()
        peer.send(sent)
        assert unpack() == [b"4hello"]
        traced = tracemalloc.get_traced_memory()[0] - zlib_of_the_test
        charged = wire.held_bytes - before
        assert 0.8 * traced <= charged <= 1.2 * traced
        freed = wire.shrink()
        assert 0.8 * freed <= traced - (tracemalloc.get_traced_memory()[0] - zlib_of_the_test) <= 1.2 * freed
    finally:
        tracemalloc.stop()
    assert freed > charged // 2
    assert wire.held_bytes - before == charged - freed
    peer.send(compressed((pack.compress(b"4hello") + pack.flush(zlib.Z_SYNC_FLUSH))[:-4]))
    assert unpack() == [b"4hello"]


def test_a_connection_that_does_not_compress_has_nothing_to_give_back() -> None:
    place = house()
    place.connect()
    place.websocket()
    assert [wire.shrink() for wire in place.site.wires] == [0, 0]


@pytest.mark.parametrize("is_congested", [True, False, None])
def test_what_is_left_of_one_who_is_gone_is_inflated_while_handlers_keep_up(*, is_congested: bool | None) -> None:
    """Else one that is lost could leave behind a thousand times as much as it may have waiting while it is there."""
    gate = None if is_congested is None else Gate()
    place = House(EngineSettings(path="/engine.io/", max_payload_bytes=100_000), per_message_deflate=True, gate=gate)
    place.is_echoing = False
    peer = deflating(place)
    pack, size, count = Packer(), 50_000, 60
    peer.put(b"".join([compressed(pack("4" + "x" * size)) for _ in range(count)]))
    peer.give_input()
    if gate is not None and is_congested is not None:
        gate.is_congested = is_congested
    place.flush()
    peer.lose()
    assert place.kinds[-1] == "Closed"
    read = sum(map(len, place.messages))
    assert read <= 500_000 if is_congested else read == size * count
    assert place.site.wires == set()
