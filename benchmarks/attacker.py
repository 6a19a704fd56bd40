"""Hostile clients, in a process of their own, until it is killed: `python -m benchmarks.attacker NAME PORT COUNT`."""

from __future__ import annotations

import argparse
import os
import selectors
import socket
from contextlib import suppress
from time import monotonic
from typing import Final

from benchmarks.attacks import ATTACKS, POLLING, Attack, request

RETRY_S: Final = 0.05
WAIT_S: Final = 5.0


class Attacker:
    """One connection after another: each sends its block, again and again, as fast as it is taken."""

    def __init__(self, attack: Attack, port: int, selector: selectors.BaseSelector) -> None:
        self._attack = attack
        self._port = port
        self._selector = selector
        self._block = memoryview(attack.block)
        self.due_at = 0.0
        self._socket: socket.socket | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def begin(self) -> None:
        """Connect, and send what opens the connection; with a new session, if one is needed."""
        attack = self._attack
        try:
            if b"{sid}" in attack.block:
                self._block = memoryview(attack.block.replace(b"{sid}", _new_sid(self._port)))
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=WAIT_S)
            self._socket.sendall(attack.opening)
        except OSError:
            self.end()
            return
        self._socket.settimeout(0)
        self._left = self._block
        wanted = selectors.EVENT_WRITE | (selectors.EVENT_READ if attack.reads else 0)
        self._selector.register(self._socket, wanted, self)

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
            if mask & selectors.EVENT_READ and not self._socket.recv(1 << 18):
                self.end()
                return
            if mask & selectors.EVENT_WRITE:
                self._left = self._left[self._socket.send(self._left) :] if self._left else self._left
                if not self._left:
                    self._block_sent()
        except BlockingIOError:
            pass
        except OSError:
            self.end()

    def _block_sent(self) -> None:
        assert self._socket is not None  # it has just written
        if self._attack.is_brief:
            self.end()
        elif self._attack.stays:
            if self._attack.reads:
                self._selector.modify(self._socket, selectors.EVENT_READ, self)
            else:
                self._selector.unregister(self._socket)
        else:
            self._left = self._block


def _new_sid(port: int) -> bytes:
    """Open a session by polling, and join."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as client:
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
    parser.add_argument("name", choices=ATTACKS)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    os.nice(10)  # what measures comes first
    selector = selectors.DefaultSelector()
    attackers = [Attacker(ATTACKS[options.name], options.port, selector) for _ in range(options.count)]
    waiting = set(attackers)
    print("ready", flush=True)
    while True:
        for attacker in [each for each in waiting if each.due_at <= monotonic()]:
            attacker.begin()
            if attacker.is_connected:
                waiting.discard(attacker)
        for key, mask in selector.select(RETRY_S):
            key.data.move(mask)
            if not key.data.is_connected:
                waiting.add(key.data)


if __name__ == "__main__":
    main()
