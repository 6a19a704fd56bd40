"""An application that serves when it is imported, as it seems to whoever imports it."""

from __future__ import annotations

import time

print("imported", flush=True)  # noqa: T201 - for who waits for it
time.sleep(1000)  # longer than any patience: whoever imports this is to end all the same
