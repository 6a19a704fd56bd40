"""The seam between a server and others: what operators do goes through it, whoever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest

from socketio_core import Server, SocketSettings
from socketio_core.app import AckTimeout, Adapter, BroadcastOperator, LocalAdapter, Socket
from socketio_core.errors import LocalProtocolError
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.testing import WireClient
from tests.app.bus import Bus
from tests.app.hand_runtime import HandRig
from tests.app.rig import AppRig
from tests.socketio.faulty import Parser
from tests.socketio.rig import drain


class Pair(HandRig):
    """Two servers on one loop, joined, and two clients of each."""

    def __init__(self) -> None:
        self.bus = Bus()
        here = AppRig(adapter=self.bus)
        self.rigs = [here, AppRig(adapter=self.bus, beside=here)]
        self.io = here.io
        self.runtime = here.runtime
        self.clients: list[WireClient] = []
        self.sockets: list[Socket] = []
        for rig in self.rigs * 2:
            client, socket = rig.connect()
            self.clients.append(client)
            self.sockets.append(socket)

    def run(self) -> None:
        for rig in self.rigs * 2:
            rig.run()

    def heard(self) -> list[int]:
        """Say which of the clients got something."""
        return [number for number, client in enumerate(self.clients) if drain(client)]


HERE: Final = (0, 2)  # clients of the first server; the others are the second's

REACH: Final[list[tuple[Callable[[Pair], BroadcastOperator], list[int]]]] = [
    (lambda it: it.io.except_([]), [0, 1, 2, 3]),
    (lambda it: it.io.to("hall"), [0, 1]),
    (lambda it: it.io.except_("hall"), [2, 3]),
    (lambda it: it.io.to("hall").except_(it.sockets[1].id), [0]),
    (lambda it: it.io.to(it.sockets[3].id), [3]),
    (lambda it: it.sockets[1].to("hall"), [0]),
    (lambda it: it.sockets[2].broadcast, [0, 1, 3]),
    (lambda it: it.io.local, [0, 2]),
    (lambda it: it.io.local.to("hall"), [0]),
    (lambda it: it.io.to("hall").local, [0]),
    (lambda it: it.rigs[1].io.local.to("hall"), [1]),
    (lambda it: it.io.volatile.to("hall"), [0, 1]),
    (lambda it: it.io.to([]), []),
    (lambda it: it.io.of("/elsewhere").local, []),
]


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    for socket in pair.sockets[:2]:
        socket.join("hall")
    return pair


@pytest.mark.parametrize(("choose", "numbers"), REACH)
def test_all_that_an_operator_does_is_done_on_both_servers(
    pair: Pair, choose: Callable[[Pair], BroadcastOperator], numbers: list[int]
) -> None:
    chosen = choose(pair)
    get = pair.result_of
    get(chosen.emit("x"))
    assert pair.heard() == numbers
    chosen.emit_nowait("x")
    pair.run()
    assert pair.heard() == numbers
    sockets: list[Any] = get(chosen.fetch_sockets())
    assert sorted(pair.sockets.index(socket) for socket in sockets) == numbers
    get(chosen.sockets_join(["new", "newer"]))
    get(chosen.sockets_leave("newer"))
    assert [number for number, socket in enumerate(pair.sockets) if {"new", "newer"} & socket.rooms] == numbers
    assert not any("newer" in socket.rooms for socket in pair.sockets)
    get(chosen.disconnect_sockets())
    assert [number for number, socket in enumerate(pair.sockets) if not socket.connected] == numbers


def test_a_broadcast_counts_those_of_its_own_process(pair: Pair) -> None:
    assert pair.result_of(pair.io.emit("x")) == len(HERE)


def test_everybody_answers_wherever_they_are(pair: Pair) -> None:
    task = pair.rigs[0].start(pair.io.call("q"))
    pair.run()
    for number, client in enumerate(pair.clients):
        assert not task.is_done
        (question,) = drain(client)
        client.send(f"43{str(question).removeprefix('2').partition('[')[0]}[{number}]")
        pair.run()
    assert sorted(task.result) == [0, 1, 2, 3]


def test_who_does_not_answer_elsewhere_is_missed_as_here(pair: Pair) -> None:
    task = pair.rigs[0].start(pair.io.timeout(1).call("q"))
    pair.run()
    for number in (0, 1):
        (question,) = drain(pair.clients[number])
        pair.clients[number].send(f"43{str(question).removeprefix('2').partition('[')[0]}[{number}]")
    pair.rigs[0].advance(1)
    pair.rigs[1].advance(0)
    pair.run()
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "2 of 4 acks did not come"
    assert sorted(task.error.responses) == [0, 1]


ACTS: Final[list[tuple[Callable[[Server], Coroutine[Any, Any, Any]], Callable[[Socket], bool]]]] = [
    (lambda io: io.sockets_join("a"), lambda socket: "a" in socket.rooms),
    (lambda io: io.sockets_leave("hall"), lambda socket: "hall" not in socket.rooms),
    (lambda io: io.disconnect_sockets(), lambda socket: not socket.connected),
]


@pytest.mark.parametrize(("act", "is_done"), ACTS)
def test_what_is_told_waits_for_nobody(
    pair: Pair, act: Callable[[Server], Coroutine[Any, Any, Any]], is_done: Callable[[Socket], bool]
) -> None:
    pair.bus.gate = pair.rigs[0].runtime.new_event()
    for socket in pair.sockets:
        socket.join("hall")
    pair.result_of(act(pair.io))
    assert all(map(is_done, pair.sockets))


def test_all_rooms_are_those_of_all_servers(pair: Pair) -> None:
    pair.sockets[0].join("here")
    pair.sockets[1].join("there")
    ids = {socket.id for socket in pair.sockets}
    assert pair.result_of(pair.io.all_rooms()) == {"hall", "here", "there"} | ids
    assert pair.result_of(pair.io.of("/nobody").all_rooms()) == set()
    alone = AppRig()
    _, socket = alone.connect()
    assert alone.result_of(alone.io.all_rooms()) == {socket.id}
    assert alone.io.statistics().cluster is None
    assert pair.io.statistics().cluster == {"servers": 2}


def test_what_cannot_be_sent_is_sent_to_nobody(pair: Pair) -> None:
    for wrong in (pair.io.emit("x", object()), pair.io.emit("connect"), pair.io.call("disconnect")):
        with pytest.raises(LocalProtocolError):
            pair.result_of(wrong)
    assert pair.heard() == []


def test_the_usual_adapter_is_the_local_one() -> None:
    given: list[Adapter] = []

    def keep(local: LocalAdapter) -> LocalAdapter:
        given.append(local)
        return local

    rig = AppRig(adapter=keep)
    assert isinstance(given[0], LocalAdapter)
    assert given[0].runtime is rig.runtime
    client, _ = rig.connect()
    rig.io.emit_nowait("x")
    rig.run()
    assert drain(client) == ['2["x"]']


@pytest.mark.parametrize("wrong", [5, "redis://localhost"])
def test_what_makes_no_adapter_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="adapter must be a function"):
        Server(adapter=wrong)


def test_the_local_one_knows_how_deep_its_parser_goes() -> None:
    made: list[LocalAdapter] = []

    def make(local: LocalAdapter) -> LocalAdapter:
        made.append(local)
        return local

    for parser in (None, JsonParser(SocketSettings(max_emitted_json_depth=300)), Parser()):
        Server(parser=parser, adapter=make)
    assert [local.may_emit_deeper(256) for local in made] == [False, True, True]
