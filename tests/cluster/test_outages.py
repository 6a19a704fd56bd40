"""Servers whose Redis is not there, dies, comes back or talks nonsense: each goes on by itself."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from socketio_core.app import AckTimeout
from socketio_core.app.log import Log
from socketio_core.cluster.adapter import START_S, RedisAdapter
from socketio_core.cluster.link import ClusterUnavailable
from socketio_core.cluster.machine import ClusterTimeout
from socketio_core.cluster.membership import LAST_WORDS_S
from socketio_core.cluster.messages import Audience, Broadcast
from socketio_core.cluster.modern import encode, to_entry
from socketio_core.cluster.values import to_msgpack
from tests.app.rig import AppRig, returning
from tests.cluster.bus import nested
from tests.cluster.joined import KINDS, Diary, Joined, heard, reply

GONE = "redis://bus:6379: the connection was lost: it died"
REFUSED = "redis://bus:6379: cannot connect: Connection refused"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cluster(rig: AppRig) -> Any:
    return rig.io.statistics().cluster


# -- the start ---------------------------------------------------------------------------------------------------------


def test_a_server_begins_when_it_has_found_the_others() -> None:
    joined = Joined()
    assert [task.is_done for task in joined.openings] == [True, True]
    assert [task.error for task in joined.openings] == [None, None]


def test_a_redis_that_comes_in_time_is_waited_for() -> None:
    joined = Joined(is_up=False)
    joined.wait(2)
    assert [task.is_done for task in joined.openings] == [False, False]
    joined.come_back()
    assert [(task.is_done, task.error) for task in joined.openings] == [(True, None)] * 2
    joined.wait(START_S)
    assert cluster(joined.rigs[0])["state"] == "up"


def test_a_server_that_finds_nobody_fails_and_says_why() -> None:
    joined = Joined(size=1, is_up=False)
    joined.wait(START_S)
    (opening,) = joined.openings
    assert isinstance(opening.error, ClusterUnavailable)
    why = f"the other servers cannot be reached: {REFUSED} (with start_degraded=True it would serve without them)"
    assert str(opening.error) == why
    joined.rigs[0].host.adapter.close()
    assert all(line.is_over for line in joined.lines)


@pytest.mark.parametrize("may_fail", [True, False])
def test_one_that_may_begin_without_them_says_once_that_it_does(*, may_fail: bool) -> None:
    diary = Diary()
    joined = Joined(size=1, is_up=False, start_degraded=may_fail, may_fail=may_fail)
    joined.io.observe(diary)
    assert joined.openings[0].is_done
    client, socket = joined.rigs[0].connect()
    joined.result_of(joined.io.emit("x"))
    assert heard(client) == ['2["x"]']
    joined.wait(3 * START_S)
    assert diary.told == [("down", REFUSED, False)]
    joined.come_back()
    assert diary.told[1:] == [("up", "", False)]
    assert socket.connected


def test_before_it_is_served_nobody_is_told_and_nobody_can_be_asked() -> None:
    rig = AppRig(adapter=RedisAdapter("redis://bus"))
    rig.result_of(rig.io.emit("x"))
    with pytest.raises(ClusterUnavailable, match="this one is not served"):
        rig.result_of(rig.io.fetch_sockets())
    assert cluster(rig)["waiting"] == 0


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"url": "http://x"}, "must look like"),
        ({"url": 5}, "must be a string"),
        ({"mode": "x", "sharded": True}, "mode must be"),
        ({"prefix": 5}, "prefix must be"),
    ],
)
def test_nonsense_is_refused_at_once(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=complaint):
        RedisAdapter(given.pop("url", "redis://bus"), **given)


def test_an_adapter_shows_no_password() -> None:
    assert repr(RedisAdapter("redis://:secret@bus")) == "<RedisAdapter redis://bus:6379>"


# -- in the middle -----------------------------------------------------------------------------------------------------


def test_nothing_of_this_server_is_lost_while_the_others_are_gone(kind: str) -> None:
    joined = Joined(kind)
    (client, socket), _ = joined.clients()
    joined.go_down()
    joined.result_of(joined.io.emit("x"))
    assert heard(client) == ['2["x"]']
    joined.result_of(joined.io.sockets_join("a"))
    assert "a" in socket.rooms
    joined.result_of(joined.io.sockets_leave("a"))
    assert "a" not in socket.rooms
    assert [each.id for each in joined.result_of(joined.io.local.fetch_sockets())] == [socket.id]
    task = joined.start(joined.io.local.call("q"))
    reply(client, "1")
    joined.run()
    assert task.result == [1]
    joined.result_of(joined.io.disconnect_sockets())
    assert not socket.connected


def test_who_asks_the_others_is_told_at_once_with_what_is_known_here(kind: str) -> None:
    joined = Joined(kind)
    (client, socket), _ = joined.clients()
    far = next(each for each in joined.result_of(joined.io.fetch_sockets()) if each.id != socket.id)
    joined.go_down()
    with pytest.raises(ClusterUnavailable):
        joined.result_of(far.call("q"))
    with pytest.raises(ClusterUnavailable, match="cannot be asked: redis://bus:6379: ") as failed:
        joined.result_of(joined.io.fetch_sockets())
    assert [each.id for each in failed.value.partial] == [socket.id]
    with pytest.raises(ClusterUnavailable) as failed:
        joined.result_of(joined.io.all_rooms())
    assert failed.value.partial == {socket.id}
    with pytest.raises(ClusterUnavailable) as failed:
        joined.result_of(joined.io.server_side_emit_with_ack("x"))
    assert failed.value.partial == []
    task = joined.start(joined.io.call("q"))
    reply(client, "1")
    joined.run()
    assert isinstance(task.error, ClusterUnavailable)
    assert task.error.partial == [1]


def test_questions_end_when_the_redis_dies_in_the_middle(kind: str) -> None:
    joined = Joined(kind)
    gate = joined.runtime.new_event()
    (here, socket), (there, _) = joined.clients()
    joined.rigs[1].connect()

    @joined.rigs[1].io.on_server_side("x")
    async def handle() -> None:
        await gate.wait()

    asked = [joined.start(joined.io.server_side_emit_with_ack("x")), joined.start(joined.io.call("q"))]
    reply(there, "1")
    joined.run()
    joined.go_down()
    reply(here, "2")
    joined.run()
    assert [type(task.error) for task in asked] == [ClusterUnavailable] * 2
    assert [str(task.error) for task in asked] == ["the other servers are gone: the connection was lost: it died"] * 2
    error = asked[1].error
    assert isinstance(error, ClusterUnavailable)
    assert error.partial == [1, 2]
    assert socket.connected


def test_what_was_told_meanwhile_is_heard_later_in_order(kind: str) -> None:
    joined = Joined(kind)
    (_, _), (there, _) = joined.clients()
    for outage in range(3):
        joined.go_down()
        for number in range(3):
            joined.result_of(joined.io.emit("x", outage, number))
        joined.result_of(joined.io.volatile.emit("dropped"))
        assert cluster(joined.rigs[0])["waiting"] == 3
        joined.come_back()
        joined.result_of(joined.io.emit("x", outage, "up"))
        got = heard(there)
        assert got[-1] == f'2["x",{outage},"up"]'  # who is back first may tell before the other one listens
        told = [f'2["x",{outage},{number}]' for number in range(3)]
        assert got[:-1] in ([told] if "streams" in kind else [[], told])
    assert joined.logged() == []
    assert cluster(joined.rigs[1])["gaps"] == (0 if "streams" in kind else 3)


def test_how_it_stands_is_told_once_for_each_change(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    joined = Joined(kind, is_up=False)
    diary = Diary()
    joined.io.observe(diary)
    joined.io.observe(Log(logging.getLogger("cluster"), lambda: 0.0))
    caplog.set_level(logging.INFO)
    joined.come_back()
    joined.go_down()
    joined.wait(5)
    joined.come_back()
    is_gap = "streams" not in kind
    assert diary.told == [("up", "", False), ("down", GONE, False), ("up", "", is_gap)]
    assert [record.getMessage() for record in caplog.records] == [
        "the other servers can be reached",
        f"the other servers cannot be reached, clients of this one are served: {GONE}",
        "the other servers can be reached" + "; what they said meanwhile was missed" * is_gap,
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]


def test_who_does_not_answer_is_waited_for_so_long_and_the_rest_is_told(kind: str) -> None:
    joined = Joined(kind, 3, timeout_s=2.0)
    pairs = joined.clients()
    deaf(joined, 2)
    asked = [joined.start(joined.io.fetch_sockets()), joined.start(joined.io.timeout(2).call("q"))]
    for client, _ in pairs[:2]:
        reply(client, "1")
    joined.run()
    asked.append(joined.start(joined.io.server_side_emit_with_ack("x", timeout=2)))
    joined.wait(1.9, step=2)
    assert not any(task.is_done for task in asked)
    joined.wait(0.25)
    fetched, called, told = (task.error for task in asked)
    assert isinstance(fetched, ClusterTimeout)
    assert str(fetched) == "1 of 2 other servers have answered in time"
    assert [each.id for each in fetched.partial] == [socket.id for _, socket in pairs[:2]]
    assert isinstance(called, AckTimeout)
    assert (str(called), called.responses) == ("1 of 3 acks did not come", [1, 1])
    assert isinstance(told, AckTimeout)
    assert str(told) == "2 of 2 acks did not come"


def deaf(joined: Joined, number: int) -> None:
    """Let a server hear nothing any more, though the Redis believes that it does."""
    each = len(joined.lines) // len(joined.rigs)
    for line in joined.lines[each * number : each * (number + 1)]:
        joined.hung.add(line)


def test_a_redis_that_answers_nothing_holds_up_nobody_here(kind: str) -> None:
    joined = Joined(kind)
    (client, socket), _ = joined.clients()
    joined.hung.update(joined.lines)
    task = joined.start(joined.io.timeout(1).call("q"))
    fetching = joined.start(joined.io.fetch_sockets())
    reply(client, "1")
    for number in range(100):
        joined.result_of(joined.io.emit("x", number))
    assert len(heard(client)) == 100
    joined.wait(1)
    assert isinstance(task.error, AckTimeout)
    assert (str(task.error), task.error.responses) == ("1 of 2 acks did not come", [1])
    joined.wait(5)
    assert isinstance(fetching.error, ClusterTimeout)
    assert str(fetching.error) == "the Redis has not answered in time"
    assert [each.id for each in fetching.error.partial] == [socket.id]
    joined.wait(10)
    assert cluster(joined.rigs[0])["state"] == "down"
    assert socket.connected
    joined.hung.clear()
    joined.come_back()
    assert cluster(joined.rigs[0])["state"] == "up"


# -- nonsense ----------------------------------------------------------------------------------------------------------

ALL = Audience([], [], {})


def publish(joined: Joined, kind: str, message: Any) -> None:
    """Let somebody tell all servers something."""
    if kind == "classic":
        packet: dict[str, Any] = {"type": 2, "data": message.args, "nsp": message.nsp}
        event: list[Any] = [message.uid, packet, {"rooms": []}]
        joined.bus.publish("PUBLISH", b"socket.io#/#", to_msgpack(event))
    elif "streams" in kind:
        joined.bus.add(b"socket.io" if kind == "streams" else b"socket.io-2", to_entry(message), joined.now)
    else:
        joined.bus.publish("SPUBLISH", b"socket.io#/#", encode(message))
    joined.run()


def test_what_makes_no_sense_is_counted_and_told_once(kind: str) -> None:
    joined = Joined(kind)
    (client, _), _ = joined.clients()
    deep = nested(251)
    for args in (["connect"], ["x", {"a": deep}], ["x", deep, deep]):
        publish(joined, kind, Broadcast("other", "/", args, ALL))
    joined.bus.publish("PUBLISH", b"socket.io#/#", b"\xc1")
    joined.bus.publish("SPUBLISH", b"socket.io#/#", b"\xc1")
    joined.run()
    publish(joined, kind, Broadcast("other", "/", ["x", 1], ALL))
    assert heard(client)[-1] == '2["x",1]'
    assert cluster(joined.rigs[0])["malformed"] >= 2
    assert [text[:60] for text in joined.logged()] == [
        "a message of another server could not be understood, and oth"
    ] * 2


def test_a_message_of_too_many_values_is_not_read_and_the_next_one_is(kind: str) -> None:
    joined = Joined(kind, max_message_values=1000)
    (client, _), _ = joined.clients()
    many: list[Any] = [[[] for _ in range(1000)], list(range(1000)), {str(key): key for key in range(1000)}]
    for args in (["x", each] for each in many):
        publish(joined, kind, Broadcast("other", "/", args, ALL))
    publish(joined, kind, Broadcast("other", "/", ["x", b"", [0] * 1000], ALL))
    publish(joined, kind, Broadcast("other", "/", ["x", list(range(900))], ALL))
    assert [message[:11] for message in heard(client)] == ['2["x",[0,1,']
    assert cluster(joined.rigs[0])["malformed"] == 4
    assert joined.logged()[0].endswith(": too many values in a message, max_message_values: 1000")


def test_dates_of_others_come_to_clients_as_text(kind: str) -> None:
    joined = Joined(kind)
    (client, _), _ = joined.clients()
    moment = datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC)
    publish(joined, kind, Broadcast("other", "/", ["x", {"at": moment}, b"1"], ALL))
    assert heard(client)[0] == '51-["x",{"at":"2024-01-02T03:04:05.678Z"},{"_placeholder":true,"num":0}]'


def test_questions_that_make_no_sense_are_answered(kind: str) -> None:
    joined = Joined(kind)
    joined.clients()
    reserved = Broadcast("other", "/", ["connect"], ALL, "request")
    if kind == "classic":
        fields: dict[str, Any] = {"uid": "other", "requestId": "1", "type": 7, "opts": {"rooms": []}}
        fields["packet"] = {"data": ["connect"]}
        joined.bus.publish("PUBLISH", b"socket.io-request#/#", to_msgpack(fields))
    else:
        joined.bus.publish("SPUBLISH", b"socket.io#/#", encode(reserved))
        joined.bus.publish("PUBLISH", b"socket.io#/#", encode(reserved))
    joined.run()
    assert cluster(joined.rigs[0])["malformed"] == 1


@pytest.mark.parametrize("timeout", ["x", -1, float("nan"), None, True])
def test_a_time_that_is_none_is_the_usual(timeout: Any) -> None:
    joined = Joined("sharded")
    (client, _), _ = joined.clients()
    audience = Audience([], [], {"timeout": timeout})
    joined.bus.publish("SPUBLISH", b"socket.io#/#", encode(Broadcast("other", "/", ["q"], audience, "1")))
    joined.run()
    assert len(heard(client)) == 1


# -- the end -----------------------------------------------------------------------------------------------------------


def test_what_was_said_last_is_heard(kind: str) -> None:
    joined = Joined(kind)
    (_, _), (there, _) = joined.clients()
    for number in range(100):
        joined.io.emit_nowait("x", number, "y" * 10_000)
    joined.rigs[0].host.adapter.close()
    assert not joined.lines[0].is_over
    joined.run()
    assert len(heard(there)) == 100
    each = len(joined.lines) // 2
    assert [line.is_over for line in joined.lines] == [True] * each + [False] * each
    assert joined.result_of(joined.rigs[1].io.server_side_emit_with_ack("x")) == []


def test_who_waits_at_the_end_is_told(kind: str) -> None:
    joined = Joined(kind)
    joined.rigs[1].io.on_server_side("x")(returning(None))
    joined.hung.update(joined.lines)
    task = joined.start(joined.io.server_side_emit_with_ack("x"))
    joined.rigs[0].host.adapter.close()
    joined.run()
    assert str(task.error) == "this server is shutting down"


def test_a_redis_that_answers_nothing_does_not_hold_up_the_end(kind: str) -> None:
    joined = Joined(kind)
    joined.hung.update(joined.lines)
    joined.io.emit_nowait("x")
    joined.rigs[0].host.adapter.close()
    joined.run()
    assert not joined.lines[0].is_over
    joined.wait(LAST_WORDS_S)
    assert [line.is_over for line in joined.lines[:2]] == [True, True]


def test_one_that_dies_does_not_either_and_nobody_is_told(kind: str) -> None:
    joined = Joined(kind)
    diary = Diary()
    joined.io.observe(diary)
    joined.hung.update(joined.lines)
    joined.io.emit_nowait("x")
    joined.rigs[0].host.adapter.close()
    joined.go_down()
    assert [line.is_over for line in joined.lines[:2]] == [True, True]
    assert diary.told == []


def test_what_others_say_at_the_end_is_not_heard_any_more() -> None:
    joined = Joined()
    (_, socket), _ = joined.clients()
    joined.hung.add(joined.lines[0])
    joined.io.emit_nowait("x")
    joined.rigs[0].host.adapter.close()
    joined.result_of(joined.rigs[1].io.sockets_join("late"))
    assert "late" not in socket.rooms
