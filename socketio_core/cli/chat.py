"""The demo's chat from a terminal: what one types is said, `/join room` changes the room."""

from __future__ import annotations

import secrets
from collections.abc import Sequence, Set
from typing import Any, Final, cast

import trio

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.cli.command import CommandFailed
from socketio_core.cli.connection import until_interrupted, wait_connected, watch_connection, why_not_connected
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.terminal import Mistake, Output, Terminal
from socketio_core.cli.text import shorten
from socketio_core.cli.values import MAX_QUOTED_CHARS
from socketio_core.errors import LocalProtocolError
from socketio_core.trio.client import connect

LOBBY: Final = "lobby"
HELP: Final = "type to talk; /join ROOM, /who, /quit (also Ctrl-D)"

_JOINED: Final = frozenset(("room", "history", "online"))  # what the answer to `join` tells
_STRANGER: Final = "this server does not answer as the demo's chat does; without --chat you can talk to any server"


class ChatRoom:
    """Somebody in one room of the chat; rooms that were left are left on the server too."""

    def __init__(self, terminal: Terminal, socket: ClientSocket, timeout_s: float) -> None:
        self._terminal = terminal
        self._socket = socket
        self._timeout_s = timeout_s
        self._room = LOBBY
        self._last_id = 0  # of the newest message that was shown: after a reconnection the history comes again
        self._is_chat = trio.Event()
        self._watch()

    async def run(self, nursery: trio.Nursery) -> None:
        """Wait for the connection, then talk until it is enough.

        Raises:
            CommandFailed: there is no connection, or whoever answers there, or does not, is not the chat.
        """
        await wait_connected(self._socket)
        self._watch_failures()  # that of the first attempt ends it all, and is told otherwise
        nursery.start_soon(self._check_chat)
        self._terminal.show(f"* {HELP}")
        if self._terminal.is_script:  # a person sees when the room is there
            await self._is_chat.wait()
        while True:
            try:
                line = await self._terminal.read_line()
                if line is None:
                    return
                word, *more = line.split(None, 1) or [""]
                rest = more[0] if more else ""
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
                        raise Mistake(f"unknown command {shorten(word, MAX_QUOTED_CHARS)!r}; {HELP}")
                    case _:
                        await self._say(line.strip())
            except (AckTimeout, Disconnected, LocalProtocolError, Mistake) as error:
                self._terminal.complain(str(error))

    async def _check_chat(self) -> None:
        """See that the first request is answered as the chat does it."""
        while not self._is_chat.is_set():
            with trio.move_on_after(self._timeout_s):
                await self._is_chat.wait()
            if self._socket.connected and not self._is_chat.is_set():
                raise CommandFailed(_STRANGER)

    async def _ask(self, name: str, wanted: Set[str] = frozenset(), /, **fields: Any) -> dict[str, Any]:
        """Ask the server, and return its answer.

        Raises:
            Mistake: it refuses, or its answer is none of the chat.
        """
        answer = _fields(await self._socket.emit_with_ack(name, fields, timeout=self._timeout_s))
        if answer.get("ok") is True and wanted <= answer.keys():
            self._is_chat.set()
            return answer
        if isinstance(answer.get("error"), str):
            self._is_chat.set()
            raise Mistake(answer["error"])
        raise Mistake("that is not the answer of the chat")

    async def _say(self, text: str) -> None:
        await self._ask("message", room=self._room, text=text, key=secrets.token_urlsafe(12))

    async def _change_room(self, room: str) -> None:
        before, last_id = self._room, self._last_id
        self._room, self._last_id = room, 0
        try:
            await self._join()
        except BaseException:
            self._room, self._last_id = before, last_id
            raise
        if before != self._room:
            await self._ask("leave", room=before)

    async def _join(self) -> None:
        answer = await self._ask("join", _JOINED, room=self._room)
        self._room = str(answer["room"])
        for message in _list(answer["history"]):
            self._show_message(message)
        self._terminal.prompt = f"{self._room}> "  # before the next line is shown, which shows it too
        self._terminal.show(f"* {self._room}: {', '.join(map(str, _list(answer['online'])))}")

    def _watch(self) -> None:
        socket, show = self._socket, self._terminal.show

        @socket.on("welcome")
        async def welcome(*news: Any) -> None:
            show(f"* welcome, {_fields(news).get('nickname')}")
            try:
                await self._join()
            except (AckTimeout, Disconnected, Mistake) as error:
                show(f"! {error}")

        @socket.on("message")
        def message(*news: Any) -> None:
            if _fields(news).get("room") == self._room:
                self._show_message(*news)

        @socket.on("joined")
        def joined(*news: Any) -> None:
            if _fields(news).get("room") == self._room:
                show(f"* {_fields(news).get('nickname')} joined")

        @socket.on("left")
        def left(*news: Any) -> None:
            if _fields(news).get("room") == self._room:
                show(f"* {_fields(news).get('nickname')} left")

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            show(f"* disconnected: {reason}")

    def _watch_failures(self) -> None:
        @self._socket.on("connect_error")
        def refused(error: ConnectError) -> None:
            self._terminal.show(f"! {why_not_connected(self._socket, error)}")

    def _show_message(self, *message: Any) -> None:
        fields = _fields(message)
        number = fields.get("id")
        if isinstance(number, int) and number > self._last_id:
            self._last_id = number
            self._terminal.show(f"{fields.get('nickname')}: {fields.get('text')}")


def _fields(values: Sequence[object]) -> dict[str, Any]:
    """Return the fields of the first of some values; what a server sends may be any number of anything."""
    first = values[0] if values else None
    return cast("dict[str, Any]", first) if isinstance(first, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


async def run_chat_client(options: ConnectOptions) -> int:
    """Join the chat, and talk until it is enough. Returns the exit status."""
    output = Output()
    terminal = Terminal(output, timestamps=options.timestamps)
    arguments = options.connect_arguments()
    arguments["auth"] = {**(options.auth or {}), "nickname": options.nickname, "tab": secrets.token_urlsafe(12)}
    with terminal.kept_as_it_was():
        async with connect(options.url, **arguments, wait=False) as socket:
            if options.verbose:
                watch_connection(socket.manager, terminal.show)
            return await until_interrupted(output, ChatRoom(terminal, socket, options.timeout_s).run)
