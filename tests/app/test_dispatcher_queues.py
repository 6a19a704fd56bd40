"""Who waits for whom: queues of sockets, congestion, concurrency, acks while a handler runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core import Server
from socketio_core.app import Disconnected, Socket
from socketio_core.settings import EngineSettings
from tests.app.hand_runtime import HandEvent
from tests.app.rig import AppRig, flow_of, member_of, note
from tests.socketio.rig import TRANSPORTS


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


class Gate:
    """Handlers that wait, each until it is let go.

    Attributes:
        running: arguments of those that wait now, in the order in which they began.
    """

    def __init__(self, rig: AppRig) -> None:
        self._rig = rig
        self._events: dict[Any, HandEvent] = {}
        self.running: list[Any] = []

    async def handler(self, socket: Socket, value: Any) -> None:
        self._rig.calls.append(value)
        self.running.append(value)
        event = self._events[value] = self._rig.runtime.new_event()
        await event.wait()
        self.running.remove(value)

    def hold(self) -> None:
        """Have the handlers of connections wait, and those of "a"."""

        @self._rig.io.on("connection")
        async def connected(socket: Socket) -> None:
            await self.handler(socket, "connection")

        self._rig.io.on("a", self.handler)

    def finish(self, value: Any) -> None:
        self._events.pop(value).set()

    def let_go(self, value: Any) -> None:
        self.finish(value)
        self._rig.run()


# -- one socket, one event at a time -----------------------------------------------------------------------------------


def test_events_of_one_socket_wait_for_each_other(rig: AppRig) -> None:
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, _ = rig.connect()
    rig.send(client, *(f'42["a",{number}]' for number in range(3)))
    for number in range(3):
        assert gate.running == [number]
        gate.let_go(number)
    assert rig.calls == [0, 1, 2]


def test_events_wait_for_the_connection_handler(rig: AppRig) -> None:
    gate = Gate(rig)
    gate.hold()
    client = rig.open()
    rig.send(client, "40", '42["a",1]')
    rig.send(client, '42["a",2]')
    for value in ("connection", 1, 2):
        assert gate.running == [value]
        gate.let_go(value)


def test_a_slow_handler_delays_no_other_socket(rig: AppRig) -> None:
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    rig.io.of("/n").on("b", note(rig, "other namespace"))
    rig.io.on("b", note(rig, "other client"))
    (slow, _), (other, second) = rig.connect(), rig.connect()
    _, third = rig.connect("/n", client=slow)
    rig.send(slow, '42["a",1]', '42/n,["b"]')
    rig.send(other, '42["b"]')
    assert gate.running == [1]
    assert rig.calls == [1, ("other namespace", third.id), ("other client", second.id)]


def test_goodbye_comes_after_what_came_before_it(rig: AppRig) -> None:
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    rig.io.on("disconnect", note(rig, "goodbye"))
    client, socket = rig.connect()
    rig.send(client, '42["a",1]', '42["a",2]', "41")
    assert not socket.connected
    gate.let_go(1)
    gate.let_go(2)
    assert rig.calls == [1, 2, ("goodbye", socket.id, "client namespace disconnect")]


def test_a_handler_may_wait_for_an_ack_of_its_own_socket(rig: AppRig) -> None:
    @rig.io.on("ask me")
    async def ask(socket: Socket) -> Any:
        return await socket.call("question", timeout=5.0)

    rig.io.on("next", note(rig, "next"))
    client, socket = rig.connect()
    assert rig.send(client, '420["ask me"]', '42["next"]') == ['20["question"]']
    assert rig.calls == []
    assert rig.send(client, '430["answer"]') == ['30["answer"]']
    assert rig.calls == [("next", socket.id)]


def test_a_handler_may_disconnect_another_socket_and_its_goodbye_comes_at_once(rig: AppRig) -> None:
    rig.io.on("disconnect", note(rig, "left"))
    (client, _), (victim_client, victim) = rig.connect(), rig.connect()
    call = rig.start(victim.call("question", timeout=60.0))

    @rig.io.on("kick")
    async def kick(socket: Socket) -> None:
        await victim.disconnect()
        rig.calls.append("kicked")

    client.send('42["kick"]')
    (worker,) = rig.host.dispatch()  # as the reader does, which runs the handler itself and then reads on
    rig.runtime.spawn(worker.work)
    rig.runtime.run_ready()
    assert rig.calls == ["kicked", ("left", victim.id, "server namespace disconnect")]
    assert isinstance(call.error, Disconnected)
    assert victim_client.take_messages() == ['20["question"]', "1"]


def test_work_is_reported_once_for_whoever_finds_the_socket_idle(rig: AppRig) -> None:
    client, _ = rig.connect()
    rig.io.on("a", note(rig, "a"))
    client.send('42["a",1]', '42["a",2]')
    (inbox,) = rig.host.dispatch()
    client.send('42["a",3]')
    assert rig.host.dispatch() == []
    rig.runtime.spawn(inbox.work)
    rig.run()
    assert [value for _, _, value in rig.calls] == [1, 2, 3]
    client.send('42["a",4]')
    assert rig.host.dispatch() == [inbox]


def test_what_is_taken_in_counts_at_once_and_its_work_comes_with_the_next_dispatch(rig: AppRig) -> None:
    client, _ = rig.connect()
    flow = rig.flow_of(rig.server.connections[0].session)
    assert flow is not None
    rig.io.on("a", note(rig, "a"))
    client.send('42["a",1]')
    rig.host.take_in()
    assert flow.queued_count == 1
    client.send('42["a",2]')
    (inbox,) = rig.host.dispatch()
    assert flow.queued_count == 2
    assert rig.host.dispatch() == []
    rig.runtime.spawn(inbox.work)
    rig.run()
    client.send('42["a",3]')
    rig.host.take_in()
    rig.run()
    assert [value for _, _, value in rig.calls] == [1, 2, 3]


# -- concurrency -------------------------------------------------------------------------------------------------------


def concurrent_rig() -> tuple[AppRig, Gate, Callable[..., Any]]:
    rig = AppRig(concurrency=2)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    rig.io.on("disconnect", note(rig, "goodbye"))
    client, _ = rig.connect()

    def send(*values: Any) -> None:
        rig.send(client, *(f'42["a",{value}]' for value in values))

    return rig, gate, send


def test_concurrency_is_limited_and_keeps_the_order_of_starting() -> None:
    rig, gate, send = concurrent_rig()
    send(0, 1, 2, 3)
    assert gate.running == [0, 1]
    gate.let_go(1)
    assert gate.running == [0, 2]
    gate.let_go(0)
    assert gate.running == [2, 3]
    send(4)
    gate.let_go(3)
    gate.let_go(2)
    assert gate.running == [4]
    assert rig.calls == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_goodbye_is_said_once_by_whoever_finishes_last(order: tuple[int, int]) -> None:
    rig, gate, send = concurrent_rig()
    send(0, 1)
    (client,) = rig.server.connections
    client.session.close(rig.now)
    rig.run()
    gate.let_go(order[0])
    assert rig.calls == [0, 1]
    gate.let_go(order[1])
    assert rig.calls == [0, 1, ("goodbye", "id2", "forced close")]


def test_connection_handlers_run_alone_with_concurrency_too() -> None:
    rig = AppRig(concurrency=3)
    gate = Gate(rig)
    gate.hold()
    client = rig.open()
    rig.send(client, "40", '42["a",1]')
    rig.send(client, '42["a",2]')
    assert gate.running == ["connection"]
    gate.let_go("connection")
    assert gate.running == [1, 2]  # the first was held, the second came while the handler ran
    rig.send(client, '42["a",3]', '42["a",4]')
    assert gate.running == [1, 2, 3]


@pytest.mark.parametrize("concurrency", [-1, 0, 1])
def test_concurrency_is_at_least_one(concurrency: int) -> None:
    if concurrency == 1:
        Server(concurrency=concurrency)
    else:
        with pytest.raises(ValueError, match=f"concurrency must be positive: {concurrency}"):
            Server(concurrency=concurrency)


# -- congestion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_client_is_congested_by_so_many_events(count: int) -> None:
    """The one that is being handled counts as well."""
    rig = AppRig(max_queued_events=3)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, *(f'42["a",{number}]' for number in range(count)))
    assert flow_of(socket).queued_count == count
    assert flow_of(socket).is_congested == (count >= 3)
    for number in range(count):
        gate.let_go(number)
    assert (flow_of(socket).queued_count, flow_of(socket).queued_bytes) == (0, 0)
    assert not flow_of(socket).is_congested


@pytest.mark.parametrize("size", [19, 20, 21])
def test_a_client_is_congested_by_so_many_bytes(size: int) -> None:
    rig = AppRig(max_queued_bytes=20)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, f'42["a","{"x" * (size - 9)}"]')
    assert flow_of(socket).queued_bytes == size
    assert flow_of(socket).is_congested == (size >= 20)


def test_all_namespaces_of_a_client_count_together() -> None:
    rig = AppRig(max_queued_events=2)
    gate = Gate(rig)
    for nsp in ("/", "/n"):
        rig.io.of(nsp).on("a", gate.handler)
    client, socket = rig.connect()
    _, other = rig.connect("/n", client=client)
    rig.send(client, '42["a",1]', '42/n,["a",2]')
    assert gate.running == [1, 2]
    assert flow_of(socket) is flow_of(other)
    assert flow_of(socket).is_congested
    gate.let_go(2)
    assert not flow_of(socket).is_congested


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_reader_waits_for_room_and_the_client_is_not_taken_for_dead(transport: str) -> None:
    rig = AppRig(max_queued_events=2)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect(client=rig.open(transport))
    rig.send(client, *(f'42["a",{number}]' for number in range(3)))
    readers = [rig.start(flow_of(socket).wait_room()) for _ in range(2)]
    gate.let_go(0)
    assert [reader.is_done for reader in readers] == [False, False]
    rig.wait(60.0)  # twice the heartbeat, and nobody reads the pong
    assert client.session is not None
    flushes = rig.runtime.flushes
    gate.let_go(1)
    assert [reader.is_done for reader in readers] == [True, True]
    assert rig.runtime.flushes > flushes  # for a deadline is near again
    rig.wait(45.0)
    assert client.session is None


@pytest.mark.parametrize("many", [False, True])
def test_a_full_queue_is_read_on_while_an_ack_is_awaited_but_not_without_bound(*, many: bool) -> None:
    rig = AppRig(max_queued_events=2)
    gate = Gate(rig)

    @rig.io.on("ask me")
    async def ask(socket: Socket) -> None:
        await gate.handler(socket, "before")
        answer = await (rig.io.call("question") if many else socket.call("question"))
        rig.calls.append(answer)
        await gate.handler(socket, "after")

    client, socket = rig.connect()

    def is_congested() -> bool:
        return flow_of(socket).is_congested

    rig.send(client, '42["ask me"]', '42["b"]')
    reader = rig.start(flow_of(socket).wait_room())
    assert is_congested()
    gate.let_go("before")
    assert reader.is_done
    assert not is_congested()
    rig.send(client, '42["c"]')
    assert not is_congested()
    rig.send(client, '42["d"]')
    assert is_congested()  # four events now
    reader = rig.start(flow_of(socket).wait_room())
    rig.send(client, '430["answer"]')
    assert gate.running == ["after"]
    assert is_congested()
    assert reader.waits_for is not None
    gate.let_go("after")
    assert rig.calls == ["before", ["answer"] if many else "answer", "after"]
    assert flow_of(socket).queued_count == 0


def test_who_waits_for_room_is_woken_when_there_is_some_and_looks_again() -> None:
    rig = AppRig(max_queued_events=2)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, *(f'42["a",{number}]' for number in range(4)))
    reader = rig.start(flow_of(socket).wait_room())
    waits = rig.runtime.switches
    for number in (0, 1):
        gate.let_go(number)
    assert rig.runtime.switches == waits + 2  # of the handlers that came next; there was no room yet
    room = flow_of(socket)
    room.queued_count -= 1  # there is room, and before the reader can run there is none
    room.event_handled(0)
    room.queued_count += 2
    rig.run()
    assert not reader.is_done
    gate.let_go(2)
    assert reader.is_done


def test_there_is_no_wait_where_there_is_room(rig: AppRig) -> None:
    _, socket = rig.connect()
    assert rig.start(flow_of(socket).wait_room()).is_done
    assert rig.runtime.switches == 0


def test_a_cancelled_reader_reads_again(rig: AppRig) -> None:
    rig = AppRig(max_queued_events=1)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, '42["a",1]')
    task = rig.start(flow_of(socket).wait_room())
    rig.runtime.cancel(task)
    rig.run()
    rig.wait(45.0)
    assert client.session is None
    gate.let_go(1)


def test_events_of_a_client_that_left_make_room_all_the_same(rig: AppRig) -> None:
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, '42["a",1]', '42["a",2]', "1")
    gate.let_go(1)
    gate.let_go(2)
    assert flow_of(socket).queued_count == 0


def test_a_reader_that_finds_the_queue_full_again_waits_again() -> None:
    rig = AppRig(max_queued_events=2)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, '42["a",1]', '42["a",2]', '42["a",3]')
    reader = rig.start(flow_of(socket).wait_room())
    switches = rig.runtime.switches
    gate.let_go(1)
    assert rig.runtime.switches == switches + 1  # the next handler; the reader was not woken for nothing
    assert not reader.is_done


def test_a_reader_that_was_woken_looks_again() -> None:
    """Another reader of the client may have filled the queue before this one runs."""
    rig = AppRig(max_queued_events=1)
    gate = Gate(rig)
    rig.io.on("a", gate.handler)
    client, socket = rig.connect()
    rig.send(client, '42["a",1]')

    reader = rig.start(flow_of(socket).wait_room())
    gate.finish(1)
    rig.runtime.run_one()  # the worker, which makes room and wakes the reader
    client.send('42["a",2]')
    rig.host.work_soon()
    rig.run()
    assert not reader.is_done
    gate.let_go(2)
    assert reader.is_done


@pytest.mark.parametrize("left", [100, 101])
def test_who_waits_to_emit_goes_on_at_the_mark_and_is_not_woken_above_it(left: int) -> None:
    """A poll takes two packets and leaves `left` bytes in the buffer."""
    rig = AppRig(EngineSettings(path="/socket.io/", high_water_bytes=100, max_packets_per_poll=2))
    client, socket = rig.connect(client=rig.open("polling"))
    if client.fetch() == []:  # now a poll is parked; let it be answered
        socket.emit_nowait("first")
        client.take()
    session = member_of(socket).connection.session
    assert session.buffered_bytes == 0
    for name in ("b", "c"):
        socket.emit_nowait(name)
    small = session.buffered_bytes
    socket.emit_nowait("d", "x" * (left - len('42["d",""]')))
    assert session.buffered_bytes == small + left
    task = rig.start(socket.emit("e"))
    switches = rig.runtime.switches
    client.poll()
    rig.run()
    assert session.buffered_bytes == left + (small // 2 if task.is_done else 0)
    assert task.is_done is (left == 100)
    assert rig.runtime.switches == switches


def test_what_was_held_is_dispatched_as_soon_as_the_socket_is_in(rig: AppRig) -> None:
    """And not only when the adapter happens to dispatch again."""
    rig.io.on("a", note(rig, "a"))
    rig.open().send("40", '42["a"]')
    rig.host.work_soon()
    rig.runtime.run_ready()
    assert rig.calls == [("a", "id2")]


def test_a_session_that_is_not_of_this_application_has_no_flow(rig: AppRig) -> None:
    client = rig.open()
    session = client.session
    assert session is not None
    session.context = None
    assert rig.flow_of(session) is None


def test_goodbyes_that_wait_behind_handlers_can_be_told_for_themselves() -> None:
    rig = AppRig()
    gate = Gate(rig)
    gate.hold()
    rig.io.on("disconnect", note(rig, "goodbye"))
    client, socket = rig.connect()
    gate.let_go("connection")
    client.send('42["a",1]', '42["a",2]')
    rig.run()
    rig.server.close(rig.clock.now)
    for tell in rig.host.untold():
        rig.start(tell())
    assert rig.calls == ["connection", 1, ("goodbye", socket.id, "server shutting down")]
    assert rig.host.untold() == []
