"""Two tabs of a real Chromium: a page with the official bundle, and the chat with either client."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.redis import RedisServer
from tests.interop.browser import Browser, Tab
from tests.interop.peers import MODES, InteropServer
from tests.interop.processes import Program

StartServer = Callable[..., InteropServer]


class Chat:
    """`python -m socketio_core`, as a user starts it."""

    def __init__(self, *options: str, port: str = "0") -> None:
        self._program = Program([sys.executable, "-W", "error", "-m", "socketio_core", "--port", port, *options])
        greeting = self._program.take(lambda message: "chat is at " in message.get("line", ""), "greeting")["line"]
        self.url = greeting.partition("chat is at ")[2].partition(" ")[0]
        self.port = self.url.rstrip("/").rpartition(":")[2]

    def interrupt(self) -> None:
        """Ctrl-C: it must end without complaint."""
        self._program.signal(signal.SIGINT)
        status = self._program.finish()
        assert (status, self._program.errors()) == (130, "")

    def close(self) -> None:
        self._program.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where the pictures go: the folder that INTEROP_SCREENSHOTS names, or one that pytest cleans up."""
    folder = Path(os.environ.get("INTEROP_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def start_chat() -> Iterator[Callable[..., Chat]]:
    chats: list[Chat] = []

    def start(*options: str, port: str = "0") -> Chat:
        chats.append(Chat(*options, port=port))
        return chats[-1]

    yield start
    for chat in chats:
        chat.close()


@pytest.mark.parametrize("transports", MODES.values(), ids=MODES)
def test_official_bundle_in_two_tabs(
    browser: Browser, start_server: StartServer, client_dir: Path, screenshots: Path, transports: list[str]
) -> None:
    server = start_server("--client-dir", str(client_dir))
    names = ["anna", "ben"]
    tabs = [browser.tab(name, f"{server.url}/#{','.join(transports)}") for name in names]
    for tab in tabs:
        tab.wait_for_text("#transport", transports[-1])
    sids = [tab.text("#sid")[0] for tab in tabs]
    assert sids == [server.take("connection", sid=sid)["sid"] for sid in sids]

    anna, ben = tabs
    reflected = "socket.emitWithAck('reflect', new Uint8Array([0, 255])).then((bytes) => bytes.byteLength)"
    assert anna.do("evaluate", expression=reflected) == 2
    greeting = "'grüße 😀 \\u2028', new Uint8Array([1, 30, 255])"
    anna.do("evaluate", expression=f"void socket.emit('say to everyone', {greeting})")
    ben.do("evaluate", expression="void socket.emit('say to everyone', 'from ben')")
    for tab in tabs:
        tab.wait_for_text("#said li", "grüße 😀 \u2028 ArrayBuffer 1,30,255")
        tab.wait_for_text("#said li", "from ben")
    anna.do("screenshot", path=str(screenshots / f"bundle-{'-'.join(transports)}.png"))
    for tab in tabs:
        tab.assert_no_problems()
        tab.close()
    for sid in sids:
        # A closed tab says nothing over polling; over WebSocket the connection ends.
        if transports[-1] == "websocket":
            assert server.take("disconnect", sid=sid)["reason"] == "transport close"
    server.stop()


@pytest.mark.parametrize("client", ["own", "official"])
def test_page_of_fastapi(browser: Browser, start_server: StartServer, client_dir: Path, client: str) -> None:
    """A session by cookie is seen in the handshake; a page of another origin that is welcome may connect, too."""
    options = ["--client-dir", str(client_dir)] if client == "official" else []
    server = start_server(*options, app="fastapi_app")
    ask = "emitWithAck('who am I')"
    for number, transports in enumerate(MODES.values()):
        tab = browser.tab(f"ada {number} {client}", f"{server.url}/login/ada")
        tab.do("open", url=f"{server.url}/#{','.join(transports)}", width=800, height=600)
        tab.wait_for_text("#transport", transports[-1])
        assert tab.do("evaluate", expression=f"socket.{ask}") == "ada"
        tab.assert_no_problems()
        tab.close()
    other = browser.tab(f"other {client}", server.url.replace("//localhost", "//other.localhost") + "/#websocket")
    other.wait_for_text("#transport", "websocket")
    there = f"io('{server.url}', {{withCredentials: true, forceNew: true, upgrade: false}})"
    assert other.do("evaluate", expression=f"{there}.{ask}") in ("ada", "nobody")  # as the browser has it with cookies
    other.close()
    server.stop()


def check_that_a_room_comes_and_goes(anna: Tab, ben: Tab) -> None:
    """Ben goes to another room and back; Anna sees that it exists, and no longer does."""
    ben.do("evaluate", expression="void (location.hash = '#zen garden')")
    anna.wait("document.querySelector('#other-rooms li:nth-child(2)')?.textContent.includes('zen garden')")
    assert "lobby" in anna.text("#other-rooms li")[0]
    ben.do("evaluate", expression="void document.querySelector('#my-rooms li:nth-child(2) .leave-room').click()")
    anna.wait("document.querySelectorAll('#other-rooms li').length === 1")


def see_each_other(*tabs: Tab) -> None:
    """See that both are there for each."""
    for tab in tabs:
        tab.wait_for_text("#people .name", "Anna")
        tab.wait_for_text("#people .name", "Ben Ö")


def enter(anna: Tab, ben: Tab) -> None:
    """Let both in, to the same room."""
    for tab, nickname in ((anna, "Anna"), (ben, "Ben Ö")):
        tab.do("fill", selector="#nickname", text=nickname)
        tab.do("fill", selector="#first-room", text="tea")
        tab.do("click", selector="#enter")
        tab.wait("!document.getElementById('chat').hidden")
    see_each_other(anna, ben)


def talk(anna: Tab, ben: Tab) -> None:
    """Have each say something, which the other one reads."""
    anna.do("type", selector="#text", text="Hello <b>")
    ben.wait_for_text("#typing-text", "Anna is typing")
    anna.do("type", selector="#text", text=" & 😀")
    anna.do("press", selector="#text", key="Enter")
    ben.wait_for_text(".message:not(.mine) .text", "Hello <b> & 😀")
    anna.wait("document.querySelectorAll('.message.mine[data-state=delivered]').length === 1")
    ben.do("fill", selector="#text", text="Good evening, Anna")
    ben.do("press", selector="#text", key="Enter")
    anna.wait_for_text(".message:not(.mine) .text", "Good evening, Anna")
    ben.wait("document.querySelectorAll('.message.mine[data-state=delivered]').length === 1")


@pytest.mark.parametrize("client", ["own", "official"])
def test_chat_in_two_tabs(
    browser: Browser, start_chat: Callable[..., Chat], client_dir: Path, screenshots: Path, client: str
) -> None:
    options = ["--client-dir", str(client_dir)] if client == "official" else []
    chat = start_chat(*options)
    anna = browser.tab("anna", chat.url, width=1280, height=800)
    ben = browser.tab("ben", chat.url, width=390, height=844)
    anna.do("screenshot", path=str(screenshots / f"chat-{client}-door.png"))
    enter(anna, ben)
    check_that_a_room_comes_and_goes(anna, ben)

    talk(anna, ben)
    for tab, name in ((anna, "desk"), (ben, "phone")):
        tab.do("screenshot", path=str(screenshots / f"chat-{client}-{name}.png"))
        tab.assert_no_problems()

    # The server goes away and comes back; the pages show it, reconnect, and go on.
    chat.interrupt()
    for tab in (anna, ben):
        tab.wait("!document.getElementById('banner').hidden")
        assert tab.text(".room .count") == []  # nobody knows
    ben.do("screenshot", path=str(screenshots / f"chat-{client}-reconnecting.png"))
    again = start_chat(*options, port=chat.port)
    for tab in (anna, ben):
        tab.wait("document.getElementById('banner').hidden")
        tab.wait_for_text("#people .name", "Anna")
        tab.wait_for_text("#people .name", "Ben Ö")
    anna.do("fill", selector="#text", text="Still there?")
    anna.do("press", selector="#text", key="Enter")
    ben.wait_for_text(".message:not(.mine) .text", "Still there?")
    for tab in (anna, ben):
        tab.close()
    again.interrupt()


def test_two_chats_that_a_redis_joins_are_one(
    browser: Browser, start_chat: Callable[..., Chat], require_tool: Callable[[str], str], screenshots: Path
) -> None:
    with RedisServer(require_tool("redis-server")) as redis:
        chats = [start_chat("--redis", redis.url) for _ in range(2)]
        anna = browser.tab("anna", chats[0].url, width=1280, height=800)
        ben = browser.tab("ben", chats[1].url, width=1280, height=800)
        enter(anna, ben)
        check_that_a_room_comes_and_goes(anna, ben)
        talk(anna, ben)
        for tab, name in ((anna, "first"), (ben, "second")):
            tab.do("screenshot", path=str(screenshots / f"cluster-{name}.png"))
        anna.do("fill", selector="#text", text="Good night")
        anna.do("press", selector="#text", key="Enter")
        ben.wait_for_text(".message:not(.mine) .text", "Good night")
        chats[0].interrupt()
        ben.wait("![...document.querySelectorAll('#people .name')].some((each) => each.textContent === 'Anna')")
        anna.wait("!document.getElementById('banner').hidden")
        for tab, name in ((anna, "first-gone"), (ben, "second-alone")):
            tab.do("screenshot", path=str(screenshots / f"cluster-{name}.png"))
        start_chat("--redis", redis.url, port=chats[0].port)
        anna.wait("document.getElementById('banner').hidden")
        see_each_other(anna, ben)
        ben.do("fill", selector="#text", text="Good morning")
        ben.do("press", selector="#text", key="Enter")
        anna.wait_for_text(".message:not(.mine) .text", "Good morning")
        for tab, name in ((anna, "first-again"), (ben, "second-again")):
            tab.do("screenshot", path=str(screenshots / f"cluster-{name}.png"))
            tab.close()
