"""Polls that are lost, before or after they were answered, and how much one poll holds."""

from __future__ import annotations

import gc
from weakref import finalize

import pytest

from socketio_core.engineio import Poll, WireMessage
from socketio_core.errors import LocalProtocolError
from socketio_core.testing import WireClient
from tests.engineio.scene import Fickle, Scene, parts

PREMATURE = "<closed: transport error: poll connection closed prematurely>"


def test_a_lost_poll_may_be_followed_by_another_one_in_time() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.poll().drop()
    scene.session(client).send("a", scene.now)
    scene.wait(1.875)
    assert client.fetch() == ["a"]
    scene.wait(20)
    assert scene.reports() == []


def test_a_poll_that_follows_a_lost_one_waits_as_long_as_any() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    client.poll().drop()
    scene.wait(1)
    poll = client.poll()
    scene.wait(23.875)
    assert (poll.response, scene.reports()) == (None, [])
    scene.session(client).send("a", scene.now)
    assert parts(poll.response)[2] == b"4a"


def test_between_two_polls_nothing_leaves_at_once() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll()
    states = [session.is_writable]
    poll.drop()
    states.append(session.is_writable)
    session.send("a", scene.now)
    assert (states, scene.engine.take_ready()) == ([True, False], [])


def polls_ready(scene: Scene) -> list[Poll]:
    return [carrier for carrier in scene.engine.take_ready() if isinstance(carrier, Poll)]


def test_a_response_that_cannot_be_made_costs_its_session_alone() -> None:
    scene = Scene()
    first, faulty, last = scene.client(), scene.client(), scene.client()
    for client in (first, faulty, last):
        client.poll()
    scene.session(first).send("a", scene.now)
    assert scene.session(faulty).put(WireMessage(Fickle(["4a", "4b"])))
    scene.session(last).send("b", scene.now)
    polls = polls_ready(scene)
    assert [poll.response and poll.response.status for poll in polls] == [200, 500, 200]
    assert [str(poll.failure) for poll in polls] == ["None", "no frame", "None"]
    assert polls[1].messages == []
    assert scene.reports() == ["<closed: transport error: internal error>"]
    scene.engine.poll_delivered(polls[1], scene.now)
    assert scene.engine.session_count == 2


def test_a_response_that_cannot_be_made_at_the_end_costs_nobody_else() -> None:
    scene = Scene()
    faulty, other = scene.client(), scene.client()
    for client in (faulty, other):
        client.poll()
    assert scene.session(faulty).put(WireMessage(Fickle(["4a", "4b"])))
    scene.engine.close(scene.now)
    assert [poll.response and poll.response.status for poll in polls_ready(scene)] == [500, 200]
    assert scene.engine.session_count == 0


def test_a_lost_poll_ends_the_session_when_none_follows() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    scene.wait(10)
    client.poll().drop()
    assert scene.engine.next_deadline == scene.now + 2.0
    scene.wait(1.875)
    assert scene.reports() == []
    scene.wait(0.125)
    assert scene.reports() == [PREMATURE]
    scene.check_empty()


def test_without_grace_a_lost_poll_ends_the_session_at_once() -> None:
    """The reference's behaviour (PROTOCOL 1.4)."""
    scene = Scene(poll_grace_s=0.0)
    scene.client().poll().drop()
    assert scene.reports() == [PREMATURE]
    scene.check_empty()


def test_a_lost_response_comes_again_once_with_the_next_poll() -> None:
    scene = Scene()
    client = scene.client()
    session, poll = scene.session(client), client.poll(hold=True)
    session.send("a", scene.now)
    session.send(b"b", scene.now)
    assert poll.response is not None
    session.send("c", scene.now)
    poll.drop()
    assert session.buffered_bytes == 5
    scene.check()
    session.send("d", scene.now)
    assert client.fetch() == ["a", b"b", "c", "d"]
    session.send("e", scene.now)
    assert client.fetch() == ["e"]


def test_a_lost_response_goes_to_a_poll_that_waits_already() -> None:
    scene = Scene()
    client = scene.client()
    session, lost = scene.session(client), client.poll(hold=True)
    session.send("a", scene.now)
    assert lost.response is not None
    waiting = client.poll()
    assert waiting.response is None
    lost.drop()
    assert parts(waiting.response)[2] == b"4a"
    scene.wait(20)
    assert scene.reports() == []


def test_a_lost_noop_is_no_loss() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll(hold=True)
    client.open_websocket().send("2probe")
    assert parts(poll.response)[2] == b"6"
    waiting = client.poll()
    assert parts(waiting.response)[2] == b"6"
    poll.drop()
    scene.session(client).send("a", scene.now)
    assert client.fetch() == ["a"]
    assert scene.reports() == []


def test_a_poll_is_lost_only_once() -> None:
    scene = Scene()
    client = scene.client()
    parked = client.poll()
    parked.drop()
    parked.drop()
    poll = client.poll(hold=True)
    scene.session(client).send("a", scene.now)
    assert poll.response is not None
    poll.drop()
    poll.drop()
    assert client.fetch() == ["a"]
    poll.drop()
    assert scene.reports() == []
    scene.check()


def test_a_lost_response_behind_which_another_was_sent_ends_the_session() -> None:
    """Its messages can no longer arrive in order."""
    scene = Scene()
    client = scene.client()
    session, lost = scene.session(client), client.poll(hold=True)
    session.send("a", scene.now)
    assert lost.response is not None
    session.send("b", scene.now)
    assert client.fetch() == ["b"]
    lost.drop()
    assert scene.reports() == ["<closed: transport error: poll response was lost and a later one was sent>"]
    scene.check_empty()


def test_a_poll_that_is_lost_before_the_host_took_its_answer_is_not_ready() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    scene.session(client).send("a", scene.now)
    carrier = poll.carrier
    scene.engine.lost(carrier, scene.now)
    assert (scene.engine.take_ready(), carrier.is_ready) == ([], False)
    assert scene.poll(client) == b"4a"


def test_a_poll_that_is_lost_after_the_end_is_nobody_s() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll(hold=True)
    scene.session(client).close(scene.now)
    poll.drop()
    assert scene.reports() == ["<closed: forced close>"]
    scene.check_empty()


def test_a_lost_noop_does_not_disturb_a_poll_that_waits() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll(hold=True)
    candidate = client.open_websocket()
    candidate.send("2probe")
    assert poll.response is not None
    candidate.drop()
    waiting = client.poll()
    poll.drop()
    assert waiting.response is None
    scene.wait(20)
    assert scene.reports() == []
    scene.check()


def test_a_poll_that_is_lost_again_or_late_does_not_begin_a_grace() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    lost, released = client.poll(hold=True), None
    scene.session(client).send("a", scene.now)
    lost.drop()
    assert client.fetch() == ["a"]
    candidate = client.open_websocket()
    candidate.send("2probe")
    released = client.poll(hold=True)
    candidate.send("2probe")  # which is another reason to end a poll at once
    assert scene.poll(client) == b"6"
    lost.drop()
    released.drop()
    scene.wait(9)
    assert scene.reports() == []


def test_a_poll_that_was_answered_is_not_answered_again() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    candidate = client.open_websocket()
    scene.engine.receive(candidate.carrier, "2probe", scene.now)
    scene.session(client).send("a", scene.now)
    assert parts(poll.response)[2] == b"6"
    assert scene.poll(client) == b"4a"


def test_the_same_loss_does_not_prolong_the_grace() -> None:
    scene = Scene(poll_grace_s=2.0)
    client = scene.client()
    poll = client.poll(hold=True)
    scene.session(client).send("a", scene.now)
    assert poll.response is not None
    poll.drop()
    scene.wait(1)
    poll.drop()
    scene.wait(1)
    assert scene.reports() == [PREMATURE]


# -- a host that says what was delivered -------------------------------------------------------------------------------


class Traced(WireMessage):
    """A message that can be watched."""

    __slots__ = ("__weakref__",)


class Delivery:
    """A message that went out with a poll, and whether somebody still keeps it."""

    def __init__(self, scene: Scene, client: WireClient) -> None:
        poll = client.poll(hold=True)
        message = Traced(("4" + "x" * 1000,))
        self.scene = scene
        self.poll: Poll = poll.carrier
        self._sizes: list[int] = []
        scene.session(client).put(message)
        assert poll.response is not None
        poll.arrive()
        finalize(message, self._sizes.append, 1)

    def is_kept(self) -> bool:
        return not self._sizes

    def tell(self) -> None:
        self.scene.engine.poll_delivered(self.poll, self.scene.now)


def test_what_was_delivered_is_kept_no_longer() -> None:
    scene = Scene()
    client = scene.client()
    delivery = Delivery(scene, client)
    assert delivery.is_kept()
    delivery.tell()
    assert not delivery.is_kept()
    delivery.tell()
    scene.session(client).send("next", scene.now)
    assert client.fetch() == ["x" * 1000, "next"]
    scene.check()


def test_what_was_delivered_does_not_come_again() -> None:
    """Even if a host takes its word back: the poll is gone, and there is nothing to bring back."""
    scene = Scene()
    client = scene.client()
    delivery = Delivery(scene, client)
    delivery.tell()
    scene.engine.lost(delivery.poll, scene.now)
    scene.session(client).send("next", scene.now)
    assert client.fetch() == ["x" * 1000, "next"]
    assert scene.reports() == []


def test_a_host_that_says_nothing_keeps_them_until_the_next_poll_is_answered() -> None:
    scene = Scene()
    client = scene.client()
    first = Delivery(scene, client)
    second = Delivery(scene, client)
    del first.poll  # as a host does, once it has written the response
    gc.collect()
    assert (first.is_kept(), second.is_kept()) == (False, True)


def test_a_delivery_that_is_told_late_concerns_no_later_poll() -> None:
    scene = Scene()
    client = scene.client()
    first = Delivery(scene, client)
    lost = client.poll(hold=True)
    scene.session(client).send("again", scene.now)
    assert lost.response is not None
    first.tell()
    lost.drop()
    assert client.fetch() == ["x" * 1000, "again"]


def test_a_poll_that_waits_was_not_delivered() -> None:
    scene = Scene()
    client = scene.client()
    poll = client.poll()
    with pytest.raises(LocalProtocolError, match="poll has no response yet"):
        scene.engine.poll_delivered(poll.carrier, scene.now)


def test_a_delivery_is_nothing_to_a_session_that_is_over() -> None:
    scene = Scene()
    client = scene.client()
    delivery = Delivery(scene, client)
    scene.session(client).abort(scene.now)
    delivery.tell()
    assert not delivery.is_kept()
    scene.reports()
    scene.check_empty()


# -- POST --------------------------------------------------------------------------------------------------------------


def test_a_post_that_is_finished_twice_is_processed_once() -> None:
    scene = Scene()
    client = scene.client()
    first = client.begin_post()
    first.feed(b"4a")
    assert (first.finish().status, first.finish().status) == (200, 400)
    second = client.begin_post()
    second.feed(b"4b")
    assert (first.finish().status, second.finish().status) == (400, 200)
    assert scene.reports() == ["a", "b"]
    scene.check()


def test_a_response_that_is_lost_behind_the_end_comes_back_to_nobody() -> None:
    scene = Scene()
    client = scene.client()
    session, post = scene.session(client), client.begin_post()
    post.feed(b"4half")
    poll = client.poll()
    session.send("a", scene.now)
    assert parts(poll.response)[2] == b"4a"
    assert session.polling.held_bytes == len(b"4half") + len(b"4a")
    session.abort(scene.now)
    poll.drop()
    assert (session.buffered_bytes, session.polling.unconfirmed, session.polling.held_bytes) == (0, (), 0)
    assert scene.reports() == ["<closed: forced close>"]
