"""What holds for all of Google's APIs at the emulator: tokens, scopes, limits, errors, fields, pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from providers.emulator.clock import Clock
from providers.emulator.google.upstream import APIS, Google
from providers.emulator.settings import Settings
from tests.providers import discovery
from tests.providers.drivewire import DriveWire
from tests.providers.googlewire import GoogleWire
from tests.support.emulator import EmulatorProcess

Json = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A reading of an API. `file` is the name of a file whose id `path` takes; `size` names the parameter for
    the size of a page, `other` makes it another question; `fields` selects `kept`.
    """

    method: str
    scope: str
    path: str
    fields: str
    kept: str
    query: Json = field(default_factory=dict)
    size: str = ""
    other: Json = field(default_factory=dict)
    file: str = ""


ASKS = {
    "calendar.v3": Ask("calendar.calendarList.list", "calendar.calendarlist.readonly",
                       "/calendar/v3/users/me/calendarList", "items(id)", "items", size="maxResults",
                       other={"minAccessRole": "reader"}),
    "gmail.v1": Ask("gmail.users.threads.list", "gmail.readonly", "/gmail/v1/users/me/threads", "threads/id",
                    "threads", size="maxResults", other={"q": "in:inbox"}),
    "drive.v3": Ask("drive.files.list", "drive.metadata.readonly", "/drive/v3/files", "files/id", "files",
                    size="pageSize", other={"q": "trashed = false"}),
    "docs.v1": Ask("docs.documents.get", "documents.readonly", "/v1/documents/", "title", "title",
                   file="Family recipes"),
    "sheets.v4": Ask("sheets.spreadsheets.get", "spreadsheets.readonly", "/v4/spreadsheets/",
                     "properties/title", "properties", file="Household budget"),
    "tasks.v1": Ask("tasks.tasks.list", "tasks.readonly", "/tasks/v1/lists/@default/tasks", "items(id)",
                    "items", size="maxResults", other={"showHidden": "true"}),
    "people.v1": Ask("people.people.connections.list", "contacts.readonly", "/v1/people/me/connections",
                     "connections/resourceName", "connections", {"personFields": "names"}, size="pageSize",
                     other={"personFields": "names,emailAddresses"}),
    "youtube.v3": Ask("youtube.playlists.list", "youtube.readonly", "/youtube/v3/playlists", "items/id",
                      "items", {"part": "snippet", "mine": "true"}, size="maxResults",
                      other={"part": "id,snippet"}),
}  # fmt: skip
EVENTS = "/calendar/v3/calendars/primary/events"
TEA = {
    "summary": "Tea",
    "start": {"dateTime": "2027-03-10T16:00:00Z"},
    "end": {"dateTime": "2027-03-10T17:00:00Z"},
}
PAGED = [name for name, ask in ASKS.items() if ask.size]


class Asker:
    """One person's reading of an API."""

    def __init__(self, emulator: EmulatorProcess, name: str, account: str = "ana", scope: str = "") -> None:
        self.ask = ASKS[name]
        self._path = self.ask.path
        if self.ask.file:
            self._path += DriveWire(emulator).of()[self.ask.file]
        self.wire = GoogleWire(emulator, name, (scope or self.ask.scope,), account)

    def __call__(self, *, judged: bool = True, **more: Any) -> httpx2.Response:
        return self.wire("GET", self._path, judged=judged, **{**self.ask.query, **more})


@pytest.fixture
def asker(emulator: EmulatorProcess) -> Callable[..., Asker]:
    return lambda name, account="ana", scope="": Asker(emulator, name, account, scope)


def kind(name: str) -> tuple[bool, bool]:
    """Whether the errors of an API have `errors`, and whether they have a `status`."""
    api = next(api for api in APIS if any(method[0] == ASKS[name].method for method in api.served))
    return not api.modern, api.modern or api.both


def error(name: str, answer: httpx2.Response) -> Json:
    """The error of an answer, in the shape of its API."""
    found: Json = answer.json()["error"]
    older, newer = kind(name)
    assert found["code"] == answer.status_code
    assert ("errors" in found) == older
    assert "status" in found or not newer
    return found


def test_every_api_of_ours_is_asked() -> None:
    assert set(ASKS) == set(discovery.APIS)
    assert {kind(name) for name in ASKS} == {(True, False), (True, True), (False, True)}


@pytest.mark.parametrize("name", ASKS)
def test_tokens_and_scopes(asker: Callable[..., Asker], emulator: EmulatorProcess, name: str) -> None:
    ask = asker(name, scope="userinfo.profile")
    refused = ask(judged=False)
    challenge = refused.headers["www-authenticate"]
    assert (refused.status_code, 'error="insufficient_scope"' in challenge) == (403, True)
    assert f"auth/{ask.ask.scope}" in challenge
    (info,) = error(name, refused)["details"]
    assert (info["reason"], info["metadata"]["method"]) == (
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT", ask.ask.method,
    )  # fmt: skip
    allowed = asker(name)
    assert allowed().status_code == 200
    emulator.expire("access")
    expired = allowed(judged=False)
    assert (expired.status_code, error(name, expired)["status"]) == (401, "UNAUTHENTICATED")
    assert 'error="invalid_token"' in expired.headers["www-authenticate"]


@pytest.mark.parametrize("name", ASKS)
def test_limits_are_each_persons_own(
    asker: Callable[..., Asker], emulator: EmulatorProcess, name: str
) -> None:
    api = next(api for api in APIS if any(method[0] == ASKS[name].method for method in api.served))
    bucket, units = api.cost.get(ASKS[name].method, (api.buckets[0].name, 1))
    shared = next(one.shared for one in api.buckets if one.name == bucket)
    ana, other = asker(name), asker(name, account="ana-work")
    emulator.control("google/quota", **{bucket: units})
    assert ana().status_code == 200
    refused = ana()
    said = error(name, refused)
    assert (refused.status_code, said.get("status")) in {
        (403, None), (403, "PERMISSION_DENIED"), (429, "RESOURCE_EXHAUSTED"),
    }  # fmt: skip
    if "errors" in said:
        assert said["errors"][0]["domain"] in {"usageLimits", "youtube.quota"}
    else:
        assert said["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert (other().status_code == refused.status_code) == shared
    emulator.advance(86400 if shared else 60)
    assert asker(name)().status_code == 200


@pytest.mark.parametrize("name", ASKS)
def test_faults_have_the_shape_of_their_api(
    asker: Callable[..., Asker], emulator: EmulatorProcess, name: str
) -> None:
    ask = asker(name)
    host = ask.wire.contract.origin.removeprefix("https://")
    emulator.fault(f"GET {host}/*", kind="status", status=503)
    assert error(name, ask())["code"] == 503


@pytest.mark.parametrize("name", ASKS)
def test_fields(asker: Callable[..., Asker], name: str) -> None:
    ask = asker(name)
    whole, part = ask().json(), ask(fields=ask.ask.fields).json()
    assert part.keys() == {ask.ask.kept} < whole.keys()
    assert len(part[ask.ask.kept]) in {1, len(whole[ask.ask.kept])}
    assert error(name, ask(judged=False, fields="items(id"))["code"] == 400


@pytest.mark.parametrize("name", PAGED)
def test_a_page_token_is_of_its_own_question(asker: Callable[..., Asker], name: str) -> None:
    ask = asker(name)
    pages = {ask.ask.size: 1}
    first = ask(**pages).json()
    token = first["nextPageToken"]
    second = ask(**pages, pageToken=token).json()
    assert first[ask.ask.kept] != second[ask.ask.kept]
    for refused in (
        ask(**pages, pageToken="guess", judged=False),
        ask(**pages, **{**ask.ask.other, "pageToken": token}, judged=False),
        asker(name, account="ben")(**pages, pageToken=token, judged=False),
    ):
        assert error(name, refused)["code"] == 400


def test_everything_outlives_a_restart() -> None:
    """Of a world of another day every API is as it was kept; the calendar adds what is due today."""
    then, now = Clock(), Clock()
    now.offset = 90 * 86400
    kept, fresh = Google(then, Settings()), Google(now, Settings())
    data = json.loads(json.dumps(kept.dump()))
    different = {name for name, state in fresh.dump()["apis"].items() if state != data["apis"][name]}
    assert {"calendar", "gmail", "drive", "tasks", "youtube"} <= different
    fresh.load(data)
    loaded = json.loads(json.dumps(fresh.dump()))["apis"]
    assert loaded.pop("calendar") != data["apis"].pop("calendar")
    assert loaded == data["apis"]


def seen(emulator: EmulatorProcess) -> Json:
    """What ana has of everything."""
    calendar = GoogleWire(emulator, "calendar.v3", ("calendar.events",))
    return {
        "events": calendar.json(
            "GET", EVENTS, timeMin="2027-03-01T00:00:00Z", timeMax="2027-03-20T00:00:00Z"
        ),
        "files": DriveWire(emulator).json("/files", fields="*"),
        "lists": emulator.read("tasks/lists", account="ana"),
        "contacts": emulator.read("people/contacts", account="ana"),
        "library": emulator.read("youtube/library"),
    }


def test_what_was_done_outlives_a_restart(tmp_path: Path) -> None:
    """What was made is there, and all the rest as it was."""
    with EmulatorProcess(tmp_path / "state.json") as before:
        calendar = GoogleWire(before, "calendar.v3", ("calendar.events",))
        made = calendar.json("POST", EVENTS, TEA)
        drive = DriveWire(before)
        file = drive.multipart({"name": "Kept.txt"}, "text/plain", "für später".encode(), fields="*").json()
        drive.change(drive.of()["Notes.txt"], {"trashed": True})
        GoogleWire(before, "tasks.v1", ("tasks",)).json(
            "POST", "/tasks/v1/lists/@default/tasks", {"title": "Kept"}
        )
        people = GoogleWire(before, "people.v1", ("contacts",))
        people.json("POST", "/v1/people:createContact", {"names": [{"givenName": "Kept"}]})
        youtube = GoogleWire(before, "youtube.v3", ("youtube",))
        youtube.json("POST", "/youtube/v3/playlists", {"snippet": {"title": "Kept"}}, part="snippet")
        kept = seen(before)
    with EmulatorProcess(tmp_path / "state.json") as after:
        assert seen(after) == kept
        calendar = GoogleWire(after, "calendar.v3", ("calendar.events",))
        assert calendar.json("GET", f"{EVENTS}/{made['id']}") == made
        assert DriveWire(after)("GET", f"/files/{file['id']}", alt="media").text == "für später"
    assert kept["lists"][0]["tasks"][0]["title"] == "Kept"
    assert kept["contacts"][-1]["names"][0]["displayName"] == "Kept"
    assert kept["library"]["playlists"][-1]["title"] == "Kept"
