"""sheets_get_spreadsheet, and what the other tools ask of one first."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import SheetsClient
from mcp_server.tools.google.papers import LONGEST, file_id, spoken
from mcp_server.tools.google.sheets.a1 import Area, letters
from mcp_server.tools.room import fitting
from mcp_server.tools.text import clip, quoted
from providers.google.services import SHEETS_READ
from providers.google.sheets import Sheets
from providers.google.sheetsanswers import NamedRange, SheetProperties, Spreadsheet

NO_BOOK = (
    "Google Sheets can't open that as a spreadsheet. Check the id; for a document, a CSV or an Excel file "
    "use the tools of Docs or Drive."
)
_ROOM = 20_000

SpreadsheetId = Annotated[str, Field(max_length=LONGEST, description="Id or link.")]


class SheetView(BaseModel):
    """A sheet and the size of its grid."""

    title: str
    rows: int
    columns: int
    last_column: str
    frozen_rows: int | None = None
    frozen_columns: int | None = None
    hidden: bool | None = None
    no_cells: Annotated[bool | None, Field(description="A chart or the like.")] = None


class NamedView(BaseModel):
    """Cells that have a name, which stands for a range."""

    name: str
    range: str


class Book(BaseModel):
    """A spreadsheet; its dates are in `time_zone`."""

    spreadsheet_id: str
    title: str
    url: str
    locale: str | None = None
    time_zone: str | None = None
    sheets: list[SheetView]
    total_sheets: int
    named_ranges: list[NamedView] | None = None


@tool(
    service="sheets",
    title="Look at a spreadsheet",
    needs=(SHEETS_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def sheets_get_spreadsheet(
    sheets: SheetsClient, spreadsheet_id: SpreadsheetId, account: AccountLabel = None
) -> Annotated[CallToolResult, Book]:
    """See the sheets of a Google spreadsheet, their sizes and named ranges."""
    book = await opened(sheets, spreadsheet_id)
    rows = [(view := _sheet(each.properties), _line(view)) for each in book.sheets]
    count = fitting(rows, _ROOM)
    named = [(view, f"{view.name}: {view.range}") for view in (_named(book, each) for each in book.named)]
    some = fitting(named, 6000)
    result = Book(
        spreadsheet_id=book.id,
        title=clip(book.properties.title),
        url=link(book.id),
        locale=clip(book.properties.locale, 20) or None,
        time_zone=clip(book.properties.time_zone, 60) or None,
        sheets=[view for view, _ in rows[:count]],
        total_sheets=len(rows),
        named_ranges=[view for view, _ in named[:some]] or None,
    )
    zone = f" Dates are in {result.time_zone}." if result.time_zone else ""
    head = f"{quoted(result.title)}, {len(result.sheets)} of {len(rows)} sheets.{zone} {result.url}"
    return answer(result, "\n".join([head, *(line for _, line in rows[:count])]))


async def opened(sheets: Sheets, spreadsheet_id: str) -> Spreadsheet:
    """The spreadsheet without its cells. Raises Refusal for what is none."""
    id_ = file_id(spreadsheet_id, "spreadsheet_id")
    with spoken("spreadsheet", NO_BOOK):
        book = await sheets.spreadsheet(id_)
    return book.model_copy(update={"id": id_})  # ours, whatever the answer calls it


def link(spreadsheet_id: str) -> str:
    """Where a person opens the spreadsheet."""
    return f"https://docs.google.com/spreadsheets/d/{spreadsheet_id}/edit"


def _sheet(sheet: SheetProperties) -> SheetView:
    grid = sheet.grid
    return SheetView(
        title=clip(sheet.title, 120),
        rows=grid.rows,
        columns=grid.columns,
        last_column=letters(grid.columns - 1),
        frozen_rows=grid.frozen_rows or None,
        frozen_columns=grid.frozen_columns or None,
        hidden=sheet.hidden or None,
        no_cells=sheet.kind != "GRID" or None,
    )


def _line(view: SheetView) -> str:
    more = ", hidden" if view.hidden else ""
    return f"{quoted(view.title, 120)}: {view.rows} rows, columns A–{view.last_column}{more}"


def _named(book: Spreadsheet, named: NamedRange) -> NamedView:
    place = named.range
    sheet = next((each.properties for each in book.sheets if each.properties.id == place.sheet_id), None)
    if sheet is None:
        return NamedView(name=clip(named.name, 120), range="#REF!")
    bottom, right = place.bottom or sheet.grid.rows, place.right or sheet.grid.columns
    return NamedView(
        name=clip(named.name, 120), range=clip(str(Area(sheet, place.top, place.left, bottom, right)), 160)
    )
