"""A server that says nothing of its end: the loop ends, and with it all tasks, in order and without a word."""

from __future__ import annotations

import asyncio
import logging

import pytest

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.asgi import App
from tests.adapters.memory import JumpingLoop
from tests.asgi.driver import AsgiServer


@pytest.mark.parametrize("is_busy", [False, True])
def test_the_loop_ends(caplog: pytest.LogCaptureFixture, *, is_busy: bool) -> None:
    io, ended = Server(), list[str]()

    @io.on("wait")
    async def wait(_: Socket) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("handler")

    async def main() -> None:
        def start(function: object) -> object:
            return asyncio.ensure_future(function()).cancel  # type: ignore[operator]

        server = AsgiServer(App(io), start)  # type: ignore[arg-type]
        websocket = await server.websocket()
        await server.frame(websocket, "40", *(['42["wait"]'] if is_busy else []))

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main())
    assert ended == ["handler"] * is_busy
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
