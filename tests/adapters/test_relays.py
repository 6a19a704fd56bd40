"""Nothing that a client sends makes passing it on fail, or harms who gets it; with our own client at the other end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import orjson
import pytest

from socketio_core import Server
from socketio_core.app import Socket
from socketio_core.errors import LocalProtocolError
from tests.adapters.bench import serving, until
from tests.adapters.loops import both_loops_tcp, loop


def nested(depth: int) -> Any:
    data: Any = "deep"
    for _ in range(depth):
        data = [data]
    return data


@pytest.mark.parametrize("json", [None, orjson])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
@both_loops_tcp
async def test_the_largest_that_arrives_reaches_everybody(transport: str, json: Any) -> None:
    io = Server(json=json)
    failures: list[object] = []
    got: list[Any] = []

    @io.on("say")
    async def say(socket: Socket, data: Any) -> Any:
        try:
            await io.emit("said", {"from": socket.id, "data": data})
            await io.emit("said", b"picture", {"from": socket.id, "data": data})
        except Exception as error:  # noqa: BLE001 - none may come
            failures.append(error)
        return {"ok": data}

    async with serving(io, tcp=True) as bench, AsyncExitStack() as stack:
        dial = partial(loop.connect, bench.urls[0], json=json, transports=[transport], reconnection=False)
        sender, other = [await stack.enter_async_context(dial()) for _ in range(2)]

        @other.on("said")
        def said(*args: Any) -> None:
            got.append(args[-1]["data"])

        for data in (
            nested(127),
            {"a": nested(126)},
            {"_placeholder": True, "num": 5},
            [b"x", {"_placeholder": False, "num": 0}],
            "\ud800",
            {"__proto__": -0.0, "\0": 10**400},
        ):
            got.clear()
            answer = await sender.call("say", data)
            await until(lambda: len(got) == 2, "both have come")
            assert answer == {"ok": data}
            assert got == [data, data]
        with pytest.raises(LocalProtocolError, match="max_emitted_json_depth: 128"):
            await sender.emit("say", nested(128))
        with pytest.raises(LocalProtocolError, match="max_emitted_json_depth: 256"):
            await io.emit("said", nested(256))
        assert await io.emit("said", {"data": nested(254)}) == 2
        await loop.sleep(1)
        assert sender.connected
        assert other.connected
    assert failures == []


@both_loops_tcp
async def test_a_number_that_nobody_can_send_on_ends_who_sent_it() -> None:
    async with serving(Server(), tcp=True) as bench:
        client, other = await bench.websocket(), await bench.polling()
        await client.send('42["echo",1e400]')
        await until(lambda: bench.reason_of(client) == "parse error", "it is gone")
        await other.echo()
        auth = await bench.websocket(join=False)
        await auth.send('40{"token":-1e400}')
        await until(lambda: bench.session_count == 1, "it is gone")
