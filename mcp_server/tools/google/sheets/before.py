"""What stands in cells before they are changed, and how it is put back."""

from __future__ import annotations

import json
from typing import Any

from mcp_server.tools.google.sheets.a1 import Area
from mcp_server.tools.undo import Undo
from providers.google.sheets import Sheets
from providers.google.sheetsanswers import Entered

MOST_CELLS = 500
"""Cells that are looked at before a change; more are changed without an undo."""

_MOST_BYTES = 6000

Grid = list[list[Entered | None]]


async def before(sheets: Sheets, spreadsheet_id: str, area: Area) -> Grid | None:
    """What was put into every cell of an area; None for one that is too large to put back."""
    if area.size > MOST_CELLS:
        return None
    data = await sheets.cells(spreadsheet_id, str(area))
    rows = [[cell.entered for cell in row.values] for row in data.rows[: area.rows]]
    rows += [[] for _ in range(area.rows - len(rows))]
    return [[*row[: area.columns], *[None] * (area.columns - len(row))] for row in rows]


def filled(grid: Grid) -> int:
    """How many cells held something."""
    return sum(cell is not None and _value(cell, typed=False) != "" for row in grid for cell in row)


def put_back(spreadsheet_id: str, area: Area, grid: Grid | None) -> Undo | None:
    """The call that writes the same into the cells again; None where that would be too much for an answer.

    As it is, where there is no formula. With one everything has to go in as a person types it: then an
    apostrophe keeps a text a text.
    """
    if grid is None:
        return None
    typed = any(cell is not None and cell.formula is not None for row in grid for cell in row)
    values = [["" if cell is None else _value(cell, typed=typed) for cell in row] for row in grid]
    arguments: dict[str, Any] = {"spreadsheet_id": spreadsheet_id, "range": str(area), "values": values}
    if typed:
        arguments["input"] = "USER_ENTERED"
    if len(json.dumps(arguments, ensure_ascii=False).encode()) > _MOST_BYTES:
        return None
    return Undo(tool="sheets_update_range", arguments=arguments)


def _value(cell: Entered, *, typed: bool) -> str | float | bool:
    if cell.formula is not None:
        return cell.formula
    if cell.text is not None:
        return f"'{cell.text}" if typed and cell.text else cell.text
    if cell.flag is not None:
        return cell.flag
    if cell.number is not None:
        return int(cell.number) if cell.number.is_integer() and abs(cell.number) < 1e15 else cell.number
    return ""
