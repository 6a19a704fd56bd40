"""Our client for browsers beside npm's: the same pages, in the same Chromium, with the same server, see the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.interop.browser import Browser, Tab
from tests.interop.peers import InteropServer

SCENARIOS: Final = Path(__file__).with_name("client_scenarios.js").read_text()
NAMES: Final = re.findall(r"^  async (\w+)\(", SCENARIOS, re.MULTILINE)


@pytest.fixture(scope="module")
def tabs(browser: Browser, client_dir: Path) -> Iterator[Mapping[str, Tab]]:
    """A page with either client, each from a server of its own."""
    servers = {"own": InteropServer(), "official": InteropServer("--client-dir", str(client_dir))}
    tabs = {name: browser.tab(f"page of {name}", f"{server.url}/#websocket") for name, server in servers.items()}
    for tab in tabs.values():
        tab.do("evaluate", expression=f"void (() => {{{SCENARIOS}}})()")
    try:
        yield tabs
        for tab in tabs.values():
            tab.close()
        for server in servers.values():
            server.stop()
    finally:
        for server in servers.values():
            server.close()


@pytest.mark.parametrize("name", NAMES)
def test_pages_see_the_same(tabs: Mapping[str, Tab], name: str) -> None:
    found = {client: tab.do("evaluate", expression=f"scenarios.{name}()") for client, tab in tabs.items()}
    assert found["official"]
    assert found["own"] == found["official"]


ALONE: Final = """
(async () => {
  const errors = [];
  addEventListener("error", (event) => (errors.push(event.error.message), event.preventDefault()));
  const socket = io("/", { forceNew: true });
  const seen = [];
  socket.volatile.emit("number", 1);
  socket.onAny(() => { throw new Error("any"); });
  socket.on("welcome", () => { throw new Error("welcome"); });
  socket.on("welcome", () => seen.push("welcome"));
  socket.on("connect", () => { throw new Error("connect"); });
  socket.timeout(5000).emit("reflect", () => { throw new Error("answer"); });
  seen.push(await socket.emitWithAck("numbers you got"));
  socket.disconnect();
  return [errors, seen];
})()
"""


def test_listener_that_throws_costs_nobody_else_anything(tabs: Mapping[str, Tab]) -> None:
    """The page is told of the errors. And a volatile event does not wait for a connection."""
    errors, seen = tabs["own"].do("evaluate", expression=ALONE)
    assert sorted(errors) == ["answer", "any", "connect", "welcome"]
    assert seen == ["welcome", []]


NEVER_IN: Final = """
(async () => {
  const socket = io("/", { forceNew: true, reconnection: false, auth: () => {} });
  const seen = [];
  socket.on("connect_error", (error) => seen.push(error.message)).on("disconnect", () => seen.push("disconnect"));
  await new Promise((resolve) => socket.io.once("open", resolve));
  socket.io.engine.close();
  socket.auth = (give) => give({ token: "late" });
  socket.connect();
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.disconnect();
  return seen;
})()
"""


def test_connection_that_ends_before_the_socket_was_let_in_is_a_connect_error(tabs: Mapping[str, Tab]) -> None:
    assert tabs["own"].do("evaluate", expression=NEVER_IN) == ["forced close", "disconnect"]


GONE: Final = """
(async () => {
  const reasons = [];
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = io("/", { forceNew: true, reconnection: false, transports });
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.emit("number", document.querySelector("#file").files[0]);
    reasons.push(await new Promise((resolve) => socket.once("disconnect", resolve)));
  }
  return reasons;
})()
"""


def test_file_that_is_gone_ends_the_connection(tabs: Mapping[str, Tab], tmp_path: Path) -> None:
    """A page may send files; one that cannot be read any more is not passed over, for something would be missing."""
    file = tmp_path / "picture.png"
    file.write_bytes(b"picture" * 1000)
    tabs["own"].do(
        "evaluate", expression="void document.body.insertAdjacentHTML('beforeend', '<input id=file type=file>')"
    )
    tabs["own"].do("choose", selector="#file", path=str(file))
    file.unlink()
    assert tabs["own"].do("evaluate", expression=GONE) == ["transport error", "transport error"]
