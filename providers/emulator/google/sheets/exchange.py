"""Spreadsheets out of rows of text, and back: what Drive imports and exports."""

from __future__ import annotations

import csv
import io
from typing import Any

from providers.emulator.google.sheets import model
from providers.emulator.google.sheets.a1 import Area
from providers.emulator.google.sheets.cells import entered, formatted
from providers.emulator.google.sheets.formulas import again

Json = dict[str, Any]


def fill(
    sheet: Json, rows: list[list[Any]], top: int = 0, left: int = 0, option: str = "USER_ENTERED"
) -> Json:
    """A sheet with values from a cell on, as a person types them."""
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value not in {None, ""}:
                sheet["cells"][model.at(top + y, left + x)] = entered(sheet, value, option, {})
    again(sheet)
    return sheet


def from_csv(text: str, mark: str = ",") -> Json:
    """A spreadsheet out of separated values, taken as a person types them."""
    rows = [list(row) for row in csv.reader(io.StringIO(text), delimiter=mark)]
    sheet = model.sheet(0, "Sheet1", max(1000, len(rows)), max(26, *map(len, rows), 0) if rows else 26)
    return model.book(fill(sheet, rows))


def rows(sheet: Json) -> list[list[str]]:
    """A sheet's texts as a person sees them, up to its last row and column with a value."""
    whole = Area(sheet, 0, 0, sheet["rows"], sheet["cols"])
    texts = {(row, column): formatted(cell) for row, column, cell in model.filled(whole)}
    bottom, right = (max((key[i] for key in texts), default=-1) + 1 for i in (0, 1))
    return [[texts.get((row, column), "") for column in range(right)] for row in range(bottom)]


def to_csv(book: Json) -> str:
    """The first sheet as Drive exports it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows(book["sheets"][0]))
    return out.getvalue().removesuffix("\r\n")
