"""calendar_delete_event."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.calendar.arguments import (
    MAIL,
    CalendarId,
    EventId,
    Notified,
    Notify,
    Scope,
    mailed,
)
from mcp_server.tools.google.calendar.backward import exact, fitting, times
from mcp_server.tools.google.calendar.target import Place, Target, accompanied, invited, place, target, when
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.google.when import known_zone
from mcp_server.tools.text import clip, listed
from mcp_server.tools.undo import Undo
from providers.base import Conflict, Rejected, Unavailable
from providers.google import CALENDAR_LIST, EVENTS, Calendar, Event, SendUpdates

_TRIES = 3
_MOST_GUESTS, _MOST_RULES = 50, 5


class Deleted(BaseModel):
    """`deleted` is false where it was gone before."""

    event_id: str
    title: str
    all_dates: bool = False
    deleted: bool
    mail_sent_to: str
    undo: Undo | None = None
    restore: str | None = None


@tool(
    service="calendar",
    title="Delete an event",
    access="write",
    needs=(CALENDAR_LIST, EVENTS),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def calendar_delete_event(
    calendar: CalendarClient,
    confirm: Confirm,
    event_id: EventId,
    scope: Scope = "this",
    notify: Notify = "none",
    calendar_id: CalendarId = "primary",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Deleted]:
    """Delete an event or one date of it. An invitation is declined by it."""
    where = await place(calendar, calendar_id, None)
    meant = await target(calendar, where, event_id, scope)
    event = meant.whole
    gone = event.status == "cancelled"
    if not gone:
        lines = [
            ("Event", meant.said()),
            ("When", when(event, where.local)),
            ("Calendar", where.entry.name),
            ("Guests", invited(event)),
            ("Mail", mailed(notify)),
        ]
        await confirm("Delete this event", lines, same=[event.etag])
        gone = not await _removed(calendar, where.entry.id, event, MAIL[notify])
    back, lacks = (None, []) if gone else _again(meant)
    said = None if gone else _restoring(meant, lacks)
    mail: Notified = "none" if gone or not accompanied(event) else notify
    result = Deleted(
        event_id=clip(event.id, 1024),
        title=clip(event.summary) or "(no title)",
        all_dates=meant.series,
        deleted=not gone,
        mail_sent_to=mail,
        undo=Undo(tool="calendar_create_event", arguments=back).at(account) if back else None,
        restore=said,
    )
    if gone:
        return answer(result, "It was deleted before, so nothing was changed.")
    return answer(result, f"Deleted {meant.said()}. {mailed(mail)} {said}")


async def _removed(calendar: Calendar, calendar_id: str, event: Event, mail: SendUpdates) -> bool:
    """Whether this call deleted it; false where somebody did before. Raises Refusal, ProviderError.

    It goes only as it was shown: where it changed meanwhile, nobody has agreed to that.
    """
    lost: Unavailable | None = None
    for number in range(_TRIES):
        try:
            await calendar.delete(calendar_id, event.id, etag=event.etag, send_updates=mail)
        except BREAKS as error:
            if isinstance(error, Rejected) and error.reason == "deleted":
                return lost is not None
            if isinstance(error, Unavailable) and error.ambiguous and number < _TRIES - 1:
                lost = error
                continue
            if lost is not None:  # the first one may have done it
                raise lost from None
            if isinstance(error, Conflict):
                raise _changed() from None
            raise
        return True
    return True


def _changed() -> Refusal:
    return Refusal(
        "conflict", "The event was changed meanwhile, so it was not deleted. Read it again, then repeat."
    )


def _restoring(meant: Target, lacks: list[str]) -> str:
    """What is true of bringing it back; Google keeps deleted events for 30 days (support.google.com/calendar,
    "Delete or restore an event").
    """
    if not meant.whole.hosted:
        return "It was an invitation: its organizer now sees that this person declined, and can invite again."
    said = ["For 30 days the person can restore it in Google Calendar, under Trash, with all answers."]
    if meant.whole.recurring_event_id:
        said.append("`undo` would add a single event beside the recurring one.")
    else:
        without = f" without its {listed(lacks)}" if lacks else ""
        anew = ", and invites its guests anew" if accompanied(meant.whole) else ""
        said.append(f"`undo` adds a new one{without}{anew}.")
    return " ".join(said)


def _unnamed(event: Event) -> list[str]:
    """What the event has that no argument of ours names."""
    has = {
        "visibility": event.visibility not in {"", "default"},
        "free time": event.transparency == "transparent",
        "rooms": any(guest.resource for guest in event.attendees),
        "files": bool(event.attachments),
    }
    return [name for name, there in has.items() if there]


def _again(meant: Target) -> tuple[dict[str, Any] | None, list[str]]:
    """The arguments that add an event like it, and what they lack; None where they can't say what it is."""
    event = meant.whole
    # A recurring event comes at an hour of its own zone: in another one a change of clocks would move it.
    where = Place(meant.place.entry, known_zone(event.start.time_zone) or meant.place.local)
    whole: dict[str, Any] = {"summary": event.summary, **times(event, where), "time_zone": str(where.local)}
    texts: dict[str, str | list[str]] = {
        "location": event.location,
        "description": event.description,
        "attendees": [guest.email for guest in event.attendees if not guest.own and not guest.resource],
        "recurrence": list(event.recurrence),
    }
    whole |= {name: value for name, value in texts.items() if value and exact(value)}
    lacks = [name for name, value in texts.items() if value and name not in whole]
    if len(whole.get("attendees", ())) > _MOST_GUESTS or event.attendees_omitted:
        lacks.append("attendees")
        whole.pop("attendees", None)
    if event.hangout_link:
        whole["add_meet"] = True
    lacks += _unnamed(event)
    whole, dropped = fitting(whole)
    lacks += dropped
    said = event.summary and exact(event.summary) and "start" in whole
    if not event.hosted or not said or "recurrence" in lacks or len(event.recurrence) > _MOST_RULES:
        return None, []
    return {**whole, "calendar_id": where.entry.id}, [name for name in lacks if name != "summary"]
