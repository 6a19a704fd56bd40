"""What messages take in memory that wait to be sent: in whatever form, each shared by those who have it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from socketio_core.app.shares import taken_bytes
from socketio_core.engineio.message import WireMessage
from socketio_core.wire.plain_frames import wire_bytes
from tests.effort import examples


def ascii_text() -> WireMessage:
    return WireMessage(("4" + "x" * 50_000,))


def wide_text() -> WireMessage:
    return WireMessage(("4" + "x" * 50_000 + "😀",))


def sent_to_a_websocket() -> WireMessage:
    message = ascii_text()
    wire_bytes(message)
    return message


def binary_in_all_forms() -> WireMessage:
    message = WireMessage(("451-x", bytes(50_000)))
    wire_bytes(message)
    assert message.polling_text
    return message


def wide_binary_in_all_forms() -> WireMessage:
    message = WireMessage(("451-😀", bytes(50_000)))
    wire_bytes(message)
    assert message.polling_text
    return message


@pytest.mark.parametrize(
    "make", [ascii_text, wide_text, sent_to_a_websocket, binary_in_all_forms, wide_binary_in_all_forms]
)
def test_a_message_takes_what_python_takes_for_it(make: Callable[[], WireMessage]) -> None:
    tracemalloc.start()
    try:
        messages = [make() for _ in range(20)]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    size = sum(message.size_bytes for message in messages)
    assert held <= taken_bytes(messages, size, 0) <= 1.1 * held
    assert taken_bytes(messages, None, 0) == taken_bytes(messages, size, 0)


def test_what_many_have_is_shared_and_the_last_one_has_it_alone() -> None:
    messages = [ascii_text() for _ in range(5)]
    outboxes = [messages[:] for _ in range(9)]
    alone = taken_bytes(outboxes[0], 250_005, 0, only_own=True)
    assert alone < 1000
    del messages
    share = taken_bytes(outboxes[0], 250_005, 0)
    assert 250_005 / 9 < share < 260_000 / 9
    del outboxes[1:]
    assert taken_bytes(outboxes[0], 250_005, 0, only_own=True) == taken_bytes(outboxes[0], 250_005, 0) > 250_005


def test_of_many_messages_some_are_looked_at_and_together_that_is_right() -> None:
    random = Random(1)
    for _ in range(examples(5)):
        shared = [WireMessage(("4" + "x" * random.randrange(500),)) for _ in range(random.randrange(3000))]
        own = [WireMessage(("4" + "x" * random.randrange(500) + "😀",)) for _ in range(random.randrange(1, 3000))]
        outboxes = [[*shared, *own], shared[:], shared[:], shared]
        messages = outboxes[0]
        alone = set(map(id, own))
        del own
        random.shuffle(messages)
        size = sum(message.size_bytes for message in messages)
        wanted = sum((each.held_bytes + 200) / (1 if id(each) in alone else 4) for each in messages)
        found = [taken_bytes(messages, size, turn) for turn in range(50)]
        assert 0.8 * wanted < sum(found) / len(found) < 1.2 * wanted


class Counted(list[Any]):
    """Knows how many of it were looked at."""

    looked_at = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.looked_at += len(found)
        return found


def test_no_more_are_looked_at_of_millions() -> None:
    messages = Counted([ascii_text()] * 1_000_000)
    taken_bytes(messages, 50_001_000_000, 12345)
    assert messages.looked_at < 100


def test_nothing_takes_nothing() -> None:
    assert taken_bytes([], 0, 7) == taken_bytes([], None, 0) == 0
