"""The README's examples run as they stand there.

Blocks marked `python` under one heading are one program, in their order; it runs in a process of its own, with warnings
as errors, and must end by itself without a word on standard error. A block that starts a server (`….run(io.serve`)
ends its program: the server must answer a handshake, and end on Ctrl-C, or without a word on the SIGTERM that it names;
only its port, 3000, is left to the system.
Blocks with `>>>` are doctests. A block marked `python fragment` only has to compile.
"""

from __future__ import annotations

import ast
import asyncio
import configparser
import doctest
import http.client
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from socketio_core.app.client_socket import ConnectError
from socketio_core.asyncio import connect
from socketio_core.serving import Timeouts
from socketio_core.settings import ServerLimits

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = ROOT / "README.md"
PAGES: Final = [
    README,
    *(ROOT / folder / "README.md" for folder in ("socketio_core", "socketio_core/wire", "benchmarks", "conformance")),
]
PORT: Final = "3000"
DEADLINE_S: Final = 60.0

TELLING_THE_PORT: Final = """
import runpy, socket, sys

def listen(self, *backlog, listen=socket.socket.listen):
    listen(self, *backlog)
    print(self.getsockname()[1], flush=True)

socket.socket.listen = listen
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@dataclass(frozen=True, kw_only=True)
class Program:
    """The blocks of one heading, put together so that every line keeps its number in the README."""

    heading: str
    source: str
    is_fragment: bool = False

    @property
    def is_server(self) -> bool:
        return re.search(r"uvicorn\.run\(|(trio|asyncio)\.run\((partial\()?\w+\.serve\b", self.source) is not None

    @property
    def is_service(self) -> bool:
        return "signals=[signal.SIGTERM]" in self.source

    @property
    def is_doctest(self) -> bool:
        return re.search(r"^\s*>>> ", self.source, re.MULTILINE) is not None


def find_blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, int, str]]:
    """Yield `(language, index of the first line, index behind the last one, heading)` of each fenced block."""
    heading, language, fence, first = "", "", "", 0
    for index, line in enumerate(lines):
        if fence:
            if line.rstrip() == fence:
                yield language, first, index, heading
                fence = ""
        elif found := re.match(r"^(```+)\s*(.*)$", line):
            fence, language, first = found[1], found[2].strip(), index + 1
        elif line.startswith("#"):
            heading = line.strip("# ")


def find_programs(text: str) -> list[Program]:
    """Read a README; see above for what belongs together."""
    lines = text.splitlines()
    programs: list[Program] = []
    is_open = False  # whether the next block of the heading continues the last program
    for language, first, end, heading in find_blocks(lines):
        before: list[str] = []
        is_fragment = language == "python fragment"
        if not is_fragment:
            if language != "python":
                continue
            if is_open and programs[-1].heading == heading:
                before = programs.pop().source.splitlines()
        source = [*before, *[""] * (first - len(before)), *lines[first:end], ""]
        programs.append(Program(heading=heading, source="\n".join(source), is_fragment=is_fragment))
        is_open = not (is_fragment or programs[-1].is_server)
    return programs


PROGRAMS: Final = [program for page in PAGES for program in find_programs(page.read_text(encoding="utf-8"))]


def write(program: Program, folder: Path) -> Path:
    """Write the program into a file; it may not need a certain port, which something else may have."""
    path = folder / "example.py"
    source = program.source.replace(f"port={PORT}", 'port=0, loop="asyncio", log_level="warning"')
    path.write_text(source.replace(PORT, "0"), encoding="utf-8")
    return path


def check_handshake(port: int) -> None:
    status, body = ask(port, "GET", "/socket.io/?EIO=4&transport=polling")
    assert (status, body[:1]) == (200, b"0")


def ask(port: int, method: str, target: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check_conversation(port: int) -> None:
    """Talk to what both examples for those who come from python-socketio are."""
    asyncio.run(asyncio.wait_for(_converse(port), DEADLINE_S))


async def _converse(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(ConnectError, match=r"who are you\?"):
        async with connect(url):
            pytest.fail("it must not get in")
    async with connect(url, auth={"name": "Anna"}) as anna, connect(url, auth={"name": "Ben"}) as ben:
        anna.on("sure?", lambda: "yes")
        news, said = anna.events(), ben.events()
        for socket in (anna, ben):
            await socket.call("join", "tea")
        assert await anna.call("say", "tea", "hello") == "yes"
        assert await anext(said) == ("said", "Anna", "hello")
        assert (await asyncio.to_thread(ask, port, "POST", "/announce?text=news"))[0] == 200
        while (event := await anext(news))[0] == "sure?":
            pass
        assert event == await anext(said) == ("announced", "news")


def test_readme_has_examples() -> None:
    assert [program for program in PROGRAMS if program.is_server]


OTHERS: Final = [program for program in PROGRAMS if program.heading != "From python-socketio"]  # see below


@pytest.mark.parametrize("program", OTHERS, ids=[program.heading for program in OTHERS])
def test_example(program: Program, tmp_path: Path) -> None:
    if program.is_fragment:
        ast.parse(program.source)
    elif program.is_doctest:
        check_session(program)
    elif program.is_server:
        check_server(program, tmp_path)
    else:
        check_script(program, tmp_path)


def check_server(program: Program, folder: Path, check: Callable[[int], None] = check_handshake) -> None:
    command = [sys.executable, "-W", "error", "-c", TELLING_THE_PORT, str(write(program, folder))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stdout is not None  # asked for above
            port = process.stdout.readline()
            assert port, process.communicate()
            check(int(port))
            process.send_signal(signal.SIGTERM if program.is_service else signal.SIGINT)
            _, errors = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    if "socketio.AsyncServer" in program.source:
        return  # what that one logs at its end, if clients leave just then, is its own
    if program.is_service:
        assert (process.returncode, errors) == (0, "")
        return
    # Nothing in an example catches Ctrl-C, so Python ends with it; that, and nothing else, is on standard error.
    assert process.returncode in (0, -signal.SIGINT, 128 + signal.SIGINT)
    assert errors == "" or errors.rstrip().endswith("KeyboardInterrupt")


def test_both_examples_for_those_who_come_from_python_socketio_do_the_same(tmp_path: Path) -> None:
    both = [program for program in PROGRAMS if program.heading == "From python-socketio"]
    assert [("socketio.AsyncServer" in program.source) for program in both] == [True, False]
    for program in both:
        check_server(program, tmp_path, check_conversation)


def check_script(program: Program, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(write(program, folder))],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")


def check_session(program: Program) -> None:
    test = doctest.DocTestParser().get_doctest(program.source, {}, program.heading, str(README), 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert "".join(said) == ""


def test_the_test_command_is_one_line() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    wanted = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n auto"
    assert [line for line in lines if "-m pytest" in line and "pip install" in line] == [wanted]


def test_links_into_the_repository_lead_somewhere() -> None:
    for page in PAGES:
        targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
        assert [target for target in targets if not (page.parent / target).exists()] == []


def anchors_of(text: str) -> set[str]:
    """Return what links in a page may lead to, as GitHub makes it of headings."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_within_a_page_lead_to_a_heading() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"\]\(#([^)]*)\)", text)) - anchors_of(text) == set()


def test_what_newcomers_see_is_what_the_code_says() -> None:
    """The table has messages word for word, so that they are found there."""
    table = README.read_text(encoding="utf-8").partition("\n## When something does not work\n")[2].partition("\n## ")[0]
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "socketio_core").rglob("*.py")]
    for message in (
        "comes with: pip install",
        "cannot listen on ",
        "is not the server's own",
        "Not found: Socket.IO is at ",
        "Invalid namespace",
        "Session ID unknown",
        "Unsupported protocol version",
        "no handler for the event ",
        "called from another thread than the one that runs the event loop",
        "a Server serves once",
    ):
        assert message in table
        assert any(message in source for source in sources), message


def test_the_unit_is_understood_and_agrees_with_the_settings(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    (unit,) = (
        text.splitlines()[first:end] for language, first, end, _ in find_blocks(text.splitlines()) if language == "ini"
    )
    fields = configparser.ConfigParser()
    fields.optionxform = str  # type: ignore[assignment, method-assign] # keys as they are written
    fields.read_string("\n".join(unit))
    service = fields["Service"]
    assert float(service["TimeoutStopSec"]) > Timeouts().shutdown_s
    assert service["MemoryMax"] == "2G"
    assert ServerLimits().max_total_buffered_bytes * 2 == 2_000_000_000
    if (analyze := shutil.which("systemd-analyze")) is not None:
        path = tmp_path / "app.service"
        path.write_text("\n".join(unit).replace("/srv/app/.venv/bin/python", sys.executable), encoding="utf-8")
        done = subprocess.run([analyze, "verify", path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


# How the README is read, tested on a small one.

SAMPLE = """\
# One
```python
a = 1
```
text
```python
b = a
```
```sh
python3 -m pip
```
## Two
```python
trio.run(io.serve, "127.0.0.1", 3000)
```
```python
c = 2
```
```python fragment
@io.on("x")
def x(socket): ...
```
"""


def test_blocks_of_a_heading_are_one_program_until_a_server_starts() -> None:
    one, server, rest, fragment = find_programs(SAMPLE)
    assert (one.heading, one.source.split()) == ("One", ["a", "=", "1", "b", "=", "a"])
    assert (server.heading, server.is_server) == ("Two", True)
    assert (rest.source.split(), rest.is_server) == (["c", "=", "2"], False)
    assert fragment.is_fragment


def test_lines_keep_their_numbers() -> None:
    for program in find_programs(SAMPLE):
        for number, line in enumerate(program.source.splitlines()):
            assert line in ("", SAMPLE.splitlines()[number])
