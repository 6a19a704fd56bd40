"""`python -m conformance`: see `cli.py`."""

from __future__ import annotations

import sys

try:
    from conformance.cli import main
except ModuleNotFoundError as error:
    sys.stderr.write(f"conformance: no module {error.name!r}, which comes with: pip install -e '.[conformance]'\n")
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main())
