"""Declared events in every call that takes the name of one: what is checked, and what type checkers know."""

# What must be an error must be one for pyright too, to which a comment that hides nothing is one, as to mypy:
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, assert_type

import pytest

from socketio_core import Declare, EventHandlers, InvalidEvent, Server, event, handles
from socketio_core.app import AckTimeout, Namespace, ParentNamespace, Socket
from socketio_core.app.client_socket import ClientSocket
from tests.app.bus import Bus
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, note, returning
from tests.app.test_recovery import Place


def convert(value: Any, kind: Any) -> Any:
    """Take what is of a class, and give back twice of it, so that it shows."""
    if not isinstance(value, kind):
        raise TypeError(f"wanted {kind.__name__}, not {type(value).__name__}")
    return value * 2


checked = Declare(convert)


class Chat(Protocol):
    @checked
    def join(self, room: str, /) -> int: ...

    @event
    def loose(self, room: str, /) -> int: ...


ONE_SOCKET: dict[str, Callable[[Socket], Callable[..., Coroutine[Any, Any, Any]]]] = {
    "socket": lambda socket: socket.emit_with_ack,
    "operator": lambda socket: socket.timeout(5).emit_with_ack,
    "volatile": lambda socket: socket.volatile.emit_with_ack,
}


@pytest.mark.parametrize("way", ONE_SOCKET)
@pytest.mark.parametrize(("answer", "detail"), [("[3]", None), ('["3"]', "wanted int, not str"), ("[3,4]", "tuple")])
def test_all_arguments_of_an_answer_are_checked_and_as_they_came(way: str, answer: str, detail: str | None) -> None:
    rig = AppRig()
    client, socket = rig.connect()
    task = rig.start(ONE_SOCKET[way](socket)(Chat.join, "lobby"))
    assert client.fetch() == ['20["join","lobby"]']
    rig.send(client, f"430{answer}")
    if detail is None:
        assert task.result == [3]
    else:
        assert isinstance(task.error, InvalidEvent)
        assert detail in str(task.error)


MANY: dict[str, Callable[[Server], Callable[..., Coroutine[Any, Any, Any]]]] = {
    "server": lambda io: io.emit_with_ack,
    "namespace": lambda io: io.of("/").emit_with_ack,
    "operator": lambda io: io.except_("nobody").emit_with_ack,
}


@pytest.mark.parametrize("way", MANY)
def test_of_many_those_that_do_not_fit_have_not_answered(way: str) -> None:
    rig = AppRig()
    clients = [rig.connect()[0] for _ in range(3)]
    task = rig.start(MANY[way](rig.io)(Chat.join, "lobby"))
    for client, answer in zip(clients, ("[1]", '["x"]', "[2]"), strict=True):
        client.fetch()
        rig.send(client, f"430{answer}")
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "1 of 3 acks did not come"
    assert task.error.responses == [[1], [2]]


def test_a_family_asks_with_what_was_declared() -> None:
    rig = AppRig()
    family = rig.io.of(re.compile("/a.*"))
    client, _ = rig.connect("/ab")
    for ask, expected in ((family.emit_with_ack, [[3]]), (family.to("r").call, [])):
        task = rig.start(ask(Chat.join, "lobby"))
        if expected:
            client.fetch()
            rig.send(client, "43/ab,0[3]")
        assert task.result == expected


@pytest.mark.parametrize(("answer", "outcome"), [("[3]", 6), ("[]", InvalidEvent)])
def test_what_is_sent_reliably_has_an_answer_as_it_was_declared(answer: str, outcome: Any) -> None:
    place = Place()
    client, socket, _ = place.enter()
    task = place.start(socket.emit_reliably(Chat.join, "lobby"))
    (sent,) = client.fetch()
    assert str(sent).startswith('20["join","lobby",')
    place.send(client, f"430{answer}")
    assert (task.result if task.error is None else type(task.error)) == outcome


@pytest.mark.parametrize("way", ["socket", "operator"])
def test_a_client_checks_all_arguments_of_the_answer(way: str) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    ask = socket.emit_with_ack if way == "socket" else socket.timeout(5).emit_with_ack
    fits, does_not = rig.start(ask(Chat.join, "a")), rig.start(ask(Chat.join, "a"))
    rig.hear("30[3]", "31[]")
    assert fits.result == [3]
    assert isinstance(does_not.error, InvalidEvent)


class Pair:
    """Two servers that are joined."""

    def __init__(self) -> None:
        bus = Bus()
        self.here = AppRig(adapter=bus)
        self.there = AppRig(adapter=bus, beside=self.here)


@pytest.mark.parametrize("nsp", [None, "/", "/a"])
def test_servers_check_what_they_hear_of_each_other(nsp: str | None) -> None:
    pair = Pair()
    here = pair.here.io if nsp is None else pair.here.io.of(nsp)
    there = pair.there.io if nsp is None else pair.there.io.of(nsp)
    handler: Any = note(pair.there, "heard")
    there.on_server_side(Chat.join)(handler)
    pair.here.result_of(here.server_side_emit(Chat.join, "ab"))
    assert pair.there.calls == [("heard", "abab")]
    anything: Any = here
    with pytest.raises(AckTimeout, match="1 of 1"):
        pair.here.result_of(anything.server_side_emit_with_ack(Chat.join, 5))
    assert pair.there.calls == [("heard", "abab")]
    assert pair.there.logged == ["event 'join' of another server is not what was declared: room: wanted str, not int"]


@pytest.mark.parametrize(("answer", "fits"), [(3, True), ("3", False)])
def test_servers_check_what_others_answer(answer: Any, fits: bool) -> None:  # noqa: FBT001 - a fact
    pair = Pair()
    pair.there.io.on_server_side("join")(returning(answer))
    task = pair.here.start(pair.here.io.server_side_emit_with_ack(Chat.join, "a"))
    if fits:
        assert task.result == [[3]]
    else:
        assert isinstance(task.error, AckTimeout)
        assert task.error.responses == []


def test_listeners_are_found_and_removed_by_what_was_declared() -> None:
    rig = AppRig()
    _, socket = rig.connect()
    client = ClientRig().up().host.socket_of("/")
    for place in (rig.io, rig.io.of("/a"), rig.io.of(re.compile("/b.*")), socket, client):
        handler: Any = returning(1)
        anything: Any = place
        anything.on(Chat.join, handler)
        assert place.listeners(Chat.join) == [handler]
        place.off(Chat.loose)
        place.off(Chat.join, returning(2))
        assert place.listeners("join") == [handler]
        place.off(Chat.join, handler)
        assert place.listeners(Chat.join) == []
        anything.once(Chat.join, handler)
        place.off(Chat.join)
        assert place.listeners(Chat.join) == []


if TYPE_CHECKING:
    from socketio_core.app.operators import BroadcastOperator
    from socketio_core.app.socket_operator import SocketOperator
    from socketio_core.blocking import Emitter
    from socketio_core.blocking import Socket as BlockingSocket

    async def types_of_asking_many(
        io: Server, namespace: Namespace, family: ParentNamespace, chosen: BroadcastOperator
    ) -> None:
        """For type checkers only: what they know, and, where a comment says so, what they must complain of."""
        assert_type(await io.emit_with_ack(Chat.join, "a"), list[list[Any]])
        await namespace.emit_with_ack(Chat.join, "a")
        await family.emit_with_ack(Chat.join, "a")
        await chosen.emit_with_ack(Chat.join, "a")
        await io.emit_with_ack("anything", 1, timeout=2)
        await io.emit_with_ack(Chat.join, 1)  # type: ignore[call-overload]
        await namespace.emit_with_ack(Chat.join)  # type: ignore[call-overload]
        await family.emit_with_ack(Chat.join, "a", "b")  # type: ignore[call-overload]
        await chosen.emit_with_ack(Chat.join, None)  # type: ignore[call-overload]
        assert_type(await family.call(Chat.join, "a"), list[int])
        await family.to("r").emit(Chat.join, 1)  # type: ignore[call-overload]
        family.emit_nowait(Chat.join)  # type: ignore[call-overload]

    async def types_of_asking_one(socket: Socket, how: SocketOperator, client: ClientSocket) -> None:
        """The same for one socket, of both roles."""
        assert_type(await socket.emit_reliably(Chat.join, "a"), int)
        await socket.emit_reliably("anything", 1, timeout=5, retry=1)
        await socket.emit_with_ack(Chat.join, "a")
        await how.emit_with_ack(Chat.join, "a")
        await client.emit_with_ack(Chat.join, "a")
        await client.volatile.emit_with_ack(Chat.join, "a")
        await socket.emit_reliably(Chat.join, 1)  # type: ignore[call-overload]
        await socket.emit_with_ack(Chat.join, 1)  # type: ignore[call-overload]
        await how.emit_with_ack(Chat.join)  # type: ignore[call-overload]
        await client.emit_with_ack(Chat.join, "a", 1)  # type: ignore[call-overload]
        await client.timeout(1).emit_with_ack(Chat.join)  # type: ignore[call-overload]
        answer: str = await socket.emit_reliably(Chat.join, "a")  # type: ignore[call-overload]
        del answer

    async def types_between_servers(io: Server, namespace: Namespace, family: ParentNamespace) -> None:
        """The same for events of servers."""
        await io.server_side_emit(Chat.join, "a")
        await namespace.server_side_emit(Chat.join, "a")
        await io.server_side_emit_with_ack(Chat.join, "a")
        await namespace.server_side_emit_with_ack("anything", timeout=None)
        await io.server_side_emit(Chat.join, 1)  # type: ignore[call-overload]
        await namespace.server_side_emit(Chat.join)  # type: ignore[call-overload]
        await io.server_side_emit_with_ack(Chat.join)  # type: ignore[call-overload]
        await namespace.server_side_emit_with_ack(Chat.join, 1)  # type: ignore[call-overload]

        @io.on_server_side(Chat.join)
        async def fine(room: str) -> int:
            return len(room)

        @family.on_server_side(Chat.join)
        def fine_too(room: str) -> int:
            return len(room)

        @io.on_server_side(Chat.join)  # type: ignore[arg-type]
        async def wrong_argument(room: int) -> int:
            return room

        @namespace.on_server_side(Chat.join)  # type: ignore[arg-type]
        def wrong_answer(room: str) -> str:
            return room

        @family.on_server_side(Chat.join)  # type: ignore[arg-type]
        def no_socket(socket: Socket, room: str) -> int:
            return 1

        @family.once(Chat.join)  # type: ignore[arg-type]
        def no_number(socket: Socket, room: int) -> int:
            return 1

    def types_of_those_beside(emitter: Emitter, blocking: BlockingSocket, io: Server, socket: Socket) -> None:
        """The same for who is no server, or waits; and where the name alone is meant."""
        emitter.to("r").emit(Chat.join, "a")
        emitter.server_side_emit(Chat.join, "a")
        emitter.emit("anything", 1)
        emitter.emit(Chat.join, 1)  # type: ignore[call-overload]
        emitter.of("a").server_side_emit(Chat.join)  # type: ignore[call-overload]
        blocking.call(Chat.join, 1)  # type: ignore[call-overload]
        io.off(Chat.join)
        socket.off(Chat.join, print)
        io.listeners(Chat.join)
        io.off(Chat.joined)  # type: ignore[attr-defined]
        io.off(5)  # type: ignore[arg-type]

        class Handlers(EventHandlers):
            @handles(Chat.join, "another")
            def handle(self, socket: Socket, room: str) -> int:
                return len(room)

        io.register(Handlers())
