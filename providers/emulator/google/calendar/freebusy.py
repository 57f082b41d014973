"""freeBusy.query: when calendars are busy, as far as the asker may know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.calendar import recurring, times
from providers.emulator.google.calendar.model import Calendar
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.people import Person

if TYPE_CHECKING:
    from providers.emulator.google.calendar.api import CalendarApi

Json = dict[str, Any]
MOST, MOST_OF_GROUP = 50, 100
LONGEST = timedelta(days=92)
GROUPS = {"studio@duarte-atelier.example": ("ana-work", "emil")}
"""Groups of a Workspace domain, with their members."""


class FreeBusy:
    """The handler; the state is the API's."""

    def __init__(self, api: CalendarApi) -> None:
        self._api = api

    async def query(self, request: Request, person: Person) -> Response:
        """What is busy, calendar by calendar; what can't be told has `errors` in its place."""
        body = await query.body(request)
        low, high = _edge(body, "timeMin"), _edge(body, "timeMax")
        if low >= high:
            raise invalid("The specified time range is empty.", "timeMax", "timeRangeEmpty")
        if high - low > LONGEST:
            raise invalid("The requested time range is too long.", "timeMax", "timeRangeTooLong")
        reader = times.zone(body.get("timeZone", "UTC"))
        if reader is None:
            raise invalid("Invalid time zone definition.", "timeZone")
        most = _most(body, "calendarExpansionMax", MOST)
        groups, ids = self._expanded(_items(body), _most(body, "groupExpansionMax", MOST_OF_GROUP), person)
        calendars = {
            id_: self._told(id_, person, low, high, reader)
            if number < most
            else _error("tooManyCalendarsRequested")
            for number, id_ in enumerate(ids)
        }
        answer: Json = {
            "kind": "calendar#freeBusy",
            "timeMin": low.isoformat(),
            "timeMax": high.isoformat(),
            "calendars": calendars,
        }
        return JSONResponse(query.selected(request, answer | ({"groups": groups} if groups else {})))

    def _expanded(self, ids: list[str], most: int, person: Person) -> tuple[Json, list[str]]:
        """Groups with what they come to, and every calendar once."""
        groups: Json = {}
        found: list[str] = []
        for id_ in ids:
            if id_ not in GROUPS or person.domain is None or not id_.endswith(f"@{person.domain}"):
                found.append(id_)
            elif len(GROUPS[id_]) > most:
                groups[id_] = {"errors": [{"domain": "calendar", "reason": "groupTooBig"}], "calendars": []}
            else:
                members = [self._api.google.people[key].email for key in GROUPS[id_]]
                groups[id_] = {"calendars": members}
                found += members
        return groups, list(dict.fromkeys(found))

    def _told(self, id_: str, person: Person, low: datetime, high: datetime, reader: Any) -> Json:
        calendar = self._visible(id_, person)
        if calendar is None:
            return _error("notFound")
        spans = sorted(busy(calendar, low, high))
        return {
            "busy": [
                {name: times.shown({"dateTime": edge.isoformat()}, reader)["dateTime"] for name, edge in pair}
                for pair in ((("start", start), ("end", end)) for start, end in _joined(spans))
            ]
        }

    def _visible(self, id_: str, person: Person) -> Calendar | None:
        """A calendar in their list, or of somebody in their domain, who all see when the others are free."""
        state = self._api.state
        try:
            return state.calendars[state.entry(person, id_).calendar]
        except ApiError:
            colleague = next((p for p in self._api.google.people.values() if p.email == id_), None)
            same = colleague is not None and person.domain is not None and colleague.domain == person.domain
            return state.calendars.get(id_) if same else None


def busy(calendar: Calendar, low: datetime, high: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Whatever takes time in that calendar, cut to the range: not what is declined or shown as free."""
    for event in _all(calendar, low, high):
        mine: Json = next((g for g in event.get("attendees", []) if g["email"] == calendar.id), {})
        free = event.get("transparency") == "transparent" or mine.get("responseStatus") == "declined"
        start, end = (times.moment(event[name], calendar.tz) for name in ("start", "end"))
        if event["status"] != "cancelled" and not free and start < high and end > low and end > start:
            yield max(start, low), min(end, high)


def _all(calendar: Calendar, low: datetime, high: datetime) -> Iterator[Json]:
    for event in list(calendar.events.values()):
        if "recurrence" not in event:
            yield event
        elif event["status"] != "cancelled":
            changed = {exception["id"] for exception in calendar.exceptions(event["id"])}
            yield from (
                one for one in recurring.instances(event, calendar.tz, low, high) if one["id"] not in changed
            )


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans in order, with those that touch made one."""
    rows: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if rows and start <= rows[-1][1]:
            rows[-1] = (rows[-1][0], max(rows[-1][1], end))
        else:
            rows.append((start, end))
    return rows


def _edge(body: Json, name: str) -> datetime:
    text = body.get(name)
    if text is None:
        raise invalid(f"Missing {name} parameter.", name, "required")
    try:
        return min(max(query.parse_instant(text), query.EARLIEST), query.LATEST)
    except (ValueError, TypeError):
        raise invalid("Bad Request", name, "badRequest") from None


def _most(body: Json, name: str, most: int) -> int:
    """A maximum that the asker may make smaller. Raises ApiError."""
    asked = body.get(name, most)
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 < asked <= most:
        raise invalid(f"Invalid value for {name}.", name)
    return asked


def _items(body: Json) -> list[str]:
    items = body.get("items", [])
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("id"), str) for item in items
    ):
        raise ApiError(400, "Parse Error", "parseError")
    return [item["id"] for item in items]


def _error(reason: str) -> Json:
    return {
        "errors": [{"domain": "global" if reason == "notFound" else "calendar", "reason": reason}],
        "busy": [],
    }
