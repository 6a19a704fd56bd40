"""`Room`: how much handlers may have at once, who waits when that is used up, and who is first when it is not."""

from __future__ import annotations

from math import inf
from typing import Final

from socketio_core.app.flow import EVENT_BYTES, Flow
from socketio_core.app.room import ASKED_BYTES, PARTED_BYTES, SMALL_BYTES, Room
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import HandRuntime
from tests.app.test_flow import Line
from tests.app.test_worker import Noting

LIMIT: Final = 1_000_000
LARGE: Final = 100_000 - EVENT_BYTES
SMALL: Final = 10_000 - EVENT_BYTES


class Client(Noting):
    """One whose events do not end until they are let, by their names."""

    def __init__(self, hall: Hall, concurrency: int) -> None:
        super().__init__(hall.runtime, Flow(hall.runtime, Line(), SocketSettings()), concurrency, room=hall.room)
        self._hall = hall
        self.is_gone = False

    @property
    def is_client_gone(self) -> bool:
        return self.is_gone

    def send(self, *events: str, size_bytes: int | None = SMALL) -> None:
        for event in events:
            self.gates[event] = self._hall.runtime.new_event()
            if self.put(event, size_bytes):
                self.runtime.spawn(self.work)
        self._hall.runtime.run_ready()

    def leave(self) -> None:
        self.is_gone = True
        self._hall.room.part(self, 0)
        self._hall.runtime.run_ready()

    def end(self, *events: str) -> None:
        for event in events:
            self.gates[event].set()
        self._hall.runtime.run_ready()

    @property
    def begun(self) -> list[str]:
        """What was begun since this was asked last."""
        notes, self.notes = self.notes, []
        return [note.removesuffix(" begins") for note in notes if note.endswith(" begins")]


class Hall:
    def __init__(self, limit_bytes: float = LIMIT) -> None:
        self.runtime = HandRuntime(FakeClock())
        self.room = Room(limit_bytes)
        self.room.is_counting = True

    def client(self, concurrency: int = 1) -> Client:
        return Client(self, concurrency)

    def fill(self, count: int, size_bytes: int = LARGE) -> list[Client]:
        """Have as many clients handle one event each."""
        clients = [self.client() for _ in range(count)]
        for client in clients:
            client.send("a", size_bytes=size_bytes)
        return clients


def test_who_is_no_client_waits_as_long_as_it_takes() -> None:
    hall = Hall()
    first, *others = hall.fill(8)
    inbox = Noting(hall.runtime, Flow(hall.runtime, Line(), SocketSettings()), room=hall.room)
    inbox.put("a", LARGE)
    hall.runtime.spawn(inbox.work)
    hall.runtime.run_ready()
    assert inbox.notes == []
    for client in (first, *others):
        client.end("a")
    assert inbox.notes == ["a begins", "a ends"]


def test_small_events_count_once_much_is_there() -> None:
    """Those that were begun before do not."""
    hall = Hall()
    hall.room.is_counting = False
    (before,) = hall.fill(1, SMALL)
    hall.fill(1, SMALL_BYTES)
    assert hall.room.held_bytes == 0
    (larger,) = hall.fill(1, SMALL_BYTES + 1)
    assert hall.room.held_bytes == EVENT_BYTES + SMALL_BYTES + 1
    hall.room.is_counting = True
    (after,) = hall.fill(1, SMALL)
    larger.end("a")
    before.end("a")
    assert hall.room.held_bytes == 10_000
    hall.room.is_counting = False
    after.end("a")
    assert hall.room.held_bytes == 0


def test_what_handlers_have_counts_until_they_have_ended() -> None:
    hall = Hall()
    one, other = hall.fill(2)
    assert hall.room.held_bytes == 200_000
    one.send("b")
    assert hall.room.held_bytes == 200_000  # that waits
    one.end("a", "b")
    assert hall.room.held_bytes == 100_000
    other.end("a")
    assert hall.room.held_bytes == 0


def test_large_events_have_half_of_it_and_others_wait_in_line() -> None:
    hall = Hall()
    clients = hall.fill(8)
    assert [client.begun for client in clients] == [["a"]] * 5 + [[]] * 3
    clients[0].end("a")
    assert [client.begun for client in clients] == [[]] * 5 + [["a"], [], []]
    clients[1].end("a")
    clients[2].end("a")
    assert [client.begun for client in clients] == [[]] * 6 + [["a"], ["a"]]
    assert not hall.room.is_waited_for
    for client in clients[3:]:
        client.end("a")
    assert hall.room.held_bytes == 0


def test_who_has_more_comes_behind_those_in_line() -> None:
    hall = Hall()
    greedy, *_, last = hall.fill(6)
    greedy.send("b", size_bytes=LARGE)
    greedy.end("a")
    assert (greedy.begun, last.begun) == (["a"], ["a"])
    last.end("a")
    assert greedy.begun == ["b"]


def test_small_events_have_a_part_of_their_own() -> None:
    hall = Hall()
    hall.fill(6)
    clients = hall.fill(26, SMALL)
    assert [len(client.begun) for client in clients] == [1] * 25 + [0]


def test_who_was_there_before_it_became_short_has_another() -> None:
    hall = Hall()
    old = hall.client()
    hall.runtime.clock.advance(1)
    hall.fill(6)
    between = hall.client()  # large events wait already
    hall.runtime.clock.advance(1)
    hall.fill(26, SMALL)
    new = hall.client()
    for client in (new, between, old):
        client.send("a")
    assert (new.begun, between.begun, old.begun) == ([], ["a"], ["a"])


def test_it_is_short_again_as_of_the_next_time() -> None:
    hall = Hall()
    small = hall.fill(76, SMALL)
    for client in small:
        client.end("a")
    assert hall.room.held_bytes == 0
    hall.runtime.clock.advance(1)
    newer = hall.client()
    hall.runtime.clock.advance(1)
    hall.fill(76, SMALL)
    newest = hall.client()
    newer.send("a")
    newest.send("a")
    assert (newer.begun, newest.begun) == (["a"], [])


def test_an_event_is_handled_beside_little_however_large_it_is() -> None:
    hall = Hall()
    hall.fill(10, SMALL)
    first, second = hall.fill(2, 3 * LIMIT)
    assert (first.begun, second.begun) == (["a"], [])
    first.end("a")
    assert second.begun == ["a"]


def test_what_waits_is_dropped_when_its_client_goes() -> None:
    hall = Hall()
    clients = hall.fill(7)
    gone, last = clients[5:]
    gone.send("b", size_bytes=LARGE)
    gone.send("goodbye", size_bytes=None)
    gone.leave()
    assert gone.begun == ["goodbye"]
    gone.end("goodbye")
    hall.room.forget(gone)
    assert gone.flow.queued_count == 0
    clients[0].end("a")
    assert last.begun == ["a"]
    gone.send("c", size_bytes=LARGE)  # it is gone
    assert (gone.begun, gone.flow.queued_count) == ([], 0)


def test_room_for_what_was_dropped_is_for_who_comes_next() -> None:
    hall = Hall()
    clients = hall.fill(7)
    clients[0].gates["a"].set()
    hall.runtime.run_one()  # which calls the next one up
    assert hall.room.held_bytes == 500_000
    clients[5].drop_events()
    hall.runtime.run_ready()
    assert (clients[5].begun, clients[6].begun) == ([], ["a"])
    assert hall.room.held_bytes == 500_000


def test_all_workers_of_a_client_go_on_when_there_is_room() -> None:
    hall = Hall()
    several = hall.client(concurrency=3)
    clients = hall.fill(5)
    several.send("a", "b", "c", "d", size_bytes=LARGE)
    assert several.begun == []
    for client in clients:
        client.end("a")
    assert several.begun == ["a", "b", "c"]
    several.end("a", "b", "c", "d")
    assert (several.begun, hall.room.held_bytes) == (["d"], 0)


def test_room_is_given_back_by_a_worker_whose_event_another_one_has_taken() -> None:
    hall = Hall()
    clients = hall.fill(2)
    several, other = hall.client(concurrency=2), hall.client()
    for event, size_bytes in (("a", 2 * LARGE), ("b", 190_000), ("c", SMALL)):
        several.gates[event] = hall.runtime.new_event()
        if several.put(event, size_bytes):
            hall.runtime.spawn(several.work)
    hall.runtime.run_ready()
    assert several.begun == ["a"]
    for ending in (clients[0], several):
        ending.gates["a"].set()
    other.put("a", 150_000)
    hall.runtime.spawn(other.work)
    hall.runtime.run_ready()
    assert (several.begun, other.begun) == (["b", "c"], ["a"])
    several.end("b", "c")
    clients[1].end("a")
    assert hall.room.held_bytes == 0


def test_what_a_client_has_left_counts_until_its_goodbye_is_handled() -> None:
    hall = Hall()
    client = hall.client()
    hall.fill(75, SMALL)
    was_full = hall.room.is_full
    hall.room.part(client, 500)
    assert (hall.room.held_bytes, hall.room.parted_bytes) == (750_500 + PARTED_BYTES, 500 + PARTED_BYTES)
    assert (was_full, hall.room.is_full) == (False, True)
    for _ in range(2):
        hall.room.forget(client)
        assert hall.room.held_bytes == 750_000
    assert not hall.room.parted_bytes


def test_a_goodbye_that_was_handled_makes_room() -> None:
    hall = Hall()
    gone, waiting = hall.client(), hall.client()
    hall.room.part(gone, 500_000)
    waiting.send("a", size_bytes=LARGE)
    assert waiting.begun == []
    hall.room.forget(gone)
    hall.runtime.run_ready()
    assert waiting.begun == ["a"]


def test_who_leaves_the_line_holds_up_nobody_behind() -> None:
    hall = Hall()
    hall.fill(3)
    first, second = hall.client(), hall.client()
    first.send("a", size_bytes=3 * LARGE)
    second.send("a", size_bytes=LARGE)
    assert second.begun == []
    first.leave()
    assert (first.begun, second.begun) == ([], ["a"])


def test_workers_of_a_client_leave_one_another_their_place_in_line() -> None:
    hall = Hall()
    clients = hall.fill(4)
    several = hall.client(concurrency=2)
    several.send("a", "b", "c", "d", size_bytes=LARGE)
    others = hall.fill(3)
    assert several.begun == ["a"]
    several.gates["b"].set()
    for ending in (clients[0], several):
        ending.gates["a"].set()
    for _ in range(20):  # without an end they would have called up each other forever
        if hall.runtime.ready:
            hall.runtime.run_one()
    assert not hall.runtime.ready
    assert (several.begun, [client.begun for client in others]) == (["b"], [["a"], ["a"], []])
    several.end("c", "d")
    for client in (*clients[1:], *others):
        client.end("a")
    assert (several.begun, hall.room.held_bytes) == (["c", "d"], 0)


def test_room_of_a_worker_that_is_cancelled_is_for_who_comes_next() -> None:
    hall = Hall()
    clients = hall.fill(5)
    cancelled, next_one = hall.fill(2)
    task = hall.runtime.tasks[5]
    clients[0].gates["a"].set()
    hall.runtime.run_one()  # which calls it up
    task.is_cancelled = True
    hall.runtime.run_ready()
    assert (cancelled.begun, next_one.begun) == ([], ["a"])
    for client in (*clients[1:], next_one):
        client.end("a")
    assert hall.room.held_bytes == 0
    line = hall.fill(7)[5:]
    hall.runtime.cancel(hall.runtime.tasks[-2])
    hall.runtime.run_ready()
    assert not hall.room.is_in_line(line[0])
    assert hall.room.is_in_line(line[1])


def test_room_for_requests_is_taken_or_not() -> None:
    hall = Hall()
    clients = hall.fill(5)
    with hall.room.taken(LARGE) as is_taken:
        assert not is_taken
    with hall.room.taken(SMALL) as is_taken:
        assert is_taken
        assert hall.room.asked_bytes == SMALL + ASKED_BYTES == hall.room.held_bytes - 500_000
    assert (hall.room.asked_bytes, hall.room.held_bytes) == (0, 500_000)
    clients[0].end("a")
    with hall.room.taken(LARGE - ASKED_BYTES):
        waiting = hall.client()
        waiting.send("a", size_bytes=LARGE)
    hall.runtime.run_ready()
    assert waiting.begun == ["a"]


def test_without_a_bound_nobody_waits() -> None:
    hall = Hall(inf)
    assert all(client.begun == ["a"] for client in hall.fill(100, LIMIT))


def test_answers_are_kept_while_there_is_room() -> None:
    hall = Hall(4_000_000)
    flows = [Flow(hall.runtime, Line(), SocketSettings(max_queued_bytes=100_000)) for _ in range(7)]
    most, some = flows[0].most_answer_bytes - EVENT_BYTES, 100_000 - EVENT_BYTES
    assert hall.room.keep_answer(flows[0], 2 * most)  # the first may have any size
    assert [hall.room.keep_answer(flows[1], size) for size in (some, some, 1)] == [True, True, False]
    assert [hall.room.keep_answer(flow, most) for flow in flows[2:5]] == [True, True, False]  # a quarter is full
    assert hall.room.held_bytes == hall.room.answer_bytes == 2 * most + EVENT_BYTES + 600_000
    hall.room.give_answers([(flows[0], 2 * most), (flows[1], some)])
    assert hall.room.keep_answer(flows[1], some)
    hall.room.give_answers([(flows[1], some), (flows[1], some), *((flow, most) for flow in flows[2:4])])
    assert hall.room.held_bytes == hall.room.answer_bytes == 0
    hall.fill(20)
    assert not hall.room.keep_answer(flows[0], 1)  # half is in the hands of handlers
