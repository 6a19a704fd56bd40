"""HTTP long polling: payloads, overlaps, clients that go away, limits, methods."""

from __future__ import annotations

import gzip
import zlib

from conformance.case import Failure, case, expect, require
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, SOCKET_IO, Peer, target
from conformance.client.session import UNKNOWN_SID, Packet, Polling

PAYLOAD = "Engine.IO 4, HTTP long-polling; PROTOCOL 1.1"


@case("required", "Engine.IO 4, HTTP long-polling; PROTOCOL 1.5")
async def poll_has_the_right_headers(peer: Peer) -> None:
    """Polls are text in UTF-8 that nobody may store, and say how long they are."""
    session = await peer.polling()
    await session.send("4é")
    response = await (await session.begin_poll()).response()
    expect((response.header("content-type") or "").lower(), "text/plain; charset=utf-8", "content type")
    expect(response.header("cache-control"), "no-store", "cache-control")
    expect(response.header("content-length"), str(len("4é".encode())), "content-length")
    expect(response.text, "4é", "body")


@case("required", "Engine.IO 4, HTTP long-polling; PROTOCOL 1.5")
async def post_is_answered_ok(peer: Peer) -> None:
    """A POST is answered with 200 and `ok`."""
    session = await peer.polling()
    response = await session.try_post("4x")
    expect((response.status, response.body), (200, b"ok"), "answer")
    expect(response.header("cache-control"), "no-store", "cache-control")


@case(
    "required",
    PAYLOAD,
    rows=[
        ("text", ["4hello"]),
        ("unicode", ["4€ é 𝒳 🦄"]),
        ("control_characters", ["4\x00\x01\x1f\x7f"]),
        ("binary", [b"\x01\x02\x03\x04"]),
        ("empty_text", ["4"]),
        ("empty_binary", [b""]),
        ("all_bytes", [bytes(range(256))]),
        ("several", ["4a", "4b", "4c"]),
        ("mixed", ["4a", b"\x00\xff", "4é", b"\x01"]),
        ("hundred", [f"4{number}" for number in range(100)]),
    ],
)
async def payload_comes_back(peer: Peer, packets: list[Packet]) -> None:
    """Packets in a POST are handled in order, and what they cause comes with the next polls."""
    session = await peer.polling()
    await session.send(*packets)
    for packet in packets:
        expect(await session.receive(), packet, "packet")


@case("required", PAYLOAD)
async def waiting_poll_is_answered(peer: Peer) -> None:
    """A poll waits until there is something to say."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.1)
    await session.send("4now")
    expect((await poll.response()).text, "4now", "body")


@case("required", PAYLOAD)
async def packets_are_bundled(peer: Peer) -> None:
    """What has gathered while no poll was there comes in one response, in order."""
    session = await peer.polling()
    for number in range(10):
        await session.send(f"4{number}")
    packets = [packet for packet in await session.poll() if packet != "2"]
    expect(packets, [f"4{number}" for number in range(10)], "packets of one poll")


@case("required", "Engine.IO 4, HTTP long-polling; PROTOCOL 1.4")
async def second_poll_ends_the_session(peer: Peer) -> None:
    """Two polls at once end the session: the second gets 400, the first a close packet."""
    session = await peer.polling()
    first = await session.begin_poll()
    await first.pending(0.05)
    second = await session.begin_poll()
    expect((await second.response()).status, 400, "status of the second poll")
    expect((await first.response()).text, "1", "body of the first poll")
    await session.gone()


@case("required", "PROTOCOL 1.4")
async def second_post_ends_the_session(peer: Peer) -> None:
    """Two POSTs at once end the session: the second gets 400."""
    session = await peer.polling()
    first = await peer.begin("POST", session.target(), body_size=10)
    await first.send_body(b"4half")
    await first.pending(0.05)
    expect((await session.try_post("4x")).status, 400, "status of the second POST")
    await session.gone()


@case("reference", "PROTOCOL 1.4")
async def first_of_two_posts_is_not_ok(peer: Peer) -> None:
    """The POST that another one overtook is not answered with `ok` when its rest comes: nobody reads it."""
    session = await peer.polling()
    first = await peer.begin("POST", session.target(), body_size=10)
    await first.send_body(b"4half")
    await first.pending(0.05)
    expect((await session.try_post("4x")).status, 400, "status of the second POST")
    await first.send_body(b"other")
    await first.finish()
    await first.refused()


@case("required", "PROTOCOL 1.4", rows=[("of_known_size", False), ("in_chunks", True)])
async def broken_post_ends_the_session(peer: Peer, is_chunked: bool) -> None:  # noqa: FBT001 - a row
    """A client that goes away in the middle of a POST ends its session."""
    session = await peer.polling()
    size = None if is_chunked else 10
    post = await peer.begin("POST", session.target(), body_size=size, chunked=is_chunked)
    await post.send_body(b"4half")
    await post.pending(0.05)
    await post.abort()
    await peer.forgotten(session.sid)


@case("better", "PROTOCOL 1.4")
async def abandoned_poll_loses_nothing(peer: Peer) -> None:
    """A client whose poll was cut off may poll again, and gets what was meant for it."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    await peer.answers()  # so it has read the poll, and below has heard of its end
    await poll.abort()
    await peer.answers()
    await session.send("4still here")
    expect(await session.receive(), "4still here", "packet")


@case("required", "PROTOCOL 1.4, 1.11", rows=[("at_the_limit", 0), ("below_the_limit", -1)])
async def body_may_be_as_large_as_the_limit(peer: Peer, difference: int) -> None:
    """A POST of the largest size is handled."""
    session = await peer.polling()
    text = "4" + "x" * (MAX_PAYLOAD - 1 + difference)
    await session.send(text)
    expect(await session.receive(), text, "packet")


@case("required", "PROTOCOL 1.4, 1.11", rows=[("one_too_many", 1), ("many_too_many", 100_000)])
async def larger_body_is_refused(peer: Peer, surplus: int) -> None:
    """A POST beyond the limit gets 413."""
    session = await peer.polling()
    response = await session.post_body("4" + "x" * (MAX_PAYLOAD - 1 + surplus))
    expect(response.status, 413, "status")


@case("required", "Engine.IO 4, Handshake, maxPayload; PROTOCOL 1.4")
async def limit_counts_bytes(peer: Peer) -> None:
    """The limit is one of bytes: a body of half as many characters may be too large."""
    session = await peer.polling()
    response = await session.post_body("4" + "\u00e9" * (MAX_PAYLOAD // 2))
    expect(response.status, 413, "status")


@case("required", "PROTOCOL 1.11")
async def answers_know_no_limit(peer: Peer) -> None:
    """What the server has to say may be more than `maxPayload`, which is the client's limit; all of it arrives."""
    session = await peer.polling()
    messages: list[Packet] = ["4" + letter * 600_000 for letter in "ab"]
    for message in messages:
        await session.send(message)
    expect([await session.receive() for _ in messages], messages, "packets")


@case("reference", "PROTOCOL 1.4, 9-8")
async def session_outlives_a_body_too_large(peer: Peer) -> None:
    """A session goes on after a POST that was too large."""
    session = await peer.polling()
    expect((await session.post_body("4" + "x" * MAX_PAYLOAD)).status, 413, "status")
    await session.send("4next")
    expect(await session.receive(), "4next", "packet")


@case("required", "RFC 9112, 7.1")
async def chunked_body_is_read(peer: Peer) -> None:
    """A body in chunks is handled like any other."""
    session = await peer.polling()
    response = await peer.request("POST", session.target(), chunks=[b"4he", b"l", b"lo\x1e4y", b"ou"])
    expect((response.status, response.body), (200, b"ok"), "answer")
    expect([await session.receive(), await session.receive()], ["4hello", "4you"], "packets")


@case("required", "RFC 9112, 7.1; PROTOCOL 1.11")
async def larger_body_in_chunks_is_refused(peer: Peer) -> None:
    """A body in chunks, which does not say how long it is, has the same limit."""
    session = await peer.polling()
    response = await peer.request("POST", session.target(), chunks=[b"4" + b"x" * 99_999] * 11)
    expect(response.status, 413, "status")


@case("reference", "PROTOCOL 1.4")
async def larger_body_is_refused_before_its_end(peer: Peer) -> None:
    """A body in chunks is refused as soon as it is too large, not when it ends, which it may never do."""
    session = await peer.polling()
    post = await peer.begin("POST", session.target(), chunked=True)
    for _ in range(11):
        await post.send_body(b"4" + b"x" * 99_999)
    expect((await post.response()).status, 413, "status")


@case(
    "required",
    "Engine.IO 4, Packet encoding; PROTOCOL 1.1, 1.4",
    rows=[
        ("nothing", b""),
        ("unknown_type", b"7x"),
        ("letter", b"zz"),
        ("empty_packet_between", b"4a\x1e\x1e4b"),
        ("heartbeat_of_the_server", b"2"),
    ],
)
async def bad_payload_ends_the_session(peer: Peer, body: bytes) -> None:
    """A POST with a packet that is none, or that clients do not send, ends the session."""
    session = await peer.polling()
    response = await session.post_body(body)
    require(response.status in (200, 400), "odd answer", str(response))
    await session.gone()


@case(
    "better",
    "PROTOCOL 1.4; a POST is `ok` only if all of it was accepted",
    rows=[("bad", b"zz"), ("last", b"4a\x1ezz")],
)
async def bad_payload_is_not_ok(peer: Peer, body: bytes) -> None:
    """A POST whose packets were not all accepted is not answered with `ok`."""
    session = await peer.polling()
    expect((await session.post_body(body)).status, 400, "status")
    await session.gone()


@case("better", "PROTOCOL 1.1")
async def packets_before_a_bad_one_count(peer: Peer) -> None:
    """What stands before an undecodable packet is handled although the session ends; what stands behind it is not."""
    sender, other = await peer.socketio("polling"), await peer.socketio("polling")
    await other.send('2["join","before a bad one"]')
    payload = ['42["tell","before a bad one","before"]', "zz", '42["tell","before a bad one","behind"]']
    assert isinstance(sender.session, Polling)  # as was asked for
    await sender.session.try_post(*payload)
    await other.expect('2["told","before"]')
    await other.silent(0.1)
    await peer.forgotten(sender.session.sid, SOCKET_IO)


@case(
    "required",
    "Engine.IO 4, HTTP long-polling; PROTOCOL 1.4",
    rows=[("of_browsers", "text/plain;charset=UTF-8"), ("of_forms", "application/x-www-form-urlencoded")],
)
async def content_type_of_text_does_not_matter(peer: Peer, content_type: str) -> None:
    """A payload is read whatever kind of text it claims to be."""
    session = await peer.polling()
    response = await session.post_body("4a=b&c+d", headers=[("Content-Type", content_type)])
    expect((response.status, response.body), (200, b"ok"), "answer")
    expect(await session.receive(), "4a=b&c+d", "packet")


@case("required", "PROTOCOL 1.4")
async def binary_content_type_is_refused(peer: Peer) -> None:
    """A body that claims to be of the old binary payload format gets 400, and ends the session."""
    session = await peer.polling()
    response = await session.post_body(b"4x", headers=[("Content-Type", "application/octet-stream")])
    expect(response.status, 400, "status")
    await session.gone()


@case("reference", "PROTOCOL 1.4, 9-20", rows=[(method, method) for method in ("PUT", "DELETE", "PATCH", "HEAD")])
async def other_methods_change_nothing(peer: Peer, method: str) -> None:
    """Other methods with a session's id are errors, and do the session no harm."""
    session = await peer.polling()
    response = await peer.request(method, session.target())
    require(response.status >= 400, "method was accepted", str(response))
    await session.send("4x")
    expect(await session.receive(), "4x", "packet")


@case("reference", "PROTOCOL 1.6")
async def answer_is_compressed_only_for_who_asks(peer: Peer) -> None:
    """A client that did not ask for compression gets none; who asked for gzip may get it."""
    session = await peer.polling()
    await session.send("4" + "x" * 5000)
    response = await (await session.begin_poll()).response()
    expect((response.header("content-encoding"), len(response.body)), (None, 5001), "encoding and size")
    await session.send("4" + "y" * 5000)
    poll = await peer.begin("GET", session.target(), headers=[("Accept-Encoding", "gzip")])
    response = await poll.response()
    expect(response.header("content-encoding"), "gzip", "content-encoding")
    require(len(response.body) < 1000, "it is not smaller", len(response.body))


@case(
    "required",
    "RFC 9110, 8.4 and 12.5.3; PROTOCOL 1.6",
    rows=[
        ("gzip", "gzip", ["gzip"]),
        ("deflate", "deflate", ["deflate"]),
        ("refused", "gzip;q=0, deflate;q=0", []),
        ("unknown", "snappy", []),
    ],
)
async def answer_is_encoded_as_agreed(peer: Peer, accepted: str, encodings: list[str]) -> None:
    """A large answer has an encoding that the client accepts, or none, and is what it should be when decoded."""
    session = await peer.polling()
    text = "4" + "\u20acxyz" * 2000
    await session.send(text)
    poll = await peer.begin("GET", session.target(), headers=[("Accept-Encoding", accepted)])
    response = await poll.response()
    encoding = response.header("content-encoding")
    require(encoding is None or encoding in encodings, "client does not accept this encoding", encoding)
    body = response.body
    try:
        body = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body) if encoding else body
    except (OSError, EOFError, zlib.error) as error:
        raise Failure(f"body is no {encoding}: {error}", received=response.body) from None
    expect(body.decode("utf-8", "replace"), text, "decoded body")


@case("required", "PROTOCOL 1.2", rows=[("below", "anything/at/all"), ("nothing", "")])
async def path_is_a_prefix(peer: Peer, rest: str) -> None:
    """What follows the path does not matter."""
    response = await peer.get(target(ENGINE_IO + rest))
    expect(response.status, 200, "status")


@case("required", "PROTOCOL 1.2")
async def unknown_fields_of_the_query_are_ignored(peer: Peer) -> None:
    """Cache busters and the application's own fields do no harm."""
    session = await peer.polling(t="abc", token="x y")
    await session.send("4x")
    expect(await session.receive(), "4x", "packet")


@case("required", "PROTOCOL 1.4", rows=[("GET", "GET"), ("POST", "POST")])
async def unknown_session_is_refused(peer: Peer, method: str) -> None:
    """A request with an unknown session id gets 400 and code 1."""
    response = await peer.request(method, target(sid="nobody"), body=None if method == "GET" else "4x")
    expect((response.status, response.json), (400, UNKNOWN_SID), "answer")
