"""calendar_find_free_time."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import Address, End, Start
from mcp_server.tools.google.calendar.busy import Missed, Wanted, looked
from mcp_server.tools.google.calendar.drafts import address
from mcp_server.tools.google.calendar.hours import HOURS, read
from mcp_server.tools.google.calendar.slots import slots
from mcp_server.tools.google.client import CalendarClient, OtherCalendars
from mcp_server.tools.google.when import begins, ends, instant, local_zone, moment, ordered, shown
from mcp_server.tools.text import listed, quoted
from providers.google import CALENDAR_LIST, FREE_BUSY

_SHOWN = 40
_LONGEST = timedelta(days=62)


class Slot(BaseModel):
    """A free span, maybe longer than asked for."""

    start: str
    end: str
    minutes: int


class Free(BaseModel):
    """When all who could be seen are free."""

    slots: list[Slot]
    total: int
    time_zone: str
    looked_at: list[str]
    not_seen: Annotated[list[Missed] | None, Field(description="Maybe busy.")] = None


@tool(
    service="calendar",
    title="Find free time",
    needs=(CALENDAR_LIST, FREE_BUSY),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def calendar_find_free_time(
    calendar: CalendarClient,
    others: OtherCalendars,
    start: Start,
    end: End,
    duration_min: Annotated[int, Field(ge=5, le=1440, description="Minutes.")],
    attendees: Annotated[
        list[Address] | None, Field(description="Addresses; ids of calendars.", max_length=20)
    ] = None,
    hours: Annotated[
        list[Annotated[str, Field(max_length=90)]] | None,
        Field(
            description=f"{HOURS} Europe/Lisbon (zone optional); default: always.",
            max_length=14,
        ),
    ] = None,
    other_accounts: Annotated[
        list[Annotated[str, Field(max_length=60)]] | None,
        Field(description="Their labels.", max_length=5),
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Free]:
    """Find when the person and others are all free; says whom it could not see."""
    known = await calendar.calendars()
    local = local_zone(None, *(entry.time_zone for entry in known[:1]))
    first, last = moment(start, "start", local), moment(end, "end", local)
    ordered(first, last, local)
    low, high = begins(first, local).astimezone(UTC), ends(last, local).astimezone(UTC)
    if high - low > _LONGEST:
        raise Refusal("invalid_argument", "That is too long to look at: choose at most two months.")
    working = read(hours or (), local)
    people = tuple(dict.fromkeys(address(each).casefold() for each in attendees or ()))
    wanted = Wanted(instant(low), instant(high), people)
    seen = await looked(calendar, known, others, tuple(dict.fromkeys(other_accounts or ())), wanted)
    found = slots(low, high, seen.busy, working, timedelta(minutes=duration_min))
    result = Free(
        slots=[
            Slot(
                start=begin.astimezone(local).isoformat(),
                end=over.astimezone(local).isoformat(),
                minutes=int((over - begin).total_seconds() // 60),
            )
            for begin, over in found[:_SHOWN]
        ],
        total=len(found),
        time_zone=str(local),
        looked_at=seen.names,
        not_seen=seen.missed or None,
    )
    spans = [(begin.astimezone(local), over.astimezone(local)) for begin, over in found[:_SHOWN]]
    lines = [f"{shown(begin)} to {shown(over)}" for begin, over in spans]
    return answer(result, "\n".join([_head(result), *lines, *_after(result)]))


def _head(result: Free) -> str:
    zone = f"times in {result.time_zone}"
    if not result.slots:
        return f"Nobody has that long a time free together, {zone}."
    return f"{len(result.slots)} of {result.total} free times, {zone}:"


def _after(result: Free) -> list[str]:
    lines = [f"Counted: {listed(quoted(name, 80) for name in result.looked_at)}."]
    if result.total > len(result.slots):
        lines.append("For more, ask again with a later `start`.")
    if result.not_seen:
        who = listed(f"{quoted(missed.who, 80)} ({missed.why})" for missed in result.not_seen)
        lines.append(f"Not seen, so maybe busy: {who}.")
    return lines
