"""For scripts: send, wait, print lines of JSON, and say by the exit status how it went."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import trio

from socketio_core.app.acks import AckTimeout, Disconnected
from socketio_core.app.client_socket import ClientSocket
from socketio_core.cli.command import CommandFailed
from socketio_core.cli.connection import until_interrupted, wait_connected, watch_connection
from socketio_core.cli.options import ConnectOptions
from socketio_core.cli.streams import write_error
from socketio_core.cli.terminal import Output
from socketio_core.cli.text import safe, stamp
from socketio_core.cli.values import json_value
from socketio_core.errors import LocalProtocolError
from socketio_core.trio.client import connect


async def run_script(options: ConnectOptions) -> int:
    """Emit, call, wait. Returns the exit status 0.

    Raises:
        CommandFailed: there is no connection, something was not sent, or did not come in time.
    """
    output = Output()
    async with connect(options.url, **options.connect_arguments(), wait=False) as socket:
        if options.verbose:
            watch_connection(socket.manager, partial(_tell, options))
        return await until_interrupted(output, lambda _: _emit_and_wait(options, output, socket))


async def _emit_and_wait(options: ConnectOptions, output: Output, socket: ClientSocket) -> None:
    missing = list(options.waits)
    came = trio.Event()
    loss = ""
    with trio.CancelScope() as doing:

        @socket.on_any
        def event(name: str, *args: Any) -> None:
            line: dict[str, object] = {"event": name, "args": json_value(list(args))}
            if socket.asks_ack:
                line["ack"] = True  # it gets none
            _print(options, output, line)
            if name in missing:
                missing.remove(name)
                came.set()

        @socket.on("disconnect")
        def disconnected(reason: str) -> None:
            nonlocal loss
            loss = reason
            doing.cancel()

        await wait_connected(socket)
        await _send_all(options, output, socket)
        with trio.move_on_after(options.timeout_s):
            while missing:
                await came.wait()
                came = trio.Event()
    if loss:
        raise CommandFailed(f"disconnected before all was done: {loss}")
    if missing:
        raise CommandFailed(f"no {missing[0]!r} within {options.timeout_s:g} s")


async def _send_all(options: ConnectOptions, output: Output, socket: ClientSocket) -> None:
    for is_call, name, args in options.emits:
        try:
            if is_call:
                answer = await socket.emit_with_ack(name, *args, timeout=options.timeout_s)
                _print(options, output, {"ack": name, "args": json_value(answer)})
            else:
                await socket.emit(name, *args)
        except AckTimeout:
            raise CommandFailed(f"no acknowledgement of {name!r} within {options.timeout_s:g} s") from None
        except Disconnected as error:
            raise CommandFailed(f"no acknowledgement of {name!r}: {error}") from None
        except LocalProtocolError as error:
            raise CommandFailed(f"{name!r} was not sent: {error}") from None


def _tell(options: ConnectOptions, line: str) -> None:
    write_error(stamp(line) if options.timestamps else safe(line))


def _print(options: ConnectOptions, output: Output, line: dict[str, object]) -> None:
    if options.timestamps:
        line = {"time": round(time.time(), 3), **line}
    output.write(json.dumps(line, ensure_ascii=True) + "\n")
