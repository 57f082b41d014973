"""A new event on its way to the API: its body, and the id that makes adding it twice add it once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mcp_server.errors import Refusal
from mcp_server.tools.google.when import When, next_day
from providers.base import Conflict
from providers.google import Calendar, Event, Moment, SendUpdates

_ADDRESS = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,190}")
_RULE = re.compile(r"(RRULE|RDATE|EXDATE|EXRULE)[:;][\x21-\x7e]+")
_TRIES = 8


def draft(
    summary: str,
    start: When,
    end: When,
    local: ZoneInfo,
    *,
    attendees: Sequence[str] | None,
    recurrence: Sequence[str] | None,
    location: str | None,
    description: str | None,
    meet: bool,
) -> dict[str, Any]:
    """The body of a new event, without its id. Raises Refusal for what is no address or no rule."""
    given: dict[str, Any] = {
        "summary": summary,
        "start": _edge(start, local),
        # The wire names the day after the last one.
        "end": _edge(end if isinstance(end, datetime) else next_day(end), local),
        "location": location or None,
        "description": description or None,
        "attendees": [{"email": _address(each)} for each in dict.fromkeys(attendees or ())] or None,
        "recurrence": [_rule(each) for each in recurrence or ()] or None,
    }
    body = {name: value for name, value in given.items() if value is not None}
    if meet:
        request = {
            "requestId": _digest(body, "meet")[:32],
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
        }
        body["conferenceData"] = {"createRequest": request}
    return body


async def added(
    calendar: Calendar, calendar_id: str, body: Mapping[str, Any], mail: SendUpdates
) -> tuple[Event, bool]:
    """Add the event once: the one that is there, and whether this call put it there.

    Its id is a digest of what it says, so the same event asked for again is a Conflict. Google keeps the id
    of an event that was deleted, and of one that was moved or renamed since; then the next id is taken.
    Raises Refusal where that happened again and again, and ProviderError.
    """
    for number in range(_TRIES):
        event_id = _digest(body, f"{calendar_id} {number}")
        try:
            return await calendar.insert(calendar_id, {"id": event_id, **body}, send_updates=mail), True
        except Conflict:
            found = await calendar.event(calendar_id, event_id)
        if found.status != "cancelled" and _same(found, body):
            return found, False
    raise Refusal(
        "conflict",
        "An event like this was added, and then changed or deleted, many times, so nothing was added. Change "
        "its title a little to add it once more.",
    )


def _same(event: Event, body: Mapping[str, Any]) -> bool:
    """Whether an event still is what its draft said: by title, beginning and end."""
    edges = ((event.start, body["start"]), (event.end, body["end"]))
    return event.summary == body["summary"] and all(_meets(moment, edge) for moment, edge in edges)


def _meets(moment: Moment, edge: Mapping[str, str]) -> bool:
    if "date" in edge or not moment.date_time:
        return moment.date == edge.get("date")
    try:
        return datetime.fromisoformat(moment.date_time) == datetime.fromisoformat(edge["dateTime"])
    except (ValueError, TypeError):
        return False


def _digest(body: Mapping[str, Any], salt: str) -> str:
    """An event id: base32hex, 0-9 and a-v only (events.insert, `id`)."""
    text = json.dumps([salt, body], sort_keys=True)
    return base64.b32hexencode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()


def _edge(when: When, local: ZoneInfo) -> dict[str, str]:
    """A recurring event needs the zone's name as well as the offset, so every timed one has it."""
    if not isinstance(when, datetime):
        return {"date": when.isoformat()}
    return {"dateTime": when.isoformat(), "timeZone": str(local)}


def _address(text: str) -> str:
    address = text.strip()
    if not _ADDRESS.fullmatch(address):
        raise Refusal("invalid_argument", "`attendees` must be mail addresses such as ana@example.org.")
    return address


def _rule(text: str) -> str:
    rule = text.strip()
    if not _RULE.fullmatch(rule):
        raise Refusal(
            "invalid_argument",
            "`recurrence` must be lines such as RRULE:FREQ=WEEKLY;COUNT=10 or EXDATE;VALUE=DATE:20261224.",
        )
    return rule
