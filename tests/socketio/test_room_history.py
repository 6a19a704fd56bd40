"""When a socket was in which room, in positions of the log."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from socketio_core.socketio.room_history import MAX_SPANS, RoomHistory


def test_it_knows_the_rooms_of_each_moment() -> None:
    history = RoomHistory()
    history.join("a", 3)
    history.join("a", 5)
    history.leave("a", 7)
    history.join("a", 9)
    history.join("b", 9)
    assert history.rooms == {"a", "b"}
    assert [position for position in range(12) if history.was_in("a", position)] == [4, 5, 6, 7, 10, 11]
    assert not history.was_in("c", 5)
    assert list(history.spans()) == [("a", 9, None), ("b", 9, None), ("a", 3, 7)]


def test_it_keeps_nothing_of_a_room_where_nothing_was_said() -> None:
    history = RoomHistory()
    history.join("a", 3)
    history.leave("a", 3)
    history.leave("never in", 5)
    assert list(history.spans()) == []


def test_what_was_heard_or_may_not_be_heard_is_forgotten() -> None:
    history = RoomHistory()
    for position in range(3):
        for room in "ab":
            history.join(room, position)
            history.leave(room, position + 1)
    history.forget_before(1)
    assert list(history.spans()) == [("a", 1, 2), ("a", 2, 3), ("b", 1, 2), ("b", 2, 3)]
    history.forget("a")
    history.forget("never in")
    assert list(history.spans()) == [("b", 1, 2), ("b", 2, 3)]
    history.join("b", 9)
    history.forget("b")
    assert history.rooms == frozenset()
    history.forget_before(3)
    assert list(history.spans()) == []


def test_it_is_bounded_and_says_from_when_on_it_knows() -> None:
    history = RoomHistory()
    for position in range(MAX_SPANS):
        history.join("a", position)
        history.leave("a", position + 1)
    assert (history.known_from, len(list(history.spans()))) == (0, MAX_SPANS)
    history.join("a", 5000)
    history.leave("a", 5001)
    assert (history.known_from, list(history.spans())) == (5001, [("a", 5000, 5001)])


def test_what_it_takes_grows_with_rooms_their_names_and_those_it_has_left() -> None:
    history = RoomHistory()
    sizes = [history.held_bytes]
    changes: list[Callable[[], None]] = [
        lambda: history.join("a", 1),
        lambda: history.join("a" * 1000, 1),
        lambda: history.leave("a", 2),
        lambda: history.forget_before(5),
        lambda: history.forget("a" * 1000),
    ]
    for change in changes:
        change()
        sizes.append(history.held_bytes)
    empty, one, long, left, heard, none = sizes
    assert empty == none == 0
    assert 1000 < long - one < 1000 + 2 * one
    assert left > long
    assert heard == long - one


class Compared(int):
    """A position that counts how often it is compared."""

    count = 0

    def __lt__(self, other: int) -> bool:
        Compared.count += 1
        return int(self) < other

    def __gt__(self, other: int) -> bool:
        Compared.count += 1
        return int(self) > other

    def __le__(self, other: int) -> bool:
        Compared.count += 1
        return int(self) <= other

    def __ge__(self, other: int) -> bool:
        Compared.count += 1
        return int(self) >= other


def test_it_need_not_look_at_each_time_in_a_room() -> None:
    """Before, who had come and gone a thousand times cost a server 300 ms whenever it was back."""
    history = RoomHistory()
    for number in range(MAX_SPANS):
        history.join("a", 4 * number)
        history.leave("a", 4 * number + 2)
    positions = range(-2, 4 * MAX_SPANS + 2)
    found = [position for position in positions if history.was_in("a", Compared(position))]
    assert found == [position for position in range(4 * MAX_SPANS) if position % 4 in (1, 2)]
    assert Compared.count <= 15 * len(positions)


def test_what_those_take_that_it_has_left_is_what_they_would_take_if_they_were_left_anew() -> None:
    random, history, position = Random(1), RoomHistory(), 0
    for _ in range(3_000):
        position += random.randrange(2)
        room = random.choice("abcdefgh") * random.choice((1, 100))
        move = random.choice((history.join, history.join, history.leave, history.leave))
        move(room, position)
        if random.random() < 0.003:
            history.forget(room)
        elif random.random() < 0.003:
            history.forget_before(position - 50)
        anew = RoomHistory()
        for name, since, through in history.spans():
            if through is not None:
                anew.join(name, since)
                anew.leave(name, through)
        assert history.left_bytes == anew.left_bytes
        for name in history.rooms:
            anew.join(name, 0)
        assert history.held_bytes == anew.held_bytes
