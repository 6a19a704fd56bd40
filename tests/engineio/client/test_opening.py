"""Which transport is tried next; `test_session.py` has the sessions around it."""

from __future__ import annotations

import pytest

from socketio_core.engineio.client import Attempt, ClientMemory, OpenFailed
from socketio_core.engineio.client.opening import Attempts
from socketio_core.settings import EngineClientSettings


@pytest.mark.parametrize(
    ("transports", "remember", "worked", "order"),
    [
        (["polling", "websocket"], True, False, ["polling", "websocket"]),
        (["polling", "websocket"], True, True, ["websocket", "polling"]),
        (["polling", "websocket"], False, True, ["polling", "websocket"]),
        (["polling"], True, True, ["polling"]),
        (["websocket"], True, True, ["websocket"]),
    ],
)
@pytest.mark.parametrize("tries_all", [False, True])
def test_order_of_transports(
    transports: list[str],
    remember: bool,  # noqa: FBT001 - a row
    worked: bool,  # noqa: FBT001
    order: list[str],
    tries_all: bool,  # noqa: FBT001
) -> None:
    memory = ClientMemory()
    memory.websocket_worked = worked
    settings = EngineClientSettings(transports=transports, remember_upgrade=remember, try_all_transports=tries_all)
    opening = Attempts(settings, memory)
    tried = [opening.transport]
    while opening.next_transport("no"):
        tried.append(opening.transport)
    assert tried == (order if tries_all else order[:1])
    assert opening.outcome() == OpenFailed(tuple(Attempt(transport, "no") for transport in tried))


def test_no_time_is_left_for_the_others() -> None:
    opening = Attempts(
        EngineClientSettings(transports=["polling", "websocket"], try_all_transports=True), ClientMemory()
    )
    opening.give_up()
    assert not opening.next_transport("too late")
