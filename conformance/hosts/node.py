"""The reference: npm's `socket.io` and its client in Node (`node/`), installed when first asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from conformance.hosting import HostError
from conformance.npm import NpmError, install

FOLDER: Final = Path(__file__).parent / "node"


def serve(port: int) -> None:
    """Run the reference until interrupted; it says by itself where it listens.

    Raises:
        HostError: Node or npm is missing, the packages cannot be installed, or the server ended by itself.
    """
    node = _tool("node")
    _install()
    process = subprocess.Popen([node, "index.js", str(port)], cwd=FOLDER, stdin=subprocess.DEVNULL)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if status not in (0, 130):
        raise HostError(f"the reference ended with status {status}")


def client_command() -> list[str]:
    """Return the command of the reference's client, `node/client.js`, with its packages installed.

    Raises:
        HostError: as `serve`.
    """
    _install()
    return [_tool("node"), str(FOLDER / "client.js")]


def versions() -> str:
    """Return e.g. `"socket.io 4.8.4, engine.io 6.6.12, Node 20.20.2"`."""
    packages = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    done = subprocess.run([_tool("node"), "--version"], capture_output=True, text=True, check=True)
    return (
        f"socket.io {packages['socket.io']}, engine.io {packages['engine.io']}, Node {done.stdout.strip().lstrip('v')}"
    )


def _install() -> None:
    try:
        install(FOLDER)
    except NpmError as error:
        raise HostError(str(error)) from error


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise HostError(f"the reference needs {name}, which is not installed: get Node 20 or newer")
    return found
