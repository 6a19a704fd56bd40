"""When an adapter that joins a server to others is told of its beginning and its end, under every host."""

from __future__ import annotations

import socket

import pytest

from socketio_core import Server
from socketio_core.app import LocalAdapter, Socket
from socketio_core.asgi import App
from socketio_core.errors import ClusterError
from tests.adapters.bench import serving
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.test_shutdown import ending
from tests.app.bus import Bus, Joined
from tests.asgi.driver import AsgiServer, tasks
from tests.asgi.driver import serving as serving_app

Moments = list[str]


class Noting(Joined):
    """Notes when it is told what; it may fail to find the others."""

    def __init__(self, local: LocalAdapter, moments: Moments, *, fails: bool = False) -> None:
        super().__init__(Bus(), local)
        self._moments = moments
        self._fails = fails

    async def open(self, *, may_fail: bool) -> None:
        self._moments.append("open" if may_fail else "open for a request")
        if self._fails and may_fail:
            raise ClusterError("nobody is there")

    def close(self) -> None:
        self._moments.append("close")


def server(moments: Moments, *, fails: bool = False) -> Server:
    """Return a server whose clients take their time to leave."""
    io = Server(adapter=lambda local: Noting(local, moments, fails=fails))

    @io.on("disconnect")
    async def left(_: Socket, __: str) -> None:
        await loop.sleep(0.5)
        moments.append("left")

    return io


@both_loops
async def test_it_begins_before_clients_come_and_ends_when_no_handler_runs_any_more() -> None:
    moments: Moments = []
    async with ending(server(moments)) as bench:
        websocket = await bench.websocket()
        moments.append("client")
        await websocket.peer.close()
        await loop.settle()
        bench.end()
        await loop.sleep(1)
    assert moments == ["open", "client", "left", "close"]


@both_loops
async def test_a_server_that_does_not_find_the_others_does_not_serve() -> None:
    moments: Moments = []
    with pytest.raises(ExceptionGroup) as failed:  # of the bench's own nursery
        async with serving(server(moments, fails=True)):
            raise AssertionError("it serves")
    assert failed.group_contains(ClusterError, match="nobody is there", depth=1)
    assert moments == ["open", "close"]


@both_loops_tcp
async def test_nor_does_it_keep_what_it_was_to_listen_on() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(ExceptionGroup) as failed:
        async with loop.open_nursery() as nursery:
            await loop.serve(nursery, server([], fails=True), listeners=[loop.listener_on(sock)])
    assert failed.group_contains(ClusterError, match="nobody is there")
    assert sock.fileno() == -1


@both_loops
async def test_so_it_is_under_asgi() -> None:
    moments: Moments = []
    async with serving_app(App(server(moments))) as asgi:
        websocket = await asgi.websocket()
        await asgi.frame(websocket, "40")
        moments.append("client")
        websocket.disconnect(code=1001)
        await loop.settle()
    assert moments == ["open", "client", "left", "close"]


@both_loops
async def test_an_application_that_does_not_find_the_others_fails_to_start() -> None:
    moments: Moments = []
    async with tasks() as start:
        asgi = AsgiServer(App(server(moments, fails=True)), start)
        lifespan = asgi.connect({"type": "lifespan"}, {"type": "lifespan.startup"})
        await loop.sleep(1)
    assert lifespan.sent == [{"type": "lifespan.startup.failed", "message": "nobody is there"}]
    assert isinstance(lifespan.error, ClusterError)
    assert moments == ["open", "close"]


@both_loops
async def test_one_without_a_lifespan_has_nobody_to_tell_and_serves() -> None:
    moments: Moments = []
    app = App(server(moments, fails=True))
    async with tasks() as start:
        asgi = AsgiServer(app, start)
        opened = await asgi.request("GET", "/socket.io/?EIO=4&transport=polling")
        assert opened.status == 200
        async with app.lifespan():
            pass
    assert moments == ["open for a request", "close"]
