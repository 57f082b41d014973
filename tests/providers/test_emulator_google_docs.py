"""Google Docs at the emulator: indexes, edits and what is refused, suggestions, who may what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.emulator.google.docs import edit, model, shape
from providers.emulator.google.docs.data import letter, recipes
from providers.emulator.google.docs.marks import from_markdown, from_text, to_markdown, to_text
from providers.emulator.google.errors import ApiError
from tests.providers.drivewire import DriveWire
from tests.providers.googlewire import GoogleWire, every_method
from tests.support.emulator import EmulatorProcess

Json = dict[str, Any]
SCOPES = ("documents", "drive")


@pytest.fixture
def docs(emulator: EmulatorProcess) -> GoogleWire:
    return GoogleWire(emulator, "docs.v1", SCOPES)


def path_of(emulator: EmulatorProcess, name: str, account: str = "ana") -> str:
    return f"/v1/documents/{DriveWire(emulator, account).of()[name]}"


def texts(blocks: list[Json]) -> list[str]:
    """Paragraphs of an answer, tables left out, with the indexes checked against the words."""
    found = []
    for block in blocks:
        for element in block.get("paragraph", {}).get("elements", []):
            length = model.units(element["textRun"]["content"]) if "textRun" in element else 1
            assert element["endIndex"] - element.get("startIndex", 0) == length
        if "paragraph" in block:
            runs = [e.get("textRun", {}).get("content", "￼") for e in block["paragraph"]["elements"]]
            found.append("".join(runs))
    return found


def body(document: Json) -> list[Json]:
    return list(document["tabs"][0]["documentTab"]["body"]["content"])


def insert(text: str, index: int) -> Json:
    return {"insertText": {"text": text, "location": {"index": index}}}


def delete(start: int, end: int, **more: str) -> Json:
    return {"deleteContentRange": {"range": {"startIndex": start, "endIndex": end, **more}}}


def test_every_method_is_served(emulator: EmulatorProcess) -> None:
    assert every_method(emulator, "docs.v1") == {"documents.batchUpdate", "documents.create", "documents.get"}


def test_a_document_as_it_is_read(docs: GoogleWire, emulator: EmulatorProcess) -> None:
    path = path_of(emulator, "Family recipes")
    old = docs.json("GET", path)
    new = docs.json("GET", path, includeTabsContent="true")
    assert old["body"] == new["tabs"][0]["documentTab"]["body"]
    assert "body" not in new and "tabs" not in old
    blocks = body(new)
    assert blocks[0] == {"endIndex": 1, "sectionBreak": {"sectionStyle": {"sectionType": "CONTINUOUS"}}}
    assert blocks[1]["startIndex"] == 1
    assert texts(blocks)[0] == "Family recipes\n"
    [table] = [block for block in blocks if "table" in block]
    rows = table["table"]["tableRows"]
    assert rows[0]["startIndex"] == table["startIndex"] + 1
    assert rows[0]["tableCells"][0]["content"][0]["startIndex"] == table["startIndex"] + 3
    assert rows[-1]["endIndex"] == table["endIndex"] - 1
    few = docs.json("GET", path, fields="title,body/content/endIndex")
    assert few.keys() == {"title", "body"}
    assert docs.refused("GET", path, includeTabsContent="maybe") == (400, "INVALID_ARGUMENT")
    assert docs.refused("GET", f"{path}x") == (404, "NOT_FOUND")


def test_an_edit_is_whole_and_bound_to_a_revision(docs: GoogleWire, emulator: EmulatorProcess) -> None:
    path = path_of(emulator, "Family recipes")
    before = docs.json("GET", path, includeTabsContent="true")
    control = {"writeControl": {"requiredRevisionId": before["revisionId"]}}
    bad = {"requests": [insert("kept back", 1), insert("x", 10**6)], **control}
    assert docs.refused("POST", f"{path}:batchUpdate", bad) == (400, "INVALID_ARGUMENT")
    assert docs.json("GET", path, includeTabsContent="true") == before
    good = {"requests": [insert("Our 👵 ", 1), insert("x\ny", 8)], **control}
    done = docs.json("POST", f"{path}:batchUpdate", good)
    assert done["replies"] == [{}, {}]
    assert done["writeControl"]["requiredRevisionId"] != before["revisionId"]
    after = docs.json("GET", path, includeTabsContent="true")
    assert after["revisionId"] == done["writeControl"]["requiredRevisionId"]
    assert texts(body(after))[:2] == ["Our 👵 x\n", "yFamily recipes\n"]
    assert docs.refused("POST", f"{path}:batchUpdate", good) == (400, "INVALID_ARGUMENT")
    named = [{"insertPageBreak": {"location": {"index": 1}}}]
    assert docs.refused("POST", f"{path}:batchUpdate", {"requests": named}) == (501, "UNIMPLEMENTED")


def test_replacing_counts_in_all_tabs_and_footnotes(emulator: EmulatorProcess) -> None:
    work = GoogleWire(emulator, "docs.v1", SCOPES, "ana-work")
    path = path_of(emulator, "Website relaunch plan", "ana-work")
    what = {"containsText": {"text": "THE"}, "replaceText": "a 🦩"}
    one = {"replaceAllText": {**what, "tabsCriteria": {"tabIds": ["t.risks"]}}}
    done = work.json("POST", f"{path}:batchUpdate", {"requests": [one, {"replaceAllText": what}]})
    assert [reply["replaceAllText"]["occurrencesChanged"] for reply in done["replies"]] == [2, 2]
    none = {"replaceAllText": {"containsText": {"text": "THE", "matchCase": True}, "replaceText": ""}}
    done = work.json("POST", f"{path}:batchUpdate", {"requests": [none]})
    assert done["replies"] == [{"replaceAllText": {}}]
    empty = {"replaceAllText": {"containsText": {"text": ""}, "replaceText": "x"}}
    assert work.refused("POST", f"{path}:batchUpdate", {"requests": [empty]})[0] == 400


def test_suggestions_and_who_may_edit(docs: GoogleWire, emulator: EmulatorProcess) -> None:
    path = path_of(emulator, "Website relaunch plan", "ana-work")
    emil = GoogleWire(emulator, "docs.v1", ("documents.readonly",), "emil")

    def line(mode: str) -> str:
        shown = emil.json("GET", path, suggestionsViewMode=mode)
        return next(text for text in texts(shown["body"]["content"]) if text.startswith("To be"))

    assert line("DEFAULT_FOR_CURRENT_ACCESS") == "To be decidedapproved.\n"
    assert line("PREVIEW_SUGGESTIONS_ACCEPTED") == "To be approved.\n"
    assert line("PREVIEW_WITHOUT_SUGGESTIONS") == "To be decided.\n"
    assert docs.refused("GET", path)[0] == 404  # not shared with her private account
    reader = path_of(emulator, "Reading list", "ben")
    shown = docs.json("GET", reader)
    assert "revisionId" not in shown and shown["suggestionsViewMode"] == "PREVIEW_WITHOUT_SUGGESTIONS"
    assert docs.refused("GET", reader, suggestionsViewMode="SUGGESTIONS_INLINE") == (403, "PERMISSION_DENIED")
    asked = {"requests": [insert("x", 1)]}
    assert docs.refused("POST", f"{reader}:batchUpdate", asked) == (403, "PERMISSION_DENIED")
    assert emil.refused("POST", f"{path}:batchUpdate", asked) == (403, "PERMISSION_DENIED")  # the scope


def test_an_app_sees_what_it_made_and_drive_holds_it(emulator: EmulatorProcess) -> None:
    app = GoogleWire(emulator, "docs.v1", ("drive.file",))
    foreign = path_of(emulator, "Family recipes")
    assert app.refused("GET", foreign) == (404, "NOT_FOUND")
    made = app.json("POST", "/v1/documents", {"title": "Minutes"})
    path = f"/v1/documents/{made['documentId']}"
    app.json("POST", f"{path}:batchUpdate", {"requests": [
        {"insertText": {"text": "Hello\nthere", "endOfSegmentLocation": {}}}]})  # fmt: skip
    assert texts(app.json("GET", path)["body"]["content"]) == ["Hello\n", "there\n"]
    drive = DriveWire(emulator)
    assert drive("GET", f"/files/{made['documentId']}/export", mimeType="text/plain").text == (
        "\ufeffHello\r\nthere"
    )
    sheet = DriveWire(emulator).of()["Household budget"]
    wide = GoogleWire(emulator, "docs.v1", SCOPES)
    assert wide.refused("GET", f"/v1/documents/{sheet}") == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (insert("x", 0), "less than"),
        (insert("", 1), "must specify text"),
        (insert("x", 5), "existing paragraph"),  # at the table
        (insert("x", 2), "surrogate"),
        (delete(2, 3), "surrogate"),
        (delete(4, 5), "before a table"),
        (delete(5, 8), "requested range"),
        (delete(10, 16), "requested range"),
        (delete(20, 21), "end of the segment"),
        (delete(9, 10), "end of the segment"),  # the cell's last line break
        (delete(3, 3), "not be empty"),
        (delete(3, 99), "less than"),
        (delete(1, 2, tabId="t.9"), "does not exist"),
        (delete(1, 2, segmentId="kix.9"), "was not found"),
    ],
)
def test_what_is_refused(request_: Json, why: str) -> None:
    table = {"rows": [[[model.paragraph(model.run("a"))], [model.paragraph()]], [[model.paragraph()]] * 2]}
    first = model.paragraph(model.run("🦩x"))
    document = model.document(model.tab("t.0", "Tab 1", [first, table]))
    content = shape.shown("d", "T", document, tabs=False, mode=shape.INLINE, revision=None)["body"]["content"]
    assert [block.get("startIndex") for block in content] == [None, 1, 5, 18]
    document["tabs"][0]["blocks"][-1]["runs"] = [model.run("zz")]
    with pytest.raises(ApiError) as caught:
        edit.changed(document, [request_])
    assert caught.value.code == 400
    assert why in str(caught.value)


def test_what_may_be_deleted() -> None:
    table = {"rows": [[[model.paragraph(model.run("ab"))]]]}
    blocks = [model.paragraph(model.run("one")), table, model.paragraph(model.run("two"))]
    document = model.document(model.tab("t.0", "Tab 1", blocks))
    assert to_text(edit.changed(document, [delete(8, 9)])[0]) == "one\nb\ntwo"
    assert to_text(edit.changed(document, [delete(5, 12)])[0]) == "one\ntwo"
    assert to_text(edit.changed(document, [delete(2, 14)])[0]) == "oo"
    styled = from_markdown("# Head\n\nbody\n\n- item")
    merged = edit.changed(styled, [delete(5, 8)])[0]["tabs"][0]["blocks"]
    assert (model.plain(merged[0]), merged[0]["style"]) == ("Headdy", "HEADING_1")


def test_styles_of_a_range() -> None:
    document = from_markdown("# Head\n\n- **bold** item")
    where = {"startIndex": 6, "endIndex": 8}
    after, _ = edit.changed(document, [
        {"deleteParagraphBullets": {"range": where}},
        {"updateTextStyle": {"range": {"startIndex": 6, "endIndex": 9}, "textStyle": {"italic": True},
                             "fields": "*"}},
        {"updateParagraphStyle": {"range": where, "paragraphStyle": {}, "fields": "namedStyleType"}},
    ])  # fmt: skip
    blocks = after["tabs"][0]["blocks"]
    assert blocks[0]["style"] == "HEADING_1"
    assert "bullet" not in blocks[1]
    assert [(run["t"], run["s"]) for run in blocks[1]["runs"]] == [
        ("bol", {"italic": True}), ("d", {"bold": True}), (" item", {}),
    ]  # fmt: skip
    none = {"updateTextStyle": {"range": where, "textStyle": {}, "fields": ""}}
    with pytest.raises(ApiError, match="At least one field"):
        edit.changed(document, [none])


def test_markdown_in_and_out() -> None:
    assert to_markdown(recipes()).startswith("# Family recipes\n\nCollected by Ana, with *small* changes")
    assert "| Potatoes | 1 kg |" in to_markdown(recipes())
    assert "1. Boil **six** potatoes" in to_markdown(recipes())
    assert to_text(from_text("a\r\nb\n")) == "a\nb"
    assert "👵🏽❤️" in to_text(letter())


WORDS = st.text(alphabet="ab \n👵🏽שׁé", min_size=1, max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_insertion_and_deletion_agree_with_the_text(data: st.DataObject) -> None:
    """Whatever goes in at an index, in UTF-16 code units, comes out by the same indexes."""
    text = data.draw(WORDS)
    document = from_text(text.rstrip("\n"))
    plain = to_text(document)
    before = data.draw(st.integers(0, len(plain)))
    words = data.draw(WORDS)
    index = 1 + model.units(plain[:before])
    after, _ = edit.changed(document, [insert(words, index)])
    assert to_text(after) == plain[:before] + words + plain[before:]
    back, _ = edit.changed(after, [delete(index, index + model.units(words))])
    assert to_text(back) == plain
