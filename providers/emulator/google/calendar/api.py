"""www.googleapis.com/calendar/v3: the lists of calendars, and their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.google import query
from providers.emulator.google.calendar import model, times
from providers.emulator.google.calendar.listing import Search
from providers.emulator.google.calendar.methods import SERVED, UNBUILT
from providers.emulator.google.calendar.model import REMINDERS, Calendar
from providers.emulator.google.calendar.writing import Writing
from providers.emulator.google.errors import ApiError, invalid
from providers.emulator.google.guard import Handler, guarded, unbuilt
from providers.emulator.google.people import Person

if TYPE_CHECKING:
    from providers.emulator.google.upstream import Google

HOST = "/www.googleapis.com/calendar/v3"
Json = dict[str, Any]
ROLES = ("freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


class CalendarApi:
    """The routes; state lives in `google.calendars`."""

    def __init__(self, google: Google) -> None:
        self._google = google

    def routes(self) -> list[Route]:
        """What this file answers: what is served, and 501 for the rest of the API."""
        writing = Writing(self._google)
        handlers: dict[str, Handler] = {
            "calendar.calendarList.list": self._calendars,
            "calendar.calendarList.get": self._calendar,
            "calendar.events.list": self._events,
            "calendar.events.get": self._event,
            "calendar.events.insert": writing.insert,
            "calendar.events.patch": writing.patch,
            "calendar.events.delete": writing.delete,
        }
        return [
            *(Route(HOST + path, guarded(self._google, name, handlers[name], scopes), methods=[method])
              for name, method, path, scopes in SERVED),
            *(Route(HOST + path, guarded(self._google, "calendar", unbuilt), methods=[method])
              for method, path in UNBUILT),
        ]  # fmt: skip

    async def _calendars(self, request: Request, person: Person) -> Response:
        calendars = self._google.calendars
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
        calendars = self._google.calendars
        calendar, entry = calendars.open(person, request.path_params["calendar"])
        return JSONResponse(query.selected(request, model.listed(calendar, entry)))

    async def _events(self, request: Request, person: Person) -> Response:
        calendar, entry = self._google.calendars.open(person, request.path_params["calendar"])
        reader = zone(request, calendar)
        most = query.whole(request, "maxAttendees", 1000, 1000)
        size = query.whole(request, "maxResults", 250, 2500)
        some, token = query.page(request, Search(request).found(calendar), size)
        answer = {
            "kind": "calendar#events",
            "etag": self._google.calendars.version(calendar),
            "summary": calendar.summary,
            "updated": max(
                (e["updated"] for e in calendar.events.values()),
                default=model.stamp(self._google.clock.now()),
            ),
            "timeZone": str(reader),
            "accessRole": entry.role,
            "defaultReminders": REMINDERS if entry.primary else [],
            **_next(token),
            "items": [model.shown(event, calendar, person, reader, most) for event in some],
        }
        return JSONResponse(query.selected(request, answer))

    async def _event(self, request: Request, person: Person) -> Response:
        calendar, _ = self._google.calendars.open(person, request.path_params["calendar"])
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
