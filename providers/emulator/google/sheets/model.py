"""What a spreadsheet is here: JSON-ready sheets of cells.

book   {"locale", "zone", "sheets": [sheet, …], "named": [{"id", "name", "sheet", "area"}, …]}
sheet  {"id", "title", "rows", "cols", "frozen": [rows, columns], "hidden", "rtl", "protected", "cells"}
cells  {"row:column": cell}, counted from zero
cell   {"v": text, number or bool, "f": "=A1+1", "n": {"type": "DATE", "pattern": "yyyy-mm-dd"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.emulator.google.sheets.a1 import Area, bad

Json = dict[str, Any]
MOST_CELLS = 10_000_000
LONGEST = 50_000
"""Characters in one cell."""


def sheet(id_: int, title: str, rows: int = 1000, cols: int = 26, **more: Any) -> Json:
    """An empty sheet."""
    usual = {"frozen": [0, 0], "hidden": False, "rtl": False, "protected": False, "cells": {}}
    return {"id": id_, "title": title, "rows": rows, "cols": cols, **usual, **more}


def book(*sheets: Json, locale: str = "en_GB", zone: str = "Europe/Lisbon", **more: Any) -> Json:
    """A spreadsheet; an empty one has one sheet."""
    return {
        "locale": locale, "zone": zone, "sheets": list(sheets) or [sheet(0, "Sheet1")], "named": [], **more,
    }  # fmt: skip


def at(row: int, column: int) -> str:
    """The key of a cell."""
    return f"{row}:{column}"


def filled(area: Area) -> Iterator[tuple[int, int, Json]]:
    """The cells of an area that hold a value."""
    for key, cell in area.sheet["cells"].items():
        row, column = map(int, key.split(":"))
        if "v" in cell and area.top <= row < area.bottom and area.left <= column < area.right:
            yield row, column, cell


def grow(book: Json, one: Json, rows: int, cols: int) -> None:
    """A sheet of at least so many rows and columns. Raises ApiError beyond ten million cells in all."""
    rows, cols = max(rows, one["rows"]), max(cols, one["cols"])
    others = sum(row["rows"] * row["cols"] for row in book["sheets"] if row is not one)
    if others + rows * cols > MOST_CELLS:
        raise bad(f"This action would increase the number of cells in the workbook above the limit of "
                  f"{MOST_CELLS} cells.")  # fmt: skip
    one["rows"], one["cols"] = rows, cols


def tables(one: Json) -> list[tuple[int, int, int, int]]:
    """The blocks of cells that touch each other, as top, left, bottom, right."""
    left = {tuple(map(int, key.split(":"))) for key, cell in one["cells"].items() if "v" in cell}
    found = []
    while left:
        todo = [left.pop()]
        rows, columns = [], []
        while todo:
            row, column = todo.pop()
            rows.append(row)
            columns.append(column)
            near = {(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)} & left
            left -= near
            todo += near
        found.append((min(rows), min(columns), max(rows) + 1, max(columns) + 1))
    return sorted(found, key=lambda table: (table[2], table[3]))


def insert_rows(one: Json, before: int, count: int) -> None:
    """Empty rows before a row; what is below moves down."""
    moved = {}
    for key, cell in one["cells"].items():
        row, column = map(int, key.split(":"))
        moved[at(row + count if row >= before else row, column)] = cell
    one["cells"] = moved
