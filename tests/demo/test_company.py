"""Chats on several servers, which are one to those who are there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from socketio_core.demo.chat import create_chat
from socketio_core.demo.running import CannotServe, run_chat
from tests.app.bus import Bus
from tests.demo.page import Site, running


def run(scenario: Callable[[Site, Site], Awaitable[None]]) -> None:
    """Run a scenario on two chats that are joined, where it is always half past twelve."""

    async def main() -> None:
        bus = Bus()
        here, there = (create_chat(now=lambda: 1_700_000_000.0, adapter=bus) for _ in range(2))
        async with running(here) as first, running(there) as second:
            await scenario(first, second)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_people_at_two_servers_meet_and_talk() -> None:
    async def scenario(here: Site, there: Site) -> None:
        ann = await here.enter("Ann")
        assert (await ann.join("lobby"))["online"] == ["Ann"]
        assert await ann.hear("room") == {"name": "lobby", "online": 1}
        await ann.join("tea")

        ben = await there.enter("Ben")
        rooms = [{"name": "lobby", "online": 1}, {"name": "tea", "online": 1}]
        assert await ben.hear("welcome") == {"nickname": "Ben", "rooms": rooms}
        assert sorted((await ben.join("lobby"))["online"]) == ["Ann", "Ben"]
        assert await ann.hear("joined") == {"room": "lobby", "nickname": "Ben"}

        first = await ann.say("lobby", "hello")
        message = await ben.hear("message")
        assert (message["id"], message["nickname"], message["text"]) == (first["id"], "Ann", "hello")
        second = await ben.say("lobby", "hello yourself")
        assert second["id"] > first["id"]
        assert (await ann.hear("message"))["text"] == "hello yourself"

        cleo = await there.enter("Cleo")
        told = (await cleo.join("lobby"))["history"]
        assert [(each["nickname"], each["text"]) for each in told] == [("Ann", "hello"), ("Ben", "hello yourself")]

        await ben.close()
        assert await ann.hear("left") == {"room": "lobby", "nickname": "Ben"}

    run(scenario)


def test_what_is_no_redis_is_told_in_a_line() -> None:
    with pytest.raises(CannotServe, match="URL of a Redis must look like"):
        run_chat("127.0.0.1", 0, None, redis="http://localhost")


def test_a_redis_that_is_not_there_is_told_with_what_to_do() -> None:
    why = r"cannot be reached: .*\(start that Redis first; without --redis the server is alone\)$"
    with pytest.raises(CannotServe, match=why):
        run_chat("127.0.0.1", 0, None, redis="unix:///no/such/redis")
