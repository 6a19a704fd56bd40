"""Our client for browsers in a headless Chromium, which keeps the contract of conformance/README.md with `browser.js`.

A browser cannot read standard input: this process serves it a page, passes commands on as a stream of events, and
prints the reports that the page posts.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from conformance.hosts import node
from socketio_core.app.files import own_client

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
OPTIONS: Final = (
    "--headless",
    "--no-sandbox",  # it runs as root in containers
    "--disable-web-security",  # the suite's servers say nothing about other origins
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
)
PAGE: Final = b"""<!doctype html><title>client</title>
<script src="client.js"></script><script type="module" src="browser.js"></script>
"""

_commands: queue.SimpleQueue[bytes] = queue.SimpleQueue()


@cache
def files() -> dict[str, tuple[str, bytes]]:
    """Return what the page is made of."""
    script = "text/javascript; charset=utf-8"
    return {
        "/": ("text/html; charset=utf-8", PAGE),
        "/client.js": (script, own_client()["socket.io.js"]),
        "/browser.js": (script, Path(__file__).with_name("browser.js").read_bytes()),
        "/contract.js": (script, (node.FOLDER / "contract.js").read_bytes()),
    }


class Handler(BaseHTTPRequestHandler):
    """Talks with the page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/commands":
            return self._stream()
        return self._answer(*files().get(self.path, ("text/plain", b"")))

    def do_POST(self) -> None:
        reports = self.rfile.read(int(self.headers["content-length"]))
        sys.stdout.buffer.write(reports)
        sys.stdout.buffer.flush()
        self._answer("text/plain", b"")

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"data: " + _commands.get() + b"\n")  # the line has its own end
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: standard error is for what goes wrong."""


@contextmanager
def chromium(url: str) -> Generator[None]:
    """Show a page for as long as that lasts."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.exit("Chromium is not installed, or not on the PATH")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # with all its processes
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> None:
    """Run until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium(f"http://127.0.0.1:{server.server_port}/"):
        for line in sys.stdin.buffer:
            _commands.put(line)


if __name__ == "__main__":
    main()
