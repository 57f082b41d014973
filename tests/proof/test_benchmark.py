"""The benchmarks still run, and print what they are there for."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.shapes import BINDING, CALL_MARKS, CALL_SHAPES, MARKS, SHAPES, START, WAYS
from tests.proof.nursery import ROOT
from tests.test_performance import expected, shapes

STRATEGIES = ["process lock", "FOR UPDATE", "both locks", "Valet"]
FIGURES = [
    "token calls",
    "families revoked (of 40)",
    "answered, token live",
    "answered, token dead",
    "failed",
    "request p50, ms",
    "request p99, ms",
    "SELECT 1 p99, ms",
]


async def run(name: str, *options: str) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / name), *options]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(240):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()[-2000:]
    return said.decode()


async def test_the_comparison_prints_every_strategy_and_figure() -> None:
    head, table = (await run("refresh.py", "1", "0.5")).split("\n\n")
    assert "1 rounds" in head and "within 0.5 s" in head
    title, *rows = table.strip().splitlines()
    assert all(name in title for name in STRATEGIES)
    assert [row[:26].strip() for row in rows] == FIGURES
    assert all(row.count(" to ") == len(STRATEGIES) for row in rows)


async def test_the_vaults_benchmark_fills_every_table_and_writes_them_into_the_document(
    tmp_path: Path,
) -> None:
    document = tmp_path / "performance.md"
    document.write_text("before\n" + "".join(MARKS) + "after\n")
    options = ["--rounds", "1", "--operations", "20", "--samples", "40", "--sizes", "1000,1200"]
    said = await run("vault.py", *options, "--json", "--into", str(document))
    written = document.read_text()
    assert written.startswith("before\n") and written.endswith("after\n")
    assert shapes(written) == expected(["1,000", "1,200"])
    tables = {table["shape"]["title"]: table["cells"] for table in json.loads(said)["tables"]}
    assert [list(cells) for cells in tables.values()] == [list(s.rows) for s in expected(["1,000", "1,200"])]
    for shape in SHAPES:
        for name, cells in tables[shape.title].items():
            numbers = [cell for cell in cells if not isinstance(cell, str)]
            assert all(number > 0 for number in numbers) or shape is WAYS, (shape.title, name)
    assert tables[BINDING.title]["Valet, data key cached"] == ["yes", "no", "yes", "no"]
    for indexes, sequential in tables[WAYS.title].values():
        assert "deks_pkey" in indexes and sequential == 0


async def test_the_benchmark_of_a_tool_call_fills_every_table_and_writes_them_into_the_document(
    tmp_path: Path,
) -> None:
    document = tmp_path / "performance.md"
    document.write_text("before\n" + "".join(CALL_MARKS) + "after\n")
    said = await run("tool_call.py", "--rounds", "1", "--calls", "300", "--json", "--into", str(document))
    written = document.read_text()
    assert written.startswith("before\n") and written.endswith("after\n")
    assert shapes(written, CALL_MARKS) == list(CALL_SHAPES)
    for table in json.loads(said)["tables"]:
        for cells in table["cells"].values():
            assert all(cell > 0 for cell in cells if not isinstance(cell, str)), table
        if table["shape"]["title"] == START.title:
            held = {
                door: cells[START.columns.index("MB after the calls")]
                for door, cells in table["cells"].items()
            }
            assert max(held.values()) <= 120, held
