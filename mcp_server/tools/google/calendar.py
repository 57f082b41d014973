"""calendar_list_calendars, calendar_search_events, calendar_create_event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.google.drafts import added, draft
from mcp_server.tools.google.events import EventView, line, order, view
from mcp_server.tools.google.merge import LONGEST_CURSOR, Part, Place, merged, resumed
from mcp_server.tools.google.merge import cursor as cursor_of
from mcp_server.tools.google.when import WHEN, When, Zone, begins, ends, moment, ordered, zone
from mcp_server.tools.text import clip, listed, quoted
from providers.base import Rejected
from providers.google import CALENDAR_LIST, EVENTS, EVENTS_READ, Calendar, CalendarEntry, Event, SendUpdates

_AT_ONCE = 5
_MOST_CALENDARS = 20
_MOST_BYTES = 22_000
_UTC = "UTC"
_MAIL: dict[str, SendUpdates] = {"all": "all", "external_only": "externalOnly", "none": "none"}


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
    """The calendars in the person's list."""

    calendars: list[Listed]


class Agenda(BaseModel):
    """Events in the order of their start."""

    events: list[EventView]
    time_zone: str
    time_zone_from: Annotated[Literal["argument", "calendar"], Field(description="Who chose the zone.")]
    calendars: Annotated[list[str], Field(description="Names of the calendars that were searched.")]
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
    calendar: CalendarClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Calendars]:
    """List the person's calendars in Google Calendar: names, ids, zones, and whether events can be added."""
    entries = await calendar.calendars()
    rows = [
        Listed(
            id=entry.id,
            name=clip(entry.name, 80),
            access=_access(entry),
            primary=entry.primary,
            selected=entry.selected,
            time_zone=entry.time_zone or None,
            description=clip(entry.description, 120) or None,
        )
        for entry in entries
    ]
    shown = [f"{quoted(row.name)}, {_role(row)}, id {clip(row.id, 120)}" for row in rows]
    return answer(Calendars(calendars=rows), "\n".join(["Calendars:", *shown]) if rows else "No calendar.")


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
            max_length=_MOST_CALENDARS,
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
    local = zone(time_zone or (known[0].time_zone if known else "") or _UTC)
    first, last = moment(start, "start", local), moment(end, "end", local)
    ordered(first, last, local)
    chosen = _chosen(known, calendar_ids)
    size, left = resumed(cursor) if cursor else (limit, [Place(entry.id) for entry in chosen])
    parts = await _parts(calendar, left, query, (first, last), local, size)
    by_id = {entry.id: entry for entry in [*chosen, *known]}
    room = _Room(limit, by_id, local)
    taken, rest = merged(parts, lambda event: order(event, local), room.has)
    agenda = Agenda(
        events=[view(event, by_id.get(id_, CalendarEntry(id=id_)), local) for event, id_ in taken],
        time_zone=str(local),
        time_zone_from="argument" if time_zone else "calendar",
        calendars=[clip(by_id.get(p.calendar_id, CalendarEntry()).name or p.calendar_id, 80) for p in left],
        next_cursor=cursor_of(size, rest),
    )
    return answer(agenda, _text(agenda))


class _Room:
    """Whether one more event has a place: `limit` of them, and no more than a model can read at once."""

    def __init__(self, limit: int, calendars: dict[str, CalendarEntry], local: ZoneInfo) -> None:
        self._left = limit
        self._bytes = _MOST_BYTES
        self._local = local

    def has(self, event: Event) -> bool:
        """Take a place for `event`, if there is one; the first one always has."""
        size = len(view(event, CalendarEntry(), self._local).model_dump_json(exclude_none=True).encode())
        first = self._bytes == _MOST_BYTES
        if self._left <= 0 or (size > self._bytes and not first):
            return False
        self._left -= 1
        self._bytes -= size
        return True


async def _parts(
    calendar: Calendar,
    left: Sequence[Place],
    query: str | None,
    between: tuple[When, When],
    local: ZoneInfo,
    limit: int,
) -> list[Part[Event]]:
    """A page of each calendar, a few calendars at a time."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(place: Place) -> Part[Event]:
        async with turn:
            page = await calendar.events(
                place.calendar_id,
                time_min=begins(between[0], local).isoformat(),
                time_max=ends(between[1], local).isoformat(),
                time_zone=str(local),
                query=query,
                limit=limit,
                page_token=place.page,
            )
        return Part(place, page.items, page.next_page_token)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(place)) for place in left]
    except ExceptionGroup as errors:
        error = errors.exceptions[0]
        stale = isinstance(error, Rejected) and error.reason == "HTTP_400" and any(p.page for p in left)
        raise (_stale() if stale else error) from None
    return [task.result() for task in tasks]


def _stale() -> Refusal:
    return Refusal(
        "invalid_argument",
        "`cursor` belongs to another search. Use it with the arguments it came from, or leave it out.",
    )


def _chosen(known: Sequence[CalendarEntry], wanted: Sequence[str] | None) -> list[CalendarEntry]:
    """The calendars of these ids or names; without any, those the person has selected. Raises Refusal."""
    if not wanted:
        return [entry for entry in known if entry.selected or entry.primary][:_MOST_CALENDARS] or [
            CalendarEntry(id="primary", summary="primary", primary=True)
        ]
    found = [_calendar(known, name) for name in dict.fromkeys(wanted)]
    return list({entry.id: entry for entry in found}.values())


def _calendar(known: Sequence[CalendarEntry], wanted: str) -> CalendarEntry:
    """The calendar of that id or name; an address that is not in the list may be somebody's calendar."""
    name = wanted.strip()
    if name == "primary":
        return next((entry for entry in known if entry.primary), CalendarEntry(id=name, summary=name))
    by_id = [entry for entry in known if entry.id == name]
    matches = by_id or [entry for entry in known if entry.name.casefold() == name.casefold()]
    if len(matches) == 1:
        return matches[0]
    if not matches and "@" in name:
        return CalendarEntry(id=name, summary=name)
    if matches:
        raise Refusal("invalid_argument", "Several calendars have that name. Give one of their ids instead.")
    names = listed(quoted(entry.name) for entry in known[:_MOST_CALENDARS])
    raise Refusal("not_found", f"No calendar here has that id or name. There are: {names}.")


def _access(entry: CalendarEntry) -> Literal["write", "read", "free_busy"]:
    if entry.writable:
        return "write"
    return "free_busy" if entry.access_role == "freeBusyReader" else "read"


def _role(row: Listed) -> str:
    words = ["primary"] if row.primary else []
    words.append(
        {"write": "events can be added", "read": "read only", "free_busy": "free or busy only"}[row.access]
    )
    return ", ".join(words)


def _text(agenda: Agenda) -> str:
    whose = "its calendar" if agenda.time_zone_from == "calendar" else "you"
    more = f"More with cursor {agenda.next_cursor}." if agenda.next_cursor else ""
    where = listed(quoted(name) for name in agenda.calendars)
    if not agenda.events:
        return more or f"Nothing there, in {where}. Times in {agenda.time_zone}, as {whose} says."
    head = f"{len(agenda.events)} events, times in {agenda.time_zone}:"
    return "\n".join([head, *(line(event) for event in agenda.events), *([more] if more else [])])


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
    target = _calendar(known, calendar_id)
    local = zone(time_zone or target.time_zone or (known[0].time_zone if known else "") or _UTC)
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
