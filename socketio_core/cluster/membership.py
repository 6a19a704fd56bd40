"""One server's part in a cluster while it is served: what it tells and asks, and how it stands with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from socketio_core.app.adapter import LocalAdapter
from socketio_core.app.runtime import Event
from socketio_core.cluster.events import Asked, Settled, State, StateChanged, Told
from socketio_core.cluster.hearing import Hearing
from socketio_core.cluster.lines import ClusterLine
from socketio_core.cluster.link import ClusterUnavailable, Link
from socketio_core.cluster.machine import ClusterMachine
from socketio_core.cluster.messages import Message
from socketio_core.cluster.request import Request
from socketio_core.cluster.selecting import bounded
from socketio_core.cluster.stream_log import PATIENCE_S, StreamLog
from socketio_core.cluster.stream_reader import Echoed
from socketio_core.cluster.transports import Answer, Streams, Transport
from socketio_core.errors import ClusterError
from socketio_core.ids import IdFactory
from socketio_core.records import record
from socketio_core.socketio.member import Member
from socketio_core.socketio.recovery import Recovery
from socketio_core.timers import earliest

DEGRADED: Final = "degraded"  # a third state, where events wait for the Redis as a rule
SERVE_ALONE: Final = "(with start_degraded=True it would serve without them)"  # or see `network.listening`
LAST_WORDS_S: Final = 2.0  # for what was said to be taken, at the end


@record
class ClusterSettings:
    """What is the same for every way in which messages go; see `RedisAdapter`."""

    timeout_s: float
    start_degraded: bool
    start_timeout_s: float
    hidden_headers: frozenset[str]
    ssl_context: object
    new_id: IdFactory


class Question:
    """Somebody who waits for answers of the other servers.

    Attributes:
        request: what was asked.
        error: why not all have answered, once it is over.
    """

    __slots__ = ("_is_over", "error", "nsp", "request")

    def __init__(self, nsp: str, is_over: Event) -> None:
        self.nsp = nsp
        self.request: Request
        self.error: ClusterError | None = None
        self._is_over = is_over

    def settle(self, error: ClusterError | None) -> None:
        """It is over."""
        self.error = error
        self._is_over.set()

    async def over(self) -> None:
        """Wait until it is."""
        await self._is_over.wait()


class Membership:
    """What stands between the adapter of a server and the machine that is joined to others.

    Args:
        local: what the server does by itself.
        transport: how messages go.
        commands: the link that says them.
        settings: what the user wants.
        watches_rooms: others want to know which rooms there are.
    """

    def __init__(
        self,
        local: LocalAdapter,
        transport: Transport,
        commands: Link,
        settings: ClusterSettings,
        *,
        watches_rooms: bool,
    ) -> None:
        self.local = local
        self.settings = settings
        self.machine = ClusterMachine(transport, commands, new_id=settings.new_id, report=self.report)
        self._transport = transport
        self._commands = commands
        self._hearing = Hearing(local, self)
        links = self.machine.links
        self._lines = [ClusterLine(link, self, settings.ssl_context, keeps_time=link is commands) for link in links]
        self._telling = next(line for line in self._lines if line.link is commands)
        self._here: set[str] = set()
        self._visits: dict[str, int] = {}
        self._is_open = False
        self._is_closing = False
        self._started: Event | None = None
        self._due_at: float | None = None  # at the start, when it is to be up; at the end, when it is to be over
        self._gaps = 0
        self.log: StreamLog | None = None  # that servers share, if clients may come back to any of them
        local.watch(self._namespace_changed, self._room_changed if watches_rooms else None)

    @property
    def uid(self) -> str:
        """Of this server."""
        return self.machine.uid

    @property
    def lists_rooms(self) -> bool:
        """See `Transport`."""
        return self._transport.lists_rooms

    @property
    def hidden_headers(self) -> frozenset[str]:
        """See `Answering`."""
        return self.settings.hidden_headers

    def statistics(self) -> Mapping[str, Any]:
        """See `Adapter`."""
        figures = {**self.machine.statistics(), "gaps": self._gaps}
        if self.log is not None and self.log.is_slow:
            figures["state"] = DEGRADED
        return figures

    def now(self) -> float:
        """See `Home`."""
        return self.local.runtime.now()

    def report(self, what: str) -> None:
        """See `Home`."""
        self.local.runtime.log_exception(what, None)

    # -- beginning and end -------------------------------------------------------------------------------------------

    async def open(self, *, may_fail: bool) -> None:
        """See `Adapter`.

        Raises:
            ClusterUnavailable: the others could not be reached in time.
        """
        runtime = self.local.runtime
        self._is_open = True
        self._due_at = runtime.now() + self.settings.start_timeout_s
        for line in self._lines:
            runtime.keep(line)
        if self.settings.start_degraded or not may_fail:
            return
        self._started = runtime.new_event()
        await self._started.wait()
        self._started = None
        if self.machine.state is not State.UP:
            why = f"the other servers cannot be reached: {self.machine.reason}"
            raise ClusterUnavailable(f"{why} {SERVE_ALONE}")

    def close(self) -> None:
        """See `Adapter`."""
        now = self.local.runtime.now()
        self._is_open = False
        self._is_closing = True
        self._due_at = now + LAST_WORDS_S
        self.machine.close()
        self.work(now)

    def _end_if_through(self, now: float, *, is_late: bool = False) -> None:
        """Close the links when all was said, and taken; or when that cannot be, or takes too long."""
        if is_late or not self._commands.is_up or self.machine.has_said_all:
            self._due_at = None
            for line in self._lines:
                line.link.close(now)

    # -- namespaces and rooms ----------------------------------------------------------------------------------------

    def _namespace_changed(self, nsp: str, is_there: bool) -> None:  # noqa: FBT001 - see `NamespaceWatcher`
        if is_there:
            self._here.add(nsp)
            self.machine.open_namespace(nsp)
        else:
            self._here.discard(nsp)
            self._close_if_unused(nsp)
        self.wake()

    def _close_if_unused(self, nsp: str) -> None:
        if nsp not in self._here and nsp not in self._visits:
            self.machine.close_namespace(nsp)

    def _room_changed(self, member: Member, room: str, is_in: bool) -> None:  # noqa: FBT001 - see `RoomWatcher`
        namespace = member.namespace
        if any(other is not member for other in namespace.in_room(room)):
            return
        if is_in:
            self.machine.room_created(namespace.name, room)
        else:
            self.machine.room_deleted(namespace.name, room)
        self.wake()

    # -- telling and asking ------------------------------------------------------------------------------------------

    def tell(self, message: Message, *, volatile: bool = False) -> None:
        """Tell the others, as soon as they can be told."""
        if not self._is_open:
            return
        try:
            self.machine.tell(message, self.local.runtime.now(), volatile=volatile)
        except (TypeError, ValueError) as error:
            self.local.report("other servers cannot be told what this one was told", error)
            return
        self._telling.wake()

    def ask(
        self,
        make: Callable[[str], Message],
        nsp: str,
        timeout_s: float | None,
        each: Callable[[Any], None] | None = None,
    ) -> Question:
        """Ask the others; `forget` must follow.

        Args:
            make: makes the question, given its id.
            each: is told of each acknowledgement as it comes.

        Raises:
            ClusterUnavailable: they cannot be asked.
        """
        if not self._is_open:
            raise ClusterUnavailable("the other servers cannot be asked: this one is not served")
        question = Question(nsp, self.local.runtime.new_event())
        self._visits[nsp] = self._visits.get(nsp, 0) + 1  # answers come in the namespace
        self.machine.open_namespace(nsp)
        try:
            now, longest_s = self.local.runtime.now(), bounded(timeout_s)
            question.request = self.machine.ask(make, nsp, now, timeout_s=longest_s, context=question, each=each)
        except BaseException:
            self._leave(nsp)
            raise
        self.wake()
        return question

    def forget(self, question: Question) -> None:
        """Nobody waits for it any more."""
        self.machine.forget(question.request)
        self._leave(question.nsp)

    def _leave(self, nsp: str) -> None:
        left = self._visits.pop(nsp) - 1
        if left:
            self._visits[nsp] = left
        self._close_if_unused(nsp)
        self.wake()

    def answer(self, to_uid: str | None, message: Answer) -> None:
        """Answer another server.

        Raises:
            TypeError, ValueError: it cannot be sent.
        """
        self.machine.answer(to_uid, message, self.local.runtime.now())
        self.wake()

    # -- what lines tell ---------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """See `Follows`."""
        of_log = None if self.log is None else self.log.next_deadline
        return earliest(self._due_at, self.machine.next_deadline, of_log)

    def handle_timeout(self, now: float) -> None:
        """See `Follows`."""
        self.machine.handle_timeout(now)
        if self.log is not None:
            self.log.handle_timeout(now)
            self.local.look()
        if self._due_at is None or now < self._due_at:
            return
        self._due_at = None
        if self._is_closing:
            self._end_if_through(now, is_late=True)
        elif self._started is not None:
            self._started.set()
        else:
            self.local.state_changed(State.DOWN.value, self.machine.reason, gap=False)

    def work(self, now: float) -> None:
        """See `Follows`."""
        self.machine.work(now)
        for event in self.machine.take_events():
            if isinstance(event, Settled):
                assert isinstance(event.request.context, Question)  # nobody else asks
                event.request.context.settle(event.error)
            elif isinstance(event, StateChanged):
                self._state_changed(event)
            elif isinstance(event, Echoed):
                if self.log is not None:  # else somebody else has added it, in the name of this server
                    self.log.echoed(event)
                    self.local.look()
            else:
                self._hear(event)
        if self._is_closing:
            self._end_if_through(now)
        self.wake()

    def fail(self, error: Exception, now: float) -> None:
        """See `Follows`. All connections begin anew, so that nothing hangs that has met the fault."""
        self.local.report("what joins this server to others failed, so it connects anew", error)
        for line in self._lines:
            line.link.lost("internal error", now)
        self.wake()

    def _state_changed(self, event: StateChanged) -> None:
        if event.state is State.UP and not self._is_closing:
            self._due_at = None
            if self._started is not None:
                self._started.set()
        self._gaps += event.gap
        if self.log is not None:
            self.log.state_changed(event.state, was_forgotten=event.was_forgotten)
            self.local.look()
        if not self._is_closing:
            self.local.state_changed(event.state.value, event.reason, gap=event.gap)

    def pace_changed(self) -> None:
        """See `Home`."""
        assert self.log is not None  # whose pace it is
        if self.log.is_slow:
            why = f"{self._commands.address.url}: an event waits for longer than {PATIENCE_S * 1000:g} ms"
            self.local.state_changed(DEGRADED, why, gap=False)
        else:
            self.local.state_changed(State.UP.value, "", gap=False)

    def _hear(self, event: Told | Asked) -> None:
        try:
            self._hearing.take(event)
        except Exception as error:  # noqa: BLE001 - whatever others say, this server goes on
            self.machine.note_malformed(str(error))

    def share(self, transport: Streams, recovery: Recovery, key_prefix: str) -> StreamLog:
        """Have clients of all servers come back to any of them. Returns the log that it takes.

        Args:
            transport: that of the machine.
            recovery: what this server keeps for clients.
            key_prefix: of keys that are kept for them.
        """
        self.log = StreamLog(
            self.machine,
            transport,
            recovery,
            self,
            key_prefix=key_prefix,
        )
        return self.log

    def wake(self) -> None:
        """Have written what there is to write, and deadlines looked at."""
        for line in self._lines:
            line.wake()
