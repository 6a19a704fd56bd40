"""Hostile clients, in a process of their own, until it is killed.

`python -m benchmarks.attacker [--tls] NAME PORT COUNT`
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Final

from benchmarks.attacks import ATTACKS, JOINED, OPENED, POLLING, TLS_ATTACKS, Attack, request
from benchmarks.tls_client import HostileTls, context

RETRY_S: Final = 0.05
WAIT_S: Final = 5.0


def connect(port: int, timeout_s: float, *, is_secure: bool) -> socket.socket:
    """Return a connection to a server, which it trusts whoever it is; `timeout_s` is for all that is waited for."""
    plain = socket.create_connection(("127.0.0.1", port), timeout_s)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context().wrap_socket(plain) if is_secure else plain


class Attacker:
    """One connection after another: each sends its block, again and again, as fast as it is taken."""

    def __init__(self, attack: Attack, port: int, selector: selectors.BaseSelector, *, is_secure: bool) -> None:
        self._attack = attack
        self._port = port
        self._is_secure = is_secure
        self._selector = selector
        self.due_at = 0.0
        self._socket: socket.socket | HostileTls | None = None
        self._parts: Iterator[tuple[bytes, bytes]] = iter(())
        self._left = memoryview(b"")  # of the part that is being sent
        self._awaited = b""  # the answer to it
        self._heard = b""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def begin(self) -> None:
        """Connect; with a new session, if one is needed."""
        block = self._attack.block
        try:
            if b"{sid}" in block:
                block = block.replace(b"{sid}", new_sid(self._port, is_secure=self._is_secure))
            plain = connect(self._port, WAIT_S, is_secure=False)
            how = self._attack
            tls = partial(HostileTls, plain, how.record_bytes, changes_keys=how.changes_keys)
            self._socket = tls() if self._is_secure else plain
        except OSError:
            self.end()
            return
        self._socket.settimeout(0)
        self._parts, self._heard = _parts(self._attack, block), b""
        self._selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        self._next_part()

    def end(self) -> None:
        """Drop the connection, and begin another soon."""
        if self._socket is not None:
            with suppress(KeyError):
                self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
        self.due_at = monotonic() + (0 if self._attack.is_brief else RETRY_S)

    def move(self, mask: int) -> None:
        """Read and write what is possible."""
        assert self._socket is not None  # it is watched
        try:
            if mask & selectors.EVENT_READ:
                self._read(self._socket)
            elif mask & selectors.EVENT_WRITE:
                self._left = self._left[self._socket.send(self._left) :] if self._left else self._left
                if not self._left:
                    self._part_sent()
        except BlockingIOError:
            pass
        except OSError:
            self.end()

    def _read(self, connection: socket.socket | HostileTls) -> None:
        data = connection.recv(1 << 18)
        if not data:
            self.end()
        elif self._awaited:
            self._heard += data
            if self._awaited in _said(self._heard):
                self._next_part()

    def _next_part(self) -> None:
        part, self._awaited = next(self._parts)
        self._left = memoryview(part)
        reads = self._attack.reads or self._awaited
        self._watch(selectors.EVENT_WRITE | (selectors.EVENT_READ if reads else 0))

    def _part_sent(self) -> None:
        if self._awaited:
            self._watch(selectors.EVENT_READ)
        elif self._attack.is_brief:
            self.end()
        elif self._attack.stays:
            self._watch(selectors.EVENT_READ if self._attack.reads else 0)
        else:
            self._next_part()

    def _watch(self, mask: int) -> None:
        assert self._socket is not None  # it has just moved
        if mask:
            self._selector.modify(self._socket, mask, self)
        else:
            self._selector.unregister(self._socket)


def _parts(attack: Attack, block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield what to send and the answer to wait for: the opening step by step, as servers want it, then blocks."""
    if attack.is_brief:
        yield attack.opening + block, b""
    elif attack.opening:
        head, end, rest = attack.opening.partition(b"\r\n\r\n")
        yield head + end, OPENED
        yield rest, JOINED
    while True:
        yield block, b""


def _said(heard: bytes) -> bytes:
    """Return what a server has said in whole frames behind the head of its answer, inflated if need be."""
    frames = heard.partition(b"\r\n\r\n")[2]
    inflater, said = zlib.decompressobj(wbits=-15), b""
    while len(frames) >= 2:
        start, size = 2, frames[1]
        if size == 126:
            start, size = 4, int.from_bytes(frames[2:4], "big")
        payload, end = frames[start : start + size], start + size
        if len(frames) < end:
            break
        said += inflater.decompress(payload + b"\x00\x00\xff\xff") if frames[0] & 0x40 else payload
        frames = frames[end:]
    return said


def new_sid(port: int, *, is_secure: bool = False) -> bytes:
    """Open a session by polling, and join."""
    with connect(port, WAIT_S, is_secure=is_secure) as client:
        client.sendall(request(POLLING))
        answer = b""
        while b'"sid":"' not in answer or b"}" not in answer:
            piece = client.recv(65536)
            if not piece:
                raise ConnectionError("no session")
            answer += piece
        sid = answer.partition(b'"sid":"')[2].partition(b'"')[0]
        client.sendall(request(f"{POLLING}&sid={sid.decode()}", method="POST", body=b"40"))
        client.recv(65536)
    return sid


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=ATTACKS | TLS_ATTACKS)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    os.nice(10)  # what measures comes first
    selector = selectors.DefaultSelector()
    attack = (ATTACKS | TLS_ATTACKS)[options.name]
    attackers = [Attacker(attack, options.port, selector, is_secure=options.tls) for _ in range(options.count)]
    waiting = set(attackers)
    is_ready = False
    while True:
        for attacker in [each for each in waiting if each.due_at <= monotonic()]:
            attacker.begin()
            if attacker.is_connected:
                waiting.discard(attacker)
        if not is_ready:
            is_ready = True
            print("ready", flush=True)
        for key, mask in selector.select(RETRY_S):
            key.data.move(mask)
            if not key.data.is_connected:
                waiting.add(key.data)


if __name__ == "__main__":
    main()
