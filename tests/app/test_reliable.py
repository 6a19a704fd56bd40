"""Events that are sent until they are acknowledged: again, with the same id, and the caller knows what came of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from socketio_core import ConnectRefused
from socketio_core.app import Disconnected, Socket
from socketio_core.errors import LocalProtocolError
from socketio_core.testing import WireClient
from tests.app.hand_runtime import Cancelled, Task
from tests.app.rig import AppRig
from tests.app.test_recovery import Place, Visit
from tests.socketio.rig import drain


def tries(client: WireClient) -> list[tuple[int, list[Any]]]:
    """Return what a client was asked: the number of each ack, the arguments."""
    asked = [str(each) for each in drain(client) if str(each)[:1] == "2" and str(each)[1:2].isdigit()]
    return [(int(text[1 : text.index("[")]), json.loads(text[text.index("[") :])) for text in asked]


def only(client: WireClient) -> tuple[int, list[Any]]:
    (found,) = tries(client)
    return found


def begun(place: Place, socket: Socket, **how: Any) -> Task:
    return place.start(socket.emit_reliably("order", 7, **how))


def failure(task: Task) -> str:
    assert task.is_done
    return f"{type(task.error).__name__}: {task.error}"


def entered() -> tuple[Place, Visit]:
    place = Place()
    return place, place.enter()


def test_it_returns_what_the_client_answers() -> None:
    place, visit = entered()
    task = begun(place, visit.socket)
    number, (name, arg, event_id) = only(visit.client)
    assert (name, arg, type(event_id)) == ("order", 7, str)
    assert not task.is_done
    place.send(visit.client, f'43{number}["done"]')
    assert (task.is_done, task.result) == (True, "done")
    assert len(place.server.agenda) == place.server.session_count, "nothing waits"


def test_it_is_sent_again_with_the_same_id_to_a_client_that_does_not_answer() -> None:
    place, visit = entered()
    task = begun(place, visit.socket, retry=4)
    first = only(visit.client)
    place.wait(4)
    second = only(visit.client)
    assert first[0] != second[0]
    assert first[1] == second[1]
    place.send(visit.client, f"43{second[0]}[]")
    assert (task.is_done, task.result) == (True, None)


def test_it_is_sent_again_to_a_client_that_was_lost_and_is_back() -> None:
    place, visit = entered()
    task = begun(place, visit.socket)
    first = only(visit.client)
    place.lose(visit.client)
    assert not task.is_done
    place.wait(30)
    back = place.enter(visit.socket)
    assert back.socket.recovered
    again = [json.loads(str(each)[str(each).index("[") :]) for each in back.got if str(each)[:1] == "2"]
    again += [args for _, args in tries(back.client)]
    assert again == [first[1]]


def test_it_may_begin_while_the_client_is_away() -> None:
    place, visit = entered()
    place.lose(visit.client)
    task = begun(place, visit.socket)
    assert not task.is_done
    back = place.enter(visit.socket)
    (asked,) = [str(each) for each in back.got if "order" in str(each)]
    place.send(back.client, "43" + asked[1 : asked.index("[")] + "[1,2]")
    assert task.result == (1, 2)


@pytest.mark.parametrize("timeout", [50, 50.5])
def test_it_is_given_up_when_its_time_is_up(timeout: float) -> None:
    place, visit = entered()
    there = begun(place, visit.socket, timeout=timeout, retry=100)
    place.wait(timeout - 45)
    place.lose(visit.client)
    place.wait(44)
    assert not there.is_done
    place.wait(1)
    assert failure(there) == "AckTimeout: client was not there in time to acknowledge 'order'"


def test_it_is_given_up_in_time_though_the_client_is_there() -> None:
    place, visit = entered()
    task = begun(place, visit.socket, timeout=15, retry=10)
    place.wait(14)
    assert len(tries(visit.client)) == 2
    place.wait(1)
    assert failure(task).startswith("AckTimeout: no acknowledgement of 'order'")


def test_it_is_given_up_though_the_client_is_back_if_that_was_too_late() -> None:
    place, visit = entered()
    task = begun(place, visit.socket, timeout=5)
    place.lose(visit.client)

    @place.io.on("connection")
    def hold_the_loop(_: Socket) -> None:
        place.clock.advance(6)

    back = place.enter(visit.socket)
    assert failure(task) == "AckTimeout: client was not there in time to acknowledge 'order'"
    assert not [each for each in back.got if "order" in str(each)]


@pytest.mark.parametrize("how", ["window", "leaves", "kicked", "began anew"])
def test_it_is_given_up_when_the_client_cannot_come_back(how: str) -> None:
    place, visit = entered()
    task = begun(place, visit.socket, timeout=None, retry=1000)
    if how == "window":
        place.lose(visit.client)
        place.wait(121)
    elif how == "leaves":
        place.send(visit.client, "41")
    elif how == "kicked":
        place.result_of(visit.socket.disconnect())
    else:
        place.lose(visit.client)
        for _ in range(5001):
            visit.socket.emit_nowait("x")
        place.run()
    assert failure(task) == "Disconnected: client did not come back, so 'order' may not have reached it"
    assert isinstance(task.error, Disconnected)
    assert len(place.server.agenda) <= 2 * place.server.session_count + 1


@pytest.mark.parametrize("how", ["refused", "gone"])
def test_it_is_given_up_when_the_client_is_not_even_let_in(how: str) -> None:
    place = Place()
    tasks: list[Task] = []
    gate = place.runtime.new_event()

    @place.io.use
    async def decide(socket: Socket) -> None:
        tasks.append(place.runtime.start(socket.emit_reliably("order", 7, timeout=None)))
        await gate.wait()
        raise ConnectRefused

    client = place.open("websocket")
    place.send(client, "40")
    assert not tasks[0].is_done
    if how == "refused":
        gate.set()
        place.run()
    else:
        place.lose(client)
    assert isinstance(tasks[0].error, Disconnected)


def test_it_is_given_up_when_the_server_ends() -> None:
    """Else its end would wait for somebody who cannot come."""
    place, visit = entered()
    there = begun(place, visit.socket, timeout=None)
    gone = place.enter()
    place.lose(gone.client)
    away = begun(place, gone.socket, timeout=None)
    place.server.close(place.now)
    place.run()
    assert [type(each.error) for each in (there, away)] == [Disconnected, Disconnected]
    assert place.server.next_deadline is None


def test_a_client_of_whom_it_is_known_is_not_waited_for() -> None:
    place, visit = entered()
    place.send(visit.client, "41")
    assert isinstance(begun(place, visit.socket).error, Disconnected)


def test_several_wait_for_one_client() -> None:
    place, visit = entered()
    place.lose(visit.client)
    tasks = [begun(place, visit.socket) for _ in range(3)]
    back = place.enter(visit.socket)
    asked = [str(each) for each in back.got if "order" in str(each)]
    assert len({text.rsplit('"', 2)[1] for text in asked}) == 3, "each has an id of its own"
    for text in asked:
        place.send(back.client, "43" + text[1 : text.index("[")] + "[]")
    assert all(task.is_done and task.error is None for task in tasks)


def test_who_is_cancelled_leaves_nothing_behind() -> None:
    place, visit = entered()
    place.lose(visit.client)
    idle = len(place.server.agenda)
    tasks = [begun(place, visit.socket) for _ in range(2)]
    place.runtime.cancel(tasks[0])
    place.run()
    assert isinstance(tasks[0].error, Cancelled)
    assert len(place.server.agenda) == idle + 1
    assert "order" in str(place.enter(visit.socket).got)
    place.runtime.cancel(tasks[1])
    place.run()
    assert len(place.server.agenda) == place.server.session_count


def test_it_needs_a_server_that_recovers() -> None:
    rig = AppRig()
    _, socket = rig.connect()
    with pytest.raises(LocalProtocolError, match=r"Server\(recovery=...\)"):
        rig.result_of(socket.emit_reliably("x"))


def test_what_it_is_told_is_looked_at_first() -> None:
    place, visit = entered()
    wrongs: list[dict[str, Any]] = [{"timeout": -1}, {"retry": 0}, {"retry": None}]
    for wrong in wrongs:
        task = begun(place, visit.socket, **wrong)
        assert isinstance(task.error, (LocalProtocolError, TypeError, ValueError))
    task = place.start(visit.socket.emit_reliably("x", object()))
    assert isinstance(task.error, LocalProtocolError)
    assert tries(visit.client) == []
