"""Who a broadcast goes to, and families of namespaces. Spec: PROTOCOL 4.1, 4.2, 4.6."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from weakref import ref

import pytest

from socketio_core.app import BroadcastOperator, LocalAdapter, Namespace, RemoteSocket, Socket
from socketio_core.app.adapter import MakeAdapter
from socketio_core.app.handlers import Handler
from socketio_core.app.operators import Broadcasts, Rooms, room_set
from socketio_core.app.socket import inbox_behind
from socketio_core.engineio.message import WireMessage
from socketio_core.errors import ConnectRefused, LocalProtocolError
from socketio_core.testing import WireClient
from tests.app.bus import Bus
from tests.app.hand_runtime import Cancelled
from tests.app.rig import AppRig, member_of, note, returning
from tests.socketio.rig import drain


class Party(AppRig):
    """Four clients in the root namespace: `a` and `ab` are in room "a", `ab` and `b` in "b", `nil` in none."""

    def __init__(self, adapter: MakeAdapter | None = None) -> None:
        super().__init__(adapter=adapter)
        self.clients: dict[str, WireClient] = {}
        self.sockets: dict[str, Socket] = {}
        for name, rooms in {"a": ["a"], "ab": ["a", "b"], "b": ["b"], "nil": []}.items():
            self.clients[name], self.sockets[name] = self.connect()
            self.sockets[name].join(rooms)

    def heard(self) -> dict[str, list[str | bytes]]:
        """Return what the clients got, without those that got nothing."""
        self.run()
        found = {name: drain(client) for name, client in self.clients.items()}
        return {name: messages for name, messages in found.items() if messages}

    def names(self, sockets: Iterable[Socket | RemoteSocket]) -> list[str]:
        by_socket = {socket.id: name for name, socket in self.sockets.items()}
        return [by_socket[socket.id] for socket in sockets]


@pytest.fixture(params=[None, Bus], ids=["alone", "joined"])
def party(request: pytest.FixtureRequest) -> Party:
    """Nobody can tell whether others are asked too, when there are none."""
    return Party(adapter=None if request.param is None else request.param())


ALL: Final = ["a", "ab", "b", "nil"]
Choice = Callable[[Party], "BroadcastOperator | Broadcasts"]

# All of these mean the same on the application, on its root namespace, and on one's operators.
CHOICES: Final[list[tuple[str, Choice, list[str]]]] = [
    ("everyone", lambda it: it.io, ALL),
    ("everyone in the root", lambda it: it.io.sockets, ALL),
    ("everyone by name", lambda it: it.io.of("/"), ALL),
    ("to", lambda it: it.io.to("a"), ["a", "ab"]),
    ("in_", lambda it: it.io.in_("b"), ["ab", "b"]),
    ("to two", lambda it: it.io.to("a").to("b"), ["a", "ab", "b"]),
    ("to a list", lambda it: it.io.to(["a", "b"]), ["a", "ab", "b"]),
    ("to a generator", lambda it: it.io.to(name for name in "ab"), ["a", "ab", "b"]),
    ("to nobody", lambda it: it.io.to([]), []),
    ("to nobody and one", lambda it: it.io.to([]).in_("a"), ["a", "ab"]),
    ("to one and nobody", lambda it: it.io.to("a").to([]), ["a", "ab"]),
    ("to an unknown room", lambda it: it.io.to("c"), []),
    ("to a name of several letters", lambda it: it.io.to("ab"), []),
    ("to one socket", lambda it: it.io.to(it.sockets["nil"].id), ["nil"]),
    ("except", lambda it: it.io.except_("a"), ["b", "nil"]),
    ("except two", lambda it: it.io.except_("a").except_("b"), ["nil"]),
    ("except a list", lambda it: it.io.except_(["a", "b"]), ["nil"]),
    ("except nobody", lambda it: it.io.except_([]), ALL),
    ("to and except", lambda it: it.io.to("a").except_("b"), ["a"]),
    ("except and to", lambda it: it.io.except_("b").to("a"), ["a"]),
    ("except one socket", lambda it: it.io.except_(it.sockets["ab"].id), ["a", "b", "nil"]),
    ("volatile", lambda it: it.io.volatile, ALL),
    ("volatile room", lambda it: it.io.volatile.to("a"), ["a", "ab"]),
    ("except volatile", lambda it: it.io.except_("a").volatile.except_("b"), ["nil"]),
    ("local", lambda it: it.io.local, ALL),
    ("local room", lambda it: it.io.local.to("a"), ["a", "ab"]),
    ("except local", lambda it: it.io.except_("a").local.except_("b"), ["nil"]),
    ("not compressed", lambda it: it.io.compress(False), ALL),  # noqa: FBT003 - as users write it
    ("room, not compressed", lambda it: it.io.to("a").compress(False).except_("b"), ["a"]),  # noqa: FBT003
    ("timed", lambda it: it.io.timeout(3), ALL),
    ("timed room", lambda it: it.io.to("b").timeout(None).except_("a"), ["b"]),
    ("but the sender", lambda it: it.sockets["ab"].broadcast, ["a", "b", "nil"]),
    ("but the sender, to", lambda it: it.sockets["ab"].to("a"), ["a"]),
    ("but the sender, in_", lambda it: it.sockets["ab"].in_("b"), ["b"]),
    ("but the sender, to its own room", lambda it: it.sockets["ab"].to(it.sockets["ab"].id), []),
    ("but the sender, except", lambda it: it.sockets["ab"].except_("a"), ["b", "nil"]),
    ("another namespace", lambda it: it.io.of("/other"), []),
]
EACH = pytest.mark.parametrize(("choice", "names"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])


@EACH
def test_a_broadcast_goes_to_those_who_were_chosen(party: Party, choice: Choice, names: list[str]) -> None:
    assert choice(party).emit_nowait("x", 1, b"y") == len(names)
    assert party.heard() == {name: ['51-["x",1,{"_placeholder":true,"num":0}]', b"y"] for name in names}


@EACH
def test_an_awaited_broadcast_goes_to_the_same(party: Party, choice: Choice, names: list[str]) -> None:
    flushes = party.runtime.flushes
    task = party.start(choice(party).emit("x"))
    assert (task.result, task.error) == (len(names), None)
    assert party.runtime.flushes == flushes + 1
    assert party.heard() == {name: ['2["x"]'] for name in names}


@EACH
def test_the_chosen_can_be_listed_moved_and_disconnected(party: Party, choice: Choice, names: list[str]) -> None:
    chosen = choice(party)
    get = party.result_of
    assert sorted(party.names(get(chosen.fetch_sockets()))) == names
    get(chosen.sockets_join(name for name in ("new", "newer")))
    assert sorted(party.names(get(party.io.to("new").fetch_sockets()))) == names
    assert sorted(party.names(get(party.io.in_("newer").fetch_sockets()))) == names
    get(chosen.sockets_leave("newer"))
    assert get(party.io.to("newer").fetch_sockets()) == []
    assert sorted(party.names(get(party.io.to("new").fetch_sockets()))) == names
    ids = {party.sockets[name].id for name in names}
    party.start(chosen.disconnect_sockets())
    assert party.heard() == {name: ["1"] for name in names}
    assert {socket.id for socket in party.sockets.values() if not socket.connected} == ids
    assert all(client.session is not None for client in party.clients.values())


CARRIED: Final[list[tuple[Choice, list[bool]]]] = [
    (lambda it: it.io, [True, True]),
    (lambda it: it.io.compress(True), [True, True]),  # noqa: FBT003 - as users write it
    (lambda it: it.io.compress(False), [False, False]),  # noqa: FBT003
    (lambda it: it.io.compress(False).to("a").except_("b").local.volatile.timeout(1), [False]),  # noqa: FBT003
    (lambda it: it.io.of("/").local.compress(False).to("a"), [False, False]),  # noqa: FBT003
    (lambda it: it.io.compress(False).compress(True).to("a"), [True, True]),  # noqa: FBT003
]


@pytest.mark.parametrize(("choice", "compressed"), CARRIED)
def test_what_is_not_to_be_compressed_says_so(party: Party, choice: Choice, compressed: list[bool]) -> None:
    choice(party).emit_nowait("x")
    sent = [message for socket in party.sockets.values() for message in outbox_of(socket)]
    assert [message.compress for message in sent][: len(compressed)] == compressed


def outbox_of(socket: Socket) -> Iterable[WireMessage]:
    return member_of(socket).connection.session.outbox.messages


CLOSED: Final[list[Choice]] = [lambda it: it.io, lambda it: it.io.to("a").to("b").to(it.sockets["nil"].id)]


@pytest.mark.parametrize("choice", CLOSED)
def test_disconnecting_can_close_the_connections(party: Party, choice: Choice) -> None:
    party.start(choice(party).disconnect_sockets(close=True))
    party.heard()
    assert [client.session for client in party.clients.values()] == [None] * 4


def test_operators_are_immutable(party: Party) -> None:
    room = party.io.to("a")
    for further in (room.to("b"), room.except_("b"), room.volatile, room.in_("c")):
        assert further is not room
    assert party.names(party.result_of(room.fetch_sockets())) == ["a", "ab"]
    assert party.names(party.result_of(room.fetch_sockets())) == ["a", "ab"]


ROOMS: Final[list[tuple[Rooms, set[str]]]] = [
    ("ab", {"ab"}),
    ("", {""}),
    ([], set()),
    (["a", "b"], {"a", "b"}),
    (("a", "a"), {"a"}),
    ({"a": 1}, {"a"}),
]


@pytest.mark.parametrize(("rooms", "expected"), ROOMS)
def test_rooms_are_one_or_several(rooms: Rooms, expected: set[str]) -> None:
    assert room_set(rooms) == expected


VOLATILE: Final[list[tuple[Choice, list[str]]]] = [
    (lambda it: it.io, ALL),
    (lambda it: it.io.volatile, ["a", "b", "nil"]),
    (lambda it: it.io.to("a").volatile, ["a"]),
    (lambda it: it.io.volatile.to("a"), ["a"]),
    (lambda it: it.io.volatile.except_("a"), ["b", "nil"]),
    (lambda it: it.io.volatile.except_(it.sockets["nil"].id), ["a", "b"]),
]


@pytest.mark.parametrize(("choice", "names"), VOLATILE)
def test_volatile_is_for_those_who_can_be_sent_it_at_once(party: Party, choice: Choice, names: list[str]) -> None:
    """PROTOCOL 9-46."""
    websocket = party.clients["ab"].websocket
    assert websocket is not None
    websocket.is_reading = False
    party.sockets["ab"].emit_nowait("first")
    assert choice(party).emit_nowait("x") == len(names)
    websocket.is_reading = True
    heard = party.heard()
    assert heard["ab"][0] == '2["first"]'
    assert [name for name, messages in heard.items() if messages[-1] == '2["x"]'] == names


@pytest.mark.parametrize("args", [("connect",), ("disconnect", 1), (7,), ("x", object()), ("x", {1, 2})])
def test_what_cannot_be_sent_is_refused_before_anybody_gets_it(party: Party, args: tuple[Any, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        party.io.emit_nowait(*args)
    for coroutine in (party.io.emit(*args), party.io.call(*args), party.io.to([]).call(*args)):
        assert isinstance(party.start(coroutine).error, LocalProtocolError)
    assert party.heard() == {}


def test_a_cancelled_broadcast_is_not_sent(party: Party) -> None:
    task = party.runtime.start(party.io.emit("x"))
    party.runtime.cancel(task)
    assert party.heard() == {}
    assert isinstance(task.error, Cancelled)


def test_every_kind_of_group_says_who_is_in_it() -> None:
    with pytest.raises(NotImplementedError):
        Broadcasts().emit_nowait("x")


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_a_namespace_is_found_by_its_name(party: Party) -> None:
    io = party.io
    admin = io.of("/admin")
    assert io.of("admin") is admin
    assert io.of("/") is io.sockets
    assert admin.name == "/admin"
    assert admin.parent is None
    assert io.namespaces == [io.sockets, admin]
    assert repr(io.sockets) == "<Namespace /, 4 sockets>"
    assert io.sockets.sockets == {socket.id: socket for socket in party.sockets.values()}


def test_namespaces_do_not_hear_each_other(party: Party) -> None:
    party.io.of("/admin")
    _, socket = party.connect("/admin", client=party.clients["a"])
    socket.join("a")
    assert party.io.of("/admin").to("a").emit_nowait("x") == 1
    assert party.io.to("a").emit_nowait("y") == 2
    assert party.heard() == {"a": ['2/admin,["x"]', '2["y"]'], "ab": ['2["y"]']}


def test_an_unknown_namespace_is_refused(party: Party) -> None:
    assert party.send(party.clients["a"], "40/nowhere,") == ['4/nowhere,{"message":"Invalid namespace"}']


# -- families ----------------------------------------------------------------------------------------------------------


def is_room(name: str) -> bool:
    return name.startswith("/room-")


Pattern = re.Pattern[str] | Callable[[str], bool]
PATTERNS: Final[list[Pattern]] = [re.compile(r"/room-\d"), is_room]
FAMILY = pytest.mark.parametrize("pattern", PATTERNS, ids=["regex", "function"])


@FAMILY
def test_children_have_the_handlers_of_the_family_first(pattern: Pattern) -> None:
    rig = AppRig()
    family = rig.io.of(pattern)
    family.use(note(rig, "guard"))
    family.on("connection", note(rig, "connection"))
    client, socket = rig.connect("/room-1")
    child = socket.namespace
    child.on("x", note(rig, "child"))
    family.on("x", note(rig, "family"))  # later than the child, and yet
    rig.send(client, '42/room-1,["x"]')
    assert rig.calls == [(what, socket.id) for what in ("guard", "connection", "family", "child")]
    assert family.children == [child]
    assert child.parent is family


def test_a_regex_must_match_the_whole_name() -> None:
    rig = AppRig()
    rig.io.of(re.compile(r"/room-\d"))
    for name in ("/room-1x", "/x/room-1", "/room-", "/room-12"):
        assert rig.send(rig.open(), f"40{name},") == [f'4{name},{{"message":"Invalid namespace"}}']


@FAMILY
def test_a_family_emits_to_all_its_children(pattern: Pattern) -> None:
    rig = AppRig()
    family = rig.io.of(pattern)
    clients = {nsp: rig.connect(nsp)[0] for nsp in ("/", "/room-1", "/room-2")}
    task = rig.start(family.emit("x", 1))
    assert (task.result, task.error) == (2, None)
    heard = {nsp: client.take_messages() for nsp, client in clients.items()}
    assert heard == {"/": [], "/room-1": ['2/room-1,["x",1]'], "/room-2": ['2/room-2,["x",1]']}


@FAMILY
def test_a_child_is_forgotten_with_its_last_socket_also_if_it_was_asked_for(pattern: Pattern) -> None:
    rig = AppRig()
    family = rig.io.of(pattern)
    assert family.children == []
    rig.io.of("/room-1")
    client = rig.open()
    for nsp in ("/room-1", "/room-2"):
        rig.send(client, f"40{nsp},")
    assert [child.name for child in family.children] == ["/room-1", "/room-2"]
    rig.send(client, "41/room-1,", "41/room-2,")
    assert family.children == []
    assert rig.io.namespaces == [rig.io.of("/")]


def test_using_many_names_leaves_nothing_behind() -> None:
    rig = AppRig()
    family = rig.io.of(is_room)
    made: list[ref[object]] = []
    for number in range(100):
        child = rig.io.of(f"/room-{number}")
        assert child.emit_nowait("x") == 0
        assert rig.result_of(child.to("somewhere").fetch_sockets()) == []
        rig.result_of(child.sockets_join("somewhere"))
        assert rig.start(child.call("x")).result == []
        assert child.sockets == {}
        made.append(ref(rig.server.hub.of(child.name)))
        del child
    rig.runtime.tasks.clear()
    gc.collect()
    assert [core() for core in made] == [None] * 100
    assert family.children == []


def come_and_go(rig: AppRig, nsp: str = "/room-1") -> None:
    """Let the namespace fill and empty, and what nobody holds be collected."""
    client, _ = rig.connect(nsp)
    rig.send(client, "1")
    rig.runtime.tasks.clear()
    gc.collect()


@FAMILY
def test_what_is_kept_of_a_child_goes_on_when_it_comes_back(pattern: Pattern) -> None:
    rig = AppRig()
    family = rig.io.of(pattern)
    client, socket = rig.connect("/room-1")
    child, operator = family.children[0], family.children[0].to("x")
    volatile, everyone_else = operator.volatile, socket.to("x")
    rig.send(client, "1")
    del socket
    assert (rig.result_of(operator.fetch_sockets()), rig.result_of(operator.call("q"))) == ([], [])
    come_and_go(rig)
    child.on("late", note(rig, "late"))
    client, socket = rig.connect("/room-1")
    assert (family.children, socket.namespace, rig.io.of("/room-1")) == ([child], child, child)
    assert child.sockets == {socket.id: socket}
    rig.result_of(child.sockets_join("x"))
    for each in (operator, volatile, everyone_else, child):
        assert rig.result_of(each.fetch_sockets()) == [socket]
        assert rig.start(each.emit("e")).result == 1
    client.take_messages()
    calling = rig.start(operator.call("q"))
    (question,) = drain(client)
    number = str(question).removeprefix("2/room-1,").partition("[")[0]
    rig.send(client, f"43/room-1,{number}[7]", '42/room-1,["late"]')
    assert calling.result == [7]
    assert rig.calls == [("late", socket.id)]
    rig.result_of(operator.sockets_leave("x"))
    assert rig.result_of(operator.fetch_sockets()) == []
    rig.start(everyone_else.except_([]).emit("e"))
    rig.start(child.disconnect_sockets())
    assert not socket.connected


@pytest.mark.parametrize("kind", ["on", "on_any", "use", "event"])
def test_handlers_that_were_registered_by_name_stay(kind: str) -> None:
    """Whoever registers them need not keep the namespace."""
    rig = AppRig()
    rig.io.of(is_room)

    def x(*args: Any) -> None:
        rig.calls.append(kind)

    if kind == "on":
        rig.io.of("/room-1").on("x", x)
    else:
        {"on_any": rig.io.of("/room-1").on_any, "use": rig.io.of("/room-1").use, "event": rig.io.of("/room-1").event}[
            kind
        ](x)
    gc.collect()
    come_and_go(rig)
    come_and_go(rig)
    rig.calls.clear()
    client, _ = rig.connect("/room-1")
    rig.send(client, '42/room-1,["x"]')
    assert rig.calls == [kind]
    assert [child.name for child in rig.io.namespaces] == ["/", "/room-1"]


REGISTERING: Final[dict[str, Callable[[Namespace, Handler], object]]] = {
    "once": lambda namespace, handler: namespace.once("x", handler),
    "prepend_any": lambda namespace, handler: namespace.prepend_any(handler),
    "on_any_outgoing": lambda namespace, handler: namespace.on_any_outgoing(handler),
    "prepend_any_outgoing": lambda namespace, handler: namespace.prepend_any_outgoing(handler),
    "use_events": lambda namespace, handler: namespace.use_events(handler),
    "on_server_side": lambda namespace, handler: namespace.on_server_side("x")(handler),
}


@pytest.mark.parametrize("register", REGISTERING.values(), ids=REGISTERING)
def test_whatever_was_registered_by_name_stays(register: Callable[[Namespace, Handler], object]) -> None:
    rig = AppRig()
    rig.io.of(is_room)
    register(rig.io.of("/room-1"), note(rig, "told"))
    gc.collect()
    come_and_go(rig)
    come_and_go(rig)
    client, socket = rig.connect("/room-1")
    assert rig.calls == []
    rig.send(client, '42/room-1,["x"]')
    rig.io.of("/room-1").emit_nowait("x")
    rig.result_of(LocalAdapter(inbox_behind(socket).app).hear("/room-1", "x", []))
    assert [what for what, *_ in rig.calls] == ["told"]


@FAMILY
def test_the_guards_of_a_family_guard_namespaces_made_by_name_too(pattern: Pattern) -> None:
    """Otherwise `io.of("/room-1").to(...)` somewhere in the application would open a door."""
    rig = AppRig()
    family = rig.io.of(pattern)
    child = rig.io.of("/room-1")

    @family.use
    def guard(socket: Socket) -> None:
        raise ConnectRefused("members only")

    child.use(note(rig, "child"))
    assert rig.send(rig.open(), "40/room-1,") == ['4/room-1,{"message":"members only"}']
    assert rig.calls == []


def test_the_first_family_that_matches_has_it() -> None:
    rig = AppRig()
    first = rig.io.of(re.compile("/a.*"))
    second = rig.io.of(re.compile("/.*"))
    rig.connect("/ab")
    rig.connect("/b")
    assert [child.name for child in first.children] == ["/ab"]
    assert [child.name for child in second.children] == ["/b"]


@FAMILY
def test_a_family_that_is_asked_for_again_is_the_same(pattern: Pattern) -> None:
    """The guards of a second one would never be asked."""
    rig = AppRig()
    family = rig.io.of(pattern)
    assert rig.io.of(pattern) is family
    rig.io.of(pattern).use(returning(ConnectRefused("members only")))
    assert rig.send(rig.open(), "40/room-1,") == ['4/room-1,{"message":"members only"}']


def test_a_function_that_fails_says_no() -> None:
    rig = AppRig()

    def fail(name: str) -> bool:
        raise KeyError(name)

    rig.io.of(fail)
    client = rig.open()
    assert rig.send(client, "40/x,") == ['4/x,{"message":"Invalid namespace"}']
    assert rig.logged == ["function of a namespace's name failed: '/x'"]
    assert client.session is not None


@pytest.mark.parametrize("rooms", [5, None, [5], ["a", None], b"room"])
def test_rooms_are_strings(rooms: Any) -> None:
    rig = AppRig()
    _, socket = rig.connect()

    def later(function: Callable[[Any], Any]) -> Callable[[Any], object]:
        return lambda rooms: rig.result_of(function(rooms))

    moving = (later(rig.io.sockets_join), later(rig.io.sockets_leave))
    for use in (socket.join, socket.leave, socket.to, rig.io.to, rig.io.except_, *moving):
        with pytest.raises(TypeError, match="rooms must be a string, or several: "):
            use(rooms)
    assert socket.rooms == {socket.id}


@pytest.mark.parametrize("name", [3, None, b"/a", re.compile(b"/a"), ["/a"]])
def test_what_is_no_name_and_no_pattern_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match="namespace must be a name, a pattern of text or a function"):
        AppRig().io.of(name)


def test_rooms_of_a_namespace_are_listed_with_who_is_in_them(party: Party) -> None:
    ids = {name: socket.id for name, socket in party.sockets.items()}
    rooms = party.io.sockets.rooms
    assert rooms == {"a": {ids["a"], ids["ab"]}, "b": {ids["ab"], ids["b"]}}
    party.sockets["a"].leave("a")
    assert len(rooms["a"]) == 2, "it is a snapshot"
    assert party.io.of("/other").rooms == {}


def test_a_message_is_an_event_without_a_name(party: Party) -> None:
    a = party.sockets["a"]
    sent = [party.io.send(1), party.io.to("a").send(2), a.send(3), a.timeout(1).send(4)]
    assert [party.result_of(each) for each in sent] == [4, 2, True, True]
    assert party.heard()["a"] == [f'2["message",{number}]' for number in (1, 2, 3, 4)]


def test_a_handler_of_connections_can_be_given_with_the_name() -> None:
    rig = AppRig()
    rig.io.of("/a", note(rig, "named"))
    rig.io.of(re.compile("/b.*"), note(rig, "family"))
    for nsp in ("/a", "/bc"):
        rig.connect(nsp)
    assert [call[0] for call in rig.calls] == ["named", "family"]


def test_an_emit_may_say_at_once_who_gets_it(party: Party) -> None:
    """As with python-socketio."""
    sockets = party.sockets
    choices: list[tuple[dict[str, Any], list[str]]] = [
        ({"to": "a"}, ["a", "ab"]),
        ({"to": ["a", "b"], "skip_sid": sockets["ab"].id}, ["a", "b"]),
        ({"skip_sid": [sockets["ab"].id, "b"]}, ["a", "nil"]),
        ({"to": []}, []),
    ]
    for by in (party.io, party.io.of("/")):
        for options, names in choices:
            assert party.result_of(by.emit("x", 1, **options)) == len(names)
            assert sorted(party.heard()) == names


def test_who_is_in_too_many_rooms_keeps_none_of_the_others_out() -> None:
    rig = AppRig(max_rooms=3)
    (_, full), (_, other) = rig.connect(), rig.connect()
    full.join(["a", "b"])
    with pytest.raises(LocalProtocolError, match="too many rooms, max_rooms: 3"):
        full.join(["c", "d"])
    assert full.rooms == {full.id, "a", "b"}
    rig.result_of(rig.io.sockets_join(["c", "d"]))
    assert (full.rooms, other.rooms) == ({full.id, "a", "b"}, {other.id, "c", "d"})
    assert rig.logged == ["a socket could not join more rooms"]
