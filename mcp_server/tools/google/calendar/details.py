"""calendar_get_event."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import CalendarId, EventId
from mcp_server.tools.google.calendar.events import EventView, Guest, guest, line, link, passage, view
from mcp_server.tools.google.calendar.target import place
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.room import fitting
from mcp_server.tools.text import clip
from providers.google import CALENDAR_LIST, EVENTS_READ, Event

_LONGEST = 8000
_FILES = 5
_ROOMS = (9000, 5000, 2000)
"""Bytes for the text, and as many for guests; the last always leaves room for the rest."""
_MOST_BYTES = 28_000


class File(BaseModel):
    """A file."""

    title: str
    link: str | None = None


class Detail(BaseModel):
    """An event, whole."""

    event: EventView
    time_zone: str
    event_time_zone: str | None = None
    shows_as: str
    visibility: str | None = None
    may_change: Annotated[bool, Field(description="For all guests.")]
    files: list[File] | None = None


@tool(
    service="calendar",
    title="See an event",
    needs=(CALENDAR_LIST, EVENTS_READ),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_get_event(
    calendar: CalendarClient,
    event_id: EventId,
    calendar_id: CalendarId = "primary",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Detail]:
    """See an event whole: text, guests and their answers, files, recurrence."""
    where = await place(calendar, calendar_id, None)
    event = await calendar.event(where.entry.id, event_id)
    files = event.attachments[:_FILES]
    own = clip(event.start.time_zone, 60)
    for room in _ROOMS:
        shown = view(event, where.entry, where.local)
        shown.guests, shown.guests_total = _guests(event, room)
        shown.description = passage(event.description, _LONGEST, room) or None
        result = Detail(
            event=shown,
            time_zone=str(where.local),
            event_time_zone=own if own and own != str(where.local) else None,
            shows_as="free" if event.transparency == "transparent" else "busy",
            visibility=clip(event.visibility, 20) or None,
            may_change=event.hosted or event.guests_can_modify,
            files=[File(title=clip(file.title, 80), link=link(file.file_url)) for file in files] or None,
        )
        told = answer(result, _text(result))
        if len(told.model_dump_json(by_alias=True, exclude_none=True).encode()) <= _MOST_BYTES:
            break
    return told


def _guests(event: Event, room: int) -> tuple[list[Guest] | None, int | None]:
    """As many guests as fit, without the person; and how many there are where that is more."""
    rows = [guest(each, comment=True) for each in event.attendees if not each.resource and not each.own]
    kept = rows[: fitting([(row, "") for row in rows], room)]
    return kept or None, len(rows) if len(rows) > len(kept) else None


def _text(result: Detail) -> str:
    event = result.event
    lines = [f"{line(event)} (times in {result.time_zone})"]
    if event.status == "cancelled":
        lines.append("It was deleted.")
    if event.recurring_event_id:
        lines.append("It is one date of a recurring event.")
    if event.guests_total:
        lines.append(f"{len(event.guests or ())} of {event.guests_total} guests shown.")
    return "\n".join(lines)
