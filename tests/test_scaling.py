"""docs/scaling.md says what benchmarks/scaling.py derives from docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks.scaling import MARKS, NAMES, Measured, line, table

DOCS = Path(__file__).resolve().parents[1] / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_page_says_what_the_formula_gives() -> None:
    begin, end = MARKS
    written = read("scaling.md").partition(begin)[2].partition(end)[0].strip()
    assert written == table(read("performance.md"))
    assert all(written.count(f"| {name} |") == 1 for name in NAMES)


def test_ten_times_the_people_cost_ten_times_the_rows_and_never_less_than_two_workers() -> None:
    measured = Measured(milliseconds=3.0, megabytes=120, sidecar=120, connection=4000, call=100_000)
    few, many = (dict(zip(NAMES, line(people, measured), strict=True)) for people in (100, 1_000_000))
    assert few["MCP workers"] == "2"
    # 1,000,000 × 20 × 10 / 86,400 calls/s, of 3 ms each, on cores that are busy for 0.6, and one more.
    assert many["MCP workers"] == "13"
    assert many["PgBouncer needed"] == "yes"
    assert float(many["database, GB"].replace(",", "")) == 2010
