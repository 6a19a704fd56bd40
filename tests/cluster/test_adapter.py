"""Servers joined by a Redis: what each operation does on all of them, and on each alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import inf, nan
from typing import Any, Final

import pytest

from socketio_core import LocalProtocolError, RecoverySettings
from socketio_core.app import AckTimeout, BroadcastOperator, Disconnected, RemoteSocket, Socket
from socketio_core.cluster.selecting import LONGEST_S
from socketio_core.cluster.values import MAX_DEPTH
from socketio_core.socketio import Claim
from socketio_core.testing import WireClient
from tests.app.rig import note, returning
from tests.cluster.bus import nested
from tests.cluster.joined import KINDS, Joined, heard, reply


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# -- who is reached ----------------------------------------------------------------------------------------------------


class Four:
    """Two servers and two clients of each: 0 and 2 here, 1 and 3 there; 0 and 1 are in a room."""

    def __init__(self, kind: str) -> None:
        self.joined = Joined(kind)
        self.io = self.joined.io
        pairs = self.joined.clients() + self.joined.clients()
        self.clients: list[WireClient] = [client for client, _ in pairs]
        self.sockets: list[Socket] = [socket for _, socket in pairs]
        for socket in self.sockets[:2]:
            socket.join("hall")
        self.joined.run()

    def heard(self) -> list[int]:
        """Say which of the clients got something."""
        return [number for number, client in enumerate(self.clients) if heard(client)]


REACH: Final[list[tuple[Callable[[Four], BroadcastOperator], list[int]]]] = [
    (lambda it: it.io.except_([]), [0, 1, 2, 3]),
    (lambda it: it.io.to("hall"), [0, 1]),
    (lambda it: it.io.to(["hall", "other"]), [0, 1]),
    (lambda it: it.io.except_("hall"), [2, 3]),
    (lambda it: it.io.to("hall").except_(it.sockets[1].id), [0]),
    (lambda it: it.io.to(it.sockets[3].id), [3]),
    (lambda it: it.sockets[2].broadcast, [0, 1, 3]),
    (lambda it: it.io.local, [0, 2]),
    (lambda it: it.io.to("hall").local, [0]),
    (lambda it: it.io.volatile.to("hall").compress(compress=False), [0, 1]),
    (lambda it: it.io.to([]), []),
    (lambda it: it.io.of("/elsewhere").to("hall"), []),
]


@pytest.mark.parametrize(("choose", "numbers"), REACH)
def test_all_that_an_operator_does_is_done_on_both_servers(
    kind: str, choose: Callable[[Four], BroadcastOperator], numbers: list[int]
) -> None:
    four = Four(kind)
    joined, chosen = four.joined, choose(four)
    joined.result_of(chosen.emit("x", 1, b"2"))
    assert four.heard() == numbers
    chosen.emit_nowait("x")
    joined.run()
    assert four.heard() == numbers
    fetched = [socket.id for socket in joined.result_of(chosen.fetch_sockets())]
    assert sorted(fetched) == sorted(four.sockets[number].id for number in numbers)
    joined.result_of(chosen.sockets_join(["new", "newer"]))
    joined.result_of(chosen.sockets_leave("newer"))
    assert [number for number, socket in enumerate(four.sockets) if {"new", "newer"} & socket.rooms] == numbers
    assert not any("newer" in socket.rooms for socket in four.sockets)
    joined.result_of(four.io.to("new").emit("x"))
    assert four.heard() == numbers
    joined.result_of(chosen.disconnect_sockets())
    assert [number for number, socket in enumerate(four.sockets) if not socket.connected] == numbers
    assert joined.logged() == []


def test_arguments_arrive_as_they_are(kind: str) -> None:
    joined = Joined(kind)
    (_, _), (there, _) = joined.clients()
    joined.result_of(joined.io.emit("x", 1, "é", None, {"a": [1.5, True]}))
    joined.result_of(joined.io.emit("y", b"\x00\xff"))
    joined.result_of(joined.io.emit("z", 1 << 70))
    assert heard(there) == [
        '2["x",1,"é",null,{"a":[1.5,true]}]',
        '51-["y",{"_placeholder":true,"num":0}]',
        b"\x00\xff",
        '2["z",1180591620717411303424]' if kind != "classic" else '2["z",1.1805916207174113e+21]',
    ]


def test_a_broadcast_counts_those_of_its_own_process() -> None:
    joined = Joined()
    joined.clients()
    assert joined.result_of(joined.io.emit("x")) == 1


def test_what_cannot_be_sent_is_told_to_nobody() -> None:
    joined = Joined()
    (here, _), (there, _) = joined.clients()
    anything: Any = object()
    for wrong in (joined.io.emit("x", anything), joined.io.emit("connect"), joined.io.call("disconnect")):
        with pytest.raises(LocalProtocolError):
            joined.result_of(wrong)
    assert heard(here) == heard(there) == []


def test_what_only_this_server_could_send_is_reported() -> None:
    """A parser of one's own may take values that other servers have no form for."""
    joined = Joined()
    anything: Any = object()
    joined.rigs[0].host.adapter.server_side_emit("/", "x", [anything])
    assert joined.logged() == ["other servers cannot be told what this one was told"]


def test_what_others_would_refuse_for_its_depth_is_an_error_at_once(kind: str) -> None:
    joined = Joined(kind, settings={"max_emitted_json_depth": 400})
    _, (client, _) = joined.clients()
    told: list[Any] = []
    joined.rigs[1].io.on_server_side("x")(told.append)
    emits = (joined.io.server_side_emit, joined.io.server_side_emit_with_ack)
    for deep in (nested(MAX_DEPTH), nested(MAX_DEPTH + 40)):
        for emit in (*emits, joined.io.emit, joined.io.to("a").emit, joined.io.to("a").emit_with_ack):
            with pytest.raises(LocalProtocolError, match="data is nested deeper than 256"):
                joined.result_of(emit("x", deep))
    deepest = nested(MAX_DEPTH - 1)
    for emit in (*emits, joined.io.emit):
        joined.start(emit("x", deepest))
    assert told == [deepest] * 2
    assert heard(client) == [f'2["x",{json.dumps(deepest)}]']
    assert joined.logged() == []


# -- answers of clients ------------------------------------------------------------------------------------------------


def test_everybody_answers_wherever_they_are_and_counts_as_they_come(kind: str) -> None:
    four = Four(kind)
    task = four.joined.start(four.io.emit_with_ack("q", b"?"))
    order = (3, 0, 1, 2)
    for number in order:
        assert not task.is_done
        reply_to_binary(four.clients[number], str(number))
        four.joined.run()
    assert task.result == [[number] for number in order]
    assert four.joined.rigs[0].io.statistics().cluster == {**quiet(), "gaps": 0}


def reply_to_binary(client: WireClient, answer: str) -> None:
    question, _ = heard(client)
    found = re.match(r"51-(\d+)\[", question)
    assert found is not None
    client.send(f"43{found[1]}[{answer}]")


def quiet() -> dict[str, Any]:
    return {"state": "up", "waiting": 0, "waiting_bytes": 0, "dropped": 0, "malformed": 0, "refused": 0, "requests": 0}


def test_one_value_of_each_answer_travels(kind: str) -> None:
    four = Four(kind)
    for answer, found in (("", []), ("1,2", [1]), ('{"a":1}', [{"a": 1}]), ("null", [])):
        task = four.joined.start(four.io.to(four.sockets[1].id).emit_with_ack("q"))
        reply(four.clients[1], answer)
        four.joined.run()
        assert task.result == [found]


def test_who_does_not_answer_elsewhere_is_missed_as_here(kind: str) -> None:
    four = Four(kind)
    task = four.joined.start(four.io.timeout(1).call("q"))
    for number in (0, 1):
        reply(four.clients[number], str(number))
    four.joined.wait(1)
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "2 of 4 acks did not come"
    assert sorted(task.error.responses) == [0, 1]
    assert task.error.missing == [four.sockets[2].id]


@pytest.mark.parametrize(("timeout", "waits_s"), [(2, 2), (None, LONGEST_S)])
def test_who_left_elsewhere_does_not_hold_up_an_answer_for_ever(
    kind: str, timeout: float | None, waits_s: float
) -> None:
    joined = Joined(kind)
    (here, _), (there, _) = joined.clients()
    task = joined.start(joined.io.timeout(timeout).call("q"))
    reply(here, "1")
    there.send("1")
    joined.run()
    joined.wait(waits_s - 1, step=waits_s)
    assert not task.is_done
    joined.wait(1)
    assert isinstance(task.error, AckTimeout)
    assert str(task.error) == "1 of 2 acks did not come"


def test_a_client_that_is_asked_too_much_is_not_asked_by_others_either(kind: str) -> None:
    joined = Joined(kind, settings={"max_outstanding_acks": 1})
    (here, _), _ = joined.clients()
    _, there = joined.clients()[1]
    joined.start(there.call("held"))
    task = joined.start(joined.io.to(there.id).call("q"))
    assert task.result == []
    assert joined.logged()
    assert len(heard(here)) == 0


def test_nobody_at_all_is_answered_at_once(kind: str) -> None:
    joined = Joined(kind, 3)
    assert joined.result_of(joined.io.call("q")) == []
    assert joined.result_of(joined.io.local.call("q")) == []
    assert joined.result_of(joined.io.to([]).call("q")) == []


def test_who_is_cancelled_asks_no_more() -> None:
    joined = Joined()
    joined.clients()
    for asking in (joined.io.call("q"), joined.io.server_side_emit_with_ack("q")):
        task = joined.start(asking)
        assert joined.io.statistics().cluster == {**quiet(), "requests": 1, "gaps": 0}
        joined.runtime.cancel(task)
        joined.run()
        assert joined.io.statistics().cluster == {**quiet(), "gaps": 0}
        assert type(task.error).__name__ == "Cancelled"


# -- sockets of other servers ------------------------------------------------------------------------------------------


def remote(joined: Joined) -> RemoteSocket:
    (found,) = [each for each in joined.result_of(joined.io.fetch_sockets()) if isinstance(each, RemoteSocket)]
    return found


def test_a_remote_socket_says_what_its_server_says(kind: str) -> None:
    joined = Joined(kind, hide_headers=["Host"])
    (_, here), _ = joined.clients()
    client, there = joined.rigs[1].connect(auth='{"token":"t"}')
    joined.result_of(joined.io.to(joined.rigs[1].io.sockets.sockets and [here.id]).emit("x"))
    there.join(["b", "a"])
    there.data["name"] = "ann"
    found = next(each for each in joined.result_of(joined.io.fetch_sockets()) if each.id == there.id)
    assert isinstance(found, RemoteSocket)
    assert repr(found) == f"<RemoteSocket {there.id} of />"
    assert (found.nsp, found.rooms, found.data) == ("/", {there.id, "a", "b"}, {"name": "ann"})
    shown, own = found.handshake, there.handshake
    assert (shown.url, shown.query, shown.auth) == (own.url, own.query, {"token": "t"})
    assert (shown.address, shown.secure, shown.xdomain) == (own.address, own.secure, own.xdomain)
    assert (shown.issued, shown.time) == (own.issued, own.issued / 1000)
    assert shown.headers == {name: value for name, value in own.headers.items() if name != "host"}
    assert client is not None


def test_what_a_remote_socket_is_told_reaches_it(kind: str) -> None:
    joined = Joined(kind)
    (here, _), (client, socket) = joined.clients()
    found = remote(joined)
    found.join("new")
    joined.run()
    assert "new" in socket.rooms
    found.leave(["new"])
    joined.run()
    assert "new" not in socket.rooms
    assert joined.result_of(found.emit("x", 1)) is True
    assert found.emit_nowait("y") is True
    joined.run()
    assert heard(client) == ['2["x",1]', '2["y"]']
    assert joined.result_of(found.volatile.compress(compress=False).emit("z")) is True
    joined.run()
    assert heard(client) == ['2["z"]']
    task = joined.start(found.call("q"))
    reply(client, "5")
    joined.run()
    assert task.result == 5
    task = joined.start(found.timeout(1).emit_with_ack("q"))
    joined.wait(1)
    assert isinstance(task.error, AckTimeout)
    joined.result_of(found.disconnect())
    assert not socket.connected
    with pytest.raises(Disconnected, match="socket has left, so 'q' was not sent"):
        joined.result_of(found.call("q"))
    assert heard(here) == []


@pytest.mark.parametrize("issued", ["x", nan, inf, -1, 1 << 64])
def test_a_remote_socket_is_whatever_another_server_says_that_it_is(issued: object) -> None:
    joined = Joined()
    app: Any = None
    found = RemoteSocket(app, "/", {"rooms": 5, "handshake": {"issued": issued, "headers": []}, "data": "y"})
    assert (found.id, found.rooms, found.data, found.handshake.headers, found.handshake.issued) == (
        "",
        set(),
        {},
        {},
        0,
    )
    assert joined.logged() == []


def test_data_that_cannot_be_told_is_left_out(kind: str) -> None:
    joined = Joined(kind)
    _, (_, socket) = joined.clients()
    others: dict[Any, Any] = {"name": "ann", "lock": object(), 5: {6}}
    socket.data |= others
    assert remote(joined).data == {"name": "ann", "5": [6]}
    socket.data = {"name": "ann", "deepest": nested(MAX_DEPTH), "deep": nested(MAX_DEPTH + 1), "deeper": nested(600)}
    assert remote(joined).data.keys() == {"name", "deepest"}
    assert joined.logged() == []


def test_a_lost_client_is_known_where_it_was() -> None:
    joined = Joined(settings={"recovery": RecoverySettings()})
    rig = joined.rigs[0]
    client = rig.open("websocket")
    (accepted,) = rig.send(client, "40")
    told = json.loads(str(accepted).removeprefix("40").removeprefix("0"))
    assert client.websocket is not None
    client.websocket.drop()
    joined.run()
    claims = [
        joined.result_of(each.host.adapter.take_session("/", Claim(told["pid"]))) for each in reversed(joined.rigs)
    ]
    assert [claim and claim.sid for claim in claims] == [None, told["sid"]]


def test_credentials_stay_where_they_are() -> None:
    joined = Joined()
    joined.clients()
    headers = dict(remote(joined).handshake.headers)
    assert not {"cookie", "authorization"} & set(headers)


# -- rooms and namespaces ----------------------------------------------------------------------------------------------


def test_all_rooms_are_those_of_all_servers(kind: str) -> None:
    joined = Joined(kind)
    (_, here), (_, there) = joined.clients()
    here.join("a")
    there.join("b")
    assert joined.result_of(joined.io.all_rooms()) == {"a", "b", here.id, there.id}
    assert joined.result_of(joined.io.of("/other").all_rooms()) == set()


def test_rooms_that_come_and_go_are_heard_of(kind: str) -> None:
    joined = Joined(kind)
    (_, _), (client, socket) = joined.clients()
    other, second = joined.rigs[1].connect()
    for each in (socket, second):
        each.join("r")
    socket.leave("r")
    joined.run()
    joined.result_of(joined.io.to("r").emit("x", 1))
    other.send("1")
    joined.run()
    joined.result_of(joined.io.to("r").emit("x", 2))
    assert heard(other)[:1] == ['2["x",1]']
    assert heard(client) == []
    assert joined.result_of(joined.io.to(socket.id).emit("x", 3)) == 0
    assert heard(client) == ['2["x",3]']


def test_a_namespace_of_which_only_others_know_is_asked_about(kind: str) -> None:
    joined = Joined(kind)
    for rig in joined.rigs:
        rig.io.of(re.compile("/room-.*")).on_server_side("who")(returning("there"))
    client, socket = joined.rigs[1].connect("/room-1")
    joined.run()
    room = joined.io.of("/room-1")
    (found,) = joined.result_of(room.fetch_sockets())
    assert found.id == socket.id
    asked = [joined.start(room.server_side_emit_with_ack("who")), joined.start(room.call("q"))]
    reply(client, "1")
    joined.run()
    assert [task.result for task in asked] == [[["there"]], [1]] if "/" else []
    joined.result_of(room.emit("x"))
    assert heard(client) == ['2/room-1,["x"]']
    client.send("41/room-1,")
    joined.run()
    assert joined.result_of(room.fetch_sockets()) == []


def channels(joined: Joined) -> list[set[tuple[str, str]]]:
    """Return what each connection hears."""
    return [set(connection.heard) for connection in joined.bus.connections.values()]


def test_who_has_asked_in_a_namespace_hears_it_until_nobody_there_asks_any_more(kind: str) -> None:
    joined = Joined(kind)
    joined.io.of(re.compile("/new"))
    joined.rigs[1].io.of("/new").on_server_side("x")(returning(1))
    joined.run()
    before = channels(joined)
    namespace = joined.io.of("/new")
    asked = [joined.start(namespace.server_side_emit_with_ack("x", timeout=None)) for _ in range(2)]
    joined.run()
    assert [task.result for task in asked] == [[[1]]] * 2
    assert channels(joined) == before


def test_a_question_in_a_new_namespace_waits_until_answers_would_be_heard(kind: str) -> None:
    joined = Joined(kind)
    joined.rigs[1].io.of("/new").on_server_side("x")(returning(1))
    joined.run()
    listener = joined.lines[1]
    joined.hung.add(listener)
    namespace = joined.io.of("/new")
    asked = joined.start(namespace.server_side_emit_with_ack("x", timeout=1))
    late = joined.start(namespace.server_side_emit_with_ack("x", timeout=3))
    joined.wait(1)
    assert str(asked.error) == "1 of 1 acks did not come"
    joined.hung.clear()
    joined.run()
    assert late.result == [[1]]


# -- servers -----------------------------------------------------------------------------------------------------------


def test_other_servers_hear_what_they_are_told_in_order(kind: str) -> None:
    joined = Joined(kind, 3)
    here = joined.rigs[0]
    for number, rig in enumerate(joined.rigs):
        rig.io.on_server_side("x")(note(here, f"server {number}"))
    for value in (1, b"2", {"three": 3}):
        joined.io.of("/").emit_nowait("never mind")
        joined.start(joined.io.server_side_emit("x", value))
    binary = {"type": "Buffer", "data": [50]} if kind == "classic" else b"2"  # as between servers of Node
    for number in (1, 2):
        said = [value for name, value in here.calls if name == f"server {number}"]
        assert said == [1, binary, {"three": 3}]
    assert not [name for name, _ in here.calls if name == "server 0"]


def test_handlers_of_server_events_do_not_wait_for_each_other(kind: str) -> None:
    joined = Joined(kind)
    gate = joined.runtime.new_event()
    begun: list[int] = []

    @joined.rigs[1].io.on_server_side("x")
    async def handle(number: int) -> int:
        begun.append(number)
        if number == 1:
            await gate.wait()
        return number * 10

    tasks = [joined.runtime.start(joined.io.server_side_emit_with_ack("x", number)) for number in (1, 2, 3)]
    joined.run()
    assert begun == [1, 2, 3]
    assert [task.is_done for task in tasks] == [False, True, True]
    gate.set()
    joined.run()
    assert [task.result for task in tasks] == [[[10]], [[20]], [[30]]]


def test_servers_answer_with_one_value_and_those_without_a_handler_not_at_all(kind: str) -> None:
    joined = Joined(kind, 3)
    joined.rigs[1].io.on_server_side("x")(returning((1, 2)))
    task = joined.start(joined.io.server_side_emit_with_ack("x", timeout=1))
    joined.wait(1)
    assert isinstance(task.error, AckTimeout)
    assert (str(task.error), task.error.responses) == ("1 of 2 acks did not come", [[1]])
    joined.rigs[2].io.on_server_side("x")(returning(None))
    assert joined.result_of(joined.io.server_side_emit_with_ack("x")) == [[1], []]


def test_an_answer_that_cannot_be_sent_is_reported(kind: str) -> None:
    joined = Joined(kind)
    joined.rigs[1].io.on_server_side("x")(returning(object()))
    task = joined.start(joined.io.server_side_emit_with_ack("x", timeout=1))
    assert joined.logged() == ["return value of the handler of 'x' cannot be sent"]
    joined.wait(1)
    assert isinstance(task.error, AckTimeout)


def test_an_answer_that_others_would_refuse_for_its_depth_is_reported(kind: str) -> None:
    joined = Joined(kind, settings={"max_json_depth": 400})
    _, (client, socket) = joined.clients()
    joined.rigs[1].io.on_server_side("x")(returning(nested(300)))
    joined.start(joined.io.server_side_emit_with_ack("x", timeout=1))
    joined.start(joined.io.to(socket.id).emit_with_ack("q", timeout=1))
    reply(client, json.dumps(nested(300)))
    joined.run()
    assert joined.logged() == [
        "return value of the handler of 'x' cannot be sent",
        "acknowledgement of a client cannot be sent to the server that asked",
    ]
