"""calendar_list_calendars, calendar_search_events, calendar_create_event."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.drafts import added, draft
from mcp_server.tools.google.calendar.events import EventView, line, view
from mcp_server.tools.google.calendar.merge import LONGEST_CURSOR, Place, resumed
from mcp_server.tools.google.calendar.merge import cursor as cursor_of
from mcp_server.tools.google.calendar.search import MOST_CALENDARS, Question, Reading, chosen, named, pages
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.google.when import WHEN, Zone, local_zone, moment, ordered
from mcp_server.tools.text import clip, listed, quoted
from providers.google import CALENDAR_LIST, EVENTS, EVENTS_READ, CalendarEntry, SendUpdates

# What events may take of an answer, in bytes; the last one always leaves room for the longest cursor.
_ROOMS = (22_000, 16_000, 10_000, 4_000)
_MOST_BYTES = 28_000
_MAIL: dict[str, SendUpdates] = {"all": "all", "external_only": "externalOnly", "none": "none"}
_OFFSET = re.compile(r"o([1-9][0-9]{0,3})")


class Listed(BaseModel):
    """A calendar."""

    id: str
    name: str
    access: Annotated[Literal["write", "read", "free_busy"], Field(description="What may be done with it.")]
    primary: bool = False
    selected: Annotated[bool, Field(description="Shown in the person's calendar, and searched.")] = False
    time_zone: str | None = None
    description: str | None = None


class Calendars(BaseModel):
    """The calendars in the person's list, the primary one first."""

    calendars: list[Listed]
    total: int
    next_cursor: Annotated[str | None, Field(description="Pass as `cursor` to see more.")] = None


class Agenda(BaseModel):
    """Events in the order of their start."""

    events: list[EventView]
    time_zone: str
    time_zone_from: Annotated[Literal["argument", "calendar"], Field(description="Who chose the zone.")]
    calendars: Annotated[list[str], Field(description="Names of the calendars that were searched.")]
    not_searched: Annotated[
        list[str] | None, Field(description="Selected ones that were too many, or did not answer.")
    ] = None
    next_cursor: Annotated[
        str | None, Field(description="Pass as `cursor`, with the same arguments, to see more.")
    ] = None


class Added(BaseModel):
    """The event as it stands in the calendar now; `created` is false where it was there before."""

    event: EventView
    created: bool
    mail_sent_to: Literal["all", "external_only", "none"]
    time_zone: str
    time_zone_from: Annotated[Literal["argument", "calendar"], Field(description="Who chose the zone.")]


@tool(
    service="calendar",
    title="List calendars",
    needs=(CALENDAR_LIST,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_list_calendars(
    calendar: CalendarClient,
    limit: Annotated[int, Field(ge=1, le=100, description="How many at most.")] = 25,
    cursor: Annotated[
        str | None, Field(description="`next_cursor` of the last answer.", max_length=8)
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Calendars]:
    """List the person's calendars in Google Calendar: names, ids, zones, and whether events can be added."""
    entries = await calendar.calendars()
    begin = _offset(cursor)
    rows = [_listed(entry) for entry in entries[begin : begin + limit]]
    after = begin + len(rows)
    result = Calendars(
        calendars=rows, total=len(entries), next_cursor=f"o{after}" if rows and after < len(entries) else None
    )
    lines = [f"{quoted(row.name)}, {_role(row)}, id {clip(row.id, 120)}" for row in rows]
    more = [f"More with cursor {result.next_cursor}."] if result.next_cursor else []
    head = f"{len(rows)} of {result.total} calendars:"
    return answer(result, "\n".join([head, *lines, *more]) if rows else "There is no calendar.")


@tool(
    service="calendar",
    title="Search calendar events",
    needs=(CALENDAR_LIST, EVENTS_READ),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_search_events(
    calendar: CalendarClient,
    start: Annotated[str, Field(description=f"From here on. {WHEN}", max_length=40)],
    end: Annotated[str, Field(description="Until here; a day counts to its end.", max_length=40)],
    query: Annotated[
        str | None, Field(description="Words in title, description, place or guests.", max_length=200)
    ] = None,
    calendar_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300)]] | None,
        Field(
            description="Ids or names from calendar_list_calendars; default: those the person has selected.",
            max_length=MOST_CALENDARS,
        ),
    ] = None,
    time_zone: Zone = None,
    limit: Annotated[int, Field(ge=1, le=50, description="How many events at most.")] = 25,
    cursor: Annotated[
        str | None, Field(description="`next_cursor` of the last answer.", max_length=LONGEST_CURSOR)
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Agenda]:
    """See what is on the person's Google Calendar between two days or times ("what is on tomorrow"), or find
    events by words. Recurring events appear once per date.
    """
    known = await calendar.calendars()
    local = local_zone(time_zone, *(entry.time_zone for entry in known[:1]))
    first, last = moment(start, "start", local), moment(end, "end", local)
    ordered(first, last, local)
    wanted = chosen(known, calendar_ids)
    size, left = (
        resumed(cursor) if cursor else (limit, [Place(entry.id) for entry in wanted[:MOST_CALENDARS]])
    )
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
            calendars=[clip(reading.name(place.calendar_id), 80) for place in left],
            not_searched=[clip(reading.name(id_), 80) for id_ in [*found.silent, *passed]][:20] or None,
            next_cursor=cursor_of(size, rest),
        )
        result = answer(agenda, _text(agenda))
        if len(result.model_dump_json(by_alias=True, exclude_none=True).encode()) <= _MOST_BYTES:
            break
    return result


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    found = _OFFSET.fullmatch(cursor)
    if found is None:
        raise Refusal("invalid_argument", "`cursor` must be the `next_cursor` of an earlier answer.")
    return int(found[1])


def _listed(entry: CalendarEntry) -> Listed:
    return Listed(
        id=clip(entry.id, 300),
        name=clip(entry.name, 80),
        access=_access(entry),
        primary=entry.primary,
        selected=entry.selected,
        time_zone=clip(entry.time_zone, 60) or None,
        description=clip(entry.description, 120) or None,
    )


def _access(entry: CalendarEntry) -> Literal["write", "read", "free_busy"]:
    if entry.writable:
        return "write"
    return "free_busy" if entry.access_role == "freeBusyReader" else "read"


def _role(row: Listed) -> str:
    role = {"write": "events can be added", "read": "read only", "free_busy": "free or busy only"}[row.access]
    return f"primary, {role}" if row.primary else role


def _text(agenda: Agenda) -> str:
    whose = "its calendar" if agenda.time_zone_from == "calendar" else "you"
    more = [f"More with cursor {agenda.next_cursor}."] if agenda.next_cursor else []
    if agenda.not_searched:
        more.append(f"Not searched: {listed(quoted(name) for name in agenda.not_searched)}.")
    if not agenda.events:
        where = listed(quoted(name) for name in agenda.calendars)
        nothing = f"Nothing there, in {where}. Times in {agenda.time_zone}, as {whose} says."
        return "\n".join([nothing, *more])
    count = len(agenda.events)
    head = f"{count} event{'' if count == 1 else 's'}, times in {agenda.time_zone}:"
    return "\n".join([head, *(line(event) for event in agenda.events), *more])


@tool(
    service="calendar",
    title="Add a calendar event",
    access="write",
    needs=(CALENDAR_LIST, EVENTS),
    read_only=False,
    destructive=False,
    idempotent=True,
)
async def calendar_create_event(
    calendar: CalendarClient,
    summary: Annotated[str, Field(min_length=1, max_length=300, description="The title.")],
    start: Annotated[str, Field(description=WHEN, max_length=40)],
    end: Annotated[str, Field(description="Likewise; of an all-day event the last day.", max_length=40)],
    time_zone: Zone = None,
    attendees: Annotated[
        list[Annotated[str, Field(max_length=254)]] | None,
        Field(description="Addresses of the people to invite.", max_length=50),
    ] = None,
    recurrence: Annotated[
        list[Annotated[str, Field(max_length=300)]] | None,
        Field(description="RFC 5545 lines such as RRULE:FREQ=WEEKLY;BYDAY=MO.", max_length=5),
    ] = None,
    location: Annotated[str | None, Field(max_length=500, description="Where it is.")] = None,
    description: Annotated[
        str | None, Field(max_length=4000, description="Anything else that guests should read.")
    ] = None,
    add_meet: Annotated[bool, Field(description="Add a Google Meet link.")] = False,
    notify: Annotated[
        Literal["all", "external_only", "none"], Field(description="Which guests get mail about it.")
    ] = "none",
    calendar_id: Annotated[
        str, Field(min_length=1, max_length=300, description="Id or name of a calendar.")
    ] = "primary",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Added]:
    """Add an event to the person's Google Calendar. The same event is added once, however often it is asked
    for. Guests get mail only if `notify` says so.
    """
    known = await calendar.calendars()
    target = named(known, calendar_id)
    local = local_zone(time_zone, target.time_zone, *(entry.time_zone for entry in known[:1]))
    first, last = moment(start, "start", local), moment(end, "end", local)
    ordered(first, last, local)
    body = draft(
        summary, first, last, local,
        attendees=attendees, recurrence=recurrence, location=location, description=description, meet=add_meet,
    )  # fmt: skip
    event, created = await added(calendar, target.id, body, _MAIL[notify])
    result = Added(
        event=view(event, target, local),
        created=created,
        mail_sent_to="none" if not created or not attendees else notify,
        time_zone=str(local),
        time_zone_from="argument" if time_zone else "calendar",
    )
    return answer(result, _added_text(result))


def _added_text(result: Added) -> str:
    what = "Added" if result.created else "It was there already, so nothing was added"
    mail = {
        "all": "All guests get mail about it.",
        "external_only": "Guests who do not use Google Calendar get mail about it.",
        "none": "Nobody gets mail about it." if result.created else "",
    }[result.mail_sent_to]
    return f"{what}: {line(result.event)} (times in {result.time_zone}). {mail}".strip()
