"""How long a server waits for its clients: as the contract says, or for longer where machines may be busy."""

from __future__ import annotations

import os
from typing import Final, NamedTuple


class Times(NamedTuple):
    """The settings of a server, in seconds."""

    ping_interval_s: float
    ping_timeout_s: float
    upgrade_timeout_s: float
    connect_timeout_s: float


QUICK: Final = Times(0.3, 0.2, 0.5, 1.0)
"""Those of the contract."""

PATIENT: Final = Times(1.5, 3.0, 3.0, 3.0)
"""Those of the hosts that the suite starts. On a machine so busy that a client of the suite is late, cases that are not
about time would fail with the others; here it may be as late as the suite allows servers to be. A ping still comes
before an upgrade has run out of time: a case needs that."""

VARIABLE: Final = "CONFORMANCE_TIMES"


def as_text(times: Times) -> str:
    """Return the times as the environment of a host says them: milliseconds."""
    return " ".join(f"{1000 * seconds:.0f}" for seconds in times)


def of_this_host() -> Times:
    """Return what the environment says; for a host that was started by hand, the contract's."""
    return Times(*(int(text) / 1000 for text in os.environ.get(VARIABLE, as_text(QUICK)).split()))
