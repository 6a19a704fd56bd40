"""The stream that is read and written without a task switch, on real sockets and on what is none."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable

import pytest
import trio
from trio.testing import memory_stream_pair

from socketio_core.trio.direct import DirectStream
from tests.trio.bench import trio_tcp_test, trio_test


def tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    ours, theirs = trio.socket.socketpair()
    return trio.SocketStream(ours), trio.SocketStream(theirs)


PAIRS = pytest.mark.parametrize("make_pair", [tcp_pair, memory_stream_pair])
Pair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]


@PAIRS
@trio_tcp_test
async def test_what_is_sent_is_received_up_to_the_end(make_pair: Pair) -> None:
    ours, theirs = make_pair()
    direct = DirectStream(ours)
    await theirs.send_all(b"hello")
    assert await direct.receive() == b"hello"
    await direct.send_all(b"answer")
    assert await theirs.receive_some() == b"answer"
    await theirs.aclose()
    assert await direct.receive() == b""
    await direct.aclose_forcefully()
    assert not direct.is_plain


@trio_tcp_test
async def test_a_plain_socket_is_written_to_at_once_as_far_as_it_takes_it() -> None:
    ours, theirs = tcp_pair()
    direct = DirectStream(ours)
    assert direct.is_plain
    assert direct.write_now(b"at once") == 7
    assert await theirs.receive_some() == b"at once"
    sent = direct.write_now(b"x" * 10_000_000)
    assert 0 < sent < 10_000_000
    assert direct.write_now(b"more") == 0
    direct.close_now()
    assert direct.write_now(b"too late") == 0
    await theirs.aclose()


@trio_test
async def test_what_is_no_socket_is_never_written_to_at_once() -> None:
    ours, _ = memory_stream_pair()
    direct = DirectStream(ours)
    assert not direct.is_plain
    assert direct.write_now(b"data") == 0
    was_closed = direct.is_closed
    await direct.aclose_forcefully()
    assert (was_closed, direct.is_closed) == (False, True)
    with pytest.raises(trio.ClosedResourceError):
        await direct.receive()


@trio_tcp_test
async def test_a_reader_learns_that_another_task_has_closed_the_socket() -> None:
    ours, theirs = tcp_pair()
    direct = DirectStream(ours)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await direct.receive()

        await trio.testing.wait_all_tasks_blocked()
        direct.close_now()
    with pytest.raises(trio.ClosedResourceError):
        await direct.receive()
    await theirs.aclose()


@trio_tcp_test
async def test_a_socket_that_is_closed_after_it_became_readable_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may belong to another connection by then."""
    ours, theirs = tcp_pair()
    direct = DirectStream(ours)
    wait_readable = trio.lowlevel.wait_readable

    async def wait_and_lose(fileno: int) -> None:
        await wait_readable(fileno)
        direct.close_now()

    monkeypatch.setattr(trio.lowlevel, "wait_readable", wait_and_lose)
    await theirs.send_all(b"data")
    with pytest.raises(trio.ClosedResourceError):
        await direct.receive()
    await theirs.aclose()


@trio_tcp_test
async def test_a_false_alarm_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = tcp_pair()
    direct = DirectStream(ours)
    read, alarms = os.read, [BlockingIOError()]

    def read_or_not(fileno: int, size: int) -> bytes:
        if alarms:
            raise alarms.pop()
        return read(fileno, size)

    monkeypatch.setattr(os, "read", read_or_not)
    await theirs.send_all(b"data")
    assert await direct.receive() == b"data"
    await direct.aclose_forcefully()
    await theirs.aclose()


@trio_tcp_test
async def test_a_reset_is_a_broken_stream() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    theirs = await trio.open_tcp_stream("127.0.0.1", port)
    direct = DirectStream(await listeners[0].accept())
    theirs.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await direct.receive()
    await direct.aclose_forcefully()
    await listeners[0].aclose()


@pytest.mark.parametrize("is_secure", [True, False])
@trio_tcp_test
async def test_what_was_not_read_yet_is_known_and_so_is_the_end(*, is_secure: bool) -> None:
    ours, theirs = tcp_pair()
    stream = trio.SSLStream(ours, ssl.create_default_context(), server_hostname="test") if is_secure else ours
    direct = DirectStream(stream)
    assert not direct.has_unread()
    await theirs.send_all(b"hello")
    assert direct.has_unread()
    await ours.receive_some()
    assert not direct.has_unread()
    await theirs.aclose()
    assert direct.has_unread()
    await ours.aclose()
    assert not DirectStream(memory_stream_pair()[0]).has_unread()
