"""The tables in `socketio_core/app/README.md`: each cell of operators is done, and must come to what it says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

import socketio_core
from socketio_core import EngineSettings, Server
from socketio_core.app import AckTimeout, Socket
from socketio_core.testing import WireClient
from tests.app.bus import Bus
from tests.app.hand_runtime import Task
from tests.app.rig import AppRig
from tests.socketio.rig import drain

PAGE: Final = Path(socketio_core.__file__).parent / "app" / "README.md"
ROOMS: Final = {"ann": ["a"], "bob": ["a", "b"], "cat": [], "dan": ["a"]}
SMALL: Final = EngineSettings(path="/socket.io/", high_water_bytes=100, max_buffered_bytes=10_000)

HOMES: Final[dict[str, Callable[[str], str]]] = {
    "`io`": lambda _: "/",
    '`io.of("/chat")`': lambda _: "/chat",
    "family": lambda name: "/room-1" if name in ("ann", "bob") else "/room-2",
    "socket of ann": lambda _: "/",
    '`io.to("a")`': lambda _: "/",
}
"""Where people are, for each column."""


class World:
    """Ann, bob and cat at one server, dan at another; bob reads nothing."""

    def __init__(self, column: str) -> None:
        bus = Bus()
        self.here = AppRig(SMALL, adapter=bus)
        self.there = AppRig(SMALL, adapter=bus, beside=self.here)
        self.clients: dict[str, WireClient] = {}
        self.sockets: dict[str, Socket] = {}
        for rig in (self.here, self.there):
            rig.io.of("/chat")
            rig.io.of(re.compile("/room-.*"))
        for name, rooms in ROOMS.items():
            rig = self.there if name == "dan" else self.here
            self.clients[name], self.sockets[name] = rig.connect(HOMES[column](name))
            self.sockets[name].join(rooms)
        self._let_bob_read(reads=False)
        self.sockets["bob"].emit_nowait("fill", "x" * 100)
        self.run()

    def _let_bob_read(self, *, reads: bool) -> None:
        websocket = self.clients["bob"].websocket
        assert websocket is not None
        websocket.is_reading = reads
        if reads:
            websocket.on_ready()

    def run(self) -> None:
        for _ in range(2):
            self.here.run()
            self.there.run()

    def thing(self, column: str) -> Any:
        """Return what a column is about."""
        io: Server = self.here.io
        things: dict[str, Callable[[], Any]] = {
            "`io`": lambda: io,
            '`io.of("/chat")`': lambda: io.of("/chat"),
            "family": lambda: io.of(re.compile("/room-.*")),
            "socket of ann": lambda: self.sockets["ann"],
            '`io.to("a")`': lambda: io.to("a"),
        }
        return things[column]()

    def do(self, what: Awaitable[Any]) -> str:
        """Do it, let all who can answer, and say what came of it."""

        async def doing() -> Any:
            return await what

        task = self.here.runtime.start(doing())
        self.run()
        heard = self._let_answer()
        self.here.wait(1)
        self.run()
        self._let_bob_read(reads=True)
        self.run()
        heard += [name for name in ("bob",) if self._heard(name)]
        return self._outcome(task, sorted(heard))

    def _heard(self, name: str) -> list[str]:
        return [str(each) for each in drain(self.clients[name]) if '["fill"' not in str(each)]

    def _let_answer(self) -> list[str]:
        """Let those who read answer by their name. Returns who heard something."""
        heard = {name: self._heard(name) for name in ("ann", "cat", "dan")}
        for name, packets in heard.items():
            for packet in packets:
                asked = re.fullmatch(r'2((?:/[^,]*,)?\d+)\["q"\]', packet)
                if asked is not None:
                    self.clients[name].send(f'43{asked[1]}["{name}"]')
        self.run()
        return [name for name, packets in heard.items() if packets]

    def _outcome(self, task: Task, heard: list[str]) -> str:
        joined = [name for name, socket in self.sockets.items() if "new" in socket.rooms]
        if isinstance(task.error, AckTimeout):
            by_id = {socket.id: name for name, socket in self.sockets.items()}
            missing = [by_id[sid] for sid in task.error.missing]
            return f"`AckTimeout`: {names_in(task.error.responses)} came, {names_in(missing)} missing"
        assert task.error is None, task.error
        result: Any = task.result
        if isinstance(result, str):
            return names_in(result)
        if isinstance(result, list):
            return names_in(list(map(self._name_of, result)))  # pyright: ignore[reportUnknownArgumentType]
        return names_in(heard or joined)

    def _name_of(self, answer: Any) -> Any:
        """Return the name of a socket, or what else it is."""
        return next((name for name, socket in self.sockets.items() if socket is answer), answer)


def names_in(what: Any) -> str:
    """Return all names in something, sorted; or nobody."""
    return " ".join(sorted(set(re.findall("|".join(ROOMS), str(what))))) or "nobody"


def rows() -> list[list[str]]:
    """Return the cells of the table in the page, the head first."""
    operators, _, _ = PAGE.read_text(encoding="utf-8").partition("# What there is")
    lines = [line for line in operators.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]


HEAD, *ROWS = rows()


def test_the_page_has_a_column_for_each_thing() -> None:
    assert HEAD[1:] == list(HOMES)
    assert len(ROWS) > 15


@pytest.mark.parametrize("column", HOMES)
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_cell_is_what_happens(row: list[str], column: str) -> None:
    world = World(column)
    thing = world.thing(column)
    code = f"thing{row[0].strip('`')}"
    outcome = world.do(eval(code, {"thing": thing}))
    assert outcome == row[HEAD.index(column)]


def test_each_feature_leads_to_its_test() -> None:
    _, _, features = PAGE.read_text(encoding="utf-8").partition("# What there is")
    table = [line for line in features.splitlines() if line.startswith("|")][2:]
    found = [re.search(r'\| \[yes\]\((\S+) "(\w+)"\) \|', line) for line in table]
    assert len(found) > 20
    assert all(found), "no row without a test"
    for link in filter(None, found):
        source = (PAGE.parent / link[1]).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {link[2]}\(", source, re.MULTILINE), link[0]
