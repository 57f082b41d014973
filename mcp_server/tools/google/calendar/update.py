"""calendar_update_event."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm, Pause
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import (
    MAIL,
    CalendarId,
    EventId,
    Notified,
    Notify,
    Scope,
    mailed,
)
from mcp_server.tools.google.calendar.backward import reversal
from mcp_server.tools.google.calendar.changes import Changes, Wanted, patch, wanted
from mcp_server.tools.google.calendar.editing import changed
from mcp_server.tools.google.calendar.events import Written, line, view, written
from mcp_server.tools.google.calendar.meet import PENDING, met
from mcp_server.tools.google.calendar.target import Target, accompanied, invited, others, place, target
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.text import listed, quoted
from mcp_server.tools.undo import Undo
from providers.google import CALENDAR_LIST, EVENTS, Event


class Updated(BaseModel):
    """What became different."""

    event: Written
    changed: list[str]
    mail_sent_to: str
    time_zone: str
    undo: Undo | None = None
    not_undone: str | None = None


@tool(
    service="calendar",
    title="Change an event",
    access="write",
    needs=(CALENDAR_LIST, EVENTS),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def calendar_update_event(
    calendar: CalendarClient,
    confirm: Confirm,
    pause: Pause,
    event_id: EventId,
    changes: Annotated[Changes, Field(description="Only what is to differ.")],
    scope: Scope = "this",
    notify: Notify = "none",
    calendar_id: CalendarId = "primary",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Updated]:
    """Change an event. Guests not named stay with their answers; `scope` all moves every date alike."""
    where = await place(calendar, calendar_id, None)
    meant = await target(calendar, where, event_id, scope)
    _changeable(meant)
    want = wanted(meant, changes)
    before, planned = meant.whole, patch(meant.whole, want)
    if planned and (accompanied(before) or want.add):
        await confirm("Change this event", _preview(meant, want, notify), same=[before.etag])

    def plan(event: Event) -> dict[str, Any]:
        if confirm.on and _beside(event, want) != _beside(before, want):
            raise Refusal(
                "conflict",
                "Its guests were changed meanwhile, so nothing was changed. Repeat this, to ask about those.",
            )
        return patch(event, want)

    after = await changed(calendar, where.entry.id, before, plan, MAIL[notify])
    after = await met(calendar, where.entry.id, after, pause)
    back, lost = reversal(before, planned, where, scope) if planned else (None, None)
    seen = view(after, where.entry, where.local)
    mail: Notified = notify if planned and (accompanied(before) or want.add) else "none"
    result = Updated(
        event=written(seen),
        changed=sorted(_named(planned)),
        mail_sent_to=mail,
        time_zone=str(where.local),
        undo=back.at(account) if back else None,
        not_undone=lost,
    )
    zone = f"times in {where.local}"
    if not planned:
        return answer(result, f"It is so already, so nothing was changed: {line(seen)} ({zone}).")
    said = [f"Changed {listed(result.changed)}: {line(seen)} ({zone})."]
    if meant.series and {"start", "end"} & planned.keys():
        said.append("All dates moved; look at those that had been changed one by one.")
    if accompanied(before) or want.add:
        said.append(mailed(mail))
    if after.pending:
        said.append(PENDING)
    return answer(result, " ".join(said))


def _changeable(meant: Target) -> None:
    """Raise Refusal where a change would not be what was asked for."""
    event = meant.whole
    if event.status == "cancelled":
        raise Refusal("not_found", "That event was deleted. calendar_create_event adds it again.")
    if not event.hosted and not event.guests_can_modify:
        host = event.organizer
        whose = quoted(host.display_name or host.email, 80) if host else "its organizer"
        raise Refusal(
            "conflict",
            f"Only {whose}, who organizes that event, can change it for everybody. Ask them, or answer with "
            "calendar_respond_to_event.",
        )


def _preview(meant: Target, want: Wanted, notify: Notified) -> list[tuple[str, str]]:
    """What is about to happen, in names."""
    lines = [("Event", meant.said()), ("Calendar", meant.place.entry.name)]
    for name, value in want.fields.items():
        said = value.get("dateTime") or value.get("date") if isinstance(value, dict) else value
        shown = ", ".join(said) if isinstance(said, list) else str(said or "none")
        lines.append((f"New {name}", shown))
    if want.meet:
        lines.append(("Google Meet", "a link for it, where it has none"))
    if want.add:
        lines.append(("Invite", f"{len(want.add)}: {', '.join(want.add.values())}"))
    if want.remove:
        lines.append(("Take off", ", ".join(sorted(want.remove))))
    if accompanied(meant.whole):
        lines.append(("Guests", invited(meant.whole)))
    return [*lines, ("Mail", mailed(notify))]


def _beside(event: Event, want: Wanted) -> set[str]:
    """Its guests but for those whom the change is about."""
    return {each.casefold() for each in others(event)} - want.add.keys() - want.remove


def _named(planned: dict[str, Any]) -> set[str]:
    """What a patch changes, in the words of the arguments."""
    words = {"conferenceData": "add_meet"}
    return {words.get(name, name) for name in planned}
