"""The calls our tools make to the Google Calendar API, version 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from providers.google.answers import CalendarEntry, CalendarPage, Event, EventPage, FreeBusy
from providers.google.call import Caller, segment
from providers.google.services import CALENDAR_LIST, EVENTS, EVENTS_READ, FREE_BUSY
from providers.http import Params
from providers.model import read

_PAGE = 250  # the most there is (calendarList.list, maxResults)
_PAGES = 4

SendUpdates = Literal["all", "externalOnly", "none"]

_ENTRY = "id,summary,summaryOverride,description,timeZone,accessRole,primary,selected"
_PERSON = "email,displayName,responseStatus,self,organizer,resource"
_EVENT = (
    "id,status,htmlLink,summary,description,location,start,end,organizer(email,displayName,self),"
    f"attendees({_PERSON}),recurrence,recurringEventId,hangoutLink,eventType"
)
_GUEST = (
    "attendees(email,displayName,responseStatus,self,organizer,resource,optional,comment,additionalGuests)"
)
_WHOLE = (
    "id,etag,status,htmlLink,summary,description,location,start,end,originalStartTime,"
    f"organizer(email,displayName,self),{_GUEST},attendeesOmitted,recurrence,recurringEventId,hangoutLink,"
    "conferenceData/createRequest/status,eventType,transparency,visibility,attachments(title,fileUrl),"
    "guestsCanModify"
)


class Calendar(Caller):
    """Google Calendar with one person's credential. Every call raises ProviderError."""

    base = "https://www.googleapis.com/calendar/v3"

    async def calendars(self) -> tuple[CalendarEntry, ...]:
        """calendarList.list: the calendars in the person's list, at most 1000, the primary one first."""
        items: list[CalendarEntry] = []
        token: str | None = None
        for _ in range(_PAGES):
            params: Params = {
                "maxResults": _PAGE,
                "pageToken": token,
                "fields": f"nextPageToken,items({_ENTRY})",
            }
            answer = await self._call(
                "calendars", "GET", "/users/me/calendarList", params, frozenset({CALENDAR_LIST})
            )
            page = read(CalendarPage, answer)
            items.extend(page.items)
            token = page.next_page_token
            if not token:
                break
        return tuple(sorted(items, key=lambda entry: not entry.primary))

    async def events(
        self,
        calendar_id: str,
        *,
        time_min: str,
        time_max: str,
        time_zone: str,
        query: str | None = None,
        limit: int = 50,
        page_token: str | None = None,
    ) -> EventPage:
        """events.list with recurring events expanded, in the order of their start.

        `time_min` and `time_max` are RFC 3339 with an offset: what ends after the one and begins before the
        other. The answer's times are in `time_zone`.
        """
        params: Params = {
            "timeMin": time_min, "timeMax": time_max, "timeZone": time_zone, "q": query,
            "singleEvents": "true", "orderBy": "startTime", "maxResults": limit, "pageToken": page_token,
            "fields": f"timeZone,nextPageToken,items({_EVENT})",
        }  # fmt: skip
        path = _path(calendar_id)
        return read(EventPage, await self._call("events", "GET", path, params, frozenset({EVENTS_READ})))

    async def event(self, calendar_id: str, event_id: str, time_zone: str | None = None) -> Event:
        """events.get, whole. A deleted one is still there, with the status `cancelled`."""
        params: Params = {"timeZone": time_zone, "fields": _WHOLE}
        answer = await self._call(
            "event", "GET", _path(calendar_id, event_id), params, frozenset({EVENTS_READ})
        )
        return read(Event, answer)

    async def insert(
        self, calendar_id: str, event: Mapping[str, Any], *, send_updates: SendUpdates = "none"
    ) -> Event:
        """events.insert. `send_updates` says who gets mail about it.

        `event` has an id of our choice: where it is taken, that is a Conflict.
        """
        params = _writing(event, send_updates)
        answer = await self._call(
            "insert", "POST", _path(calendar_id), params, frozenset({EVENTS}), dict(event)
        )
        return read(Event, answer)

    async def patch(
        self,
        calendar_id: str,
        event_id: str,
        changes: Mapping[str, Any],
        *,
        etag: str,
        send_updates: SendUpdates = "none",
    ) -> Event:
        """events.patch: what `changes` names is replaced, lists whole; null removes.

        Conflict where the event is no longer the one of `etag`.
        """
        answer = await self._call(
            "patch",
            "PATCH",
            _path(calendar_id, event_id),
            _writing(changes, send_updates),
            frozenset({EVENTS}),
            dict(changes),
            etag=etag,
        )
        return read(Event, answer)

    async def delete(
        self, calendar_id: str, event_id: str, *, etag: str, send_updates: SendUpdates = "none"
    ) -> None:
        """events.delete. Rejected(`deleted`) a second time; Conflict as with `patch`."""
        params: Params = {"sendUpdates": send_updates}
        path = _path(calendar_id, event_id)
        await self._call("delete", "DELETE", path, params, frozenset({EVENTS}), etag=etag)

    async def free_busy(self, ids: Sequence[str], time_min: str, time_max: str) -> FreeBusy:
        """freeBusy.query of at most 50 calendars, people or groups. RFC 3339, the answer in UTC."""
        body = {"timeMin": time_min, "timeMax": time_max, "items": [{"id": id_} for id_ in ids]}
        params: Params = {"fields": "calendars,groups"}
        answer = await self._call("free_busy", "POST", "/freeBusy", params, frozenset({FREE_BUSY}), body)
        return read(FreeBusy, answer)


def _path(calendar_id: str, event_id: str | None = None) -> str:
    path = f"/calendars/{segment(calendar_id)}/events"
    return path if event_id is None else f"{path}/{segment(event_id)}"


def _writing(event: Mapping[str, Any], send_updates: SendUpdates) -> Params:
    """Conference data counts only with its version (events.insert)."""
    version = 1 if "conferenceData" in event else None
    return {"sendUpdates": send_updates, "conferenceDataVersion": version, "fields": _WHOLE}
