"""From polling to WebSocket: nothing lost, nothing twice, and whatever goes wrong leaves the session where it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import trio

from conformance.case import Failure, case, expect, require
from conformance.client.http import PATIENCE_S
from conformance.client.peer import ENGINE_IO, MAX_PAYLOAD, Peer, target
from conformance.client.session import Packet, Polling, WebSocketSession, packets_of
from conformance.client.websocket import BINARY, TEXT, WebSocket, frame

UPGRADE = "Engine.IO 4, Upgrade; PROTOCOL 1.8"


async def _works(session: Polling | WebSocketSession, text: str = "still here") -> None:
    """Check that a message comes back, and nothing before it but what finished a poll during a probe."""
    await session.send(f"4{text}")
    while (received := await session.receive()) == "6":
        pass
    expect(received, f"4{text}", "message")


async def _poll(session: Polling) -> list[Packet]:
    """Poll until something comes that is more than the release of a poll during a probe; answer pings."""
    with trio.move_on_after(PATIENCE_S):
        while True:
            packets = [packet for packet in await session.poll() if packet != "6"]
            if "2" in packets:
                packets.remove("2")
                await session.send("3")
            if packets:
                return packets
            await trio.sleep(0.02)
    raise Failure(f"no packet came by polling within {PATIENCE_S:g} s")


# -- the way it should go --------------------------------------------------------------------------------------------


@case("required", UPGRADE)
async def probe_is_answered(peer: Peer) -> None:
    """`2probe` on a WebSocket with the session's id is answered by `3probe` there, and nothing else comes."""
    session = await peer.polling()
    websocket = await session.probed()
    await websocket.silent(0.15)


@case("required", UPGRADE)
async def session_moves_to_the_websocket(peer: Peer) -> None:
    """After `5`, which is not answered, messages of either kind go both ways over the WebSocket."""
    session = await (await peer.polling()).upgrade()
    await session.silent(0.1)
    await session.send("4one", b"\x00two", "4three")
    received = [await session.receive() for _ in range(3)]
    expect(received, ["4one", b"\x00two", "4three"], "messages")


@case("required", UPGRADE)
async def messages_may_follow_at_once(peer: Peer) -> None:
    """Messages that come in one write with `5`, right behind it, are read in order."""
    session = await peer.polling()
    websocket = await session.probed()
    await websocket.send("5", "4one", b"two", "4three")
    expect([await websocket.receive() for _ in range(3)], ["4one", b"two", "4three"], "messages")


@case("required", UPGRADE, rows=[("before", True), ("after", False)])
async def probe_releases_polls(peer: Peer, is_first: bool) -> None:  # noqa: FBT001 - a row
    """A poll that is pending when the probe comes, or begins after it, is finished with `6`, and so is the next."""
    session = await peer.polling()
    poll = await session.begin_poll() if is_first else None
    if poll is not None:
        await poll.pending(0.05)
    websocket = await session.probed()
    for _ in range(2):
        poll = poll or await session.begin_poll()
        expect(packets_of(await poll.response(1.0)), ["6"], "packets in the poll")
        poll = None
    await websocket.send("5", "4moved")
    await websocket.expect("4moved")


@case("required", UPGRADE)
async def candidate_alone_changes_nothing(peer: Peer) -> None:
    """A WebSocket that is open but sends no probe releases no poll, and messages keep to polling."""
    session = await peer.polling()
    websocket = await session.candidate()
    poll = await session.begin_poll()
    await poll.pending(0.2)
    await session.send("4hello")
    expect(packets_of(await poll.response()), ["4hello"], "packets in the poll")
    await websocket.silent(0.05)


@case("required", UPGRADE)
async def messages_keep_to_polling_until_the_upgrade(peer: Peer) -> None:
    """Between the probe and `5`, what a POST brings is handled, and answers go into polls, not over the candidate."""
    session = await peer.polling()
    websocket = await session.probed()
    await session.send("4one", b"two")
    received: list[Packet] = []
    while len(received) < 2:
        received += await _poll(session)
    expect(received, ["4one", b"two"], "messages by polling")
    await websocket.silent(0.05)


@case("required", UPGRADE, rows=[("of_before_the_probe", False), ("of_during_the_probe", True)])
async def upgrade_takes_the_backlog_along(peer: Peer, is_probing: bool) -> None:  # noqa: FBT001 - a row
    """What no poll has fetched comes over the WebSocket after `5`, in order, before anything newer."""
    session = await peer.polling()
    websocket = await session.probed() if is_probing else None
    await session.send("4one", b"two")
    await session.send("4three")
    websocket = websocket or await session.probed()
    await websocket.send("5", "4four")
    received = [await websocket.receive() for _ in range(4)]
    expect(received, ["4one", b"two", "4three", "4four"], "messages over the WebSocket")
    await websocket.silent(0.05)


@case("required", UPGRADE)
async def messages_in_flight_are_neither_lost_nor_doubled(peer: Peer) -> None:
    """A hundred messages, half by POST and half by WebSocket, come back once each and in order, polls or not."""
    session = await peer.polling()
    sent: list[Packet] = [f"4{n}" if n % 3 else bytes([n]) for n in range(100)]
    received: list[Packet] = []
    is_paused = False

    async def poll() -> None:
        while not is_paused:
            received.extend(packet for packet in await session.poll() if packet not in ("6", "2"))
            await trio.sleep(0.005)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        for n in range(0, 20, 5):
            await session.send(*sent[n : n + 5])
        websocket = await session.probed()
        for n in range(20, 40, 5):
            await session.send(*sent[n : n + 5])
        is_paused = True  # like a client's: the poll that is pending must be finished by the server
    await session.send(*sent[40:50])
    await websocket.send("5", *sent[50:])
    upgraded = WebSocketSession(websocket, session.handshake)
    while len(received) < len(sent):
        received.append(await upgraded.receive())
    expect(received, sent, "messages")
    await upgraded.silent(0.05)


@case("reference", "PROTOCOL 9-10")
async def upgrade_without_a_probe_is_accepted(peer: Peer) -> None:
    """`5` as the first packet moves the session just as well."""
    session = await peer.polling()
    await session.send("4backlog")
    websocket = await session.candidate()
    await websocket.send("5", "4hello")
    await websocket.expect("4backlog")
    await websocket.expect("4hello")


@case("required", UPGRADE)
async def poll_pending_at_the_upgrade_is_finished(peer: Peer) -> None:
    """A poll that is still pending when `5` comes is answered, and the session lives on the WebSocket."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    websocket = await session.candidate()
    await websocket.send("2probe", "5", "4hello")
    packets = packets_of(await poll.response(1.0))
    require(packets in (["6"], ["1"]), "odd packets in the pending poll", packets)
    await websocket.expect("3probe")
    await websocket.expect("4hello")


@case("better", "PROTOCOL 9-13")
async def poll_pending_at_the_upgrade_gets_no_close(peer: Peer) -> None:
    """A poll that is pending when `5` comes gets `6`; Node's `1` says that the session ended, which it did not."""
    session = await peer.polling()
    poll = await session.begin_poll()
    await poll.pending(0.05)
    websocket = await session.candidate()
    await websocket.send("5")
    expect(packets_of(await poll.response(1.0)), ["6"], "packets in the pending poll")


# -- what goes wrong -------------------------------------------------------------------------------------------------


async def _silence(_: WebSocket) -> None:
    """Do nothing until the upgrade's time is over."""


async def _drop(websocket: WebSocket) -> None:
    await websocket.abort()


async def _close(websocket: WebSocket) -> None:
    await websocket.close()
    await websocket.expect_close()
    await websocket.abort()


FAILURES: list[tuple[str, bytes | Callable[[WebSocket], Awaitable[None]]]] = [
    ("message", frame(TEXT, b"4hello")),
    ("binary_message", frame(BINARY, b"hello")),
    ("no_packet", frame(TEXT, b"zz")),
    ("ping_that_is_no_probe", frame(TEXT, b"2other")),
    ("close_packet", frame(TEXT, b"1")),
    ("oversize", frame(BINARY, bytes(MAX_PAYLOAD + 1))),
    ("invalid_frame", frame(TEXT, b"2probe", rsv=4)),
    ("close_frame", _close),
    ("drop", _drop),
    ("silence", _silence),
]


@case(
    "required",
    "Engine.IO 4, Upgrade; PROTOCOL 1.8",
    rows=[(f"{label},{when}_probe", what, when == "after") for label, what in FAILURES for when in ("before", "after")],
    waits=True,
)
async def failure_leaves_the_session_on_polling(
    peer: Peer,
    what: bytes | Callable[[WebSocket], Awaitable[None]],
    is_probed: bool,  # noqa: FBT001 - a row
) -> None:
    """A candidate that fails is closed; the session stays on polling as it was, and may try again."""
    session = await peer.polling()
    due = trio.current_time() + peer.times.upgrade_timeout_s
    websocket = await (session.probed() if is_probed else session.candidate())
    async with trio.open_nursery() as nursery:
        if what is _silence:
            nursery.start_soon(_keep, session)
        if isinstance(what, bytes):
            await websocket.send_raw(what)
        else:
            await what(websocket)
        if what is not _drop:
            await websocket.expect_close(patience_s=peer.times.upgrade_timeout_s + PATIENCE_S)
        require(what is not _silence or trio.current_time() > due - 0.02, "candidate was closed before its time")
        nursery.cancel_scope.cancel()
    await _works(session)
    await session.silent(0.1)
    upgraded = await session.upgrade()
    await _works(upgraded, "second attempt")


async def _keep(session: Polling) -> None:
    """Keep a session during a probe, which finishes its polls at once."""
    while True:
        expect(await session.receive(60.0), "6", "packet during a probe")  # the case has a deadline
        await trio.sleep(0.02)


@case("required", UPGRADE, rows=[("before_its_probe", False), ("after_its_probe", True)])
async def second_candidate_is_turned_away(peer: Peer, is_probed: bool) -> None:  # noqa: FBT001 - a row
    """While one WebSocket is a candidate another is refused or closed, and the first goes on."""
    session = await peer.polling()
    first = await session.candidate()
    if is_probed:
        await first.send("2probe")
        await first.expect("3probe")
    await peer.turned_away(session.target("websocket"))
    if not is_probed:
        await first.send("2probe")
        await first.expect("3probe")
    await first.send("5", "4moved")
    await first.expect("4moved")


@case("required", UPGRADE)
async def upgraded_session_takes_no_other_websocket(peer: Peer) -> None:
    """A WebSocket for a session that has moved already is refused or closed, and the session lives on."""
    polling = await peer.polling()
    session = await polling.upgrade()
    await peer.turned_away(polling.target("websocket"))
    await _works(session)


@case("reference", UPGRADE)
async def other_websocket_is_opened_and_closed(peer: Peer) -> None:
    """It is no refused handshake, for which the published suite has no handler."""
    polling = await peer.polling()
    session = await polling.upgrade()
    other = await peer.websocket(polling.target("websocket"))
    await other.expect_close()
    await _works(session)


@case("better", "Engine.IO 4, Upgrade; PROTOCOL 9-3")
async def websocket_session_takes_no_other_websocket(peer: Peer) -> None:
    """A session that began on WebSocket cannot be taken over by another, as Node allows."""
    session = await peer.websocket_session()
    await peer.turned_away(Polling(peer, ENGINE_IO, session.handshake).target("websocket"))
    await _works(session)


@case(
    "reference",
    "PROTOCOL 1.4 and 9-24",
    over=("websocket", "upgrade"),
    rows=[("GET", "GET"), ("POST", "POST")],
)
async def polling_request_to_a_websocket_is_refused(peer: Peer, transport: str, method: str) -> None:
    """A poll or POST for a session on WebSocket gets 400 with code 3, does nothing, and the session lives on."""
    session = await peer.session(transport)
    await session.send("4there")  # its echo shows that the server has seen the upgrade
    expect(await session.receive(), "4there", "message")
    where = Polling(peer, ENGINE_IO, session.handshake).target()
    response = await peer.request(method, where, body="4stray" if method == "POST" else None)
    expect(response.status, 400, "status")
    expect(response.json, {"code": 3, "message": "Bad request"}, "body")
    await session.send("4still here")
    expect(await session.receive(), "4still here", "message")


@case("required", "PROTOCOL 1.4")
async def upgrade_of_an_unknown_session_is_refused(peer: Peer) -> None:
    """A WebSocket with a session id that nobody has is refused before it opens."""
    response = await peer.refused_websocket(target(transport="websocket", sid="nobody-has-this-id"))
    expect(response.status, 400, "status")


@case("reference", "PROTOCOL 9-5 and 10", rows=[("missing", None), ("3", "3")])
async def upgrade_by_another_revision_is_refused(peer: Peer, revision: str | None) -> None:
    """A WebSocket whose `EIO` is not the session's gets status 400, and the session is unharmed."""
    session = await peer.polling()
    fields = {"transport": "websocket", "sid": session.sid, **({"EIO": revision} if revision else {})}
    response = await peer.refused_websocket(f"{ENGINE_IO}?{urlencode(fields)}")
    expect(response.status, 400, "status")
    await _works(session)
    await _works(await session.upgrade(), "moved")


# -- an end in the middle --------------------------------------------------------------------------------------------


@case("required", "PROTOCOL 1.8 and 1.10")
async def client_closes_during_a_probe(peer: Peer) -> None:
    """The packet `1` in a POST ends the session during a probe too, and closes the candidate."""
    session = await peer.polling()
    websocket = await session.probed()
    await session.send("1")
    await session.left()
    await websocket.expect_close()


@case("required", "PROTOCOL 1.8 and 1.10", rows=[("before_the_probe", False), ("after_the_probe", True)])
async def server_closes_during_an_upgrade(peer: Peer, is_probed: bool) -> None:  # noqa: FBT001 - a row
    """The end of a session is told by polling, what was said before it too, and the candidate is closed."""
    session = await peer.polling()
    websocket = await (session.probed() if is_probed else session.candidate())
    await session.send("4last words", "4close me")
    received: list[Packet] = []
    while "1" not in received:
        received += await _poll(session)
    expect(received, ["4last words", "1"], "packets by polling")
    await websocket.expect_close()
    await session.gone()


@case("required", "PROTOCOL 1.8")
async def server_closes_behind_the_upgrade(peer: Peer) -> None:
    """A message right behind `5` that makes the server close ends the WebSocket, its answers before the end."""
    session = await peer.polling()
    websocket = await session.probed()
    await session.send("4backlog")
    await websocket.send("5", "4last words", "4close me")
    await websocket.expect("4backlog")
    await websocket.expect("4last words")
    await websocket.expect_close()
    await peer.forgotten(session.sid)
