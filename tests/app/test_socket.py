"""A socket in the hands of an application: emitting, waiting, calling, rooms, its handshake. Spec: PROTOCOL 4.4."""

from __future__ import annotations

from typing import Any, Final

import pytest

from socketio_core.app import AckTimeout, Disconnected, Handshake, Socket
from socketio_core.errors import BufferFull, LocalProtocolError
from socketio_core.http import Request
from socketio_core.settings import EngineSettings
from socketio_core.testing import WireClient
from tests.app.hand_runtime import Cancelled
from tests.app.rig import AppRig, flow_of, member_of, note, waiting
from tests.socketio.rig import TRANSPORTS, drain, timer_count

BOTH = pytest.mark.parametrize("transport", TRANSPORTS)
SMALL: Final = EngineSettings(path="/socket.io/", high_water_bytes=100, max_buffered_bytes=1000)


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def stalled(rig: AppRig) -> tuple[WireClient, Socket]:
    """Return a client that reads nothing, with more than the high-water mark waiting for it."""
    client, socket = rig.connect()
    assert client.websocket is not None
    client.websocket.is_reading = False
    assert socket.emit_nowait("fill", "x" * 100)
    rig.run()
    return client, socket


def resume(rig: AppRig, client: WireClient) -> None:
    """Let the client read again."""
    assert client.websocket is not None
    client.websocket.is_reading = True
    client.websocket.on_ready()
    rig.run()


# -- what it is --------------------------------------------------------------------------------------------------------


def test_a_socket_knows_where_it_is_and_who(rig: AppRig) -> None:
    rig.io.of("admin")
    client, socket = rig.connect()
    _, admin = rig.connect("/admin", client=client)
    assert (socket.nsp, admin.nsp) == ("/", "/admin")
    assert socket.namespace is rig.io.sockets
    assert socket.id != admin.id
    assert rig.io.sockets.sockets == {socket.id: socket}
    assert socket.connected
    assert socket.data == {}
    assert socket.data is not admin.data
    assert repr(admin) == f"<Socket {admin.id} of /admin>"
    rig.send(client, "41")
    assert socket.id == member_of(socket).sid  # to be looked up after the end, too


def test_the_handshake_is_the_request_that_the_client_came_with(rig: AppRig) -> None:
    headers = [(b"cookie", b"a=b"), (b"origin", b"http://127.0.0.1"), (b"host", b"127.0.0.1")]
    client = WireClient(rig.server, rig.clock, headers=headers, query={"token": "t k"}).open("websocket")
    _, socket = rig.connect(client=client, auth='{"user":"é"}')
    handshake = socket.handshake
    assert handshake.auth == {"user": "é"}
    assert handshake.headers["cookie"] == "a=b"
    assert handshake.query == {"EIO": "4", "transport": "websocket", "token": "t k"}
    assert handshake.url == "/socket.io/?EIO=4&transport=websocket&token=t+k"
    assert handshake.address == "127.0.0.1"
    assert handshake.xdomain
    assert not handshake.secure
    rig.io.of("/other")
    _, other = rig.connect("/other", client=client)
    assert other.handshake.request is handshake.request  # the same for all namespaces (PROTOCOL 9-52)
    assert other.handshake.auth == {}
    assert socket.handshake.scope == {}


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("ws", False), ("https", True), ("wss", True)])
def test_the_handshake_is_secure_over_tls(scheme: str, *, secure: bool) -> None:
    """As ASGI calls it, a WebSocket's scheme is `wss`."""
    request = Request("GET", "/socket.io/?EIO=4", scheme=scheme)
    assert Handshake(request, {}).secure is secure


def test_the_scope_is_that_of_asgi_or_empty() -> None:
    request = Request("GET", "/", [], address="127.0.0.1", scheme="http")
    assert Handshake(request, {}).scope == {}
    request.scope = {"user": "ann"}
    assert Handshake(request, {}).scope == {"user": "ann"}


def test_a_request_without_an_origin_is_no_cross_domain_request(rig: AppRig) -> None:
    _, socket = rig.connect()
    assert not socket.handshake.xdomain


def test_rooms_are_joined_and_left_one_or_several(rig: AppRig) -> None:
    _, socket = rig.connect()
    socket.join("a")
    socket.join(["b", "c"])
    socket.leave(("a", "b", "never"))
    socket.leave(socket.id)
    assert socket.rooms == {socket.id, "c"}
    socket.rooms.add("a copy")
    assert socket.rooms == {socket.id, "c"}


# -- emit --------------------------------------------------------------------------------------------------------------


def test_rooms_are_a_copy(rig: AppRig) -> None:
    seen: list[set[str]] = []

    @rig.io.on("disconnecting")
    def leaving(socket: Socket, _: str) -> None:
        socket.rooms.add("not joined")
        seen.append(socket.rooms)

    client, socket = rig.connect()
    socket.rooms.add("not joined")
    assert socket.rooms == {socket.id}
    rig.send(client, "41")
    assert seen == [{socket.id}]


@BOTH
def test_events_are_sent_with_their_arguments(rig: AppRig, transport: str) -> None:
    client, socket = rig.connect(client=rig.open(transport))
    assert rig.start(socket.emit("a", 1, {"b": [b"x"]}, None)).result is True
    assert socket.emit_nowait("b") is True
    assert drain(client) == ['51-["a",1,{"b":[{"_placeholder":true,"num":0}]},null]', b"x", '2["b"]']


def test_emitting_below_the_mark_costs_no_task_switch(rig: AppRig) -> None:
    _, socket = rig.connect()
    before = rig.runtime.switches
    assert rig.start(socket.emit("a")).is_done
    assert rig.runtime.switches == before


def test_output_is_announced(rig: AppRig) -> None:
    _, socket = rig.connect()
    before = rig.runtime.flushes
    socket.emit_nowait("a")
    assert rig.runtime.flushes == before + 1
    socket.emit_volatile("a")
    assert rig.runtime.flushes == before + 2
    rig.start(socket.emit("a"))
    assert rig.runtime.flushes == before + 3


@pytest.mark.parametrize(("name", "args"), [("disconnect", ()), ("a", (object(),)), (1, ())])
def test_what_cannot_be_sent_is_an_error_at_once(rig: AppRig, name: Any, args: tuple[Any, ...]) -> None:
    client, socket = rig.connect()
    assert isinstance(rig.start(socket.emit(name, *args)).error, LocalProtocolError)
    assert isinstance(rig.start(socket.call(name, *args)).error, LocalProtocolError)
    with pytest.raises(LocalProtocolError):
        socket.emit_nowait(name, *args)
    assert client.take_messages() == []
    assert member_of(socket).pending_acks == {}


def test_a_cancelled_task_emits_nothing(rig: AppRig) -> None:
    client, socket = rig.connect()
    for coroutine in (socket.emit("a"), socket.call("a"), socket.disconnect()):
        task = rig.runtime.start(coroutine)
        rig.runtime.cancel(task)
        rig.run()
        assert isinstance(task.error, Cancelled)
    assert client.take_messages() == []
    assert socket.connected


def test_volatile_events_leave_at_once_or_not_at_all(rig: AppRig) -> None:
    client, socket = rig.connect()
    assert socket.emit_volatile("a")
    assert not socket.emit_volatile("b")
    rig.run()
    assert client.take_messages() == ['2["a"]']


# -- backpressure ------------------------------------------------------------------------------------------------------


def test_emit_waits_above_the_mark_and_is_woken_in_order() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    tasks = [rig.start(socket.emit("late", number)) for number in range(3)]
    call = rig.start(socket.call("question"))
    assert [task.is_done for task in tasks] == [False] * 3
    resume(rig, client)
    assert [task.result for task in tasks] == [True] * 3
    messages = client.take_messages()
    assert messages[1:] == ['2["late",0]', '2["late",1]', '2["late",2]', '20["question"]']
    rig.send(client, "430[]")
    assert call.is_done


def test_who_fills_the_buffer_again_makes_the_others_wait_again() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    big, small = rig.start(socket.emit("big", "x" * 100)), rig.start(socket.emit("small"))
    session = client.session
    assert session is not None
    taken = client.websocket.carrier.take() if client.websocket else []
    flow_of(socket).output_taken()
    rig.runtime.run_ready()
    assert len(taken) == 1
    assert [big.is_done, small.is_done] == [True, False]
    resume(rig, client)
    assert small.is_done


def test_emit_without_waiting_refuses_to_fill_a_full_buffer() -> None:
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    with pytest.raises(BufferFull):
        socket.emit_nowait("late")
    resume(rig, client)
    assert socket.emit_nowait("late")


def test_emit_without_waiting_looks_at_the_buffer_only_if_the_event_goes_there() -> None:
    """Who has left is sent nothing, and who is not let in yet has a buffer of its own."""
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    pending: list[Socket] = []
    gate = rig.runtime.new_event()
    rig.io.of("/other").use(pending.append)
    rig.io.of("/other").use(waiting(gate))
    client.send("40/other,")
    rig.run()
    assert member_of(socket).is_over_high_water
    assert pending[0].emit_nowait("early")
    rig.start(socket.disconnect())
    assert socket.emit_nowait("late") is False
    gate.set()
    resume(rig, client)
    assert '2/other,["early"]' in drain(client)


@pytest.mark.parametrize("end", ["41", "1", "server", "cancel"])
def test_who_waits_to_emit_learns_that_the_socket_left(end: str) -> None:
    """Also when only its namespace is over and the connection, with its full buffer, lives on."""
    rig = AppRig(SMALL)
    client, socket = stalled(rig)
    other_client, _ = rig.connect()
    task = rig.start(socket.emit("late"))
    call = rig.start(socket.call("late"))
    if end == "server":
        member_of(socket).disconnect(rig.now)
    elif end == "cancel":
        rig.runtime.cancel(task)
        rig.runtime.cancel(call)
    else:
        client.send(end)
    rig.run()
    assert task.is_done
    if end == "cancel":
        assert isinstance(task.error, Cancelled)
        assert isinstance(call.error, Cancelled)
    else:
        assert task.result is False
        assert isinstance(call.error, Disconnected)
    assert other_client.session is not None


def test_a_client_that_overflows_is_closed() -> None:
    rig = AppRig(SMALL)
    rig.io.on("disconnect", note(rig, "left"))
    _, socket = stalled(rig)
    for _ in range(10):
        rig.io.emit_nowait("more", "x" * 100)
    rig.run()
    assert rig.calls == [("left", socket.id, "transport error")]


# -- call --------------------------------------------------------------------------------------------------------------

ANSWERS: Final[list[tuple[list[str | bytes], Any]]] = [
    (["430[]"], None),
    (["430[null]"], None),
    (["430[1]"], 1),
    (["430[[1,2]]"], [1, 2]),
    (['430[1,"two"]'], (1, "two")),
    (['461-0[{"_placeholder":true,"num":0}]', b"x"], b"x"),
]


@BOTH
@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_a_call_returns_the_acknowledgement(
    rig: AppRig, transport: str, answer: list[str | bytes], expected: Any
) -> None:
    client, socket = rig.connect(client=rig.open(transport))
    task = rig.start(socket.call("question", 1))
    assert drain(client) == ['20["question",1]']
    assert not task.is_done
    rig.send(client, *answer)
    assert (task.error, task.result) == (None, expected)
    assert type(task.result) is type(expected)
    assert member_of(socket).pending_acks == {}
    assert timer_count(rig.server) == 0


@pytest.mark.parametrize(("answer", "expected"), [("430[]", []), ("430[null]", [None]), ('430[1,"two"]', [1, "two"])])
def test_emit_with_ack_returns_every_argument(rig: AppRig, answer: str, expected: list[Any]) -> None:
    client, socket = rig.connect()
    task = rig.start(socket.emit_with_ack("question", 1))
    rig.send(client, answer)
    assert (task.error, task.result) == (None, expected)


def test_a_call_that_is_not_answered_in_time_fails(rig: AppRig) -> None:
    client, socket = rig.connect()
    task = rig.start(socket.call("question", timeout=2.0))
    rig.wait(1.999)
    assert not task.is_done
    rig.wait(0.001)
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "no acknowledgement of 'question' in time"  # and nothing about middlewares
    assert task.error.responses == []
    assert rig.send(client, "430[1]") == ['20["question"]']


@pytest.mark.parametrize("end", ["41", "1", "49"])
def test_a_call_fails_at_once_when_the_socket_leaves(rig: AppRig, end: str) -> None:
    client, socket = rig.connect()
    task = rig.start(socket.call("question", timeout=60.0))
    client.send(end)
    rig.run()
    assert isinstance(task.error, Disconnected)
    assert str(task.error) == "socket left before it acknowledged 'question'"
    assert timer_count(rig.server) == 0


def test_a_call_to_a_socket_that_left_fails(rig: AppRig) -> None:
    client, socket = rig.connect()
    rig.send(client, "41")
    task = rig.start(socket.call("question"))
    assert isinstance(task.error, Disconnected)
    assert rig.start(socket.emit("a")).result is False
    assert socket.emit_nowait("a") is False


def test_a_cancelled_call_frees_its_ack(rig: AppRig) -> None:
    client, socket = rig.connect()
    task = rig.start(socket.call("question", timeout=60.0))
    rig.runtime.cancel(task)
    rig.run()
    assert isinstance(task.error, Cancelled)
    assert member_of(socket).pending_acks == {}
    assert timer_count(rig.server) == 0
    assert rig.send(client, "430[1]") == ['20["question"]']


def test_answers_find_their_calls(rig: AppRig) -> None:
    client, socket = rig.connect()
    tasks = [rig.start(socket.call("question", number)) for number in range(3)]
    rig.send(client, '432["c"]', '430["a"]', '431["b"]')
    assert [task.result for task in tasks] == ["a", "b", "c"]


# -- disconnect --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("close", [False, True])
def test_a_socket_is_disconnected_alone_or_with_its_connection(rig: AppRig, *, close: bool) -> None:
    for nsp in ("/", "/n"):
        rig.io.of(nsp).on("disconnect", note(rig, nsp))
    client, socket = rig.connect()
    _, other = rig.connect("/n", client=client)
    rig.start(socket.disconnect(close))
    expected = [("/", socket.id, "server namespace disconnect"), ("/n", other.id, "server namespace disconnect")]
    assert rig.calls == (expected if close else expected[:1])
    assert client.take_messages() == (["1", "1/n,"] if close else ["1"])
    assert (client.session is None) == close
    rig.start(socket.disconnect())
    assert len(rig.calls) == len(expected if close else expected[:1])
