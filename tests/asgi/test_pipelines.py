"""Requests that are sent on behind each other are the ASGI server's: see the table in `socketio_core.asgi`."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
import uvicorn
from uvicorn.server import ServerState

from benchmarks.attacks import request
from tests.adapters.memory import MemoryTransport

COUNT: Final = 500


class Counted(dict[str, Any]):
    """What an application keeps for all requests; uvicorn copies it for each.

    Attributes:
        copies: how often.
    """

    copies = 0

    def copy(self) -> dict[str, Any]:
        self.copies += 1
        return {}


@pytest.mark.parametrize(("http", "made"), [("httptools", COUNT), ("h11", 1)])
def test_uvicorn_makes_all_requests_of_a_read_at_once_but_not_with_h11(http: Any, made: int) -> None:
    async def ask() -> None:
        begun = asyncio.Event()

        async def wait(_: object, __: object, ___: object) -> None:
            begun.set()
            await asyncio.Event().wait()

        config = uvicorn.Config(wait, http=http, log_config=None)
        config.load()
        state, counted = ServerState(), Counted()
        protocol: Any = config.http_protocol_class
        transport = MemoryTransport(is_lockstep=False, writes=None)
        transport.begin(protocol(config=config, server_state=state, app_state=counted))
        transport.unread += request("/", "Expect: 100-continue") * COUNT
        transport.deliver_soon()
        await begun.wait()
        assert (counted.copies, len(state.tasks)) == (made, 1)
        for task in state.tasks:
            task.cancel()
        await asyncio.wait(state.tasks)

    asyncio.run(ask())
