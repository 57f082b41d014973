"""Writing Google Drive at the emulator: files, content in three ways, moving, trash, and sharing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.drivewire import DOC, FILE, FOLDER, UPLOAD, DriveWire
from tests.support.emulator import EmulatorProcess

EMIL, STRANGER = "emil@duarte-atelier.example", "nobody@elsewhere.example"


@pytest.fixture
def ana(emulator: EmulatorProcess) -> DriveWire:
    return DriveWire(emulator, scopes=FILE)


@pytest.fixture
def all_of_ana(emulator: EmulatorProcess) -> DriveWire:
    return DriveWire(emulator)


def test_a_file_from_metadata_and_content(ana: DriveWire) -> None:
    name = "a\"b\\c' 🎈.txt"
    said = {"name": name, "mimeType": "text/plain"}
    made = ana.multipart(said, "text/plain", b"one\r\n\r\n--two", fields="*").json()
    assert (made["name"], made["mimeType"], made["size"]) == (name, "text/plain", "12")
    assert ana("GET", f"/files/{made['id']}", alt="media").content == b"one\r\n\r\n--two"
    sort = {"content-type": "text/plain"}
    simple = ana("POST", UPLOAD, content=b"{}", headers=sort, uploadType="media")
    assert simple.json()["name"] == "Untitled"
    how: dict[str, Any] = {"content": b"three", "headers": sort, "uploadType": "media", "fields": "size"}
    replaced = ana("PATCH", f"{UPLOAD}/{made['id']}", **how)
    assert replaced.json()["size"] == "5"
    assert ana("GET", f"/files/{made['id']}", alt="media").content == b"three"


@pytest.mark.parametrize("way", ["whole", "pieces", "stopped"])
def test_a_file_in_pieces(ana: DriveWire, way: str) -> None:
    content = bytes(range(256)) * 2048  # two pieces of the least size
    sizes = {"x-upload-content-type": "application/x-big", "x-upload-content-length": "524288"}
    begun = ana("POST", UPLOAD, {"name": "big.bin"}, uploadType="resumable", headers=sizes)
    place = begun.headers["location"].removeprefix("https://www.googleapis.com")

    def put(content: bytes, span: str) -> Any:
        return ana("PUT", place, content=content, headers={"content-range": f"bytes {span}"}, judged=False)

    if way == "whole":
        done = ana("PUT", place, content=content, judged=False)
    elif way == "pieces":
        first = put(content[:262144], "0-262143/524288")
        assert (first.status_code, first.headers["range"]) == (308, "bytes=0-262143")
        assert put(b"", "*/524288").headers["range"] == "bytes=0-262143"
        assert put(content[262144:], "262145-524288/524288").status_code == 416
        assert put(content[262144:300000], "262144-299999/524288").status_code == 400
        done = put(content[262144:], "262144-524287/524288")
    else:
        put(content[:262144], "0-262143/524288")
        assert ana("DELETE", place, judged=False).status_code == 499
        assert put(content[262144:], "262144-524287/524288").status_code == 404
        assert ana.names("name = 'big.bin'") == []
        return
    assert done.status_code == 200, done.text
    [made] = ana.json("/files", q="name = 'big.bin'", fields="files(id,size,mimeType)")["files"]
    assert (made["size"], made["mimeType"]) == ("524288", "application/x-big")
    assert ana("GET", f"/files/{made['id']}", alt="media").content == content
    assert ana("PUT", place, content=content, judged=False).status_code == 404


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"name": 3}, (400, "parseError")),
        ({"size": "3"}, (403, "fieldNotWritable")),
        ({"name": "x", "parents": ["root", "other"]}, (403, "multipleParentsNotAllowed")),
        ({"name": "x", "parents": ["nothing"]}, (404, "notFound")),
        ({"name": "x", "mimeType": "application/vnd.google-apps.shortcut"}, (404, "notFound")),
        ([], (400, "parseError")),
    ],
)
def test_a_file_that_is_refused(ana: DriveWire, body: Any, refusal: tuple[int, str]) -> None:
    assert ana.refused("POST", "/files", body) == refusal
    assert ana.json("/files")["files"] == []


def test_uploads_that_are_refused(ana: DriveWire) -> None:
    slides = {"name": "x", "mimeType": "application/vnd.google-apps.presentation"}
    assert ana.multipart(slides, "text/plain", b"x", judged=False).status_code == 400
    for sort, content in (("multipart/related; boundary=x", b"--y"), ("multipart/mixed; boundary=x", b"--x")):
        refused = ana.refused("POST", UPLOAD, content=content, headers={"content-type": sort},
                              uploadType="multipart")  # fmt: skip
        assert refused == (400, "badContent")
    assert ana.refused("POST", UPLOAD, content=b"x", uploadType="tus") == (400, "badRequest")
    folder = ana.make({"name": "Plain.txt"})["id"]
    assert ana.refused("POST", "/files", {"name": "x", "parents": [folder]}) == (403, "parentNotAFolder")


def test_an_own_id(ana: DriveWire) -> None:
    [id_] = ana.json("/files/generateIds", count=1)["ids"]
    assert ana.make({"id": id_, "name": "Mine"})["id"] == id_
    assert ana.refused("POST", "/files", {"id": id_, "name": "Mine"}) == (409, "fileIdInUse")


def test_moving(ana: DriveWire) -> None:
    one, two = (ana.make({"name": name, "mimeType": FOLDER})["id"] for name in ("One", "Two"))
    file = ana.make({"name": "x.txt", "parents": [one]})["id"]
    assert ana.refused("PATCH", f"/files/{file}", {"parents": [two]}) == (403, "fieldNotWritable")
    assert ana.refused("PATCH", f"/files/{file}", {}, addParents=two) == (403, "cannotAddParent")
    assert ana.change(file, addParents=two, removeParents=one)["parents"] == [two]
    assert ana.refused("PATCH", f"/files/{file}", {}, addParents=one, removeParents="root") == (
        404,
        "notFound",
    )
    assert ana.change(one, addParents=two, removeParents="root")["parents"] == [two]
    assert ana.refused("PATCH", f"/files/{two}", {}, addParents=one, removeParents="root") == (
        400,
        "badRequest",
    )


def test_the_trash(ana: DriveWire) -> None:
    folder = ana.make({"name": "Old", "mimeType": FOLDER})["id"]
    ana.make({"name": "inside.txt", "parents": [folder]})
    trashed = ana.change(folder, {"trashed": True})
    assert (trashed["trashed"], trashed["explicitlyTrashed"]) == (True, True)
    assert ana.names("trashed = true", orderBy="name") == ["inside.txt", "Old"]
    ana.change(folder, {"trashed": False})
    assert ana.names("trashed = true") == []
    assert ana("DELETE", f"/files/{folder}", judged=False).status_code == 501


def test_what_is_somebody_elses(all_of_ana: DriveWire) -> None:
    ben = all_of_ana.of("ben")
    denied = (403, "insufficientFilePermissions")
    notes, menu = f"/files/{ben['Meeting notes.txt']}", f"/files/{ben['Menu for Saturday.txt']}"
    assert all_of_ana.refused("PATCH", notes, {"name": "x"}) == denied
    assert all_of_ana("PATCH", notes, {"starred": True}).status_code == 200
    assert all_of_ana("PATCH", menu, {"name": "Menu"}).status_code == 200
    assert all_of_ana.refused("PATCH", menu, {"trashed": True}) == denied
    assert all_of_ana.refused("GET", f"{notes}/permissions") == denied
    copied = all_of_ana("POST", f"{notes}/copy", {}, fields="*").json()
    assert (copied["name"], copied["ownedByMe"]) == ("Copy of Meeting notes.txt", True)
    folder = all_of_ana.of()["Travel"]
    assert all_of_ana.refused("POST", f"/files/{folder}/copy", {}) == (403, "cannotCopyFile")


def test_what_is_made_into_a_document_or_a_spreadsheet(ana: DriveWire) -> None:
    doc, sheet = (
        {"name": "D", "mimeType": DOC},
        {"name": "S", "mimeType": DOC.replace("document", "spreadsheet")},
    )
    made = ana.multipart(doc, "text/markdown; charset=UTF-8", "# Tea 🍵\n\nHot".encode(), fields="*").json()
    assert (made["mimeType"], "md5Checksum" in made) == (DOC, False)
    assert "text/markdown" in made["exportLinks"]
    export = f"/files/{made['id']}/export"
    assert ana("GET", export, mimeType="text/markdown").text.startswith("# Tea 🍵")
    assert ana("GET", export, mimeType="application/pdf").content.startswith(b"%PDF")
    table = ana.multipart(sheet, "text/csv", b"tea,grams\nAssam,120\n").json()
    cells = ana("GET", f"/files/{table['id']}/export", mimeType="text/csv").text
    assert cells.replace("\r\n", "\n").strip() == "tea,grams\nAssam,120"
    how: dict[str, Any] = {
        "content": b"New",
        "headers": {"content-type": "text/plain"},
        "uploadType": "media",
    }
    assert ana("PATCH", f"{UPLOAD}/{made['id']}", **how).status_code == 200
    assert ana("GET", export, mimeType="text/plain").text.strip("\ufeff\r\n") == "New"
    refused = ana.multipart(doc, "image/png", b"\x89PNG", judged=False)
    assert refused.json()["error"]["errors"][0]["reason"] == "conversionUnsupportedConversionPath"
    assert ana.names("fullText contains 'assam'") == ["S"]


# Sharing


def test_sharing(ana: DriveWire) -> None:
    folder = ana.make({"name": "Party", "mimeType": FOLDER})["id"]
    ana.make({"name": "Guests.txt", "parents": [folder]})
    to = {"type": "user", "role": "writer", "emailAddress": EMIL}
    made = ana("POST", f"/files/{folder}/permissions", to, emailMessage="Look!", fields="*").json()
    assert (made["displayName"], made["role"]) == ("Emil Nowak", "writer")
    assert ana.emulator.read("drive/mail") == [
        {"account": "ana", "file": folder, "name": "Party", "to": EMIL, "role": "writer", "message": "Look!"}
    ]
    emil = DriveWire(ana.emulator, "emil")
    assert emil.names("sharedWithMe", orderBy="name") == ["Guests.txt", "Party", "Website relaunch"]
    where = f"/files/{folder}/permissions/{made['id']}"
    assert ana("PATCH", where, {"role": "reader"}, fields="role").json() == {"role": "reader"}
    assert emil.refused("PATCH", f"/files/{folder}", {"name": "x"}) == (403, "insufficientFilePermissions")
    listed = ana.json(f"/files/{folder}/permissions", fields="permissions(emailAddress,role)")["permissions"]
    assert listed[1] == {"emailAddress": EMIL, "role": "reader"}
    assert ana("DELETE", where).status_code == 204
    assert emil.refused("GET", f"/files/{folder}") == (404, "notFound")
    assert ana.refused("DELETE", where) == (404, "notFound")
    assert ana.refused("DELETE", f"/files/{folder}/permissions/{listed and owner(ana, folder)}")[0] == 403


def owner(wire: DriveWire, file: str) -> str:
    rows = wire.json(f"/files/{file}/permissions")["permissions"]
    return next(row["id"] for row in rows if row["role"] == "owner")


@pytest.mark.parametrize(
    ("body", "query", "refusal"),
    [
        ({"type": "user", "role": "reader"}, {}, (400, "invalid")),
        ({"type": "user", "role": "reader", "emailAddress": "not an address"}, {}, (400, "invalid")),
        ({"type": "user", "emailAddress": EMIL}, {}, (400, "required")),
        ({"role": "reader", "emailAddress": EMIL}, {}, (400, "required")),
        ({"type": "robot", "role": "reader"}, {}, (400, "invalid")),
        ({"type": "user", "role": "editor", "emailAddress": EMIL}, {}, (400, "invalid")),
        ({"type": "user", "role": "owner", "emailAddress": EMIL}, {}, (403, "forbidden")),
        ({"type": "domain", "role": "reader", "domain": "nowhere.example"}, {}, (400, "invalid")),
        ({"type": "user", "role": "reader", "emailAddress": STRANGER}, {"sendNotificationEmail": "false"},
         (400, "invalidSharingRequest")),
        ({"type": "anyone", "role": "reader", "mail": EMIL}, {}, (403, "fieldNotWritable")),
        ({"type": "anyone", "role": "reader"}, {"sendNotificationEmail": "no"}, (400, "invalidParameter")),
    ],
)  # fmt: skip
def test_sharing_that_is_refused(
    ana: DriveWire, body: Any, query: dict[str, str], refusal: tuple[int, str]
) -> None:
    file = ana.make({"name": "x.txt"})["id"]
    assert ana.refused("POST", f"/files/{file}/permissions", body, **query) == refusal
    assert ana.emulator.read("drive/mail") == []
    assert len(ana.json(f"/files/{file}/permissions")["permissions"]) == 1


def test_everybody_and_a_domain(ana: DriveWire) -> None:
    file = ana.make({"name": "x.txt"})["id"]
    anyone = ana("POST", f"/files/{file}/permissions", {"type": "anyone", "role": "reader"}).json()
    assert anyone["id"] == "anyoneWithLink"
    cleo = DriveWire(ana.emulator, "cleo")
    assert cleo.json(f"/files/{file}")["name"] == "x.txt"
    assert cleo.names("trashed = false") == []
    body = {"type": "domain", "role": "commenter", "domain": "duarte-atelier.example"}
    assert ana("POST", f"/files/{file}/permissions", body, fields="*").json()["domain"] == body["domain"]
    assert ana.emulator.read("drive/mail") == []
