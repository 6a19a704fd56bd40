"""Cancellation in the middle: what was counted is counted down, and whoever comes next is served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core.app.engine_server import session_inbox_behind
from socketio_core.app.flow import Flow
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import Cancelled, Task
from tests.app.rig import AppRig, flow_of, noting
from tests.app.test_engine_server import EngineRig
from tests.socketio.rig import TRANSPORTS

ENDS: Final = ["answer", "timeout", "cancel", "leave"]


def cancel_waiting(rig: AppRig | EngineRig | ClientRig) -> None:
    """Cancel whatever waits for something."""
    tasks = [task for task in rig.runtime.tasks if task.waits_for is not None]
    assert tasks
    for task in tasks:
        rig.runtime.cancel(task)
    rig.run()
    assert all(isinstance(task.error, Cancelled) for task in tasks)


def stuck_once(rig: AppRig | EngineRig | ClientRig) -> Callable[..., Any]:
    """Return a handler that notes its last argument, and waits for ever the first time."""

    async def handler(*args: object) -> None:
        rig.calls.append(args[-1])
        if len(rig.calls) == 1:
            await rig.runtime.new_event().wait()

    return handler


def assert_counted_down(flow: Flow) -> None:
    assert (flow.queued_count, flow.queued_bytes) == (0, 0)


@pytest.mark.parametrize("kind", ["namespace", "socket", "any", "any of the socket"])
def test_a_cancelled_handler_is_counted_down_and_the_next_event_is_handled(kind: str) -> None:
    rig = AppRig()
    client, socket = rig.connect()
    handler = stuck_once(rig)
    match kind:
        case "namespace":
            rig.io.on("a", handler)
        case "socket":
            socket.on("a", handler)
        case "any":
            rig.io.on_any(handler)
        case _:
            socket.on_any(handler)
    rig.send(client, '42["a",1]')
    cancel_waiting(rig)
    assert_counted_down(flow_of(socket))
    rig.send(client, '42["a",2]')
    assert rig.calls == [1, 2]
    assert_counted_down(flow_of(socket))


def test_a_socket_whose_beginning_was_cancelled_is_heard() -> None:
    rig = AppRig()

    @rig.io.on("connection")
    async def connected(_: object) -> None:
        await rig.runtime.new_event().wait()

    rig.io.on("a", noting(rig.calls))
    client, _ = rig.connect()
    rig.send(client, '42["a",1]')
    cancel_waiting(rig)
    rig.send(client, '42["a",2]')
    assert rig.calls == [1, 2]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_nobody_waits_for_an_ack_any_more(transport: str, end: str, *, many: bool) -> None:
    """Twice as much is read only while somebody does."""
    rig = AppRig(max_queued_events=3)
    client, socket = rig.connect(client=rig.open(transport))
    call = rig.start(rig.io.call("question", timeout=1.0) if many else socket.call("question", timeout=1.0))
    match end:
        case "answer":
            rig.send(client, "430[]")
        case "timeout":
            rig.wait(1.0)
        case "cancel":
            cancel_waiting(rig)
        case _:
            rig.start(socket.disconnect())
    assert_single_limit(flow_of(socket), call)


def assert_single_limit(flow: Flow, call: Task) -> None:
    """Three events are the limit; six while an ack is awaited."""
    assert call.is_done
    assert_counted_down(flow)
    for _ in range(3):
        assert not flow.is_congested
        flow.event_queued(1)
    assert flow.is_congested
    flow.ack_awaited()  # and the next one is counted all the same
    assert not flow.is_congested


# -- bare Engine.IO ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cancelled_message_is_counted_down_and_the_next_one_is_handled(transport: str) -> None:
    rig = EngineRig()
    rig.app.on("message", stuck_once(rig))
    client, session = rig.connect(transport)
    rig.send(client, "4first")
    cancel_waiting(rig)
    assert_counted_down(session_inbox_behind(session).flow)
    rig.send(client, "4second", "4third")
    assert rig.calls == ["first", "second", "third"]
    assert_counted_down(session_inbox_behind(session).flow)


def test_a_message_whose_handler_fails_is_counted_down() -> None:
    rig = EngineRig()

    @rig.app.on("message")
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    client, session = rig.connect()
    rig.send(client, "4€", b"\x00")
    assert len(rig.runtime.logged) == 2
    assert_counted_down(session_inbox_behind(session).flow)


def test_a_session_whose_beginning_was_cancelled_is_heard() -> None:
    rig = EngineRig()

    @rig.app.on("connection")
    async def connected(_: object) -> None:
        await rig.runtime.new_event().wait()

    rig.app.on("message", noting(rig.calls))
    client, _ = rig.connect()
    rig.send(client, "4a")
    cancel_waiting(rig)
    rig.send(client, "4b")
    assert rig.calls == ["a", "b"]


# -- clients -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["event", "any"])
def test_a_clients_cancelled_handler_is_counted_down_and_the_next_event_is_handled(kind: str) -> None:
    rig = ClientRig().up()
    socket = rig.host.socket_of("/")
    handler = stuck_once(rig)
    if kind == "event":
        socket.on("a", handler)
    else:
        socket.on_any(handler)
    rig.hear('20["a",1]')
    assert [socket.asks_ack] == [True]
    cancel_waiting(rig)
    assert [socket.asks_ack] == [False]
    assert_counted_down(rig.host.flow)
    rig.hear('2["a",2]')
    assert rig.calls == [1, 2]
    assert_counted_down(rig.host.flow)


def test_a_clients_cancelled_moment_leaves_the_socket_to_another_worker() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    socket.on("connect", stuck_once_without_arguments(rig))
    socket.on("a", rig.calls.append)
    rig.open()
    rig.host.release()
    rig.hear('0{"sid":"A"}')
    cancel_waiting(rig)
    rig.hear('2["a",2]')
    assert rig.calls == ["connect", 2]


def stuck_once_without_arguments(rig: ClientRig) -> Callable[[], Any]:
    handler = stuck_once(rig)

    async def connected() -> None:
        await handler("connect")

    return connected


def test_auth_that_was_cancelled_is_no_failure_of_its_function() -> None:
    rig = ClientRig().up()

    async def never() -> dict[str, Any]:
        await rig.runtime.new_event().wait()
        return {}

    rig.host.socket_of("/other", never)
    rig.run()
    cancel_waiting(rig)
    assert rig.logged == []


def test_a_connection_whose_worker_was_cancelled_is_told_of_further() -> None:
    rig = ClientRig().up()
    handler = stuck_once_without_arguments(rig)
    rig.io.on("ping", handler)
    rig.client.receive(rig.sockets[-1], "2", rig.now)
    rig.run()
    cancel_waiting(rig)
    rig.client.receive(rig.sockets[-1], "2", rig.now)
    rig.run()
    assert rig.calls == ["connect", "connect"]


@pytest.mark.parametrize("end", ENDS)
def test_no_client_waits_for_an_ack_any_more(end: str) -> None:
    rig = ClientRig(max_queued_events=3).up()
    socket = rig.host.socket_of("/")
    call = rig.start(socket.call("question", timeout=1.0))
    match end:
        case "answer":
            rig.hear("30[]")
        case "timeout":
            rig.wait(1.0)
            rig.run()
        case "cancel":
            cancel_waiting(rig)
        case _:
            rig.start(socket.disconnect())
    assert rig.client.namespaces["/"].pending_acks == {}
    assert_single_limit(rig.host.flow, call)
