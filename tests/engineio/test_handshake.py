"""The open packet. PROTOCOL 1.3."""

from __future__ import annotations

import pytest

from socketio_core.engineio.handshake import open_packet


def test_has_exactly_the_five_fields_in_order() -> None:
    assert open_packet("lv_VI97HAXpY6yYWAAAC", ["websocket"], 25.0, 20.0, 1_000_000) == (
        '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,'
        '"maxPayload":1000000}'
    )


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0.3, 300), (0.0014, 1), (1.0005, 1000), (0.29, 290), (3, 3000)])
def test_times_are_whole_milliseconds(seconds: float, milliseconds: int) -> None:
    packet = open_packet("s", [], seconds, seconds, 1)
    assert f'"upgrades":[],"pingInterval":{milliseconds},"pingTimeout":{milliseconds},' in packet


def test_a_strange_sid_is_escaped() -> None:
    assert open_packet('"é\n', [], 1, 1, 1).startswith('0{"sid":"\\"\\u00e9\\n",')
