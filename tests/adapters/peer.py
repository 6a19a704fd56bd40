"""The client's end of a connection, on either loop; the bytes themselves are in `tests.wire.written`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trio

from tests.adapters.loops import loop
from tests.wire.written import POLLING, Answer, request


class Ended(Exception):  # noqa: N818 - what a reader finds
    """The server has ended the connection."""


class Peer:
    """The client's end of a connection: bytes go out, answers and frames come in.

    Attributes:
        stream: as trio has them: a `tests.adapters.memory.Stream`.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._received = bytearray()

    async def send(self, data: bytes) -> None:
        """Send bytes; a server that hangs up meanwhile is for whoever reads to find out."""
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await loop.checkpoint()

    async def _more(self) -> None:
        try:
            data = await self.stream.receive_some(65536)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            raise Ended
        self._received += data

    async def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        while len(self._received) < size:
            await self._more()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def until(self, mark: bytes) -> bytes:
        """Read up to `mark`, and the mark."""
        while (at := self._received.find(mark)) < 0:
            await self._more()
        return await self.exactly(at + len(mark))

    async def rest(self) -> bytes:
        """Read to the end."""
        try:
            while True:
                await self._more()
        except Ended:
            return await self.exactly(len(self._received))

    async def answer(self, *, to: str = "GET") -> Answer:
        """Read one HTTP response to a request of method `to`."""
        first, *lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        answer = Answer(int(first.split(" ")[1]))
        for line in filter(None, lines):
            name, _, value = line.partition(": ")
            key = name.lower()
            answer.headers[key] = f"{answer.headers[key]}, {value}" if key in answer.headers else value
        if to != "HEAD" and answer.status >= 200 and answer.status not in (204, 304):
            answer.body = await self.exactly(int(answer.headers["content-length"]))
        return answer

    async def ask(
        self, target: str = POLLING, method: str = "GET", body: bytes | None = None, headers: Iterable[str] = ()
    ) -> Answer:
        """Send one request and read its response."""
        await self.send(request(target, method, body, headers))
        return await self.answer(to=method)

    async def frame(self, rsv: int = 0) -> tuple[int, bytes]:
        """Read one WebSocket frame, which must be whole and unmasked; returns opcode and payload."""
        first, second = await self.exactly(2)
        assert first >> 4 == 8 | rsv, f"not a final frame with the right extension: {first:#x}"
        assert second < 128, "a server must not mask"
        size = second
        if size == 126:
            size = int.from_bytes(await self.exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.exactly(8), "big")
        return first & 15, await self.exactly(size)

    async def cut(self, data: bytes) -> None:
        """Read nothing, and send `data` now and then, until the server has cut the connection."""
        try:
            while True:
                await self.stream.send_all(data)
                await loop.sleep(0.1)
        except trio.BrokenResourceError:
            await loop.checkpoint()

    async def end_writing(self) -> None:
        """Send no more, but read on."""
        await self.stream.send_eof()

    async def close(self) -> None:
        await loop.drop(self.stream)

    async def reset(self) -> None:
        """End the connection with an RST instead of a FIN."""
        await loop.drop(self.stream, is_reset=True)
