"""How a connection begins and ends, whatever it is used for."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import trio

from socketio_core.app.client_socket import ClientSocket, ConnectError
from socketio_core.cli.command import EXIT_INTERRUPTED, CommandFailed
from socketio_core.cli.values import show_value
from socketio_core.trio.groups import only_cause


async def wait_connected(socket: ClientSocket) -> None:
    """Wait for the outcome of the first attempt.

    Raises:
        CommandFailed: it is not connected; the text says why.
    """
    try:
        await socket.wait_first_outcome()
    except ConnectError as error:
        raise CommandFailed(why_not_connected(error)) from None


def why_not_connected(error: ConnectError) -> str:
    """Return it in words."""
    return error.message if error.data is None else f"{error.message} {show_value(error.data)}"


async def until_interrupted(talk: Callable[[trio.Nursery], Awaitable[None]]) -> int:
    """Run `talk` until it returns, or Ctrl-C cancels it; what ends the connection is not cancelled.

    It is given a nursery, whose tasks end with it.

    Returns:
        The exit status. A second Ctrl-C is an exception again: it ends a goodbye that takes too long.
    """
    status = 0

    async def wait_for_interrupt() -> None:
        nonlocal status
        await anext(signals)
        status = EXIT_INTERRUPTED
        nursery.cancel_scope.cancel()

    try:
        with trio.open_signal_receiver(signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_for_interrupt)
                await talk(nursery)
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only_cause(group) from None
    return status
