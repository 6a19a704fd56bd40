"""What type checkers see of the API; at run time there is little left to test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, assert_type

from socketio_core import Server
from socketio_core.app import BroadcastOperator, Namespace, ParentNamespace, RemoteSocket, Socket
from tests.app.rig import AppRig

if TYPE_CHECKING:
    pass


def test_decorators_keep_the_type_of_the_function() -> None:
    io: Server = AppRig().io

    @io.on("a")
    async def handler(socket: Socket, text: str) -> int:
        return len(text)

    @io.use
    def middleware(socket: Socket) -> None: ...

    @io.event
    def chat(socket: Socket) -> str:
        return socket.id

    _, socket = AppRig().connect()
    assert_type(chat(socket), str)
    assert io.on("b", middleware) is middleware
    assert handler.__name__ == "handler"


def test_names_and_patterns_give_different_things() -> None:
    io = AppRig().io
    assert_type(io.of("/a"), Namespace)
    assert_type(io.of(re.compile("/b")), ParentNamespace)
    assert_type(io.of(lambda name: name == "/c"), ParentNamespace)
    assert io.of(re.compile("/b")) is io.of(re.compile("/b"))
    assert_type(io.of("/a").sockets, Mapping[str, Socket])


def test_operators_are_operators() -> None:
    rig = AppRig()
    _, socket = rig.connect()
    io = rig.io
    chosen = (io.to("a"), io.in_(["a"]), io.except_("a"), io.volatile, io.local, io.timeout(1), socket.to("a"))
    for operator in chosen:
        assert_type(operator, BroadcastOperator)
        assert_type(operator.emit_nowait("x"), int)
    assert_type(socket.rooms, set[str])
    assert_type(socket.data, dict[str, Any])
    assert_type(socket.handshake.auth, dict[str, Any])
    assert_type(socket.emit_nowait("x"), bool)


async def never_run(io: Server, socket: Socket) -> None:
    """For type checkers only."""
    assert_type(await socket.emit("x"), bool)
    assert_type(await io.timeout(None).call("x", timeout=1), list[Any])
    assert_type(await io.fetch_sockets(), list[Socket | RemoteSocket])
    assert_type(await io.of("/a").to("b").fetch_sockets(), list[Socket | RemoteSocket])
    assert_type(await io.emit("x"), int)
    assert_type(await io.call("x"), list[Any])
    await socket.emit("x", to="room")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue] # must be an error
