"""Families whose function waits or looks at `auth`: who is asked, what becomes of the namespace, who is told of it."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from socketio_core.app import Namespace, ParentNamespace, Socket
from socketio_core.app.namespaces import NamePredicate
from socketio_core.testing import WireClient
from tests.app.hand_runtime import HandEvent
from tests.app.rig import AppRig, note, returning
from tests.socketio.rig import drain

Auth = Mapping[str, Any]


@pytest.fixture
def rig() -> AppRig:
    return AppRig()


def ask(rig: AppRig, nsp: str, **auth: object) -> WireClient:
    """Let a new client ask for a namespace."""
    client = rig.open()
    rig.send(client, f"40{nsp},{json.dumps(auth)}")
    return client


def come(rig: AppRig, nsp: str, **auth: object) -> bool:
    """Return whether a new client is let in, or there is no such thing."""
    (answer,) = rig.send(rig.open(), f"40{nsp},{json.dumps(auth)}")
    assert str(answer).startswith(f'0{nsp},{{"sid":') or answer == f'4{nsp},{{"message":"Invalid namespace"}}'
    return str(answer).startswith("0")


class Gated:
    """A function that waits until it is told, and notes what it is asked."""

    def __init__(self, rig: AppRig, prefix: str = "/room") -> None:
        self.gates: list[HandEvent] = []
        self.asked: list[tuple[str, Auth]] = []
        self._prefix = prefix
        self._rig = rig

    async def __call__(self, name: str, auth: Auth) -> bool:
        self.asked.append((name, auth))
        self.gates.append(self._rig.runtime.new_event())
        await self.gates[-1].wait()
        return name.startswith(self._prefix) and auth.get("key") == 1


# -- who is asked ------------------------------------------------------------------------------------------------------


def test_each_client_is_asked_about_with_its_auth(rig: AppRig) -> None:
    """The reference asks about the first alone, who opens the door to all others."""

    async def allow(name: str, auth: Auth) -> bool:
        return name.startswith("/room") and auth.get("key") == 1

    family = rig.io.of(allow)
    family.use(note(rig, "guard"))
    assert [come(rig, "/room-1", key=key) for key in (2, 1, 2, 1)] == [False, True, False, True]
    assert not come(rig, "/other", key=1)
    (child,) = family.children
    assert (child.name, child.parent, len(child.sockets), len(rig.calls)) == ("/room-1", family, 2, 2)


async def by_name_later(name: str) -> bool:
    return name == "/room"


def by_auth_at_once(name: str, auth: Auth) -> bool:
    return name == "/room" and auth.get("key") == 1


class ByObject:
    async def __call__(self, name: str) -> bool:
        return name == "/room"


@pytest.mark.parametrize("function", [by_name_later, by_auth_at_once, ByObject()], ids=["async", "auth", "object"])
def test_it_may_wait_or_look_at_auth_or_both(rig: AppRig, function: NamePredicate) -> None:
    family = rig.io.of(function)
    assert rig.io.of(function) is family
    assert [come(rig, nsp, key=1) for nsp in ("/room", "/other")] == [True, False]
    assert come(rig, "/room", key=2) is (function is not by_auth_at_once)


def test_what_is_registered_with_the_family_counts(rig: AppRig) -> None:
    family = rig.io.of(by_name_later)
    family.on("x", returning("family"))
    client, socket = rig.connect("/room")
    assert rig.send(client, '42/room,1["x"]') == ['3/room,1["family"]']
    assert family.children == [socket.namespace]


def test_two_at_once_are_in_one_namespace(rig: AppRig) -> None:
    gated = Gated(rig)
    family = rig.io.of(gated)
    rig.io.on("new_namespace", note(rig, "new"))
    first, second = (ask(rig, "/room-1", key=1) for _ in range(2))
    assert gated.asked == [("/room-1", {"key": 1})] * 2
    assert (family.children, rig.calls) == ([], [])
    for gate in reversed(gated.gates):
        gate.set()
        rig.run()
    (child,) = family.children
    assert len(child.sockets) == 2
    assert rig.calls == [("new", child)]
    rig.result_of(child.emit("x"))
    assert [drain(client)[1:] for client in (first, second)] == [['2/room-1,["x"]']] * 2


def test_events_wait_until_it_is_decided(rig: AppRig) -> None:
    gated = Gated(rig)
    rig.io.of(gated).on("x", returning(5))
    client = ask(rig, "/room-1", key=1)
    assert rig.send(client, '42/room-1,1["x"]') == []
    gated.gates[0].set()
    rig.run()
    answers = drain(client)
    assert str(answers[0]).startswith("0/room-1,")
    assert answers[1:] == ["3/room-1,1[5]"]


def test_a_client_that_has_gone_meanwhile_meets_nobody(rig: AppRig) -> None:
    gated = Gated(rig)
    family = rig.io.of(gated)
    family.use(note(rig, "guard"))
    client = ask(rig, "/room-1", key=1)
    rig.send(client, "1")
    gated.gates[0].set()
    rig.run()
    assert (rig.calls, family.children, rig.logged) == ([], [], [])
    assert [each.name for each in rig.io.namespaces] == ["/"]


def test_one_that_fails_says_no(rig: AppRig) -> None:
    async def fail(name: str, auth: Auth) -> bool:
        raise ValueError(name)

    rig.io.of(fail)
    rig.io.of(by_name_later)
    assert come(rig, "/room")
    assert rig.logged == ["function of a namespace's name failed: '/room'"]


def test_one_that_is_cancelled_refuses_and_passes_it_on(rig: AppRig) -> None:
    rig.io.of(Gated(rig))
    client = ask(rig, "/room-1", key=1)
    (task,) = (task for task in rig.runtime.tasks if task.waits_for is not None)
    rig.runtime.cancel(task)
    rig.run()
    assert drain(client) == ['4/room-1,{"message":"Server is shutting down"}']
    assert type(task.error).__name__ == "Cancelled"


# -- several families --------------------------------------------------------------------------------------------------


def test_they_are_asked_in_order_and_the_first_has_it(rig: AppRig) -> None:
    pattern = rig.io.of(re.compile("/first.*"))
    gated = Gated(rig)
    waiting = rig.io.of(gated)
    late = rig.io.of(re.compile("/(room|late).*"))
    for nsp in ("/first-1", "/late-1", "/room-1"):
        ask(rig, nsp, key=1)
    assert [name for name, _ in gated.asked] == ["/late-1", "/room-1"]
    for gate in gated.gates:
        gate.set()
    rig.run()
    families = (pattern, late, waiting)
    assert [family.children[0].name for family in families] == ["/first-1", "/late-1", "/room-1"]


def test_what_has_a_family_asks_no_other(rig: AppRig) -> None:
    """Though another would let this client in: a namespace has the guards of one family."""
    first, second = Gated(rig), Gated(rig)
    families = [rig.io.of(first), rig.io.of(second)]
    ask(rig, "/room-1", key=1)
    first.gates[0].set()
    rig.run()
    ask(rig, "/room-1", key=2)
    first.gates[1].set()
    rig.run()
    assert (len(first.asked), len(second.asked)) == (2, 0)
    assert [len(family.children) for family in families] == [1, 0]


def test_who_is_late_is_refused_by_the_family_that_it_has_meanwhile(rig: AppRig) -> None:
    """The first family has said no to this client, and the second would say yes."""

    async def by_key(name: str, auth: Auth) -> bool:
        return auth.get("key") == 1

    gated = Gated(rig)
    rig.io.of(by_key)
    rig.io.of(gated)
    late = ask(rig, "/room-1", key=2)  # the second family is asked, and takes its time
    assert come(rig, "/room-1", key=1)
    gated.asked[0][1]["key"] = 1  # type: ignore[index] # it is a dict
    gated.gates[0].set()
    rig.run()
    assert drain(late) == ['4/room-1,{"message":"Invalid namespace"}']


# -- namespaces made by name -------------------------------------------------------------------------------------------


def test_what_is_only_sent_to_opens_no_door(rig: AppRig) -> None:
    family = rig.io.of(by_auth_at_once)
    child = rig.io.of("/room")
    assert child.emit_nowait("x") == 0
    assert [come(rig, "/room", key=key) for key in (2, 1)] == [False, True]
    assert (family.children, child.parent, child.emit_nowait("x")) == ([child], family, 1)
    rig.io.of("/other")
    assert not come(rig, "/other", key=1)


def test_using_many_names_leaves_nothing_behind(rig: AppRig) -> None:
    rig.io.of(by_auth_at_once)
    for number in range(100):
        rig.io.of(f"/room-{number}").emit_nowait("x")
        assert not come(rig, f"/nothing-{number}")
    rig.runtime.tasks.clear()
    gc.collect()
    assert [each.name for each in rig.io.namespaces] == ["/"]
    assert not [each for each in gc.get_objects() if isinstance(each, Namespace) and "-9" in each.name]


def test_one_with_handlers_of_its_own_belongs_to_nobody(rig: AppRig) -> None:
    """As in the reference; also while a client waits for the answer."""
    gated = Gated(rig, "/nothing")
    family = rig.io.of(gated)
    rig.io.on("new_namespace", note(rig, "new"))
    waiting = ask(rig, "/admin")
    rig.io.of("/admin").on("x", returning("own"))
    assert rig.calls == [("new", rig.io.of("/admin"))]
    gated.gates[0].set()
    rig.run()
    assert str(drain(waiting)[0]).startswith('0/admin,{"sid":')
    assert come(rig, "/admin")
    assert (len(gated.asked), family.children, rig.io.of("/admin").parent) == (1, [], None)
    assert len(rig.calls) == 1


# -- who is told -------------------------------------------------------------------------------------------------------


def test_new_namespaces_are_told_once_and_in_time_for_handlers(rig: AppRig) -> None:
    @rig.io.on("new_namespace")
    def prepare(namespace: Namespace) -> None:
        rig.calls.append(namespace.name)
        namespace.use(note(rig, "guard"))

    rig.io.of(re.compile("/a.*"))
    for _ in range(2):
        rig.io.of("/")
        rig.io.of("/made by name")
    rig.io.of(by_name_later)
    rig.io.of("/abc").emit_nowait("x")
    assert rig.calls == ["/made by name"]
    _, one = rig.connect("/abc")
    _, two = rig.connect("/abc")
    _, three = rig.connect("/room")
    guarded = [("guard", socket.id) for socket in (one, two, three)]
    assert rig.calls == ["/made by name", "/abc", *guarded[:2], "/room", guarded[2]]


def test_who_fails_to_hear_of_a_namespace_stops_nothing(rig: AppRig) -> None:
    rig.io.on("new_namespace", returning(ValueError("broken")))
    rig.io.on("new_namespace", note(rig, "told"))
    rig.io.of("/a")
    assert len(rig.calls) == 1
    assert rig.logged == ["handler of 'new_namespace' failed"]


def test_it_is_told_at_once_and_is_no_event(rig: AppRig) -> None:
    async def later(_: Namespace) -> None: ...

    with pytest.raises(TypeError, match="handler of 'new_namespace' must be a plain function"):
        rig.io.on("new_namespace", later)
    rig.io.on("new_namespace", note(rig, "moment"))
    elsewhere = rig.io.of("/a")
    rig.calls.clear()

    @elsewhere.on("new_namespace")
    async def event(_: Socket) -> str:
        return "an event"

    client, _ = rig.connect()
    assert rig.send(client, '421["new_namespace"]') == []
    client, _ = rig.connect("/a")
    assert rig.send(client, '42/a,1["new_namespace"]') == ['3/a,1["an event"]']
    assert rig.calls == []


# -- how long they stay ------------------------------------------------------------------------------------------------


def test_children_stay_if_that_is_asked_for(rig: AppRig) -> None:
    rows: list[tuple[Any, str]] = [(re.compile("/a.*"), "/abc"), (by_auth_at_once, "/room")]
    for pattern, nsp in rows:
        family: ParentNamespace = rig.io.of(pattern, cleanup_empty=False)
        assert not come(rig, nsp + "x") or nsp == "/abc"
        client, socket = rig.connect(nsp, auth='{"key":1}')
        rig.send(client, "1")
        assert not socket.connected
        gc.collect()
        assert nsp in [child.name for child in family.children]
    assert not come(rig, "/room"), "each client is asked about, whoever was there before"
    assert rig.io.of(re.compile("/a.*")).cleanup_empty is False


def test_nobody_who_is_refused_makes_one_that_stays(rig: AppRig) -> None:
    family = rig.io.of(re.compile("/a.*"), cleanup_empty=False)
    family.use(returning(False))  # noqa: FBT003 - what it returns
    rig.send(rig.open(), "40/abc,")
    assert family.children == []


def test_one_that_is_made_by_name_stays_anyway(rig: AppRig) -> None:
    anything: Any = rig.io.of
    with pytest.raises(TypeError, match="cleanup_empty is of a family"):
        anything("/a", cleanup_empty=False)


# -- operators ---------------------------------------------------------------------------------------------------------


def test_all_operators_reach_all_children(rig: AppRig) -> None:
    """In the reference, only `emit` and broadcasts without acknowledgements do; the others silently reach nobody."""
    family = rig.io.of(re.compile("/a.*"))
    people = [rig.connect(nsp) for nsp in ("/a1", "/a2", "/a2")]
    sockets = [socket for _, socket in people]
    sockets[0].join("red")
    sockets[1].join("red")
    _, elsewhere = rig.connect()
    elsewhere.join("red")
    for chosen, expected in (
        (family, sockets),
        (family.to("red"), sockets[:2]),
        (family.in_(["red", "blue"]).local.compress(False), sockets[:2]),  # noqa: FBT003 - the name users know
        (family.except_("red").timeout(1), sockets[2:]),
        (family.volatile.to("red").except_(sockets[1].id), sockets[:1]),
        (family.to([]), []),
    ):
        assert rig.result_of(chosen.fetch_sockets()) == expected
        assert chosen.emit_nowait("x", 1) == len(expected)
        rig.run()  # so nothing waits any more
        assert rig.result_of(chosen.send(2)) == len(expected)
        heard = [len(drain(client)) for client, _ in people]
        assert heard == [2 if socket in expected else 0 for socket in sockets]
    rig.result_of(family.to("red").sockets_join(["blue"]))
    rig.result_of(family.sockets_leave("red"))
    assert [socket.rooms - {socket.id} for socket in sockets] == [{"blue"}, {"blue"}, set()]
    assert elsewhere.rooms == {"red", elsewhere.id}
    rig.start(family.to("blue").disconnect_sockets())
    assert [socket.connected for socket in sockets] == [False, False, True]
    kept = family.to("red")
    _, late = rig.connect("/a9")
    late.join("red")
    assert rig.result_of(kept.emit("x")) == 1, "it means the children that there are when it is used"
