"""A client's WebSocket, frame by frame: the machine is the server's, and its table has its tests there."""

from __future__ import annotations

from zlib import compressobj

import pytest

from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.engineio.client.carriers import ClientCarrier, ClientWebSocket
from socketio_core.engineio.message import WireMessage
from socketio_core.wire.client.site import CLOSE_S
from socketio_core.wire.deflate import SLICE_BYTES
from tests.wire.by_hand import Gate
from tests.wire.client.by_hand import OPEN, Desk, Line, said, switching
from tests.wire.written import CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame

DEFLATED = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
CODES = [
    (b"", b"", ""),
    (b"\x03\xe8", b"\x03\xe8", ""),
    (b"\x03\xe8bye", b"\x03\xe8", ""),
    (b"\x03\xe9", b"\x03\xe9", "the server closed the WebSocket with code 1001"),
    (b"\x03\xf0policy", b"\x03\xf0", "the server closed the WebSocket with code 1008 policy"),
]


def talking(**options: object) -> tuple[Desk, Line]:
    desk = Desk("websocket", **options)  # type: ignore[arg-type] # as they say
    return desk, desk.websocket()


def server_close(code: int | None = None) -> bytes:
    return said(b"" if code is None else code.to_bytes(2, "big"), CLOSE)


# -- messages ----------------------------------------------------------------------------------------------------------


def test_frames_are_masked_each_with_a_mask_of_its_own() -> None:
    desk, line = talking()
    desk.send("a", "a")
    first, second = line.received[:8], line.received[8:]
    assert first != second
    assert line.frames() == [(TEXT, b"4a")] * 2


@pytest.mark.parametrize("size", [125, 126, 65535, 65536])
def test_lengths_of_every_form(size: int) -> None:
    desk, line = talking()
    desk.send("a" * (size - 1))
    assert line.frames() == [(TEXT, b"4" + b"a" * (size - 1))]
    line.send(said("4" + "b" * (size - 1)))
    assert desk.events[-1] == "b" * (size - 1)


def test_messages_that_wait_leave_in_one_write_and_not_all_at_once() -> None:
    desk, line = talking(high_water_bytes=5_000_000, max_buffered_bytes=10_000_000)
    line.writes.clear()
    desk.send("a", "b")
    assert len(line.writes) == 1
    line.is_reading = False
    for _ in range(8):
        desk.send("x" * 100_000)
    line.read_on()
    assert all(len(data) <= WRITE_BYTES + 200_000 for data in line.writes)
    assert desk.core.buffered_bytes == 0


def test_fragments_make_one_message_and_pings_may_come_between() -> None:
    desk, line = talking()
    pieces = [said("4a", fin=False), said(b"p", PING), said(b"b", CONTINUATION, fin=False), said(b"c", CONTINUATION)]
    line.send(*pieces)
    assert desk.events[-1] == "abc"
    assert line.frames() == [(PONG, b"p")]


def test_of_many_pings_the_last_one_is_answered() -> None:
    _, line = talking()
    line.send(b"".join(said(b"%d" % number, PING) for number in range(3)), said(b"3", PING))
    assert line.frames() == [(PONG, b"2"), (PONG, b"3")]


def test_masked_frame_of_a_server_is_an_error() -> None:
    desk, line = talking()
    line.send(close_frame(1000))
    ((opcode, payload),) = line.frames()
    assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
    assert "mask" in desk.why.lower()


def test_message_that_is_too_big_is_refused_before_it_is_whole_and_nothing_behind_it_is_read() -> None:
    desk, line = talking(max_message_bytes=1000)
    line.send(said("4" + "a" * 2000)[:1500], b"a" * 504 + said("4b") + said(b"p", PING))
    assert [opcode for opcode, _ in line.frames()] == [CLOSE]
    assert desk.events[1:-1] == []
    assert "larger than max_message_bytes" in desk.why


def test_inflating_stops_at_the_message_that_is_too_big() -> None:
    desk = Desk("websocket", per_message_deflate=True, max_message_bytes=1_000_000)
    line = desk.websocket(headers=DEFLATED)
    packer = compressobj(9, wbits=-15)
    bomb = packer.compress(b"4" + b"\0" * 50_000_000) + packer.flush(2)
    line.send(said(bomb, TEXT, rsv=4))
    assert len(bomb) > 8 * SLICE_BYTES
    assert line.frames()[0][1][:2] == (1009).to_bytes(2, "big")
    assert desk.events[1:-1] == []


def test_compressed_messages_come_and_go() -> None:
    desk = Desk("websocket", per_message_deflate=True)
    line = desk.websocket(headers=DEFLATED)
    packer = compressobj(9, wbits=-15)
    packed = packer.compress(b"4" + b"a" * 100_000) + packer.flush(2)[:-4]
    line.send(said(packed, TEXT, rsv=4))
    assert desk.events[-1] == "a" * 100_000
    desk.send("b" * 1000)
    first, payload = line.frame()
    assert first == 0xC1
    assert len(payload) < 100


def test_a_message_that_is_not_to_be_compressed_goes_as_it_is_under_a_mask() -> None:
    desk = Desk("websocket", per_message_deflate=True)
    line = desk.websocket(headers=DEFLATED)
    desk.core.put(WireMessage(("4" + "b" * 1000, b"c" * 1000), compress=False))
    desk.core.put(WireMessage(("4" + "d" * 1000,)))
    desk.settle()
    (first, text), (second, data), (third, packed) = line.frame(), line.frame(), line.frame()
    assert (first, text, second, data) == (0x81, b"4" + b"b" * 1000, 0x82, b"c" * 1000)
    assert (third, len(packed) < 100) == (0xC1, True)


def test_message_in_many_reads_is_read_in_turns() -> None:
    desk, line = talking()
    line.wire.receive(b"".join(said(f"4{number}") for number in range(3000)), desk.now)
    assert line.wire.has_more
    assert not line.wire.wants_input
    desk.settle()
    assert desk.events[1:] == [str(number) for number in range(3000)]


# -- the server's end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "echo", "told"), CODES)
def test_close_frame_is_answered_and_told_and_nothing_behind_it_is_heard(
    payload: bytes, echo: bytes, told: str
) -> None:
    desk, line = talking()
    line.send(said(payload, CLOSE) + said("4late"))
    assert line.frames() == [(CLOSE, echo)]
    assert line.is_over()
    error = getattr(desk.events[-1], "error", None)
    assert str(error or "") == told
    assert desk.events[1:-1] == []
    assert desk.core.is_done


def test_end_without_a_close_frame_is_told() -> None:
    desk, line = talking()
    line.end()
    assert desk.why == "the connection ended without a WebSocket close frame"
    assert line.frames() == [(CLOSE, b"")], "the server may still read"
    assert line.is_over()


def test_connection_that_breaks_is_told_in_the_hosts_words() -> None:
    desk, line = talking()
    line.lose("Connection reset by peer")
    assert desk.why == "the connection was lost: Connection reset by peer"
    assert line.is_over()


def test_what_was_read_before_the_connection_broke_is_heard() -> None:
    desk, line = talking()
    line.wire.receive(said("4a") * 3000, desk.now)
    line.lose("reset")
    assert desk.events[1:-1] == ["a"] * 3000
    assert desk.why == "the connection was lost: reset"


def test_failed_write_is_told_by_who_reads_or_at_once_if_nobody_does() -> None:
    desk, line = talking()
    line.wire.write_failed(desk.now, "Broken pipe")
    line.send(said("4a"))
    assert desk.events[-1] == "a"
    gate = Gate()
    desk, line = talking(gate=gate)
    gate.is_congested = True
    desk.settle()
    line.send(said("4a"))
    line.wire.write_failed(desk.now, "Broken pipe")
    desk.settle()
    assert desk.why == "the connection was lost: Broken pipe"


def test_frame_that_breaks_the_rules_is_answered_with_its_code_and_the_rest_is_not_heard() -> None:
    desk, line = talking()
    line.send(said("x", rsv=7) + said("4a") + said(b"", PING))
    ((opcode, payload),) = line.frames()
    assert (opcode, payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
    assert desk.events[1:-1] == []
    assert line.was_muted
    assert not line.is_over(), "it is given the time to read"
    line.end()
    assert line.is_over()
    assert desk.core.is_done


# -- our end -----------------------------------------------------------------------------------------------------------


def test_closing_writes_what_is_left_and_a_close_frame_in_one_write_and_waits_for_the_servers() -> None:
    desk, line = talking()
    line.writes.clear()
    desk.core.send("a", desk.now)
    desk.core.send("b", desk.now)
    desk.core.close(desk.now)
    desk.settle()
    assert len(line.writes) == 1
    assert line.frames() == [(TEXT, b"4a"), (TEXT, b"4b"), (CLOSE, b"")]
    assert not line.is_over()
    assert desk.site.is_busy
    assert not desk.core.is_done
    line.send(server_close())
    assert line.is_over()
    assert desk.core.is_done


def test_messages_that_come_while_closing_are_not_heard_and_pings_not_answered() -> None:
    desk, line = talking()
    desk.core.close(desk.now)
    desk.settle()
    line.frames()
    line.send(said("4a") + said(b"p", PING), server_close(1000))
    assert line.received == b""
    assert desk.events[1:-1] == []
    assert line.is_over()


def test_server_that_does_not_close_its_end_is_waited_for_no_longer_than_close_s() -> None:
    desk, line = talking()
    desk.core.close(desk.now)
    desk.settle()
    desk.advance(CLOSE_S - 0.001)
    assert not line.is_over()
    desk.advance(0.001)
    assert line.is_over()
    assert desk.core.is_done


def test_server_that_reads_nothing_is_given_up_too() -> None:
    desk, line = talking()
    line.is_reading = False
    desk.send("a")
    desk.core.close(desk.now)
    desk.settle()
    desk.advance(CLOSE_S)
    assert line.is_over()
    assert desk.core.is_done


def test_connection_that_ends_while_frames_wait_is_over_when_all_is_said() -> None:
    desk, line = talking()
    line.is_reading = False
    line.wire.receive(said("4a") * 3000, desk.now)
    line.wire.receive(b"", desk.now)
    desk.core.close(desk.now)
    line.is_reading = True
    desk.settle()
    assert line.is_over()
    assert desk.core.is_done


# -- pace and faults ---------------------------------------------------------------------------------------------------


def test_nothing_is_read_while_the_application_is_behind_and_its_silence_is_not_the_servers() -> None:
    gate = Gate()
    desk, line = talking(gate=gate)
    gate.is_congested = True
    line.send(said("4a"), said("4b"))
    assert desk.events[-1] == "a"
    assert line.unread == len(said("4b"))
    desk.advance(50.0)
    assert desk.core.is_open
    gate.open(desk.now)
    desk.settle()
    assert desk.events[-1] == "b"
    assert gate.taken


class Unwritable(str):
    """A frame of a parser that is no good."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        raise ValueError("not today")


def test_message_that_cannot_be_written_costs_the_connection_and_is_reported() -> None:
    desk, line = talking()

    def spoil(carrier: ClientCarrier) -> None:
        if isinstance(carrier, ClientWebSocket) and carrier.outbox:
            carrier.outbox.put(WireMessage((Unwritable("4"),)))
            desk.core.spoils = lambda _: None

    desk.core.spoils = spoil
    desk.send("a")
    assert len(desk.reports) == 1
    assert line.frames()[-1][0] == CLOSE
    assert not desk.core.is_open


class Broken(Gate):
    """A pace that cannot be told."""

    is_broken = False

    @property
    def is_congested(self) -> bool:
        if self.is_broken:
            raise ValueError("no pace")
        return False

    @is_congested.setter
    def is_congested(self, value: bool) -> None: ...


def test_fault_of_the_application_costs_the_connection_alone() -> None:
    gate = Broken()
    desk, line = talking(gate=gate)
    gate.is_broken = True
    line.send(said("4a"))
    assert [str(error) for error in desk.reports] == ["no pace"]
    assert line.frames()[-1][1][:2] == (1011).to_bytes(2, "big")
    assert desk.why == "internal error"


def test_open_packet_may_come_late() -> None:
    desk = Desk("websocket")
    line = desk.line()
    line.request()
    line.send(switching())
    desk.advance(1.0)
    line.send(said(OPEN))
    assert desk.core.is_open


# -- servers that cost more than they say ------------------------------------------------------------------------------


def test_message_of_too_many_fragments_ends_the_connection() -> None:
    desk, line = talking(max_fragments=10)
    line.send(said(b"4", TEXT, fin=False) + said(b"", CONTINUATION, fin=False) * 8 + said(b"", CONTINUATION))
    assert desk.events[-1] == ""
    line.send(said(b"4", TEXT, fin=False) + said(b"", CONTINUATION, fin=False) * 9)
    assert line.frames()[-1][1][:2] == b"\x03\xf0"


def test_pings_that_come_faster_than_pongs_are_taken_end_the_connection() -> None:
    _, line = talking(max_unanswered_pings=10)
    line.wire.receive(said(b"", PING) * 10, 0.0)
    assert line.wire.wants_input
    line.wire.receive(said(b"", PING), 0.0)
    line.place.settle()
    assert line.frames()[-1][1][:2] == b"\x03\xf0"
