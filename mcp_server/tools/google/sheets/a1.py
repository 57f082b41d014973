"""A1 notation: from what a caller wrote to an exact area of a sheet, and back.

Everything that is sent to Google is an area written out in full, so that it can't mean another sheet or more
cells than was looked at (developers.google.com/workspace/sheets/api/guides/concepts, "A1 notation").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcp_server.errors import Refusal
from mcp_server.tools.text import clip, listed, quoted
from providers.google.sheetsanswers import GridRange, SheetProperties, Spreadsheet

LONGEST = 300
"""The most characters of a range."""

_CELLS = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]{1,8})?(?::\$?([A-Za-z]{1,3})?\$?([0-9]{1,8})?)?")


@dataclass(frozen=True)
class Area:
    """Cells of a sheet, counted from zero, the ends outside. `cell`: one cell was named."""

    sheet: SheetProperties
    top: int
    left: int
    bottom: int
    right: int
    cell: bool = False

    @property
    def rows(self) -> int:
        """How many rows."""
        return self.bottom - self.top

    @property
    def columns(self) -> int:
        """How many columns."""
        return self.right - self.left

    @property
    def size(self) -> int:
        """How many cells."""
        return self.rows * self.columns

    def part(self, top: int, left: int, bottom: int, right: int) -> Area:
        """Another area of the same sheet."""
        return Area(self.sheet, top, left, bottom, right)

    def __str__(self) -> str:
        """`'My sheet'!A1:B2`, in full."""
        title = self.sheet.title.replace("'", "''")
        first, last = f"{letters(self.left)}{self.top + 1}", f"{letters(self.right - 1)}{self.bottom}"
        return f"'{title}'!{first}" + ("" if first == last else f":{last}")


def letters(number: int) -> str:
    """0 is `A`, 26 is `AA`."""
    text, number = "", number + 1
    while number > 0:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def column(name: str) -> int:
    """`A` is 0."""
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def area(book: Spreadsheet, text: str) -> Area:
    """What `text` names: `Sheet!A1:B2`, a sheet, a named range; without a sheet the first. Raises Refusal."""
    word = text.strip()
    for named in book.named:
        if named.name.casefold() == word.casefold():
            return _named(book, named.range)
    title, mark, cells = word.rpartition("!")
    if mark and cells.strip() and _CELLS.fullmatch(cells.strip()):
        return _cells(_sheet(book, title), cells, word)
    try:
        whole = _sheet(book, word)  # whose title may have an exclamation mark
    except Refusal:
        if mark:
            return _cells(_sheet(book, title), cells, word)
        if not _is_cell(word) and not (":" in word and _CELLS.fullmatch(word)):
            raise
        return _cells(_first(book), word, word)
    grid = whole.grid
    if _is_cell(word) and not word.startswith("'"):  # Google reads a bare A1 as a cell, never as a sheet
        return _cells(_first(book), word, word)
    return Area(whole, 0, 0, grid.rows, grid.columns)


def _is_cell(word: str) -> bool:
    return re.fullmatch(r"\$?[A-Za-z]{1,3}\$?[0-9]{1,8}", word) is not None


def _first(book: Spreadsheet) -> SheetProperties:
    grids = [sheet.properties for sheet in book.sheets if sheet.properties.kind == "GRID"]
    for sheet in grids:
        if not sheet.hidden:
            return sheet
    raise Refusal("not_found", "The spreadsheet has no sheet with cells.")


def _sheet(book: Spreadsheet, name: str) -> SheetProperties:
    quote = re.fullmatch(r"'((?:[^']|'')*)'", name.strip())
    wanted = quote[1].replace("''", "'") if quote else name
    for sheet in book.sheets:
        if sheet.properties.title.casefold() == wanted.strip().casefold() or sheet.properties.title == wanted:
            if sheet.properties.kind != "GRID":
                raise Refusal(
                    "invalid_argument", f"{quoted(wanted, 80)} is a chart or the like; it has no cells."
                )
            return sheet.properties
    there = listed(quoted(sheet.properties.title, 60) for sheet in book.sheets[:20])
    raise Refusal(
        "not_found",
        f"The spreadsheet has no sheet or named range {quoted(name, 80)}. It has {there}. Write a range as "
        "Sheet!A1:B2.",
    )


def _cells(sheet: SheetProperties, cells: str, text: str) -> Area:
    found = _CELLS.fullmatch(cells.strip())
    if not cells.strip() or found is None:
        raise _unreadable(text)
    left, top, right, bottom = found.groups()
    if ":" not in cells:
        if not left or not top:
            raise _unreadable(text)
        right, bottom = left, top
    elif not (left or top) or not (right or bottom):
        raise _unreadable(text)
    grid = sheet.grid
    rows = sorted([int(top or 1) - 1, int(bottom or grid.rows) - 1])
    columns = sorted([column(left or "A"), column(right) if right else grid.columns - 1])
    if rows[0] < 0:
        raise _unreadable(text)
    if rows[0] >= grid.rows or columns[0] >= grid.columns:
        raise beyond(sheet)
    return Area(
        sheet, rows[0], columns[0], min(rows[1] + 1, grid.rows), min(columns[1] + 1, grid.columns),
        cell=":" not in cells,
    )  # fmt: skip


def beyond(sheet: SheetProperties) -> Refusal:
    """The no to cells that the sheet has not."""
    grid = sheet.grid
    return Refusal(
        "invalid_argument",
        f"The sheet {quoted(sheet.title, 80)} has {grid.rows} rows and ends at column "
        f"{letters(grid.columns - 1)}. To add rows, use sheets_append_rows.",
    )


def _named(book: Spreadsheet, place: GridRange) -> Area:
    for sheet in book.sheets:
        properties = sheet.properties
        if properties.id == place.sheet_id:
            bottom, right = place.bottom or properties.grid.rows, place.right or properties.grid.columns
            return Area(properties, place.top, place.left, bottom, right)
    raise Refusal("not_found", "The sheet of that named range is gone.")


def _unreadable(text: str) -> Refusal:
    return Refusal("invalid_argument", f"{quoted(clip(text, 80))} is no range. Write it as Sheet!A1:B2.")
