"""`python -m socketio_core` serves the demo chat."""

import sys

from socketio_core.demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
