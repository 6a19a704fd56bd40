"""The floor: a bare client on trio that makes the system calls of ours, and has `json` read and write each event.

It speaks to our server, with a mask of zeros and answers of one size. What our client takes above that is its own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Final

import trio

from benchmarks.messages import compact

HANDSHAKE: Final = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
JOIN: Final = b"\x81\x82\0\0\0\x0040"
NO_MASK: Final = bytes(4)


class Floor:
    """One connection, and what came back on it."""

    def __init__(self, port: int, arguments: list[object]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for said in (HANDSHAKE, JOIN):
            self._socket.sendall(said)
            time.sleep(0.1)
            self._socket.recv(65536)
        self._event = ["echo", *arguments]
        text = f"42{compact(self._event)}"
        self._text = text
        self._head = bytes((0x81, len(text))) if len(text) < 126 else b"\x81\x7e" + len(text).to_bytes(2, "big")
        self._mask_at = self._head[:1] + bytes((self._head[1] | 0x80,)) + self._head[2:] + NO_MASK
        self.count = 0
        self.under_way = 0
        self.is_sending = False

    def send(self, count: int) -> None:
        """Send so many events."""
        frames = [self._mask_at + f"42{json.dumps(self._event, separators=(',', ':'))}".encode() for _ in range(count)]
        self.under_way += count
        os.write(self._socket.fileno(), b"".join(frames))

    async def run(self) -> None:
        """Answer each event by another, while that is wanted."""
        fileno, size, unread = self._socket.fileno(), len(self._head) + len(self._text), 0
        while True:
            await trio.lowlevel.wait_readable(fileno)
            count, unread = divmod(unread + len(os.read(fileno, 65536)), size)
            for _ in range(count):
                json.loads(self._text[2:])
            self.count += count
            self.under_way -= count
            if self.is_sending and count:
                self.send(count)


async def main(port: str, given: str) -> None:
    in_flight, arguments = json.loads(given)
    floor = Floor(int(port), arguments)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(floor.run)
        print("ready", flush=True)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            warm_up_s, seconds = map(float, line.split())
            floor.is_sending = True
            floor.send(in_flight)
            await trio.sleep(warm_up_s)
            begin = (floor.count, time.monotonic(), time.process_time())
            await trio.sleep(seconds)
            end = (floor.count, time.monotonic(), time.process_time())
            floor.is_sending = False
            while floor.under_way:  # noqa: ASYNC110 - an event for it would cost what is measured
                await trio.sleep(0.01)
            counted, elapsed_s, cpu_s = (now - before for before, now in zip(begin, end, strict=True))
            sample = {"count": counted, "elapsed_s": elapsed_s, "server_cpu_s": cpu_s, "generator_cpu_s": 0}
            print(json.dumps(sample), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
