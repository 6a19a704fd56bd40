"""What serves: this process, if it is the only one, or else each worker, started by a `Supervisor` with its task."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from socketio_core.app.host import ServerHost
from socketio_core.app.server import Server, host_of
from socketio_core.cli.application import ApplicationFailed, load_server, loop_of
from socketio_core.cli.command import EXIT_FAILURE, EXIT_INTERRUPTED, CommandFailed, require_modules
from socketio_core.cli.listening import Address, addresses_of, listen
from socketio_core.cli.service import LOOPS, ServiceOptions
from socketio_core.cli.streams import write_error
from socketio_core.cli.text import SafeFormatter, show_log_of_service
from socketio_core.errors import ProtocolError
from socketio_core.serving import Timeouts

_FULL_COLLECTION: Final = 100  # after so many smaller ones; usually it is 10, and on Python 3.14 there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker is to do.

    Attributes:
        options: of the service.
        number: of the worker, from 1 on.
        addresses: to listen on.
        is_shared: others listen there too.
        is_again: the service has begun; clients of others need not wait for a Redis that is away.
        listeners: descriptors of sockets that listen already.
        reports: a descriptor to write to: lines of JSON.
        life: a descriptor to read from, which ends when the supervisor does.
    """

    options: ServiceOptions
    number: int
    addresses: Sequence[Address]
    is_shared: bool
    is_again: bool
    listeners: Sequence[int]
    reports: int
    life: int

    def to_json(self) -> str:
        """Write it for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Read it."""
        fields: dict[str, Any] = json.loads(text)
        fields["options"] = ServiceOptions(**fields["options"])
        addresses: list[tuple[int, list[Any] | str]] = fields["addresses"]
        fields["addresses"] = [(family, at if isinstance(at, str) else tuple(at)) for family, at in addresses]
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says: that it serves, or why it cannot.

    Attributes:
        urls: where.
        shutdown_s: how long its end may take.
        is_polled: clients may come by polling.
        is_joined: something joins it to other servers.
        failure: in one line.
    """

    urls: Sequence[str] = ()
    shutdown_s: float = 0.0
    is_polled: bool = False
    is_joined: bool = False
    failure: str = ""

    def to_json(self) -> str:
        """Write it for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Report:
        """Read it."""
        return cls(**json.loads(line))


def run_alone(options: ServiceOptions, tell: Callable[[str], None]) -> int:
    """Serve in this process until a signal ends it; return the exit status.

    Raises:
        CommandFailed: it cannot be served.
    """
    if options.unix is None:
        addresses = addresses_of(options.host, options.port)
    else:
        addresses = [(int(socket.AF_UNIX), options.unix)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C is the event loop's from now on

    def started(report: Report) -> None:
        tell(f"serving {options.app} at {' and '.join(report.urls)} (Ctrl-C stops)")

    try:
        return _serve(options, lambda: listen(addresses), started)
    finally:
        for family, address in addresses:
            if family == socket.AF_UNIX and os.path.exists(address):  # noqa: PTH110
                os.unlink(address)  # noqa: PTH108


def _serve(
    options: ServiceOptions,
    open_listeners: Callable[[], list[socket.socket]],
    started: Callable[[Report], None],
    name: str = "",
    *,
    is_again: bool = False,
) -> int:
    usual = gc.get_threshold()
    try:
        server = load_server(options.app)
        loop = loop_of(server, options.loop)
        require_modules("the server", LOOPS[loop], loop)
    except ApplicationFailed as failure:
        _show(failure.__cause__)
        raise
    show_log_of_service(name, verbose=options.verbose)
    host = host_of(server)
    if options.redis is not None:
        _join_others(host, options, is_again=is_again)

    def serves(urls: Sequence[str]) -> None:
        # Nobody is served while Python looks for circles among all that is loaded, which stays: 10 to 30 ms each time;
        # and 60 among 300,000 messages that wait to be sent, of which none is in one.
        gc.collect()
        gc.freeze()
        if gc.get_threshold() == usual:  # else the application has seen to that
            gc.set_threshold(*usual[:2], _FULL_COLLECTION)
        polled = "polling" in host.endpoints[0].settings.transports
        shutdown_s = (host.serving.timeouts or Timeouts()).shutdown_s
        started(Report(urls=urls, shutdown_s=shutdown_s, is_polled=polled, is_joined=host.is_joined))

    sockets = open_listeners()
    try:
        run = _run_on_trio if loop == "trio" else _run_on_asyncio
        run(server, sockets, serves)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ProtocolError as error:  # `ClusterUnavailable`, at the start
        from socketio_core.network.listening import why_not_joined

        raise CommandFailed(str(error) if options.redis is None else why_not_joined(error)) from None
    finally:
        for each in sockets:
            each.close()
    return 0


def _join_others(host: ServerHost, options: ServiceOptions, *, is_again: bool) -> None:
    if host.is_joined:
        raise CommandFailed(f"{options.app} has an adapter already: leave --redis out")
    require_modules("--redis", ("hiredis", "msgpack"), "cluster")
    from socketio_core.cluster import RedisAdapter  # needs what was just checked

    host.join_others(RedisAdapter(options.redis or "", start_degraded=is_again))


def _show(error: BaseException | None) -> None:
    """Write an error of the application, from where its own code begins."""
    assert error is not None  # it is what failed
    found = error.__traceback__
    while found is not None and found.tb_next is not None and _is_machinery(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    write_error(SafeFormatter().formatException((type(error), error, found)))


def _is_machinery(path: str) -> bool:
    return path == load_server.__code__.co_filename or "importlib" in path


def _run_on_trio(server: Server, sockets: Sequence[socket.socket], started: Callable[[Sequence[str]], None]) -> None:
    import trio

    from socketio_core.trio.serve import serve

    class Started(trio.TaskStatus[list[str]]):
        def started(self, value: list[str] | None = None) -> None:
            started(value or [])

    async def run() -> None:
        listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets]
        await serve(server, listeners=listeners, signals=[signal.SIGTERM], task_status=Started())

    trio.run(run)


def _run_on_asyncio(server: Server, sockets: Sequence[socket.socket], started: Callable[[Sequence[str]], None]) -> None:
    import asyncio

    from socketio_core.asyncio.serve import serve

    async def run() -> None:
        serving: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        serving.add_done_callback(lambda urls: None if urls.cancelled() else started(urls.result()))
        await serve(server, listeners=sockets, signals=[signal.SIGTERM], started=serving)

    asyncio.run(run())


# -- as one of several -------------------------------------------------------------------------------------------------


def main() -> int:
    """Do the task that the arguments of this process say; return its exit status."""
    task = Task.from_json(sys.argv[1])
    for each in (task.reports, task.life, *task.listeners):
        os.set_inheritable(each, False)  # noqa: FBT003 - its only form; what the application starts has no part in it
    threading.Thread(target=_end_with_supervisor, args=(task.life,), daemon=True).start()

    def report(what: Report) -> None:
        os.write(task.reports, f"{what.to_json()}\n".encode())

    def open_listeners() -> list[socket.socket]:
        if task.listeners:
            return [socket.socket(fileno=each) for each in task.listeners]
        return listen(task.addresses, is_shared=task.is_shared)

    try:
        return _serve(task.options, open_listeners, report, f"worker {task.number}: ", is_again=task.is_again)
    except CommandFailed as failure:
        report(Report(failure=str(failure)))
        return EXIT_FAILURE


def _end_with_supervisor(life: int) -> None:
    """End in order when the supervisor has gone without a word."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
