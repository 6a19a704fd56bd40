"""Commands that somebody waits for, on a Redis by hand."""

from __future__ import annotations

import pytest

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.calling import Call, CallLine
from socketio_core.cluster.link import ClusterUnavailable
from tests.cluster.redis import commands_in
from tests.cluster.streams import GREETED


class Rig:
    """A line, and its host."""

    def __init__(self, url: str = "redis://h", timeout_s: float = 3.0) -> None:
        self.line = CallLine(parse_redis_url(url), timeout_s, None)
        self.now = 10.0
        self.is_woken = False
        self.ended: list[str] = []
        self.line.wake = self._wake

    def _wake(self) -> None:
        self.is_woken = True

    def call(self, name: str) -> Call:
        return self.line.call((name,), self.now, lambda: self.ended.append(name))

    def said(self) -> list[str]:
        return commands_in(self.line.data_to_send(self.now))

    def up(self) -> Rig:
        """Dial, and greet."""
        self.line.dialing(self.now)
        self.line.connected(self.now)
        self.said()
        self.line.receive(GREETED, self.now)
        return self


def test_a_connection_is_dialed_for_when_there_is_something_to_send() -> None:
    rig = Rig()
    line = rig.line
    assert (line.dial_at, line.next_deadline, line.wants_connection, line.is_over) == (None, None, False, False)
    call = rig.call("A")
    assert (line.dial_at, rig.is_woken, line.next_deadline) == (0.0, True, 13.0)
    rig.is_woken = False
    rig.up()
    assert (line.dial_at, rig.is_woken) == (None, True)
    assert rig.said() == ["A"]
    assert not call.is_over
    line.receive(b":1\r\n", rig.now)
    assert (call.is_over, call.error, rig.ended) == (True, None, ["A"])
    assert (line.wants_connection, repr(line)) == (True, "<CallLine <Link redis://h:6379, up>>")


def test_calls_share_a_connection_and_each_gets_its_reply() -> None:
    rig = Rig()
    first, second = rig.call("A"), rig.call("B")
    rig.up()
    third = rig.call("C")
    assert rig.said() == ["A", "B", "C"]
    rig.line.receive(b":1\r\n-READONLY no\r\n:1\r\n", rig.now)
    assert rig.ended == ["A", "B", "C"]
    assert (first.error, third.error) == (None, None)
    assert str(second.error).startswith("redis://h:6379: this is a replica")


def test_all_that_wait_are_told_when_there_is_no_connection_and_the_next_call_tries_again() -> None:
    rig = Rig()
    calls = [rig.call("A"), rig.call("B")]
    rig.line.dialing(rig.now)
    rig.line.refused("Connection refused", rig.now)
    assert [str(call.error) for call in calls] == ["redis://h:6379: cannot connect: Connection refused"] * 2
    assert (rig.line.dial_at, rig.line.next_deadline) == (None, None)
    call = rig.call("C")
    assert rig.line.dial_at == 0.0
    rig.up()
    assert rig.said() == ["C"]
    rig.line.receive(b":1\r\n", rig.now)
    assert call.error is None


def test_what_was_sent_is_not_sent_again_when_the_connection_is_lost() -> None:
    rig = Rig()
    rig.up()
    call = rig.call("A")
    assert rig.said() == ["A"]
    rig.line.lost("Connection reset by peer", rig.now)
    assert str(call.error) == "redis://h:6379: the connection was lost: Connection reset by peer"
    assert not rig.line.wants_connection
    rig.call("B")
    rig.up()
    assert rig.said() == ["B"]


def test_one_that_is_not_answered_takes_the_connection_with_it() -> None:
    rig = Rig()
    rig.up()
    call = rig.call("A")
    rig.now += 1
    other = rig.call("B")
    rig.now += 2
    assert rig.line.next_deadline == rig.now
    rig.line.handle_timeout(rig.now)
    assert str(call.error) == "redis://h:6379: no answer in 3 s"
    assert str(other.error) == "redis://h:6379: the connection was lost: no answer in 3 s"
    assert rig.ended == ["A", "B"]
    assert not rig.line.wants_connection


def test_one_that_waits_for_a_connection_has_its_time_too() -> None:
    rig = Rig(timeout_s=0.5)
    call = rig.call("A")
    rig.line.dialing(rig.now)
    rig.line.handle_timeout(10.4)
    assert not call.is_over
    rig.line.handle_timeout(10.5)
    assert str(call.error) == "redis://h:6379: no answer in 0.5 s"
    rig.line.connected(11.0)
    rig.line.receive(GREETED, 11.0)
    assert "A" not in rig.said()


def test_nobody_waits_for_one_that_is_forgotten() -> None:
    rig = Rig()
    rig.line.forget(rig.call("A"))
    assert (rig.line.dial_at, rig.line.next_deadline) == (None, None)
    rig.up()
    rig.line.forget(rig.call("B"))
    assert rig.said() == ["B"]
    rig.line.receive(b":1\r\n", rig.now)
    assert rig.ended == []


def test_an_idle_connection_is_looked_at() -> None:
    rig = Rig()
    rig.up()
    assert rig.line.next_deadline == 15.0
    rig.line.handle_timeout(15.0)
    assert rig.said() == ["PING"]
    rig.line.receive(b"-ERR not now\r\n", 15.0)  # it is there
    assert rig.line.next_deadline == 20.0
    rig.line.handle_timeout(20.0)
    rig.line.handle_timeout(25.0)
    assert not rig.line.wants_connection


def test_the_end_is_told_to_all() -> None:
    rig = Rig()
    call = rig.call("A")
    rig.is_woken = False
    rig.line.close(rig.now)
    assert str(call.error) == "redis://h:6379: closed"
    assert (rig.line.is_over, rig.is_woken) == (True, True)
    with pytest.raises(ClusterUnavailable, match="closed"):
        rig.call("B")


@pytest.mark.parametrize(
    ("url", "context", "expected"),
    [
        ("redis://h:1", None, ("h", 1, None, None)),
        ("rediss://h", None, ("h", 6379, None, True)),
        ("rediss://h", "c", ("h", 6379, None, "c")),
        ("unix:///s", None, ("", 6379, "/s", None)),
    ],
)
def test_where_to_dial(url: str, context: object, expected: tuple[object, ...]) -> None:
    line = CallLine(parse_redis_url(url), 2.0, context)
    assert (line.host, line.port, line.unix_path, line.ssl_context) == expected
    line.wake()
