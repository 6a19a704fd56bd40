"""Any server: whatever it sends, in whatever pieces, a client's connections never raise, hold little, and end.

Frames are compared with wsproto in its plainest use. `--long` tries twenty times as many.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from socketio_core.wire.client.site import CLOSE_S, MAX_IDLE_S
from tests.effort import examples
from tests.wire.by_hand import Gate
from tests.wire.client.by_hand import CHUNKED, OPEN, OPEN_UPGRADES, Desk, response, said, switching
from tests.wire.client.test_http1 import cut, some_answer
from tests.wire.written import CLOSE, CONTINUATION, PING, PONG

BLOCK: Final = 20
DEFLATED: Final = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

seeds = pytest.mark.parametrize("start", range(0, examples(20), BLOCK))


def some_frames(random: Random) -> bytes:
    """Return frames, most of them good."""
    kinds = (
        *(said("4a"), said("4é" * 200), said(b"x" * 300), said("2"), said(b"p", PING), said(b"", PONG)),
        *(said("4a", fin=False), said(b"b", CONTINUATION, fin=False), said(b"c", CONTINUATION), said("9")),
        *(said(b"\x03\xe8", CLOSE), said(b"1", CLOSE), said("x", 3), said(b"\xff", 1), said("4a", rsv=4)),
    )
    weights = [8] * 6 + [2] * 4 + [1] * 5
    return b"".join(random.choices(kinds, weights, k=random.choice((1, 5, 50))))


def some_output(random: Random) -> bytes:
    """Return what a server might say next."""
    kind = random.random()
    if kind < 0.3:
        return response(random.choice((OPEN, OPEN_UPGRADES, "6", "4a", "ok", "2", "1", "9")))
    if kind < 0.4:
        return CHUNKED + b"1\r\n6\r\n0\r\n\r\n"
    if kind < 0.6:
        return switching(random.choice(("", DEFLATED))) + said(random.choice((OPEN, "3probe"))) + some_frames(random)
    if kind < 0.8:
        return some_frames(random)
    return some_answer(random) if kind < 0.95 else random.randbytes(100)


@seeds
def test_nothing_raises_and_all_comes_to_an_end(start: int) -> None:
    for seed in range(start, start + BLOCK):
        random = Random(seed)
        transports = random.choice((["polling"], ["websocket"], ["polling", "websocket"], ["websocket", "polling"]))
        desk = Desk(
            *transports,
            url=random.choice(("http://test", "https://test")),
            proxy=random.choice((None, None, "http://proxy")),
            gate=random.choice((None, Gate())),
            per_message_deflate=random.random() < 0.5,
            max_message_bytes=random.choice((100, 10_000)),
            try_all_transports=random.random() < 0.5,
        )
        for _ in range(12):
            act(desk, random)
        desk.core.close(desk.now)
        desk.settle()
        desk.advance(60.0)
        desk.site.abort(desk.now)
        desk.settle()
        assert desk.core.is_done, f"seed {seed}"
        assert not desk.site.wires, f"seed {seed}"
        assert not desk.reports, f"seed {seed}: {desk.reports}"
        assert len(desk.site.timers) == 0, f"seed {seed}"


def act(desk: Desk, random: Random) -> None:
    """Let something happen to a connection, or to the client."""
    line = random.choice(desk.lines)
    if not line.is_made:
        line.connect() if random.random() < 0.9 else line.lose("Connection refused")
    elif line.wire.wants_tls:
        line.secure() if random.random() < 0.9 else line.lose()
    happening = random.random()
    if happening < 0.7:
        line.send(*cut(random, some_output(random)))
    elif happening < 0.75:
        line.end()
    elif happening < 0.8:
        line.lose(random.choice(("", "reset")))
    elif happening < 0.9:
        desk.send("a" * random.choice((1, 200)))
    else:
        desk.advance(random.choice((0.1, MAX_IDLE_S, CLOSE_S, 30.0)))


def by_wsproto(data: bytes) -> tuple[list[str | bytes], int | None]:
    """Return the messages of frames, and the code of the close frame or of the error."""
    frames = Connection(ConnectionType.CLIENT)
    frames.receive_data(data)
    messages: list[str | bytes] = []
    parts: list[str | bytes] = []
    for event in frames.events():
        if isinstance(event, (TextMessage, BytesMessage)):
            parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
            if event.message_finished:
                messages.append(
                    "".join(map(str, parts)) if isinstance(parts[0], str) else b"".join(p for p in parts if p != "")  # type: ignore[misc] # all are bytes
                )
                parts = []
        elif isinstance(event, CloseConnection):
            return messages, int(event.code)
    return messages, None


@seeds
def test_messages_are_those_of_wsproto(start: int) -> None:
    for seed in range(start, start + BLOCK):
        random = Random(seed)
        data = some_frames(random)
        messages, code = by_wsproto(data)
        desk = Desk("websocket")
        line = desk.websocket()
        line.send(*cut(random, data))
        heard = [event for event in desk.events if isinstance(event, (str, bytes))]
        wanted: list[str | bytes] = []
        for message in messages:
            if message in ("9", "x"):
                break
            if message != "2":
                wanted.append(message if isinstance(message, bytes) else message[1:])
        assert heard == wanted, f"seed {seed}"
        if code is not None and "9" not in messages:
            assert line.frames()[-1][0] == CLOSE, f"seed {seed}"
            assert not desk.core.is_open, f"seed {seed}"


def test_what_is_held_of_a_server_that_sends_without_end_is_bounded() -> None:
    desk = Desk("websocket", max_message_bytes=1000)
    line = desk.websocket()
    line.is_reading = False
    for _ in range(20):
        line.send(said(b"?" * 125, PING) * 500)
    written = line.wire.data_to_send(desk.now)
    assert len(written) < 1000, "of all pings the last one is answered"
