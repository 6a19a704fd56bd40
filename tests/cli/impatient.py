"""`serve` with several workers, and hardly any patience with them: python -m tests.cli.impatient APP [OPTION…]."""

from __future__ import annotations

import sys

from socketio_core.cli.service import parse, tell
from socketio_core.cli.supervisor import Supervisor

PATIENCE_S = 0.1

if __name__ == "__main__":
    sys.exit(Supervisor(parse(sys.argv[1:]), tell, grace_s=PATIENCE_S, silence_s=PATIENCE_S).run())
