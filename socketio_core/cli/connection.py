"""How a connection begins and ends, whatever it is used for."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from socketio_core.app.client_manager import ClientManager, host_behind
from socketio_core.app.client_socket import CONNECT_AGAIN, ClientSocket, ConnectError
from socketio_core.cli.command import EXIT_SIGNAL, CommandFailed
from socketio_core.cli.terminal import Output
from socketio_core.cli.values import show_value
from socketio_core.network.dialing import SEE_CONTEXT
from socketio_core.network.groups import only_cause
from socketio_core.trio.interrupts import open_signal_receiver

_NO_NAMESPACE: Final = "Invalid namespace"  # so the reference says it, too

# A terminal that is closed, and who ends services, want an orderly goodbye too.
_ENDING: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


async def wait_connected(socket: ClientSocket) -> None:
    """Wait for the outcome of the first attempt.

    Raises:
        CommandFailed: it is not connected; the text says why.
    """
    try:
        await socket.wait_first_outcome()
    except ConnectError as error:
        why = why_not_connected(socket, error) if _is_refusal(socket) else in_words(error.message)
        hint = " (a URL's path is a namespace; where the server listens says --path)"
        raise CommandFailed(why + hint if error.message == _NO_NAMESPACE else why) from None


def in_words(text: str) -> str:
    """Return what is said to who writes Python as it is said to who types."""
    return text.replace(SEE_CONTEXT, "(--cafile or --insecure)").replace(CONNECT_AGAIN, "connect does it again")


def why_not_connected(socket: ClientSocket, error: ConnectError) -> str:
    """Return why a socket is not connected, in words that begin with its namespace."""
    data = "" if error.data is None else f" {show_value(error.data)}"
    return f"{socket.nsp}{' refused' if _is_refusal(socket) else ''}: {in_words(error.message)}{data}"


def _is_refusal(socket: ClientSocket) -> bool:
    """Whether there is a connection, and the namespace is the matter: otherwise the client tries again by itself."""
    return not socket.active and not host_behind(socket.manager).core.is_closing


def watch_connection(manager: ClientManager, show: Callable[[str], None]) -> None:
    """Show what happens to the connection itself."""

    @manager.on("ping")
    def ping() -> None:
        show("* ping, answered")

    @manager.on("open")
    def opened(transport: str) -> None:
        session = host_behind(manager).core.session
        handshake = None if session is None else session.handshake
        if handshake is not None:
            times = f"ping every {handshake.ping_interval_s:g} s, timeout {handshake.ping_timeout_s:g} s"
            show(f"* open over {transport}, {times}, max payload {handshake.max_payload_bytes} bytes")

    @manager.on("upgrade")
    def upgraded() -> None:
        show("* upgraded to websocket")

    @manager.on("upgrade_error")
    def not_upgraded(detail: str) -> None:
        show(f"* stays on polling: {detail}")

    @manager.on("close")
    def closed(reason: str) -> None:
        show(f"* connection closed: {reason}")


async def until_interrupted(output: Output, talk: Callable[[trio.Nursery], Awaitable[None]]) -> int:
    """Run `talk` until it returns, or a signal cancels it; what ends the connection is not cancelled.

    It is given a nursery, whose tasks end with it.

    Returns:
        The exit status. A second Ctrl-C is not caught here: it ends a goodbye that takes too long.
    Raises:
        CommandFailed: its own, or that `output` cannot be written.
    """
    status = 0

    async def wait_for_interrupt() -> None:
        nonlocal status
        status = EXIT_SIGNAL + await anext(signals)
        nursery.cancel_scope.cancel()

    try:
        with open_signal_receiver(*_ENDING) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_for_interrupt)
                nursery.start_soon(output.wait_failure)
                await talk(nursery)
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only_cause(group) from None
    output.check()
    return status
