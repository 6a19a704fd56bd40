"""The ASGI application, on both loops: whose request it is, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from socketio_core import Cors, EngineSettings, Server, ServerLimits, SocketSettings
from socketio_core.app import Socket
from socketio_core.app.runtime import Event
from socketio_core.app.server import host_of
from socketio_core.asgi import App
from socketio_core.http import Request, Response
from socketio_core.serving import Timeouts
from tests.adapters.loops import both_loops, loop
from tests.app.rig import flow_of
from tests.asgi.driver import Message, http_scope, poll_of, serving, tasks
from tests.asgi.echo import GONE, OPEN, echo_server, joined, reasons_of


def form(_: Request, body: bytes) -> Response:
    return Response(200, [], body)


def refuse(_: Request) -> str:
    return "not today"


def behind_a_gate() -> tuple[Server, Event]:
    """Return a server whose handlers of `slow` wait, and what lets them go on; it queues one event a socket."""
    io = Server(settings=SocketSettings(max_queued_events=1))
    gate = loop.new_event()

    @io.on("slow")
    async def slow(_: Socket) -> None:
        await gate.wait()

    return io, gate


@both_loops
async def test_an_engine_without_sessions_beside_it_holds_up_no_ping() -> None:
    io = echo_server()
    io.attach_engine("/bare/")
    async with serving(App(io)) as server:
        websocket = await joined(server)
        await loop.sleep(26)
        assert websocket.frames[-1] == "2"


# -- polling ---------------------------------------------------------------------------------------------------------


@both_loops
async def test_events_by_polling() -> None:
    async with serving(App(echo_server())) as server:
        sid = await server.session()
        poll = await server.request("GET", poll_of(sid))
        assert poll.sent == []
        assert (await server.request("POST", poll_of(sid), b'421["echo",', b'"a"]')).body == "ok"
        await loop.settle()
        assert (poll.status, poll.body, poll.is_over) == (200, '431["a"]', True)


@both_loops
async def test_what_a_lost_poll_had_goes_out_with_the_next() -> None:
    io = echo_server()
    async with serving(App(io)) as server:
        sid = await server.session()
        poll = await server.request("GET", poll_of(sid))
        poll.disconnect()
        await loop.settle()
        assert (poll.is_over, poll.body) == (True, GONE)
        await io.emit("news")
        assert (await server.request("GET", poll_of(sid))).body == '42["news"]'


@both_loops
async def test_a_client_that_goes_when_its_poll_has_just_got_something_loses_nothing() -> None:
    io = echo_server()
    async with serving(App(io)) as server:
        sid = await server.session()
        poll = await server.request("GET", poll_of(sid))
        await io.emit("news")
        poll.disconnect()
        await loop.settle()
        assert (poll.is_over, poll.body) == (True, GONE)
        assert (await server.request("GET", poll_of(sid))).body == '42["news"]'


@both_loops
async def test_a_poll_whose_task_is_cancelled_is_lost() -> None:
    io = echo_server()
    async with serving(App(io)) as server:
        sid = await server.session()
        poll = await server.request("GET", poll_of(sid))
        poll.cancel()
        await loop.settle()
        assert poll.is_over
        if loop.name == "asyncio":  # as uvicorn does at the end of its patience
            assert poll.status == 503
        await io.emit("news")
        assert (await server.request("GET", poll_of(sid))).body == '42["news"]'


@both_loops
async def test_a_post_that_breaks_off_ends_the_session() -> None:
    io = echo_server()
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        sid = await server.session()
        post = await server.request("POST", poll_of(sid), b"42[", is_all=False)
        assert post.sent == []
        post.disconnect()
        await loop.settle()
        assert (post.is_over, reasons) == (True, ["transport error"])


@pytest.mark.parametrize("begun", [[{"type": "http.request", "body": b"42[", "more_body": True}], []], ids=len)
@both_loops
async def test_a_post_takes_no_longer_than_body_s(begun: list[Message]) -> None:
    """From its head on: a client may send nothing at all."""
    io = echo_server(timeouts=Timeouts(body_s=3), engine=EngineSettings(ping_interval_s=100), http=form)
    async with serving(App(io)) as server:
        sid = await server.session()
        posts = [server.connect(http_scope("POST", target), *begun) for target in (poll_of(sid), "/form")]
        await loop.sleep(2.9)
        assert [post.sent for post in posts] == [[], []]
        await loop.sleep(0.2)
        assert [(post.status, post.is_over) for post in posts] == [(408, True)] * 2
        assert (await server.request("GET", poll_of(sid))).status == 400


@both_loops
async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    async with serving(App(echo_server(engine=EngineSettings(max_payload_bytes=100)))) as server:
        sid = await server.session()
        post = await server.request("POST", poll_of(sid), b"4" * 60, b"4" * 41, is_all=False)
        assert (post.status, post.is_over) == (413, True)
        assert (await server.request("POST", poll_of(sid), b'421["echo"]')).body == "ok"


@pytest.mark.parametrize("goodbye", ["", "\x1e1"])
@both_loops
async def test_a_post_is_held_while_handlers_are_behind(goodbye: str) -> None:
    """Also if it ends its session, which knows nobody any more then."""
    io, gate = behind_a_gate()
    async with serving(App(io)) as server:
        sid = await server.session()
        first = await server.request("POST", poll_of(sid), b'42["slow"]\x1e42["slow"]' + goodbye.encode())
        assert first.sent == []
        gate.set()
        await loop.settle()
        assert first.body == "ok"


@both_loops
async def test_a_second_post_waits_too_while_handlers_are_behind() -> None:
    io, gate = behind_a_gate()
    async with serving(App(io)) as server:
        sid = await server.session()
        (socket,) = io.sockets.sockets.values()
        first = await server.request("POST", poll_of(sid), b'42["slow"]\x1e42["slow"]')
        queued = flow_of(socket).queued_count
        second = await server.request("POST", poll_of(sid), b'42["slow"]')
        assert (first.sent, second.sent, flow_of(socket).queued_count) == ([], [], queued)
        gate.set()
        await loop.settle()
        assert (first.body, second.body) == ("ok", "ok")


@both_loops
async def test_who_emits_much_goes_on_when_some_of_it_is_sent() -> None:
    io = Server(engine=EngineSettings(high_water_bytes=1000))
    gate, done = loop.new_event(), list[int]()
    async with serving(App(io)) as server, tasks() as start:
        websocket = await joined(server)
        (socket,) = io.sockets.sockets.values()
        send = websocket.send

        async def send_late(message: Message) -> None:
            await gate.wait()
            await send(message)

        async def emit() -> None:
            for number in range(4):
                await socket.emit("x", "x" * 2000)
                done.append(number)

        websocket.send = send_late  # type: ignore[method-assign]
        start(emit)
        await loop.settle()
        assert done in ([0], [0, 1])
        gate.set()
        await loop.settle()
        assert done == [0, 1, 2, 3]


@both_loops
async def test_what_a_poll_has_brought_is_held_no_more() -> None:
    io = Server()
    async with serving(App(io)) as server:
        sid = await server.session()
        io.sockets.emit_nowait("x", "x" * 100_000)
        held = host_of(io).budget.held()[0]
        assert len((await server.request("GET", poll_of(sid))).body) > 100_000
        assert host_of(io).budget.held()[0] < held - 100_000


@asynccontextmanager
async def watched(count: Callable[[], int]) -> AsyncGenerator[list[int]]:
    """Note what `count` says whenever other tasks have their turn."""
    noted = [count()]
    async with tasks() as start:

        async def watch() -> None:
            for _ in range(200):  # time would stand still while it goes on
                await loop.sleep(0)
                noted.append(count())

        start(watch)
        yield noted


def steps(noted: list[int]) -> list[int]:
    return [abs(later - earlier) for earlier, later in pairwise(noted)]


@both_loops
async def test_packets_of_a_post_are_taken_in_by_turns() -> None:
    io, handled = Server(settings=SocketSettings(max_queued_events=100)), list[int]()
    gate = loop.new_event()

    @io.on("x")
    async def note(_: Socket, number: int) -> None:
        await gate.wait()
        handled.append(number)

    async with serving(App(io)) as server:
        sid = await server.session()
        (socket,) = io.sockets.sockets.values()
        post = await server.request("POST", poll_of(sid), b"\x1e".join([b'42["x",%d]' % n for n in range(1000)]))
        assert (post.sent, flow_of(socket).queued_count) == ([], 128)
        gate.set()
        await loop.settle()
        assert (post.body, handled) == ("ok", list(range(1000)))


@both_loops
async def test_chunks_of_a_body_are_read_by_turns() -> None:
    async with serving(App(echo_server())) as server:
        sid = await server.session()
        chunks = [b"%c" % char for char in b'42["x","' + b"x" * 1000 + b'"]']
        post = server.connect(http_scope("POST", poll_of(sid)))
        post.give(*({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks))
        async with watched(lambda: post.unread) as noted:
            post.give({"type": "http.request"})
            await loop.settle()
        assert (post.body, max(steps(noted)) <= 32) == ("ok", True)


@both_loops
async def test_events_by_websocket() -> None:
    async with serving(App(echo_server())) as server:
        websocket = await joined(server)
        assert websocket.sent[0] == {"type": "websocket.accept", "headers": [], "subprotocol": None}
        await server.frame(websocket, '421["echo","a"]')
        await server.frame(websocket, '451-3["echo",{"_placeholder":true,"num":0}]', b"\x01\x02")
        assert websocket.frames[2:] == ['431["a"]', '461-3[{"_placeholder":true,"num":0}]', b"\x01\x02"]


@both_loops
async def test_the_clients_close_code_is_told() -> None:
    io = echo_server()
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        websocket = await joined(server)
        websocket.disconnect(code=1001, reason="leaving")
        await loop.settle()
        assert (websocket.is_over, reasons) == (True, ["transport close"])


@both_loops
async def test_a_websocket_that_the_server_closes() -> None:
    io = echo_server()

    @io.on("leave")
    async def leave(socket: Socket) -> None:
        await socket.emit("bye")
        await socket.disconnect(close=True)

    async with serving(App(io)) as server:
        websocket = await joined(server)
        await server.frame(websocket, '42["leave"]')
        assert websocket.frames[2:] == ['42["bye"]', "41"]
        assert websocket.sent[-1] == {"type": "websocket.close", "code": 1000, "reason": ""}
        assert websocket.is_over


@both_loops
async def test_a_message_over_the_limit() -> None:
    async with serving(App(echo_server(engine=EngineSettings(max_payload_bytes=100)))) as server:
        websocket = await joined(server)
        await server.frame(websocket, "4" * 101)
        assert websocket.sent[-1]["code"] == 1009


@both_loops
async def test_a_websocket_whose_task_is_cancelled_is_lost() -> None:
    io = echo_server()
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        websocket = await joined(server)
        websocket.cancel()
        await loop.settle()
        assert (websocket.is_over, reasons) == (True, ["transport close"])


@both_loops
async def test_a_client_that_is_ahead_of_the_handlers_is_not_read() -> None:
    io = Server(settings=SocketSettings(max_queued_events=2))
    gate, handled = loop.new_event(), list[int]()

    @io.on("slow")
    async def slow(_: Socket, number: int) -> None:
        await gate.wait()
        handled.append(number)

    async with serving(App(io)) as server:
        websocket = await joined(server)
        await server.frame(websocket, *(f'42["slow",{number}]' for number in range(100)))
        assert websocket.unread > 50
        gate.set()
        await loop.settle()
        assert (websocket.unread, handled) == (0, list(range(100)))


@both_loops
@pytest.mark.parametrize("has_extension", [True, False])
async def test_a_refused_websocket(has_extension: bool) -> None:  # noqa: FBT001
    async with serving(App(echo_server(allow_request=refuse))) as server:
        extensions: dict[str, Any] = {"websocket.http.response": {}} if has_extension else {}
        websocket = await server.websocket(extensions=extensions)
        if has_extension:
            assert (websocket.status, "not today" in websocket.body) == (400, True)
        else:
            assert websocket.sent == [{"type": "websocket.close"}]
        assert websocket.is_over


@both_loops
async def test_a_websocket_without_the_headers_of_its_handshake() -> None:
    """As over HTTP/2, or of a server that keeps them to itself."""
    async with serving(App(echo_server(subprotocols=["b"]))) as server:
        websocket = await server.websocket(subprotocols=["a", "b"])
        assert websocket.sent[0]["subprotocol"] == "b"


# -- who answers -----------------------------------------------------------------------------------------------------

MOUNTS = [  # root path, path, whether it is here
    ("", "/socket.io/", True),
    ("", "socket.io/", True),  # mounted at `/` in Litestar
    ("", "/socket.io", False),
    ("/ws", "/ws/socket.io/", True),  # as the specification has it
    ("/ws", "/socket.io/", True),  # as some servers and older frameworks have it
    ("/ws/", "/ws/socket.io/", True),
    ("/socket.io", "/socket.io/", True),  # mounted at the very path
    ("/a/socket.io", "/a/socket.io/", False),
    ("/ws", "/wsx/socket.io/", False),
    ("", "/ws/socket.io/", False),
]


@pytest.mark.parametrize(("root_path", "path", "is_here"), MOUNTS)
@both_loops
async def test_root_paths(root_path: str, path: str, is_here: bool) -> None:  # noqa: FBT001
    async with serving(App(echo_server())) as server:
        opened = await server.request("GET", path + "?EIO=4&transport=polling", root_path=root_path)
        assert opened.status == (200 if is_here else 404)
        if not is_here:
            assert f"Socket.IO is at {root_path.rstrip('/')}/socket.io/, not at {path}" in opened.body


@both_loops
async def test_what_is_not_ours_is_the_other_applications() -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async with serving(App(echo_server(), other)) as server:
        assert (await server.request("GET", "/page")).body == "/page"
        assert (await server.request("GET", OPEN)).body.startswith("0{")


@both_loops
async def test_the_servers_own_http_handler() -> None:
    async def http(request: Request, body: bytes) -> Response:
        return Response(201, [], request.target.encode() + b" " + body)

    async with serving(App(echo_server(http=http, engine=EngineSettings(max_payload_bytes=10)))) as server:
        page = await server.request("POST", "/a%20b\u00e9?c=%20", b"12345", b"67890")
        assert (page.status, page.body) == (201, "/a%2520b%C3%A9?c=%20 1234567890")
        assert (await server.request("POST", "/a", b"12345", b"678901")).status == 413
        assert (await server.websocket("/a")).sent == [{"type": "websocket.close"}]


@both_loops
async def test_origins() -> None:
    async with serving(App(echo_server(cors=Cors(origins=["https://a.example"])))) as server:
        for origin, status in (
            (b"https://a.example", 200),
            (b"http://localhost:3000", 200),
            (b"https://b.example", 403),
        ):
            headers = [(b"host", b"localhost:3000"), (b"origin", origin)]
            assert (await server.request("GET", OPEN, headers=headers)).status == status


@both_loops
async def test_the_bound_of_the_whole_server() -> None:
    """Counts what is being sent, and half a body; who was closed is forgotten even if nobody takes what it is sent."""
    limit = 300_000

    async def http(request: Request, body: bytes) -> Response:
        raise AssertionError

    def holding(size_bytes: int) -> Any:
        return lambda: server.request("POST", "/page", b"x" * size_bytes, is_all=False)

    async def look() -> None:
        """Have the server look, which it does now and then when something happens."""
        await loop.sleep(0.2)
        await server.frame(await joined(server), "3")

    io = echo_server(http=http, limits=ServerLimits(max_total_buffered_bytes=limit))
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        websocket, never = await joined(server), loop.new_event()

        async def send(message: Message) -> None:
            if "text" in message:
                await never.wait()
            websocket.sent.append(message)

        websocket.send = send  # type: ignore[method-assign] # as a socket that is full
        await server.frame(websocket, *[f'420["echo","{"x" * 50_000}"]'] * 4)
        post = await holding(80_000)()
        await look()
        assert (websocket.is_over, reasons, post.sent) == (False, [], [])
        last = await holding(90_000)()
        await look()
        assert (reasons, post.sent, last.sent) == (["transport error"], [], [])
        never.set()
        await loop.settle()
        await look()
        greedy = await holding(250_000)()
        await loop.sleep(1)
        await look()
        greedy.give({"type": "http.request", "body": b"y"})
        await loop.settle()
        assert (greedy.status, post.sent, last.sent) == (503, [], [])


@both_loops
async def test_what_is_being_sent_counts_for_what_it_takes_in_memory() -> None:
    io = echo_server(limits=ServerLimits(max_total_buffered_bytes=300_000))
    reasons = reasons_of(io)
    async with serving(App(io)) as server:
        websocket, never = await joined(server), loop.new_event()

        async def send(message: Message) -> None:
            await never.wait()

        websocket.send = send  # type: ignore[method-assign] # as a socket that is full
        await server.frame(websocket, f'420["echo","{"x" * 80_000}😀"]')  # four bytes a character
        await loop.sleep(0.2)
        await server.frame(await joined(server), "3")
        assert reasons == ["transport error"]
        never.set()


@both_loops
async def test_the_scope_is_in_the_handshake() -> None:
    io, seen = echo_server(), list[Any]()

    @io.on("connection")
    def connection(socket: Socket) -> None:
        handshake = socket.handshake
        seen.append((handshake.scope["session"], handshake.address, handshake.secure, handshake.url))

    async with serving(App(io)) as server:
        websocket = await server.websocket(session={"user": "ada"}, scheme="wss")
        await server.frame(websocket, "40")
    assert seen == [({"user": "ada"}, "192.0.2.1", True, "/socket.io/?EIO=4&transport=websocket")]
