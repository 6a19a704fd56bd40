"""The chat as its pages see it: over Socket.IO, but without a network."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from socketio_core.demo.chat import create_chat
from tests.demo.page import Site, running


def run(scenario: Callable[[Site], Awaitable[None]]) -> None:
    """Run a scenario on a chat where it is always half past twelve."""

    async def main() -> None:
        async with running(create_chat(now=lambda: 1_700_000_000.0)) as site:
            await scenario(site)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_two_people_meet_and_talk() -> None:
    async def scenario(site: Site) -> None:
        ann = await site.enter("Ann")
        assert await ann.hear("welcome") == {"nickname": "Ann", "rooms": [{"name": "lobby", "online": 0}]}
        assert await ann.join("Lobby") == {"ok": True, "room": "lobby", "history": [], "online": ["Ann"]}
        assert await ann.hear("room") == {"name": "lobby", "online": 1}

        ben = await site.enter("Ben")
        answer = await ben.join("lobby")
        assert answer["online"] == ["Ann", "Ben"]
        assert await ann.hear("joined") == {"room": "lobby", "nickname": "Ben"}

        said = await ann.say("lobby", "Hello <b>\nsecond line")
        assert said == {"ok": True, "id": 1_700_000_000_000, "at": 1_700_000_000_000}
        message = await ben.hear("message")
        assert message == {
            "id": said["id"],
            "room": "lobby",
            "nickname": "Ann",
            "text": "Hello <b>\nsecond line",
            "at": said["at"],
        }
        cleo = await site.enter("Cleo")
        assert (await cleo.join("lobby"))["history"] == [{**message, "mine": False}]

        await ben.close()
        assert await ann.hear("left") == {"room": "lobby", "nickname": "Ben"}
        assert "message" not in await ann.heard()  # the own message came back as an answer

    run(scenario)


def test_everybody_is_told_what_changed_and_no_more() -> None:
    async def scenario(site: Site) -> None:
        rooms = [f"room {number}" for number in range(9)]
        ben, ann = await site.enter("Ben", *rooms), await site.enter("Ann", "tea")
        assert [room["name"] for room in (await ann.hear("welcome"))["rooms"]] == ["lobby", *rooms]
        await ben.packets()
        await ann.join("room 3")
        await ann.close()
        assert await ben.hear("left") == {"room": "room 3", "nickname": "Ann"}
        assert await ben.packets() == [
            '42["joined",{"room":"room 3","nickname":"Ann"}]',
            '42["room",{"name":"room 3","online":2}]',
            '42["room",{"name":"room 3","online":1}]',
            '42["room",{"name":"tea","online":0}]',
        ]

    run(scenario)


def test_second_of_the_same_name_gets_a_number() -> None:
    async def scenario(site: Site) -> None:
        await site.enter("Ann")
        other = await site.enter("ann", tab="another tab")
        assert (await other.hear("welcome"))["nickname"] == "ann 2"

    run(scenario)


def test_page_that_comes_back_replaces_its_ghost() -> None:
    async def scenario(site: Site) -> None:
        ben = await site.enter("Ben", "lobby", "tea")
        ghost = await site.enter("Ann", "lobby", tab="tab 1")
        await ghost.say("lobby", "hello")
        back = await site.enter("Ann", tab="tab 1")
        assert (await back.hear("welcome"))["nickname"] == "Ann"
        assert await ghost.wait_for_end() == "41"
        assert await ben.hear("left") == {"room": "lobby", "nickname": "Ann"}
        answer = await back.join("lobby")
        assert answer["online"] == ["Ben", "Ann"]
        assert [message["mine"] for message in answer["history"]] == [True]
        await ghost.close()
        assert (await ben.heard()).count("left") == 0  # it had left already

    run(scenario)


@pytest.mark.parametrize(
    ("nickname", "tab", "complaint"),
    [
        (None, "tab", "the nickname is missing"),
        ("", "tab", "the nickname is empty"),
        ("x" * 25, "tab", "the nickname is too long"),
        ("\u202eAnn", "tab", "invisible characters"),
        ("Ann", None, "the tab is missing"),
        ("Ann", "x" * 65, "the tab is too long"),
    ],
)
def test_bad_introductions_are_refused(nickname: object, tab: object, complaint: str) -> None:
    async def scenario(site: Site) -> None:
        page = await site.page()
        answer = await page.connect(nickname, tab)
        assert answer.startswith('44{"message":"')
        assert complaint in answer

    run(scenario)


@pytest.mark.parametrize("event", ["join", "leave", "message", "typing"])
@pytest.mark.parametrize(
    "arguments",
    [(), (None,), ("lobby",), ([],), (7, 8, 9), ({},), ({"room": 1},), ({"room": ""},), ({"room": "x" * 33},)],
)
def test_bad_requests_are_answered(event: str, arguments: tuple[object, ...]) -> None:
    async def scenario(site: Site) -> None:
        page = await site.enter("Ann", "lobby")
        answer = await page.ask(event, *arguments)
        assert not answer["ok"]
        assert answer["error"].startswith("the room is ")
        assert (await page.say("lobby", "still here"))["ok"]

    run(scenario)


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"room": "lobby", "key": "1"}, "the text is missing"),
        ({"room": "lobby", "key": "1", "text": " \n"}, "the text is empty"),
        ({"room": "lobby", "key": "1", "text": "x" * 2001}, "the text is too long"),
        ({"room": "lobby", "text": "hello"}, "the key is missing"),
        ({"room": "tea", "key": "1", "text": "hello"}, "you are not in the room tea"),
    ],
)
def test_bad_messages_are_answered(request_: dict[str, object], complaint: str) -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "lobby"), await site.enter("Ben", "lobby", "tea")
        answer = await ann.ask("message", request_)
        assert not answer["ok"]
        assert complaint in answer["error"]
        assert "message" not in await ben.heard()

    run(scenario)


def test_message_that_is_sent_again_is_said_once() -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "lobby"), await site.enter("Ben", "lobby")
        answers = [await ann.say("lobby", "hello", "key 1") for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        assert (await ben.heard()).count("message") == 1

    run(scenario)


def test_messages_stay_in_their_room() -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "lobby", "tea"), await site.enter("Ben", "lobby")
        await ann.say("tea", "not for Ben")
        await ann.emit("typing", {"room": "tea", "typing": True})
        await ann.ask("leave", {"room": "tea"})
        assert set(await ben.heard()) <= {"welcome", "room", "joined"}

    run(scenario)


def test_typing_is_told_to_the_others() -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "lobby"), await site.enter("Ben", "lobby")
        for typing, wanted in ((True, True), (False, False), ("yes", False)):
            await ann.emit("typing", {"room": "lobby", "typing": typing})
            assert await ben.hear("typing") == {"room": "lobby", "nickname": "Ann", "typing": wanted}
        assert "typing" not in await ann.heard()

    run(scenario)


def test_leaving_a_room_is_told_to_those_who_stay() -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "tea"), await site.enter("Ben", "tea")
        assert await ann.ask("leave", {"room": "tea"}) == {"ok": True, "room": "tea"}
        assert await ben.hear("left") == {"room": "tea", "nickname": "Ann"}
        await ben.say("tea", "quiet now")
        assert "message" not in await ann.heard()

    run(scenario)


def test_room_with_the_name_of_a_socket_hears_nothing_of_it() -> None:
    async def scenario(site: Site) -> None:
        ann = await site.page()
        sid = (await ann.connect("Ann", "tab 1")).partition('"sid":"')[2].partition('"')[0]
        eve = await site.enter("Eve", sid)
        await eve.heard()
        back = await site.enter("Ann", tab="tab 1")  # so the server sends something to Ann's own room
        await back.hear("welcome")
        assert await ann.wait_for_end() == "41"
        assert set(await eve.heard()) <= {"room"}

    run(scenario)


STRANGE: list[object] = [
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "\x00\u202e",
    "\ud800",
    [],
    [[]],
    {},
    {"room": {}},
    {"text": 1},
]


@pytest.mark.parametrize("event", ["join", "leave", "message", "typing", "welcome", "room", "joined", "left", "else"])
def test_strange_requests_bring_nothing_strange_to_others(event: str) -> None:
    async def scenario(site: Site) -> None:
        ann, ben = await site.enter("Ann", "lobby"), await site.enter("Ben", "lobby")
        await ben.heard()
        for value in STRANGE:
            await ann.emit(event, value)
            await ann.emit(event, value, value)
            for field in ("room", "text", "key", "typing"):
                await ann.emit(event, {"room": "lobby", "text": "hi", "key": "k", field: value})
        assert (await ann.ask("message", {"room": "lobby", "text": "still here", "key": "last"}))[
            "ok"
        ] or event == "leave"
        for packet in await ben.packets():
            name, told = json.loads(packet[2:])
            if name != "room":
                assert isinstance(told["room"], str)
                assert isinstance(told["nickname"], str)
            assert isinstance(told.get("text", ""), str) if name == "message" else True
            assert isinstance(told["typing"], bool) if name == "typing" else True

    run(scenario)
