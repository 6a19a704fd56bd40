"""From polling to a WebSocket."""

from __future__ import annotations

import trio

from conformance.case import BOTH, Failure, expect
from conformance.clients.case import case, expect_fields
from conformance.clients.peer import ClientPeer, Session
from conformance.clients.server import PING, PONG, WebSocket, packets_of, patience


async def _probing(peer: ClientPeer) -> tuple[Session, WebSocket]:
    """Connect over polling, and let the client probe; the probe is read."""
    await peer.open(*BOTH)
    session = await peer.session(upgrades=True)
    await session.let_in()
    request = await peer.server.next("websocket")
    expect_fields(request.query, {"EIO": "4", "transport": "websocket", "sid": session.sid}, "query")
    websocket = await request.accept()
    expect(await websocket.receive(), "2probe", "first frame")
    return session, websocket


async def _says_nothing(websocket: WebSocket, problem: str) -> None:
    await websocket.send_frame(PING)  # which is answered behind what the client has to say to frames before it
    answer: tuple[int, bytes] | None = None
    with trio.move_on_after(patience.get()):
        answer = await websocket.receive_frame()
    expect(answer, (PONG, b""), problem)
    with trio.move_on_after(0.15):
        raise Failure(problem, received=await websocket.receive())


@case("required", "PROTOCOL 1.8")
async def upgrade_waits_for_the_poll(peer: ClientPeer) -> None:
    """`5` comes only when the last poll is answered, and no other begins."""
    session, websocket = await _probing(peer)
    poll = await peer.server.next("poll")
    await websocket.send("3probe")
    await _says_nothing(websocket, "a packet before the poll was answered")
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
    poll = await peer.server.next("poll")
    peer.server.released.add(session.sid)  # this one may be answered before the probe is, and another one be begun
    await websocket.send("3probe")
    await poll.respond('42["last"]')
    await peer.report("received", name="last")
    for name in "bc":
        await peer.tell("emit", name=name)
    await peer.server.none("post")
    await _says_nothing(websocket, "a packet before the POST was answered")
    await post.respond()
    expect(packets_of(post.body), ['42["a"]'], "POST")
    session.websocket = websocket
    await session.expect("5", '42["b"]', '42["c"]')


@case("required", "PROTOCOL 1.3")
async def no_upgrade_unless_offered(peer: ClientPeer) -> None:
    """A client does not upgrade when the server does not offer it."""
    await peer.open(*BOTH)
    session = await peer.session()
    await session.let_in()
    await peer.server.none("websocket")


async def _still_polls(peer: ClientPeer, session: Session) -> None:
    await session.send('42["still"]')
    await peer.report("received", name="still")
    await peer.tell("emit", name="here")
    await session.expect('42["here"]')


@case("required", "PROTOCOL 1.8")
async def refused_upgrade_leaves_polling(peer: ClientPeer) -> None:
    """When the WebSocket is refused, polling goes on."""
    await peer.open(*BOTH)
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
    await websocket.end()
    await _still_polls(peer, session)


@case("better", "PROTOCOL 1.8")
async def websocket_lost_before_the_change_leaves_polling(peer: ClientPeer) -> None:
    """When the WebSocket is lost between the answer to the probe and the last poll's, polling goes on."""
    session, websocket = await _probing(peer)
    poll = await peer.server.next("poll")
    await websocket.send("3probe")
    await _says_nothing(websocket, "a packet before the poll was answered")
    await peer.tell("emit", name="meanwhile")
    await peer.server.none("post")
    await websocket.drop()
    await session.expect('42["meanwhile"]')  # it has noticed
    await poll.respond("6")
    await _still_polls(peer, session)
