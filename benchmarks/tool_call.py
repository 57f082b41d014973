"""What a tool call costs, beside what others do, in one run.

    .venv/bin/python benchmarks/tool_call.py [--rounds 7] [--calls 400] [--json] [--into docs/performance.md]

Valet's side is the command `mcp_server` as it is started in production, with a bearer token that is looked up
in PostgreSQL, a credential that is opened from the vault, and one request to the upstream:
`spotify_get_playback`. Who is measured beside it: `benchmarks/rivals.py`. CPU is what the scheduler counted
for the process that serves, so that a busy machine spoils it less than the time on the clock; all take turns,
round by round. Against the goals the least CPU and the best calls/s of the rounds count.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.shapes import (
    CALL_MARKS,
    CALLS,
    ECHO,
    ECHO_BEFORE,
    FASTMCP,
    FASTMCP_ASKING,
    FLOOR,
    FLOOR_BEFORE,
    GOALS,
    PARTS,
    ROWS,
    STARLETTE,
    START,
    TYPED,
    TYPED_BEFORE,
    VALET,
    VALET_BEFORE,
)
from benchmarks.stand import BEFORE, MODERN, OTHER, SERVING, Load, Served, Stand, load, resident, stand
from benchmarks.table import Cell, Table
from benchmarks.vault import processor
from valet.logging import configure

TOOL = "spotify_get_playback"
BURST, PER_SECOND = 300, 20
STARTS = 3
CROWD = 1000
PACKAGES = ("mcp", "fastmcp", "starlette", "uvicorn", "httpx2", "psycopg")


def measure(given: argparse.Namespace) -> list[Table]:
    # Each grant may make 300 calls at once: so many people that nobody is slowed down.
    calls = (given.rounds + 2) * given.calls * 4
    with stand(max(calls // BURST + 8, CROWD)) as place:
        start, doors = Table(START), {}
        for door in ("mcp_server", "connect"):
            starts = [place.door(door) for _ in range(STARTS)]
            cpu, seconds = (min(start[number] for start in starts) for number in (1, 2))
            for process, *_ in starts[:-1]:
                process.stop()
            process = starts[-1][0]
            doors[door] = process, [cpu, seconds, resident(process.pid)]
        worker = doors["mcp_server"][0]
        os.sched_setaffinity(worker.pid, {SERVING})
        served = contenders(place, worker.pid, worker.port)
        rounds: dict[str, list[Load]] = {name: [] for name in served}
        parts = []
        for number in range(given.rounds + 1):
            for name, each in served.items():
                ran = load([each], given.calls)
                if number:  # the first one warms up
                    rounds[name].append(ran)
            parts.append(place.parts(given.calls))
        twice = two(place, served[VALET], given)
        after = {door: resident(process.pid) for door, (process, _) in doors.items()}
        load([served[VALET]], CROWD)
        crowded = {door: resident(process.pid) for door, (process, _) in doors.items()}
        left = Table(ROWS, rows(place.owner))
        tables = [figures(served, rounds), Table(PARTS), Table(GOALS), start, left]
        for row, number in zip(PARTS.rows, (0, 1), strict=True):
            tables[1].cells[row] = [min(part[number] for part in parts)]
        for door, (_, cells) in doors.items():
            start.cells[door] = [*cells, after[door], crowded[door], modules(door)]
        tables[2].cells = goals(tables[0], tables[1], twice)
        return tables


def contenders(place: Stand, pid: int, port: int) -> dict[str, Served]:
    nothing: dict[str, str] = {}
    echo = place.rival("echo", "echo", {"text": "x"}, MODERN)
    typed = place.rival("tool", TOOL, nothing, MODERN)
    floor = place.rival("floor", TOOL, nothing, MODERN)
    said = place.calls("echo", {"text": "x"}, BEFORE)
    return {
        VALET: Served(pid, port, place.calls(TOOL, nothing, MODERN)),
        VALET_BEFORE: Served(pid, port, place.calls(TOOL, nothing, BEFORE)),
        ECHO: echo,
        ECHO_BEFORE: Served(echo.pid, echo.port, said),
        TYPED: typed,
        TYPED_BEFORE: Served(typed.pid, typed.port, place.calls(TOOL, nothing, BEFORE)),
        FLOOR: floor,
        FLOOR_BEFORE: Served(floor.pid, floor.port, place.calls(TOOL, nothing, BEFORE)),
        STARLETTE: place.rival("starlette", TOOL, nothing, MODERN),
        FASTMCP: place.rival("fastmcp", TOOL, nothing, MODERN),
        FASTMCP_ASKING: place.rival("fastmcp-asking", TOOL, nothing, MODERN),
    }


def two(place: Stand, one: Served, given: argparse.Namespace) -> tuple[float, float]:
    """How much more two processes do than one: in as much CPU time each, and by the clock.

    Each has a core of its own, as far as the other goes, and as many lines of load as it has alone. On one of
    the cores is the load as well, so each is measured alone at its own place, too.
    """
    process, _, _ = place.door("mcp_server")
    other = Served(process.pid, process.port, one.requests)
    load([other], given.calls)
    os.sched_setaffinity(process.pid, {OTHER})
    spent, clocked = [], []
    for _ in range(given.rounds):
        # Right after each other: a machine that is shared is not as fast at any time.
        first, second = load([one], given.calls), load([other], given.calls)
        both = load([one, other], 2 * given.calls, lines=16)
        spent.append((first.each + second.each) / both.each)
        clocked.append((both.calls / both.seconds) / (first.calls / first.seconds))
    return statistics.median(spent), statistics.median(clocked)


def figures(served: dict[str, Served], rounds: dict[str, list[Load]]) -> Table:
    table = Table(CALLS)
    for name, loads in rounds.items():
        each = [ran.each for ran in loads]
        micros = sorted(micro for ran in loads for micro in ran.micros)
        table.cells[name] = [
            statistics.median(each),
            min(each),
            max(each),
            max(ran.calls / ran.seconds for ran in loads),
            statistics.median(micros) / 1000,
            micros[math.ceil(len(micros) * 0.99) - 1] / 1000,
            resident(served[name].pid),
        ]
    return table


def goals(calls: Table, parts: Table, twice: tuple[float, float]) -> dict[str, list[Cell]]:
    def cell(table: Table, row: str, column: int) -> float:
        return float(table.cells[row][column])

    extra = sum(cell(parts, row, 0) for row in PARTS.rows)
    # The least of each: what a machine that is shared adds to a round is never less than nothing.
    modern, before = cell(calls, ECHO, 1) + extra, cell(calls, ECHO_BEFORE, 1) + extra
    measured = [
        cell(calls, VALET, 1) / modern,
        cell(calls, VALET_BEFORE, 1) / before,
        cell(calls, TYPED, 1) / modern,
        cell(calls, TYPED_BEFORE, 1) / before,
        cell(calls, FLOOR, 1) / modern,
        cell(calls, FLOOR_BEFORE, 1) / before,
        cell(calls, VALET, 3) / cell(calls, FASTMCP, 3),
        cell(calls, VALET, 3) / cell(calls, FASTMCP_ASKING, 3),
        *twice,
    ]
    wanted = ("at most 1.25",) * 2 + ("none",) * 4 + ("at least 3",) * 2 + ("at least 1.8",) * 2
    return {row: [value, goal] for row, value, goal in zip(GOALS.rows, measured, wanted, strict=True)}


def modules(door: str) -> int:
    """How many modules a process of that door has."""
    part = {"mcp_server": "valet.resource", "connect": "valet.sidecar"}[door]
    code = f"import sys, valet.start, valet.banner, valet.serve, {part}; print(len(sys.modules))"
    root = Path(__file__).resolve().parents[1]
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return int(said.stdout)


def rows(url: str) -> dict[str, list[Cell]]:
    """Bytes of one row of each table that a call leaves one in."""
    with psycopg.connect(url) as link:
        sizes = [
            link.execute(sql.SQL("SELECT pg_total_relation_size({}) / count(*) FROM {}").format(name, table))
            for name, table in ((sql.Literal(each), sql.Identifier(each)) for each in ("activity", "audit"))
        ]
        return {row: [float((size.fetchone() or [0])[0])] for row, size in zip(ROWS.rows, sizes, strict=True)}


def about(given: argparse.Namespace) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({processor()}), Python {platform.python_version()}; {packages}."
        f" {given.rounds} rounds after a warm-up, in turns, {given.calls} calls in each over 8 lines. So many"
        f" processes wanted to run at the end, on average over a minute: {os.getloadavg()[0]:.0f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a tool call beside its peers.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--into", type=Path, help="a document whose figures are replaced")
    given = parser.parse_args()
    configure("CRITICAL", "console")
    tables = measure(given)
    said = about(given)
    if given.json:
        print(json.dumps({"machine": said, "tables": [table.json() for table in tables]}, indent=2))
    else:
        print("\n\n".join([said, *(table.text() for table in tables)]))
    if given.into:
        begin, end = CALL_MARKS
        before, _, rest = given.into.read_text(encoding="utf-8").partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{given.into} has no place for these figures"
        body = "\n\n".join([said, *(table.markdown() for table in tables)])
        given.into.write_text(f"{before}{begin}\n{body}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
