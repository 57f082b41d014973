"""sheets_update_range, sheets_append_rows, sheets_clear_range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import SheetsClient
from mcp_server.tools.google.papers import spoken
from mcp_server.tools.google.sheets.a1 import LONGEST, Area, area, beyond
from mcp_server.tools.google.sheets.before import Grid, before, filled, put_back
from mcp_server.tools.google.sheets.books import SpreadsheetId, link, opened
from mcp_server.tools.google.sheets.reading import Cell
from mcp_server.tools.text import clip, quoted
from mcp_server.tools.undo import Undo
from providers.google.services import SHEETS
from providers.google.sheetsanswers import Spreadsheet

REFUSED = (
    "Google Sheets does not take that; nothing was changed. The cells may be protected, the spreadsheet full "
    "(ten million cells), or a text longer than 50,000 characters."
)
_MOST_CELLS = 20_000

Rows = Annotated[list[Annotated[list[Cell], Field(max_length=1000)]], Field(max_length=2000)]
Input = Literal["RAW", "USER_ENTERED"]
RangeText = Annotated[str, Field(max_length=LONGEST, description="Sheet!A1:B2.")]


class Written(BaseModel):
    """What was written, and how much was there before."""

    spreadsheet_id: str
    title: str
    url: str
    range: str
    cells: int
    cells_filled_before: int | None = None
    undo: Undo | None = None


class Added(BaseModel):
    """Where the rows are now; `after` is the table they were added to."""

    spreadsheet_id: str
    title: str
    url: str
    range: str
    after: str | None = None
    rows: int
    undo: Undo | None = None


@tool(
    service="sheets",
    title="Write cells",
    access="write",
    needs=(SHEETS,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def sheets_update_range(
    sheets: SheetsClient,
    confirm: Confirm,
    spreadsheet_id: SpreadsheetId,
    range: RangeText,
    values: Annotated[Rows, Field(description='null leaves a cell, "" clears it.')],
    input: Annotated[
        Input, Field(description="USER_ENTERED reads text as if typed: dates, =formulas.")
    ] = "RAW",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Written]:
    """Write over cells of a Google spreadsheet, from the first of `range` on."""
    _require_few(values)
    book = await opened(sheets, spreadsheet_id)
    place = _exact(area(book, range), values)
    grid = await before(sheets, book.id, place)
    if emptied := _emptied(values, grid):
        lines = [("Spreadsheet", book.properties.title), ("Range", str(place)), ("Cells to empty", emptied)]
        await confirm("Clear cells of this spreadsheet", lines, same=[repr(grid)])
    with spoken("spreadsheet", REFUSED):
        done = await sheets.update(book.id, str(place), values, input)
    result = _written(book, place, done.cells, grid, account)
    was = "" if grid is None else f"; {result.cells_filled_before} held something before"
    how = " as typed" if input == "USER_ENTERED" else ""
    where = f"{clip(result.range, 260)} of {quoted(result.title)}"
    text = f"Wrote {done.cells} cells{how} in {where}{was}.{_back(result.undo)}"
    return answer(result, f"{text} {result.url}")


@tool(
    service="sheets",
    title="Append rows",
    access="write",
    needs=(SHEETS,),
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def sheets_append_rows(
    sheets: SheetsClient,
    spreadsheet_id: SpreadsheetId,
    range: Annotated[str, Field(max_length=LONGEST, description="Sheet, or a cell of a table.")],
    rows: Annotated[Rows, Field(description="Of cells.")],
    input: Annotated[Input, Field(description="As in sheets_update_range.")] = "RAW",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Added]:
    """Add rows after the last table in `range` of a Google spreadsheet."""
    _require_few(rows)
    book = await opened(sheets, spreadsheet_id)
    place = area(book, range)
    with spoken("spreadsheet", REFUSED):
        done = await sheets.append(book.id, str(place), rows, input)
    where = clip(done.updates.range, 240)
    result = Added(
        spreadsheet_id=book.id,
        title=clip(book.properties.title),
        url=link(book.id),
        range=where,
        after=clip(done.table, 240) or None,
        rows=len(rows),
        undo=Undo(
            tool="sheets_clear_range", arguments={"spreadsheet_id": book.id, "range": done.updates.range}
        ).at(account)
        if 0 < len(done.updates.range) <= LONGEST
        else None,
    )
    after = f", after {result.after}" if result.after else ""
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    return answer(result, f"Added {count} at {where}{after} in {quoted(result.title)}. {result.url}")


@tool(
    service="sheets",
    title="Clear cells",
    access="write",
    needs=(SHEETS,),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def sheets_clear_range(
    sheets: SheetsClient,
    confirm: Confirm,
    spreadsheet_id: SpreadsheetId,
    range: RangeText,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Written]:
    """Empty cells of a Google spreadsheet. Formats stay as they are."""
    book = await opened(sheets, spreadsheet_id)
    place = area(book, range)
    grid = await before(sheets, book.id, place)
    held = "more than can be counted here" if grid is None else str(filled(grid))
    await confirm(
        "Clear cells of this spreadsheet",
        [("Spreadsheet", book.properties.title), ("Range", str(place)), ("Cells with values", held)],
        same=[repr(grid)],
    )
    with spoken("spreadsheet", REFUSED):
        await sheets.clear(book.id, str(place))
    result = _written(book, place, place.size, grid, account)
    was = "" if grid is None else f"; {result.cells_filled_before} held something before"
    text = f"Cleared {clip(result.range, 260)} of {quoted(result.title)}{was}.{_back(result.undo)}"
    return answer(result, f"{text} {result.url}")


def _written(book: Spreadsheet, place: Area, cells: int, grid: Grid | None, account: str | None) -> Written:
    """What stands there now, and the way back to what stood there (`grid`)."""
    undo = put_back(book.id, place, grid)
    return Written(
        spreadsheet_id=book.id,
        title=clip(book.properties.title),
        url=link(book.id),
        range=str(place),
        cells=cells,
        cells_filled_before=None if grid is None else filled(grid),
        undo=undo.at(account) if undo else None,
    )


def _emptied(values: Sequence[Sequence[object]], grid: Grid | None) -> str:
    """How many cells that hold something would hold nothing, in words; empty where it is none."""
    clears = [[cell == "" for cell in row] for row in values]
    if grid is None:
        return "more than can be counted here" if any(map(any, clears)) else ""
    pairs = zip(clears, grid, strict=False)
    gone = filled([[cell for clear, cell in zip(*pair, strict=False) if clear] for pair in pairs])
    return str(gone) if gone else ""


def _require_few(rows: Sequence[Sequence[object]]) -> None:
    if sum(map(len, rows)) > _MOST_CELLS:
        raise Refusal("invalid_argument", f"At most {_MOST_CELLS} cells in one call. Write them in parts.")
    if any(isinstance(cell, float) and not math.isfinite(cell) for row in rows for cell in row):
        raise Refusal("invalid_argument", "A cell can't hold infinity or NaN. Write them as text.")
    if not any(rows):
        raise Refusal("invalid_argument", "There is no value to write.")


def _exact(place: Area, values: Sequence[Sequence[object]]) -> Area:
    """The cells that the values cover, from the first of the range on. Raises Refusal."""
    bottom, right = place.top + len(values), place.left + max(map(len, values))
    if not place.cell and (bottom > place.bottom or right > place.right):
        raise Refusal(
            "invalid_argument",
            f"{len(values)} rows of up to {right - place.left} values do not fit {clip(str(place), 260)}, "
            f"which has {place.rows} rows and {place.columns} columns. Name the first cell alone, or more.",
        )
    if bottom > place.sheet.grid.rows or right > place.sheet.grid.columns:
        raise beyond(place.sheet)
    return place.part(place.top, place.left, bottom, right)


def _back(undo: Undo | None) -> str:
    return "" if undo else " The version history of Google Sheets has what was there before."
