"""What a server does with the requests of one connection: hand them to an engine, or to the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import h11
import trio

from socketio_core.engineio.actions import Park, ReadBody, Respond, Upgrade
from socketio_core.engineio.carriers import Poll, Post
from socketio_core.http import Request
from socketio_core.trio.http1 import Gone, Http1, TooSlow, text_response
from socketio_core.trio.runtime import LOGGER, PollWaker
from socketio_core.trio.websocket import WebSocketPump
from socketio_core.websocket_handshake import accept_headers, refused_handshake
from socketio_core.wire.deflate import negotiate

if TYPE_CHECKING:
    from socketio_core.trio.mount import Mount
    from socketio_core.trio.server import Server


class HttpConnection:
    """Serves the requests of one TCP or TLS connection, one after another."""

    def __init__(self, server: Server, stream: trio.abc.Stream, address: str, scheme: str) -> None:
        self._server = server
        self._http = Http1(server, stream, address, scheme)

    async def run(self) -> WebSocketPump | None:
        """Serve until the connection ends. Returns the pump if it became a WebSocket: then the stream is the pump's."""
        http = self._http
        try:
            while (request := await http.next_request()) is not None:
                pump = await self._serve(request)
                if pump is not None:
                    return pump
                if not await http.finish():
                    break
        except Gone:
            pass
        except TooSlow:
            await http.refuse(408, "request body took too long")
        except h11.RemoteProtocolError as error:
            await http.refuse(error.error_status_hint, str(error))
        except h11.LocalProtocolError:
            LOGGER.exception("response was not valid HTTP")
        return None

    async def _serve(self, request: Request) -> WebSocketPump | None:
        server = self._server
        static = server.bundle.respond(request) if server.bundle is not None else None
        if static is not None:
            await self._http.respond(request, static)
        elif request.method == "CONNECT":  # we are no proxy, and h11 would take a 2xx for the start of a tunnel
            await self._http.respond(request, text_response(405, "Method not allowed"))
        elif (mount := server.mount_of(request)) is not None:
            return await self._serve_engine(mount, request)
        else:
            await self._serve_application(request)
        return None

    async def _serve_engine(self, mount: Mount, request: Request) -> WebSocketPump | None:
        server = self._server
        if (refusal := refused_handshake(request)) is not None:
            await self._http.respond(request, refusal)
            return None
        refused = await mount.refusal_of(request)
        try:
            action = mount.core.handle_request(request, trio.current_time()) if refused is None else refused
        except Exception as error:  # noqa: BLE001 - of a function in the settings: cors, extra_headers
            server.runtime.log_exception(f"a function in the settings failed for {request!r}", error)
            action = Respond(text_response(500, "Internal server error"))
        server.runtime.flush()
        match action:
            case Respond(response):
                await self._http.respond(request, response)
            case ReadBody(post, _):
                await self._serve_post(mount, request, post)
            case Park(poll):
                await self._serve_poll(mount, request, poll)
            case Upgrade(websocket, headers):
                extensions, agreed = negotiate(request) if server.per_message_deflate else ([], [])
                try:
                    answer, early_data = self._http.switch([*accept_headers(request), *agreed, *headers])
                except BaseException:  # of headers that are none
                    mount.core.lost(websocket, trio.current_time())
                    server.runtime.flush()
                    raise
                return WebSocketPump(server, mount, self._http.direct, websocket, answer, early_data, extensions)
            case _:
                assert_never(action)
        return None

    async def _serve_post(self, mount: Mount, request: Request, post: Post) -> None:
        server = self._server
        complete = False
        try:
            await self._http.read_body(post.feed)
            complete = True
        finally:
            if not complete:
                mount.core.abort_post(post, trio.current_time())
                server.runtime.flush()
        # The answer is what makes an honest client send more. One that does not wait for it finds this POST still open.
        await self._wait_room(mount, post)
        response = mount.core.finish_post(post, trio.current_time())
        server.runtime.flush()
        await self._wait_room(mount, post)
        await self._http.respond(request, response)

    async def _wait_room(self, mount: Mount, post: Post) -> None:
        congestion = mount.congestion_of(post.session)
        if congestion is not None:
            await congestion.wait_room()

    async def _serve_poll(self, mount: Mount, request: Request, poll: Poll) -> None:
        server = self._server
        delivered = False
        try:
            if poll.response is None:
                await self._wait_for(poll)
            if poll.response is not None:
                delivered = await self._http.respond(request, poll.response)
                if delivered:
                    mount.core.poll_delivered(poll, trio.current_time())
        finally:
            if not delivered:
                mount.core.abort_poll(poll, trio.current_time())
                server.runtime.flush()
        if not delivered:
            raise Gone

    async def _wait_for(self, poll: Poll) -> None:
        """Wait for the poll's response; return without one when the client goes away."""
        with trio.CancelScope() as scope:
            poll.context = PollWaker(scope)
            await self._http.watch()

    async def _serve_application(self, request: Request) -> None:
        """A request outside the Socket.IO path: the application's handler, else 404."""
        server = self._server
        if server.http_handler is None:
            await self._http.respond(request, text_response(404, "Not found"))
            return
        body = bytearray()
        limit = server.core.engine.settings.max_payload_bytes

        def feed(chunk: bytes) -> bool:
            body.extend(chunk)
            return len(body) <= limit

        if not await self._http.read_body(feed):
            await self._http.respond(request, text_response(413, "Request body too large"))
            return
        await self._http.respond(request, await server.call_http_handler(request, bytes(body)))
