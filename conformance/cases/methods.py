"""Requests as such: methods, paths, queries, and what is wrong about a request of a session that is all right."""

from __future__ import annotations

from conformance.case import Skipped, case, expect, require
from conformance.client.http import Response
from conformance.client.peer import ENGINE_IO, Peer, target

ERRORS = "PROTOCOL 1.4"
BAD_REQUEST = {"code": 3, "message": "Bad request"}

# -- methods ---------------------------------------------------------------------------------------------------------


@case("reference", f"{ERRORS} and 9-20", rows=[("PUT", "PUT"), ("DELETE", "DELETE")])
async def other_methods_deliver_nothing(peer: Peer, method: str) -> None:
    """The body of another method is no payload, and a pending poll goes on waiting."""
    session = await peer.polling()
    poll = await session.begin_poll()
    response = await peer.request(method, session.target(), body="4stray")
    require(response.status >= 400, "method was accepted", str(response))
    await poll.pending(0.05)
    await session.send("4real")
    expect((await poll.response()).text, "4real", "body of the poll")


@case("required", "Fetch, CORS-preflight fetch; PROTOCOL 4.10")
async def preflight_of_an_unknown_session_is_answered(peer: Peer) -> None:
    """A preflight is answered before the session is looked up, or a page could not read that it is gone."""
    headers = [("Origin", "http://allowed.example"), ("Access-Control-Request-Method", "POST")]
    response = await peer.request("OPTIONS", target(sid="nobody"), headers=headers)
    require(response.status in (200, 204), "odd status", str(response))
    expect(response.header("access-control-allow-origin"), "http://allowed.example", "allowed origin")


@case("required", "Fetch, CORS-preflight fetch; PROTOCOL 4.10")
async def preflight_leaves_the_session_alone(peer: Peer) -> None:
    """A preflight of a POST comes while a poll is pending: it is answered, and the poll goes on waiting."""
    session = await peer.polling()
    poll = await session.begin_poll()
    headers = [("Origin", "http://allowed.example"), ("Access-Control-Request-Method", "POST")]
    response = await peer.request("OPTIONS", session.target(), headers=headers)
    require(response.status in (200, 204), "odd status", str(response))
    await poll.pending(0.05)
    await session.send("4now")
    expect((await poll.response()).text, "4now", "body of the poll")


# -- paths and queries -----------------------------------------------------------------------------------------------


@case(
    "reference",
    "PROTOCOL 1.2",
    rows=[("no_slash", "/engine.io"), ("longer_name", "/engine.iox/"), ("upper_case", "/ENGINE.IO/")],
)
async def other_path_begins_no_session(peer: Peer, path: str) -> None:
    """Only the path itself, with its slash at the end, belongs to the server."""
    response = await peer.get(target(path))
    require(not response.body.startswith(b"0{"), "session was begun", str(response))


@case(
    "reference",
    "PROTOCOL 1.2",
    rows=[
        ("escapes", "EIO=%34&transport=poll%69ng"),
        ("empty_session_id", "EIO=4&transport=polling&sid="),
        ("repeated_names", "EIO=3&transport=carrier-pigeon&EIO=4&transport=polling"),
    ],
)
async def query_is_read_as_urls_are(peer: Peer, query: str) -> None:
    """Escapes are decoded, of a repeated name the last value counts, and an empty session id is none."""
    response = await peer.get(f"{ENGINE_IO}?{query}")
    expect((response.status, response.body[:2]), (200, b"0{"), "status and beginning of the answer")


@case(
    "reference",
    ERRORS,
    rows=[
        ("transport_before_session", "GET", "EIO=4&transport=carrier-pigeon&sid=nobody", 0),
        ("session_before_protocol", "GET", "EIO=3&transport=polling&sid=nobody", 1),
        ("session_before_method", "PUT", "EIO=4&transport=polling&sid=nobody", 1),
        ("method_before_permission", "PUT", "EIO=4&transport=polling&forbidden=1", 2),
    ],
)
async def first_of_two_faults_is_named(peer: Peer, method: str, query: str, code: int) -> None:
    """A request with two faults is told the one that the reference looks for first."""
    response = await peer.request(method, f"{ENGINE_IO}?{query}")
    expect((response.status, response.json["code"]), (400, code), "status and code")


# -- empty lines -----------------------------------------------------------------------------------------------------

EMPTY_LINES = [("one", b"\r\n"), ("several", b"\r\n\r\n\r\n")]


@case("reference", "RFC 9112, 2.2", rows=EMPTY_LINES)
async def empty_lines_before_the_first_request_are_ignored(peer: Peer, lines: bytes) -> None:
    """A connection may begin with empty lines."""
    exchange = await peer.begin("GET", target(), ahead=lines)
    expect((await exchange.response()).status, 200, "status")


@case("reference", "RFC 9112, 2.2", rows=EMPTY_LINES)
async def empty_lines_before_a_later_request_are_ignored(peer: Peer, lines: bytes) -> None:
    """Between two requests on a connection there may be empty lines."""
    first = await peer.begin("GET", target())
    _keep_alive(await first.response())
    later = await peer.begin("GET", target(), ahead=lines, after=first)
    expect((await later.response()).status, 200, "status")


@case("reference", "RFC 9112, 2.2", rows=EMPTY_LINES)
async def empty_lines_behind_a_body_are_ignored(peer: Peer, lines: bytes) -> None:
    """Old clients send an empty line behind the body of a POST, which does not count it."""
    session = await peer.polling()
    post = await peer.begin("POST", session.target(), body_size=6)
    await post.send_body(b"4hello")
    await post.send_raw(lines)
    response = await post.response()
    expect((response.status, response.text), (200, "ok"), "answer to the POST")
    _keep_alive(response)
    poll = await peer.begin("GET", session.target(), after=post)
    expect((await poll.response()).text, "4hello", "body of the poll")


def _keep_alive(response: Response) -> None:
    if (response.header("connection") or "").lower() == "close":
        raise Skipped("the server closes its connections")


# -- requests that do not fit their session --------------------------------------------------------------------------


@case("required", ERRORS, rows=[("GET", "GET"), ("POST", "POST")])
async def other_transport_is_refused(peer: Peer, method: str) -> None:
    """A plain request that claims a polling session to be on WebSocket gets code 3, and the session lives on."""
    session = await peer.polling()
    response = await peer.request(method, session.target("websocket"), body="4stray" if method == "POST" else None)
    expect((response.status, response.json), (400, BAD_REQUEST), "answer")
    await session.send("4x")
    expect(await session.receive(), "4x", "packet")


@case("reference", "PROTOCOL 10", rows=[("missing", ""), ("3", "EIO=3&")])
async def other_revision_is_refused(peer: Peer, revision: str) -> None:
    """A poll whose `EIO` is not that of its session gets code 3, and the session lives on."""
    session = await peer.polling()
    response = await peer.get(f"{ENGINE_IO}?{revision}transport=polling&sid={session.sid}")
    expect((response.status, response.json), (400, BAD_REQUEST), "answer")
    await session.send("4x")
    expect(await session.receive(), "4x", "packet")
