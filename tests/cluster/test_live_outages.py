"""What goes wrong with a real Redis: our servers, on trio and on asyncio, go on alone and find each other again."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.members import MemberProcess
from tests.cluster.redis import RedisServer
from tests.interop.processes import Message

RequireTool = Callable[[str], str]

LOOPS = ("trio", "asyncio")
PATIENCES: Final = (0.3, 1.0, 3.0)  # in which one is silent; longer, where a busy machine takes longer with the others
IN_STREAMS: Final = ("streams", "recovery")  # what is said there is kept


@pytest.fixture(scope="module")
def redis(require_tool: RequireTool) -> Iterator[RedisServer]:
    with RedisServer(require_tool("redis-server")) as running:
        yield running


@pytest.fixture(scope="module", params=["classic", "sharded", *IN_STREAMS])
def kind(request: pytest.FixtureRequest) -> str:
    """How servers are joined."""
    return str(request.param)


@pytest.fixture(scope="module")
def pair(kind: str, redis: RedisServer) -> Iterator[list[MemberProcess]]:
    """A server on trio and one on asyncio, which have found each other; each test leaves them so, but for the last."""
    members = [MemberProcess(loop, kind, redis, "timeout_s=1", waits=False) for loop in LOOPS]
    try:
        for member in members:
            member.has_state("up")
            member.wait_ready()
        yield members
    finally:
        for member in members:
            member.close()


def gaps(pair: list[MemberProcess]) -> int:
    """Return how often they have missed something."""
    return sum(member.do("statistics")["gaps"] for member in pair)


def hear_each_other(pair: list[MemberProcess], *said: object) -> None:
    """See that each hears the other; once, and after what it said before."""
    for member in pair:
        member.do("emit", args=["from", member.name, *said])
    for member in pair:
        for other in pair:
            member.heard("from", other.name, *said)
    for member in pair:
        while "error" in (found := member.ask("fetch")):
            assert found["error"].startswith("ClusterTimeout")  # on a busy machine
        assert len(found["result"]) == 2
        assert member.do("call", args=["q"]) == ["ours", "ours"]


def asked_in_vain(member: MemberProcess, what: str, args: list[str], partial: object) -> Message:
    """Return what is said where somebody does not answer in time, and others do."""
    asked: Message = {}
    for timeout_s in PATIENCES:
        asked = member.ask(what, args=args, timeout=timeout_s)
        if asked["partial"] == partial:
            break
    return asked


# -- the start ---------------------------------------------------------------------------------------------------------


def failure(loop: str, redis: RedisServer, expected: str) -> str:
    """Return why a server does not start; the Redis must say this in time."""
    found = ""
    for timeout_s in PATIENCES:
        member = MemberProcess(loop, "classic", redis, f"start_timeout_s={timeout_s}", waits=False)
        try:
            found = str(member.take(lambda message: "failed" in message, "failure")["failed"])
        finally:
            member.close()
        if expected in found:
            break
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_finds_no_redis_says_so_and_ends(require_tool: RequireTool, loop: str) -> None:
    with RedisServer(require_tool("redis-server")) as redis:
        redis.kill()
        text = f"the other servers cannot be reached: {redis.url}: cannot connect: Connection refused"
        assert failure(loop, redis, text) == f"{text} (with start_degraded=True it would serve without them)"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_wrong_password_is_told_at_the_start(require_tool: RequireTool, loop: str) -> None:
    with RedisServer(require_tool("redis-server"), password="secret") as redis:
        text = "it wants a password: redis://:password@host (NOAUTH"
        assert text in failure(loop, redis, text)


def test_those_that_may_begin_alone_join_the_others_later(require_tool: RequireTool) -> None:
    options = ("start_degraded=true", "start_timeout_s=0.2")
    with RedisServer(require_tool("redis-server")) as redis:
        redis.kill()
        pair = [MemberProcess(loop, "classic", redis, *options, waits=False) for loop in LOOPS]
        try:
            for member in pair:
                member.wait_ready()
                member.has_state("down")
                while "Connection refused" not in member.ask("fetch")["error"]:
                    pass
                member.do("emit", args=["alone"])
                member.heard("alone")
            redis.start()
            for member in pair:
                member.has_state("up")
            hear_each_other(pair, "together")
        finally:
            for member in pair:
                member.close()


@pytest.mark.parametrize("kind", ["classic", "sharded", "recovery"])
@pytest.mark.parametrize("knows_resp3", [True, False])
def test_resp3_is_spoken_where_it_is_known(require_tool: RequireTool, kind: str, *, knows_resp3: bool) -> None:
    options = () if knows_resp3 else ("--rename-command", "HELLO", "")
    with RedisServer(require_tool("redis-server"), *options) as redis:
        pair = [MemberProcess(loop, kind, redis, waits=False) for loop in LOOPS]
        try:
            for member in pair:
                member.has_state("up")
                member.wait_ready()
            hear_each_other(pair, "both")
            ours = [line for line in redis.run("CLIENT", "LIST").splitlines() if "name=socketio_core" in line]
            assert {"resp=3" in line for line in ours} == {knows_resp3}
        finally:
            for member in pair:
                member.close()


def test_a_redis_that_speaks_tls_on_a_port(require_tool: RequireTool, certificate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = (*("--tls-cert-file", str(certificate)), *("--tls-key-file", str(certificate)))
    options = ("--tls-port", str(port), *files, "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no")
    with RedisServer(require_tool("redis-server"), *options) as redis:
        url, env = f"rediss://localhost:{port}", {"SSL_CERT_FILE": str(certificate)}
        pair = [MemberProcess(loop, "classic", redis, waits=False, url=url, env=env) for loop in LOOPS]
        stranger = MemberProcess("trio", "classic", redis, waits=False, url=url)
        plain = MemberProcess("asyncio", "classic", redis, waits=False, url=url[:5] + url[6:])
        try:
            for member in pair:
                member.wait_ready()
            hear_each_other(pair, "in secret")
            why = stranger.take(lambda message: "failed" in message, "failure")["failed"]
            assert "the certificate is not trusted" in why
            assert "the connection was" in plain.take(lambda message: "failed" in message, "failure")["failed"]
        finally:
            for member in (*pair, stranger, plain):
                member.close()


# -- the middle --------------------------------------------------------------------------------------------------------


def test_three_outages_in_a_row_after_which_the_redis_knows_nothing(
    pair: list[MemberProcess], redis: RedisServer
) -> None:
    hear_each_other(pair, "before")
    before = gaps(pair)
    for outage in range(3):
        redis.kill()
        for member in pair:
            member.has_state("down")
            member.do("emit", args=["alone", outage])
            member.heard("alone", outage)
            failed = member.ask("fetch")
            assert failed["error"].startswith("ClusterUnavailable: the other servers cannot be asked")
            assert failed["partial"] == [member.sid]
            failed = member.ask("call", args=["q"])
            assert (failed["error"][:18], failed["partial"]) == ("ClusterUnavailable", ["ours"])
        redis.start()
        for member in pair:
            member.has_state("up", gap=True)
        hear_each_other(pair, outage)
    assert gaps(pair) == before + 6


def test_a_redis_that_is_slow_holds_up_nobody(pair: list[MemberProcess], redis: RedisServer, kind: str) -> None:
    before = gaps(pair)
    redis.pause()
    try:
        for member in pair:
            for number in range(20):
                member.do("emit", args=["meanwhile", member.name, number])
                member.heard("meanwhile", member.name, number)
            if kind == "recovery":  # an event has waited for its place; those behind it did not
                member.is_now("degraded")
            assert asked_in_vain(member, "call", ["q"], ["ours"])["partial"] == ["ours"]
    finally:
        redis.resume()
    for member, other in (pair, pair[::-1]):
        for number in range(20):
            member.heard("meanwhile", other.name, number)
        if kind == "recovery":
            member.is_now("up")
    hear_each_other(pair, "after")
    assert gaps(pair) == before


CHANGES: Final = (
    ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "a replica"),
    ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "its memory is full"),
)


@pytest.mark.parametrize(("change", "back", "why"), CHANGES)
def test_a_redis_that_keeps_nothing_is_as_good_for_channels_and_is_none_for_streams(
    pair: list[MemberProcess], redis: RedisServer, kind: str, change: str, back: str, why: str
) -> None:
    before = gaps(pair)
    redis.run(*change.split())
    if kind not in IN_STREAMS:
        hear_each_other(pair, why)
    else:
        for member in pair:
            for number in range(3):
                member.do("emit", args=["meanwhile", member.name, why, number])
                member.heard("meanwhile", member.name, why, number)
            assert why in member.has_state("down")
            assert why in member.ask("fetch")["error"]
            member.do("emit", args=["meanwhile", member.name, why, 3])
    redis.run(*back.split())
    if kind in IN_STREAMS:
        for member, other in (pair, pair[::-1]):
            member.has_state("up")
            for number in range(4):  # of which the Redis had refused the first ones
                member.heard("meanwhile", other.name, why, number)
            assert member.do("statistics")["dropped"] == 0
    hear_each_other(pair, "as before", why)
    assert gaps(pair) == before


def test_connections_that_the_redis_ends_come_back(pair: list[MemberProcess], redis: RedisServer, kind: str) -> None:
    """As it does with one that reads too slowly: it has an output buffer of so many bytes."""
    for which in ("pubsub", "normal"):
        redis.run("CLIENT", "KILL", "TYPE", which, "SKIPME", "yes")
        for member in pair:
            member.has_state("down")
            member.has_state("up", gap=kind not in IN_STREAMS)
        hear_each_other(pair, "after", which)


def test_a_member_that_reads_nothing_is_cut_off_and_comes_back(
    pair: list[MemberProcess], redis: RedisServer, kind: str
) -> None:
    before = gaps(pair)
    redis.run("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 4mb 60")
    sleeper, other = pair
    sleeper.signal(signal.SIGSTOP)
    try:
        for _ in range(20):  # megabytes
            other.do("flood")
    finally:
        sleeper.signal(signal.SIGCONT)
    if kind in IN_STREAMS:  # it reads all of it later, as fast as it can
        hear_each_other(pair, "after")
        assert gaps(pair) == before
        return
    sleeper.has_state("down")
    sleeper.has_state("up", gap=True)
    for member in pair:  # the other one may have been cut off too, if it had no time to read
        while member.ask("call", args=["q"]).get("result") != ["ours", "ours"]:
            pass
    hear_each_other(pair, "after")


def test_nonsense_on_the_channels_is_counted_and_passed_over(pair: list[MemberProcess], redis: RedisServer) -> None:
    for command in ("PUBLISH", "SPUBLISH"):
        for channel in ("socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"):
            redis.run(command, channel, "{")
            redis.run(command, channel, "nonsense")
    redis.run("XADD", "socket.io", "*", "non", "sense")
    hear_each_other(pair, "after")
    assert all(member.do("statistics")["malformed"] >= 2 for member in pair)


def test_one_that_hears_and_never_answers_costs_its_time_only(pair: list[MemberProcess], redis: RedisServer) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(redis.path)
        deaf.sendall(b"SUBSCRIBE socket.io-request#/# socket.io#/#\r\nSSUBSCRIBE socket.io#/#\r\n")
        assert deaf.recv(100).startswith(b"*3")
        for member in pair:
            asked = asked_in_vain(member, "ask servers", ["ping"], [[["pong"]]])
            assert asked["error"].startswith("AckTimeout: 1 of 2 acks did not come")
            assert asked["partial"] == [[["pong"]]]
            called = asked_in_vain(member, "call", ["q"], ["ours", "ours"])
            assert called["partial"] == ["ours", "ours"]
    hear_each_other(pair, "after")


def test_one_that_is_killed_is_waited_for_no_more(pair: list[MemberProcess]) -> None:
    killed, left = pair
    killed.signal(signal.SIGKILL)

    def is_alone(found: Message) -> bool:
        return len(found["result"]) == 1 if "result" in found else False

    while not is_alone(left.ask("fetch")):
        pass
    assert left.do("call", args=["q"]) == ["ours"]
    left.do("emit", args=["alone"])
    left.heard("alone")
