"""A chat: rooms, who is online, who is typing, recent messages, an acknowledgement for each message.

    client to server                                          server to client
    connect  auth: {nickname, tab}                            welcome  {nickname, rooms}
    join     {room}            -> {history, online}           room     {name, online}, of any room that changed
    leave    {room}                                           joined   {room, nickname}
    message  {room, text, key} -> {id, at}                    left     {room, nickname}
    typing   {room, typing}, no answer                        message  {room, id, nickname, text, at}
                                                              typing   {room, nickname, typing}

Who comes is told all there is, with `welcome` and the answer to `join`; everybody else only what changed, for what is
sent to everybody is what costs. Every answer is `{"ok": True, ...}` or `{"ok": False, "error": "..."}`. Each handler
first changes the state, without waiting in between, and then tells people about it: so nobody ever sees, or acts on,
half a change.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from socketio_core import ConnectRefused
from socketio_core.app.adapter import MakeAdapter
from socketio_core.demo.company import Company, channel
from socketio_core.demo.pages import Pages
from socketio_core.demo.state import (
    MAX_PEOPLE,
    Chat,
    Message,
    Person,
    Refused,
    Room,
    field_of,
    key_in,
    nickname_in,
    room_in,
    text_in,
)
from socketio_core.socketio.packet import JSONValue
from socketio_core.trio import Server, Socket

Answer = dict[str, JSONValue]


def create_chat(
    *, client_dir: Path | None = None, now: Callable[[], float] = time.time, adapter: MakeAdapter | None = None
) -> Server:
    """Make a server that is a chat, page included; run it with `trio.run(create_chat().serve, "127.0.0.1", 3000)`.

    Args:
        client_dir: the folder of an npm `socket.io-client/dist`, for a page with the official client in place of ours.
        now: seconds since 1970, for the times of messages.
        adapter: joins it to other servers, which are one chat then. A nickname may be there once at each of them.
    """
    pages = Pages(client="own" if client_dir is None else "official")
    io = Server(client_dir=client_dir, http=pages.respond, adapter=adapter)
    chat = Chat(now)
    company = Company(io, chat, asks_others=adapter is not None)
    handle_people(io, chat, company)
    handle_rooms(io, chat, company)
    handle_messages(io, chat)
    return io


def handle_people(io: Server, chat: Chat, company: Company) -> None:
    """Handle people who come and go."""

    @io.use
    def check(socket: Socket) -> None:
        """Turn people away whose name will not do, before they are connected."""
        try:
            nickname_in(socket.handshake.auth)
            key_in(socket.handshake.auth, "tab")
        except Refused as refusal:
            raise ConnectRefused(str(refusal)) from None
        if len(chat.people) >= MAX_PEOPLE:
            raise ConnectRefused("the chat is full, try again later")

    @io.on("connection")
    async def connected(socket: Socket) -> None:
        tab = key_in(socket.handshake.auth, "tab")
        # A page that lost its connection, or was reloaded, may be back before the server has noticed that it went.
        ghost = chat.with_tab(tab)
        gone = chat.exit(ghost.sid) if ghost else None
        person = chat.enter(socket.id, nickname_in(socket.handshake.auth), tab)
        company.entered(socket, person)
        await socket.emit("welcome", {"nickname": person.nickname, "rooms": await company.overview()})
        if gone:
            await io.to(gone[0].sid).disconnect_sockets()
            await tell_that_left(io, company, *gone)

    @io.on("disconnect")
    async def disconnected(socket: Socket, reason: str) -> None:
        if gone := chat.exit(socket.id):
            await tell_that_left(io, company, *gone)


def handle_rooms(io: Server, chat: Chat, company: Company) -> None:
    """Handle joining and leaving of rooms."""

    @io.on("join")
    @answered
    async def join(socket: Socket, request: JSONValue) -> Answer:
        person = chat.person(socket.id)
        room, is_news = chat.join(person, room_in(request))
        socket.join(channel(room.name))
        if is_news:
            await socket.to(channel(room.name)).emit("joined", {"room": room.name, "nickname": person.nickname})
            await io.emit("room", await company.summary(room.name))
        # Last, so that it holds all that this page may have been told while the others were.
        return {"room": room.name, "history": room.history_for(person), "online": await company.nicknames(room)}

    @io.on("leave")
    @answered
    async def leave(socket: Socket, request: JSONValue) -> Answer:
        person = chat.person(socket.id)
        room = chat.leave(person, room_in(request))
        socket.leave(channel(room.name))
        await tell_that_left(io, company, person, [room])
        return {"room": room.name}


def handle_messages(io: Server, chat: Chat) -> None:
    """Handle what people say, and that they are about to say something."""

    @io.on("message")
    @answered
    async def message(socket: Socket, request: JSONValue) -> Answer:
        said, is_new = chat.say(chat.person(socket.id), room_in(request), text_in(request), key_in(request, "key"))
        if is_new:
            await socket.to(channel(said.room)).emit("message", said.public())
            await io.server_side_emit("said", [getattr(said, each.name) for each in fields(said)])
        return {"id": said.id, "at": said.at_ms}

    @io.on_server_side("said")
    def said_elsewhere(values: list[Any]) -> None:
        chat.overhear(Message(*values))

    @io.on("typing")
    @answered
    async def typing(socket: Socket, request: JSONValue) -> Answer:
        person = chat.person(socket.id)
        room = chat.room_of(person, room_in(request))
        # Nothing is remembered: the pages forget it by themselves after a few seconds.
        is_typing = field_of(request, "typing") is True
        news = {"room": room.name, "nickname": person.nickname, "typing": is_typing}
        await socket.to(channel(room.name)).emit("typing", news)
        return {}


async def tell_that_left(io: Server, company: Company, person: Person, rooms: list[Room]) -> None:
    """Tell everybody in `rooms` that somebody left, and everybody how many are there now."""
    for room in rooms:
        await io.to(channel(room.name)).emit("left", {"room": room.name, "nickname": person.nickname})
        await io.emit("room", await company.summary(room.name))


def answered(handler: Callable[[Socket, JSONValue], Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """Let `handler` answer `{"ok": True, ...}`, and what it refuses `{"ok": False, "error": "..."}`.

    The handler gets the first argument of the event; clients may send any number of them, of any kind, or none.
    """

    async def answer(socket: Socket, *arguments: JSONValue) -> Answer:
        try:
            return {"ok": True, **await handler(socket, arguments[0] if arguments else None)}
        except Refused as refusal:
            return {"ok": False, "error": str(refusal)}

    return answer
