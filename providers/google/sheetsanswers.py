"""Google Sheets' answers as types, reduced to what a tool shows (discovery document sheets.v4)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from providers.model import Model, Text


class Grid(Model):
    """The size of a sheet, and what stays in view when it scrolls."""

    rows: Annotated[int, Field(validation_alias="rowCount")] = 0
    columns: Annotated[int, Field(validation_alias="columnCount")] = 0
    frozen_rows: Annotated[int, Field(validation_alias="frozenRowCount")] = 0
    frozen_columns: Annotated[int, Field(validation_alias="frozenColumnCount")] = 0


class SheetProperties(Model):
    """A sheet. One of another kind than GRID, such as a chart, has no cells."""

    id: Annotated[int, Field(validation_alias="sheetId")] = 0
    title: Text = ""
    kind: Annotated[Text, Field(validation_alias="sheetType")] = "GRID"
    hidden: bool = False
    grid: Annotated[Grid, Field(validation_alias="gridProperties")] = Grid()


class GridRange(Model):
    """Cells of a sheet, counted from zero, the ends outside; an absent end is open."""

    sheet_id: Annotated[int, Field(validation_alias="sheetId")] = 0
    top: Annotated[int, Field(validation_alias="startRowIndex")] = 0
    bottom: Annotated[int | None, Field(validation_alias="endRowIndex")] = None
    left: Annotated[int, Field(validation_alias="startColumnIndex")] = 0
    right: Annotated[int | None, Field(validation_alias="endColumnIndex")] = None


class NamedRange(Model):
    """Cells that have a name."""

    name: Text = ""
    range: GridRange = GridRange()


class Entered(Model):
    """What was put into a cell. Google sends exactly one of these."""

    formula: Annotated[str | None, Field(validation_alias="formulaValue")] = None
    text: Annotated[str | None, Field(validation_alias="stringValue")] = None
    number: Annotated[float | None, Field(validation_alias="numberValue")] = None
    flag: Annotated[bool | None, Field(validation_alias="boolValue")] = None


class CellData(Model):
    """A cell."""

    entered: Annotated[Entered | None, Field(validation_alias="userEnteredValue")] = None


class RowData(Model):
    """A row of cells."""

    values: tuple[CellData, ...] = ()


class GridData(Model):
    """Cells of a range, its empty rows at the end left out or not."""

    rows: Annotated[tuple[RowData, ...], Field(validation_alias="rowData")] = ()


class Sheet(Model):
    """A sheet, and cells of it where they were asked for."""

    properties: SheetProperties = SheetProperties()
    data: tuple[GridData, ...] = ()


class BookProperties(Model):
    """What is true of the whole spreadsheet."""

    title: Text = ""
    locale: Text = ""
    time_zone: Annotated[Text, Field(validation_alias="timeZone")] = ""


class Spreadsheet(Model):
    """A spreadsheet."""

    id: Annotated[Text, Field(validation_alias="spreadsheetId")] = ""
    url: Annotated[Text, Field(validation_alias="spreadsheetUrl")] = ""
    properties: BookProperties = BookProperties()
    sheets: tuple[Sheet, ...] = ()
    named: Annotated[tuple[NamedRange, ...], Field(validation_alias="namedRanges")] = ()


class ValueRange(Model):
    """The values of a range; empty cells at the end of a row, and empty rows at the end, are left out."""

    range: Text = ""
    values: tuple[tuple[Any, ...], ...] = ()


class ValueRanges(Model):
    """The values of several ranges, in the order they were asked for."""

    ranges: Annotated[tuple[ValueRange, ...], Field(validation_alias="valueRanges")] = ()


class Updated(Model):
    """What was written."""

    range: Annotated[Text, Field(validation_alias="updatedRange")] = ""
    cells: Annotated[int, Field(validation_alias="updatedCells")] = 0
    rows: Annotated[int, Field(validation_alias="updatedRows")] = 0
    columns: Annotated[int, Field(validation_alias="updatedColumns")] = 0


class Appended(Model):
    """What was added, and after which table."""

    table: Annotated[Text, Field(validation_alias="tableRange")] = ""
    updates: Updated = Updated()


class Cleared(Model):
    """What was emptied."""

    range: Annotated[Text, Field(validation_alias="clearedRange")] = ""
