"""`python -m benchmarks`: see `cli.py`, and `soak.py`."""

from __future__ import annotations

import sys

from benchmarks import cli, soak

if __name__ == "__main__":
    sys.exit(soak.main(sys.argv[2:]) if sys.argv[1:2] == ["soak"] else cli.main())
