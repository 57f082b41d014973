"""Figures as a table: for a terminal, for a document, for a program."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.shapes import Shape

Cell = float | str


@dataclass
class Table:
    """The cells of each row of a shape."""

    shape: Shape
    cells: dict[str, Sequence[Cell]] = field(default_factory=dict)

    def text(self) -> str:
        lines = [["", *self.shape.columns], *([name, *map(shown, row)] for name, row in self.cells.items())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            [
                self.shape.title,
                *(
                    "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])])
                    for first, *rest in lines
                ),
            ]
        )

    def markdown(self) -> str:
        lines = [["", *self.shape.columns], ["---"] * (len(self.shape.columns) + 1)]
        lines += [[name, *map(shown, row)] for name, row in self.cells.items()]
        return f"{self.shape.title}:\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def json(self) -> dict[str, Any]:
        return asdict(self)


def shown(cell: Cell) -> str:
    """Three digits that count, and thousands apart; a count as it is."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    places = 2 - math.floor(math.log10(abs(cell))) if cell else 0
    return f"{round(cell, places):,.{max(0, places)}f}"


def summed(values: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    return statistics.median(values), sorted(values)[math.ceil(len(values) * 0.99) - 1]
