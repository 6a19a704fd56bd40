"""`serve` with several workers, and hardly any patience with them.

python -m tests.cli.impatient SILENCE_S APP [OPTION…]
"""

from __future__ import annotations

import math
import sys

from socketio_core.cli.service import parse, tell
from socketio_core.cli.supervisor import Supervisor

GRACE_S = 0.1
STEADY_S = math.inf  # however slow the machine is, a worker has lived for a short while

if __name__ == "__main__":
    silence_s, *words = sys.argv[1:]
    supervisor = Supervisor(parse(words), tell, grace_s=GRACE_S, silence_s=float(silence_s), steady_s=STEADY_S)
    sys.exit(supervisor.run())
