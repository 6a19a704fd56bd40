"""To read a large message and to handle it may take long, each: others have their turn between."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import pytest

from socketio_core import Observer, Server
from socketio_core.app import Socket
from socketio_core.app.host import HEAVY_BYTES
from socketio_core.wire.base import FIRST_PIECES, LARGE_BYTES
from tests.app.served import Served
from tests.wire.by_hand import Peer
from tests.wire.written import frame, request

HEAVY: Final = f'42["heavy",[{"0," * (HEAVY_BYTES // 8)}0]]'
HEADER: Final = HEAVY.replace("42", "451-", 1).replace("[0,", '[{"_placeholder":true,"num":0},', 1)
LIGHT: Final = f'42["light","{"x" * LARGE_BYTES}"]'
POLLING: Final = "/socket.io/?EIO=4&transport=polling"


class Witness(Observer):
    """Notes what is read and handled, in order."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def event_received(self, socket: Socket, name: str, args: Sequence[Any]) -> None:
        if name != "small":
            self.noted.append(f"{name} read")


class Town(Served):
    """A server whose handlers are noted, round by round."""

    def __init__(self) -> None:
        self.witness = Witness()
        io = Server(observers=[self.witness])
        super().__init__(io)
        for name in ("heavy", "light", "small"):
            io.on(name, self.noting(name))

    def noting(self, name: str) -> Callable[..., None]:
        """Return a handler."""

        def note(*_: object) -> None:
            self.witness.noted.append(f"{name} handled")

        return note

    def round(self) -> list[str]:
        """Do what an event loop does in one: read, have handlers run and write, and only then give a turn."""
        noted = self.witness.noted = []
        for peer in self.peers:
            peer.give_input()
        self.work()
        self.site.handle_timeout(self.now)
        self.work()
        return noted

    def work(self) -> None:
        self.flush()
        while self.runtime.run_ready():
            self.flush()

    def put(self, peer: Peer, message: str | bytes) -> None:
        """Have a client send a message, of which nothing is read yet."""
        peer.put(frame(message))

    def put_post(self, target: str, message: str | bytes) -> None:
        """The same, by polling."""
        text = message if isinstance(message, str) else f"b{b64encode(message).decode()}"
        self.connect().put(request(target, method="POST", body=text.encode()))

    def join_polling(self) -> str:
        """Have a client join by polling. Returns where it sends messages to."""
        target = f"{POLLING}&sid={self.open_session(POLLING)}"
        self.connect().send(request(target, method="POST", body=b"40"))
        return target


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.mark.parametrize("kind", ["frame", "POST"])
def test_a_round_reads_one_or_handles_one_and_first_what_is_small(town: Town, kind: str) -> None:
    neighbour = town.join()
    if kind == "POST":
        for target in [town.join_polling() for _ in range(3)]:
            town.put_post(target, HEAVY)
    else:
        for peer in [town.join() for _ in range(3)]:
            town.put(peer, HEAVY)
    for _ in range(3):
        for step in ("heavy read", "heavy handled"):
            town.put(neighbour, '42["small"]')
            assert town.round() == ["small handled", step]
    while town.site.is_behind:
        assert town.round() == []


@pytest.mark.parametrize("kind", ["frame", "POST"])
def test_what_completes_something_heavy_is_as_heavy(town: Town, kind: str) -> None:
    """An event is read when its last attachment is there, which may be of one byte."""
    neighbour = town.join()
    senders: list[Callable[[str | bytes], object]] = []
    for _ in range(3):
        if kind == "POST":
            senders.append(partial(town.put_post, town.join_polling()))
        else:
            senders.append(partial(town.put, town.join()))
    for put in senders:
        put(HEADER)
    town.settle()
    for put in senders:
        put(b"x")
    for _ in range(3):
        for step in ("heavy read", "heavy handled"):
            town.put(neighbour, '42["small"]')
            assert town.round() == ["small handled", step]


def test_what_is_small_and_had_its_turn_in_the_same_round_is_handled(town: Town) -> None:
    talker, peer = town.join(), town.join()
    talker.put(frame('42["small"]') * (FIRST_PIECES + 1))
    town.put(peer, HEAVY)
    assert town.round() == [*["small handled"] * FIRST_PIECES, "heavy read", "small handled"]
    assert town.round() == ["heavy handled"]


def test_events_of_a_client_stay_in_order(town: Town) -> None:
    town.join()
    peer = town.join()
    town.put(peer, HEAVY)
    assert town.round() == ["heavy read"]
    town.put(peer, '42["small"]')
    assert town.round() == ["heavy handled", "small handled"]


def test_what_is_not_much_once_it_is_read_is_handled_at_once(town: Town) -> None:
    town.join()
    town.put(town.join(), LIGHT)
    assert town.round() == ["light read", "light handled"]


def test_who_waits_when_the_server_closes_is_told_goodbye(town: Town) -> None:
    """What it sent is not handled any more, as whatever waits then."""
    town.io.on("disconnect", town.noting("goodbye"))
    for peer in [town.join() for _ in range(2)]:
        town.put(peer, HEAVY)
    assert town.round() == ["heavy read"]
    noted = town.witness.noted = []
    town.site.close(town.now)
    town.work()
    assert noted == ["goodbye handled", "goodbye handled"]
    assert town.round() == []
    assert not town.site.is_behind


def test_who_left_in_between_is_told_behind_what_it_sent(town: Town) -> None:
    town.io.on("disconnect", town.noting("goodbye"))
    town.join()
    peer = town.join()
    town.put(peer, HEAVY)
    assert town.round() == ["heavy read"]
    peer.wire.lost(town.now)
    assert town.round() == ["heavy handled", "goodbye handled"]
