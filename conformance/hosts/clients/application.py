"""What a client looks like, on any event loop: it keeps the contract, and needs of its loop what `Loop` says."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from conformance.clients.process import from_json, to_json
from socketio_core.app import AckTimeout, Disconnected
from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.app.runtime import Event

Command = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loop:
    """An event loop.

    Attributes:
        connect: the client's.
        new_event: makes something to wait for.
        spawn: runs a function in a task, with its arguments.
        read_line: reads a line of standard input, in a thread.
    """

    connect: Callable[..., AbstractAsyncContextManager[ClientSocket]]
    new_event: Callable[[], Event]
    spawn: Callable[..., object]
    read_line: Callable[[], Awaitable[str]]


def say(**report: object) -> None:
    """Write a report."""
    sys.stdout.write(json.dumps(to_json(report)) + "\n")
    sys.stdout.flush()


class Client:
    """One client: a block of `connect` that lasts until it is told to close."""

    def __init__(self, name: str, loop: Loop) -> None:
        self.name = name
        self.loop = loop
        self.sockets: dict[str, ClientSocket] = {}
        self.is_watched = loop.new_event()
        self.closing = loop.new_event()

    async def run(self, command: Command) -> None:
        """Connect, and stay."""
        options = command["options"]
        async with self.loop.connect(
            command["url"],
            auth=command.get("auth"),
            query=options.get("query"),
            headers=options.get("headers"),
            transports=command["transports"],
            reconnection=options["reconnection"],
            reconnection_delay_s=0.05,
            reconnection_delay_max_s=0.1,
            randomization_factor=0.0,
            retries=options.get("retries", 0),
            ack_timeout_s=options.get("ack_timeout_ms", 10_000) / 1000,
            close_timeout_s=1.0,
            wait=False,
        ) as socket:
            self.watch(socket)
            self.is_watched.set()
            await self.closing.wait()
        say(event="closed", id=self.name)

    def watch(self, socket: ClientSocket) -> None:
        """Report what happens to a socket."""
        self.sockets[socket.nsp] = socket
        about: dict[str, Any] = {"id": self.name, "nsp": socket.nsp}

        @socket.on("connect")
        def connected() -> None:
            say(event="connect", sid=socket.id, recovered=socket.recovered, **about)

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            say(event="disconnect", reason=reason, **about)

        @socket.on("connect_error")
        def refused(error: ConnectError) -> None:
            say(event="connect_error", message=error.message, data=error.data, **about)

        @socket.on_any
        def received(name: str, *args: Any) -> tuple[Any, ...]:
            say(event="received", name=name, args=list(args), **about)
            return args

    async def obey(self, command: Command) -> None:
        """Do what is asked for."""
        nsp, args = command.get("nsp", "/"), command.get("args", [])
        match command["do"]:
            case "join":
                self.watch(self.sockets["/"].of(nsp, command.get("auth")))
            case "emit" if command.get("volatile"):
                self.sockets[nsp].emit_volatile(command["name"], *args)
            case "emit":
                await self.sockets[nsp].emit(command["name"], *args)
            case "call":
                await self.call(self.sockets[nsp], command)
            case "leave":
                await self.sockets[nsp].disconnect()
            case _:
                self.closing.set()

    async def call(self, socket: ClientSocket, command: Command) -> None:
        """Emit, and report the acknowledgement."""
        about: dict[str, Any] = {"id": self.name, "nsp": socket.nsp, "call": command["call"]}
        try:
            timeout_s = command["timeout_ms"] / 1000
            args = await socket.emit_with_ack(command["name"], *command.get("args", []), timeout=timeout_s)
        except (AckTimeout, Disconnected):
            say(event="ack_failed", **about)
        else:
            say(event="ack", args=args, **about)


async def obey_all(loop: Loop) -> None:
    """Read commands until there are no more; then leave what is running to be cancelled."""
    clients: dict[str, Client] = {}
    while line := await loop.read_line():
        command: Command = from_json(json.loads(line))
        name = command["id"]
        if command["do"] == "open":
            clients[name] = Client(name, loop)
            loop.spawn(clients[name].run, command)
            await clients[name].is_watched.wait()
        elif command["do"] == "call":
            loop.spawn(clients[name].obey, command)
        else:
            await clients[name].obey(command)
