"""How many lists clients have a server hold: Python looks at all of them now and then, while nobody is served."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.app.server import host_of
from tests.app.hand_runtime import HandEvent
from tests.app.served import Served
from tests.wire.written import frame


@pytest.mark.parametrize(("lists", "clients"), [(49_000, 12), (5_000, 120), (500, 1_000)])
def test_lists_that_handlers_have_are_few_enough_for_the_garbage_collector(lists: int, clients: int) -> None:
    """Whatever their memory is beside the bound: each million would take it 100 ms, in which nobody is served."""
    served = Served(Server())
    end, held = HandEvent(served.runtime), list[int]()

    @served.io.on("slow")
    async def hold(_: Socket, each: list[Any]) -> None:
        held.append(len(each))
        await end.wait()

    @served.io.on("echo")
    async def echo(_: Socket, text: str) -> str:
        return text

    event = frame(f'42["slow",[{",".join(["[]"] * lists)}]]')
    for number in range(clients):
        peer = served.join()
        peer.send(event)
        if number % 4:
            peer.lose()
            served.peers.remove(peer)
        if not number % 50:
            served.clock.now += 0.2
            served.flush()
            served.settle()
    assert 150_000 <= sum(held) <= 400_000
    honest = served.join()
    honest.send(frame('420["echo","still here"]'))
    assert honest.frame()[1] == b'430["still here"]'
    end.set()
    served.settle()
    assert host_of(served.io).budget.room.held_bytes == 0
