"""Events that are declared once: what comes is checked before a handler sees it, and so are answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, assert_type

import msgspec
import pytest
from pydantic import TypeAdapter

from socketio_core import Declare, EventHandlers, EventRefused, InvalidEvent, Observer, Server, event, handles
from socketio_core.app import AckTimeout, Socket
from socketio_core.app.client_socket import ClientSocket
from socketio_core.app.declared import DeclaredEvent
from socketio_core.app.log import Log
from socketio_core.socketio.packet import JSONValue
from socketio_core.testing import WireClient
from tests.app.client_rig import ClientRig
from tests.app.rig import AppRig, returning


def convert(value: Any, kind: Any) -> Any:
    """Do what `msgspec.convert` does, for a few types."""
    if kind is Any or (kind is None and value is None) or (kind is not None and isinstance(value, kind)):
        return value
    raise TypeError(f"wanted {getattr(kind, '__name__', kind)}, not {type(value).__name__}")


checked = Declare(convert)


class Chat(Protocol):
    @checked
    def join(self, room: str, seat: int, /) -> int: ...

    @checked(name="new message")
    def new_message(self, text: str, /) -> None: ...

    @checked
    def loose_words(self, text: str, /) -> None: ...

    @event
    def loose(self, room: str, /) -> int: ...

    @event
    def refresh(self, /) -> None: ...


class Noting(Observer):
    def __init__(self) -> None:
        self.invalid: list[tuple[str, str]] = []

    def event_invalid(self, socket: Socket, name: str, error: InvalidEvent) -> None:
        self.invalid.append((name, str(error)))


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def register(rig: AppRig, where: str, declared: Any, handler: Callable[..., Any]) -> WireClient:
    """Register a handler in one of the ways there are; return a client that reaches it."""
    client, found = rig.connect()
    socket: Any = found

    class Handlers(EventHandlers):
        @handles(declared)
        def handle(self, *given: Any) -> Any:
            return handler(*given)

    io: Any = rig.io
    ways: dict[str, Callable[[], object]] = {
        "server": lambda: io.on(declared)(handler),
        "once": lambda: io.once(declared)(handler),
        "namespace": lambda: io.of("/").on(declared)(handler),
        "socket": lambda: socket.on(declared)(handler),
        "socket, once": lambda: socket.once(declared)(handler),
        "class": lambda: io.register(Handlers()),
        "class of a socket": lambda: socket.register(Handlers()),
    }
    ways[where]()
    return client


WAYS = ("server", "once", "namespace", "socket", "socket, once", "class", "class of a socket")


@pytest.mark.parametrize("where", WAYS)
def test_what_was_declared_reaches_the_handler(rig: AppRig, where: str) -> None:
    def handler(*given: Any) -> int:
        rig.calls.append([each for each in given if not isinstance(each, Socket)])
        return 3

    client = register(rig, where, Chat.join, handler)
    assert rig.send(client, '427["join","lobby",2]') == ["37[3]"]
    assert rig.calls == [["lobby", 2]]


@pytest.mark.parametrize("where", WAYS)
@pytest.mark.parametrize(
    ("args", "detail"),
    [
        ('"lobby","2"', "seat: wanted int, not str"),
        ("null,2", "room: wanted str, not NoneType"),
        ('"lobby"', "2 arguments wanted, 1 came"),
        ('"lobby",2,3', "2 arguments wanted, 3 came"),
    ],
)
def test_what_was_not_never_does_and_the_client_is_told(rig: AppRig, where: str, args: str, detail: str) -> None:
    noting = Noting()
    rig.io.observe(noting)
    client = register(rig, where, Chat.join, lambda *given: rig.calls.append(given))
    assert rig.send(client, f'427["join",{args}]') == [f'37[{{"error":"invalid event","detail":"{detail}"}}]']
    assert rig.calls == []
    assert noting.invalid == [("join", detail)]
    assert rig.logged == []
    assert rig.send(client, f'42["join",{args}]') == []


def test_an_event_without_converter_is_not_looked_at(rig: AppRig) -> None:
    client = register(rig, "server", Chat.loose, returning("x"))
    assert rig.send(client, '427["loose",5]') == ['37["x"]']


def test_a_handler_may_refuse_an_event_itself(rig: AppRig) -> None:
    client, _ = rig.connect()

    @rig.io.on("a")
    async def refuse(socket: Socket) -> None:
        raise EventRefused("no", 5)

    @rig.io.on("b")
    def nothing(socket: Socket) -> None:
        raise EventRefused

    assert rig.send(client, '421["a"]', '422["b"]') == ['31["no",5]', "32[]"]
    assert rig.logged == []


def test_the_log_says_what_was_wrong_with_which_argument(rig: AppRig, caplog: pytest.LogCaptureFixture) -> None:
    rig.io.observe(Log(logging.getLogger("test"), lambda: rig.now))
    client = register(rig, "server", Chat.join, returning(None))
    for _ in range(20):
        rig.send(client, '42["join","lobby","2"]')
    first, *_, last = caplog.messages
    assert len(caplog.messages) == 11
    assert first.startswith("event 'join' of <Socket")
    assert first.endswith("is not what was declared: seat: wanted int, not str")
    assert last.endswith("those like it are only counted")


def test_handlers_can_be_taken_off_again(rig: AppRig) -> None:
    def handler(socket: Socket, room: str, seat: int) -> int:
        return seat

    rig.io.on(Chat.join)(handler)
    (found,) = rig.io.listeners("join")
    assert found == handler
    assert hash(found) == hash(handler)
    assert found == rig.io.listeners("join")[0]
    assert found != returning(1)
    assert getattr(found, "__name__", "") == "handler"
    rig.io.off("join", handler)
    assert rig.io.listeners("join") == []


@pytest.mark.parametrize(("answer", "value"), [("[3]", 3), ("[3.5]", None), ("[]", None), ("[3,4]", None)])
def test_answers_are_checked_too(rig: AppRig, answer: str, value: int | None) -> None:
    client, socket = rig.connect()
    ways: list[Any] = [socket.call, socket.timeout(5).call]
    for way in ways:
        task = rig.start(way(Chat.join, "lobby", 2))
        client.fetch()
        rig.send(client, f"43{ways.index(way)}{answer}")
        assert task.is_done
        if value is not None:
            assert task.result == value
        else:
            assert isinstance(task.error, InvalidEvent)
            assert str(task.error).startswith("answer: wanted int, not ")
            assert task.error.__notes__[0].startswith("the answer was ")
            assert "the answer was" not in str(task.error.answer), "it may go to somebody else"


def test_of_many_those_with_a_wrong_answer_have_not_answered(rig: AppRig) -> None:
    clients = [rig.connect()[0] for _ in range(3)]
    task = rig.start(rig.io.call(Chat.join, "lobby", 2))
    for client, answer in zip(clients, ("1", '"x"', "2"), strict=True):
        client.fetch()
        rig.send(client, f"430[{answer}]")
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "1 of 3 acks did not come"
    assert task.error.responses == [1, 2]


def test_a_client_checks_what_its_server_sends() -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/").on(Chat.new_message)(rig.note("said"))
    rig.hear('2["new message","hello"]', '27["new message",5]', '2["new message"]')
    assert rig.calls == [("said", "hello")]
    assert rig.sent() == ['37[{"error":"invalid event","detail":"text: wanted str, not int"}]']
    assert rig.logged == [
        "event 'new message' is not what was declared: text: wanted str, not int",
        "event 'new message' is not what was declared: 1 arguments wanted, 0 came",
    ]


@pytest.mark.parametrize("frame", ['2["loose_words","a","id1.1"]', '27["loose_words","a","an id of `emit_reliably`"]'])
def test_a_clients_checked_handler_is_not_given_the_servers_mark(frame: str) -> None:
    """However many it would take itself: the declaration says how many there are."""
    rig = ClientRig().up('0{"sid":"A","pid":"P"}')
    rig.host.socket_of("/").on(Chat.loose_words)(rig.note("said"))
    rig.hear(frame, '2["loose_words","a",5]', '2["loose_words","a","b","c"]', '2["loose_words",5,"id1.2"]')
    assert rig.calls == [("said", "a")]
    assert [each.rpartition(": ")[2] for each in rig.logged] == [
        "1 arguments wanted, 2 came",
        "1 arguments wanted, 3 came",
        "wanted str, not int",
    ]


def test_a_clients_handler_may_refuse_too() -> None:
    rig = ClientRig().up()

    def refuse() -> None:
        raise EventRefused("no")

    rig.host.socket_of("/").on("a", refuse)
    rig.hear('27["a"]')
    assert rig.sent() == ['37["no"]']
    assert rig.logged == []


class Seat(msgspec.Struct):
    row: int
    number: int


def by_pydantic(value: Any, kind: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


class Cinema(Protocol):
    @Declare(msgspec.convert)
    def sit(self, seat: Seat, /) -> None: ...

    @Declare(by_pydantic)
    def stand(self, seats: dict[str, int], /) -> None: ...


def test_the_libraries_that_people_have_fit(rig: AppRig) -> None:
    client, _ = rig.connect()

    @rig.io.on(Cinema.sit)
    def sit(socket: Socket, seat: Seat) -> None:
        rig.calls.append(seat)

    @rig.io.on(Cinema.stand)
    def stand(socket: Socket, seats: dict[str, int]) -> None:
        rig.calls.append(seats)

    rig.send(client, '42["sit",{"row":1,"number":2}]', '42["stand",{"row":1}]')
    assert rig.calls == [Seat(1, 2), {"row": 1}]
    (answer,) = rig.send(client, '421["sit",{"row":"x","number":2}]')
    assert "seat: Expected `int`, got `str` - at `$.row`" in str(answer)
    (answer,) = rig.send(client, '421["stand",{"row":"x"}]')
    assert "seats: 1 validation error" in str(answer)


class Numbers(Protocol):
    @Declare(by_pydantic)
    def numbers(self, numbers: list[int], /) -> int: ...


def refuse(value: str, _: object) -> None:
    raise ValueError(value)


class Echoing(Protocol):
    @Declare(refuse)
    def echoing(self, text: str, /) -> int: ...


@pytest.mark.parametrize(
    ("declared", "value", "detail"),
    [
        (Numbers.numbers, ["x"] * 90_000, "numbers: 90000 values are something else"),
        (Echoing.echoing, "x" * 90_000, f"text: {'x' * 1000}…"),
        (Echoing.echoing, "x" * 1000, f"text: {'x' * 1000}"),
    ],
)
def test_who_sends_much_that_is_wrong_is_told_little(
    declared: DeclaredEvent[..., int], value: JSONValue, detail: str
) -> None:
    """Before, 360 kB of wrong values were 19 MB of answer, for pydantic names each; and others of what they hold."""
    with pytest.raises(InvalidEvent) as caught:
        declared.check([value])
    assert caught.value.detail == detail


def test_few_wrong_values_are_named() -> None:
    with pytest.raises(InvalidEvent, match="3 validation errors") as caught:
        Numbers.numbers.check([["x", "y", "z"]])
    assert "unable to parse string" in caught.value.detail


def test_what_converters_raise_may_count_in_its_own_way() -> None:
    class WrongError(ValueError):
        error_count = 20

    def convert(value: Any, kind: Any) -> Any:
        raise WrongError(f"{value!r} is no {kind.__name__}")

    def rename(self: Any, name: str, /) -> None: ...

    with pytest.raises(InvalidEvent) as caught:
        Declare(convert)(rename).check([1])
    assert caught.value.detail == "name: 1 is no str"


def test_declarations_that_cannot_be_meant_are_refused() -> None:
    def named(self: Any, room: str) -> None: ...
    def with_default(self: Any, room: str = "a", /) -> None: ...
    def nothing() -> None: ...

    for function, why in (
        (named, r"def named\(self, \.\.\., /\)"),
        (with_default, "no defaults"),
        (nothing, "nothing"),
    ):
        anything: Any = function
        with pytest.raises(TypeError, match=why):
            event(anything)
    with pytest.raises(TypeError, match="convert must be"):
        Declare("msgspec")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # by the unwary


def test_a_declared_event_is_its_name(rig: AppRig) -> None:
    class Chat(Protocol):
        @event
        def refresh(self, /) -> int: ...

        @event(name="new message")
        def new_message(self, text: str, /) -> None: ...

    client, socket = rig.connect()
    name: Any = Chat.new_message
    assert name == "new message"
    assert repr(Chat.refresh) == "'refresh'"
    assert socket.emit_nowait(Chat.new_message, "hi")
    rig.run()
    assert client.fetch() == ['2["new message","hi"]']
    task = rig.start(socket.call(Chat.refresh))
    client.fetch()
    rig.send(client, '430["of any type"]')
    assert task.result == "of any type"


if TYPE_CHECKING:
    from socketio_core.blocking import Socket as BlockingSocket

    async def types_of_servers(io: Server, socket: Socket, declared: DeclaredEvent[[str], int]) -> None:
        """For type checkers only: what they know, and, where a comment says so, what they must complain of."""
        assert_type(Chat.join, DeclaredEvent[[str, int], int])
        assert_type(await socket.call(Chat.join, "a", 1), int)
        assert_type(await socket.timeout(1).call(declared, "a"), int)
        assert_type(await io.to("r").call(Chat.join, "a", 1), list[int])
        assert_type(await io.of("/x").call(Chat.join, "a", 1), list[int])
        assert_type(await io.emit(Chat.refresh), int)
        assert_type(socket.emit_nowait(Chat.refresh), bool)
        await socket.emit("anything", 1, [2])

        @io.on(Chat.join)
        async def fine(socket: Socket, room: str, seat: int) -> int:
            return seat

        @socket.on(Chat.new_message)
        def fine_too(text: str) -> None: ...

        await socket.emit(Chat.join, 1, 2)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
        await socket.emit(Chat.join, "a")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        await socket.emit(Chat.join, "a", 1, 2)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        await io.to("r").emit(Chat.refresh, 1)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        io.emit_nowait(Chat.join, "a")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        socket.emit_volatile(Chat.join, "a")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        await socket.emit(Chat.joined)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        answer: str = await socket.call(Chat.join, "a", 1)  # type: ignore[call-overload] # pyright: ignore[reportAssignmentType]
        del answer

        @io.on(Chat.join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        async def wrong_argument(socket: Socket, room: int, seat: int) -> int:
            return seat

        @io.on(Chat.join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        async def too_few(socket: Socket, room: str) -> int:
            return 1

        @io.of("/x").once(Chat.join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        async def wrong_answer(socket: Socket, room: str, seat: int) -> str:
            return room

        @socket.on(Chat.new_message)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        def wrong_kind(text: bytes) -> None: ...

    async def types_of_clients(socket: ClientSocket, blocking: BlockingSocket) -> None:
        """The same for clients."""
        assert_type(await socket.call(Chat.join, "a", 1), int)
        assert_type(blocking.call(Chat.join, "a", 1), int)
        assert_type(await socket.emit(Chat.refresh), bool)

        @socket.on(Chat.join)
        async def fine(room: str, seat: int) -> int:
            return seat

        blocking.emit(Chat.join, "a")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
        await socket.emit(Chat.join, "a", "b")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]

        @socket.once(Chat.join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        async def wrong(room: str, seat: str) -> int:
            return 1
