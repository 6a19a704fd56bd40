"""The demo's chat from a terminal: what one types is said, `/join room` changes the room."""

from __future__ import annotations

import secrets
from typing import Any, Final, cast

from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.app.socket import AckTimeout, Disconnected
from socketio_core.cli.connection import until_interrupted, wait_connected, why_not_connected
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.terminal import Terminal
from socketio_core.errors import LocalProtocolError
from socketio_core.trio.client import connect

LOBBY: Final = "lobby"
HELP: Final = "type to talk; /join ROOM, /who, /quit (also Ctrl-D)"


class ChatRoom:
    """Somebody in one room of the chat; rooms that were left are left on the server too."""

    def __init__(self, terminal: Terminal, socket: ClientSocket, timeout_s: float) -> None:
        self._terminal = terminal
        self._socket = socket
        self._timeout_s = timeout_s
        self._room = LOBBY
        self._last_id = 0  # of the newest message that was shown: after a reconnection the history comes again
        self._watch()

    async def run(self) -> None:
        """Wait for the connection, then talk until it is enough."""
        await wait_connected(self._socket)
        self._watch_failures()  # that of the first attempt ends it all, and is told otherwise
        self._terminal.show(f"* {HELP}")
        while (line := await self._terminal.read_line()) is not None:
            word, _, rest = line.strip().partition(" ")
            try:
                match word:
                    case "":
                        pass
                    case "/quit":
                        return
                    case "/join":
                        await self._change_room(rest.strip() or LOBBY)
                    case "/who":
                        await self._join()
                    case _ if word.startswith("/"):
                        self._terminal.show(f"! {HELP}")
                    case _:
                        await self._say(line.strip())
            except (AckTimeout, Disconnected, LocalProtocolError) as error:
                self._terminal.show(f"! {error}")

    async def _ask(self, name: str, **fields: Any) -> dict[str, Any] | None:
        answer: Any = await self._socket.call(name, fields, timeout=self._timeout_s)
        if _problem_of(answer) is None:
            return cast("dict[str, Any]", answer)
        self._terminal.show(f"! {_problem_of(answer)}")
        return None

    async def _say(self, text: str) -> None:
        await self._ask("message", room=self._room, text=text, key=secrets.token_urlsafe(12))

    async def _change_room(self, room: str) -> None:
        before, self._room, self._last_id = self._room, room, 0
        if await self._join() is None:
            self._room = before
        elif before != room:
            await self._ask("leave", room=before)

    async def _join(self) -> dict[str, Any] | None:
        answer = await self._ask("join", room=self._room)
        if answer is not None:
            self._room = answer["room"]
            for message in answer["history"]:
                self._show_message(message)
            self._terminal.prompt = f"{self._room}> "  # before the next line is shown, which shows it too
            self._terminal.show(f"* {self._room}: {', '.join(answer['online'])}")
        return answer

    def _watch(self) -> None:
        socket, show = self._socket, self._terminal.show

        @socket.on("welcome")
        async def welcome(news: Any) -> None:
            show(f"* welcome, {news['nickname']}")
            await self._join()

        @socket.on("message")
        def message(news: Any) -> None:
            if news["room"] == self._room:
                self._show_message(news)

        @socket.on("joined")
        def joined(news: Any) -> None:
            if news["room"] == self._room:
                show(f"* {news['nickname']} joined")

        @socket.on("left")
        def left(news: Any) -> None:
            if news["room"] == self._room:
                show(f"* {news['nickname']} left")

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            show(f"* disconnected: {reason}")

    def _watch_failures(self) -> None:
        @self._socket.on("connect_error")
        def refused(error: ConnectError) -> None:
            self._terminal.show(f"! {why_not_connected(self._socket, error)}")

    def _show_message(self, message: Any) -> None:
        if message["id"] > self._last_id:
            self._last_id = message["id"]
            self._terminal.show(f"{message['nickname']}: {message['text']}")


def _problem_of(answer: Any) -> str | None:
    """Return what the chat refused, `None` when it did what was asked for."""
    if not isinstance(answer, dict):
        return "this server is not the chat"
    fields = cast("dict[str, Any]", answer)
    return None if fields.get("ok") is True else str(fields.get("error"))


async def run_chat_client(options: ConnectOptions) -> int:
    """Join the chat, and talk until it is enough. Returns the exit status."""
    terminal = Terminal(timestamps=options.timestamps)
    arguments = options.connect_arguments()
    arguments["auth"] = {**(options.auth or {}), "nickname": options.nickname, "tab": secrets.token_urlsafe(12)}
    with terminal.kept_as_it_was():
        async with connect(options.url, **arguments, wait=False) as socket:
            return await until_interrupted(lambda _: ChatRoom(terminal, socket, options.timeout_s).run())
