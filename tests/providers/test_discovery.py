"""The judge itself: what Google's discovery documents let through, and what they must catch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.providers import discovery

CALENDAR = discovery.google("calendar.v3")
PREFIX = "https://www.googleapis.com/auth/"
SCOPES = (f"{PREFIX}calendar.events", f"{PREFIX}calendar.calendarlist.readonly")
BASE = "https://www.googleapis.com/calendar/v3"
EVENTS = f"{BASE}/calendars/primary/events"
SENT = {"authorization": "Bearer x", "content-type": "application/json"}
LIST = "/calendars/primary/events"
JSON = {"content-type": "application/json; charset=UTF-8"}
EVENT: dict[str, Any] = {
    "summary": "Lunch",
    "start": {"dateTime": "2026-11-23T12:00:00+01:00"},
    "end": {"dateTime": "2026-11-23T13:00:00Z"},
    "attendees": [{"email": "ben@example.org", "optional": True}],
}


def request(method: str, url: str, body: Any = None, scopes: tuple[str, ...] = SCOPES) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    CALENDAR.assert_request_valid(method, url, SENT, raw, scopes)


def answer(method: str, path: str, status: int, body: Any) -> None:
    CALENDAR.assert_answer_valid(method, f"/calendar/v3{path}", status, JSON, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", f"{EVENTS}?timeMin=2026-11-23T00:00:00Z&singleEvents=true&orderBy=startTime", None),
        ("GET", f"{EVENTS}?eventTypes=default&eventTypes=focusTime&alt=json&prettyPrint=false", None),
        ("GET", f"{EVENTS}?fields=nextPageToken,items(id,start/dateTime,attendees(email)),summary", None),
        ("GET", f"{EVENTS}?fields=items/*", None),
        ("GET", f"{BASE}/calendars/en.portuguese%23holiday@group.v.calendar.google.com/events", None),
        ("GET", f"{BASE}/users/me/calendarList?minAccessRole=writer", None),
        ("POST", f"{EVENTS}?sendUpdates=none&conferenceDataVersion=1", EVENT),
        ("POST", EVENTS, {**EVENT, "start": {"dateTime": "2026-11-23T12:00:00", "timeZone": "Asia/Tokyo"}}),
        ("PATCH", f"{EVENTS}/abcde", {"location": None, "summary": "Dinner"}),
        ("DELETE", f"{EVENTS}/abcde", None),
    ],
)  # fmt: skip
def test_it_lets_through_what_is_right(method: str, url: str, body: Any) -> None:
    request(method, url, body)


@pytest.mark.parametrize(
    ("method", "url", "body", "fault"),
    [
        ("GET", f"{BASE}/calendars/primary/evnts", None, "there is no GET"),
        ("PUT", EVENTS, EVENT, "there is no PUT"),
        ("GET", f"{EVENTS}?limit=3", None, "limit is unknown"),
        ("GET", f"{EVENTS}?orderBy=start", None, "orderBy is not one of"),
        ("GET", f"{EVENTS}?maxResults=0", None, "maxResults is out of bounds"),
        ("GET", f"{EVENTS}?maxResults=many", None, "maxResults is no integer"),
        ("GET", f"{EVENTS}?singleEvents=yes", None, "singleEvents is no boolean"),
        ("GET", f"{EVENTS}?timeMin=2026-11-23T00:00:00", None, "timeMin is no date-time"),
        ("GET", f"{EVENTS}?q=a&q=b", None, "q is given twice"),
        ("GET", f"{EVENTS}?fields=items(id,titel)", None, "fields: there is no titel"),
        ("GET", f"{EVENTS}?fields=items(start(dateTime),id),ids", None, "fields: there is no ids"),
        ("GET", EVENTS, {"a": 1}, "it takes no body"),
        ("POST", f"{EVENTS}?conferenceDataVersion=2", EVENT, "conferenceDataVersion is out of bounds"),
        ("POST", EVENTS, {**EVENT, "end": {"datetime": "2026-11-23"}}, ".end.datetime is unknown"),
        ("POST", EVENTS, {**EVENT, "attendees": [{"mail": "a@b"}]}, ".attendees[0].mail is unknown"),
        ("POST", EVENTS, {**EVENT, "attendees": {"email": "a@b"}}, ".attendees is no array"),
        ("POST", EVENTS, {**EVENT, "summary": 3}, ".summary is no string"),
        ("POST", EVENTS, {**EVENT, "guestsCanModify": 1}, ".guestsCanModify is no boolean"),
        ("POST", EVENTS, {**EVENT, "start": {"date": "tomorrow"}}, ".start.date is no date"),
        ("POST", EVENTS, {**EVENT, "end": {"dateTime": "2026-11-23T12:00:00"}}, ".dateTime is no date-time"),
        ("POST", EVENTS, {**EVENT, "location": None}, ".location is no string"),
        ("POST", EVENTS, {"summary": "a", "start": EVENT["start"]}, ".end is missing"),
    ],
)  # fmt: skip
def test_it_catches_wrong_requests(method: str, url: str, body: Any, fault: str) -> None:
    with pytest.raises(AssertionError) as caught:
        request(method, url, body)
    assert fault in str(caught.value)


def test_it_wants_a_bearer_the_host_a_media_type_and_a_scope() -> None:
    with pytest.raises(AssertionError, match="bearer"):
        CALENDAR.assert_request_valid("GET", EVENTS, {}, b"", SCOPES)
    with pytest.raises(AssertionError, match="not https"):
        request("GET", "https://api.example.org/calendar/v3/colors")
    with pytest.raises(AssertionError, match="Content-Type"):
        CALENDAR.assert_request_valid("POST", EVENTS, {"authorization": "Bearer x"}, b"{}", SCOPES)
    with pytest.raises(AssertionError, match="wants one of"):
        request("POST", EVENTS, EVENT, scopes=(f"{PREFIX}calendar.events.readonly",))


@pytest.mark.parametrize(
    ("path", "status", "body", "fault"),
    [
        (LIST, 200, {"items": [{"title": "a"}]}, ".items[0].title is unknown"),
        (LIST, 200, {"items": {}}, ".items is no array"),
        (LIST, 200, {"items": [{"sequence": "1"}]}, ".items[0].sequence is no integer"),
        (LIST, 200, {"updated": "yesterday"}, ".updated is no date-time"),
        (LIST, 404, {"message": "Not Found"}, "that is no error"),
        (LIST, 404, {"error": "not_found"}, "that is no error"),
        (LIST, 404, {"error": {"code": 400, "message": "a", "status": "X"}}, "code and"),
        (LIST, 404, {"error": {"code": 404, "message": "a"}}, "neither errors nor status"),
        (LIST, 404,
         {"error": {"code": 404, "message": "a", "errors": [{"reason": "b"}]}}, "lacks domain"),
        (LIST, 404,
         {"error": {"code": 404, "message": "a", "status": "X", "hint": "b"}}, "error.hint is unknown"),
    ],
)  # fmt: skip
def test_it_catches_wrong_answers(path: str, status: int, body: Any, fault: str) -> None:
    with pytest.raises(AssertionError) as caught:
        answer("GET", path, status, body)
    assert fault in str(caught.value)


def test_it_knows_where_nothing_is_answered() -> None:
    CALENDAR.assert_answer_valid("DELETE", "/calendar/v3/calendars/primary/events/a", 204, {}, b"")
    with pytest.raises(AssertionError, match="answers nothing"):
        answer("DELETE", "/calendars/primary/events/a", 200, {})
    with pytest.raises(AssertionError, match="no body"):
        CALENDAR.assert_answer_valid("GET", "/calendar/v3/calendars/primary/events", 200, {}, b"")


def test_a_route_with_more_words_of_its_own_comes_first() -> None:
    assert (
        CALENDAR.operation("POST", "/calendar/v3/calendars/a/events/import")["id"] == "calendar.events.import"
    )
    docs = discovery.google("docs.v1")
    assert docs.operation("POST", "/v1/documents/a:batchUpdate")["id"] == "docs.documents.batchUpdate"
    people = discovery.google("people.v1")
    assert people.operation("PATCH", "/v1/people/c1:updateContact")["id"] == "people.people.updateContact"
    drive = discovery.google("drive.v3")
    assert drive.operation("POST", "/upload/drive/v3/files")["id"] == "drive.files.create"


def test_read_only_fields_are_no_request() -> None:
    docs = discovery.google("docs.v1")
    headers, scopes = SENT, (f"{PREFIX}documents",)
    url = "https://docs.googleapis.com/v1/documents"
    docs.assert_request_valid("POST", url, headers, b'{"title": "a"}', scopes)
    with pytest.raises(AssertionError, match="revisionId is read-only"):
        docs.assert_request_valid("POST", url, headers, b'{"revisionId": "a"}', scopes)


@pytest.mark.parametrize(
    "api",
    ["calendar.v3", "docs.v1", "drive.v3", "gmail.v1", "oauth2.v2", "people.v1", "sheets.v4", "tasks.v1",
     "youtube.v3"],
)  # fmt: skip
def test_every_method_of_every_api_is_found_by_its_own_path(api: str) -> None:
    contract = discovery.google(api)
    methods = list(contract.operations())
    assert methods
    base = {"gmail.v1": "", "docs.v1": "", "people.v1": "", "sheets.v4": "", "tasks.v1": "", "youtube.v3": "",
            "oauth2.v2": "", "drive.v3": "/drive/v3", "calendar.v3": "/calendar/v3"}[api]  # fmt: skip
    for method in methods:
        path = method.get("flatPath") or method["path"]
        concrete = "".join("x1" if at % 2 else text for at, text in enumerate(_split(path)))
        assert contract.operation(method["httpMethod"], f"{base}/{concrete}")["id"] == method["id"]


def _split(path: str) -> list[str]:
    return [piece for part in path.split("{") for piece in part.split("}")]
