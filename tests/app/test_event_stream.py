"""Streams of events: who gets what, who is woken, and what counts as unhandled meanwhile."""

from __future__ import annotations

from typing import Any

from socketio_core.app.event_stream import EventStream
from socketio_core.socketio.client.events import EventReceived
from tests.app.hand_runtime import Cancelled, Task
from tests.app.test_flow import FlowRig


class StreamRig(FlowRig):
    """A stream of nobody's events."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.stream = EventStream(self.flow, self.runtime)

    def put(self, *names: str, size_bytes: int = 10) -> None:
        for name in names:
            self.stream.put(EventReceived(None, name, [1], None, size_bytes))  # type: ignore[arg-type] # not looked at
        self.runtime.run_ready()

    def take(self) -> Task:
        return self.start(anext(self.stream))


def test_events_come_in_order_and_count_until_they_are_taken() -> None:
    rig = StreamRig()
    rig.put("a", "b")
    assert (rig.flow.queued_count, rig.flow.queued_bytes) == (2, 20)
    assert (rig.take().result, rig.take().result) == (("a", 1), ("b", 1))
    assert (rig.flow.queued_count, rig.flow.queued_bytes) == (0, 0)


def test_several_consumers_share_the_events() -> None:
    rig = StreamRig()
    first, second = rig.take(), rig.take()
    rig.put("a")
    assert [first.is_done, second.is_done] == [True, False]
    rig.put("b")
    assert [first.result, second.result] == [("a", 1), ("b", 1)]


def test_every_consumer_learns_of_the_end() -> None:
    rig = StreamRig()
    consumers = [rig.take(), rig.take()]
    rig.stream.end()
    rig.runtime.run_ready()
    assert [type(consumer.error) for consumer in consumers] == [StopAsyncIteration, StopAsyncIteration]


def test_a_cancelled_consumer_takes_nothing_along() -> None:
    rig = StreamRig()
    first, second = rig.take(), rig.take()
    rig.runtime.cancel(first)
    rig.put("a")
    assert second.result == ("a", 1)


def test_the_end_comes_behind_what_is_waiting() -> None:
    rig = StreamRig()
    rig.put("a")
    rig.stream.end()
    rig.put("too late")
    assert rig.take().result == ("a", 1)
    assert isinstance(rig.take().error, StopAsyncIteration)
    assert rig.flow.queued_count == 0


def test_closing_forgets_what_is_waiting_and_lets_the_reader_go_on() -> None:
    rig = StreamRig(max_queued_events=2)
    rig.put("a", "b")
    reader = rig.start(rig.flow.wait_room())
    assert [reader.is_done] == [False]
    rig.start(rig.stream.__aenter__())
    rig.start(rig.stream.__aexit__(None, None, None))
    assert reader.is_done
    assert rig.flow.queued_count == 0
    assert isinstance(rig.take().error, StopAsyncIteration)


def test_a_forgotten_stream_wakes_its_reader_from_the_loop() -> None:
    """Its finalizer may run in any thread, where no event may be set."""
    rig = StreamRig(max_queued_events=2)
    rig.put("a", "b")
    reader = rig.start(rig.flow.wait_room())
    del rig.stream
    assert rig.flow.queued_count == 2
    rig.runtime.run_ready()
    assert reader.is_done
    assert (rig.flow.queued_count, rig.flow.queued_bytes) == (0, 0)


def test_a_forgotten_stream_that_holds_nothing_asks_for_nothing() -> None:
    rig = StreamRig(max_queued_events=2)
    del rig.stream
    assert not rig.runtime.run_ready()


def test_closing_ends_whoever_waits() -> None:
    rig = StreamRig()
    consumer = rig.take()
    rig.stream.close()
    rig.runtime.run_ready()
    assert isinstance(consumer.error, StopAsyncIteration)


def test_a_consumer_that_was_cancelled_before_takes_nothing() -> None:
    rig = StreamRig()
    rig.put("a")
    task = rig.runtime.start(anext(rig.stream))
    rig.runtime.cancel(task)
    rig.runtime.run_ready()
    assert isinstance(task.error, Cancelled)
    assert rig.take().result == ("a", 1)
