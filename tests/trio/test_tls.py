"""TLS of listeners that are trio's own, in memory or not."""

from __future__ import annotations

import gc
from functools import partial
from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from socketio_core.trio import Server
from tests.adapters.clients import WebSocketClient
from tests.adapters.peer import Peer
from tests.adapters.tls import server_context, trusting
from tests.trio.bench import MemoryListener, serving, trio_test


@trio_test
async def test_nothing_is_kept_of_clients_that_do_not_shake_hands(certificate: Path) -> None:
    async with serving(Server(), ssl_context=server_context(certificate)) as bench:
        scopes = _scope_count()
        for _ in range(30):
            peer = await bench.connect()
            await peer.send(b"\xff" * 100)
            await peer.rest()
        await wait_all_tasks_blocked()
        assert _scope_count() < scopes + 30


def _scope_count() -> int:
    gc.collect()
    return sum(isinstance(each, trio.CancelScope) for each in gc.get_objects())


@trio_test
async def test_connections_that_shake_hands_do_not_hold_up_the_end(certificate: Path) -> None:
    """Nor does one that is accepted in the same moment; which comes first is up to trio, so there are several goes."""
    for _ in range(10):
        listener = MemoryListener()
        context = server_context(certificate)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(Server().serve, listeners=[listener], ssl_context=context))
            peers = [listener.connect_peer() for _ in range(3)]
            await peers[0].send(b"\x16\x03\x01")
            await wait_all_tasks_blocked()
            peers.append(listener.connect_peer())
            nursery.cancel_scope.cancel()
    assert trio.current_time() == 0


@trio_test
async def test_listener_that_has_tls_already_is_served_as_such(certificate: Path) -> None:
    listener = MemoryListener()
    context = server_context(certificate)
    io = Server()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(io.serve, listeners=[trio.SSLListener(listener, context)]))
        client_context = trusting(certificate)
        stream = trio.SSLStream(listener.connect(), client_context, server_hostname="localhost")
        client = WebSocketClient(Peer(stream))
        await client.open()
        await client.join()
        assert io.sockets.sockets[client.socket_id].handshake.secure
        await client.peer.close()
        nursery.cancel_scope.cancel()
