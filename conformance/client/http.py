"""One HTTP request on a connection of its own, sent and answered step by step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import h11
import trio

from conformance.case import Failure
from conformance.client.transcript import Transcript, shown

PATIENCE_S = 3.0  # how long to wait for what must come at once; generous, for machines are busy
READ_BYTES = 65536

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response; header names are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value, repeated ones joined by `", "`; `None` if absent."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """The body, which must be UTF-8."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failure("response body is not UTF-8", received=self.body) from error

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failure("response body is not JSON", received=self.body) from error

    def __str__(self) -> str:
        return f"{self.status} {self.header('content-type') or '-'} {shown(self.body.decode('utf-8', 'replace'))}"


class Exchange:
    """A request that was begun, and its response.

    Attributes:
        stream: its connection.
    """

    def __init__(self, stream: trio.abc.Stream, transcript: Transcript, label: str) -> None:
        self.stream = stream
        self._transcript = transcript
        self._label = label
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=1_000_000)
        self._response: Response | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()

    async def start(self, method: str, target: str, headers: Iterable[tuple[str, str]]) -> None:
        """Send the request's line and headers."""
        await self._send(h11.Request(method=method, target=target, headers=list(headers)))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, in front of the request or behind it."""
        self._transcript.add(">", f"{shown(data.decode('latin-1'))}   ({self._label})")
        await self.stream.send_all(data)

    async def send_body(self, data: bytes) -> None:
        """Send a piece of the body; a chunk of it, where the headers say chunked."""
        await self._send(h11.Data(data=data))

    async def finish(self) -> None:
        """Say that the request is complete."""
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            with suppress(trio.BrokenResourceError):  # the server may have answered early: for `response` to see
                await self.stream.send_all(data)

    async def response(self, patience_s: float = PATIENCE_S) -> Response:
        """Wait for the whole response.

        Raises:
            Failure: it did not come in time, or was no HTTP.
        """
        with trio.move_on_after(patience_s):
            return await self._read()
        raise Failure(f"no response to {self._label} within {patience_s:g} s")

    async def pending(self, seconds: float) -> None:
        """Check that no response comes for a while."""
        with trio.move_on_after(seconds):
            response = await self._read()
            raise Failure(f"{self._label} was answered at once", expected="it stays open", received=str(response))

    async def refused(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the request gets an error, or the server drops the connection without an answer."""
        with trio.move_on_after(patience_s):
            try:
                response = await self._read()
            except Failure:
                return
            if response.status < 400:
                raise Failure(f"{self._label} was accepted", expected="an error", received=str(response))
            return
        raise Failure(f"no response to {self._label} within {patience_s:g} s, and its connection is open")

    async def _read(self) -> Response:
        while self._response is None:
            try:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    self._h11.receive_data(bytes(await self.stream.receive_some(READ_BYTES)))
                    continue
            except trio.BrokenResourceError:
                raise Failure(f"connection was lost before the response to {self._label}") from None
            except h11.RemoteProtocolError as error:
                raise Failure(f"no HTTP response to {self._label}: {error}") from None
            if isinstance(event, h11.Response):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None  # h11 gives the head first
                headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in self._head.headers]
                self._response = Response(self._head.status_code, headers, bytes(self._body))
                self._transcript.add("<", f"{self._response}   ({self._label})")
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    raise Failure(f"{self._label} was answered by 101, which nobody asked for")
            else:
                raise Failure(f"connection was closed before the response to {self._label}")
        return self._response

    async def abort(self) -> None:
        """Drop the connection, as a client does that goes away."""
        self._transcript.add(">", f"(connection dropped)   ({self._label})")
        await trio.aclose_forcefully(self.stream)
