"""One connection of a server: turns of what was read, and what becomes of it when it cannot be written to."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MemorySendStream, memory_stream_pair, wait_all_tasks_blocked

from socketio_core import SocketSettings
from socketio_core.app import Socket
from socketio_core.network.groups import only_cause
from socketio_core.trio import Server, Timeouts
from socketio_core.wire.base import ALL_FIRST_PIECES, FEW_PIECES, FIRST_PIECES, TURN_PIECES
from tests.adapters.clients import WebSocketClient
from tests.adapters.peer import Ended
from tests.trio.bench import MemoryListener, serving, trio_test
from tests.wire.written import frame


@trio_test
async def test_one_that_sends_without_end_is_handled_in_turns_with_others() -> None:
    """As on plain sockets (`test_watcher`); here each connection has a task."""
    io = Server(settings=SocketSettings(max_queued_events=100_000))
    handled: list[str] = []

    @io.on("note")
    def note(_: Socket, whose: str) -> None:
        handled.append(whose)

    async with serving(io) as bench:
        flooder, neighbour = await bench.websocket(), await bench.websocket()
        await wait_all_tasks_blocked()
        await flooder.peer.send(frame('42["note","flood"]') * 2500)  # all of it is one read
        await neighbour.send('42["note","other"]')
        await wait_all_tasks_blocked()
        assert len(handled) == 2501
        assert handled.index("other") < 1500


class Rounds(trio.abc.Instrument):
    """Notes how many events were handled in each round of trio's loop."""

    def __init__(self) -> None:
        self.handled = 0
        self.most = 0

    def before_io_wait(self, timeout: float) -> None:
        self.most, self.handled = max(self.most, self.handled), 0


@pytest.mark.parametrize("how_many", [3000, 120])
@trio_test
async def test_many_that_send_much_share_what_is_handled_in_a_round(how_many: int) -> None:
    """Or who sends little would wait for a part of each; as many as wait for no turn, too."""
    io, rounds = Server(settings=SocketSettings(max_queued_events=100_000)), Rounds()

    @io.on("note")
    def note(_: Socket) -> None:
        rounds.handled += 1

    async with serving(io) as bench:
        crowd = [await bench.websocket() for _ in range(20)]
        await wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(rounds)
        async with trio.open_nursery() as nursery:
            for client in crowd:
                nursery.start_soon(client.peer.send, frame('42["note"]') * how_many)
        await wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(rounds)
    assert 0 < rounds.most <= ALL_FIRST_PIECES + 20 * FEW_PIECES + TURN_PIECES + FIRST_PIECES


@trio_test
async def test_interrupt_in_the_middle_of_a_write_costs_that_connection_and_the_end_does_not_wait_for_it() -> None:
    io, listener = Server(), MemoryListener()

    async def break_off() -> None:
        streams[0].send_all_hook = None
        raise KeyboardInterrupt

    def make_pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        ours, theirs = memory_stream_pair()
        assert isinstance(theirs.send_stream, MemorySendStream)
        streams.append(theirs.send_stream)
        return ours, theirs

    streams: list[MemorySendStream] = []
    with pytest.raises(BaseExceptionGroup) as raised:  # noqa: PT012 - the nursery's block must be inside
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(io.serve, listeners=[listener]))
            client = WebSocketClient(listener.connect_peer(make_pair))
            await client.open()
            await client.join()
            streams[0].send_all_hook = break_off
            io.emit_nowait("news", 1)
            io.emit_nowait("news", 2)
            await wait_all_tasks_blocked()
            assert await client.take() == '42["news",1]'
            with pytest.raises(Ended):
                await client.peer.frame()
    assert isinstance(only_cause(raised.value), KeyboardInterrupt)
    assert trio.current_time() < Timeouts().close_s
