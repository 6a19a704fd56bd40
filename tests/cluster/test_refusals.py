"""What a Redis refuses, and what the link says of it: by hand, and by Redis as a cluster, a replica and a Sentinel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from socketio_core.blocking import ClusterUnavailable, Emitter
from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import Link, Replied
from socketio_core.cluster.refusals import explained
from tests.cluster.redis import RedisServer
from tests.cluster.streams import GREETED
from tests.interop.proxies import free_ports

RequireTool = Callable[[str], str]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            "MOVED 1 h:1",
            "this is a Redis Cluster, where each sharded channel and each stream has a server of its own: ",
        ),
        ("ASK 1 h:1", "this is a Redis Cluster, where"),
        ("CLUSTERDOWN Hash slot not served", "this is a Redis Cluster of which a part is missing"),
        ("READONLY You can't write against a read only replica.", "this is a replica, and takes no writes: give"),
        ("UNBLOCKED force unblock from blocking operation", "it has become a replica: give the URL of its primary"),
        ("MASTERDOWN Link with MASTER is down", "this is a replica that has lost its primary: give the URL"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "its memory is full"),
        ("MISCONF Redis is configured to save", "it cannot save its data"),
        ("NOREPLICAS Not enough good replicas to write.", "it takes no writes without replicas"),
        ("LOADING Redis is loading the dataset in memory", "it has just started"),
        ("WRONGTYPE Operation against a key", "the key of the stream holds something else"),
        ("ERR unknown command 'SPUBLISH', with args beginning with: 'a'", "it has no sharded channels: it is older"),
        ("ERR unknown command 'XADD', with args beginning with: 'a'", "it has no streams: it is older than Redis 5"),
        ("ERR Only HELLO messages are accepted by Sentinel instances.", "this is a Sentinel, which passes no"),
        ("ERR max number of clients reached", "it has as many clients as it may"),
        ("ERR DB index is out of range", "it has no database of the number in the URL"),
    ],
)
def test_errors_say_what_to_do(error: str, hint: str) -> None:
    assert explained(error).startswith(hint)
    assert explained(error).endswith(f" ({error})")


def test_others_are_left_as_they_are() -> None:
    assert explained("ERR MOVED is not the first word") == "ERR MOVED is not the first word"
    assert explained("") == ""


def test_whoever_waits_for_a_reply_is_told() -> None:
    link = Link(parse_redis_url("redis://h"), float)
    link.dialing(0.0)
    link.connected(0.0)
    link.receive(GREETED, 0.0)
    link.send("XADD", token=1)
    link.take_events()
    link.receive(b"-READONLY no\r\n", 0.0)
    (event,) = link.take_events()
    assert isinstance(event, Replied)
    assert event.error is not None
    assert event.error.startswith("this is a replica")


@pytest.fixture(scope="module")
def cluster(require_tool: RequireTool) -> Iterator[RedisServer]:
    """One half of a cluster; the other half is known of, and not there."""
    program = require_tool("redis-server")
    # That of a cluster's own talk is 10000 above.
    port, other_port = (each if each < 50000 else each - 20000 for each in free_ports(2))
    options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]
    with (
        RedisServer(program, *options, "--port", str(port)) as half,
        RedisServer(program, *options, "--port", str(other_port)) as other,
    ):
        half.run("CLUSTER", "ADDSLOTSRANGE", "0", "8191")
        other.run("CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
        half.run("CLUSTER", "MEET", "127.0.0.1", str(other_port))
        while "8192-16383" not in half.run("CLUSTER", "NODES") or "state:ok" not in half.run("CLUSTER", "INFO"):
            pass
        yield half


def emit(url: str, **options: str) -> None:
    with Emitter(url, **options) as emitter:  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # texts
        emitter.emit("a")


@pytest.mark.parametrize(("kind", "name"), [("sharded", "prefix"), ("streams", "stream")])
def test_a_cluster_takes_plain_channels_and_tells_of_the_others(cluster: RedisServer, kind: str, name: str) -> None:
    emit(cluster.url)
    refused: set[str] = set()
    for number in range(20):  # to one of two servers, by what it is called
        try:
            emit(cluster.url, kind=kind, **{name: f"p{number}"})
        except ClusterUnavailable as error:
            refused.add(re.sub(r"MOVED \d+", "MOVED", str(error)).partition(": ")[2].partition(": use")[0])
    assert refused == {"this is a Redis Cluster, where each sharded channel and each stream has a server of its own"}


def test_a_cluster_has_one_database(cluster: RedisServer) -> None:
    with pytest.raises(ClusterUnavailable, match=r"a Redis Cluster has database 0 alone: leave the number out"):
        emit(f"{cluster.url}?db=1")


def test_a_replica_takes_no_stream(require_tool: RequireTool) -> None:
    with RedisServer(require_tool("redis-server"), "--replicaof", "127.0.0.1", "1") as replica:
        with pytest.raises(ClusterUnavailable, match=r"this is a replica, .* \(READONLY") as caught:
            emit(replica.url, kind="streams")
        assert "give the URL of its primary" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("classic", "this is a Sentinel, which passes no messages on: give the URL of its primary"),
        ("sharded", "it has no sharded channels: it is older than Redis 7, or a Sentinel"),
        ("streams", "it has no streams: it is older than Redis 5, or a Sentinel"),
    ],
)
def test_a_sentinel_is_no_redis(sentinel: RedisServer, kind: str, said: str) -> None:
    with pytest.raises(ClusterUnavailable, match=said):
        emit(sentinel.url, kind=kind)


@pytest.fixture(scope="module")
def sentinel(require_tool: RequireTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    settings: Path = tmp_path_factory.mktemp("sentinel") / "sentinel.conf"
    settings.write_text("")
    with RedisServer(require_tool("redis-server"), settings=settings) as running:
        yield running
