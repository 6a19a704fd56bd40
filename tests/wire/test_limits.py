"""How many connections there may be, and how many requests over one: what a client sees."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.serving import Timeouts
from socketio_core.settings import ServerLimits
from tests.wire.by_hand import House


def house_of(*, trust_proxy: Any = False, **limits: int) -> House:
    return House(limits=ServerLimits(**limits), trust_proxy=trust_proxy)


def test_connection_too_many_gets_503_and_is_closed() -> None:
    house = house_of(max_connections=2)
    first, second, third = [house.connect() for _ in range(3)]
    answer = third.ask()
    assert (answer.status, answer.text, answer.headers["connection"]) == (503, "Too many connections\n", "close")
    assert house.engine.session_count == 0
    assert [first.ask().status, second.ask().status] == [200, 200]
    first.lose()
    third.lose()
    assert house.connect().ask().status == 200


def test_connection_too_many_that_says_nothing_is_soon_closed() -> None:
    """Its descriptor is what the limit is about."""
    house = house_of(max_connections=1)
    first, silent, slow = house.connect(), house.connect(), house.connect()
    slow.send(b"GET / HTT")
    house.advance(Timeouts().linger_s)
    assert (first.is_over(), silent.is_over(), slow.answer().status) == (False, True, 408)
    house.advance(Timeouts().linger_s)
    assert slow.is_over()


def test_connections_of_an_address_are_limited() -> None:
    house = house_of(max_connections_per_address=1)
    first = house.connect(address="2001:db8::1")
    answer = house.connect(address="2001:db8::2").ask()
    assert (answer.status, answer.text) == (429, "Too many connections from this address\n")
    for _ in range(2):
        assert house.connect(address="unix:").ask().status == 200
    assert house.connect(address="2001:db8:0:1::1").ask().status == 200
    for peer in house.peers:
        peer.lose()
        peer.lose()
    assert first.is_over()
    assert house.connect(address="2001:db8::2").ask().status == 200


def test_a_server_that_is_full_says_so_whoever_comes() -> None:
    house = house_of(max_connections=1, max_connections_per_address=1)
    house.connect(address="192.0.2.1")
    assert house.connect(address="192.0.2.1").ask().text == "Too many connections\n"


@pytest.mark.parametrize("trusted", [True, ["192.0.2.0/24"]])
def test_a_trusted_proxy_may_have_any_number(trusted: Any) -> None:
    house = house_of(trust_proxy=trusted, max_connections_per_address=1)
    assert [house.connect(address="192.0.2.1").ask().status for _ in range(3)] == [200] * 3


def test_last_request_of_a_connection_is_answered_with_a_close() -> None:
    house = house_of(max_requests_per_connection=3)
    peer = house.connect()
    answers = [peer.ask() for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.headers.get("connection") for answer in answers] == [None, None, "close"]
