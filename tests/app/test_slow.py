"""Handlers that hold the event loop are named."""

from __future__ import annotations

import pytest

from socketio_core import ConnectRefused, Observer, Server
from socketio_core.app import Socket
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler
from socketio_core.app.slow import SlowHandlers
from socketio_core.app.worker import Inbox
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import Cancelled, HandEvent, HandRuntime
from tests.app.served import Served
from tests.wire.by_hand import Peer
from tests.wire.written import frame


class Slow(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def handler_was_slow(self, what: str, lasted_s: float) -> None:
        self.told.append((what.replace("test_", ""), lasted_s))


class Scene:
    """A server that looks for handlers that hold the loop for more than a second; the clock is theirs."""

    def __init__(self, limit_s: float | None = 1) -> None:
        self.slow = Slow()
        self.io = Server(slow_handler_s=limit_s, observers=[self.slow])
        self.served: Served

    def serve(self) -> Peer:
        self.served = Served(self.io)
        return self.served.join()

    def pass_time(self, seconds: float) -> None:
        self.served.clock.advance(seconds)

    def take(self) -> list[tuple[str, float]]:
        told = self.slow.told[:]
        self.slow.told.clear()
        return told


def test_each_stretch_of_a_handler_is_looked_at() -> None:
    scene = Scene()
    gates: list[HandEvent] = []

    @scene.io.on("work")
    async def work(_: Socket, *stretches: float) -> str:
        for stretch in stretches:
            scene.pass_time(stretch)
            gates.append(HandEvent(scene.served.runtime))
            await gates[-1].wait()
            scene.pass_time(5.0)  # waiting takes no time of the loop's, going on does
        return "done"

    peer = scene.serve()
    peer.send(frame('421["work",1.0,2.5]'))
    assert scene.take() == []
    gates[0].set()
    scene.served.settle()
    ((what, lasted),) = scene.take()
    assert what == "handler of 'work' of /: each_stretch_of_a_handler_is_looked_at.<locals>.work"
    assert lasted == 7.5  # behind the first wait, up to the second
    gates[1].set()
    scene.served.settle()
    assert [lasted for _, lasted in scene.take()] == [5.0]
    assert peer.frame()[1] == b'431["done"]'


def test_sync_handlers_and_those_that_fail() -> None:
    scene = Scene()

    @scene.io.on("block")
    def block(_: Socket, seconds: float) -> None:
        scene.pass_time(seconds)
        raise KeyError("its own")

    peer = scene.serve()
    peer.send(frame('42["block",1.0]'), frame('42["block",1.5]'))
    assert [lasted for _, lasted in scene.take()] == [1.5]


def test_moments_and_middlewares() -> None:
    scene = Scene()

    @scene.io.use
    def decide(_: Socket) -> None:
        scene.pass_time(2)

    @scene.io.on("disconnect")
    def left(_: Socket, reason: str) -> None:
        scene.pass_time(3)

    @scene.io.of("/refused").use
    def refuse(_: Socket) -> None:
        scene.pass_time(4)
        raise ConnectRefused("no")

    peer = scene.serve()
    peer.send(frame("40/refused,"), frame("41"))
    assert [(what.partition(":")[0], lasted) for what, lasted in scene.take()] == [
        ("middlewares and 'connection' of /", 2),
        ("middlewares and 'connection' of /refused", 4),
        ("'disconnect' of /", 3),
    ]


def test_all_who_may_have_been_slow_are_named_in_their_order() -> None:
    scene = Scene()

    def slow(name: str) -> Handler:
        def handler(*_: object) -> None:
            scene.pass_time(2)

        handler.__qualname__ = name
        return handler

    scene.io.use(slow("admit"))
    scene.io.use_events(slow("guard"))
    scene.io.on_any(slow("any"))
    for name in ("known", "*", "disconnecting", "disconnect"):
        scene.io.on(name, slow(name))
    peer = scene.serve()
    (socket,) = scene.io.of("/").sockets.values()
    scene.io.on("connection", slow("greet"))
    socket.use(slow("own guard"))
    socket.on_any(slow("own any"))
    for name in ("known", "*", "disconnecting", "disconnect"):
        socket.on(name, slow(f"own {name}"))
    scene.served.join()
    peer.send(frame('42["known"]'), frame('42["unknown"]'), frame("41"))
    assert [what.partition(": ")[2] for what, _ in scene.take()] == [
        "admit",
        "admit, greet",
        "guard, own guard, any, own any, known, own known",
        "guard, own guard, any, own any, *, own *",
        "disconnecting, own disconnecting, disconnect, own disconnect",
    ]


def test_bare_engines() -> None:
    scene = Scene()
    engine = scene.io.attach_engine()
    for moment, seconds in (("connection", 2.0), ("message", 3.0), ("close", 4.0)):

        def take_long(*_: object, seconds: float = seconds) -> None:
            scene.pass_time(seconds)

        engine.on(moment, take_long)
    scene.serve()
    peer = scene.served.websocket("/engine.io/?EIO=4&transport=websocket")
    peer.send(frame("4hello"), frame("1"))
    assert scene.take() == [
        ("handler of 'connection' at /engine.io/: bare_engines.<locals>.take_long", 2),
        ("handler of 'message' at /engine.io/: bare_engines.<locals>.take_long", 3),
        ("handler of 'close' at /engine.io/: bare_engines.<locals>.take_long", 4),
    ]


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_handler_that_is_cancelled_or_thrown_away(*, is_cancelled: bool) -> None:
    scene = Scene()
    ends: list[type[BaseException]] = []

    @scene.io.on("wait")
    async def wait(_: Socket) -> None:
        try:
            await HandEvent(scene.served.runtime).wait()
        except BaseException as error:
            scene.pass_time(2)
            ends.append(type(error))
            raise

    scene.serve().send(frame('42["wait"]'))
    (task,) = (task for task in scene.served.runtime.tasks if not task.is_done)
    if is_cancelled:
        scene.served.runtime.cancel(task)
        scene.served.settle()
    else:
        task.coroutine.close()
    assert ends == [Cancelled if is_cancelled else GeneratorExit]
    assert len(scene.take()) == is_cancelled


class Numbers(Inbox[int]):
    async def handle(self, event: int) -> None:
        self.runtime.clock.advance(event)  # type: ignore[attr-defined] # a HandRuntime


def test_an_inbox_that_does_not_describe_its_events() -> None:
    runtime, told = HandRuntime(FakeClock()), list[tuple[str, float]]()
    flow = Flow(runtime, None, SocketSettings())  # type: ignore[arg-type] # nobody asks the session
    inbox = Numbers(runtime, flow, slow=SlowHandlers(1, lambda what, lasted: told.append((what, lasted))))
    inbox.put(2, 1)
    assert inbox.newest == 2
    runtime.spawn(inbox.work)
    runtime.run_ready()
    assert told == [("handlers of 2", 2)]


@pytest.mark.parametrize("limit", ["1", True, -1, float("nan")])
def test_limits_that_cannot_work(limit: float) -> None:
    with pytest.raises((TypeError, ValueError), match="slow_handler_s"):
        Server(slow_handler_s=limit)


def test_nobody_looks_by_default() -> None:
    scene = Scene(None)

    @scene.io.on("block")
    def block(_: Socket) -> None:
        scene.pass_time(100)

    scene.serve().send(frame('42["block"]'))
    assert scene.take() == []
