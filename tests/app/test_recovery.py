"""Clients that were lost come back to what they had, as an application sees it. Spec: PROTOCOL 3.9, 9-41 to 9-44."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core import BufferFull, ConnectRefused, RecoverySettings, Server, ServerLimits
from socketio_core.app import LocalAdapter, Socket
from socketio_core.app.server import host_of
from socketio_core.engineio.packet import Payload
from socketio_core.settings import EngineSettings
from socketio_core.socketio import Claim, RecoverableSession
from socketio_core.testing import WireClient
from tests.app.bus import Bus, Joined
from tests.app.rig import AppRig, member_of, note, returning
from tests.app.served import Served
from tests.app.test_socket import resume
from tests.socketio.rig import connect_head, drain


class Place(AppRig):
    """A server that lets clients come back.

    Attributes:
        sockets: each that "connection" was called with.
    """

    def __init__(
        self, engine: EngineSettings | None = None, *, adapter: Any = None, max_rooms: int = 100, **recovery: Any
    ) -> None:
        super().__init__(engine, adapter=adapter, recovery=RecoverySettings(**recovery), max_rooms=max_rooms)
        self.sockets: list[Socket] = []
        self.io.on("connection", self.sockets.append)

    def enter(self, socket: Socket | None = None, offset: str | None = None, nsp: str = "/") -> Visit:
        """Let a client come, or come back as `socket`."""
        fields = [] if socket is None else [f'"pid":"{pid_of(socket)}"']
        if offset is not None:
            fields.append(f'"offset":"{offset}"')
        client = self.open("websocket")
        got = self.send(client, f"40{connect_head(nsp)}{{{','.join(fields)}}}")
        return Visit(self, client, got)

    def lose(self, client: WireClient) -> None:
        assert client.websocket is not None
        client.websocket.drop()
        self.run()


class Visit:
    """A client, its socket, and what it got so far."""

    def __init__(self, place: Place, client: WireClient, got: list[Payload]) -> None:
        self.client = client
        self.got = got
        self.socket = place.sockets[-1]

    def __iter__(self) -> Any:
        return iter((self.client, self.socket, self.got))


def pid_of(socket: Socket) -> str:
    """Return what only the client knows, and no application can ask for."""
    recoverable = member_of(socket).recoverable
    assert recoverable is not None
    return recoverable.pid


def answer(socket: Socket) -> str:
    return f'0{connect_head(socket.nsp)}{{"sid":"{socket.id}","pid":"{pid_of(socket)}"}}'


def test_a_lost_client_comes_back_as_the_same_socket() -> None:
    place = Place()
    client, socket, got = place.enter()
    assert got == [answer(socket)]
    assert not socket.recovered
    socket.join(["a", "b"])
    socket.leave("b")
    socket.data["name"] = "Ada"
    assert place.result_of(socket.emit("hello", 1))
    assert drain(client) == ['2["hello",1,"id1.1"]']
    place.lose(client)
    place.result_of(place.io.to("a").emit("missed", b"\x01"))
    place.result_of(place.io.to("b").emit("not missed"))
    again, back, got = place.enter(socket, "id1.1")
    assert got == ['51-["missed",{"_placeholder":true,"num":0},"id1.2"]', b"\x01", answer(socket)]
    assert (back.id, back.rooms, back.data, back.recovered) == (socket.id, {socket.id, "a"}, {"name": "Ada"}, True)
    assert back is not socket
    place.result_of(place.io.to("a").emit("now"))
    assert drain(again) == ['2["now","id1.4"]']


def test_who_closes_a_connection_sees_its_client_come_back() -> None:
    place = Place()
    place.io.on("disconnect", note(place, "left"))
    client, socket, _ = place.enter()
    place.result_of(socket.emit("hello"))
    place.result_of(socket.conn.close())
    assert drain(client) == ['2["hello","id1.1"]'], "what was sent before still goes out"
    assert place.calls == [("left", socket.id, "forced close")]
    place.result_of(place.io.emit("missed"))
    _, back, got = place.enter(socket, "id1.1")
    assert (back.id, back.recovered, got[0]) == (socket.id, True, '2["missed","id1.2"]')
    place.result_of(socket.conn.close())  # is over already
    assert back.connected


def test_the_application_hears_of_the_end_before_the_client_is_there_again() -> None:
    """Both are called the same: who counts who is there would count wrong."""
    place = Place()
    there: set[str] = set()

    @place.io.on("connection")
    def come(socket: Socket) -> None:
        there.add(socket.id)

    @place.io.on("disconnect")
    def go(socket: Socket, _: str) -> None:
        there.remove(socket.id)

    _, socket, _ = place.enter()
    assert place.enter(socket).socket.recovered, "though its connection seems to be there"
    assert there == {socket.id}


def test_what_came_before_a_client_is_taken_over_is_handled() -> None:
    place = Place()
    handled: list[int] = []
    gate = place.runtime.new_event()

    @place.io.on("x")
    async def handle(_: Socket, number: int, *__: object) -> None:
        handled.append(number)
        await gate.wait()

    client, socket, _ = place.enter()
    place.send(client, '42["x",1]', '42["x",2]')
    assert place.enter(socket).socket.recovered
    gate.set()
    place.run()
    assert handled == [1, 2]


# -- the traps of the reference ----------------------------------------------------------------------------------------


def test_1_what_is_emitted_to_a_socket_that_has_left_is_sent_when_it_is_back() -> None:
    place = Place()
    client, socket, _ = place.enter()
    place.lose(client)
    assert not socket.connected
    assert place.result_of(socket.emit("hello3"))
    assert socket.emit_nowait("hello4")
    assert not socket.emit_volatile("never")
    again, _, got = place.enter(socket)
    assert got[:2] == ['2["hello3","id1.1"]', '2["hello4","id1.2"]']
    assert place.result_of(socket.emit("hello5")), "who kept the old socket reaches the client"
    assert drain(again) == ['2["hello5","id1.3"]']


def test_who_kept_the_old_socket_waits_for_the_client_is_heard_and_can_disconnect_it() -> None:
    place = Place(EngineSettings(path="/socket.io/", high_water_bytes=100))
    client, socket, _ = place.enter()
    place.lose(client)
    visit = place.enter(socket)
    again = visit.client
    told: list[str] = []

    def tell(name: str, *_: object) -> None:
        told.append(name)

    visit.socket.on_any_outgoing(tell)

    assert again.websocket is not None
    again.websocket.is_reading = False
    assert place.result_of(socket.emit("much", "x" * 100))
    with pytest.raises(BufferFull):
        socket.emit_nowait("refused")
    waits = place.start(socket.emit("more"))
    assert drain(again) == []
    resume(place, again)
    assert waits.is_done
    assert drain(again)[1:] == ['2["more","id1.2"]']
    assert told == ["much", "more"]
    place.result_of(socket.disconnect())
    assert drain(again) == ["1"]
    assert not visit.socket.connected


def test_2_what_a_middleware_emits_or_who_left_its_own_room_hears_is_not_lost() -> None:
    place = Place()

    @place.io.use
    async def greet(socket: Socket) -> None:
        await socket.emit("welcome")
        socket.leave(socket.id)

    client, socket, got = place.enter()
    assert got == [answer(socket), '2["welcome","id1.1"]']
    place.result_of(socket.emit("own"))
    place.lose(client)
    assert place.enter(socket, "id1.1").got == ['2["own","id1.2"]', '2["welcome","id1.3"]', answer(socket)]


def test_3_nobody_but_the_client_sees_an_offset() -> None:
    place = Place()
    seen: list[Any] = []

    @place.io.on_any_outgoing
    def look(_: Socket, *args: Any) -> None:
        seen.append(args)

    parent = place.io.of(lambda name: name in ("/x", "/y"))
    parent.on("connection", place.sockets.append)
    clients = [place.enter(nsp=nsp).client for nsp in ("/", "/x", "/y")]
    args: list[Any] = [{"a": 1}]
    place.result_of(place.io.emit("all", *args))
    place.result_of(parent.emit("all", *args))
    assert [drain(client)[0] for client in clients] == [
        '2["all",{"a":1},"id1.1"]',
        '2/x,["all",{"a":1},"id1.2"]',
        '2/y,["all",{"a":1},"id1.3"]',
    ]
    assert seen == [("all", {"a": 1})]
    assert args == [{"a": 1}]


def test_what_was_missed_is_told_to_nobody_when_it_is_sent() -> None:
    """It has been sent once, to those who were there; what was for the client alone was told of then."""
    place = Place()
    place.io.on_any_outgoing(note(place, "sent"))
    client, socket, _ = place.enter()
    place.lose(client)
    place.result_of(place.io.emit("to all"))
    place.result_of(socket.emit("to one"))
    told = [call[-1] for call in place.calls]
    assert told == ["to one"]
    assert len(place.enter(socket).got) == 3
    assert [call[-1] for call in place.calls] == told


def test_4_volatile_events_and_calls_leave_the_offset_where_it_is() -> None:
    place = Place()
    client, socket, _ = place.enter()
    place.result_of(socket.emit("kept"))
    drain(client)
    assert socket.emit_volatile("lonely")
    assert drain(client) == ['2["lonely","id1.1"]']
    place.result_of(place.io.volatile.emit("text", "text"))
    assert drain(client) == ['2["text","text","id1.1"]']
    place.start(socket.call("question", "text"))
    assert drain(client) == ['20["question","text"]']
    place.lose(client)
    assert place.enter(socket, "id1.1").got == [answer(socket)]


def test_5_a_client_that_has_heard_nothing_yet_comes_back_too() -> None:
    place = Place()
    client, socket, _ = place.enter()
    place.result_of(place.io.emit("never received"))
    place.lose(client)
    assert place.enter(socket).got == ['2["never received","id1.1"]', answer(socket)]


def test_6_an_offset_of_another_session_reaches_no_further_back_than_this_one() -> None:
    place = Place()
    client, old, _ = place.enter()
    place.result_of(old.emit("before"))
    place.lose(client)
    place.wait(121)
    client, socket, got = place.enter(old, "id1.0")
    assert (got, socket.recovered) == ([answer(socket)], False)
    place.result_of(socket.emit("since"))
    place.lose(client)
    assert place.enter(socket, "id1.0").got == ['2["since","id1.2"]', answer(socket)]


def test_7_its_own_broadcasts_are_not_missed() -> None:
    place = Place()
    client, socket, _ = place.enter()
    other_client, other, _ = place.enter()
    place.result_of(socket.broadcast.emit("mine"))
    place.lose(client)
    place.result_of(socket.to(other.id).emit("mine still"))
    place.result_of(other.broadcast.emit("theirs"))
    assert place.enter(socket).got == ['2["theirs","id1.3"]', answer(socket)]
    assert [str(each)[3:7] for each in drain(other_client)] == ["mine", "mine"]


def test_8_one_secret_stands_for_one_socket() -> None:
    place = Place()
    place.io.on("disconnect", note(place, "gone"))
    client, socket, _ = place.enter()
    second = place.enter(socket)
    assert second.socket.recovered
    assert place.calls == [("gone", socket.id, "transport close")]
    third = place.enter(socket)
    assert third.socket.recovered
    assert list(place.io.sockets.sockets.values()) == [third.socket]
    assert drain(client) == ["1"]
    assert drain(second.client) == ["1"]


def test_9_a_dynamic_namespace_is_there_for_who_comes_back() -> None:
    place = Place()
    parent = place.io.of(lambda name: name.startswith("/room-"))
    parent.on("connection", place.sockets.append)
    client, socket, _ = place.enter(nsp="/room-1")
    place.lose(client)
    assert [child.name for child in parent.children] == ["/room-1"]
    place.result_of(parent.emit("x"))
    client, back, got = place.enter(socket, nsp="/room-1")
    assert (got[0], back.namespace) == ('2/room-1,["x","id1.1"]', socket.namespace)
    place.lose(client)
    place.wait(121)
    assert parent.children == []


def test_10_what_is_kept_is_bounded() -> None:
    place = Place(max_missed_events=2, max_lost_sessions=1)
    client, socket, _ = place.enter()
    place.lose(client)
    for _ in range(3):
        place.result_of(place.io.emit("x"))
    assert not place.enter(socket).socket.recovered
    first, second = place.enter(), place.enter()
    place.lose(first.client)
    place.lose(second.client)
    assert not place.enter(first.socket).socket.recovered
    assert place.enter(second.socket).socket.recovered


@pytest.mark.parametrize(
    ("frame", "reason", "recovers"),
    [
        ("", "transport close", True),
        ("44{}", "forced server close", True),
        ("42", "parse error", False),
        ("41", "client namespace disconnect", False),
    ],
)
def test_11_who_speaks_nonsense_or_leaves_is_not_lost(frame: str, reason: str, *, recovers: bool) -> None:
    place = Place()
    place.io.on("disconnect", note(place, "gone"))
    client, socket, _ = place.enter()
    if frame:
        place.send(client, frame)
    else:
        place.lose(client)
    assert place.calls == [("gone", socket.id, reason)]
    assert place.enter(socket).socket.recovered is recovers


def test_12_what_was_missed_comes_first_and_the_secret_stays_one() -> None:
    place = Place()
    rooms: list[set[str]] = []

    @place.io.on("connection")
    def look(socket: Socket) -> None:
        rooms.append(socket.rooms)

    client, socket, _ = place.enter()
    socket.join("a")
    place.result_of(socket.emit("x"))
    place.lose(client)
    back = place.enter(socket)
    assert back.got == ['2["x","id1.1"]', answer(socket)]
    assert back.socket.handshake.auth == {}
    assert rooms == [{socket.id}, {socket.id, "a"}]
    assert place.calls == []


@pytest.mark.parametrize("skip", [False, True])
def test_13_middlewares_are_asked_again_unless_they_are_to_be_skipped(*, skip: bool) -> None:
    place = Place(skip_middlewares=skip)
    is_valid = True

    @place.io.use
    def check(socket: Socket) -> None:
        place.calls.append(socket.recovered)
        if not is_valid:
            raise ConnectRefused("token has run out")

    client, socket, _ = place.enter()
    place.lose(client)
    client, socket, _ = place.enter(socket)
    assert place.calls == ([False] if skip else [False, True])
    place.lose(client)
    is_valid = False
    assert place.enter(socket).got == ([answer(socket)] if skip else ['4{"message":"token has run out"}'])
    is_valid = True
    assert place.enter(socket).socket.recovered, "who was refused may come with another token"


def test_14_what_is_too_old_goes_though_nobody_who_emits_tells_the_time() -> None:
    place = Place(max_lost_sessions=5, window_s=10.0)
    client, socket, _ = place.enter()
    for _ in range(30):
        place.result_of(socket.emit("x"))
        place.wait(20)
        drain(client)
        client.pong()
    assert place.server.recovery is not None
    assert 2 <= len(place.server.recovery.log) <= 4, "window, heartbeat and the longest pause are 175 s"


# -- beyond it ---------------------------------------------------------------------------------------------------------


def test_who_was_disconnected_by_the_server_is_not_lost() -> None:
    place = Place()
    for close in (False, True):
        _, socket, _ = place.enter()
        place.result_of(socket.disconnect(close))
        assert not place.enter(socket).socket.recovered
    client, socket, _ = place.enter()
    place.lose(client)
    place.result_of(socket.disconnect())
    assert not place.enter(socket).socket.recovered


def test_data_may_be_another_object_even_after_the_loss() -> None:
    place = Place()

    @place.io.on("disconnect")
    def leave(socket: Socket, _: str) -> None:
        socket.data = {**socket.data, "was": "here"}

    client, socket, _ = place.enter()
    socket.data["name"] = "Ada"
    place.lose(client)
    assert place.enter(socket).socket.data == {"name": "Ada", "was": "here"}


def test_data_may_be_another_object_altogether() -> None:
    place = Place()
    client, socket, _ = place.enter()
    socket.data = {"a": 1}
    place.lose(client)
    socket.data["b"] = 2
    assert place.enter(socket).socket.data == {"a": 1, "b": 2}


def test_a_middleware_that_fails_costs_a_lost_client_nothing_but_that_try() -> None:
    place = Place()
    client, socket, _ = place.enter()
    place.lose(client)
    place.io.use(returning(ValueError("no database")))
    assert place.enter(socket).got == ['4{"message":"Internal server error"}']
    assert len(place.logged) == 1


class Failing(Joined):
    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        raise OSError("no Redis")


def test_an_adapter_that_fails_costs_a_client_what_it_had() -> None:
    bus = Bus()

    def make(local: LocalAdapter) -> Failing:
        return Failing(bus, local)

    place = Place(adapter=make)
    client, socket, _ = place.enter()
    place.lose(client)
    assert not place.enter(socket).socket.recovered
    assert place.logged == ["adapter failed, so a socket was not recovered"]


class Slow(Joined):
    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        await self._gate()
        return await super().take_session(nsp, claim)

    async def _gate(self) -> None:
        gate = self._bus.gate
        assert gate is not None
        await gate.wait()


def test_an_adapter_may_take_its_time_and_the_client_may_be_gone_by_then() -> None:
    bus = Bus()

    def make(local: LocalAdapter) -> Slow:
        return Slow(bus, local)

    place = Place(adapter=make)
    client, socket, _ = place.enter()
    place.lose(client)
    bus.gate = gate = place.runtime.new_event()
    first, second = place.enter(socket), place.enter(socket)
    assert (first.got, second.got) == ([], [])
    place.lose(first.client)
    gate.set()
    place.run()
    assert drain(second.client) == [answer(socket)]
    assert place.sockets[-1].recovered


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_is_found_on_either_transport(transport: str) -> None:
    place = Place()
    client, socket, _ = place.enter()
    place.lose(client)
    place.result_of(socket.emit("x"))
    again = place.open(transport)
    again.send(f'40{{"pid":"{pid_of(socket)}"}}')
    place.run()
    assert drain(again) == ['2["x","id1.1"]', answer(socket)]


def test_nothing_is_logged_or_answered_where_there_is_no_recovery() -> None:
    rig = AppRig()
    client, socket = rig.connect(auth='{"pid":"p","offset":"o"}')
    assert socket.handshake.auth == {"pid": "p", "offset": "o"}
    assert not socket.recovered
    rig.result_of(socket.emit("x"))
    assert drain(client) == ['2["x"]']


def test_what_recovery_is_given_must_be_settings() -> None:
    with pytest.raises(TypeError, match=r"recovery must be RecoverySettings\(\)"):
        Server(recovery=True)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="window_s"):
        RecoverySettings(window_s=0)
    with pytest.raises(TypeError, match="skip_middlewares"):
        RecoverySettings(skip_middlewares="no")  # type: ignore[arg-type]


def test_what_is_kept_counts_towards_the_bound_of_the_server_and_goes_first() -> None:
    limit = 300_000
    io = Server(recovery=RecoverySettings(), limits=ServerLimits(max_total_buffered_bytes=limit))
    town = Served(io)
    town.join()
    recovery = host_of(io).endpoints[0].recovery
    assert recovery is not None
    for _ in range(40):
        io.emit_nowait("x", "y" * 10_000)
        town.settle()
    assert recovery.log.size_bytes > 800_000
    town.advance(1)
    town.connect()
    town.settle()
    assert recovery.log.size_bytes <= limit
    assert len(io.sockets.sockets) == 1, "nobody had to go for it"
