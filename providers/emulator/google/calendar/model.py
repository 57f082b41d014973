"""Calendars, who has which in their list, and how events are kept and shown."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from providers.emulator.clock import Clock
from providers.emulator.google.calendar import recurring, times
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person

Json = dict[str, Any]
WRITERS = frozenset({"owner", "writer"})
REMINDERS = [{"method": "popup", "minutes": 10}]


@dataclass
class Calendar:
    """A calendar; `events` by id, as the API shows them but for what depends on the reader."""

    id: str
    summary: str
    zone: str
    events: dict[str, Json] = field(default_factory=dict)

    @property
    def tz(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.zone)

    def find(self, id_: str) -> Json | None:
        """An event, or an instance of a recurring one, changed or not."""
        if id_ in self.events:
            return self.events[id_]
        master = self.events.get(id_.rpartition("_")[0])
        return recurring.instance(master, self.tz, id_) if master else None

    def exceptions(self, master: str) -> Iterator[Json]:
        """The changed and cancelled instances of a recurring event."""
        return (event for event in self.events.values() if event.get("recurringEventId") == master)


@dataclass
class Entry:
    """A calendar in somebody's list."""

    calendar: str
    role: str
    colour: str
    primary: bool = False
    selected: bool = True


class Calendars:
    """All calendars, everybody's lists, and the mail that would have been sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calendars: dict[str, Calendar] = {}
        self.lists: dict[str, list[Entry]] = {}
        self.mail: list[Json] = []
        self.furnished = clock.now()
        self._revision = 0

    def names(self, account: str) -> dict[str, str]:
        """Ids of somebody's calendars by name."""
        return {self.calendars[e.calendar].summary: e.calendar for e in self.lists.get(account, [])}

    def entry(self, person: Person, id_: str) -> Entry:
        """The entry of `id_` (or `primary`) in somebody's list. Raises ApiError 404."""
        for entry in self.lists[person.key]:
            if entry.calendar == id_ or (entry.primary and id_ == "primary"):
                return entry
        raise ApiError(404, "Not Found", "notFound")

    def open(self, person: Person, id_: str, *, write: bool = False) -> tuple[Calendar, Entry]:
        """A calendar somebody may read, or write. Raises ApiError 404 or 403."""
        entry = self.entry(person, id_)
        if write and entry.role not in WRITERS:
            sentence = "You need to have writer access to this calendar."
            raise ApiError(403, sentence, "requiredAccessLevel", domain="calendar")
        return self.calendars[entry.calendar], entry

    def put(self, calendar: Calendar, event: Json) -> Json:
        """Keep an event as of now: with a new etag and time of change."""
        self._revision += 1
        now = self._clock.now()
        event |= {"updated": stamp(now), "etag": f'"{int(now * 1000)}{self._revision:05d}"'}
        calendar.events[event["id"]] = event
        return event

    def version(self, calendar: Calendar) -> str:
        """The etag of a list of its events."""
        text = " ".join(event["etag"] for event in calendar.events.values())
        return f'"p{hashlib.sha256(text.encode()).hexdigest()[:16]}"'

    # Persistence

    def dump(self) -> Json:
        """Everything, as JSON-ready values."""
        return {
            "calendars": [asdict(calendar) for calendar in self.calendars.values()],
            "lists": {key: [asdict(entry) for entry in entries] for key, entries in self.lists.items()},
            "mail": self.mail,
            "furnished": self.furnished,
            "revision": self._revision,
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave. Raises KeyError or TypeError where it is not that.

        What was kept on an earlier day is added to what is here, which is about today: events that
        people made stay, and tomorrow has its dentist again.
        """
        kept = {row["id"]: Calendar(**row) for row in data["calendars"]}
        lists = {key: [Entry(**row) for row in rows] for key, rows in data["lists"].items()}
        self.mail, self._revision = data["mail"], data["revision"] + self._revision
        if _day(data["furnished"]) == _day(self._clock.now()):
            self.calendars, self.lists, self.furnished = kept, lists, data["furnished"]
            return
        for calendar in self.calendars.values():
            before = kept.get(calendar.id, calendar).events
            calendar.events |= {id_: row for id_, row in before.items() if id_ not in calendar.events}


def _day(seconds: float) -> str:
    return stamp(seconds)[:10]


def stamp(now: float) -> str:
    """`2026-11-28T09:30:00.000Z`."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """An event id of Google's kind: 26 characters of base32hex."""
    return base64.b32hexencode(secrets.token_bytes(20)).decode().lower()[:26]


def listed(calendar: Calendar, entry: Entry) -> Json:
    """A CalendarListEntry."""
    row: Json = {
        "kind": "calendar#calendarListEntry",
        "etag": f'"{hashlib.sha256(calendar.id.encode()).hexdigest()[:16]}"',
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "colorId": entry.colour,
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "selected": entry.selected,
        "accessRole": entry.role,
        "defaultReminders": REMINDERS if entry.primary else [],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    return row | ({"primary": True} if entry.primary else {})


def shown(event: Json, calendar: Calendar, person: Person, reader: ZoneInfo, most: int) -> Json:
    """An Event as `person` sees it, in the time zone `reader`, with at most so many attendees."""
    link = base64.urlsafe_b64encode(f"{event['id']} {calendar.id}".encode()).rstrip(b"=").decode()
    row = {"kind": "calendar#event", **event}
    row["htmlLink"] = f"https://www.google.com/calendar/event?eid={link}"
    for name in ("start", "end", "originalStartTime"):
        if name in row:
            row[name] = times.shown(row[name], reader)
    for name in ("creator", "organizer"):
        if row.get(name, {}).get("email") in {person.email, calendar.id}:
            row[name] = {**row[name], "self": True}
    if "attendees" in row:
        guests = [
            {**guest, "self": True} if guest["email"] == calendar.id else guest for guest in row["attendees"]
        ]
        mine = [guest for guest in guests if guest.get("self")]
        row["attendees"] = guests if len(guests) <= most else mine
        if len(guests) > most:
            row["attendeesOmitted"] = True
    return row
