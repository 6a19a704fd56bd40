"""A connection to a Redis that comes back by itself, driven by hand: bytes, and the time."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Final

import hiredis
import pytest

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import (
    FIRST_RETRY_S,
    LAST_RETRY_S,
    MAX_REPLY_BYTES,
    PROGRESS_BYTES,
    WATCH_S,
    ClusterUnavailable,
    Command,
    Link,
    LinkDown,
    LinkUp,
    Refused,
    Replied,
    Returned,
)
from socketio_core.cluster.replies import UNFINISHED, Heard, Kind, Replies
from tests.cluster.links import OK, OLD, OPTIONAL, PONG, Rig, array, down, pushed
from tests.cluster.streams import GREETED, NAMED, bulk
from tests.effort import examples

# -- greeting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "greeting"),
    [
        ("redis://h", []),
        ("redis://:pw@h", ["AUTH pw"]),
        ("redis://me:pw@h/2", ["AUTH me pw", "SELECT 2"]),
        ("redis://h/3", ["SELECT 3"]),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_says_who_it_is_and_is_up_when_the_pong_has_come(url: str, greeting: list[str], *, listens: bool) -> None:
    rig = Rig(url, listens=listens)
    assert (rig.link.dial_at, rig.link.wants_connection) == (0.0, False)
    rig.dial()
    assert (rig.link.dial_at, rig.link.wants_connection) == (None, True)
    assert rig.said() == [*greeting, *OPTIONAL, "PING"]
    assert rig.hear(OK * len(greeting) + NAMED) == []
    assert not rig.link.is_up
    assert rig.hear(PONG) == [LinkUp(rig.link)]
    assert repr(rig.link) == "<Link redis://h:6379, up>"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("WRONGPASS no", "user or password in the URL are wrong (WRONGPASS no)"),
        ("NOAUTH no", "it wants a password: redis://:password@host (NOAUTH no)"),
        ("ERR oh", "ERR oh"),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_a_greeting_that_fails_says_what_to_do(error: str, hint: str, *, listens: bool) -> None:
    rig = Rig("redis://:pw@h", listens=listens).dial()
    assert rig.hear(f"-{error}\r\n".encode()) == [down(rig, hint, was_up=False)]
    assert rig.link.reason == hint
    assert not rig.link.wants_connection
    assert rig.hear(PONG) == []


@pytest.mark.parametrize(
    "said",
    [
        OLD,
        b"-NOPROTO unsupported protocol version\r\n" + OK,
        b"*2\r\n$5\r\nproto\r\n:2\r\n" + OK,  # it does as if it had understood
        b"-NOPERM no\r\n" * 2,
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_one_that_knows_less_or_allows_less_may_do_the_rest(said: bytes, *, listens: bool) -> None:
    rig = Rig(listens=listens).dial()
    assert rig.hear(said + PONG) == [LinkUp(rig.link)]
    assert rig.said()[-1] == "PING"


def test_dialing_has_its_time_too() -> None:
    rig = Rig()
    rig.link.dialing(rig.now, 2.0)
    assert (rig.link.wants_connection, rig.link.next_deadline) == (True, rig.now + 2.0)
    assert rig.pass_time(1.9) == []
    assert rig.pass_time(0.1) == [down(rig, "no answer in 2 s", was_up=False)]
    assert (rig.link.wants_connection, rig.link.next_deadline) == (False, None)


def test_what_comes_of_dialing_that_was_given_up_counts_no_more() -> None:
    rig = Rig()
    rig.link.dialing(rig.now)
    rig.link.lost("too late", rig.now)
    rig.link.connected(rig.now)
    rig.link.refused("late", rig.now)
    assert rig.link.take_events() == [down(rig, "cannot connect: too late", was_up=False)]
    assert (rig.said(), rig.link.wants_connection) == ([], False)
    rig.link.close(rig.now)
    rig.link.connected(rig.now)
    assert rig.link.is_closed


def test_a_greeting_has_five_seconds() -> None:
    rig = Rig().dial()
    assert rig.link.next_deadline == rig.now + 5.0
    assert rig.pass_time(4.9) == []
    assert rig.pass_time(0.1) == [down(rig, "no answer in 5 s", was_up=False)]
    assert rig.link.next_deadline is None


@pytest.mark.parametrize("listens", [True, False])
def test_a_redis_that_cannot_save_has_answered_a_ping(*, listens: bool) -> None:
    rig = Rig(listens=listens).dial()
    assert rig.hear(NAMED + b"-MISCONF no\r\n") == [LinkUp(rig.link)]


# -- where nothing is taken --------------------------------------------------------------------------------------------

TRIAL: Command = ("XADD", "s", "0-0", "", "")


WRONG_ID = b"-ERR The ID specified in XADD must be greater than 0-0\r\n"


READONLY = b"-READONLY no\r\n"


REPLICA = (
    "this is a replica, and takes no writes: give the URL of its primary; "
    "behind Sentinel, a name or address that follows the primary (READONLY no)"
)


def refused(rig: Rig, *, was_up: bool) -> LinkDown:
    return LinkDown(rig.link, REPLICA, was_up, was_refused=True)


def test_it_is_up_where_a_trial_fails_as_it_must() -> None:
    rig = Rig(trial=TRIAL).dial()
    assert rig.said() == [*OPTIONAL, "XADD s 0-0  ", "PING"]
    assert rig.hear(NAMED + WRONG_ID + PONG) == [LinkUp(rig.link)]


def test_it_does_not_come_up_where_nothing_is_taken_and_tries_again_later() -> None:
    rig = Rig(trial=TRIAL).dial()
    assert rig.hear(NAMED + READONLY + PONG) == [refused(rig, was_up=False)]
    assert not rig.link.wants_connection
    assert rig.link.dial_at == rig.now + LAST_RETRY_S
    rig.link.refuse("once more", rig.now)
    assert rig.link.take_events() == []


def test_what_is_not_taken_any_more_is_given_back_and_all_behind_it() -> None:
    rig = Rig(trial=TRIAL)
    rig.dial().hear(NAMED + WRONG_ID + PONG)
    for number in range(3):
        rig.link.send("XADD", number)
    rig.link.send("GET", "k", token=1)
    rig.link.send("XADD", 3)
    assert rig.hear(b"+1-1\r\n" + READONLY) == [
        refused(rig, was_up=True),
        Replied(1, None, REPLICA),
        Returned([("XADD", 1), ("XADD", 2), ("XADD", 3)]),
    ]


def test_a_watching_ping_may_find_that_nothing_is_taken() -> None:
    rig = Rig(trial=TRIAL)
    rig.dial().hear(NAMED + WRONG_ID + PONG)
    assert rig.pass_time(WATCH_S) == []
    (event,) = rig.hear(b"-MISCONF no\r\n")
    assert (event.was_refused, event.reason[:25]) == (True, "it cannot save its data, ")


def test_what_is_refused_for_another_reason_or_is_only_passed_on_does_not_end_it() -> None:
    for error, rig in ((b"-NOPERM no\r\n", Rig(trial=TRIAL)), (READONLY, Rig())):
        rig.dial().hear(NAMED + (PONG if error is READONLY else WRONG_ID + PONG))
        rig.link.send("XADD", 1)
        (event,) = rig.hear(error)
        assert isinstance(event, Refused)
        assert rig.link.is_up
        rig.pass_time(WATCH_S)
        assert rig.hear(b"-NOPERM no\r\n") == []


# -- again and again ---------------------------------------------------------------------------------------------------


def test_it_tries_again_at_once_then_less_and_less_often() -> None:
    rig = Rig()
    waits: list[float] = []
    for _ in range(12):
        rig.link.dialing(rig.now)
        rig.link.refused("Connection refused", rig.now)
        assert rig.link.take_events() == [down(rig, "cannot connect: Connection refused", was_up=False)]
        assert rig.link.dial_at is not None
        waits.append(round(rig.link.dial_at - rig.now, 3))
    assert waits[:7] == [FIRST_RETRY_S * 2**n for n in range(6)] + [LAST_RETRY_S]
    assert set(waits[7:]) == {LAST_RETRY_S}
    rig.up()
    rig.link.lost("reset", rig.now)
    assert rig.link.take_events() == [down(rig, "the connection was lost: reset", was_up=True)]
    assert rig.link.dial_at == pytest.approx(rig.now + FIRST_RETRY_S)


def test_retries_of_many_are_not_at_the_same_time() -> None:
    link = Link(parse_redis_url("redis://h"), lambda: 0.0)
    link.dialing(10.0)
    link.refused("no", 10.0)
    assert link.dial_at == 10.0 + FIRST_RETRY_S / 2


def test_what_is_to_be_heard_is_asked_for_again() -> None:
    rig = Rig(listens=True)
    rig.link.subscribe(Kind.PATTERN, ["a*"])
    rig.link.subscribe(Kind.PLAIN, ["b", "c"])
    rig.link.subscribe(Kind.PLAIN, ["b"])
    wanted = [*OPTIONAL, "SUBSCRIBE b c", "PSUBSCRIBE a*", "PING"]
    confirmed = array(b"subscribe", b"b", b"1")
    new = NAMED + pushed(confirmed) * 3 + PONG
    for answer in (OLD + confirmed * 3 + array(b"pong", b""), new):
        rig.dial()
        assert rig.said() == wanted
        assert rig.hear(answer) == [LinkUp(rig.link)]
        assert rig.hear(b"") == [down(rig, "the connection was closed", was_up=True)]


def test_subscriptions_change_while_it_is_up() -> None:
    rig = Rig(listens=True).up()
    rig.link.subscribe(Kind.SHARD, ["a", "b"])
    rig.link.subscribe(Kind.SHARD, ["a"])
    rig.link.unsubscribe(Kind.SHARD, ["b", "c"])
    rig.link.unsubscribe(Kind.PLAIN, ["a"])
    assert rig.said() == ["SSUBSCRIBE a b", "SUNSUBSCRIBE b"]


def test_what_may_not_be_heard_ends_the_connection_with_the_reason() -> None:
    rig = Rig(listens=True).up()
    rig.link.subscribe(Kind.SHARD, ["a"])
    (event,) = rig.hear(b"-MOVED 1 h:1\r\n")
    assert event.reason.startswith("this is a Redis Cluster")


# -- messages and replies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_resp3", [True, False])
def test_messages_are_heard_however_they_were_subscribed_to(*, is_resp3: bool) -> None:
    rig = Rig(listens=True).up()
    said = [
        array(b"message", b"a", b"xy"),
        array(b"pmessage", b"a*", b"ab", b"z"),
        array(b"smessage", b"s", b""),
    ]
    stream = b"".join(map(pushed, said) if is_resp3 else said)
    heard = [Heard(b"a", b"xy"), Heard(b"ab", b"z", b"a*"), Heard(b"s", b"")]
    assert rig.hear(stream) == heard
    assert [event for at in range(len(stream)) for event in rig.hear(stream[at : at + 1])] == heard


@pytest.mark.parametrize("listens", [True, False])
def test_what_is_pushed_to_nobody_is_no_reply(*, listens: bool) -> None:
    rig = Rig(listens=listens).dial()
    for said in (array(b"invalidate", b"k"), b"*0\r\n", b"*1\r\n*0\r\n", array(b"unsubscribe", b"a", b"0")):
        assert rig.hear(pushed(said)) == []
    assert rig.hear(GREETED) == [LinkUp(rig.link)]


def test_a_list_that_looks_like_a_message_is_a_reply_to_who_asks() -> None:
    rig = Rig().up()
    rig.link.send("LRANGE", "k", 0, -1, token=1)
    assert rig.hear(array(b"message", b"a", b"b")) == [Replied(1, [b"message", b"a", b"b"])]


def test_nothing_at_all_is_a_reply_too() -> None:
    """The word for no in RESP3, and the two for nothing."""
    rig = Rig().up()
    for number in range(3):
        rig.link.send("GET", "k", token=number)
    assert rig.hear(b"#f\r\n_\r\n$-1\r\n") == [Replied(0, False), Replied(1, None), Replied(2, None)]  # noqa: FBT003


def test_replies_come_back_with_their_tokens_in_order() -> None:
    rig = Rig().up()
    rig.link.send("PUBLISH", "a", b"x", token=1)
    rig.link.send("PUBLISH", "a", b"y")
    rig.link.send("GET", "k", token=2)
    assert rig.link.backlog_bytes == len(rig.link.data_to_send()) > 0
    assert rig.link.backlog_bytes == 0
    assert rig.hear(b":3\r\n:0\r\n-ERR no\r\n") == [Replied(1, 3), Replied(2, None, "ERR no")]


def test_whoever_waits_for_a_reply_learns_that_it_will_not_come() -> None:
    rig = Rig().up()
    rig.link.send("GET", "k", token="a")
    rig.link.send("GET", "k")
    assert rig.hear(b"") == [
        down(rig, "the connection was closed", was_up=True),
        Replied("a", None, "the connection was closed"),
    ]


def test_nothing_is_sent_while_it_is_not_up() -> None:
    rig = Rig()
    with pytest.raises(ClusterUnavailable, match="redis://h:6379: not connected yet"):
        rig.link.send("GET", "k")
    rig.dial().said()
    with pytest.raises(ClusterUnavailable):
        rig.link.send("GET", "k")
    assert rig.said() == []


NO_REDIS: Final = (
    b"HTTP/1.1 400 Bad Request\r\n",
    b"*1000000000\r\n",  # a list that a loop would be busy with for seconds
    b"+OK\r\n*4294967295\r\n",  # and one that fits nowhere
    b"%1\r\n*0\r\n:1\r\n",  # a list as a key
)


@pytest.mark.parametrize("said", NO_REDIS)
@pytest.mark.parametrize("listens", [True, False])
def test_what_is_no_redis_is_left_alone(said: bytes, *, listens: bool) -> None:
    rig = Rig(listens=listens).dial()
    (event,) = rig.hear(said)
    assert event.reason.startswith("this is no Redis: ")


def test_what_looks_like_a_list_of_millions_in_a_message_is_text() -> None:
    rig = Rig(listens=True).up()
    rig.hear(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$12\r\n")
    assert rig.hear(b"*1000000000x\r\n") == [Heard(b"c", b"*1000000000x")]


HUGE: Final = ("*2147483647", "*1000000", "%9999999", "~1234567890", ">1000000", "|7777777")
BEFORE: Final = (
    b"",
    PONG,
    b"*2\r\n:1\r\n",
    b"*2\r\n*1\r\n",
    bulk(b"*9999999\r\n"),
    PONG + bulk(b"\r\n" * 4 + b"\r\n*9999999"),
)


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("head", HUGE)
def test_no_list_of_millions_is_begun_whatever_has_come_before(head: str, before: bytes) -> None:
    """hiredis makes room for all of it at once, and is busy for 9 s with the largest when it is forgotten."""
    said = before + head.encode() + b"\r\n"
    for cut in range(max(0, len(before) - 2), len(said)):
        rig = Rig().up()
        for token in range(5):
            rig.link.send("GET", "k", token=token)
        events = [*(rig.hear(said[:cut]) if cut else ()), *rig.hear(said[cut:])]
        assert not rig.link.is_up
        assert LinkDown(rig.link, "this is no Redis: a list of millions", was_up=True) in events


TEXTS: Final = (
    b"",
    b"*",
    b"*9999999",
    b"\r\n*9999999",
    b"\r\n*9999999\r\n>1234567\r\n" * 3,
    b"\r\n*\r",
    b"\r\n~999999",
    b"x\r\r\n%1",
)


def test_what_looks_like_one_in_texts_is_text_however_it_comes() -> None:
    """hiredis alone says what there is."""
    rng = random.Random(14)
    for _ in range(examples(500)):
        said = b"".join(
            rng.choice(
                (bulk(rng.choice(TEXTS)), array(*rng.choices(TEXTS, k=3)), b":1\r\n", b"*-1\r\n", b"*0\r\n", b"_\r\n")
            )
            for _ in range(6)
        )
        plain = hiredis.Reader()
        plain.feed(said)
        replies = Replies()
        taken: list[object] = []
        cuts = sorted(rng.choices(range(len(said)), k=rng.randrange(8)))
        for start, end in pairwise([0, *cuts, len(said)]):
            replies.feed(said[start:end])
            while (reply := replies.take()) is not UNFINISHED:
                taken.append(reply)
        assert taken == [plain.gets() for _ in range(6)]


def test_a_reply_to_nothing_ends_the_connection() -> None:
    rig = Rig().up()
    assert rig.hear(OK) == [down(rig, "a reply to nothing", was_up=True)]


def test_a_reply_without_end_is_not_kept() -> None:
    rig = Rig().up()
    rig.link.send("GET", "k", token=1)
    rig.hear(b"$999999999\r\n")
    for _ in range(MAX_REPLY_BYTES >> 20):
        rig.hear(bytes(1 << 20))
    events = rig.hear(bytes(1 << 20))
    assert not rig.link.is_up
    assert events[0].reason == f"a reply is larger than {MAX_REPLY_BYTES} bytes"


# -- watching ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listens", [True, False])
def test_silence_is_asked_about_and_then_ends_the_connection(*, listens: bool) -> None:
    rig = Rig(listens=listens).up()
    assert rig.pass_time(WATCH_S - 0.1) == []
    assert rig.said() == []
    assert rig.pass_time(0.1) == []
    assert rig.said() == ["PING"]
    rig.now += 1
    assert rig.hear(PONG) == []
    assert rig.link.next_deadline == rig.now + WATCH_S
    rig.pass_time(WATCH_S)
    assert rig.pass_time(WATCH_S) == [down(rig, "no answer in 5 s", was_up=True)]


@pytest.mark.parametrize("listens", [True, False])
def test_who_says_a_little_now_and_then_is_as_good_as_silent(*, listens: bool) -> None:
    """Before, a byte a second kept a link up for two years, and with it all commands to which a reply was owed."""
    rig = Rig(listens=listens).up()
    rig.hear(b"$60000000\r\n")
    found = [event for _ in range(2 * round(WATCH_S)) for event in (*rig.pass_time(1.0), *rig.hear(b"x"))]
    assert found == [down(rig, "no answer in 5 s", was_up=True)]


@pytest.mark.parametrize("listens", [True, False])
def test_a_large_reply_may_take_its_time(*, listens: bool) -> None:
    rig = Rig(listens=listens).up()
    rig.hear(b"$%d\r\n" % (20 * PROGRESS_BYTES))
    for _ in range(20):
        assert rig.pass_time(WATCH_S) == []
        assert rig.hear(bytes(PROGRESS_BYTES)) == []
    assert rig.link.is_up


def test_it_is_closed_for_good() -> None:
    rig = Rig().up()
    rig.link.send("GET", "k", token=1)
    rig.link.close(rig.now)
    rig.link.close(rig.now)
    assert rig.link.is_closed
    assert rig.link.dial_at is None
    assert rig.link.take_events() == [down(rig, "closed", was_up=True), Replied(1, None, "closed")]
    rig.link.refused("late", rig.now)
    rig.link.lost("late", rig.now)
    assert rig.hear(OK) == []


def test_what_the_redis_confirms_is_heard() -> None:
    rig = Rig(listens=True)
    rig.link.subscribe(Kind.SHARD, ["a", "b"])
    rig.up()
    assert not rig.link.hears(Kind.SHARD, ["a"])
    rig.hear(array(b"ssubscribe", b"a", b"1") + array(b"ssubscribe", b"c", b"2") + array(b"sunsubscribe", b"d", b"2"))
    assert rig.link.hears(Kind.SHARD, ["a"])
    assert not rig.link.hears(Kind.PLAIN, ["a"])
    assert not rig.link.hears(Kind.SHARD, ["a", "b"])
    rig.link.unsubscribe(Kind.SHARD, ["b"])
    rig.hear(array(b"ssubscribe", b"b", b"2"))
    assert not rig.link.hears(Kind.SHARD, ["b"])
    rig.link.lost("it died", rig.now)
    assert not rig.link.hears(Kind.SHARD, ["a"])


def test_who_has_had_all_replies_is_idle() -> None:
    rig = Rig().up()
    found = [rig.link.is_idle]
    rig.link.send("PUBLISH", "a", b"b")
    found.append(rig.link.is_idle)
    rig.said()
    found.append(rig.link.is_idle)
    rig.hear(b":1\r\n")
    found.append(rig.link.is_idle)
    assert found == [True, False, False, True]


# -- whatever comes, in whatever pieces --------------------------------------------------------------------------------


def some_reply(chance: random.Random, depth: int = 0) -> bytes:
    """Return a reply of a Redis."""
    kind = chance.randrange(8 if depth < 3 else 6)
    text = chance.randbytes(chance.choice([0, 1, 5, 300]))
    if kind == 0:
        return b"+OK\r\n"
    if kind == 1:
        return b":%d\r\n" % chance.randrange(-(1 << 40), 1 << 40)
    if kind == 2:
        return b"$-1\r\n"
    if kind == 3:
        return b"$%d\r\n%s\r\n" % (len(text), text)
    if kind == 4:
        return b"*-1\r\n"
    if kind == 5:
        return chance.choice([b"_\r\n", b"#t\r\n", b"#f\r\n", b",1.5\r\n"])
    if kind == 6:
        values = [bulk(b"%d" % number) + some_reply(chance, depth + 1) for number in range(chance.randrange(4))]
        return b"%%%d\r\n%s" % (len(values), b"".join(values))
    parts = [some_reply(chance, depth + 1) for _ in range(chance.randrange(4))]
    return b"*%d\r\n%s" % (len(parts), b"".join(parts))


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """Return it in pieces."""
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice([0, 1, 5, 50])))
    found = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return [each for each in found if each]


def test_replies_mean_what_hiredis_says_in_whatever_pieces_they_come() -> None:
    for seed in range(examples(300)):
        chance = random.Random(seed)
        replies = [some_reply(chance) for _ in range(chance.randint(1, 20))]
        reader = hiredis.Reader()
        reader.feed(b"".join(replies))
        rig = Rig().up()
        for number in range(len(replies)):
            rig.link.send("GET", "k", token=number)
        got = [event for piece in pieces(b"".join(replies), chance) for event in rig.hear(piece)]
        assert got == [Replied(number, reader.gets()) for number in range(len(replies))], seed


def test_messages_are_heard_in_whatever_pieces_they_come() -> None:
    for seed in range(examples(200)):
        chance = random.Random(seed)
        rig = Rig(listens=True).up()
        said: list[bytes] = []
        wanted: list[Heard] = []
        for _ in range(chance.randint(1, 20)):
            kind = chance.choice([b"message", b"smessage", b"pmessage", b"subscribe", b"pong"])
            data = chance.randbytes(chance.choice([0, 10, 1000]))
            parts = [kind, *([b"p"] if kind == b"pmessage" else []), b"channel", data]
            said.append(array(*parts) if chance.random() < 0.5 else pushed(array(*parts)))
            pattern = b"p" if kind == b"pmessage" else b""
            wanted += [Heard(b"channel", data, pattern)] * kind.endswith(b"message")
        assert [event for piece in pieces(b"".join(said), chance) for event in rig.hear(piece)] == wanted, seed


@pytest.mark.parametrize(
    ("said", "is_over"),
    [
        (b"*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", True),
        (b"*3\r\n$7\r\nmessage\r\n:1\r\n$1\r\nc\r\n", True),
        (b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*0\r\n", True),
        (b"*4\r\n$8\r\npmessage\r\n:1\r\n$1\r\nc\r\n$1\r\nd\r\n", True),
        (b"*4\r\n$8\r\npmessage\r\n$1\r\np\r\n:1\r\n$1\r\nd\r\n", True),
        (b"*2\r\n*0\r\n$1\r\nc\r\n", False),
        (b"*1\r\n$9\r\nsubscribe\r\n", False),
        (b"*2\r\n$9\r\nsubscribe\r\n:999999999999\r\n", False),
    ],
)
def test_a_message_of_nothing_ends_the_connection_and_other_nonsense_is_left(said: bytes, *, is_over: bool) -> None:
    rig = Rig(listens=True).up()
    assert rig.hear(said) == ([down(rig, "this is no Redis: a message of nothing", was_up=True)] if is_over else [])


@pytest.mark.parametrize("listens", [False, True])
def test_no_bytes_break_a_link_for_good(*, listens: bool) -> None:
    for seed in range(examples(300)):
        chance = random.Random(seed)
        rig = Rig(listens=listens).up()
        whole = bytearray(b"".join(some_reply(chance) for _ in range(5)))
        for _ in range(chance.randint(1, 5)):
            whole[chance.randrange(len(whole))] = chance.randrange(256)
        for piece in pieces(bytes(whole), chance):
            rig.hear(piece)
        rig.link.lost("enough", rig.now)
        rig.hear(b"")
        assert rig.link.dial_at is not None
        assert not rig.up().link.is_closed, seed
