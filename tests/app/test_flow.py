"""Backpressure both ways: limits, who waits, and who wakes them."""

from __future__ import annotations

import pytest

from socketio_core.app.flow import Flow
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.hand_runtime import HandRig, HandRuntime


class Line:
    """Implements `Paced`; notes when reading was paused and resumed."""

    def __init__(self) -> None:
        self.is_over_high_water = False
        self.is_clogged = False
        self.is_behind = False
        self.calls: list[tuple[str, float]] = []

    def pause_reading(self, now: float) -> None:
        self.calls.append(("pause", now))

    def resume_reading(self, now: float) -> None:
        self.calls.append(("resume", now))


class FlowRig(HandRig):
    """A flow on a loop that moves by hand."""

    def __init__(self, *, max_queued_events: int = 3, max_queued_bytes: int = 100) -> None:
        self.clock = FakeClock()
        self.runtime = HandRuntime(self.clock)
        self.line = Line()
        settings = SocketSettings(max_queued_events=max_queued_events, max_queued_bytes=max_queued_bytes)
        self.flow = Flow(self.runtime, self.line, settings)

    def run(self) -> None:
        self.runtime.run_ready()


@pytest.fixture
def rig() -> FlowRig:
    return FlowRig()


@pytest.mark.parametrize(("sizes", "is_congested"), [([1, 1], False), ([1, 1, 1], True), ([99], False), ([100], True)])
def test_too_many_events_or_too_many_bytes_are_congestion(rig: FlowRig, sizes: list[int], is_congested: bool) -> None:  # noqa: FBT001
    for size in sizes:
        rig.flow.event_queued(size)
    assert rig.flow.is_congested is is_congested


def test_twice_as_much_is_read_while_somebody_waits_for_an_ack(rig: FlowRig) -> None:
    for _ in range(3):
        rig.flow.event_queued(1)
    reader = rig.start(rig.flow.wait_room())
    assert [reader.is_done] == [False]
    rig.flow.ack_awaited()
    rig.runtime.run_ready()
    assert reader.is_done
    for _ in range(3):
        rig.flow.event_queued(1)
    assert rig.flow.is_congested
    rig.flow.ack_settled()
    for _ in range(3):
        rig.flow.event_handled(1)
    assert rig.flow.is_congested


def test_the_last_one_who_waits_for_an_ack_counts(rig: FlowRig) -> None:
    for _ in range(3):
        rig.flow.event_queued(1)
    congested: list[bool] = []
    for change in (rig.flow.ack_awaited, rig.flow.ack_awaited, rig.flow.ack_settled, rig.flow.ack_settled):
        change()
        congested.append(rig.flow.is_congested)
    assert congested == [False, False, False, True]


def test_readers_wait_together_and_the_line_knows_of_it(rig: FlowRig) -> None:
    for _ in range(4):
        rig.flow.event_queued(1)
    readers = [rig.start(rig.flow.wait_room()) for _ in range(2)]
    rig.flow.event_handled(1)
    rig.runtime.run_ready()
    assert [reader.is_done for reader in readers] == [False, False]
    rig.clock.now += 1
    began = rig.line.calls[0][1]
    flushes = rig.runtime.flushes
    rig.flow.event_handled(1)
    rig.runtime.run_ready()
    assert [reader.is_done for reader in readers] == [True, True]
    assert rig.line.calls == [("pause", began)] * 2 + [("resume", began + 1)] * 2
    assert rig.runtime.flushes == flushes + 2


def test_a_reader_waits_again_when_others_were_faster(rig: FlowRig) -> None:
    for _ in range(3):
        rig.flow.event_queued(1)
    reader = rig.start(rig.flow.wait_room())
    rig.flow.event_handled(1)
    rig.flow.event_queued(1)
    rig.runtime.run_ready()
    assert [reader.is_done] == [False]
    rig.flow.event_handled(1)
    rig.runtime.run_ready()
    assert reader.is_done


def test_who_does_not_wait_is_called_once_when_there_is_room(rig: FlowRig) -> None:
    calls: list[float] = []
    for _ in range(4):
        rig.flow.event_queued(1)
    rig.flow.call_when_room(calls.append)
    rig.flow.call_when_room(calls.append)
    rig.flow.event_handled(1)
    assert calls == []
    rig.clock.now += 1
    flushes = rig.runtime.flushes
    rig.flow.event_handled(1)
    assert calls == [rig.clock.now] * 2
    assert rig.runtime.flushes == flushes + 1
    rig.flow.event_handled(1)
    assert len(calls) == 2
    assert rig.runtime.flushes == flushes + 1


def test_who_is_called_may_ask_to_be_called_again(rig: FlowRig) -> None:
    calls: list[float] = []

    def go_on(now: float) -> None:
        calls.append(now)
        rig.flow.call_when_room(go_on)

    for _ in range(3):
        rig.flow.event_queued(1)
    rig.flow.call_when_room(go_on)
    for count in (1, 2):
        rig.flow.event_handled(1)
        assert len(calls) == count


def test_lifted_limits_hold_nobody(rig: FlowRig) -> None:
    rig.flow.event_queued(1000)
    reader = rig.start(rig.flow.wait_room())
    rig.flow.lift()
    rig.runtime.run_ready()
    assert reader.is_done
    assert not rig.flow.is_congested


def test_readers_wait_while_the_peer_does_not_read(rig: FlowRig) -> None:
    rig.line.is_clogged = True
    assert rig.flow.is_congested
    calls: list[float] = []
    rig.flow.call_when_room(calls.append)
    reader = rig.start(rig.flow.wait_room())
    rig.flow.output_taken()
    rig.runtime.run_ready()
    assert (calls, reader.is_done) == ([], False)
    rig.line.is_clogged = False
    rig.flow.output_taken()
    rig.runtime.run_ready()
    assert (calls, reader.is_done) == ([rig.clock.now], True)


def test_who_does_not_wait_is_called_when_the_peer_reads_again(rig: FlowRig) -> None:
    rig.line.is_clogged = True
    calls: list[float] = []
    rig.flow.call_when_room(calls.append)
    rig.flow.output_taken()
    assert calls == []
    rig.line.is_clogged = False
    rig.flow.output_taken()
    assert calls == [rig.clock.now]


def test_readers_are_woken_at_the_end(rig: FlowRig) -> None:
    rig.line.is_clogged = True
    reader = rig.start(rig.flow.wait_room())
    rig.line.is_clogged = False
    rig.flow.wake()
    rig.runtime.run_ready()
    assert reader.is_done


def test_senders_wait_until_the_buffer_is_below_the_mark(rig: FlowRig) -> None:
    assert [rig.flow.is_over_high_water] == [False]
    rig.line.is_over_high_water = True
    assert rig.flow.is_over_high_water
    senders = [rig.start(rig.flow.wait_drained()) for _ in range(2)]
    rig.flow.output_taken()
    rig.runtime.run_ready()
    assert [sender.is_done for sender in senders] == [False, False]
    rig.line.is_over_high_water = False
    rig.flow.output_taken()
    rig.runtime.run_ready()
    assert [sender.is_done for sender in senders] == [True, True]
    rig.flow.output_taken()


def test_who_was_woken_can_wait_again(rig: FlowRig) -> None:
    rig.line.is_over_high_water = True
    for _ in range(2):
        sender = rig.start(rig.flow.wait_drained())
        assert [sender.is_done] == [False]
        rig.flow.wake()
        rig.runtime.run_ready()
        assert sender.is_done
        reader_waits_again(rig)


def reader_waits_again(rig: FlowRig) -> None:
    for _ in range(3):
        rig.flow.event_queued(1)
    reader = rig.start(rig.flow.wait_room())
    assert [reader.is_done] == [False]
    for _ in range(3):
        rig.flow.event_handled(1)
    rig.runtime.run_ready()
    assert reader.is_done


def test_senders_are_woken_at_the_end_whatever_is_buffered(rig: FlowRig) -> None:
    rig.line.is_over_high_water = True
    sender = rig.start(rig.flow.wait_drained())
    rig.flow.wake()
    rig.flow.wake()
    rig.runtime.run_ready()
    assert sender.is_done
