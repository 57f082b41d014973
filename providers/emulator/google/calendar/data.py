"""The calendars as the world begins: today, tomorrow, every week, and the holidays of a country.

Days are counted from today in the account's own time zone; `+1` is tomorrow. Lines read

    day | hh:mm-hh:mm or all day | title | further parts as `name=value`

A guest is an account's key, or an address, with an answer.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from providers.emulator.google.calendar.model import Calendar, Calendars, Entry, stamp
from providers.emulator.google.people import Person

Json = dict[str, Any]

HOLIDAYS_ID = "en.portuguese#holiday@group.v.calendar.google.com"
HOLIDAYS = (
    (1, 1, "New Year's Day"), (4, 25, "Freedom Day"), (5, 1, "Labour Day"), (6, 10, "Portugal Day"),
    (8, 15, "Assumption of Mary"), (10, 5, "Republic Day"), (11, 1, "All Saints' Day"),
    (12, 1, "Restoration of Independence"), (12, 8, "Feast of the Immaculate Conception"),
    (12, 25, "Christmas Day"),
)  # fmt: skip
"""Public holidays of Portugal that fall on the same date every year."""

ANA = """
0 | 18:30-19:30 | Pilates with Inês | location=Studio Alcântara, Lisboa
+1 | 09:30-10:15 | Dentist | location=Clínica do Chiado, Rua Garrett 12, Lisboa; description=Bring the X-rays.
+1 | 13:00-14:15 | Lunch with Ben and Cleo | location=Time Out Market; guests=ben accepted, cleo tentative
+1 | all day | Recycling day
+2 | 20:00-22:30 | Concert 🎻 موسيقى عربية في لشبونة | location=Coliseu; description=Bilhetes no e-mail 🎟️
+3 | 10:00-11:00 | Call with Tokyo about ceramics | zone=Asia/Tokyo; guests=haruka@kiln.example needsAction
+6 | all day*2 | Porto weekend | location=Porto
-7 | 19:00-20:30 | Choir rehearsal | rule=FREQ=WEEKLY; location=Igreja de São Roque
-2 | 12:00-13:00 | Haircut
"""

FAMILY = """
0 | 17:00-17:30 | Pick up Tomás from football
+1 | 17:30-18:30 | Tomás: school play | location=Escola da Lapa; description=Ana brings the costume.
+5 | all day | Avó's birthday 🎂
"""

ANA_WORK = """
@weekday | 09:15-09:30 | Stand-up | rule=FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR; guests=emil accepted
0 | 14:00-15:00 | Portfolio review | location=Studio 2
+1 | 11:00-12:00 | Fabric samples with Emil | guests=emil accepted
+1 | 15:30-16:30 | Client call: Hotel Solar | guests=marta@hotel-solar.example needsAction, emil accepted
+4 | all day | Workshop closed for inventory
+8 | 09:45-11:45 | Focus time | kind=focusTime
+9 | all day | Home | kind=workingLocation
+11 | 08:00-18:00 | At the fair in Milan | kind=outOfOffice
"""

TEAM = """
+1 | 16:45-17:15 | Team tea
+2 | 10:00-12:00 | Quarter planning | location=Big table
"""

BEN = """
0 | 07:00-08:00 | Long run, easy pace
+1 | 13:00-14:15 | Lunch with Ana and Cleo | location=Time Out Market; guests=ana accepted
+3 | 19:30-21:30 | Book club: Milkman
"""

EMIL = """
+1 | 08:00-09:00 | Bike to the shop | location=Radhaus Mitte
+1 | 11:00-12:00 | Fabric samples with Ana | guests=ana-work accepted
"""


AUTO = {"autoDeclineMode": "declineNone"}
KINDS: dict[str, Json] = {
    "focusTime": {"eventType": "focusTime", "focusTimeProperties": {**AUTO, "chatStatus": "doNotDisturb"}},
    "outOfOffice": {"eventType": "outOfOffice", "outOfOfficeProperties": AUTO},
    "workingLocation": {
        "eventType": "workingLocation",
        "transparency": "transparent",
        "visibility": "public",
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
    },
}
"""What events of a kind of their own have besides."""


def furnish(calendars: Calendars, people: Mapping[str, Person], now: float) -> None:
    """Fill `calendars` for everybody, as of `now` (epoch seconds)."""
    tables = {"ana": ANA, "ana-work": ANA_WORK, "ben": BEN, "cleo": "", "emil": EMIL}
    for person in people.values():
        own = Calendar(person.email, person.email, person.zone)
        calendars.calendars[own.id] = own
        calendars.lists[person.key] = [Entry(own.id, "owner", "14", primary=True)]
        _fill(calendars, own, people, person.key, tables[person.key], now)
    family = _second(calendars, "Family", "Europe/Lisbon", {"ana": "owner"})
    _fill(calendars, family, people, "ana", FAMILY, now)
    team = _second(calendars, "Team", "Europe/Berlin", {"ana-work": "owner", "emil": "writer"})
    _fill(calendars, team, people, "ana-work", TEAM, now)
    _holidays(calendars, now)


def _second(calendars: Calendars, name: str, zone: str, readers: Mapping[str, str]) -> Calendar:
    id_ = f"{hashlib.sha256(name.encode()).hexdigest()}@group.calendar.google.com"
    calendar = calendars.calendars[id_] = Calendar(id_, name, zone)
    for key, role in readers.items():
        calendars.lists[key].append(Entry(id_, role, "7"))
    return calendar


def _holidays(calendars: Calendars, now: float) -> None:
    calendar = Calendar(HOLIDAYS_ID, "Holidays in Portugal", "Europe/Lisbon")
    calendars.calendars[calendar.id] = calendar
    calendars.lists["ana"].append(Entry(calendar.id, "reader", "8"))
    this_year = datetime.fromtimestamp(now, UTC).year
    for year in (this_year - 1, this_year, this_year + 1, this_year + 2):
        for month, day, title in HOLIDAYS:
            first = date(year, month, day)
            when = {"start": {"date": first.isoformat()}, "end": {"date": str(first + timedelta(days=1))}}
            event = _event(calendar, calendar.id, title, now, first.isoformat())
            more = {"transparency": "transparent", "visibility": "public"}
            calendars.put(calendar, event | when | more)


def _fill(
    calendars: Calendars, calendar: Calendar, people: Mapping[str, Person], key: str, table: str, now: float
) -> None:
    person = people[key]
    for line in table.strip().splitlines():
        day, hours, title, *rest = (part.strip() for part in line.split(" | "))
        more = dict(part.strip().split("=", 1) for part in rest[0].split("; ")) if rest else {}
        event = _event(calendar, person.email, title, now, day)
        event |= {name: more[name] for name in ("location", "description") if name in more}
        event |= _when(day, hours, more.get("zone", calendar.zone), now)
        if "rule" in more:
            event["recurrence"] = [f"RRULE:{more['rule']}"]
        event |= KINDS.get(more.get("kind", ""), {})
        if "guests" in more:
            guests = [_guest(text, people) for text in more["guests"].split(", ")]
            event["attendees"] = [_host(person), *guests]
        calendars.put(calendar, event)


def _event(calendar: Calendar, creator: str, title: str, now: float, salt: str) -> Json:
    digest = hashlib.sha256(f"{calendar.id}/{title}/{salt}".encode()).digest()
    id_ = base64.b32hexencode(digest).decode().lower()[:26]
    organizer: Json = {"email": calendar.id}
    if calendar.summary != calendar.id:
        organizer["displayName"] = calendar.summary
    return {
        "id": id_,
        "status": "confirmed",
        "created": stamp(now - 30 * 86400),
        "summary": title,
        "creator": {"email": creator},
        "organizer": organizer,
        "iCalUID": f"{id_}@google.com",
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": "default",
    }


def _when(day: str, hours: str, zone: str, now: float) -> Json:
    tz = ZoneInfo(zone)
    today = datetime.fromtimestamp(now, tz).date()
    if day == "@weekday":  # the Monday two weeks ago, so that the series has a past
        first = today - timedelta(days=today.weekday() + 14)
    else:
        first = today + timedelta(days=int(day))
    if hours.startswith("all day"):
        days = int(hours.partition("*")[2] or 1)
        return {"start": {"date": str(first)}, "end": {"date": str(first + timedelta(days=days))}}
    begin, end = (datetime.combine(first, time.fromisoformat(text), tz) for text in hours.split("-"))
    return {
        "start": {"dateTime": begin.isoformat(), "timeZone": zone},
        "end": {"dateTime": end.isoformat(), "timeZone": zone},
    }


def _host(person: Person) -> Json:
    return {
        "email": person.email,
        "displayName": person.name,
        "organizer": True,
        "responseStatus": "accepted",
    }


def _guest(text: str, people: Mapping[str, Person]) -> Json:
    who, answer = text.split(" ")
    if who not in people:
        return {"email": who, "responseStatus": answer}
    return {"email": people[who].email, "displayName": people[who].name, "responseStatus": answer}
