"""Changing an event that others change, too: only as it was read, and once more where that does no harm.

A patch replaces lists whole, so it goes out with the etag of what was read (If-Match): where somebody was
quicker, the event is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcp_server.errors import Refusal
from mcp_server.tools.ends import BREAKS
from mcp_server.tools.google.calendar.changes import holds
from providers.base import Conflict, Rejected, Unavailable
from providers.google import Calendar, Event, SendUpdates

_TRIES = 4
Plan = Callable[[Event], Mapping[str, Any]]
"""From an event as it is to what must be patched; nothing where it is as it is to be."""


async def changed(calendar: Calendar, calendar_id: str, event: Event, plan: Plan, mail: SendUpdates) -> Event:
    """The event as the plan wants it.

    What an answer that got lost did is seen by looking, and a patch with its etag may be sent again.
    Raises Refusal, ProviderError.
    """
    first, event_id = event, event.id
    lost: Unavailable | None = None
    for number in range(_TRIES):
        body = plan(event)
        if not body:
            return event
        if number:
            _undisturbed(first, event, body)
        try:
            return await calendar.patch(calendar_id, event_id, body, etag=event.etag, send_updates=mail)
        except Conflict:
            pass
        except Rejected as error:
            raise (_refused() if error.reason == "HTTP_400" else error) from None
        except Unavailable as error:
            if not error.ambiguous or number == _TRIES - 1:
                raise
            lost = error
        try:
            event = await calendar.event(calendar_id, event_id)
        except BREAKS:
            if lost is None:
                raise
            raise lost from None  # nobody could look, so it may have happened
        if event.status == "cancelled":
            raise Refusal("not_found", "That event was deleted meanwhile, so nothing was changed.")
    raise Conflict("google", "patch")


def _undisturbed(first: Event, now: Event, body: Mapping[str, Any]) -> None:
    """Raise Refusal where somebody changed the very same. Guests are added and removed, so never the same."""
    for name in body.keys() - {"attendees", "conferenceData"}:
        if getattr(first, name) != getattr(now, name) and not holds(now, name, body[name]):
            raise Refusal(
                "conflict",
                f"Somebody changed the event's {name} meanwhile, so nothing was changed. Read the event "
                "again before you repeat this.",
            )


def _refused() -> Refusal:
    return Refusal(
        "invalid_argument",
        "Google Calendar does not take this change, so nothing was changed. Check the times, the recurrence "
        "rule and the guests' addresses.",
    )
