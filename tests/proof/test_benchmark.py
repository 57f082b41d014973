"""The comparison of refresh strategies still runs, and prints what it is there for."""

from __future__ import annotations

import asyncio
import sys

from tests.proof.nursery import ROOT

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


async def test_the_comparison_prints_every_strategy_and_figure() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "refresh.py"), "1", "0.5"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(120):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()[-2000:]
    head, table = said.decode().split("\n\n")
    assert "1 rounds" in head and "within 0.5 s" in head
    title, *rows = table.strip().splitlines()
    assert all(name in title for name in STRATEGIES)
    assert [row[:26].strip() for row in rows] == FIGURES
    assert all(row.count(" to ") == len(STRATEGIES) for row in rows)
