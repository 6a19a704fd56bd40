"""The hostile table over WebSocket frames: what is sent, the close code, and why the socket has left."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pytest

from socketio_core import EngineSettings, Server
from tests.adapters.bench import Bench, serving, until
from tests.adapters.clients import WebSocketClient
from tests.adapters.hostile import EOF, Step, perform, under_attack
from tests.adapters.loops import both_loops, one_loop
from tests.wire.written import BINARY, CONTINUATION, PING, PONG, TEXT, close_frame, frame

LIMIT: Final = 1000  # max_payload_bytes here

GOING_ON: Final = 0
NO_CODE: Final = 1005
CUT: Final = 1006  # the connection ends without a close frame

ECHO: Final = '421["echo"]'
ECHOED: Final = "431[]"


@dataclass(frozen=True)
class Row:
    """One attack by a client that has joined: what it is sent before the end, the close code, the reason."""

    name: str
    steps: tuple[Step, ...]
    code: int
    reason: str | None
    answers: tuple[str, ...] = ()


def row(
    name: str, *steps: Step, code: int, reason: str | None = "transport error", answers: tuple[str, ...] = ()
) -> Row:
    return Row(name, steps, code, reason, answers)


def fragments(*parts: bytes, opcode: int = TEXT) -> bytes:
    """A message in as many frames."""
    kinds = [opcode, *[CONTINUATION] * (len(parts) - 1)]
    return b"".join(
        frame(part, kind, fin=number == len(parts))
        for number, (part, kind) in enumerate(zip(parts, kinds, strict=True), 1)
    )


def message(size: int) -> str:
    """An event that the server ignores, in a frame of `size` bytes."""
    return f'42["{"x" * (size - 6)}"]'


FRAMES: Final = [
    row("an unmasked frame", frame(ECHO, masked=False), code=1002),
    row("an unmasked frame behind a good one", frame(ECHO) + frame("4", masked=False), code=1002),
    *[row(f"reserved bits {rsv:03b}", frame(ECHO, rsv=rsv), code=1002) for rsv in (1, 2, 4, 7)],
    *[row(f"opcode {opcode:#x}", frame(b"", opcode), code=1002) for opcode in (3, 7, 0xB, 0xF)],
    row("a fragmented ping", frame(b"", PING, fin=False), code=1002),
    row("a fragmented close", frame(b"", 8, fin=False), code=1002),
    row("a ping of 125 bytes", frame(b"x" * 125, PING), code=GOING_ON, reason=None),
    row("a ping of 126 bytes", frame(b"x" * 126, PING), code=1002),
    row("a close of 126 bytes", close_frame(1000, b"x" * 124), code=1002),
    row("a length in too many bytes", b"\x81\xfe\x00\x05" + frame("hello")[2:], code=1002),
    row("a length over 63 bits", b"\x82\xff\xff" + bytes(7) + b"mask", code=1002),
    row("a continuation of nothing", frame("x", CONTINUATION), code=1002),
    row("a new message inside another", frame("4", fin=False) + frame(ECHO), code=1002),
    row("bytes inside a text", frame("4", fin=False) + frame(b"x", BINARY), code=1002),
    row("half a frame, then end of file", frame(ECHO)[:-1], EOF, code=NO_CODE, reason="transport close"),
    row("half a message, then end of file", frame("42", fin=False), EOF, code=NO_CODE, reason="transport close"),
    row("half a frame, then silence", frame(ECHO)[:-1], 45.0, code=NO_CODE, reason="ping timeout"),
    row("HTTP", b"GET / HTTP/1.1\r\n\r\n", code=1002),
]

TEXTS: Final = [
    row("UTF-8 that is none", frame(b"4\xff", TEXT), code=1007),
    row("UTF-8 cut short", frame(b"4\xe2\x82", TEXT), code=1007),
    row("an encoded surrogate", frame(b'42["\xed\xa0\x80"]', TEXT), code=1007),
    row("UTF-8 that goes bad in the second fragment", fragments(b"4\xe2", b"\x28\xa1"), code=1007),
    row(
        "UTF-8 across fragments",
        fragments(b'421["echo","\xe2', b"\x82", b'\xac"]'),
        code=GOING_ON,
        reason=None,
        answers=('431["€"]',),
    ),
    row(
        "a ping inside a message",
        frame('421["ec', fin=False) + frame(b"", PING) + frame('ho"]', CONTINUATION),
        code=GOING_ON,
        reason=None,
        answers=(ECHOED,),
    ),
    row(
        "1 byte per frame",
        fragments(*[ECHO[at : at + 1].encode() for at in range(len(ECHO))]),
        code=GOING_ON,
        reason=None,
        answers=(ECHOED,),
    ),
    row(
        "5,000 empty fragments", fragments(*[b""] * 5000, ECHO.encode()), code=GOING_ON, reason=None, answers=(ECHOED,)
    ),
    row("nothing but empty fragments", fragments(*[b""] * 5000), code=NO_CODE, reason="parse error"),
    row("an empty text", frame(""), code=NO_CODE, reason="parse error"),
]

SIZES: Final = [
    row("a message at the limit", frame(message(LIMIT)), code=GOING_ON, reason=None),
    row("a message over the limit", frame(message(LIMIT + 1)), code=1009),
    row(
        "fragments at the limit",
        fragments(message(LIMIT).encode()[:500], message(LIMIT).encode()[500:]),
        code=GOING_ON,
        reason=None,
    ),
    row("fragments over the limit", fragments(message(LIMIT).encode(), b" "), code=1009),
    row("over the limit in UTF-8 only", frame(f'42["{"é" * 500}"]'), code=1009),
    row("bytes over the limit", frame(b"x" * (LIMIT + 1)), code=1009),
    row("an announced exabyte", frame(b"x" * 900, length=2**60), b"x" * 101, code=1009),
    row("a message without an end", fragments(*[b"x" * 100] * 11)[:-2] + b"x", code=1009),
    row("more behind a message over the limit", fragments(*[b"x" * 400] * 10), frame(ECHO), code=1009),
]

CONTROL: Final = [
    row("10,000 pings", frame(b"?", PING) * 10_000, code=GOING_ON, reason=None),
    row("pongs that nobody asked for", frame(b"?", PONG) * 100, code=GOING_ON, reason=None),
    *[
        row(f"close {code}", close_frame(code), code=code, reason="transport close")
        for code in (1000, 1001, 1011, 3000, 4999)
    ],
    row("close without a code", close_frame(), code=NO_CODE, reason="transport close"),
    row("close with a reason", close_frame(1000, b"bye"), code=1000, reason="transport close"),
    *[
        row(f"close {code}, which no frame may hold", close_frame(code), code=1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999)
    ],
    row("close with one byte", frame(b"\x03", 8), code=1002),
    row("close with bad UTF-8", close_frame(1000, b"\xff"), code=1007),
    row("data behind a close", close_frame(1000) + frame(ECHO) * 100, frame(ECHO), code=1000, reason="transport close"),
    row(
        "an event, and a close behind it", frame('42["echo"]') + close_frame(1000), code=1000, reason="transport close"
    ),
    row("garbage behind a close", close_frame(1000), b"\xff" * 1000, code=1000, reason="transport close"),
    row("nothing but end of file", EOF, code=NO_CODE, reason="transport close"),
]

ROWS: Final = [*FRAMES, *TEXTS, *SIZES, *CONTROL]


async def _attack(bench: Bench, row: Row) -> None:
    client = await bench.websocket()
    await perform(client.peer, *row.steps)
    assert tuple([await client.take() for _ in row.answers]) == row.answers
    if row.code == GOING_ON:
        await client.echo()
        assert bench.reason_of(client) is None
        return
    assert await _end_of(client) == row.code
    await until(lambda: bench.reason_of(client) == row.reason, f"the socket has left: {bench.left}")


async def _end_of(client: WebSocketClient) -> int:
    code = await client.close_code()
    assert await client.peer.rest() == b"", "something behind the close frame"
    return code


def _server() -> Server:
    return Server(engine=EngineSettings(max_payload_bytes=LIMIT))


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
@both_loops
async def test_hostile_websocket(row: Row) -> None:
    async with under_attack(_server()) as bench:
        await _attack(bench, row)


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
@one_loop("trio", tcp=True)
async def test_hostile_websocket_over_tcp(row: Row) -> None:
    """The same where frames are written to the socket directly, as asyncio's transports always do."""
    async with serving(_server(), tcp=True) as bench:
        await _attack(bench, row)
        await bench.check_still_serves()
