"""`python -m socketio_core` serves the demo chat, `python -m socketio_core connect URL` talks to a server."""

import sys

from socketio_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
