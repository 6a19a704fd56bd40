from __future__ import annotations

import pytest

from socketio_core import errors
from socketio_core.errors import CloseReason, ConnectRefused, RemoteProtocolError


def test_reasons_are_the_strings_that_users_know() -> None:
    """PROTOCOL 4.5 and 5.3."""
    assert [reason.value for reason in CloseReason] == [
        "transport error",
        "transport close",
        "forced close",
        "ping timeout",
        "parse error",
        "server shutting down",
        "forced server close",
        "client namespace disconnect",
        "server namespace disconnect",
        "io server disconnect",
        "io client disconnect",
    ]


def test_remote_error_hints_at_a_close_code() -> None:
    assert RemoteProtocolError("bad").websocket_close_code is None
    assert RemoteProtocolError("bad", websocket_close_code=1009).websocket_close_code == 1009


@pytest.mark.parametrize(
    "kind", [errors.LocalProtocolError, errors.BufferFull, errors.PacketError, RemoteProtocolError]
)
def test_every_protocol_error_can_be_caught_as_one(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.ProtocolError)


def test_refusal_carries_message_and_data() -> None:
    refusal = ConnectRefused("no", {"code": 1})
    assert (str(refusal), refusal.message, refusal.data) == ("no", "no", {"code": 1})
    assert (ConnectRefused().message, ConnectRefused().data) == ("connection refused", None)
    assert not issubclass(ConnectRefused, errors.ProtocolError)
