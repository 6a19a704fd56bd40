"""A site: what it names to its host, when it wants to be called, and what it asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from socketio_core.engineio import Engine, Park, Respond
from socketio_core.engineio.carriers import WRITE_BYTES
from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.socketio import ServerCore
from socketio_core.testing import FakeClock, WireClient
from socketio_core.wire import HandshakeAsked, Mount, Serving, Site, Wire
from socketio_core.wire.base import FIRST_PIECES, LARGE_BYTES, TURN_PIECES
from tests.wire.by_hand import PATH, POLLING, WEBSOCKET, Gate, House, Peer
from tests.wire.written import close_frame, frame, handshake, request


def test_wires_are_named_when_there_is_something_and_each_once() -> None:
    place = House()
    first, second = place.connect(), place.connect()
    assert place.flush() == []
    first.wire.receive(request("/engine.io/"), place.now)
    first.wire.receive(request("/engine.io/"), place.now)
    assert place.site.next_deadline is not None
    assert place.site.next_deadline <= place.now
    assert place.flush() == [first]
    assert place.flush() == [first]  # it has written
    place.settle()
    assert place.flush() == []
    second.wire.lost(place.now)
    assert place.flush() == [second]
    assert place.site.wires == {first.wire}


def test_websocket_that_has_something_to_say_is_named_once() -> None:
    place = House()
    peer = place.websocket()
    place.engine.sessions[0].send("a", place.now)
    peer.wire.receive(frame("4b"), place.now)
    assert place.flush() == [peer]
    assert [data for _, data in peer.frames()] == [b"4a", b"4b"]


def test_carriers_of_others_are_left_to_them() -> None:
    """A host may give the engine requests of its own, too."""
    engine = Engine()
    site = Site([Mount(engine)])
    action = engine.handle_request(Request("GET", POLLING, scheme="http"), 0.0, None)
    assert isinstance(action, Respond)
    (session,) = engine.sessions
    parked = engine.handle_request(Request("GET", f"{POLLING}&sid={session.sid}", scheme="http"), 0.0, "a host's own")
    assert isinstance(parked, Park)
    session.send("x", 0.0)
    assert site.flush(0.0) == []
    assert parked.poll.response is not None


def test_next_deadline_is_the_earliest_of_all() -> None:
    place = House()
    first = place.site.next_deadline
    assert first is None
    place.next_deadline = place.now + 50
    assert place.site.next_deadline == place.now + 50
    place.websocket()
    assert place.site.next_deadline == place.now + 25  # its ping
    place.connect()
    assert place.site.next_deadline == place.now + 20  # its first request
    place.next_deadline = place.now + 10
    assert place.site.next_deadline == place.now + 10
    place.advance(10)
    assert place.timeouts[-1] == place.now
    assert place.next_deadline is None


def test_time_that_comes_early_or_late_or_twice_is_fine() -> None:
    place = House()
    peer = place.connect()
    for at in (0.0, 19.0, 19.999):
        place.site.handle_timeout(place.now + at)
    assert not peer.is_over()
    place.clock.now += 1000
    for _ in range(2):
        place.site.handle_timeout(place.now)
    assert place.flush() == [peer]
    assert peer.is_over()
    assert len(place.site.timers) == 0


def test_site_without_anything_answers_404() -> None:
    clock = FakeClock()
    site = Site()
    wire = site.connect(clock.now, "", "http")
    wire.receive(request("/"), clock.now)
    assert site.flush(clock.now) == [wire]
    assert wire.data_to_send(clock.now).startswith(b"HTTP/1.1 404 ")
    site.handle_timeout(clock.now)
    assert site.next_deadline == clock.now + site.timeouts.header_s  # the first timer stays, and is early for `write_s`
    assert site.take_asked() == []


def test_engines_are_found_by_their_paths() -> None:
    place = House()
    other = Engine(EngineSettings(path="/other/"))
    place.site.add(Mount(other))
    peer = place.connect()
    assert peer.ask("/other/?EIO=4&transport=polling").status == 200
    assert (other.session_count, place.engine.session_count) == (1, 0)
    assert place.site.next_deadline is not None
    assert place.site.next_deadline <= place.now + 25
    assert peer.ask("/nobody/").status == 404


@pytest.mark.parametrize(
    "core", [Engine(EngineSettings(max_payload_bytes=7)), ServerCore(EngineSettings(max_payload_bytes=7))]
)
def test_limit_of_a_mount_is_that_of_its_engine(core: Engine | ServerCore) -> None:
    assert Mount(core).max_payload_bytes == 7


async def later(*_: object) -> None: ...


anyhow_site: Any = Site  # not everybody checks types
anyhow_mount: Any = Mount


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: anyhow_site([Engine()]), TypeError, r"as in Site\(\[Mount\(server\)\]\), not: <Engine /engine.io/"),
        (lambda: anyhow_site([ServerCore()]), TypeError, r"as in Site\(\[Mount\(server\)\]\), not: <ServerCore "),
        (
            lambda: anyhow_site(anyhow_mount(Engine())),
            TypeError,
            r"mounts must be a list, as in .*, not: <Mount of Engine at",
        ),
        (lambda: anyhow_site("mount"), TypeError, "mounts must be a list"),
        (lambda: anyhow_site().add(Engine()), TypeError, r"Mount\(server\)"),
        (
            lambda: anyhow_mount(anyhow_mount(Engine())),
            TypeError,
            "core must be an Engine or a ServerCore, not: <Mount of Engine",
        ),
        (lambda: anyhow_mount(Engine(), asks_handshakes="no"), TypeError, "asks_handshakes must be True or False"),
        (lambda: anyhow_mount(Engine(), pace_of=3), TypeError, "pace_of must be a function"),
        (lambda: anyhow_mount(Engine(), pace_of=later), TypeError, "pace_of must be a plain function"),
        (lambda: anyhow_site(defer_handlers=later), TypeError, "defer_handlers must be a plain function"),
        (lambda: anyhow_site(report=later), TypeError, "report must be a plain function"),
        (lambda: anyhow_site(static_response=later), TypeError, "static_response must be a plain function"),
        (lambda: anyhow_site(report=3), TypeError, "report must be a function"),
        (lambda: anyhow_site(static_response=3), TypeError, "static_response must be a function"),
        (lambda: anyhow_site(max_body_bytes=0), ValueError, "max_body_bytes must be positive"),
        (lambda: anyhow_site(serving=3), TypeError, "serving must be a Serving"),
        (lambda: anyhow_site(asks_requests=1), TypeError, "asks_requests must be True or False"),
    ],
)
def test_what_cannot_work_is_told_at_once(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("first", "second"), [("/a/", "/a/"), ("/a/", "/a/b/"), ("/a/b/", "/a/"), ("/", "/a/"), ("/a/", "/")]
)
def test_paths_of_mounts_do_not_overlap(first: str, second: str) -> None:
    one, other = Mount(Engine(EngineSettings(path=first))), Mount(ServerCore(EngineSettings(path=second)))
    with pytest.raises(ValueError, match=f"path overlaps with '{first}': '{second}'"):
        Site([one, other])
    site = Site([one])
    with pytest.raises(ValueError, match="path overlaps"):
        site.add(other)
    assert site.mounts == [one]


def test_paths_of_mounts_may_begin_alike() -> None:
    assert len(Site([Mount(Engine(EngineSettings(path=path))) for path in ("/a/", "/ab/", "/b/a/")]).mounts) == 3


def test_a_site_and_what_belongs_to_it_say_what_they_are() -> None:
    place = House(asks_requests=True)
    assert repr(place.site) == "<Site of [<Mount of Engine at /engine.io/>], 0 connections>"
    peer = place.connect()
    assert repr(peer.wire) == "<Wire HTTP, idle, reads>"
    peer.send(request("/x?secret"))
    assert repr(peer.wire) == "<Wire HTTP, asked of <Request GET /x>, waits>"
    websocket = place.websocket()
    assert repr(websocket.wire) == (
        "<Wire WebSocket of <Session websocket, open, 0 bytes buffered>, reading, writing, reads>"
    )
    broken = place.connect()
    broken.send(b"what?\r\n\r\n")
    assert repr(broken.wire) == "<Wire HTTP, linger, mute>"
    broken.lose()
    assert repr(broken.wire) == "<Wire gone, over>"
    place.site.close(place.now)
    assert repr(place.site) == "<Site of [<Mount of Engine at /engine.io/>], closing, 2 connections>"


def test_what_is_asked_is_taken_once() -> None:
    place = House(asks_handshakes=True)
    site = place.site
    wire = site.connect(place.now, "", "http")
    wire.receive(request(POLLING), place.now)
    (asked,) = site.take_asked()
    assert isinstance(asked, HandshakeAsked)
    assert site.take_asked() == []
    asked.answer(None, place.now)
    assert site.flush(place.now) == [wire]


def test_address_and_scheme_are_in_the_request() -> None:
    place = House(asks_requests=True)
    peer = place.connect(address="192.0.2.1", scheme="https")
    peer.send(request("/x"))
    found = place.take_request().request
    assert (found.address, found.scheme) == ("192.0.2.1", "https")


def test_proxies_that_are_trusted_are_believed() -> None:
    place = House(asks_requests=True, trust_proxy=True)
    peer = place.connect(address="192.0.2.1")
    peer.send(request("/x", headers=["X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https"]))
    found = place.take_request().request
    assert (found.address, found.scheme) == ("198.51.100.7", "https")


def test_subprotocols_are_no_single_string() -> None:
    with pytest.raises(TypeError, match="subprotocols must be a list"):
        Serving(subprotocols="chat")


def test_subprotocol_is_chosen() -> None:
    place = House(subprotocols=["b"])
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, ["Sec-WebSocket-Protocol: a, b"]))
    assert peer.answer().headers["sec-websocket-protocol"] == "b"


def test_carriers_of_others_are_left_alone() -> None:
    place = House()
    peer = place.websocket()
    client = WireClient(place.engine, place.clock)
    client.path = PATH  # type: ignore[attr-defined]
    client.open()
    place.engine.sessions[-1].send("for somebody else", place.now)
    place.engine.sessions[0].send("x", place.now)
    place.settle()
    assert [data for _, data in peer.frames()] == [b"4x"]


def test_pace_that_fails_when_a_poll_is_answered_is_reported_and_others_are_looked_after() -> None:
    class Failing(Gate):
        def output_taken(self) -> None:
            raise ValueError("pace")

    place = House(gate=None)
    polls = [place.park(place.open_session()) for _ in range(2)]
    place.gate = Failing()
    for session in place.engine.sessions:
        session.send("x", place.now)
    place.settle()
    assert [poll.answer().text for poll in polls] == ["4x", "4x"]
    assert [str(error) for _, error in place.reports] == ["pace", "pace"]


def test_closing_ends_all_with_a_word_where_there_is_one() -> None:
    place = House()
    idle, websocket, poll = place.connect(), place.websocket(), place.park(place.open_session())
    place.site.close(place.now)
    assert place.site.is_closing
    place.settle()
    assert idle.wire.is_over
    assert poll.answer().text == "1"
    assert websocket.frames() == [(8, b"\x03\xe9server shutting down")]
    websocket.send(close_frame(1001))
    poll.end()
    assert not place.site.wires


def test_closing_a_socketio_server() -> None:
    clock = FakeClock()
    server = ServerCore()
    site = Site([Mount(server)])
    wire = site.connect(clock.now, "", "http")
    wire.receive(handshake("/socket.io/?EIO=4&transport=websocket"), clock.now)
    site.close(clock.now)
    assert wire in site.flush(clock.now)
    assert b"server shutting down" in wire.data_to_send(clock.now)


def test_aborting_drops_all_that_are_left() -> None:
    place = House()
    websocket, poll = place.websocket(), place.park(place.open_session())
    sid = place.engine.sessions[-1].sid
    place.site.close(place.now)
    place.site.abort(place.now)
    place.settle()
    assert websocket.wire.is_over
    assert poll.wire.is_over
    assert not place.site.wires
    assert sid not in [session.sid for session in place.engine.sessions]


def test_turns_wait_until_it_is_time_and_each_connection_has_one() -> None:
    place = House()
    peers = [place.connect() for _ in range(3)]
    for peer in peers:
        peer.wire.receive(request("/engine.io/") * 2, place.now)
    place.flush()
    place.flush()
    assert all(peer.wire.has_more for peer in peers)
    before = [peer.received for peer in peers]
    place.flush()
    assert [peer.received for peer in peers] == before
    assert place.site.next_deadline == place.now
    place.site.handle_timeout(place.now)
    assert not any(peer.wire.has_more for peer in peers)


def test_connection_that_is_over_has_no_turn() -> None:
    place = House()
    peer = place.connect()
    peer.wire.receive(request("/engine.io/") * 2, place.now)
    place.flush()
    place.flush()
    had_more = peer.wire.has_more
    peer.wire.lost(place.now)
    assert (had_more, peer.wire.has_more) == (True, False)
    refused = len(place.happened)
    place.site.handle_timeout(place.now)
    place.flush()
    assert len(place.happened) == refused


def test_request_object_is_what_the_host_said() -> None:
    found: list[Request] = []
    place = House(static_response=found.append)
    place.connect().send(request("/engine.io/?a=b", headers=["X-A: b"]))
    assert found[0].query.get("a") == "b"
    assert found[0].header("x-a") == "b"
    assert isinstance(place.connect().wire, Wire)


# -- what was read waits for its turn ----------------------------------------------------------------------------------


def test_a_call_gives_one_turn_to_whoever_has_waited_longest() -> None:
    place = House()
    peers = [place.websocket() for _ in range(3)]
    for peer in peers:
        peer.wire.receive(frame("4a") * (FIRST_PIECES + TURN_PIECES), place.now)
    place.flush()
    for waiting in ([False, True, True], [False, False, True], [False, False, False]):
        place.site.handle_timeout(place.now)
        assert [peer.wire.has_more for peer in peers] == waiting
        place.flush()
    assert not place.site.is_behind


def test_small_turns_are_given_in_one_call() -> None:
    place = House()
    peers = [place.websocket() for _ in range(3)]
    for peer in peers:
        peer.wire.receive(frame("4a") * (FIRST_PIECES + TURN_PIECES // 3), place.now)
    place.flush()
    place.site.handle_timeout(place.now)
    assert not any(peer.wire.has_more for peer in peers)


def test_what_comes_of_a_large_turn_has_another_before_more_is_read() -> None:
    done: list[str] = []

    def defer_handlers(turn: Callable[[], None]) -> Callable[[], object]:
        turn()
        done.append("turn")
        return lambda: done.append("let work")

    place = House(defer_handlers=defer_handlers)
    peers = [place.websocket() for _ in range(3)]
    for peer in peers:
        peer.wire.receive(frame("4" + "a" * 4 * LARGE_BYTES), place.now)
    for expected in (["turn"], ["let work"], ["turn"]):
        place.flush()
        assert place.site.next_deadline == place.now
        place.site.handle_timeout(place.now)
        assert done == expected
        done.clear()
    place.site.close(place.now)
    assert done == ["let work"]
    place.settle()
    assert done == ["let work"]


def test_nothing_is_put_off_once_it_closes() -> None:
    """Nobody may be there to go on with it."""
    place = House(defer_handlers=lambda _: pytest.fail("it was"))
    sids = [place.open_session() for _ in range(2)]
    peers = [place.connect() for _ in sids]
    for peer, sid in zip(peers, sids, strict=True):
        body = b"4" + bytes(4 * LARGE_BYTES)
        peer.wire.receive(request(f"{POLLING}&sid={sid}", method="POST", body=body), place.now)
    place.site.close(place.now)
    place.settle()
    assert [peer.answer().status for peer in peers] == [400, 400]  # the sessions are over


def test_large_responses_to_polls_are_made_one_in_each_flush() -> None:
    """To compress one may take a while."""
    place = House()
    place.websocket()
    peers: list[Peer] = []
    for sid in [place.open_session() for _ in range(3)]:
        peers.append(place.connect())
        peers[-1].send(request(f"{POLLING}&sid={sid}"))
    for session in place.engine.sessions:
        session.send("x" * WRITE_BYTES, place.now)
    for count in (1, 2, 3):
        place.flush()
        assert [bool(peer.received) for peer in peers] == [True] * count + [False] * (3 - count)
        assert place.site.is_behind is (count < 3)
        place.site.handle_timeout(place.now)
    place.settle()
    assert not place.site.is_behind


def test_what_a_client_sent_before_it_went_has_its_turns() -> None:
    place = House()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * (FIRST_PIECES + TURN_PIECES + 1), place.now)
    peer.wire.lost(place.now)
    place.flush()
    assert (peer.wire.is_over, peer.wire.has_more, peer.wire in place.site.wires) == (True, True, True)
    place.site.handle_timeout(place.now)
    place.flush()
    assert (len(place.messages), place.engine.session_count) == (FIRST_PIECES + TURN_PIECES, 1)
    place.settle()
    assert (len(place.messages), place.engine.session_count) == (FIRST_PIECES + TURN_PIECES + 1, 0)
    assert peer.wire not in place.site.wires
    assert place.kinds[-1] == "Closed"


def test_nothing_waits_for_its_turn_when_all_is_aborted() -> None:
    place = House()
    peer = place.websocket()
    peer.wire.receive(frame("4a") * 3 * TURN_PIECES, place.now)
    place.site.abort(place.now)
    assert (place.site.wires, peer.wire.has_more) == (set(), False)
    place.flush()
    assert len(place.messages) == 3 * TURN_PIECES
