"""google-api-python-client, code nobody here wrote, drives the emulator unchanged: a story for each API.

Every request and every answer is judged by the discovery document; after what is written, the emulator is
asked what is so now.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload, MediaIoBaseDownload, MediaIoBaseUpload

from tests.providers import road
from tests.providers.mailbox import letter, opened, parts, raw
from tests.support.emulator import EmulatorProcess

Json = dict[str, Any]
DOC = "application/vnd.google-apps.document"


Library = Callable[..., Any]


@pytest.fixture
def library(emulator: EmulatorProcess) -> Iterator[Library]:
    """An API as the library has it, closed afterwards."""
    with ExitStack() as stack:
        yield lambda *asked, **how: stack.enter_context(closing(road.api(emulator, *asked, **how)))


def pages(resource: Any, request: Any, rows: str, again: str = "list_next") -> list[Json]:
    """Everything a list has, page by page as the library turns them; no page is the last but the last."""
    found: list[Json] = []
    turned = 0
    while request is not None:
        answer = request.execute()
        found += answer.get(rows, [])
        request = getattr(resource, again)(request, answer)
        turned += 1
    assert turned > 1, "one page is no pages"
    return found


def refused(request: Any) -> tuple[int, str]:
    """The status of a refusal, and what the library takes for its reason."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    assert caught.value.reason
    return int(caught.value.status_code), str(caught.value.reason)


def test_calendar(emulator: EmulatorProcess, library: Library) -> None:
    events = library("calendar.v3", "calendar.events").events()
    listing = events.list(calendarId="primary", singleEvents=True, orderBy="startTime", maxResults=5,
                          timeMax="2199-01-01T00:00:00Z", q="choir")  # fmt: skip
    first = listing.execute()
    second = events.list_next(listing, first).execute()
    assert {row["summary"] for row in first["items"] + second["items"]} == {"Choir rehearsal"}
    assert len({row["id"] for row in first["items"] + second["items"]}) == 10
    tea = {"summary": "Tea", "start": {"dateTime": "2027-03-10T16:00:00Z"},
           "end": {"dateTime": "2027-03-10T17:00:00Z"}}  # fmt: skip
    made = events.insert(calendarId="primary", body=tea).execute()
    events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Tea with Nuno"}).execute()
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["summary"] == "Tea with Nuno"
    assert events.delete(calendarId="primary", eventId=made["id"]).execute() == ""
    assert refused(events.get(calendarId="primary", eventId="nothing")) == (404, "Not Found")


def test_gmail(emulator: EmulatorProcess, library: Library) -> None:
    users = library("gmail.v1", "gmail.modify").users()
    threads = users.threads()
    rows = pages(threads, threads.list(userId="me", q="in:inbox", maxResults=4), "threads")
    assert len({row["id"] for row in rows}) == len(rows) == 10
    messages = users.messages()
    (costs,) = messages.list(userId="me", q="filename:xlsx").execute()["messages"]
    whole = messages.get(userId="me", id=costs["id"], format="full").execute()
    id_ = parts(whole)["2"]["body"]["attachmentId"]
    data = messages.attachments().get(userId="me", messageId=costs["id"], id=id_).execute()["data"]
    assert opened(data).startswith(b"What,Who paid,Euro")
    star = {"addLabelIds": ["STARRED"], "removeLabelIds": ["INBOX"]}
    assert "STARRED" in messages.modify(userId="me", id=costs["id"], body=star).execute()["labelIds"]
    sent = messages.send(userId="me", body={"raw": raw(letter())}).execute()
    uploaded = messages.send(
        userId="me", body={"threadId": whole["threadId"]},
        media_body=MediaInMemoryUpload(letter(subject="Cake"), mimetype="message/rfc822"),
    ).execute()  # fmt: skip
    assert [row["id"] for row in emulator.read("gmail/sent")] == [sent["id"], uploaded["id"]]
    draft = (
        users.drafts().create(userId="me", body={"message": {"raw": raw(letter(subject="Pie"))}}).execute()
    )
    assert users.drafts().send(userId="me", body={"id": draft["id"]}).execute()["labelIds"] == ["SENT"]
    ben = emulator.read("gmail/mailbox", account="ben")["messages"]
    assert [row["subject"] for row in ben[:3]] == ["Pie", "Cake", "Tea"]
    assert messages.trash(userId="me", id=sent["id"]).execute()["labelIds"] == ["SENT", "TRASH"]
    assert refused(messages.get(userId="me", id="19aa00000000beef")) == (
        404, "Requested entity was not found.",
    )  # fmt: skip
    nobody = {"raw": raw(letter(""))}
    assert refused(messages.send(userId="me", body=nobody)) == (400, "Recipient address required")


def test_drive(emulator: EmulatorProcess, library: Library) -> None:
    service = library("drive.v3", "drive")
    files = service.files()
    listing = files.list(pageSize=5, q="trashed = false", fields="nextPageToken,files(id,name,mimeType)")
    rows = pages(files, listing, "files")
    assert len({row["id"] for row in rows}) == len(rows)
    doc = next(row["id"] for row in rows if row["mimeType"] == DOC)
    note = MediaInMemoryUpload(b"four eggs", mimetype="text/plain")
    made = files.create(body={"name": "Cake.txt"}, media_body=note, fields="id,size").execute()
    assert made["size"] == "9"
    loaf = io.BytesIO(b"flour " * 100_000)  # more than two pieces
    pieces = MediaIoBaseUpload(loaf, mimetype="text/plain", chunksize=256 * 1024, resumable=True)
    request = files.create(body={"name": "Bread.txt"}, media_body=pieces, fields="id,size")
    response, turns = None, 0
    while response is None:
        _, response = request.next_chunk()
        turns += 1
    assert (response["size"], turns) == ("600000", 3)
    got = io.BytesIO()
    download = MediaIoBaseDownload(got, files.get_media(fileId=response["id"]), chunksize=1024 * 1024)
    done = False
    while not done:
        _, done = download.next_chunk()
    assert got.getvalue() == loaf.getvalue()
    assert b"#" in files.export_media(fileId=doc, mimeType="text/markdown").execute()
    sharing = service.permissions()
    shared = {"type": "user", "role": "reader", "emailAddress": "ben.okafor@gmail.com"}
    permission = sharing.create(fileId=made["id"], body=shared, sendNotificationEmail=False).execute()
    theirs = library("drive.v3", "drive", account="ben").files()
    assert theirs.get(fileId=made["id"]).execute()["name"] == "Cake.txt"
    sharing.delete(fileId=made["id"], permissionId=permission["id"]).execute()
    assert refused(theirs.get(fileId=made["id"]))[0] == 404
    assert files.update(fileId=made["id"], body={"trashed": True}, fields="trashed").execute() == {
        "trashed": True
    }
    assert refused(files.get_media(fileId=doc))[0] == 403


def test_docs(emulator: EmulatorProcess, library: Library) -> None:
    documents = library("docs.v1", "documents").documents()
    made = documents.create(body={"title": "Shopping"}).execute()
    insert = {"insertText": {"text": "Eggs 🥚\nFlour\n", "location": {"index": 1}}}
    replace = {"replaceAllText": {"replaceText": "Rye", "containsText": {"text": "flour"}}}
    body = {"requests": [insert, replace], "writeControl": {"requiredRevisionId": made["revisionId"]}}
    answer = documents.batchUpdate(documentId=made["documentId"], body=body).execute()
    assert answer["replies"][1] == {"replaceAllText": {"occurrencesChanged": 1}}
    shown = documents.get(documentId=made["documentId"], includeTabsContent=True).execute()
    blocks = shown["tabs"][0]["documentTab"]["body"]["content"]
    runs = [run["textRun"]["content"] for b in blocks for run in b.get("paragraph", {}).get("elements", [])]
    assert "".join(runs).startswith("Eggs 🥚\nRye\n")
    stale = documents.batchUpdate(documentId=made["documentId"], body=body)
    assert refused(stale)[0] == 400
    far = {"requests": [{"insertText": {"text": "x", "location": {"index": 9999}}}]}
    assert refused(documents.batchUpdate(documentId=made["documentId"], body=far))[0] == 400
    assert refused(documents.get(documentId="nothing"))[0] == 404


def test_sheets(emulator: EmulatorProcess, library: Library) -> None:
    service = library("sheets.v4", "spreadsheets")
    book = service.spreadsheets().create(body={"properties": {"title": "Costs"}}).execute()
    id_ = book["spreadsheetId"]
    values = service.spreadsheets().values()
    rows = [["What", "Euro"], ["Train", 62.4], ["=1+1", None]]
    values.update(spreadsheetId=id_, range="A1", valueInputOption="RAW", body={"values": rows}).execute()
    values.append(
        spreadsheetId=id_, range="A1", valueInputOption="USER_ENTERED", body={"values": [["Sum", "=1+1"]]}
    ).execute()
    got = values.batchGet(spreadsheetId=id_, ranges=["A2:B3", "B4"]).execute()["valueRanges"]
    assert [one["values"] for one in got] == [[["Train", "62.4"], ["=1+1"]], [["2"]]]
    values.clear(spreadsheetId=id_, range="A3:B4", body={}).execute()
    assert values.get(spreadsheetId=id_, range="A1:B9").execute()["values"] == [
        ["What", "Euro"], ["Train", "62.4"],
    ]  # fmt: skip
    titles = service.spreadsheets().get(spreadsheetId=id_, fields="sheets/properties/title").execute()
    assert len(titles["sheets"]) == 1
    assert refused(values.get(spreadsheetId=id_, range="Nowhere!A1")) == (
        400, "Unable to parse range: Nowhere!A1",
    )  # fmt: skip


def test_tasks(emulator: EmulatorProcess, library: Library) -> None:
    service = library("tasks.v1", "tasks")
    tasks = service.tasks()
    before = pages(tasks, tasks.list(tasklist="@default", maxResults=2, showHidden=True), "items")
    assert len({row["id"] for row in before}) == len(before)
    made = tasks.insert(tasklist="@default", body={"title": "Glaze", "due": "2027-03-28T00:00:00Z"}).execute()
    child = tasks.insert(tasklist="@default", parent=made["id"], body={"title": "Blue"}).execute()
    assert tasks.move(tasklist="@default", task=child["id"]).execute().get("parent") is None
    done = tasks.patch(tasklist="@default", task=made["id"], body={"status": "completed"}).execute()
    assert done["completed"]
    assert tasks.delete(tasklist="@default", task=child["id"]).execute() == ""
    assert "@default" not in [row["id"] for row in service.tasklists().list().execute()["items"]]
    assert refused(tasks.get(tasklist="@default", task="nothing"))[0] in {400, 404}


def test_people(emulator: EmulatorProcess, library: Library) -> None:
    people = library("people.v1", "contacts").people()
    mask = "names,emailAddresses,metadata"
    connections = people.connections()
    listing = connections.list(resourceName="people/me", personFields=mask, pageSize=2)
    rows = pages(connections, listing, "connections")
    assert len({row["resourceName"] for row in rows}) == len(rows)
    body = {"names": [{"givenName": "Nuno", "familyName": "Reis"}]}
    made = people.createContact(body=body, personFields=mask).execute()
    people.searchContacts(query="", readMask="names").execute()
    found = people.searchContacts(query="nuno", readMask="names").execute()["results"]
    assert [row["person"]["resourceName"] for row in found] == [made["resourceName"]]
    changed = {"etag": made["etag"], "emailAddresses": [{"value": "nuno@reis.example"}]}
    update = {"resourceName": made["resourceName"], "updatePersonFields": "emailAddresses"}
    people.updateContact(body=changed, **update).execute()
    shown = people.get(resourceName=made["resourceName"], personFields=mask).execute()
    assert shown["emailAddresses"][0]["value"] == "nuno@reis.example"
    assert refused(people.updateContact(body=changed, **update))[0] == 400  # its etag is of the past
    assert refused(people.get(resourceName="people/c0", personFields="names"))[0] == 404


def test_youtube(emulator: EmulatorProcess, library: Library) -> None:
    service = library("youtube.v3", "youtube")
    playlists, items = service.playlists(), service.playlistItems()
    mine = {
        row["snippet"]["title"]: row["id"]
        for row in playlists.list(part="snippet", mine=True, maxResults=50).execute()["items"]
    }
    listing = items.list(part="contentDetails", playlistId=mine["To cook 🍲"], maxResults=25)
    assert len(pages(items, listing, "items")) == 60
    search = service.search()
    first = search.list(part="id", q="recipe", type="video", maxResults=50)
    found = [row["id"]["videoId"] for row in pages(search, first, "items")]
    assert len(found) == len(set(found)) == 66
    made = playlists.insert(part="snippet,status", body={"snippet": {"title": "Bread"}}).execute()
    entry = {"playlistId": made["id"], "resourceId": {"kind": "youtube#video", "videoId": found[0]}}
    items.insert(part="snippet", body={"snippet": entry}).execute()
    (row,) = items.list(part="snippet", playlistId=made["id"]).execute()["items"]
    assert row["snippet"]["resourceId"]["videoId"] == found[0]
    assert emulator.read("google/quota")["youtube-search"] == 2
    assert refused(items.list(part="snippet", playlistId="nothing"))[0] == 404
