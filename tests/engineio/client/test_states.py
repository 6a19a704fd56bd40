"""The table covers everything."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client.states import PACKET_KINDS, TABLE, CarrierState
from socketio_core.engineio.packet import PACKET_TYPES


@pytest.mark.parametrize("state", CarrierState)
def test_each_state_has_an_action_for_each_packet(state: CarrierState) -> None:
    assert set(TABLE[state]) == set(PACKET_KINDS)


def test_each_packet_type_is_a_kind() -> None:
    assert set(PACKET_TYPES) <= set(PACKET_KINDS)
