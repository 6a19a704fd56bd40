"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.socketio.rig import Rig


@pytest.fixture
def rig() -> Rig:
    """A server with a namespace besides the first."""
    rig = Rig()
    rig.server.hub.of("/admin")
    return rig
