"""Operators that choose who a broadcast goes to, and what stands for everyone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload

from socketio_core.app.acks import AckTimeout, Answers
from socketio_core.app.declared import DeclaredEvent, answers_args, answers_to
from socketio_core.records import plain
from socketio_core.socketio.acks import check_timeout
from socketio_core.socketio.packet import JSONValue
from socketio_core.socketio.selection import EVERYONE, Selection

if TYPE_CHECKING:
    from socketio_core.app.adapter import Asked
    from socketio_core.app.dispatcher import Dispatcher
    from socketio_core.app.remote_socket import RemoteSocket
    from socketio_core.app.socket import Socket

Rooms = str | Iterable[str]
"""One room, or several; an empty iterable is nobody."""

_TEXTS: Final = frozenset((str,))

_P = ParamSpec("_P")
_R = TypeVar("_R")


def room_set(rooms: Rooms) -> frozenset[str]:
    """Return rooms as a set.

    Raises:
        TypeError: they are neither a string nor strings.
    """
    if isinstance(rooms, str):
        return frozenset((plain(rooms),))
    # Not everybody checks types, and what no room is called nobody would ever hear.
    if not isinstance(rooms, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"rooms must be a string, or several: {rooms!r}")
    chosen = frozenset(rooms)
    if _TEXTS.issuperset(map(type, chosen)):  # nearly always; of 90,000, which clients may name, 17 ms, not 50
        return chosen
    if not all(isinstance(room, str) for room in chosen):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"rooms must be a string, or several: {sorted(map(repr, chosen))}")
    return frozenset(map(plain, chosen))


class BroadcastOperator:
    """Who gets a broadcast. Immutable: each method returns a new operator, so one may be kept and used again.

    It means the namespace that has the name when it is used, for a dynamic one comes and goes.
    """

    __slots__ = ("_app", "_nsp", "_selection")

    def __init__(self, app: Dispatcher, nsp: str, selection: Selection = EVERYONE) -> None:
        self._app = app
        self._nsp = nsp
        self._selection = selection

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Add rooms: who is in any of them gets it, once. `to([])` goes to nobody."""
        old, chosen = self._selection, room_set(rooms)
        if old.rooms is not None:
            chosen |= old.rooms
        # `replace` takes three times as long; so the next two.
        return self._of(Selection(chosen, old.except_rooms, old.volatile, old.local, old.compress, old.timeout_s))

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Leave out who is in any of these rooms; a socket's id is the room of that socket alone."""
        old, left_out = self._selection, room_set(rooms)
        if old.except_rooms:
            left_out |= old.except_rooms
        return self._of(Selection(old.rooms, left_out, old.volatile, old.local, old.compress, old.timeout_s))

    @property
    def volatile(self) -> BroadcastOperator:
        """Drop the message for those who cannot be sent it at once."""
        old = self._selection
        return self._of(Selection(old.rooms, old.except_rooms, True, old.local, old.compress, old.timeout_s))  # noqa: FBT003

    @property
    def local(self) -> BroadcastOperator:
        """Only clients of this process, where several are joined by an adapter."""
        return self._of(replace(self._selection, local=True))

    def compress(self, compress: bool) -> BroadcastOperator:  # noqa: FBT001 - the name users know
        """With `False`, compress the message for nobody, though the transport could: it is packed already, or short."""
        return self._of(replace(self._selection, compress=bool(compress)))

    def timeout(self, seconds: float | None) -> BroadcastOperator:
        """How long a `call` waits, if it is not told itself; `None` for as long as the sockets are there.

        Raises:
            LocalProtocolError: it is no such time.
        """
        return self._of(replace(self._selection, timeout_s=check_timeout(seconds)))

    def _names(self) -> Sequence[str]:
        """Return the namespaces that it means."""
        return (self._nsp,)

    def _of(self, selection: Selection) -> BroadcastOperator:
        return BroadcastOperator(self._app, self._nsp, selection)

    @overload
    async def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> int: ...
    @overload
    async def emit(self, name: str, *args: JSONValue) -> int: ...
    async def emit(self, name: Any, *args: Any) -> int:  # type: ignore[misc] # see `Declare`
        """Send an event to all of them, encoded once. Returns how many outgoing buffers took it.

        Never waits for a slow socket: one whose buffer overflows is closed.

        Raises:
            LocalProtocolError: a reserved name, or data that is not JSON.
        """
        await self._app.runtime.check_cancelled()
        return self._broadcast(name, args)

    async def send(self, *args: JSONValue) -> int:
        """Send an event called `"message"`; see `emit`."""
        return await self.emit("message", *args)

    @overload
    def emit_nowait(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> int: ...
    @overload
    def emit_nowait(self, name: str, *args: JSONValue) -> int: ...
    def emit_nowait(self, name: Any, *args: Any) -> int:  # type: ignore[misc] # see `Declare`
        """The same, for sync code."""
        self._app.runtime.check_caller()
        return self._broadcast(name, args)

    def _broadcast(self, name: str, args: Sequence[JSONValue]) -> int:
        return self._app.adapter.broadcast(self._nsp, name, args, self._selection)

    @overload
    async def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> list[_R]: ...
    @overload
    async def call(
        self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...
    ) -> list[JSONValue]: ...
    async def call(self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...) -> list[Any]:  # type: ignore[misc] # see `Declare`
        """Send an event to all of them and wait for their acknowledgements, one from each.

        A volatile one asks only those who can be reached at once.
        Returns them in order of arrival (each `None`, a value, or a tuple); `[]` at once when there is nobody.

        Args:
            timeout: in seconds; `None` waits for as long as the sockets are there. Unless given, it is what the method
                `timeout` was told, or 5 seconds.

        Raises:
            AckTimeout: not all came in time, or some left; `error.responses` has those that came, `error.missing` the
                ids of sockets that did not answer.
            LocalProtocolError: as `emit`, or no such time.
        """
        found = await self._ask(name, args, timeout)
        return complete(found, answers_to(name, found.responses))

    @overload
    async def emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[list[JSONValue]]: ...
    @overload
    async def emit_with_ack(
        self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...
    ) -> list[list[JSONValue]]: ...
    async def emit_with_ack(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...
    ) -> list[list[JSONValue]]:
        """Do what `call` does, and return all arguments of each acknowledgement; so are those of `error.responses`.

        They are as they came; what was declared is only looked at.
        """
        found = await self._ask(name, args, timeout)
        return complete(found, answers_args(name, found.responses))

    async def _ask(self, name: str, args: Sequence[JSONValue], timeout: float | EllipsisType | None) -> Answers:
        selection = self._selection
        if not isinstance(timeout, EllipsisType):
            selection = replace(selection, timeout_s=check_timeout(timeout))
        await self._app.runtime.check_cancelled()
        asked: list[Asked] = []
        try:
            for nsp in self._names():
                asked.append(self._app.adapter.ask(nsp, name, args, selection))  # noqa: PERF401 - those before one that fails
            answers = [await each.answers() for each in asked]
        finally:
            for each in asked:
                each.forget()
        return answers[0] if len(answers) == 1 else Answers.joined(answers)

    async def fetch_sockets(self) -> list[Socket | RemoteSocket]:
        """Return the sockets that a broadcast would go to; those of other servers as what is known of them.

        Raises:
            ClusterError: an adapter joins this server to others, and not all of them have answered; its `partial` has
                those that are known.
        """
        await self._app.runtime.check_cancelled()
        found = [await self._app.adapter.sockets(nsp, self._selection) for nsp in self._names()]
        return [socket for each in found for socket in each]

    async def sockets_join(self, rooms: Rooms) -> None:
        """Make all of them join rooms."""
        rooms = room_set(rooms)
        await self._app.runtime.check_cancelled()
        for nsp in self._names():
            self._app.adapter.join(nsp, self._selection, rooms)

    async def sockets_leave(self, rooms: Rooms) -> None:
        """Make all of them leave rooms."""
        rooms = room_set(rooms)
        await self._app.runtime.check_cancelled()
        for nsp in self._names():
            self._app.adapter.leave(nsp, self._selection, rooms)

    async def disconnect_sockets(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Disconnect all of them; see `Socket.disconnect`."""
        await self._app.runtime.check_cancelled()
        for nsp in self._names():
            self._app.adapter.disconnect(nsp, self._selection, close=close)


class Broadcasts:
    """`emit`, `to` and their like, for whatever stands for a whole namespace."""

    __slots__ = ()

    def _everyone(self) -> BroadcastOperator:
        raise NotImplementedError

    @overload
    async def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> int: ...
    @overload
    async def emit(
        self, name: str, *args: JSONValue, to: Rooms | None = None, skip_sid: Rooms | None = None
    ) -> int: ...
    async def emit(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, to: Rooms | None = None, skip_sid: Rooms | None = None
    ) -> int:
        """Send an event to everyone; see `BroadcastOperator.emit`.

        Args:
            name: of the event.
            args: of the event.
            to: only to these rooms, as in `io.to(...).emit`; python-socketio's habit, as the next one.
            skip_sid: but for these sockets, or rooms, as in `io.except_(...).emit`.
        """
        chosen = self._everyone()
        if to is not None:
            chosen = chosen.to(to)
        if skip_sid is not None:
            chosen = chosen.except_(skip_sid)
        return await chosen.emit(name, *args)

    async def send(self, *args: JSONValue) -> int:
        """Send an event called `"message"` to everyone; see `BroadcastOperator.emit`."""
        return await self._everyone().emit("message", *args)

    @overload
    def emit_nowait(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> int: ...
    @overload
    def emit_nowait(self, name: str, *args: JSONValue) -> int: ...
    def emit_nowait(self, name: Any, *args: Any) -> int:  # type: ignore[misc] # see `Declare`
        """The same, for sync code."""
        return self._everyone().emit_nowait(name, *args)

    @overload
    async def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> list[_R]: ...
    @overload
    async def call(
        self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...
    ) -> list[JSONValue]: ...
    async def call(self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...) -> list[Any]:  # type: ignore[misc] # see `Declare`
        """Send an event to everyone and wait for all acknowledgements; see `BroadcastOperator.call`."""
        return await self._everyone().call(name, *args, timeout=timeout)

    @overload
    async def emit_with_ack(
        self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> list[list[JSONValue]]: ...
    @overload
    async def emit_with_ack(
        self, name: str, *args: JSONValue, timeout: float | EllipsisType | None = ...
    ) -> list[list[JSONValue]]: ...
    async def emit_with_ack(  # type: ignore[misc] # see `Declare`
        self, name: Any, *args: Any, timeout: float | EllipsisType | None = ...
    ) -> list[list[JSONValue]]:
        """Do what `call` does, and return all arguments of each; see `BroadcastOperator.emit_with_ack`."""
        return await self._everyone().emit_with_ack(name, *args, timeout=timeout)

    def to(self, rooms: Rooms) -> BroadcastOperator:
        """Choose rooms; see `BroadcastOperator.to`."""
        return self._everyone().to(rooms)

    in_ = to

    def except_(self, rooms: Rooms) -> BroadcastOperator:
        """Leave rooms out; see `BroadcastOperator.except_`."""
        return self._everyone().except_(rooms)

    @property
    def volatile(self) -> BroadcastOperator:
        """See `BroadcastOperator.volatile`."""
        return self._everyone().volatile

    @property
    def local(self) -> BroadcastOperator:
        """See `BroadcastOperator.local`."""
        return self._everyone().local

    def compress(self, compress: bool) -> BroadcastOperator:  # noqa: FBT001 - the name users know
        """See `BroadcastOperator.compress`."""
        return self._everyone().compress(compress)

    def timeout(self, seconds: float | None) -> BroadcastOperator:
        """See `BroadcastOperator.timeout`."""
        return self._everyone().timeout(seconds)

    async def fetch_sockets(self) -> list[Socket | RemoteSocket]:
        """Return all sockets; see `BroadcastOperator.fetch_sockets`."""
        return await self._everyone().fetch_sockets()

    async def sockets_join(self, rooms: Rooms) -> None:
        """Make all sockets join rooms."""
        await self._everyone().sockets_join(rooms)

    async def sockets_leave(self, rooms: Rooms) -> None:
        """Make all sockets leave rooms."""
        await self._everyone().sockets_leave(rooms)

    async def disconnect_sockets(self, close: bool = False) -> None:  # noqa: FBT001, FBT002 - the name users know
        """Disconnect all sockets."""
        await self._everyone().disconnect_sockets(close)


def complete(found: Answers, responses: list[_R]) -> list[_R]:
    """Return the responses, if nobody is missing."""
    if found.error is not None:
        found.error.partial = responses
        raise found.error
    asked = len(found.responses) + found.missing
    if len(responses) < asked:  # or some were not what was declared
        text = f"{asked - len(responses)} of {asked} acks did not come"
        raise AckTimeout(text, responses, list(found.silent))
    return responses
