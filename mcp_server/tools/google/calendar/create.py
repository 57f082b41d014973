"""calendar_create_event."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel, Confirm, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import (
    MAIL,
    Address,
    CalendarId,
    End,
    Notified,
    Notify,
    Rule,
    Start,
    ZoneFrom,
    mailed,
)
from mcp_server.tools.google.calendar.drafts import added, draft
from mcp_server.tools.google.calendar.events import Written, line, view, written
from mcp_server.tools.google.calendar.meet import PENDING, met
from mcp_server.tools.google.calendar.target import place
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.google.when import Zone, moment, ordered, shown
from mcp_server.tools.undo import Undo
from providers.google import CALENDAR_LIST, EVENTS


class Added(BaseModel):
    """`created` is false where it was there before."""

    event: Written
    created: bool
    mail_sent_to: str
    time_zone: str
    time_zone_from: ZoneFrom
    undo: Undo | None = None


@tool(
    service="calendar",
    title="Add an event",
    access="write",
    needs=(CALENDAR_LIST, EVENTS),
    read_only=False,
    destructive=False,
    idempotent=True,
    asks=True,
)
async def calendar_create_event(
    calendar: CalendarClient,
    confirm: Confirm,
    pause: Pause,
    summary: Annotated[str, Field(min_length=1, max_length=300, description="Title.")],
    start: Start,
    end: End,
    time_zone: Zone = None,
    attendees: Annotated[list[Address] | None, Field(description="Whom to invite.", max_length=50)] = None,
    recurrence: Annotated[
        list[Rule] | None, Field(description="RRULE:FREQ=WEEKLY;COUNT=10", max_length=5)
    ] = None,
    location: Annotated[str | None, Field(max_length=500, description="Where.")] = None,
    description: Annotated[str | None, Field(max_length=8000, description="For guests to read.")] = None,
    add_meet: Annotated[bool, Field(description="Google Meet.")] = False,
    notify: Notify = "none",
    calendar_id: CalendarId = "primary",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Added]:
    """Add an event to the person's Google Calendar; the same one is added once. Guests see it in theirs."""
    where = await place(calendar, calendar_id, time_zone)
    first, last = moment(start, "start", where.local), moment(end, "end", where.local)
    ordered(first, last, where.local)
    body = draft(
        summary, first, last, where.local,
        attendees=attendees, recurrence=recurrence, location=location, description=description, meet=add_meet,
    )  # fmt: skip
    if attendees:
        lines = [
            ("Title", summary),
            ("When", f"{shown(first)} to {shown(last)}, {where.local}"),
            *([("Repeats", ", ".join(body["recurrence"]))] if recurrence else []),
            *([("Where", location)] if location else []),
            ("Calendar", where.entry.name),
            ("Guests", _invited([guest["email"] for guest in body["attendees"]])),
            ("Mail", mailed(notify)),
            *([("Text", description)] if description else []),
        ]
        await confirm("Add this event and invite its guests", lines, same=[description or ""])
    event, created = await added(calendar, where.entry.id, body, MAIL[notify])
    event = await met(calendar, where.entry.id, event, pause)
    back = {"event_id": event.id, "calendar_id": where.entry.id, "scope": "all", "notify": notify}
    seen = view(event, where.entry, where.local)
    mail: Notified = "none" if not created or not attendees else notify
    result = Added(
        event=written(seen),
        created=created,
        mail_sent_to=mail,
        time_zone=str(where.local),
        time_zone_from="argument" if time_zone else "calendar",
        undo=Undo(tool="calendar_delete_event", arguments=back).at(account) if created else None,
    )
    zone = f"times in {where.local}"
    if not created:
        return answer(result, f"It was there already, so nothing was added: {line(seen)} ({zone}).")
    pending = f" {PENDING}" if event.pending else ""
    return answer(result, f"Added: {line(seen)} ({zone}). {mailed(mail)}{pending}")


def _invited(guests: list[str]) -> str:
    """All of them; how many comes first, for a long list is not shown to its end."""
    return f"{len(guests)}: {', '.join(guests)}"
