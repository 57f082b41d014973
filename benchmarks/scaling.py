"""What 100, 10,000 and 100,000 people take and cost, by a formula over the figures of docs/performance.md.

    .venv/bin/python benchmarks/scaling.py [--core 20] [--memory 3] [--storage 0.1] [--into docs/scaling.md]

The prices are yours: of a core, of a GB of memory and of a GB of storage, each for a month, in your currency.
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
COST_MARKS = ("<!-- cost -->\n", "<!-- end of cost -->\n")
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
STATEMENTS = 1
"""SELECTs of one call; its notes are written with those of others, twice a second at most."""
DIRECT = 80
"""Connections that PostgreSQL as it comes (`max_connections` 100) leaves the workers."""

BESIDE = {100: (0, 1), 10_000: (1, 4), 100_000: (4, 16)}
"""Cores and GB of memory of PostgreSQL and nginx, up to so many people; beyond the last, in proportion."""
KEPT_TWICE = 2
"""The database and its backups together, in sizes of the database."""


@dataclass(frozen=True)
class Prices:
    """What a month of one unit costs. The defaults are assumptions to be replaced, nobody's offer."""

    core: float = 20
    memory: float = 3
    storage: float = 0.1

    def text(self) -> str:
        return f"{self.core:g} a core, {self.memory:g} a GB of memory, {self.storage:g} a GB of storage"


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
            figure(document, START.rows[0], 4),
            figure(document, START.rows[1], 4),
            million,
            sum(KEPT[row] * figure(document, row, 0) for row in ROWS.rows),
        )


@dataclass(frozen=True)
class Taken:
    """What so many people take of the machines."""

    peak: float
    cores: float
    workers: int
    sidecars: int
    memory: float
    size: float

    @classmethod
    def by(cls, people: int, measured: Measured) -> Taken:
        peak = people * CALLS_A_DAY * PEAK / 86_400
        cores = peak * measured.milliseconds / 1000
        workers = max(2, math.ceil(cores / BUSY) + 1)
        sidecars = 1 if people <= PEOPLE[0] else 2
        memory = (workers * measured.megabytes + sidecars * measured.sidecar) / 1000
        size = people * (CONNECTIONS * measured.connection + CALLS_A_DAY * measured.call) / 1e9
        return cls(peak, cores, workers, sidecars, memory, size)


def line(people: int, measured: Measured) -> list[str]:
    """One column of the table, from the top."""
    taken = Taken.by(people, measured)
    lines = (taken.workers + taken.sidecars) * POOL
    writes = people * CALLS_A_DAY * len(ROWS.rows) / 86_400
    refreshes = people * CONNECTIONS * REFRESHES_A_DAY / 86_400
    return [
        shown(taken.peak),
        shown(taken.cores),
        shown(taken.workers),
        shown(taken.sidecars),
        shown(taken.memory),
        shown(lines),
        "yes" if lines > DIRECT else "no",
        shown(taken.peak * STATEMENTS),
        shown(writes),
        shown(refreshes),
        shown(taken.size),
    ]


def beside(people: int) -> tuple[float, float]:
    """Cores and GB of memory of what stands beside our processes."""
    for most, (cores, memory) in BESIDE.items():
        if people <= most:
            return cores, memory
    times = people / most
    return cores * times, memory * times


def cost(people: int, measured: Measured, prices: Prices) -> list[str]:
    """One column of the table of costs, from the top."""
    taken, (others, room) = Taken.by(people, measured), beside(people)
    cores = math.ceil(taken.cores / BUSY + others)
    memory, storage = taken.memory + room, taken.size * KEPT_TWICE
    each = cores * prices.core, memory * prices.memory, storage * prices.storage
    return [
        shown(cell) for cell in (cores, memory, storage, *map(float, each), sum(each), sum(each) / people)
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
COSTS = (
    "cores to pay for",
    "memory to pay for, GB",
    "storage to pay for, GB",
    "cores, a month",
    "memory, a month",
    "storage, a month",
    "**together, a month**",
    "of one person, a month",
)


def table(document: str) -> str:
    """The table for docs/scaling.md, from the text of docs/performance.md."""
    measured = Measured.read(document)
    return _table(NAMES, [line(people, measured) for people in PEOPLE])


def costs(document: str, prices: Prices) -> str:
    """The table of costs for docs/scaling.md, from that of docs/performance.md, and its prices."""
    measured = Measured.read(document)
    said = f"Assumed prices, no quotes, each for a month and in the reader's currency: {prices.text()}."
    return f"{said}\n\n{_table(COSTS, [cost(people, measured, prices) for people in PEOPLE])}"


def _table(names: tuple[str, ...], columns: list[list[str]]) -> str:
    lines = [["", *(f"{people:,} people" for people in PEOPLE)], ["---"] * (len(PEOPLE) + 1)]
    lines += [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def put(page: str, marks: tuple[str, str], said: str) -> str:
    """The page with that between the marks."""
    begin, end = marks
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{said}\n\n{end}{rest.partition(end)[2]}"


def price(given: str) -> float:
    """What somebody pays. Raises ValueError."""
    value = float(given)
    if not 0 <= value < math.inf:
        raise ValueError(given)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description="Derive docs/scaling.md from docs/performance.md.")
    parser.add_argument("--into", type=Path)
    for each, unit in (("core", "core"), ("memory", "GB of memory"), ("storage", "GB of storage")):
        parser.add_argument(
            f"--{each}", type=price, default=getattr(Prices, each), help=f"a {unit} for a month"
        )
    given = parser.parse_args()
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    said = table(measured)
    paid = costs(measured, Prices(given.core, given.memory, given.storage))
    print(f"{said}\n\n{paid}")
    if given.into:
        page = given.into.read_text(encoding="utf-8")
        given.into.write_text(put(put(page, MARKS, said), COST_MARKS, paid), encoding="utf-8")


if __name__ == "__main__":
    main()
