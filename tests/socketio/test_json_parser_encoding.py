"""What the default parser sends, and what it refuses to send. Spec: PROTOCOL 3.1 to 3.4."""

from __future__ import annotations

import json
import math
import re
from enum import IntEnum
from typing import Any, Final

import orjson
import pytest

from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import SocketSettings
from socketio_core.socketio import JsonParser, Packet
from socketio_core.socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT
from tests.socketio.frames import placeholder

# -- encoding ----------------------------------------------------------------------------------------------------------


class Level(IntEnum):
    HIGH = 3


ENCODED: Final[list[tuple[Packet, tuple[Frame, ...]]]] = [
    (Packet(CONNECT), ("40",)),
    (Packet(CONNECT, "/admin"), ("40/admin,",)),
    (Packet(CONNECT, "/", {"sid": "x"}), ('40{"sid":"x"}',)),
    (Packet(DISCONNECT), ("41",)),
    (Packet(DISCONNECT, "/admin"), ("41/admin,",)),
    (Packet(CONNECT_ERROR, "/n", {"message": "é"}), ('44/n,{"message":"é"}',)),
    (Packet(EVENT, "/", ["a", 1, 1.5, True, None]), ('42["a",1,1.5,true,null]',)),
    (Packet(EVENT, "/n", ["a"], 0), ('42/n,0["a"]',)),
    (Packet(EVENT, "/", ["a"], 10**100), (f'421{"0" * 100}["a"]',)),
    (Packet(ACK, "/", [], 3), ("433[]",)),
    (Packet(EVENT, "/", ["a", ("tuple", [()])]), ('42["a",["tuple",[[]]]]',)),
    (Packet(EVENT, "/", ["a", {1: 2, None: 3, False: 4}]), ('42["a",{"1":2,"null":3,"false":4}]',)),
    (Packet(EVENT, "/", ["a", Level.HIGH]), ('42["a",3]',)),
    (Packet(EVENT, "/", ["a", 10**400]), (f'42["a",1{"0" * 400}]',)),
    (Packet(EVENT, "/", ["a", "\ud83d\ude00"]), ('42["a","\\ud83d\\ude00"]',)),  # a pair, as two halves
    (Packet(EVENT, "/", ["a", b"x"]), (f'451-["a",{placeholder(0)}]', b"x")),
    (Packet(EVENT, "/n", ["a", bytearray(b"x")], 7), (f'451-/n,7["a",{placeholder(0)}]', b"x")),
    (Packet(EVENT, "/", ["a", memoryview(b"abcd")[::2]]), (f'451-["a",{placeholder(0)}]', b"ac")),
    (Packet(ACK, "/", [{"k": (b"x", b"y")}], 1), (f'462-1[{{"k":[{placeholder(0)},{placeholder(1)}]}}]', b"x", b"y")),
    (
        Packet(EVENT, "/", ["a", '"_placeholder":true', b""]),
        (f'451-["a","\\"_placeholder\\":true",{placeholder(0)}]', b""),
    ),
    (Packet(EVENT, "/", ["a", {"_placeholder": True, "num": 0}]), (f'42["a",{placeholder(0)}]',)),
]


@pytest.mark.parametrize(("packet", "frames"), ENCODED, ids=[str(frames[0])[:40] for _, frames in ENCODED])
def test_packets_are_encoded(packet: Packet, frames: tuple[Frame, ...]) -> None:
    encoded = JsonParser().encode(packet).frames
    assert encoded == frames
    assert {type(frame) for frame in encoded} <= {str, bytes}  # attachments are copies that nobody can change


def cycle() -> list[Any]:
    data: list[Any] = []
    data.append(data)
    return data


def nested(depth: int) -> list[Any]:
    data: list[Any] = []
    for _ in range(depth - 1):
        data = [data]
    return data


class Hostile(dict[str, object]):
    """A dict that fails when it is read."""

    def items(self) -> Any:
        raise OverflowError("not today")


SENT: Final = b"left behind"


UNSENDABLE: Final[list[tuple[Packet, str]]] = [
    (Packet(EVENT, "/", ["a", SENT, math.nan]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, math.inf]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, -math.inf]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, {"x": {1, 2}}]), "data cannot be sent as JSON: set is not JSON; use str, int"),
    (Packet(EVENT, "/", ["a", SENT, object()]), "data cannot be sent as JSON: object is not JSON; use str, int"),
    (Packet(EVENT, "/", ["a", SENT, 1j]), "data cannot be sent as JSON: complex is not JSON; use str, int"),
    (Packet(EVENT, "/", ["a", len]), "builtin_function_or_method is not JSON; wait for acknowledgements with call"),
    (Packet(EVENT, "/", ["a", SENT, {b"k": 1}]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, cycle()]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, nested(100_000)]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", SENT, 10**5000]), "data cannot be sent as JSON: "),
    (Packet(EVENT, "/", ["a", *([SENT] * 11)]), "too many attachments, max_attachments: 10"),
    (Packet(CONNECT, "/", {"sid": SENT}), "bytes can be sent in events and acks only"),
    (Packet(DISCONNECT, "/", SENT), "bytes can be sent in events and acks only"),
    (Packet(CONNECT_ERROR, "/", {"data": [SENT]}), "bytes can be sent in events and acks only"),
    (Packet(EVENT, "/\ud800", ["a", SENT]), "text holds a lone surrogate"),
]


@pytest.mark.parametrize(("packet", "error"), UNSENDABLE, ids=[error[-40:] for _, error in UNSENDABLE])
def test_what_cannot_be_sent_is_a_local_error_and_leaves_nothing_behind(packet: Packet, error: str) -> None:
    parser = JsonParser()
    with pytest.raises(LocalProtocolError, match=re.escape(error)):
        parser.encode(packet)
    assert parser.encode(Packet(EVENT, "/", ["b"])).frames == ('42["b"]',)
    assert parser.encode(Packet(EVENT, "/", ["b", b"x"])).frames == (f'451-["b",{placeholder(0)}]', b"x")


def test_data_that_fails_by_itself_leaves_nothing_behind_either() -> None:
    parser = JsonParser()
    with pytest.raises(OverflowError, match="not today"):
        parser.encode(Packet(EVENT, "/", ["a", SENT, Hostile(a=1)]))
    assert parser.encode(Packet(EVENT, "/", ["b"])).frames == ('42["b"]',)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_attachments_are_sent_than_are_accepted(count: int) -> None:
    parser = JsonParser(SocketSettings(max_attachments=2))
    packet = Packet(EVENT, "/", ["a", *([b"x"] * count)])
    if count <= 2:
        assert len(parser.encode(packet).frames) == 1 + count
    else:
        with pytest.raises(LocalProtocolError, match="too many attachments, max_attachments: 2"):
            parser.encode(packet)


def test_what_another_module_hides_from_us_may_not_look_like_a_placeholder() -> None:
    hidden = orjson.Fragment(b'{"_placeholder":true,"num":0}')
    with pytest.raises(LocalProtocolError, match="also holds an object with '_placeholder': true"):
        JsonParser(json=orjson).encode(Packet(EVENT, "/", ["a", b"x", hidden]))


def test_depth_is_looked_at_whoever_has_encoded() -> None:
    class Deep:
        loads = staticmethod(orjson.loads)

        def dumps(self, value: Any, /, *, default: Any = None) -> bytes:
            return json.dumps(
                value, separators=(",", ":"), ensure_ascii=False, default=default, allow_nan=False
            ).encode()

    parser = JsonParser(json=Deep())
    parser.encode(Packet(EVENT, "/", ["a", nested(255), "x" * 600]))
    with pytest.raises(LocalProtocolError, match="nested too deep, max_emitted_json_depth: 256"):
        parser.encode(Packet(EVENT, "/", ["a", nested(256)]))
