"""What the tests hold in their hands: a running server, a foreign client, its connections and their sockets."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.interop.processes import DEADLINE_S, Message, Program

NODE_DIR: Final = Path(__file__).parent / "node"
MODES: Final[Mapping[str, Sequence[str]]] = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
CLIENT_COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "node": ["node", str(NODE_DIR / "client.mjs")],
    "python-socketio": [sys.executable, "-m", "tests.interop.python_client"],
}
ENDED_BY_SIGTERM: Final = -int(signal.SIGTERM)
NO_SUCH_SESSION: Final = "refused: no such session: "


class InteropServer:
    """`tests.interop.app`, or another one, in a process of its own."""

    def __init__(self, *options: str, port: int = 0, app: str = "app") -> None:
        command = [sys.executable, "-W", "error", "-m", f"tests.interop.{app}", "--port", str(port), *options]
        self._program = Program(command)
        listening = self.take("listening")
        self.url: str = listening["url"]
        self.pid: int | None = listening.get("pid")
        self.port = int(self.url.rpartition(":")[2])

    def take(self, event: str, *, sid: str | None = None, deadline_s: float = DEADLINE_S) -> Message:
        """Wait for the report of an event (of the socket `sid`), and return it."""

        return self._program.take(_is(event, sid), f"{event} of {sid} from the server", deadline_s=deadline_s)

    def assert_silent(self, event: str, *, sid: str) -> None:
        """It has reported no such event that nobody took."""
        assert self._program.waiting(_is(event, sid)) == []

    def stop(self) -> None:
        """Have it end gracefully. It must do so in time, without an error and without a word on standard error.

        That a client came with a session of another server, or of the one before, is no error of its own.
        """
        status = self._program.finish()
        errors = [line for line in self.complaints if NO_SUCH_SESSION not in line]
        assert (status, errors) == (0, [])

    @property
    def complaints(self) -> list[str]:
        """What it has written to standard error so far, in lines."""
        return self._program.errors().splitlines()

    def terminate(self, *, status: int = ENDED_BY_SIGTERM) -> str:
        """Send SIGTERM, which must end it; uvicorn, in order, and then by the signal. Return what it complained of."""
        self._program.signal(signal.SIGTERM)
        assert self._program.finish() == status
        return self._program.errors()

    def kill(self) -> None:
        self._program.signal(signal.SIGKILL)
        self._program.finish()

    def close(self) -> None:
        self._program.close()


def _is(event: str, sid: str | None) -> Callable[[Message], bool]:
    return lambda message: message["event"] == event and (sid is None or message["sid"] == sid)


class Socket:
    """One namespace of a foreign client's connection."""

    def __init__(self, connection: Connection, nsp: str) -> None:
        self._connection = connection
        self._nsp = nsp
        self.id = ""

    def _wanted(self, message: Message) -> bool:
        return message.get("connection") == self._connection.name and message["nsp"] == self._nsp

    def take(self, kind: str, *, passing_over: str = "") -> list[Any]:
        """Wait for the next thing that this socket reports, which must be this one; return its arguments."""
        program = self._connection.peer.program
        while True:
            message = program.take(self._wanted, f"{kind} in {self._nsp} of {self._connection.name}")
            if message["kind"] != passing_over:
                break
        assert message["kind"] == kind, message
        args: list[Any] = message["args"]
        if kind == "connect":
            self.id = args[0]
        return args

    def assert_quiet(self) -> None:
        """Nothing has arrived that nobody took. The round trip makes sure that what was on its way is there."""
        assert self.call("reflect", "fence") == ["fence"]
        assert self._connection.peer.program.waiting(self._wanted) == []

    def emit(self, event: str, *args: object) -> None:
        self._connection.do("emit", nsp=self._nsp, event=event, args=args)

    def call(self, event: str, *args: object) -> list[Any]:
        """Emit, wait for the acknowledgement, and return its arguments."""
        result: list[Any] = self._connection.do(
            "call", nsp=self._nsp, event=event, args=args, timeout_ms=int(DEADLINE_S * 1000)
        )
        return result

    def exchange(self, total: int, chunk: int) -> dict[str, Any]:
        """Connect, and have `total` numbers sent both ways, `chunk` at a time."""
        result: dict[str, Any] = self._connection.do("exchange", nsp=self._nsp, total=total, chunk=chunk)
        return result

    def disconnect(self) -> None:
        self._connection.do("disconnect", nsp=self._nsp)

    def reopen(self) -> None:
        self._connection.do("reopen", nsp=self._nsp)


class Connection:
    """One Engine.IO connection of a foreign client, with its namespaces."""

    def __init__(self, peer: Peer, name: str, namespaces: Sequence[str]) -> None:
        self.peer = peer
        self.name = name
        self._sockets = {nsp: Socket(self, nsp) for nsp in namespaces}

    def __getitem__(self, nsp: str) -> Socket:
        return self._sockets[nsp]

    def do(self, action: str, **fields: object) -> Any:  # whatever the client program answers
        return self.peer.do(action, connection=self.name, **fields)

    def transport(self) -> str:
        return str(self.do("transport"))

    def wait_for_mode(self) -> None:
        """Wait until it is on the transport that it is meant to end on."""
        if self.peer.mode == "upgrade":
            assert self.do("upgraded") is True
        assert self.transport() == MODES[self.peer.mode][-1]

    def close_engine(self) -> None:
        self.do("close_engine")


class Peer:
    """A foreign client program, and the transports that its connections use."""

    def __init__(self, kind: str, mode: str, url: str) -> None:
        self.kind = kind
        self.mode = mode
        self.url = url
        self.program = Program(CLIENT_COMMANDS[kind])
        self._ids = itertools.count()
        self._names = itertools.count()
        self._connections: list[Connection] = []

    def do(self, action: str, **fields: object) -> Any:  # whatever the client program answers
        number = next(self._ids)
        self.program.send({"id": number, "do": action, **fields})
        message = self.program.take(lambda message: message.get("answer") == number, f"answer to {action} {fields}")
        assert "error" not in message, message
        return message["result"]

    def open(
        self,
        *namespaces: str,
        auth: object = None,
        query: Mapping[str, str] | None = None,
        reconnection: bool = False,
        later: bool = False,
        credentials: bool = False,
        server: InteropServer | None = None,
    ) -> Connection:
        """Begin to connect, now or later, to its server or another; sockets report `connect` or `connect_error`.

        Only Node's client knows `credentials`: it keeps cookies.
        """
        connection = Connection(self, f"c{next(self._names)}", namespaces)
        self._connections.append(connection)
        connection.do(
            "connect",
            url=self.url if server is None else server.url,
            transports=MODES[self.mode],
            namespaces=namespaces,
            auth=auth or {},
            query=query or {},
            reconnection=reconnection,
            later=later,
            **({"credentials": True} if credentials else {}),
        )
        return connection

    def join(self, nsp: str = "/", **options: Any) -> Socket:
        """Connect to one namespace, and wait until that is done and the welcome has come."""
        socket = self.open(nsp, **options)[nsp]
        socket.take("connect")
        socket.take("welcome")
        return socket

    def forget_connections(self) -> None:
        """Close what is open, and lose what it said."""
        for connection in self._connections:
            connection.do("forget")
        self._connections.clear()

    def pause(self) -> None:
        """Stop the client program where it stands; it neither answers nor closes anything."""
        self.program.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.program.signal(signal.SIGCONT)

    def close(self) -> None:
        """End it as a user's program ends: its input is over, so it exits. Nobody says goodbye to the server."""
        self.program.close()
