"""The noops that end polls while an upgrade waits for its client. PROTOCOL 1.8."""

from __future__ import annotations

from tests.engineio.scene import Scene, parts


def test_one_poll_behind_the_probe_is_released_at_once_and_each_later_one_in_100_ms() -> None:
    """The reference lets each of them wait up to 100 ms (PROTOCOL 9-9)."""
    scene = Scene()
    client = scene.client()
    released = client.poll()
    client.open_websocket().send("2probe")
    assert [parts(released.response)[2], scene.poll(client)] == [b"6", b"6"]
    for _ in range(3):
        poll = client.poll()
        assert scene.engine.next_deadline == scene.now + 0.1
        scene.wait(0.09)
        assert poll.response is None
        scene.wait(0.02)
        assert parts(poll.response)[2] == b"6"
    scene.check()


def test_a_poll_that_waits_for_its_noop_gets_messages_at_once() -> None:
    scene = Scene()
    client = scene.client()
    client.open_websocket().send("2probe")
    assert scene.poll(client) == b"6"
    poll = client.poll()
    scene.session(client).send("a", scene.now)
    assert parts(poll.response)[2] == b"4a"
    poll = client.poll()
    scene.wait(0.11)
    assert parts(poll.response)[2] == b"6"


def test_a_poll_that_waits_for_its_noop_waits_on_when_the_candidate_is_gone() -> None:
    scene = Scene()
    client = scene.client()
    candidate = client.open_websocket()
    candidate.send("2probe")
    assert scene.poll(client) == b"6"
    poll = client.poll()
    candidate.drop()
    scene.wait(5)
    assert poll.response is None
    scene.session(client).send("a", scene.now)
    assert parts(poll.response)[2] == b"4a"


def test_a_poll_that_is_lost_while_it_waits_for_its_noop_leaves_its_grace() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.open_websocket().send("2probe")
    assert scene.poll(client) == b"6"
    client.poll().drop()
    scene.wait(1.875)
    assert scene.reports() == []
    scene.wait(0.125)
    assert scene.reports() == ["<closed: transport error: poll connection closed prematurely>"]
