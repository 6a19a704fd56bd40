"""What comes by a WebSocket and what goes, and what a connection costs that breaks the rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.engineio import Engine
from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.engineio.events import Closed
from socketio_core.engineio.message import WireMessage
from socketio_core.settings import EngineSettings
from socketio_core.socketio import AckReceived, ConnectRequested, EventReceived, ServerCore
from socketio_core.wire import Mount, Site
from socketio_core.wire.plain_frames import wire_bytes
from tests.effort import examples
from tests.wire.by_hand import POLLING, WEBSOCKET, Gate, House
from tests.wire.sockets import (
    MANY,
    TIMES,
    house,
    reading_shut,
    seen,
)
from tests.wire.written import CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, handshake, request

# -- what comes --------------------------------------------------------------------------------------------------------

both = pytest.mark.parametrize("shortcuts", [True, False])


@both
def test_messages_of_each_kind_come_and_go(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    for text in ("", "a", "é" * 200, "x" * 70_000):
        peer.send(frame(f"4{text}"))
        assert peer.frames() == [(1, f"4{text}".encode())]
    for data in (b"", b"\xff" * 300, b"\0" * 70_000):
        peer.send(frame(data))
        assert peer.frames() == [(2, data)]
    assert {type(message) for message in place.messages} == {str, bytes}


@both
def test_pings_are_answered_the_last_one_will_do(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame(b"1", PING) + frame(b"2", PING) + frame(b"", PONG))
    assert peer.frames() == [(PONG, b"2")]
    peer.send(frame(b"3", PING) + frame("4a"))
    assert peer.frames() == [(PONG, b"3"), (TEXT, b"4a")]


def test_ping_behind_the_close_frame_of_ours_is_not_answered() -> None:
    place = house()
    peer = reading_shut(place)
    assert seen(place, peer) == "close 0 reads closed"
    peer.send(frame(b"?", PING))
    assert seen(place, peer) == "reads closed"


@both
@pytest.mark.parametrize(
    ("sent", "answered"), [(close_frame(), None), (close_frame(1000), 1000), (close_frame(4321, b"bye"), 4321)]
)
def test_close_frames_are_echoed(sent: bytes, answered: int | None, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame("4a") + sent + frame("4b"))
    assert place.messages == ["a"]
    assert peer.close_code() == answered
    assert peer.wire.is_over


@both
@pytest.mark.parametrize("before", [b"", frame("4a", fin=False) + frame("b", CONTINUATION)])
def test_first_close_frame_counts_whoever_reads_it(before: bytes, *, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(before + close_frame(4321, b"bye") + close_frame(1000))
    assert peer.close_code() == 4321
    assert next(event for _, event in place.happened if isinstance(event, Closed)).code == 4321


@both
def test_close_frame_of_a_peer_that_is_not_listened_to_is_none(*, shortcuts: bool) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    peer.wire.receive(frame("", PING) * 11 + close_frame(4321), place.now)
    place.settle()
    assert peer.close_code() == 1008
    assert not peer.wire.is_over


@both
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame("4a", rsv=4), 1002),
        (frame("4a", masked=False), 1002),
        (frame("", CONTINUATION), 1002),
        (frame(b"4\xff", TEXT), 1007),
        (frame("x" * 126, PING), 1002),
        (frame("4", fin=False) + frame("a"), 1002),
        (frame(b"1", CLOSE), 1002),
        (frame("4" * 1001), 1009),
        (frame("4" * 600, fin=False) + frame("4" * 401, CONTINUATION), 1009),
        (frame("4" * 20_000)[:5000], 1009),
    ],
)
def test_frame_that_breaks_the_rules_ends_the_connection_with_a_code(
    sent: bytes, code: int, *, shortcuts: bool
) -> None:
    settings = EngineSettings(path="/engine.io/", max_payload_bytes=1000)
    place = House(settings, timeouts=TIMES, shortcuts=shortcuts)
    peer, other = place.websocket(), place.websocket()
    peer.send(sent, frame("4" * 5000))
    assert peer.close_code() == code
    assert peer.wire.is_mute
    peer.end()
    assert peer.wire.is_over
    assert place.messages == []
    other.echo()


@both
def test_why_a_frame_broke_the_rules_is_told(*, shortcuts: bool) -> None:
    place = house(shortcuts=shortcuts)
    for sent, reason in ((frame("4a", masked=False), "masked"), (frame("4a", rsv=4), "[Rr]eserved|RSV")):
        peer = place.websocket()
        peer.send(sent)
        closed = place.happened[-1][1]
        assert isinstance(closed, Closed)
        assert re.search(reason, str(closed.error)), closed.error


@both
@pytest.mark.parametrize("size", [999, 1000])
def test_message_up_to_the_limit_is_one(size: int, *, shortcuts: bool) -> None:
    place = House(EngineSettings(path="/engine.io/", max_payload_bytes=1000), shortcuts=shortcuts)
    peer = place.websocket()
    peer.send(frame("4" * size))
    peer.send(frame("4" * 500, fin=False) + frame("4" * (size - 500), CONTINUATION))
    assert place.messages == ["4" * (size - 1)] * 2


# -- what goes ---------------------------------------------------------------------------------------------------------


def test_output_is_taken_in_bounded_pieces_and_stays_in_the_outbox_meanwhile() -> None:
    place = house()
    peer = place.websocket()
    peer.is_reading = False
    (session,) = place.engine.sessions
    text = "x" * 100_000
    for _ in range(9):
        session.send(text, place.now)
    place.settle()
    assert len(peer.wire.data_to_send(place.now)) <= WRITE_BYTES + 100
    assert session.buffered_bytes == 7 * 100_001
    peer.writes.clear()
    peer.read_on()
    assert len(peer.frames()) == 7
    assert max(map(len, peer.writes)) <= WRITE_BYTES + 100
    assert session.buffered_bytes == 0


@settings(max_examples=examples(12))
@given(
    st.lists(st.text(max_size=3) | st.binary(max_size=3) | st.just("x" * 130), min_size=1, max_size=4), st.booleans()
)
def test_messages_are_written_the_same_one_by_one_and_together(messages: list[str | bytes], is_asked: bool) -> None:  # noqa: FBT001
    """One alone, with nothing urgent before it, goes a way of its own."""
    written: list[list[tuple[int, bytes]]] = []
    for is_one_by_one in (True, False):
        place = house()
        peer = place.websocket()
        if is_asked:
            peer.send(frame("", PING))
        for message in messages:
            place.engine.sessions[0].send(message, place.now)
            if is_one_by_one:
                place.settle()
        place.settle()
        written.append(peer.frames())
    assert written[0] == written[1]
    assert len(written[0]) == len(messages) + is_asked


def test_message_larger_than_a_piece_goes_alone() -> None:
    place = house()
    peer = place.websocket()
    place.engine.sessions[0].send("x" * WRITE_BYTES * 2, place.now)
    place.engine.sessions[0].send("y", place.now)
    place.settle()
    assert [len(data) for _, data in peer.frames()] == [WRITE_BYTES * 2 + 1, 2]
    assert len(peer.writes) == 3  # the 101 and the open packet came in one


def test_first_write_has_the_answer_and_what_follows() -> None:
    place = house()
    peer = place.connect()
    peer.send(handshake(WEBSOCKET))
    assert len(peer.writes) == 1
    assert peer.answer().status == 101
    assert peer.frame()[1][:2] == b"0{"


def test_what_is_in_the_outbox_goes_before_the_close_frame() -> None:
    place = house()
    peer = place.websocket()
    peer.is_reading = False
    (session,) = place.engine.sessions
    for _ in range(4):
        session.send("x" * 100_000, place.now)
    session.close(place.now, code=1001, text="later")
    place.settle()
    peer.read_on()
    assert [opcode for opcode, _ in peer.frames()] == [TEXT] * 4 + [CLOSE]
    peer.send(close_frame(1001))
    assert peer.wire.is_over


def test_bytes_of_a_message_are_made_once_for_all() -> None:
    message = WireMessage(("4a", b"b"))
    data = wire_bytes(message)
    assert data == b"\x81\x024a\x82\x01b"
    assert wire_bytes(message) is data
    single = WireMessage(("4a",))
    assert wire_bytes(single) == b"\x81\x024a"
    assert wire_bytes(single) is wire_bytes(single)


class Unwritable:
    """A message that cannot be made bytes of."""

    size_bytes = 3
    compress = False
    host_cache = None

    @property
    def frames(self) -> None:
        raise ValueError("no frames")


def put_unwritable(place: House) -> None:
    """Put it into the outbox of the last session's WebSocket."""
    session = place.engine.sessions[-1]
    session.outbox.messages.append(Unwritable())  # type: ignore[arg-type]
    session.send("x", place.now)


@pytest.mark.parametrize("options", [{}, {"per_message_deflate": True}])
def test_message_that_cannot_be_written_costs_its_connection_alone(options: dict[str, Any]) -> None:
    place = house(gate=Gate(), **options)
    other, peer = place.websocket(), place.websocket()
    put_unwritable(place)
    place.settle()
    assert peer.close_code() == 1011
    assert [str(error) for _, error in place.reports] == ["no frames"]
    other.echo()
    peer.end()
    assert peer.wire.is_over


def test_message_that_cannot_be_written_does_not_take_the_answer_along() -> None:
    place = house()

    def put(_: float) -> None:
        if place.engine.sessions:
            place.on_work = lambda _: None
            put_unwritable(place)

    place.on_work = put
    peer = place.connect()
    peer.send(handshake(WEBSOCKET))
    assert peer.answer().status == 101
    assert peer.close_code() == 1011


# -- engines that fail -------------------------------------------------------------------------------------------------


class Faulty(Engine):
    """Fails at what it is given, once it is told to."""

    is_faulty = False

    def receive_all(self, websocket: Any, frames: Any, now: float) -> None:
        frames = list(frames)
        if self.is_faulty and "4fail" in frames:
            raise ValueError("faulty")
        super().receive_all(websocket, frames, now)


def faulty_house() -> House:
    place = house()
    engine = Faulty(EngineSettings(path="/engine.io/"))
    engine.is_faulty = True
    place.engine = engine
    place.site.mounts.clear()
    place.site.add(Mount(engine))
    return place


@pytest.mark.parametrize("count", [1, MANY])
def test_engine_that_fails_costs_the_connection_alone(count: int) -> None:
    place = faulty_house()
    other, peer = place.websocket(), place.websocket()
    peer.send(frame("4a") * (count - 1) + frame("4fail") + frame("4b"))
    assert peer.close_code() == 1011
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert peer.wire.is_mute
    other.echo()


def test_connection_that_failed_has_nothing_more() -> None:
    place = faulty_house()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * MANY + frame("4b"), place.now)
    had_more = peer.wire.has_more
    peer.wire.fail(ValueError("ours"), place.now)
    assert (had_more, peer.wire.has_more) == (True, False)
    known = len(place.messages)
    place.settle()
    assert "b" not in place.messages[known:]


def test_engine_that_fails_when_the_connection_is_lost_is_told_the_loss_all_the_same() -> None:
    place = faulty_house()
    other, peer = place.websocket(), place.websocket()
    peer.wire.receive(frame("4a") * MANY + frame("4fail"), place.now)
    peer.lose()
    assert seen(place, peer) == "over closed"
    assert [str(error) for _, error in place.reports] == ["faulty"]
    assert place.engine.session_count == 1
    other.echo()


# -- a Socket.IO server ------------------------------------------------------------------------------------------------


class Chat:
    """A Socket.IO application behind a site: echoes events."""

    next_deadline = None

    def __init__(self) -> None:
        self.server = ServerCore()
        self.seen: list[str] = []

    def handle_timeout(self, now: float) -> None: ...

    def work(self, now: float) -> None:
        for event in self.server.take_events():
            self.seen.append(type(event).__name__)
            match event:
                case ConnectRequested(member):
                    member.accept(now)
                case EventReceived(member, name, args):
                    member.emit(name, args)
                case AckReceived() | _:
                    pass


def test_socketio_server_is_served() -> None:
    chat = Chat()
    site = Site([Mount(chat.server)], application=chat)
    wire = site.connect(1000.0, "", "http")
    received = b""

    def send(data: bytes) -> bytes:
        wire.receive(data, 1000.0)
        said = b""
        for _ in range(3):
            for named in site.flush(1000.0):
                while piece := named.data_to_send(1000.0):
                    said += piece
            site.handle_timeout(1000.0)
        return said

    received = send(handshake("/socket.io/?EIO=4&transport=websocket") + frame("40"))
    assert b"40{" in received
    assert b'42["a",1]' in send(frame('42["a",1]'))
    assert b'451-["b",{"_placeholder":true,"num":0}]' in send(
        frame('451-["b",{"_placeholder":true,"num":0}]') + frame(b"\xff")
    )
    site.close(1000.0)
    assert send(close_frame())[:1] == b"\x88"
    assert wire.is_over
    assert chat.seen[:3] == ["ConnectionOpened", "ConnectRequested", "EventReceived"]


def test_upgrade_from_polling() -> None:
    place = house()
    sid = place.open_session()
    poll = place.park(sid)
    peer = place.connect()
    peer.send(handshake(f"{WEBSOCKET}&sid={sid}"), frame("2probe"))
    assert peer.answer().status == 101
    assert peer.frames() == [(TEXT, b"3probe")]
    assert poll.answer().text == "6"
    peer.send(frame("5") + frame("4a"))
    assert peer.frames() == [(TEXT, b"4a")]
    again = place.connect()
    assert again.ask(f"{POLLING}&sid={sid}").status == 400
    again.send(request(f"{POLLING}&sid={sid}", "POST", b"4b"))
    assert again.answer().status == 400
    turned_away = place.connect()
    turned_away.send(handshake(f"{WEBSOCKET}&sid={sid}"))
    assert turned_away.answer().status == 101
    assert turned_away.close_code() is None
    peer.echo()


# -- peers that cost more than they say --------------------------------------------------------------------------------


def limited(**options: Any) -> House:
    return house(settings=EngineSettings(path="/engine.io/", max_fragments=10, max_unanswered_pings=10), **options)


@pytest.mark.parametrize("part", [b"", b"x"])
@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("count", "code"), [(10, None), (11, 1008)])
def test_message_of_too_many_fragments_ends_the_connection(
    part: bytes, count: int, code: int | None, *, shortcuts: bool
) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    fragments = frame(b"4", TEXT, fin=False) + frame(part, CONTINUATION, fin=False) * (count - 2)
    for _ in range(2):
        peer.send(fragments + frame(b"y", CONTINUATION))
    if code is None:
        assert place.messages == [part.decode() * (count - 2) + "y"] * 2
    else:
        assert (place.messages, peer.close_code()) == ([], code)
        assert "max_fragments: 10" in str(getattr(place.happened[-1][1], "error", None))


def test_fragments_that_arrive_byte_by_byte_count_once() -> None:
    place = limited()
    peer = place.websocket()
    data = frame(b"4" + b"x" * 50, TEXT, fin=False) + frame(b"y" * 50, CONTINUATION)
    peer.send(*(data[at : at + 1] for at in range(len(data))))
    assert place.messages == ["x" * 50 + "y" * 50]


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("count", "is_over"), [(9, False), (10, False), (11, True)])
def test_pings_that_come_faster_than_pongs_are_taken_end_the_connection(
    count: int, *, is_over: bool, shortcuts: bool
) -> None:
    place = limited(shortcuts=shortcuts)
    peer = place.websocket()
    peer.is_reading = False
    for _ in range(count):
        peer.send(frame(b"?", PING))
    assert (place.kinds[-1] == "Closed") is is_over
    peer.read_on()
    assert [opcode for opcode, _ in peer.frames()] == [PONG, *[CLOSE] * is_over]


def test_pings_whose_pongs_are_taken_are_answered_for_ever() -> None:
    place = limited()
    peer = place.websocket()
    for _ in range(5):
        peer.send(frame(b"?", PING) * 10)
        assert peer.frames() == [(PONG, b"?")]
