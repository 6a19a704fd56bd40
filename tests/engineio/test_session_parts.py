"""Messages that arrive in parts: put together up to the limit, and never beyond it. PROTOCOL 1.11."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.engineio import WebSocket
from socketio_core.engineio.packet import Frame
from socketio_core.errors import LocalProtocolError
from tests.engineio.scene import Scene

LIMIT = 50
TOO_BIG = ["<closed: transport error: message too large, max_payload_bytes: 50>"]


class Receiver:
    """A session on a WebSocket that is fed parts."""

    def __init__(self) -> None:
        self.scene = Scene(max_payload_bytes=LIMIT)
        self.client = self.scene.client("websocket")
        self.websocket = self.scene.socket(self.client).carrier

    def feed(self, *parts: Frame, is_last: bool = True) -> None:
        """Feed the parts of one message."""
        for index, part in enumerate(parts, 1):
            self.scene.engine.receive_part(
                self.websocket, part, is_last=is_last and index == len(parts), now=self.scene.now
            )


def cut(frame: Frame, size: int) -> list[Frame]:
    return [frame[at : at + size] for at in range(0, len(frame), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("frame", ["4hello", "4€ and 😀", b"\x00\xff123", "4" + "x" * (LIMIT - 1), b"x" * LIMIT])
def test_parts_make_one_message(frame: Frame, size: int) -> None:
    receiver = Receiver()
    receiver.feed(*cut(frame, size))
    receiver.feed("4", "next")
    message = frame[1:] if isinstance(frame, str) else frame
    assert receiver.scene.reports() == [message, "next"]
    assert not receiver.websocket.parts


@pytest.mark.parametrize("parts", [("", "4a", ""), ("4a", "", "", ""), ("", "", "4a"), ("4", "", "a")])
def test_empty_parts_take_no_room(parts: tuple[str, ...]) -> None:
    receiver = Receiver()
    receiver.feed(*parts, *[""] * 1000, is_last=False)
    assert receiver.websocket.parts.size_bytes == 2
    receiver.feed("")
    assert receiver.scene.reports() == ["a"]


def test_an_empty_binary_message_is_one() -> None:
    receiver = Receiver()
    receiver.feed(b"", b"", b"")
    assert receiver.scene.reports() == [b""]


@pytest.mark.parametrize(
    ("before", "part"),
    [
        (["4" + "x" * (LIMIT - 1)], "x"),
        (["4" + "é" * 24], "é"),
        ([b"x" * LIMIT], b"x"),
        (["4"], "x" * LIMIT),
        ([], "4" + "x" * LIMIT),
        ([], "€" * 17),
    ],
)
@pytest.mark.parametrize("is_last", [False, True])
def test_the_first_byte_over_the_limit_ends_with_1009(before: list[Frame], part: Frame, *, is_last: bool) -> None:
    receiver = Receiver()
    receiver.feed(*before, is_last=False)
    assert receiver.scene.reports() == []
    receiver.feed(part, is_last=is_last)
    assert (receiver.websocket.is_closed, receiver.websocket.close_code) == (True, 1009)
    assert receiver.scene.reports() == TOO_BIG
    receiver.feed("and", "so", "on")
    receiver.feed(b"and on")
    assert not receiver.websocket.parts
    assert receiver.scene.reports() == []
    receiver.scene.check_empty()


def test_a_candidate_that_sends_too_much_harms_only_itself() -> None:
    scene = Scene(max_payload_bytes=LIMIT)
    client = scene.client()
    websocket = client.open_websocket().carrier
    scene.engine.receive_part(websocket, "2pro", is_last=False, now=scene.now)
    scene.engine.receive_part(websocket, "x" * LIMIT, is_last=False, now=scene.now)
    assert (websocket.is_closed, websocket.close_code, scene.reports()) == (True, 1009, [])
    client.send("4still here")
    assert scene.reports() == ["still here"]


def test_a_probe_may_come_in_parts() -> None:
    scene = Scene(max_payload_bytes=LIMIT)
    client = scene.client()
    socket = client.open_websocket()
    for part in ("2", "pro", "be"):
        scene.engine.receive_part(socket.carrier, part, is_last=part == "be", now=scene.now)
    scene.reports()
    assert socket.take() == ["3probe"]


def test_what_is_half_there_is_freed_when_the_session_ends() -> None:
    receiver = Receiver()
    receiver.feed("4hal", is_last=False)
    receiver.scene.session(receiver.client).close(receiver.scene.now)
    assert receiver.scene.reports() == ["<closed: forced close>"]
    assert not receiver.websocket.parts
    receiver.feed("f")
    assert (bool(receiver.websocket.parts), receiver.scene.reports()) == (False, [])


@pytest.mark.parametrize(("first", "second"), [("4a", b"b"), (b"a", "b"), ("4a", b"")])
def test_parts_of_two_kinds_are_a_mistake_of_the_host(first: Frame, second: Frame) -> None:
    receiver = Receiver()
    receiver.feed(first, is_last=False)
    with pytest.raises(LocalProtocolError, match="part of another kind"):
        receiver.feed(second)
    receiver.feed(first)
    assert receiver.scene.reports() == ["a4a" if first == "4a" else b"aa"]


@given(frame=st.one_of(st.text("4aé€😀", max_size=40), st.binary(max_size=70)), cuts=st.sets(st.integers(0, 70)))
def test_parts_are_worth_what_the_whole_is(frame: Frame, cuts: set[int]) -> None:
    whole, torn = Receiver(), Receiver()
    whole.feed(frame)
    at = sorted({0, *(place for place in cuts if place < len(frame)), len(frame)})
    torn.feed(*[frame[start:end] for start, end in pairwise(at)] or [frame])
    assert torn.scene.reports() == whole.scene.reports()
    assert closing_of(torn.websocket) == closing_of(whole.websocket)


def closing_of(websocket: WebSocket) -> tuple[bool, int | None]:
    return websocket.is_closed, websocket.close_code
