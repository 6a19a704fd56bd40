"""The time of a call counts from the call, though it waits for room in the outgoing buffer first; of both roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from socketio_core.app import AckTimeout, Socket
from socketio_core.settings import EngineSettings
from socketio_core.testing import WireClient
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import Task
from tests.app.rig import AppRig
from tests.app.test_recovery import Place
from tests.app.test_reliable import tries
from tests.app.test_socket import SMALL, resume, stalled

CALLS: Final[list[Callable[[Any], Awaitable[Any]]]] = [
    lambda socket: socket.call("q", timeout=2),
    lambda socket: socket.emit_with_ack("q", timeout=2),
    lambda socket: socket.timeout(2).call("q"),
]


def assert_late(task: Task) -> None:
    assert isinstance(task.error, AckTimeout)
    assert "was not sent in time" in str(task.error)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_to_a_client_that_does_not_read_ends_in_time_and_is_not_sent(
    call: Callable[[Socket], Any],
) -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    timers = len(rig.server.agenda)
    task = rig.start(call(socket))
    rig.wait(1.75)
    assert not task.is_done
    rig.wait(0.25)
    assert_late(task)
    assert len(rig.server.agenda) == timers
    resume(rig, client)
    assert "q" not in [args[0] for _, args in tries(client)]
    assert rig.start(socket.emit("after")).result is True


def test_what_is_left_of_the_time_is_for_the_answer() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    task, patient = rig.start(socket.call("q", timeout=2)), rig.start(socket.call("patient", timeout=None))
    rig.wait(1.5)
    resume(rig, client)
    assert tries(client) == [(0, ["q"]), (1, ["patient"])]
    rig.wait(0.25)
    assert not task.is_done
    rig.wait(0.25)
    assert isinstance(task.error, AckTimeout)
    rig.send(client, "431[5]")
    assert patient.result == 5


def test_who_is_cancelled_while_waiting_leaves_no_timer() -> None:
    rig = AppRig(SMALL)
    _, socket = stalled(rig)
    timers = len(rig.server.agenda)
    task = rig.start(socket.call("q", timeout=2))
    assert len(rig.server.agenda) == timers + 1
    rig.runtime.cancel(task)
    rig.run()
    assert len(rig.server.agenda) == timers


def filled(place: Place) -> tuple[WireClient, Socket]:
    visit = place.enter()
    assert visit.client.websocket is not None
    visit.client.websocket.is_reading = False
    visit.socket.emit_nowait("fill", "x" * 100)
    place.run()
    return visit.client, visit.socket


def test_what_is_emitted_reliably_is_given_up_in_time() -> None:
    place = Place(EngineSettings(path="/socket.io/", high_water_bytes=100))
    client, socket = filled(place)
    task, other = (place.start(socket.emit_reliably("order", timeout=time, retry=2)) for time in (5, 12))
    place.wait(4.75)
    assert not task.is_done
    place.wait(0.25)
    assert_late(task)
    resume(place, client)
    number, (name, _) = tries(client)[-1]
    assert name == "order"
    place.send(client, f"43{number}[1]")
    assert other.result == 1


def full(**settings: Any) -> tuple[ClientRig, Any]:
    rig = ClientRig(engine={"high_water_bytes": 5}, **settings).up()
    socket = rig.host.socket_of("/")
    rig.start(socket.emit("fill"))
    return rig, socket


def passed(rig: ClientRig, seconds: float) -> None:
    rig.wait(seconds)
    rig.run()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_to_a_server_that_does_not_read_ends_in_time_and_is_not_sent(call: Callable[[Any], Any]) -> None:
    rig, socket = full()
    task = rig.start(call(socket))
    passed(rig, 1.75)
    assert not task.is_done
    passed(rig, 0.25)
    assert_late(task)
    assert rig.sent() == ['2["fill"]']
    rig.host.flow.output_taken()
    rig.run()
    assert rig.sent() == []


def test_what_is_left_of_the_time_is_for_the_servers_answer() -> None:
    rig, socket = full()
    task = rig.start(socket.call("q", timeout=2))
    passed(rig, 1.5)
    rig.sent()
    rig.host.flow.output_taken()
    rig.run()
    assert rig.sent() == ['20["q"]']
    passed(rig, 0.25)
    assert not task.is_done
    passed(rig, 0.25)
    assert str(task.error) == "no acknowledgement of 'q' in time"


def test_with_retries_the_time_of_a_call_is_not_looked_at() -> None:
    rig, socket = full(retries=3)
    task, endless = rig.start(socket.call("q", timeout=2)), rig.start(socket.call("q", timeout=None))
    passed(rig, 9)
    assert [task.is_done, endless.is_done] == [False, False]


@pytest.mark.parametrize("timeout", [float("inf"), 10**400])
def test_a_time_that_no_clock_reaches_is_no_limit(timeout: float) -> None:
    place = Place(EngineSettings(path="/socket.io/", high_water_bytes=100))
    client, socket = filled(place)
    timers = len(place.server.agenda)
    tasks = [
        place.start(call)
        for call in (
            socket.call("q", timeout=timeout),
            place.io.call("q", timeout=timeout),
            socket.emit_reliably("order", timeout=timeout, retry=1000),
        )
    ]
    assert len(place.server.agenda) - timers == 1, "of the retries"
    resume(place, client)
    for number, _ in tries(client):
        place.send(client, f"43{number}[1]")
    assert [task.result for task in tasks] == [1, [1], 1]
