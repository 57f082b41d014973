"""Which event a call means: one of a calendar, one date of a recurring event, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.calendar.events import span
from mcp_server.tools.google.calendar.search import named
from mcp_server.tools.google.when import local_zone, shown
from mcp_server.tools.text import clip, quoted
from providers.google import Calendar, CalendarEntry, Event

_GUESTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A calendar, and the zone in which times are understood and told."""

    entry: CalendarEntry
    local: ZoneInfo


async def place(calendar: Calendar, calendar_id: str, time_zone: str | None) -> Place:
    """The calendar of that id or name. Raises Refusal, ProviderError."""
    known = await calendar.calendars()
    entry = named(known, calendar_id)
    return Place(entry, local_zone(time_zone, entry.time_zone, *(each.time_zone for each in known[:1])))


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be changed: `whole` is that event, `asked` the one that the caller's id names. They differ
    where one date was named and all are meant.
    """

    place: Place
    asked: Event
    whole: Event

    @property
    def series(self) -> bool:
        """Whether all dates of a recurring event are meant."""
        return bool(self.whole.recurrence)

    def said(self) -> str:
        """`“Choir”, Mon 22 Mar 2027 19:00`, for a reader."""
        start, _ = span(self.whole, self.place.local)
        every = ", all dates from" if self.series else ","
        return f"{quoted(self.whole.summary or '(no title)')}{every} {shown(start)}"


async def target(calendar: Calendar, where: Place, event_id: str, scope: Literal["this", "all"]) -> Target:
    """The event of that id, or the recurring event it belongs to. Raises Refusal, ProviderError.

    A deleted event is a target, too: its status is `cancelled`.
    """
    asked = await calendar.event(where.entry.id, event_id)
    if scope == "this" and asked.recurrence and asked.status != "cancelled":
        raise Refusal(
            "invalid_argument",
            "That id is the whole recurring event. For one date give its own id, as calendar_search_events "
            "shows it; for all of them say `scope` all.",
        )
    if scope == "all" and asked.recurring_event_id:
        return Target(where, asked, await calendar.event(where.entry.id, asked.recurring_event_id))
    return Target(where, asked, asked)


def others(event: Event) -> list[str]:
    """Addresses of everybody invited but the person themself."""
    return [clip(guest.email, 120) for guest in event.attendees if not guest.own and not guest.resource]


def accompanied(event: Event) -> bool:
    """Whether anybody else is invited, be it that Google does not tell whom (Event.attendeesOmitted)."""
    return event.attendees_omitted or bool(others(event))


def invited(event: Event) -> str:
    """How many others are invited, and the first of them, for a preview."""
    if not accompanied(event):
        return "nobody"
    guests = others(event)
    count = "more than Google tells" if event.attendees_omitted else str(len(guests))
    return ": ".join(part for part in (count, ", ".join(guests[:_GUESTS_SHOWN])) if part)


def when(event: Event, local: ZoneInfo) -> str:
    """When it begins and ends, with its zone, for a preview."""
    start, end = span(event, local)
    return f"{shown(start)} to {shown(end)}, {local}"
