"""HTTP connections beyond the hostile table: polls that are lost, early answers, pieces, proxies, resets."""

from __future__ import annotations

import json

import pytest

from socketio_core import Cors, EngineSettings, Server, Timeouts
from socketio_core.http import Request, Response
from tests.adapters.bench import Bench, serving
from tests.adapters.clients import PollingClient
from tests.adapters.hostile import under_attack
from tests.adapters.loops import both_loops, both_loops_tcp, loop
from tests.adapters.peer import Peer
from tests.wire.written import POLLING, chunked, request

# -- a connection ------------------------------------------------------------------------------------------------------


@both_loops
async def test_one_connection_serves_a_whole_session() -> None:
    async with serving(Server()) as bench:
        peer = await bench.connect()
        handshake = json.loads((await peer.ask()).text[1:])
        assert handshake == {
            "sid": handshake["sid"],
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1_000_000,
        }
        target = f"{POLLING}&sid={handshake['sid']}"
        assert (await peer.ask(target, "POST", b"40")).body == b"ok"
        joined = await peer.ask(target)
        assert joined.text.startswith('40{"sid":')
        assert joined.headers["content-type"] == "text/plain; charset=UTF-8"
        assert joined.headers["cache-control"] == "no-store"
        posted = await peer.ask(target, "POST", b'421["echo"]')
        assert (posted.body, posted.headers["content-type"]) == (b"ok", "text/html")
        assert (await peer.ask(target)).text == "431[]"


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@both_loops
async def test_bytes_in_pieces_mean_the_same_as_at_once(size: int) -> None:
    async with serving(Server(http=_reflect)) as bench:
        peer = await bench.connect()
        body = chunked(b"abc", b"defgh")
        sent = (
            request("/one", "POST", b"x" * 50)
            + request("/two", "POST", headers=["Transfer-Encoding: chunked"])
            + body
            + request("/three", headers=["X: y"])
        )
        for start in range(0, len(sent), size):
            await peer.send(sent[start : start + size])
            await loop.settle()
        assert (await peer.answer()).text == "POST /one " + "x" * 50
        assert (await peer.answer()).text == "POST /two abcdefgh"
        assert (await peer.answer()).text == "GET /three "


def _reflect(request: Request, body: bytes) -> Response:
    return Response(200, [], f"{request.method} {request.path} ".encode() + body)


@both_loops
async def test_pipelined_requests_are_answered_in_order() -> None:
    async def http(request: Request, _: bytes) -> Response:
        await loop.sleep(1)
        return Response(200, [], request.path.encode())

    async with serving(Server(http=http)) as bench:
        peer = await bench.connect()
        await peer.send(b"".join(request(f"/{number}") for number in range(20)))
        assert [(await peer.answer()).body for _ in range(20)] == [b"/%d" % number for number in range(20)]


@both_loops_tcp
async def test_early_answer_reaches_a_client_that_is_still_sending() -> None:
    """Closing a socket with unread input resets it, and the answer with it; so the input is read away first."""
    async with serving(Server(), tcp=True) as bench:
        client = await bench.polling()
        peer = await bench.connect()
        head = request(client.target, "POST", headers=["Content-Length: 1500000"])
        await peer.stream.send_all(head + b"x" * 1_500_000)  # would raise if the server had hung up
        answer = await peer.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert await peer.rest() == b""
        await client.echo()
        assert await client.send("1") == 200


@both_loops_tcp
async def test_client_that_goes_on_sending_behind_an_early_answer_is_cut_off_at_linger_s() -> None:
    async with serving(Server(), tcp=True) as bench:
        peer = await bench.connect()
        await peer.send(b"GET /nope HTTP/9.9\r\nHost: test\r\n\r\n")
        assert (await peer.answer()).status == 505
        await peer.cut(b"x")
        assert loop.current_time() == pytest.approx(Timeouts().linger_s, abs=0.5)


@both_loops
async def test_client_that_is_gone_before_it_is_refused_is_no_failure() -> None:
    async with under_attack() as bench:
        for sent in (b"hello\r\n\r\n", b"GET / HTTP/9.9\r\nHost: test\r\n\r\n", request("/nope")):
            peer = await bench.connect()
            await peer.send(sent)
            await peer.close()


@both_loops_tcp
async def test_reset_behind_a_refusal_is_no_failure() -> None:
    async with serving(Server(), tcp=True) as bench:
        peer = await bench.connect()
        await peer.send(b"GET / HTTP/9.9\r\nHost: test\r\n\r\n")
        assert (await peer.answer()).status == 505
        await peer.reset()
        await bench.check_still_serves()


@both_loops_tcp
async def test_reset_at_any_moment_is_no_failure() -> None:
    async with serving(Server(), tcp=True) as bench:
        sent = request("/nope", "POST", b"x" * 10) + request() + b"GET /nope HTTP/9.9\r\nHost: test\r\n\r\n"
        for size in range(0, len(sent), 5):
            peer = await bench.connect()
            await peer.send(sent[:size])
            await peer.reset()
        await bench.check_still_serves()


# -- polls -------------------------------------------------------------------------------------------------------------


async def _parked(bench: Bench, client: PollingClient) -> Peer:
    peer = await bench.connect()
    await peer.send(request(client.target))
    await loop.settle()
    return peer


@both_loops
async def test_abandoned_poll_does_not_end_the_session_and_its_messages_come_with_the_next() -> None:
    async with under_attack() as bench:
        client = await bench.polling()
        peer = await _parked(bench, client)
        await peer.close()
        await bench.io.to(client.socket_id).emit("news", 1)
        await loop.settle()
        await bench.io.to(client.socket_id).emit("news", 2)
        assert (await client.ask()).text == '42["news",1]\x1e42["news",2]'


@pytest.mark.parametrize("how", ["FIN", "RST"])
@both_loops_tcp
async def test_poll_whose_connection_is_lost_is_noticed_and_the_session_outlives_it_by_the_grace(how: str) -> None:
    async with serving(Server(engine=EngineSettings(poll_grace_s=2.0)), tcp=True) as bench:
        client, other = await bench.polling(), await bench.polling()
        for lost in (client, other):
            peer = await _parked(bench, lost)
            await (peer.reset() if how == "RST" else peer.close())
        await loop.sleep(1.5)
        await bench.io.to(other.socket_id).emit("news", 1)
        assert await other.take_event() == ["news", 1]
        await loop.sleep(1)
        assert bench.reason_of(client) == "transport error"
        assert bench.reason_of(other) is None


@both_loops
async def test_response_that_could_not_be_written_goes_out_with_the_next_poll_once_and_in_order() -> None:
    async with under_attack() as bench:
        client = await bench.polling()
        for number in range(5):
            peer = bench.connect_stuck()
            await peer.send(request(client.target))
            await bench.io.to(client.socket_id).emit("news", number)
            await loop.settle()
            await peer.close()
        texts = [f'42["news",{number}]' for number in range(5)]
        assert (await client.ask()).text == "\x1e".join(texts)
        await client.echo()


@both_loops
async def test_poll_that_a_header_hook_spoils_is_a_500_and_its_messages_come_with_the_next() -> None:
    spoiled: list[bool] = []

    def hook(request: Request, sid: str | None) -> list[tuple[bytes, bytes]]:
        return [(b"x", b"line\r\nbreak")] if spoiled else []

    async with under_attack(Server(engine=EngineSettings(extra_headers=hook))) as bench:
        client = await bench.polling()
        await bench.io.to(client.socket_id).emit("news", 1)
        spoiled.append(True)
        answer = await client.ask()
        assert (answer.status, answer.body) == (500, b"")
        assert "extra_headers must be pairs of a token and a value" in bench.take_log()
        spoiled.clear()
        assert await client.take_event() == ["news", 1]


@both_loops
async def test_half_closed_connection_of_a_parked_poll_counts_as_gone() -> None:
    """Nobody can tell it from a client that has gone; browsers do not half-close."""
    async with under_attack() as bench:
        client = await bench.polling()
        peer = await _parked(bench, client)
        await peer.end_writing()
        assert await peer.rest() == b""
        await bench.io.to(client.socket_id).emit("news", 1)
        assert await client.take_event() == ["news", 1]


@both_loops
async def test_poll_is_answered_with_all_that_waits_and_compressed_if_it_is_large() -> None:
    async with serving(Server()) as bench:
        client = await bench.polling()
        await bench.io.to(client.socket_id).emit("a", "x" * 2000)
        await bench.io.to(client.socket_id).emit("b", b"\x01\x02")
        answer = await client.ask(headers=["Accept-Encoding: gzip"])
        assert answer.headers["content-encoding"] == "gzip"
        assert len(answer.body) < 200


# -- what a request is -------------------------------------------------------------------------------------------------


@both_loops
async def test_proxy_is_trusted_only_where_the_server_was_told_so() -> None:
    forwarded = ["X-Forwarded-For: 10.0.0.1, 192.0.2.7", "X-Forwarded-Proto: http,https"]
    for trusted in (True, False):
        seen: list[tuple[str, str]] = []

        def note(request: Request, body: bytes, seen: list[tuple[str, str]] = seen) -> Response:
            seen.append((request.address, request.scheme))
            return Response(204)

        async with serving(Server(http=note, trust_proxy=trusted)) as bench:
            peer = await bench.connect()
            await peer.ask("/", headers=forwarded)
            await peer.ask("/")
        first, own = seen
        assert first == (("192.0.2.7", "https") if trusted else own)
        assert own[1] == "http"


@both_loops
async def test_scheme_of_a_trusted_proxy_decides_about_the_origin() -> None:
    async with serving(Server(trust_proxy=True)) as bench:
        peer = await bench.connect()
        origin = "Origin: https://test"
        assert (await peer.ask(headers=[origin])).status == 403
        for forwarded in ("https", "wss", "http, https"):
            assert (await peer.ask(headers=[origin, f"X-Forwarded-Proto: {forwarded}"])).status == 200
        assert (await peer.ask(headers=[origin, "X-Forwarded-Proto: https, ws"])).status == 403
        assert "expected 'http://test'" in bench.take_log()


@both_loops_tcp
async def test_address_of_the_peer_is_in_the_handshake() -> None:
    async with serving(Server(), tcp=True) as bench:
        client = await bench.websocket()
        handshake = bench.io.sockets.sockets[client.socket_id].handshake
        assert (handshake.address, handshake.secure) == ("127.0.0.1", False)
        await client.close()


@both_loops
async def test_preflight_is_answered_with_cors_and_the_headers_are_on_errors_too() -> None:
    async with serving(Server(cors=Cors(origins=["https://app"], credentials=True))) as bench:
        peer = await bench.connect()
        preflight = await peer.ask(method="OPTIONS", headers=["Origin: https://app"])
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == "https://app"
        refused = await peer.ask("/socket.io/?EIO=4&transport=no", headers=["Origin: https://app"])
        assert refused.status == 400
        assert refused.headers["access-control-allow-credentials"] == "true"


BLANK = [b"\r\n", b"\r\n\r\n", b"\n", b"\r\n" * 32]
GET_PAGE = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
POST_PAGE = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nok"


def nothing(_: Request, body: bytes) -> Response:
    return Response(200)


@both_loops
@pytest.mark.parametrize("blank", BLANK)
@pytest.mark.parametrize("first", [b"", GET_PAGE, POST_PAGE, POST_PAGE.replace(b"Host", b"Expect: \r\nHost")])
@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_empty_lines_in_front_of_a_request_are_ignored(
    blank: bytes, first: bytes, *, shortcuts: bool, size: int
) -> None:
    """RFC 9112, 2.2: for a robust server, at least one."""
    io = Server(http=lambda _, body: Response(200, [], b"[" + body + b"]"), shortcuts=shortcuts)
    async with serving(io) as bench:
        peer = await bench.connect()
        data = first + blank + POST_PAGE + blank + GET_PAGE + blank
        for at in range(0, len(data), size):
            await peer.send(data[at : at + size])
        answers = [(await peer.answer()).body for _ in range(3 if first else 2)]
        assert answers[-2:] == [b"[ok]", b"[]"]
        assert (await peer.ask("/")).status == 200


@both_loops
@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("data", [b"\r\n" * 33, b"\r\nX\r\n\r\n", b"\r\rGET", b" \r\n" + GET_PAGE])
async def test_what_is_more_than_empty_lines_is_refused(data: bytes, *, shortcuts: bool) -> None:
    async with serving(Server(http=nothing, shortcuts=shortcuts)) as bench:
        peer = await bench.connect()
        await peer.send(data)
        assert (await peer.answer()).status == 400


@both_loops
async def test_half_an_empty_line_is_no_request_that_takes_too_long() -> None:
    async with serving(Server(http=nothing, timeouts=Timeouts(header_s=1, keep_alive_s=50))) as bench:
        peer = await bench.connect()
        assert (await peer.ask("/")).status == 200
        for byte in (b"\r", b"\n"):
            await peer.send(byte)
            await loop.settle()
        await loop.sleep(40)
        assert (await peer.ask("/")).status == 200


@pytest.mark.parametrize("shortcuts", [True, False])
@both_loops_tcp
async def test_requests_in_one_packet_let_others_have_their_turn(*, shortcuts: bool) -> None:
    turns: list[str] = []

    def note(request: Request, body: bytes) -> Response:
        turns.append(request.path)
        return Response(200)

    async with serving(Server(http=note, shortcuts=shortcuts), tcp=True) as bench:
        peers = {path: await bench.connect() for path in ("/a", "/b")}
        for peer in peers.values():
            await peer.ask("/first")
        turns.clear()
        async with loop.open_nursery() as nursery:  # both before the server can run, whichever it then begins with
            for path, peer in peers.items():
                nursery.start_soon(peer.send, request(path) * 20)
        for peer in peers.values():
            for _ in range(20):
                await peer.answer()
        assert sorted(turns) == ["/a"] * 20 + ["/b"] * 20
        assert set(turns[:20]) == {"/a", "/b"}


@pytest.mark.parametrize("shortcuts", [True, False])
@both_loops
async def test_body_over_the_limit_ends_the_connection(*, shortcuts: bool) -> None:
    io = Server(http=lambda _, __: Response(200), engine=EngineSettings(max_payload_bytes=10), shortcuts=shortcuts)
    async with serving(io) as bench:
        peer = await bench.connect()
        assert (await peer.ask("/a", "POST", b"x" * 10)).status == 200
        answer = await peer.ask("/a", "POST", b"x" * 11)
        assert (answer.status, answer.headers["connection"]) == (413, "close")


@both_loops_tcp
async def test_end_of_the_last_answer_is_told_at_once_though_what_comes_is_still_read() -> None:
    async with serving(Server(), tcp=True) as bench:
        peer = await bench.connect()
        await peer.send(b"hello\r\n\r\n")
        assert (await peer.answer()).status == 400
        assert await peer.rest() == b""
        assert loop.current_time() < Timeouts().linger_s
