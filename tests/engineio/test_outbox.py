"""The queue of what waits to be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.outbox import Outbox, check_fits
from socketio_core.errors import LocalProtocolError
from socketio_core.settings import EngineSettings


def filled(*sizes: int, frames: int = 1) -> tuple[Outbox, list[WireMessage]]:
    """Return an outbox of messages of these sizes, each of `frames` equal frames."""
    outbox = Outbox()
    messages = [WireMessage(("x" * size,) * frames) for size in sizes]
    for message in messages:
        outbox.put(message)
    return outbox, messages


@pytest.mark.parametrize(
    ("max_bytes", "taken"), [(None, 3), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 3), (0, 1)]
)
def test_takes_whole_messages_within_the_bytes_but_one_at_least(max_bytes: int | None, taken: int) -> None:
    outbox, messages = filled(1, 2, 3)
    assert outbox.take(max_bytes=max_bytes) == messages[:taken]
    assert list(outbox.messages) == messages[taken:]
    assert outbox.size_bytes == sum(message.size_bytes for message in messages[taken:])


@pytest.mark.parametrize(("max_frames", "taken"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)])
def test_takes_whole_messages_within_the_frames_but_one_at_least(max_frames: int, taken: int) -> None:
    outbox, messages = filled(1, 1, 1, frames=2)
    assert outbox.take(max_frames=max_frames) == messages[:taken]
    assert list(outbox.messages) == messages[taken:]


def test_both_limits_hold_together() -> None:
    outbox, messages = filled(1, 1, 5, 1)
    assert outbox.take(max_bytes=6, max_frames=3) == messages[:2]
    assert outbox.take(max_bytes=100, max_frames=1) == messages[2:3]
    assert outbox.take(max_bytes=100, max_frames=100) == messages[3:]
    assert outbox.take(max_bytes=100, max_frames=100) == []


def test_an_empty_outbox_gives_nothing() -> None:
    outbox = Outbox()
    assert not outbox
    assert outbox.take(max_bytes=1) == outbox.take(max_frames=1) == outbox.take() == []


def test_what_is_given_back_comes_first_again() -> None:
    outbox, messages = filled(1, 2, 3)
    taken = outbox.take(max_bytes=3)
    outbox.give_back(taken)
    assert outbox.take() == messages


def test_what_moves_comes_behind_what_is_there() -> None:
    here, first = filled(1, 2)
    there, second = filled(3)
    here.move_to(there)
    assert (list(there.messages), there.size_bytes) == ([*second, *first], 6)
    assert (list(here.messages), here.size_bytes) == ([], 0)


STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9)),
    st.tuples(st.just("take bytes"), st.integers(0, 20)),
    st.tuples(st.just("take frames"), st.integers(1, 5)),
    st.tuples(st.just("give back"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
)


@given(st.lists(STEPS))
def test_order_and_size_are_kept_whatever_is_done(steps: list[tuple[str, int]]) -> None:
    outbox, model, last = Outbox(), list[WireMessage](), list[WireMessage]()
    for step, number in steps:
        if step == "put":
            model.append(WireMessage(("x" * number,)))
            outbox.put(model[-1])
        elif step == "give back":
            outbox.give_back(last)
            model, last = last + model, []
        elif step == "clear":
            outbox.clear()
            model = []
        else:
            last = outbox.take(max_bytes=number) if step == "take bytes" else outbox.take(max_frames=number)
            assert last == model[: len(last)]
            assert bool(last) == bool(model)
            model = model[len(last) :]
        assert list(outbox.messages) == model
        assert outbox.size_bytes == sum(message.size_bytes for message in model)
        assert bool(outbox) == bool(model)


def test_message_that_no_buffer_holds_is_refused_whatever_waits() -> None:
    settings = EngineSettings(max_buffered_bytes=100, high_water_bytes=10, max_payload_bytes=5)
    check_fits(WireMessage(("4" + "x" * 99,)), settings)
    with pytest.raises(LocalProtocolError, match="larger than max_buffered_bytes: 101 bytes, limit: 100"):
        check_fits(WireMessage(("4" + "x" * 100,)), settings)
