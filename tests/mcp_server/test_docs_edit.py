"""docs_edit: what it changes, how that is taken back, and what it refuses before anything is sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_server.tools.google.docs.places import Operation, planned
from providers.emulator.google.docs import edit, model, shape
from providers.google.docsanswers import Document
from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.hall import Hall
from tests.mcp_server.test_docs_read import MOST, file

Json = dict[str, Any]


class Paper:
    """A document in a chat."""

    def __init__(self, client: Any, id_: str) -> None:
        self.client, self.id = client, id_

    async def read(self, view: str = "markdown") -> Json:
        result = await self.client.call_tool("docs_read", {"document_id": self.id, "view": view})
        assert not result.is_error, text_of(result)
        return dict(result.structured_content)

    async def edit(self, *operations: Json, **how: Any) -> Any:
        asked = {"document_id": self.id, "operations": list(operations), **how}
        return await self.client.call_tool("docs_edit", asked)

    async def undo(self, result: Any) -> Any:
        assert not result.is_error, text_of(result)
        undo = result.structured_content["undo"]
        assert undo["tool"] == "docs_edit"
        back = await self.client.call_tool("docs_edit", undo["arguments"])
        assert not back.is_error, text_of(back)
        return back


async def test_insert_append_replace_delete_and_all_of_it_taken_back(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        before = await paper.read()
        added = await paper.edit(
            {"op": "insert_at", "after_heading": "Pastéis de nata 🥧", "text": "Serves 12 👵🏽\nwarm"},
            {"op": "append", "text": "Bom apetite!"},
            {"op": "append", "text": "A."},
        )
        after = (await paper.read())["text"]
        assert "## Pastéis de nata 🥧\n\nServes 12 👵🏽\n\nwarm\n\n- Puff pastry" in after
        assert after.endswith("before time.\n\nBom apetite!\n\nA.")
        assert [change["op"] for change in added.structured_content["changes"]] == ["insert_at", "append"]
        assert text_of(added).startswith("Edited “Family recipes”: inserted at ")
        await paper.undo(added)
        assert (await paper.read())["text"] == before["text"]

        replaced = await paper.edit(
            {"op": "replace_all", "find": "potatoes", "text": "turnips 🥔", "match_case": False}
        )
        assert replaced.structured_content["changes"] == [{"op": "replace_all", "count": 2}]
        assert "| turnips 🥔 | 1 kg |" in (await paper.read())["text"]
        assert "undo" not in replaced.structured_content  # one of them had a capital letter
        nothing = await paper.edit({"op": "replace_all", "find": "potatoes", "text": "x"})
        assert "replaced 0 times" in text_of(nothing)
        exact = await paper.edit({"op": "replace_all", "find": "turnips 🥔", "text": "swedes"})
        await paper.undo(exact)
        assert "| turnips 🥔 | 1 kg |" in (await paper.read())["text"]


async def test_what_stands_where_nobody_looks_is_not_written_over_by_taking_back(hall: Hall) -> None:
    """In a header, or in a place that is not shown at all."""
    words = {"startIndex": 0, "endIndex": 7, "textRun": {"content": "swedes\n"}}

    def headed(answer: Json) -> Json:
        for tab in answer.get("tabs", []):
            tab["documentTab"]["headers"] = {"h": {"content": [{"paragraph": {"elements": [words]}}]}}
        return answer

    def elsewhere(answer: Json) -> Json:
        for reply in answer.get("replies", []):
            reply["replaceAllText"]["occurrencesChanged"] += 1
        return answer

    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        find, text = "potatoes", "swedes"
        for bend in (headed, elsewhere, None):
            hall.judge.bend = bend
            result = await paper.edit({"op": "replace_all", "find": find, "text": text})
            assert result.structured_content["changes"][0]["count"] > 0
            assert ("undo" in result.structured_content) == (bend is None)
            find, text = text, find
        never = await paper.edit({"op": "replace_all", "find": "ZZZ", "text": "YYY"})
        assert "undo" not in never.structured_content


async def test_a_range_goes_and_comes_back(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Letter to grandmother 👵"))
        before = await paper.read("indexed")
        line = next(row for row in before["text"].split("\n") if "שלום" in row)
        start, end = map(int, line[1:].partition("]")[0].split("-"))
        gone = await paper.edit(
            {"op": "insert_at", "index": 1, "text": "👋 "},
            {"op": "delete_range", "index": start, "end": end},
            revision_id=before["revision_id"],
        )
        [inserted, removed] = gone.structured_content["changes"]
        assert (inserted["at"], removed["at"]) == (1, start + 3)
        assert removed["removed"] == "שלום סבתא, מה שלומך? 👵🏽❤️"
        text = (await paper.read())["text"]
        assert text.startswith("# 👋 מכתב לסבתא") and "שלום" not in text
        await paper.undo(gone)
        assert (await paper.read("indexed"))["text"] == before["text"]


async def test_a_document_that_changed_is_not_edited(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        old = (await paper.read("indexed"))["revision_id"]
        await paper.edit({"op": "append", "text": "x"})
        late = await paper.edit({"op": "insert_at", "index": 1, "text": "y"}, revision_id=old)
        assert code_of(late) == "conflict"
        assert "docs_read again" in text_of(late)
        # Somebody else is faster than the call itself: Google says no, and the revision tells why.
        sent = hall.judge.bend = lambda answer: {**answer, "revisionId": old} if "tabs" in answer else answer
        beaten = await paper.edit({"op": "append", "text": "z"})
        hall.judge.bend = None
        assert sent is not None
        assert code_of(beaten) == "conflict"
        assert "nothing was edited" in text_of(beaten)
        assert not (await paper.read())["text"].endswith("z")


REFUSED: list[tuple[Json, str, str]] = [
    ({"op": "insert_at", "text": "x"}, "invalid_argument", "after_heading"),
    (
        {"op": "insert_at", "text": "x", "index": 1, "after_heading": "Notes"},
        "invalid_argument",
        "not both",
    ),
    ({"op": "insert_at", "text": "x", "after_heading": "Nowhere"}, "not_found", "“Notes”"),
    ({"op": "insert_at", "index": 1}, "invalid_argument", "`text`"),
    ({"op": "append", "text": "x", "index": 4}, "invalid_argument", "does not take `index`"),
    ({"op": "append", "text": "\x00\ue000"}, "invalid_argument", "can't hold"),
    ({"op": "append", "text": ""}, "invalid_argument", "`text`"),
    ({"op": "replace_all", "text": "x"}, "invalid_argument", "`find`"),
    ({"op": "delete_range", "index": 5}, "invalid_argument", "`end`"),
    ({"op": "delete_range", "index": 5, "end": 5}, "invalid_argument", "greater"),
    ({"op": "delete_range", "index": 1, "end": 10**9}, "invalid_argument", "operations"),
    ({"op": "delete_range", "index": 1, "end": 9999}, "invalid_argument", "view indexed"),
    ({"op": "insert_at", "index": 0, "text": "x"}, "invalid_argument", "view indexed"),
    ({"op": "shout"}, "invalid_argument", "op"),
    ({"op": "append", "text": "x", "url": "y"}, "invalid_argument", "operations"),
]


async def test_operations_that_are_refused(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        before = await paper.read()
        for operation, code, words in REFUSED:
            result = await paper.edit(operation, revision_id=before["revision_id"])
            assert code_of(result) == code, (operation, text_of(result))
            assert words in text_of(result)
        assert await paper.read() == before


async def test_more_that_is_refused(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        revision = (await paper.read())["revision_id"]
        blind = await paper.edit({"op": "insert_at", "index": 3, "text": "x"})
        assert code_of(blind) == "invalid_argument" and "revision_id" in text_of(blind)
        twice = [{"op": "delete_range", "index": 2, "end": 6}, {"op": "delete_range", "index": 5, "end": 8}]
        both = await paper.edit(*twice, revision_id=revision)
        assert code_of(both) == "invalid_argument" and "same place" in text_of(both)
        await paper.edit({"op": "replace_all", "find": "Notes", "text": "Caldo verde 🥬"})
        same = await paper.edit({"op": "insert_at", "after_heading": "# caldo verde 🥬", "text": "x"})
        assert code_of(same) == "conflict" and "2 headings" in text_of(same)
        theirs = Paper(client, file(hall, "Reading list", "ben"))
        foreign = await theirs.edit({"op": "append", "text": "x"})
        assert code_of(foreign) == "conflict" and "not change it" in text_of(foreign)
        assert not [
            line for line in hall.sent() if "POST" in line and file(hall, "Reading list", "ben") in line
        ]
        hall.fault("POST docs.googleapis.com/*", status=502)
        lost = await paper.edit({"op": "append", "text": "x"})
        assert code_of(lost) == "provider_error" and "look before you repeat" in text_of(lost)


async def test_what_is_said_of_the_longest_edit_fits(hall: Hall) -> None:
    wide = '\\"👵🏽' * 400
    async with hall.chat("ana", provider="google") as client:
        paper = Paper(client, file(hall, "Family recipes"))
        added = await paper.edit({"op": "append", "text": "\n".join([wide] * 20)})
        first = added.structured_content["changes"][0]["at"] + 1
        starts = [first + n * (model.units(wide) + 1) for n in range(20)]
        result = await paper.edit(
            *[{"op": "delete_range", "index": start, "end": start + 1200} for start in starts],
            revision_id=added.structured_content["revision_id"],
        )
        assert not result.is_error, text_of(result)
        assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST
        assert "version history" in text_of(result)


async def test_another_tab_and_an_empty_document(hall: Hall) -> None:
    async with hall.chat("ana-work", provider="google") as client:
        paper = Paper(client, file(hall, "Website relaunch plan", "ana-work"))
        done = await paper.edit(
            {"op": "append", "text": "And banners."},
            {"op": "replace_all", "find": "consent", "text": "a yes"},
            tab="Law",
        )
        assert done.structured_content["changes"][1]["count"] == 1
        asked = {"document_id": paper.id, "tab": "t.law"}
        law = await client.call_tool("docs_read", asked)
        assert law.structured_content["text"] == "Cookies need a yes.\n\nAnd banners."
        requests = json.loads(next(body for line, body in hall.judge.calls if ":batchUpdate" in line))
        assert requests["writeControl"]["requiredRevisionId"]
        assert requests["requests"][-1]["replaceAllText"]["tabsCriteria"] == {"tabIds": ["t.law"]}


WORDS = st.text(alphabet="ab \n👵🏽שׁé", min_size=1, max_size=8)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_our_indexes_are_those_that_docs_takes(data: st.DataObject) -> None:
    """Several edits of one document at once, against the same edits of its text; and all of them undone."""
    lines = data.draw(st.lists(st.sampled_from(["", "a", "👵🏽", "שלום", "x👋y"]), min_size=1, max_size=5))
    blocks = [model.paragraph(model.run(line)) if line else model.paragraph() for line in lines]
    paper = model.document(model.tab("t.0", "Tab 1", blocks))
    text = "\n".join(lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=1, max_size=6)))
    operations, expected, at = [], "", 0
    for low, high in zip(cuts, [*cuts[1:], len(text)], strict=True):
        expected += text[at:low]
        at = low
        start = 1 + model.units(text[:low])
        if data.draw(st.booleans()):
            words = data.draw(WORDS)
            operations.append({"op": "insert_at", "index": start, "text": words})
            expected += words
        if low < high and data.draw(st.booleans()):
            operations.append({"op": "delete_range", "index": start, "end": 1 + model.units(text[:high])})
            at = high
    expected += text[at:]
    order = data.draw(st.permutations(operations))
    after = run(paper, order)
    assert words_of(after) == expected
    plan = planned([Operation(**one) for one in order], seen(paper), known=True)
    back = []
    places = plan.places()
    for each in plan.forwards():
        one, place = order[each], places[each]
        if one["op"] == "insert_at":
            back.append({"op": "delete_range", "index": place, "end": place + model.units(one["text"])})
        else:
            gone = text.encode("utf-16-le")[2 * (one["index"] - 1) : 2 * (one["end"] - 1)].decode("utf-16-le")
            back.append({"op": "insert_at", "index": place, "text": gone})
    assert words_of(run(after, back)) == text


def seen(paper: Json) -> Any:
    answer = shape.shown("d", "T", paper, tabs=True, mode=shape.INLINE, revision="r")
    return Document.model_validate(answer).all_tabs[0]


def run(paper: Json, operations: list[Json]) -> Json:
    plan = planned([Operation(**one) for one in operations], seen(paper), known=True)
    return edit.changed(paper, plan.requests("t.0", only=False))[0]


def words_of(paper: Json) -> str:
    return "\n".join(model.plain(block) for block in paper["tabs"][0]["blocks"])
