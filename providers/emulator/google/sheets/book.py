"""A spreadsheet as a whole: what spreadsheets.get shows, and the few changes of its shape."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from providers.emulator.google.errors import ApiError
from providers.emulator.google.sheets import model
from providers.emulator.google.sheets.a1 import Area, bad
from providers.emulator.google.sheets.cells import data
from providers.emulator.google.sheets.values import properties

Json = dict[str, Any]


def shown(id_: str, title: str, book: Json, areas: list[Area] | None, *, grid: bool) -> Json:
    """Spreadsheet: with the sheets of `areas` alone where there are any, and their cells if `grid`."""
    sheets = []
    for index, sheet in enumerate(book["sheets"]):
        parts = [area for area in areas or [] if area.sheet is sheet]
        if areas and not parts:
            continue
        row: Json = {"properties": properties(sheet, index)}
        if grid:
            whole = Area(sheet, 0, 0, sheet["rows"], sheet["cols"])
            row["data"] = [_grid(area) for area in parts or [whole]]
        if sheet["protected"]:
            row["protectedRanges"] = [{"protectedRangeId": sheet["id"], "range": {"sheetId": sheet["id"]}}]
        sheets.append(row)
    answer: Json = {
        "spreadsheetId": id_,
        "properties": {
            "title": title, "locale": book["locale"], "autoRecalc": "ON_CHANGE", "timeZone": book["zone"],
        },
        "sheets": sheets,
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{id_}/edit",
    }  # fmt: skip
    if book["named"]:
        answer["namedRanges"] = [_named(row) for row in book["named"]]
    return answer


def _named(row: Json) -> Json:
    top, left, bottom, right = row["area"]
    place = {"startRowIndex": top, "endRowIndex": bottom, "startColumnIndex": left, "endColumnIndex": right}
    sheet = {"sheetId": row["sheet"]} if row["sheet"] else {}
    return {"namedRangeId": row["id"], "name": row["name"], "range": {**sheet, **place}}


def _grid(area: Area) -> Json:
    rows: list[dict[int, Json]] = [{} for _ in range(area.bottom - area.top)]
    for key, cell in area.sheet["cells"].items():
        row, column = map(int, key.split(":"))
        if area.top <= row < area.bottom and area.left <= column < area.right:
            rows[row - area.top][column - area.left] = data(cell)
    answer: Json = {
        "rowData": [{"values": [row.get(x, {}) for x in range(max(row) + 1)]} if row else {} for row in rows]
    }
    if area.top:
        answer["startRow"] = area.top
    if area.left:
        answer["startColumn"] = area.left
    return answer


def created(body: Json) -> tuple[str, Json]:
    """Title and spreadsheet of spreadsheets.create. Raises ApiError."""
    given = body.get("properties") or {}
    sheets = []
    for index, row in enumerate(body.get("sheets") or []):
        named = row.get("properties") or {}
        sheets.append(_sheet(named, index, f"Sheet{index + 1}"))
    book = model.book(*sheets)
    book["locale"] = given.get("locale", book["locale"])
    book["zone"] = given.get("timeZone", book["zone"])
    for sheet in book["sheets"]:
        model.grow(book, sheet, 0, 0)
    return str(given.get("title") or "Untitled spreadsheet"), book


def _sheet(given: Json, id_: int, title: str) -> Json:
    grid = given.get("gridProperties") or {}
    return model.sheet(
        given.get("sheetId", id_), given.get("title") or title,
        grid.get("rowCount", 1000), grid.get("columnCount", 26),
        frozen=[grid.get("frozenRowCount", 0), grid.get("frozenColumnCount", 0)],
        hidden=bool(given.get("hidden")), rtl=bool(given.get("rightToLeft")),
    )  # fmt: skip


def changed(book: Json, requests: list[Json]) -> tuple[Json, list[Json]]:
    """The spreadsheet after all requests, and their replies; all or nothing. Raises ApiError."""
    after = copy.deepcopy(book)
    replies = []
    for place, request in enumerate(requests):
        if not isinstance(request, dict) or len(request) != 1:
            raise bad(f"Invalid requests[{place}]: exactly one request must be set.")
        ((name, what),) = request.items()
        if name not in HANDLERS:
            raise ApiError(501, f"requests[{place}].{name} is not emulated", "notImplemented")
        replies.append(HANDLERS[name](after, what))
    return after, replies


def _add_sheet(book: Json, what: Json) -> Json:
    free = max(sheet["id"] for sheet in book["sheets"]) + 1
    sheet = _sheet(what.get("properties") or {}, free, f"Sheet{len(book['sheets']) + 1}")
    if any(row["title"].lower() == sheet["title"].lower() for row in book["sheets"]):
        raise bad(f'A sheet with the name "{sheet["title"]}" already exists. Please enter another name.')
    book["sheets"].append(sheet)
    model.grow(book, sheet, 0, 0)
    return {"addSheet": {"properties": properties(sheet, len(book["sheets"]) - 1)}}


def _delete_sheet(book: Json, what: Json) -> Json:
    if len(book["sheets"]) == 1:
        raise bad("You can't remove all the sheets in a document.")
    book["sheets"].remove(_found(book, what.get("sheetId", 0)))
    return {}


def _rename(book: Json, what: Json) -> Json:
    given = what.get("properties") or {}
    sheet = _found(book, given.get("sheetId", 0))
    if what.get("fields") != "title" or not given.get("title"):
        raise ApiError(501, "only a sheet's title is changed here", "notImplemented")
    sheet["title"] = given["title"]
    return {}


def _append_dimension(book: Json, what: Json) -> Json:
    sheet, count = _found(book, what.get("sheetId", 0)), int(what.get("length", 0))
    rows = what.get("dimension") == "ROWS"
    model.grow(book, sheet, sheet["rows"] + count * rows, sheet["cols"] + count * (not rows))
    return {}


def _found(book: Json, id_: Any) -> Json:
    for sheet in book["sheets"]:
        if sheet["id"] == id_:
            found: Json = sheet
            return found
    raise bad(f"No grid with id: {id_}")


HANDLERS: Mapping[str, Callable[[Json, Json], Json]] = {
    "addSheet": _add_sheet,
    "appendDimension": _append_dimension,
    "deleteSheet": _delete_sheet,
    "updateSheetProperties": _rename,
}
