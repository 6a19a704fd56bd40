"""Events from server to server, where several are joined; one that is alone tells nobody."""

from __future__ import annotations

import re
from typing import Any

import pytest

from socketio_core import LocalProtocolError, Server
from socketio_core.app import AckTimeout
from tests.app.bus import Bus
from tests.app.rig import AppRig, note, returning


class Pair:
    """Two servers that are joined."""

    def __init__(self) -> None:
        bus = Bus()
        self.here = AppRig(adapter=bus)
        self.there = AppRig(adapter=bus, beside=self.here)

    def ask(self, *args: Any, **options: Any) -> Any:
        return self.here.result_of(self.here.io.server_side_emit_with_ack(*args, **options))


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.mark.parametrize("nsp", [None, "/", "/a"])
def test_who_is_alone_tells_nobody(nsp: str | None) -> None:
    rig = AppRig()
    by = rig.io if nsp is None else rig.io.of(nsp)
    by.on_server_side("x")(note(rig, "x"))
    assert rig.result_of(by.server_side_emit("x", 1)) is None
    assert rig.result_of(by.server_side_emit_with_ack("x", 1)) == []
    assert rig.calls == []


def test_the_others_hear_and_no_client_does(pair: Pair) -> None:
    client, _ = pair.there.connect()
    for rig in (pair.here, pair.there):
        rig.io.on_server_side("x")(note(pair.here, "here" if rig is pair.here else "there"))
        rig.io.on("x", note(pair.here, "a client's"))
        rig.io.on("*", note(pair.here, "a client's"))
    pair.here.result_of(pair.here.io.server_side_emit("x", 1, b"2"))
    assert pair.here.calls == [("there", 1, b"2")]
    assert client.take_messages() == []
    pair.there.send(client, '42["x",1]')
    assert pair.here.calls[1][0] == "a client's"


@pytest.mark.parametrize(
    ("results", "answer"),
    [([5], [5]), ([None], []), ([(1, 2)], [1, 2]), ([None, "second"], ["second"]), (["first", "second"], ["first"])],
)
def test_the_answer_is_what_a_handler_returns(pair: Pair, results: list[Any], answer: list[Any]) -> None:
    for result in results:
        pair.there.io.of("/a").on_server_side("x")(returning(result))
    asking = pair.here.io.of("/a").server_side_emit_with_ack("x", timeout=None)
    assert pair.here.result_of(asking) == [answer]


@pytest.mark.parametrize("result", [ValueError("broken"), "nobody"])
def test_who_does_not_answer_is_missed(pair: Pair, result: Any) -> None:
    if result != "nobody":
        pair.there.io.on_server_side("x")(returning(result))
        pair.there.io.on_server_side("x")(returning(1))
    with pytest.raises(AckTimeout, match="1 of 1 acks did not come") as caught:
        pair.ask("x")
    assert (caught.value.responses, caught.value.missing) == ([], [])
    assert pair.there.logged == (["handler of 'x' failed"] if result != "nobody" else [])


def test_one_that_cannot_take_what_came_is_named(pair: Pair) -> None:
    def two(_: int, __: int) -> None: ...

    pair.there.io.on_server_side("x")(two)
    pair.here.result_of(pair.here.io.server_side_emit("x", 1))
    assert "two of 'x' takes (_: 'int', __: 'int'), and was given (1,)" in pair.there.logged[0]


def test_a_family_hears_for_its_children(pair: Pair) -> None:
    pair.there.io.of(re.compile("/a.*")).on_server_side("x")(returning("family"))
    pair.there.connect("/abc")
    child = pair.here.io.of("/abc")
    assert pair.here.result_of(child.server_side_emit_with_ack("x")) == [["family"]]
    with pytest.raises(AckTimeout):
        pair.here.result_of(pair.here.io.of("/nowhere").server_side_emit_with_ack("x"))


def test_a_handler_that_is_cancelled_passes_it_on(pair: Pair) -> None:
    gate = pair.there.runtime.new_event()
    pair.there.io.on_server_side("x")(gate.wait)
    task = pair.here.start(pair.here.io.server_side_emit_with_ack("x"))
    pair.here.runtime.cancel(task)
    pair.here.run()
    assert (type(task.error).__name__, pair.there.logged) == ("Cancelled", [])


@pytest.mark.parametrize("name", ["connect", "connection", "disconnect", "disconnecting", "new_namespace", 5])
def test_names_that_mean_something_are_refused(name: Any) -> None:
    rig = AppRig()
    for emit in (rig.io.server_side_emit, rig.io.server_side_emit_with_ack):
        with pytest.raises(LocalProtocolError):
            rig.result_of(emit(name))


def test_what_is_no_json_is_refused_though_nobody_hears() -> None:
    anything: Any = object()
    rig = AppRig()
    with pytest.raises(LocalProtocolError):
        rig.result_of(rig.io.server_side_emit("x", anything))
    with pytest.raises(LocalProtocolError, match="timeout"):
        rig.result_of(rig.io.server_side_emit_with_ack("x", timeout=-1))
    with pytest.raises(TypeError, match="handler must be a function"):
        Server().on_server_side("x")(anything)
