"""How a server of trio writes: whoever read also writes, straight to the socket where there is one; what may fail."""

from __future__ import annotations

import os
import struct

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core.trio import Server
from tests.adapters.bursts import COUNT, burst_server, take_numbers
from tests.adapters.peer import Ended
from tests.trio.bench import Faults, counted_calls, serving, task_count, trio_tcp_test, trio_test, until
from tests.wire.written import request


@trio_tcp_test
async def test_socket_that_can_take_the_bytes_costs_one_direct_write_and_no_task() -> None:
    async with serving(burst_server(), tcp=True) as bench:
        client = await bench.websocket()
        socket = bench.io.sockets.sockets[client.socket_id]
        await wait_all_tasks_blocked()
        with counted_calls(lambda function: function is os.write) as writes:
            await client.emit("burst")
            await take_numbers(client)
            assert len(writes) == 1
            tasks = task_count()
            for number in range(COUNT):
                socket.emit_nowait("n", number)
            bench.runtime.flush()
            assert len(writes) == 2
            assert task_count() == tasks
        await take_numbers(client)
        await client.close()


class _Steps(trio.abc.Instrument):
    """Notes the names of the tasks that run."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.names.append(task.name.rpartition(".")[2])


@trio_test
async def test_reader_writes_what_its_handlers_emit_and_wakes_nobody_else_for_it() -> None:
    async with serving(burst_server()) as bench:
        client = await bench.websocket()
        await wait_all_tasks_blocked()
        steps = _Steps()
        trio.lowlevel.add_instrument(steps)
        await client.emit("burst")
        await take_numbers(client)
        trio.lowlevel.remove_instrument(steps)
        assert "_serve_stream" in steps.names, "the reader"
        assert "flush_when_ready" not in steps.names


@trio_tcp_test
async def test_direct_write_to_a_socket_that_was_reset_is_no_failure() -> None:
    async with serving(burst_server(), tcp=True) as bench:
        client = await bench.websocket()
        assert isinstance(client.peer.stream, trio.SocketStream)
        client.peer.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.peer.stream.socket.close()
        for _ in range(3):  # the server has had no chance yet to read of the end
            bench.io.emit_nowait("nobody is there")
            bench.runtime.flush()
        await until(lambda: bench.reason_of(client) == "transport close", "the end is noticed", 1)


@trio_test
async def test_fault_below_the_handlers_is_logged_and_costs_that_connection_only() -> None:
    io = Server()
    faults = Faults(io)
    async with serving(io) as bench:
        other, client, polling = (
            await bench.websocket(join=False),
            await bench.websocket(join=False),
            await bench.polling(join=False),
        )
        faults.left = 1
        await client.send("40")
        with pytest.raises(Ended):
            await client.packet()
        assert "connection failed" in bench.take_log()
        peer = await bench.connect()
        faults.left = 1
        await peer.send(request(polling.target, "POST", b"40"))
        assert (await peer.answer()).status == 500
        assert await peer.rest() == b""
        assert "connection failed" in bench.take_log()
        await trio.sleep(20)
        assert await other.packet() == "2"
