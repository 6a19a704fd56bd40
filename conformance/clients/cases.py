"""What a client must do, case by case."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from conformance.case import Failure, Level, expect
from conformance.clients.peer import ClientPeer
from conformance.clients.server import CLOSE, PING, PONG, TEXT, WebSocket, open_packet, packets_of

BOTH: Final = ("polling", "websocket")
UPGRADE: Final = ("polling", "websocket")


@dataclass(frozen=True, slots=True)
class ClientCase:
    """One thing that a client must do; see `conformance.case.Case`."""

    name: str
    level: Level
    title: str
    source: str
    run: Callable[[ClientPeer], Awaitable[None]]


CASES: Final[list[ClientCase]] = []
_Run = Callable[..., Awaitable[None]]


def case(level: Level, source: str, *, over: Sequence[str] = ()) -> Callable[[_Run], _Run]:
    """Make a function a case, once for each transport of `over`; its docstring is the title."""

    def register(function: _Run) -> _Run:
        title = (function.__doc__ or "").partition("\n")[0]
        for transport in over or (None,):
            name = function.__name__ + ("" if transport is None else f"[{transport}]")
            CASES.append(ClientCase(name, level, title, source, _bind(function, transport)))
        return function

    return register


def _bind(function: _Run, transport: str | None) -> Callable[[ClientPeer], Awaitable[None]]:
    async def run(peer: ClientPeer) -> None:
        await (function(peer) if transport is None else function(peer, transport))

    return run


def expect_fields(found: dict[str, str], wanted: dict[str, str], what: str) -> None:
    """Fail unless `found` has these fields, among others."""
    expect({name: found.get(name) for name in wanted}, wanted, what)


# -- the handshake -----------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.2")
async def handshake_names_protocol_and_transport(peer: ClientPeer) -> None:
    """The handshake is GET /socket.io/ with EIO=4 and its transport, and no sid."""
    await peer.open("polling")
    request = await peer.server.next("handshake")
    expect((request.method, request.path), ("GET", "/socket.io/"), "request line")
    expect_fields(request.query, {"EIO": "4", "transport": "polling"}, "query")
    await request.respond("no", 503)


@case("required", "PROTOCOL 1.2")
async def websocket_handshake_names_protocol_and_transport(peer: ClientPeer) -> None:
    """The handshake of a WebSocket-only client is an upgrade request with EIO=4 and its transport."""
    await peer.open("websocket")
    request = await peer.server.next("websocket")
    expect_fields(request.query, {"EIO": "4", "transport": "websocket"}, "query")
    expect("sid" in request.query, False, "sid in the handshake")  # noqa: FBT003
    await request.respond("no", 400)


@case("required", "PROTOCOL 1.13", over=BOTH)
async def own_query_and_headers_are_sent(peer: ClientPeer, transport: str) -> None:
    """The application's query and headers are in the handshake."""
    session = await peer.connected(transport, query={"token": "a b"}, headers={"X-Test": "yes"})
    expect_fields(session.request.query, {"token": "a b"}, "query")
    expect_fields(session.request.headers, {"x-test": "yes"}, "headers")


@case("required", "PROTOCOL 1.2")
async def later_requests_name_the_session(peer: ClientPeer) -> None:
    """Polls and POSTs carry the sid of the handshake."""
    await peer.open("polling")
    session = await peer.session()
    poll, post = await peer.server.next("poll"), await peer.server.next("post")
    expect((poll.query["sid"], post.query["sid"]), (session.sid, session.sid), "sid")
    await post.respond()
    await poll.respond('40{"sid":"x"}')
    await peer.report("connect", sid="x")


@case("reference", "PROTOCOL 1.13")
async def cookies_are_sent_back(peer: ClientPeer) -> None:
    """Cookies of the handshake's response are in later requests."""
    await peer.open("polling")
    request = await peer.server.next("handshake")
    await request.respond(open_packet("s"), Set_Cookie="lb=node-1; Path=/; HttpOnly")
    poll = await peer.server.next("poll")
    expect(poll.headers.get("cookie"), "lb=node-1", "cookie")
    await poll.respond("1")


async def _refused(peer: ClientPeer, transport: str, body: str, status: int = 200) -> None:
    await peer.open(transport)
    if transport == "polling":
        await (await peer.server.next("handshake")).respond(body, status)
    elif status != 200:
        await (await peer.server.next("websocket")).respond(body, status)
    else:
        await (await (await peer.server.next("websocket")).accept()).send(body)
    await peer.report("connect_error", nsp="/")


@case("required", "PROTOCOL 1.4", over=BOTH)
async def refused_handshake_is_reported(peer: ClientPeer, transport: str) -> None:
    """A handshake that is answered with 400 is a connect error."""
    await _refused(peer, transport, '{"code":5,"message":"Unsupported protocol version"}', 400)


@case("required", "PROTOCOL 1.13")
async def only_200_is_success(peer: ClientPeer) -> None:
    """A handshake that is answered with 204 is a connect error."""
    await _refused(peer, "polling", "", 204)


@case("better", "PROTOCOL 1.3")
async def open_packet_without_a_sid_is_refused(peer: ClientPeer) -> None:
    """An open packet without a sid is a connect error, and not a session without a name."""
    await _refused(peer, "polling", '0{"upgrades":[],"pingInterval":25000,"pingTimeout":20000}')


# -- polling and WebSocket ---------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.5")
async def one_poll_is_in_flight(peer: ClientPeer) -> None:
    """A client never has two polls in flight, and begins the next when one is answered."""
    await peer.connected()
    poll = await peer.server.next("poll")
    await peer.server.none("poll")
    await poll.respond("6")
    await peer.server.next("poll")


@case("required", "PROTOCOL 1.4")
async def one_post_is_in_flight(peer: ClientPeer) -> None:
    """A client never has two POSTs in flight; what is emitted meanwhile goes out together."""
    await peer.connected()
    await peer.tell("emit", name="a")
    first = await peer.server.next("post")
    for name in "bc":
        await peer.tell("emit", name=name)
    await peer.server.none("post")
    await first.respond()
    second = await peer.server.next("post")
    await second.respond()
    expect((packets_of(first.body), packets_of(second.body)), (['42["a"]'], ['42["b"]', '42["c"]']), "bodies")


@case("required", "PROTOCOL 1.1", over=BOTH)
async def several_packets_at_once_are_delivered_in_order(peer: ClientPeer, transport: str) -> None:
    """Packets that come together are delivered one after another."""
    session = await peer.connected(transport)
    await session.send('42["a"]', "6", '42["b",1]', '42["c"]')
    for name in "abc":
        await peer.report("received", name=name)


@case("required", "PROTOCOL 1.11")
async def payloads_keep_to_max_payload(peer: ClientPeer) -> None:
    """Buffered packets are split over POSTs that are no larger than `maxPayload`."""
    await peer.open("polling")
    session = await peer.session(maxPayload=60)
    await session.let_in()
    await peer.tell("emit", name="first")
    post = await peer.server.next("post")
    for number in range(6):
        await peer.tell("emit", name="n", args=[number, "x" * 15])
    await trio.sleep(0.1)  # they are buffered while this POST is in flight
    await post.respond()
    received: list[str | bytes] = []
    while len(received) < 6:
        post = await peer.server.next("post")
        if len(post.body) > 60:
            raise Failure("a POST larger than maxPayload", expected=60, received=len(post.body))
        received += packets_of(post.body)
        await post.respond()
    expect(received, [f'42["n",{number},"{"x" * 15}"]' for number in range(6)], "packets")


@case("required", "PROTOCOL 1.13")
async def refused_post_ends_the_connection(peer: ClientPeer) -> None:
    """A POST that is not answered with 200 is a transport error."""
    await peer.connected()
    await peer.tell("emit", name="a")
    await (await peer.server.next("post")).respond("", 413)
    await peer.report("disconnect", reason="transport error")


@case("required", "PROTOCOL 1.13")
async def refused_poll_ends_the_connection(peer: ClientPeer) -> None:
    """A poll that is not answered with 200 is a transport error."""
    await peer.connected()
    await (await peer.server.next("poll")).respond("", 400)
    await peer.report("disconnect", reason="transport error")


@case("required", "RFC 6455, 5.5.2")
async def websocket_pings_are_answered(peer: ClientPeer) -> None:
    """A ping frame is answered by a pong frame with the same data."""
    session = await peer.connected("websocket")
    assert session.websocket is not None
    await session.websocket.send_frame(PING, b"data")
    with trio.move_on_after(3):
        expect(await session.websocket.receive_frame(), (PONG, b"data"), "frame")
        return
    raise Failure("no pong frame")


@case("required", "RFC 6455, 5.4")
async def fragments_make_one_message(peer: ClientPeer) -> None:
    """A message in fragments, with a ping between them, is one message."""
    session = await peer.connected("websocket")
    assert session.websocket is not None
    await session.websocket.send_frame(TEXT, b'42["a', fin=False)
    await session.websocket.send_frame(PING)
    await session.websocket.send_frame(0, b'bc"]')
    await peer.report("received", name="abc")


# -- heartbeat ---------------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.7", over=BOTH)
async def heartbeats_are_answered(peer: ClientPeer, transport: str) -> None:
    """Each ping is answered by a pong at once."""
    session = await peer.connected(transport)
    for _ in range(2):
        await session.send("2")
        await session.expect("3")


@case("required", "PROTOCOL 1.7", over=BOTH)
async def silent_server_is_noticed(peer: ClientPeer, transport: str) -> None:
    """When no ping comes for interval and timeout together, the client disconnects by itself."""
    await peer.open(transport)
    session = await peer.session(transport, pingInterval=200, pingTimeout=200)
    await session.let_in()
    await peer.report("disconnect", reason="ping timeout")


@case("required", "PROTOCOL 1.7", over=BOTH)
async def heartbeats_keep_the_connection(peer: ClientPeer, transport: str) -> None:
    """While pings come in time, the connection lives."""
    await peer.open(transport)
    session = await peer.session(transport, pingInterval=200, pingTimeout=200)
    await session.let_in()
    for _ in range(5):
        await trio.sleep(0.15)
        await session.send("2")
        await session.expect("3")
    await peer.silence()


# -- the upgrade -------------------------------------------------------------------------------------------------------


async def _probing(peer: ClientPeer) -> tuple[Any, WebSocket]:
    """Connect over polling, and let the client probe; the probe is read."""
    await peer.open(*UPGRADE)
    session = await peer.session(upgrades=True)
    await session.let_in()
    request = await peer.server.next("websocket")
    expect_fields(request.query, {"EIO": "4", "transport": "websocket", "sid": session.sid}, "query")
    websocket = await request.accept()
    expect(await websocket.receive(), "2probe", "first frame")
    return session, websocket


@case("required", "PROTOCOL 1.8")
async def upgrade_waits_for_the_poll(peer: ClientPeer) -> None:
    """`5` comes only when the last poll is answered, and no other begins."""
    session, websocket = await _probing(peer)
    poll = await peer.server.next("poll")
    await websocket.send("3probe")
    with trio.move_on_after(0.15):
        received = await websocket.receive()
        raise Failure("a packet before the poll was answered", received=received)
    await poll.respond("6")
    expect(await websocket.receive(), "5", "frame")
    session.websocket = websocket
    await peer.server.none("poll")
    await session.send('42["over"]')
    await peer.report("received", name="over")


@case("required", "PROTOCOL 1.8")
async def upgrade_waits_for_the_post(peer: ClientPeer) -> None:
    """`5` comes only when the last POST is answered; what is emitted meanwhile follows it in order."""
    session, websocket = await _probing(peer)
    await peer.tell("emit", name="a")
    post = await peer.server.next("post")
    await websocket.send("3probe")
    await (await peer.server.next("poll")).respond('42["last"]')
    await peer.report("received", name="last")
    for name in "bc":
        await peer.tell("emit", name=name)
    await peer.server.none("post")
    with trio.move_on_after(0.2):  # the poll may have been answered before the probe was, and another one be there
        await (await peer.server.next("poll")).respond("6")
    await post.respond()
    expect(packets_of(post.body), ['42["a"]'], "POST")
    session.websocket = websocket
    await session.expect("5", '42["b"]', '42["c"]')


@case("required", "PROTOCOL 1.3")
async def no_upgrade_unless_offered(peer: ClientPeer) -> None:
    """A client does not upgrade when the server does not offer it."""
    await peer.open(*UPGRADE)
    session = await peer.session()
    await session.let_in()
    await peer.server.none("websocket")


async def _still_polls(peer: ClientPeer, session: Any) -> None:
    await session.send('42["still"]')
    await peer.report("received", name="still")
    await peer.tell("emit", name="here")
    await session.expect('42["here"]')


@case("required", "PROTOCOL 1.8")
async def refused_upgrade_leaves_polling(peer: ClientPeer) -> None:
    """When the WebSocket is refused, polling goes on."""
    await peer.open(*UPGRADE)
    session = await peer.session(upgrades=True)
    await session.let_in()
    await (await peer.server.next("websocket")).respond("no", 400)
    await _still_polls(peer, session)


@case("required", "PROTOCOL 1.8")
async def lost_probe_leaves_polling(peer: ClientPeer) -> None:
    """When the WebSocket is lost before the probe is answered, polling goes on."""
    session, websocket = await _probing(peer)
    await websocket.drop()
    await _still_polls(peer, session)


@case("better", "PROTOCOL 9-29")
async def wrong_probe_answer_ends_the_candidate(peer: ClientPeer) -> None:
    """A probe that is answered by another packet ends the WebSocket, and polling goes on."""
    session, websocket = await _probing(peer)
    await websocket.send("4x")
    opcode: int | None = None
    with trio.move_on_after(3):
        opcode, _ = await websocket.receive_frame()
    if opcode is None:
        raise Failure("the client leaves the WebSocket open")
    expect(opcode, CLOSE, "frame")
    await _still_polls(peer, session)


# -- namespaces --------------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 3.5", over=BOTH)
async def connect_carries_auth(peer: ClientPeer, transport: str) -> None:
    """CONNECT carries the auth as JSON."""
    await peer.open(transport, auth={"token": "é"})
    session = await peer.session(transport)
    connect = await session.let_in()
    expect(json.loads(str(connect)[2:]), {"token": "é"}, "auth")


@case("required", "PROTOCOL 3.5", over=BOTH)
async def refusal_is_reported_and_final(peer: ClientPeer, transport: str) -> None:
    """CONNECT_ERROR is reported with message and data, and the client does not try again."""
    await peer.open(transport, reconnection=True)
    session = await peer.session(transport)
    await session.expect("40")
    await session.send('44{"message":"no","data":{"code":42}}')
    await peer.report("connect_error", nsp="/", message="no", data={"code": 42})
    await peer.silence()


@case("required", "PROTOCOL 3.5", over=BOTH)
async def namespaces_share_a_connection(peer: ClientPeer, transport: str) -> None:
    """Another namespace is joined by a CONNECT of its own over the same connection."""
    session = await peer.connected(transport)
    await peer.tell("join", nsp="/admin", auth={"key": 1})
    expect(await session.receive(), '40/admin,{"key":1}', "CONNECT")
    await session.send('40/admin,{"sid":"b"}')
    await peer.report("connect", nsp="/admin", sid="b")
    await session.send('42/admin,["x"]')
    await peer.report("received", nsp="/admin", name="x")
    await session.send('42["y"]')
    await peer.report("received", nsp="/", name="y")
    await peer.tell("emit", nsp="/admin", name="z")
    await session.expect('42/admin,["z"]')


@case("required", "PROTOCOL 5.2", over=BOTH)
async def emits_wait_for_the_answer_to_connect(peer: ClientPeer, transport: str) -> None:
    """What is emitted before CONNECT is answered is sent behind it, in order."""
    await peer.open(transport)
    for name in "ab":
        await peer.tell("emit", name=name)
    session = await peer.session(transport)
    await session.expect("40")
    await peer.server.none("post")
    await session.send('40{"sid":"x"}')
    await peer.report("connect")
    await peer.tell("emit", name="c")
    await session.expect('42["a"]', '42["b"]', '42["c"]')


@case("better", "PROTOCOL 9-59", over=BOTH)
async def volatile_emits_do_not_wait(peer: ClientPeer, transport: str) -> None:
    """A volatile event that is emitted before CONNECT is answered is dropped."""
    await peer.open(transport)
    session = await peer.session(transport)
    await session.expect("40")
    await peer.tell("emit", name="volatile", volatile=True)
    await peer.tell("emit", name="last")
    await trio.sleep(0.1)
    await session.send('40{"sid":"x"}')
    await peer.report("connect")
    await session.expect('42["last"]')


@case("required", "PROTOCOL 5.2", over=BOTH)
async def events_before_connect_are_kept(peer: ClientPeer, transport: str) -> None:
    """Events that come before the answer to CONNECT are delivered."""
    await peer.open(transport)
    session = await peer.session(transport)
    await session.expect("40")
    await session.send('42["missed"]', '40{"sid":"x"}')
    reports = [await peer.process.report(peer.name, kind) for kind in await _either_order(peer)]
    expect(sorted(report["event"] for report in reports), ["connect", "received"], "reports")


async def _either_order(peer: ClientPeer) -> Sequence[str]:
    """The reference reports missed events first, others the connection."""
    return (
        ("received", "connect") if await peer.process.comes_first(peer.name) == "received" else ("connect", "received")
    )


@case("required", "PROTOCOL 5.3", over=BOTH)
async def goodbye_of_the_server_is_final(peer: ClientPeer, transport: str) -> None:
    """DISCONNECT is reported as "io server disconnect", and the client does not come back."""
    session = await peer.connected(transport, reconnection=True)
    await session.send("41")
    await peer.report("disconnect", reason="io server disconnect")
    await peer.silence()


@case("required", "PROTOCOL 5.3", over=BOTH)
async def leaving_a_namespace_says_so(peer: ClientPeer, transport: str) -> None:
    """A client that leaves one namespace of two sends DISCONNECT, and the connection stays."""
    session = await peer.connected(transport)
    await peer.tell("join", nsp="/admin")
    await session.let_in("/admin")
    await peer.tell("leave", nsp="/admin")
    await session.expect("41/admin,")
    await peer.report("disconnect", nsp="/admin", reason="io client disconnect")
    await session.send('42["still"]')
    await peer.report("received", name="still")


@case("required", "PROTOCOL 1.10")
async def closing_on_polling_posts_a_close_packet(peer: ClientPeer) -> None:
    """A client that closes on polling sends DISCONNECT and the close packet."""
    session = await peer.connected()
    await peer.tell("close")
    await session.expect("41", "1")


@case("required", "PROTOCOL 1.10")
async def closing_on_websocket_closes_it(peer: ClientPeer) -> None:
    """A client that closes on a WebSocket sends DISCONNECT and a close frame."""
    session = await peer.connected("websocket")
    await peer.tell("close")
    await session.expect("41")
    assert session.websocket is not None
    expect((await session.websocket.receive_frame())[0], CLOSE, "frame")


# -- events and acks ---------------------------------------------------------------------------------------------------

VALUES: Final[list[Any]] = [None, True, 0, -1, 2.5, "", "é\u2028😀", [], {}, {"a": [1, {"b": None}]}]


@case("required", "PROTOCOL 3.2", over=BOTH)
async def events_carry_every_value(peer: ClientPeer, transport: str) -> None:
    """All values of JSON come and go as they are."""
    session = await peer.connected(transport)
    text = json.dumps(["values", *VALUES], separators=(",", ":"), ensure_ascii=False)
    await session.send("42" + text)
    await peer.report("received", name="values", args=VALUES)
    await peer.tell("emit", name="values", args=VALUES)
    received = await session.receive()
    expect(json.loads(str(received)[2:]), ["values", *VALUES], "event")


@case("required", "PROTOCOL 3.4", over=BOTH)
async def binary_events_are_put_together(peer: ClientPeer, transport: str) -> None:
    """A binary event is delivered when all its attachments are there, with the bytes in place."""
    session = await peer.connected(transport)
    head = '452-["file",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]'
    await session.send(head, b"\x00\xff", b"")
    await peer.report("received", name="file", args=[b"\x00\xff", {"deep": [b""]}])


@case("required", "PROTOCOL 3.4", over=BOTH)
async def binary_events_are_taken_apart(peer: ClientPeer, transport: str) -> None:
    """Bytes in an event become placeholders and attachments in their order."""
    session = await peer.connected(transport)
    await peer.tell("emit", name="file", args=[b"\x01\x02", {"deep": [b"\x03"]}])
    head = await session.receive()
    expect(str(head)[:4], "452-", "header")
    wanted = ["file", {"_placeholder": True, "num": 0}, {"deep": [{"_placeholder": True, "num": 1}]}]
    expect(json.loads(str(head)[4:]), wanted, "event")
    await session.expect(b"\x01\x02", b"\x03")


@case("required", "PROTOCOL 3.7", over=BOTH)
async def acks_are_given_once_with_their_id(peer: ClientPeer, transport: str) -> None:
    """An event with an id is acknowledged with that id."""
    session = await peer.connected(transport)
    await session.send('427["question",1,"a"]')
    await session.expect('437[1,"a"]')
    await session.send('42123["nothing"]')
    await session.expect("43123[]")


@case("required", "PROTOCOL 3.7", over=BOTH)
async def binary_acks_are_given(peer: ClientPeer, transport: str) -> None:
    """An acknowledgement with bytes is a binary one."""
    session = await peer.connected(transport)
    await session.send('451-3["question",{"_placeholder":true,"num":0}]', b"\x01")
    await session.expect('461-3[{"_placeholder":true,"num":0}]', b"\x01")


@case("required", "PROTOCOL 3.7", over=BOTH)
async def acks_settle_the_call_of_their_id(peer: ClientPeer, transport: str) -> None:
    """Acknowledgements settle calls by id, in any order, once; unknown ones mean nothing."""
    session = await peer.connected(transport)
    ids: list[str] = []
    for name in ("a", "b"):
        await peer.tell("call", name="q", call=name, timeout_ms=5000)
        packet = str(await session.receive())
        expect(packet[:2] + packet[-5:], '42["q"]', "event")
        ids.append(packet[2:-5])
    if ids[0] == ids[1]:
        raise Failure("two calls of one id", received=ids)
    await session.send(f'43{ids[1]}["second"]', "43999[]")
    await peer.report("ack", call="b", args=["second"])
    await session.send(f"43{ids[0]}[1,2]", f"43{ids[0]}[]")
    await peer.report("ack", call="a", args=[1, 2])
    await peer.silence()


@case("required", "PROTOCOL 5.2", over=BOTH)
async def calls_fail_in_time(peer: ClientPeer, transport: str) -> None:
    """A call that is not acknowledged fails when its time is up; a late answer means nothing."""
    session = await peer.connected(transport)
    await peer.tell("call", name="q", call="k", timeout_ms=100)
    packet = str(await session.receive())
    await peer.report("ack_failed", call="k")
    await session.send(f"43{packet[2:-5]}[]")
    await peer.silence()


@case("required", "PROTOCOL 5.2", over=BOTH)
async def calls_fail_when_the_connection_is_lost(peer: ClientPeer, transport: str) -> None:
    """A call whose event was sent fails with the connection."""
    session = await peer.connected(transport)
    await peer.tell("call", name="q", call="k", timeout_ms=60_000)
    await session.receive()
    await session.lose()
    first = await peer.process.comes_first(peer.name)
    for kind in sorted(["ack_failed", "disconnect"], key=lambda kind: kind != first):
        await peer.report(kind)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 5.3")
async def lost_websocket_is_a_transport_close(peer: ClientPeer) -> None:
    """A WebSocket whose connection is lost is reported as "transport close"."""
    session = await peer.connected("websocket")
    await session.lose()
    await peer.report("disconnect", reason="transport close")


@case("required", "PROTOCOL 5.3")
async def lost_poll_is_a_transport_error(peer: ClientPeer) -> None:
    """A poll whose connection is lost is reported as "transport error"."""
    session = await peer.connected()
    await session.lose()
    await peer.report("disconnect", reason="transport error")


@case("required", "PROTOCOL 1.10")
async def close_packet_on_polling_ends_the_session(peer: ClientPeer) -> None:
    """The close packet in a poll is reported as "transport close"."""
    session = await peer.connected()
    await session.send("1")
    await peer.report("disconnect", reason="transport close")


async def _parse_error(peer: ClientPeer, transport: str, *packets: str | bytes) -> None:
    session = await peer.connected(transport)
    await session.send(*packets)
    await peer.report("disconnect", reason="parse error")


@case("required", "PROTOCOL 3.6", over=BOTH)
async def bad_json_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """An event that is no JSON ends the connection with "parse error"."""
    await _parse_error(peer, transport, '42["a"')


@case("better", "PROTOCOL 3.6", over=BOTH)
async def events_before_a_bad_packet_are_delivered(peer: ClientPeer, transport: str) -> None:
    """What came before a bad packet is delivered, and then the connection ends."""
    session = await peer.connected(transport)
    await session.send('42["before"]', '42["a"')
    await peer.report("received", name="before")
    await peer.report("disconnect", reason="parse error")


@case("required", "PROTOCOL 3.6", over=BOTH)
async def unknown_packet_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """A packet of an unknown type ends the connection with "parse error"."""
    await _parse_error(peer, transport, "49")


@case("required", "PROTOCOL 3.4", over=BOTH)
async def text_for_an_attachment_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """Text in the place of an attachment ends the connection with "parse error"."""
    await _parse_error(peer, transport, '451-["a",{"_placeholder":true,"num":0}]', '42["b"]')


@case("required", "CVE-2022-2421", over=BOTH)
async def bad_placeholder_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """A placeholder without a valid number ends the connection with "parse error"."""
    await _parse_error(peer, transport, '451-["a",{"_placeholder":true,"num":"splice"}]', b"\x00")


@case("required", "CVE-2026-33151", over=BOTH)
async def flood_of_attachments_is_a_parse_error(peer: ClientPeer, transport: str) -> None:
    """An event that announces thousands of attachments ends the connection with "parse error"."""
    await _parse_error(peer, transport, '4599999-["a"]')


@case("better", "PROTOCOL 9-1")
async def bad_engine_packet_is_a_parse_error(peer: ClientPeer) -> None:
    """A frame that is no Engine.IO packet ends the connection with "parse error"."""
    await _parse_error(peer, "websocket", "z")


@case("better", "PROTOCOL 9-35")
async def event_without_a_payload_is_a_parse_error(peer: ClientPeer) -> None:
    """An event without a payload ends the connection with "parse error"."""
    await _parse_error(peer, "websocket", "42")


# -- coming back -------------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 5.1", over=BOTH)
async def lost_connection_is_opened_again(peer: ClientPeer, transport: str) -> None:
    """A client that lost its connection makes a new handshake, and sends CONNECT with its auth again."""
    await peer.open(transport, auth={"n": 1}, reconnection=True)
    session = await peer.session(transport)
    await session.let_in()
    await session.lose()
    await peer.report("disconnect")
    for name in "ab":
        await peer.tell("emit", name=name)
    again = await peer.session(transport)
    expect(await again.let_in(), '40{"n":1}', "CONNECT")
    await again.expect('42["a"]', '42["b"]')


@case("required", "PROTOCOL 5.1")
async def failed_attempts_are_repeated(peer: ClientPeer) -> None:
    """An attempt that fails is followed by another."""
    await peer.open("polling", reconnection=True)
    for _ in range(2):
        await (await peer.server.next("handshake")).respond("", 503)
        await peer.report("connect_error")
    await (await peer.session()).let_in()


@case("required", "PROTOCOL 3.9", over=BOTH)
async def state_is_recovered(peer: ClientPeer, transport: str) -> None:
    """A client that was told a pid reconnects with it and the last offset, and reports the recovery."""
    await peer.open(transport, auth={"n": 1}, reconnection=True)
    session = await peer.session(transport)
    await session.let_in(answer='{"sid":"s","pid":"secret"}')
    await session.send('42["a",1,"offset-1"]')
    await peer.report("received", name="a")
    await session.lose()
    await peer.report("disconnect")
    again = await peer.session(transport)
    connect = str(await again.receive())
    expect(connect[:2], "40", "CONNECT")
    expect(json.loads(connect[2:] or "{}"), {"pid": "secret", "offset": "offset-1", "n": 1}, "CONNECT")
    await again.send('40{"sid":"s","pid":"secret"}')
    await peer.report("connect", sid="s", recovered=True)


@case("required", "PROTOCOL 3.9")
async def another_pid_is_no_recovery(peer: ClientPeer) -> None:
    """A client that gets another pid was not recovered."""
    await peer.open("websocket", reconnection=True)
    session = await peer.session("websocket")
    await session.let_in(answer='{"sid":"s","pid":"one"}')
    await session.lose()
    await peer.report("disconnect")
    again = await peer.session("websocket")
    await again.receive()
    await again.send('40{"sid":"t","pid":"two"}')
    await peer.report("connect", sid="t", recovered=False)


@case("reference", "PROTOCOL 5.2", over=BOTH)
async def unanswered_events_are_sent_again(peer: ClientPeer, transport: str) -> None:
    """With retries an event is sent until it is acknowledged, one in flight, in order."""
    await peer.open(transport, retries=3, ack_timeout_ms=150)
    session = await peer.session(transport)
    await session.let_in()
    for name in "ab":
        await peer.tell("emit", name=name)
    packet = ""
    for _ in range(2):
        packet = str(await session.receive())
        expect(packet[:2] + packet[-5:], '42["a"]', "event")
    await session.send(f"43{packet[2:-5]}[]")
    packet = str(await session.receive())
    expect(packet[-5:], '["b"]', "event")
    await session.send(f"43{packet[2:-5]}[]")
    await peer.server.none("post", 0.3)
