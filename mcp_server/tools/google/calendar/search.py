"""A search over several calendars: which ones, a page of each, and as much as a model can read at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.calendar.events import EventView, line, order, view
from mcp_server.tools.google.calendar.merge import Part, Place, merged
from mcp_server.tools.google.when import When, begins, ends, instant
from mcp_server.tools.text import listed, quoted
from providers.base import NotFound, ProviderError, Rejected, ScopeMissing
from providers.google import Calendar, CalendarEntry, Event

MOST_CALENDARS = 10
_AT_ONCE = 5
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every calendar; `size` is how many events a page of one may hold."""

    between: tuple[When, When]
    local: ZoneInfo
    query: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Pages:
    """A page of each calendar that answered, and the ids of those that did not."""

    parts: list[Part[Event]]
    silent: list[str]


async def pages(calendar: Calendar, left: Sequence[Place], question: Question, *, named: bool) -> Pages:
    """A page of each calendar, a few calendars at a time.

    A calendar that the caller did not name may be gone: it is left out. Raises Refusal for a stale cursor,
    and ProviderError, where none answers, too.
    """
    turn = asyncio.Semaphore(_AT_ONCE)
    faults: dict[str, ProviderError] = {}

    async def one(place: Place) -> Part[Event] | None:
        async with turn:
            try:
                return await _page(calendar, place, question)
            except (NotFound, Rejected, ScopeMissing) as error:
                if isinstance(error, Rejected) and error.reason == "HTTP_400" and place.page:
                    raise _stale() from None
                if named or len(left) == 1:
                    raise
                faults[place.calendar_id] = error
                return None

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(place)) for place in left]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    parts = [part for task in tasks if (part := task.result()) is not None]
    if faults and not parts:
        raise next(iter(faults.values()))
    return Pages(parts, [place.calendar_id for place in left if place.calendar_id in faults])


async def _page(calendar: Calendar, place: Place, question: Question) -> Part[Event]:
    page = await calendar.events(
        place.calendar_id,
        time_min=instant(begins(question.between[0], question.local)),
        time_max=instant(ends(question.between[1], question.local)),
        time_zone=str(question.local),
        query=question.query,
        limit=question.size,
        page_token=place.page,
    )
    return Part(place, page.items, page.next_page_token)


def _stale() -> Refusal:
    return Refusal(
        "invalid_argument",
        "`cursor` belongs to another search. Use it with the arguments it came from, or leave it out.",
    )


class Reading:
    """Turns pages into views, each event once, and takes as many as there is room for.

    Every event counts with what stands of it in the answer: its fields, and its line for a reader.
    """

    def __init__(self, calendars: Iterable[CalendarEntry], local: ZoneInfo) -> None:
        self._calendars = {entry.id: entry for entry in calendars}
        self._local = local
        self._views: dict[int, tuple[EventView, int]] = {}

    def name(self, calendar_id: str) -> str:
        """What its person calls a calendar; its id where it is not in their list."""
        entry = self._calendars.get(calendar_id)
        return (entry.name if entry else "") or calendar_id

    def take(
        self, parts: Sequence[Part[Event]], limit: int, room: int
    ) -> tuple[list[EventView], list[Place]]:
        """At most `limit` events in `room` bytes, in order, and where that leaves the calendars."""
        owners = {id(event): part.place.calendar_id for part in parts for event in part.items}
        used = count = 0

        def fits(event: Event) -> bool:
            nonlocal used, count
            _, size = self._seen(event, owners[id(event)])
            # The first one always has a place: an answer without any would end the paging.
            if count >= limit or (count and used + size > room):
                return False
            used, count = used + size, count + 1
            return True

        taken, rest = merged(parts, lambda event: order(event, self._local), fits)
        return [self._seen(event, calendar_id)[0] for event, calendar_id in taken], rest

    def _seen(self, event: Event, calendar_id: str) -> tuple[EventView, int]:
        if id(event) not in self._views:
            entry = self._calendars.get(calendar_id) or CalendarEntry(id=calendar_id, summary=calendar_id)
            shown = view(event, entry, self._local)
            # Twice a string: the line is quoted once more on its way.
            size = len(shown.model_dump_json(exclude_none=True).encode()) + len(
                json.dumps(line(shown)).encode()
            )
            self._views[id(event)] = (shown, size)
        return self._views[id(event)]


def chosen(known: Sequence[CalendarEntry], wanted: Sequence[str] | None) -> list[CalendarEntry]:
    """The calendars of these ids or names; without any, those the person has selected. Raises Refusal."""
    if not wanted:
        return [entry for entry in known if entry.selected or entry.primary] or [
            CalendarEntry(id="primary", summary="primary", primary=True)
        ]
    found = [named(known, name) for name in dict.fromkeys(wanted)]
    return list({entry.id: entry for entry in found}.values())


def named(known: Sequence[CalendarEntry], wanted: str) -> CalendarEntry:
    """The calendar of that id or name. Raises Refusal.

    What looks like an address is an id and never a name: else a calendar that somebody shared under that
    name would get what was meant for another. An id that is not in the list may still be somebody's calendar.
    """
    name = wanted.strip()
    if name == "primary":
        return next((entry for entry in known if entry.primary), CalendarEntry(id=name, summary=name))
    by_id = [entry for entry in known if entry.id == name]
    if not by_id and "@" in name:
        return CalendarEntry(id=name, summary=name)
    matches = by_id or [entry for entry in known if entry.name.casefold() == name.casefold()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Refusal("invalid_argument", "Several calendars have that name. Give one of their ids instead.")
    names = listed(quoted(entry.name) for entry in known[:_NAMED])
    raise Refusal("not_found", f"No calendar here has that id or name. There are: {names}.")
