"""Google Sheets at the emulator: ranges, values in and out, tables, limits; Google's own document judges."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.drivewire import DriveWire
from tests.providers.googlewire import GoogleWire, every_method
from tests.support.emulator import EmulatorProcess

Json = dict[str, Any]
SCOPES = ("spreadsheets", "drive")
RAW, TYPED = {"valueInputOption": "RAW"}, {"valueInputOption": "USER_ENTERED"}


class Book:
    """A spreadsheet in a Drive."""

    def __init__(self, emulator: EmulatorProcess, name: str, account: str = "ana") -> None:
        self.wire = GoogleWire(emulator, "sheets.v4", SCOPES, account)
        self.id = DriveWire(emulator, account).of()[name]
        self.path = f"/v4/spreadsheets/{self.id}"

    def values(self, text: str, **query: Any) -> list[list[Any]]:
        return list(self.range(text, **query).get("values", []))

    def range(self, text: str, **query: Any) -> Json:
        return dict(self.wire.json("GET", f"{self.path}/values/{text}", **query))

    def put(self, text: str, values: Any, **query: Any) -> Json:
        return dict(self.wire.json("PUT", f"{self.path}/values/{text}", {"values": values}, **query))

    def refused(self, text: str, values: Any = None, **query: Any) -> str:
        """What is said of reading a range, or of writing it."""
        method, body = ("GET", None) if values is None else ("PUT", {"values": values})
        answer = self.wire(method, f"{self.path}/values/{text}", body, judged=False, **query)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["message"])


@pytest.fixture
def budget(emulator: EmulatorProcess) -> Book:
    return Book(emulator, "Household budget")


def test_every_method_is_served_or_said_to_be_missing(emulator: EmulatorProcess) -> None:
    values = {
        f"spreadsheets.values.{n}" for n in ("append", "batchGet", "batchUpdate", "clear", "get", "update")
    }
    books = {f"spreadsheets.{name}" for name in ("batchUpdate", "create", "get")}
    assert every_method(emulator, "sheets.v4") == values | books


def test_a_spreadsheet(budget: Book) -> None:
    book = budget.wire.json("GET", budget.path)
    assert book["properties"]["title"] == "Household budget"
    assert [sheet["properties"]["title"] for sheet in book["sheets"]] == [
        "Budget", "Trips & 'fun'", "Archive", "Taxes",
    ]  # fmt: skip
    assert "data" not in book["sheets"][0]
    assert book["sheets"][0]["properties"]["gridProperties"] == {
        "rowCount": 200, "columnCount": 8, "frozenRowCount": 1,
    }  # fmt: skip
    assert book["sheets"][2]["properties"]["hidden"] is True
    assert book["namedRanges"][0]["range"] == {
        "startRowIndex": 0, "endRowIndex": 4, "startColumnIndex": 0, "endColumnIndex": 4,
    }  # fmt: skip
    some = budget.wire.json("GET", budget.path, ranges="Budget!C5:C7", includeGridData="true")
    [sheet] = some["sheets"]
    assert sheet["data"][0]["startRow"] == 4
    cell = sheet["data"][0]["rowData"][0]["values"][0]
    assert cell["userEnteredValue"] == {"formulaValue": "=SUM(C2:C4)"}
    assert (cell["effectiveValue"], cell["formattedValue"]) == ({"numberValue": 1046.75}, "€1,046.75")
    fields = "sheets/data/rowData/values/userEnteredValue"
    assert budget.wire.json("GET", budget.path, ranges="B7", fields=fields) == {
        "sheets": [{"data": [{"rowData": [
            {"values": [{"userEnteredValue": {"stringValue": "=1+2 is not a sum here"}}]}]}]}]
    }  # fmt: skip


RANGES: list[tuple[str, str, list[str] | None]] = [
    ("Budget!A1:B2", "Budget!A1:B2", ["Date", "What"]),
    ("a2:b1", "Budget!A1:B2", ["Date", "What"]),
    ("B2", "Budget!B2", ["Rent"]),
    ("Budget!B:B", "Budget!B1:B200", ["What"]),
    ("Budget!2:3", "Budget!A2:H3", ["2026-11-02", "Rent", "€850.00", "TRUE"]),
    ("Budget!B4:B", "Budget!B4:B200", ["Electricity"]),
    ("Budget!G190:Z900", "Budget!G190:H200", None),
    ("'Trips & ''fun'''!A2", "'Trips & ''fun'''!A2", ["Évora"]),
    ("Archive", "Archive!A1:D50", ["2025", "11000"]),
    ("expenses", "Budget!A1:D4", ["Date", "What", "Amount", "Paid"]),
]


def test_ranges(budget: Book) -> None:
    for text, whole, first in RANGES:
        found = budget.range(text)
        assert found["range"] == whole
        assert found.get("values", [None])[0] == first, text
    for text in ("Nowhere!A1", "A1:", "Trips & 'fun'!A1", "A0", "Budget!", "A1;B2", "1", "Log"):
        assert budget.refused(text) == f"Unable to parse range: {text}"


def test_how_values_are_shown(budget: Book) -> None:
    row = "Budget!A2:D2"
    assert budget.values(row) == [["2026-11-02", "Rent", "€850.00", "TRUE"]]
    assert budget.values(row, valueRenderOption="UNFORMATTED_VALUE") == [[46328, "Rent", 850, True]]
    dated = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}
    assert budget.values(row, **dated)[0][0] == "2026-11-02"
    assert budget.values("C5", valueRenderOption="FORMULA") == [["=SUM(C2:C4)"]]
    assert budget.values("Budget!A1:B3", majorDimension="COLUMNS")[1] == ["What", "Rent", "Groceries 🥬"]
    assert budget.values("Budget!E1:F9") == []
    assert budget.values("Budget!A5:D6") == [["", "Total", "€1,046.75"]]
    several = budget.wire.json(
        "GET", f"{budget.path}/values:batchGet", ranges=["Budget!B2", "Archive!A1"], fields="valueRanges"
    )
    assert [one["values"] for one in several["valueRanges"]] == [[["Rent"]], [["2025"]]]


def test_what_goes_in(budget: Book) -> None:
    row: list[Any] = ["=1+2", "1,234.5", "12%", "2026-03-01", "TRUE", "'007", 7, True]
    done = budget.put("Budget!A10:H10", [row], **RAW)
    assert (done["updatedRange"], done["updatedCells"]) == ("Budget!A10:H10", 8)
    plain = {"valueRenderOption": "UNFORMATTED_VALUE"}
    assert budget.values("A10:H10", **plain) == [row]
    budget.put("Budget!A10", [row], **TYPED)
    assert budget.values("A10:H10", **plain) == [[3, 1234.5, 0.12, 46082, True, "007", 7, True]]
    assert budget.values("A10:H10") == [["3", "1234.5", "12%", "2026-03-01", "TRUE", "007", "7", "TRUE"]]
    budget.put("Budget!A10:C10", [[None, "", '=IMPORTDATA("x")']], **TYPED)
    assert budget.values("A10:D10", **plain) == [[3, "", "#NAME?", 46082]]
    budget.put("C3", [[200]], **RAW)
    assert budget.values("C3:C5") == [["€200.00"], ["€64.25"], ["€1,114.25"]]  # the format stays
    echo = budget.put("A11", [["=A10*2"]], includeValuesInResponse="true", **TYPED)
    assert echo["updatedData"] == {"range": "Budget!A11", "majorDimension": "ROWS", "values": [["6"]]}


def test_what_does_not_go_in(budget: Book) -> None:
    two = [[1, 2], [3, 4]]
    assert "tried writing to column [B]" in budget.refused("Budget!A1:A9", two, **RAW)
    assert "tried writing to row [2]" in budget.refused("Budget!A1:B1", two, **RAW)
    assert "tried writing to column [I]" in budget.refused("H1", two, **RAW)
    assert "exceeds grid limits" in budget.refused("Budget!A201", two, **RAW)
    assert "protected" in budget.refused("Taxes!A1", [[1]], **RAW)
    assert "50000" in budget.refused("A1", [["x" * 50_001]], **RAW)
    assert "valueInputOption" in budget.refused("A1", [[1]])
    assert budget.refused("A1", [[[1]]], **RAW) == "Invalid values: list_value"
    assert budget.values("A1:B1") == [["Date", "What"]]


def test_appending_finds_the_table(emulator: EmulatorProcess) -> None:
    hours = Book(emulator, "Hours", "ana-work")

    def append(text: str, **query: str) -> tuple[str | None, str]:
        path = f"{hours.path}/values/{text}:append"
        done = hours.wire.json("POST", path, {"values": [["n", "m"]]}, **RAW, **query)
        return done.get("tableRange"), done["updates"]["updatedRange"]

    sheet = "'Two tables'!"
    assert append("'Two tables'") == (f"{sheet}B4:D6", f"{sheet}B7:C7")
    assert append(f"{sheet}A1") == (f"{sheet}A1:C2", f"{sheet}A3:B3")
    assert append(f"{sheet}F9") == (None, f"{sheet}F9:G9")
    assert append("Log") == ("Log!A1:D301", "Log!A302:B302")
    assert append("Log!A1", insertDataOption="INSERT_ROWS") == ("Log!A1:D302", "Log!A303:B303")
    grown = hours.wire.json("GET", hours.path, fields="sheets/properties/gridProperties/rowCount")
    assert grown["sheets"][0]["properties"]["gridProperties"]["rowCount"] == 1001


def test_clearing_keeps_formats(budget: Book) -> None:
    done = budget.wire.json("POST", f"{budget.path}/values/Budget!C2:C3:clear", {})
    assert done["clearedRange"] == "Budget!C2:C3"
    assert budget.values("C2:C5") == [[], [], ["€64.25"], ["€64.25"]]
    budget.put("C2", [[5]], **RAW)
    assert budget.values("C2") == [["€5.00"]]


def test_sheets_come_and_go(budget: Book, emulator: EmulatorProcess) -> None:
    path = f"{budget.path}:batchUpdate"
    add = {"addSheet": {"properties": {"title": "2027", "gridProperties": {"rowCount": 5, "columnCount": 2}}}}
    done = budget.wire.json("POST", path, {"requests": [add, {"deleteSheet": {"sheetId": 23}}]})
    assert done["replies"][0]["addSheet"]["properties"]["title"] == "2027"
    assert budget.values("'2027'!A1:B2") == []
    huge = {"appendDimension": {"sheetId": 0, "dimension": "ROWS", "length": 10_000_000}}
    assert budget.wire.refused("POST", path, {"requests": [huge]}) == (400, "INVALID_ARGUMENT")
    assert budget.wire.refused("POST", path, {"requests": [add]}) == (400, "INVALID_ARGUMENT")
    assert budget.wire.refused("POST", path, {"requests": [{"sortRange": {}}]})[0] == 501
    both = {"valueInputOption": "RAW", "data": [{"range": "'2027'!A1", "values": [[1]]},
                                                {"range": "Nowhere!A1", "values": [[1]]}]}  # fmt: skip
    assert budget.wire.refused("POST", f"{budget.path}/values:batchUpdate", both)[0] == 400
    assert budget.values("'2027'!A1") == []  # all or nothing
    made = budget.wire.json("POST", "/v4/spreadsheets", {"properties": {"title": "New"}})
    assert made["sheets"][0]["properties"]["title"] == "Sheet1"
    assert DriveWire(emulator).json(f"/files/{made['spreadsheetId']}")["name"] == "New"


def test_who_may_what(budget: Book, emulator: EmulatorProcess) -> None:
    guests = Book(emulator, "Guest list", "ben")
    assert budget.wire.json("GET", f"{guests.path}/values/A2")["values"] == [["Ana"]]
    asked = {"values": [["x"]]}
    where = f"{guests.path}/values/A2"
    assert budget.wire.refused("PUT", where, asked, **RAW) == (403, "PERMISSION_DENIED")
    assert guests.wire.refused("GET", budget.path) == (404, "NOT_FOUND")
    reader = GoogleWire(emulator, "sheets.v4", ("spreadsheets.readonly",))
    assert reader.refused("PUT", f"{budget.path}/values/A1", asked, **RAW) == (403, "PERMISSION_DENIED")
    recipes = DriveWire(emulator).of()["Family recipes"]
    assert reader.refused("GET", f"/v4/spreadsheets/{recipes}") == (400, "FAILED_PRECONDITION")
    emulator.control("google/quota", **{"sheets.read": 1})
    assert reader.refused("GET", budget.path) == (429, "RESOURCE_EXHAUSTED")


def test_drive_takes_tables_in_and_gives_them_out(budget: Book, emulator: EmulatorProcess) -> None:
    drive = DriveWire(emulator)
    text = drive("GET", f"/files/{budget.id}/export", mimeType="text/csv").text
    assert text.startswith("Date,What,Amount,Paid\r\n2026-11-02,Rent,€850.00,TRUE\r\n")
    tabs = drive("GET", f"/files/{budget.id}/export", mimeType="text/tab-separated-values").text
    assert tabs.splitlines()[0] == "Date\tWhat\tAmount\tPaid"
