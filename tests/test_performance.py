"""The figures in docs/performance.md are those of the benchmarks, row by row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.shapes import CALL_MARKS, CALL_SHAPES, MARKS, SHAPES, SIZES, Shape

ROOT = Path(__file__).resolve().parents[1]
SIZED = tuple(f"{size:,}" for size in SIZES)


def shapes(figures: str, marks: tuple[str, str] = MARKS) -> list[Shape]:
    """Title, columns and rows of each table between the marks. Every cell must say something."""
    begin, end = marks
    body = figures.partition(begin)[2].partition(end)[0]
    found = []
    for title, table in re.findall(r"^(.+):\n\n((?:\|.*\|\n)+)", body, re.M):
        head, _, *lines = (
            [cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()
        )
        for line in lines:
            assert len(line) == len(head), (title, line)
            assert all(line), (title, line)
        found.append(Shape(title, tuple(head[1:]), tuple(line[0] for line in lines)))
    return found


def expected(sizes: Sequence[str]) -> list[Shape]:
    """What the benchmark fills where the crowd has those sizes."""
    return [replace(shape, rows=tuple(sizes)) if shape.rows == SIZED else shape for shape in SHAPES]


def test_the_figures_are_those_that_the_benchmark_measures() -> None:
    document = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert shapes(document) == expected(SIZED)


def test_the_figures_of_a_tool_call_are_those_that_its_benchmark_measures() -> None:
    document = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert shapes(document, CALL_MARKS) == list(CALL_SHAPES)
