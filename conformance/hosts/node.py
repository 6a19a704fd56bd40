"""The reference: npm's `socket.io` and its client in Node (`node/`), installed when first asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from conformance.hosting import HostError

FOLDER: Final = Path(__file__).parent / "node"
INSTALL_S: Final = 300.0


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
    """Install what `package-lock.json` names, unless that was done."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = FOLDER / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the reference's packages with npm ...", file=sys.stderr, flush=True)
    command = [_tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode != 0:
        raise HostError(f"npm could not install the reference: {done.stderr.strip()[-1000:]}")
    stamp.write_text(wanted)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise HostError(f"the reference needs {name}, which is not installed: get Node 20 or newer")
    return found
