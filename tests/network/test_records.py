"""A connection takes no more TLS records at once than its share, wherever its bytes are cut."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.asyncio.record_socket import RecordSocket
from socketio_core.network.records import (
    FEW_RECORDS,
    HANDSHAKE_BYTES,
    READ_BYTES,
    SHARED_RECORDS,
    SIP_BYTES,
    Crowd,
    Records,
)
from socketio_core.trio.record_stream import HandshakeQueue, RecordStream
from tests.trio.bench import trio_test

TINY = b"\x17\x03\x03\x00\x11" + bytes(17)  # an empty one
LARGE = b"\x16\x03\x01\x40\x00" + bytes(16384)  # of a handshake
FULL = b"\x17\x03\x03\x40\x11" + bytes(16384 + 17)


def crowd_of(turns: list[Callable[[], object]]) -> Crowd:
    """Return one whose next turn is `turns`."""
    return Crowd(turns.append)


def after_handshake() -> Records:
    """Return those of a connection alone that is through."""
    records = Records(crowd_of([]))
    records.is_shaking_hands = False
    return records


def records_in(data: bytes) -> int:
    """Return how many begin in it, if it begins with one."""
    at = count = 0
    while at < len(data):
        at += 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        count += 1
    return count


def taken(data: bytes, crowd: Crowd) -> list[bytes]:
    """Return what is taken, read by read, of what a system holds."""
    records, reads = Records(crowd), list[bytes]()
    records.is_shaking_hands = False
    while data:
        if records.are_many:
            size = records.share(data[:READ_BYTES])
        else:
            size = len(data[:SIP_BYTES])
            records.read(data[:size])
        reads.append(data[:size])
        data = data[size:]
    return reads


@given(st.lists(st.integers(17, 300), max_size=400), st.integers(0, 20))
def test_all_is_taken_and_never_more_than_a_share(sizes: list[int], others: int) -> None:
    crowd = crowd_of([])
    attacking = [Records(crowd) for _ in range(others)]
    for each in attacking:
        each.read(TINY * FEW_RECORDS)
    assert len(crowd.busy) == others
    whole = b"".join(b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes(size) for size in sizes)
    reads = taken(whole, crowd)
    assert b"".join(reads) == whole
    share = max(FEW_RECORDS, SHARED_RECORDS // (others + 1))
    at = 0
    for read in reads:
        begun = records_in(whole[:at])
        at += len(read)
        assert records_in(whole[:at]) - begun <= share
        assert read


@given(st.lists(st.sampled_from([TINY, FULL]), min_size=1, max_size=8), st.lists(st.integers(1, 20_000)))
def test_where_heads_are_cut_does_not_matter(pieces: list[bytes], cuts: list[int]) -> None:
    whole, records, at = b"".join(pieces), after_handshake(), 0
    for cut in cuts:
        records.read(whole[at : at + cut])
        at += cut
    records.read(whole[at:])
    records.read(TINY * (FEW_RECORDS + 4))
    assert records.share(TINY * 1000) == SHARED_RECORDS * len(TINY)


def test_large_records_are_read_as_many_as_are_there() -> None:
    reads = taken(FULL * 12, crowd_of([]))
    assert [len(read) for read in reads[:3]] == [SIP_BYTES, READ_BYTES, READ_BYTES]


def test_who_has_gone_counts_no_more() -> None:
    crowd = crowd_of([])
    records = Records(crowd)
    records.read(TINY * FEW_RECORDS)
    assert len(crowd.busy) == 1
    del records
    gc.collect()
    assert len(crowd.busy) == 0


def test_no_records_at_all_end_some_time() -> None:
    """As garbage, which OpenSSL is to find."""
    assert b"".join(taken(bytes(10_000), crowd_of([]))) == bytes(10_000)


def test_of_large_handshakes_one_is_read_in_a_turn() -> None:
    turns: list[Callable[[], object]] = []
    crowd = crowd_of(turns)
    usual, first, second = [Records(crowd) for _ in range(3)]
    usual.read(bytes(HANDSHAKE_BYTES))
    for each in (first, second):
        each.read(LARGE[:SIP_BYTES])
        assert not each.is_large_handshake
        assert each.share(LARGE[SIP_BYTES:]) == HANDSHAKE_BYTES + 1 - SIP_BYTES
    assert [each.is_large_handshake for each in (usual, first, second)] == [False, True, True]
    assert not turns
    for _ in range(2):
        assert [each.take_turn() for each in (first, second, first)] == [True, False, False]
        turns.pop()()
        assert not turns


FLOOD = TINY * 2000 + FULL * 2


@pytest.mark.parametrize("loses", [False, True])
def test_socket_on_asyncio_hands_over_all_in_shares(loses: bool) -> None:  # noqa: FBT001
    client, accepted = socket.socketpair()
    with client, RecordSocket(accepted, after_handshake()) as own:
        assert accepted.fileno() == -1
        own.setblocking(False)  # noqa: FBT003 - the library's signature
        with pytest.raises(BlockingIOError):
            own.recv_into(bytearray(100_000))
        client.sendall(FLOOD)
        client.close()
        buffer, got, count = bytearray(262_144), b"", 0
        while size := own.recv_into(buffer):
            assert records_in(got + buffer[:size]) - records_in(got) <= SHARED_RECORDS
            got += bytes(buffer[:size])
            count += 1
        assert got == FLOOD
        assert count >= 2000 // SHARED_RECORDS


@trio_test
async def test_stream_on_trio_hands_over_all_in_shares() -> None:
    client, own = trio.socket.socketpair()
    below = trio.SocketStream(own)
    stream = RecordStream(below, HandshakeQueue())
    with client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.SocketStream(client).send_all, FLOOD)
            got = b""
            while len(got) < len(FLOOD):
                data = await stream.receive_some()
                assert records_in(got + data) - records_in(got) <= SHARED_RECORDS
                got += data
        assert got == FLOOD
        await stream.wait_send_all_might_not_block()
        await stream.send_all(b"x")
        assert await client.recv(10) == b"x"
    assert await stream.receive_some() == b""
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


@trio_test
async def test_stream_on_trio_tells_of_a_reset_however_much_there_was() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.open_tcp_stream(*listeners[0].socket.getsockname())
    async with listeners[0] as listener:
        below = await listener.accept()
    stream = RecordStream(below, HandshakeQueue())
    await client.send_all(TINY * FEW_RECORDS)
    assert await stream.receive_some() == TINY * FEW_RECORDS
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    await client.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    await stream.aclose()


def test_socket_on_asyncio_waits_for_its_turn_in_a_large_handshake() -> None:
    turns: list[Callable[[], object]] = []
    crowd, buffer = crowd_of(turns), bytearray(262_144)
    pairs = [socket.socketpair() for _ in range(2)]
    owns = [RecordSocket(accepted, Records(crowd)) for _, accepted in pairs]
    for (client, _), own in zip(pairs, owns, strict=True):
        client.sendall(LARGE)
        assert own.recv_into(buffer) + own.recv_into(buffer) == HANDSHAKE_BYTES + 1
        assert own.recv_into(buffer) == len(LARGE) - HANDSHAKE_BYTES - 1
        turns.pop()()
        client.sendall(b"x")
    assert owns[0].recv_into(buffer) == 1
    with pytest.raises(BlockingIOError):
        owns[1].recv_into(buffer)
    turns.pop()()
    assert owns[1].recv_into(buffer) == 1
    pairs[0][0].sendall(b"x")
    owns[0].records.is_shaking_hands = False
    assert owns[0].recv_into(buffer) == 1
    for each in (*owns, *[client for client, _ in pairs]):
        each.close()


@trio_test
async def test_streams_on_trio_wait_for_their_turns_in_large_handshakes() -> None:
    """Only those that have something to read."""
    queue, order = HandshakeQueue(), list[object]()
    async with trio.open_nursery() as nursery:
        clients: list[socket.socket] = []
        for _ in range(10):
            client, own = socket.socketpair()
            clients.append(client)
            client.sendall(LARGE)
            own.setblocking(False)  # noqa: FBT003 - the library's signature
            stream = RecordStream(trio.SocketStream(trio.socket.from_stdlib_socket(own)), queue)
            assert len(await stream.receive_some()) + len(await stream.receive_some()) == HANDSHAKE_BYTES + 1
            assert len(await stream.receive_some()) == len(LARGE) - HANDSHAKE_BYTES - 1
            nursery.start_soon(_read_on, stream, order)
        idle, *others = clients
        await trio.testing.wait_all_tasks_blocked()
        for each in others:
            each.sendall(b"x")
        for _ in range(60):
            order.append("turn")  # within one of trio's the order is anybody's, so two may come between these
            await trio.lowlevel.checkpoint()
        assert order.count(b"x") == len(others)
        assert [b"x"] * 3 not in [order[at : at + 3] for at in range(len(order))]
        idle.close()
        await trio.testing.wait_all_tasks_blocked()
        assert order[-1] == b""
        for each in others:
            each.close()


async def _read_on(stream: RecordStream, order: list[object]) -> None:
    order.append(await stream.receive_some())
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
