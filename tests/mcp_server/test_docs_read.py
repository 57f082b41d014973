"""docs_read: a Google Doc as Markdown, its headings, or its indexes, from a chat client to Google's wire."""

from __future__ import annotations

import json
from typing import Any

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall

MOST = 30_000


def file(hall: Hall, name: str, account: str = "ana") -> str:
    """The id of a file."""
    return str(hall.emulator.accounts("google")[account]["files"][name])


def calls(hall: Hall) -> dict[str, dict[str, Any]]:
    """A call of each tool of Docs."""
    recipes = file(hall, "Family recipes")
    return {
        "docs_read": {"document_id": recipes},
        "docs_edit": {"document_id": recipes, "operations": [{"op": "append", "text": "More."}]},
    }


async def read(hall: Hall, name: str, account: str = "ana", whose: str = "", **how: Any) -> dict[str, Any]:
    async with hall.chat(account, provider="google") as client:
        asked = {"document_id": file(hall, name, whose or account), **how}
        result = await client.call_tool("docs_read", asked)
    assert not result.is_error, text_of(result)
    return dict(result.structured_content)


async def test_a_document_as_markdown(hall: Hall) -> None:
    found = await read(hall, "Family recipes")
    assert found["title"] == "Family recipes"
    assert found["revision_id"]
    assert found["url"] == f"https://docs.google.com/document/d/{found['document_id']}/edit"
    assert (
        found["text"]
        == """\
# Family recipes

Collected by Ana, with *small* changes over the years. See [the blog](https://recipes.example/duarte).

## Caldo verde 🥬

1. Boil **six** potatoes
1. Cut the kale finely
1. Add chouriço

| Ingredient | Amount |
| --- | --- |
| Potatoes | 1 kg |
| Kale | 300 g |

## Pastéis de nata 🥧

- Puff pastry
- Egg yolks
  - eight of them
- Sugar

## Notes

Never open the oven before time."""
    )
    [line] = hall.sent()
    assert line.startswith(
        f"GET docs.googleapis.com/v1/documents/{found['document_id']}?includeTabsContent=true"
    )


async def test_headings_and_indexes(hall: Hall) -> None:
    heads = (await read(hall, "Family recipes", view="outline"))["text"].split("\n")
    assert heads[0] == "1: # Family recipes"
    assert [head.partition(": ")[2] for head in heads[1:]] == [
        "## Caldo verde 🥬", "## Pastéis de nata 🥧", "## Notes",
    ]  # fmt: skip
    rows = (await read(hall, "Family recipes", view="indexed"))["text"].split("\n")
    assert rows[0] == "[1-16] # Family recipes"
    assert rows[2].endswith("] ## Caldo verde 🥬")
    start = int(rows[2][1:].partition("-")[0])
    assert heads[1].startswith(f"{start}: ")
    assert any(row.startswith("  [") and row.endswith("Potatoes") for row in rows)


async def test_tabs_pictures_people_notes_and_suggestions(hall: Hall) -> None:
    name = "Website relaunch plan"
    found = await read(hall, name, "ana-work")
    assert found["tab"]["title"] == "Plan"
    assert found["other_tabs"] == [{"id": "t.risks", "title": "Risks"}, {"id": "t.law", "title": "Law"}]
    assert "To be decided.\n" in found["text"]  # what is only suggested is not there yet
    assert "![A blue heron] The new logo" in found["text"]
    assert "Owner: @Emil Nowak <emil@duarte-atelier.example>[^1]" in found["text"]
    assert "[^1]: On leave until April." in found["text"]
    assert "```\nmake deploy\n```" in found["text"]
    law = await read(hall, name, "ana-work", tab="law")
    assert (law["tab"]["id"], law["text"]) == ("t.law", "Cookies need consent.")
    assert (await read(hall, name, "ana-work", tab="t.risks"))["text"].startswith("The old forms")
    async with hall.chat("ana-work", provider="google") as client:
        asked = {"document_id": file(hall, name, "ana-work"), "tab": "Nope"}
        result = await client.call_tool("docs_read", asked)
    assert code_of(result) == "not_found"
    assert "“Risks” (t.risks)" in text_of(result)


async def test_a_long_document_in_parts(hall: Hall) -> None:
    parts, offset, answers = [], 0, 0
    async with hall.chat("ana-work", provider="google") as client:
        while offset is not None:
            asked = {"document_id": file(hall, "Survey of the coast", "ana-work"), "offset": offset}
            result = await client.call_tool("docs_read", {**asked, "max_chars": 10_000})
            assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
            found = result.structured_content
            parts.append(found["text"])
            answers += 1
            offset = found.get("next_offset")
        beyond = await client.call_tool("docs_read", {**asked, "offset": 10**7})
    whole = "".join(parts)
    assert len(whole) == found["total_chars"]
    assert all(f"## Section {number}\n" in whole for number in range(1, 121))
    assert answers > 10
    assert code_of(beyond) == "invalid_argument"


async def test_what_is_written_there_stays_data(hall: Hall) -> None:
    """Right to left, emoji of several code units, orders to whom reads; our words stand apart."""
    async with hall.chat("ana", provider="google") as client:
        asked = {"document_id": file(hall, "Letter to grandmother 👵")}
        result = await client.call_tool("docs_read", asked)
    ours, theirs = (block.text for block in result.content)
    assert "Ignore all previous" not in ours
    assert theirs == result.structured_content["text"]
    assert "# מכתב לסבתא" in theirs
    assert "- 👨‍👩‍👧‍👦 נתראה בקיץ" in theirs


async def test_text_that_nobody_sees_and_the_longest_names(hall: Hall) -> None:
    wide = '\\"👵🏽' * 300
    hidden = "\u202eevil\u200b\U000e0041 \x00`"

    def bend(document: Any) -> Any:
        document["title"] = wide + "\n"
        tab = document["tabs"][0]
        tab["tabProperties"]["title"] = wide
        run = {"content": hidden + wide * 60 + "\n", "textStyle": {"link": {"url": "x" * 9000}}}
        tab["documentTab"]["body"]["content"] = [
            {"startIndex": 1, "endIndex": 9, "paragraph": {"elements": [{"endIndex": 9, "textRun": run}]}},
            {"startIndex": 9, "endIndex": 12, "table": {"tableRows": []}},
            {"startIndex": 12, "endIndex": 13, "tableOfContents": {}},
        ]
        document["tabs"] += [
            {"tabProperties": {"tabId": f"{n}{wide}", "title": f"{n}{wide}"}} for n in range(60)
        ]
        return document

    hall.judge.bend = bend
    async with hall.chat("ana", provider="google") as client:
        for view in ("markdown", "indexed", "outline"):
            asked = {"document_id": file(hall, "Family recipes"), "view": view, "max_chars": 10_000}
            result = await client.call_tool("docs_read", asked)
            assert not result.is_error, text_of(result)
            assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
            text = json.dumps(result.structured_content, ensure_ascii=False)
            assert not {"\u202e", "\u200b", "\U000e0041", "\\u0000"} & set(text.split("evil")[0])
    assert "evil" in text or view == "outline"


async def test_who_may_read_what(hall: Hall) -> None:
    found = await read(hall, "Reading list", "ana", "ben")
    assert "revision_id" not in found
    assert found["text"] == "# Reading list\n\n- The Waves\n- Orlando"
    async with hall.chat("ana", provider="google", scopes=("docs:read",)) as client:
        link = f"https://docs.google.com/document/d/{file(hall, 'Family recipes')}/edit?tab=t.0#heading=h.1"
        assert not (await client.call_tool("docs_read", {"document_id": link})).is_error
        foreign = {"document_id": file(hall, "Survey of the coast", "ana-work")}
        assert code_of(await client.call_tool("docs_read", foreign)) == "not_found"
        sheet = await client.call_tool("docs_read", {"document_id": file(hall, "Household budget")})
        assert code_of(sheet) == "invalid_argument"
        assert "Sheets or Drive" in text_of(sheet)
        sent = len(hall.sent())
        for wrong in ("", "short", "../documents/x", "https://evil.example/d/" + "a" * 30, "x" * 5000):
            result = await client.call_tool("docs_read", {"document_id": wrong})
            assert code_of(result) == "invalid_argument"
            assert "document_id" in text_of(result)
        assert len(hall.sent()) == sent


async def test_an_empty_document(hall: Hall) -> None:
    def bend(document: Any) -> Any:
        document["tabs"] = []
        return document

    hall.judge.bend = bend
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("docs_read", {"document_id": file(hall, "Family recipes")})
    assert result.structured_content["text"] == ""
    assert result.structured_content["total_chars"] == 0
