"""The shortcut for plain frames is compared with wsproto, over any bytes in any chunks.

`python -m tests.wire.test_plain_frames 1000000` compares over that many inputs; the tests over some thousands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import FrameProtocol

from socketio_core.engineio.message import WireMessage
from socketio_core.wire.plain_frames import (
    ATTACHMENT_PIECE_BYTES,
    MAX_PLAIN_BYTES,
    MESSAGE_PIECE_BYTES,
    Close,
    Control,
    Foreign,
    PlainFrames,
    close_frame,
    masked_frames,
    masks,
    plain_frame,
    pong_frame,
    wire_bytes,
)
from tests.effort import examples
from tests.wire import written

Seen = tuple[str, object]
"""One event, with what it says."""

INVALID_TEXT: Final = 1007
_SIZES: Final = (0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 2048, 16383, 16384, 16385, 65535, 65536)


class Reader:
    """The end of a server, or of a client: wsproto alone, or behind the shortcut. Messages are joined, as cores do."""

    def __init__(self, *, shortcut: bool, of_client: bool = True) -> None:
        self.plain = PlainFrames(of_client=of_client) if shortcut else None
        self.seen: list[Seen] = []
        self.foreign_bytes = 0
        self._frames = Connection(ConnectionType.SERVER if of_client else ConnectionType.CLIENT)
        self._parts: list[str | bytes] = []

    def feed(self, data: bytes) -> None:
        for piece in self._pieces_of(data):
            if isinstance(piece, Close):
                if not self._is_over:
                    self.seen.append(("close", (piece.code, piece.reason, True)))
            elif isinstance(piece, Foreign):
                self.foreign_bytes += len(piece.data)
                self._feed_wsproto(piece.data)
            elif isinstance(piece, Control):
                if not self._is_over:
                    self.seen.append(("Ping" if piece.is_ping else "Pong", piece.payload))
            elif not self._is_over:
                assert not self._parts
                self.seen.append(("message", piece))

    def _pieces_of(self, data: bytes) -> Sequence[str | bytes | Control | Foreign]:
        if self.plain is None:
            return [Foreign(data)]
        message = self.plain.single(data)
        return self.plain.feed(data) if message is None else [message]

    @property
    def _is_over(self) -> bool:
        return bool(self.seen) and self.seen[-1][0] == "close"

    def _feed_wsproto(self, data: bytes) -> None:
        if self._is_over:
            return
        self._frames.receive_data(data)
        for event in self._frames.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self._parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    empty = "" if isinstance(event, TextMessage) else b""
                    self.seen.append(("message", empty.join(self._parts)))  # type: ignore[arg-type] # all of one type
                    self._parts.clear()
            elif isinstance(event, (Ping, Pong)):
                self.seen.append((type(event).__name__, bytes(event.payload)))
            elif isinstance(event, CloseConnection):
                is_theirs = self._frames.state is not ConnectionState.OPEN
                # What it says of a wrong text counts from the beginning of the chunk.
                reason = event.reason if is_theirs or event.code != INVALID_TEXT else ""
                self.seen.append(("close", (event.code, reason, is_theirs)))
                break


def frame(random: Random, *, of_client: bool = True) -> bytes:
    """Make one frame; most are what such a peer sends, the others break each rule there is."""
    first = random.choice((0x81, 0x81, 0x81, 0x82, 0x82, 0x01, 0x02, 0x80, 0x00, 0x89, 0x8A))
    if random.random() < 0.04:
        first = random.choice((0x88, 0x88, 0x83, 0x8B, 0x09, 0xC1, 0xA1, 0x91, random.randrange(256)))
    size = random.randrange(126) if random.random() < 0.7 else random.choice(_SIZES)
    if first & 0x08 and random.random() < 0.95:
        size %= 126
    payload = _payload(random, size, is_text=first & 0x0F != 2)
    size = len(payload)
    head = bytes((first,))
    form = 0 if size < 126 else 2 if size < 65536 else 8
    if random.random() < 0.03:  # longer than need be
        form = random.choice((2, 8)) if size < 65536 else 8
    mask = 0x80 if (random.random() < 0.98) is of_client else 0
    head += bytes((mask | (size if not form else 126 if form == 2 else 127),))
    head += size.to_bytes(form, "big") if form else b""
    if not mask:
        return head + payload
    key = random.randbytes(4) if random.random() < 0.9 else b"\0\0\0\0"
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def _payload(random: Random, size: int, *, is_text: bool) -> bytes:
    if not is_text:
        return random.randbytes(size)
    text = "".join(random.choice(("4", "2", "a", '"', "é", "→", "😀")) for _ in range(min(size, 40))).encode()
    text = text[:size] if random.random() < 0.03 else text[:size].decode(errors="ignore").encode()
    return text + b"x" * (size - len(text))


def stream(random: Random, *, of_client: bool = True) -> bytes:
    """Make what a peer sends; sometimes a few bytes of it are wrong, or missing."""
    data = bytearray(b"".join(frame(random, of_client=of_client) for _ in range(random.randrange(1, 8))))
    if random.random() < 0.2:
        for _ in range(random.randrange(1, 4)):
            if data:
                data[random.randrange(len(data))] = random.randrange(256)
    if random.random() < 0.2:
        del data[random.randrange(len(data) + 1) :]
    return bytes(data)


def chunks(random: Random, data: bytes) -> list[bytes]:
    """Cut it as a network may."""
    if random.random() < 0.3:
        return [data]
    limit = random.choice((1, 2, 3, 7, 20, 200, 5000))
    if len(data) > 2000 * limit:
        limit = 5000
    return written.cut(random, data, limit)


def compare(pieces: list[bytes], *, of_client: bool = True) -> Reader:
    """Feed both readers and compare what they have seen after each piece. Returns the one with the shortcut."""
    ours, theirs = (Reader(shortcut=shortcut, of_client=of_client) for shortcut in (True, False))
    for piece in pieces:
        ours.feed(piece)
        theirs.feed(piece)
        if ours.seen != theirs.seen:
            # wsproto has seen a wrong character in a text whose end has not come yet.
            last, before = theirs.seen[-1], theirs.seen[:-1]
            assert last[0] == "close" and last[1][0] == INVALID_TEXT and ours.seen == before, (ours.seen, theirs.seen)  # type: ignore[index] # noqa: PT018
    return ours


def check(seed: int, *, of_client: bool = True) -> int:
    """Compare over one input. Returns how many plain messages the shortcut has found."""
    random = Random(seed)
    data = stream(random, of_client=of_client)
    pieces = chunks(random, data)
    ours = compare(pieces, of_client=of_client)
    return len(data) - ours.foreign_bytes


@pytest.mark.parametrize("of_client", [True, False])
@pytest.mark.parametrize("start", range(0, examples(500), 250))
def test_any_bytes_in_any_chunks_mean_what_wsproto_says(start: int, *, of_client: bool) -> None:
    for seed in range(start, start + 250):
        try:
            check(seed, of_client=of_client)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("of_client", [True, False])
def test_frames_that_are_read_one_at_a_time_mean_what_wsproto_says(*, of_client: bool) -> None:
    for seed in range(examples(500)):
        random = Random(seed)
        pieces = [frame(random, of_client=of_client) for _ in range(random.randrange(1, 8))]
        if random.random() < 0.2:
            pieces.insert(random.randrange(len(pieces)), random.randbytes(random.randrange(1, 12)))
        try:
            compare(pieces, of_client=of_client)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


def client_frame(payload: str | bytes, first: int | None = None) -> bytes:
    """Return a masked frame."""
    data = payload.encode() if isinstance(payload, str) else payload
    head = bytes((first if first is not None else 0x81 if isinstance(payload, str) else 0x82,))
    if len(data) < 126:
        head += bytes((0x80 | len(data),))
    elif len(data) < 65536:
        head += b"\xfe" + len(data).to_bytes(2, "big")
    else:
        head += b"\xff" + len(data).to_bytes(8, "big")
    return head + b"\1\2\3\4" + bytes(byte ^ (1 + index % 4) for index, byte in enumerate(data))


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("kind", [str, bytes])
def test_sizes_at_each_edge_come_through(size: int, kind: type) -> None:
    message = "x" * size if kind is str else b"\xff" * size
    ours = compare([client_frame(message), client_frame("next")])
    assert ours.seen == [("message", message), ("message", "next")]
    assert (ours.foreign_bytes == 0) == (size <= MAX_PLAIN_BYTES)  # so the shortcut is taken where it should be


@pytest.mark.parametrize("size", [5, 125, 126, 300, 16384, 16385])
def test_every_cut_gives_the_same(size: int) -> None:
    data = client_frame("é" * (size // 2)) + client_frame(b"\x00" * 3) + client_frame(b"", 0x89) + client_frame("end")
    cuts = range(len(data)) if size < 1000 else [*range(20), *range(len(data) - 40, len(data))]
    for cut in cuts:
        assert len(compare([data[:cut], data[cut:]]).seen) == 4


def test_a_fragmented_message_is_left_to_wsproto_and_then_the_shortcut_goes_on() -> None:
    ping = client_frame(b"?", 0x89)
    data = [
        client_frame("a", 0x01),
        ping,
        client_frame("b", 0x00),
        ping,
        client_frame("c", 0x80),
        client_frame("plain"),
    ]
    ours = compare([b"".join(data)])
    assert ours.seen == [("Ping", b"?"), ("Ping", b"?"), ("message", "abc"), ("message", "plain")]
    assert ours.foreign_bytes == sum(len(each) for each in data[:-1] if each is not ping)


def test_a_final_text_inside_a_fragmented_message_is_an_error_as_in_wsproto() -> None:
    assert compare([client_frame("a", 0x01) + client_frame("b")]).seen[-1][0] == "close"


def test_a_wrong_text_is_an_error_at_the_end_of_its_frame() -> None:
    data = client_frame(b"\xff\xfe\xfd", 0x81)
    ours = Reader(shortcut=True)
    ours.feed(data[:-1])
    assert ours.seen == []
    ours.feed(data[-1:])
    assert ours.seen[0][1][0] == INVALID_TEXT  # type: ignore[index] # see Reader


def test_what_waits_for_its_end_is_bounded() -> None:
    plain = PlainFrames()
    waiting = client_frame(b"\0" * MAX_PLAIN_BYTES)[:-1]
    assert plain.feed(waiting) == []
    larger = PlainFrames()
    data = client_frame(b"\0" * (MAX_PLAIN_BYTES + 1))
    (foreign,) = larger.feed(data[:-1])
    assert isinstance(foreign, Foreign)
    assert foreign.data == data[:-1]


@pytest.mark.parametrize(("size", "is_plain"), [(999, True), (1000, True), (1001, False)])
def test_what_is_over_the_limit_is_not_waited_for(size: int, *, is_plain: bool) -> None:
    found = PlainFrames(1000).feed(client_frame("x" * size)[:-1])
    assert found == [] if is_plain else isinstance(found[0], Foreign)


@pytest.mark.parametrize("size", [*_SIZES, 70_000])
@pytest.mark.parametrize("kind", [str, bytes])
def test_outgoing_frames_are_those_of_wsproto(size: int, kind: type) -> None:
    message = "é" * size if kind is str else b"\xff" * size
    assert plain_frame(message) == bytes(FrameProtocol(client=False, extensions=[]).send_data(message))


@pytest.mark.parametrize("size", [*_SIZES, 70_000])
def test_frames_of_one_message_are_those_of_each(size: int) -> None:
    frames: list[str | bytes] = ["é" * size, b"\xff" * size, b"", "4"]
    assert wire_bytes(WireMessage(frames)) == b"".join(map(plain_frame, frames))


@pytest.mark.parametrize(("reads_bytes", "pieces"), [(True, 8), (False, 0)])
@pytest.mark.parametrize("of_client", [True, False])
def test_attachments_cost_what_it_takes_to_unmask_them(pieces: int, *, reads_bytes: bool, of_client: bool) -> None:
    text, binary = (written.frame(payload, masked=of_client) for payload in ("x" * 1024, b"x" * 1024))
    plain = PlainFrames(of_client=of_client, reads_bytes=reads_bytes)
    plain.feed(text)
    assert plain.spent == 1 + 8
    plain.feed(binary)
    assert plain.spent == 1 + pieces
    plain.feed(written.frame(bytes(MAX_PLAIN_BYTES), masked=of_client))
    assert plain.spent == 1 + MAX_PLAIN_BYTES // (MESSAGE_PIECE_BYTES if reads_bytes else ATTACHMENT_PIECE_BYTES)


@pytest.mark.parametrize("size", [*_SIZES, 511, 512, 513, 70_000])
@pytest.mark.parametrize("kind", [str, bytes])
def test_frames_of_a_client_say_the_same_to_wsproto(size: int, kind: type) -> None:
    message = "é" * (size // 2) + "x" * (size % 2) if kind is str else b"\xff" * size
    frame = masked_frames([message], iter([b"\x12\x00\xff\xe7"]))
    assert frame[:2] == bytes(FrameProtocol(client=True, extensions=[]).send_data(message))[:2]
    assert b"\x12\x00\xff\xe7" in frame[2:14]
    server = Reader(shortcut=False)
    server.feed(frame)
    assert server.seen == [("message", message)]


def test_each_frame_of_a_client_has_a_mask_of_its_own() -> None:
    drawn = iter([b"aaaabbbb", b"cccc", b"dddd"])
    found = masks(lambda: next(drawn))
    one, two, pong = (masked_frames(["x"], found), masked_frames(["x", b"y"], found), pong_frame(b"p", found))
    assert one[2:6] == b"aaaa"
    assert (two[2:6], two[9:13]) == (b"bbbb", b"cccc")
    assert pong[2:6] == b"dddd"


@pytest.mark.parametrize("said", [b"", b"\x03\xe8", b"\x03\xe9bye", "\x0f\xa0".encode("latin-1") + "é".encode()])
@pytest.mark.parametrize("of_client", [True, False])
def test_a_usual_close_frame_is_read_without_wsproto(said: bytes, *, of_client: bool) -> None:
    head = bytes((0x88, len(said) | (0x80 if of_client else 0)))
    ours = compare([head + (b"\0\0\0\0" if of_client else b"") + said], of_client=of_client)
    assert (len(ours.seen), ours.foreign_bytes) == (1, 0)


@pytest.mark.parametrize(
    "said", [b"x", b"\x03\xed", b"\x03\xf4", b"\x03\xf0", b"\x0b\xb7", b"\x13\x88", b"\x03\xe8\xff"]
)
def test_other_close_frames_are_judged_by_wsproto(said: bytes) -> None:
    ours = compare([bytes((0x88, len(said) | 0x80)) + b"\0\0\0\0" + said])
    assert (len(ours.seen), ours.foreign_bytes) == (1, 6 + len(said))


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_close_frame_in_two_pieces_is_the_same(cut: int) -> None:
    data = client_frame("x") + b"\x88\x85mask" + bytes(a ^ b for a, b in zip(b"\x03\xe8bye", b"maskm", strict=True))
    assert compare([data[: 7 + cut], data[7 + cut :]]).seen[-1] == ("close", (1000, "bye", True))


@pytest.mark.parametrize(("code", "text"), [(1005, ""), (1000, ""), (4999, "é" * 61)])
def test_outgoing_close_frames_say_the_same_to_wsproto(code: int, text: str) -> None:
    frames = FrameProtocol(client=False, extensions=[])
    assert close_frame(code, text, None) == bytes(frames.close(None if code == 1005 else code, text or None))
    server = Reader(shortcut=False)
    server.feed(close_frame(code, text, iter([b"mask"])))
    assert server.seen == [("close", (code, text, True))]


@pytest.mark.parametrize("payload", [b"", b"p", b"x" * 125])
def test_pongs_are_those_of_wsproto(payload: bytes) -> None:
    assert pong_frame(payload, None) == bytes(FrameProtocol(client=False, extensions=[]).pong(payload))
    server = Reader(shortcut=False)
    server.feed(pong_frame(payload, iter([b"mask"])))
    assert server.seen == [("Pong", payload)]


if __name__ == "__main__":
    count = int(sys.argv[1])
    plain_bytes = 0
    for number in range(count):
        plain_bytes += check(number + 1_000_000)
        if number % 10_000 == 9_999:
            print(f"\r{number + 1:,} of {count:,} inputs, {plain_bytes:,} bytes in plain frames", end="", flush=True)
    print()


@pytest.mark.parametrize("size", [0, 125, 126, 127, 65_535, 65_536])
@pytest.mark.parametrize("cut", [1, 3, 7, 100_000])
def test_what_comes_behind_a_frame_of_others_is_plain_again(size: int, cut: int) -> None:
    frames, sent = PlainFrames(), written.frame(b"x" * size, rsv=4)
    found = [each for at in range(0, len(sent), cut) for each in frames.feed(sent[at : at + cut])]
    assert b"".join(each.data for each in found if isinstance(each, Foreign)) == sent
    assert frames.feed(written.frame("4a")) == ["4a"]
