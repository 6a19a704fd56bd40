"""The end of a session: by either side, over either transport, and what is left afterwards."""

from __future__ import annotations

import struct

from conformance.case import BOTH, case, expect, require
from conformance.client.peer import SOCKET_IO, Peer
from conformance.client.session import UNKNOWN_SID, Polling, WebSocketSession, packets_of
from conformance.client.websocket import CLOSE, NO_CODE, frame

CLOSING = "Engine.IO 4, Packet types, close; PROTOCOL 1.10"

# -- by the client ---------------------------------------------------------------------------------------------------


@case("required", CLOSING)
async def client_closes_with_a_poll_pending(peer: Peer) -> None:
    """The packet `1` in a POST finishes the pending poll with `6`, is acknowledged, and ends the session."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    await session.send("1")
    expect(packets_of(await poll.response()), ["6"], "packets in the pending poll")
    await session.gone()


@case("required", CLOSING)
async def client_closes_without_a_poll(peer: Peer) -> None:
    """The packet `1` ends a session that has no poll pending as well."""
    session = await peer.polling()
    await session.send("1")
    await session.left()


@case("better", CLOSING, rows=[("at_the_same_time", False), ("a_moment_later", True)])
async def poll_beside_a_close_gets_a_noop(peer: Peer, is_late: bool) -> None:  # noqa: FBT001 - a row
    """A poll that was begun before its client knew of its own end gets `6`, whichever of the two arrives first."""
    session = await peer.polling()
    if is_late:
        await session.send("1")
        expect(await session.poll(), ["6"], "packets in the poll")
    else:
        closing = await peer.begin("POST", session.target(), body_size=1)
        await closing.send_body(b"1")
        await closing.finish()
        poll = await session.begin_poll()
        expect((await closing.response()).status, 200, "status of the POST")
        expect(packets_of(await poll.response()), ["6"], "packets in the poll")
    await session.gone()


@case("reference", CLOSING)
async def packets_behind_a_close_are_ignored(peer: Peer) -> None:
    """Nothing comes back for what stands behind `1` in a payload."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    await session.try_post("1", "4late")
    expect(packets_of(await poll.response()), ["6"], "packets in the pending poll")
    await session.gone()


@case(
    "required",
    "RFC 6455, 5.5.1 and 7.1.1",
    rows=[
        ("no_code", b"", NO_CODE),
        ("normal", struct.pack("!H", 1000), 1000),
        ("going_away", struct.pack("!H", 1001) + b"bye", 1001),
        ("of_an_application", struct.pack("!H", 4000), 4000),
    ],
)
async def close_frame_is_answered(peer: Peer, payload: bytes, code: int) -> None:
    """A close frame is answered by one with its code or none; the connection is dropped, and the session gone."""
    session = await peer.websocket_session()
    await session.websocket.send_raw(frame(CLOSE, payload))
    await session.websocket.expect_close(code, NO_CODE)
    await session.websocket.disconnected()
    await session.websocket.abort()
    await peer.forgotten(session.sid)


@case("required", "PROTOCOL 1.10", rows=[("began_there", "websocket"), ("moved_there", "upgrade")])
async def dropped_websocket_ends_the_session(peer: Peer, transport: str) -> None:
    """When the connection of a session's WebSocket is lost, the session is gone, also one that began on polling."""
    session = await peer.session(transport)
    await session.send("4here")
    expect(await session.receive(), "4here", "message")
    assert isinstance(session, WebSocketSession)  # these transports make one
    await session.websocket.abort()
    await peer.forgotten(session.sid)


# -- by the server ---------------------------------------------------------------------------------------------------


@case("required", CLOSING)
async def server_closes_with_a_poll_pending(peer: Peer) -> None:
    """A pending poll gets `1` when the server closes the session, which is gone then."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    await session.send("4close me")
    expect(packets_of(await poll.response()), ["1"], "packets in the pending poll")
    await session.gone()


@case("required", CLOSING)
async def server_closes_without_a_poll(peer: Peer) -> None:
    """The next poll gets the packet `1` when none was pending, and the session is gone then."""
    session = await peer.polling()
    await session.send("4close me")
    packets = await session.poll()
    require(packets[-1] == "1" and set(packets) <= {"6", "1"}, "poll does not tell the end", packets)
    await session.gone()


@case("better", "PROTOCOL 1.10 and 9-15")
async def post_to_a_closing_session_is_not_accepted(peer: Peer) -> None:
    """A message that comes after the server began to close is not answered `ok`, for nobody will read it."""
    session = await peer.polling()
    await session.send("4close me")
    response = await session.try_post("4late")
    expect(response.status, 400, "status")
    await session.closed()
    await session.gone()


@case("required", "RFC 6455, 7.1; PROTOCOL 1.10", rows=[("began_there", "websocket"), ("moved_there", "upgrade")])
async def server_closes_over_websocket(peer: Peer, transport: str) -> None:
    """The server closes a session's WebSocket with a close frame, without a code or with a friendly one."""
    session = await peer.session(transport)
    await session.send("4close me")
    await session.closed()
    assert isinstance(session, WebSocketSession)  # these transports make one
    await session.websocket.expect_close(NO_CODE, 1000, 1001)
    await session.websocket.disconnected()
    await peer.forgotten(session.sid)


@case("required", CLOSING, over=(*BOTH, "upgrade"))
async def messages_before_a_close_are_delivered(peer: Peer, transport: str) -> None:
    """What the server sent before it closed arrives before the end; nothing comes behind it."""
    session = await peer.session(transport)
    await session.send("4one", b"two", "4close me", "4late")
    expect([await session.receive(), await session.receive()], ["4one", b"two"], "messages")
    await session.closed()
    await peer.forgotten(session.sid)


@case("required", "Socket.IO 5, Disconnection from a namespace", over=BOTH)
async def socketio_server_closes(peer: Peer, transport: str) -> None:
    """A Socket.IO server that disconnects a client tells its namespaces, then ends the session."""
    client = await peer.socketio(transport)
    await client.send('2["close"]', '2["message","late"]')
    await client.expect("1")
    await client.closed()
    await peer.forgotten(client.session.sid, SOCKET_IO)


# -- afterwards ------------------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.4", over=BOTH, rows=[("GET", "GET"), ("POST", "POST")])
async def request_after_the_end_is_refused(peer: Peer, transport: str, method: str) -> None:
    """A request for a session that ended gets 400 with code 1, also one by the transport that it had."""
    polling = await peer.polling()
    session = polling if transport == "polling" else await polling.upgrade()
    await session.send("4close me")
    await session.closed()
    await peer.forgotten(polling.sid)
    response = await peer.request(method, polling.target(), body="4late" if method == "POST" else None)
    expect((response.status, response.json), (400, UNKNOWN_SID), "answer to a request for an ended session")


@case("required", "PROTOCOL 1.8", over=BOTH)
async def upgrade_of_an_ended_session_is_refused(peer: Peer, transport: str) -> None:
    """A session that ended cannot be brought back by an upgrade."""
    session = await peer.session(transport)
    await session.send("4close me")
    await session.closed()
    await peer.forgotten(session.sid)
    await peer.turned_away(Polling(peer, "/engine.io/", session.handshake).target("websocket"))
