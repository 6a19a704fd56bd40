"""What the application does the short way for most events, against the long way that others take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from socketio_core.app import Socket
from socketio_core.app.failures import positional_count
from socketio_core.app.flow import Flow
from socketio_core.app.handlers import Handler
from socketio_core.errors import BufferFull, LocalProtocolError
from socketio_core.settings import SocketSettings
from socketio_core.testing import FakeClock
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import HandRuntime
from tests.app.rig import AppRig, member_of
from tests.app.test_flow import Line
from tests.app.test_socket import SMALL
from tests.app.test_worker import Noting
from tests.effort import examples

few = settings(max_examples=examples(12))

# -- handlers: an event's run in the coroutine of its inbox, those of `on_any` and of moments by `_run` ----------------

Deed = tuple[str, bool]
"""What a handler does, and whether it is async: `"none"`, `"value"`, `"raise"`, `"bad"` (a value that is no JSON)."""

DEEDS: Final = st.lists(st.tuples(st.sampled_from(["none", "value", "raise", "bad"]), st.booleans()), max_size=5)


def handler_of(number: int, deed: Deed, calls: list[Any]) -> Handler:
    what, is_async = deed

    def act(*args: Any) -> Any:
        calls.append((number, *[arg for arg in args if not isinstance(arg, Socket)]))
        if what == "raise":
            raise ValueError(number)
        return {"none": None, "value": number, "bad": object()}[what]

    async def act_later(*args: Any) -> Any:
        return act(*args)

    return act_later if is_async else act


@few
@given(DEEDS, DEEDS, st.booleans())
def test_handlers_of_an_event_run_like_those_of_any(shared: list[Deed], own: list[Deed], asks: bool) -> None:  # noqa: FBT001
    """Each runs, in order, whatever those before it did; each failure is logged; the first answer is the answer."""
    seen: list[Any] = []
    for is_any in (False, True):
        rig = AppRig()
        client, socket = rig.connect()
        calls: list[Any] = []
        for number, deed in enumerate([*shared, *own]):
            registrar = rig.io if number < len(shared) else socket
            handler = handler_of(number, deed, calls)
            _ = registrar.on_any(handler) if is_any else registrar.on("x", handler)
        answers = rig.send(client, '427["x",1]' if asks else '42["x",1]')
        assert not is_any or answers == []
        seen.append([call[:1] + call[-1:] for call in calls])
        failures = [message for message in rig.logged if message.startswith("handler of")]
        seen.append((failures, [repr(error) for message, error in rig.runtime.logged if message in failures]))
        if not is_any:
            assert answers == answers_to([*shared, *own], asks=asks)
    assert seen[:2] == seen[2:]


@few
@given(DEEDS, st.booleans())
def test_handlers_of_a_client_run_like_those_of_any(deeds: list[Deed], asks: bool) -> None:  # noqa: FBT001
    """Those of an event run in the coroutine of its inbox, those of `on_any` by `run_handler`."""
    seen: list[Any] = []
    for is_any in (False, True):
        rig = ClientRig().up()
        socket = rig.host.socket_of("/")
        calls: list[Any] = []
        for number, deed in enumerate(deeds):
            handler = handler_of(number, deed, calls)
            _ = socket.on_any(handler) if is_any else socket.on("x", handler)
        rig.hear('27["x",1]' if asks else '2["x",1]')
        answers = rig.sent()
        seen.append([call[:1] + call[-1:] for call in calls])
        failures = [message for message in rig.logged if message.startswith("handler of")]
        seen.append((failures, [repr(error) for message, error in rig.runtime.logged if message in failures]))
        if not is_any:
            assert answers == answers_to(deeds, asks=asks)
    assert seen[:2] == seen[2:]


def answers_to(deeds: list[Deed], *, asks: bool) -> list[str]:
    whats = [what for what, _ in deeds]
    if not asks or not whats or "raise" in whats:
        return []
    firsts = [(number, what) for number, what in enumerate(whats) if what != "none"]
    if not firsts:
        return ["37[]"]
    number, what = firsts[0]
    return [] if what == "bad" else [f"37[{number}]"]


# -- whether a socket was let go: asked in the open for each event, by a function behind `on_any` ----------------------

GOING: Final[dict[str, Callable[[AppRig, Socket], Awaitable[None] | None]]] = {
    "stays": lambda rig, socket: None,  # noqa: ARG005 - a row
    "disconnects": lambda rig, socket: socket.disconnect(),  # noqa: ARG005
    "disconnects all": lambda rig, socket: socket.disconnect(close=True),  # noqa: ARG005
    "is closed below": lambda rig, socket: member_of(socket).connection.session.close(rig.now),
}


@few
@given(st.sampled_from(sorted(GOING)), st.booleans(), st.integers(1, 3))
def test_event_is_not_handled_whether_a_guard_or_what_came_before_let_go(how: str, by_guard: bool, count: int) -> None:  # noqa: FBT001
    rig = AppRig()
    client, socket = rig.connect()

    async def let_go(*_: Any) -> None:
        going = GOING[how](rig, socket)
        if going is not None:
            await going

    if by_guard:
        socket.on_any(let_go)
    else:
        rig.io.on("before", let_go)

    @rig.io.on("x")
    def count_up(_: Socket, number: int) -> None:
        rig.calls.append(number)

    client.send('42["before"]', *[f'42["x",{number}]' for number in range(count)])
    rig.run()
    assert rig.calls == (list(range(count)) if how == "stays" else [])


# -- inboxes -----------------------------------------------------------------------------------------------------------


@few
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99)), max_size=8))
def test_events_find_the_inbox_of_their_socket(script: list[tuple[int, int]]) -> None:
    """An event's is its member's context; a moment's is looked up."""
    rig = AppRig()
    heard: dict[str, list[int]] = {}

    @rig.io.on("x")
    def hear(socket: Socket, number: int) -> None:
        heard[socket.id].append(number)

    @rig.io.on("disconnect")
    def part(socket: Socket, _: str) -> None:
        heard[socket.id].append(-1)

    people = [rig.connect() for _ in range(3)]
    heard.update({socket.id: [] for _, socket in people})
    for who, number in script:
        people[who][0].send(f'42["x",{number}]')
    for client, _ in people:
        client.send("41")
    rig.run()
    for who, (_, socket) in enumerate(people):
        assert heard[socket.id] == [*[number for each, number in script if each == who], -1]


@few
@given(st.lists(st.none() | st.integers(0, 999), max_size=12))
def test_what_is_put_in_counts_until_it_is_handled_or_dropped(sizes: list[int | None]) -> None:
    """An event counts as it is put in, as it does where a stream calls `event_queued`."""
    runtime = HandRuntime(FakeClock())
    flow = Flow(runtime, Line(), SocketSettings())
    inbox = Noting(runtime, flow, concurrency=0)
    for number, size_bytes in enumerate(sizes):
        inbox.put(str(number), size_bytes)
    twin = Flow(runtime, Line(), SocketSettings())
    for size_bytes in sizes:
        if size_bytes is not None:
            twin.event_queued(size_bytes)
    assert (flow.queued_count, flow.queued_bytes) == (twin.queued_count, twin.queued_bytes)
    if len(sizes) % 2:
        inbox.drop_events()
    else:
        inbox.admit(1)
        runtime.run_ready()
    assert (flow.queued_count, flow.queued_bytes) == (0, 0)


# -- emitting: a socket asks its member, an operator `acting` ----------------------------------------------------------

SENT: Final = st.tuples(
    st.sampled_from(["x", "disconnect", ""]), st.sampled_from([(), (1,), ("é" * 60,), (b"1",), (object(),)])
)


@few
@given(st.lists(SENT, max_size=6), st.booleans())
def test_a_socket_emits_as_its_operator_does(script: list[tuple[str, Any]], nowait: bool) -> None:  # noqa: FBT001
    seen: list[Any] = []
    for by_operator in (False, True):
        rig = AppRig(SMALL)
        client, socket = rig.connect()
        by = socket.timeout(1) if by_operator else socket
        outcomes: list[str] = []
        before = rig.runtime.flushes
        for name, args in script:
            try:
                outcomes.append(str(by.emit_nowait(name, *args) if nowait else rig.result_of(by.emit(name, *args))))
            except (LocalProtocolError, BufferFull) as error:
                outcomes.append(repr(error))
        seen.append((outcomes, rig.runtime.flushes - before, client.take_messages()))
    assert seen[0] == seen[1]


# -- how many arguments a handler takes: of a plain function its code tells, of others their signature ---------------

PARAMETERS: Final = st.lists(st.sampled_from(["a", "b=1", "/", "*", "*args", "k", "k=2", "**kwargs"]), max_size=6)


def made_of(parameters: list[str]) -> Callable[..., Any] | None:
    """Return a function with these parameters, numbered, if there can be one."""
    named = [f"{each[0]}{number}{each[1:]}" if each[0].isalpha() else each for number, each in enumerate(parameters)]
    scope: dict[str, Any] = {}
    try:
        exec(f"def function({', '.join(named)}): ...", scope)
    except SyntaxError:
        return None
    made: Callable[..., Any] = scope["function"]
    return made


@settings(max_examples=examples(100))
@given(PARAMETERS)
def test_parameters_are_those_of_the_signature(parameters: list[str]) -> None:
    function = made_of(parameters)
    if function is None:
        return

    class Holder:
        def __call__(self) -> None: ...

    @wraps(function)
    def decorated(*args: Any) -> Any:
        return function(*args)

    counts = {positional_count(each) for each in (function, decorated, partial(function))}
    kinds = [each.kind for each in signature(function).parameters.values()]
    assert counts == {kinds.count(Parameter.POSITIONAL_ONLY) + kinds.count(Parameter.POSITIONAL_OR_KEYWORD)}
    assert positional_count(Holder()) == positional_count(Holder().__call__) == 0
