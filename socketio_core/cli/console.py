"""The interactive client: what comes is shown, what one types is sent."""

from __future__ import annotations

import re
from types import NoneType
from typing import Any, Final

import trio

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_manager import host_behind
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.cli.connection import (
    in_words,
    until_interrupted,
    wait_connected,
    watch_connection,
    why_not_connected,
)
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.terminal import Mistake, Output, Terminal
from socketio_core.cli.text import shorten
from socketio_core.cli.values import MAX_QUOTED_CHARS, read_values, show_value
from socketio_core.errors import LocalProtocolError
from socketio_core.trio.client import connect

HELP: Final = """\
emit NAME [VALUE…]   send an event: emit chat "hi" {"a": 1} 0x00ff
call NAME [VALUE…]   the same, and show the acknowledgement when it comes
of /NAMESPACE [AUTH] join another namespace and talk to it; of / is the first one
leave                leave the namespace
connect              connect again
status               what is connected to what
quit                 leave (also Ctrl-D)
VALUE is JSON, bytes in hex behind 0x, or a bare word. A line that begins with # is a comment.
<? marks an event that asks for an acknowledgement; it gets none."""


_BARE_NAME: Final = re.compile(r'[^\s"]+')

_FAILURES: Final = (AckTimeout, Disconnected, LocalProtocolError)


class _Quit(Exception):  # noqa: N818 - no error
    """The user has had enough."""


class Console:
    """One interactive run."""

    def __init__(self, options: ConnectOptions, terminal: Terminal, socket: ClientSocket, calls: trio.Nursery) -> None:
        self._options = options
        self._calls = calls
        self._sent = 0  # events, as far as a script needs to know
        self._show = terminal.show
        self._terminal = terminal
        self._current = socket
        self._sockets: set[str] = set()
        if options.verbose:
            watch_connection(socket.manager, self._show)
        self._watch(socket)

    async def run(self) -> None:
        """Wait for the connection, then do what is typed until it is enough."""
        await wait_connected(self._current)
        self._watch_failures(self._current)  # that of the first attempt ends it all, and is told otherwise
        self._current.manager.on("reconnect_scheduled", self._scheduled)
        while True:
            try:
                line = await self._terminal.read_line()
                if line is None:
                    return
                await self._obey(line)
            except _Quit:
                return
            except ConnectError as error:
                self._complain(why_not_connected(self._current, error))
            except (*_FAILURES, ValueError, Mistake) as error:
                self._complain(in_words(str(error)))

    def _complain(self, text: str) -> None:
        if self._terminal.is_script:  # whoever runs it again must know
            text = f"{text} (events sent before: {self._sent})"
        self._terminal.complain(text)

    async def _obey(self, line: str) -> None:
        word, *more = line.split(None, 1) or [""]
        rest = more[0] if more else ""
        match word:
            case _ if word[:1] in ("", "#"):  # nothing, or a comment
                pass
            case "emit" | "call":
                await self._send(word, rest)
            case "of":
                await self._join(rest)
            case "leave":
                await self._current.disconnect()
            case "connect":
                await self._connect()
            case "status":
                self._status()
            case "help" | "?":
                for text in HELP.splitlines():
                    self._show(text)
            case "quit" | "exit":
                raise _Quit
            case _:
                raise Mistake(f"unknown command {shorten(word, MAX_QUOTED_CHARS)!r}; help shows the commands")

    async def _send(self, word: str, rest: str) -> None:
        values = read_values(rest)
        name, args = values[0] if values else None, values[1:]
        if not isinstance(name, str):
            raise Mistake(f'{word} needs the name of an event: {word} chat "hi"')
        if self._terminal.is_script:  # one after another, `quit` as well: nobody waits for a prompt
            await self._wait_connected()
        if word == "emit":
            await self._current.emit(name, *args)
            self._sent += 1
            if not self._current.connected:
                self._show("! not connected: it will be sent once there is a connection")
        elif self._terminal.is_script:
            await self._call(self._current, name, args)
        else:
            self._calls.start_soon(self._try_call, self._current, name, args)

    async def _call(self, socket: ClientSocket, name: str, args: list[Any]) -> None:
        calling = socket.emit_with_ack(name, *args, timeout=self._options.timeout_s)
        self._sent += 1
        self._show(_line("=", socket.nsp, name, await calling))

    async def _try_call(self, socket: ClientSocket, name: str, args: list[Any]) -> None:
        try:
            await self._call(socket, name, args)
        except _FAILURES as error:
            self._show(f"! {in_words(str(error))}")

    async def _connect(self) -> None:
        if not self._current.active:
            self._current.connect()
        if self._terminal.is_script:
            await self._wait_connected()

    async def _wait_connected(self) -> None:
        """Wait for a connection, which may just be coming back: in a script the next line may need it."""
        if self._current.active:
            with trio.move_on_after(self._options.timeout_s):
                await self._current.wait_connected()
        if not self._current.connected:
            raise Mistake(f"{self._current.nsp} is not connected")

    async def _join(self, rest: str) -> None:
        words = rest.split(None, 1)
        if not words:
            raise Mistake("of needs a namespace: of /admin")
        auth: Any = read_values(words[1]) if len(words) > 1 else [None]
        if len(auth) != 1 or not isinstance(auth[0], (dict, NoneType)):
            raise Mistake('auth must be a JSON object: of /admin {"token": "…"}')
        self._current = self._current.of(words[0], auth[0])
        if self._current.nsp not in self._sockets:
            self._watch(self._current)
            self._watch_failures(self._current)
        nsp = self._current.nsp
        self._terminal.prompt = "> " if nsp == "/" else f"{nsp}> "
        await self._connect()

    def _status(self) -> None:
        for namespace in host_behind(self._current.manager).core.namespaces.values():
            self._show(f"* {namespace.name} {namespace.state.value} {namespace.sid}".rstrip())
        self._show(f"* transport: {self._current.transport or 'none'}")

    # -- what comes --------------------------------------------------------------------------------------------------

    def _watch(self, socket: ClientSocket) -> None:
        self._sockets.add(socket.nsp)

        @socket.on_any
        def event(name: str, *args: Any) -> None:
            self._show(_line("<?" if socket.asks_ack else "<", socket.nsp, name, args))

        @socket.on("connect")
        def connected() -> None:
            recovered = ", recovered" if socket.recovered else ""
            self._show(f"* connected to {socket.nsp} as {socket.id}{recovered} ({socket.transport})")

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            detail = "" if socket.disconnect_error is None else f" ({socket.disconnect_error})"
            self._show(f"* disconnected from {socket.nsp}: {reason}{detail}")

    def _watch_failures(self, socket: ClientSocket) -> None:
        @socket.on("connect_error")
        def refused(error: ConnectError) -> None:
            self._show(f"! {why_not_connected(socket, error)}")

    def _scheduled(self, attempt: int, delay_s: float) -> None:
        self._show(f"* attempt {attempt} to reconnect in {delay_s:.1f} s")


def _line(sign: str, nsp: str, name: str, args: Any) -> str:
    values = [show_value(arg) for arg in args]
    shown = name if _BARE_NAME.fullmatch(name) else show_value(name)  # or it could look like a name and values
    return " ".join([f"{sign}{'' if nsp == '/' else nsp}", shown, *values])


async def run_console(options: ConnectOptions) -> int:
    """Connect, and be interactive until the user has had enough. Returns the exit status."""
    output = Output()
    terminal = Terminal(output, timestamps=options.timestamps)
    with terminal.kept_as_it_was():
        async with connect(options.url, **options.connect_arguments(), wait=False) as socket:
            return await until_interrupted(output, lambda calls: Console(options, terminal, socket, calls).run())
