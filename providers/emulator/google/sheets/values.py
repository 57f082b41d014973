"""Reading and writing the values of ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.emulator.google.sheets import model
from providers.emulator.google.sheets.a1 import Area, bad, letters, parse, written
from providers.emulator.google.sheets.cells import entered, shown
from providers.emulator.google.sheets.formulas import again

Json = dict[str, Any]
RENDER = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
DATES = ("SERIAL_NUMBER", "FORMATTED_STRING")
DIMENSIONS = ("ROWS", "COLUMNS")
OPTIONS = ("RAW", "USER_ENTERED")


@dataclass(frozen=True)
class Look:
    """How values are shown."""

    render: str = RENDER[0]
    dates: str = DATES[0]
    dimension: str = DIMENSIONS[0]


@dataclass(frozen=True)
class Entry:
    """How values are put in, and whether the answer has them."""

    option: str
    echo: bool = False
    look: Look = Look()


def look(given: Mapping[str, Any], prefix: str = "") -> Look:
    """The options of a request. Raises ApiError."""

    def name(text: str) -> str:
        return prefix + text[0].upper() + text[1:] if prefix else text

    return Look(
        _one(given, name("valueRenderOption"), RENDER, RENDER[0]),
        _one(given, name("dateTimeRenderOption"), DATES, DATES[0]),
        _one(given, "majorDimension", DIMENSIONS, DIMENSIONS[0]) if not prefix else DIMENSIONS[0],
    )


def entry(given: Mapping[str, Any]) -> Entry:
    """The options of a write. Raises ApiError."""
    if given.get("valueInputOption") not in OPTIONS:
        raise bad("'valueInputOption' is required but not specified")
    echo = given.get("includeValuesInResponse") in {True, "true"}
    return Entry(given["valueInputOption"], echo, look(given, "response"))


def _one(given: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in allowed:
        raise bad(f"Invalid value at '{name}', \"{value}\"")
    return str(value)


def read(area: Area, how: Look) -> Json:
    """ValueRange: empty trailing cells and rows are left out, and the values of an empty range."""
    height, width = area.bottom - area.top, area.right - area.left
    by_columns = how.dimension == "COLUMNS"
    lines: dict[int, dict[int, Any]] = {}
    for row, column, cell in model.filled(area):
        y, x = row - area.top, column - area.left
        outer, inner = (x, y) if by_columns else (y, x)
        lines.setdefault(outer, {})[inner] = shown(cell, how.render, how.dates)
    assert all(outer < (width if by_columns else height) for outer in lines)
    values = [
        [lines.get(outer, {}).get(inner, "") for inner in range(max(lines.get(outer, {}), default=-1) + 1)]
        for outer in range(max(lines, default=-1) + 1)
    ]
    answer: Json = {"range": written(area), "majorDimension": how.dimension}
    return {**answer, "values": values} if values else answer


def update(book: Json, text: str, body: Json, how: Entry) -> Json:
    """UpdateValuesResponse without the spreadsheet's id. Raises ApiError."""
    area = parse(book, text)
    given = body.get("range")
    if given is not None and given != text:
        raise bad(f"Requested writing within range [{text}], but the body says [{given}]")
    rows = _rows(body)
    _fits(area, rows)
    return _put(area, rows, how)


def _rows(body: Json) -> list[list[Any]]:
    values = body.get("values", [])
    if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
        raise bad("Invalid value at 'data.values'")
    if body.get("majorDimension", "ROWS") == "COLUMNS":
        width = max(map(len, values), default=0)
        return [[column[y] if y < len(column) else None for column in values] for y in range(width)]
    return values


def _fits(area: Area, rows: list[list[Any]]) -> None:
    """Refuse values beyond the range; from a single cell they go on, up to the end of the grid."""
    bottom, right = (area.sheet["rows"], area.sheet["cols"]) if area.single else (area.bottom, area.right)
    for place, row in enumerate(rows):
        if area.top + place >= bottom:
            raise bad(f"Requested writing within range [{written(area)}], but tried writing to row "
                      f"[{area.top + place + 1}]")  # fmt: skip
        if area.left + len(row) > right:
            raise bad(f"Requested writing within range [{written(area)}], but tried writing to column "
                      f"[{letters(right)}]")  # fmt: skip


def _put(area: Area, rows: list[list[Any]], how: Entry) -> Json:
    sheet = area.sheet
    if sheet["protected"]:
        raise bad("You are trying to edit a protected cell or object. Please contact the spreadsheet owner "
                  "to remove protection if you need to edit.")  # fmt: skip
    cells = dict(sheet["cells"])
    touched = []
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value is not None:
                key = model.at(area.top + y, area.left + x)
                cells[key] = entered(sheet, value, how.option, cells.get(key, {}))
                touched.append((y, x))
    sheet["cells"] = cells
    again(sheet)
    width = max(map(len, rows), default=0)
    done = Area(sheet, area.top, area.left, area.top + max(len(rows), 1), area.left + max(width, 1))
    answer: Json = {"updatedRange": written(done)}
    if touched:
        answer |= {
            "updatedRows": len({y for y, _ in touched}),
            "updatedColumns": len({x for _, x in touched}),
            "updatedCells": len(touched),
        }
    if how.echo:
        answer["updatedData"] = read(done, how.look)
    return answer


def append(book: Json, text: str, body: Json, how: Entry, insert: bool) -> Json:
    """AppendValuesResponse without the spreadsheet's id: after the range's last table, or at its start."""
    area = parse(book, text)
    sheet, rows = area.sheet, _rows(body)
    inside = [
        table for table in model.tables(sheet)
        if table[0] < area.bottom and table[2] > area.top and table[1] < area.right and table[3] > area.left
    ]  # fmt: skip
    top, left = (inside[-1][2], inside[-1][1]) if inside else (area.top, area.left)
    if sheet["protected"]:
        _put(area, [], how)
    if insert and rows:
        model.grow(book, sheet, sheet["rows"] + len(rows), 0)
        model.insert_rows(sheet, top, len(rows))
    model.grow(book, sheet, top + len(rows), left + max(map(len, rows), default=0))
    start = Area(sheet, top, left, top + 1, left + 1, single=True)
    answer: Json = {"updates": _put(start, rows, how)}
    return {"tableRange": written(Area(sheet, *inside[-1])), **answer} if inside else answer


def clear(book: Json, text: str) -> Json:
    """ClearValuesResponse without the spreadsheet's id: values go, formats stay."""
    area = parse(book, text)
    if area.sheet["protected"]:
        _put(area, [], Entry("RAW"))
    for row, column, cell in list(model.filled(area)):
        kept = {"n": cell["n"]} if "n" in cell else {}
        area.sheet["cells"][model.at(row, column)] = kept
    again(area.sheet)
    return {"clearedRange": written(area)}


def properties(sheet: Json, index: int) -> Json:
    """SheetProperties."""
    rows, columns = sheet["frozen"]
    grid: Json = {"rowCount": sheet["rows"], "columnCount": sheet["cols"]}
    if rows:
        grid["frozenRowCount"] = rows
    if columns:
        grid["frozenColumnCount"] = columns
    shown: Json = {"sheetId": sheet["id"], "title": sheet["title"], "index": index, "sheetType": "GRID"}
    shown["gridProperties"] = grid
    if sheet["hidden"]:
        shown["hidden"] = True
    if sheet["rtl"]:
        shown["rightToLeft"] = True
    return shown
