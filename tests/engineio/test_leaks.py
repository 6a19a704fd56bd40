"""After the end nobody is left: clients that come and break off at every stage leave no objects behind."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable

import pytest

from socketio_core.testing import WireClient
from socketio_core.timers import Timer
from tests.engineio.scene import Scene

CYCLES = 60


def opened(scene: Scene) -> WireClient:
    return scene.client()


def on_websocket(scene: Scene) -> WireClient:
    return scene.client("websocket")


def parked(scene: Scene) -> WireClient:
    client = scene.client()
    client.poll()
    return client


def lost_poll(scene: Scene) -> WireClient:
    client = scene.client()
    client.poll().drop()
    return client


def answered(scene: Scene) -> WireClient:
    """A response that may yet come back."""
    client = parked(scene)
    scene.session(client).send("x" * 100, scene.now)
    assert len(client.take()) == 1
    return client


def posting(scene: Scene) -> WireClient:
    client = scene.client()
    client.begin_post().feed(b"4half")
    return client


def buffered(scene: Scene) -> WireClient:
    client = scene.client()
    for _ in range(10):
        scene.session(client).send(b"x" * 100, scene.now)
    return client


def candidate(scene: Scene) -> WireClient:
    client = parked(scene)
    client.open_websocket()
    return client


def probed(scene: Scene) -> WireClient:
    client = parked(scene)
    client.open_websocket().send("2probe")
    return client


def failed(scene: Scene) -> WireClient:
    client = scene.client()
    client.open_websocket().send("9")
    return client


def upgraded(scene: Scene) -> WireClient:
    client = answered(scene)
    client.upgrade()
    return client


def stalled(scene: Scene) -> WireClient:
    client = on_websocket(scene)
    scene.socket(client).is_reading = False
    scene.session(client).send("x" * 100, scene.now)
    return client


def pinged(scene: Scene) -> WireClient:
    client = parked(scene)
    scene.wait(25)
    return client


def closing(scene: Scene) -> WireClient:
    client = buffered(scene)
    scene.session(client).close(scene.now)
    return client


STAGES = [
    *[opened, on_websocket, parked, lost_poll, answered, posting, buffered, candidate, probed, failed, upgraded],
    *[stalled, pinged, closing],
]


def goes(scene: Scene, client: WireClient) -> None:
    if client.websocket is not None:
        client.websocket.drop()
    else:
        client.post("1")
        client.post("1")  # where the first one overlapped another


def is_closed(scene: Scene, client: WireClient) -> None:
    scene.session(client).abort(scene.now)


def falls_silent(scene: Scene, client: WireClient) -> None:
    scene.wait(100)


ENDS = [goes, is_closed, falls_silent]


def objects() -> Counter[str]:
    """Count the living objects of the package's classes (not `Timer`, whose empty shells are counted further down)."""
    gc.collect()
    modules = ("socketio_core.engineio.", "socketio_core.http")
    # Some types of other packages have a descriptor for `__module__`; its text begins otherwise.
    return Counter(
        type(thing).__name__ for thing in gc.get_objects() if str(type(thing).__module__).startswith(modules)
    )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left(stage: Callable[[Scene], WireClient], end: Callable[[Scene, WireClient], None]) -> None:
    scene = Scene()
    before = objects()
    for _ in range(CYCLES):
        end(scene, stage(scene))
        scene.reports()
    scene.check_empty()
    assert objects() == before


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_request_of_a_session_is_small_once_its_host_has_seen_to_what_is_ready(transport: str) -> None:
    """And not before: it is asked again and again until it is answered, and what is small is read anew each time."""
    scene = Scene()
    request = scene.stranger().make_request(upgrade=transport == "websocket")
    request.headers = [*request.headers, (b"x-more", b"of it")]
    scene.engine.handle_request(request, scene.now, None)
    assert request.headers is request.headers
    scene.engine.take_ready()
    assert request.headers is not request.headers
    assert request.header("x-more") == "of it"


def test_the_count_would_see_what_is_left() -> None:
    scene = Scene()
    before = objects()
    client = scene.client()
    kept = [scene.session(client)]
    is_closed(scene, client)
    scene.reports()
    assert objects()["Session"] == before["Session"] + 1
    kept.clear()
    assert objects() == before


def test_timers_of_those_who_left_do_not_pile_up() -> None:
    scene = Scene()
    scene.client()  # who stays, and whose timer is before theirs
    before = _timer_count()
    for _ in range(1000):
        is_closed(scene, scene.client())
        scene.reports()
    assert _timer_count() < before + 100


def _timer_count() -> int:
    return sum(type(thing) is Timer for thing in gc.get_objects())


def test_a_long_life_needs_no_more_than_a_short_one() -> None:
    """Polls, pings and messages of one session, many times over."""
    scene = Scene()
    clients = [scene.client(), scene.client("websocket")]

    def live() -> None:
        for _ in range(100):
            scene.wait(25)
            for client in clients:
                client.fetch()
                client.send("3", "4x")
                scene.session(client).send("y", scene.now)
                assert client.fetch() == ["y"]
        assert scene.reports().count("x") == 200

    live()
    before = objects()
    live()
    assert objects() == before
