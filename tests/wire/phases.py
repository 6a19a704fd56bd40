"""A connection that speaks HTTP in each of its phases, and what has become of it."""

from __future__ import annotations

from typing import Any, Final

from socketio_core.settings import EngineSettings
from socketio_core.wire import Timeouts
from tests.wire.by_hand import POLLING, Gate, House, Peer
from tests.wire.written import request

TIMES: Final = Timeouts(header_s=1, body_s=2, keep_alive_s=3, write_s=4, close_s=5, linger_s=6)
EPSILON: Final = 0.001
APP: Final = request("/app", "POST", b"abc")
NEXT: Final = request("/engine.io/")


def house(settings: EngineSettings | None = None, **options: Any) -> House:
    given: dict[str, Any] = {"asks_requests": True, **options}
    return House(settings, timeouts=TIMES, **given)


def idle(house: House) -> Peer:
    return house.connect()


def idle_again(house: House) -> Peer:
    peer = house.connect()
    peer.send(request("/engine.io/"))
    assert peer.answer().status == 400
    return peer


def head(house: House) -> Peer:
    peer = house.connect()
    house.clock.advance(EPSILON)  # the time runs from the beginning
    peer.send(request("/engine.io/")[:-2])
    return peer


def head_again(house: House) -> Peer:
    peer = idle_again(house)
    house.clock.advance(EPSILON)
    peer.send(request("/engine.io/")[:-2])
    return peer


def body(house: House) -> Peer:
    peer = house.connect()
    peer.send(request(f"{POLLING}&sid={house.open_session()}", "POST", b"4abc")[:-1])
    return peer


def body_of_app(house: House) -> Peer:
    peer = house.connect()
    peer.send(APP[:-1])
    return peer


def asked(house: House) -> Peer:
    peer = house.connect()
    peer.send(APP)
    assert len(house.asked) == 1
    return peer


def held(house: House) -> Peer:
    peer = house.connect()
    sid = house.open_session()
    house.gate = Gate()
    house.gate.is_congested = True
    peer.send(request(f"{POLLING}&sid={sid}", "POST", b"4abc"))
    return peer


def held_again(house: House) -> Peer:
    def fill(_: float) -> None:
        if "abc" in house.messages and house.gate is not None:
            house.gate.is_congested = True

    house.gate = Gate()
    house.on_work = fill
    peer = house.connect()
    peer.send(request(f"{POLLING}&sid={house.open_session()}", "POST", b"4abc"))
    house.on_work = lambda _: None
    return peer


def parked(house: House) -> Peer:
    return house.park(house.open_session())


def answer(house: House) -> Peer:
    peer = house.connect()
    peer.is_reading = False
    peer.send(request("/engine.io/"))
    return peer


def drain(house: House) -> Peer:
    peer = house.connect()
    peer.send(request("/engine.io/", "POST", b"abc")[:-1])
    assert peer.answer().status == 400
    return peer


def linger(house: House) -> Peer:
    peer = house.connect()
    peer.send(b"what?\r\n\r\n")
    assert peer.answer().status == 400
    return peer


def seen(house: House, peer: Peer, known: int = 0) -> str:
    """What the client has read, and what has become of its connection; then what the engine has told."""
    said: list[str] = []
    while peer.received:
        found = peer.answer()
        said.append(f"{found.status}")
    wire = peer.wire
    said.append("over" if wire.is_over else "mute" if wire.is_mute else "reads" if wire.wants_input else "waits")
    assert (wire in house.site.wires) is not wire.is_over
    return " ".join([*said, *(kind.lower() for kind in house.kinds[known:])])


def boom(*_: object) -> Any:
    raise ValueError("boom")
