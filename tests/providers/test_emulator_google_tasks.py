"""Google Tasks at the emulator: what is hidden, how things are ordered, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers import discovery
from tests.providers.googlewire import GoogleWire, every_method
from tests.support.emulator import EmulatorProcess

MINE = "/tasks/v1/lists/@default/tasks"
LISTS = "/tasks/v1/users/@me/lists"


@pytest.fixture
def tasks(emulator: EmulatorProcess) -> GoogleWire:
    return GoogleWire(emulator, "tasks.v1", ("tasks",))


def titles(tasks: GoogleWire, path: str = MINE, **query: Any) -> list[str]:
    return [row["title"] for row in tasks.json("GET", path, **query)["items"]]


def test_all_of_the_document_is_served(emulator: EmulatorProcess) -> None:
    methods = {m["id"].partition(".")[2] for m in discovery.google("tasks.v1").operations()}
    assert every_method(emulator, "tasks.v1") == methods


def test_what_is_done_deleted_or_assigned_is_shown_only_when_asked(
    tasks: GoogleWire, emulator: EmulatorProcess
) -> None:
    plain = titles(tasks)
    assert "Book train to Porto" in plain  # ticked off through the API
    assert "Return library books" not in plain  # ticked off by hand
    assert "Return library books" not in titles(tasks, showHidden="true", showCompleted="false")
    assert "Return library books" in titles(tasks, showHidden="true")
    [first] = [row for row in tasks.json("GET", MINE)["items"] if row["title"] == "Call the plumber"]
    assert tasks("DELETE", f"{MINE}/{first['id']}").status_code == 204
    assert len(titles(tasks)) == len(plain) - 3  # its subtasks, too
    gone = [row for row in tasks.json("GET", MINE, showDeleted="true")["items"] if row.get("deleted")]
    assert len(gone) == 3
    assert tasks.json("GET", f"{MINE}/{first['id']}")["deleted"] is True
    assert tasks.json("PATCH", f"{MINE}/{first['id']}", {"deleted": False}).get("deleted") is None
    work = GoogleWire(emulator, "tasks.v1", ("tasks.readonly",), "ana-work")
    assert "Comment on the brief" not in titles(work)
    assert "Comment on the brief" in titles(work, showAssigned="true")
    assert work.refused("POST", MINE, {"title": "a"}) == (403, "insufficientPermissions")


def test_a_date_is_all_that_is_kept_and_null_takes_it_away(tasks: GoogleWire) -> None:
    made = tasks.json("POST", MINE, {"title": "Tea", "due": "2027-03-28T23:30:00+01:00", "notes": "x"})
    assert made["due"] == "2027-03-28T00:00:00.000Z"
    assert made["status"] == "needsAction"
    path = f"{MINE}/{made['id']}"
    assert "due" not in tasks.json("PATCH", path, {"due": None})
    done = tasks.json("PATCH", path, {"status": "completed"})
    assert done["completed"]
    assert tasks.refused("PATCH", path, {"title": "b"}, etag=made["etag"]) == (412, "conditionNotMet")
    assert "completed" not in tasks.json("PATCH", path, {"status": "needsAction"}, etag=done["etag"])
    assert "notes" not in tasks.json("PUT", path, {"title": "Coffee"})
    assert titles(tasks)[0] == "Coffee"
    low, high = "2027-03-28T00:00:00Z", "2027-03-29T00:00:00Z"
    tasks.json("PATCH", path, {"due": "2027-03-28T00:00:00Z"})
    assert titles(tasks, dueMin=low, dueMax=high) == ["Coffee"]
    assert titles(tasks, dueMin=high) == []


def test_order_and_levels(tasks: GoogleWire) -> None:
    [books] = [row for row in tasks.json("GET", LISTS)["items"] if row["title"] == "Books to read"]
    path = f"/tasks/v1/lists/{books['id']}/tasks"
    first = tasks.json("GET", path)
    assert len(first["items"]) == 20
    second = tasks.json("GET", path, maxResults=100, pageToken=first["nextPageToken"])
    assert len(second["items"]) == 44
    assert "nextPageToken" not in second
    one, two, three = (row["id"] for row in first["items"][:3])
    tasks.json("POST", f"{path}/{one}/move", previous=two)
    assert titles(tasks, path)[:3] == ["Book 2", "Book 1", "Book 3"]
    under = tasks.json("POST", f"{path}/{three}/move", parent=one)
    assert (under["parent"], under["position"]) == (one, "0" * 20)
    assert tasks.refused("POST", f"{path}/{two}/move", previous=three)[0] == 400  # no neighbour
    assert tasks.refused("POST", f"{path}/{two}/move", parent=two)[0] == 400
    moved = tasks.json("POST", f"{path}/{two}/move", destinationTasklist="@default")
    assert titles(tasks)[0] == moved["title"]
    made = tasks.json("POST", LISTS, {"title": "New"})
    assert tasks.json("PATCH", f"{LISTS}/{made['id']}", {"title": "Newer"})["title"] == "Newer"
    assert tasks("DELETE", f"{LISTS}/{made['id']}").status_code == 204
    assert tasks("POST", "/tasks/v1/lists/@default/clear").status_code == 204
    assert "Book train to Porto" not in titles(tasks)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", MINE, {"title": "a" * 1025}, 400),
        ("POST", MINE, {"title": "a", "notes": "b" * 8193}, 400),
        ("POST", MINE, {"title": "a", "due": "2027-03-28"}, 400),
        ("POST", MINE, {"title": "a", "status": "done"}, 400),
        ("POST", f"{MINE}?parent=nothing", {"title": "a"}, 400),
        ("GET", f"{MINE}?dueMax=tomorrow", None, 400),
        ("GET", f"{MINE}?pageToken=x", None, 400),
        ("GET", f"{MINE}?fields=items(", None, 400),
        ("GET", f"{MINE}/nothing", None, 404),
        ("GET", "/tasks/v1/lists/nothing/tasks", None, 404),
        ("DELETE", f"{LISTS}/@default", None, 400),
    ],
)
def test_what_google_refuses(tasks: GoogleWire, method: str, path: str, body: Any, status: int) -> None:
    path, _, text = path.partition("?")
    query = dict([text.split("=")]) if text else {}
    assert tasks.refused(method, path, body, **query)[0] == status
