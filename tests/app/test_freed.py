"""What is over is freed at once: nothing of a client that is gone is left to Python's garbage collector.

With many objects in a process a collection takes long, and everybody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core import ConnectRefused, Observer, RecoverySettings, Server, SocketSettings
from socketio_core.app import Disconnected, Socket
from socketio_core.app.engine_server import EngineSession
from socketio_core.app.socket import inbox_behind
from tests.app.hand_runtime import HandEvent
from tests.app.served import Served
from tests.garbage import left_to_the_collector
from tests.wire.by_hand import Peer
from tests.wire.written import POLLING, WEBSOCKET, chunked, close_frame, frame, handshake, request

BARE: Final = "/bare/?EIO=4&transport="


class Place(Served):
    """A server, with all that clients may be after."""

    def __init__(self, observer: Observer | None = None, **options: Any) -> None:
        options = {"per_message_deflate": True, **options}
        io = Server(allow_request=lambda found: found.header("x-refused"), **options)
        bare = io.attach_engine("/bare/")
        super().__init__(io, observer)
        self.goodbyes: list[tuple[str, set[str], Any]] = []
        self.gate: HandEvent = self.runtime.new_event()

        @io.on("echo")
        def echo(socket: Socket, *args: Any) -> Any:
            socket.join("room")
            socket.data["seen"] = args
            return args

        @io.on("ask")
        async def ask(socket: Socket) -> None:
            await socket.emit("answer", await socket.call("question"))

        @io.on("ask all")
        async def ask_all(socket: Socket) -> None:
            await socket.emit("answer", await io.in_(socket.id).call("question"))

        @io.on("wait")
        async def wait(socket: Socket) -> None:
            await self.gate.wait()
            await socket.emit("late")

        @io.on("leave")
        async def leave(socket: Socket) -> None:
            await socket.disconnect()

        @io.on("go")
        async def go(socket: Socket) -> None:
            await socket.disconnect(close=True)

        @io.on("fail")
        async def fail(_: Socket) -> None:
            raise ValueError("of the application's")

        @io.on("disconnect")
        def left(socket: Socket, reason: str) -> None:
            assert socket.handshake.request.target.startswith("/socket.io/")
            self.goodbyes.append((reason, socket.rooms - {socket.id}, socket.data.get("seen")))

        @io.of("/closed").use
        def refuse(_: Socket) -> None:
            raise ConnectRefused("no")

        @bare.on("message")
        async def back(session: EngineSession, message: str) -> None:
            await session.send(message)

        @bare.on("close")
        def closed(session: EngineSession, reason: str) -> None:
            self.goodbyes.append((reason, set(), session.transport))

    def forget(self) -> None:
        """What a host does with connections that are over; all are."""
        for peer in self.peers:
            assert peer.wire.is_over
            peer.wire.context = None
        self.peers.clear()

    def polled(self) -> tuple[Peer, str]:
        """Return a connection, and the target of a session whose client has joined, and said something."""
        peer = self.connect()
        sid = peer.ask(POLLING).text.split('"')[3]
        target = f"{POLLING}&sid={sid}"
        assert peer.ask(target, "POST", b"40").text == "ok"
        assert peer.ask(target).text.startswith("40{")
        assert peer.ask(target, "POST", b'421["echo",1]').text == "ok"
        assert peer.ask(target).text == "431[1]"
        return peer, target


def on_websocket(place: Place, *payloads: str | bytes) -> Peer:
    peer = place.join()
    peer.send(frame('421["echo",1]'))
    assert peer.frame()[1] == b"431[1]"
    peer.send(*map(frame, payloads))
    return peer


def sends_a_close_frame(place: Place) -> None:
    on_websocket(place).send(close_frame(1000))


def is_lost(place: Place) -> None:
    on_websocket(place).lose("reset")


def ends(place: Place) -> None:
    on_websocket(place).end()


def says_goodbye(place: Place) -> None:
    on_websocket(place, "1").send(close_frame(1000))


def leaves_its_namespace(place: Place) -> None:
    on_websocket(place, "41").end()


def is_made_to_leave(place: Place) -> None:
    on_websocket(place, '42["leave"]').end()


def is_closed(place: Place) -> None:
    on_websocket(place, '42["go"]').send(close_frame(1000))


def never_answers_the_close(place: Place) -> None:
    on_websocket(place, '42["go"]')
    place.advance(60)


def breaks_the_rules(place: Place) -> None:
    on_websocket(place).send(b"\x71\x00")
    place.peers[-1].end()


def sends_nonsense(place: Place) -> None:
    on_websocket(place, "49").send(close_frame(1000))


def falls_silent(place: Place) -> None:
    on_websocket(place)
    place.advance(120)


def is_asked(place: Place) -> None:
    on_websocket(place, '42["ask"]').end()


def answers_with_others(place: Place) -> None:
    peer = on_websocket(place, '42["ask all"]')
    question = peer.frame()[1]
    peer.send(frame(question.replace(b"42", b"43").replace(b"question", b"1").decode()))
    assert peer.frame()[1] == b'42["answer",["1"]]'
    peer.end()


def sends_half_a_packet(place: Place) -> None:
    on_websocket(place, '451-["echo",{"_placeholder":true,"num":0}]').end()


def has_a_handler_that_fails(place: Place) -> None:
    on_websocket(place, '42["fail"]').end()
    place.runtime.logged.clear()


def has_a_handler_that_outlives_it(place: Place) -> None:
    on_websocket(place, '42["wait"]').end()
    assert place.goodbyes == []
    place.gate.set()
    place.settle()


def joins_nothing(place: Place) -> None:
    place.websocket().end()


def joins_what_is_closed(place: Place) -> None:
    peer = place.websocket()
    peer.send(frame("40/closed,"), frame("40/nowhere,"))
    peer.end()


def is_compressed(place: Place) -> None:
    peer = place.connect()
    peer.send(handshake(WEBSOCKET, ["Sec-WebSocket-Extensions: permessage-deflate"]))
    peer.send(frame("40"), frame('421["echo",1]'))
    peer.end()


def sends_all_at_once(place: Place) -> None:
    peer = place.connect()
    peer.send(handshake(WEBSOCKET) + frame("40") + frame('421["echo",1]'))
    peer.end()


def ends_in_a_post(place: Place) -> None:
    peer, target = place.polled()
    assert peer.ask(target, "POST", b"1").text == "ok"
    peer.end()


def ends_in_a_post_while_it_polls(place: Place) -> None:
    (peer, target), poller = place.polled(), place.connect()
    poller.send(request(target))
    assert peer.ask(target, "POST", b"1").text == "ok"
    assert poller.answer().text == "6"
    peer.end()
    poller.end()


def polls_twice(place: Place) -> None:
    (peer, target), poller = place.polled(), place.connect()
    poller.send(request(target))
    assert peer.ask(target).status == 400
    peer.end()
    poller.end()


def posts_half(place: Place) -> None:
    peer, target = place.polled()
    peer.send(request(target, "POST", b"42[")[:-1])
    peer.lose()


def posts_in_chunks(place: Place) -> None:
    peer, target = place.polled()
    peer.send(request(target, "POST", headers=["Transfer-Encoding: chunked"]) + chunked(b"1"))
    peer.end()


def stops_polling(place: Place) -> None:
    peer, _ = place.polled()
    peer.end()
    place.advance(120)


def upgrades(place: Place) -> None:
    (peer, target), upgraded = place.polled(), place.connect()
    upgraded.send(handshake(target.replace("polling", "websocket")), frame("2probe"), frame("5"))
    upgraded.send(frame('421["echo",1]'))
    assert upgraded.received.endswith(b"431[1]")
    upgraded.end()
    peer.end()


def fails_to_upgrade(place: Place) -> None:
    (peer, target), candidate = place.polled(), place.connect()
    candidate.send(handshake(target.replace("polling", "websocket")), frame("2probe"))
    candidate.end()
    assert peer.ask(target, "POST", b"1").text == "ok"
    peer.end()


def is_refused(place: Place) -> None:
    for peer, data in [
        (place.connect(), handshake(WEBSOCKET, key=None)),
        (place.connect(), handshake(WEBSOCKET, ["X-Refused: you"])),
        (place.connect(), request(f"{POLLING}&sid=none")),
        (place.connect(), handshake(f"{WEBSOCKET}&sid=none")),
        (place.connect(), request("/elsewhere")),
        (place.connect(), b"what?\r\n\r\n"),
        (place.connect(), b"GET /half"),
    ]:
        peer.send(data)
        peer.end()
    place.advance(60)


def is_of_the_bare_engine(place: Place) -> None:
    peer = place.websocket(f"{BARE}websocket")
    peer.send(frame("4hello"))
    assert peer.frame()[1] == b"4hello"
    peer.end()


def polls_the_bare_engine(place: Place) -> None:
    peer = place.connect()
    sid = peer.ask(f"{BARE}polling").text.split('"')[3]
    assert peer.ask(f"{BARE}polling&sid={sid}", "POST", b"4hello\x1e1").text == "ok"
    peer.end()


LIVES: Final = [
    *[sends_a_close_frame, is_lost, ends, says_goodbye, leaves_its_namespace, is_made_to_leave, is_closed],
    answers_with_others,
    *[never_answers_the_close, breaks_the_rules, sends_nonsense, falls_silent, is_asked, sends_half_a_packet],
    *[has_a_handler_that_fails, has_a_handler_that_outlives_it, joins_nothing, joins_what_is_closed, is_compressed],
    *[sends_all_at_once, ends_in_a_post, ends_in_a_post_while_it_polls, polls_twice, posts_half, posts_in_chunks],
    *[stops_polling, upgrades, fails_to_upgrade, is_refused, is_of_the_bare_engine, polls_the_bare_engine],
]


@pytest.mark.parametrize("live", LIVES)
def test_nothing_of_a_client_is_left_to_the_garbage_collector(live: Callable[[Place], None]) -> None:
    place = Place()
    live(place)  # what is made once is there afterwards
    place.gate, place.goodbyes = place.runtime.new_event(), []
    place.forget()
    with left_to_the_collector("socketio_core", "h11", "wsproto") as left:
        live(place)
        place.forget()
    assert left == {}
    for reason, rooms, seen in place.goodbyes:
        assert reason
        assert seen in ((1,), "websocket", "polling")
        assert rooms == set()  # those of handlers of "disconnecting" are tested elsewhere


def test_the_count_would_see_what_is_left() -> None:
    place = Place()
    with left_to_the_collector() as left:
        place.join().end()
        place.forget()
        cycle: list[object] = [Place]
        socket = Socket.__new__(Socket)
        socket.handshake = cycle  # type: ignore[assignment]
        cycle.append(socket)
        del cycle, socket
    assert left == {"Socket": 1}


@pytest.mark.parametrize("goodbye", ["", "\x1e1"])
def test_post_that_ends_its_session_is_answered_behind_the_handlers_too(goodbye: str) -> None:
    """Though the session knows nobody any more then."""
    place = Place(settings=SocketSettings(max_queued_events=1))
    peer, target = place.polled()
    peer.send(request(target, "POST", b'42["wait"]\x1e42["wait"]' + goodbye.encode()))
    assert peer.received == b""
    place.gate.set()
    place.settle()
    assert peer.answer().text == "ok"


class Sent(Observer):
    """Notes to which sockets events were sent."""

    def __init__(self) -> None:
        self.to: list[Socket] = []

    def event_sent(self, socket: Socket, name: str, args: object) -> None:
        self.to.append(socket)


@pytest.mark.parametrize("recovery", [None, RecoverySettings()])
def test_who_keeps_a_socket_may_ask_it_what_it_knows(recovery: RecoverySettings | None) -> None:
    """And send to it, if its client may come back."""
    sent = Sent()
    place = Place(sent, recovery=recovery)
    kept: list[Socket] = []
    place.io.on("connection", kept.append)
    peer = on_websocket(place)
    (socket,) = kept
    peer.lose()
    place.forget()
    assert [reason for reason, _, _ in place.goodbyes] == ["transport close"]
    assert (socket.connected, socket.transport, socket.data) == (False, "websocket", {"seen": (1,)})
    assert socket.rooms == set()
    assert socket.handshake.request.target == WEBSOCKET
    sent.to.clear()
    is_kept = recovery is not None
    emitting, asking = place.runtime.start(socket.emit("more")), place.runtime.start(socket.call("question"))
    place.settle()
    assert emitting.result is is_kept
    assert isinstance(asking.error, Disconnected)
    assert socket.emit_nowait("more") is is_kept
    assert socket.volatile.emit_nowait("more") is False
    assert sent.to == ([socket, socket] if is_kept else [])
    socket.join("room")
    assert socket.to("room").emit_nowait("more") == 0
    closing, leaving = place.runtime.start(socket.conn.close()), place.runtime.start(socket.disconnect())
    place.settle()
    assert closing.error is leaving.error is None


def test_who_keeps_a_socket_may_send_to_it_when_its_client_is_lost_again() -> None:
    """Though that was there when the handlers of the first "disconnect" had ended."""
    sent = Sent()
    place = Place(sent, recovery=RecoverySettings())
    kept: list[Socket] = []
    place.io.on("connection", kept.append)

    @place.io.on("disconnect")
    async def left(*_: object) -> None:
        await place.gate.wait()

    place.join().lose()
    recoverable = inbox_behind(kept[0]).member.recoverable
    assert recoverable is not None
    peer = place.websocket()
    peer.send(frame(f'40{{"pid":"{recoverable.pid}"}}'))
    place.gate.set()
    place.settle()
    assert kept[1].recovered
    assert kept[0].emit_nowait("while it is there")
    peer.lose()
    assert kept[0].emit_nowait("while it is lost again")
    assert sent.to == [kept[1], kept[0]]
