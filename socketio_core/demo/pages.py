"""The files of the chat's page, from the package's own data, as an HTTP handler for `Server(http=...)`."""

from __future__ import annotations

from importlib import resources
from typing import Literal

from socketio_core.http import Request, Response

_CONTENT_TYPES = {
    "css": b"text/css; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}

_CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_SECURITY_HEADERS = [
    (b"content-security-policy", _CONTENT_SECURITY_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

_PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Pages:
    """Serves `/` and `/static/...`; everything is read once, so a request can name nothing else.

    Args:
        client: which Socket.IO client the server has for the page, ours or the official one; the page says so.
    """

    def __init__(self, client: Literal["own", "official"]) -> None:
        self._files = {f"/static/{name}": (content, _content_type(name)) for name, content in _read_static().items()}
        page, content_type = self._files.pop("/static/index.html")
        text = page.decode("utf-8").replace("{{client}}", client)
        self._files["/"] = self._files["/index.html"] = (text.encode("utf-8"), content_type)

    def respond(self, request: Request, body: bytes) -> Response:
        """Answer one request; `body` is ignored."""
        response = self._find(request)
        response.headers += [(b"content-length", b"%d" % len(response.body)), *_SECURITY_HEADERS]
        if request.method == "HEAD":
            response.body = b""
        return response

    def _find(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response(405, [(b"allow", b"GET, HEAD"), _PLAIN_TEXT], b"only GET and HEAD are allowed here\n")
        found = self._files.get(request.path)
        if found is None:
            return Response(404, [_PLAIN_TEXT], b"there is no such page; the chat is at /\n")
        content, content_type = found
        return Response(200, [(b"content-type", content_type), (b"cache-control", b"no-cache")], content)


def _read_static() -> dict[str, bytes]:
    folder = resources.files("socketio_core.demo") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def _content_type(name: str) -> bytes:
    return _CONTENT_TYPES.get(name.rpartition(".")[2], b"application/octet-stream")
