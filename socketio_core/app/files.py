"""Reads the files of the browser bundle: the one place of the application layer that touches a disk.

It does so when a `Server` is made, before any event loop runs, so that a wrong folder is told where it was written;
what was read is served from memory (`bundle`).
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Final

from socketio_core.checks import check_kind

Folder = str | PathLike[str]

_VARIANTS = ("socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min")
FILE_NAMES: Final = tuple(f"{variant}.js{ending}" for variant in _VARIANTS for ending in ("", ".map"))


def read_client(folder: Folder) -> tuple[dict[str, bytes], str | None]:
    """Return the files of an npm `socket.io-client/dist` folder by name, and their version if that is known.

    Raises:
        ValueError: there is no `socket.io.js` in the folder.
    """
    check_kind("client_dir", folder, (str, PathLike), "the path of a folder")
    path = Path(folder)
    files = {name: (path / name).read_bytes() for name in FILE_NAMES if (path / name).is_file()}
    if "socket.io.js" not in files:
        raise ValueError(f"client_dir must be the folder 'dist' of npm's socket.io-client; no socket.io.js in {path}")
    try:
        version = str(json.loads((path.parent / "package.json").read_text("utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        version = None
    return files, version
