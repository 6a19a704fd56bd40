"""The npm packages of a folder, installed once, whoever asks for them meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

INSTALL_S: Final = 300.0


class NpmError(Exception):
    """The packages cannot be installed; the text is for the user."""


def install(folder: Path) -> Path:
    """Install what the folder's `package-lock.json` names, unless that was done, and return where it is.

    Raises:
        NpmError: npm is missing, or failed.
    """
    modules = folder / "node_modules"
    stamp = modules / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    with locked(folder / ".installing"):
        if stamp.exists() and stamp.read_text() == wanted:
            return modules
        npm = shutil.which("npm")
        if npm is None:
            raise NpmError("npm is not installed, or not on the PATH: get Node 20 or newer")
        print("installing packages with npm ...", file=sys.stderr, flush=True)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
        if done.returncode:
            raise NpmError(f"npm could not install the packages of {folder}: {done.stderr.strip()[-1000:]}")
        stamp.write_text(wanted)
    return modules


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Keep other processes out of what is done meanwhile; they wait. On Windows, whoever runs two at once has to know.

    The system gives the lock back when its owner dies. The file stays: who removed it would lock another one than those
    who wait.
    """
    with path.open("a") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
