"""The benchmarks run from end to end, and say what they have measured; no figure is judged here."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage

from benchmarks import page
from benchmarks.attacks import ATTACKS, TLS_ATTACKS
from benchmarks.cli import BENCHMARKS, main
from benchmarks.cluster import cluster
from benchmarks.hostile import Beside, hostile
from benchmarks.messages import CHAT, LARGE, TINY, compact, event, frame
from benchmarks.network import SERVER_LOADS
from benchmarks.picture import picture
from benchmarks.processes import (
    ASGI_FLOORS,
    OURS,
    PEERS,
    SECURE,
    UNDER_ASGI,
    BenchmarkError,
    LoadGenerator,
    Sample,
    load_generator,
    run_tool,
    start_server,
    tool,
)
from benchmarks.settings import QUICK
from benchmarks.tables import AtRate, Cell, Table, number

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "benchmarks" / "README.md"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as users do: in a process that holds nothing else, or each `gc.collect` would count our tests."""
    command = [sys.executable, "-m", "benchmarks", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_every_benchmark_runs_alone(tmp_path: Path) -> None:
    printed = run("--quick", "--output", str(tmp_path))
    tables = {table["name"]: table for table in json.loads((tmp_path / "results.json").read_text())["tables"]}
    assert list(tables) == list(BENCHMARKS)
    for table in tables.values():
        assert table["rows"], table["name"]
        for row in table["rows"]:
            assert row["cells"], row["label"]
            for cell in row["cells"].values():
                assert not any(map(math.isnan, cell["values"])), row
    for table in tables.values():
        assert f"{table['title']}: " in printed.stdout
        assert f"{table['name']}: " in printed.stderr  # progress
    drawn = ET.fromstring((tmp_path / "results.svg").read_text())
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"


def test_peers_are_measured_with_the_same_load(tmp_path: Path) -> None:
    chosen = [
        "codec",
        "broadcast",
        "polling",
        "client",
    ]  # "server" has more rows, and "connect" is begun in the same way
    run(*chosen, "--quick", "--against", "asyncio,asgi,node,python-socketio", "--output", str(tmp_path))
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"node", "npm socket.io", "python-socketio", "commit", "python"} <= set(results["versions"])
    for table in results["tables"]:
        for row in table["rows"]:
            assert {"socketio_core", "node"} < set(row["cells"]), row["label"]
            assert any(column.startswith("python-socketio") for column in row["cells"]), row["label"]
            if table["name"] != "codec":
                assert {"socketio_core, asyncio", "socketio_core, uvloop"} < set(row["cells"]), row["label"]


def test_servers_that_a_redis_joins_are_measured_on_every_peer(require_tool: Callable[[str], str]) -> None:
    require_tool("redis-server")
    table = cluster([OURS, *PEERS["node"], *PEERS["python-socketio"][:1]], QUICK)
    for row in table.rows:
        able = ["socketio_core", "node", "python-socketio, uvicorn"]
        assert list(row.cells) == (able[:2] if "io.local" in row.label else able), row.label
        assert all(cell.median > 0 for cell in row.cells.values()), row.label


def test_a_neighbour_of_attackers_is_measured_on_every_peer() -> None:
    (row,) = hostile([OURS, *PEERS["node"]], QUICK, [ATTACKS["tiny events"]]).rows
    assert list(row.cells) == ["socketio_core", "node"]
    for cell in row.cells.values():
        assert isinstance(cell, Beside)
        assert not cell.has_ended
        assert cell.median > 0
        assert re.fullmatch(r"[\d.,]+ \(× [\d.,]+\) · [\d,]+ MB", str(cell))


def test_a_neighbour_is_measured_over_tls_and_under_asgi_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor of a server where it goes badly, which is always here."""
    monkeypatch.setattr("benchmarks.hostile.WANTED_MS", 0.0)
    monkeypatch.setattr("benchmarks.hostile.WANTED_TIMES", 0)
    (secure,) = hostile(SECURE, QUICK, list(TLS_ATTACKS.values())[-1:], name="tls").rows
    quiet = ATTACKS["connections without a word"]
    (below,) = hostile(UNDER_ASGI[1:], QUICK, [quiet], floors=ASGI_FLOORS[1:]).rows
    assert len(secure.cells) == 2
    assert len(below.cells) == 6
    for cell in (*secure.cells.values(), *below.cells.values()):
        assert isinstance(cell, Beside)
        assert not cell.has_ended
        assert cell.cpu_ms > 0


@pytest.mark.parametrize(
    "wrong",
    [["nonsense"], ["--against", "nobody"], ["--rounds", "0"], ["--seconds", "0"], ["--quick", "--record", "cluster"]],
)
def test_what_is_not_known_is_refused_with_the_choices(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(wrong)
    assert stop.value.code == 2
    assert "choose from" in (error := capsys.readouterr().err) or "must be positive" in error


def test_help_fits_one_screen() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert all(name in done.stdout for name in BENCHMARKS)


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(BenchmarkError, match="no-such-compiler is not installed"):
        tool("no-such-compiler")
    with pytest.raises(BenchmarkError, match="boom"):
        run_tool([sys.executable, "-c", "import sys; sys.exit('boom')"])


def test_the_load_generator_says_what_is_wrong() -> None:
    done = subprocess.run([str(load_generator())], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "usage" in done.stderr


def test_a_rate_that_no_server_serves_is_given_up_and_the_next_one_measured() -> None:
    with ExitStack() as stack:
        load = LoadGenerator(SERVER_LOADS["1 connection, 64 in flight"], *start_server(OURS, stack), stack)
        assert load.measure(0.0, 0.1, 10_000_000).per_second < 5_000_000
        assert load.measure(0.0, 0.1, 1_000).per_second < 2_000


@pytest.mark.parametrize("payload", [event(TINY), event(CHAT), event(LARGE), b"", b"x" * 125, b"x" * 126])
def test_frames_are_those_of_a_client(payload: str | bytes) -> None:
    reader = Connection(ConnectionType.SERVER)
    reader.receive_data(frame(payload))
    (received,) = list(reader.events())
    assert isinstance(received, (TextMessage, BytesMessage))
    assert received.data == payload


def test_sizes_are_what_the_tables_say() -> None:
    assert 180 <= len(compact(CHAT)) <= 260
    assert 9_000 <= len(compact(LARGE)) <= 11_000


def test_the_median_is_quoted_with_its_rate() -> None:
    table = Table("x", "X", "figures")
    row = table.row("thing")
    for count in (100, 200, 400):
        row.cell("a").add(Sample(count, 2.0, 0.001, 0.0))
    row.cell("b").values.append(0.0)
    assert str(row.cells["a"]) == "5.00 · 100/s"
    lines = list(table.lines())
    assert re.fullmatch(r"\| thing, µs \| +5\.00 · 100/s \| +0\.00 \|", lines[-1])
    assert "caption &lt;&amp;&gt;" in picture([table], "caption <&>")


def test_a_rate_that_was_not_served_is_said_instead_of_a_time() -> None:
    table = Table("latency", "Latency", "figures")
    row = table.row("5,000 events/s")
    for column, served in (("a", 4_800), ("b", 4_700)):
        row.cells[column] = AtRate(offered=5_000)
        row.cells[column].add(Sample(served, 1.0, 0.1, 0.0, p50_us=31.2), 31.2)
    assert list(table.lines())[-1] == "| 5,000 events/s, µs | 31.2 | only 4,700/s |"
    row.cells["c"] = AtRate(offered=5_000)  # it is not on record yet
    assert list(table.lines())[-1].endswith("| only 4,700/s | – |")
    drawn = picture([table], "")
    assert "only 4,700/s" in drawn
    assert drawn.count('height="9"') == 1  # one bar: the others have no figure
    (again,) = page.tables_of({"tables": [table.as_json()]}).values()
    assert list(again.lines()) == list(table.lines())


@pytest.mark.parametrize(("value", "text"), [(0.123, "0.12"), (9.996, "10.00"), (12.34, "12.3"), (1234.5, "1,234")])
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_an_empty_table_is_a_picture_too() -> None:
    assert picture([Table("x", "X", "nothing")], "").startswith("<svg")
    assert Cell().values == []


@pytest.mark.parametrize("path", page.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_pages_show_what_is_on_record(path: Path) -> None:
    """As `python -m benchmarks.page` has written it."""
    text = path.read_text(encoding="utf-8")
    assert page.written(text, page.records()) == text


def test_all_that_was_measured_is_shown() -> None:
    text, on_record = PAGE.read_text(encoding="utf-8"), page.records()
    tables = page.tables_of(on_record["results"])
    assert set(tables) == set(BENCHMARKS)
    for table in tables.values():
        assert "\n".join(list(table.lines())[2:]) in text
    (table,) = page.tables_of(on_record["cluster"]).values()
    assert "\n".join(list(table.lines())[2:]) in text
    commit = on_record["results"]["versions"]["commit"]
    assert f"commit {commit}, " in text
    assert f">{commit}" in (ROOT / "benchmarks" / "results.svg").read_text(encoding="utf-8")


def test_a_run_is_put_on_record_only_if_it_has_all_that_is_shown(tmp_path: Path) -> None:
    shown = tmp_path / "README.md"
    shown.write_text("<!-- figures cluster server -->\n<!-- end of figures -->\n", encoding="utf-8")
    table = Table("server", "Events", "figures")
    table.row("one").cell("us").values.append(2.0)
    result: dict[str, Any] = {"versions": {}, "tables": [table.as_json()]}
    page.record("cluster", result, tmp_path, [shown])
    assert "| one, µs | 2.00 |" in (before := shown.read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "cluster.json").read_text(encoding="utf-8")) == result
    with pytest.raises(BenchmarkError, match="cluster is to show what was not measured: 'server'"):
        page.record("cluster", {"versions": {}, "tables": []}, tmp_path, [shown])
    assert shown.read_text(encoding="utf-8") == before
    assert json.loads((tmp_path / "cluster.json").read_text(encoding="utf-8")) == result


def test_a_page_is_written_anew_from_its_record() -> None:
    table = Table("server", "Events", "figures")
    table.row("one").cell("us").values.extend([1.0, 2.0, 3.0])
    record = {"versions": {"commit": "abc1234", "date": "2026-01-02"}, "tables": [table.as_json()]}
    begin, end = "<!-- figures server -->\n", "<!-- end of figures -->\nbehind"
    old = f"([all](results.json), commit 9f, 2025-01-01)\n{begin}| old |\n{end}"
    new = page.written(old, {"results": record})
    assert new.startswith(f"([all](results.json), commit abc1234, 2026-01-02)\n{begin}\n|")
    assert "| one, µs | 2.00 |" in new
    assert new.endswith(f"|\n\n{end}")
    assert page.written(new, {"results": record}) == new
    blank = f"{begin}\n{end}\n{begin}\n{end}"  # as who adds one writes it
    assert page.written(blank, {"results": record}).count("| one, µs | 2.00 |") == 2
