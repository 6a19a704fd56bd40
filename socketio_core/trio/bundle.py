"""Serves the official browser bundle, as `socket.io` does with `serveClient`. Spec: PROTOCOL 4.11."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Final
from zlib import MAX_WBITS, compressobj

from socketio_core.http import Cors, Request, Response, cors_headers, preferred_encoding

_VARIANTS = ("socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min")
FILE_NAMES: Final = tuple(f"{variant}.js{ending}" for variant in _VARIANTS for ending in ("", ".map"))
_WINDOW_BITS = {"gzip": MAX_WBITS | 16, "deflate": MAX_WBITS}


class ClientBundle:
    """The files of an npm `socket.io-client/dist` folder, read once.

    Brotli is not among the encodings: the standard library has none.

    Args:
        folder: holds at least `socket.io.js`.
        path: where the engine is, e.g. `"/socket.io/"`.

    Raises:
        ValueError: there is no `socket.io.js` in the folder.
    """

    def __init__(self, folder: Path, path: str, cors: Cors | None) -> None:
        self._path = path
        self._cors = cors
        self._files = {name: (folder / name).read_bytes() for name in FILE_NAMES if (folder / name).is_file()}
        if "socket.io.js" not in self._files:
            raise ValueError(
                f"client_dir must be the folder 'dist' of npm's socket.io-client; no socket.io.js in {folder}"
            )
        self._etag = f'"{self._version(folder)}"'
        self._encoded: dict[tuple[str, str], bytes] = {}

    def _version(self, folder: Path) -> str:
        try:
            version = json.loads((folder.parent / "package.json").read_text("utf-8"))["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return sha256(self._files["socket.io.js"]).hexdigest()[:16]
        return str(version)

    def respond(self, request: Request) -> Response | None:
        """Return the response to a request for a file of the bundle, `None` to any other request."""
        path = request.path
        if request.method not in ("GET", "HEAD") or not path.startswith(self._path):
            return None
        name = path[len(self._path) :]
        content = self._files.get(name)
        if content is None:
            return None
        etag = self._etag.encode("latin-1")
        headers = [(b"cache-control", b"public, max-age=0"), (b"etag", etag), *cors_headers(request, self._cors)]
        known = request.header("if-none-match") or ""
        if self._etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            return Response(304, headers)
        kind = b"application/json" if name.endswith(".map") else b"application/javascript"
        headers += [(b"content-type", kind + b"; charset=utf-8"), (b"vary", b"Accept-Encoding")]
        encoding = preferred_encoding(request.header("accept-encoding"))
        if encoding is not None:
            content = self._encode(name, encoding)
            headers.append((b"content-encoding", encoding.encode("ascii")))
        return Response(200, headers, content)

    def _encode(self, name: str, encoding: str) -> bytes:
        encoded = self._encoded.get((name, encoding))
        if encoded is None:
            compressor = compressobj(wbits=_WINDOW_BITS[encoding])
            encoded = compressor.compress(self._files[name]) + compressor.flush()
            self._encoded[name, encoding] = encoded
        return encoded
