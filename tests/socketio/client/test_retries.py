"""At least once: one in flight, in order, until it is acknowledged or given up."""

from __future__ import annotations

from socketio_core.socketio.client import AckDropped, AckExpired, AckReceived, EmitFailed
from tests.socketio.client.scene import Scene


def scene_with(*names: str, retries: int = 2) -> Scene:
    scene = Scene(retries=retries, ack_timeout_s=10.0).connected()
    for name in names:
        scene.root.emit(name, [], now=scene.now)
    return scene


def test_one_is_in_flight_and_the_next_follows_its_ack() -> None:
    scene = scene_with("a", "b")
    assert scene.root.emit_with_ack("c", [], timeout_s=1, context="who", now=scene.now) == 2
    assert scene.sent() == ['20["a"]']
    scene.say("31[]")  # not its turn
    assert scene.sent() == []
    scene.say('30["whatever it says"]')
    assert scene.sent() == ['21["b"]']
    scene.say("31[]", '32["answer"]', "32[]")
    assert scene.sent() == ['22["c"]']
    assert scene.take_events() == [AckReceived(scene.root, ["answer"], "who")]
    assert scene.root.buffered_count == 0


def test_unanswered_event_is_sent_again_and_then_given_up() -> None:
    scene = scene_with("a", "b")
    for _ in range(3):
        assert scene.sent() == ['20["a"]']
        scene.wait(10)
    assert scene.take_events() == [EmitFailed(scene.root, "a", "no acknowledgement in time")]
    assert scene.sent() == ['21["b"]']


def test_late_answer_to_an_earlier_try_counts() -> None:
    scene = scene_with("a", "b")
    scene.wait(10)
    scene.say("30[]", "30[]")
    assert scene.sent() == ['20["a"]', '20["a"]', '21["b"]']


def test_given_up_ack_expires() -> None:
    scene = scene_with(retries=1)
    scene.root.emit_with_ack("a", [], timeout_s=None, context="who", now=scene.now)
    scene.wait(10)
    assert scene.take_events() == []
    scene.wait(10)
    assert scene.take_events() == [AckExpired(scene.root, "who")]


def test_lost_connection_is_a_failed_try_and_the_head_is_sent_again() -> None:
    scene = scene_with("a", "b", retries=1)
    scene.lose()
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"B"}')
    assert scene.sent() == ["0", '20["a"]']
    scene.take_events()
    scene.lose()
    assert EmitFailed(scene.root, "a", "the connection was lost") in scene.take_events()
    scene.wait(2)
    scene.open()
    scene.say('0{"sid":"C"}', "31[]")
    assert scene.sent() == ["0", '21["b"]']
    scene.lose()
    assert scene.root.buffered_count == 0


def test_waiting_events_lose_no_try_by_a_lost_connection() -> None:
    scene = Scene(retries=1)
    scene.root.emit("a", [], now=scene.now)
    for _ in range(5):
        scene.root.connect(scene.now)
        scene.open()
        scene.lose()
        scene.wait(10)
    assert scene.root.buffered_count == 1


def test_volatile_events_are_not_retried() -> None:
    scene = scene_with("a")
    scene.sent()
    assert scene.root.emit("v", [], now=scene.now, volatile=True)
    assert scene.sent() == ['2["v"]']


def test_forgotten_ack_is_still_delivered_but_not_told() -> None:
    scene = scene_with("a")
    ack_id = scene.root.emit_with_ack("b", [], timeout_s=1, context="who", now=scene.now)
    assert ack_id is not None
    scene.root.forget_ack(ack_id)
    scene.say("30[]", "31[]")
    assert scene.sent() == ['20["a"]', '21["b"]']
    assert scene.take_events() == []
    scene.root.forget_ack(ack_id)


def test_forgetting_what_was_settled_changes_nothing() -> None:
    scene = scene_with("a")
    ask = [scene.root.emit_with_ack("b", [], timeout_s=1, context=n, now=scene.now) for n in range(2)]
    scene.say("30[]", "31[]")
    for ack_id in (0, ask[0]):
        assert ack_id is not None
        scene.root.forget_ack(ack_id)
    scene.say("32[]")
    assert scene.take_events() == [AckReceived(scene.root, [], 0), AckReceived(scene.root, [], 1)]


def test_closing_gives_everything_up() -> None:
    scene = scene_with("a", "b")
    scene.root.emit_with_ack("c", [], timeout_s=1, context="who", now=scene.now)
    scene.client.close(scene.now)
    assert scene.take_events()[1:] == [
        EmitFailed(scene.root, "a", "the client was closed"),
        EmitFailed(scene.root, "b", "the client was closed"),
        AckDropped(scene.root, "who"),
    ]
    assert not scene.root.emit("d", [], now=scene.now)
    assert scene.root.emit_with_ack("e", [], timeout_s=1, context=None, now=scene.now) is None


def test_late_host_uses_up_one_try_at_a_time() -> None:
    scene = Scene(retries=3).connected()
    scene.root.emit("a", [], now=scene.now)
    assert scene.sent() == ['20["a"]']
    scene.wait(40)  # the time of four tries
    assert (scene.take_events(), scene.sent()) == ([], ['20["a"]'])


def test_time_of_a_try_ends_with_its_ack() -> None:
    scene = scene_with("a")
    scene.wait(5)
    scene.say("30[]")
    scene.root.emit("b", [], now=scene.now)
    assert scene.sent() == ['20["a"]', '21["b"]']
    scene.wait(5)
    assert scene.sent() == []
    scene.wait(5)
    assert scene.sent() == ['21["b"]']
    scene.say("31[]")
    scene.wait(100)
    assert (scene.sent(), scene.root.buffered_count) == ([], 0)


def test_nobody_is_told_of_an_ack_that_was_forgotten_while_it_was_first() -> None:
    scene = scene_with()
    ack_id = scene.root.emit_with_ack("a", [], timeout_s=None, context="who", now=scene.now)
    assert ack_id is not None
    scene.root.forget_ack(ack_id)
    scene.say(f"3{ack_id}[]")
    assert (scene.take_events(), scene.root.buffered_count) == ([], 0)
