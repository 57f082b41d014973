"""sheets_read_range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field, WithJsonSchema

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.reading.letters import visible
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import SheetsClient
from mcp_server.tools.google.papers import encoded, spoken
from mcp_server.tools.google.sheets.a1 import LONGEST, Area, area
from mcp_server.tools.google.sheets.books import SpreadsheetId, link, opened
from mcp_server.tools.text import clip, listed, quoted
from providers.google.services import SHEETS_READ
from providers.google.sheets import Render

MOST_CELLS = 50_000
"""Cells that one call asks Google for; empty ones at the ends cost nothing."""

GONE = "The sheets changed meanwhile. Look at them with sheets_get_spreadsheet, then read again."

_MOST_COLUMNS = 200
_LONGEST_CELL = 2000
_ROOM = 26_000
_RENDER: dict[str, Render] = {
    "formatted": "FORMATTED_VALUE",
    "unformatted": "UNFORMATTED_VALUE",
    "formula": "FORMULA",
}

Cell = Annotated[str | bool | int | float | None, WithJsonSchema({})]


class Values(BaseModel):
    """Rows of a range from its first cell; empty cells at the ends are left out."""

    range: str
    rows: list[list[Cell]]
    cut: Annotated[bool | None, Field(description="Long texts were cut.")] = None
    not_shown: Annotated[list[str] | None, Field(description="Ranges to read next.")] = None


class Ranges(BaseModel):
    """The values of ranges. Dates are as they are shown, or days since 1899-12-30 if unformatted."""

    spreadsheet_id: str
    title: str
    ranges: list[Values]


@tool(
    service="sheets",
    title="Read cells",
    needs=(SHEETS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def sheets_read_range(
    sheets: SheetsClient,
    spreadsheet_id: SpreadsheetId,
    ranges: Annotated[
        list[Annotated[str, Field(max_length=LONGEST)]],
        Field(min_length=1, max_length=10, description="Sheet!A1:B2, Sheet!A:C, a sheet, or a named range."),
    ],
    render: Annotated[
        Literal["formatted", "unformatted", "formula"], Field(description="How.")
    ] = "formatted",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Ranges]:
    """Read cells of a Google spreadsheet; long ones in parts, by `not_shown`."""
    book = await opened(sheets, spreadsheet_id)
    wanted = [area(book, text) for text in ranges]
    asked = [_bounded(each, MOST_CELLS // len(wanted)) for each in wanted]
    with spoken("spreadsheet", GONE):
        found = await sheets.values(book.id, [str(each) for each in asked], _RENDER[render])
    rows = [list(each.values) for each in found.ranges[: len(asked)]]
    rows += [[] for _ in range(len(asked) - len(rows))]
    room = _ROOM
    shown, lines = [], []
    for place, (whole, part, values) in enumerate(zip(wanted, asked, rows, strict=True)):
        view, text, used = _view(whole, part, values, room // (len(asked) - place))
        room -= used
        shown.append(view)
        lines += text
    result = Ranges(spreadsheet_id=book.id, title=clip(book.properties.title, 120), ranges=shown)
    return answer(result, "\n".join([f"{quoted(result.title, 120)}, {link(book.id)}", *lines]))


def _bounded(whole: Area, most: int) -> Area:
    """The first columns and rows of an area, as many as one call asks for."""
    columns = min(whole.columns, _MOST_COLUMNS)
    rows = max(1, min(whole.rows, most // max(columns, 1)))
    return whole.part(whole.top, whole.left, whole.top + rows, whole.left + columns)


def _view(
    whole: Area, asked: Area, values: Sequence[Sequence[Any]], room: int
) -> tuple[Values, list[str], int]:
    """As many rows as fit `room`, their lines of text, and the bytes both take."""
    names = 6 * (encoded(str(whole)) + 10)  # the range, here and in a line, and what is left of it
    room = max(room - names, 0)
    longest = max(8, min(_LONGEST_CELL, room // (10 * max(map(len, values), default=1) + 1)))
    rows: list[list[Cell]] = []
    lines: list[str] = []
    cut, used = False, 0
    for number, row in enumerate(values, asked.top + 1):
        cells = [_cell(value, _LONGEST_CELL) for value in row]
        if not rows and _weight(cells, _line(number, cells)) > room:  # too long by itself: shorten its texts
            cells = [_cell(value, longest) for value in row]
        line = _line(number, cells)
        if used + _weight(cells, line) > room:
            break
        cut = cut or any(
            str(cell)[-1:] == "…" and cell != value for cell, value in zip(cells, row, strict=True)
        )
        used += _weight(cells, line)
        rows.append(cells)
        lines.append(line)
    after = asked.bottom if len(rows) == len(values) else asked.top + len(rows)
    left = [str(each) for each in _left(whole, asked, after)]
    name = str(asked.part(asked.top, asked.left, max(after, asked.top + 1), asked.right))
    view = Values(range=name, rows=rows, cut=cut or None, not_shown=left or None)
    return view, [_head(view, after > asked.top), *lines], used + names


def _head(view: Values, read: bool) -> str:
    count = f"{len(view.rows)} row{'' if len(view.rows) == 1 else 's'} with values" if view.rows else "empty"
    more = f". Not shown: {listed(clip(each, 260) for each in view.not_shown)}" if view.not_shown else ""
    return f"{clip(view.range, 260)}: {count if read else 'no room for it here'}{more}"


def _left(whole: Area, asked: Area, after: int) -> list[Area]:
    """What of an area was not shown: the rows below, the columns to the right."""
    left = []
    if after < whole.bottom:
        left.append(whole.part(after, asked.left, whole.bottom, asked.right))
    if asked.right < whole.right:
        left.append(whole.part(whole.top, asked.right, whole.bottom, whole.right))
    return left


def _cell(value: Any, most: int) -> Cell:
    if isinstance(value, str):
        text = visible(value)
        return text if len(text) <= most else text[: most - 1] + "…"
    return value if isinstance(value, (bool, int, float)) else None


def _line(number: int, cells: Sequence[Cell]) -> str:
    texts = (" ".join(cell.split()) if isinstance(cell, str) else _said(cell) for cell in cells)
    return f"{number} | {' | '.join(texts)}"


def _said(cell: Cell) -> str:
    return "" if cell is None else str(cell).upper() if isinstance(cell, bool) else str(cell)


def _weight(cells: Sequence[Cell], line: str) -> int:
    """The bytes that a row and its line take."""
    fields = sum(encoded(cell) + 3 if isinstance(cell, str) else 26 for cell in cells)
    return fields + encoded(line) + 5
