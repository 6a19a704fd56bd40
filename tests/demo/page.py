"""A page of the chat without a browser and without a network: Socket.IO by hand, over streams in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
import trio.testing
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from socketio_core.trio import Server

Stream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]


class MemoryListener(trio.abc.Listener[Stream]):
    """A listener that accepts what is put into it."""

    def __init__(self) -> None:
        self._put, self._take = trio.open_memory_channel[Stream](100)

    def connect(self) -> Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        self._put.send_nowait(theirs)
        return ours

    async def accept(self) -> Stream:
        return await self._take.receive()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class Page:
    """One connection. What arrives while something else is awaited is kept, in order."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._websocket = WSConnection(ConnectionType.CLIENT)
        self._packets: deque[str] = deque()
        self._ack_count = 0

    async def open(self) -> None:
        request = Request(host="chat.example", target="/socket.io/?EIO=4&transport=websocket")
        await self._stream.send_all(self._websocket.send(request))
        assert (await self._next(lambda _: True)).startswith("0{")

    async def connect(self, nickname: object, tab: object) -> str:
        """Ask to be let in; returns the answer, `"40{...}"` or `"44{...}"`."""
        await self._send("40" + json.dumps({"nickname": nickname, "tab": tab}))
        return await self._next(lambda packet: packet.startswith(("40", "44")))

    async def emit(self, name: str, *args: object) -> None:
        await self._send("42" + json.dumps([name, *args]))

    async def ask(self, name: str, *args: object) -> dict[str, Any]:
        """Emit an event and return the answer."""
        self._ack_count += 1
        await self._send(f"42{self._ack_count}" + json.dumps([name, *args]))
        head = f"43{self._ack_count}["
        answers: list[dict[str, Any]] = json.loads(
            (await self._next(lambda packet: packet.startswith(head)))[len(head) - 1 :]
        )
        assert len(answers) == 1
        return answers[0]

    async def join(self, room: str) -> dict[str, Any]:
        answer = await self.ask("join", {"room": room})
        assert answer["ok"], answer
        return answer

    async def say(self, room: str, text: str, key: str = "key") -> dict[str, Any]:
        return await self.ask("message", {"room": room, "text": text, "key": key})

    async def hear(self, name: str) -> Any:
        """Return the argument of the next event of that name."""
        head = f'42["{name}",'
        return json.loads((await self._next(lambda packet: packet.startswith(head)))[2:])[1]

    async def heard(self) -> list[str]:
        """Return the names of all events so far that nobody has asked for, and forget them."""
        return [json.loads(packet[2:])[0] for packet in await self.packets()]

    async def packets(self) -> list[str]:
        """Return the packets of those events, and forget them."""
        await self.ask("join")  # is refused; what was sent before the answer has arrived with it
        packets = [packet for packet in self._packets if packet.startswith("42")]
        self._packets.clear()
        return packets

    async def wait_for_end(self) -> str:
        """Wait until the server disconnects this page; returns the packet that says so."""
        return await self._next(lambda packet: packet.startswith("41"))

    async def close(self) -> None:
        await self._stream.aclose()

    async def _send(self, packet: str) -> None:
        await self._stream.send_all(self._websocket.send(TextMessage(data=packet)))

    async def _next(self, wanted: Callable[[str], bool]) -> str:
        while True:
            for packet in self._packets:
                if wanted(packet):
                    self._packets.remove(packet)
                    return packet
            data = await self._stream.receive_some()
            assert data, f"connection ended, with these packets left: {list(self._packets)}"
            self._websocket.receive_data(bytes(data))
            for event in self._websocket.events():
                if isinstance(event, TextMessage):
                    self._packets.append(event.data)
                else:
                    assert isinstance(event, AcceptConnection), event


class Site:
    """A running chat, and the pages that come to it."""

    def __init__(self, listener: MemoryListener) -> None:
        self._listener = listener

    async def page(self) -> Page:
        page = Page(self._listener.connect())
        await page.open()
        return page

    async def enter(self, nickname: str, *rooms: str, tab: str = "") -> Page:
        """Open a page, connect it, and join rooms."""
        page = await self.page()
        assert (await page.connect(nickname, tab or f"tab of {nickname}")).startswith("40")
        for room in rooms:
            await page.join(room)
        return page


@asynccontextmanager
async def running(server: Server) -> AsyncGenerator[Site, None]:
    """Run a server for the time of a test; a test that hangs fails."""
    listener = MemoryListener()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(server.serve, listeners=[listener]))
            yield Site(listener)
            nursery.cancel_scope.cancel()
