"""www.googleapis.com/calendar/v3: the lists of calendars, and their events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.calendar import model, settings, times
from providers.emulator.google.calendar.agenda import agenda, ids
from providers.emulator.google.calendar.data import furnish
from providers.emulator.google.calendar.freebusy import FreeBusy
from providers.emulator.google.calendar.listing import Search
from providers.emulator.google.calendar.methods import SERVED, UNBUILT
from providers.emulator.google.calendar.model import REMINDERS, Calendar, Calendars
from providers.emulator.google.calendar.sharing import Sharing
from providers.emulator.google.calendar.writing import Writing
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.upstream import Reads

BASE = "/www.googleapis.com/calendar/v3"
IDS = re.compile(r"/(calendars|events|calendarList|acl|settings)/(?!(?:import|quickAdd|watch)$)[^/]+")
Json = dict[str, Any]
ROLES = ("freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


class CalendarApi(Api):
    """Lists of calendars, and events."""

    name = "calendar"
    base = BASE
    hosts = frozenset({"www.googleapis.com"})
    served = SERVED
    unbuilt = UNBUILT
    ids = IDS
    buckets = (Bucket("calendar", 600),)

    state: Calendars
    sharing: Sharing

    def settle(self, now: float) -> None:
        """Everybody's calendars as of today."""
        self.state = Calendars(self.google.clock)
        self.sharing = Sharing(self.state)
        furnish(self.state, self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        writing = Writing(self)
        return {
            "calendar.calendarList.list": self._calendars,
            "calendar.calendarList.get": self._calendar,
            "calendar.events.list": self._events,
            "calendar.events.get": self._event,
            "calendar.events.insert": writing.insert,
            "calendar.events.patch": writing.patch,
            "calendar.events.delete": writing.delete,
            "calendar.events.instances": self._instances,
            "calendar.freebusy.query": FreeBusy(self).query,
            "calendar.settings.list": settings.listed,
            "calendar.settings.get": settings.one,
        }

    def reads(self) -> Reads:
        """`calendar/mail`: who was written to, and about what; `calendar/agenda`: what somebody has on;
        `calendar/ids`: what it is called on the wire.
        """
        return {
            "calendar/mail": lambda query: self.state.mail,
            "calendar/ids": lambda query: ids(self.state, self.google.people, query),
            "calendar/agenda": lambda query: agenda(self.state, self.google.people, query),
        }

    def shown(self, person: Person) -> Json:
        """Ids of somebody's calendars by name."""
        return {"calendars": self.state.names(person.key)}

    def dump(self) -> Json:
        """The calendars."""
        return self.state.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.state.load(data)

    async def _calendars(self, request: Request, person: Person) -> Response:
        calendars = self.state
        if "syncToken" in request.query_params:
            raise ApiError(
                410,
                "Sync token is no longer valid, a full sync is required.",
                "fullSyncRequired",
                domain="calendar",
            )
        least = query.choice(request, "minAccessRole", ROLES) or ROLES[0]
        roles = ROLES[ROLES.index(least) :]
        rows = [
            model.listed(calendars.calendars[entry.calendar], entry)
            for entry in calendars.lists[person.key]
            if entry.role in roles
        ]
        some, token = query.page(request, rows, query.whole(request, "maxResults", 100, 250))
        answer = {"kind": "calendar#calendarList", "etag": f'"{len(rows)}"', **_next(token), "items": some}
        return JSONResponse(query.selected(request, answer))

    async def _calendar(self, request: Request, person: Person) -> Response:
        calendars = self.state
        calendar, entry = calendars.open(person, request.path_params["calendar"])
        return JSONResponse(query.selected(request, model.listed(calendar, entry)))

    async def _events(self, request: Request, person: Person) -> Response:
        calendar, entry = self.state.open(person, request.path_params["calendar"])
        return self._page(request, person, calendar, entry, Search(request).found(calendar))

    async def _instances(self, request: Request, person: Person) -> Response:
        """The dates of a recurring event, in order, changed ones as they are now."""
        calendar, entry = self.state.open(person, request.path_params["calendar"])
        master = found(calendar, request)
        if "recurrence" not in master:
            raise invalid("The event is not a recurring event.")
        rows = Search(request).dates(master, calendar)
        asked = request.query_params.get("originalStart")
        if asked is not None:
            rows = [row for row in rows if asked in row["originalStartTime"].values()]
        return self._page(request, person, calendar, entry, rows)

    def _page(
        self, request: Request, person: Person, calendar: Calendar, entry: model.Entry, rows: list[Json]
    ) -> Response:
        reader = zone(request, calendar)
        most = query.whole(request, "maxAttendees", 1000, 1000)
        size = query.whole(request, "maxResults", 250, 2500)
        some, token = query.page(request, rows, size)
        answer = {
            "kind": "calendar#events",
            "etag": self.state.version(calendar),
            "summary": calendar.summary,
            "updated": max(
                (e["updated"] for e in calendar.events.values()),
                default=model.stamp(self.google.clock.now()),
            ),
            "timeZone": str(reader),
            "accessRole": entry.role,
            "defaultReminders": REMINDERS if entry.primary else [],
            **_next(token),
            "items": [model.shown(event, calendar, person, reader, most) for event in some],
        }
        return JSONResponse(query.selected(request, answer))

    async def _event(self, request: Request, person: Person) -> Response:
        calendar, _ = self.state.open(person, request.path_params["calendar"])
        event = found(calendar, request)
        most = query.whole(request, "maxAttendees", 1000, 1000)
        row = model.shown(event, calendar, person, zone(request, calendar), most)
        return JSONResponse(query.selected(request, row), headers={"etag": row["etag"]})


def found(calendar: Calendar, request: Request) -> Json:
    """The event in the path. Raises ApiError 404."""
    event = calendar.find(request.path_params["event"])
    if event is None:
        raise ApiError(404, "Not Found", "notFound")
    return event


def zone(request: Request, calendar: Calendar) -> ZoneInfo:
    """The time zone an answer is written in: `timeZone`, or the calendar's own. Raises ApiError."""
    named = request.query_params.get("timeZone")
    if named is None:
        return calendar.tz
    asked = times.zone(named)
    if asked is None:
        raise invalid("Invalid time zone definition.", "timeZone", "invalidParameter")
    return asked


def _next(token: str | None) -> Json:
    """Another page, or else a token for the next synchronisation; never both."""
    return (
        {"nextPageToken": token} if token is not None else {"nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="}
    )
