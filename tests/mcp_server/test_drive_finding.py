"""drive_search_files and drive_get_file: what is found, what cannot be seen, and why."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.mcp_server.desk import code_of, text_of
from tests.mcp_server.drivefiles import READING, SEEING, files, given, put
from tests.mcp_server.hall import Hall
from tests.mcp_server.pages import turned

CALLS: dict[str, dict[str, Any]] = {
    "drive_search_files": {},
    "drive_get_file": {"file_id": "@"},
    "drive_read_file": {"file_id": "@"},
    "drive_create_file": {"name": "Tea.md", "type": "doc", "content": "# Tea"},
    "drive_update_file": {"file_id": "@", "name": "Renamed.txt"},
    "drive_share_file": {"file_id": "@", "role": "reader", "email": "ben.okafor@gmail.com"},
    "drive_unshare_file": {"file_id": "@", "permission_id": "emil@duarte-atelier.example"},
    "drive_trash_file": {"file_id": "@"},
}
"""A call of each tool; `@` stands for a file that Valet has and that is shared with emil (`calls`)."""


def calls(hall: Hall) -> dict[str, dict[str, Any]]:
    id_ = put(hall, "Tea.txt", "text/plain", "Green tea")
    hall.emulator.control("drive/share", **{"file": id_, "with": "emil", "role": "reader"})
    return {
        name: {key: id_ if value == "@" else value for key, value in arguments.items()}
        for name, arguments in CALLS.items()
    }


def names(result: Any) -> list[str]:
    assert not result.is_error, text_of(result)
    return [row["name"] for row in result.structured_content["files"]]


def asked(hall: Hall) -> str:
    """The search that went to Google."""
    [line] = [line for line in hall.sent() if line.startswith("GET www.googleapis.com/drive/v3/files?")]
    return parse_qs(urlsplit(line).query)["q"][0]


async def test_only_what_valet_was_given_is_found_and_the_answer_says_so(hall: Hall) -> None:
    async with hall.chat("ana", provider="google", scopes=("drive:read",)) as client:
        nothing = await client.call_tool("drive_search_files", {})
        given(hall, "Packing list.txt")
        one = await client.call_tool("drive_search_files", {"name": "pack"})
        wide = await client.call_tool("drive_search_files", {"whole_drive": True})
    assert names(nothing) == []
    assert nothing.structured_content["searched"] == "made_with_valet"
    assert text_of(nothing).startswith("No file was found.\nOnly files that were made or opened with Valet")
    assert "`whole_drive`: true" in text_of(nothing)
    assert names(one) == ["Packing list.txt"]
    row = one.structured_content["files"][0]
    assert row["made_with_valet"] is True
    assert (row["type"], row["owner"], row["size"]) == ("text/plain", "me", 34)
    assert row["link"].startswith("https://drive.google.com/file/d/")
    assert row["modified"].endswith("Z")
    assert code_of(wide) == "scope_missing"
    assert wide.meta["valet/connect"]["provider"] == "google"


async def test_the_whole_drive_once_that_is_allowed(hall: Hall) -> None:
    async with hall.chat("ana", provider="google", upstream=SEEING) as client:
        every = await turned(client, "drive_search_files", {"limit": 4}, "files")
        assert len({row["id"] for row in every}) == len(every) > 15
        times = [row["modified"] for row in every]
        assert times == sorted(times, reverse=True)
        twins = await client.call_tool("drive_search_files", {"name": "Notes", "owner": "me"})
        theirs = await client.call_tool(
            "drive_search_files", {"owner": "ben.okafor@gmail.com", "name": "menu"}
        )
        folders = await client.call_tool("drive_search_files", {"type": "folder", "name": "travel"})
        travel = folders.structured_content["files"][0]["id"]
        inside = await client.call_tool("drive_search_files", {"folder_id": travel, "type": "image"})
        link = await client.call_tool(
            "drive_search_files",
            {"folder_id": f"https://drive.google.com/drive/folders/{travel}?usp=sharing"},
        )
        top = await client.call_tool("drive_search_files", {"folder_id": "root", "name": "travel"})
        shortcut = await client.call_tool("drive_search_files", {"name": "Picture of"})
    assert "Draft to throw away.txt" not in {row["name"] for row in every}
    assert names(twins) == ["Notes.txt", "Notes.txt"]
    assert theirs.structured_content["files"][0]["owner"] == "Ben Okafor <ben.okafor@gmail.com>"
    assert theirs.structured_content["searched"] == "whole_drive"
    assert "Only files" not in text_of(theirs)
    assert names(inside) == ["Lisboa.png"]
    assert {"Lisboa.png", "Packing list.txt"} <= set(names(link))
    assert names(top) == ["Travel"]
    assert shortcut.structured_content["files"][0]["shortcut_to"] == files(hall)["Lisboa.png"]


HOSTILE = [
    "' or trashed = true or name contains '",
    "\\",
    "\\' in owners",
    "a\\\\'b",
    "' or '1'='1",
    '"',
    "قائمة",
]


async def test_no_text_is_ever_read_as_a_search(hall: Hall) -> None:
    async with hall.chat("ana", provider="google", upstream=SEEING) as client:
        for words in HOSTILE:
            id_ = put(hall, f"x {words} y.txt", "text/plain", f"words: {words}")
            hall.judge.calls.clear()
            by_name = await client.call_tool("drive_search_files", {"name": words})
            escaped = words.replace("\\", "\\\\").replace("'", "\\'")
            assert asked(hall) == f"trashed = false and name contains '{escaped}'"
            assert id_ in {row["id"] for row in by_name.structured_content["files"]}
            assert "Draft to throw away.txt" not in names(by_name)
            by_text = await client.call_tool("drive_search_files", {"text": words})
            assert not by_text.is_error, text_of(by_text)
            by_owner = await client.call_tool("drive_search_files", {"owner": words})
            assert names(by_owner) == []


async def test_everything_that_can_be_asked_at_once(hall: Hall) -> None:
    async with hall.chat("ana", provider="google", upstream=SEEING) as client:
        result = await client.call_tool(
            "drive_search_files",
            {
                "text": "passport", "name": "pack", "type": "text", "modified_after": "2020-05-01",
                "owner": "me", "whole_drive": True,
            },
        )  # fmt: skip
    assert names(result) == ["Packing list.txt"]
    assert asked(hall) == (
        "trashed = false and fullText contains 'passport' and name contains 'pack'"
        " and mimeType contains 'text/'"
        " and modifiedTime >= '2020-05-01T00:00:00+00:00' and 'me' in owners"
    )
    assert "orderBy" not in hall.sent()[-1]


WRONG: list[dict[str, Any]] = [
    {"modified_after": "yesterday"},
    {"modified_after": "2026-02-30"},
    {"modified_after": "2026-03-01T09:00:00"},
    {"folder_id": "../about"},
    {"folder_id": "https://evil.example/drive/folders/abcdefgh"},
    {"type": "zip"},
    {"cursor": "W251bGwsMF0"},
    {"limit": 101},
]


async def test_what_cannot_be_searched_and_what_is_no_file(hall: Hall) -> None:
    async with hall.chat("ana", provider="google") as client:
        for wrong in WRONG:
            result = await client.call_tool("drive_search_files", wrong)
            assert code_of(result) == "invalid_argument", wrong
            assert next(iter(wrong)) in text_of(result)
        for id_ in ("..", "a/b", "https://evil.example/d/abcdefgh", "x y", "", "\u202e"):
            for tool in ("drive_get_file", "drive_read_file", "drive_trash_file"):
                result = await client.call_tool(tool, {"file_id": id_})
                assert code_of(result) == "invalid_argument", (tool, id_)
                assert "file_id" in text_of(result)
    assert hall.sent() == []


async def test_a_folder_that_cannot_be_seen_is_no_empty_one(hall: Hall) -> None:
    travel = files(hall)["Travel"]
    async with hall.chat("ana", provider="google") as client:
        narrow = await client.call_tool("drive_search_files", {"folder_id": travel})
    async with hall.chat("ana", provider="google", upstream=SEEING) as client:
        wide = await client.call_tool("drive_search_files", {"folder_id": "1nothing"})
    assert code_of(narrow) == "scope_missing"
    assert text_of(narrow).startswith("Valet sees only files that were made or opened with it")
    assert code_of(wide) == "not_found"


async def test_the_widest_answer_is_small_enough(hall: Hall) -> None:
    wide = 'ж"\\\u202e' * 100
    hall.judge.trusting = True
    hall.judge.bend = lambda answer: {
        "nextPageToken": "t" * 300,
        "files": [
            {
                "id": f"{number}{'i' * 190}", "name": wide, "mimeType": wide, "modifiedTime": wide,
                "size": "9" * 18, "webViewLink": "https://drive.google.com/" + "l" * 400,
                "parents": ["p" * 300],
                "owners": [{"displayName": wide, "emailAddress": wide}],
            }
            for number in range(100)
        ],
    }  # fmt: skip
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("drive_search_files", {"limit": 100})
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= 30_000
    assert 0 < len(result.structured_content["files"]) < 100
    assert result.structured_content["next_cursor"]
    assert "\u202e" not in text_of(result)


# One file


async def test_one_file(hall: Hall) -> None:
    id_ = given(hall, "Packing list.txt")
    hall.emulator.control("drive/share", **{"file": id_, "with": "ben", "role": "commenter"})
    async with hall.chat("ana", provider="google") as client:
        brief = await client.call_tool("drive_get_file", {"file_id": id_})
        whole = await client.call_tool(
            "drive_get_file",
            {
                "file_id": f"https://drive.google.com/file/d/{id_}/view?usp=drivesdk",
                "include_permissions": True,
            },
        )
    assert "permissions" not in brief.structured_content
    assert brief.structured_content["file"]["folder_id"] == files(hall)["Travel"]
    assert brief.structured_content["may_change"] is True
    rows = whole.structured_content["permissions"]
    assert [(row["who"], row["role"]) for row in rows] == [
        ("Ana Duarte <ana.duarte@gmail.com>", "owner"),
        ("Ben Okafor <ben.okafor@gmail.com>", "commenter"),
    ]
    assert whole.structured_content["permissions_total"] == 2
    assert rows[1]["permission_id"] in text_of(whole)
    assert [line.split("?")[0] for line in hall.sent()] == [
        f"GET www.googleapis.com/drive/v3/files/{id_}",
        f"GET www.googleapis.com/drive/v3/files/{id_}",
        f"GET www.googleapis.com/drive/v3/files/{id_}/permissions",
    ]


async def test_a_file_that_cannot_be_seen_and_one_that_only_can_be_seen(hall: Hall) -> None:
    invoice, diary = files(hall)["Invoice 2026-031.pdf"], files(hall, "ben")["Diary.txt"]
    async with hall.chat("ana", provider="google") as client:
        unseen = await client.call_tool("drive_get_file", {"file_id": invoice})
    async with hall.chat("ana", provider="google", upstream=READING) as client:
        seen = await client.call_tool("drive_get_file", {"file_id": invoice, "include_permissions": True})
        nobody = await client.call_tool("drive_get_file", {"file_id": diary})
        notes = files(hall, "ben")["Meeting notes.txt"]
        theirs = await client.call_tool("drive_get_file", {"file_id": notes, "include_permissions": True})
    assert code_of(unseen) == "scope_missing"
    assert text_of(unseen).startswith("Valet sees only files that were made or opened with it in that Drive")
    assert unseen.meta["valet/connect"]["url"] in text_of(unseen)
    assert seen.structured_content["file"]["name"] == "Invoice 2026-031.pdf"
    assert seen.structured_content["may_change"] is False
    assert seen.structured_content["permissions_total"] == 1
    assert code_of(nobody) == "not_found"
    assert "permissions" not in theirs.structured_content
    assert theirs.structured_content["permissions_unknown"] in text_of(theirs)


async def test_very_many_permissions(hall: Hall) -> None:
    id_ = given(hall, "Packing list.txt")
    hall.judge.trusting = True
    rows = [
        {"id": f"{number:020d}", "type": "user", "role": "reader", "emailAddress": f"{number}{'ж' * 200}",
         "displayName": '\\"' * 200}
        for number in range(300)
    ]  # fmt: skip
    hall.judge.bend = lambda answer: {"permissions": rows} if "permissions" in answer else answer
    async with hall.chat("ana", provider="google") as client:
        result = await client.call_tool("drive_get_file", {"file_id": id_, "include_permissions": True})
    assert len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= 30_000
    assert result.structured_content["permissions_total"] == 300
    assert 10 < len(result.structured_content["permissions"]) < 300
