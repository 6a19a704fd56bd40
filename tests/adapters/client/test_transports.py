"""Which transport a client begins on."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.app.client_socket import ConnectError
from tests.adapters.bench import core_of, runtime_of, until
from tests.adapters.client.server import raw_server, response
from tests.adapters.client.test_connect import make_server, serving
from tests.adapters.loops import both_loops_tcp, loop


@pytest.mark.parametrize("remembers", [True, False])
@both_loops_tcp
async def test_upgrade_is_remembered_for_the_next_connection_if_wanted(remembers: bool) -> None:  # noqa: FBT001 - a row
    io = make_server()
    async with serving(io) as url, loop.connect(url, remember_upgrade=remembers, reconnection_delay_s=0.01) as socket:
        begun_on: list[str] = []
        socket.manager.on("open", begun_on.append)
        await until(lambda: socket.transport == "websocket", "it has upgraded")
        core_of(io).sessions[0].close(loop.current_time())
        runtime_of(io).flush()
        await until(lambda: len(begun_on) == 2 and socket.connected, "it is back")
        assert begun_on == ["polling", "websocket" if remembers else "polling"]
        assert await socket.call("echo", 1) == 1


@both_loops_tcp
async def test_other_transports_are_tried_if_wanted() -> None:
    for transports, answers in (
        (["polling", "websocket"], {"handshake": response("", "404 Not Found")}),
        (["websocket", "polling"], {"websocket": response("", "400 Bad Request")}),
    ):
        async with raw_server(answers) as server:  # type: ignore[arg-type] # as it says
            options: dict[str, Any] = {"transports": transports, "close_timeout_s": 1.0}
            with pytest.raises(ConnectError, match=f"{transports[0]}: HTTP 40"):
                async with loop.connect(server.url, **options):
                    pytest.fail("it must not connect")
            async with loop.connect(server.url, try_all_transports=True, **options) as socket:
                assert (socket.id, socket.transport) == ("A", transports[1])
