"""The calls our tools make to the Google Sheets API, version 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from providers.google.call import Caller, segment
from providers.google.services import SHEETS, SHEETS_READ
from providers.google.sheetsanswers import Appended, Cleared, GridData, Spreadsheet, Updated, ValueRanges
from providers.http import Answer, Params
from providers.model import read

Render = Literal["FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA"]
Input = Literal["RAW", "USER_ENTERED"]
Rows = Sequence[Sequence[Any]]
MOST = 16 * 1024 * 1024
"""Bytes of values in one answer."""

_GRID = "gridProperties(rowCount,columnCount,frozenRowCount,frozenColumnCount)"
_BOOK = (
    "spreadsheetId,spreadsheetUrl,properties(title,locale,timeZone),namedRanges(name,range),"
    f"sheets/properties(sheetId,title,sheetType,hidden,{_GRID})"
)
_UPDATED = "updatedRange,updatedRows,updatedColumns,updatedCells"


class Sheets(Caller):
    """Google Sheets with one person's credential. Every call raises ProviderError.

    Ranges are in A1 notation with the sheet's title, so that they mean the same to everybody.
    """

    base = "https://sheets.googleapis.com/v4"

    async def spreadsheet(self, spreadsheet_id: str) -> Spreadsheet:
        """spreadsheets.get: title, sheets and named ranges, no cells."""
        return read(Spreadsheet, await self._get("spreadsheet", spreadsheet_id, "", {"fields": _BOOK}))

    async def values(self, spreadsheet_id: str, ranges: Sequence[str], render: Render) -> ValueRanges:
        """values.batchGet, row by row. Dates are as they are shown, or serial numbers."""
        params: Params = {
            "ranges": list(ranges), "valueRenderOption": render, "fields": "valueRanges(range,values)",
        }  # fmt: skip
        return read(ValueRanges, await self._get("values", spreadsheet_id, "/values:batchGet", params))

    async def cells(self, spreadsheet_id: str, range_: str) -> GridData:
        """spreadsheets.get of a range: what was put into its cells, formulas told from texts."""
        params: Params = {"ranges": range_, "fields": "sheets/data/rowData/values/userEnteredValue"}
        book = read(Spreadsheet, await self._get("cells", spreadsheet_id, "", params))
        return next((data for sheet in book.sheets for data in sheet.data), GridData())

    async def update(self, spreadsheet_id: str, range_: str, values: Rows, how: Input) -> Updated:
        """values.update: null leaves a cell, an empty text empties it."""
        params: Params = {"valueInputOption": how, "fields": _UPDATED}
        path = f"{_path(spreadsheet_id)}/values/{segment(range_)}"
        body = {"range": range_, "values": values}
        return read(Updated, await self._call("update", "PUT", path, params, frozenset({SHEETS}), body))

    async def append(self, spreadsheet_id: str, range_: str, rows: Rows, how: Input) -> Appended:
        """values.append after the last table in the range, in new rows: nothing is written over."""
        params: Params = {
            "valueInputOption": how, "insertDataOption": "INSERT_ROWS",
            "fields": f"tableRange,updates({_UPDATED})",
        }  # fmt: skip
        path = f"{_path(spreadsheet_id)}/values/{segment(range_)}:append"
        scopes = frozenset({SHEETS})
        return read(Appended, await self._call("append", "POST", path, params, scopes, {"values": rows}))

    async def clear(self, spreadsheet_id: str, range_: str) -> Cleared:
        """values.clear: values go, formats stay."""
        path = f"{_path(spreadsheet_id)}/values/{segment(range_)}:clear"
        params: Params = {"fields": "clearedRange"}
        return read(Cleared, await self._call("clear", "POST", path, params, frozenset({SHEETS}), {}))

    async def _get(self, operation: str, spreadsheet_id: str, path: str, params: Params) -> Answer:
        where = _path(spreadsheet_id) + path
        return await self._call(operation, "GET", where, params, frozenset({SHEETS_READ}), most=MOST)


def _path(spreadsheet_id: str) -> str:
    return f"/spreadsheets/{segment(spreadsheet_id)}"
