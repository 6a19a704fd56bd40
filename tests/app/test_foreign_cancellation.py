"""A handler that awaited a task which somebody cancelled has failed, with asyncio: its own task goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest

from socketio_core import Server
from socketio_core.app import EngineSession
from socketio_core.app.failures import has_failed
from socketio_core.app.runtime import UNBOUND
from socketio_core.testing import FakeClock
from tests.app.client_rig import ClientRig
from tests.app.hand_runtime import Cancelled, HandRuntime
from tests.app.rig import AppRig, flow_of, note, returning
from tests.app.served import Served
from tests.app.test_cancelled import assert_counted_down
from tests.app.test_engine_server import EngineRig
from tests.app.test_engine_server import flow_of as flow_of_session
from tests.wire.written import POLLING


def awaiting_another(*_: object) -> Any:
    """Be a handler that gets what another task was cancelled with."""

    async def handler() -> None:
        raise Cancelled

    return handler()


def at_once(*_: object) -> None:
    raise Cancelled


SYNC_AND_ASYNC: Final = [awaiting_another, at_once]


@pytest.mark.parametrize("handler", SYNC_AND_ASYNC)
@pytest.mark.parametrize("kind", ["namespace", "socket", "any", "any of the socket"])
def test_an_event_whose_handler_got_it_is_logged_and_the_next_is_handled(
    handler: Callable[..., Any], kind: str
) -> None:
    rig = AppRig()
    client, socket = rig.connect()
    owner = rig.io if kind in ("namespace", "any") else socket
    if kind.startswith("any"):
        owner.on_any(handler)
    else:
        owner.on("a", handler)
    rig.io.on("b", rig.calls.append)
    rig.io.on("b", returning("answer"))
    answers = rig.send(client, '421["a"]', '422["b"]')
    assert rig.logged[0] == "handler of 'a' failed"
    assert isinstance(rig.runtime.logged[0][1], Cancelled)
    assert rig.calls == [socket]
    assert answers == ['32["answer"]']  # what has failed does not acknowledge
    assert_counted_down(flow_of(socket))
    assert all(task.error is None for task in rig.runtime.tasks)


def test_the_other_handlers_of_the_event_run() -> None:
    rig = AppRig()
    client, socket = rig.connect()
    rig.io.on("a", awaiting_another)
    rig.io.on("a", rig.calls.append)
    rig.send(client, '42["a"]')
    assert rig.calls == [socket]


def test_a_middleware_that_got_it_keeps_the_socket_out_as_any_that_fails() -> None:
    rig = AppRig()
    rig.io.use(awaiting_another)
    assert rig.send(rig.open("websocket"), "40") == ['4{"message":"Internal server error"}']
    assert rig.logged == ["middleware failed, so the socket was refused"]


@pytest.mark.parametrize("moment", ["connection", "disconnecting", "disconnect"])
def test_a_moment_of_a_socket_is_told_to_the_others(moment: str) -> None:
    rig = AppRig()
    rig.io.on(moment, awaiting_another)
    rig.io.on(moment, note(rig, moment))
    client, socket = rig.connect()
    rig.send(client, "41")
    assert [call[:2] for call in rig.calls] == [(moment, socket.id)]
    assert rig.logged == [f"handler of {moment!r} failed"]


def test_a_bare_session_goes_on() -> None:
    rig = EngineRig()

    def note_told(_: EngineSession, *told: object) -> None:
        rig.calls.append(told)

    for moment in ("connection", "message", "close"):
        rig.app.on(moment, awaiting_another)
        rig.app.on(moment, note_told)
    client, session = rig.connect()
    rig.send(client, "4a", "4b")
    rig.start(session.close())
    assert rig.calls == [(), ("a",), ("b",), ("forced close",)]
    names = [message.split()[2] for message, _ in rig.runtime.logged]
    assert names == ["'connection'", "'message'", "'message'", "'close'"]
    assert_counted_down(flow_of_session(session))


def test_a_client_and_its_connection_go_on() -> None:
    rig = ClientRig()
    socket = rig.host.socket_of("/")
    for name in ("connect", "a"):
        socket.on(name, awaiting_another)
        socket.on(name, rig.note(name))
    socket.on_any(awaiting_another)
    rig.io.on("open", awaiting_another)
    rig.io.on("open", rig.note("open"))
    rig.up()
    rig.hear('21["a",1]', '2["a",2]')
    assert rig.calls == [("open", "websocket"), ("connect",), ("a", 1), ("a", 2)]
    assert rig.sent() == []
    assert_counted_down(rig.host.flow)


def test_an_auth_function_that_got_it_has_failed() -> None:
    rig = ClientRig().up()
    waiting = rig.start(rig.host.socket_of("/other", awaiting_another).wait_first_outcome())
    assert "auth could not be made or sent" in str(waiting.error)


def test_what_a_site_asks_is_answered() -> None:
    io = Server(allow_request=awaiting_another, http=awaiting_another)
    served = Served(io)
    assert served.connect().ask(POLLING).status == 403
    assert served.connect().ask("/page").status == 500


# -- what is no failure ------------------------------------------------------------------------------------------------


ENDS: Final = [KeyboardInterrupt, SystemExit, GeneratorExit]


@pytest.mark.parametrize("kind", ENDS)
def test_what_ends_all_is_nobodys_failure(kind: type[BaseException]) -> None:
    runtime = HandRuntime(FakeClock())
    assert not has_failed(kind(), runtime)
    group = BaseExceptionGroup("", [ValueError(), BaseExceptionGroup("", [kind()])])
    assert not has_failed(group, runtime)


def test_any_other_exception_is_one() -> None:
    for error in (ValueError(), ExceptionGroup("", [ValueError()])):
        assert has_failed(error, UNBOUND)
    assert not has_failed(asyncio.CancelledError(), UNBOUND)
