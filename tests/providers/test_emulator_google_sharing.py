"""Google Calendar between people at the emulator: copies, answers, who is busy, and kinds of events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.google import EVENTS, PREFIX, SCOPES, TEA, WEEKLY, CalendarWire, between
from tests.support.emulator import EmulatorProcess

ANA, BEN, EMIL = "ana.duarte@gmail.com", "ben.okafor@gmail.com", "emil@duarte-atelier.example"
WORK, STUDIO = "ana@duarte-atelier.example", "studio@duarte-atelier.example"
WIDE = (*SCOPES, f"{PREFIX}calendar.events.freebusy", f"{PREFIX}calendar.settings.readonly")
MARCH = {"timeMin": "2027-03-10T00:00:00Z", "timeMax": "2027-03-11T00:00:00Z"}


def wire(emulator: EmulatorProcess, account: str) -> CalendarWire:
    return CalendarWire(emulator, account, WIDE)


@pytest.fixture
def ana(emulator: EmulatorProcess) -> CalendarWire:
    return wire(emulator, "ana")


@pytest.fixture
def ben(emulator: EmulatorProcess) -> CalendarWire:
    return wire(emulator, "ben")


def answers(event: dict[str, Any]) -> dict[str, str]:
    return {guest["email"]: guest["responseStatus"] for guest in event["attendees"]}


def test_a_guest_has_a_copy_and_the_organizer_sees_the_answer(
    ana: CalendarWire, ben: CalendarWire, emulator: EmulatorProcess
) -> None:
    path = f"{EVENTS}/{ana.insert({**TEA, 'attendees': [{'email': BEN}, {'email': ANA}]})['id']}"
    copy = ben.json(path)
    assert copy["organizer"] == {"email": ANA}, "not self"
    assert [guest["email"] for guest in copy["attendees"] if guest.get("self")] == [BEN]
    reply = {"attendees": [{"email": BEN, "responseStatus": "tentative"}], "attendeesOmitted": True}
    answered = ben("PATCH", path, reply, query={"sendUpdates": "all"}).json()
    assert answers(answered) == answers(ana.json(path)) == {BEN: "tentative", ANA: "accepted"}
    assert emulator.read("calendar/mail")[-1]["to"] == [ANA]
    # What Ana changes, Ben sees; what Ben calls it, is his, until she changes something again.
    ben("PATCH", path, {"summary": "Tee", "colorId": "3"})
    assert ana.json(path)["summary"] == TEA["summary"]
    ana("PATCH", path, {"location": "Café Luz"})
    copy = ben.json(path)
    assert (copy["location"], copy["summary"], copy["colorId"]) == ("Café Luz", TEA["summary"], "3")
    assert "colorId" not in ana.json(path)
    refused = ben.refused("PATCH", path, {"guestsCanModify": True})
    assert refused[:2] == (403, "forbiddenForNonOrganizer")


def test_a_guest_who_deletes_has_declined_and_who_is_taken_off_has_it_no_more(
    ana: CalendarWire, ben: CalendarWire
) -> None:
    first, second = (f"{EVENTS}/{ana.insert({**TEA, 'attendees': [{'email': BEN}]})['id']}" for _ in range(2))
    assert ben("DELETE", first).status_code == 204
    assert answers(ana.json(first)) == {BEN: "declined"}
    ana("PATCH", first, {"summary": "Tea!"})
    assert ben.json(first)["status"] == "cancelled"
    ana("PATCH", second, {"attendees": []})
    assert ben.json(second)["status"] == "cancelled"
    assert ana.json(second)["status"] == "confirmed"


def test_a_deleted_event_is_gone_for_its_guests_and_guests_may_change_what_they_are_let(
    ana: CalendarWire, ben: CalendarWire
) -> None:
    path = f"{EVENTS}/{ana.insert({**TEA, 'attendees': [{'email': BEN}], 'guestsCanModify': True})['id']}"
    ben("PATCH", path, {"summary": "Tea for two"})
    assert ana.json(path)["summary"] == "Tea for two"
    invited = [{"email": BEN, "responseStatus": "accepted"}, {"email": "nuno@tea.example"}]
    ben("PATCH", path, {"attendees": invited})
    assert answers(ana.json(path)) == {BEN: "accepted", "nuno@tea.example": "needsAction"}
    ana("DELETE", path)
    assert ben.json(path)["status"] == "cancelled"


def test_one_date_of_a_series_is_answered_alone(ana: CalendarWire, ben: CalendarWire) -> None:
    made = ana.insert({**WEEKLY, "attendees": [{"email": BEN}]})
    window = between("2027-03-01T00:00:00Z", "2027-05-01T00:00:00Z", q="drawing")
    _, second, *_ = ben.events(**window)
    reply = {"attendees": [{"email": BEN, "responseStatus": "declined"}]}
    ben("PATCH", f"{EVENTS}/{second['id']}", reply)
    assert [answers(row)[BEN] for row in ana.events(**window)] == [
        "needsAction", "declined", "needsAction", "needsAction",
    ]  # fmt: skip
    # As instances the same, changed ones among them; a page at a time.
    path = f"{EVENTS}/{made['id']}/instances"
    page = ana.json(path, maxResults=3)
    more = ana.json(path, maxResults=3, pageToken=page["nextPageToken"])
    assert [row["id"] for row in page["items"] + more["items"]] == [row["id"] for row in ana.events(**window)]
    ana("DELETE", f"{EVENTS}/{second['id']}")
    assert len(ana.json(path)["items"]) == 3
    assert len(ana.json(path, showDeleted="true")["items"]) == 4
    assert ana.refused("GET", f"{EVENTS}/{second['id']}/instances")[0] == 400


def asked(*ids: str, **more: Any) -> dict[str, Any]:
    return {**MARCH, "items": [{"id": id_} for id_ in ids], **more}


def test_busy_is_what_takes_time(ana: CalendarWire, ben: CalendarWire) -> None:
    ana.insert(TEA)
    ana.insert({**TEA, "end": {"dateTime": "2027-03-10T17:30:00Z"}})
    ana.insert({**TEA, "transparency": "transparent", "end": {"dateTime": "2027-03-10T20:00:00Z"}})
    declined = ben.insert(
        {**TEA, "attendees": [{"email": ANA}], "start": {"dateTime": "2027-03-10T09:00:00Z"}}
    )
    found = ana("POST", "/freeBusy", asked("primary")).json()["calendars"]["primary"]
    assert found["busy"] == [{"start": "2027-03-10T09:00:00Z", "end": "2027-03-10T17:30:00Z"}]
    reply = {"attendees": [{"email": ANA, "responseStatus": "declined"}]}
    ana("PATCH", f"{EVENTS}/{declined['id']}", reply)
    found = ana("POST", "/freeBusy", asked("primary", timeZone="Asia/Tokyo")).json()["calendars"]["primary"]
    assert found["busy"] == [{"start": "2027-03-11T01:00:00+09:00", "end": "2027-03-11T02:30:00+09:00"}]


def test_colleagues_are_seen_and_strangers_are_not(emulator: EmulatorProcess, ana: CalendarWire) -> None:
    work = wire(emulator, "ana-work")
    found = work("POST", "/freeBusy", asked(EMIL, BEN, STUDIO)).json()
    assert found["calendars"][EMIL]["busy"] == []
    assert found["calendars"][BEN]["errors"] == [{"domain": "global", "reason": "notFound"}]
    assert found["groups"] == {STUDIO: {"calendars": [WORK, EMIL]}}
    assert WORK in found["calendars"]
    assert found["calendars"][WORK]["busy"]
    small = work("POST", "/freeBusy", asked(STUDIO, groupExpansionMax=1)).json()["groups"]
    assert small[STUDIO]["errors"][0]["reason"] == "groupTooBig"
    few = work("POST", "/freeBusy", asked(EMIL, WORK, calendarExpansionMax=1)).json()["calendars"]
    assert "errors" not in few[EMIL]
    assert few[WORK]["errors"][0]["reason"] == "tooManyCalendarsRequested"
    outside = ana("POST", "/freeBusy", asked(EMIL, STUDIO)).json()
    assert [row["errors"][0]["reason"] for row in outside["calendars"].values()] == ["notFound"] * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timeMin": None}, "required"),
        ({"timeMax": "2027-03-10T00:00:00Z"}, "timeRangeEmpty"),
        ({"timeMax": "2027-09-10T00:00:00Z"}, "timeRangeTooLong"),
        ({"timeMin": "2027-03-10T00:00:00"}, "badRequest"),
        ({"timeZone": "Mars"}, "invalid"),
        ({"calendarExpansionMax": 51}, "invalid"),
        ({"items": ["primary"]}, "parseError"),
    ],
)
def test_wrong_questions_about_busy(ana: CalendarWire, change: dict[str, Any], reason: str) -> None:
    body = {name: value for name, value in {**asked("primary"), **change}.items() if value is not None}
    assert ana.refused("POST", "/freeBusy", body)[:2] == (400, reason)


def test_settings(ana: CalendarWire) -> None:
    assert ana.json("/users/me/settings/timezone")["value"] == "Europe/Lisbon"
    assert "timezone" in [row["id"] for row in ana.json("/users/me/settings")["items"]]
    assert ana.refused("GET", "/users/me/settings/mood")[:2] == (404, "notFound")


def test_kinds_of_events(emulator: EmulatorProcess, ana: CalendarWire) -> None:
    work = wire(emulator, "ana-work")
    window = between("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z", eventTypes="focusTime")
    assert [row["summary"] for row in work.events(**window)] == ["Focus time"]
    focus = {**TEA, "eventType": "focusTime", "focusTimeProperties": {"chatStatus": "doNotDisturb"}}
    made = work.insert(focus)
    assert made["focusTimeProperties"] == focus["focusTimeProperties"]
    restricted = (400, "eventTypeRestriction")
    assert ana.refused("POST", EVENTS, focus)[:2] == restricted
    assert work.refused("PATCH", f"{EVENTS}/{made['id']}", {"eventType": "default"})[:2] == restricted
    place = {**TEA, "eventType": "workingLocation", "workingLocationProperties": {"type": "homeOffice"}}
    assert work.refused("POST", EVENTS, place)[:2] == (400, "malformedWorkingLocationEvent")
    assert work.insert({**place, "transparency": "transparent"})["eventType"] == "workingLocation"


def test_a_long_list_of_guests_is_left_out(ana: CalendarWire) -> None:
    made = ana.insert({**TEA, "attendees": [{"email": ANA}, {"email": BEN}]})
    few = ana.json(f"{EVENTS}/{made['id']}", maxAttendees=1)
    assert (few["attendeesOmitted"], answers(few)) == (True, {ANA: "accepted"})
