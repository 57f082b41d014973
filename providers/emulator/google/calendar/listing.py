"""events.list: which events, in what order, seen in which time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from starlette.requests import Request

from providers.emulator.google.calendar import recurring, times
from providers.emulator.google.calendar.model import Calendar
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.query import choice, choices, flag, instant

Json = dict[str, Any]
TYPES = ("birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation")
UNBUILT = ("privateExtendedProperty", "sharedExtendedProperty")


class Search:
    """The parameters of one events.list, checked. Raises ApiError."""

    def __init__(self, request: Request) -> None:
        query = request.query_params
        if "syncToken" in query:  # nothing is kept to answer the difference from
            raise ApiError(
                410,
                "Sync token is no longer valid, a full sync is required.",
                "fullSyncRequired",
                domain="calendar",
            )
        if any(name in query for name in UNBUILT):
            raise ApiError(501, "Not emulated yet", "notImplemented")
        self.low, self.high = instant(request, "timeMin"), instant(request, "timeMax")
        self.since = instant(request, "updatedMin")
        self.single, self.deleted = flag(request, "singleEvents"), flag(request, "showDeleted")
        self.order = choice(request, "orderBy", ("startTime", "updated"))
        self.types = choices(request, "eventTypes", TYPES)
        self.words = query.get("q", "").casefold().split()
        self.uid = query.get("iCalUID")
        if self.low and self.high and self.low >= self.high:
            raise invalid("The specified time range is empty.", "timeMax", "timeRangeEmpty")
        if self.order == "startTime" and not self.single:
            raise invalid("The requested ordering is not available for the particular query.", "orderBy",
                          "badRequest")  # fmt: skip

    def found(self, calendar: Calendar) -> list[Json]:
        """The events, in order."""
        rows = [event for event in self._candidates(calendar) if self._fits(event)]
        if self.order == "startTime":
            rows.sort(key=lambda event: (times.moment(event["start"], calendar.tz), event["id"]))
        else:
            rows.sort(key=lambda event: (event["updated"], event["id"]))
        return rows

    def dates(self, master: Json, calendar: Calendar) -> list[Json]:
        """The instances of one recurring event that are in the range; cancelled ones with showDeleted."""
        changed = [one for one in calendar.exceptions(master["id"]) if self._touches(one, calendar)]
        rows = [*self._expanded(master, calendar), *changed]
        rows = [row for row in rows if self.deleted or row["status"] != "cancelled"]
        return sorted(rows, key=lambda row: (times.moment(row["start"], calendar.tz), row["id"]))

    def _candidates(self, calendar: Calendar) -> Iterator[Json]:
        """Events that touch the range; with `single`, instances instead of what recurs."""
        for event in calendar.events.values():
            if "recurrence" not in event:
                if self._touches(event, calendar):
                    yield event
            elif self.single:
                yield from self._expanded(event, calendar)
            elif next(recurring.instances(event, calendar.tz, self.low, self.high), None) is not None:
                yield event

    def _expanded(self, event: Json, calendar: Calendar) -> Iterator[Json]:
        changed = {exception["id"] for exception in calendar.exceptions(event["id"])}
        for one in recurring.instances(event, calendar.tz, self.low, self.high):
            if one["id"] not in changed:
                yield one

    def _touches(self, event: Json, calendar: Calendar) -> bool:
        """timeMin is exclusive on the end, timeMax on the start (events.list)."""
        start, end = (times.moment(event[name], calendar.tz) for name in ("start", "end"))
        return (self.low is None or max(end, start) > self.low) and (self.high is None or start < self.high)

    def _fits(self, event: Json) -> bool:
        # Cancelled instances still tell what is missing from a series that is not expanded.
        told = self.deleted or (not self.single and "recurringEventId" in event)
        if event["status"] == "cancelled" and not told:
            return False
        if self.types and event["eventType"] not in self.types:
            return False
        if self.uid is not None and event["iCalUID"] != self.uid:
            return False
        if self.since is not None and datetime.fromisoformat(event["updated"]) < self.since:
            return False
        text = _text(event)
        return all(word in text for word in self.words)


def _text(event: Json) -> str:
    """What `q` looks at."""
    parts = [event.get(name, "") for name in ("summary", "description", "location")]
    people = [*event.get("attendees", []), event.get("organizer", {})]
    parts += [person.get(name, "") for person in people for name in ("email", "displayName")]
    return " ".join(parts).casefold()
