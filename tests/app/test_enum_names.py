"""Names that are members of an enum: what they are equal to counts, and not how they hash or print."""

from __future__ import annotations

from enum import Enum

import pytest

from socketio_core.app.operators import room_set
from tests.app.rig import AppRig, note


class Name(str, Enum):  # noqa: UP042 - a `StrEnum` is well-behaved
    """Not what it looks like to a dict."""

    FIRST = "a"
    SECOND = "connect"

    __hash__ = Enum.__hash__  # pyright: ignore[reportAssignmentType] # of another base


@pytest.mark.parametrize("rooms", [Name.FIRST, [Name.FIRST]])
def test_rooms(rooms: str | list[str]) -> None:
    rig = AppRig()
    _, socket = rig.connect()
    socket.join("a")
    assert rig.result_of(rig.io.to(rooms).fetch_sockets()) == [socket]
    assert rig.result_of(rig.io.except_(rooms).fetch_sockets()) == []
    assert [type(room) for room in room_set(rooms)] == [str]


def test_events_and_moments() -> None:
    rig = AppRig()
    heard = note(rig, "heard")
    rig.io.on(Name.FIRST, heard)
    rig.io.on(Name.SECOND, note(rig, "connected"))
    client, socket = rig.connect()
    rig.send(client, '42["a"]')
    rig.io.off(Name.FIRST, heard)
    rig.send(client, '42["a"]')
    assert rig.calls == [("connected", socket.id), ("heard", socket.id)]


def test_namespaces() -> None:
    class Nsp(str, Enum):  # noqa: UP042 - as above
        ADMIN = "/admin"

    rig = AppRig()
    namespace = rig.io.of(Nsp.ADMIN)
    assert namespace is rig.io.of("/admin")
    assert (type(namespace.name), namespace.name) == (str, "/admin")
