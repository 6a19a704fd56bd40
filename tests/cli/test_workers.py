"""`serve` in processes of its own: one or several, that share a port, die, and end in order."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from socketio_core.app.client_socket import ClientSocket
from socketio_core.trio import ConnectError, Disconnected, connect
from tests.cluster.redis import RedisServer
from tests.interop.processes import DEADLINE_S, Program

APP = "tests.cli.service_app"

SILENT = "nothing is served after"

MANY = 60  # connections; that all of them come to one of two workers will not happen


class Service:
    """The command, and what it says.

    Args:
        silence_s: after which an impatient one wonders; by default it has the patience of the command.
    """

    def __init__(self, *words: str, silence_s: float | None = None) -> None:
        module = ["socketio_core", "serve"] if silence_s is None else ["tests.cli.impatient", str(silence_s)]
        command = [sys.executable, "-W", "error", "-m", *module, *words]
        self.program = Program(["sh", "-c", 'exec "$@" 2>&1', "sh", *command])
        self.urls: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait for a line that holds this."""
        line = self.program.take(lambda message: re.search(pattern, message.get("line", "")) is not None, pattern)
        found = re.search(pattern, line["line"])
        assert found is not None
        return found

    def wait_until_it_serves(self) -> Service:
        found = self.wait_for(r"^serving \S+ at (.*?)( with \d+ workers)? \(Ctrl-C stops\)$")
        self.urls = found[1].split(" and ")
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its status."""
        self.program.signal(number)
        return self.program.finish()

    @property
    def rest(self) -> list[str]:
        """Lines that nobody has waited for; but a busy machine may need more than 10 s to serve, and that is said."""
        lines = [message["line"].rstrip() for message in self.program.waiting(lambda _: True)]
        return [line for line in lines if SILENT not in line]

    @property
    def wondered(self) -> int:
        """How often it has wondered, but for what was waited for."""
        return len(self.program.waiting(lambda message: SILENT in message.get("line", "")))


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def begin(*words: str, silence_s: float | None = None) -> Service:
        services.append(Service(*words, silence_s=silence_s))
        return services[-1]

    yield begin
    for service in services:
        service.program.signal(signal.SIGTERM)
        with suppress(Exception):
            service.program.finish()
        service.program.close()


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        with trio.fail_after(DEADLINE_S):
            await main()

    trio.run(in_time)


async def ask(socket: ClientSocket) -> Any:
    return await socket.call("pid", timeout=DEADLINE_S)


def joined(url: str, **options: Any) -> AbstractAsyncContextManager[ClientSocket]:
    return connect(url, transports=["websocket"], **options)


def loss_of(socket: ClientSocket) -> trio.Event:
    """Return what is set when the connection is lost."""
    gone = trio.Event()

    @socket.on("disconnect")
    def disconnected(reason: str) -> None:
        gone.set()

    return gone


async def ask_again(url: str) -> Any:
    """Ask as soon as somebody is there to be asked: another worker may be about to die, or to begin."""
    while True:
        with suppress(ConnectError, Disconnected):
            async with joined(url, reconnection=False) as socket:
                return await ask(socket)
        await trio.sleep(0.01)


async def die(socket: ClientSocket) -> None:
    """Have the worker of a client end."""
    with pytest.raises(Disconnected):
        await socket.call("die", timeout=DEADLINE_S)


def end_with_a_client(service: Service, number: signal.Signals, url: str | None = None) -> int:
    """End a service while there is a client, which must be told. Returns its status."""
    statuses: list[int] = []

    async def main() -> None:
        async with joined(url or service.urls[0], reconnection=False) as socket:
            gone = loss_of(socket)
            statuses.append(await trio.to_thread.run_sync(service.end, number))
            await gone.wait()

    run(main)
    return statuses[0]


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_workers_share_a_port_and_one_that_dies_is_started_anew(start: Callable[..., Service], loop: str) -> None:
    service = start(f"{APP}:make", "--loop", loop, "--port", "0", "--workers", "2").wait_until_it_serves()
    (url,) = service.urls

    async def main() -> None:
        pids: set[int] = set()
        for _ in range(MANY):
            async with joined(url) as socket:
                pids.add(await ask(socket))
            if len(pids) == 2:
                break
        assert len(pids) == 2
        async with joined(url, reconnection=False) as socket:
            dead = await ask(socket)
            await die(socket)
        service.wait_for(rf"worker \d \(process {dead}\) was ended by SIGKILL; it is started anew at once")
        os.kill(next(iter(pids - {dead})), signal.SIGABRT)
        service.wait_for(r"was ended by SIGABRT; it is started anew at once")
        assert await ask_again(url) not in pids

    run(main)
    service.wait_for("workers do not hear of each other: with --redis URL")
    assert end_with_a_client(service, signal.SIGTERM) == 0
    assert service.rest == ["stopped"]


def test_one_that_dies_soon_again_is_started_anew_after_a_while(start: Callable[..., Service]) -> None:
    """Though nothing else happens than that the while is over; and not at all once the service is to end.

    Nobody wonders why nothing is served, for it was.
    """
    service = start(f"{APP}:make", "--workers", "1", "--port", "0", silence_s=1.5).wait_until_it_serves()
    (url,) = service.urls
    wondered = service.wondered  # on a busy machine

    async def main() -> None:
        for when in ("at once", r"in 0\.5 s", "in 1 s"):
            await ask_again(url)
            async with joined(url, reconnection=False) as socket:
                await die(socket)
            await trio.to_thread.run_sync(service.wait_for, f"was ended by SIGKILL; it is started anew {when}")

    run(main)
    assert service.end() == 0
    assert service.rest[-1] == "stopped"
    assert not any("by force" in line for line in service.rest)
    assert service.wondered == wondered


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_one_process(start: Callable[..., Service], tmp_path: Path, loop: str) -> None:
    path = tmp_path / "s"
    service = start(f"{APP}:make", "--unix", str(path), "--loop", loop).wait_until_it_serves()
    assert service.urls == [f"unix:{path}"]
    assert end_with_a_client(service, signal.SIGINT if loop == "trio" else signal.SIGTERM) == (
        130 if loop == "trio" else 0
    )
    assert not path.exists()


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
def test_what_is_loaded_is_frozen(start: Callable[..., Service], loop: str) -> None:
    """Or whoever sends many small lists would have the garbage collector look through it, again and again."""
    service = start(f"{APP}:make", "--port", "0", "--loop", loop).wait_until_it_serves()

    async def main() -> None:
        async with joined(service.urls[0]) as socket:
            assert await socket.call("frozen", timeout=DEADLINE_S) > 10_000
            _, _, full = await socket.emit_with_ack("threshold", timeout=DEADLINE_S)
            assert full in (100, 0)  # as of Python 3.14 there is none

    run(main)


def test_an_application_may_say_itself_how_often_garbage_is_collected(start: Callable[..., Service]) -> None:
    service = start(f"{APP}:make_tidy", "--port", "0").wait_until_it_serves()

    async def main() -> None:
        async with joined(service.urls[0]) as socket:
            said = await socket.emit_with_ack("threshold", timeout=DEADLINE_S)
            assert said in ([1000, 20, 30], [1000, 20, 0])  # as above

    run(main)


@pytest.mark.parametrize("own", [True, False])
def test_workers_on_unix_sockets(start: Callable[..., Service], tmp_path: Path, *, own: bool) -> None:
    path = tmp_path / "s"
    words = ["--own-ports"] if own else []
    service = start(f"{APP}:make", "--workers", "2", "--unix", str(path), *words).wait_until_it_serves()
    assert service.urls == ([f"unix:{path}.1", f"unix:{path}.2"] if own else [f"unix:{path}"])
    pids: list[int] = []

    async def main() -> None:
        for url in service.urls:
            async with joined(url, reconnection=False) as socket:
                pids.append(await ask(socket))
                await die(socket)
                service.wait_for("was ended by SIGKILL; it is started anew at once")
            pids.append(await ask_again(url))

    run(main)
    assert len(set(pids)) == len(pids)
    assert end_with_a_client(service, signal.SIGINT) == 130
    assert list(tmp_path.iterdir()) == []


def signal_a_busy_worker(service: Service, index: int, *signals: signal.Signals) -> None:
    """Signal a service while a handler holds one of its workers, and see that client go and the service end."""

    async def main() -> None:
        async with joined(service.urls[index], reconnection=False) as socket:
            gone = loss_of(socket)
            await socket.emit("busy")
            await trio.to_thread.run_sync(service.wait_for, "^busy$")
            for number in signals:
                service.program.signal(number)
            await gone.wait()

    run(main)
    assert service.program.finish() == 0
    assert service.rest[-1] == "stopped"


def test_workers_that_do_not_end_are_ended_by_force_at_a_second_signal(start: Callable[..., Service]) -> None:
    service = start(f"{APP}:make", "--workers", "2", "--port", "0", "--own-ports").wait_until_it_serves()
    assert len(service.urls) == 2

    signal_a_busy_worker(service, 0, signal.SIGTERM, signal.SIGINT)
    assert "ended by force" not in "".join(service.rest)


@pytest.mark.parametrize("count", [1, 2])
def test_workers_that_do_not_end_in_time_are_ended_by_force(start: Callable[..., Service], count: int) -> None:
    """One that is alone ends though nothing else happens than that its time is over."""
    words = (f"{APP}:make", "--workers", str(count), "--port", "0", "--own-ports")
    service = start(*words, silence_s=0.1).wait_until_it_serves()

    signal_a_busy_worker(service, count - 1, signal.SIGTERM)
    said = rf"workers that do not end are ended by force: .*\b{count}$"
    assert len(re.findall(said, "\n".join(service.rest), re.MULTILINE)) == 1


def test_workers_may_take_the_time_that_the_end_of_their_clients_may_take(start: Callable[..., Service]) -> None:
    service = start(f"{APP}:make_patient", "--workers", "1", "--port", "0", silence_s=0.1).wait_until_it_serves()

    async def main() -> None:
        async with joined(service.urls[0], reconnection=False) as socket:
            await socket.call("linger", timeout=DEADLINE_S)
            service.program.signal(signal.SIGTERM)
            await trio.to_thread.run_sync(service.wait_for, "^lingered$")

    run(main)
    assert service.program.finish() == 0
    assert not any("by force" in line for line in service.rest)


def test_who_hears_of_nothing_for_a_while_is_told_what_it_may_be(start: Callable[..., Service]) -> None:
    service = start("tests.cli.silent_app:io", "--workers", "2", "--port", "0", silence_s=0.1)
    service.wait_for("^imported$")
    service.wait_for(rf"{SILENT} 0.1 s: if tests.cli.silent_app serves when it is imported, put that")
    assert service.end() == 0
    assert service.wondered == 0
    assert service.rest[-1] == "stopped"


def test_workers_end_when_their_supervisor_is_gone(start: Callable[..., Service]) -> None:
    service = start(f"{APP}:io", "--workers", "2", "--port", "0").wait_until_it_serves()
    service.wait_for("clients by polling are refused")
    assert end_with_a_client(service, signal.SIGKILL) == -signal.SIGKILL  # its output ends when the last of them has
    assert len(service.rest) == 1  # that they do not hear of each other


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (f"{APP}:nothing", f"{APP}:nothing is no Server, nor a function that returns one"),
        (f"{APP}:leave", "worker 1 has ended with status 7 before it served"),
    ],
)
def test_what_is_wrong_with_the_application_is_told_once(start: Callable[..., Service], app: str, said: str) -> None:
    service = start(app, "--workers", "3", "--port", "0")
    assert service.program.finish() == 1
    (line,) = service.rest
    assert line.startswith(f"socketio_core: {said}")


def test_a_redis_makes_workers_a_cluster_and_one_is_started_anew_without_it(
    start: Callable[..., Service], require_tool: Callable[[str], str]
) -> None:
    with RedisServer(require_tool("redis-server")) as redis:
        words = ["--workers", "2", "--port", "0", "--own-ports", "--redis", redis.url]
        service = start(f"{APP}:make", *words).wait_until_it_serves()
        first, second = service.urls

        async def tell() -> None:
            async with joined(first) as here, joined(second) as there:
                heard = trio.Event()

                @there.on("told")
                def told(word: str) -> None:
                    heard.set()

                await ask(there)
                await here.emit("tell", "a")
                await heard.wait()

        run(tell)
        redis.kill()

        async def replace() -> None:
            async with joined(first, reconnection=False) as socket:
                await die(socket)
            await trio.to_thread.run_sync(service.wait_for, "it is started anew at once")

        run(replace)
        service.wait_for(r"worker 1: socketio_core\.trio: .*cannot connect")  # and serves
        assert end_with_a_client(service, signal.SIGTERM, second) == 0


def test_a_redis_that_is_not_there_at_the_start_is_told_in_one_line(start: Callable[..., Service]) -> None:
    service = start(f"{APP}:make", "--workers", "2", "--port", "0", "--redis", "unix:///no/such/redis")
    assert service.program.finish() == 1
    told = "socketio_core: the other servers cannot be reached: unix:///no/such/redis: cannot connect"
    assert service.rest[-1].startswith(told)
    assert service.rest[-1].endswith(" (start that Redis first; without --redis the server is alone)")
    assert not any("Traceback" in line for line in service.rest)
