"""The chat that everybody writes first, as it is written everywhere: pages without npm, the server with our API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.interop.browser import Browser, Tab
from tests.interop.peers import InteropServer

StartServer = Callable[..., InteropServer]


@pytest.fixture(scope="module")
def server(server_of: Callable[..., InteropServer]) -> InteropServer:
    return server_of("tutorial")


@pytest.fixture(scope="module")
def tabs(browser: Browser, server: InteropServer) -> Iterator[list[Tab]]:
    """Two tabs with the page of the tutorial's first steps, both connected."""
    tabs = [browser.tab(name, f"{server.url}/short") for name in ("first", "second")]
    for tab in tabs:
        tab.wait("socket.connected")
    yield tabs
    for tab in tabs:
        tab.assert_no_problems()
        tab.close()


def say(tab: Tab, text: str) -> None:
    """Write into the form and send it."""
    tab.do("fill", selector="#input", text=text)
    tab.do("press", selector="#input", key="Enter")


def run(tab: Tab, script: str) -> Any:  # whatever it returns
    """Run the body of an async function in the page."""
    return tab.do("evaluate", expression=f"(async () => {{{script}}})()")


def listen(tab: Tab, *names: str) -> None:
    """Have the page keep what it hears from now on, with the first argument, in `heard`: recovery adds one."""
    note = "socket.on(name, (what) => heard.push([name, what]))"
    run(tab, f"globalThis.heard = []; for (const name of {list(names)}) {note}")


def test_what_one_says_everybody_reads(tabs: list[Tab]) -> None:
    say(tabs[0], "hello")
    say(tabs[1], "hello yourself <b>")
    for tab in tabs:
        tab.wait_for_text("#messages li", "hello")
        tab.wait_for_text("#messages li", "hello yourself <b>")
        assert run(tab, "return socket.io.engine.id.length > 0")


def test_rooms(tabs: list[Tab]) -> None:
    for tab in tabs:
        listen(tab, "joined", "room event")
    assert run(tabs[0], "return socket.emitWithAck('join', 'some room')") == "welcome"
    run(tabs[1], "socket.emit('to room', 'some room', 'first')")
    tabs[0].wait("heard.length === 1")
    assert run(tabs[1], "return socket.emitWithAck('join', 'some room')") == "welcome"
    run(tabs[1], "socket.emit('to room', 'some room', 'second')")
    tabs[1].wait("heard.length === 1")
    tabs[0].wait("heard.length === 3")
    assert run(tabs[0], "return heard") == [
        ["room event", "first"],
        ["joined", "some room"],
        ["room event", "second"],
    ]
    assert run(tabs[1], "return heard") == [["room event", "second"]]


def test_broadcasting(tabs: list[Tab]) -> None:
    for tab in tabs:
        listen(tab, "hi")
    run(tabs[0], "socket.emit('hi')")
    tabs[1].wait("heard.length === 1")
    run(tabs[1], "socket.emit('hi')")
    tabs[0].wait("heard.length === 1")
    assert run(tabs[1], "return heard.length") == 1


def test_acknowledgements(tabs: list[Tab]) -> None:
    ask = "socket.timeout(5000).emit('update item', '1', { name: 'updated' }, (error, answer) => done([error, answer]))"
    wanted = {"status": "ok", "number": "1", "name": "updated"}
    assert run(tabs[0], f"return new Promise((done) => {ask})") == [None, wanted]
    plain = "socket.emit('update item', '1', { name: 'updated' }, done)"
    assert run(tabs[0], f"return new Promise((done) => {plain})") == wanted
    run(tabs[0], "socket.on('question', (answer) => answer('42'))")
    assert run(tabs[0], "return socket.emitWithAck('ask me')") == "you said 42"


def test_namespaces(tabs: list[Tab]) -> None:
    run(tabs[0], "globalThis.admin = io('/admin'); admin.on('hello', (name) => (globalThis.greeted = name))")
    tabs[0].wait("globalThis.greeted === 'administrator'")
    assert run(tabs[0], "return [admin.connected, admin.io === socket.io]") == [True, True]
    assert run(tabs[0], "admin.disconnect(); return [admin.connected, socket.connected]") == [False, True]


def test_middleware(tabs: list[Tab]) -> None:
    """A token in the query of the connection; who has none hears why not, and may come back with one."""
    new = "globalThis.members = io('/members', { forceNew: true, query: { token: 'wrong' } })"
    run(tabs[0], f"{new}.on('connect_error', (error) => (globalThis.refusal = [error.message, error.data]))")
    tabs[0].wait("globalThis.refusal !== undefined")
    assert run(tabs[0], "return refusal") == ["authentication error", {"content": "please retry later"}]
    assert run(tabs[0], "return [members.active, socket.connected]") == [False, True]
    run(tabs[0], "members.io.opts.query.token = 'abcd'; members.connect()")
    tabs[0].wait("members.connected")


@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"]], ids=["polling", "upgrade"])
def test_connection_state_recovery(tabs: list[Tab], transports: list[str]) -> None:
    """A connection that was lost comes back as the same socket, with what was said meanwhile, once."""
    run(tabs[1], f"globalThis.lost = io({{ forceNew: true, transports: {transports}, reconnectionDelay: 300 }})")
    run(tabs[1], "globalThis.texts = []; lost.on('chat message', (text) => texts.push(text))")
    tabs[1].wait(f"lost.connected && lost.io.engine.transport.name === '{transports[-1]}'")
    before = run(tabs[1], "return lost.id")
    say(tabs[0], "before")
    tabs[1].wait("texts.length === 1")
    run(tabs[1], "lost.io.engine.close()")
    say(tabs[0], "meanwhile")
    tabs[0].wait_for_text("#messages li", "meanwhile")
    tabs[1].wait("lost.connected")
    say(tabs[0], "after")
    tabs[1].wait("texts.length === 3")
    assert run(tabs[1], "return [texts, lost.recovered, lost.id]") == [["before", "meanwhile", "after"], True, before]
    run(tabs[1], "lost.disconnect()")


def test_last_step_of_the_tutorial(browser: Browser, start_server: StartServer) -> None:
    """Who was away is told what was said meanwhile; what is said without a server gets there, once."""
    server = start_server("--loop", "asyncio", app="tutorial")
    tabs = [browser.tab(name, server.url) for name in ("ann", "bob")]
    for tab in tabs:
        tab.wait("socket.connected")
        run(tab, "socket.io.reconnectionDelay(50).reconnectionDelayMax(100)")
    say(tabs[0], "one")
    tabs[1].wait_for_text("#messages li", "one")
    tabs[1].do("click", selector="#toggle")
    tabs[1].wait("!socket.connected")
    assert tabs[1].text("#toggle") == ["Connect"]
    say(tabs[0], "two")
    tabs[0].wait_for_text("#messages li", "two")
    assert tabs[1].text("#messages li") == ["one"]
    tabs[1].do("click", selector="#toggle")
    tabs[1].wait_for_text("#messages li", "two")

    server.stop()
    for tab in tabs:
        tab.wait("!socket.connected")
        run(tab, "socket.auth.serverOffset = 0")  # the new server remembers nothing
    say(tabs[0], "three")
    again = start_server("--loop", "asyncio", app="tutorial", port=server.port)
    for tab in tabs:
        tab.wait_for_text("#messages li", "three")
        assert tab.text("#messages li") == ["one", "two", "three"]
        tab.close()
    again.stop()
