"""The blocking emitter, on a real Redis, in front of Node's servers."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from socketio_core.blocking import ClusterUnavailable, Emitter
from socketio_core.cli.main import main
from tests.cli.usage import check_help, complaint_of
from tests.cluster.members import MemberProcess
from tests.cluster.redis import RedisServer

RequireTool = Callable[[str], str]


@pytest.fixture(scope="module")
def redis(require_tool: RequireTool) -> Iterator[RedisServer]:
    with RedisServer(require_tool("redis-server"), password="secret") as running:
        yield running


@pytest.fixture(scope="module")
def url(redis: RedisServer) -> str:
    return redis.url.replace("unix://", f"unix://:{redis.password}@")


class Interrupted(ssl.SSLContext):
    """Somebody presses Ctrl-C in the middle of the handshake."""

    def wrap_socket(self, *_: Any, **__: Any) -> ssl.SSLSocket:
        raise KeyboardInterrupt


def wait_for_subscription(redis: RedisServer, kind: str, channel: str) -> None:
    """Wait until somebody hears a sharded channel: a server of Node subscribes when a client is in the room already."""
    while kind == "sharded" and redis.run("SPUBLISH", channel, "[]") == "0":
        pass


def test_clients_of_node_hear_an_emitter(node: MemberProcess, kind: str, url: str, redis: RedisServer) -> None:
    with Emitter(url, kind=kind) as emitter:
        emitter.to("nobody").emit("never")
        emitter.of("/other").emit("never")
        emitter.emit("hello", 1, {"a": [1.5, None, "é"]}, b"\x01\xff")
        node.heard("hello", 1, {"a": [1.5, None, "é"]}, b"\x01\xff")
        emitter.to("r").except_("x").volatile.emit("in a room")
        node.heard("in a room")
        emitter.to("r").sockets_join("q")
        emitter.server_side_emit("ping", "joined")
        node.heard("server", "ping", "joined")
        wait_for_subscription(redis, kind, "socket.io#/#q#")
        emitter.to("q").emit("in a new room")
        node.heard("in a new room")
        assert main(["emit", "--redis", url, "--kind", kind, "--to", "q", "typed", '{"n": 1}', "0x0102", "word"]) == 0
        node.heard("typed", {"n": 1}, b"\x01\x02", "word")
        emitter.disconnect_sockets()
        node.heard("gone", "io server disconnect")
    assert not node.waiting(lambda message: "never" in message.get("heard", ()) or "error" in message)


def test_it_connects_again_when_the_redis_has_come_back(require_tool: RequireTool) -> None:
    with RedisServer(require_tool("redis-server")) as redis, Emitter(redis.url) as emitter:
        emitter.emit("a")
        redis.kill()
        with pytest.raises(ClusterUnavailable, match=r"^unix://.*: cannot connect: Connection refused"):
            emitter.emit("b")
        redis.start()
        emitter.emit("c")
        emitter.close()
        emitter.emit("d")


def test_one_that_was_interrupted_while_it_dialed_dials_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = Interrupted(ssl.PROTOCOL_TLS_CLIENT)
        with Emitter(f"rediss://127.0.0.1:{listener.getsockname()[1]}", ssl_context=context) as emitter:
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    emitter.emit("a")


@pytest.mark.parametrize(
    ("user", "why"), [("", "it wants a password"), (":wrong@", "user or password in the URL are wrong")]
)
def test_a_wrong_password_is_told(redis: RedisServer, user: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = redis.url.replace("unix://", f"unix://{user}")
    with pytest.raises(ClusterUnavailable, match=why):
        Emitter(url).emit("a")
    assert main(["emit", "--redis", url, "a"]) == 1
    assert why in capsys.readouterr().err


def test_what_servers_would_not_take_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emit", "--redis", "redis://127.0.0.1:1", "a", "[" * 300 + "]" * 300]) == 1
    assert capsys.readouterr().err == "socketio_core: data is nested deeper than 256\n"


def test_what_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ClusterUnavailable, match=r"no answer in 0\.2 s"):
            Emitter(f"redis://127.0.0.1:{port}", timeout_s=0.2).emit("a")

        def close_the_next() -> None:
            for _ in range(2):
                silent.accept()[0].close()

        closing = threading.Thread(target=close_the_next)
        closing.start()
        with pytest.raises(ClusterUnavailable, match="connection"):
            Emitter(f"redis://127.0.0.1:{port}").emit("a")
        with pytest.raises(ClusterUnavailable, match="cannot connect"):
            Emitter(f"rediss://127.0.0.1:{port}", ssl_context=ssl.create_default_context()).emit("a")
        closing.join()
    with pytest.raises(ClusterUnavailable, match="cannot connect: No such file or directory"):
        Emitter(f"unix://{tmp_path}/nothing").emit("a")


def test_a_redis_is_there_for_many_threads(url: str) -> None:
    with Emitter(url) as emitter:
        threads = [threading.Thread(target=emitter.emit, args=("a", number)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "the following arguments are required: EVENT (--help"),
        (["connect"], "reserved"),
        (["a", "{"], "{"),
        (["--redis", "http://x", "a"], "must look like 'redis://localhost:6379'"),
        (["--kind", "x", "a"], "invalid choice: 'x'"),
    ],
)
def test_wrong_usage_is_told_in_one_line(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint in complaint_of(main, ["emit", *words], capsys)


def test_help_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    check_help("emit", 24, capsys)
