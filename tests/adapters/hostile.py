"""What every row of the hostile tables has in common: how an attack is made, and what must hold after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

from socketio_core import Server
from tests.adapters.bench import serving, until
from tests.adapters.clients import Client
from tests.adapters.loops import loop
from tests.adapters.peer import Ended, Peer


class Eof(Enum):
    """The client sends no more, but still reads."""

    EOF = "eof"


EOF = Eof.EOF
Step = bytes | float | Eof
"""Bytes to send, seconds of silence, or the end of what the client sends."""


async def perform(peer: Peer, *steps: Step) -> None:
    """Take steps, each after the server has done what it could about the one before."""
    for step in steps:
        if isinstance(step, bytes):
            await peer.send(step)
        elif isinstance(step, Eof):
            await peer.end_writing()
        else:
            await loop.sleep(step)
        await loop.settle()


@asynccontextmanager
async def under_attack(io: Server | None = None) -> AsyncGenerator[Any]:
    """Serve in memory while an attack goes on, and check afterwards that it cost nobody else anything.

    The attacker's connections are not closed for it: the server must get rid of all sessions and tasks by its own
    deadlines. Meanwhile a bystander in the same namespace sees nothing at all. Then fresh clients are served.
    """
    async with serving(io or Server()) as bench:
        bystander = await bench.websocket()
        seen: list[str | bytes] = []
        bench.nursery.start_soon(_watch, bystander, seen)
        await loop.settle()
        tasks_before = loop.task_count()
        yield bench
        await until(lambda: bench.session_count == 1, "no session of the attacker is left")
        await until(lambda: loop.task_count() == tasks_before, f"no task of the attacker is left: {loop.task_count()}")
        assert seen == []
        await bystander.send('427["echo"]')
        await until(lambda: seen == ["437[]"], "the bystander is still served", 5)
        await bench.check_still_serves()


async def _watch(client: Client, seen: list[str | bytes]) -> None:
    try:
        while True:
            seen.append(await client.take())
    except Ended:
        seen.append("ended")
