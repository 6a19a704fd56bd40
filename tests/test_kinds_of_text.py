"""Members of enumerations, and other strings that are no plain `str`, where a name is asked for; things like bytes."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

import orjson
import pytest

from socketio_core.app import Namespace, Socket
from socketio_core.errors import ConnectRefused, LocalProtocolError
from socketio_core.socketio import JsonParser, Packet
from socketio_core.socketio.packet import EVENT
from socketio_core.trio import ConnectError, Server, connect
from tests.trio.bench import serving, trio_tcp_test, until


class Modern(StrEnum):
    EVENT = "chat"
    ROOM = "lobby"
    SPACE = "/admin"
    NO = "not you"
    DISCONNECT = "disconnect"


class Classic(str, Enum):  # noqa: UP042 - many applications have these
    EVENT = "chat"
    ROOM = "lobby"
    SPACE = "/admin"
    NO = "not you"
    DISCONNECT = "disconnect"


class Text(str):
    """As unlike a string as a string can be."""

    __slots__ = ()

    def __str__(self) -> str:
        return "?"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return "?"


class Own:
    EVENT = Text("chat")
    ROOM = Text("lobby")
    SPACE = Text("/admin")
    NO = Text("not you")
    DISCONNECT = Text("disconnect")


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize("json", [None, orjson])
@pytest.mark.parametrize("names", [Modern, Classic, Own])
@trio_tcp_test
async def test_names_of_any_kind_of_text(names: Any, json: Any) -> None:
    io = Server(json=json)
    calls: list[Any] = []
    space: str = names.SPACE
    admin: Namespace = io.of(space)

    async def chat(socket: Socket, *args: Any) -> Any:
        socket.join(names.ROOM)
        socket.join([names.ROOM, "other"])
        assert socket.rooms == {"lobby", "other", socket.id}
        assert {type(room) for room in socket.rooms} == {str}
        await admin.to(names.ROOM).except_([names.NO]).emit(names.EVENT, names.EVENT)
        await socket.emit(names.EVENT, {names.ROOM: names.EVENT, "level": Level.LOW})
        calls.append(await socket.call(names.EVENT, names.NO))
        socket.leave(names.ROOM)
        return names.NO

    def left(socket: Socket, reason: str) -> None:
        calls.append(reason)

    assert admin.on(names.EVENT, chat) is chat
    admin.on(names.DISCONNECT, left)

    def unwanted(socket: Socket) -> None:
        raise AssertionError("removed")

    admin.on(names.EVENT, unwanted)
    admin.off(names.EVENT, unwanted)

    @io.use
    def refuse(socket: Socket) -> None:
        raise ConnectRefused(names.NO, {names.ROOM: names.EVENT})

    async with serving(io, tcp=True) as bench:
        async with connect(bench.urls[0] + "/admin", json=json) as socket:

            def heard(data: Any) -> Any:
                calls.append(data)
                return data

            socket.on(names.EVENT, heard)

            assert socket.of(names.SPACE) is socket
            assert await socket.call(names.EVENT, names.ROOM) == "not you"
            refused = socket.of("/")
            with pytest.raises(ConnectError, match="not you") as error:
                await refused.wait_connected()
            assert error.value.data == {"lobby": "chat"}
            assert calls[:4] == ["chat", {"lobby": "chat", "level": 1}, "not you", "not you"]
            with pytest.raises(LocalProtocolError, match="reserved: 'disconnect'"):
                await socket.emit(names.DISCONNECT)
        await until(lambda: calls[-1] == "transport close" or "client" in str(calls[-1]), "it has left")
        assert [namespace.name for namespace in io.namespaces] == ["/", "/admin"]


@trio_tcp_test
async def test_a_refusal_of_a_handshake_of_any_kind_of_text() -> None:
    answers = iter([Modern.NO, Classic.NO, Own.NO])
    async with serving(Server(allow_request=lambda _: next(answers)), tcp=True) as bench:
        for _ in range(3):
            with pytest.raises(ConnectError, match="not you"):
                await connect(bench.urls[0], transports=["polling"]).__aenter__()


@pytest.mark.parametrize("name", [Level.LOW, 1, b"chat", None, ("chat",)])
@trio_tcp_test
async def test_what_is_no_name_is_refused_by_name(name: Any) -> None:
    io = Server()
    for registrar in (io, io.of("/a")):
        with pytest.raises(TypeError, match="event name must be a string"):
            registrar.on(name, print)
    async with serving(io, tcp=True) as bench:
        client = await bench.websocket()
        async with connect(bench.urls[0]) as socket:
            with pytest.raises(TypeError, match="event name must be a string"):
                socket.on(name, print)
            for sender in (io, socket, io.sockets.sockets[client.socket_id]):
                for call in (sender.emit, sender.call):
                    with pytest.raises(LocalProtocolError, match="event name must be a string"):
                        await call(name)


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Point:
    x: int


@pytest.mark.parametrize("json", [None, orjson])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Text("a"), '"a"'),
        ({Text("k"): Classic.EVENT, Modern.ROOM: 1}, '{"k":"chat","lobby":1}'),
        ({Level.LOW: Level.LOW, 2: None, False: 1.5}, '{"1":1,"2":null,"false":1.5}'),
        (Pair(1, (2, Pair(3, []))), "[1,[2,[3,[]]]]"),
        (OrderedDict[str, Any](a=1), '{"a":1}'),
        (defaultdict[str, Any](list, a=[1]), '{"a":[1]}'),
    ],
)
def test_data_of_related_types(value: Any, text: str, json: Any) -> None:
    frames = JsonParser(json=json).encode(Packet(EVENT, "/", ["x", value])).frames
    assert frames == ('42["x",' + text + "]",)


@pytest.mark.parametrize("json", [None, orjson])
@pytest.mark.parametrize(
    "value", [bytearray(b"ab"), memoryview(b"ab"), memoryview(b"a-b")[::2], type("B", (bytes,), {})(b"ab")]
)
def test_data_like_bytes(value: Any, json: Any) -> None:
    frames = JsonParser(json=json).encode(Packet(EVENT, "/", ["x", {"y": (value,)}])).frames
    assert frames == ('451-["x",{"y":[{"_placeholder":true,"num":0}]}]', b"ab")
    assert type(frames[1]) is bytes


@pytest.mark.parametrize("json", [None, orjson])
@pytest.mark.parametrize("value", [Point(1), {Point}, {1}, iter(()), range(2), {(1, 2): 3}, {b"k": 1}, {"a": Point(2)}])
def test_data_of_other_types_is_refused_by_name(value: Any, json: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"cannot be sent as JSON: .*(is not JSON; use str|keys must be str)"):
        JsonParser(json=json).encode(Packet(EVENT, "/", ["x", value]))


@pytest.mark.parametrize("message", [bytearray(b"ab"), memoryview(b"ab"), Text("ab"), Modern.EVENT])
@trio_tcp_test
async def test_bare_messages_of_related_types(message: Any) -> None:
    from socketio_core.engineio.packet import message_frame

    frame = message_frame(message)
    assert type(frame) in (str, bytes)
    assert frame in ("4ab", "4chat", b"ab")
    with pytest.raises(LocalProtocolError, match="message must be str or bytes, not list"):
        message_frame([message])  # type: ignore[arg-type]
