"""How connections are to be treated: what cannot work is said where it is written."""

from __future__ import annotations

from typing import Any

import pytest

from socketio_core.http import Request
from socketio_core.serving import Serving


def choose(request: Request) -> str | None:
    return None


async def choose_later(request: Request) -> str | None:
    return None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"timeouts": 5}, "timeouts must be a Timeouts"),
        ({"shortcuts": 1}, "shortcuts must be True or False"),
        ({"per_message_deflate": "no"}, "per_message_deflate must be True or False"),
        ({"subprotocols": "chat"}, "subprotocols must be a list of names"),
        ({"subprotocols": choose_later}, "subprotocols must be a plain function"),
        ({"trust_proxy": "10.0.0.0/8"}, "trust_proxy must be a bool"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Serving(**options)


def test_subprotocols_may_be_names_or_a_function() -> None:
    assert Serving(subprotocols=["chat"]).subprotocols == ["chat"]
    assert Serving(subprotocols=choose).subprotocols is choose
