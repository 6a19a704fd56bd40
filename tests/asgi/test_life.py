"""How the ASGI application begins and ends, on both loops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from socketio_core import Cors, Server
from socketio_core.app import Socket
from socketio_core.asgi import App
from socketio_core.serving import Timeouts
from tests.adapters.loops import both_loops, loop, one_loop
from tests.asgi.driver import AsgiServer, Connection, http_scope, poll_of, serving, tasks
from tests.asgi.echo import OPEN, echo_server, joined, reasons_of

# -- life ------------------------------------------------------------------------------------------------------------


async def live(app: Any) -> list[str]:
    """Run a whole lifespan; return what was answered."""
    async with tasks() as start:
        connection = Connection({"type": "lifespan", "asgi": {"version": "3.0"}})

        async def run() -> None:
            await app(connection.scope, connection.receive, connection.send)

        start(run)
        connection.give({"type": "lifespan.startup"})
        await loop.settle()
        connection.give({"type": "lifespan.shutdown"})
        await loop.settle()
    return [message["type"] for message in connection.sent]


COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@both_loops
async def test_a_lifespan() -> None:
    assert await live(App(echo_server())) == COMPLETE


async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("only HTTP here")


async def that_returns(scope: Any, receive: Any, send: Any) -> None:
    pass


async def that_listens_and_fails(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise ValueError("only HTTP here")


@pytest.mark.parametrize("other", [without_lifespan, that_returns, that_listens_and_fails])
@both_loops
async def test_another_application_without_a_lifespan(other: Any) -> None:
    assert await live(App(echo_server(), other)) == COMPLETE


@both_loops
async def test_another_applications_lifespan_is_inside() -> None:
    order = list[str]()
    io = echo_server()

    async def other(scope: Any, receive: Any, send: Any) -> None:
        for moment in ("startup", "shutdown"):
            order.append((await receive())["type"])
            await io.emit("hello")  # it serves
            await send({"type": f"lifespan.{moment}.complete"})

    assert await live(App(io, other)) == COMPLETE
    assert order == ["lifespan.startup", "lifespan.shutdown"]


@both_loops
async def test_another_application_that_cannot_start() -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    assert await live(App(echo_server(), other)) == ["lifespan.startup.failed"]


@both_loops
async def test_the_end_tells_clients_and_waits_for_handlers() -> None:
    io = echo_server()
    done = list[str]()

    @io.on("disconnect")
    async def left(_: Socket, reason: str) -> None:
        await loop.sleep(1)
        done.append(reason)

    app = App(io)
    async with tasks() as start:
        async with app.lifespan():
            server = AsgiServer(app, start)
            websocket = await joined(server)
            sid = await server.session()
            poll = await server.request("GET", poll_of(sid))
        assert (websocket.sent[-1]["code"], websocket.sent[-1]["reason"]) == (1001, "server shutting down")
        assert poll.body == "1"
        assert done == ["server shutting down"] * 2
        assert (await server.request("GET", OPEN)).status == 503


@both_loops
async def test_handlers_hear_of_the_end_of_who_does_not_poll_just_then() -> None:
    io = echo_server()
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        await server.session()
    assert reasons == ["server shutting down"]


@pytest.mark.parametrize("which", ["send", "receive"])
@both_loops
async def test_what_the_server_raises_is_its_own_and_ends_the_session(which: str) -> None:
    io = echo_server()
    reasons = reasons_of(io)

    async def fail(_: object = None) -> Any:
        raise OSError("the network is gone")

    async with serving(App(io)) as server:
        websocket = await joined(server)
        setattr(websocket, which, fail)
        await io.emit("news")
        websocket.give({"type": "websocket.receive", "text": '42["echo",1]'})
        await loop.settle()
        assert (type(websocket.error), websocket.is_over, reasons) == (OSError, True, ["transport close"])


@both_loops
async def test_handlers_that_do_not_end_are_cancelled_and_the_end_is_told() -> None:
    io = echo_server(timeouts=Timeouts(shutdown_s=2))
    reasons = reasons_of(io)
    done = list[str]()

    @io.on("forever")
    async def forever(_: Socket) -> None:
        try:
            await loop.new_event().wait()
        finally:
            done.append("cancelled")

    async with serving(App(io)) as server:
        await server.frame(await joined(server), '42["forever"]')
    assert (done, reasons) == (["cancelled"], ["ping timeout"])


def test_another_loop_is_told_what_to_do() -> None:
    app = App(echo_server())

    async def serve() -> None:
        async with tasks() as start:
            opened = await AsgiServer(app, start).request("GET", OPEN)
        if loop.name == "trio":
            assert opened.status == 200
        else:
            assert isinstance(opened.error, RuntimeError)
            assert "with TestClient(app)" in str(opened.error)

    for name in ("trio", "asyncio"):
        one_loop(name)(serve)()


@one_loop("asyncio")
async def test_asyncio_without_a_task_is_told_what_to_do() -> None:
    app, errors = App(echo_server()), list[str]()
    async with serving(app) as server:
        sid = await server.session()
        poll = app(http_scope("GET", poll_of(sid)), Connection({"type": "http"}).receive, None)  # type: ignore[arg-type]

        def step() -> None:
            with pytest.raises(RuntimeError) as caught:
                poll.send(None)
            errors.append(str(caught.value))

        asyncio.get_running_loop().call_soon(step)
        await loop.settle()
    assert errors == ["App must be called in a task, as ASGI servers do"]


def test_arguments() -> None:
    with pytest.raises(TypeError, match="server must be"):
        App(Cors(origins="*"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="other_app must be an ASGI application"):
        App(Server(), "fastapi")  # type: ignore[arg-type]


@both_loops
async def test_unknown_scopes() -> None:
    with pytest.raises(ValueError, match="unknown type of ASGI scope: 'ftp'"):
        await App(Server())({**http_scope("GET", "/"), "type": "ftp"}, None, None)  # type: ignore[arg-type]
