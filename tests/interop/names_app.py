"""A server that answers the official client by all the names there are; see `test_names`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from socketio_core import EventHandlers, EventRefused, RateLimit, Server, handles
from socketio_core.app import AckTimeout, IncomingEvent, Namespace, Socket
from socketio_core.app.runtime import Event
from tests.interop.serving import new_event, options_of, report, serve


class Counter(EventHandlers):
    """One for each socket."""

    def __init__(self) -> None:
        self.count = 0

    async def on_count(self, socket: Socket) -> int:
        self.count += 1
        return self.count

    @handles("count twice", "a:b")
    async def twice(self, socket: Socket) -> int:
        return await self.on_count(socket) + await self.on_count(socket)


def root(io: Server) -> None:
    """Listeners, and what a socket tells of itself."""
    io.register(Counter, per_socket=True)
    sent: dict[str, list[str]] = {}

    @io.use
    async def greet(socket: Socket) -> None:
        await socket.emit("greeting", socket.connected)

    @io.on("connection")
    def connected(socket: Socket) -> None:
        names = sent[socket.id] = []
        upgrades: list[str] = []
        socket.data["upgrades"] = upgrades
        socket.conn.on("upgrade", upgrades.append)
        socket.join("all")

        @socket.on_any_outgoing
        def note(name: str, *_: object) -> None:
            names.append(name)

        @socket.once("once")
        def once() -> str:
            return "once"

    @io.on("*")
    def rest(_: Socket, name: str, *args: Any) -> Any:
        return name, *args

    @io.on("message")
    async def message(socket: Socket, *args: Any) -> None:
        await socket.send(*args)
        await io.to("all").compress(False).send("to all")  # noqa: FBT003 - the name users know

    @io.on("volatile please")
    async def volatile_please(socket: Socket) -> bool:
        return await socket.volatile.emit("volatile") and await socket.emit("not volatile")

    @io.on("describe")
    def describe(socket: Socket) -> list[Any]:
        age_s = time.time() - socket.handshake.time
        return [socket.transport, socket.data["upgrades"], 0 <= age_s < 60, socket.disconnected, sent[socket.id]]

    @io.on("ask all")
    async def ask_all(socket: Socket, timeout: float) -> Any:
        try:
            return await io.to("all").emit_with_ack("question", "a", "b", timeout=timeout)
        except AckTimeout as error:
            return error.responses, len(error.missing)

    @io.on("ask servers")
    async def ask_servers(_: Socket) -> Any:
        return await io.server_side_emit_with_ack("anybody?")


def guarded(io: Server) -> None:
    """Middlewares of events, and limits."""
    space = io.of("/guarded")
    limited = RateLimit(events_per_s=0.001, burst=2, then="refuse")

    def connected(socket: Socket) -> None:
        @socket.use
        def wrap(event: IncomingEvent) -> None:
            if event.name == "join":
                event.name, event.args = "reflect", ["join", *event.args]

        @socket.use
        def count(event: IncomingEvent) -> None:
            if event.args[:1] == ["join"]:
                event.args.append(len(event.args))

    io.of("/guarded", connected)

    @space.use_events
    async def check(_: Socket, event: IncomingEvent) -> bool | None:
        if event.name == "forbidden":
            raise EventRefused("not you", {"code": 403})
        if event.name == "rename":
            event.name, event.args = "reflect", [*event.args, "renamed"]
        return event.name != "drop"

    @space.use_events
    async def limit(_: Socket, event: IncomingEvent) -> bool:
        return event.name != "limited" or await limited(event)

    @space.on("reflect")
    def reflect(_: Socket, *args: Any) -> Any:
        return args

    @space.on("limited")
    def within(_: Socket) -> str:
        return "within"


def catch_alls(io: Server) -> None:
    """Those of every event, in both directions: in front of others, and removed."""
    space = io.of("/catch-alls")

    @space.on("connection")
    def connected(socket: Socket) -> None:
        heard: list[list[Any]] = []
        sent: list[list[Any]] = []
        socket.data.update(heard=heard, sent=sent)
        for notes, add, prepend, remove in (
            (heard, socket.on_any, socket.prepend_any, socket.off_any),
            (sent, socket.on_any_outgoing, socket.prepend_any_outgoing, socket.off_any_outgoing),
        ):
            add(partial(note, notes, "third"))
            prepend(partial(note, notes, "second"))
            prepend(partial(note, notes, "first"))
            remove(add(partial(note, notes, "removed")))

    def note(notes: list[list[Any]], who: str, *event: Any) -> None:
        notes.append([who, *event])

    @space.on("tell")
    async def tell(socket: Socket, *_: Any) -> tuple[Any, Any]:
        await socket.emit("own", 1)
        await space.emit("bytes", b"\x01\x02")
        return socket.data["heard"], socket.data["sent"]

    @space.on("forget all")
    async def forget_all(socket: Socket) -> list[Any]:
        socket.off_any()
        socket.off_any_outgoing()
        await socket.emit("unheard")
        return [len(socket.data["heard"]), len(socket.data["sent"])]


def packed(io: Server) -> None:
    """What is compressed, and what is not."""

    @io.on("pack")
    async def pack(socket: Socket) -> None:
        text = "x" * 2000
        await socket.emit("packed", text)
        await socket.compress(False).emit("plain", text)  # noqa: FBT003 - the name users know
        await io.to(socket.id).emit("packed", text)
        await io.to(socket.id).compress(False).emit("plain", text)  # noqa: FBT003


def families(io: Server) -> None:
    """Families: one by a pattern, one that looks at `auth` and takes its time."""
    rooms = io.of(re.compile(r"/room-\d"))

    @rooms.on("connection")
    def connected(socket: Socket) -> None:
        socket.join("red")

    @rooms.on("all children")
    async def all_children(socket: Socket) -> list[int]:
        return [
            await rooms.to("red").emit("red"),
            len(await rooms.except_("blue").fetch_sockets()),
            len(await rooms.to("red").call("question")),
        ]

    @rooms.on("disconnect children")
    async def disconnect_children(_: Socket) -> None:
        await rooms.disconnect_sockets()

    @rooms.on("disconnect")
    def left(socket: Socket, reason: str, description: str | None) -> None:
        report("left", sid=socket.id, reason=reason, description=description)

    async def allow(name: str, auth: Mapping[str, Any]) -> bool:
        return name == "/vip" and auth.get("key") == 1

    io.of(allow)
    asked: list[Event] = []

    async def wait_for_both(name: str, _: Mapping[str, Any]) -> bool:
        if name != "/twins":
            return False
        asked.append(new_event())
        if len(asked) == 2:
            for each in asked:
                each.set()
        await asked[0].wait()
        return True

    @io.of(wait_for_both).on("how many")
    def how_many(socket: Socket) -> int:
        return len(socket.namespace.sockets)

    @io.on("new_namespace")
    def prepare(namespace: Namespace) -> None:
        report("new_namespace", name=namespace.name, sid=None)


def build() -> Server:
    io = Server(per_message_deflate=True)
    for install in (root, guarded, catch_alls, packed, families):
        install(io)
    return io


if __name__ == "__main__":
    serve(build(), options_of())
