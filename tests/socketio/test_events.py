"""What the layer reports: slotted, matchable values. Spec: ARCHITECTURE, "Public shapes"."""

from __future__ import annotations

from typing import get_args

import pytest

import socketio_core.socketio as package
from socketio_core.socketio import EventReceived, JsonParser, Member, Packet, ServerEvent
from tests.socketio.rig import Rig


@pytest.mark.parametrize("kind", get_args(ServerEvent))
def test_events_are_slotted_and_matchable(kind: type) -> None:
    assert "__slots__" in vars(kind)
    assert kind.__dictoffset__ == 0
    assert "__match_args__" in vars(kind)


@pytest.mark.parametrize(
    "kind", [Packet, Member, package.Connection, package.NamespaceCore, type(JsonParser().decoder())]
)
def test_what_there_are_many_of_is_slotted(kind: type) -> None:
    assert kind.__dictoffset__ == 0


def test_events_are_compared_by_their_fields() -> None:
    _, member = Rig().joined()
    assert EventReceived(member, "a", [1], 2, 3) == EventReceived(member, "a", [1], 2, 3)
    match EventReceived(member, "a", [1]):
        case EventReceived(found, "a", [1], None, 0):
            assert found is member
        case other:
            pytest.fail(repr(other))


def test_the_package_exports_what_it_says() -> None:
    assert set(package.__all__) <= set(dir(package))
    assert {kind.__name__ for kind in get_args(ServerEvent)} - {"RequestRefused"} <= set(package.__all__)
