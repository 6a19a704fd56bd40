"""The WebSocket pump: how many writes, what is in them, and every way to the end of a connection."""

from __future__ import annotations

import struct

import orjson
import pytest

from socketio_core import Server, Timeouts
from socketio_core.app import Socket
from socketio_core.socketio.json_module import JsonModule
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.websocket_handshake import Subprotocols
from tests.adapters.bench import Bench, serving, until
from tests.adapters.bursts import COUNT, burst, burst_server, take_numbers
from tests.adapters.clients import WebSocketClient
from tests.adapters.hostile import perform, under_attack
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.peer import Ended, Peer
from tests.wire.written import CLOSE, PING, PONG, WEBSOCKET, close_frame, frame, handshake


def _server() -> Server:
    """A server with handlers that emit much, each in another way."""
    io = burst_server()

    @io.on("burst in a thread of its own")
    async def late_burst(socket: Socket) -> None:
        await loop.sleep(1)
        await burst(socket)

    @io.on("burst for sync code")
    def sync_burst(socket: Socket) -> None:
        for number in range(COUNT):
            socket.emit_nowait("n", number)

    @io.on("to all")
    async def to_all(socket: Socket) -> None:
        for number in range(COUNT):
            await io.emit("n", number)

    @io.on("bye")
    async def bye(socket: Socket) -> None:
        await socket.disconnect(close=True)

    return io


async def _counted_client(bench: Bench, writes: list[str]) -> WebSocketClient:
    client = WebSocketClient(Peer(bench.listener.connect(writes=writes)))
    await client.open()
    await client.join()
    await loop.settle()
    writes.clear()
    return client


# -- writes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["burst", "burst in a thread of its own", "burst for sync code", "to all"])
@both_loops
async def test_what_is_emitted_together_leaves_in_one_write(event: str) -> None:
    async with serving(_server()) as bench:
        writes: list[str] = []
        client = await _counted_client(bench, writes)
        await client.emit(event)
        await take_numbers(client)
        assert writes == ["write"]


@both_loops
async def test_acks_of_events_that_arrive_together_leave_in_one_write() -> None:
    async with serving(_server()) as bench:
        writes: list[str] = []
        client = await _counted_client(bench, writes)
        await client.send(*[f'42{number}["echo"]' for number in range(COUNT)])
        assert [await client.take() for _ in range(COUNT)] == [f"43{number}[]" for number in range(COUNT)]
        assert writes == ["write"]


@both_loops
async def test_broadcast_is_one_write_for_each_recipient() -> None:
    async with serving(_server()) as bench:
        writes: list[str] = []
        clients = [await _counted_client(bench, writes) for _ in range(20)]
        await clients[0].emit("to all")
        for client in clients:
            await take_numbers(client)
        assert len(writes) == 20


@both_loops_tcp
async def test_large_messages_arrive_whole_whatever_the_socket_takes_at_once() -> None:
    """Some written directly, the rest by a task: nothing is lost or doubled in between."""
    async with serving(_server(), tcp=True) as bench:
        client = await bench.websocket()
        socket = bench.io.sockets.sockets[client.socket_id]
        texts = [f"{number}:" + "x" * 300_000 for number in range(30)]
        for text in texts:
            await bench.io.to(socket.id).emit("text", text, b"\x00\x01")
        for text in texts:
            assert str(await client.take()).startswith(f'451-["text","{text[:10]}')
            assert await client.take() == b"\x00\x01"
        await client.close()


@both_loops
async def test_pings_are_answered_and_of_many_the_last_one() -> None:
    """RFC 6455, 5.5.3: so a flood of them takes no memory while its sender does not read."""
    async with serving(_server()) as bench:
        client = await bench.websocket()
        await client.peer.send(frame(b"one", PING))
        assert await client.peer.frame() == (PONG, b"one")
        await client.peer.send(b"".join(frame(b"%d" % number, PING) for number in range(100)))
        assert await client.peer.frame() == (PONG, b"99")
        await client.peer.send(frame('421["echo"]') + frame(b"two", PING))
        assert {await client.peer.frame() for _ in range(2)} == {(PONG, b"two"), (1, b"431[]")}


@both_loops
async def test_frames_in_one_piece_with_the_handshake_are_not_lost() -> None:
    async with serving(_server()) as bench:
        client = WebSocketClient(await bench.connect())
        await client.open(early=frame("40") + frame('421["echo",1]')[:7])
        await client.peer.send(frame('421["echo",1]')[7:])
        assert str(await client.take()).startswith('40{"sid"')
        assert await client.take() == "431[1]"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@both_loops
async def test_bytes_in_pieces_mean_the_same_as_at_once(size: int) -> None:
    async with serving(_server()) as bench:
        peer = await bench.connect()
        sent = handshake(WEBSOCKET) + frame("40") + frame('421["echo","é€"]') + frame(b"?", PING) + close_frame(1000)
        for start in range(0, len(sent), size):
            await peer.send(sent[start : start + size])
            await loop.settle()
        assert (await peer.answer()).status == 101
        frames = [await peer.frame() for _ in range(5)]
        assert [data[:2] for _, data in frames] == [b"0{", b"40", b"43", b"?", b"\x03\xe8"]


# -- the end -----------------------------------------------------------------------------------------------------------


@both_loops
async def test_client_that_closes_is_answered_and_cut_off_at_once() -> None:
    async with under_attack(_server()) as bench:
        client = await bench.websocket()
        await client.peer.send(close_frame(1000))
        assert await client.peer.frame() == (CLOSE, b"\x03\xe8")
        assert await client.peer.rest() == b""
        assert bench.reason_of(client) == "transport close"
        assert loop.current_time() == 0


@both_loops
async def test_server_that_closes_sends_what_is_left_and_waits_for_the_answer() -> None:
    async with under_attack(_server()) as bench:
        client = await bench.websocket()
        await client.send('42["burst"]', '42["bye"]')
        await take_numbers(client)
        assert await client.take() == "41"
        with pytest.raises(Ended):
            await client.packet()
        assert client.closed_with == 1005
        await loop.sleep(Timeouts().close_s - 0.1)
        await client.peer.send(close_frame())
        assert await client.peer.rest() == b""
        assert loop.current_time() == pytest.approx(Timeouts().close_s - 0.1)
        assert bench.reason_of(client) == "server namespace disconnect"


@pytest.mark.parametrize(
    "sent", [b"", frame(b"?", PING) * 10, frame('42["echo"]') * 10, b"\xff" * 100, close_frame()[:3]]
)
@both_loops
async def test_client_that_does_not_answer_the_close_is_cut_off_at_close_s(sent: bytes) -> None:
    async with under_attack(_server()) as bench:
        client = await bench.websocket()
        await client.emit("bye")
        assert await client.take() == "41"
        with pytest.raises(Ended):
            await client.packet()
        await perform(client.peer, sent)
        assert await client.peer.rest() == b"", "nothing is sent behind a close frame"
        assert loop.current_time() == pytest.approx(Timeouts().close_s)


@both_loops
async def test_both_may_close_at_the_same_time() -> None:
    async with under_attack(_server()) as bench:
        client = await bench.websocket()
        await client.peer.send(frame('42["bye"]') + close_frame(1000))
        assert await client.close_code() in (1000, 1005)
        assert loop.current_time() == 0
        assert bench.reason_of(client) in ("transport close", "server namespace disconnect")


@pytest.mark.parametrize("broken", [frame("x", rsv=7), frame(b"\xff", 1)])
@both_loops_tcp
async def test_after_a_broken_frame_an_honest_client_need_not_wait(broken: bytes) -> None:
    """What it sends can no longer be understood, so the server ends its side at once."""
    async with serving(_server(), tcp=True) as bench:
        client = await bench.websocket()
        await client.peer.send(broken)
        assert await client.close_code() in (1002, 1007)
        assert await client.peer.rest() == b""
        assert loop.current_time() < 1
        await client.peer.close()
        await until(lambda: bench.session_count == 0, "the session is gone", 1)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@both_loops_tcp
async def test_connection_that_ends_without_a_close_frame_is_a_transport_close(how: str) -> None:
    async with serving(_server(), tcp=True) as bench:
        client = await bench.websocket()
        await (client.peer.reset() if how == "RST" else client.peer.close())
        await until(lambda: bench.reason_of(client) == "transport close", f"the {how} is noticed", 1)
        await bench.io.emit("nobody is there")
        await bench.check_still_serves()


@pytest.mark.parametrize("how", ["FIN", "RST"])
@both_loops_tcp
async def test_peer_may_vanish_while_it_is_written_to(how: str) -> None:
    async with serving(_server(), tcp=True) as bench:
        client = await bench.websocket()
        for _ in range(40):
            await bench.io.to(client.socket_id).emit("text", "x" * 200_000)
        await (client.peer.reset() if how == "RST" else client.peer.close())
        await until(lambda: bench.reason_of(client) == "transport close", f"the {how} is noticed", 1)
        await bench.check_still_serves()


@both_loops
async def test_session_that_ended_before_the_101_was_written_closes_the_websocket() -> None:
    """A candidate that takes so long to read its 101 that the upgrade is over."""
    async with under_attack(_server()) as bench:
        client = await bench.polling()
        candidate = bench.connect_stuck()
        await candidate.send(handshake(f"{WEBSOCKET}&sid={client.sid}"))
        await loop.sleep(11)
        assert (await candidate.answer()).status == 101
        assert await candidate.frame() == (CLOSE, b"")
        assert await client.send("3") == 200
        await client.echo()


@both_loops
async def test_client_that_is_gone_before_the_101_leaves_no_session() -> None:
    async with under_attack(_server()) as bench:
        for target in (WEBSOCKET, f"{WEBSOCKET}&sid={(await bench.polling()).sid}"):
            peer = await bench.connect()
            await peer.send(handshake(target))
            await peer.close()
        await loop.settle()
        assert bench.session_count == 2, "the bystander, and the one that polls"


@both_loops_tcp
async def test_the_first_packet_comes_in_one_write_with_the_answer_to_the_handshake() -> None:
    async with serving(Server(), tcp=True) as bench:
        peer = await bench.connect()
        await peer.send(handshake())
        data = await peer.stream.receive_some()
        assert data.startswith(b"HTTP/1.1 101 ")
        assert b'0{"sid":"' in data


@both_loops_tcp
async def test_a_ping_behind_the_handshake_does_not_replace_the_answer() -> None:
    async with serving(Server(), tcp=True) as bench:
        client = WebSocketClient(await bench.connect())
        await client.open(early=frame(b"?", PING) + frame("40"))
        assert await client.peer.frame() == (PONG, b"?")


@both_loops_tcp
async def test_a_close_frame_is_answered_and_the_connection_dropped_without_a_task() -> None:
    async with serving(Server(), tcp=True) as bench:
        client = await bench.websocket()
        tasks = loop.task_count()
        await client.peer.send(close_frame(4001, b"bye"))
        assert await client.peer.frame() == (CLOSE, struct.pack("!H", 4001))
        assert await client.peer.rest() == b""
        assert bench.reason_of(client) == "transport close"
        assert loop.task_count() == tasks


@pytest.mark.parametrize("shortcut", [True, False])
@both_loops
async def test_the_shortcut_for_plain_frames_can_be_switched_off(*, shortcut: bool) -> None:
    async with serving(Server(shortcuts=shortcut)) as bench:
        client = await bench.websocket()
        for value in ("é", "x" * 200, "x" * 20_000):
            await client.echo(value)
        await client.peer.send(frame("42", fin=False) + frame(b"?", PING) + frame('7["echo",1]', 0))
        assert await client.peer.frame() == (PONG, b"?")
        assert await client.take() == "437[1]"
        await client.peer.send(frame(b"\xff", 1))
        assert await client.close_code() == 1007


@pytest.mark.parametrize("json", [None, orjson])
@both_loops
async def test_another_json_module_sends_the_same(json: JsonModule | None) -> None:
    async with serving(Server(json=json)) as bench:
        client = await bench.websocket()
        await client.peer.send(frame('427["echo",{"a":[1,2.5,null,"é😀"]}]'))
        assert await client.take() == '437[{"a":[1,2.5,null,"é😀"]}]'


def test_json_and_parser_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="json is for the usual parser"):
        Server(json=orjson, parser=JsonParser())


@both_loops
@pytest.mark.parametrize("shortcuts", [True, False])
async def test_subprotocol_is_chosen_in_the_101(*, shortcuts: bool) -> None:
    offers = ["Sec-WebSocket-Protocol: a, b"]
    choices: list[tuple[Subprotocols | None, str | None]] = [
        (None, "a"),
        (["b"], "b"),
        ([], None),
        (lambda _: "b", "b"),
    ]
    for taken, chosen in choices:
        async with serving(Server(subprotocols=taken, shortcuts=shortcuts)) as bench:
            peer = await bench.connect()
            await peer.send(handshake(headers=offers))
            answer = await peer.answer()
            assert (answer.status, answer.headers.get("sec-websocket-protocol")) == (101, chosen)


@both_loops
async def test_subprotocol_that_was_not_offered_is_an_error_of_the_server() -> None:
    async with serving(Server(subprotocols=lambda _: "c")) as bench:
        peer = await bench.connect()
        await peer.send(handshake(headers=["Sec-WebSocket-Protocol: a"]))
        assert (await peer.answer()).status == 500
        assert "subprotocol was not offered: 'c'" in bench.take_log()
        assert bench.core.session_count == 0
