"""Google Meet: a call is asked for with the event, and made a moment later (ConferenceData.createRequest)."""

from __future__ import annotations

from mcp_server.ladder import Sleep
from mcp_server.tools.ends import BREAKS
from providers.google import Calendar, Event

PENDING = "Its Meet link is still being made; calendar_get_event shows it soon."
_GAPS = (0.3, 0.7, 1.5)


def asking(request_id: str) -> dict[str, object]:
    """What asks for a call; the same id again asks for none."""
    return {
        "createRequest": {"requestId": request_id, "conferenceSolutionKey": {"type": "hangoutsMeet"}},
    }


async def met(calendar: Calendar, calendar_id: str, event: Event, pause: Sleep) -> Event:
    """The event with its call, or as it is where that takes long: it is written already, so nothing fails."""
    for gap in _GAPS:
        if not event.pending:
            break
        await pause(gap)
        try:
            event = await calendar.event(calendar_id, event.id)
        except BREAKS:
            break
    return event
