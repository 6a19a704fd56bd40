"""`with connect("http://localhost:3000") as socket:`, and every call waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from socketio_core.app import client
from socketio_core.app.acks import Disconnected
from socketio_core.app.client import Connecting, entry
from socketio_core.app.client_socket import Auth, ClientSocket, ConnectError
from socketio_core.app.declared import DeclaredEvent
from socketio_core.app.event_stream import EventStream
from socketio_core.asyncio.client import running
from socketio_core.network.client_life import check_tls
from socketio_core.socketio.packet import JSONValue

if TYPE_CHECKING:
    from types import TracebackType

_T = TypeVar("_T")

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Socket:
    """The client in one namespace. Any thread may call it; each call waits until it is done.

    Events of the server wait until they are taken: `receive()`, or `for name, *args in socket`. When as many wait as
    `max_queued_events` says, nothing more is read from the server, acknowledgements neither; who wants no events calls
    `ignore_events()`.
    """

    def __init__(self, thread: _Thread, socket: ClientSocket, events: EventStream) -> None:
        self._thread = thread
        self._socket = socket
        self._events = events

    def __repr__(self) -> str:
        return repr(self._socket)

    def __enter__(self) -> Socket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The events as they come, until the connection is over and will not come back by itself."""
        while True:
            try:
                yield self.receive()
            except Disconnected:
                return

    @property
    def id(self) -> str:
        """What the server calls this socket; `""` while it is not connected, and most often another one after that."""
        return self._socket.id

    @property
    def connected(self) -> bool:
        """Whether the namespace is joined just now."""
        return self._socket.connected

    @property
    def transport(self) -> str | None:
        """What carries the packets: `"polling"` or `"websocket"`."""
        return self._socket.transport

    @overload
    def emit(self, name: DeclaredEvent[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> None: ...
    @overload
    def emit(self, name: str, *args: JSONValue) -> None: ...
    def emit(self, name: Any, *args: Any) -> None:  # type: ignore[misc] # see `Declare`
        """Emit an event. While not connected, it is kept; while the buffer is full, this waits."""
        self._socket.from_thread(self._socket.emit, name, *args)

    @overload
    def call(self, name: DeclaredEvent[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def call(self, name: str, *args: JSONValue, timeout: float | None = 5.0) -> JSONValue: ...
    def call(self, name: Any, *args: Any, timeout: float | None = 5.0) -> Any:  # type: ignore[misc] # see `Declare`
        """Emit an event and return the acknowledgement: `None`, a value, or a tuple of several.

        Raises:
            AckTimeout: there was none in so many seconds; with `None` there is no limit.
            Disconnected: the connection ended before there was one.
        """
        return self._socket.from_thread(self._socket.call, name, *args, timeout=timeout)

    def receive(self, timeout: float | None = None) -> tuple[Any, ...]:
        """Return the next event: `(name, *args)`.

        Raises:
            TimeoutError: none came in so many seconds.
            Disconnected: the connection is over, and will not come back by itself.
        """

        async def take() -> tuple[Any, ...]:
            async with asyncio.timeout(timeout):
                return await anext(self._events)

        try:
            return self._thread.run(take)
        except TimeoutError:
            raise TimeoutError(f"no event has come in {timeout} s") from None
        except StopAsyncIteration:
            raise Disconnected("the connection is over, and so are its events") from None

    def ignore_events(self) -> None:
        """Forget the events that wait, and collect no more."""
        self._socket.from_thread(self._events.close)

    def of(self, namespace: str, auth: Auth | None = None) -> Socket:
        """Return the socket of another namespace over the same connection, connected.

        Raises:
            ConnectError: the server refused.
        """

        async def join() -> tuple[ClientSocket, EventStream]:
            socket = self._socket.of(namespace, auth)
            events = socket.events()
            await socket.wait_connected()
            return socket, events

        return Socket(self._thread, *self._thread.run(join))

    def disconnect(self) -> None:
        """Leave this namespace; the connection stays while there are others."""
        self._socket.from_thread(self._socket.disconnect)

    def close(self) -> None:
        """End the connection in order: what was emitted is sent. More calls do no harm."""
        self._thread.close()


class _Thread:
    """The thread that runs the event loop of one client."""

    def __init__(self, asked: Connecting) -> None:
        self._asked = asked
        self._is_up = threading.Event()
        self._error: BaseException | None = None
        self._stop: Callable[[], object] = lambda: None
        self._made: tuple[ClientSocket, EventStream]
        # One that nobody closes must not keep Python from ending.
        self._thread = threading.Thread(target=self._run, name="socketio_core.blocking", daemon=True)

    def start(self) -> Socket:
        """Connect, and return the socket when the server has let it in."""
        self._thread.start()
        try:
            self._is_up.wait()
        except BaseException:  # Ctrl-C
            self._stop()
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error
        return Socket(self, *self._made)

    def run(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """Run an async function there, and return what it returns."""
        return self._made[0].from_thread(function)

    def close(self) -> None:
        """End, and wait for the end."""
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - for the thread that waits for it
            self._error = error
        self._is_up.set()

    async def _main(self) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.current_task()
        assert task is not None  # this is one
        self._stop = lambda: loop.is_closed() or loop.call_soon_threadsafe(task.cancel)
        async with running(self._asked) as socket:
            self._made = socket, socket.events()
            self._stop = lambda: loop.is_closed() or loop.call_soon_threadsafe(end.set)
            self._is_up.set()
            await end.wait()


def _begin(asked: Connecting) -> Socket:
    thread = _Thread(check_tls(asked))
    try:
        return thread.start()
    except ConnectError as error:
        if _is_in_a_loop():  # no error at once: notebooks have such a loop, and most servers are elsewhere
            error.add_note(
                "an event loop runs in this thread, and stood still meanwhile: a server on it cannot answer"
                " (there, use connect of socketio_core.asyncio)"
            )
        raise


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


connect = entry(_begin)(client.connect)
