"""docs/scaling.md says what benchmarks/scaling.py derives from docs/performance.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.scaling import (
    COST_MARKS,
    COSTS,
    MARKS,
    NAMES,
    Measured,
    Prices,
    cost,
    costs,
    line,
    main,
    put,
    table,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_page_says_what_the_formula_gives() -> None:
    begin, end = MARKS
    written = read("scaling.md").partition(begin)[2].partition(end)[0].strip()
    assert written == table(read("performance.md"))
    assert all(written.count(f"| {name} |") == 1 for name in NAMES)


def test_the_page_says_what_that_costs_at_the_prices_of_the_script() -> None:
    begin, end = COST_MARKS
    written = read("scaling.md").partition(begin)[2].partition(end)[0].strip()
    assert written == costs(read("performance.md"), Prices())
    assert all(written.count(f"| {name} |") == 1 for name in COSTS)
    assert "Assumed prices, no quotes" in written and Prices().text() in written
    assert "benchmarks/scaling.py --core 20 --memory 3 --storage 0.1\n" in read("scaling.md")


def test_ten_times_the_people_cost_ten_times_the_rows_and_never_less_than_two_workers() -> None:
    measured = Measured(milliseconds=3.0, megabytes=120, sidecar=120, connection=4000, call=100_000)
    few, many = (dict(zip(NAMES, line(people, measured), strict=True)) for people in (100, 1_000_000))
    assert few["MCP workers"] == "2"
    # 1,000,000 × 20 × 10 / 86,400 calls/s, of 3 ms each, on cores that are busy for 0.6, and one more.
    assert many["MCP workers"] == "13"
    assert many["PgBouncer needed"] == "yes"
    assert float(many["database, GB"].replace(",", "")) == 2010


def test_each_unit_is_paid_for_at_its_own_price() -> None:
    measured = Measured(milliseconds=3.0, megabytes=120, sidecar=120, connection=4000, call=100_000)

    def column(people: int, prices: Prices) -> dict[str, float]:
        cells = [float(cell.replace(",", "")) for cell in cost(people, measured, prices)]
        return dict(zip(COSTS, cells, strict=True))

    # 100,000 × 20 × 10 / 86,400 calls/s of 3 ms: 0.694 cores, 1.16 of them at 0.6, with 4 for the rest 5.16.
    # Three workers and two sidecars of 120 MB, and 16 GB. 100,000 × (2 × 4,000 + 20 × 100,000) bytes, twice.
    many = column(100_000, Prices(core=10, memory=2, storage=0.5))
    assert list(many.values())[:3] == [6, 16.6, 402]
    assert list(many.values())[3:6] == [60, 33.2, 201]
    assert many["**together, a month**"] == 294 and many["of one person, a month"] == 0.00294
    assert column(100_000, Prices(0, 0, 0))["**together, a month**"] == 0
    # Few share a core with what stands beside; ten times the people beyond the table take ten times as much.
    assert column(100, Prices())["cores to pay for"] == 1
    assert column(1_000_000, Prices())["cores to pay for"] == 52
    assert column(1_000_000, Prices())["storage to pay for, GB"] == 4020


def test_the_prices_are_the_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("".join(["# A\n", "old\n".join(MARKS), "old\n".join(COST_MARKS), "the end\n"]))
    given = ["--core", "7", "--memory", "1.5", "--storage", "0.02", "--into", str(page)]
    monkeypatch.setattr(sys, "argv", ["scaling.py", *given])
    main()
    paid = costs(read("performance.md"), Prices(7, 1.5, 0.02))
    assert paid in page.read_text() and paid in capsys.readouterr().out and "old" not in page.read_text()
    assert page.read_text().startswith("# A\n<!-- scaling -->\n\n|  | 100") and page.read_text().endswith(
        "\nthe end\n"
    )
    for wrong in ("-1", "nan", "inf", "much"):
        monkeypatch.setattr(sys, "argv", ["scaling.py", f"--core={wrong}"])
        with pytest.raises(SystemExit):
            main()


def test_what_stands_around_a_table_stays() -> None:
    assert put("a\n<!-- cost -->\nx\n<!-- end of cost -->\nb\n", COST_MARKS, "y") == (
        "a\n<!-- cost -->\n\ny\n\n<!-- end of cost -->\nb\n"
    )
