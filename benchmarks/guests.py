"""Clients that come and go, in a process of their own: `python -m benchmarks.guests PORT COUNT SEED PAUSE_S`.

Most are honest: they send events over any transport, and look whether all come back, once and in order. The others drop
their connection anywhere, or read nothing. A line on standard input asks for what was seen so far; the line `leave`
ends it, once all have gone.
"""

from __future__ import annotations

import json
import math
import random
import socket
import struct
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import trio

from benchmarks.attacker import new_sid
from benchmarks.attacks import HANDSHAKE, JOIN, POLLING, UPGRADE, frame, request
from socketio_core.trio import AckTimeout, ClientSocket, ConnectError, Disconnected, connect

PATIENCE_S: Final = 60.0  # of the honest, for one batch of events
TRANSPORTS: Final = (["polling"], ["websocket"], ["polling", "websocket"])
MAX_EVENTS: Final = 40  # of one batch
MAX_CHARS: Final = 3000  # of one event; one in ten
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset

Pieces = list[bytes]


@dataclass
class Seen:
    """What the guests have seen.

    Attributes:
        visits: of honest guests.
        events: that came back to them.
        rude: visits of others.
        faults: what should not have happened to an honest one.
        slowest_s: the longest time in which a batch came back.
    """

    visits: int = 0
    events: int = 0
    rude: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    slowest_s: float = 0.0


class Guests:
    """All of them.

    Args:
        pause_s: how long they rest between two things, on average.
        visits: of honest guests; then it is over.
    """

    def __init__(self, port: int, seed: int, pause_s: float, visits: float = math.inf) -> None:
        self._port = port
        self._pace = 1 / pause_s
        self._random = random.Random(seed)
        self._visits = visits
        self._is_ending = trio.Event()
        self.seen = Seen()

    def end(self) -> None:
        """Let all go once they have done what they are about."""
        self._visits = 0
        self._is_ending.set()

    async def come_and_go(self) -> None:
        """Be one guest after another."""
        while self.seen.visits < self._visits:
            await self._rest()
            kind = self._random.choices((self._visit, self._abort, self._read_nothing), (6, 3, 1))[0]
            await kind()

    async def _visit(self) -> None:
        transports = self._random.choice(TRANSPORTS)
        deflates = self._random.random() < 0.2
        url = f"http://127.0.0.1:{self._port}"
        where = f"{'+'.join(transports)}{', deflate' if deflates else ''}"
        try:
            options: dict[str, Any] = {"reconnection": False, "per_message_deflate": deflates}
            async with connect(url, transports=transports, **options) as client:
                client.on("disconnect", partial(self._disconnected, where))
                for _ in range(self._random.randint(1, 4)):
                    await self._exchange(client)
                    await self._rest()
                    if self._is_ending.is_set():
                        break
        except (AckTimeout, ConnectError, Disconnected, trio.TooSlowError, Lost) as error:
            self.seen.faults[f"{where}: {type(error).__name__} {error}"[:200]] += 1
        self.seen.visits += 1

    async def _rest(self) -> None:
        with trio.move_on_after(self._random.expovariate(self._pace)):
            await self._is_ending.wait()

    def _disconnected(self, where: str, reason: str, *_: object) -> None:
        if reason != "io client disconnect":
            self.seen.faults[f"{where}: {reason}"] += 1

    async def _exchange(self, client: ClientSocket) -> None:
        """Send events, and look whether they come back."""
        begun = trio.current_time()
        sent = [(number, self._payload()) for number in range(self._random.randint(1, MAX_EVENTS))]
        with trio.fail_after(PATIENCE_S):
            async with client.events() as events:
                for event in sent:
                    await client.emit("echo", *event)
                for event in sent:
                    if (got := await anext(events, None)) != ("echo", *event):
                        raise Lost(f"event {event[0]} of {len(sent)}, for this came: {got and got[:2]}")
                if await client.call("ack", "last", timeout=PATIENCE_S) != "last":
                    raise Lost("the acknowledgement")
        self.seen.events += len(sent)
        self.seen.slowest_s = max(self.seen.slowest_s, trio.current_time() - begun)

    def _payload(self) -> str | bytes:
        size = self._random.randint(0, MAX_CHARS) if self._random.random() < 0.1 else 10
        return self._random.randbytes(size) if self._random.random() < 0.1 else "x" * size

    async def _abort(self) -> None:
        """Say a part of something sensible, and hang up; perhaps wait, perhaps in the middle of a frame."""
        try:
            conversation = b"".join(await self._conversation())
            part = conversation[: self._random.randint(0, len(conversation))]
            stream = await trio.open_tcp_stream("127.0.0.1", self._port)
            async with stream:
                await stream.send_all(part)
                await trio.sleep(self._random.choice((0, 0.01, 1)) / self._pace)
                if self._random.random() < 0.5:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except (OSError, trio.BrokenResourceError):
            pass
        self.seen.rude += 1

    async def _conversation(self) -> Pieces:
        event = b'42["echo","' + bytes(2000) + b'"]'
        if self._random.random() < 0.5:
            return [HANDSHAKE, JOIN, frame(event), frame(event[:100], first=0)]
        polling = f"{POLLING}&sid={(await trio.to_thread.run_sync(new_sid, self._port)).decode()}"
        pieces = [request(polling, method="POST", body=event)]
        if self._random.random() < 0.5:
            return [*pieces, request(polling)]
        upgrade = request(polling.replace("polling", "websocket"), *UPGRADE)
        return [upgrade, frame(b"2probe"), frame(b"5"), frame(event)]

    async def _read_nothing(self) -> None:
        """Ask for much, and take none of it."""
        try:
            async with await trio.open_tcp_stream("127.0.0.1", self._port) as stream:
                await stream.send_all(HANDSHAKE + JOIN)
                await stream.receive_some(1000)
                with trio.move_on_after(min(6 / self._pace, PATIENCE_S)):
                    await stream.send_all(frame(b'42["echo","' + bytes(b"x" * 1000) + b'"]') * 4000)
                    await self._is_ending.wait()
        except (OSError, trio.BrokenResourceError):
            pass
        self.seen.rude += 1


class Lost(Exception):  # noqa: N818 - read as an outcome
    """Something did not come back as it was sent."""


async def main(port: int, count: int, seed: int, pause_s: float) -> None:
    guests = Guests(port, seed, pause_s)
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(guests.come_and_go)
        while (await trio.to_thread.run_sync(sys.stdin.readline)).strip() != "leave":
            print(json.dumps(vars(guests.seen)), flush=True)
        guests.end()
    print(json.dumps(vars(guests.seen)), flush=True)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
