"""What the chat remembers: names, rooms, history, and the bounds of all of them."""

from __future__ import annotations

import pytest

from socketio_core.demo.state import (
    LOBBY,
    MAX_HISTORY,
    MAX_NICKNAME_CHARS,
    MAX_ROOM_CHARS,
    MAX_ROOMS,
    MAX_ROOMS_EACH,
    MAX_TEXT_CHARS,
    Chat,
    Person,
    Refused,
    key_in,
    nickname_in,
    room_in,
    text_in,
)


class Clock:
    """The time of day, as it is told."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chat(clock: Clock) -> Chat:
    return Chat(clock)


def enter(chat: Chat, nickname: str, *rooms: str) -> Person:
    person = chat.enter(f"sid of {nickname}", nickname, f"tab of {nickname}")
    for room in rooms:
        chat.join(person, room)
    return person


@pytest.mark.parametrize("other", ["Ann", "ann", "ANN", "\uff21nn"])
def test_names_that_look_alike_get_a_number(chat: Chat, other: str) -> None:
    assert enter(chat, "Ann").nickname == "Ann"
    assert chat.enter("second", other, "tab 2").nickname == f"{other} 2"
    assert chat.enter("third", "ann", "tab 3").nickname == "ann 3"


def test_name_with_a_number_stays_within_the_limit(chat: Chat) -> None:
    longest = "x" * MAX_NICKNAME_CHARS
    enter(chat, longest)
    assert chat.enter("other", longest, "tab").nickname == "x" * (MAX_NICKNAME_CHARS - 2) + " 2"


def test_name_is_free_again_after_an_exit(chat: Chat) -> None:
    ann = enter(chat, "Ann")
    chat.exit(ann.sid)
    assert chat.enter("other", "ann", "tab").nickname == "ann"


def test_exit_leaves_all_rooms_and_happens_once(chat: Chat) -> None:
    ann = enter(chat, "Ann", LOBBY, "tea")
    gone = chat.exit(ann.sid)
    assert gone is not None
    person, rooms = gone
    assert (person, [room.name for room in rooms]) == (ann, [LOBBY, "tea"])
    assert chat.exit(ann.sid) is None
    with pytest.raises(Refused, match="you have left"):
        chat.person(ann.sid)


def test_empty_rooms_are_forgotten_but_for_the_lobby(chat: Chat) -> None:
    ann = enter(chat, "Ann", LOBBY, "tea")
    chat.say(ann, LOBBY, "hello", "1")
    chat.say(ann, "tea", "hello", "2")
    chat.leave(ann, LOBBY)
    chat.leave(ann, "tea")
    assert list(chat.rooms) == [LOBBY]
    ben = enter(chat, "Ben", LOBBY, "tea")
    assert len(chat.room_of(ben, LOBBY).history_for(ben)) == 1
    assert chat.room_of(ben, "tea").history_for(ben) == []


def test_joining_again_is_no_news(chat: Chat) -> None:
    ann = enter(chat, "Ann")
    assert [chat.join(ann, "tea")[1] for _ in range(2)] == [True, False]
    assert chat.rooms["tea"].nicknames() == ["Ann"]


def test_number_of_rooms_is_bounded(chat: Chat) -> None:
    everybody = [enter(chat, f"person {number}") for number in range(MAX_ROOMS // MAX_ROOMS_EACH + 1)]
    for number in range(MAX_ROOMS - 1):
        chat.join(everybody[number // MAX_ROOMS_EACH], f"room {number}")
    with pytest.raises(Refused, match="join one of them"):
        chat.join(everybody[-1], "one more")
    assert len(chat.rooms) == MAX_ROOMS
    chat.join(everybody[-1], "room 0")
    with pytest.raises(Refused, match="leave one first"):
        chat.join(everybody[0], "room 99")


@pytest.mark.parametrize("room", ["tea", "no such room"])
def test_only_members_act_in_a_room(chat: Chat, room: str) -> None:
    enter(chat, "Ann", "tea")
    ben = enter(chat, "Ben")
    with pytest.raises(Refused, match=f"not in the room {room}"):
        chat.leave(ben, room)
    with pytest.raises(Refused, match=f"not in the room {room}"):
        chat.say(ben, room, "hello", "1")


def test_history_is_bounded_and_in_order(chat: Chat) -> None:
    ann = enter(chat, "Ann", "tea")
    for number in range(MAX_HISTORY + 5):
        chat.say(ann, "tea", str(number), f"key {number}")
    history = chat.room_of(ann, "tea").history_for(ann)
    assert [message["text"] for message in history] == [str(number) for number in range(5, MAX_HISTORY + 5)]
    ids = [message["id"] for message in history]
    assert ids == sorted(set(ids))


def test_only_the_own_messages_are_mine(chat: Chat) -> None:
    ann, ben = enter(chat, "Ann", "tea"), enter(chat, "Ben", "tea")
    chat.say(ann, "tea", "hello", "1")
    chat.say(ben, "tea", "hello", "1")
    assert [message["mine"] for message in chat.room_of(ann, "tea").history_for(ann)] == [True, False]
    assert [message["mine"] for message in chat.room_of(ben, "tea").history_for(ben)] == [False, True]


def test_secrets_are_not_public(chat: Chat) -> None:
    ann = enter(chat, "Ann", "tea")
    message, _ = chat.say(ann, "tea", "hello", "the key")
    assert message.public() == {
        "id": 1_700_000_000_000,
        "room": "tea",
        "nickname": "Ann",
        "text": "hello",
        "at": 1_700_000_000_000,
    }


def test_same_key_is_said_once_by_each(chat: Chat) -> None:
    ann, ben = enter(chat, "Ann", "tea"), enter(chat, "Ben", "tea")
    first, is_new = chat.say(ann, "tea", "hello", "1")
    again, is_new_again = chat.say(ann, "tea", "hello", "1")
    _, is_new_from_ben = chat.say(ben, "tea", "hello", "1")
    assert (first, is_new, is_new_again, is_new_from_ben) == (again, True, False, True)


def test_ids_go_on_rising_after_a_restart(chat: Chat, clock: Clock) -> None:
    ann = enter(chat, "Ann", LOBBY)
    before = [chat.say(ann, LOBBY, "hello", str(number))[0].id for number in range(10)]
    clock.seconds += 1
    restarted = Chat(clock)
    ann = enter(restarted, "Ann", LOBBY)
    assert restarted.say(ann, LOBBY, "hello", "1")[0].id > max(before)


def test_overview_has_the_lobby_first(chat: Chat) -> None:
    enter(chat, "Ann", "tea", "art")
    enter(chat, "Ben", "tea")
    assert chat.overview() == [
        {"name": "lobby", "online": 0},
        {"name": "art", "online": 1},
        {"name": "tea", "online": 2},
    ]


@pytest.mark.parametrize(
    ("nickname", "wanted"),
    [
        ("Ann", "Ann"),
        ("  Ann \t Lee\n", "Ann Lee"),
        ("Zoë 😀", "Zoë 😀"),
        ("Zoe\u0308 Nguye\u0302\u0303n", "Zoe\u0308 Nguye\u0302\u0303n"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("x" * MAX_NICKNAME_CHARS, "x" * MAX_NICKNAME_CHARS),
        (" " * 100 + "x", "x"),
    ],
)
def test_good_nicknames(nickname: str, wanted: str) -> None:
    assert nickname_in({"nickname": nickname}) == wanted


@pytest.mark.parametrize("request_", [None, "Ann", b"Ann", 1, [], ["nickname"], {}, {"name": "Ann"}])
def test_nickname_is_missing(request_: object) -> None:
    with pytest.raises(Refused, match="the nickname is missing"):
        nickname_in(request_)


@pytest.mark.parametrize("nickname", [None, 7, True, b"Ann", ["Ann"], {"nickname": "Ann"}])
def test_nickname_is_no_text(nickname: object) -> None:
    with pytest.raises(Refused, match="the nickname is missing"):
        nickname_in({"nickname": nickname})


@pytest.mark.parametrize(
    ("nickname", "complaint"),
    [
        ("", "is empty"),
        (" \n\u3000", "is empty"),
        ("x" * (MAX_NICKNAME_CHARS + 1), "is too long, 24 characters"),
        ("Ann\x00", "invisible"),
        ("\u202ennA", "invisible"),
        ("A\u200bnn", "invisible"),
        ("A\ud800nn", "invisible"),
        ("\u3164", "invisible"),  # a letter, to Unicode
        ("\uffa0\u115f", "invisible"),
        ("Ann\ufe0f", "invisible"),
        ("Ann\u034f", "invisible"),
        ("\u2800", "invisible"),
        ("Ann\U000e0101", "invisible"),
        ("\u0301", "accents"),
        ("Ann \u0301Lee", "accents"),
        ("A" + "\u0301" * 5, "accents"),
    ],
)
def test_bad_nicknames(nickname: str, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        nickname_in({"nickname": nickname})


@pytest.mark.parametrize("room", ["\u3164", "tea\u202e", "\u200b", "\u0301"])
def test_rooms_are_as_visible_as_names(room: str) -> None:
    with pytest.raises(Refused, match=r"^the room has "):
        room_in({"room": room})


def test_rooms_are_in_lower_case() -> None:
    assert room_in({"room": "  The  Tea Room "}) == "the tea room"
    assert len(room_in({"room": "\u0130" * MAX_ROOM_CHARS})) == MAX_ROOM_CHARS


def test_text_keeps_its_lines() -> None:
    assert text_in({"text": " one\n  two\n"}) == "one\n  two"
    assert len(text_in({"text": "x" * MAX_TEXT_CHARS})) == MAX_TEXT_CHARS
    with pytest.raises(Refused, match="the text is too long, 2000 characters"):
        text_in({"text": "x" * (MAX_TEXT_CHARS + 1)})


def test_keys_are_bounded() -> None:
    assert key_in({"tab": "x" * 64}, "tab") == "x" * 64
    with pytest.raises(Refused, match="the tab is too long"):
        key_in({"tab": "x" * 65}, "tab")
