"""Writing Google Calendar at the emulator: what makes an event, who would get mail, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.providers.google import EVENTS, TEA, WEEKLY, CalendarWire, between, titles
from tests.support.emulator import EmulatorProcess


@pytest.fixture
def ana(emulator: EmulatorProcess) -> CalendarWire:
    return CalendarWire(emulator)


def test_a_new_event(ana: CalendarWire) -> None:
    made = ana.insert({**TEA, "location": "Café Luz", "reminders": {"useDefault": False}})
    assert re.fullmatch(r"[a-v0-9]{26}", made["id"])
    assert made["creator"] == {"email": "ana.duarte@gmail.com", "self": True}
    assert made["htmlLink"].startswith("https://www.google.com/calendar/event?eid=")
    assert (made["status"], made["sequence"], made["eventType"]) == ("confirmed", 0, "default")
    assert ana.json(f"{EVENTS}/{made['id']}") == made
    assert titles(ana.events(**between("2027-03-10T00:00:00Z", "2027-03-11T00:00:00Z", q="nuno"))) == [
        "Tea with Nuno"
    ]


def test_an_own_id_is_used_once(ana: CalendarWire) -> None:
    own = {**TEA, "id": "tea0nuno"}
    assert ana.insert(own)["id"] == "tea0nuno"
    duplicate = (409, "duplicate", "The requested identifier already exists.")
    assert ana.refused("POST", EVENTS, own) == duplicate
    assert ana("DELETE", f"{EVENTS}/tea0nuno").status_code == 204
    assert ana.refused("POST", EVENTS, own) == duplicate
    assert ana.refused("POST", EVENTS, {**TEA, "id": "Tea-Nuno"})[:2] == (400, "invalid")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"start": None}, "required"),
        ({"end": None}, "required"),
        ({"end": {}}, "required"),
        ({"end": {"date": "2027-03-11"}}, "invalid"),
        ({"end": {"dateTime": "2027-03-10T15:00:00Z"}}, "timeRangeEmpty"),
        ({"start": {"dateTime": "2027-03-10T16:00:00"}}, "invalid"),
        ({"start": {"dateTime": "2027-03-10T16:00:00Z", "timeZone": "Mars/Olympus"}}, "invalid"),
        ({"start": {"date": "0001-01-01"}}, "invalid"),
        ({"start": {"dateTime": "9999-12-31T16:00:00", "timeZone": "Asia/Tokyo"}}, "invalid"),
        ({"start": {"date": "2027-02-30"}, "end": {"date": "2027-03-01"}}, "invalid"),
        ({"start": {"date": "2027-03-01"}, "end": {"date": "2027-03-01"}}, "timeRangeEmpty"),
        ({"recurrence": ["RRULE:FREQ=DAILY"]}, "required"),
        ({"attendees": [{"email": "nobody"}]}, "invalid"),
        ({"attendees": [{"email": "a@b.example", "responseStatus": "maybe"}]}, "invalid"),
        ({"attendees": ["a@b.example"]}, "parseError"),
        ({"summary": 3}, "parseError"),
        ({"visibility": "secret"}, "invalid"),
    ],
)
def test_wrong_events(ana: CalendarWire, changes: dict[str, Any], reason: str) -> None:
    body = {name: value for name, value in {**TEA, **changes}.items() if value is not None}
    assert ana.refused("POST", EVENTS, body)[:2] == (400, reason)


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=SOMETIMES",
        "RRULE:FREQ=MINUTELY",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20280101T000000Z",
        "DTSTART:20270315T090000Z",
        "RRULE:FREQ=DAILY;UNTIL=soon",
    ],
)
def test_wrong_rules(ana: CalendarWire, rule: str) -> None:
    refused = ana.refused("POST", EVENTS, {**WEEKLY, "recurrence": [rule]})
    assert refused == (400, "invalid", "Invalid recurrence rule.")


def test_nobody_gets_mail_unless_asked_to(ana: CalendarWire, emulator: EmulatorProcess) -> None:
    guests = [
        {"email": "ben.okafor@gmail.com"},
        {"email": "nuno@tea.example"},
        {"email": "ana.duarte@gmail.com"},
    ]
    made = ana.insert({**TEA, "attendees": guests})
    assert [guest["responseStatus"] for guest in made["attendees"]] == [
        "needsAction",
        "needsAction",
        "accepted",
    ]
    ana("PATCH", f"{EVENTS}/{made['id']}", {"summary": "Tea"}, query={"sendUpdates": "none"})
    assert emulator.read("calendar/mail") == []
    ana.insert({**TEA, "attendees": guests}, sendUpdates="externalOnly")
    ana("DELETE", f"{EVENTS}/{made['id']}", query={"sendUpdates": "all"})
    assert [(mail["what"], mail["to"]) for mail in emulator.read("calendar/mail")] == [
        ("invitation", ["nuno@tea.example"]),
        ("cancellation", ["ben.okafor@gmail.com", "nuno@tea.example"]),
    ]


def test_a_meet_call(ana: CalendarWire) -> None:
    asked = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    assert "hangoutLink" not in ana.insert({**TEA, "conferenceData": asked})
    pending = ana.insert({**TEA, "conferenceData": asked}, conferenceDataVersion=1)
    assert pending["conferenceData"]["createRequest"]["status"] == {"statusCode": "pending"}
    assert "hangoutLink" not in pending
    path = f"{EVENTS}/{pending['id']}"
    made = ana.json(path)
    again = ana("PATCH", path, {"conferenceData": asked}, query={"conferenceDataVersion": 1}).json()
    assert again["hangoutLink"] == made["hangoutLink"], "the same request again is ignored"
    assert re.fullmatch(r"https://meet\.google\.com/[a-z]{3}-[a-z]{4}-[a-z]{3}", made["hangoutLink"])
    assert made["conferenceData"]["entryPoints"][0]["uri"] == made["hangoutLink"]
    assert made["conferenceData"]["createRequest"]["status"] == {"statusCode": "success"}
    other = {"createRequest": {"requestId": "r2", "conferenceSolutionKey": {"type": "addOn"}}}
    refused = ana.refused(
        "POST", EVENTS, {**TEA, "conferenceData": other}, query={"conferenceDataVersion": 1}
    )
    assert refused[:2] == (400, "invalid")


def test_a_patch_changes_what_it_names(ana: CalendarWire) -> None:
    made = ana.insert({**TEA, "location": "Café Luz", "attendees": [{"email": "nuno@tea.example"}]})
    path = f"{EVENTS}/{made['id']}"
    changed = ana("PATCH", path, {"location": None, "description": "Bring cake"}).json()
    assert ("location" in changed, changed["description"], changed["summary"]) == (
        False,
        "Bring cake",
        TEA["summary"],
    )
    assert (changed["sequence"], changed["etag"] != made["etag"]) == (0, True)
    moved = ana("PATCH", path, {"end": {"dateTime": "2027-03-10T18:00:00Z"}}).json()
    assert (moved["sequence"], moved["attendees"]) == (1, made["attendees"])
    stale = ana.refused("PATCH", path, {"summary": "x"}, headers={"if-match": made["etag"]})
    assert stale[:2] == (412, "conditionNotMet")
    assert ana("PATCH", path, {"summary": "x"}, headers={"if-match": moved["etag"]}).status_code == 200
    days = {"start": {"date": "2027-03-10"}, "end": {"date": "2027-03-11"}}
    assert ana("PATCH", path, days).json()["start"] == {"date": "2027-03-10"}


def test_one_instance_changes_without_the_others(ana: CalendarWire) -> None:
    made = ana.insert(WEEKLY)
    window = between("2027-03-01T00:00:00Z", "2027-05-01T00:00:00Z", q="drawing")
    first, second, third, _ = ana.events(**window)
    ana("PATCH", f"{EVENTS}/{second['id']}", {"location": "Room 2"})
    assert ana("DELETE", f"{EVENTS}/{third['id']}").status_code == 204
    rows = ana.events(**window)
    assert [row.get("location") for row in rows] == [None, "Room 2", None]
    assert third["id"] not in [row["id"] for row in rows]
    assert third["id"] in [row["id"] for row in ana.events(**window, showDeleted="true")]
    assert ana.json(f"{EVENTS}/{first['id']}")["recurringEventId"] == made["id"]
    assert ana.refused("PATCH", f"{EVENTS}/{first['id']}", {"recurrence": WEEKLY["recurrence"]})[0] == 400
    ana("DELETE", f"{EVENTS}/{made['id']}")
    assert ana.events(**window) == []


def test_deleting_twice(ana: CalendarWire) -> None:
    path = f"{EVENTS}/{ana.insert(TEA)['id']}"
    answer = ana("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert ana.refused("DELETE", path) == (410, "deleted", "Resource has been deleted")
    assert ana.json(path)["status"] == "cancelled"
    assert ana.events(q="nuno") == []
    assert titles(ana.events(q="nuno", showDeleted="true")) == ["Tea with Nuno"]
