"""Several workers as one service: started, started anew when they end, and ended in order.

Each worker is a process of its own that is given its `Task`. The first one starts alone: what is wrong with the
application is said once. All are ended by a signal to this process, which alone has the terminal's Ctrl-C; a worker
whose supervisor has gone ends by itself.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from socketio_core.cli.command import EXIT_FAILURE, EXIT_INTERRUPTED, CommandFailed
from socketio_core.cli.listening import Address, addresses_of, listen, reserve
from socketio_core.cli.restarts import STEADY_S, Restarts
from socketio_core.cli.service import ServiceOptions
from socketio_core.cli.text import show_log_of_service
from socketio_core.cli.worker import Report, Task
from socketio_core.timers import earliest

GRACE_S: Final = 5.0
SILENCE_S: Final = 10.0

_LOGGER: Final = logging.getLogger("socketio_core.workers")
_END: Final = (signal.SIGTERM, signal.SIGINT)
_READ_BYTES: Final = 65536


class Worker:
    """One worker: its process, while it has one.

    Attributes:
        number: from 1 on.
        process: `None` while it waits to be started anew.
        start_at: when that will be; `None` while it runs.
        report: that it serves.
    """

    def __init__(self, number: int, restarts: Restarts) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at: float | None = None
        self.started_at = 0.0
        self.report: Report | None = None
        self.restarts = restarts
        self.reports = -1
        self.said = b""

    def take_reports(self) -> list[Report]:
        """Read what it says."""
        with suppress(BlockingIOError):
            self.said += os.read(self.reports, _READ_BYTES)
        *lines, self.said = self.said.split(b"\n")
        return [Report.from_json(line) for line in lines]


class Supervisor:
    """Runs a service; see above.

    Args:
        options: what the command line asked for.
        tell: tells the person at the terminal.
        grace_s: for the end of a worker, beside what its clients may take.
        silence_s: after which somebody may want to know why nothing is served.
        steady_s: a worker that has lived so long is started anew at once.
    """

    def __init__(
        self,
        options: ServiceOptions,
        tell: Callable[[str], None],
        *,
        grace_s: float = GRACE_S,
        silence_s: float = SILENCE_S,
        steady_s: float = STEADY_S,
    ) -> None:
        self._options = options
        self._tell = tell
        self._grace_s = grace_s
        self._silence_s = silence_s
        self._workers = [Worker(number, Restarts(steady_s)) for number in range(1, options.workers + 1)]
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []  # for all; or else each worker opens its own
        self._reserved: list[socket.socket] = []
        self._life = os.pipe()  # its other end is closed when this process ends
        self._is_serving = False  # a worker has come so far
        self._told = False
        self._silent_at: float | None = None  # when to wonder why nothing is served
        self._ended_by: signal.Signals | None = None
        self._kill_at: float | None = None
        self._failure: str | None = None

    def run(self) -> int:
        """Run it until a signal ends it; return the exit status.

        Raises:
            CommandFailed: it cannot be served.
        """
        show_log_of_service(verbose=self._options.verbose)
        self._open()
        with _woken_by_signals() as wakes:
            self._selector.register(wakes, selectors.EVENT_READ, None)
            try:
                self._start(self._workers[0])
                self._silent_at = time.monotonic() + self._silence_s
                while any(worker.process is not None or worker.start_at is not None for worker in self._workers):
                    self._turn(wakes)
            finally:
                self._signal_all(signal.SIGKILL)  # nothing is left, but after an error of our own
                self._close()
        if self._failure is not None:
            raise CommandFailed(self._failure)
        if self._ended_by is None:
            return EXIT_FAILURE
        self._tell("stopped")
        return EXIT_INTERRUPTED if self._ended_by is signal.SIGINT else 0

    # -- where they listen -------------------------------------------------------------------------------------------

    def _open(self) -> None:
        options = self._options
        if options.own_ports:
            return
        if options.unix is not None:
            self._listeners = listen([(int(socket.AF_UNIX), options.unix)])
        else:
            self._reserved = reserve(addresses_of(options.host, options.port))

    def _addresses_of(self, worker: Worker) -> Sequence[Address]:
        options = self._options
        if options.own_ports:
            if options.unix is not None:
                return [(int(socket.AF_UNIX), f"{options.unix}.{worker.number}")]
            return addresses_of(options.host, options.port and options.port + worker.number - 1)
        return [(int(each.family), each.getsockname()) for each in self._reserved]

    def _close(self) -> None:
        for each in (*self._listeners, *self._reserved):
            each.close()
        if self._options.unix is not None:
            paths = [f"{self._options.unix}.{each.number}" for each in self._workers]
            for path in paths if self._options.own_ports else [self._options.unix]:
                Path(path).unlink(missing_ok=True)
        for end in self._life:
            os.close(end)
        self._selector.close()

    # -- what happens ------------------------------------------------------------------------------------------------

    def _turn(self, wakes: socket.socket) -> None:
        """Wait until something happens, and see to it."""
        next_at = earliest(self._kill_at, self._silent_at, *(worker.start_at for worker in self._workers))
        for key, _ in self._selector.select(None if next_at is None else max(0.0, next_at - time.monotonic())):
            worker: Worker | None = key.data
            if worker is None:
                self._take_signals(wakes)
            else:
                self._take_reports(worker)
        now = time.monotonic()
        for worker in self._workers:
            if worker.process is not None and worker.process.poll() is not None:
                self._take_end(worker, worker.process, now)
            if worker.start_at is not None and worker.start_at <= now:
                self._start(worker)
        self._look_at_the_clock(now)

    def _look_at_the_clock(self, now: float) -> None:
        if self._silent_at is not None and self._silent_at <= now:
            self._silent_at = None
            if not self._told:
                _LOGGER.warning(
                    "nothing is served after %g s: if %s serves when it is imported, put that behind "
                    "if __name__ == '__main__':",
                    self._silence_s,
                    self._options.app.partition(":")[0],
                )
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_at = None
            running = [str(worker.number) for worker in self._workers if worker.process is not None]
            _LOGGER.error("workers that do not end are ended by force: %s", ", ".join(running))
            self._signal_all(signal.SIGKILL)

    def _take_signals(self, wakes: socket.socket) -> None:
        for number in wakes.recv(_READ_BYTES):
            if number in _END:
                self._end(signal.Signals(number))

    def _end(self, by: signal.Signals | None) -> None:
        """Have all end in order; asked a second time, at once."""
        if self._kill_at is not None or self._ended_by is not None:
            self._signal_all(signal.SIGKILL)
            return
        self._ended_by = by
        allowed_s = max((worker.report.shutdown_s for worker in self._workers if worker.report is not None), default=0)
        self._kill_at = time.monotonic() + allowed_s + self._grace_s
        for worker in self._workers:
            worker.start_at = None
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.process is not None:
                worker.process.send_signal(number)

    # -- workers -----------------------------------------------------------------------------------------------------

    def _start(self, worker: Worker) -> None:
        reports, theirs = os.pipe()
        os.set_blocking(reports, False)
        listeners = [each.fileno() for each in self._listeners]
        task = Task(
            options=self._options,
            number=worker.number,
            addresses=self._addresses_of(worker),
            is_shared=not self._options.own_ports,
            is_again=self._told,
            listeners=listeners,
            reports=theirs,
            life=self._life[0],
        )
        warnings = [f"-W{option}" for option in sys.warnoptions]
        worker.process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, *warnings, "-m", "socketio_core.cli.worker", task.to_json()],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs, self._life[0], *listeners],
            process_group=0,  # Ctrl-C is for the supervisor, who tells them
        )
        os.close(theirs)
        worker.start_at, worker.started_at = None, time.monotonic()
        worker.report, worker.reports, worker.said = None, reports, b""
        self._selector.register(reports, selectors.EVENT_READ, worker)
        _LOGGER.info("worker %d is process %d", worker.number, worker.process.pid)

    def _take_reports(self, worker: Worker) -> None:
        before = len(worker.said)
        reports = worker.take_reports()
        if not reports and len(worker.said) == before:
            self._selector.unregister(worker.reports)  # it has closed it; its end follows
        for report in reports:
            if report.failure:
                self._fail(worker, report.failure)
                continue
            worker.report = report
            if not self._is_serving:
                self._is_serving = True
                for other in self._workers[1:]:
                    self._start(other)
        if not self._told and all(each.report is not None for each in self._workers):
            self._told = True
            self._greet()

    def _fail(self, worker: Worker, why: str) -> None:
        if self._told:
            _LOGGER.error("worker %d cannot serve: %s", worker.number, why)
        elif self._failure is None:
            self._failure = why
            self._end(None)

    def _take_end(self, worker: Worker, process: subprocess.Popen[bytes], now: float) -> None:
        if worker.reports in self._selector.get_map():
            self._take_reports(worker)  # its last words
        if worker.reports in self._selector.get_map():
            self._selector.unregister(worker.reports)
        os.close(worker.reports)
        worker.process, worker.report = None, None
        if self._ended_by is not None or self._failure is not None:
            return
        how = _how_it_ended(process.returncode)
        if not self._told:
            self._failure = f"worker {worker.number} {how} before it served"
            self._end(None)
            return
        wait_s = worker.restarts.wait_s(now - worker.started_at)
        worker.start_at = now + wait_s
        when = f"in {wait_s:g} s" if wait_s else "at once"
        _LOGGER.error("worker %d (process %d) %s; it is started anew %s", worker.number, process.pid, how, when)

    def _greet(self) -> None:
        options, reports = self._options, [worker.report for worker in self._workers if worker.report is not None]
        urls = list(dict.fromkeys(url for report in reports for url in report.urls))
        where = " and ".join(urls)
        self._tell(f"serving {options.app} at {where} with {options.workers} workers (Ctrl-C stops)")
        if not reports[0].is_joined:
            _LOGGER.warning("workers do not hear of each other: with --redis URL what one emits reaches all clients")
        if reports[0].is_polled and not options.own_ports:
            _LOGGER.warning(
                "clients by polling are refused ('Session ID unknown') at another worker than before: use "
                "WebSockets alone, Server(engine=EngineSettings(transports=['websocket'])), or --own-ports behind a "
                "proxy with sticky sessions"
            )


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"has ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


@contextmanager
def _woken_by_signals() -> Generator[socket.socket]:
    """Have signals write their number to a socket, and do nothing else."""
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.settimeout(0)
    before = {number: signal.signal(number, _nothing) for number in (*_END, signal.SIGCHLD)}
    woken_before = signal.set_wakeup_fd(theirs.fileno())
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        theirs.close()


def _nothing(*_: object) -> None:
    """Leave a signal to who reads its number."""
