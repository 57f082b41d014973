"""What 100, 10,000 and 100,000 people take, by a formula over the figures of docs/performance.md.

    .venv/bin/python benchmarks/scaling.py [--into docs/scaling.md]

Nothing is measured here. `tests/test_scaling.py` holds docs/scaling.md to what this says.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.shapes import ROWS, START, VALET
from benchmarks.table import shown

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- scaling -->\n", "<!-- end of scaling -->\n")
PEOPLE = (100, 10_000, 100_000)

CALLS_A_DAY = 20
"""Of one person, on average over all, those included who do not come."""
PEAK = 10
"""The busiest second beside the average one."""
BUSY = 0.6
"""How much of a core's time a worker may use in the busiest second; the rest keeps waits short."""
CONNECTIONS = 2
"""Of one person: Spotify and one Google account."""
KEPT = {"row of activity": 90, "row of audit": 365}
"""Days; the audit's is the operator's to choose (`valet audit prune`)."""
REFRESHES_A_DAY = 8
"""Of one connection: access tokens of an hour, refreshed while its person is about."""
POOL = 10
"""Connections of one process to PostgreSQL at most (`vault/store/database.py`)."""
STATEMENTS = 2
"""SELECTs of one call; its notes are written with those of others, twice a second at most."""
DIRECT = 80
"""Connections that PostgreSQL as it comes (`max_connections` 100) leaves the workers."""


def figure(document: str, row: str, column: int) -> float:
    """A number of the last table in `document` that has such a row. Columns count from 0."""
    lines = [line for line in document.splitlines() if line.startswith(f"| {row} |")]
    return float(lines[-1].strip("|").split("|")[column + 1].replace(",", ""))


@dataclass(frozen=True)
class Measured:
    """What comes from docs/performance.md."""

    milliseconds: float
    megabytes: float
    sidecar: float
    connection: float
    call: float

    @classmethod
    def read(cls, document: str) -> Measured:
        million = sum(
            float(cell.replace(",", ""))
            for line in document.splitlines()
            if line.startswith("| 1,000,000 |") and line.count("|") == 10
            for cell in line.strip("|").split("|")[6:8]
        )
        return cls(
            figure(document, VALET, 0),
            figure(document, START.rows[0], 3),
            figure(document, START.rows[1], 3),
            million,
            sum(KEPT[row] * figure(document, row, 0) for row in ROWS.rows),
        )


def line(people: int, measured: Measured) -> list[str]:
    """One column of the table, from the top."""
    peak = people * CALLS_A_DAY * PEAK / 86_400
    cores = peak * measured.milliseconds / 1000
    workers = max(2, math.ceil(cores / BUSY) + 1)
    sidecars = 1 if people <= PEOPLE[0] else 2
    lines = (workers + sidecars) * POOL
    size = people * (CONNECTIONS * measured.connection + CALLS_A_DAY * measured.call) / 1e9
    writes = people * CALLS_A_DAY * len(ROWS.rows) / 86_400
    refreshes = people * CONNECTIONS * REFRESHES_A_DAY / 86_400
    memory = workers * measured.megabytes + sidecars * measured.sidecar
    return [
        shown(peak),
        shown(cores),
        shown(workers),
        shown(sidecars),
        shown(memory / 1000),
        shown(lines),
        "yes" if lines > DIRECT else "no",
        shown(peak * STATEMENTS),
        shown(writes),
        shown(refreshes),
        shown(size),
    ]


NAMES = (
    "calls/s in the busiest second",
    "cores busy with them",
    "MCP workers",
    "sidecars",
    "memory of all of them, GB",
    "connections to PostgreSQL at most",
    "PgBouncer needed",
    "SELECTs/s in the busiest second",
    "rows written/s, on average",
    "refreshes/s, on average",
    "database, GB",
)


def table(document: str) -> str:
    """The table for docs/scaling.md, from the text of docs/performance.md."""
    measured = Measured.read(document)
    columns = [line(people, measured) for people in PEOPLE]
    lines = [["", *(f"{people:,} people" for people in PEOPLE)], ["---"] * (len(PEOPLE) + 1)]
    lines += [[name, *cells] for name, *cells in zip(NAMES, *columns, strict=True)]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Derive docs/scaling.md from docs/performance.md.")
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    said = table((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"))
    print(said)
    if given.into:
        begin, end = MARKS
        before, _, rest = given.into.read_text(encoding="utf-8").partition(begin)
        after = rest.partition(end)[2]
        given.into.write_text(f"{before}{begin}\n{said}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
