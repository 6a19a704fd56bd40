"""`python -m benchmarks soak`: clients of all kinds come and go for a long time; what is left of them, what was lost?

Honest and rude guests (`guests.py`) all the time, and every now and then attackers of one kind (`attacks.py`) beside
them. In the end nothing may be left, and no honest guest may have missed anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.attacks import ATTACKS
from benchmarks.processes import LOAD_CPU, OURS, OURS_ASYNCIO, BenchmarkError, Peer, Process, start_server

SERVERS: Final = {"trio": OURS, "asyncio": OURS_ASYNCIO}
PING_INTERVAL_S: Final = 2.0  # more often than is usual, for more happens then
WARM_UP_S: Final = 10.0  # of guests: what is made once is there afterwards
GUESTS_PER_S: Final = 200  # that do something: more keep the processor of the guests busy, and then wait for that
MIN_PAUSE_S: Final = 0.5  # of a guest between two things that it does
ATTACKERS: Final = 5
ATTACK_S: Final = 5.0
CALM_S: Final = 5.0  # between attacks
SETTLE_S: Final = 90.0  # for sessions to end whose clients never said that they went
MORE_BLOCKS: Final = 0.02  # of Python's memory there may be in the end: caches, and what is made once
SESSION: Final = "socketio_core.engineio.session.Session"


class Soak:
    """One server, and all that is done to it."""

    def __init__(self, loop: str, options: argparse.Namespace, stack: ExitStack) -> None:
        peer = SERVERS[loop]
        watched = Peer(peer.name, (*peer.command, "--insight"))
        self._server, self._port = start_server(watched, stack, PING_INTERVAL_S, deflates=True)
        self._options = options
        self._random = random.Random(options.seed)
        self._stack = stack
        self._begun = time.monotonic()
        self._faults = Counter[str]()  # that were printed already

    def run(self) -> bool:
        """Let them come and go. Returns whether all is as it should be, and says what is not."""
        self._end(self._party(), WARM_UP_S)
        before = self._settled({})
        party, attack = self._party(), ""
        print(f"{'min':>6}{'MB':>8}{'sessions':>10}{'tasks':>7}{'descriptors':>13}  guests, events, faults; slowest")
        self._begun = time.monotonic()
        while (left_s := self._begun + 60 * self._options.minutes - time.monotonic()) > 0:
            attack = "" if attack else self._random.choice([*ATTACKS])
            if attack:
                self._attack(attack, min(ATTACK_S, left_s))
            else:
                time.sleep(min(self._options.calm, left_s))
            self._print(party, attack)
        seen = self._end(party, 0.0)
        after = self._settled(before)
        self._print(None, "at the end")
        return self._judge(seen, before, after)

    def _party(self) -> Process:
        guests = self._options.guests
        pause_s = self._options.pause or max(MIN_PAUSE_S, guests / GUESTS_PER_S)
        arguments = (str(self._port), str(guests), str(self._random.randrange(1 << 30)), str(pause_s))
        party = Process([sys.executable, "-m", "benchmarks.guests", *arguments], LOAD_CPU)
        self._stack.callback(party.end)
        return party

    def _attack(self, name: str, seconds: float) -> None:
        command = [sys.executable, "-m", "benchmarks.attacker", name, str(self._port), str(ATTACKERS)]
        attackers = Process(command, LOAD_CPU)
        try:
            time.sleep(seconds)
        finally:
            attackers.end()

    def _held(self) -> dict[str, Any]:
        os.kill(self._server.pid, signal.SIGUSR1)
        held: dict[str, Any] = json.loads(self._server.line())
        return held

    def _settled(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Wait until nobody is there any more, and objects are as many as are wanted; not for ever."""
        until = time.monotonic() + SETTLE_S
        while True:
            held = self._held()
            is_settled = not held["objects"].get(SESSION) and (not wanted or not more_than(wanted, held))
            if is_settled or time.monotonic() > until:
                return held
            time.sleep(1.0)

    def _end(self, party: Process, seconds: float) -> dict[str, Any]:
        time.sleep(seconds)
        party.say("leave")
        seen: dict[str, Any] = json.loads(party.line())
        return seen

    def _print(self, party: Process | None, what: str) -> None:
        held = self._held()
        line = f"{(time.monotonic() - self._begun) / 60:6.1f}{self._server.resident_kb() / 1000:8.1f}"
        line += f"{held['objects'].get(SESSION, 0):10}{held['tasks']:7}{held['descriptors']:13}"
        if party is not None:
            party.say("")
            seen = json.loads(party.line())
            faults = Counter[str](seen["faults"])
            line += f"  {seen['visits']:,}, {seen['events']:,}, {faults.total()}; {seen['slowest_s']:.1f} s"
            what += "".join(f"\n  {count} × {text}" for text, count in (faults - self._faults).items())
            self._faults = faults
        print(f"{line}  {what}", flush=True)

    def _judge(self, seen: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> bool:
        print(f"honest guests: {seen['visits']:,}, events: {seen['events']:,}; others: {seen['rude']:,}")
        print(f"blocks of memory, with nobody there: {before['blocks']:,} at first, {after['blocks']:,} at the end")
        found = {"lost": seen["faults"], "left behind": more_than(before, after), "logged": after["log"]}
        for what, items in found.items():
            print(f"{what}: {'nothing' if not items else ''}")
            for text, count in sorted(items.items(), key=lambda item: -item[1])[:20]:
                print(f"  {count} × {text}")
        return not any(found.values())


def more_than(before: dict[str, Any], after: dict[str, Any]) -> Counter[str]:
    """Return of what there is more than before."""
    more = Counter[str](after["objects"]) - Counter[str](before["objects"])
    for name in ("tasks", "descriptors"):
        if after[name] > before[name]:
            more[name] = after[name] - before[name]
    if after["blocks"] > before["blocks"] * (1 + MORE_BLOCKS):
        more["blocks"] = after["blocks"] - before["blocks"]
    return more


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak a server on each loop that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description="Soak our servers in clients.")
    parser.add_argument("--loop", choices=SERVERS, help="only this one; all of them by default")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each (10)")
    parser.add_argument("--guests", type=int, default=100, help="clients at a time, beside attackers (100)")
    parser.add_argument("--pause", type=float, help="seconds of a guest between two things it does (guests / 200)")
    parser.add_argument("--calm", type=float, default=CALM_S, help=f"seconds between two attacks ({CALM_S:g})")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of what they do")
    options = parser.parse_args(arguments)
    is_well = True
    try:
        for loop in [options.loop] if options.loop else SERVERS:
            print(f"{loop}: {options.guests} guests for {options.minutes:g} minutes, --seed {options.seed}", flush=True)
            with ExitStack() as stack:
                is_well = Soak(loop, options, stack).run() and is_well
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0 if is_well else 1
