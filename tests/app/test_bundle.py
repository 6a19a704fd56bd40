"""The official browser bundle, served from a folder, and our own client without one. Spec: PROTOCOL 4.11."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Final

import pytest

from socketio_core import Cors, Request, Response, Server
from socketio_core.app.files import FILE_NAMES, own_client
from tests.app.served import Served
from tests.wire.by_hand import Peer

VERSION: Final = "4.8.3"
CODE: Final = b"/* client */ " * 500


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A folder as npm lays it out."""
    folder = tmp_path / "socket.io-client" / "dist"
    folder.mkdir(parents=True)
    (folder.parent / "package.json").write_text(json.dumps({"version": VERSION}))
    for name in FILE_NAMES:
        (folder / name).write_bytes(CODE if name.endswith(".js") else b'{"version":3}')
    return folder


def peer_of(dist: Path, cors: Cors | None = None, path: str = "/socket.io/") -> Peer:
    """Return a connection to a server that has the bundle."""
    return Served(Server(client_dir=dist, cors=cors, path=path, http=_elsewhere)).connect()


def _elsewhere(request: Request, body: bytes) -> Response:
    return Response(200, [], b"elsewhere")


def test_serves_all_files_with_type_tag_and_caching(dist: Path) -> None:
    peer = peer_of(dist)
    assert len(FILE_NAMES) == 8
    for name in FILE_NAMES:
        answer = peer.ask(f"/socket.io/{name}?t=123")
        assert answer.status == 200
        assert answer.body == (CODE if name.endswith(".js") else b'{"version":3}')
        kind = "application/javascript" if name.endswith(".js") else "application/json"
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["etag"] == f'"{VERSION}"'
        assert answer.headers["cache-control"] == "public, max-age=0"


@pytest.mark.parametrize("tag", [f'"{VERSION}"', f'W/"{VERSION}"', f'"1.0.0", W/"{VERSION}"'])
def test_file_that_the_client_has_is_not_sent_again(dist: Path, tag: str) -> None:
    peer = peer_of(dist)
    answer = peer.ask("/socket.io/socket.io.js", headers=[f"If-None-Match: {tag}"])
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", f'"{VERSION}"')
    assert (peer.ask("/socket.io/socket.io.js", headers=['If-None-Match: "4.8.2"'])).status == 200


def test_head_has_the_headers_and_no_body(dist: Path) -> None:
    peer = peer_of(dist)
    answer = peer.ask("/socket.io/socket.io.js", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(CODE))


def test_file_is_compressed_for_those_who_take_it(dist: Path) -> None:
    peer = peer_of(dist)
    for _ in range(2):
        for encoding, unpack in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
            answer = peer.ask("/socket.io/socket.io.js", headers=[f"Accept-Encoding: {encoding}"])
            assert answer.headers["content-encoding"] == encoding
            assert answer.headers["vary"] == "Accept-Encoding"
            assert unpack(answer.body) == CODE
    plain = peer.ask("/socket.io/socket.io.js", headers=["Accept-Encoding: br, gzip;q=0"])
    assert "content-encoding" not in plain.headers


def test_what_is_not_in_the_bundle_is_left_to_the_engine_and_the_application(dist: Path) -> None:
    (dist / "secret.js").write_text("secret")
    peer = peer_of(dist)
    for name in ("secret.js", "socket.io.js.bak", "../package.json", "", "socket.io.js/"):
        answer = peer.ask(f"/socket.io/{name}")
        assert (answer.status, answer.body) == (400, b'{"code":0,"message":"Transport unknown"}')
    assert (peer.ask("/socket.io/socket.io.js", "POST", b"")).status == 400
    assert (peer.ask("/socket.io.js")).body == b"elsewhere"
    assert (peer.ask("/socket.io/?EIO=4&transport=polling")).status == 200


def test_folder_without_all_variants_serves_those_it_has(dist: Path) -> None:
    (dist / "socket.io.msgpack.min.js").unlink()
    peer = peer_of(dist, path="/chat")
    assert (peer.ask("/chat/socket.io.js")).status == 200
    assert (peer.ask("/chat/socket.io.msgpack.min.js")).status == 400


def test_cors_headers_are_on_the_files_too(dist: Path) -> None:
    peer = peer_of(dist, Cors(origins=["https://app"]))
    for headers, status in (([], 200), ([f'If-None-Match: "{VERSION}"'], 304)):
        answer = peer.ask("/socket.io/socket.io.js", headers=["Origin: https://app", *headers])
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == "https://app"


@pytest.mark.parametrize("package", [None, "no JSON", "{}", "[]"])
def test_tag_follows_the_content_when_there_is_no_version(dist: Path, package: str | None) -> None:
    description = dist.parent / "package.json"
    description.unlink()
    if package is not None:
        description.write_text(package)
    tags: list[str] = []
    for code in (b"one", b"two"):
        (dist / "socket.io.js").write_bytes(code)
        peer = peer_of(dist)
        tags.append((peer.ask("/socket.io/socket.io.js")).headers["etag"])
    assert len(set(tags)) == 2
    assert all(len(tag) == 18 for tag in tags)


def test_wrong_folder_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"dist.*no socket\.io\.js"):
            Server(client_dir=folder)


# -- the client of our own, where no folder is given ----------------------------------------------------------------


OWN: Final = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.esm.min.d.ts")
MAX_BYTES: Final = 33_000
MAX_COMPRESSED_BYTES: Final = 10_000


def own_peer() -> Peer:
    """Return a connection to a server that was told nothing about the client."""
    return Served(Server()).connect()


@pytest.mark.parametrize("name", OWN)
def test_without_a_folder_there_is_a_small_client(name: str) -> None:
    peer = own_peer()
    answer = peer.ask(f"/socket.io/{name}")
    assert answer.status == 200
    kind = "text/plain" if name.endswith(".ts") else "application/javascript"
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=0"
    again = peer.ask(f"/socket.io/{name}", headers=[f"If-None-Match: {answer.headers['etag']}"])
    assert (again.status, again.body) == (304, b"")


def test_first_line_says_whose_it_is_and_how_to_have_the_official_one() -> None:
    for name in OWN[:3]:
        first = own_peer().ask(f"/socket.io/{name}").body.partition(b"\n")[0]
        assert b"socketio_core" in first
        assert b'Server(client_dir="node_modules/socket.io-client/dist")' in first


def test_script_has_the_global_where_the_module_exports() -> None:
    peer = own_peer()
    script, smaller, module = (peer.ask(f"/socket.io/{name}").body for name in OWN[:3])
    assert script == smaller
    assert b"globalThis.io = io;" in script
    assert b"\nexport " not in script
    assert b"globalThis.io = " not in module
    assert re.findall(rb"\nexport \{ io, .*\};\n$", module)


def test_small_client_is_small() -> None:
    peer = own_peer()
    assert len(peer.ask("/socket.io/socket.io.js").body) < MAX_BYTES
    assert len(peer.ask("/socket.io/socket.io.js", headers=["Accept-Encoding: gzip"]).body) < MAX_COMPRESSED_BYTES


def test_what_the_small_client_cannot_stand_in_for_is_not_there() -> None:
    for name in ("socket.io.msgpack.min.js", "socket.io.js.map", "client.js"):
        assert own_peer().ask(f"/socket.io/{name}").status == 400


def test_no_client_is_served_if_none_is_wanted(dist: Path) -> None:
    for folder in (None, dist):
        peer = Served(Server(serve_client=False, client_dir=folder)).connect()
        assert peer.ask("/socket.io/socket.io.js").status == 400


def test_our_own_client_has_the_files_of_npms() -> None:
    own_client.cache_clear()  # it was asked for when the first server was made
    files = own_client()
    assert set(files) == {"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.esm.min.d.ts"}
    assert files["socket.io.js"].splitlines()[0] == files["socket.io.esm.min.js"].splitlines()[0]
    assert b"export {" not in files["socket.io.js"]
    assert b"export {" in files["socket.io.esm.min.js"]
