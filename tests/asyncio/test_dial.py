"""A host with several addresses: which are tried, when, and that nothing is left of those that were not needed."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from typing import Any

import pytest

from socketio_core.asyncio.dial import STAGGER_S, open_tcp
from socketio_core.network.dialing import DialError
from tests.asyncio.bench import asyncio_test

HANGS, REFUSED, GOOD = "hangs", "refused", "good"
V6, V4 = socket.AF_INET6, socket.AF_INET


class Network:
    """Takes the place of the loop's own: what becomes of an address is its name."""

    def __init__(self, patch: pytest.MonkeyPatch, *hosts: tuple[socket.AddressFamily, str]) -> None:
        self.tried: list[tuple[float, str]] = []
        self._hosts = hosts
        loop = asyncio.get_running_loop()
        self._begun_at = loop.time()
        patch.setattr(loop, "getaddrinfo", self._find)
        patch.setattr(loop, "sock_connect", self._connect)

    async def _find(self, host: str, port: int, **_: Any) -> list[Any]:
        assert (host, port) == ("several.example", 80)
        return [(family, socket.SOCK_STREAM, 0, "", name) for family, name in self._hosts]

    async def _connect(self, connecting: socket.socket, name: str) -> None:
        self.tried.append((round(asyncio.get_running_loop().time() - self._begun_at, 1), name))
        if name.startswith(HANGS):
            await asyncio.sleep(1e6)
        elif name.startswith(REFUSED):
            raise OSError(errno.ECONNREFUSED, f"Connect call failed {name!r}")


@pytest.mark.parametrize(
    ("hosts", "tried"),
    [
        ([(V6, GOOD), (V4, "never")], [(0.0, GOOD)]),
        ([(V6, REFUSED), (V4, GOOD)], [(0.0, REFUSED), (0.0, GOOD)]),
        ([(V6, HANGS), (V6, "never"), (V4, GOOD)], [(0.0, HANGS), (round(STAGGER_S - 0.01, 1), GOOD)]),
    ],
)
@asyncio_test
async def test_addresses_are_tried_in_turns(
    hosts: list[tuple[socket.AddressFamily, str]], tried: list[tuple[float, str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        network = Network(patch, *hosts)
        (await open_tcp("several.example", 80)).close()
        assert [name for _, name in network.tried] == [name for _, name in tried]
        assert network.tried[-1][0] == pytest.approx(tried[-1][0], abs=0.15)
    gc.collect()


@asyncio_test
async def test_reasons_of_all_addresses_are_told_once_each() -> None:
    with pytest.MonkeyPatch.context() as patch:
        network = Network(patch, (V6, REFUSED + "1"), (V4, REFUSED + "2"))
        with pytest.raises(DialError, match=r"^Connection refused$"):
            await open_tcp("several.example", 80)
        assert len(network.tried) == 2


@asyncio_test
async def test_names_that_nobody_knows_are_told() -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
        with pytest.raises(DialError, match=r"^Name or service not known$"):
            await open_tcp("nobody.example", 80)


@asyncio_test
async def test_cancelling_leaves_no_socket_open() -> None:
    with pytest.MonkeyPatch.context() as patch:
        network = Network(patch, (V6, HANGS), (V4, HANGS))
        task = asyncio.create_task(open_tcp("several.example", 80))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(network.tried) == 2
    gc.collect()


@asyncio_test
async def test_an_address_is_not_looked_up() -> None:
    """That takes a thread of the loop's."""

    async def fail(*_: Any, **__: Any) -> None:
        pytest.fail("there is nothing to be looked up")

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
        (await open_tcp("127.0.0.1", listener.getsockname()[1])).close()
