"""Who looks on: told of what they override, in the order of registration, and unable to harm anybody."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from socketio_core import CloseReason, Observer, RemoteProtocolError, Server
from socketio_core.app import Disconnected, EngineSession, Socket
from socketio_core.app.log import Log
from socketio_core.app.observer import METHODS, Audience
from socketio_core.engineio import RequestRefused
from socketio_core.engineio.session import Session
from tests.app.hand_runtime import run_alone
from tests.app.served import Served
from tests.wire.written import POLLING, frame, handshake


class Refusals(Observer):
    """Notes refused requests."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def request_refused(self, refused: RequestRefused) -> None:
        self.told.append(refused.message)


class Failing(Refusals):
    """Fails whatever it is told."""

    def request_refused(self, refused: RequestRefused) -> None:
        super().request_refused(refused)
        raise RuntimeError("cannot write it down")

    def failed(self, what: str, error: BaseException) -> None:
        self.told.append(what)
        raise RuntimeError("nor that")


class Failures(Observer):
    """Notes what failed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def failed(self, what: str, error: BaseException) -> None:
        self.told.append(f"{what}: {error}")


def test_any_number_of_observers_is_told() -> None:
    first, second, third = Refusals(), Refusals(), Refusals()
    io = Server(observers=[first, second])
    served = Served(io)
    served.connect().ask("/socket.io/")
    io.observe(third)
    served.connect().ask("/socket.io/")
    assert [each.told for each in (first, second, third)] == [["Transport unknown"] * n for n in (2, 2, 1)]


def test_one_that_fails_harms_nobody_and_is_told_once_by_name() -> None:
    failing, other, failures = Failing(), Refusals(), Failures()
    served = Served(Server(observers=[failing, other, failures]))
    for _ in range(3):
        assert served.connect().ask("/socket.io/").status == 400
    assert served.connect().ask(POLLING).status == 200
    assert other.told == ["Transport unknown"] * 3
    assert failing.told.count("Transport unknown") == 3
    assert sorted(failures.told) == [
        "observer Failing.failed failed, which is told once: nor that",
        "observer Failing.request_refused failed, which is told once: cannot write it down",
    ]


class Odd(Failing):
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("nor shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nor compared")

    __hash__ = None  # type: ignore[assignment] # nor hashed


def test_one_that_cannot_be_shown_or_compared_harms_nobody_either() -> None:
    odd, failures = Odd(), Failures()
    odd.message_sent = _Callable()  # type: ignore[assignment] # as whoever replaces one does
    io = Server(observers=[odd, failures])
    engine = io.attach_engine()
    engine.on("message", EngineSession.send_nowait)
    served = Served(io)
    for _ in range(2):
        assert served.connect().ask("/socket.io/").status == 400
    served.websocket("/engine.io/?EIO=4&transport=websocket").send(frame("4a"))
    assert [told.partition(" failed")[0] for told in failures.told if "Failing.failed" not in told] == [
        "observer Failing.request_refused",
        "observer _Callable",
    ]


class _Callable:
    def __call__(self, *_: object) -> None:
        raise RuntimeError("no")


def test_who_is_removed_is_told_no_more() -> None:
    audience, first, second = Audience(), Failures(), Failures()
    audience.add(first)
    audience.add(second)
    audience.remove(first)
    audience.report("what", KeyError("why"))
    assert (first.told, second.told) == ([], ["what: 'why'"])


class Async(Observer):
    """Cannot be told: nobody would await it."""

    async def request_refused(self, refused: RequestRefused) -> None:  # type: ignore[override]
        """Never called."""


@pytest.mark.parametrize(
    ("observer", "why"),
    [
        (Async(), "request_refused must be a plain function, not an async one"),
        (Refusals, "observer must be an Observer, not: <class"),
        (print, "observer must be an Observer, not: <built-in"),
    ],
)
def test_what_cannot_be_told_is_refused(observer: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Server(observers=[observer])


def test_observers_are_several() -> None:
    with pytest.raises(TypeError, match="observers must be several, as in"):
        Server(observers=Refusals())  # type: ignore[arg-type] # not everybody checks types


def test_the_log_hears_nothing_that_happens_often() -> None:
    """Each server has it."""
    audience = Audience()
    audience.add(Log(logging.getLogger("tests.server"), lambda: 0.0))
    often = ("event_received", "event_sent", "broadcast_sent", "message_received", "message_sent", "room_joined")
    assert [name for name in often if getattr(audience, name)] == []


class Diary(Observer):
    """Notes all it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        for name in METHODS:
            setattr(self, name, partial(self._note, name))

    def _note(self, name: str, *args: Any) -> None:
        self.told.append((name, *[_plain(arg) for arg in args]))

    def take(self) -> list[tuple[Any, ...]]:
        """Return what was told since the last call."""
        told, self.told = self.told, []
        return told


def _plain(arg: Any) -> Any:
    if isinstance(arg, (Socket, Session, EngineSession)):
        return type(arg).__name__
    return arg.value if isinstance(arg, CloseReason) else arg


def test_a_connection_is_told_from_its_beginning_to_its_end() -> None:
    diary = Diary()
    io = Server(observers=[diary])
    io.attach_engine()
    served = Served(io)
    for path, kind in (("/socket.io/", "Session"), ("/engine.io/", "Session")):
        polling = f"{path}?EIO=4&transport=polling"
        sid = served.open_session(polling)
        assert diary.take() == [("connection_opened", kind)]
        upgrade = served.connect()
        upgrade.send(handshake(f"{path}?EIO=4&transport=websocket&sid={sid}"), frame("2probe"), frame("5"))
        assert diary.take() == [("connection_upgraded", kind)]
        upgrade.lose()
        assert diary.take() == [("connection_closed", kind, "transport close", None)]
    broken = served.websocket()
    diary.take()
    broken.send(frame("x"))
    ((name, _, reason, error),) = diary.take()
    assert (name, reason) == ("connection_closed", "parse error")
    assert isinstance(error, RemoteProtocolError)


def test_events_in_and_out_are_told() -> None:
    diary = Diary()
    io = Server(observers=[diary])

    @io.on("go")
    async def go(socket: Socket, *args: int) -> None:
        assert diary.take() == [("event_received", "Socket", "go", [1, 2])]
        socket.emit_volatile("perhaps")
        socket.emit_volatile("dropped, for something waits")
        await socket.emit("emitted", *args)
        socket.emit_nowait("at once")
        with suppress(Disconnected):
            await socket.call("question", timeout=None)
        await socket.emit("too late")
        socket.emit_nowait("too late")
        socket.emit_volatile("too late")

    served = Served(io)
    client = served.join()
    diary.take()
    client.send(frame('42["go",1,2]'))
    names = [("perhaps", ()), ("emitted", (1, 2)), ("at once", ()), ("question", ())]
    assert diary.take() == [("event_sent", "Socket", name, args) for name, args in names]
    client.lose()
    assert [name for name, *_ in diary.take()] == ["connection_closed"]


def test_broadcasts_are_told_once_with_how_many_took_them() -> None:
    diary = Diary()
    io = Server(observers=[diary])
    served = Served(io)
    for _ in range(2):
        served.join()
    diary.take()
    io.emit_nowait("news", 1)
    io.to("nobody").emit_nowait("secret")
    served.runtime.start(io.call("question", 2))
    served.settle()
    assert diary.take() == [
        ("broadcast_sent", "/", "news", (1,), 2),
        ("broadcast_sent", "/", "secret", (), 0),
        ("broadcast_sent", "/", "question", (2,), 2),
    ]


def test_rooms_joined_and_left_are_told_by_whatever_way() -> None:
    diary = Diary()
    io = Server(observers=[diary])

    @io.use
    @io.of(re.compile("/dynamic")).use
    def welcome(socket: Socket) -> None:
        socket.join("hall")
        diary.take()

    served = Served(io)
    client = served.join()
    assert diary.take() == [("room_joined", "Socket", "hall")]
    (socket,) = io.sockets.sockets.values()
    socket.join(["hall", "kitchen", socket.id])
    run_alone(io.to("hall").sockets_join, "cellar")
    run_alone(io.to("hall").sockets_leave, ["hall", "cellar", "nowhere"])
    assert sorted(diary.take()) == [
        ("room_joined", "Socket", "cellar"),
        ("room_joined", "Socket", "kitchen"),
        ("room_left", "Socket", "cellar"),
        ("room_left", "Socket", "hall"),
    ]
    client.send(frame("40/dynamic,"))
    assert diary.take() == [("room_joined", "Socket", "hall")]
    client.lose()
    assert sorted(diary.take())[1:] == [("room_left", "Socket", "hall"), ("room_left", "Socket", "kitchen")]


def test_rooms_are_told_to_who_comes_later_too() -> None:
    io = Server()
    served = Served(io)
    io.of(re.compile("/dynamic"))
    client = served.join()
    client.send(frame("40/dynamic,"))
    diary = Diary()
    io.observe(diary)
    for name in ("/", "/dynamic"):
        run_alone(io.of(name).sockets_join, "hall")
    assert diary.take() == [("room_joined", "Socket", "hall")] * 2


class Meddler(Observer):
    """Does what it must not: changes what it is told of."""

    def room_joined(self, socket: Socket, room: str) -> None:
        if room != "more":
            socket.join("more")

    def room_left(self, socket: Socket, room: str) -> None:
        socket.join(room + "again")


def test_an_observer_that_meddles_harms_nobody() -> None:
    io = Server(observers=[Meddler()])

    @io.use
    def seat(socket: Socket) -> None:
        socket.join(["one", "two"])

    served = Served(io)
    client = served.join()
    (socket,) = io.sockets.sockets.values()
    assert socket.rooms == {socket.id, "one", "two", "more"}
    client.lose()
    assert socket.rooms == set()
    assert served.join().frames() == []


def test_messages_of_bare_engine_io_are_told() -> None:
    diary = Diary()
    io = Server(observers=[diary])
    engine = io.attach_engine()

    @engine.on("message")
    async def echo(session: EngineSession, message: str | bytes) -> None:
        await session.send(message)
        session.send_nowait("more")
        await session.close()
        assert not session.send_nowait("too late")

    client = Served(io).websocket("/engine.io/?EIO=4&transport=websocket")
    diary.take()
    client.send(frame("4hello"))
    assert diary.take() == [
        ("message_received", "EngineSession", "hello"),
        ("message_sent", "EngineSession", "hello"),
        ("message_sent", "EngineSession", "more"),
        ("connection_closed", "Session", "forced close", None),
    ]


def test_handlers_that_fail_and_events_without_any_are_told() -> None:
    diary = Diary()
    io = Server(observers=[diary])
    engine = io.attach_engine()
    error = RuntimeError("no")

    def fail(*args: object) -> None:
        raise error

    io.on("go", fail)
    engine.on("message", fail)
    served = Served(io)
    client, bare = served.join(), served.websocket("/engine.io/?EIO=4&transport=websocket")
    diary.take()
    client.send(frame('42["go"]'), frame('42["typo"]'))
    bare.send(frame("4hello"))
    assert [told for told in diary.take() if "received" not in told[0]] == [
        ("failed", "handler of 'go' failed", error),
        ("event_unhandled", "Socket", "typo"),
        ("failed", "handler of 'message' failed", error),
    ]


def test_what_nobody_overrides_is_told_to_nobody() -> None:
    audience = Audience()
    audience.add(Observer())
    assert [name for name in METHODS if getattr(audience, name)] == []
    audience.add(Refusals())
    assert [name for name in METHODS if getattr(audience, name)] == ["request_refused"]


def test_all_methods_may_be_called() -> None:
    """Whoever overrides one may call `super()`."""
    for name in METHODS:
        method = getattr(Observer(), name)
        assert method(*[None] * (method.__code__.co_argcount - 1)) is None
