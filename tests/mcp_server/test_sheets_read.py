"""sheets_get_spreadsheet and sheets_read_range, from a chat client to Google's wire."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.errors import Refusal
from mcp_server.tools.google.sheets.a1 import area
from providers.google.sheetsanswers import Spreadsheet
from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_docs_read import MOST, file

Json = dict[str, Any]


def calls(hall: Hall) -> dict[str, Json]:
    """A call of each tool of Sheets."""
    book = {"spreadsheet_id": file(hall, "Household budget")}
    return {
        "sheets_get_spreadsheet": book,
        "sheets_read_range": {**book, "ranges": ["Budget!A1:D9"]},
        "sheets_update_range": {**book, "range": "Budget!A20", "values": [["x"]]},
        "sheets_append_rows": {**book, "range": "Budget", "rows": [["x"]]},
        "sheets_clear_range": {**book, "range": "Budget!A20"},
    }


async def read(client: Any, id_: str, *ranges: str, **how: Any) -> Json:
    asked = {"spreadsheet_id": id_, "ranges": list(ranges), **how}
    result = await client.call_tool("sheets_read_range", asked)
    assert not result.is_error, text_of(result)
    assert size(result) <= MOST
    return dict(result.structured_content)


def size(result: Any) -> int:
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())


async def test_what_a_spreadsheet_has(hall: Hall) -> None:
    id_ = file(hall, "Household budget")
    async with hall.chat("ana", provider="google", scopes=("sheets:read",)) as client:
        link = f"https://docs.google.com/spreadsheets/d/{id_}/edit?gid=0#gid=0"
        result = await client.call_tool("sheets_get_spreadsheet", {"spreadsheet_id": link})
        wrong = await client.call_tool(
            "sheets_get_spreadsheet", {"spreadsheet_id": file(hall, "Family recipes")}
        )
        gone = await client.call_tool("sheets_get_spreadsheet", {"spreadsheet_id": "x" * 44})
    found = result.structured_content
    assert found["sheets"][0] == {
        "title": "Budget", "rows": 200, "columns": 8, "last_column": "H", "frozen_rows": 1,
    }  # fmt: skip
    assert [sheet.get("hidden") for sheet in found["sheets"]] == [None, None, True, None]
    assert found["named_ranges"] == [{"name": "Expenses", "range": "'Budget'!A1:D4"}]
    assert (found["title"], found["time_zone"]) == ("Household budget", "Europe/Lisbon")
    assert text_of(result).split("\n")[0] == (
        f"“Household budget”, 4 of 4 sheets. Dates are in Europe/Lisbon. "
        f"https://docs.google.com/spreadsheets/d/{id_}/edit"
    )
    assert code_of(wrong) == "invalid_argument" and "Docs or Drive" in text_of(wrong)
    assert code_of(gone) == "not_found"


async def test_values_as_shown_as_numbers_and_as_formulas(hall: Hall) -> None:
    id_ = file(hall, "Household budget")
    async with hall.chat("ana", provider="google") as client:
        found = await read(client, id_, "Budget!A1:D5", "'Trips & ''fun'''", "expenses", "Budget!F1:G9")
        money, trips, named, nothing = found["ranges"]
        assert money["rows"][2] == ["2026-11-05", "Groceries 🥬", "€132.50", "TRUE"]
        assert money["rows"][4] == ["", "Total", "€1,046.75"]
        assert money["range"] == "'Budget'!A1:D5" and "not_shown" not in money
        assert trips["range"] == "'Trips & ''fun'''!A1:E100"
        assert trips["rows"][2] == ["פורטו", "2027-01-15"]
        assert named["range"] == "'Budget'!A1:D4"
        assert nothing["rows"] == []
        plain = await read(client, id_, "trips & 'fun'!B2", "Budget!C2:D2", render="unformatted")
        assert [one["rows"] for one in plain["ranges"]] == [[[46360]], [[850, True]]]
        formulas = await read(client, id_, "C5", "Budget!B7", render="formula")
        assert [one["rows"] for one in formulas["ranges"]] == [
            [["=SUM(C2:C4)"]],
            [["=1+2 is not a sum here"]],
        ]
        asked = {"spreadsheet_id": id_, "ranges": ["Budget!A1:B2"]}
        text = text_of(await client.call_tool("sheets_read_range", asked))
    assert text.split("\n")[1:] == [
        "'Budget'!A1:B2: 2 rows with values", "1 | Date | What", "2 | 2026-11-02 | Rent",
    ]  # fmt: skip


async def test_a_long_sheet_to_its_end_without_doubles(hall: Hall) -> None:
    id_ = file(hall, "Hours", "ana-work")
    rows: list[Any] = []
    async with hall.chat("ana-work", provider="google") as client:
        left, answers = ["Log"], 0
        while left:
            [one] = (await read(client, id_, left[0]))["ranges"]
            rows += one["rows"]
            left = one.get("not_shown", [])
            answers += 1
    assert len(rows) == 301
    assert [row[3] for row in rows[1:]] == [f"Project {n % 7}, part {n}" for n in range(300)]
    assert answers > 1


async def test_cells_of_any_length_and_width_fit(hall: Hall) -> None:
    wide = '\\"👵🏽' * 200

    def bend(answer: Any) -> Any:
        for sheet in answer.get("sheets", []):
            sheet["properties"]["gridProperties"] = {"rowCount": 90_000, "columnCount": 700}
            sheet["properties"]["title"] = "Budget" if sheet["properties"]["sheetId"] == 0 else wide[:100]
        answer["sheets"] = answer.get("sheets", []) * 30
        answer["namedRanges"] = [{"name": wide, "range": {}}] * 50
        for one in answer.get("valueRanges", []):
            one["values"] = [[wide + "\u202e\x00" if n % 2 else 1234567890.125 for n in range(200)]] * 2
        return answer

    hall.judge.bend = bend
    id_ = file(hall, "Household budget")
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("sheets_get_spreadsheet", {"spreadsheet_id": id_})
        assert not result.is_error and size(result) <= MOST
        assert "of 120 sheets" in text_of(result)
        [one] = (await read(client, id_, "Budget"))["ranges"]
        assert one["cut"] is True and len(one["rows"]) == 1
        assert not {"\u202e", "\x00"} & set(str(one["rows"]))
        assert one["not_shown"] == ["'Budget'!A2:GR90000", "'Budget'!GS1:ZX90000"]
        await read(client, id_, *["Budget"] * 10)
        sent = [line for line in hall.sent() if "batchGet" in line]
        assert "ranges=%27Budget%27%21A1%3AGR250" in sent[0]  # no more than 50,000 cells are asked for
        # A sheet that was renamed, or is gone, since the call looked for it.
        gone = {"spreadsheet_id": id_, "ranges": [f"{wide[:100]}!A1:C9"]}
        result = await client.call_tool("sheets_read_range", gone)
        assert code_of(result) == "invalid_argument" and "changed meanwhile" in text_of(result)


async def test_ranges_that_are_refused(hall: Hall) -> None:
    id_ = file(hall, "Household budget")
    async with hall.chat("ana", provider="google") as client:
        for text, code, words in (
            ("Nowhere!A1", "not_found", "“Taxes”"),
            ("Budget!A201", "invalid_argument", "200 rows and ends at column H"),
            ("Budget!I1", "invalid_argument", "sheets_append_rows"),
            ("Budget!A1:B2:C3", "invalid_argument", "Sheet!A1:B2"),
            ("Budget!", "invalid_argument", "Sheet!A1:B2"),
            ("A0", "invalid_argument", "Sheet!A1:B2"),
            ("x" * 5000, "invalid_argument", "ranges"),
            ("", "not_found", "named range"),
        ):
            result = await client.call_tool("sheets_read_range", {"spreadsheet_id": id_, "ranges": [text]})
            assert code_of(result) == code, (text, text_of(result))
            assert words in text_of(result)
        many = {"spreadsheet_id": id_, "ranges": ["A1"] * 11}
        assert code_of(await client.call_tool("sheets_read_range", many)) == "invalid_argument"
    assert not [line for line in hall.sent() if "values" in line.partition("?")[0]]


GRID = {"rowCount": 30, "columnCount": 28}
BOOK = Spreadsheet.model_validate({
    "sheets": [
        {"properties": {"sheetId": 4, "title": "Hidden", "hidden": True,
                        "gridProperties": {"rowCount": 9, "columnCount": 9}}},
        {"properties": {"sheetId": 0, "title": "It's A1", "gridProperties": GRID}},
        {"properties": {"sheetId": 1, "title": "Log", "gridProperties": {"rowCount": 5, "columnCount": 2}}},
        {"properties": {"sheetId": 2, "title": "B2", "gridProperties": {"rowCount": 5, "columnCount": 2}}},
        {"properties": {"sheetId": 5, "title": "Wow!", "gridProperties": {"rowCount": 5, "columnCount": 2}}},
        {"properties": {"sheetId": 6, "title": "Q1!Q2", "gridProperties": {"rowCount": 5, "columnCount": 2}}},
        {"properties": {"sheetId": 3, "title": "Chart", "sheetType": "OBJECT"}},
    ],
    "namedRanges": [{"name": "Totals", "range": {"sheetId": 1, "startRowIndex": 2, "endRowIndex": 3}}],
})  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It's A1!B2:C3", "'It''s A1'!B2:C3"),
        ("'It''s A1'!$c$3:$b$2", "'It''s A1'!B2:C3"),
        ("B2", "'It''s A1'!B2"),  # as Google reads it: a cell of the first sheet that is seen
        ("'B2'", "'B2'!A1:B5"),
        ("Log", "'Log'!A1:B5"),
        ("LOG!2:2", "'Log'!A2:B2"),
        ("A:A", "'It''s A1'!A1:A30"),
        ("AB3:AB", "'It''s A1'!AB3:AB30"),
        ("Log!A2:Z99", "'Log'!A2:B5"),
        ("totals", "'Log'!A3:B3"),
        ("Hidden!A1", "'Hidden'!A1"),
        ("Wow!", "'Wow!'!A1:B5"),
        ("Wow!!A1", "'Wow!'!A1"),
        ("'Q1!Q2'", "'Q1!Q2'!A1:B5"),
        ("'Q1!Q2'!2:2", "'Q1!Q2'!A2:B2"),
    ],
)
def test_what_a_range_means(text: str, whole: str) -> None:
    assert str(area(BOOK, text)) == whole


@pytest.mark.parametrize(
    "text", ["Chart", "Chart!A1", "Log!A6", "Log!C1", "AC1", "A1:", ":B2", "Log!A", "  ", "!A1"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(Refusal):
        area(BOOK, text)
