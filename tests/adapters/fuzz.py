"""Throws garbage at the server, and at the core alone: `python -m tests.adapters.fuzz --seconds 60 --seed 1`.

The seed says which server it is, too: on trio, on asyncio, or the ASGI application under uvicorn.

What must hold, whatever comes: nothing raises, nothing is logged as a failure, nothing hangs, nothing is left when the
deadlines have passed, and an honest client is served afterwards. A failure names the seed of its round, and `--seed`
repeats it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from functools import partial
from typing import Final

from socketio_core import EngineSettings, Server, SocketSettings
from socketio_core.app import Socket
from socketio_core.engineio.actions import Park, ReadBody, Upgrade
from socketio_core.engineio.carriers import Poll, Post, WebSocket
from socketio_core.http import Request, Response
from socketio_core.socketio.events import ConnectRequested, EventReceived
from socketio_core.socketio.server import ServerCore
from tests.adapters.bench import Bench, serving, until
from tests.adapters.clients import payload
from tests.adapters.loops import SERVERS, loop
from tests.adapters.peer import Peer
from tests.interop.peers import NO_SUCH_SESSION
from tests.wire.written import POLLING, WEBSOCKET, close_frame, frame, handshake, request

ENGINE: Final = EngineSettings(
    max_payload_bytes=2000, max_packets_per_payload=20, max_buffered_bytes=20_000, high_water_bytes=5000
)
SOCKET: Final = SocketSettings(max_attachments=3, max_attachment_bytes=3000, max_held_packets=3, max_queued_events=5)

GOOD: Final[list[str | bytes]] = [
    *("3", "6", '42["echo"]', '421["echo",1]', '42["late"]', '421["late"]', '42["ask"]', '430["so"]', '42["all","x"]'),
    *('42["x","\ud7ff\ue000\U0001f600"]', '42["x",' + "[" * 100 + "]" * 100 + "]", '42["echo","' + "x" * 1900 + '"]'),
]
BAD: Final[list[str | bytes]] = [
    *("40", "41", "42", "43", "44", "45", "46", "4", "0", "1", "2", "5", "2probe", "3probe", "b", "bAQID", "b!", ""),
    *("40/nowhere,", '40/other,{"a":1}', '42/other,["echo"]', '42/other,1["late"]', "41/other", '42/slow,["x"]'),
    *(
        '451-["echo",{"_placeholder":true,"num":0}]',
        '4512-["echo",1]',
        '461-1[{"_placeholder":true,"num":0}]',
        b"",
        b"\xff",
    ),
    *(
        '42["connect"]',
        "42[1]",
        "42{}",
        '42["bye"]',
        '42["x",' + "[" * 200,
        '42["echo","' + "x" * 1990 + '"]',
        "40/slow,",
    ),
]
CORE_ROUNDS: Final = 10  # for one against the adapter: about the same time
HEADS: Final = [
    *("Expect: 100-continue", "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"),
    *(
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Content-Length: -1",
        "Origin: http://evil",
        "Origin: http://test",
    ),
    *(
        "Accept-Encoding: gzip",
        "Content-Type: application/octet-stream",
        "Sec-WebSocket-Version: 13",
        "X: " + "y" * 3000,
    ),
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
]
TARGETS: Final = [POLLING, WEBSOCKET, "/", "/socket.io/", "/socket.io/?EIO=3&transport=polling", "*", "http://test/x"]
METHODS: Final = ["GET", "POST", "OPTIONS", "HEAD", "PUT", "CONNECT", "get", "\xff"]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Damage bytes a little: flip, drop, double, insert, cut."""
    changed = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at, size = rng.randrange(len(changed) + 1), rng.choice((1, 1, 2, 10, 100))
        kind = rng.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[at : at + size]
        elif kind == 2:
            changed[at:at] = changed[at : at + size]
        elif kind == 3:
            changed[at:at] = rng.randbytes(size)
        elif kind == 4:
            changed[at:at] = rng.choice((b"\r\n", b"\0", b"\x1e", b"\xff", b"{", b"9" * 30, b"\xed\xa0\x80"))
        else:
            del changed[at:]
    return bytes(changed)


def some_packets(rng: random.Random, *, joins: bool = True) -> list[str | bytes]:
    """A few packets, most of them in a sensible order."""
    packets: list[str | bytes] = ["40"] if joins and rng.random() < 0.7 else []
    for _ in range(rng.randrange(6)):
        packets += [rng.choice(GOOD if rng.random() < 0.9 else BAD)]
    if rng.random() < 0.2:
        packets += ['451-["echo",{"_placeholder":true,"num":0}]', b"\x00\xff"]
    return packets


def some_frames(rng: random.Random, *, joins: bool = True) -> bytes:
    """WebSocket frames; some are broken by design, before any damage is done to them."""
    out = b""
    for packet in some_packets(rng, joins=joins):
        data = packet.encode("utf-8", "surrogatepass") if isinstance(packet, str) else packet
        opcode = rng.choice((1, 1, 1, 1, 2, 0, 8, 9, 10, 3)) if rng.random() < 0.2 else 1 + isinstance(packet, bytes)
        out += frame(
            data,
            opcode,
            fin=rng.random() < 0.95,
            masked=rng.random() < 0.98,
            rsv=rng.choice((0,) * 30 + (4, 1, 7)),
            length=rng.choice((None,) * 50 + (0, 126, 70_000, 2**62)),
        )
    return out + (close_frame(rng.choice((1000, 1001, 1005, 4000))) if rng.random() < 0.2 else b"")


def some_requests(rng: random.Random, sid: str) -> bytes:
    """HTTP requests, and perhaps a WebSocket behind the last one."""
    out = b""
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(8)
        target = f"{POLLING}&sid={sid}"
        if kind == 0:
            out += request(rng.choice(TARGETS), rng.choice(METHODS), headers=rng.sample(HEADS, rng.randrange(4)))
        elif kind <= 2:
            out += request(target, "POST", payload(*some_packets(rng)))
        elif kind == 3:
            body = payload(*some_packets(rng))
            out += request(target, "POST", headers=["Transfer-Encoding: chunked"]) + b"%x\r\n%b\r\n0\r\n\r\n" % (
                len(body),
                body,
            )
        elif kind == 4:
            out += request(target, headers=rng.sample(HEADS, rng.randrange(2)))
        elif kind == 5:
            return out + handshake(f"{WEBSOCKET}&sid={sid}") + frame("2probe") + frame("5") + some_frames(rng)
        else:
            return out + handshake(headers=rng.sample(HEADS[-1:], rng.randrange(2))) + some_frames(rng)
    return out


def make_server(counts: Counter[str]) -> Server:
    """A server whose handlers do a bit of everything."""
    io = Server(engine=ENGINE, settings=SOCKET, per_message_deflate=True, http=_reflect)
    for space in (io.of("/"), io.of("/other"), io.of("/slow")):

        @space.on_any
        def count(*args: object) -> None:
            counts["events handled"] += 1

        @space.on("late")
        async def late(socket: Socket, *args: object) -> tuple[object, ...]:
            await loop.sleep(0.5)
            return args

        @space.on("ask")
        async def ask(socket: Socket) -> None:
            with loop.move_on_after(3):
                await socket.emit("question")

    @io.on("all")
    async def to_all(socket: Socket, *args: object) -> None:
        await io.to(socket.id).emit("all", *args, b"\x00")

    @io.on("bye")
    async def bye(socket: Socket) -> None:
        await socket.disconnect(close=True)

    @io.of("/slow").use
    async def decide(socket: Socket) -> None:
        await loop.sleep(1)

    return io


def _reflect(request: Request, body: bytes) -> Response:
    return Response(200, [], body)


async def _drain(peer: Peer, counts: Counter[str]) -> None:
    """Read to the end, and count what was answered."""
    received = await peer.rest()
    counts["bytes received"] += len(received)
    for status in re.findall(rb"HTTP/1.1 (\d+)", received):
        counts[f"status {status.decode()}"] += 1


async def _attack(bench: Bench, rng: random.Random, counts: Counter[str]) -> None:
    """One attacker: damaged requests on a fresh connection, frames on a WebSocket, or bodies of a polling client."""
    joined = rng.random() < 0.7
    kind = rng.randrange(3)
    if kind == 0:
        client = await bench.polling(join=joined)
        peer = await bench.connect()
        sent = some_requests(rng, client.sid) if rng.random() < 0.95 else rng.randbytes(rng.randrange(300))
        await _send(bench, peer, sent, rng, counts)
    elif kind == 1:
        peer = (await bench.websocket(join=joined)).peer
        sent = b"".join(some_frames(rng, joins=not joined and not number) for number in range(3))
        await _send(bench, peer, sent, rng, counts)
    else:
        client = await bench.polling(join=joined)
        for _ in range(rng.randrange(1, 5)):
            peer = await bench.connect()
            body = payload(*some_packets(rng, joins=not joined))
            if rng.random() < 0.3:
                body = mutate(rng, body)
            await peer.send(request(client.target, "POST", body) + request(client.target))
            bench.nursery.start_soon(_drain, peer, counts)
            counts["bytes sent"] += len(body)
            counts["connections"] += 1


async def _send(bench: Bench, peer: Peer, sent: bytes, rng: random.Random, counts: Counter[str]) -> None:
    """Send bytes, perhaps damaged, in pieces and with pauses; then stay, close, or half-close."""
    if rng.random() < 0.6:
        sent = mutate(rng, sent)
    counts["connections"] += 1
    counts["bytes sent"] += len(sent)
    bench.nursery.start_soon(_drain, peer, counts)
    while sent:
        size = rng.choice((1, 10, 100, len(sent), len(sent)))
        await peer.send(sent[:size])
        sent = sent[size:]
        if rng.random() < 0.3:
            await loop.sleep(rng.choice((0, 0.6, 5)))
    end = rng.random()
    if end < 0.4:
        await peer.close()
    elif end < 0.5 and hasattr(peer.stream, "send_eof"):
        await peer.end_writing()


async def adapter_round(seed: int, counts: Counter[str]) -> None:
    """Attack one server with several clients at once, and look at what is left of it."""
    rng = random.Random(seed)
    async with serving(make_server(counts)) as bench:
        tasks_before = loop.task_count()
        async with loop.open_nursery() as nursery:
            for _ in range(rng.randrange(1, 9)):
                nursery.start_soon(_attack, bench, random.Random(rng.random()), counts)
        await until(lambda: bench.session_count == 0, f"no session is left, seed {seed}")
        if loop.label:  # a connection that says nothing more is for a server below ASGI to end
            await bench.close_peers()
        await until(lambda: loop.task_count() <= tasks_before, f"no task is left, seed {seed}")
        await bench.check_still_serves()
        await loop.settle()
        told_once = ("refused: origin", NO_SUCH_SESSION)
        bench.log[:] = [line for line in bench.log if not any(text in line for text in told_once)]
        assert bench.log == [], f"seed {seed}"
    counts["rounds against the adapter"] += 1


def core_round(seed: int, counts: Counter[str]) -> None:
    """Feed the core requests, bodies, frames and deadlines in any order; it may refuse, but not raise."""
    rng = random.Random(seed)
    core = ServerCore(ENGINE, SOCKET)
    core.hub.of("/other")
    now = 0.0
    carriers: list[Poll | Post | WebSocket] = []
    sids: list[str] = []
    for _ in range(rng.randrange(10, 80)):
        now += rng.choice((0, 0, 0, 0, 0, 0, 0.1, 1, 25))
        step = rng.randrange(20)
        if step <= 4 or not carriers:
            _core_request(core, rng, now, carriers, sids)
        elif step <= 18:
            _core_input(core, rng, now, rng.choice(carriers[-3:]))
        else:
            core.handle_timeout(now)
        _core_events(core, rng, now, counts)
    core.close(now)
    _core_events(core, rng, now, counts)
    core.handle_timeout(now + 1000)
    assert core.session_count == 0, f"seed {seed}"
    counts["rounds against the core"] += 1


def _core_request(
    core: ServerCore, rng: random.Random, now: float, carriers: list[Poll | Post | WebSocket], sids: list[str]
) -> None:
    method, transport, sid = "GET", "polling", ""
    kind = rng.randrange(8)
    if kind >= 2 and sids:
        method, sid = rng.choice(("GET", "POST", "POST", "POST", "POST")), rng.choice(sids[-3:])
    if kind in (1, 2):
        method, transport = "GET", "websocket"
    if rng.random() < 0.1:
        method, transport = rng.choice(("GET", "POST", "PUT")), rng.choice(("polling", "websocket", "no"))
        sid = rng.choice((sid, "nobody", ""))
    target = f"/socket.io/?EIO=4&transport={transport}" + (f"&sid={sid}" if sid else "")
    upgrade = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")] if transport == "websocket" else []
    action = core.handle_request(Request(method, target, upgrade, scheme="http"), now, None)
    if isinstance(action, Park):
        carriers.append(action.poll)
    elif isinstance(action, ReadBody):
        carriers.append(action.post)
        if rng.random() < 0.8:
            _core_input(core, rng, now, action.post)
    elif isinstance(action, Upgrade):
        carriers.append(action.websocket)
    sids[:] = [session.sid for session in core.sessions]


def _core_input(core: ServerCore, rng: random.Random, now: float, carrier: Poll | Post | WebSocket) -> None:
    if isinstance(carrier, Poll):
        if rng.random() < 0.3:
            core.lost(carrier, now)
    elif isinstance(carrier, Post):
        body = payload(*some_packets(rng, joins=rng.random() < 0.5))
        carrier.feed(mutate(rng, body) if rng.random() < 0.3 else body)
        if rng.random() < 0.1:
            core.lost(carrier, now)
        elif rng.random() < 0.9:
            assert core.finish_post(carrier, now).status in (200, 400, 413)
    else:
        for packet in some_packets(rng, joins=rng.random() < 0.5):
            text = packet
            if isinstance(packet, str) and rng.random() < 0.1:
                text = mutate(rng, packet.encode("utf-8", "replace")).decode("utf-8", "replace")
            core.receive(carrier, text, now)
        if rng.random() < 0.1:
            core.lost(carrier, now)
        elif rng.random() < 0.05:
            core.fail(carrier, "broken", 1002, now)


def _core_events(core: ServerCore, rng: random.Random, now: float, counts: Counter[str]) -> None:
    for carrier in core.take_ready():
        if isinstance(carrier, WebSocket) and rng.random() < 0.8:
            carrier.take(rng.choice((None, 1, 100)))
    for event in core.take_events():
        counts[type(event).__name__] += 1
        if isinstance(event, ConnectRequested):
            if rng.random() < 0.8:
                event.member.accept(now)
            elif rng.random() < 0.5:
                event.member.refuse("no")
        elif isinstance(event, EventReceived):
            if event.ack_id is not None:
                event.member.acknowledge(event.ack_id, event.args)
            if rng.random() < 0.1:
                event.member.disconnect(now, close=rng.random() < 0.5)


def one_round(seed: int, counts: Counter[str]) -> None:
    """Attack a server once, in virtual time, and the core as long as that takes."""
    SERVERS[seed % len(SERVERS)].run(partial(adapter_round, seed, counts), tcp=False)
    for number in range(CORE_ROUNDS):
        core_round(seed * CORE_ROUNDS + number, counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to go on; one round at least")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next ones count up")
    options = parser.parse_args()
    seed: int = random.randrange(2**32) if options.seed is None else options.seed
    _say(f"first seed {seed}")
    counts: Counter[str] = Counter()
    until_s = time.monotonic() + options.seconds
    while True:
        try:
            one_round(seed, counts)
        except BaseException:
            _say(f"failed with --seed {seed}")
            raise
        seed += 1
        if time.monotonic() > until_s:
            break
    for name, count in sorted(counts.items()):
        _say(f"{count:>14,} {name}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
