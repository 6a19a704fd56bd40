"""An engine and three clients, honest and hostile by turns, and what must hold whatever they do.

* Nothing raises;
* accepted messages arrive once and in order, or their session closes (what arrived has no doubles then, in order);
* of what a client sent, a prefix is delivered, and all of it if the POST was answered with `ok`;
* `buffered_bytes`, timers and deadlines agree with what there is; a session closes once, and is silent after that;
* what a session holds is what it is charged with (`held_bytes`), at least;
* in the end, nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from socketio_core.app.budget import held_bytes
from socketio_core.engineio import Closed, Session, SessionState, WireMessage
from socketio_core.engineio.packet import Frame, Payload, decode_frame
from socketio_core.engineio.payload import encode_payload
from socketio_core.engineio.states import CarrierState
from socketio_core.errors import PacketError
from socketio_core.testing import WireClient, WirePoll, WirePost, WireSocket
from tests.engineio.scene import Scene
from tests.holdings import held_by

GOOD_FRAMES: list[Frame] = ["4", "4a", "4€", "42", "3", "6", b"", b"\x00\xff", "bAP8="]
BAD_FRAMES: list[Frame] = ["0", "1", "2", "2probe", "3probe", "5", "", "9", "b!", "4" + "x" * 300, b"x" * 300]
QUERIES: list[dict[str, str | None]] = [
    {"sid": "unknown"},
    {"EIO": "3"},
    {"transport": "websocket"},
    {"transport": "polling"},
    {"transport": "x", "sid": None},
]
COMMON = [
    *["server sends", "server sends", "time passes", "poll", "poll", "poll and hold", "arrive", "arrive", "lose"],
    *["go up", "go up", "go up", "send"],
]
RARE = [
    *["abandon the upgrade", "send anything", "post anything", "begin a post", "feed a post", "finish a post"],
    *["break off a post", "overlap", "send on any socket", "stop reading", "read on", "lose the websocket"],
    *["break the websocket", "get anything", "post to anything", "upgrade anything", "wake late", "pause", "resume"],
    *["close", "discard", "close now"],
]

CHARGED_EACH = 8  # of so many steps: to look takes longer than they do


def messages_in(frames: Sequence[Frame]) -> list[Payload]:
    """Return what the messages among some frames carry, up to the first that is no packet."""
    found: list[Payload] = []
    for frame in frames:
        try:
            kind, data = decode_frame(frame)
        except PacketError:
            break
        if kind == "4":
            found.append(data)
    return found


def is_in_order(part: list[Payload], whole: list[Payload]) -> bool:
    """Whether `part` is `whole` with some elements left out."""
    rest = iter(whole)
    return all(any(element == other for other in rest) for element in part)


class Person:
    """A client, what it did, and what became of it."""

    def __init__(self, client: WireClient, session: Session) -> None:
        self.client = client
        self.session = session
        self.sent: list[Payload] = []  # by the server, and accepted by the session
        self.received: list[Payload] = []  # of these
        self.delivered: list[Payload] = []  # to the server's application
        self.polls: list[WirePoll] = []
        self.posts: list[WirePost] = []
        self.sockets: list[WireSocket] = [] if client.websocket is None else [client.websocket]
        self.closings = 0

    @property
    def has_held_answer(self) -> bool:
        """Whether a response is under way to the client; one that behaves waits for it."""
        return any(poll.response is not None for poll in self.polls)

    def read(self) -> None:
        """Take what arrived."""
        self.received += self.client.take_messages()
        for socket in self.sockets:
            self.received += messages_in(socket.take())
        self.polls = [poll for poll in self.polls if not poll.is_done]
        if self.session.is_open:  # as the client itself knows, but for the hostile things that it did
            on_websocket = [socket for socket in self.sockets if socket.carrier.state is CarrierState.WEBSOCKET]
            self.client.websocket = on_websocket[0] if on_websocket else None

    def perform(
        self, method: str, *, upgrade: bool = False, hold: bool = False, query: dict[str, str | None] | None = None
    ) -> None:
        """Make a request and keep what came of it."""
        end = self.client.perform(self.client.make_request(method, upgrade=upgrade, query=query), hold=hold)
        if isinstance(end, WirePoll):
            self.polls.append(end)
        elif isinstance(end, WirePost):
            self.posts.append(end)
        elif isinstance(end, WireSocket):
            self.sockets.append(end)


class World:
    """All of it. Let things happen with `step`, then `check`, and at last `finish`.

    Args:
        limit: `max_packets_per_poll`.
        messages: `max_buffered_messages`.
        grace: `poll_grace_s`.
    """

    def __init__(self, limit: int | None, messages: int, grace: float) -> None:
        self.scene = Scene(
            max_packets_per_poll=limit,
            max_buffered_messages=messages,
            poll_grace_s=grace,
            max_payload_bytes=200,
            max_packets_per_payload=5,
        )
        self.people = [self.come(who) for who in range(3)]
        self.gone: list[Person] = []
        self.number = 0
        self.steps = 0

    def person(self, who: int) -> Person:
        """Return one of the clients; a new one, if the one asked for is gone."""
        if self.people[who].session.state is SessionState.CLOSED:
            self.gone.append(self.people[who])
            self.people[who] = self.come(who)
        return self.people[who]

    def come(self, who: int) -> Person:
        """Let a client open a session: the last one begins on a WebSocket, the others on polling."""
        client = self.scene.stranger().open("websocket" if who == 2 else "polling")
        return Person(client, self.scene.session(client))

    def collect(self) -> None:
        """Give the engine's events to whom they concern."""
        for session, event in self.scene.engine.take_events():
            for person in [*self.people, *self.gone]:
                if person.session is session:
                    assert person.closings == 0, event
                    if isinstance(event, (str, bytes)):
                        person.delivered.append(event)
                    elif isinstance(event, Closed):
                        person.closings += 1

    def step(self, what: str, who: int, number: int, frames: list[Frame]) -> None:
        """Let one of `COMMON` or `RARE` happen to one of the clients, from 0 to 2, with a number from 1 to 5."""
        self.steps += 1
        person = self.person(who)
        if what == "time passes":
            self.scene.wait([0.25, 1.0, 1.5, 4.0, 15.0][number - 1])
        elif what == "wake late":
            self.scene.clock.advance(number * 5.0)
            self.scene.engine.handle_timeout(self.scene.now)
        elif what.startswith(("server", "pause", "resume", "close", "discard")):
            self.server_acts(person, what, number)
        elif what in COMMON:
            self.client_behaves(person, what, [frame for frame in frames if frame in GOOD_FRAMES])
        elif not person.has_held_answer:  # behind it, nobody can say what order is
            self.client_misbehaves(person, what, number, frames)

    def server_acts(self, person: Person, what: str, number: int) -> None:
        session, now = person.session, self.scene.now
        if what == "server sends":  # a text, and bytes behind it; no two are equal
            for size in range(1, number // 2 + 2):
                self.number += 1
                binary = [f"{self.number}.{part}".encode() for part in range(1, size)]
                if session.put(WireMessage((f"4{self.number}", *binary))):
                    person.sent += [f"{self.number}", *binary]
        elif what == "pause":
            session.pause_reading(now)
        elif what == "resume":
            session.resume_reading(now)
        elif what == "discard":
            session.abort(now)
        else:
            session.close(now, wait=what == "close")

    def client_behaves(self, person: Person, what: str, frames: list[Frame]) -> None:
        on_polling = person.client.websocket is None
        if what == "send" and frames:
            self.send(person, frames)
        elif what in ("arrive", "lose"):
            for poll in person.polls:
                (poll.arrive if what == "arrive" else poll.drop)()
                if what == "arrive" and poll.is_done and len(person.sent) % 2:  # a host may say so, or not
                    self.scene.engine.poll_delivered(poll.carrier, self.scene.now)
        elif what in ("poll", "poll and hold") and on_polling and not person.polls:
            person.perform("GET", hold=what == "poll and hold")
        elif what == "go up" and on_polling and not person.has_held_answer:
            candidate = person.sockets[-1] if person.sockets else None
            if candidate is None or not candidate.is_open:
                person.perform("GET", upgrade=True)
            elif candidate.carrier.state is CarrierState.PROBED:
                person.client.finish_upgrade(candidate)
            else:
                candidate.send("2probe")

    def client_misbehaves(self, person: Person, what: str, number: int, frames: list[Frame]) -> None:
        socket, sockets, posts = person.client.websocket, person.sockets, person.posts
        body = encode_payload(frames)[number:]
        if what == "send anything":
            self.send(person, frames)
        elif what == "post anything":
            assert person.client.post_body(body).status in (200, 400, 413)
        elif what == "begin a post":
            person.perform("POST")
        elif what == "overlap":
            person.perform("GET")
        elif what.endswith("a post") and posts:
            if what == "feed a post":
                posts[-1].feed(body)
            elif what == "finish a post":
                assert posts[-1].finish().status in (200, 400, 413)
            else:
                posts[-1].drop()
        elif what in ("stop reading", "read on"):
            for each in sockets:
                each.is_reading = what == "read on"
        elif what == "send on any socket" and sockets:
            sockets[number % len(sockets)].send(*frames)
        elif what == "abandon the upgrade" and sockets and socket is None:
            sockets[-1].drop()
        elif what == "lose the websocket" and socket is not None:
            socket.drop()
        elif what == "break the websocket" and socket is not None:
            self.scene.engine.fail(socket.carrier, "a rule was broken", 1002, self.scene.now)
        elif what.endswith("anything"):
            method = "POST" if what.startswith("post") else "GET"
            person.perform(method, upgrade=what.startswith("upgrade"), query=QUERIES[number - 1])

    def send(self, person: Person, frames: list[Frame]) -> None:
        """Let a client send, and check what of it is delivered."""
        self.collect()
        before, socket = len(person.delivered), person.client.websocket
        if socket is not None:
            socket.send(*frames)
            status, expected = 0, messages_in(frames)
        else:
            status = person.client.post(*frames).status
            expected = messages_in(encode_payload(frames).decode().split("\x1e"))
        self.collect()
        new = person.delivered[before:]
        assert new == expected[: len(new)]
        if status == 200 and person.session.is_open:
            assert new == expected

    # -- what holds ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Assert what holds after every step."""
        self.collect()
        self.scene.check()
        for person in [*self.people, *self.gone]:
            person.read()
            if self.steps % CHARGED_EACH == 0:
                assert held_by(person.session) <= held_bytes(person.session)
            assert person.closings == (1 if person.session.state is SessionState.CLOSED else 0)
            if person.session.is_open:
                assert person.received == person.sent[: len(person.received)]
            else:
                assert is_in_order(person.received, person.sent)

    def finish(self) -> None:
        """Let everything arrive, close the engine, and assert that nothing is left."""
        for person in self.people:
            self.drain(person)
        self.scene.engine.close(self.scene.now)
        self.check()
        assert all(person.closings == 1 for person in [*self.people, *self.gone])
        self.scene.check_empty()

    def drain(self, person: Person) -> None:
        """Let everything arrive that is under way: all of it, if the session is open."""
        for socket in person.sockets:
            socket.is_reading = True
        for poll in person.polls:
            poll.arrive()
        person.read()
        while person.session.is_open and person.session.buffered_bytes:
            assert person.client.websocket is None
            person.perform("GET")
            person.read()
        if person.session.is_open:
            assert person.received == person.sent
