"""From the engine's events to handlers: deciding, events, acks, goodbyes. Spec: PROTOCOL 4.3, 4.4."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core.app import Socket
from socketio_core.app.handlers import Handler
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.packet import Payload
from socketio_core.errors import CloseReason, ConnectRefused
from socketio_core.http import Request
from socketio_core.socketio import Decoder, JsonParser, Packet
from socketio_core.socketio.guard import guard
from socketio_core.socketio.packet import CONNECT_ERROR
from tests.app.hand_runtime import Cancelled
from tests.app.rig import AppRig, newest, note, note_async, returning
from tests.socketio.rig import TRANSPORTS

BOTH = pytest.mark.parametrize("transport", TRANSPORTS)
WELCOME: Final = '0{"sid":"id2"}'  # of the first client; its session is id1


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


KINDS = pytest.mark.parametrize("kind", [note, note_async], ids=["sync", "async"])


# -- deciding ----------------------------------------------------------------------------------------------------------


@BOTH
@KINDS
def test_a_socket_is_let_in_then_handled_then_heard(
    rig: AppRig, transport: str, kind: Callable[[AppRig, str], Handler]
) -> None:
    """Middlewares in order, CONNECT, the handlers of "connection", and then what the client had sent already."""
    io = rig.io
    io.use(kind(rig, "first"))
    io.on("a", kind(rig, "event"))
    io.on("connection", kind(rig, "connection"))
    io.use(kind(rig, "second"))
    io.on("connect", kind(rig, "connect"))
    assert rig.send(rig.open(transport), "40", '42["a",1]', '42["a",2]') == [WELCOME]
    assert rig.calls == [
        ("first", "id2"),
        ("second", "id2"),
        ("connection", "id2"),
        ("connect", "id2"),
        ("event", "id2", 1),
        ("event", "id2", 2),
    ]


def test_the_client_is_told_before_connection_handlers_run(rig: AppRig) -> None:
    @rig.io.on("connection")
    async def greet(socket: Socket) -> None:
        await socket.emit("hello")

    assert rig.send(rig.open(), "40") == [WELCOME, '2["hello"]']


def test_the_answer_leaves_and_what_was_held_follows_at_once(rig: AppRig) -> None:
    """Not when something else happens to happen: output is announced before the handlers, and events are dispatched."""
    announced: list[int] = []

    @rig.io.on("connection")
    def count(socket: Socket) -> None:
        announced.append(rig.runtime.flushes)

    rig.io.on("a", note(rig, "a"))
    client = rig.open()
    before = rig.runtime.flushes
    client.send("40", '42["a"]')
    for inbox in rig.host.dispatch():
        rig.runtime.spawn(inbox.work)
    rig.runtime.run_ready()
    assert announced == [before + 1]
    assert rig.calls == [("a", "id2")]


def test_a_socket_is_not_connected_while_it_is_decided(rig: AppRig) -> None:
    states: list[tuple[bool, list[str]]] = []

    def look(socket: Socket) -> None:
        states.append((socket.connected, list(rig.io.sockets.sockets)))

    rig.io.use(look)
    rig.io.on("connection", look)
    rig.connect()
    assert states == [(False, []), (True, ["id2"])]


REFUSALS: Final[list[tuple[BaseException, str, bool]]] = [
    (ConnectRefused("no"), '4{"message":"no"}', False),
    (ConnectRefused("no", data={"code": 7}), '4{"message":"no","data":{"code":7}}', False),
    (ConnectRefused(), '4{"message":"connection refused"}', False),
    (KeyError("boom"), '4{"message":"Internal server error"}', True),
    (ExceptionGroup("many", [KeyError("boom")]), '4{"message":"Internal server error"}', True),
    (ConnectRefused("no", data=object()), '4{"message":"no"}', True),
    (ConnectRefused("no", data=math.nan), '4{"message":"no"}', True),
]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(("error", "answer", "is_logged"), REFUSALS)
def test_whatever_goes_wrong_while_deciding_is_a_refusal(
    rig: AppRig, at: int, error: Exception, answer: str, *, is_logged: bool
) -> None:
    """A chain of three, refused at each place; those behind it are not asked."""

    async def fail(socket: Socket) -> None:
        await note_async(rig, "asked")(socket)
        raise error

    def fail_at_once(socket: Socket) -> None:
        raise error

    for number in range(3):
        rig.io.use(note(rig, str(number)) if number != at else fail_at_once if at == 1 else fail)
    rig.io.on("connection", note(rig, "connection"))
    rig.io.on("disconnect", note(rig, "disconnect"))
    client = rig.open()
    assert rig.send(client, "40", '42["held"]') == [answer]
    assert [name for name, _ in rig.calls if name != "asked"] == [str(number) for number in range(at)]
    assert bool(rig.logged) == is_logged
    assert rig.io.sockets.sockets == {}
    assert client.session is not None
    rig.wait(45.0)
    assert client.session is None


@pytest.mark.parametrize("answer", [False, None, True, 0])
def test_a_middleware_that_returns_false_refuses(rig: AppRig, *, answer: object) -> None:
    rig.io.use(returning(answer))
    rig.io.use(note(rig, "next"))
    client = rig.open()
    refused = answer is False
    answers = rig.send(client, "40")
    assert (answers == ['4{"message":"connection refused"}']) == refused
    assert bool(rig.calls) != refused
    assert rig.logged == []


def test_a_handler_that_refuses_too_late_is_told_so(rig: AppRig) -> None:
    rig.io.on("connection", returning(ConnectRefused("no")))
    rig.connect()
    ((message, error),) = rig.runtime.logged
    assert message == "handler of 'connection' failed"
    assert error is not None
    assert "raise ConnectRefused in a middleware" in error.__notes__[0]


def test_an_event_without_a_handler_is_noted(rig: AppRig) -> None:
    client, socket = rig.connect()
    rig.io.on("known", note(rig, "known"))
    rig.io.on_any(note(rig, "any"))
    assert rig.send(client, '42["known"]', '42["unknown",1]', '420["asked"]') == []
    assert rig.onlooker.unhandled == [(socket, "unknown"), (socket, "asked")]


def test_a_decision_that_is_cancelled_is_a_refusal(rig: AppRig) -> None:
    @rig.io.use
    async def wait(socket: Socket) -> None:
        await rig.runtime.new_event().wait()

    client = rig.open()
    assert rig.send(client, "40") == []
    (worker,) = rig.runtime.tasks
    rig.runtime.cancel(worker)
    rig.run()
    assert isinstance(worker.error, Cancelled)
    assert client.take_messages() == ['4{"message":"Server is shutting down"}']
    assert rig.io.sockets.sockets == {}


@pytest.mark.parametrize("end", ["41", "1"])
def test_a_client_that_leaves_while_it_is_decided_was_never_there(rig: AppRig, end: str) -> None:
    event = rig.runtime.new_event()

    @rig.io.use
    async def wait(socket: Socket) -> None:
        await event.wait()

    for moment in ("connection", "disconnecting", "disconnect"):
        rig.io.on(moment, note(rig, moment))
    client = rig.open()
    rig.send(client, "40", '42["held"]', end)
    event.set()
    rig.run()
    assert rig.calls == []
    assert rig.logged == []
    assert client.take_messages() == []


def test_a_middleware_added_while_deciding_counts_from_the_next_on(rig: AppRig) -> None:
    @rig.io.use
    def add(socket: Socket) -> None:
        rig.io.use(note(rig, "late"))

    rig.connect()
    assert rig.calls == []
    rig.connect()
    assert rig.calls == [("late", "id4")]


def test_rooms_joined_in_a_middleware_count_once_accepted(rig: AppRig) -> None:
    @rig.io.use
    def join(socket: Socket) -> None:
        socket.join("room")

    client, socket = rig.connect()
    assert socket.rooms == {socket.id, "room"}
    rig.io.to("room").emit_nowait("x")
    rig.run()
    assert client.take_messages() == ['2["x"]']


# -- events ------------------------------------------------------------------------------------------------------------


@BOTH
@KINDS
def test_handlers_run_one_after_another_in_order(
    rig: AppRig, transport: str, kind: Callable[[AppRig, str], Handler]
) -> None:
    client, socket = rig.connect(client=rig.open(transport))
    socket.on("a", kind(rig, "own"))
    socket.on_any(kind(rig, "own any"))
    rig.io.on("a", kind(rig, "first"))
    rig.io.on("a", kind(rig, "second"))
    rig.io.on_any(kind(rig, "any"))
    rig.send(client, '42["a",1,"x"]', '42["b"]')
    assert rig.calls == [
        ("any", "id2", "a", 1, "x"),
        ("own any", "a", 1, "x"),
        ("first", "id2", 1, "x"),
        ("second", "id2", 1, "x"),
        ("own", 1, "x"),
        ("any", "id2", "b"),
        ("own any", "b"),
    ]


def test_a_handler_of_one_socket_hears_that_socket_only(rig: AppRig) -> None:
    (first, socket), (second, _) = rig.connect(), rig.connect()
    socket.on("a", note(rig, "mine"))
    rig.send(first, '42["a",1]')
    rig.send(second, '42["a",2]')
    assert rig.calls == [("mine", 1)]


def test_a_handler_can_be_removed_also_by_itself(rig: AppRig) -> None:
    """The others of the same event run all the same."""

    def once(socket: Socket) -> None:
        rig.calls.append("once")
        rig.io.off("a", once)

    rig.io.on("a", once)
    rig.io.on("a", note(rig, "always"))
    client, _ = rig.connect()
    rig.send(client, '42["a"]', '42["a"]')
    assert rig.calls == ["once", ("always", "id2"), ("always", "id2")]


@pytest.mark.parametrize("name", ["connection", "connect_", "error", "new_namespace", "disconnected"])
def test_a_client_cannot_pretend_a_moment_of_life(rig: AppRig, name: str) -> None:
    """`connection` is a legal name on the wire (PROTOCOL 3.3); it must not look like a new socket."""
    rig.io.on("connection", note(rig, "connection"))
    rig.io.on_any(note(rig, "any"))
    client, _ = rig.connect()
    assert rig.send(client, f'421["{name}","x"]') == []
    assert rig.calls == [("connection", "id2"), ("any", "id2", name, "x")]


def test_handlers_of_namespaces_are_apart(rig: AppRig) -> None:
    rig.io.on("a", note(rig, "root"))
    rig.io.of("/admin").on("a", note(rig, "admin"))
    client, _ = rig.connect()
    _, admin = rig.connect("/admin", client=client)
    rig.send(client, '42/admin,["a"]', '42["a"]')
    assert rig.calls == [("admin", admin.id), ("root", "id2")]


@KINDS
def test_a_handler_that_fails_is_logged_and_costs_nobody_anything(
    rig: AppRig, kind: Callable[[AppRig, str], Handler]
) -> None:
    handlers: dict[str, Handler] = {
        "any": rig.io.on_any,
        "event": rig.io.on("a"),
        "connection": rig.io.on("connection"),
    }
    errors = {name: KeyError(name) for name in handlers}

    def failing(name: str) -> Handler:
        record = kind(rig, name)

        async def fail(*args: Any) -> None:
            outcome = record(*args)
            if outcome is not None:
                await outcome
            raise errors[name]

        return fail

    for name, register in handlers.items():
        register(failing(name))
        register(kind(rig, f"next {name}"))
    client, _ = rig.connect()
    rig.send(client, '42["a"]', '42["a"]')
    names = [name for name, *_ in rig.calls]
    assert names == ["connection", "next connection", *(["any", "next any", "event", "next event"] * 2)]
    assert [error for _, error in rig.runtime.logged] == [
        errors[name] for name in ("connection", *("any", "event") * 2)
    ]
    assert rig.logged == ["handler of 'connection' failed", *["handler of 'a' failed"] * 4]
    assert client.session is not None


# -- goodbye -----------------------------------------------------------------------------------------------------------


@KINDS
def test_goodbyes_tell_the_reason_and_the_rooms(rig: AppRig, kind: Callable[[AppRig, str], Handler]) -> None:
    """`disconnecting` while the rooms are still known, `disconnect` afterwards (PROTOCOL 4.5)."""
    client, socket = rig.connect()
    socket.join(["a", "b"])
    rooms: dict[str, set[str]] = {}
    for moment in ("disconnect", "disconnecting"):
        rig.io.on(moment, kind(rig, moment))
        socket.on(moment, kind(rig, f"own {moment}"))

    @rig.io.on("disconnecting")
    def before(socket: Socket, reason: str) -> None:
        rooms["disconnecting"] = socket.rooms

    @rig.io.on("disconnect")
    def after(socket: Socket, reason: str) -> None:
        rooms["disconnect"] = socket.rooms

    rig.send(client, "41")
    assert rig.calls == [
        ("disconnecting", socket.id, "client namespace disconnect"),
        ("own disconnecting", "client namespace disconnect"),
        ("disconnect", socket.id, "client namespace disconnect"),
        ("own disconnect", "client namespace disconnect"),
    ]
    assert rooms == {"disconnecting": {socket.id, "a", "b"}, "disconnect": set()}
    assert not socket.connected
    assert socket.rooms == set()
    socket.join("late")
    assert socket.rooms == set()


def test_a_goodbye_that_fails_does_not_stop_the_others(rig: AppRig) -> None:
    client, _ = rig.connect()
    for moment in ("disconnecting", "disconnect"):
        rig.io.on(moment, returning(KeyError("mine")))
        rig.io.on(moment, note(rig, moment))
    client.send("1")
    rig.run()
    assert [name for name, *_ in rig.calls] == ["disconnecting", "disconnect"]
    assert rig.logged == ["handler of 'disconnecting' failed", "handler of 'disconnect' failed"]


@pytest.mark.parametrize("reason", [CloseReason.SERVER_SHUTTING_DOWN, CloseReason.PING_TIMEOUT])
def test_everyone_says_goodbye(rig: AppRig, reason: CloseReason) -> None:
    rig.io.on("disconnect", note(rig, "left"))
    sockets = [rig.connect()[1] for _ in range(3)]
    if reason is CloseReason.PING_TIMEOUT:
        rig.wait(45.0)
    else:
        rig.server.close(rig.now)
        rig.run()
    assert rig.calls == [("left", socket.id, reason.value) for socket in sockets]
    assert rig.onlooker.closed == [reason] * 3


def test_observers_hear_of_refused_requests(rig: AppRig) -> None:
    rig.server.handle_request(Request("GET", "/socket.io/?EIO=3&transport=polling", scheme="http"), rig.now, None)
    rig.run()
    assert [refused.message for refused in rig.onlooker.refused] == ["Unsupported protocol version"]


def test_the_newest_socket_is_what_the_client_was_told(rig: AppRig) -> None:
    """The kit itself."""
    _, socket = rig.connect()
    assert newest(rig.io.sockets) is socket


class _Mute:
    """A parser that can neither refuse nor read."""

    def encode(self, packet: Packet) -> WireMessage:
        if packet.type == CONNECT_ERROR:
            raise KeyError("no refusals")
        return JsonParser().encode(packet)

    def decoder(self) -> Decoder:
        return self

    def feed(self, payload: Payload) -> Packet | None:
        if payload == "?":
            raise KeyError("no idea")
        return JsonParser().decoder().feed(payload)


def test_a_refusal_that_cannot_be_told_ends_the_connection(rig: AppRig) -> None:
    rig.server.parser = guard(_Mute())
    rig.io.use(returning(ConnectRefused("no")))
    client = rig.open()
    rig.send(client, "40")
    assert client.session is None
    assert rig.logged == ["message or data of the refusal cannot be sent"]


def test_a_parser_that_fails_is_logged(rig: AppRig) -> None:
    rig.server.parser = guard(_Mute())
    client, _ = rig.connect()
    rig.send(client, "4?")
    assert client.session is None
    ((text, error),) = rig.runtime.logged
    assert text == "parser failed, so the connection was closed: _Mute failed: KeyError('no idea')"
    assert isinstance(error, KeyError)


def test_a_fault_of_a_client_is_not_logged_as_one_of_the_parser(rig: AppRig) -> None:
    client, _ = rig.connect()
    rig.send(client, "4?")
    assert client.session is None
    assert rig.logged == []
