"""Who answers for the members of a namespace: this process alone, or several that know of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from socketio_core.app.acks import AcksWaiter, Answers, ack_args
from socketio_core.app.failures import failure_of, has_failed
from socketio_core.app.handlers import run
from socketio_core.app.remote_socket import RemoteSocket
from socketio_core.app.runtime import Runtime
from socketio_core.app.socket_inbox import inbox_of
from socketio_core.errors import BufferFull, InvalidEvent, LocalProtocolError
from socketio_core.socketio.collection import AckCollection
from socketio_core.socketio.events import Claim
from socketio_core.socketio.hub import NamespaceWatcher, RoomWatcher
from socketio_core.socketio.json_parser import JsonParser
from socketio_core.socketio.member import Member
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.recoverable import RecoverableSession
from socketio_core.socketio.recovery import Recovery
from socketio_core.socketio.selection import Selection

if TYPE_CHECKING:
    from socketio_core.app.dispatcher import Dispatcher
    from socketio_core.app.flow import Flow
    from socketio_core.app.socket import Socket


class Asked(Protocol):
    """A broadcast that is to be acknowledged, and was sent."""

    async def answers(self) -> Answers:
        """Wait for an ack from each recipient, `timeout_s` of its selection at the most."""
        ...

    def forget(self) -> None:
        """Wait no longer; called in any case, at the end."""


class Adapter(Protocol):
    """What operators ask; application code cannot tell which one it is.

    One of several processes does here what it is asked first, by its `LocalAdapter`, and tells the others then: nothing
    that a process can do alone waits for another. With `selection.local` it tells nobody. The server has looked at the
    arguments, the thread and a pending cancellation; what is not JSON the `LocalAdapter` refuses, with nothing sent.
    """

    def broadcast(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> int:
        """Send an event; never waits. Returns how many outgoing buffers of this process took it.

        Raises:
            LocalProtocolError: see `ServerCore.broadcast`.
        """
        ...

    def ask(self, nsp: str, name: str, args: Sequence[JSONValue], selection: Selection) -> Asked:
        """Send an event that each recipient is to acknowledge; never waits.

        Raises:
            LocalProtocolError: see `ServerCore.broadcast`, or a recipient is asked too much already.
        """
        ...

    async def sockets(self, nsp: str, selection: Selection) -> Sequence[Socket | RemoteSocket]:
        """Return those who are chosen."""
        ...

    async def rooms(self, nsp: str) -> set[str]:
        """Return the rooms that somebody is in, those named by the id of a socket among them."""
        ...

    def join(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """Make those who are chosen join rooms; never waits."""

    def leave(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """Make those who are chosen leave rooms; never waits."""

    def disconnect(self, nsp: str, selection: Selection, *, close: bool) -> None:
        """Disconnect those who are chosen, see `Socket.disconnect`; never waits."""

    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        """Return what a client was before it was lost, for its new connection; `None` if nobody knows it (any more).

        Asked only where clients may come back, and before any middleware. The client waits meanwhile.
        """
        ...

    def server_side_emit(self, nsp: str, name: str, args: Sequence[JSONValue]) -> None:
        """Send an event to the other servers, which give it to their `LocalAdapter.hear`; never waits."""

    async def server_side_emit_with_ack(
        self, nsp: str, name: str, args: Sequence[JSONValue], timeout_s: float | None
    ) -> Answers:
        """Send an event to the other servers, and wait for an answer of each; see `Answers`."""
        ...

    async def open(self, *, may_fail: bool) -> None:
        """Begin: the server has a runtime now, which may `keep` lines. Called before a client can come.

        Args:
            may_fail: somebody is there to be told that others cannot be found, by an exception.
        """
        ...

    def close(self) -> None:
        """End: no handler runs any more. What was said is to be handed over, and lines are to be over, soon."""

    def statistics(self) -> Mapping[str, Any] | None:
        """Return figures about the others; `None` where there are none."""
        ...


class LocalAdapter:
    """The adapter of a process that is alone, and the part of every other that does what is asked here.

    A namespace that is not there has nobody in it.
    """

    __slots__ = ("_app",)

    def __init__(self, app: Dispatcher) -> None:
        self._app = app

    @property
    def runtime(self) -> Runtime:
        """The event loop's part; another one once the server is served."""
        return self._app.runtime

    @property
    def recovery(self) -> Recovery | None:
        """What is kept for clients that may come back, if they may."""
        return self._app.core.recovery

    def look(self) -> None:
        """Have done what follows from a change in what is kept for clients."""
        self._app.runtime.output_ready()
        self._app.dispatch_soon()

    def broadcast(
        self,
        nsp: str,
        name: str,
        args: Sequence[JSONValue],
        selection: Selection,
        offset: str | None = None,
    ) -> int:
        """See `Adapter`.

        Args:
            offset: where it is in a log that servers share, if another of them has emitted it; see `Sender.hear`.
        """
        app = self._app
        app.runtime.output_ready()  # first, for it checks the thread
        takers = self._takers(nsp) if app.outgoing.is_heard else None
        if offset is None or app.core.recovery is None:
            count = app.core.broadcast(nsp, name, args, selection, takers)
        else:
            count = app.core.recovery.sender.hear(nsp, [name, *args], selection, offset, takers)
        app.room.rounds.told += count
        if takers:
            app.outgoing.tell_all(map(inbox_of, takers), name, args)
        if app.audience.broadcast_sent:
            app.audience.tell(app.audience.broadcast_sent, nsp, name, args, count)
        return count

    def ask(
        self,
        nsp: str,
        name: str,
        args: Sequence[JSONValue],
        selection: Selection,
        each: Callable[[list[JSONValue]], None] | None = None,
    ) -> LocalAsked:
        """See `Adapter`.

        Args:
            each: is told of each answer as it comes; see `AckCollection`.
        """
        app = self._app
        app.runtime.output_ready()
        waiter = AcksWaiter(_nothing)
        collection = app.core.broadcast_with_acks(nsp, name, args, selection, context=waiter, now=app.runtime.now())
        if collection is None:
            return LocalAsked(0)
        collection.each = each
        app.room.rounds.told += len(collection.members)
        if app.audience.broadcast_sent:
            app.audience.tell(app.audience.broadcast_sent, nsp, name, args, len(collection.members))
        if app.outgoing.is_heard and self._takers(nsp) is not None:
            app.outgoing.tell_all(map(inbox_of, collection.members), name, args)
        return _ClientsAsked(app, waiter, collection)

    def may_emit_deeper(self, depth: int) -> bool:
        """Whether clients may be sent what is nested deeper than so."""
        parser = self._app.core.parser
        return not isinstance(parser, JsonParser) or parser.max_depth > depth

    async def sockets(self, nsp: str, selection: Selection) -> list[Socket]:
        """See `Adapter`."""
        return self.chosen(nsp, selection)

    async def rooms(self, nsp: str) -> set[str]:
        """See `Adapter`."""
        return self.room_names(nsp)

    def room_names(self, nsp: str) -> set[str]:
        """Return the rooms that somebody of this process is in, those named by the id of a socket among them."""
        namespace = self._app.core.hub.namespaces.get(nsp)
        return set() if namespace is None else {*namespace.room_names, *namespace.members}

    def join(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """See `Adapter`."""
        for socket in self.chosen(nsp, selection):
            self._join(rooms, socket.join)
        for session in self._away(nsp, selection):
            self._join(rooms, partial(_join_each, session))

    def _join(self, rooms: frozenset[str], join: Callable[[frozenset[str]], object]) -> None:
        """Have somebody join rooms; who is in too many has the others join all the same."""
        try:
            join(rooms)
        except LocalProtocolError as error:
            self._app.audience.report("a socket could not join more rooms", error)

    def leave(self, nsp: str, selection: Selection, rooms: frozenset[str]) -> None:
        """See `Adapter`."""
        for socket in self.chosen(nsp, selection):
            socket.leave(rooms)
        for session in self._away(nsp, selection):
            for room in rooms:
                session.leave(room)

    def disconnect(self, nsp: str, selection: Selection, *, close: bool) -> None:
        """See `Adapter`."""
        app = self._app
        app.runtime.output_ready()
        for member in self._members(nsp, selection):
            member.disconnect(app.runtime.now(), close=close)
        for session in self._away(nsp, selection):
            session.disconnect(app.runtime.now(), close=close)
        app.dispatch_soon()  # handlers of "disconnect", and who waits for acks

    def _takers(self, nsp: str) -> list[Member] | None:
        """Return where to note who takes a broadcast; `None` where nobody wants to know."""
        core = self._app.core.hub.namespaces.get(nsp)
        if core is None or not self._app.outgoing.is_heard_in(nsp, self._app.handlers_in(core).outgoing):
            return None
        return []

    async def take_session(self, nsp: str, claim: Claim) -> RecoverableSession | None:
        """See `Adapter`."""
        self._app.runtime.output_ready()  # for somebody may have to leave
        session = self._app.core.take_session(nsp, claim, self._app.runtime.now())
        self._app.dispatch_soon()
        return session

    def server_side_emit(self, nsp: str, name: str, args: Sequence[JSONValue]) -> None:
        """See `Adapter`; there are no others."""

    async def server_side_emit_with_ack(
        self, nsp: str, name: str, args: Sequence[JSONValue], timeout_s: float | None
    ) -> Answers:
        """See `Adapter`; there are no others."""
        return Answers([])

    async def open(self, *, may_fail: bool) -> None:
        """See `Adapter`; there is nobody to find."""

    def close(self) -> None:
        """See `Adapter`."""

    def statistics(self) -> Mapping[str, Any] | None:
        """See `Adapter`."""
        return None

    async def hear(self, nsp: str, name: str, args: Sequence[JSONValue]) -> list[JSONValue] | None:
        """Run the handlers of an event that another server sent. Returns the arguments of their answer, if any.

        A namespace that is not there has no handlers; of several answers the first counts.
        """
        core = self._app.core.hub.namespaces.get(nsp)
        handlers = () if core is None else self._app.handlers_in(core).of_server_side(name)
        answers: list[JSONValue] = []
        failed = False
        for handler in handlers:
            try:
                answers.append(await run(handler, *args))
            except InvalidEvent as error:
                self._app.audience.report(f"event {name!r} of another server is not what was declared: {error}", error)
                failed = True
            except BaseException as error:
                if not has_failed(error, self._app.runtime):
                    raise
                self._app.audience.report(*failure_of(handler, name, args, error))
                failed = True
        if failed or not answers:
            return None
        return list(ack_args(next((answer for answer in answers if answer is not None), None)))

    # -- for the adapters that this is a part of ---------------------------------------------------------------------

    def chosen(self, nsp: str, selection: Selection) -> list[Socket]:
        """Return those of this process who are chosen."""
        return [inbox_of(member).socket for member in self._members(nsp, selection)]

    def _away(self, nsp: str, selection: Selection) -> list[RecoverableSession]:
        """Return what is kept of those who are chosen, but lost just now."""
        core = self._app.core
        namespace = core.hub.namespaces.get(nsp)
        return [] if namespace is None or core.recovery is None else core.recovery.away_from(namespace, selection)

    def _members(self, nsp: str, selection: Selection) -> list[Member]:
        namespace = self._app.core.hub.namespaces.get(nsp)
        return [] if namespace is None else list(namespace.recipients(selection))

    def watch(self, namespaces: NamespaceWatcher, rooms: RoomWatcher | None) -> None:
        """Have it told which namespaces there are, and come and go; and who joins and leaves rooms."""
        hub = self._app.core.hub
        hub.watch_namespaces(namespaces)
        if rooms is not None:
            hub.watch_rooms(rooms)

    def remote_socket(self, nsp: str, fields: Mapping[str, Any]) -> RemoteSocket:
        """Return what stands for a socket of another server, given what that says of it: see `RemoteSocket`."""
        return RemoteSocket(self._app, nsp, fields)

    def report(self, what: str, error: BaseException) -> None:
        """Tell observers that something failed."""
        self._app.audience.report(what, error)

    def state_changed(self, state: str, reason: str, *, gap: bool) -> None:
        """Tell observers how it stands with the other servers; see `Observer.cluster_changed`."""
        audience = self._app.audience
        audience.tell(audience.cluster_changed, state, reason, gap)


class LocalAsked:
    """Clients of this process were asked; nobody, in this case.

    Attributes:
        count: how many they are.
    """

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    async def answers(self) -> Answers:
        """See `Asked`."""
        return Answers([])

    def forget(self) -> None:
        """See `Asked`."""


class _ClientsAsked(LocalAsked):
    """Somebody was. They are read meanwhile, though handlers may be behind."""

    __slots__ = ("_app", "_collection", "_done", "_flows", "_kept", "_waiter")

    def __init__(self, app: Dispatcher, waiter: AcksWaiter, collection: AckCollection) -> None:
        super().__init__(len(collection.members))
        self._app = app
        self._kept: list[tuple[Flow, int]] = []
        self._done = app.runtime.new_event()  # there are clients, so the server is served
        self._waiter = waiter
        self._waiter.done = self._done.set
        self._collection = collection
        self._collection.takes = self._take
        self._flows = [inbox_of(member).flow for member in collection.members]
        for flow in self._flows:
            flow.ack_awaited()

    async def answers(self) -> Answers:
        await self._done.wait()
        found = self._waiter.outcome
        assert found is not None  # what sets the event sets the outcome
        return Answers(found.answers, len(found.silent), tuple(member.sid for member in found.silent))

    def forget(self) -> None:
        for flow in self._flows:
            flow.ack_settled()
        self._collection.forget()
        self._collection.takes = self._waiter.outcome = None  # they know this, and each other, and all answers
        self._app.room.give_answers(self._kept)

    def _take(self, member: Member, size_bytes: int) -> bool:
        flow = inbox_of(member).flow
        if self._app.room.keep_answer(flow, size_bytes):
            self._kept.append((flow, size_bytes))
            return True
        self._app.audience.report(
            "acknowledgements of clients take too much while others are waited for, so some count as missing",
            BufferFull(f"of one client, 2 * max_queued_bytes: {flow.most_answer_bytes}"),
        )
        return False


def _join_each(session: RecoverableSession, rooms: frozenset[str]) -> None:
    session.check_rooms(rooms)
    for room in rooms:
        session.join(room)


def _nothing() -> None:
    """Do nothing: nobody waits yet."""


MakeAdapter = Callable[[LocalAdapter], Adapter]
"""Makes the adapter of a server out of its own part."""
