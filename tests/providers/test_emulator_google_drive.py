"""Google Drive at the emulator: who sees which file, searching, reading; Google's own document judges."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.providers import discovery
from tests.providers.drivewire import FILE, FOLDER, DriveWire
from tests.support.emulator import EmulatorProcess


@pytest.fixture
def ana(emulator: EmulatorProcess) -> DriveWire:
    return DriveWire(emulator)


# Searching


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("name = 'Lisboa.png'", ["Lisboa.png"]),
        ("name contains 'lisb'", ["Picture of Lisboa", "Lisboa.png"]),
        ("name contains 'isboa'", []),
        ("name contains 'pack list'", ["Packing list.txt"]),
        (r"""name = 'Ana\'s \\ "odd" name.txt'""", ["Ana's \\ \"odd\" name.txt"]),
        ("name contains 'قائمة'", ["قائمة التسوق 🛒.txt"]),
        ("fullText contains 'dentist'", ["Notes.txt"]),
        ("fullText contains 'whales'", ["Holiday slides"]),
        ("fullText contains '\"hot springs\"'", ["Holiday slides"]),
        ("fullText contains '\"springs hot\"'", []),
        ("mimeType = 'application/pdf' and trashed = false", ["Invoice 2026-031.pdf"]),
        ("mimeType contains 'image/' or mimeType = 'application/vnd.google-apps.form'",
         ["Lisboa.png", "Party survey"]),
        ("trashed = true", ["Draft to throw away.txt"]),
        ("trashed=true and not name contains 'draft'", []),
        ("starred = true", ["Lisboa.png"]),
        ("sharedWithMe and name contains 'menu'", ["Menu for Saturday.txt"]),
        ("sharedWithMe = true and not (mimeType contains 'text/')", ["Shared with Ana"]),
        ("'ben.okafor@gmail.com' in owners and name contains 'notes'", ["Meeting notes.txt"]),
        ("'me' in owners and name = 'Recipes'", ["Recipes"]),
        ("'me' in writers and 'ben.okafor@gmail.com' in owners", ["Menu for Saturday.txt"]),
        ("name = 'Race calendar.csv' or name = 'Diary.txt'", []),
        ("shortcutDetails.targetId != 'x' and mimeType = 'application/vnd.google-apps.shortcut'",
         ["Picture of Lisboa"]),
        ("modifiedTime < '2024-11-01T00:00:00' or name = 'Recipes'", ["Recipes", "Old letters.txt"]),
        ("visibility = 'anyoneWithLink'", []),
    ],
)  # fmt: skip
def test_a_search(ana: DriveWire, q: str, names: list[str]) -> None:
    assert ana.names(q) == names


@pytest.mark.parametrize(
    "q",
    ["name", "name is 'x'", "name contains x", "name contains 'x' and", "(name = 'x'", "colour = 'x'",
     "name > 'x'", "fullText = 'x'", "trashed = 'true'", "modifiedTime > 'soon'", "'x' in folders",
     "name = 'x\\'", "name = 'x'; drop", "parents in 'x'", "properties has 'x'", "  "],
)  # fmt: skip
def test_a_search_that_cannot_be_read(ana: DriveWire, q: str) -> None:
    assert ana.refused("GET", "/files", q=q) == (400, "invalid")


def test_what_is_inside_a_folder(ana: DriveWire) -> None:
    travel = ana.of()["Travel"]
    inside = ana.names(f"'{travel}' in parents", orderBy="name")
    assert {"Holiday slides", "Lisboa.png", "Notes.txt", "Packing list.txt"} <= set(inside)
    root = ana.json("/files/root", fields="id,name,parents,owners(me)")
    assert (root["name"], "parents" in root, root["owners"]) == ("My Drive", False, [{"me": True}])
    assert ana.names("'root' in parents and name = 'Travel'") == ["Travel"]
    assert ana.names(f"'{root['id']}' in parents and name = 'Lisboa.png'") == []
    assert ana.refused("GET", "/files", q="'nothing' in parents") == (404, "notFound")


def test_the_order(ana: DriveWire) -> None:
    where = "name contains 'notes' and 'me' in owners"
    newest = ana.json("/files", q=where, orderBy="modifiedTime desc", fields="files(modifiedTime)")["files"]
    assert newest == sorted(newest, key=lambda file: file["modifiedTime"], reverse=True)
    assert len(newest) == 2
    first = ana.names("trashed = false", orderBy="folder,name")
    assert first[0] in {"Recipes", "Shared with Ana"}
    assert ana.refused("GET", "/files", orderBy="size") == (400, "invalid")
    both = ana.refused("GET", "/files", q="fullText contains 'x'", orderBy="name")
    assert both == (400, "badRequest")


def test_pages(ana: DriveWire) -> None:
    asked: dict[str, Any] = {"q": "trashed = false", "orderBy": "name", "fields": "nextPageToken,files(id)"}
    whole = [file["id"] for file in ana.json("/files", **asked)["files"]]
    seen: list[str] = []
    page: dict[str, Any] = {"pageSize": 3}
    while True:
        answer = ana.json("/files", **asked, **page)
        seen += [file["id"] for file in answer["files"]]
        if "nextPageToken" not in answer:
            break
        page = {"pageSize": 4, "pageToken": answer["nextPageToken"]}
    assert seen == whole
    assert len(whole) > 10
    other = {**asked, "q": "trashed = true", "pageToken": page["pageToken"]}
    assert ana.refused("GET", "/files", **other) == (400, "invalid")
    assert ana.refused("GET", "/files", pageSize="0") == (400, "invalidParameter")


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"corpora": "everything"}, (400, "invalidParameter")),
        ({"corpora": "allDrives"}, (400, "invalid")),
        ({"includeItemsFromAllDrives": "true"}, (400, "invalid")),
        ({"corpora": "drive", "driveId": "x", "includeItemsFromAllDrives": "true",
          "supportsAllDrives": "true"}, (404, "notFound")),
        ({"spaces": "photos"}, (400, "invalid")),
        ({"fields": "files(id"}, (400, "invalidParameter")),
    ],
)  # fmt: skip
def test_where_is_searched(ana: DriveWire, query: dict[str, str], refusal: tuple[int, str]) -> None:
    assert ana.refused("GET", "/files", **query) == refusal
    everywhere = {"includeItemsFromAllDrives": "true", "supportsAllDrives": "true"}
    assert ana.json("/files", **everywhere)["files"] == ana.json("/files")["files"]


# Reading


def test_a_file(ana: DriveWire) -> None:
    id_ = ana.of()["Invoice 2026-031.pdf"]
    assert ana.json(f"/files/{id_}") == {
        "kind": "drive#file", "id": id_, "name": "Invoice 2026-031.pdf", "mimeType": "application/pdf",
    }  # fmt: skip
    file = ana.json(f"/files/{id_}", fields="*")
    assert file["parents"] == [ana.of()["Taxes 2026"]]
    content = ana("GET", f"/files/{id_}", alt="media")
    assert content.headers["content-type"] == "application/pdf"
    assert len(content.content) == int(file["size"])
    assert content.content.startswith(b"%PDF-1.4")
    assert file["capabilities"]["canTrash"] is file["ownedByMe"] is True
    theirs = ana.json(f"/files/{ana.of('ben')['Meeting notes.txt']}", fields="*")
    assert "permissions" not in theirs
    assert theirs["owners"][0]["emailAddress"] == "ben.okafor@gmail.com"
    assert theirs["parents"] == [ana.of("ben")["Shared with Ana"]]
    assert "parents" not in ana.json(f"/files/{ana.of('ben')['Menu for Saturday.txt']}", fields="*")
    assert theirs["sharedWithMeTime"]


def test_content_that_is_no_bytes(ana: DriveWire) -> None:
    files = ana.of()
    slides = files["Holiday slides"]
    assert ana.refused("GET", f"/files/{slides}", alt="media") == (403, "fileNotDownloadable")
    text = ana("GET", f"/files/{slides}/export", mimeType="text/plain")
    assert (text.text, text.status_code) == ("Azores\r\nMay 2026\r\n\r\nWhales\r\nHot springs", 200)
    assert ana.refused("GET", f"/files/{slides}/export", mimeType="text/csv") == (400, "badRequest")
    assert ana.refused("GET", f"/files/{slides}/export") == (400, "required")
    for name in ("Party survey", "Recipes", "Lisboa.png"):
        refused = ana.refused("GET", f"/files/{files[name]}/export", mimeType="text/plain")
        assert refused == (403, "fileNotExportable"), name
    assert ana.refused("GET", f"/files/{files['Recipes']}", alt="media") == (403, "fileNotDownloadable")
    assert ana.refused("GET", f"/files/{files['setup.exe']}", alt="media")[1] == "cannotDownloadAbusiveFile"
    assert (
        ana("GET", f"/files/{files['setup.exe']}", alt="media", acknowledgeAbuse="true").content[:2] == b"MZ"
    )


def test_a_link_opens_what_no_search_finds(ana: DriveWire) -> None:
    open_ = ana.of("ben")["Race calendar.csv"]
    assert ana.json(f"/files/{open_}")["name"] == "Race calendar.csv"
    assert ana.refused("GET", f"/files/{ana.of('ben')['Diary.txt']}") == (404, "notFound")
    emil = DriveWire(ana.emulator, "emil")
    assert emil.names("name contains 'suppliers'") == ["Suppliers.csv"]
    assert ana.refused("GET", f"/files/{emil.of('ana-work')['Suppliers.csv']}") == (404, "notFound")


def test_about(ana: DriveWire) -> None:
    about = ana.json("/about", fields="user(emailAddress),storageQuota,exportFormats")
    assert about["user"] == {"emailAddress": "ana.duarte@gmail.com"}
    assert int(about["storageQuota"]["usage"]) > 1000
    assert ana.refused("GET", "/about") == (400, "required")
    assert ana.json("/drives")["drives"] == []
    assert len(ana.json("/files/generateIds", count=3)["ids"]) == 3


# What the app was not given


def test_an_app_sees_what_it_made(ana: DriveWire) -> None:
    narrow = DriveWire(ana.emulator, scopes=FILE)
    assert narrow.json("/files")["files"] == []
    invoice = ana.of()["Invoice 2026-031.pdf"]
    assert narrow.refused("GET", f"/files/{invoice}") == (404, "notFound")
    assert narrow.refused("PATCH", f"/files/{invoice}", {"name": "x"}) == (404, "notFound")
    made = narrow.make({"name": "Mine", "mimeType": FOLDER})
    assert narrow.names("trashed = false") == ["Mine"]
    inside = narrow.make({"name": "Inside", "parents": [made["id"]]})
    assert inside["parents"] == [made["id"]]
    assert inside["isAppAuthorized"] is True
    travel = ana.of()["Travel"]
    assert narrow.refused("POST", "/files", {"name": "x", "parents": [travel]}) == (404, "notFound")


def test_what_an_app_may_look_at_and_not_touch(ana: DriveWire) -> None:
    seeing = DriveWire(ana.emulator, scopes=("drive.file", "drive.metadata.readonly"))
    invoice = ana.of()["Invoice 2026-031.pdf"]
    assert seeing.json(f"/files/{invoice}")["name"] == "Invoice 2026-031.pdf"
    denied = (403, "appNotAuthorizedToFile")
    assert seeing.refused("GET", f"/files/{invoice}", alt="media") == denied
    assert seeing.refused("PATCH", f"/files/{invoice}", {"name": "x"}) == denied
    share = {"type": "anyone", "role": "reader"}
    assert seeing.refused("POST", f"/files/{invoice}/permissions", share) == denied
    reading = DriveWire(ana.emulator, scopes=("drive.file", "drive.readonly"))
    assert reading("GET", f"/files/{invoice}", alt="media").status_code == 200
    assert reading.refused("PATCH", f"/files/{invoice}", {"name": "x"}) == denied


SERVED = {
    "about.get", "drives.list",
    *(f"files.{verb}" for verb in ("list", "get", "export", "create", "update", "copy", "generateIds")),
    *(f"permissions.{verb}" for verb in ("list", "get", "create", "update", "delete")),
}  # fmt: skip


def test_every_method_of_the_document_is_served_or_says_that_it_is_not(emulator: EmulatorProcess) -> None:
    contract = discovery.google("drive.v3")
    served = set()
    for scope in ("drive", "drive.file", "drive.metadata.readonly", "drive.readonly"):
        wire = DriveWire(emulator, scopes=(scope,))
        for method in contract.operations():
            path = "/" + re.sub(r"\{\w+\}", "nothing", method["path"])
            body = {} if method["httpMethod"] in {"POST", "PUT", "PATCH"} else None
            answer = wire(method["httpMethod"], path, body, judged=False)
            name = method["id"].removeprefix("drive.")
            assert answer.status_code not in {401, 405}, name
            if answer.status_code != 501:
                served.add(name)
                allowed = any(each.endswith(f"/{scope}") for each in method["scopes"])
                assert (answer.status_code == 403) == (not allowed), (scope, name)
    assert served == SERVED


def test_a_limit(ana: DriveWire) -> None:
    ana.emulator.control("google/quota", drive=2)
    assert [ana("GET", "/files").status_code for _ in range(3)] == [200, 200, 403]
    assert ana.refused("GET", "/files") == (403, "userRateLimitExceeded")
    ana.emulator.advance(61)
    assert ana("GET", "/files").status_code == 200


def test_the_journal_counts_by_template(ana: DriveWire, emulator: EmulatorProcess) -> None:
    ana.refused("GET", "/files/nothing/export", mimeType="text/plain")
    ana.json("/files/generateIds")
    calls = emulator.counters()["calls"]
    assert calls["GET www.googleapis.com/drive/v3/files/{id}/export"] == 1
    assert calls["GET www.googleapis.com/drive/v3/files/generateIds"] == 1
