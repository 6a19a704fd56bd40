"""Reads the files of the browser bundle: the one place of the application layer that touches a disk.

It does so when a `Server` is made, before any event loop runs, so that a wrong folder is told where it was written;
what was read is served from memory (`bundle`).

The client of our own is one file, `browser/client.js`, written as a module. The script that defines the global `io` is
made of it here, for pages that name npm's files shall find what they ask for.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Final

from socketio_core.checks import check_kind

Folder = str | PathLike[str]

_VARIANTS = ("socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min")
FILE_NAMES: Final = tuple(f"{variant}.js{ending}" for variant in _VARIANTS for ending in ("", ".map"))
_EXPORT: Final = b"\nexport {"


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


@cache
def own_client() -> dict[str, bytes]:
    """Return the files of our own client, under the names of npm's: two scripts, the module, and its types."""
    folder = resources.files("socketio_core.app") / "browser"
    module = (folder / "client.js").read_bytes()
    # Its first line says whose it is; its last is what it exports.
    banner, _, rest = module.partition(b"\n")
    body = rest[: rest.rindex(_EXPORT)]
    script = banner + b'\n(() => {\n"use strict";' + body + b"\nglobalThis.io = io;\n})();\n"
    return {
        "socket.io.js": script,
        "socket.io.min.js": script,
        "socket.io.esm.min.js": module,
        "socket.io.esm.min.d.ts": (folder / "client.d.ts").read_bytes(),
    }
