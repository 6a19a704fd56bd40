"""A server, our client and one that does what the reference's does, whose connections break all the time.

Whoever sends knows who is to get it: who is in the rooms, or was when it was lost. At quiet moments each client must
have got just that, in order, since its socket began.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from socketio_core.engineio.actions import Upgrade
from socketio_core.engineio.carriers import WebSocket
from socketio_core.settings import ClientSettings, EngineClientSettings, EngineSettings, RecoverySettings
from socketio_core.socketio import ConnectRequested, Left, Member, MemberState, Selection, ServerCore
from socketio_core.socketio.client import ClientCore, Connected, EventReceived
from socketio_core.testing import FakeClock, Network, WireClient

ROOMS: Final = ("a", "b")
WINDOW_S: Final = 60.0


class Reference:
    """What npm's client keeps for recovery, and when; over a WebSocket that it reads when it is told to.

    Attributes:
        got: what it received since its socket began.
    """

    def __init__(self, server: ServerCore, clock: FakeClock) -> None:
        self._server = server
        self._clock = clock
        self._carrier: WebSocket | None = None
        self._pid: str | None = None
        self._offset: str | None = None
        self._early: list[list[Any]] = []
        self.sid = ""
        self.recovered: list[bool] = []
        self.got: list[int] = []

    @property
    def claim(self) -> tuple[str | None, str | None]:
        return self._pid, self._offset

    def move(self, server: ServerCore) -> None:
        """Connect to another server next time."""
        self._server = server

    def pretend(self, other: Reference) -> None:
        """Claim what another client has."""
        self.remember(*other.claim)

    def remember(self, pid: str | None, offset: str | None) -> None:
        """Claim something."""
        self._pid, self._offset = pid, offset

    def frames(self) -> list[str]:
        """Return what there is to read, and do not take note of it."""
        assert self._carrier is not None
        return [str(frame) for message in self._carrier.take() for frame in message.frames]

    def connect(self) -> None:
        request = WireClient(self._server, self._clock).make_request(upgrade=True)
        action = self._server.handle_request(request, self._clock.now, self)
        assert isinstance(action, Upgrade)
        self._carrier = action.websocket
        auth = {"pid": self._pid, "offset": self._offset} if self._pid is not None else {}
        self._say("40" + json.dumps({key: value for key, value in auth.items() if value is not None}))

    @property
    def is_up(self) -> bool:
        return self._carrier is not None

    def read(self, share: float = 1.0) -> int:
        """Read what there is, or a part of it, if the rest will be lost. Returns how many frames there were."""
        assert self._carrier is not None
        frames = [frame for message in self._carrier.take() for frame in message.frames]
        for frame in frames[: round(share * len(frames))]:
            assert isinstance(frame, str)
            self._hear(frame)
        return len(frames)

    def cut(self, *, server_knows: bool) -> None:
        carrier, self._carrier = self._carrier, None
        self.sid = ""
        self._early.clear()
        if server_knows and carrier is not None:
            self._server.lost(carrier, self._clock.now)

    def _say(self, frame: str) -> None:
        assert self._carrier is not None
        self._server.receive(self._carrier, frame, self._clock.now)

    def _hear(self, frame: str) -> None:
        if frame == "2":
            self._say("3")
        elif frame.startswith("40"):
            answer = json.loads(frame[2:])
            self.recovered.append(self._pid is not None and answer.get("pid") == self._pid)
            self.sid, self._pid = answer["sid"], answer.get("pid")
            if not self.recovered[-1]:
                self.got = []
            early, self._early = self._early, []
            for data in early:
                self._take(data)
        elif frame.startswith("42["):
            data = json.loads(frame[2:])
            self._take(data) if self.sid else self._early.append(data)
        else:
            assert frame.startswith("0{") or frame[2:3].isdigit(), (
                frame
            )  # a question, whose last argument is a function

    def _take(self, data: list[Any]) -> None:
        if data[0] == "n":
            self.got.append(data[1])
        if isinstance(data[-1], str):
            self._offset = data[-1]


class RecoveryWorld:
    """All of it.

    Attributes:
        wanted: what each socket is to get.
        early: how often a client that was not lost for long had to begin anew, for the log did not go back far enough.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.clock = FakeClock()
        self.server = ServerCore(EngineSettings(path="/socket.io/"), recovery=RecoverySettings(window_s=WINDOW_S))
        assert self.server.recovery is not None
        self.recovery = self.server.recovery
        self.ours = ClientCore(
            EngineClientSettings(
                path="/socket.io/", transports=random.choice([["websocket"], ["polling", "websocket"]])
            ),
            ClientSettings(),
            random=random.random,
        )
        self.network = Network(self.server, self.clock, random.randrange)
        self.network.attach(self.ours)
        self.ours.of("/").connect(self.clock.now)
        self.ours_got: list[int] = []  # since its socket began
        self.ours_recovered: list[bool] = []
        self.theirs = Reference(self.server, self.clock)
        self.theirs.connect()
        self.members: dict[str, Member] = {}  # by sid, the newest
        self.rooms: dict[str, set[str]] = {}
        self.wanted: dict[str, list[int]] = {}
        self.lost_at: dict[str, float] = {}
        self.early = 0
        self._number = 0
        self._undecided: list[tuple[float, Member]] = []

    # -- the application ---------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Let the application and our client take what has happened."""
        for event in self.server.take_events():
            if isinstance(event, ConnectRequested):
                self._decide(event)
            elif isinstance(event, Left) and event.member.was_accepted:
                self.lost_at[event.member.sid] = self.clock.now
        due = [member for at, member in self._undecided if at <= self.clock.now]
        self._undecided = [each for each in self._undecided if each[0] > self.clock.now]
        for member in due:
            self._accept(member)
        for news in self.ours.take_events():
            if isinstance(news, Connected):
                self.ours_recovered.append(news.recovered)
                if not news.recovered:
                    self.ours_got = []
            elif isinstance(news, EventReceived) and news.name == "n":
                self.ours_got.append(news.args[0])

    def _decide(self, event: ConnectRequested) -> None:
        member = event.member
        if event.claim is not None:
            session = self.server.take_session("/", event.claim, self.clock.now)
            if session is not None:
                assert member.restore(session)
        if member.is_recovered:
            assert member.rooms == self.rooms[member.sid]
        else:
            self.rooms[member.sid] = set()
            self.wanted[member.sid] = []
        self.members[member.sid] = member
        if self.random.random() < 0.3:
            self._undecided.append((self.clock.now + self.random.uniform(0, 3), member))
        else:
            self._accept(member)

    def _accept(self, member: Member) -> None:
        if member.accept(self.clock.now):
            self.lost_at.pop(member.sid, None)

    def act(self) -> None:
        """Send something to somebody, or change who is where."""
        choice = self.random.random()
        if not self.members:
            return
        if choice < 0.35:
            self._send_to_one(self.random.choice(list(self.members.values())))
        elif choice < 0.7:
            self._broadcast()
        elif choice < 0.8:
            self.server.broadcast("/", "v", ["text"][: self.random.randrange(2)], Selection(volatile=True))
        elif choice < 0.9:
            for member in self.server.hub.of("/").members.values():
                member.emit_with_ack("question", ["text"], timeout_s=5, context=None, now=self.clock.now)
        else:
            self._move()

    def _send_to_one(self, member: Member) -> None:
        self._number += 1
        if member.emit("n", [self._number]):
            self.wanted[member.sid].append(self._number)

    def _broadcast(self) -> None:
        self._number += 1
        some = frozenset(self.random.sample(ROOMS, self.random.randrange(1, 3)))
        rooms = self.random.choice([None, some])
        left_out = self.random.choice([frozenset[str](), frozenset(ROOMS[:1]), frozenset([self._anybody])])
        self.server.broadcast("/", "n", [self._number], Selection(rooms, left_out))
        for sid, member in self.members.items():
            mine = {sid, *self.rooms[sid]}
            was_in = member.was_accepted or member.is_recovered
            if was_in and (rooms is None or mine & rooms) and not mine & left_out:
                self.wanted[sid].append(self._number)

    @property
    def _anybody(self) -> str:
        return self.random.choice(list(self.members))

    def _move(self) -> None:
        for sid, member in self.members.items():
            if member.state is MemberState.PENDING:  # it is as if it had never been in a room that it leaves
                continue
            room = self.random.choice(ROOMS)
            if room in self.rooms[sid]:
                member.leave(room)
                self.rooms[sid].remove(room)
            else:
                member.join(room)
                self.rooms[sid].add(room)

    # -- what happens to it ------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Break a connection, with some of what is under way."""
        knows = self.random.random() < 0.5
        if self.random.random() < 0.5:
            for _ in range(self.random.randrange(10)):
                self.network.step()
            self.network.cut(server_knows=knows)
        elif self.theirs.is_up:
            self.theirs.read(self.random.random())
            self.theirs.cut(server_knows=knows)

    def come_back(self) -> None:
        """Let the reference's client come back, if it is away; ours does by itself."""
        if not self.theirs.is_up:
            self._come_back()

    def _come_back(self) -> None:
        member = next((each for each in self.members.values() if _pid_of(each) == self.theirs.claim[0]), None)
        self.theirs.connect()
        self.wait(5)
        if member is None:
            return
        gone_for = self.clock.now - 5 - self.lost_at.get(member.sid, self.clock.now)
        recovered = self.theirs.recovered[-1]
        assert not recovered or gone_for < WINDOW_S
        if not recovered and gone_for < WINDOW_S:
            self.early += 1

    def wait(self, seconds: float) -> None:
        """Let time pass, everything arriving in between."""
        until = self.clock.now + seconds
        while True:
            self.settle()
            if self.clock.now >= until:
                return
            self.network.advance(min(5.0, until - self.clock.now))

    def settle(self) -> None:
        """Let everything arrive that is under way, and what it causes."""
        is_busy = True
        while is_busy:
            self.network.run()
            self.collect()
            is_busy = self.theirs.is_up and self.theirs.read() > 0
            self.collect()

    def check(self) -> None:
        """What must hold when nothing is under way, and both are there."""
        self.settle()
        for sid, got in ((self.theirs.sid, self.theirs.got), (self.ours.of("/").sid, self.ours_got)):
            if sid:
                assert got == self.wanted[sid], (sid, sid == self.theirs.sid, got[-20:], self.wanted[sid][-20:])
        now_there = {self.theirs.sid, self.ours.of("/").sid}
        for sid in [sid for sid in self.members if sid not in now_there and sid not in self.server.hub.of("/").members]:
            if self.clock.now - self.lost_at.get(sid, self.clock.now) > 2 * WINDOW_S:  # it will not come back
                for table in (self.members, self.rooms, self.wanted, self.lost_at):
                    table.pop(sid, None)


def _pid_of(member: Member) -> str | None:
    return None if member.recoverable is None else member.recoverable.pid
