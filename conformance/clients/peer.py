"""What a case holds: a server, a client under test, and the session between them."""

from __future__ import annotations

import itertools
import math
from typing import Any, Final

import trio

from conformance.case import Failure, same
from conformance.clients.process import ClientProcess, Report
from conformance.clients.server import (
    BINARY,
    CLOSE,
    Request,
    ScriptedServer,
    WebSocket,
    open_packet,
    packets_of,
    patience,
    payload,
)

AWAY_S: Final = 0.3
"""Longer than the longest delay between two attempts, which the contract sets to 100 ms."""

_names = itertools.count(1)


class ClientPeer:
    """One client under test, for one case.

    Attributes:
        slowness: what the times of a case are to be multiplied by: it is 1, until the machine was too busy for them.
    """

    def __init__(self, process: ClientProcess, server: ScriptedServer, slowness: float = 1.0) -> None:
        self.process = process
        self.server = server
        self.slowness = slowness
        self.name = f"c{next(_names)}"
        self._sids = itertools.count(1)
        self.is_open = False

    async def open(self, *transports: str, auth: object = None, **options: object) -> None:
        """Tell the client to connect."""
        self.is_open = True
        chosen = {"reconnection": False, **options}
        fields: dict[str, object] = {} if auth is None else {"auth": auth}
        url, names = self.server.url, list(transports)
        await self.process.tell(do="open", id=self.name, url=url, transports=names, options=chosen, **fields)

    async def tell(self, do: str, **fields: object) -> None:
        """Tell the client to do something."""
        await self.process.tell(do=do, id=self.name, **fields)

    async def has_obeyed(self) -> None:
        """Wait until the process has done all that it was told: behind that it opens another client, in vain."""
        other = ClientPeer(self.process, self.server)
        await other.open("polling")
        await (await self.server.next("handshake")).respond("no", 503)
        await other.report("connect_error")
        await self.process.close(other.name)

    async def report(self, event: str, **wanted: object) -> Report:
        """Wait for a report of this kind, in which the fields are so."""
        report = await self.process.report(self.name, event)
        found = {name: report.get(name) for name in wanted}
        if not same(found, wanted):
            raise Failure(f"wrong report of {event!r}", expected=wanted, received=found)
        return report

    async def silence(self, seconds: float = 0.15) -> None:
        """Fail if the client reports something within a moment."""
        await self.process.silence(self.name, seconds)

    async def stays_away(self) -> None:
        """Fail if the client opens another connection, though the longest delay between attempts has passed."""
        await self.server.none("handshake", AWAY_S)
        await self.server.none("websocket", 0.0)

    async def session(self, transport: str = "polling", **handshake: Any) -> Session:
        """Answer the client's handshake."""
        sid = f"sid-{self.name}-{next(self._sids)}"
        if transport == "websocket":
            request = await self.server.next("websocket")
            websocket = await request.accept()
            session = Session(self, sid, request, websocket)
            await websocket.send(open_packet(sid, **handshake))
            return session
        request = await self.server.next("handshake")
        session = Session(self, sid, request, None)
        await request.respond(open_packet(sid, **handshake))
        return session

    async def connected(self, transport: str = "polling", **options: Any) -> Session:
        """Open the client on this transport, and let it into the root namespace."""
        await self.open(transport, **options)
        session = await self.session(transport)
        await session.let_in()
        return session


class Session:
    """The server's end of one Engine.IO session: packets in and out, whatever carries them."""

    def __init__(self, peer: ClientPeer, sid: str, request: Request, websocket: WebSocket | None) -> None:
        self.peer = peer
        self.sid = sid
        self.request = request
        self.websocket = websocket
        self.began_at = trio.current_time()  # no later than the client knows of it
        self._inbox: list[str | bytes] = []

    async def let_in(self, nsp: str = "/", answer: str | None = None) -> str | bytes:
        """Answer a CONNECT. Returns it."""
        connect = await self.receive()
        prefix = "" if nsp == "/" else f"{nsp},"
        if not (isinstance(connect, str) and connect.startswith(f"40{prefix}")):
            raise Failure("no CONNECT", expected=f"40{prefix}", received=connect)
        await self.send(f"40{prefix}" + ('{"sid":"socket"}' if answer is None else answer))
        await self.peer.report("connect", nsp=nsp)
        return connect

    async def send(self, *packets: str | bytes) -> None:
        """Send packets: in the answer to the next poll, or each in a frame."""
        if self.websocket is not None:
            await self.websocket.send(*packets)
        else:
            await (await self.peer.server.next("poll")).respond(payload(*packets))

    async def receive(self, patience_s: float | None = None) -> str | bytes:
        """Return the next packet of the client; POSTs are answered `ok`."""
        if self.websocket is not None:
            with trio.move_on_after(patience.get() if patience_s is None else patience_s):
                return await self.websocket.receive()
            raise Failure("no packet from the client")
        while not self._inbox:
            post = await self.peer.server.next("post", patience_s)
            if post.query.get("sid") == self.sid:  # else a goodbye of a session that was lost
                self._inbox = packets_of(post.body)
            await post.respond("ok")
        return self._inbox.pop(0)

    async def expect(self, *packets: str | bytes) -> None:
        """Receive exactly these packets, in this order."""
        for packet in packets:
            received = await self.receive()
            if received != packet:
                raise Failure("wrong packet", expected=packet, received=received)

    async def quiet(self, seconds: float = 0.15) -> None:
        """Fail if a packet comes within a moment."""
        heard = await self.heard(seconds)
        if heard:
            raise Failure("a packet where there must be none", received=heard)

    async def heard(self, seconds: float) -> list[str | bytes]:
        """Return the packets that come within a moment, and the end of a WebSocket as `"1"`."""
        heard: list[str | bytes] = []
        with trio.move_on_after(seconds):
            while True:
                if self.websocket is None:
                    heard.append(await self.receive(math.inf))
                    continue
                frame = await self.websocket.receive_frame()
                if frame is None or frame[0] == CLOSE:
                    return [*heard, "1"]
                heard.append(frame[1] if frame[0] == BINARY else frame[1].decode())
        return heard

    async def ends(self) -> None:
        """Wait until the client ends the session: with a close packet, or at least without another poll."""
        if self.websocket is not None:
            await self.websocket.end()
        elif "1" not in await self.heard(0.2):
            await self.peer.server.none("poll", 0.0)

    async def lose(self) -> None:
        """Break the connection, and whatever the client opens for this session: browsers ask again by themselves."""
        if self.websocket is not None:
            await self.websocket.drop()
        else:
            poll = await self.peer.server.next("poll")
            self.peer.server.lost.add(self.sid)
            await poll.drop()
