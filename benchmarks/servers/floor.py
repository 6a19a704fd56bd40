"""The floor: a bare program on trio that makes the same system calls as our server, and nothing else.

It answers a handshake and a namespace with made texts, and each message of the loads of `server` with a made one: no
JSON, no frames taken apart, no limits, no other transport. What a server on trio takes above that is its own.
"""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass
from typing import Final

import trio

from benchmarks.messages import opened
from benchmarks.network import SERVER_LOADS

_OPEN: Final = (
    '0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
)
_ANSWERS: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81" + bytes((len(_OPEN),)) + _OPEN.encode(),
    b'\x81\x2040{"sid":"AAAAAAAAAAAAAAAAAAAB"}',
)
"""To what a client says first and second."""


@dataclass(slots=True)
class Connection:
    """One client: how often it was read, the size of its messages, and the answer to each."""

    reads: int = 0
    size: int = 0
    answer: bytes = b""
    unanswered_bytes: int = 0

    def answer_to(self, data: bytes) -> bytes:
        """Return what is to be written."""
        self.reads += 1
        if self.reads <= len(_ANSWERS):
            return _ANSWERS[self.reads - 1]
        if not self.size:
            message = next(load.data for load in SERVER_LOADS.values() if data.startswith(load.data))
            self.size, self.answer = len(message), opened(message)
        count, self.unanswered_bytes = divmod(self.unanswered_bytes + len(data), self.size)
        return self.answer * count


async def main() -> None:
    epoll = select.epoll()  # of all sockets; it is what trio waits for
    connections: dict[int, Connection] = {}
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.setblocking(False)  # noqa: FBT003 - its only argument
        epoll.register(listener, select.EPOLLIN)
        print(listener.getsockname()[1], flush=True)
        while True:
            await trio.lowlevel.wait_readable(epoll.fileno())
            for fileno, _ in epoll.poll(0):
                if fileno == listener.fileno():
                    accepted, _ = listener.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections[accepted.fileno()] = Connection()
                    epoll.register(accepted.detach(), select.EPOLLIN)
                elif data := os.read(fileno, 65536):
                    os.write(fileno, connections[fileno].answer_to(data))
                else:
                    os.close(fileno)


if __name__ == "__main__":
    trio.run(main)
