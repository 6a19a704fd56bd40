"""Runs the chat under trio until a signal ends it; turns what can go wrong at the start into one clear line."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

from socketio_core.app.adapter import MakeAdapter
from socketio_core.demo.chat import create_chat
from socketio_core.errors import ClusterError
from socketio_core.network.groups import only_cause
from socketio_core.network.listening import explain, why_not_joined
from socketio_core.trio.interrupts import open_signal_receiver

_SIGNAL_STATUS = 128  # what a shell adds to the number of the signal that ended a command: Ctrl-C gives 130
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what the user asked for


class CannotServe(Exception):  # noqa: N818 - read as an outcome
    """The chat cannot be served; the text is one line that says what to do about it."""


def print_line(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, flush=True)


def run_chat(
    host: str,
    port: int,
    client_dir: Path | None,
    tell: Callable[[str], None] = print_line,
    *,
    redis: str | None = None,
) -> int:
    """Serve the chat until Ctrl-C (or SIGTERM) and return the exit status.

    Args:
        redis: the URL of one that joins several of these to one chat.

    Raises:
        CannotServe: something is wrong with the address, with the files of the client, or with the Redis.
        Exception: what `tell` raises.
    """
    try:
        received = trio.run(_serve_until_signal, host, port, client_dir, tell, redis)
    except KeyboardInterrupt:  # a second Ctrl-C while the server was saying goodbye, or a very early first one
        received = signal.SIGINT
    except BaseExceptionGroup as group:
        interrupts, others = group.split(KeyboardInterrupt)
        if interrupts is None or others is not None:
            cause = only_cause(group)
            raise CannotServe(why_not_joined(cause)) if isinstance(cause, ClusterError) else cause from None
        received = signal.SIGINT
    tell("stopped")
    return _SIGNAL_STATUS + received


async def _serve_until_signal(
    host: str, port: int, client_dir: Path | None, tell: Callable[[str], None], redis: str | None
) -> int:
    try:
        io = create_chat(client_dir=client_dir, adapter=None if redis is None else _adapter_of(redis))
    except OSError as error:
        raise CannotServe(f"cannot read {error.filename or client_dir}: {error.strerror or error}") from error
    listeners = await _open_listeners(host, port)
    async with trio.open_nursery() as nursery:
        with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            urls = await nursery.start(partial(io.serve, listeners=listeners))
            tell(_greeting(host, urls))
            received = await anext(signals)
        # Out here a second signal is not caught any more: it ends a goodbye that takes too long.
        nursery.cancel_scope.cancel()
    return received


def _adapter_of(url: str) -> MakeAdapter:
    try:
        from socketio_core.cluster import RedisAdapter  # needs an extra

        return RedisAdapter(url)
    except (ModuleNotFoundError, ValueError) as error:
        raise CannotServe(str(error)) from None


async def _open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name, such as 64 letters
        raise CannotServe(explain(error, host, port)) from error


def _greeting(host: str, urls: list[str]) -> str:
    url = urls[0]
    if host in _WILDCARDS:
        port = url.rpartition(":")[2].rstrip("/")
        url = f"http://{_WILDCARDS[host]}:{port} and at the other addresses of this machine"
    return f"chat is at {url} - open it in two tabs (Ctrl-C stops)"
