"""calendar_search_events."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import CalendarName, End, Start, ZoneFrom
from mcp_server.tools.google.calendar.events import EventView, line
from mcp_server.tools.google.calendar.merge import LONGEST_CURSOR, Place, resumed
from mcp_server.tools.google.calendar.merge import cursor as cursor_of
from mcp_server.tools.google.calendar.search import MOST_CALENDARS, Question, Reading, chosen, pages
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.google.when import Zone, local_zone, moment, ordered
from mcp_server.tools.text import clip, listed, quoted
from providers.google import CALENDAR_LIST, EVENTS_READ

# What events may take of an answer, in bytes; the last one always leaves room for the longest cursor.
_ROOMS = (22_000, 16_000, 10_000, 4_000)
_MOST_BYTES = 28_000


class Agenda(BaseModel):
    """Events in the order of their start."""

    events: list[EventView]
    time_zone: str
    time_zone_from: ZoneFrom
    calendars: list[str]
    not_searched: Annotated[list[str] | None, Field(description="Too many, or silent.")] = None
    next_cursor: Annotated[str | None, Field(description="With the same arguments.")] = None


@tool(
    service="calendar",
    title="Search events",
    needs=(CALENDAR_LIST, EVENTS_READ),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_search_events(
    calendar: CalendarClient,
    start: Start,
    end: End,
    query: Annotated[str | None, Field(description="Words in it.", max_length=200)] = None,
    calendar_ids: Annotated[
        list[CalendarName] | None,
        Field(
            description="Default: those selected.",
            max_length=MOST_CALENDARS,
        ),
    ] = None,
    time_zone: Zone = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 25,
    cursor: Annotated[str | None, Field(description="`next_cursor`.", max_length=LONGEST_CURSOR)] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Agenda]:
    """See what is on the person's Google Calendar, or find events. Recurring ones appear once per date."""
    resuming = resumed(cursor) if cursor else None
    known = await calendar.calendars()
    local = local_zone(time_zone, *(entry.time_zone for entry in known[:1]))
    first, last = moment(start, "start", local), moment(end, "end", local)
    ordered(first, last, local)
    wanted = chosen(known, calendar_ids)
    size, left = resuming or (limit, [Place(entry.id) for entry in wanted[:MOST_CALENDARS]])
    question = Question((first, last), local, query, size)
    found = await pages(calendar, left, question, named=calendar_ids is not None)
    reading = Reading([*wanted, *known], local)
    passed = [] if cursor else [entry.id for entry in wanted[MOST_CALENDARS:]]
    for room in _ROOMS:
        events, rest = reading.take(found.parts, limit, room)
        agenda = Agenda(
            events=events,
            time_zone=str(local),
            time_zone_from="argument" if time_zone else "calendar",
            calendars=[clip(reading.name(part.place.calendar_id), 80) for part in found.parts],
            not_searched=[clip(reading.name(id_), 80) for id_ in [*found.silent, *passed]][:20] or None,
            next_cursor=cursor_of(size, rest),
        )
        result = answer(agenda, _text(agenda))
        if len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= _MOST_BYTES:
            break
    return result


def _text(agenda: Agenda) -> str:
    whose = "its calendar says" if agenda.time_zone_from == "calendar" else "you say"
    more = [f"More with cursor {agenda.next_cursor}."] if agenda.next_cursor else []
    if agenda.not_searched:
        more.append(f"Not searched: {listed(quoted(name) for name in agenda.not_searched)}.")
    if not agenda.events:
        where = listed(quoted(name) for name in agenda.calendars)
        nothing = f"Nothing there, in {where}. Times in {agenda.time_zone}, as {whose}."
        return "\n".join([nothing, *more])
    count = len(agenda.events)
    head = f"{count} event{'' if count == 1 else 's'}, times in {agenda.time_zone}:"
    return "\n".join([head, *(line(event) for event in agenda.events), *more])
