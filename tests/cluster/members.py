"""Servers of a cluster in processes of their own, ours and Node's, and what they are told to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from tests.cluster.redis import RedisServer
from tests.interop.peers import NODE_DIR
from tests.interop.processes import Message, Program

_IDS: Final = count(1)


class MemberProcess(Program):
    """One server, with one client.

    Args:
        package: for a server of Node, the one that is its client of Redis: `"redis"` or `"ioredis"`.

    Attributes:
        name: `"node"`, `"trio"` or `"asyncio"`.
        sid: of the socket of its client.
        url: where it is.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        redis: RedisServer,
        *options: str,
        waits: bool = True,
        url: str = "",
        package: str = "redis",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        if name == "node":
            super().__init__(["node", str(NODE_DIR / "cluster_server.mjs"), kind, redis.path, package, redis.password])
        else:
            super().__init__(
                [sys.executable, "-W", "error", "-m", "tests.cluster.member", name, kind, url or redis.url, *options],
                env=env,
            )
        self.url = ""
        self.sid = ""
        if waits:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until its client is there."""
        if self.name != "node":
            self.url = self.take(lambda message: "url" in message, "address")["url"]
        ready = self.take(lambda message: message.get("ready") is True, "client that is ready")
        self.sid = ready["sid"]
        self.url = ready.get("url", self.url)

    def ask(self, what: str, **command: Any) -> Message:
        """Have something done, and return the answer: with `result`, or with `error` and `partial`."""
        number = next(_IDS)
        self.send({"id": number, "do": what, **command})
        return self.take(lambda message: message.get("id") == number, f"answer to {what}")

    def do(self, what: str, **command: Any) -> Any:
        """Have something done that does not fail; return what comes of it."""
        answer = self.ask(what, **command)
        assert "error" not in answer, answer
        return answer.get("result")

    def heard(self, *said: object, client: str | None = None) -> None:
        """Wait until a client, its own unless it is named, has heard that; or the server."""
        self.take(
            lambda message: message.get("heard") == list(said) and message.get("client") == client,
            f"word of {said} at {client or 'its client'}",
        )

    def has_state(self, state: str, *, gap: bool = False) -> str:
        """Wait until it says that it stands so with the others. Returns why.

        What it has said before that is forgotten: one with recovery tells of each moment that a busy machine takes.
        """
        while True:
            found = self.take(lambda message: "state" in message, f"state {state}")
            if (found["state"], found["gap"]) == (state, gap):
                return str(found["reason"])

    def is_now(self, state: str) -> None:
        """Wait until it stands so with the others."""
        while self.do("statistics")["state"] != state:
            pass
