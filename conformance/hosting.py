"""The hosts by name: starting one in a process of its own, and serving one in this."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from conformance.times import QUICK, VARIABLE, Times, as_text

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = ("trio", "asyncio-server", "asyncio", "selectors", "wsgi", "asgi", "sans")
ASGI_SERVERS: Final = (
    *("uvicorn", "uvicorn-uvloop", "uvicorn-websockets"),
    *("hypercorn", "hypercorn-trio", "granian"),
)
REFERENCE: Final = "node"
_H11: Final = "methods/empty_lines_"  # it refuses empty lines before a request
_JOINED: Final = "limits/message_in_very_many_fragments_"  # which an ASGI server puts together
_CONNECTIONS: Final = "limits/connections_of_an_address_"  # which are an ASGI server's
_PINGS: Final = "limits/pings_whose_pongs_are_not_taken_"  # which an ASGI server answers
_ASGI: Final = (_JOINED, _CONNECTIONS, _PINGS)
# What the server in front of the engine does in other ways: hypercorn tells nobody that a message was too large until
# the client is gone; websockets in its older form, and granian, are as late with all they refuse.
_TOLD_LATE: Final = ("websocket/larger_message_", "websocket/invalid_frame_", "upgrade/failure_leaves_", *_ASGI)
NOT_ITS_OWN: Final[dict[str, tuple[str, ...]]] = {
    "asgi": (_H11, *_ASGI),
    "uvicorn": (_H11, *_ASGI),
    "uvicorn-uvloop": _ASGI,
    "uvicorn-websockets": _TOLD_LATE,
    "hypercorn": (_H11, *_ASGI, "websocket/larger_message_"),
    # Its tasks run in any order: a poll may be served before the POST whose connection was lost earlier.
    "hypercorn-trio": (_H11, *_ASGI, "websocket/larger_message_", "polling/broken_post_"),
    "granian": _TOLD_LATE,
}
# Groups of cases that are skipped where a server does not offer what they are about.
OPTIONAL: Final = ("recovery/", "middleware/")
OTHERS: Final = ("python-socketio",)
HOSTS: Final = (*OURS, *ASGI_SERVERS, REFERENCE, *OTHERS)
IN_MEMORY: Final = "sans"

START_S: Final = 300.0  # the reference installs itself first
STOP_S: Final = 15.0
_PACKAGES: Final = {
    "trio": ("trio", "h11", "wsproto"),
    "asyncio-server": ("h11", "wsproto"),
    "asyncio": ("h11", "wsproto"),
    "selectors": ("h11", "wsproto"),
    "wsgi": ("h11", "wsproto"),
    "asgi": ("uvicorn", "starlette", "wsproto"),
    "sans": ("h11", "wsproto"),
    "uvicorn": ("uvicorn", "h11", "wsproto"),
    "uvicorn-uvloop": ("uvicorn", "uvloop", "httptools", "websockets"),
    "uvicorn-websockets": ("uvicorn", "httptools", "websockets"),
    "hypercorn": ("hypercorn", "h11", "wsproto"),
    "hypercorn-trio": ("hypercorn", "trio", "h11", "wsproto"),
    "granian": ("granian",),
}


class HostError(Exception):
    """A host could not be started; the text says why, and what to do."""


def is_host(name: str) -> bool:
    """Whether this is the name of a host."""
    return name in HOSTS


def module_of(name: str) -> str:
    """Return the name of a host's module."""
    return "conformance.hosts." + ("asgi_server" if name in ASGI_SERVERS else name.replace("-", "_"))


def versions(name: str) -> str:
    """Return what a host is made of, e.g. `"socket.io 4.8.4, node 20.20"`."""
    try:
        own = getattr(importlib.import_module(module_of(name)), "versions", None)
        if own is not None:
            return str(own())
    except ImportError as error:
        raise HostError(f"host {name!r} needs a package that is missing: {error.name}") from error
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES[name])
    return f"socketio_core {version('socketio_core')}, {packages}, Python {platform.python_version()}"


def open_listeners(port: int) -> list[socket.socket]:
    """Return listening sockets on the IPv4 and, where there is one, the IPv6 loopback address, on the same port.

    Raises:
        HostError: the port is taken, or may not be used.
    """
    try:
        first = socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        raise HostError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another --port") from error
    listeners = [first]
    with contextlib.suppress(OSError):  # no IPv6 here
        second = socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6, backlog=1024)
        listeners.append(second)
    return listeners


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(name: str, port: int) -> None:
    """Serve a host until interrupted. Prints one line when clients may come.

    Raises:
        HostError: it cannot be started.
    """
    if name == IN_MEMORY:
        raise HostError("host 'sans' has no network to serve on; run it with: python -m conformance sans")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        module = importlib.import_module(module_of(name))
    except ImportError as error:
        raise HostError(f"host {name!r} needs a package that is missing: {error.name}; {INSTALL}") from error
    if name == REFERENCE:
        module.serve(port)
        return
    listeners = open_listeners(port)
    if name != "granian":  # which says so itself
        print(f"serving {name} at {' and '.join(map(url_of, listeners))}", flush=True)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)
        (module.SERVERS[name] if name in ASGI_SERVERS else module.serve)(listeners)


INSTALL: Final = "install what the hosts need with: pip install -e '.[conformance]'"


def _interrupt(signum: int, frame: object) -> None:
    """Do what Ctrl-C does: a loop has a handler for that, which knows where it may be raised, and where not."""
    signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def started(name: str, times: Times = QUICK) -> Generator[str]:
    """Start a host in a process of its own, give its URL, and stop it at the end.

    Raises:
        HostError: it did not start.
    """
    command = [sys.executable, "-m", "conformance", "serve", name, "--port", "0"]
    environment = {**os.environ, VARIABLE: as_text(times)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **pipes)
    lines: queue.Queue[str] = queue.Queue()
    errors: list[str] = []
    readers = [
        threading.Thread(target=_read, args=(process.stdout or (), lines.put), daemon=True),
        threading.Thread(target=_read, args=(process.stderr or (), errors.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        yield _url_in(lines, errors, name)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # whatever it has started would keep the pipes open
            process.wait()
        for reader in readers:
            reader.join(STOP_S)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _read(stream: Iterable[str], sink: Callable[[str], object]) -> None:
    for line in stream:
        sink(line)
    sink("")  # its end


def _url_in(lines: queue.Queue[str], errors: list[str], name: str) -> str:
    while True:
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            raise HostError(f"host {name!r} did not start within {START_S:g} s") from None
        if not line:
            raise HostError(f"host {name!r} ended at once: {''.join(errors).strip()[-2000:]}")
        url = next((word for word in line.split() if word.startswith("http://")), None)
        if url is not None:
            return url
