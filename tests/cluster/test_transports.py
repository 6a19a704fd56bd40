"""Which channel or stream a message goes to, and what is heard."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.cluster.address import parse_redis_url
from socketio_core.cluster.link import Command, Link
from socketio_core.cluster.messages import (
    Audience,
    Broadcast,
    ClientAck,
    Message,
    RoomsJoin,
    ServerEmit,
    SocketsFetch,
    SocketsFetched,
)
from socketio_core.cluster.transports import Classic, Sharded, Streams, Transport
from socketio_core.cluster.values import Malformed
from tests.cluster.redis import commands_in
from tests.cluster.streams import GREETED

SID = "x" * 20


def listener() -> Link:
    """Return a link that is up."""
    link = Link(parse_redis_url("redis://h"), lambda: 1.0, listens=True)
    link.dialing(0.0)
    link.connected(0.0)
    link.receive(GREETED, 0.0)
    link.data_to_send()
    return link


def said(transport: Transport) -> list[str]:
    return commands_in(transport.listener.data_to_send())


def event(*rooms: str, nsp: str = "/", uid: str = "me", request_id: str | None = None) -> Broadcast:
    return Broadcast(uid, nsp, ["a", 1], Audience(rooms, [], {}), request_id)


def question() -> SocketsFetch:
    return SocketsFetch("me", "/", Audience([], [], {}), "id")


def there_and_back(transport: Transport, command: Command) -> Message:
    """Return what another server makes of a command that publishes."""
    _, channel, data = command
    assert isinstance(channel, str)
    assert isinstance(data, bytes)
    return transport.decode(channel, data)


@pytest.mark.parametrize("kind", [Classic, Sharded, Streams])
@pytest.mark.parametrize("nsp", ["/", '/é "quoted"'])
def test_what_a_server_has_said_itself_it_knows_without_decoding_it(kind: type[Transport], nsp: str) -> None:
    mine, other = kind("me", listener()), kind("me, too", listener())
    mine.open(nsp)
    mine.open("/other")
    in_channel = "of a question" if kind is Streams else None  # all else is not published
    question = event(nsp=nsp, request_id=in_channel)
    _, _, data = mine.tell(question)
    assert isinstance(data, bytes)
    assert mine.is_own(data) is (kind is not Streams)  # which publishes no JSON
    assert not other.is_own(data)
    *_, quoted = other.tell(
        Broadcast("me, too", nsp, ["a", data.decode("latin-1"), data.decode("latin-1")], question.audience, in_channel)
    )
    assert isinstance(quoted, bytes)
    assert not mine.is_own(quoted)
    mine.close(nsp)
    assert mine.is_own(data) is (kind is Classic)


def test_what_was_heard_before_changes_nothing_about_whose_a_message_is() -> None:
    mine, other = Sharded("me", listener()), Sharded("me, too", listener())
    said: list[tuple[bytes, bool]] = []
    for nsp in ("/", "/a", "/ a"):
        for transport in (mine, other):
            transport.open(nsp)
            *_, data = transport.tell(event(nsp=nsp, uid=transport.uid))
            assert isinstance(data, bytes)
            said.append((data, transport is mine))
    for before, _ in said:
        for data, is_own in said:
            mine.is_own(before)
            assert mine.is_own(data) is is_own


def test_classic_channels() -> None:
    transport = Classic("me", listener())
    transport.open("/")
    transport.open("/a*[b]")
    assert said(transport) == [
        "SUBSCRIBE socket.io-request#/# socket.io-response#/# socket.io-response#/#me#",
        "PSUBSCRIBE socket.io#/#*",
        "SUBSCRIBE socket.io-request#/a*[b]# socket.io-response#/a*[b]# socket.io-response#/a*[b]#me#",
        r"PSUBSCRIBE socket.io#/a\*\[b\]#*",
    ]
    transport.close("/")
    assert said(transport) == [
        "UNSUBSCRIBE socket.io-request#/# socket.io-response#/# socket.io-response#/#me#",
        "PUNSUBSCRIBE socket.io#/#*",
    ]


@pytest.mark.parametrize(
    ("message", "channel"),
    [
        (event(), "socket.io#/#"),
        (event("r"), "socket.io#/#r#"),
        (event("r#s"), "socket.io#/#r#s#"),
        (event("\ud800"), "socket.io#/#?#"),
        (event("r", "s", nsp="/n"), "socket.io#/n#"),
        (event("r", request_id="id"), "socket.io-request#/#"),
        (question(), "socket.io-request#/#"),
        (RoomsJoin("me", "/n", Audience([], [], {}), ["r"]), "socket.io-request#/n#"),
        (ServerEmit("me", "/", ["a"]), "socket.io-request#/#"),
    ],
)
def test_classic_messages_have_their_channel(message: Message, channel: str) -> None:
    transport = Classic("me", listener())
    for nsp in ("/", "/n"):
        transport.open(nsp)
    command = transport.tell(message)
    assert command[:2] == ("PUBLISH", channel)
    assert type(there_and_back(transport, command)) is type(message)


def test_classic_answers_are_heard_by_all() -> None:
    transport = Classic("me", listener(), "app")
    transport.open("/")
    command = transport.answer("you", ClientAck(None, "/", "id", 5))
    assert command[1] == "app-response#/#"
    assert there_and_back(transport, command) == ClientAck(None, "/", "id", 5)
    with pytest.raises(Malformed, match="on an unknown channel"):
        transport.decode("other", b"")


@pytest.mark.parametrize(
    ("mode", "message", "channel"),
    [
        ("static", event("r"), "socket.io#/#"),
        ("dynamic", event("r"), "socket.io#/#r#"),
        ("dynamic", event("r", "s"), "socket.io#/#"),
        ("dynamic", event(SID), "socket.io#/#"),
        ("dynamic-private", event(SID), f"socket.io#/#{SID}#"),
        ("dynamic", event("r", request_id="id"), "socket.io#/#"),
        ("dynamic", event(5), "socket.io#/#"),  # type: ignore[arg-type] # as Node may have it
        ("dynamic", question(), "socket.io#/#"),
    ],
)
def test_sharded_messages_have_their_channel(mode: str, message: Message, channel: str) -> None:
    transport = Sharded("me", listener(), mode=mode)
    command = transport.tell(message)
    assert command[:2] == ("SPUBLISH", channel)
    assert type(there_and_back(transport, command)) is type(message)


def test_sharded_rooms_are_subscribed_to_as_they_come_and_go() -> None:
    transport = Sharded("me", listener())
    transport.open("/")
    transport.room_created("/", "r")
    transport.room_created("/", SID)
    transport.room_deleted("/", "r")
    transport.room_deleted("/", SID)
    transport.close("/")
    assert said(transport) == [
        "SSUBSCRIBE socket.io#/# socket.io#/#me#",
        "SSUBSCRIBE socket.io#/#r#",
        "SUNSUBSCRIBE socket.io#/#r#",
        "SUNSUBSCRIBE socket.io#/# socket.io#/#me#",
    ]
    answer = transport.answer("you", SocketsFetched("me", "/", "id", []))
    assert answer[:2] == ("SPUBLISH", "socket.io#/#you#")


def test_modes_are_checked() -> None:
    with pytest.raises(ValueError, match="mode must be 'static', 'dynamic' or 'dynamic-private', not: 'x'"):
        Sharded("me", listener(), mode="x")


@pytest.mark.parametrize("sharded", [True, False])
def test_streams_keep_what_changes_something_and_channels_carry_questions(*, sharded: bool) -> None:
    transport = Streams("me", listener(), sharded=sharded, max_length=5)
    s = "S" if sharded else ""
    transport.open("/")
    transport.room_created("/", "r")
    transport.room_deleted("/", "r")
    transport.close("/")
    assert said(transport) == [
        f"{s}SUBSCRIBE socket.io#/# socket.io#/#me#",
        f"{s}UNSUBSCRIBE socket.io#/# socket.io#/#me#",
    ]
    assert transport.tell(event())[:6] == ("XADD", "socket.io", "MAXLEN", "~", 5, "*")
    assert transport.tell(RoomsJoin("me", "/", Audience([], [], {}), ["r"]))[0] == "XADD"
    for message in (event(request_id="id"), question(), ServerEmit("me", "/", ["a"])):
        command = transport.tell(message)
        assert command[:2] == (f"{s}PUBLISH", "socket.io#/#")
        assert type(there_and_back(transport, command)) is type(message)
    answer: Any = transport.answer("you", SocketsFetched("me", "/", "id", []))
    assert answer[:2] == (f"{s}PUBLISH", "socket.io#/#you#")


def test_several_streams_are_chosen_by_namespace_and_all_are_read() -> None:
    transport = Streams("me", listener(), stream="st", count=4)
    assert transport.stream_of("/") == "st-3"
    assert transport.stream_of("/notifications") == "st-3"  # Node's own hash is -3 there, and nobody reads that one
    assert transport.streams == [f"st-{number}" for number in range(-3, 4)]
    assert Streams("me", listener(), stream="st", count=7).stream_of("/notifications") == "st-1"  # of -1014064871
    assert Streams("me", listener()).streams == ["socket.io"]
