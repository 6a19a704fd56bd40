"""A server to talk to from a terminal; `python -m tests.cli.echo_server` prints its URL."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import trio

from socketio_core import ConnectRefused, EngineSettings
from socketio_core.trio import AckTimeout, Server, Socket

io = Server(concurrency=4, engine=EngineSettings(path="/socket.io/", ping_interval_s=0.3, ping_timeout_s=5.0))

quick_came = trio.Event()
farewell: defaultdict[str, trio.Event] = defaultdict(trio.Event)
reasons: dict[str, str] = {}
background: list[trio.Nursery] = []
said: list[tuple[Any, ...]] = []


@io.on("connection")
async def connected(socket: Socket) -> None:
    await socket.emit("hello", {"token": socket.handshake.auth.get("token")}, bytes(range(3)))


@io.on("chat")
async def chat(socket: Socket, *args: Any) -> int:
    await socket.emit("chat", *args)
    return len(args)


@io.on("kick")
async def kick(socket: Socket) -> None:
    await socket.disconnect()


@io.on("disconnect")
def gone(socket: Socket, reason: str) -> None:
    reasons[socket.id] = reason
    farewell[socket.id].set()


@io.on("farewell")
async def farewell_of(socket: Socket, sid: str) -> str:
    """Tell why another socket left, once it has."""
    await farewell[sid].wait()
    return reasons[sid]


@io.on("slow")
async def slow(socket: Socket, value: Any) -> Any:
    """Answer once there was a `quick` too."""
    await quick_came.wait()
    return value


@io.on("quick")
async def quick(socket: Socket, value: Any) -> Any:
    quick_came.set()
    return value


@io.on("ask")
async def ask(socket: Socket) -> None:
    try:
        await socket.call("q", 1, timeout=0.2)
    except AckTimeout:
        await socket.emit("unanswered")


@io.on("silent")
async def silent(socket: Socket) -> None:
    await trio.sleep_forever()


@io.on("rude")
async def rude(socket: Socket) -> None:
    await socket.emit("evil", "\x1b[2J\x07")


@io.on("say")
async def say(socket: Socket, name: str, *args: Any) -> None:
    """Send what one is told to."""
    await socket.emit(name, *args)


@io.on("hide")
async def hide(socket: Socket, *codes: int) -> None:
    """Send characters, given by their numbers, as a name, a value and a key."""
    text = "".join(map(chr, codes))
    await socket.emit(f"a{text}b", text, {text: 1})


@io.of("/busy").on("connection")
async def busy(socket: Socket) -> None:
    """Emit without end, and go on listening."""
    background[0].start_soon(tick, socket)


async def tick(socket: Socket) -> None:
    for number in itertools.count():
        if not socket.connected:
            return
        await socket.emit("tick", number)
        await trio.sleep(0.0005)


@io.of("/busy").on("chat")
async def busy_chat(socket: Socket, *args: Any) -> None:
    said.append(args)
    await socket.emit("chat", *args)


@io.on("said")
def said_in_all(socket: Socket) -> Any:
    """Return what all `chat`s of `/busy` said since one has asked last."""
    taken = said.copy()
    said.clear()
    return taken


STRANGE_ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (),
    ("hi",),
    (42, None),
    (["you"], {}),
    ({"room": "lobby"},),
    ({"room": []}, 1),
    (b"\0",),
)


@io.of("/strange").on("connection")
async def strange(socket: Socket) -> None:
    """Say what the chat says, and mean something else."""
    for name in ("message", "joined", "left", "welcome"):
        for args in STRANGE_ARGUMENTS:
            await socket.emit(name, *args)
    await socket.emit("message", {"room": "lobby", "id": True, "nickname": "\x1b]0;x\x07", "text": {"a": "\u202e"}})
    await socket.emit("message", {"room": "lobby", "id": 2, "nickname": "eve\nann", "text": "\u2028\u2066\ud800"})


@io.of("/strange").on("join")
def join_in_vain(socket: Socket, request: Any) -> Any:
    return {"ok": True, "joined": request}


@io.of("/evil").on("connection")
async def evil(socket: Socket) -> None:
    """Answer as the chat does, and mean harm."""
    await strange(socket)


@io.of("/evil").on("join")
def join_evil(socket: Socket, request: Any) -> Any:
    room = request["room"] + "\x1b[2J\u202e"
    history = [None, 1, {"id": "x"}, {"id": 1, "nickname": ["\x9b"], "text": None}, {"id": 10**400, "text": "\u200b"}]
    return {"ok": True, "room": room, "history": history, "online": [{"\u2066": 1}, None, "\ud800"]}


@io.of("/evil").on("message")
def refuse_message(socket: Socket, request: Any) -> Any:
    return {"ok": False, "error": "no\n\x1b[31m"}


io.of("/admin")


@io.of("/refused").use
def refuse(socket: Socket) -> None:
    raise ConnectRefused("not you", {"code": 42})


@io.of("/undecided").use
async def wait(socket: Socket) -> None:
    await trio.sleep_forever()


async def main() -> None:
    async with trio.open_nursery() as nursery:
        background.append(nursery)
        urls = await nursery.start(io.serve, "127.0.0.1", 0)
        print(urls[0], flush=True)


if __name__ == "__main__":
    trio.run(main)
