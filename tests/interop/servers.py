"""Foreign servers for our client: npm's and python-socketio's, each in a process of its own."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

from tests.adapters.loops import loop
from tests.interop.peers import NODE_DIR
from tests.interop.processes import Message, Program

SERVER_COMMANDS: Final = {
    "node": ["node", str(NODE_DIR / "server.mjs")],
    "python-socketio": [sys.executable, "-m", "tests.interop.python_server"],
}
PING_SETTINGS: Final = {
    "node": ("pingInterval", "pingTimeout", 1000.0),  # milliseconds
    "python-socketio": ("ping_interval", "ping_timeout", 1.0),
}


class ForeignServer:
    """A running server; `take` waits for what it reports."""

    def __init__(
        self, kind: str, settings: Mapping[str, Any] | None = None, *, port: int = 0, certificate: str | None = None
    ) -> None:
        options = {"port": port, "settings": dict(settings or {}), "certificate": certificate}
        self.kind = kind
        self._program = Program([*SERVER_COMMANDS[kind], json.dumps(options)])
        self.port = int(self._program.take(lambda message: message.get("event") == "listening", "port")["port"])
        self.url = f"{'http' if certificate is None else 'https'}://localhost:{self.port}"

    async def take(self, event: str, **fields: object) -> Message:
        """Wait for a report of this event with these fields."""

        def wanted(message: Message) -> bool:
            return message.get("event") == event and all(message[name] == value for name, value in fields.items())

        return await loop.in_thread(lambda: self._program.take(wanted, f"{event} {fields}"))

    def freeze(self) -> None:
        """Let it do nothing any more, though its connections stay."""
        self._program.signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once."""
        self._program.signal(signal.SIGKILL)
        self._program.finish()

    def close(self) -> None:
        self._program.signal(signal.SIGCONT)
        self._program.close()


def ping_settings(kind: str, interval_s: float, timeout_s: float) -> dict[str, float]:
    """Return the settings of a heartbeat, in the server's own words and units."""
    interval, timeout, units = PING_SETTINGS[kind]
    return {interval: interval_s * units, timeout: timeout_s * units}
