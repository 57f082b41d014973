"""What somebody has on some days, told from the calendars themselves and not through the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from providers.emulator.google.calendar import recurring, times
from providers.emulator.google.calendar.model import Calendar, Calendars
from providers.emulator.google.people import Person

Json = dict[str, Any]


def agenda(calendars: Calendars, people: Mapping[str, Person], query: Mapping[str, str]) -> list[str]:
    """The titles of everything in the selected calendars of `email`, from the day `from` to the day `to`.

    Raises ValueError for an unknown address or what is no day.
    """
    person = next((person for person in people.values() if person.email == query.get("email")), None)
    if person is None:
        raise ValueError("email must be an account's address.")
    zone = calendars.calendars[calendars.entry(person, "primary").calendar].tz
    low = datetime.combine(date.fromisoformat(query.get("from", "")), time(), zone)
    high = datetime.combine(date.fromisoformat(query.get("to", "")) + timedelta(days=1), time(), zone)
    return [
        event["summary"]
        for entry in calendars.lists[person.key]
        if entry.selected
        for event in _between(calendars.calendars[entry.calendar], low, high)
    ]


def ids(calendars: Calendars, people: Mapping[str, Person], query: Mapping[str, str]) -> dict[str, str]:
    """The ids of what is in the calendars of `account`, by title, deleted ones too.

    Raises ValueError for an unknown account.
    """
    if query.get("account") not in people:
        raise ValueError("account must be an account's key.")
    return {
        event["summary"]: event["id"]
        for entry in calendars.lists[query["account"]]
        for event in calendars.calendars[entry.calendar].events.values()
    }


def _between(calendar: Calendar, low: datetime, high: datetime) -> Iterator[Json]:
    for event in calendar.events.values():
        if event["status"] == "cancelled":
            continue
        if "recurrence" in event:
            changed = {exception["id"] for exception in calendar.exceptions(event["id"])}
            for one in recurring.instances(event, calendar.tz, low, high):
                if one["id"] not in changed:
                    yield one
            continue
        start, end = (times.moment(event[name], calendar.tz) for name in ("start", "end"))
        if start < high and max(end, start) > low:
            yield event
