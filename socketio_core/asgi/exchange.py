"""One request or WebSocket that an ASGI server hands over: to an engine or to the application, and the answer back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, assert_never

from socketio_core.app.flow import Flow
from socketio_core.app.host import Endpoint
from socketio_core.app.shares import taken_bytes
from socketio_core.asgi.loops import Loop
from socketio_core.asgi.scopes import Message, Receive, Scope, Send
from socketio_core.asgi.site import AsgiSite, Bell, Waiter
from socketio_core.engineio.actions import Action, Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.carriers import WRITE_BYTES, Poll, Post, WebSocket
from socketio_core.engineio.close_codes import NO_CODE
from socketio_core.engineio.message import WireMessage
from socketio_core.engineio.session import Session
from socketio_core.http import Headers, Request, Response
from socketio_core.websocket_handshake import chosen_subprotocol
from socketio_core.wire.base import LARGE_BYTES, MUCH_BYTES
from socketio_core.wire.plain_frames import LIGHT_BYTES

_CLOSE: Final = (b"connection", b"close")
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # unless headers say that there is one
_NORMAL: Final = 1000
_ABNORMAL: Final = 1006  # no close frame has come; RFC 6455, 7.4.1
_TURN_MESSAGES: Final = 16
"""Of one client that are handled before it is the turn of others. Each `LIGHT_BYTES` of one count as one more: twice as
many bytes as where frames are read here, for such a turn is sixteen times as long, and costs no turn of the loop."""
_TURN_PACKETS: Final = 32  # of one POST, for each client has a task, and all of them a turn in each of the loop


class AsgiExchange:
    """One request or WebSocket, while it is served."""

    def __init__(
        self, site: AsgiSite, loop: Loop, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._site = site
        self._host = site.host
        self._runtime = site.host.runtime
        self._loop = loop
        self._request = request
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_begun = False  # the answer
        self._is_chunked = request.raw_header(b"transfer-encoding") is not None
        has_body = self._is_chunked or request.raw_header(b"content-length") not in (None, b"0")
        self._is_read = request.method in _BODILESS and not has_body  # the body, to its end
        self._body = bytearray()  # for the application
        self._sending: list[WireMessage] = []  # what was taken out of an outbox last
        self._answer_bytes = 0  # of a response that is being sent
        self._large_bytes = 0  # of a message that waits for its turn
        self._is_dropped = False
        self._is_asked = False
        self.session: Session | None = None  # whose it is

    # -- what it holds -----------------------------------------------------------------------------------------------

    @property
    def held_bytes(self) -> int:
        """See `Holder`; without what the ASGI server has, and what the application is asked about."""
        sending = taken_bytes(self._sending, None, 0)
        request_bytes = 0 if self._is_asked else self._request.size_bytes
        return request_bytes + len(self._body) + self._answer_bytes + self._large_bytes + sending

    def shrink(self) -> int:
        """See `Holder`: nothing of that is here."""
        return 0

    def drop(self, why: str, now: float) -> None:
        """See `Holder`. A response that the ASGI server has been given is that server's."""
        self._is_dropped = True
        self._body.clear()
        self._sending.clear()

    # -- who answers -------------------------------------------------------------------------------------------------

    async def serve(self, endpoint: Endpoint) -> None:
        """Have an engine answer."""
        request, core = self._request, endpoint.core
        refusal = None
        if endpoint.asks_handshakes and core.is_handshake(request):
            self._is_asked = True
            refusal = await self._host.refusal_of(core, request)
            self._is_asked = False
        waiter = Waiter()
        action: Action
        if refusal is not None:
            action = core.refuse(request, refusal)
        else:
            action = core.handle_request(request, self._runtime.now(), waiter)
        self._runtime.output_ready()
        match action:
            case Respond(response):
                await self.respond(response)
            case ReadBody(post, _):
                self.session = post.session
                await self._serve_post(endpoint, post)
            case Park(poll):
                self.session = poll.session
                await self._serve_poll(endpoint, poll, waiter)
            case Upgrade(websocket, headers):
                self.session = websocket.session
                await self._serve_websocket(endpoint, websocket, headers, waiter)
            case _:
                assert_never(action)

    async def apologize(self) -> bool:
        """Say that the server ends, if nothing was said yet: a poll was cancelled in the middle of waiting."""
        if self._is_begun or self._scope["type"] != "http":
            return False
        await self.respond(text_response(503, "Server is shutting down"))
        return True

    async def conclude(self) -> None:
        """Answer, if nothing was said, for the client is gone.

        A server throws that away. Middleware between it and this may take silence for a failure, as Starlette's does.
        """
        if self._scope["type"] == "http" and not self._is_begun:
            await self._write(text_response(400, "Client is gone"), "http")

    async def ask_application(self) -> None:
        """Have the application's own handler answer."""
        body, limit = self._body, self._host.endpoints[0].settings.max_payload_bytes

        def feed(chunk: bytes) -> bool:
            if not self._is_dropped:
                body.extend(chunk)
            return len(body) <= limit and not self._is_dropped

        if not await self._read_body(feed):
            return
        if self._is_dropped:
            await self.respond(text_response(503, "Server holds too much"))
        elif len(body) > limit:
            await self.respond(text_response(413, "Request body too large"))
        else:
            whole, self._is_asked = bytes(body), True
            body.clear()
            await self.respond(await self._host.response_to(self._request, whole))

    # -- polling -----------------------------------------------------------------------------------------------------

    async def _serve_post(self, endpoint: Endpoint, post: Post) -> None:
        core, is_whole = endpoint.core, False
        flow = endpoint.dispatcher.flow_of(post.session)  # now: a session that is over knows it no more
        try:
            is_whole = await self._read_body(post.feed)
            if is_whole:
                # The answer makes an honest client send more. One that does not wait finds this POST still open.
                await self._wait_room(flow)
                while self._is_large(post.work_bytes) and await self._advance_large(endpoint, post):
                    await self._wait_room(flow)
                if post.work_bytes >= MUCH_BYTES:
                    await self._take_allowance(post.work_bytes)
                while core.advance_post(post, _TURN_PACKETS, self._runtime.now()):
                    self._host.take_in()
                    self._runtime.output_ready()
                    await self._loop.give_way()
                    await self._wait_room(flow)
        finally:  # what has come as a whole counts, whoever cancels this now
            response = None
            if is_whole:
                response = core.finish_post(post, self._runtime.now())
            else:
                core.lost(post, self._runtime.now())
            self._host.take_in()
            self._runtime.output_ready()
        if response is not None:
            await self._wait_room(flow)
            await self.respond(response)

    async def _take_large(self, turn: Callable[[], object]) -> None:
        """Handle something large in a turn of its own. Handlers that have much to do about it get the next."""
        await self._loop.large.take(lambda: self._host.defer_handlers(turn), self._runtime.output_ready)

    def _receive_large(self, endpoint: Endpoint, websocket: WebSocket, frame: str | bytes) -> None:
        self._large_bytes = 0
        endpoint.core.receive(websocket, frame, self._runtime.now())

    async def _advance_large(self, endpoint: Endpoint, post: Post) -> bool:
        has_more = False

        def advance() -> None:
            nonlocal has_more
            has_more = endpoint.core.advance_post(post, _TURN_PACKETS, self._runtime.now())

        await self._take_large(advance)
        return has_more

    def _is_large(self, size: int) -> bool:
        """Whether what is so large takes a turn: nobody else is there who would wait for it meanwhile, if not."""
        return size >= LARGE_BYTES and len(self._site.served) > 1

    async def _take_allowance(self, size: int) -> None:
        """Wait until so much may be handled, if there is anybody for whom that would take long."""
        if len(self._site.served) > 1:
            await self._loop.allowance.take(size)

    async def _wait_room(self, flow: Flow | None) -> None:
        """Take nothing more until handlers have caught up.

        A server tells behind the input of a client that it is gone, so that is not noticed meanwhile; nor is it with
        sockets of our own, most often. After `max_pause_s` the heartbeat counts again: the session ends, events that
        wait are dropped, and then the input is taken, with its end.
        """
        if flow is not None and flow.is_congested:
            await flow.wait_room()

    async def _read_body(self, feed: Callable[[bytes], bool]) -> bool:
        """Read as much as is wanted. `False`: the client is gone, or has taken too long and been told."""
        message: Message = {}
        block = self._loop.new_block(self._site.timeouts.body_s)
        with block:
            message = await self._receive()
            count = 0
            while _has_more(message) and feed(message.get("body", b"")):
                count += 1
                if count % _TURN_MESSAGES == 0:  # as with frames
                    await self._loop.give_way()
                message = await self._receive()
        if block.has_ended_early:
            await self.respond(text_response(408, "Request body took too long"))
            return False
        if message["type"] == "http.disconnect":
            return False
        if not _has_more(message):
            feed(message.get("body", b""))
            self._is_read = True
        return True

    async def _serve_poll(self, endpoint: Endpoint, poll: Poll, waiter: Waiter) -> None:
        is_delivered = False
        try:
            if await self._wait_response(poll, waiter):
                assert poll.response is not None  # it is what was waited for
                await self._write(poll.response, "http")
                is_delivered = True
        finally:
            if is_delivered:
                endpoint.core.poll_delivered(poll, self._runtime.now())
            else:  # what it has goes out with the next one
                endpoint.core.lost(poll, self._runtime.now())
            self._runtime.output_ready()

    async def _wait_response(self, poll: Poll, waiter: Waiter) -> bool:
        """Wait for the response of a poll. `False`: the client is gone, and would be given it without a word."""
        while poll.response is None:
            block = self._loop.new_block()
            waiter.wake = block.end_soon
            with block:
                while (await self._receive())["type"] != "http.disconnect":
                    pass  # the empty body of a GET
            if not block.has_ended_early:
                return False
        return True

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    async def _serve_websocket(
        self, endpoint: Endpoint, websocket: WebSocket, headers: Headers, waiter: Waiter
    ) -> None:
        def lose(code: int | None = None, detail: str = "") -> None:
            endpoint.core.lost(websocket, self._runtime.now(), code, detail)
            self._runtime.output_ready()

        bell = Bell(self._runtime)
        waiter.wake = bell.ring
        try:
            if await self._accept(headers):
                await self._loop.race(
                    lambda: self._read_frames(endpoint, websocket, lose),
                    lambda: self._write_frames(endpoint, websocket, bell),
                )
        finally:
            lose()

    async def _accept(self, headers: Headers) -> bool:
        if (await self._receive())["type"] != "websocket.connect":
            return False
        try:
            chosen = chosen_subprotocol(self._request, self._host.serving.subprotocols)
        except Exception as error:  # noqa: BLE001 - of the function that chooses one
            self._host.audience.report(f"101 to {self._request!r} is not valid HTTP", error)
            await self._refuse_websocket(text_response(500, "Internal server error"))
            return False
        await self._send({"type": "websocket.accept", "headers": list(headers), "subprotocol": chosen})
        return True

    async def _read_frames(
        self, endpoint: Endpoint, websocket: WebSocket, lose: Callable[[int | None, str], None]
    ) -> None:
        """Hand over what comes, and at the end the code and text of the client's close frame."""
        core, receive, runtime = endpoint.core, self._receive, self._runtime
        flow: Flow | None = None
        count = 0
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            frame = message["bytes"] if text is None else text
            size = len(frame)
            work_bytes = size + websocket.session.unfinished_bytes
            if work_bytes >= LARGE_BYTES and self._is_large(work_bytes):
                self._large_bytes = size
                await self._take_large(partial(self._receive_large, endpoint, websocket, frame))
            else:
                if size >= MUCH_BYTES:
                    await self._take_allowance(size)
                core.receive(websocket, frame, runtime.now())
                runtime.output_ready()
            del message, text, frame  # nobody is to keep it until there is another
            count += 1 + size // LIGHT_BYTES
            if count >= _TURN_MESSAGES:  # a server may have many, and let nobody else have a turn
                count = 0
                await self._loop.give_way()
            if flow is None:  # it stays the same
                flow = endpoint.dispatcher.flow_of(websocket.session)
            if flow is not None and flow.is_congested:
                await flow.wait_room()
        code = message.get("code", NO_CODE)
        lose(None if code == _ABNORMAL else code, message.get("reason") or "")

    async def _write_frames(self, endpoint: Endpoint, websocket: WebSocket, bell: Bell) -> None:
        """Write what there is until it is closed."""
        send = self._send
        while True:
            while messages := websocket.take(WRITE_BYTES):
                flow = endpoint.dispatcher.flow_of(websocket.session)
                if flow is not None:
                    flow.output_taken()
                self._sending = messages
                at = 0
                while at < len(messages):  # which ends when it is dropped
                    for frame in messages[at].frames:  # no message is held on to here, which would look like a share
                        kind = "text" if isinstance(frame, str) else "bytes"
                        await send({"type": "websocket.send", kind: frame})
                    at += 1
            self._sending = messages
            if websocket.is_closed:
                code = _NORMAL if websocket.close_code == NO_CODE else websocket.close_code
                await send({"type": "websocket.close", "code": code, "reason": websocket.close_text})
                return
            await bell.wait()

    # -- answers -----------------------------------------------------------------------------------------------------

    async def respond(self, response: Response) -> None:
        """Answer with this."""
        if self._scope["type"] == "websocket":
            if (await self._receive())["type"] == "websocket.connect":
                await self._refuse_websocket(response)
        else:
            if self._is_chunked:
                await self._end_chunks(response)
            await self._write(response, "http")

    async def _end_chunks(self, response: Response) -> None:
        """Wait for a turn: many chunks take a server long, and behind an answer it reads those of the next request.

        The rest of a body that nobody reads would be read at any rate, so the connection ends with the answer.
        """
        if not self._is_read and _CLOSE not in response.headers:
            response.headers.append(_CLOSE)
        if len(self._site.served) > 1:
            await self._loop.large.take(_nothing, _nothing)

    async def _refuse_websocket(self, response: Response) -> None:
        if "websocket.http.response" in (self._scope.get("extensions") or {}):
            await self._write(response, "websocket.http")
        else:
            await self._send({"type": "websocket.close"})

    async def _write(self, response: Response, kind: str) -> None:
        """Answer. A server may keep so much of a body until it is read, and not be done with the answer before."""
        if self._is_read or kind != "http":
            await self._send_response(response, kind)
        else:
            await self._loop.race(partial(self._send_response, response, kind), self._read_away)

    async def _read_away(self) -> None:
        while (await self._receive())["type"] == "http.request":
            pass
        await self._runtime.new_event().wait()  # the answer may be on its way yet

    async def _send_response(self, response: Response, kind: str) -> None:
        self._is_begun = True
        self._answer_bytes = len(response.body)
        await self._send({"type": f"{kind}.response.start", "status": response.status, "headers": response.headers})
        await self._send({"type": f"{kind}.response.body", "body": response.body})
        self._answer_bytes = 0


def _nothing() -> None: ...


def text_response(status: int, text: str) -> Response:
    """Return a response with a line of text."""
    body = text.encode() + b"\n"
    return Response(
        status, [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))], body
    )


def _has_more(message: Message) -> bool:
    return message["type"] == "http.request" and bool(message.get("more_body", False))
