"""What the client's sockets send, the acks they wait for, and their streams."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ConnectError
from socketio_core.app.event_stream import EventStream
from socketio_core.errors import BufferFull
from tests.app.client_rig import ClientRig

# -- events ------------------------------------------------------------------------------------------------------------


def test_emits_are_sent_and_announced() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    before = rig.runtime.flushes
    assert rig.start(socket.emit("a", 1)).result is True
    assert socket.emit_nowait("b")
    assert not socket.emit_volatile("c")
    assert rig.runtime.flushes == before + 3
    assert rig.sent() == ['2["a",1]', '2["b"]']
    assert socket.emit_volatile("d")


def test_emit_waits_above_the_mark_and_emit_nowait_refuses() -> None:
    rig = ClientRig(engine={"high_water_bytes": 5}).up()
    socket = rig.host.socket_of("/")
    rig.start(socket.emit("first"))
    waiting = rig.start(socket.emit("second"))
    with pytest.raises(BufferFull):
        socket.emit_nowait("third")
    assert [waiting.is_done] == [False]
    rig.sent()
    rig.host.flow.output_taken()
    rig.run()
    assert waiting.result is True
    lost = rig.start(socket.emit("fourth"))
    rig.lose()
    rig.run()
    assert lost.result is True  # it is buffered for the next connection


def test_emitters_do_not_fill_the_buffer_all_at_once() -> None:
    rig = ClientRig(engine={"high_water_bytes": 5}).up()
    socket = rig.host.socket_of("/")
    tasks = [rig.start(socket.emit(name)) for name in ("first", "second", "third")]
    tasks.append(rig.start(socket.call("fourth")))
    for number, name in enumerate(("first", "second", "third")):
        assert [task.is_done for task in tasks] == [index <= number for index in range(4)]
        assert rig.sent() == [f'2["{name}"]']
        rig.host.flow.output_taken()
        rig.run()
    assert rig.sent() == ['20["fourth"]']


@pytest.mark.parametrize("end", ["server", "client"])
def test_who_waits_to_emit_learns_that_the_socket_left(end: str) -> None:
    """The connection, with its full buffer, lives on for another namespace."""
    rig = ClientRig(engine={"high_water_bytes": 5}).up()
    rig.host.socket_of("/other")
    rig.hear('0/other,{"sid":"B"}')
    rig.sent()
    socket = rig.host.socket_of("/")
    rig.start(socket.emit("first"))
    emit, call = rig.start(socket.emit("second")), rig.start(socket.call("third"))
    assert [emit.is_done, call.is_done] == [False, False]
    if end == "server":
        rig.hear("1")
    else:
        rig.start(socket.disconnect())
    assert emit.result is True  # it is buffered until the socket connects again
    assert isinstance(call.error, Disconnected)
    socket.connect()
    rig.hear('0{"sid":"C"}')
    assert rig.sent()[-1] == '2["second"]'


@pytest.mark.parametrize(("answer", "value", "args"), [("[]", None, []), ("[1]", 1, [1]), ("[1,2]", (1, 2), [1, 2])])
def test_calls_return_the_answer(answer: str, value: object, args: list[int]) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    call, with_all = rig.start(socket.call("q")), rig.start(socket.emit_with_ack("q"))
    rig.hear("30" + answer, "31" + answer)
    assert (call.result, with_all.result) == (value, args)


def test_calls_fail_in_words() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    late, lost = rig.start(socket.call("q", timeout=1)), rig.start(socket.call("q", timeout=None))
    rig.wait(1)
    rig.run()
    assert isinstance(late.error, AckTimeout)
    rig.lose()
    rig.run()
    assert isinstance(lost.error, Disconnected)


def test_a_refusal_names_the_namespace() -> None:
    rig = ClientRig().up()
    other = rig.host.socket_of("/other")
    told: list[ConnectError] = []
    other.on("connect_error", told.append)
    waiting = rig.start(other.wait_connected())
    rig.hear('4/other,{"message":"Invalid namespace"}')
    later = rig.start(other.wait_connected())
    for error in (waiting.error, later.error, *told):
        assert isinstance(error, ConnectError)
        assert (str(error), error.message) == ("/other: Invalid namespace", "Invalid namespace")
    assert len(told) == 1


def test_calls_that_nobody_will_answer_fail_at_once() -> None:
    rig = ClientRig().up()
    other = rig.host.socket_of("/other")
    rig.run()
    rig.hear('4/other,{"message":"Invalid namespace"}')
    call = rig.start(other.call("q"))
    assert isinstance(call.error, Disconnected)
    assert str(call.error) == "'q' was not sent, /other is not connected: Invalid namespace; call socket.connect()"
    rig.start(rig.host.socket_of("/").disconnect())
    assert "/ is not connected; call" in str(rig.start(rig.host.socket_of("/").call("q")).error)


def test_cancelled_call_is_forgotten() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    call = rig.start(socket.call("q"))
    rig.runtime.cancel(call)
    rig.run()
    assert rig.client.namespaces["/"].pending_acks == {}


def test_acks_of_others_are_left_alone() -> None:
    rig = ClientRig().up()
    rig.client.namespaces["/"].emit_with_ack("q", [], timeout_s=1, context="somebody else", now=rig.now)
    rig.hear("30[]")


def test_events_that_are_given_up_are_logged() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    rig.start(socket.emit("a", "x" * 1000))
    rig.open()
    rig.hear('0{"sid":"A"}')
    assert rig.logged == ["event 'a' was given up: message is larger than the server takes: 1010 bytes, limit: 1000"]


def test_events_that_are_given_up_at_the_end_are_one_line() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    for number in range(500):
        rig.start(socket.emit(f"e{number}"))
    rig.client.close(rig.now)
    rig.run()
    assert rig.runtime.logged == [("event 'e0', and 499 after it was given up: the client was closed", None)]


# -- streams -----------------------------------------------------------------------------------------------------------


def take(rig: ClientRig, stream: EventStream) -> Any:
    """Take the next event, which must be there."""
    return rig.result_of(anext(stream))


def test_streams_get_all_events_from_when_they_were_made() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    rig.hear('2["before"]')
    first = socket.events()
    rig.hear('2["a",1]')
    second = socket.events()
    assert aiter(first) is first
    waiting = rig.start(anext(second))
    assert [waiting.is_done] == [False]
    rig.hear('2["b",2,3]')
    assert waiting.result == ("b", 2, 3)
    assert [take(rig, first), take(rig, first)] == [("a", 1), ("b", 2, 3)]


def test_streams_end_with_the_last_goodbye() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    stream = socket.events()
    rig.hear('2["a"]', "1")
    assert take(rig, stream) == ("a",)
    with pytest.raises(StopAsyncIteration):
        take(rig, stream)
    with pytest.raises(StopAsyncIteration):
        take(rig, socket.events())


def test_streams_go_on_across_connections_until_all_is_over() -> None:
    rig = ClientRig().up()
    stream = rig.host.socket_of("/").events()
    rig.lose()
    rig.run()
    rig.wait(2)
    rig.open()
    rig.hear('0{"sid":"B"}', '2["a"]')
    assert take(rig, stream) == ("a",)
    waiting = rig.start(anext(stream))
    rig.host.close()
    rig.run()
    assert isinstance(waiting.error, StopAsyncIteration | RuntimeError)


def test_streams_go_on_behind_goodbyes_that_were_not_the_last() -> None:
    """What is handled late is not taken for how things are now, nor the other way round."""
    rig = ClientRig(reconnection_attempts=1).up()
    socket = rig.host.socket_of("/")
    stream = socket.events()
    gate = rig.runtime.new_event()
    socket.on("wait", gate.wait)
    rig.hear('2["wait"]')
    rig.lose()
    rig.run()
    rig.wait(2)
    rig.open()
    rig.hear('0{"sid":"B"}', '2["a"]', "1")
    assert not socket.active
    gate.set()
    rig.run()
    assert [take(rig, stream), take(rig, stream)] == [("wait",), ("a",)]
    with pytest.raises(StopAsyncIteration):
        take(rig, stream)


def test_streams_go_on_if_the_socket_was_told_to_connect_again() -> None:
    rig = ClientRig().up()
    rig.host.socket_of("/other")
    rig.hear('0/other,{"sid":"B"}')
    socket = rig.host.socket_of("/")
    stream = socket.events()
    rig.say("1")
    rig.host.dispatch_soon()
    socket.connect()
    rig.run()
    rig.hear('0{"sid":"C"}', '2["a"]')
    assert take(rig, stream) == ("a",)


def test_streams_end_when_the_socket_disconnects_between_connections() -> None:
    """There is no goodbye then that would end them."""
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    stream = socket.events()
    rig.lose()
    rig.run()
    waiting = rig.start(anext(stream))
    rig.start(socket.disconnect())
    assert isinstance(waiting.error, StopAsyncIteration)


def test_streams_hold_reading_up_until_they_are_read_or_closed() -> None:
    rig = ClientRig(max_queued_events=2).up()
    socket, flow = rig.host.socket_of("/"), rig.host.flow
    stream = socket.events()
    rig.hear('2["a"]')
    assert [flow.is_congested] == [False]
    rig.hear('2["b"]')
    assert [flow.is_congested] == [True]
    assert take(rig, stream) == ("a",)
    assert [flow.is_congested] == [False]
    rig.hear('2["c"]')
    assert [flow.is_congested] == [True]
    rig.start(stream.__aenter__())
    rig.start(stream.__aexit__(None, None, None))
    assert [flow.is_congested] == [False]
    stream.put(None)  # type: ignore[arg-type] # nothing is collected any more
    forgotten = socket.events()
    rig.hear('2["d"]', '2["e"]')
    congested = [flow.is_congested]
    del forgotten
    rig.run()
    assert [*congested, flow.is_congested] == [True, False]


def test_lifted_limits_let_readers_go() -> None:
    rig = ClientRig(max_queued_events=1).up()
    stream = rig.host.socket_of("/").events()
    rig.hear('2["a"]')
    waiting = rig.start(rig.host.flow.wait_room())
    assert [waiting.is_done] == [False]
    rig.host.flow.lift()
    rig.run()
    assert waiting.is_done
    assert not rig.host.flow.is_congested
    assert take(rig, stream) == ("a",)


def test_what_is_left_of_the_end_is_told_and_events_are_not() -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    gate = rig.runtime.new_event()
    socket.on("a", gate.wait)
    for name in ("b", "disconnect"):
        socket.on(name, rig.note(name))
    rig.io.on("close", rig.note("close"))
    rig.hear('2["a"]', '2["b"]')
    rig.host.core.abort(rig.clock.now)
    left = rig.host.untold()
    assert rig.calls == []
    for tell in left:
        rig.start(tell())
    assert rig.calls == [("disconnect", "io client disconnect"), ("close", "forced close")]
    assert rig.host.untold() == []
    assert rig.host.flow.queued_count == 1, "the one whose handler waits"
