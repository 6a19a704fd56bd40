"""Serves a client for browsers, ours or npm's, as `socket.io` does with `serveClient`. Spec: PROTOCOL 4.11."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from zlib import MAX_WBITS, compressobj

from socketio_core.cors import Cors, cors_headers
from socketio_core.http import Request, Response, preferred_encoding

_WINDOW_BITS = {"gzip": MAX_WBITS | 16, "deflate": MAX_WBITS}
_CONTENT_TYPES = {
    "js": b"application/javascript; charset=utf-8",
    "map": b"application/json; charset=utf-8",
    "ts": b"text/plain; charset=utf-8",  # declarations, for people: compilers read them from a disk
}


class ClientBundle:
    """The files of a client, in memory: those of an npm `socket.io-client/dist` folder, or what stands in for them.

    Brotli is not among the encodings: the standard library has none.

    Args:
        files: by name; `socket.io.js` is among them.
        version: of all of them, for caches; without it, the contents of `socket.io.js` tell.
        path: where the engine is, e.g. `"/socket.io/"`.
        cors: which other origins may read them from a page.
    """

    def __init__(self, files: Mapping[str, bytes], version: str | None, path: str, cors: Cors | None) -> None:
        self._path = path
        self._cors = cors
        self._files = files
        self._etag = f'"{version or sha256(files["socket.io.js"]).hexdigest()[:16]}"'
        self._encoded: dict[tuple[str, str], bytes] = {}

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
        headers += [(b"content-type", _CONTENT_TYPES[name.rpartition(".")[2]]), (b"vary", b"Accept-Encoding")]
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
