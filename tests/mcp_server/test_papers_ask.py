"""Ask me first, in documents and spreadsheets: what would go is shown, and goes only after a yes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_docs_read import file


@pytest.mark.parametrize("decision", ["yes", "no"])
async def test_what_would_be_deleted_is_shown_first(hall: Hall, decision: Any) -> None:
    who = await hall.resident("ana", provider="google")
    await hall.desk.approvals.switch(who.user_id, {"docs", "sheets"}, ())
    letter, budget = file(hall, "Letter to grandmother 👵"), file(hall, "Household budget")
    async with hall.chat(who) as client:
        seen = (await client.call_tool("docs_read", {"document_id": letter})).structured_content
        added = {"document_id": letter, "operations": [{"op": "append", "text": "Beijinhos"}]}
        assert not (await client.call_tool("docs_edit", added)).is_error, "nothing goes, so nobody is asked"
        written = {"spreadsheet_id": budget, "range": "Budget!A20", "values": [["x"]]}
        assert not (await client.call_tool("sheets_update_range", written)).is_error
        none = {**written, "range": "Budget!B20", "values": [[""]]}
        assert not (await client.call_tool("sheets_update_range", none)).is_error, "it holds nothing"
        seen = (await client.call_tool("docs_read", {"document_id": letter})).structured_content
        range_ = {"op": "delete_range", "index": 1, "end": 7}
        words = {"op": "replace_all", "find": "Beijinhos", "text": ""}
        cut = {"document_id": letter, "revision_id": seen["revision_id"]}
        for tool, arguments, shown in (
            ("docs_edit", {**cut, "operations": [range_]}, "מכתב ל"),
            ("docs_edit", {"document_id": letter, "operations": [{**words, "text": " \u200b"}]}, "Beijinhos"),
            ("sheets_update_range", {**written, "values": [[""]]}, "'Budget'!A20"),
            (
                "sheets_update_range",
                {**written, "range": "Budget!A1", "values": [[""] * 6] * 90},
                "more",
            ),
            ("sheets_clear_range", {"spreadsheet_id": budget, "range": "Budget!A1:B3"}, "'Budget'!A1:B3"),
        ):
            before = len(hall.judge.calls)
            first = await client.call_tool(tool, arguments)
            assert code_of(first) == "approval_needed", text_of(first)
            assert all(line.startswith("GET") for line, _ in hall.judge.calls[before:]), tool
            handle = first.meta["valet/approve"]["url"].rpartition("=")[2]
            question = await hall.desk.approvals.look(handle, who.user_id)
            assert question is not None and question.preview is not None
            assert any(shown in what for _, what in question.preview.lines)
            await hall.desk.approvals.decide(handle, who.user_id, decision)
            then = await client.call_tool(tool, arguments)
            assert then.is_error is (decision == "no"), (tool, text_of(then))


async def test_a_yes_is_to_what_was_shown(hall: Hall) -> None:
    """Cells that changed between question and answer are asked for anew."""
    who = await hall.resident("ana", provider="google")
    await hall.desk.approvals.switch(who.user_id, {"sheets"}, ())
    asked = {"spreadsheet_id": file(hall, "Household budget"), "range": "Budget!A1:B3"}
    async with hall.chat(who) as client:
        first = await client.call_tool("sheets_clear_range", asked)
        handle = first.meta["valet/approve"]["url"].rpartition("=")[2]
        await hall.desk.approvals.decide(handle, who.user_id, "yes")
        changed = {**asked, "range": "Budget!B2", "values": [["Rent for two"]]}
        assert not (await client.call_tool("sheets_update_range", changed)).is_error
        assert (await client.call_tool("sheets_clear_range", asked)).is_error
