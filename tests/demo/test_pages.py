"""The files of the page: what is served, how, and that it asks for nothing from elsewhere."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from socketio_core.demo.pages import Pages
from socketio_core.http import Request, Response

STATIC = {file.name: file.read_text("utf-8") for file in (resources.files("socketio_core.demo") / "static").iterdir()}


def get(target: str, *, method: str = "GET") -> Response:
    return Pages(client="own").respond(Request(method, target, scheme="http"), b"")


def header(response: Response, name: bytes) -> bytes:
    (value,) = [value for key, value in response.headers if key == name]
    return value


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("/", b"text/html; charset=utf-8"),
        ("/index.html", b"text/html; charset=utf-8"),
        ("/?room=tea", b"text/html; charset=utf-8"),
        ("/static/app.js", b"text/javascript; charset=utf-8"),
        ("/static/style.css", b"text/css; charset=utf-8"),
        ("/static/icon.svg", b"image/svg+xml"),
    ],
)
def test_files_are_served(target: str, content_type: bytes) -> None:
    response = get(target)
    assert response.status == 200
    assert response.body
    assert header(response, b"content-type") == content_type
    assert header(response, b"content-length") == str(len(response.body)).encode()
    assert header(response, b"cache-control") == b"no-cache"
    assert header(response, b"x-content-type-options") == b"nosniff"


@pytest.mark.parametrize(
    "target", ["/nothing", "/static/", "/static/index.html", "/static/../pages.py", "/static/%2e%2e/pages.py", "//", ""]
)
def test_nothing_else_is_served(target: str) -> None:
    response = get(target)
    assert response.status == 404
    assert header(response, b"content-type") == b"text/plain; charset=utf-8"


@pytest.mark.parametrize("target", ["/", "/nothing"])
def test_head_is_get_without_body(target: str) -> None:
    whole, head = get(target), get(target, method="HEAD")
    assert (head.status, head.headers, head.body) == (whole.status, whole.headers, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    response = get("/", method=method)
    assert response.status == 405
    assert header(response, b"allow") == b"GET, HEAD"


def test_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = header(get("/"), b"content-security-policy").decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}


def test_page_says_which_client_the_server_has() -> None:
    own = Pages(client="own").respond(Request("GET", "/", scheme="http"), b"").body.decode()
    official = Pages(client="official").respond(Request("GET", "/", scheme="http"), b"").body.decode()
    assert 'data-client="own"' in own
    assert 'data-client="official"' in official
    assert own.replace('"own"', '"official"') == official
    assert "{{" not in own + official


@pytest.mark.parametrize("name", sorted(STATIC))
def test_files_need_nothing_from_elsewhere(name: str) -> None:
    addresses = set(re.findall(r"\w+://[^\s\"']+", STATIC[name]))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, nothing is loaded from it


@pytest.mark.parametrize("name", sorted(name for name in STATIC if name.endswith(".js")))
def test_scripts_never_parse_markup(name: str) -> None:
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", STATIC[name]) == []
    )


def test_direction_of_what_people_wrote_ends_with_it() -> None:
    """A message may hold a mark that turns the direction; the time behind it must stay readable."""
    assert re.search(r"\.text,\s+\.author,\s+\.name \{\s+unicode-bidi: isolate;", STATIC["style.css"])


def test_page_has_nothing_inline() -> None:
    page = STATIC["index.html"]
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script>", page) == []


def test_every_id_that_scripts_look_for_is_in_the_page() -> None:
    scripts = "".join(text for name, text in STATIC.items() if name.endswith(".js"))
    wanted = set(re.findall(r'byId\("([\w-]+)"\)', scripts))
    assert wanted
    assert wanted <= set(re.findall(r'\sid="([\w-]+)"', STATIC["index.html"]))
