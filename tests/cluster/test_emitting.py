"""Whom an emitter tells, and what: the commands, without a Redis."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from socketio_core.cluster import modern
from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.emitting import KINDS, Emitting, transport_of
from socketio_core.cluster.link import Command
from socketio_core.cluster.messages import (
    Audience,
    Broadcast,
    Message,
    RoomsJoin,
    RoomsLeave,
    ServerEmit,
    SocketsDisconnect,
)
from socketio_core.cluster.values import MAX_DEPTH
from socketio_core.errors import LocalProtocolError
from tests.cluster.bus import nested

ALL = Audience([], [], {})


class Rig:
    """An emitter, and the server that hears it."""

    def __init__(self, kind: str) -> None:
        self.heard: list[Message] = []
        self.commands: list[Command] = []
        self._transport = transport_of(parse_redis_url("redis://h"), kind, "socket.io", "socket.io", "dynamic")
        for nsp in ("/", "/admin"):
            self._transport.open(nsp)
        self.emitter = Emitting(self._transport, self._send)

    def _send(self, command: Command) -> int:
        self.commands.append(command)
        if command[0] == "XADD":
            fields = iter(command[6:])
            self.heard.append(modern.from_entry(dict(zip(fields, fields, strict=True))))  # type: ignore[arg-type]
        else:
            _, channel, data = command
            assert isinstance(channel, str)
            assert isinstance(data, bytes)
            self.heard.append(self._transport.decode(channel, data))
        return len(self.commands)


@pytest.mark.parametrize(("kind", "uid"), [("classic", None), ("sharded", "emitter")])
def test_an_emitter_is_understood(kind: str, uid: str | None) -> None:
    rig = Rig(kind)
    emitter = rig.emitter
    assert emitter.emit("a", 1, b"\x02") == 1
    assert emitter.of("admin").to("r").in_(["s", "q"]).except_("t").volatile.compress(False).emit("b") == 2  # noqa: FBT003
    emitter.to("r").sockets_join(["x", "w"])
    emitter.except_("r").sockets_leave("x")
    emitter.disconnect_sockets(True)  # noqa: FBT003 - the name users know
    emitter.of("/admin").server_side_emit("c", {"d": 1})
    assert rig.heard == [
        Broadcast("emitter", "/", ["a", 1, b"\x02"], ALL),
        Broadcast("emitter", "/admin", ["b"], Audience(["r", "q", "s"], ["t"], {"volatile": True, "compress": False})),
        RoomsJoin(uid, "/", Audience(["r"], [], {}), ["w", "x"]),
        RoomsLeave(uid, "/", Audience([], ["r"], {}), ["x"]),
        SocketsDisconnect(uid, "/", ALL, True),  # noqa: FBT003 - a field
        ServerEmit("emitter", "/admin", ["c", {"d": 1}]),
    ]


def test_all_that_an_emitter_says_to_streams_goes_into_the_stream() -> None:
    rig = Rig("streams")
    rig.emitter.emit("a")
    rig.emitter.server_side_emit("a")
    assert [command[:5] for command in rig.commands] == [("XADD", "socket.io", "MAXLEN", "~", 10_000)] * 2


def test_an_emitter_can_be_kept_and_used_again() -> None:
    rig = Rig("classic")
    room = rig.emitter.to("r")
    room.to("s").emit("a")
    room.emit("b")
    first, second = rig.heard
    assert isinstance(first, Broadcast)
    assert isinstance(second, Broadcast)
    assert (first.audience.rooms, second.audience.rooms) == (["r", "s"], ["r"])
    assert repr(room).startswith("<Emitting /, ")


def test_what_cannot_be_sent_is_an_error_at_once() -> None:
    rig = Rig("classic")
    with pytest.raises(LocalProtocolError, match="reserved"):
        rig.emitter.emit("connect")
    with pytest.raises(TypeError, match="rooms must be a string"):
        rig.emitter.to(5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # by the unwary
    with pytest.raises(ValueError, match="rooms must not be empty"):
        rig.emitter.to([]).disconnect_sockets()
    with pytest.raises(ValueError, match="kind of cluster must be one of classic, sharded, streams, not: 'x'"):
        Rig("x")
    itself: list[Any] = []
    itself += [itself, itself]
    too_deep: list[Any] = [nested(MAX_DEPTH), itself, {"a": OrderedDict(b=nested(MAX_DEPTH))}]
    for deep in too_deep:
        for emit in (rig.emitter.emit, rig.emitter.to("r").server_side_emit):
            with pytest.raises(LocalProtocolError, match="data is nested deeper than 256"):
                emit("a", deep)
    assert rig.commands == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_emitted_is_understood_however_deep(kind: str) -> None:
    rig = Rig(kind)
    deep = nested(MAX_DEPTH - 1)
    rig.emitter.emit("a", deep)
    rig.emitter.server_side_emit("a", deep)
    assert [message.args for message in rig.heard if isinstance(message, (Broadcast, ServerEmit))] == [["a", deep]] * 2
