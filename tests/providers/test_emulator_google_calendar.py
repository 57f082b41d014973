"""Google Calendar at the emulator: what it shows, how it is searched and written, and what it refuses."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.providers import discovery
from tests.providers.google import EVENTS, PREFIX, TEA, WEEKLY, CalendarWire, between, titles
from tests.support.emulator import EmulatorProcess

LISBON = ZoneInfo("Europe/Lisbon")
HOLIDAYS = "en.portuguese%23holiday@group.v.calendar.google.com"


@pytest.fixture
def ana(emulator: EmulatorProcess) -> CalendarWire:
    return CalendarWire(emulator)


def day(offset: int, zone: ZoneInfo = LISBON) -> dict[str, str]:
    """The query for one day from today, in a zone."""
    today = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    low = (today + timedelta(days=offset)).astimezone(UTC)
    high = (today + timedelta(days=offset + 1)).astimezone(UTC)
    return {
        "timeMin": low.isoformat(),
        "timeMax": high.isoformat(),
        "singleEvents": "true",
        "orderBy": "startTime",
    }


# The living set


def test_everybody_has_their_calendars(emulator: EmulatorProcess) -> None:
    ana = CalendarWire(emulator)
    rows = {row["summary"]: row for row in ana.json("/users/me/calendarList")["items"]}
    assert list(rows) == ["ana.duarte@gmail.com", "Family", "Holidays in Portugal"]
    assert [row["accessRole"] for row in rows.values()] == ["owner", "owner", "reader"]
    assert [row.get("primary", False) for row in rows.values()] == [True, False, False]
    writable = ana.json("/users/me/calendarList", minAccessRole="writer")["items"]
    assert titles(writable) == ["ana.duarte@gmail.com", "Family"]
    assert ana.json("/users/me/calendarList/primary")["timeZone"] == "Europe/Lisbon"
    work = CalendarWire(emulator, "ana-work").json("/users/me/calendarList")["items"]
    assert titles(work) == ["ana@duarte-atelier.example", "Team"]
    assert {row["timeZone"] for row in work} == {"Europe/Berlin"}
    assert CalendarWire(emulator, "cleo").events() == []


def test_tomorrow(ana: CalendarWire, emulator: EmulatorProcess) -> None:
    tomorrow = ana.events(**day(1))
    assert titles(tomorrow) == ["Recycling day", "Dentist", "Lunch with Ben and Cleo"]
    assert "date" in tomorrow[0]["start"]
    assert tomorrow[1]["start"]["dateTime"][11:19] == "09:30:00"
    lunch = {guest["email"]: guest for guest in tomorrow[2]["attendees"]}
    assert lunch["ana.duarte@gmail.com"].items() >= {"self": True, "organizer": True}.items()
    assert lunch["cleo@martin.example"]["responseStatus"] == "tentative"
    family = emulator.accounts("google")["ana"]["calendars"]["Family"]
    assert titles(ana.events(family, **day(1))) == ["Tomás: school play"]
    assert titles(ana.events(**day(2))) == ["Concert 🎻 موسيقى عربية في لشبونة"]


def test_at_work(emulator: EmulatorProcess) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    work = CalendarWire(emulator, "ana-work")
    week = [work.events(**day(offset, berlin)) for offset in range(7)]
    standups = [sum(title == "Stand-up" for title in titles(events)) for events in week]
    assert sum(standups) == 5
    assert {"Fabric samples with Emil", "Client call: Hotel Solar"} <= set(titles(week[1]))
    team = emulator.accounts("google")["emil"]["calendars"]["Team"]
    assert titles(CalendarWire(emulator, "emil").events(team, **day(1, berlin))) == ["Team tea"]


def test_holidays_can_be_read_and_not_written(ana: CalendarWire) -> None:
    year = datetime.now(LISBON).year
    found = ana.events(HOLIDAYS, **between(f"{year}-12-01T12:00:00Z", f"{year}-12-26T00:00:00Z"))
    assert titles(found)[-1] == "Christmas Day"
    refused = ana.refused("POST", f"/calendars/{HOLIDAYS}/events", TEA)
    assert refused == (403, "requiredAccessLevel", "You need to have writer access to this calendar.")
    assert ana.json(f"/calendars/{HOLIDAYS}/events")["accessRole"] == "reader"


# Reading


def test_the_range_is_exclusive_on_both_ends(ana: CalendarWire) -> None:
    ana.insert(TEA)
    at = {"singleEvents": "true", "q": "nuno"}
    for low, high, seen in [
        ("2027-03-10T16:59:59Z", "2027-03-11T00:00:00Z", True),
        ("2027-03-10T17:00:00Z", "2027-03-11T00:00:00Z", False),
        ("2027-03-10T00:00:00Z", "2027-03-10T16:00:01Z", True),
        ("2027-03-10T00:00:00Z", "2027-03-10T16:00:00Z", False),
        ("2027-03-10T17:00:00+01:00", "2027-03-10T17:30:00+01:00", True),
    ]:
        assert bool(ana.events(timeMin=low, timeMax=high, **at)) is seen, (low, high)


def test_a_range_may_be_all_of_time(ana: CalendarWire) -> None:
    ana.insert(WEEKLY)
    everything = between("0002-01-01T00:00:00+14:00", "9998-12-31T23:59:59-12:00", q="drawing")
    assert len(ana.events(**everything)) == 4


def test_all_day_events_end_before_their_last_date(ana: CalendarWire) -> None:
    ana.insert({"summary": "Fair", "start": {"date": "2027-05-03"}, "end": {"date": "2027-05-05"}})
    days = [f"2027-05-0{number}T" for number in (2, 3, 4, 5)]
    seen = [titles(ana.events(**between(f"{d}00:00:00+01:00", f"{d}23:59:00+01:00", q="fair"))) for d in days]
    assert seen == [[], ["Fair"], ["Fair"], []]


def test_recurring_events_expand_on_the_wall_clock(ana: CalendarWire) -> None:
    made = ana.insert(WEEKLY)
    rows = ana.events(**between("2027-03-01T00:00:00Z", "2027-05-01T00:00:00Z"), q="drawing")
    # The clocks change on 28 March: nine o'clock stays nine o'clock.
    assert [row["id"].removeprefix(made["id"]) for row in rows] == [
        "_20270315T090000Z", "_20270322T090000Z", "_20270329T080000Z", "_20270405T080000Z",
    ]  # fmt: skip
    assert {row["start"]["dateTime"][11:16] for row in rows} == {"09:00"}
    assert {row["recurringEventId"] for row in rows} == {made["id"]}
    assert rows[2]["originalStartTime"] == rows[2]["start"]
    assert "recurrence" not in rows[0]
    assert ana.json(f"{EVENTS}/{rows[2]['id']}")["start"] == rows[2]["start"]
    for never in ("20270316T090000Z", "20271399T990000Z", "20270315"):
        assert ana.refused("GET", f"{EVENTS}/{made['id']}_{never}")[:2] == (404, "notFound")
    whole = ana.events(timeMin="2027-03-20T00:00:00Z", timeMax="2027-03-30T00:00:00Z", q="drawing")
    assert [row["id"] for row in whole] == [made["id"]]
    assert whole[0]["recurrence"] == WEEKLY["recurrence"]


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        (["RRULE:FREQ=DAILY;UNTIL=20270317T090000Z"], ["15", "16", "17"]),
        (["RRULE:FREQ=DAILY;UNTIL=20270317"], ["15", "16", "17"]),
        (["RRULE:FREQ=DAILY;COUNT=4", "EXDATE;TZID=Europe/Lisbon:20270316T090000,20270317T090000"],
         ["15", "18"]),
        (["RRULE:FREQ=DAILY;COUNT=2", "RDATE:20270320T090000Z"], ["15", "16", "20"]),
        (["RRULE:FREQ=WEEKLY;COUNT=2;BYDAY=TU,TH"], ["15", "16", "18"]),
    ],
)  # fmt: skip
def test_rules_ends_and_exceptions(ana: CalendarWire, lines: list[str], days: list[str]) -> None:
    ana.insert({**WEEKLY, "recurrence": lines})
    rows = ana.events(**between("2027-03-01T00:00:00Z", "2027-03-25T00:00:00Z"), q="drawing")
    assert [row["start"]["dateTime"][8:10] for row in rows] == days


def test_recurring_all_day_events(ana: CalendarWire) -> None:
    birthday = {"summary": "Rui's birthday", "start": {"date": "2020-06-07"}, "end": {"date": "2020-06-08"}}
    made = ana.insert({**birthday, "recurrence": ["RRULE:FREQ=YEARLY"]})
    (row,) = ana.events(**between("2027-06-01T00:00:00Z", "2027-07-01T00:00:00Z"), q="rui")
    assert (row["id"], row["start"], row["end"]) == (
        f"{made['id']}_20270607", {"date": "2027-06-07"}, {"date": "2027-06-08"},
    )  # fmt: skip


def test_search_looks_at_words_places_and_guests(ana: CalendarWire) -> None:
    for words, found in [
        ("DENTIST", "Dentist"),
        ("x-rays", "Dentist"),
        ("chiado", "Dentist"),
        ("haruka@kiln.example", "Call with Tokyo about ceramics"),
        ("lunch market", "Lunch with Ben and Cleo"),
        ("موسيقى", "Concert 🎻 موسيقى عربية في لشبونة"),
    ]:
        assert titles(ana.events(q=words)) == [found], words
    assert ana.events(q="lunch tokyo") == []


def test_answers_in_another_zone(ana: CalendarWire) -> None:
    (call,) = ana.events(q="tokyo")
    assert call["start"]["timeZone"] == "Asia/Tokyo"
    assert datetime.fromisoformat(call["start"]["dateTime"]).utcoffset() != timedelta(hours=9)
    answer = ana.json(EVENTS, q="tokyo", timeZone="Asia/Tokyo")
    assert answer["timeZone"] == "Asia/Tokyo"
    assert answer["items"][0]["start"]["dateTime"].endswith("T10:00:00+09:00")
    assert ana.refused("GET", EVENTS, query={"timeZone": "Mars/Olympus"})[0] == 400


def test_pages(ana: CalendarWire) -> None:
    query: dict[str, Any] = {"singleEvents": "true", "orderBy": "startTime", "timeMax": day(30)["timeMax"]}
    everything = ana.json(EVENTS, **query)
    assert "nextPageToken" not in everything
    assert everything["nextSyncToken"]
    seen, token = [], None
    while True:
        page = ana.json(EVENTS, maxResults=3, **query, **({"pageToken": token} if token else {}))
        assert ("nextPageToken" in page) != ("nextSyncToken" in page)
        seen += page["items"]
        token = page.get("nextPageToken")
        if token is None:
            break
        kept = token
    assert seen == everything["items"]
    for wrong in ({**query, "pageToken": "guess"}, {"q": "other", "pageToken": kept}):
        assert ana.refused("GET", EVENTS, query=wrong)[0] == 400
    first = ana.json("/users/me/calendarList", maxResults=2)
    last = ana.json("/users/me/calendarList", maxResults=2, pageToken=first["nextPageToken"])
    assert titles(last["items"]) == ["Holidays in Portugal"]


def test_partial_answers(ana: CalendarWire) -> None:
    answer = ana.json(EVENTS, q="dentist", fields="summary,items(id,start/dateTime)")
    assert answer.keys() == {"summary", "items"}
    assert [row.keys() for row in answer["items"]] == [{"id", "start"}]
    assert answer["items"][0]["start"].keys() == {"dateTime"}
    assert ana.json(EVENTS, fields="items/summary", q="dentist") == {"items": [{"summary": "Dentist"}]}
    assert ana.json("/users/me/calendarList/primary", fields="*")["primary"] is True
    assert ana.refused("GET", EVENTS, query={"fields": "items(id"})[0] == 400


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({"timeMin": "2026-11-23T00:00:00"}, 400, "badRequest"),
        ({"timeMin": "2026-11-23"}, 400, "badRequest"),
        ({"timeMin": "2026-11-24T00:00:00Z", "timeMax": "2026-11-23T00:00:00Z"}, 400, "timeRangeEmpty"),
        ({"orderBy": "startTime"}, 400, "badRequest"),
        ({"orderBy": "title"}, 400, "invalidParameter"),
        ({"singleEvents": "yes"}, 400, "invalidParameter"),
        ({"maxResults": "0"}, 400, "invalidParameter"),
        ({"eventTypes": "party"}, 400, "invalidParameter"),
        ({"alt": "xml"}, 400, "invalidParameter"),
        ({"syncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="}, 410, "fullSyncRequired"),
    ],
)
def test_wrong_queries(ana: CalendarWire, query: dict[str, str], status: int, reason: str) -> None:
    assert ana.refused("GET", EVENTS, query=query)[:2] == (status, reason)


# What is refused


def test_unknown_calendars_and_events(ana: CalendarWire) -> None:
    assert ana.refused("GET", "/calendars/ben.okafor@gmail.com/events")[:2] == (404, "notFound")
    assert ana.refused("GET", f"{EVENTS}/nothing")[:2] == (404, "notFound")
    assert ana.refused("DELETE", f"{EVENTS}/nothing")[:2] == (404, "notFound")
    assert ana.refused("GET", "/users/me/calendarList/nobody")[:2] == (404, "notFound")


def test_tokens_and_scopes(emulator: EmulatorProcess, ana: CalendarWire) -> None:
    missing = ana("GET", EVENTS, judged=False, token=None)
    assert (missing.status_code, "error" in missing.headers["www-authenticate"]) == (401, False)
    assert ana.refused("GET", EVENTS, token="guess")[:2] == (401, "authError")
    emulator.expire("access")
    expired = ana("GET", EVENTS)
    assert 'error="invalid_token"' in expired.headers["www-authenticate"]
    reader = CalendarWire(emulator, scopes=(f"{PREFIX}calendar.events.readonly",))
    assert reader.events(q="dentist")
    refused = reader("POST", EVENTS, TEA, judged=False)
    error = refused.json()["error"]
    assert (refused.status_code, error["errors"][0]["reason"]) == (403, "insufficientPermissions")
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert error["details"][0]["metadata"]["method"] == "calendar.events.insert"
    assert reader.refused("GET", "/users/me/calendarList")[0] == 403


SERVED = {"calendarList.list", "calendarList.get", *(f"events.{verb}" for verb in
          ("list", "get", "insert", "patch", "delete", "instances")),
          "freebusy.query", "settings.list", "settings.get"}  # fmt: skip


def test_every_method_of_the_document_is_served_or_says_that_it_is_not(emulator: EmulatorProcess) -> None:
    contract = discovery.google("calendar.v3")
    scopes = {scope for method in contract.operations() for scope in method.get("scopes", [])}
    ana = CalendarWire(emulator, scopes=tuple(scopes))
    served = set()
    for method in contract.operations():
        path = "/" + re.sub(r"\{\w+\}", "nothing", method["path"])
        body = {} if method["httpMethod"] in {"POST", "PUT", "PATCH"} else None
        answer = ana(method["httpMethod"], path, body, judged=False)
        assert answer.status_code not in {401, 403, 405}, method["id"]
        if answer.status_code != 501:
            served.add(method["id"].removeprefix("calendar."))
    assert served == SERVED


def test_scopes_are_those_of_the_document(emulator: EmulatorProcess) -> None:
    contract = discovery.google("calendar.v3")
    methods = {method["id"]: method for method in contract.operations()}
    every = {scope for method in methods.values() for scope in method["scopes"]}
    for scope in sorted(every):
        wire = CalendarWire(emulator, scopes=(scope,))
        for name in SERVED:
            method = methods[f"calendar.{name}"]
            path = "/" + re.sub(r"\{\w+\}", "nothing", method["path"])
            body = {} if method["httpMethod"] in {"POST", "PATCH"} else None
            allowed = wire(method["httpMethod"], path, body, judged=False).status_code != 403
            assert allowed == (scope in method["scopes"]), (scope, name)


def test_unknown_paths_have_googles_404(emulator: EmulatorProcess) -> None:
    answer = emulator.http.get(emulator.url("https://www.googleapis.com/calendar/v3/nothing"))
    assert answer.status_code == 404
    assert answer.json()["error"]["errors"][0]["reason"] == "notFound"


def test_the_journal_counts_by_template(ana: CalendarWire, emulator: EmulatorProcess) -> None:
    ana.refused("GET", f"{EVENTS}/nothing")
    ana.events(HOLIDAYS)
    calls = emulator.counters()["calls"]
    base = "www.googleapis.com/calendar/v3"
    assert calls[f"GET {base}/calendars/{{id}}/events/{{id}}"] == 1
    assert calls[f"GET {base}/calendars/{{id}}/events"] == 1


# Over a restart


def test_a_day_later_tomorrow_is_furnished_again(tmp_path: Path) -> None:
    state = tmp_path / "emulator.json"
    with EmulatorProcess(state) as emulator:
        made = CalendarWire(emulator).insert(TEA)
    data = json.loads(state.read_text())
    calendars = data["upstreams"]["google"]["apis"]["calendar"]
    calendars["furnished"] -= 3 * 86400
    dentist = next(
        event for event in calendars["calendars"][0]["events"].values() if event["summary"] == "Dentist"
    )
    dentist["start"], dentist["end"] = TEA["start"], TEA["end"]
    state.write_text(json.dumps(data))
    with EmulatorProcess(state) as emulator:
        ana = CalendarWire(emulator)
        assert "Dentist" in titles(ana.events(**day(1)))
        assert ana.json(f"{EVENTS}/{made['id']}")["summary"] == TEA["summary"]


# Google's own client


def test_googles_own_client_drives_it(emulator: EmulatorProcess) -> None:
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build
    from googleapiclient.errors import HttpError

    token = CalendarWire(emulator).token
    origin = emulator.origin.replace("localhost", "127.0.0.1")
    service = build(
        "calendar",
        "v3",
        static_discovery=True,
        credentials=Credentials(token=token),
        client_options={"api_endpoint": f"{origin}/www.googleapis.com/calendar/v3/"},
    )
    with service:
        assert len(service.calendarList().list().execute()["items"]) == 3
        tomorrow = day(1)
        found = service.events().list(
            calendarId="primary", timeMin=tomorrow["timeMin"], timeMax=tomorrow["timeMax"],
            singleEvents=True, orderBy="startTime", q="dentist",
        ).execute()  # fmt: skip
        assert titles(found["items"]) == ["Dentist"]
        own = {**TEA, "id": "googleclient"}
        assert service.events().insert(calendarId="primary", body=own).execute()["id"] == "googleclient"
        with pytest.raises(HttpError) as duplicate:
            service.events().insert(calendarId="primary", body=own).execute()
        assert duplicate.value.status_code == 409
        with pytest.raises(HttpError) as missing:
            service.events().get(calendarId="primary", eventId="nothing").execute()
        assert (missing.value.status_code, missing.value.reason) == (404, "Not Found")
