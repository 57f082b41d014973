"""calendar_respond_to_event."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel, Confirm
from mcp_server.toolbox import tool
from mcp_server.tools.google.calendar.arguments import MAIL, EventId, Notified, Notify, mailed
from mcp_server.tools.google.calendar.backward import exact
from mcp_server.tools.google.calendar.changes import kept_guest
from mcp_server.tools.google.calendar.editing import changed
from mcp_server.tools.google.calendar.events import span
from mcp_server.tools.google.calendar.target import Target, place, when
from mcp_server.tools.google.client import CalendarClient
from mcp_server.tools.text import clip
from mcp_server.tools.undo import Undo
from providers.google import CALENDAR_LIST, EVENTS, Attendee, Event

_WORDS = {"accepted": "accepted", "declined": "declined", "tentative": "maybe"}
_NOTE = 500
Answered = Literal["accepted", "declined", "tentative"]


class Responded(BaseModel):
    """The answer now and before."""

    event_id: str
    title: str
    start: str
    time_zone: str
    response: str
    before: str
    changed: bool
    mail_sent_to: str
    undo: Undo | None = None


@tool(
    service="calendar",
    title="Answer an invitation",
    access="write",
    needs=(CALENDAR_LIST, EVENTS),
    read_only=False,
    destructive=True,
    idempotent=True,
    asks=True,
)
async def calendar_respond_to_event(
    calendar: CalendarClient,
    confirm: Confirm,
    event_id: EventId,
    response: Annotated[Answered, Field(description="The answer.")],
    comment: Annotated[str | None, Field(max_length=_NOTE, description="A note.")] = None,
    notify: Notify = "none",
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Responded]:
    """Answer an invitation: one date by its id, all dates by `recurring_event_id`."""
    where = await place(calendar, "primary", None)
    event = await calendar.event(where.entry.id, event_id)
    mine = _mine(event)
    before = mine.response_status or "needsAction"

    def plan(now: Event) -> dict[str, Any]:
        return _body(now, response, comment)

    if plan(event):
        lines = [
            ("Event", Target(where, event, event).said()),
            ("When", when(event, where.local)),
            ("Answer", response),
            ("Note", comment or "none"),
            ("Mail", mailed(notify)),
        ]
        await confirm("Answer this invitation", lines, same=[event.id])
    different = bool(plan(event))
    await changed(calendar, where.entry.id, event, plan, MAIL[notify])
    back = {"event_id": event.id, "response": before}
    if comment not in {None, mine.comment} and len(mine.comment) <= _NOTE and exact(mine.comment):
        back["comment"] = mine.comment
    undone = different and before != "needsAction" and (before != response or "comment" in back)
    mail: Notified = notify if different else "none"
    result = Responded(
        event_id=clip(event.id, 1024),
        title=clip(event.summary) or "(no title)",
        start=span(event, where.local)[0].isoformat(),
        time_zone=str(where.local),
        response=response,
        before=clip(before, 20),
        changed=different,
        mail_sent_to=mail,
        undo=Undo(tool="calendar_respond_to_event", arguments=back).at(account) if undone else None,
    )
    said, word = Target(where, event, event).said(), _WORDS[response]
    if not different:
        return answer(result, f"The answer to {said} was “{word}” already.")
    return answer(result, f"Answered {said}: {word}. {mailed(mail)}")


def _mine(event: Event) -> Attendee:
    """The person's own place among the guests. Raises Refusal where they have none."""
    if event.status == "cancelled":
        raise Refusal("not_found", "That event was deleted, so there is nothing to answer.")
    mine = next((guest for guest in event.attendees if guest.own), None)
    if mine is None:
        raise Refusal(
            "conflict",
            "This account is not invited to that event, so it has no answer to give. If the invitation went "
            "to another connected account, name that with `account`.",
        )
    return mine


def _body(event: Event, response: Answered, comment: str | None) -> dict[str, Any]:
    """The patch that changes the person's own answer and nobody else's; empty where it is so."""
    mine = _mine(event)
    if mine.response_status == response and (comment is None or comment == mine.comment):
        return {}
    own = {**kept_guest(mine), "responseStatus": response}
    if comment is not None:
        own["comment"] = comment
    if event.attendees_omitted:  # then it may speak of one alone (Event.attendeesOmitted)
        return {"attendees": [own], "attendeesOmitted": True}
    return {"attendees": [own if guest is mine else kept_guest(guest) for guest in event.attendees]}
